"""What to look at first of many: the near and the cheap places of a class, cheap verifiers."""

from __future__ import annotations

import numpy as np

from models.classes import Classes, Place
from models.data import OfferKey
from models.network import Network
from models.service import replicas_per_node
from models.stands import WARM, BoolArray
from planner.solver.arrays import FloatArray, IntArray


def is_warm(classes: Classes) -> BoolArray:
    """Return, per flow, whether it is served by a model that is loaded all the time."""
    warm = np.array([classes.jobs[p.job].state == WARM for p in classes.places], dtype=bool)
    found: BoolArray = warm[classes.place]
    return found


def nearest_first(classes: Classes) -> IntArray:
    """Return the rank of every flow within its class by latency, warm ones first."""
    return _rank(classes, classes.latency_ms)


def cheapest_first(network: Network, classes: Classes) -> IntArray:
    """Return the rank of every flow within its class by the cost of its nodes, warm ones first."""
    found = [_node_cost(network, classes, place) for place in classes.places]
    costs: FloatArray = np.array(found, dtype=float)
    return _rank(classes, costs[classes.place])


def _rank(classes: Classes, measure: FloatArray) -> IntArray:
    order = np.lexsort((measure, ~is_warm(classes), classes.of))
    rank = np.empty(len(classes), dtype=np.int64)
    rank[order] = np.arange(len(classes)) - np.searchsorted(classes.of, classes.of[order])
    return rank


def _node_cost(network: Network, classes: Classes, place: Place) -> float:
    """Return what the nodes for a request/s cost at a place, at the best of its offers."""
    model = network.models.get(classes.jobs[place.job].model)
    found = []
    for position in place.offers:
        offer = classes.offers[position]
        node_type = network.node_types[offer.node_type]
        each = 1
        if model is not None and not model.proxied:
            each = replicas_per_node(model, node_type) or 1
        found.append(network.offers[offer].node_cost / each / node_type.speed)
    return min(found, default=np.inf)


def check_cost(network: Network, offer: OfferKey) -> float:
    """Return what the nodes for a verification/s cost at an offer; infinite if it does none."""
    each = network.node_types[offer.node_type].verifications_per_s
    return network.offers[offer].node_cost / each if each else np.inf
