"""A bound sought beside the plans is as true as one sought before them, and ends when asked to."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.networks import SIZES, Size, generate
from models.expressions import Expression
from models.network import Goal
from planner.job import Job, limits_of
from planner.jobs.requests import cores
from planner.result import Limits
from planner.solver import finish, stage
from planner.solver.arrays import FloatArray, IntArray
from planner.solver.clock import Clock
from planner.solver.highs import Engine, Outcome
from planner.solver.prover import Proof, Prover
from planner.solver.search import NeighbourhoodSearch
from planner.solver.solve import solve
from planner.solver.stage import StageSolver
from planner.solver.standing import Standing
from tests.cases import small
from tests.models.test_covers import handed_over
from tests.solver.test_solve import solvable
from tests.thorough import parts

ALONE = Limits(time_limit_s=60.0, gap=0.0)
BESIDE = replace(ALONE, threads=2)


@pytest.fixture(autouse=True)
def every_model_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones too."""
    monkeypatch.setattr(stage, "BESIDE_FROM", 0)


@pytest.mark.parametrize("part", parts(3))
def test_plans_and_bounds_are_those_of_one_after_the_other(part: int) -> None:
    """60 random networks in three parts; also what is told on the way bounds the best plan."""
    told: list[tuple[str, float]] = []
    seen = set()
    for seed in range(20 * part, 20 * (part + 1)):
        network = solvable(seed)
        alone = solve(network, ALONE)
        told.clear()
        beside = solve(
            network, BESIDE, progress=lambda name, _, bound, __: told.append((name, bound))
        )
        assert beside.status == alone.status
        for one, other in zip(alone.stages, beside.stages, strict=True):
            most = one.value + 1e-6 * abs(one.value) + 1e-2
            assert other.value == pytest.approx(one.value, rel=1e-6, abs=1e-2)
            assert all(bound <= most for name, bound in told if name == one.measure)
            assert other.bound <= most
        seen.add(alone.status)
    assert "optimal" in seen


def test_both_sides_have_their_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside, rungs end while neighbourhoods are searched; alone, before they are."""
    order: list[str] = []
    stop = threading.Event()
    rung, improve = Prover._rung, NeighbourhoodSearch.improve

    def rung_told(self: Prover, *given: Any) -> Any:
        order.append("rung begins")
        found = rung(self, *given)
        order.append("rung ends")
        return found

    def improve_told(self: NeighbourhoodSearch, *given: Any, **more: Any) -> Any:
        order.append("search")
        stop.set()
        return improve(self, *given, **more)

    monkeypatch.setattr(Prover, "_rung", rung_told)
    monkeypatch.setattr(NeighbourhoodSearch, "improve", improve_told)
    network = generate(Size(sites=25, regions=20, models=3), 1)
    solve(network, Limits(20.0, gap=0.0, threads=2), stop)
    assert order.index("rung begins") < order.index("search")
    beside = [*order]
    order.clear()
    stop.clear()
    solve(network, Limits(5.0, gap=0.0), stop)
    first = order.index("search")
    assert order[:first].count("rung begins") == order[:first].count("rung ends") > 0
    assert beside[: beside.index("search")].count("rung ends") <= 1


def test_what_ends_the_prover_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the rung is broken")

    monkeypatch.setattr(Prover, "_rung", broken)
    for limits in (BESIDE, ALONE):
        with pytest.raises(RuntimeError, match="the rung is broken"):
            solve(generate(Size(sites=25, regions=20, models=3), 1), replace(limits, gap=0.01))


def test_a_stop_ends_both_sides_and_keeps_the_plan() -> None:
    stop = threading.Event()
    found = solve(
        generate(SIZES["S"], 1),
        Limits(600.0, gap=0.0, threads=2),
        stop,
        lambda _, value, __, ___: stop.set() if value < float("inf") else None,
    )
    assert (found.status, found.plan is not None) == ("interrupted", True)
    assert not [thread for thread in threading.enumerate() if thread.name == "prover"]


def test_a_run_has_all_cores_but_those_it_is_denied() -> None:
    job = Job(Path("network.xlsx"), Path("out"))
    assert limits_of(job, small()).threads == cores()
    assert limits_of(replace(job, solver={"threads": 1}), small()).threads == 1


def test_a_plan_that_only_the_prover_has_is_kept_when_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is rounded, and somebody asks to stop once the prover has solved everything."""
    stop = threading.Event()

    def waits(self: StageSolver) -> None:
        assert self.prover is not None
        self.prover._thread.join(60)
        stop.set()

    monkeypatch.setattr(StageSolver, "_round", waits)
    network = replace(small(), goals=(Goal(1, "monthly_cost"),))
    network = replace(network, settings=replace(network.settings, require_served=True))
    found = solve(network, BESIDE, stop)
    assert found.status == "interrupted"
    assert found.plan is not None


