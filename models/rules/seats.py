"""Every committee has all its seats, on nodes that may hold them, one seat a node.

Σ_o seats[c,o] = seats[c]               seats[c,o] exists only where node type, TEE, countries
Σ_c seats[c,o] ≤ nodes[o]               and blocs of c allow o
Σ_{o at s} seats[c,o] ≤ max_seats_per_site[c]

for all committees c, offers o, sites s   Source: design §4 (committee)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Refusal, Seat, Violation


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of every committee, site and coordination offer."""
    block.all, block.on_nodes, block.per_site = rows(), rows(), rows()
    of_committee: dict[str, list[Any]] = defaultdict(list)
    at_offer: dict[OfferKey, list[Any]] = defaultdict(list)
    at_site: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for name, site, node_type in model.seats:
        term = (1.0, model.seats[name, site, node_type])
        of_committee[name].append(term)
        at_offer[OfferKey(site, node_type)].append(term)
        at_site[name, site].append(term)
    for name, committee in sorted(network.committees.items()):
        row(block.all, name, of_committee[name], lower=committee.seats, upper=committee.seats)
    for offer, terms in sorted(at_offer.items()):
        row(block.on_nodes, offer, [*terms, (-1.0, model.nodes[offer])], upper=0.0)
    for (name, site), terms in sorted(at_site.items()):
        limit = network.committees[name].max_seats_per_site
        if limit is not None:
            row(block.per_site, (name, site), terms, upper=limit)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield committees with missing, surplus or misplaced seats, and overfull nodes."""
    placed: dict[str, int] = defaultdict(int)
    at_offer: dict[OfferKey, int] = defaultdict(int)
    at_site: dict[tuple[str, str], int] = defaultdict(int)
    for seat, count in plan.seats.items():
        placed[seat.committee] += count
        at_offer[OfferKey(seat.site, seat.node_type)] += count
        at_site[seat.committee, seat.site] += count
        refusal = _misplaced(network, seat) if count else None
        if refusal is None and count < 0:
            refusal = Refusal(f"{count} is no number of seats")
        if refusal is not None:
            yield Violation("seats", "/".join(seat), *refusal)
    for name, committee in network.committees.items():
        if placed[name] != committee.seats:
            message = f"{placed[name]} seats are placed, {committee.seats} are needed"
            yield Violation("seats", name, message, committee, "seats")
        for (other, site), count in at_site.items():
            limit = committee.max_seats_per_site
            if other == name and limit is not None and count > limit:
                message = f"{count} seats are at a site where {limit} may be"
                where = f"{name} at {site}"
                yield Violation("seats", where, message, committee, "max_seats_per_site")
    for offer, count in at_offer.items():
        if count > plan.nodes.get(offer, 0):
            message = f"{count} seats are on {plan.nodes.get(offer, 0)} nodes"
            yield Violation("seats", str(offer), message)


def _misplaced(network: Network, seat: Seat) -> Refusal | None:
    committee = network.committees.get(seat.committee)
    offer = OfferKey(seat.site, seat.node_type)
    if committee is None or offer not in network.offers:
        return Refusal("there is no such committee or offer")
    node_type = network.node_types[seat.node_type]
    if node_type.role != "coordination":
        return Refusal(f"{offer} is no coordination offer", node_type, "role")
    if committee.node_types and seat.node_type not in committee.node_types:
        reason = f"{seat.node_type} is none of {', '.join(committee.node_types)}"
        return Refusal(reason, committee, "node_types")
    if not node_type.has_tee(committee.tee):
        return Refusal(f"{seat.node_type} lacks the TEE {committee.tee}", committee, "tee")
    limit = network.sites[seat.site].outside(committee.countries, committee.blocs)
    if limit:
        reason = f"{seat.site} is outside the committee's countries or blocs"
        return Refusal(reason, committee, limit)
    return None


def explain(network: Network, plan: Deployment) -> str:
    """Return how many seats sit at how many sites."""
    sites = {seat.site for seat, count in plan.seats.items() if count}
    total = sum(plan.seats.values())
    return f"{total} seats of {len(network.committees)} committees sit at {len(sites)} sites."
