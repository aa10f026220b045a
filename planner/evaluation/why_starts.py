"""Plans from which solves begin that may not have the plan as it is: a legal start proves most.

Each is the plan with as little changed as can be. Whether it is legal is the solver's to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models.data import Demand, OfferKey
from models.failover import may_stand
from models.network import Network
from models.plan import Deployment, Replica, Seat
from models.service import replicas_per_node
from models.stands import WARM
from models.ways import Ways
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


def without(network: Network, plan: Deployment, site: str, ways: Ways) -> Deployment:
    """Return the plan with all that stands at a site moved to others.

    Whom it served is served at the cheapest offers that may; all else goes where the same nodes are
    on offer.
    """
    left = {key: count for key, count in plan.nodes.items() if key.site != site}
    kept = {key: count for key, count in plan.warm.items() if key.site != site}
    nodes, warm = _answering(network, plan, site, ways, left, kept)
    to = _replaced(network, plan, site, nodes)
    opened = frozenset(key.site for key in nodes) | (plan.open - {site})
    held = {name for name in plan.contracts if network.providers[name].status == "required"}
    return replace(
        plan,
        open=opened,
        contracts=frozenset(held | {network.sites[name].provider for name in opened}),
        nodes=nodes,
        warm=warm,
        cold_slots={key: count for key, count in plan.cold_slots.items() if key.site != site},
        seats=_moved(plan.seats, to),
        copies=frozenset(_moved(dict.fromkeys(plan.copies, 1), to)),
    )


def _answering(
    network: Network,
    plan: Deployment,
    site: str,
    ways: Ways,
    left: Mapping[OfferKey, int],
    kept: Mapping[Replica, int],
) -> tuple[dict[OfferKey, int], dict[Replica, int]]:
    """Return nodes and replicas with what answers whom the site served added to those left."""
    rows = {row.key: row for row in network.demand}
    loads: dict[tuple[OfferKey, str, str], float] = defaultdict(float)
    nodes, warm = dict(left), dict(kept)
    for flow in plan.routing:
        if flow.offer.site != site or flow.demand not in rows:
            continue
        row = rows[flow.demand]
        for offer in _cheapest(network, plan, site, ways, row):
            name = row.model if uses_replicas(network, row) else ""
            load = loads[offer, name, row.period] + load_of(network, row) * flow.share
            count = pieces(load, rate_of_each(network, offer, row))
            more = dict(kept)
            if name:
                replica = Replica(*offer, name)
                found = {key: n for key, n in warm.items() if OfferKey(*key[:2]) == offer}
                more = {**found, replica: max(found.get(replica, 0), kept.get(replica, 0) + count)}
                count = max(left.get(offer, 0), execution_nodes(network, (), more).get(offer, 0))
            else:
                count += left.get(offer, 0)
            if count - nodes.get(offer, 0) <= _room(network, nodes, offer):
                loads[offer, name, row.period] = load
                nodes[offer] = max(nodes.get(offer, 0), count)
                warm |= more if name else {}
                break
    return nodes, warm


def _cheapest(
    network: Network, plan: Deployment, site: str, ways: Ways, row: Demand
) -> list[OfferKey]:
    """Return the offers that may serve a row elsewhere: open sites first, then cheap ones."""

    def cost(offer: OfferKey) -> tuple[bool, float, OfferKey]:
        rate = rate_of_each(network, offer, row)
        if uses_replicas(network, row):
            model, node_type = network.models[row.model], network.node_types[offer.node_type]
            rate *= replicas_per_node(model, node_type)
        price = network.offers[offer].node_cost / rate if rate > 0 else float("inf")
        return offer.site not in plan.open, price, offer

    able = {way.offer for way in ways.of(row, (WARM,))}
    return sorted((key for key in able if key.site != site and may_stand(network, key)), key=cost)


def _replaced(
    network: Network, plan: Deployment, site: str, nodes: dict[OfferKey, int]
) -> dict[OfferKey, list[OfferKey]]:
    """Add nodes for those at a site that execute nothing; return, for each, where it went."""
    to: dict[OfferKey, list[OfferKey]] = defaultdict(list)
    for key, count in sorted(plan.nodes.items()):
        if key.site != site or network.role(key) == "execution":
            continue
        for other in _alike(network, plan, key):
            room = min(count, _room(network, nodes, other))
            if room > 0:
                nodes[other] = nodes.get(other, 0) + room
                to[key] += [other] * room
                count -= room
    return to


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
    return sorted(
        (key for key in others if key.site != offer.site and may_stand(network, key)), key=cost
    )


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
