"""Points go into a solve and come out of it while it goes on."""

from __future__ import annotations

import numpy as np
import pytest

from bench.networks import Size, generate
from models.network import Goal
from models.objectives import stage
from planner.solver.arrays import FloatArray
from planner.solver.highs import Engine
from tests.cases import small
from tests.models.test_covers import handed_over


@pytest.fixture(scope="module")
def engine() -> Engine:
    """A model that needs a search for its first point."""
    network = generate(Size(sites=25, regions=20, models=3), 1)
    goals = [Goal(1, "monthly_cost"), Goal(1, "unserved", 1e6)]
    problem = handed_over(network)
    expression = stage(problem.block, network, goals)
    problem.minimise(problem.arrays.costs(expression.terms), expression.constant)
    return problem.engine


def test_what_a_solve_finds_is_told_as_it_is_found(engine: Engine) -> None:
    points: list[FloatArray] = []
    found = engine.solve(time_limit_s=20.0, gap=0.1, improved=points.append)
    assert found.values is not None
    assert len(points) > 1
    assert np.allclose(points[-1], found.values)


def test_a_better_point_from_elsewhere_is_gone_on_from(engine: Engine) -> None:
    given = engine.solve(time_limit_s=20.0, gap=0.1)
    with engine.without_heuristics():
        alone = engine.solve(time_limit_s=20.0, max_nodes=1)
        found = engine.solve(
            time_limit_s=20.0,
            max_nodes=1,
            better=lambda incumbent: given.values if incumbent > given.objective else None,
        )
    assert alone.objective > given.objective
    assert found.objective <= given.objective + 1e-6 * abs(given.objective)


def test_what_goes_wrong_with_who_is_called_back_is_raised() -> None:
    problem = handed_over(small())
    problem.minimise(np.ones(len(problem.arrays)))

    def broken(*_: float) -> None:
        raise RuntimeError("the listener is broken")

    with pytest.raises(RuntimeError, match="the listener is broken"):
        problem.engine.solve(time_limit_s=20.0, progress=broken)
