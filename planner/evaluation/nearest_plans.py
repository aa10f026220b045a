"""What a simple tool would build, and what runs now: every demand row goes to its nearest offer."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from models.data import Demand, Item, OfferKey, Policy
from models.network import Network
from models.packing import packing
from models.plan import Deployment, Flow, Panel, Replica, Seat, VerificationFlow
from models.service import (
    estimated_ms,
    node_gb,
    replica_gb,
    site_round_trip_ms,
    verifications_per_s,
)
from models.stands import WARM
from models.ways import Way, Ways

ROUNDING = 1e-9
UNREACHABLE_MS = float("inf")


def nearest(network: Network) -> Deployment:
    """Return the plan that sends every demand row to its nearest site, sized to fit."""
    ways, usable = Ways(network), frozenset(_usable(network, "execution"))
    found = ((demand, _by_latency(ways, usable, demand)) for demand in network.demand)
    routing = tuple(near[0].flow(demand, 1.0) for demand, near in found if near)
    warm = _replicas(network, routing)
    nodes = execution_nodes(network, routing, warm)
    flows, panels = _nearest_verifiers(network, routing, _usable(network, "verification"))
    _at_least(nodes, _verifying_nodes(network, flows))
    copies = _nearest_copies(network, routing)
    _at_least(nodes, _storing_nodes(network, copies))
    seats = _nearest_seats(network)
    for seat, count in seats.items():
        offer = OfferKey(seat.site, seat.node_type)
        nodes[offer] = nodes.get(offer, 0) + count
    return _built(
        network,
        Deployment(
            nodes=nodes,
            warm=warm,
            routing=routing,
            verification=flows,
            panels=panels,
            copies=copies,
            seats=seats,
        ),
    )


def _by_latency(ways: Ways, usable: frozenset[OfferKey], demand: Demand) -> list[Way]:
    """Return the warm ways of a demand row to usable offers, nearest first."""
    warm = [way for way in ways.of(demand, (WARM,)) if way.offer in usable]
    return sorted(warm, key=lambda w: UNREACHABLE_MS if np.isnan(w.latency_ms) else w.latency_ms)


def _usable(network: Network, role: str) -> tuple[OfferKey, ...]:
    """Return the offers of a role that nothing forbids."""
    return tuple(
        offer
        for offer in network.offers_of(role)
        if network.offers[offer].max_nodes
        and network.sites[offer.site].status != "forbidden"
        and network.providers[network.sites[offer.site].provider].status != "forbidden"
    )


def load_of(network: Network, demand: Demand) -> float:
    """Return the requests/s of a row as they weigh on what answers them, verification included."""
    policy = network.policies.get(demand.verification)
    return demand.requests_per_s * (1 + (policy.overhead if policy is not None else 0.0))


def uses_replicas(network: Network, demand: Demand) -> bool:
    """Return whether replicas of a model answer the row, and not nodes themselves."""
    model = network.models.get(demand.model)
    return model is not None and not model.proxied


def rate_of_each(network: Network, offer: OfferKey, demand: Demand) -> float:
    """Return the planned requests/s of one replica, or of one node where nothing is loaded."""
    if uses_replicas(network, demand):
        speed = network.node_types[offer.node_type].speed
        rate = (network.models[demand.model].requests_per_s or 0.0) * speed
    else:
        rate = network.offers[offer].requests_per_s or 0.0
    return network.settings.utilisation * rate


def pieces(load: float, each: float) -> int:
    """Return how many pieces carry the load; 1 where one piece has no known capacity."""
    return max(1, math.ceil(load / each - ROUNDING)) if each > 0 else 1


def _replicas(network: Network, routing: tuple[Flow, ...]) -> dict[Replica, int]:
    demand_of = {demand.key: demand for demand in network.demand}
    load: dict[tuple[Replica, str], float] = defaultdict(float)
    each: dict[Replica, float] = {}
    for flow in routing:
        demand = demand_of[flow.demand]
        if uses_replicas(network, demand):
            replica = Replica(*flow.offer, demand.model)
            load[replica, demand.period] += load_of(network, demand) * flow.share
            each[replica] = rate_of_each(network, flow.offer, demand)
    warm: dict[Replica, int] = defaultdict(int)
    for (replica, _), amount in sorted(load.items()):
        warm[replica] = max(warm[replica], pieces(amount, each[replica]))
    return dict(warm)


def execution_nodes(
    network: Network, routing: tuple[Flow, ...], warm: Mapping[Replica, int]
) -> dict[OfferKey, int]:
    """Return the nodes that hold the replicas, and that answer what no replica does."""
    demand_of = {demand.key: demand for demand in network.demand}
    held: dict[OfferKey, dict[Fraction, int]] = defaultdict(lambda: defaultdict(int))
    for replica, count in warm.items():
        size = replica_gb(network.models[replica.model], network.node_types[replica.node_type])
        if size is not None:
            held[OfferKey(replica.site, replica.node_type)][size] += count
    nodes = {}
    for offer, counts in held.items():
        room = node_gb(network.node_types[offer.node_type])
        nodes[offer] = packing(room, frozenset(counts)).nodes(counts)
    load: dict[tuple[OfferKey, str], float] = defaultdict(float)
    for flow in routing:
        demand = demand_of[flow.demand]
        if not uses_replicas(network, demand):
            load[flow.offer, demand.period] += load_of(network, demand) * flow.share
            each = rate_of_each(network, flow.offer, demand)
            needed = pieces(load[flow.offer, demand.period], each)
            nodes[flow.offer] = max(nodes.get(flow.offer, 0), needed)
    return nodes


def _at_least(nodes: dict[OfferKey, int], needed: Mapping[OfferKey, int]) -> None:
    for offer, count in needed.items():
        nodes[offer] = max(nodes.get(offer, 0), count)


def _nearest_verifiers(
    network: Network, routing: tuple[Flow, ...], offers: tuple[OfferKey, ...]
) -> tuple[tuple[VerificationFlow, ...], tuple[Panel, ...]]:
    """Return the nearest verifiers at different sites, whatever they share, as flows and panels."""
    demand_of = {demand.key: demand for demand in network.demand}
    rates: dict[tuple[str, str, str, OfferKey], float] = defaultdict(float)
    asked: dict[tuple[str, str, str, OfferKey], Demand] = {}
    for flow in routing:
        demand = demand_of[flow.demand]
        if demand.verification in network.policies:
            scope = (demand.verification, demand.residency, demand.period, flow.offer)
            rates[scope] += demand.requests_per_s * flow.share
            asked[scope] = demand
    flows: list[VerificationFlow] = []
    panels: list[Panel] = []
    for scope, rate in sorted(rates.items()):
        policy = network.policies[scope[0]]
        chosen = _verifiers_near(network, policy, asked[scope], scope[3].site, offers)
        if rate <= 0 or not chosen:
            continue
        flows.extend(VerificationFlow(*scope, verifier, rate) for verifier in chosen)
        if len(chosen) == policy.verifiers:
            panels.append(Panel(*scope, chosen, 1.0))
    return tuple(flows), tuple(panels)


def _verifiers_near(
    network: Network, policy: Policy, demand: Demand, site: str, offers: tuple[OfferKey, ...]
) -> tuple[OfferKey, ...]:
    chosen: dict[str, OfferKey] = {}
    for offer in _nearest_first(network, site, offers):
        able = network.node_types[offer.node_type].verifications_per_s
        allowed = network.sites[offer.site].lies_in(demand.countries, demand.blocs)
        if able and allowed and len(chosen) < policy.verifiers:
            chosen.setdefault(offer.site, offer)
    return tuple(sorted(chosen.values()))


def _nearest_first(network: Network, site: str, offers: tuple[OfferKey, ...]) -> list[OfferKey]:
    def distance(offer: OfferKey) -> tuple[float, OfferKey]:
        latency = site_round_trip_ms(network, site, offer.site)
        return (UNREACHABLE_MS if latency is None else latency), offer

    return sorted(offers, key=distance)


def _verifying_nodes(network: Network, flows: tuple[VerificationFlow, ...]) -> dict[OfferKey, int]:
    work: dict[tuple[OfferKey, str], float] = defaultdict(float)
    for flow in flows:
        work[flow.verifier, flow.period] += verifications_per_s(network, flow)
    nodes: dict[OfferKey, int] = defaultdict(int)
    for (offer, _), amount in work.items():
        each = network.node_types[offer.node_type].verifications_per_s or 0.0
        needed = pieces(amount, network.settings.utilisation * each)
        nodes[offer] = max(nodes[offer], needed)
    return nodes


def _nearest_copies(network: Network, routing: tuple[Flow, ...]) -> frozenset[Replica]:
    """Return the copies of every model near the site that answers most requests for it."""
    rate = {demand.key: demand.requests_per_s for demand in network.demand}
    busy: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for flow in routing:
        busy[flow.demand.model][flow.offer.site] += rate[flow.demand] * flow.share
    offers = _usable(network, "storage")
    found = set()
    for name, model in sorted(network.models.items()):
        at = busy[name]
        site = min(at, key=lambda site: (-at[site], site), default="")
        ordered = _nearest_first(network, site, offers) if site else list(offers)
        by_site: dict[str, OfferKey] = {}
        for offer in ordered:
            by_site.setdefault(offer.site, offer)
        found |= {Replica(*offer, name) for offer in list(by_site.values())[: model.copies]}
    return frozenset(found)


def _storing_nodes(network: Network, copies: frozenset[Replica]) -> dict[OfferKey, int]:
    stored_tb: dict[OfferKey, float] = defaultdict(float)
    for copy in copies:
        offer = OfferKey(copy.site, copy.node_type)
        stored_tb[offer] += (network.models[copy.model].weights_gb or 0.0) / 1000
    return {
        offer: pieces(amount, network.node_types[offer.node_type].disk_tb or 0.0)
        for offer, amount in stored_tb.items()
    }


def _nearest_seats(network: Network) -> dict[Seat, int]:
    """Return every committee on the eligible offers that lie nearest to the demand."""
    free = {offer: network.offers[offer].max_nodes for offer in _usable(network, "coordination")}
    distance = {offer: _mean_round_trip_ms(network, offer.site) for offer in free}
    ordered = sorted(free, key=lambda offer: (distance[offer], offer))
    seats: dict[Seat, int] = {}
    for name, committee in sorted(network.committees.items()):
        left = committee.seats
        at_site: dict[str, int] = defaultdict(int)
        for offer in ordered:
            if not network.may_sit(committee, offer):
                continue
            most = committee.max_seats_per_site
            room = left if most is None else most - at_site[offer.site]
            count = min(left, free[offer], room)
            if count > 0:
                seats[Seat(name, *offer)] = count
                free[offer] -= count
                at_site[offer.site] += count
                left -= count
    return seats


def _mean_round_trip_ms(network: Network, site: str) -> float:
    """Return the mean round trip from the users, by requests; infinite if one is unknown."""
    total = sum_ms = 0.0
    for demand in network.demand:
        origin, target = Item("region", demand.region), Item("site", site)
        links = network.links_between(origin, target)
        latency = (
            min(link.latency_ms for link in links)
            if links
            else estimated_ms(network, origin, target)
        )
        weight = network.mean_rate(demand)
        total += weight
        sum_ms += weight * (UNREACHABLE_MS if latency is None else latency) if weight else 0.0
    return sum_ms / total if total else 0.0


def _built(network: Network, plan: Deployment) -> Deployment:
    """Return the plan with its sites open, their least nodes there and their contracts held."""
    required = {name for name, site in network.sites.items() if site.status == "required"}
    opened = {offer.site for offer, count in plan.nodes.items() if count} | required
    nodes = dict(plan.nodes)
    for key, offer in network.offers.items():
        if key.site in opened and offer.min_nodes:
            nodes[key] = max(nodes.get(key, 0), offer.min_nodes)
    for site in sorted(required):
        there = [key for key in network.offers if key.site == site]
        may_stand = [key for key in there if network.offers[key].max_nodes]
        if may_stand and not any(nodes.get(key) for key in there):
            nodes[min(may_stand, key=lambda key: (network.offers[key].node_cost, key))] = 1
    held = {network.sites[site].provider for site in opened}
    held |= {name for name, row in network.providers.items() if row.status == "required"}
    return replace(
        plan,
        open=frozenset(opened),
        contracts=frozenset(held),
        nodes={offer: count for offer, count in sorted(nodes.items()) if count},
        warm=dict(sorted(plan.warm.items())),
        seats=dict(sorted(plan.seats.items())),
    )


# Today --------------------------------------------------------------------------------------------


def today(network: Network) -> Deployment | None:
    """Return what runs now, demand sent to the nearest with room; None if nothing is listed."""
    nodes = {key: offer.existing_nodes for key, offer in network.offers.items()}
    seats: dict[Seat, int] = defaultdict(int)
    for held in network.seats_today:
        seats[Seat(held.committee, held.site, held.node_type)] += held.seats
    warm: dict[Replica, int] = defaultdict(int)
    copies = set()
    for loaded in network.loaded_today:
        replica = Replica(loaded.site, loaded.node_type, loaded.model)
        if loaded.warm:
            warm[replica] += loaded.warm
        if loaded.copies:
            copies.add(replica)
    if not any(nodes.values()) and not seats and not warm and not copies:
        return None
    routing = _with_room(network, nodes, warm)
    verifiers = tuple(offer for offer in network.offers_of("verification") if nodes.get(offer, 0))
    flows, panels = _nearest_verifiers(network, routing, verifiers)
    opened = {offer.site for offer, count in nodes.items() if count}
    opened |= {seat.site for seat in seats}
    return Deployment(
        open=frozenset(opened),
        contracts=frozenset(network.sites[site].provider for site in opened),
        nodes={offer: count for offer, count in sorted(nodes.items()) if count},
        warm=dict(sorted(warm.items())),
        routing=routing,
        verification=flows,
        panels=panels,
        copies=frozenset(copies),
        seats=dict(sorted(seats.items())),
    )


def _with_room(
    network: Network, nodes: Mapping[OfferKey, int], warm: Mapping[Replica, int]
) -> tuple[Flow, ...]:
    """Return the demand rows in workbook order, each at the nearest that still has room."""
    ways, usable = Ways(network), frozenset(_usable(network, "execution"))
    used: dict[tuple[tuple[str, ...], str], float] = defaultdict(float)
    routing = []
    for demand in network.demand:
        left = 1.0
        for way in _by_latency(ways, usable, demand):
            offer = way.offer
            replica = Replica(offer.site, offer.node_type, demand.model)
            is_loaded = uses_replicas(network, demand)
            unit = replica if is_loaded else offer
            count = warm.get(replica, 0) if is_loaded else nodes.get(offer, 0)
            load = load_of(network, demand)
            room = rate_of_each(network, offer, demand) * count - used[unit, demand.period]
            share = min(left, room / load) if load > 0 else left * (count > 0)
            if share > ROUNDING:
                routing.append(way.flow(demand, share))
                used[unit, demand.period] += load * share
                left -= share
    return tuple(routing)