def test_without_a_plan_the_first_point_of_a_rung_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StageSolver, "_round", lambda _: None)
    network = generate(SIZES["S"], 1)
    network = replace(network, goals=(Goal(1, "monthly_cost"), Goal(1, "unserved", 1e6)))
    found = solve(network, Limits(20.0, gap=0.5, threads=2))
    assert found.plan is not None


def test_a_rung_ends_once_it_has_proven_the_best_plan_good_enough() -> None:
    problem = handed_over(small())
    costs = np.ones(len(problem.arrays))
    standing = Standing(problem.arrays, Expression(()), None, 0.1, None, None)
    standing.costs, standing.best = costs, np.full(len(costs), 1.0)
    prover = Prover(problem, standing, problem.whole[:0], Clock(9.0, threading.Event()), 0.0)
    value = standing.value
    assert not prover._is_enough(2 * value, 0.5 * value)
    assert prover._is_enough(2 * value, 0.95 * value)
    assert prover._says_little(2 * value, 0.95 * value)
    assert not prover._says_little(2 * value, 0.5 * value)


def test_what_proof_and_search_race_for_is_told_to_depend_on_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = [solvable(seed) for seed in range(12)]
    assert any(solve(network, BESIDE).clock_stopped for network in networks)
    monkeypatch.setattr(stage, "BESIDE_FROM", 100_000)
    assert not any(solve(network, BESIDE).clock_stopped for network in networks)


def test_beside_each_other_both_sides_go_on_from_the_better_plan() -> None:
    problem = handed_over(small())
    standing = Standing(problem.arrays, Expression(()), None, 0.1, None, None)
    standing.costs = np.ones(len(problem.arrays))
    good, poor = np.full(len(standing.costs), 1.0), np.full(len(standing.costs), 2.0)
    prover = Prover(problem, standing, problem.whole[:0], Clock(9.0, threading.Event()), 0.0)
    assert prover._better(np.inf) is None
    prover._improved(poor)
    assert prover.has_news
    assert prover.plan() is poor
    assert not prover.has_news
    prover._improved(poor)
    standing.offer(good)
    assert not prover.has_news  # by now it is no better
    assert prover._better(standing.value_of(poor)) is good
    assert prover._better(standing.value) is None
    assert prover._better(standing.value * (1 + 1e-9)) is None  # what arithmetic leaves


def test_only_beside_each_other_are_plans_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a rung in which not everything is whole, none is taken: its points are no plans."""
    expected = {(True, True, True), (False, True, False)}
    shared, stop = set(), threading.Event()
    engine_solve = Engine.solve

    def told(self: Engine, **how: Any) -> Outcome:
        if threading.current_thread().name == "prover":
            is_whole = bool(np.array_equal(self.whole, np.flatnonzero(self.program.integer)))
            gives, takes = how.get("better") is not None, how.get("improved") is not None
            shared.add((is_whole, gives, takes))
            if expected <= shared:
                stop.set()
        return engine_solve(self, **how)

    monkeypatch.setattr(Engine, "solve", told)
    network = generate(Size(sites=25, regions=20, models=3), 1)
    solve(network, Limits(20.0, gap=0.0, threads=2), stop)
    assert shared == expected
    shared.clear()
    solve(network, Limits(20.0, gap=0.2))
    assert shared
    assert not any(gives or takes for _, gives, takes in shared)


@pytest.mark.parametrize(
    ("beside", "near", "completed"), [(True, 1e-6, 0), (True, 0.9, 1), (False, 1e-6, 1)]
)
def test_beside_a_good_plan_the_point_of_a_rung_only_says_where_to_search(
    beside: bool, near: float, completed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, done = handed_over(small()), []
    point = np.zeros(len(problem.arrays))
    monkeypatch.setattr(StageSolver, "_complete", lambda *_: done.append(True))
    clock = Clock(9.0, threading.Event())
    solver = StageSolver(problem, Expression(()), point, clock, 0.0, 0, None, beside=beside)
    solver.standing.constant = 1.0
    solver.standing.prove(1.0 - near)
    solver._follow(Proof(Outcome("limit", point, 0.0, 0.0, 0.0), is_whole=False))
    assert solver._neighbourhoods.guide is point
    assert len(done) == completed


@pytest.mark.parametrize("is_legal", [True, False])
def test_the_best_that_the_prover_has_is_taken_when_time_is_over(
    is_legal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it breaks a rule nothing is made of it any more: there is a plan."""
    problem = handed_over(small())
    points = [np.full(len(problem.arrays), value) for value in (4.0, 3.0, 2.0)]
    solver = StageSolver(
        problem, Expression(()), points[0], Clock(0.0, threading.Event()), 0.0, 0, None
    )
    solver.standing.costs = np.ones(len(problem.arrays))
    solver.prover = solver._new_prover(solver.clock)
    for point in points[1:]:
        proof = Proof(Outcome("limit", point, 0.0, 0.0, 0.0), is_whole=True)
        solver.prover._ended.put(proof)
    monkeypatch.setattr(problem, "separate", lambda _: 0 if is_legal else 1)
    solver._search_and_complete()
    assert solver.standing.best is points[2 if is_legal else 0]


