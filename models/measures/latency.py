"""The mean time to an answer over all requests; what is unserved counts at its limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.classes import Classes
from models.costs import unserved_share
from models.data import DemandKey
from models.expressions import Expression, Term
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment
from models.service import Service, route_labels, service

UNIT = "ms"


def declare(block: Any, network: Network) -> None:
    """Add nothing: the measure is made of what is there."""


def express(block: Any, network: Network) -> Expression:
    """Return the mean over classes, each by its share of all requests."""
    classes = block.classes
    weights = _shares(network, classes).tolist()
    worst = [group.worst_ms for group in classes.classes]
    terms: list[Term] = [
        (weight * ms, block.unserved[number])
        for number, (weight, ms) in enumerate(zip(weights, worst, strict=True))
    ]
    held = list(block.flow)
    amounts = of_flows(network, classes)[held].tolist()
    terms.extend(zip(amounts, block.flow.values(), strict=True))
    return Expression(terms)


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return what every flow adds to the mean, in ms."""
    worst = np.array([group.worst_ms for group in classes.classes], dtype=float)[classes.of]
    latency = np.where(np.isnan(classes.latency_ms), worst, classes.latency_ms)
    return _shares(network, classes)[classes.of] * latency


def value(network: Network, plan: Deployment) -> float:
    """Return the mean over the routing and over what is unserved."""
    weight = {d.key: network.mean_rate(d) for d in network.demand}
    total = sum(weight.values()) or 1.0
    limits = {d.key: _slowest_ms(network, d.key) for d in network.demand}
    demand_of = {d.key: d for d in network.demand}
    sum_ms = 0.0
    for flow in plan.routing:
        demand = demand_of[flow.demand]
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        latency = found.latency_ms if isinstance(found, Service) else None
        latency = limits[flow.demand] if latency is None else latency
        sum_ms += weight[flow.demand] * flow.share * latency
    for key, share in unserved_share(network, plan).items():
        sum_ms += weight[key] * share * limits[key]
    return sum_ms / total


def _shares(network: Network, classes: Classes) -> FloatArray:
    """Return what share of all requests of the month every class asks for."""
    weights = [group.rate * network.month_share[group.period] for group in classes.classes]
    return np.array(weights, dtype=float) / (sum(weights) or 1.0)


def _slowest_ms(network: Network, key: DemandKey) -> float:
    """Return the limit of a demand row in ms; without one, its slowest way by the fastest route."""
    demand = next(d for d in network.demand if d.key == key)
    if demand.max_latency_ms is not None:
        return demand.max_latency_ms
    stores = [str(offer) for offer in network.offers_of("storage")]
    slowest = 0.0
    for offer in network.offers_of("execution"):
        ways = [("warm", ""), ("cold", "hub"), *(("cold", store) for store in stores)]
        for state, source in ways:
            times = [
                found.latency_ms
                for route in route_labels(network, demand.region, offer.site)
                for found in (service(network, demand, offer, route, state, source),)
                if isinstance(found, Service) and found.latency_ms is not None
            ]
            slowest = max(slowest, min(times, default=0.0))
    return slowest
