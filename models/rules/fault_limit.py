"""No protected failure takes more seats of a committee than it can lose.

Σ_{o in h} seats[c,o] ≤ max_faulty[c]

for all committees c, protected dependencies and shocks h that some eligible offer survives
                                          Source: design §4 (committee); BFT: n ≥ 3f + 1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per committee and avoidable protected failure."""
    block.most = rows()
    for failure, failed in network.protected.items():
        gone = network.takes_down(failed)
        for name, committee in sorted(network.committees.items()):
            eligible = [key for key in model.seats if key[0] == name]
            exposed = [key for key in eligible if OfferKey(key[1], key[2]) in gone]
            # A survivor that may hold no node is no way out.
            safe = [
                key
                for key in eligible
                if key not in exposed and model.seats[key].ub > 0 and _is_allowed(network, key[1])
            ]
            if exposed and safe:
                terms = [(1.0, model.seats[key]) for key in exposed]
                row(block.most, (name, failure), terms, upper=committee.faulty_limit)


def _is_allowed(network: Network, site: str) -> bool:
    provider = network.providers[network.sites[site].provider]
    is_forbidden = "forbidden" in (network.sites[site].status, provider.status)
    return not is_forbidden and provider.max_nodes != 0


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield committees that a protected failure halts."""
    for name, committee in network.committees.items():
        eligible = [
            offer
            for offer in network.offers_of("coordination")
            if network.may_sit(committee, offer)
        ]
        for failure, failed in network.protected.items():
            gone = network.takes_down(failed)
            if not any(_can_stand(network, offer) for offer in eligible if offer not in gone):
                continue
            lost = sum(
                count
                for seat, count in plan.seats.items()
                if seat.committee == name and OfferKey(seat.site, seat.node_type) in gone
            )
            if lost > committee.faulty_limit:
                message = f"{lost} seats are lost, {committee.faulty_limit} may be"
                where = f"{name} without {failure}"
                attribute = "seats" if committee.max_faulty is None else "max_faulty"
                yield Violation("fault_limit", where, message, committee, attribute)


def _can_stand(network: Network, offer: OfferKey) -> bool:
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    if site.status == "forbidden" or provider.status == "forbidden":
        return False
    return 0 not in (network.offers[offer].max_nodes, site.max_nodes, provider.max_nodes)


def explain(network: Network, plan: Deployment) -> str:
    """Return the worst protected failure per committee."""
    if not network.protected or not network.committees:
        return "No failure is protected for a committee."
    worst, unavoidable = [], []
    for name, committee in sorted(network.committees.items()):
        for failure, failed in network.protected.items():
            gone = network.takes_down(failed)
            lost = sum(
                count
                for seat, count in plan.seats.items()
                if seat.committee == name and OfferKey(seat.site, seat.node_type) in gone
            )
            if lost > committee.faulty_limit:
                unavoidable.append(f"{name} without {failure}")
            else:
                worst.append((lost, name, committee.faulty_limit, failure))
    parts = [
        f"{name} loses at most {lost} of {limit} ({failure})"
        for lost, name, limit, failure in sorted(worst, reverse=True)[:3]
    ]
    parts += [f"{what} is lost whatever the plan" for what in unavoidable[:3]]
    return f"Under protected failures {'; '.join(parts)}."
