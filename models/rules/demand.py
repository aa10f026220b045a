"""Every demand row is served or counted as unserved, and only in ways that are allowed.

Σ_{f of c} flow[f] + unserved[c] = 1
Σ_{f at p} rate[c] · flow[f] = Σ_{o at p} load[o,j]     a flow exists only to places p of its class

for all demand classes c and places p of jobs j   Source: design §4 (demand classes, places, loads)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.expressions import Term, row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.service import Service, service


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per demand class and one per place."""
    classes = model.classes
    of_class: list[list[Term]] = [[(1.0, model.unserved[c])] for c in range(len(classes.classes))]
    at_place: list[list[Term]] = [
        [(-1.0, model.load[(*classes.offers[offer], place.job)]) for offer in place.offers]
        for place in classes.places
    ]
    weights = [group.weight for group in classes.classes]
    held = list(model.flow)
    ends = zip(classes.of[held].tolist(), classes.place[held].tolist(), strict=True)
    for flow, (number, place) in zip(model.flow.values(), ends, strict=True):
        of_class[number].append((1.0, flow))
        at_place[place].append((weights[number], flow))
    block.all, block.answered = rows(), rows()
    for number, terms in enumerate(of_class):
        row(block.all, number, terms, lower=1.0, upper=1.0)
    for number, terms in enumerate(at_place):
        row(block.answered, number, terms, lower=0.0, upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand rows served more than once and flows that no option allows."""
    rows_by_key = {demand.key: demand for demand in network.demand}
    served: dict[object, float] = defaultdict(float)
    for flow in plan.routing:
        demand = rows_by_key.get(flow.demand)
        if demand is None:
            yield Violation("demand", str(flow.demand), "there is no such row in Demand")
            continue
        served[flow.demand] += flow.share
        if exceeds(0.0, flow.share):
            yield Violation("demand", str(flow.demand), f"a share of {flow.share:g} is negative")
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if not isinstance(found, Service):
            yield Violation("demand", f"{flow.demand} at {flow.offer}", *found)
    for key, demand in rows_by_key.items():
        if exceeds(served[key], 1.0):
            message = f"{served[key]:.4%} of it is served, more than all"
            yield Violation("demand", str(key), message, demand, "requests_per_s")


def explain(network: Network, plan: Deployment) -> str:
    """Return how much of the demand is served."""
    rate = {d.key: network.mean_rate(d) for d in network.demand}
    served = sum(rate[flow.demand] * flow.share for flow in plan.routing)
    total = sum(rate.values())
    return f"{served:,.1f} of {total:,.1f} requests/s are served ({served / (total or 1):.2%})."
