"""Every two single failures at once: which pairs do more than either failure alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import cast

from models.data import Item
from models.failure_states import Solved, States
from models.outage import NEARLY
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import WhatIsLeft
from planner.evaluation.stress_results import Pair, Pairs, Shock

BROKEN = ("halted", "lost_models", "silent_policies", "forged_policies")
"""The fields of a shock that name what it ends."""


def every_pair(
    desk: Desk, states: States, solved: Solved, single: Mapping[str, tuple[Item, ...]]
) -> Pairs:
    """Return what every pair does, as far as it is known; `solved` has the single failures.

    Pairs of failures that take the same are one, and a pair is not solved where its state follows.
    """
    alike: dict[int, list[str]] = defaultdict(list)
    for name, failed in single.items():
        alike[states.effect(failed)].append(name)
    alike.pop(0, None)  # what takes nothing here does no more with another
    couples = {
        (first, second): states.state(states.together((first, second)))
        for first, second in combinations(alike, 2)
    }
    asked = len(single) * (len(single) - 1) // 2
    count = 0
    if desk.asked.rows:
        couple_of = {state: couple for couple, state in reversed(couples.items())}
        missing = [couple_of[state] for state in solved.missing(couples.values())]
        questions = [
            WhatIsLeft((*single[alike[first][0]], *single[alike[second][0]]))
            for first, second in missing
        ]
        for question, left in desk.ask(questions, "what every pair leaves"):
            failed = cast(WhatIsLeft, question).failed
            solved.add(states.state(states.effect(failed)), left)
            count += 1
    alone = {
        effect: _shock(desk, solved, states.state(effect), single[names[0]])
        for effect, names in alike.items()
    }
    worse: list[Pair] = []
    for (first, second), state in couples.items():
        both = _shock(desk, solved, state, (*single[alike[first][0]], *single[alike[second][0]]))
        one, other = alone[first], alone[second]
        if both is not None and one is not None and other is not None:
            worse.extend(_worse(tuple(alike[first]), tuple(alike[second]), both, one, other))
    worse.sort(key=lambda pair: (pair.served if pair.served is not None else 1.0, pair.first))
    unknown = len(missing) - count if desk.asked.rows else 0
    return Pairs(asked, count, asked - count - unknown, tuple(worse))


def _shock(desk: Desk, solved: Solved, state: int, failed: tuple[Item, ...]) -> Shock | None:
    left = solved.of(state)
    return None if left is None and desk.asked.rows else desk.asked.shock("", failed, left)


def _worse(
    first: tuple[str, ...], second: tuple[str, ...], both: Shock, one: Shock, other: Shock
) -> Iterator[Pair]:
    """Yield the pair if it does more than either of its failures."""
    served = [shock.served for shock in (one, other) if shock.served is not None]
    more = {
        name: tuple(
            sorted(set(getattr(both, name)).difference(getattr(one, name), getattr(other, name)))
        )
        for name in BROKEN
    }
    least = min(served, default=None)
    is_less = both.served is not None and least is not None and both.served < least - NEARLY
    if is_less or any(more.values()):
        yield Pair(first, second, both.served, least, **more)
