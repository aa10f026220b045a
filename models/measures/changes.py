"""How far the plan is from today; a move counts two.

Σ |seats − today| + Σ other offers |nodes − existing| + |warm − today| + |copies − today|
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Set
from typing import Any

import numpy as np

from models.classes import Classes
from models.expressions import Expression, Term, at_least_zero, row, rows
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment, Replica, Seat

UNIT = "changes"


def declare(block: Any, network: Network) -> None:
    """Add how far each count is from today's."""
    block.changed = at_least_zero()
    block.change_up, block.change_down = rows(), rows()
    for key, variable, today in _changeable(block, network):
        if variable is None:
            continue
        changed = block.changed[key]
        row(block.change_up, key, [(1.0, changed), (-1.0, variable)], lower=-today)
        row(block.change_down, key, [(1.0, changed), (1.0, variable)], lower=today)


def express(block: Any, network: Network) -> Expression:
    """Return the sum of what is changed; what cannot be placed changes for certain."""
    terms: list[Term] = []
    constant = 0.0
    for key, variable, today in _changeable(block, network):
        if variable is None:
            constant += today
        else:
            terms.append((1.0, block.changed[key]))
    return Expression(terms, constant, integral=True)


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return that flows add nothing."""
    return np.zeros(len(classes))


def value(network: Network, plan: Deployment) -> float:
    """Return how many changes there are."""
    return float(sum(abs(after - before) for _, _, before, after in changes(network, plan)))


def _changeable(block: Any, network: Network) -> Iterator[tuple[Any, Any, int]]:
    """Yield key, variable (None where nothing can be placed) and today's count."""
    seats, warm, copies = _today(network)
    for seat in sorted({*seats, *(Seat(*key) for key in block.seats)}):
        yield ("seats", *seat), _find(block.seats, seat), seats.get(seat, 0)
    for offer in sorted(network.offers):
        if network.role(offer) != "coordination":
            yield ("nodes", *offer), block.nodes[offer], network.offers[offer].existing_nodes
    for replica in sorted({*warm, *(Replica(*key) for key in block.warm)}):
        yield ("warm", *replica), _find(block.warm, replica), warm.get(replica, 0)
    for replica in sorted({*copies, *(Replica(*key) for key in block.copy)}):
        yield ("copies", *replica), _find(block.copy, replica), copies.get(replica, 0)


def _find(family: Any, key: Any) -> Any:
    return family[tuple(key)] if tuple(key) in family else None  # noqa: SIM401 - no .get there


def _today(network: Network) -> tuple[dict[Seat, int], dict[Replica, int], dict[Replica, int]]:
    seats: dict[Seat, int] = defaultdict(int)
    warm: dict[Replica, int] = defaultdict(int)
    copies: dict[Replica, int] = defaultdict(int)
    for held in network.seats_today:
        seats[Seat(held.committee, held.site, held.node_type)] += held.seats
    for loaded in network.loaded_today:
        replica = Replica(loaded.site, loaded.node_type, loaded.model)
        if loaded.warm:
            warm[replica] += loaded.warm
        if loaded.copies:
            copies[replica] += loaded.copies
    return dict(seats), dict(warm), dict(copies)


Change = tuple[str, str, int, int]
"""What, where, how many today, how many planned."""


def openings(network: Network, plan: Deployment) -> list[Change]:
    """Return sites and contracts that begin or end, which the measure does not count."""
    seats, warm, copies = _today(network)
    stood = {offer.site for offer, found in network.offers.items() if found.existing_nodes}
    stood |= {seat.site for seat in seats} | {replica.site for replica in (*warm, *copies)}
    stood |= network.standing
    sites = stood & network.sites.keys()
    held = {name for name, found in network.providers.items() if found.status == "existing"}
    held |= {network.sites[name].provider for name in sites}
    return [
        *_begun("site opened", sites, plan.open),
        *_ended("site closed", sites, plan.open),
        *_begun("contract signed", held, plan.contracts),
        *_ended("contract ended", held, plan.contracts),
    ]


def _begun(what: str, today: Set[str], planned: Set[str]) -> Iterator[Change]:
    return ((what, name, 0, 1) for name in sorted(planned - today))


def _ended(what: str, today: Set[str], planned: Set[str]) -> Iterator[Change]:
    return ((what, name, 1, 0) for name in sorted(today - planned))


def changes(network: Network, plan: Deployment) -> list[Change]:
    """Return every change against today that the measure counts, each by how many."""
    seats, warm, copies = _today(network)
    stored = dict.fromkeys(plan.copies, 1)
    found = []
    for seat in sorted({*seats, *plan.seats}):
        found.append(("seats", "/".join(seat), seats.get(seat, 0), plan.seats.get(seat, 0)))
    for offer in sorted({*network.offers, *plan.nodes}):
        if network.role(offer) != "coordination":
            existing = network.offers[offer].existing_nodes
            found.append(("nodes", str(offer), existing, plan.nodes.get(offer, 0)))
    for replica in sorted({*warm, *plan.warm}):
        counts = (warm.get(replica, 0), plan.warm.get(replica, 0))
        found.append(("warm", "/".join(replica), *counts))
    for replica in sorted({*copies, *stored}):
        counts = (copies.get(replica, 0), stored.get(replica, 0))
        found.append(("copies", "/".join(replica), *counts))
    return [change for change in found if change[2] != change[3]]
