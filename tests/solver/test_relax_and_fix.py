"""Plans made a few sites at a time, and neighbourhoods of a few flows, keep every rule."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bench.networks import SIZES, generate
from planner.evaluation.audit import audit, audit_stages
from planner.result import Limits
from planner.solver import finish, relax_and_fix, search, standing
from planner.solver.clock import Clock
from planner.solver.geography import Geography
from planner.solver.solve import solve
from tests.solver.test_part import prepared
from tests.solver.test_solve import solvable
from tests.thorough import some

EXACT = Limits(time_limit_s=30.0, gap=0.0)


@pytest.fixture
def in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every relaxation be rounded two sites at a time."""
    monkeypatch.setattr(relax_and_fix, "MANY", 1)
    monkeypatch.setattr(standing, "NEAR", 0.0)
    monkeypatch.setattr(relax_and_fix, "TOGETHER", 2)
    monkeypatch.setattr(relax_and_fix, "NEIGHBOURS", 1)
    monkeypatch.setattr(search, "MOST_ROUTED", 0)
    monkeypatch.setattr(search, "NEIGHBOURS", 1)


def test_random_networks_have_the_same_optimum_by_turns(
    in_turns: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    run = relax_and_fix.RelaxAndFix.run

    def noted(self, *given):  # type: ignore[no-untyped-def]
        made.append(run(self, *given))
        return made[-1]

    for seed in some(range(60)):
        network = solvable(seed)
        with monkeypatch.context() as patch:
            patch.setattr(relax_and_fix, "MANY", 10**6)
            known = solve(network, EXACT)
        with monkeypatch.context() as patch:
            patch.setattr(relax_and_fix.RelaxAndFix, "run", noted)
            found = solve(network, EXACT)
        assert found.status == known.status
        assert [entry.value for entry in found.stages] == pytest.approx(
            [entry.value for entry in known.stages], rel=1e-6, abs=1e-6
        ), f"network {seed}"
        if found.plan is not None:
            wrong = audit(network, found.plan) + audit_stages(network, found.plan, found.stages)
            assert not wrong, f"network {seed}: {wrong[0]}"
    assert len([point for point in made if point is not None]) > 10


@pytest.mark.parametrize("case", some(["S", "S-local"]))
def test_a_plan_made_in_turns_is_not_far_from_the_relaxation(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relax_and_fix, "TOGETHER", 5)
    turns: list[int] = []
    genuine = relax_and_fix.RelaxAndFix._turn
    monkeypatch.setattr(
        relax_and_fix.RelaxAndFix,
        "_turn",
        lambda self, *given: turns.append(len(given[1])) or genuine(self, *given),
    )
    problem, costs = prepared(generate(SIZES[case], 1))
    with problem.engine.relaxation():
        point = problem.engine.solve(time_limit_s=60).values
    assert point is not None
    way = relax_and_fix.RelaxAndFix(problem, Geography(problem), costs, 0.0, 0.01)
    plan = way.run(point, Clock(60.0, threading.Event()))
    assert plan is not None
    assert len(turns) > 1
    whole = problem.arrays.integer
    assert np.abs(plan[whole] - np.round(plan[whole])).max() < 1e-6
    assert not problem.separate(plan)
    assert float(costs @ point) <= float(costs @ plan) <= 1.3 * float(costs @ point)


def test_sites_without_time_for_a_turn_are_rounded_up(
    in_turns: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relax_and_fix, "TURNS_SHARE", 0.0)
    problem, costs = prepared(generate(SIZES["S"], 1))
    with problem.engine.relaxation():
        point = problem.engine.solve(time_limit_s=60).values
    assert point is not None
    way = relax_and_fix.RelaxAndFix(problem, Geography(problem), costs, 0.0, 0.01)
    ends: list[np.ndarray] = []
    monkeypatch.setattr(finish, "decided", lambda _problem, values, *_: ends.append(values))
    way.run(point, Clock(60.0, threading.Event()))
    (rounded,) = ends
    warm = problem.columns(problem.block.warm.values())
    assert np.array_equal(rounded[warm], np.ceil(point[warm] - 1e-6))
    held, column_of = 0, problem.arrays.column_of
    for offer in problem.network.offers_of("execution"):
        column = column_of[id(problem.block.nodes[offer])]
        load = sum(
            problem.block.packings[placed].measures[0][size]
            * rounded[column_of[id(problem.block.warm[*placed, name])]]
            for (placed, name), size in problem.block.sizes.items()
            if placed == offer
        )
        held += rounded[column] >= load > 0
        assert rounded[column] >= load - 1e-6 or rounded[column] == problem.arrays.upper[column]
    assert held > 0


def test_without_time_there_is_no_plan(in_turns: None) -> None:
    problem, costs = prepared(generate(SIZES["S"], 1))
    with problem.engine.relaxation():
        point = problem.engine.solve(time_limit_s=60).values
    assert point is not None
    way = relax_and_fix.RelaxAndFix(problem, Geography(problem), costs, 0.0, 0.01)
    assert way.run(point, Clock(0.0, threading.Event())) is None
