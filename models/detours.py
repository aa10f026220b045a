"""Where a plan passes by a nearer site because the model would be cold there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from models.data import Demand, OfferKey
from models.network import Network
from models.plan import HUB, Deployment, Flow
from models.service import Service, route_labels, service


@dataclass(frozen=True)
class Detour:
    """A flow served warm from afar; `nearer` would answer `saved_ms` sooner but is cold.

    `load_s` is what a cold load takes at `nearer`, from the outside hub.
    """

    flow: Flow
    nearer: OfferKey
    saved_ms: float
    load_s: float


def detours(network: Network, plan: Deployment) -> list[Detour]:
    """Return the flows that pass by a cold nearer offer, in the order of the routing."""
    demand_of = {demand.key: demand for demand in network.demand}
    found = []
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        if demand is None or flow.state != "warm":
            continue
        served = service(network, demand, flow.offer, flow.route, "warm")
        if not isinstance(served, Service) or served.round_trip_ms is None:
            continue
        nearest = min(_cold_and_nearer(network, plan, demand, served), default=None)
        if nearest is not None:
            round_trip, offer, load_s = nearest
            found.append(Detour(flow, offer, served.round_trip_ms - round_trip, load_s))
    return found


def _cold_and_nearer(
    network: Network, plan: Deployment, demand: Demand, served: Service
) -> Iterator[tuple[float, OfferKey, float]]:
    """Yield round trip, offer and load time where the model fits and nothing is warm."""
    assert served.round_trip_ms is not None
    patient = replace(demand, max_latency_ms=None)
    warm_sites = {
        key.site for key, count in plan.warm.items() if count and key.model == demand.model
    }
    for offer in network.offers_of("execution"):
        if offer.site in warm_sites:
            continue
        for route in route_labels(network, demand.region, offer.site):
            way = service(network, patient, offer, route, "cold", HUB)
            if not isinstance(way, Service) or way.round_trip_ms is None:
                continue
            if way.round_trip_ms < served.round_trip_ms:
                yield way.round_trip_ms, offer, way.load_s
