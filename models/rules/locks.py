"""What is locked stays within its least and most.

min ≤ Σ nodes[o] ≤ max          over the offers that match site, node_type and provider
min ≤ Σ warm[o,m] + Σ copy[o,m] ≤ max        … where a model is named
min ≤ Σ seats[c,o] ≤ max                     … where a committee is named

for all rows of Locks                     Source: design §3 (Locks), §4 (opening)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import Lock, OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per lock."""
    block.within = rows()
    for position, lock in enumerate(network.locks):
        if lock.committee:
            found = [
                model.seats[key]
                for key in model.seats
                if key[0] == lock.committee and _matches(network, lock, key[1], key[2])
            ]
        elif lock.model:
            found = [
                family[key]
                for family in (model.warm, model.copy)
                for key in family
                if key[2] == lock.model and _matches(network, lock, key[0], key[1])
            ]
        else:
            found = [model.nodes[key] for key in model.nodes if _matches(network, lock, *key)]
        terms = [(1.0, variable) for variable in found]
        row(block.within, position, terms, lower=lock.minimum, upper=lock.maximum)


def _matches(network: Network, lock: Lock, site: str, node_type: str) -> bool:
    return (
        lock.site in ("", site)
        and lock.node_type in ("", node_type)
        and lock.provider in ("", network.sites[site].provider)
    )


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield locks that the plan does not keep."""
    for lock in network.locks:
        count = _counted(network, plan, lock)
        if lock.minimum is not None and count < lock.minimum:
            message = f"{count} are placed, at least {lock.minimum} are locked in"
            yield Violation("locks", _label(lock), message, lock, "minimum")
        if lock.maximum is not None and count > lock.maximum:
            message = f"{count} are placed, at most {lock.maximum} are allowed"
            yield Violation("locks", _label(lock), message, lock, "maximum")


def _counted(network: Network, plan: Deployment, lock: Lock) -> int:
    counts: list[tuple[OfferKey, int]] = []
    if lock.committee:
        for seat, count in plan.seats.items():
            if seat.committee == lock.committee:
                counts.append((OfferKey(seat.site, seat.node_type), count))
    elif lock.model:
        for replica, count in plan.warm.items():
            if replica.model == lock.model:
                counts.append((OfferKey(replica.site, replica.node_type), count))
        for copy in plan.copies:
            if copy.model == lock.model:
                counts.append((OfferKey(copy.site, copy.node_type), 1))
    else:
        counts.extend(plan.nodes.items())
    total = 0
    for offer, count in counts:
        if lock.site and lock.site != offer.site:
            continue
        if lock.node_type and lock.node_type != offer.node_type:
            continue
        if lock.provider:
            site = network.sites.get(offer.site)
            if site is None or site.provider != lock.provider:
                continue
        total += count
    return total


def _label(lock: Lock) -> str:
    parts = (lock.committee, lock.model, lock.provider, lock.site, lock.node_type)
    return f"Locks row {lock.row}: " + ("/".join(part for part in parts if part) or "all nodes")


def explain(network: Network, plan: Deployment) -> str:
    """Return how many locks bind."""
    binding = sum(
        _counted(network, plan, lock) in (lock.minimum, lock.maximum) for lock in network.locks
    )
    return f"{len(network.locks)} locks hold, {binding} of them bind."
