"""Rows are separated as long as there is time, and a point is a plan only if all were sought."""

from __future__ import annotations

import threading

import pytest

from models.classes import demand_classes
from models.objectives import stage
from planner.solver.clock import Clock
from planner.solver.problem import Problem
from tests.rules.test_diversity_service import asking, at, four


def rows_found(seconds: float | None, *sites: str) -> int:
    """Return how many rows are separated at a point with nine nodes at each of these sites."""
    network = four(asking(2, "provider"), asking(2, "country"))
    problem = Problem(network, demand_classes(network))
    problem.compile([stage(problem.block, network, list(network.goals))])
    clock = None if seconds is None else Clock(seconds, threading.Event())
    problem.hand_over(threading.Event(), {}, clock)
    values = problem.arrays.lower.copy()
    for site in sites:
        values[problem.arrays.column_of[id(problem.block.nodes[at(site)])]] = 9.0
    return problem.separate(values)


@pytest.mark.parametrize("seconds", [None, 1000.0])
def test_while_there_is_time_every_row_is_found(seconds: float | None) -> None:
    # Nothing stands: each of the two rows of Diversity is broken.
    assert rows_found(seconds) == 2


def test_without_time_one_row_is_enough_to_say_that_a_point_is_no_plan() -> None:
    assert rows_found(0.0) == 1


def test_a_point_that_breaks_nothing_is_told_so_however_late_it_is() -> None:
    assert rows_found(0.0, "a", "c") == 0
