"""Rows that say early that who is served by nodes needs a whole one.

    flow[f] ≤ Σ_{o at the place of f} nodes[o]

for every flow f that nodes answer themselves, without a model of their own: where there is no whole
node nobody is served, and a share is at most 1. Throughput alone lets a small class do with a small
part of a node. There are as many rows as flows, so only broken ones are added. For replicas of
models, where classes ask for more than one, they moved no bound that was measured.
(Variable upper bounds of the strong formulation; Cornuéjols, Sridharan and Thizy, 1991.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.classes import Classes
from models.expressions import Cut, Point
from models.network import Network
from models.stands import BoolArray

BROKEN = 1e-3
"""How far a share must be above what is there for a row to be worth its while."""
MOST = 5_000
"""Rows at a time, those that are broken most."""


def by_nodes(network: Network, classes: Classes) -> BoolArray:
    """Return which flows are answered by nodes and not by replicas of a model."""
    models = [network.models.get(classes.jobs[place.job].model) for place in classes.places]
    alone = np.array([model is None or model.proxied for model in models], dtype=bool)
    found: BoolArray = alone[classes.place]
    return found


def separate(block: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows that the point breaks, those that are broken most first."""
    classes: Classes = block.classes
    wanted = by_nodes(network, classes)
    flows = [flow for flow in block.flow if wanted[flow]]
    places = classes.place[flows]
    there = np.zeros(len(classes.places))
    for place in np.unique(places).tolist():
        there[place] = sum(point(variable) for variable in _nodes(block, place))
    missing = np.array([point(block.flow[flow]) for flow in flows]) - there[places]
    for number in np.argsort(-missing, kind="stable")[:MOST].tolist():
        if missing[number] <= BROKEN:
            return
        nodes = [(-1.0, variable) for variable in _nodes(block, int(places[number]))]
        yield Cut(((1.0, block.flow[flows[number]]), *nodes), upper=0.0)


def _nodes(block: Any, place: int) -> list[Any]:
    classes: Classes = block.classes
    return [block.nodes[classes.offers[offer]] for offer in classes.places[place].offers]
