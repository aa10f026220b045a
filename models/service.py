"""What service a way of serving really gives, one case at a time, in plain Python over the tables.

Audits, reports and baselines ask here. The model builds its options on its own in `models.options`,
so that a mistake in one is seen by the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from models.data import Demand, Item, Model, NodeType, OfferKey
from models.network import Link, Network
from models.plan import HUB, Refusal, VerificationFlow, exceeds

EARTH_RADIUS_KM = 6371.0
ESTIMATE = "estimate"
"""The route label of a round trip computed from coordinates."""
UNKNOWN_ROUTE = "unknown"
"""The route label of a pair without route and without coordinates."""
MOST_REPLICAS = 2**20
"""On one node, however small the model."""


@dataclass(frozen=True)
class Service:
    """How a demand row is served: times, price per request, and whether the time is an estimate.

    `latency_ms` and `round_trip_ms` are None where the round trip is unknown; `load_s` is 0 warm.
    """

    latency_ms: float | None
    round_trip_ms: float | None
    load_s: float
    service_s: float
    cost_per_million: float
    estimated: bool
    hangs_on: frozenset[Item]


def node_gb(node_type: NodeType) -> Fraction:
    """Return the GPU memory of a node in GB, as it is written: 80.1 is 801/10."""
    return _as_written(node_type.gpu_memory_gb or 0)


def replica_gb(model: Model, node_type: NodeType) -> Fraction | None:
    """Return the GPU memory in GB that one replica takes of a node; None if it cannot fit.

    What needs (next to) none takes the millionth part: a node does not hold any number.
    """
    return _taken_gb(model.gpu_memory_gb or 0, node_type.gpu_memory_gb or 0)


# Asked for every demand row and offer, of few different numbers.


@lru_cache(maxsize=1024)
def _as_written(number: float) -> Fraction:
    return Fraction(str(number))


@lru_cache(maxsize=4096)
def _taken_gb(need_gb: float, room_gb: float) -> Fraction | None:
    need, room = _as_written(need_gb), _as_written(room_gb)
    if need > room or not room:
        return None
    return max(need, room / MOST_REPLICAS)


def replicas_per_node(model: Model, node_type: NodeType) -> int:
    """Return how many replicas of a model fit on a node that holds no other; 0 if none."""
    return _most_replicas(model.gpu_memory_gb or 0, node_type.gpu_memory_gb or 0)


@lru_cache(maxsize=4096)
def _most_replicas(need_gb: float, room_gb: float) -> int:
    taken = _taken_gb(need_gb, room_gb)
    return 0 if taken is None else math.floor(_as_written(room_gb) / taken)


def distance_km(
    latitude: float, longitude: float, to_latitude: float, to_longitude: float
) -> float:
    """Return the great-circle distance in km between two points in degrees (haversine)."""
    phi, to_phi = math.radians(latitude), math.radians(to_latitude)
    half_phi = (to_phi - phi) / 2
    half_lambda = math.radians(to_longitude - longitude) / 2
    chord = math.sin(half_phi) ** 2 + math.cos(phi) * math.cos(to_phi) * math.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def estimated_ms(network: Network, origin: Item, target: Item) -> float | None:
    """Return the round trip in ms computed from coordinates; None if either end has none."""
    ends = []
    for item in (origin, target):
        place = (network.regions if item.kind == "region" else network.sites).get(item.name)
        if place is None or place.latitude is None or place.longitude is None:
            return None
        ends.append((place.latitude, place.longitude))
    settings = network.settings
    path_km = distance_km(*ends[0], *ends[1]) * settings.route_stretch
    return settings.access_ms + 2 * path_km / settings.fibre_km_per_ms


def site_round_trip_ms(network: Network, site: str, other: str) -> float | None:
    """Return the shortest round trip in ms between two sites: 0 at one site, None if unknown."""
    if site == other:
        return 0.0
    origin, target = Item("site", site), Item("site", other)
    links = network.links_between(origin, target)
    if links:
        return min(link.latency_ms for link in links)
    return estimated_ms(network, origin, target)


def is_near(network: Network, site: str, storage_site: str) -> bool:
    """Return whether cold loads at the site can be served from storage at the other."""
    round_trip = site_round_trip_ms(network, site, storage_site)
    return round_trip is not None and round_trip <= network.settings.near_ms


def verifications_per_s(network: Network, flow: VerificationFlow) -> float:
    """Return what the flow asks of the verifier: requests/s times the work of each."""
    return flow.rate * network.policies[flow.policy].work


def route_labels(network: Network, region: str, site: str) -> tuple[str, ...]:
    """Return the labels of every route from a region to a site."""
    links = network.links_between(Item("region", region), Item("site", site))
    if links:
        return tuple(link.label for link in links)
    if estimated_ms(network, Item("region", region), Item("site", site)) is None:
        return (UNKNOWN_ROUTE,)
    return (ESTIMATE,)


def service(
    network: Network, demand: Demand, offer: OfferKey, route: str, state: str, fetch_from: str = ""
) -> Service | Refusal:
    """Return the service of one way to serve a demand row, or the reason it is not allowed."""
    if offer not in network.offers:
        return Refusal(f"{offer} offers no execution")
    site, node_type = network.sites[offer.site], network.node_types[offer.node_type]
    if node_type.role != "execution":
        return Refusal(f"{offer} offers no execution", node_type, "role")
    if route not in route_labels(network, demand.region, offer.site):
        return Refusal(f"there is no route {route!r} from {demand.region} to {offer.site}")
    limit = site.outside(demand.countries, demand.blocs)
    if limit:
        return Refusal(f"{offer.site} is outside {demand.residency}", demand, limit)
    policy = network.policies.get(demand.verification)
    if policy is not None and not node_type.has_tee(policy.tee):
        reason = f"{offer.node_type} lacks the TEE that {policy.policy} asks for"
        return Refusal(reason, policy, "tee")
    overhead = policy.overhead if policy is not None else 0.0
    model = network.models.get(demand.model)
    load_s = _load_s(network, offer, model, state, fetch_from)
    if isinstance(load_s, Refusal):
        return load_s
    link = _link(network, demand.region, offer.site, route)
    round_trip = (
        link.latency_ms
        if link is not None
        else estimated_ms(network, Item("region", demand.region), Item("site", offer.site))
    )
    cost = link.cost_per_million if link is not None else 0.0
    hangs_on = _hangs_on(network, demand, offer)
    if link is not None:
        hangs_on |= network.graph.hangs_on(link.item)
    service_ms = 0.0
    upstreams = upstream_links(network, offer.site, model) if model is not None else ()
    if any(found is not None and found.latency_ms == math.inf for found in (link, *upstreams)):
        return Refusal(f"no route from {demand.region} by {offer.site} is left")
    if model is not None:
        cost += model.cost_per_million
        service_ms = model.service_ms * (1 + overhead)
        for upstream in upstreams:
            if upstream is None or round_trip is None:
                round_trip = None
                continue
            round_trip += upstream.latency_ms
            cost += upstream.cost_per_million
            hangs_on |= network.graph.hangs_on(upstream.item)
    latency = None if round_trip is None else round_trip + service_ms + 1000 * load_s
    if demand.max_latency_ms is not None:
        if latency is None:
            reason = f"the round trip from {demand.region} to {offer.site} is unknown"
            return Refusal(reason, demand, "max_latency_ms")
        if exceeds(latency, demand.max_latency_ms):
            reason = f"{latency:,.0f} ms is above the limit of {demand.max_latency_ms:,.0f} ms"
            return Refusal(reason, demand, "max_latency_ms")
    return Service(
        latency_ms=latency,
        round_trip_ms=round_trip,
        load_s=load_s,
        service_s=service_ms / 1000,
        cost_per_million=cost,
        estimated=route == ESTIMATE,
        hangs_on=hangs_on,
    )


def upstream_links(network: Network, site: str, model: Model) -> tuple[Link | None, ...]:
    """Return the fastest route to each upstream the model needs; None where there is no route."""
    found = []
    for any_of in model.upstream or ():
        links = [
            link
            for name in any_of
            for link in network.links_between(Item("site", site), Item("upstream", name))
        ]
        found.append(min(links, key=lambda link: (link.latency_ms, link.label), default=None))
    return tuple(found)


def on_every_way(network: Network, demand: Demand) -> frozenset[Item] | None:
    """Return what every way to serve a row hangs on; None where there is no way.

    What can be served cold somewhere can be served warm there, and hangs on the same.
    """
    left: frozenset[Item] | None = None
    for offer in network.offers_of("execution"):
        if left is None or not left <= network.hangs_on(offer):
            for route in route_labels(network, demand.region, offer.site):
                found = service(network, demand, offer, route, "warm")
                if isinstance(found, Service):
                    left = found.hangs_on if left is None else left & found.hangs_on
    return left


def _load_s(
    network: Network, offer: OfferKey, model: Model | None, state: str, fetch_from: str
) -> float | Refusal:
    """Return the seconds until the model is on the node, or the reason it cannot run there."""
    node_type = network.node_types[offer.node_type]
    if state not in ("warm", "cold"):
        return Refusal(f"state {state!r} is neither warm nor cold")
    if model is not None and model.node_types and offer.node_type not in model.node_types:
        return Refusal(f"{model.model} does not run on {offer.node_type}", model, "node_types")
    if model is None or model.proxied:
        if state == "cold":
            return Refusal("nothing is loaded here, so nothing is cold", model, "upstream")
        offered = network.offers[offer]
        if not offered.requests_per_s:
            return Refusal(f"{offer} has no requests_per_s", offered, "requests_per_s")
        return 0.0
    if replica_gb(model, node_type) is None:
        return Refusal(f"{model.model} does not fit on {offer.node_type}", model, "gpu_memory_gb")
    if state == "warm":
        return 0.0
    if not node_type.load_gb_per_s or not model.weights_gb:
        reason = f"{model.model} cannot be loaded cold on {offer.node_type}"
        if not model.weights_gb:
            return Refusal(reason, model, "weights_gb")
        return Refusal(reason, node_type, "load_gb_per_s")
    load_s = model.weights_gb / node_type.load_gb_per_s + model.init_s
    if fetch_from == HUB:
        return load_s + model.weights_gb / network.settings.fetch_gb_per_s
    reason = f"{fetch_from!r} is no storage near {offer.site}"
    for storage in network.offers_of("storage"):
        if str(storage) == fetch_from:
            if is_near(network, offer.site, storage.site):
                return load_s
            return Refusal(reason, network.settings, "near_ms")
    return Refusal(reason)


def _link(network: Network, region: str, site: str, label: str) -> Link | None:
    for link in network.links_between(Item("region", region), Item("site", site)):
        if link.label == label:
            return link
    return None


def _hangs_on(network: Network, demand: Demand, offer: OfferKey) -> frozenset[Item]:
    graph = network.graph
    return (
        network.hangs_on(offer)
        | graph.hangs_on(Item("region", demand.region))
        | graph.hangs_on(Item("model", demand.model))
        | graph.hangs_on(Item("policy", demand.verification))
    )
