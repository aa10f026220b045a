"""What a run is worth, worked out from its trace: how soon a good plan, how soon the proof of it.

A trace says when which plan and which bound was at hand. Between two points both stand still, and
nothing after the limit counts. With v(t) the best plan, b(t) the best bound and v* the best known:

    distance(t)          = min(1, max(0, v(t) − v*) / |v*|),   1 before the first plan
    gap(t)               = min(1, (v(t) − b(t)) / |v(t)|),     1 before plan and bound
    primal integral      = ∫ distance(t) dt,   primal-dual integral = ∫ gap(t) dt,   0 ≤ t ≤ limit

                                        Source: Berthold, 2013, Measuring the impact of primal
                                        heuristics; with |v*| below instead of max(|v|, |v*|)
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

SHARES = (0.05, 0.02, 0.01)
"""The distances from the best known plan whose times are reported."""
SAME = 1e-6
"""Relative difference between two values that are one value computed twice."""
EXACT = 1e-9
"""Relative gap that is none, as the planner has it."""


class Point(NamedTuple):
    """What was at hand from `seconds` after the command began; None where there is nothing yet."""

    seconds: float
    value: float | None
    bound: float | None


@dataclass(frozen=True)
class Measures:
    """One run in figures: seconds, but `gap` (a share), `value` and `bound`; NaN is never.

    `first` is the first plan of any kind, be it one that serves nobody; `within_5` is the first
    within 5 % of the best known plan, and so on.
    """

    first: float
    within_5: float
    within_2: float
    within_1: float
    value: float
    bound: float
    gap: float
    primal: float
    primal_dual: float


def measure(points: Iterable[Point], best_known: float, limit_s: float) -> Measures:
    """Return the figures of one trace against the best known value, NaN if there is none."""
    steps = best_so_far(points, limit_s)
    value, bound = (steps[-1].value, steps[-1].bound) if steps else (None, None)
    within_5, within_2, within_1 = (_within(steps, best_known, share) for share in SHARES)
    return Measures(
        first=_first(steps, lambda _: True),
        within_5=within_5,
        within_2=within_2,
        within_1=within_1,
        value=math.nan if value is None else value,
        bound=math.nan if bound is None else bound,
        gap=gap(value, bound),
        primal=_integral(steps, limit_s, lambda p: distance(p.value, best_known)),
        primal_dual=_integral(steps, limit_s, lambda p: gap(p.value, p.bound)),
    )


def best_so_far(points: Iterable[Point], limit_s: float) -> list[Point]:
    """Return the points within the limit in order of time, each with the best up to then."""
    found: list[Point] = []
    value: float | None = None
    bound: float | None = None
    for point in sorted(points, key=lambda point: point.seconds):
        if point.seconds > limit_s:
            break
        value = _best(min, value, point.value)
        bound = _best(max, bound, point.bound)
        found.append(Point(point.seconds, value, bound))
    return found


def distance(value: float | None, best_known: float) -> float:
    """Return how far a plan is from the best known one, as a share of that, at most 1."""
    if value is None or math.isnan(best_known):
        return 1.0
    excess = value - best_known
    if excess <= SAME * max(1.0, abs(best_known)):
        return 0.0
    return min(1.0, excess / abs(best_known)) if best_known else 1.0


def gap(value: float | None, bound: float | None) -> float:
    """Return the relative gap between plan and bound, at most 1."""
    if value is None or bound is None:
        return 1.0
    excess = value - bound
    if excess <= EXACT * max(1.0, abs(value)):
        return 0.0
    return min(1.0, excess / abs(value)) if value else 1.0


def medians(runs: Sequence[Measures]) -> Measures:
    """Return the median of every figure; one that was never reached counts as the worst."""

    def middle(name: str) -> float:
        found = [getattr(run, name) for run in runs]
        worst = -math.inf if name == "bound" else math.inf
        result = statistics.median_low([worst if math.isnan(value) else value for value in found])
        return math.nan if math.isinf(result) else result

    return Measures(**{field.name: middle(field.name) for field in fields(Measures)})


def _best(
    choose: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def _within(steps: Sequence[Point], best_known: float, share: float) -> float:
    return _first(steps, lambda value: distance(value, best_known) <= share)


def _first(steps: Sequence[Point], enough: Callable[[float], bool]) -> float:
    return next((p.seconds for p in steps if p.value is not None and enough(p.value)), math.nan)


def _integral(steps: Sequence[Point], limit_s: float, height: Callable[[Point], float]) -> float:
    return sum(seconds * height(point) for point, seconds in _lasting(steps, limit_s))


def _lasting(steps: Sequence[Point], limit_s: float) -> Iterator[tuple[Point, float]]:
    """Yield what was at hand and for how many seconds, from the start of the command on."""
    now = Point(0.0, None, None)
    for following in [*steps, Point(limit_s, None, None)]:
        yield now, following.seconds - now.seconds
        now = following
