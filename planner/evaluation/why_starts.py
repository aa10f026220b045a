"""Plans from which solves begin that may not have the plan as it is: a legal start proves most.

Each is the plan with as little changed as can be. Whether it is legal is the solver's to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.data import Demand, OfferKey
from models.network import Network
from models.plan import Deployment, Replica, Seat
from planner.evaluation.nearest_plans import (
    execution_nodes,
    load_of,
    pieces,
    rate_of_each,
    uses_replicas,
)


def with_node(network: Network, plan: Deployment, site: str) -> Deployment:
    """Return the plan with the cheapest node that the site offers."""
    offers = [key for key, offer in network.offers.items() if key.site == site and offer.max_nodes]
    if not offers:
        return plan
    cheapest = min(offers, key=lambda key: (network.offers[key].node_cost, key))
    return _standing(network, plan, {**plan.nodes, cheapest: 1})


def serving(network: Network, plan: Deployment, demand: Demand, offer: OfferKey) -> Deployment:
    """Return the plan with all that answers a whole demand row added at an offer."""
    each, nodes, warm = rate_of_each(network, offer, demand), dict(plan.nodes), dict(plan.warm)
    count = pieces(load_of(network, demand), each)
    if uses_replicas(network, demand):
        replica = Replica(*offer, demand.model)
        warm[replica] = warm.get(replica, 0) + count
        count = execution_nodes(network, (), {replica: count}).get(offer, 0)
    most = network.offers[offer].max_nodes
    nodes[offer] = min(most, nodes.get(offer, 0) + count)
    return replace(_standing(network, plan, nodes), warm=warm)


def without(network: Network, plan: Deployment, site: str) -> Deployment:
    """Return the plan with all that stands at a site moved to others that offer the same nodes."""
    nodes = {key: count for key, count in plan.nodes.items() if key.site != site}
    to: dict[OfferKey, list[OfferKey]] = defaultdict(list)
    for key, count in sorted(plan.nodes.items()):
        if key.site == site:
            for other in _alike(network, plan, key):
                room = min(count, _room(network, nodes, other))
                if room > 0:
                    nodes[other] = nodes.get(other, 0) + room
                    to[key] += [other] * room
                    count -= room
    opened = frozenset(key.site for key in nodes) | (plan.open - {site})
    held = {name for name in plan.contracts if network.providers[name].status == "required"}
    return replace(
        plan,
        open=opened,
        contracts=frozenset(held | {network.sites[name].provider for name in opened}),
        nodes=nodes,
        warm=_moved(plan.warm, to),
        cold_slots=_moved(plan.cold_slots, to),
        seats=_moved(plan.seats, to),
        copies=frozenset(_moved(dict.fromkeys(plan.copies, 1), to)),
    )


def _standing(network: Network, plan: Deployment, nodes: Mapping[OfferKey, int]) -> Deployment:
    """Return the plan with these nodes, their sites open and their contracts held."""
    opened = plan.open | {key.site for key in nodes}
    counts = dict(nodes)
    for key, offer in network.offers.items():
        if key.site in opened - plan.open and offer.min_nodes:
            counts[key] = max(counts.get(key, 0), offer.min_nodes)
    held = plan.contracts | {network.sites[site].provider for site in opened}
    return replace(plan, nodes=counts, open=opened, contracts=held)


def _alike(network: Network, plan: Deployment, offer: OfferKey) -> list[OfferKey]:
    """Return the offers of the same nodes elsewhere: at open sites first, then the cheapest."""

    def cost(key: OfferKey) -> tuple[bool, float, OfferKey]:
        return key.site not in plan.open, network.offers[key].node_cost, key

    others = (key for key in network.offers if key.node_type == offer.node_type)
    allowed = (
        key
        for key in others
        if key.site != offer.site
        and network.sites[key.site].status != "forbidden"
        and network.providers[network.sites[key.site].provider].status != "forbidden"
    )
    return sorted(allowed, key=cost)


def _room(network: Network, nodes: Mapping[OfferKey, int], offer: OfferKey) -> int:
    most = network.sites[offer.site].max_nodes
    room = network.offers[offer].max_nodes - nodes.get(offer, 0)
    if most is None:
        return room
    return min(room, most - sum(count for key, count in nodes.items() if key.site == offer.site))


def _moved(counts: Mapping[Any, int], to: Mapping[OfferKey, list[OfferKey]]) -> dict[Any, int]:
    """Return counts by offer, seat or replica, those of what moved dealt out over its new nodes."""
    found: dict[Any, int] = defaultdict(int)
    for key, count in sorted(counts.items()):
        targets = to.get(_offer_of(key), [])
        if not targets:
            found[key] += count
            continue
        for number in range(count):
            target = targets[number * len(targets) // count]
            found[_at(key, target)] += 1
    return dict(found)


def _offer_of(key: OfferKey | Seat | Replica) -> OfferKey:
    return OfferKey(key.site, key.node_type)


def _at(key: OfferKey | Seat | Replica, offer: OfferKey) -> OfferKey | Seat | Replica:
    return key._replace(site=offer.site, node_type=offer.node_type)