def test_a_prover_without_rows_that_its_plan_breaks_need_not_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = handed_over(small())
    solver = StageSolver(problem, Expression(()), None, Clock(9.0, threading.Event()), 0.0, 0, None)
    solver.prover = solver._new_prover(solver.clock)
    monkeypatch.setattr(problem, "separate", lambda _: 1)
    monkeypatch.setattr(finish, "exact", lambda *_: None)
    solver.prover._improved(np.zeros(len(problem.arrays)))
    solver._take_plan()
    assert solver.prover.stop.is_set()


def staged(beside: bool = True) -> StageSolver:
    """Return the solver of a stage in which nothing costs anything: it has no rung but the last."""
    clock = Clock(9.0, threading.Event())
    return StageSolver(
        handed_over(small()), Expression(()), None, clock, 0.0, 0, None, beside=beside
    )


def test_where_no_rung_is_easier_than_the_last_a_plan_is_sought_before_it_is_begun() -> None:
    solver = staged()
    steps = [step.__name__ for step in solver._steps()]
    assert steps.index("_round") < steps.index("_begin_proof")
    solver.dearest = solver.problem.whole[:1]
    steps = [step.__name__ for step in solver._steps()]
    assert steps.index("_begin_proof") < steps.index("_round")


def test_beside_the_search_what_a_rung_has_proven_counts_before_it_ends() -> None:
    problem = handed_over(small())
    standing = Standing(problem.arrays, Expression(()), None, 0.1, None, None)
    prover = Prover(problem, standing, problem.whole[:0], Clock(9.0, threading.Event()), 0.0)
    prover._is_enough(9.0, 1.0)
    prover._says_little(9.0, 1.0)
    assert standing.proven == -np.inf  # where nothing goes on beside, a rung says so in the end
    prover._is_beside = True
    prover._is_enough(9.0, 1.0)
    assert standing.proven == 1.0
    prover._says_little(9.0, 2.0)
    assert standing.proven == 2.0


@pytest.mark.parametrize(
    ("has_separated", "found", "beside", "expected"),
    [
        (True, ("addable",), True, ["addable"]),
        (True, ("nodes",), True, ["addable", "nodes"]),
        (True, ("nodes", "any"), False, ["addable", "nodes", "any"]),
        (False, ("any",), True, ["any"]),
        (True, ("others",), True, ["addable", "nodes", "any", "others"]),
    ],
)
def test_a_point_is_made_a_plan_with_numbers_next_to_it_first(
    has_separated: bool,
    found: tuple[str, ...],
    beside: bool,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solver = staged(beside)
    problem, point = solver.problem, np.zeros(len(solver.costs))
    problem.has_separated = has_separated
    names = {len(problem.addable): "addable", len(problem.addable_nodes): "nodes", 0: "any"}
    assert len(names) == 3
    asked: list[str] = []

    def completed(of: StageSolver, _: FloatArray, among: IntArray, near: IntArray) -> bool:
        asked.append(names[len(near)] if len(among) == len(problem.whole) else "others")
        if asked[-1] in found:
            of.standing.best = point
            of.standing.prove(0.0)
        return asked[-1] in found

    monkeypatch.setattr(StageSolver, "_complete", completed)
    solver._complete_at_once(point)
    assert asked == expected
