"""What is loaded on demand from a copy near by is served only where such a copy lies.

load[o,j] ≤ most[o,j] · Σ_{o' near o} copy[o',m]

for all execution offers o and jobs j of a model m that is served cold from a copy, with most[o,j]
what all of their demand asks for         Source: design §4 (storage; service state)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import DemandKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.stands import STORED


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the row of every offer and job that copies serve."""
    block.near = rows()
    classes = model.classes
    near = classes.ways.stands.stores_near
    most: dict[tuple[int, int], float] = defaultdict(float)
    for place, weight in zip(classes.places, classes.weight_of_place.tolist(), strict=True):
        if classes.jobs[place.job].state == STORED:
            for offer in place.offers:
                most[offer, place.job] += weight
    for (position, job), weight in most.items():
        offer, name = classes.offers[position], classes.jobs[job].model
        load = (1.0, model.load[*offer, job])
        copies = [(-weight, model.copy[*store, name]) for store in near[offer.site]]
        row(block.near, (*offer, job), [load, *copies], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand that is served cold from copies that are not there."""
    fetched: dict[tuple[DemandKey, str], float] = defaultdict(float)
    for flow in plan.routing:
        if flow.state == "cold":
            fetched[flow.demand, flow.fetch_from] += flow.share
    held = {(f"{copy.site}/{copy.node_type}", copy.model) for copy in plan.copies}
    stores = {str(offer) for offer in network.offers_of("storage")}
    for (key, source), share in fetched.items():
        copies = 1 if (source, key.model) in held else 0
        if source in stores and exceeds(share, copies):
            message = f"{share:.2%} is loaded from {source}, which holds {copies} copies"
            yield Violation("sources", str(key), message)


def explain(network: Network, plan: Deployment) -> str:
    """Return how much is served from copies that are loaded on demand."""
    rate = {d.key: network.mean_rate(d) for d in network.demand}
    stores = {str(offer) for offer in network.offers_of("storage")}
    loaded = [flow for flow in plan.routing if flow.state == "cold" and flow.fetch_from in stores]
    served = sum(rate[flow.demand] * flow.share for flow in loaded)
    used = {flow.fetch_from for flow in loaded}
    return f"{served:,.2f} requests/s are served cold from copies at {len(used)} storage offers."
