"""Which few failures at once leave least demand served: proven where every set was looked at.

That is so for one failure, and for two where every pair was asked for. Others are found by adding
failures one by one, always the one that then takes most, of those that take most by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, cast

from models.data import Item
from models.failure_states import Solved, States
from models.outage import NEARLY
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import WhatIsLeft
from planner.evaluation.stress_results import LeastServed

TRIED = 20
"""How many failures, those that take most by themselves, are tried beside what was found."""
ROUNDED = 9
"""Decimals that tell shares served apart; the linear program knows no more."""


class _Set(NamedTuple):
    """Failures at once, and what they take."""

    failed: tuple[Item, ...]
    effect: int


def least_served(
    desk: Desk,
    states: States,
    solved: Solved,
    single: Iterable[Item],
    kinds: tuple[str, ...],
    worst: int,
    pairs: bool,
) -> Iterator[LeastServed]:
    """Yield the worst up to so many failures of any mix and of each of the kinds, until a stop.

    `solved` has the single failures, and with `pairs` all pairs. What no plan escapes for any
    demand row is left out.
    """
    rows = desk.asked.rows
    spared = [frozenset(desk.asked.unavoidable_to(row)) for row in rows]
    escaped = frozenset.intersection(*spared) if spared else frozenset()
    judged = [item for item in single if item not in escaped]
    for kind in ("", *kinds) if rows else ():
        of_kind = [item for item in judged if not kind or item.kind == kind]
        # What takes the same is one, and what takes nothing here takes no more with others.
        alike = {states.effect((item,)): item for item in reversed(of_kind)}
        alone = [_Set((item,), effect) for effect, item in sorted(alike.items()) if effect]
        best, served = _Set((), 0), _served(desk, states, solved, _Set((), 0))
        if served is None:
            return
        ranked = _ranked(desk, states, solved, alone)
        for count in range(1, worst + 1):
            tried: Sequence[_Set] = alone
            if count == 2 and pairs:
                tried = [_both(states, *couple) for couple in combinations(alone, 2)]
            elif count > 1 and served > NEARLY:
                more = (_both(states, best, other) for other in ranked[:TRIED])
                tried = [found for found in more if found.effect != best.effect]
                _solve(desk, states, solved, tried)
            if desk.stop.is_set():
                return
            known = [(_served(desk, states, solved, found), found) for found in tried]
            least = min(
                ((share, found) for share, found in known if share is not None),
                default=(served, best),
            )
            if least[0] < served - NEARLY:
                served, best = least
            is_every = count == 1 or (count == 2 and pairs)
            is_proven = is_every and all(share is not None for share, _ in known)
            mix = (kind,) if kind else ()
            yield LeastServed(mix, count, best.failed, served, is_proven or served <= NEARLY)


def _both(states: States, one: _Set, other: _Set) -> _Set:
    failed = tuple(sorted((*one.failed, *other.failed)))
    return _Set(failed, states.together((one.effect, other.effect)))


def _served(desk: Desk, states: States, solved: Solved, found: _Set) -> float | None:
    """Return the share of demand that is left; None if it is not known."""
    left = solved.of(states.state(found.effect))
    return None if left is None else round(desk.asked.served(left), ROUNDED)


def _ranked(desk: Desk, states: States, solved: Solved, alone: Iterable[_Set]) -> list[_Set]:
    """Return the single failures of which it is known, those that leave least first."""
    known = [(_served(desk, states, solved, found), found) for found in alone]
    return [found for _, found in sorted((s, found) for s, found in known if s is not None)]


def _solve(desk: Desk, states: States, solved: Solved, sets: Iterable[_Set]) -> None:
    """Ask what these leave, where it does not follow from what is known."""
    of_state = {states.state(found.effect): found for found in sets}
    questions = [WhatIsLeft(of_state[state].failed) for state in solved.missing(of_state)]
    for question, left in desk.ask(questions, "what the worst few leave"):
        failed = cast(WhatIsLeft, question).failed
        solved.add(states.state(states.effect(failed)), left)
