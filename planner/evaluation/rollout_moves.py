"""The steps that lead from one deployment to the next, site by site and seat by seat.

A step adds to counts or takes from them, so that the state after several does not depend on their
order. What is added at a site is one step, what goes there a later one. Where the memory does not
hold old and new replicas at once, they change places in a step of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.data import OfferKey
from models.decisions import DECISIONS
from models.network import Network
from models.plan import Deployment, Seat
from models.rules import memory
from planner.workbook.findings import counted

BUILD, LOAD, SEAT, LEAVE, SERVE, CLEAR, CLOSE = (
    "build",
    "reload",
    "add a seat",
    "drop a seat",
    "serve",
    "clear",
    "close",
)
"""What steps do, in the order in which they are best done."""
KINDS = (BUILD, LOAD, LEAVE, SEAT, SERVE, CLEAR, CLOSE)
"""The order in which they are tried: whoever holds a seat too many drops it first."""

Changes = Mapping[tuple[str, Any], int]
"""By how much a count changes, by field of the plan and key."""
UNITS = {"nodes": "node", "warm": "replica", "cold_slots": "cold slot", "copies": "copy"}
"""What a field of the plan counts."""
COUNTED = tuple(found for found in DECISIONS if found.of_plan not in ("open", "contracts"))


@dataclass(frozen=True)
class Move:
    """A step: what it does, where, in words, and by how much it changes which counts.

    `committee` is whose seats it moves; empty for all others.
    """

    kind: str
    where: str
    what: str
    changes: Changes = field(default_factory=dict)
    committee: str = ""


def moves(network: Network, before: Deployment, after: Deployment) -> list[Move]:
    """Return the steps from one deployment to the next; serving is one of them."""
    found = [*_at_sites(network, before, after), *_seats(network, before, after)]
    return [*found, Move(SERVE, "", "route all demand of the phase by its plan")]


def state(network: Network, before: Deployment, after: Deployment, done: list[Move]) -> Deployment:
    """Return what stands when some of the steps are done, routed as before or as after."""
    is_served = any(move.kind == SERVE for move in done)
    counts: Counter[tuple[str, Any]] = Counter()
    for decision in COUNTED:
        for key, amount in decision.amounts(before).items():
            counts[decision.of_plan, key] += amount
    for move in done:
        counts.update(move.changes)
    fields: dict[str, Any] = {
        decision.of_plan: decision.in_plan(
            {key: n for (of, key), n in counts.items() if of == decision.of_plan}
        )
        for decision in COUNTED
    }
    opened = before.open | {move.where for move in done if move.kind == BUILD} & after.open
    opened -= {move.where for move in done if move.kind == CLOSE} - after.open
    held = {network.sites[name].provider for name in opened if name in network.sites}
    held |= after.contracts if is_served else before.contracts & after.contracts
    routed = after if is_served else before
    return Deployment(
        open=frozenset(opened),
        contracts=frozenset(held),
        **fields,
        routing=routed.routing,
        verification=routed.verification,
        panels=routed.panels,
    )


def _difference(before: Deployment, after: Deployment) -> dict[tuple[str, Any], int]:
    found: dict[tuple[str, Any], int] = {}
    for decision in COUNTED:
        old, new = decision.amounts(before), decision.amounts(after)
        for key in sorted({*old, *new}):
            change = new.get(key, 0) - old.get(key, 0)
            if change:
                found[decision.of_plan, key] = change
    return found


def _at_sites(network: Network, before: Deployment, after: Deployment) -> Iterator[Move]:
    """Yield what is built, changed and closed, site by site."""
    by_site: dict[str, dict[tuple[str, Any], int]] = defaultdict(dict)
    for (of, key), change in _difference(before, after).items():
        if of != "seats":
            by_site[key.site][of, key] = change
    for site in (before.open | after.open) - by_site.keys():
        if (site in before.open) != (site in after.open):
            by_site[site] = {}
    for site, changes in sorted(by_site.items()):
        more = {at: change for at, change in changes.items() if change > 0}
        less = {at: change for at, change in changes.items() if change < 0}
        loaded = ("warm", "cold_slots")
        swapped: dict[tuple[str, Any], int] = {}
        if not _holds_both(network, before, site, changes):
            swapped = {at: change for at, change in changes.items() if at[0] in loaded}
            more = {at: change for at, change in more.items() if at not in swapped}
            less = {at: change for at, change in less.items() if at not in swapped}
        closed = {at: change for at, change in less.items() if at[0] == "nodes"}
        cleared = {at: change for at, change in less.items() if at[0] != "nodes"}
        if more or site in after.open - before.open:
            is_new = site in after.open - before.open
            yield Move(BUILD, site, _said(more, "open" if is_new else ""), more)
        if swapped:
            yield Move(LOAD, site, _said(swapped), swapped)
        if cleared:
            yield Move(CLEAR, site, _said(cleared), cleared)
        if closed or site in before.open - after.open:
            yield Move(CLOSE, site, _said(closed, "" if site in after.open else "close"), closed)


def _holds_both(network: Network, before: Deployment, site: str, changes: Changes) -> bool:
    """Return whether the nodes of a site hold what is to go and what is to come at once."""
    if all(change > 0 for (of, _), change in changes.items() if of in ("warm", "cold_slots")):
        return True
    most: dict[str, dict[Any, int]] = {}
    for decision in COUNTED:
        amounts = {k: n for k, n in decision.amounts(before).items() if k.site == site}
        most[decision.of_plan] = amounts
    for (of, key), change in changes.items():
        if change > 0:
            most[of][key] = most[of].get(key, 0) + change
    fields = {d.of_plan: d.in_plan(most[d.of_plan]) for d in COUNTED if d.of_plan != "seats"}
    both = Deployment(open=frozenset({site}), **fields)
    return not any(True for _ in memory.audit(network, both))


def _seats(network: Network, before: Deployment, after: Deployment) -> Iterator[Move]:
    """Yield a step for every seat that comes or goes; a committee that is not whole, in one."""
    ends = [Counter[str](), Counter[str]()]
    for held, plan in zip(ends, (before, after), strict=True):
        for seat, count in plan.seats.items():
            held[seat.committee] += count
    changes: dict[str, dict[Seat, int]] = defaultdict(dict)
    for (of, seat), change in _difference(before, after).items():
        if of == "seats":
            changes[seat.committee][seat] = change
    for name, of_committee in sorted(changes.items()):
        committee = network.committees.get(name)
        if committee is None or any(held[name] != committee.seats for held in ends):
            placed = {("seats", seat): change for seat, change in of_committee.items()}
            more = counted(sum(max(0, n) for n in placed.values()), "seat")
            yield Move(SEAT, "", f"fill committee {name}: {more}", placed, name)
            continue
        for seat, change in sorted(of_committee.items()):
            sign, kind = (1, SEAT) if change > 0 else (-1, LEAVE)
            where = OfferKey(seat.site, seat.node_type)
            for _ in range(abs(change)):
                said = f"{'one seat more' if sign > 0 else 'one seat fewer'} of {name} on {where}"
                yield Move(kind, seat.site, said, {("seats", seat): sign}, name)


def _said(changes: Changes, first: str = "") -> str:
    """Return the changes in words."""
    parts = [first] if first else []
    by_field: dict[str, Counter[str]] = defaultdict(Counter)
    for (of, key), change in changes.items():
        by_field[of][key.model if hasattr(key, "model") else key.node_type] += change
    for of, counts in by_field.items():
        for name, change in sorted(counts.items()):
            mark = "+" if change > 0 else "\N{MINUS SIGN}"
            parts.append(f"{mark}{counted(abs(change), UNITS[of])} {name}")
    return ", ".join(parts) or "nothing but the site"


def available(
    steps: Sequence[Move], waiting: Collection[int], held: Mapping[str, int], network: Network
) -> Iterator[int]:
    """Yield the positions of the steps that may come next, the best first; of several alike one.

    Whatever is built comes before what needs it, and what goes after what it was needed for; a
    committee has never more than one seat too many, nor one too few. `held` are its seats now.
    """
    places = {kind: {steps[n].where for n in waiting if steps[n].kind == kind} for kind in KINDS}
    seen: list[Move] = []
    for position in sorted(waiting, key=lambda n: (KINDS.index(steps[n].kind), n)):
        move = steps[position]
        if move in seen:
            continue
        seen.append(move)
        building, is_served = places[BUILD], not places[SERVE]
        committee = network.committees.get(move.committee)
        surplus = held.get(move.committee, 0) - (committee.seats if committee is not None else 0)
        emptied = move.where not in places[LEAVE] | places[CLEAR] | places[LOAD]
        is_next = {
            BUILD: True,
            LOAD: move.where not in building,
            SEAT: move.where not in building and surplus <= 0 if move.where else not building,
            LEAVE: surplus > 0,
            SERVE: not building,
            CLEAR: is_served,
            CLOSE: is_served and emptied,
        }
        if is_next[move.kind]:
            yield position
