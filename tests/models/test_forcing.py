"""Forcing rows hold for every plan, and lift facility location near its optimum."""

from __future__ import annotations

import pytest

from bench import facilities
from models import forcing
from models.classes import demand_classes
from models.objectives import stage
from planner.result import Limits
from planner.solver import loosened
from planner.solver.loosened import Loosened
from planner.solver.problem import Problem
from planner.solver.solve import solve
from tests.cases import small
from tests.models.test_covers import handed_over, rows_that_hold
from tests.solver.test_loosened import bound


def test_no_plan_of_random_networks_breaks_a_row() -> None:
    assert rows_that_hold(forcing.separate, range(300)) > 10


def test_the_relaxation_of_facility_location_comes_near_its_optimum() -> None:
    network = facilities.generate(1, sites=12, customers=60)
    best = solve(network, Limits(time_limit_s=60.0, gap=1e-6))
    assert best.status == "optimal"
    problem = handed_over(network)
    cost = stage(problem.block, network, [goal for goal in network.goals if goal.priority == 2])
    assert problem.fix_if_least(
        problem.arrays.costs(stage(problem.block, network, [network.goals[0]]).terms), 0.0
    )
    problem.minimise(problem.arrays.costs(cost.terms), cost.constant)
    bounds = []
    with problem.engine.relaxation():
        while True:
            outcome = problem.engine.solve(time_limit_s=20.0)
            assert outcome.values is not None
            bounds.append(outcome.objective)
            if not problem.tighten(outcome.values):
                break
    assert bounds == sorted(bounds)
    assert bounds[0] < 0.9 * best.stages[1].value
    assert 0.98 * best.stages[1].value < bounds[-1] <= best.stages[1].value * (1 + 1e-6)


def test_the_loosened_model_holds_every_flow_that_nodes_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = facilities.generate(1, sites=25, customers=40)
    classes = demand_classes(network)
    assert forcing.by_nodes(network, classes).all()
    assert not Loosened(network, classes).left_out.any()
    unserved, cost = network.goals
    reached = bound(network, [cost], keep=[unserved])
    assert reached == pytest.approx(solve(network, Limits(60.0, 1e-3)).stages[1].value, rel=0.02)
    with monkeypatch.context() as patch:
        patch.setattr(loosened, "MOST_BY_NODES", 25 * 40 - 1)
        assert Loosened(network, classes).left_out.any()


def test_a_solve_asks_for_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    added, genuine = [], Problem.tighten
    monkeypatch.setattr(
        Problem, "tighten", lambda *given: added.append(genuine(*given)) or added[-1]
    )
    solve(facilities.generate(1, sites=12, customers=60), Limits(20.0, 0.01))
    assert max(added) > 0


def test_replicas_of_models_have_no_such_rows() -> None:
    network = small()
    classes = demand_classes(network)
    served = {classes.jobs[place.job].model for place in classes.places}
    assert all(network.models[model].gpu_memory_gb for model in served)
    assert not forcing.by_nodes(network, classes).any()
