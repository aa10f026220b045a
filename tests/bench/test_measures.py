"""Figures of a trace, worked out by hand: limit 10 s, best known plan 100."""

from __future__ import annotations

import math

import pytest

from bench.measures import Measures, Point, best_so_far, distance, gap, measure, medians

TRACE = (
    Point(2.0, None, 50.0),
    Point(4.0, 300.0, 50.0),
    Point(5.0, 104.0, 52.0),
    Point(8.0, 101.0, 101.0 * 0.9),
    Point(11.0, 100.0, 100.0),
)


def test_times_are_those_of_the_first_plan_that_is_good_enough() -> None:
    found = measure(TRACE, 100.0, 10.0)
    assert (found.first, found.within_5, found.within_2, found.within_1) == (4.0, 5.0, 8.0, 8.0)


def test_what_is_never_reached_is_not_a_number() -> None:
    assert math.isnan(measure(TRACE[:3], 100.0, 10.0).within_2)
    assert math.isnan(measure((), 100.0, 10.0).first)


def test_nothing_after_the_limit_counts() -> None:
    found = measure(TRACE, 100.0, 10.0)
    assert found.value == 101.0
    assert found.gap == pytest.approx(0.1)


def test_the_primal_integral_counts_full_distance_until_there_is_a_plan() -> None:
    # 0–4 s no plan: 1 each; 4–5 s 300 against 100 is 200 % away, counted as 1;
    # 5–8 s 4 % away; 8–10 s 1 % away: 4 + 1 + 3 · 0.04 + 2 · 0.01.
    assert measure(TRACE, 100.0, 10.0).primal == pytest.approx(5.14)


def test_the_primal_dual_integral_counts_the_proven_gap() -> None:
    # 0–4 s no plan: 1 each; 4–5 s (300 − 50) / 300; 5–8 s (104 − 52) / 104; 8–10 s 10 %.
    assert measure(TRACE, 100.0, 10.0).primal_dual == pytest.approx(4 + 250 / 300 + 1.5 + 0.2)


def test_a_run_that_finds_nothing_has_the_limit_as_both_integrals() -> None:
    found = measure((), 100.0, 10.0)
    assert (found.primal, found.primal_dual, found.gap) == (10.0, 10.0, 1.0)


def test_without_any_plan_known_every_plan_is_far_away() -> None:
    assert measure(TRACE, math.nan, 10.0).primal == 10.0


def test_best_plan_and_bound_are_kept_whatever_comes_later_and_in_whatever_order() -> None:
    shuffled = (Point(3.0, 9.0, 1.0), Point(1.0, 7.0, 2.0), Point(2.0, None, None))
    assert best_so_far(shuffled, 10.0) == [
        Point(1.0, 7.0, 2.0),
        Point(2.0, 7.0, 2.0),
        Point(3.0, 7.0, 2.0),
    ]


@pytest.mark.parametrize(
    ("value", "best_known", "expected"),
    [
        (None, 100.0, 1.0),
        (100.0, 100.0, 0.0),
        (99.0, 100.0, 0.0),  # better than the best known: no distance, never a negative one
        (150.0, 100.0, 0.5),
        (-50.0, -100.0, 0.5),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 1.0),
    ],
)
def test_distance(value: float | None, best_known: float, expected: float) -> None:
    assert distance(value, best_known) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "bound", "expected"),
    [
        (None, 5.0, 1.0),
        (10.0, None, 1.0),
        (10.0, 9.0, 0.1),
        (10.0, 11.0, 0.0),  # a bound above the plan is tolerance
        (10.0, -90.0, 1.0),
        (0.0, 0.0, 0.0),
        (0.0, -1.0, 1.0),
    ],
)
def test_gap(value: float | None, bound: float | None, expected: float) -> None:
    assert gap(value, bound) == pytest.approx(expected)


def test_a_median_counts_what_was_never_reached_as_the_worst() -> None:
    def run(seconds: float, bound: float) -> Measures:
        return Measures(seconds, seconds, seconds, seconds, 1.0, bound, 0.5, 1.0, 1.0)

    one_missing = medians([run(3.0, 7.0), run(math.nan, math.nan), run(1.0, 9.0)])
    assert (one_missing.first, one_missing.bound) == (3.0, 7.0)
    two_missing = medians([run(3.0, 7.0), run(math.nan, math.nan), run(math.nan, math.nan)])
    assert math.isnan(two_missing.first)
    assert math.isnan(two_missing.bound)
