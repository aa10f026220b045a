"""Warm replicas and cold slots fit into the GPU memory of the nodes, no replica across nodes.

Σ_m weight(r,m,k) · warm[o,m] + weight(r,slot(o),k) · cold_slots[o] ≤ nodes[o]
slot(o) = the largest model that some option serves cold at o, now or after a failure

for all execution offers o = (s, k) and rows r of node type k: those of `models.packing`, which hold
exactly for what fits, gpu_memory_gb of the models into that of the node, node by node. Where many
different models fit on one node they hold for less, as if some models were larger; the rule then
says so. Source: design §4 (memory); Gilmore and Gomory (1961) on ways to fill one of many alike
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.packing import packing_of
from models.plan import HUB, Deployment, Replica, Violation
from models.replay import failover_ms
from models.rules._node_audit import nodes_needed
from models.service import Service, is_near, node_gb, replica_gb, route_labels, service

Counts = Counter[Fraction]
"""How many of every size in GB."""


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of its node type for every execution offer that can hold something."""
    block.fits = rows()
    for offer, terms in model.held.items():
        for number, weights in enumerate(model.packings[offer].rows):
            used = [(float(weights[size]), variable) for size, variable in terms if weights[size]]
            if used:
                row(block.fits, (*offer, number), [*used, (-1.0, model.nodes[offer])], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield offers whose replicas and slots cannot be packed on their nodes."""
    for replica, count in plan.warm.items():
        offer = OfferKey(replica.site, replica.node_type)
        model = network.models.get(replica.model)
        if model is None or offer not in network.offers:
            yield Violation("memory", str(offer), f"{replica.model} cannot run there")
        elif count < 0:
            yield Violation("memory", str(offer), f"{count} replicas is no number of replicas")
        elif count and _warm_gb(network, replica) is None:
            message = f"{replica.model} cannot be kept warm there"
            yield Violation("memory", str(offer), message, model, "gpu_memory_gb")
    slots = {offer: slot_gb(network, offer) for offer in plan.cold_slots}
    for offer_key, count in plan.cold_slots.items():
        if count < 0 or (count and slots[offer_key] is None):
            message = f"no model can be loaded cold into {count} slots"
            yield Violation("memory", str(offer_key), message)
    for offer_key, counts in _loads(network, plan, slots).items():
        message = _lacking(network, offer_key, counts, plan.nodes.get(offer_key, 0))
        if message:
            node_type = network.node_types[offer_key.node_type]
            yield Violation("memory", str(offer_key), message, node_type, "gpu_memory_gb")


def _lacking(network: Network, offer: OfferKey, counts: Counts, standing: int) -> str:
    """Return what is wrong with so many of every size on the nodes that stand; blank if nothing."""
    node_type = network.node_types[offer.node_type]
    needed = nodes_needed(node_gb(node_type), counts, standing)
    if needed.at_most <= standing:
        return ""
    if needed.at_least > standing:
        nodes = f"{needed.at_least} nodes"
        nodes = nodes if needed.at_most == needed.at_least else f"at least {nodes}"
    elif packing_of(network, node_type).nodes(counts) <= standing:
        return ""
    else:
        nodes = f"perhaps {needed.at_most} nodes"
    return f"{sum(counts.values())} replicas and slots need {nodes}, {standing} stand there"


def _loads(
    network: Network, plan: Deployment, slots: Mapping[OfferKey, Fraction | None]
) -> dict[OfferKey, Counts]:
    """Return how many of every size in GB an offer has to hold, as far as it can hold any."""
    found: dict[OfferKey, Counts] = defaultdict(Counter)
    for replica, count in plan.warm.items():
        size = _warm_gb(network, replica)
        if size is not None and count > 0:
            found[OfferKey(replica.site, replica.node_type)][size] += count
    for offer, count in plan.cold_slots.items():
        size = slots[offer]
        if size is not None and count > 0:
            found[offer][size] += count
    return dict(sorted(found.items()))


def _warm_gb(network: Network, replica: Replica) -> Fraction | None:
    """Return what a replica takes of a node; None where it cannot be kept warm."""
    offer, model = OfferKey(replica.site, replica.node_type), network.models.get(replica.model)
    if model is None or model.proxied or offer not in network.offers:
        return None
    if network.role(offer) != "execution":
        return None
    if model.node_types and offer.node_type not in model.node_types:
        return None
    return replica_gb(model, network.node_types[offer.node_type])


def slot_gb(network: Network, offer: OfferKey) -> Fraction | None:
    """Return what a slot takes: all of the largest model that may be served cold there, if any.

    Also of one that only users may be served who wait longer after a protected failure.
    """
    if offer not in network.offers:
        return None
    sources = [HUB]
    for storage in network.offers_of("storage"):
        if is_near(network, offer.site, storage.site):
            sources.append(str(storage))
    largest: Fraction | None = None
    later = [
        replace(row, max_latency_ms=failover_ms(row))
        for row in network.demand
        if row.min_served and network.protected
    ]
    for demand in (*network.demand, *later):
        model = network.models.get(demand.model)
        if model is None or model.proxied:
            continue
        size = replica_gb(model, network.node_types[offer.node_type])
        if size is None or (largest is not None and size <= largest):
            continue
        ways = (
            service(network, demand, offer, route, "cold", source)
            for route in route_labels(network, demand.region, offer.site)
            for source in sources
        )
        if any(isinstance(way, Service) for way in ways):
            largest = size
    return largest


def explain(network: Network, plan: Deployment) -> str:
    """Return how full the execution nodes are, and what it costs that sizes are rounded up."""
    loads = _loads(network, plan, {offer: slot_gb(network, offer) for offer in plan.cold_slots})
    used = sum(size * count for counts in loads.values() for size, count in counts.items())
    nodes = {o: n for o, n in plan.nodes.items() if n and network.role(o) == "execution"}
    room = sum(count * node_gb(network.node_types[o.node_type]) for o, count in nodes.items())
    replicas, slots = sum(plan.warm.values()), sum(plan.cold_slots.values())
    said = (
        f"{replicas} warm replicas and {slots} cold slots take {float(used):,.0f} of "
        f"{float(room):,.0f} GB on {sum(nodes.values())} execution nodes"
    )
    return "; ".join([said, *_what_rounding_costs(network, loads)]) + "."


def _what_rounding_costs(network: Network, loads: Mapping[OfferKey, Counts]) -> Iterator[str]:
    """Yield, per node type, what counts as larger than it is, and what that costs at most."""
    by_type: dict[str, list[OfferKey]] = defaultdict(list)
    for offer in loads:
        by_type[offer.node_type].append(offer)
    for name, offers in sorted(by_type.items()):
        node_type = network.node_types[name]
        packing, room = packing_of(network, node_type), node_gb(node_type)
        if not packing.rounded:
            continue
        fewer, cost = 0, 0.0
        for offer in offers:
            planned = packing.nodes(loads[offer])
            saved = planned - nodes_needed(room, loads[offer], planned).at_least
            fewer, cost = fewer + saved, cost + saved * network.offers[offer].node_cost
        sizes = sorted(packing.rounded.items())
        counted = ", ".join(f"{float(a):,.5g} GB as {float(b):,.5g} GB" for a, b in sizes)
        yield (
            f"on {name} some models count as larger than they are, {counted}: packed to the last "
            f"GB, all there could do with at most {fewer} nodes fewer, worth {cost:,.0f} "
            f"{network.settings.currency} a month"
        )
