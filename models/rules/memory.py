"""Warm replicas and cold slots fit into the GPU memory of the nodes, no replica across nodes.

Σ_m size(m,k) · warm[o,m] + slot(o) · cold_slots[o] ≤ nodes[o]
size(m,k) = smallest 2^−j with gpu_memory_gb[m] ≤ 2^−j · gpu_memory_gb[k]
slot(o) = largest size of a model that some option serves cold at o

for all execution offers o = (s, k)       Source: design §4 (memory); sizes that divide each
                                          other pack without waste, largest first
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import HUB, Deployment, Violation
from models.service import Service, is_near, replica_size, route_labels, service


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per execution offer that can hold something."""
    terms: dict[OfferKey, list[tuple[float, Any]]] = defaultdict(list)
    for (offer, name), size in model.sizes.items():
        terms[offer].append((size, model.warm[(*offer, name)]))
    for offer, size in model.slot_sizes.items():
        terms[offer].append((size, model.cold_slots[offer]))
    block.fits = rows()
    for offer, used in sorted(terms.items()):
        row(block.fits, offer, [*used, (-1.0, model.nodes[offer])], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield offers whose replicas cannot be packed on their nodes, by packing them one by one."""
    loads: dict[OfferKey, list[Fraction]] = defaultdict(list)
    for replica, count in plan.warm.items():
        offer = OfferKey(replica.site, replica.node_type)
        model = network.models.get(replica.model)
        node_type = network.node_types.get(replica.node_type)
        if model is None or node_type is None or offer not in network.offers:
            yield Violation("memory", str(offer), f"{replica.model} cannot run there")
            continue
        size = replica_size(model, node_type)
        allowed = not model.node_types or replica.node_type in model.node_types
        if count < 0:
            yield Violation("memory", str(offer), f"{count} replicas is no number of replicas")
        elif count and (
            size is None or model.proxied or not allowed or node_type.role != "execution"
        ):
            message = f"{replica.model} cannot be kept warm there"
            yield Violation("memory", str(offer), message, model, "gpu_memory_gb")
        elif size is not None:
            loads[offer].extend([Fraction(size)] * count)
    for offer, count in plan.cold_slots.items():
        size = largest_cold_size(network, offer) if offer in network.offers else None
        if count < 0 or (count and size is None):
            yield Violation("memory", str(offer), f"no model can be loaded cold into {count} slots")
        elif size is not None:
            loads[offer].extend([Fraction(size)] * count)
    for offer, pieces in loads.items():
        needed = _nodes_needed(pieces)
        if needed > plan.nodes.get(offer, 0):
            message = f"{len(pieces)} replicas and slots need {needed} nodes, "
            message += f"{plan.nodes.get(offer, 0)} stand there"
            node_type = network.node_types[offer.node_type]
            yield Violation("memory", str(offer), message, node_type, "gpu_memory_gb")


def largest_cold_size(network: Network, offer: OfferKey) -> float | None:
    """Return the size of the largest model that some demand row may be served cold there."""
    sources = [HUB]
    for storage in network.offers_of("storage"):
        if is_near(network, offer.site, storage.site):
            sources.append(str(storage))
    largest: float | None = None
    for demand in network.demand:
        model = network.models.get(demand.model)
        if model is None or model.proxied:
            continue
        size = replica_size(model, network.node_types[offer.node_type])
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


def _nodes_needed(pieces: list[Fraction]) -> int:
    """Return the nodes that the pieces fill: sizes divide each other, so none leaves a gap."""
    return math.ceil(sum(pieces, Fraction(0)))


def explain(network: Network, plan: Deployment) -> str:
    """Return how full the execution nodes are."""
    used = Fraction(0)
    for replica, count in plan.warm.items():
        size = replica_size(network.models[replica.model], network.node_types[replica.node_type])
        used += Fraction(size or 0.0) * count
    nodes = sum(count for offer, count in plan.nodes.items() if network.role(offer) == "execution")
    replicas, slots = sum(plan.warm.values()), sum(plan.cold_slots.values())
    return (
        f"{replicas} warm replicas fill {math.ceil(used)} nodes' worth of memory on "
        f"{nodes} execution nodes, beside {slots} cold slots."
    )
