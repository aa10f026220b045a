"""Steps share the time, or end by their own work and leave the same plan however long they had."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from bench.networks import LOCAL_MS, Size, generate
from models.data import Settings
from planner.result import Limits
from planner.solver import finish, prover, relax_and_fix, search, stage
from planner.solver.clock import Clock
from planner.solver.highs import Engine, Outcome
from planner.solver.solve import solve
from tests.cases import small


def test_a_share_is_a_part_of_what_is_left() -> None:
    clock = Clock(100.0, threading.Event())
    assert clock.share(0.25).left_s == pytest.approx(25.0, abs=1.0)
    assert clock.share(0.5).share(0.5).left_s == pytest.approx(25.0, abs=1.0)
    assert clock.within(10.0).left_s == pytest.approx(10.0, abs=1.0)
    assert clock.within(1000.0).left_s == pytest.approx(100.0, abs=1.0)
    assert not clock.must_end
    assert Clock(0.0, threading.Event()).must_end


def test_by_work_every_step_has_all_the_time_there_is() -> None:
    clock = Clock(100.0, threading.Event(), by_work=True)
    assert clock.share(0.25).left_s == pytest.approx(100.0, abs=1.0)
    assert clock.within(10.0).left_s == pytest.approx(100.0, abs=1.0)
    assert clock.share(0.5).share(0.5).by_work
    assert clock.within(10.0).by_work
    clock.stop.set()
    assert clock.share(0.5).must_end


def test_twice_the_same_plan_however_much_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((stage, "WORK_NODES"), (stage, "COMPLETE_NODES"), (prover, "CLIMB_NODES")):
        monkeypatch.setattr(module, name, 3)
    monkeypatch.setattr(prover, "LOOK_NODES", 1)
    monkeypatch.setattr(search, "NODES", (2, 3))
    monkeypatch.setattr(search, "STALL", 2)
    network = generate(Size(sites=25, regions=20, models=3), 1)
    first, second = (
        solve(network, Limits(limit_s, gap=0.0, deterministic=True)) for limit_s in (300.0, 700.0)
    )
    assert first.plan is not None
    assert first.plan == second.plan
    assert first.stages == second.stages
    assert first.status == second.status == "feasible"  # it ended by work, long before its time
    assert not first.clock_stopped


@pytest.mark.parametrize("many", [1, 10**6])
def test_by_work_a_first_plan_is_sought_as_long_as_there_is_time(
    many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in (
        (stage, "WORK_NODES"),
        (stage, "COMPLETE_NODES"),
        (prover, "CLIMB_NODES"),
        (prover, "LOOK_NODES"),
    ):
        monkeypatch.setattr(module, name, 0)
    monkeypatch.setattr(relax_and_fix, "MANY", many)
    network = generate(Size(sites=25, regions=20, models=3, network_ms=LOCAL_MS), 1)
    monkeypatch.setattr(search, "STALL", 1)
    found = solve(network, Limits(300.0, gap=0.5, deterministic=True))
    assert found.plan is not None
    assert not found.clock_stopped


def test_a_finishing_touch_without_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(300.0, gap=0.0, deterministic=True)
    assert not solve(small(), limits).clock_stopped
    monkeypatch.setattr(finish, "FINISH_S", 0.0)
    assert solve(small(), limits).clock_stopped


def test_a_second_opinion_without_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    network = replace(small(), settings=Settings(budget_monthly=400.0, require_served=True))
    limits = Limits(300.0, gap=0.0, deterministic=True)
    sure = solve(network, limits)
    assert (sure.status, sure.clock_stopped) == ("infeasible", False)
    engine_solve = Engine.solve

    def cut_short(self: Engine, **how: Any) -> Outcome:
        found = engine_solve(self, **how)
        return (
            replace(found, status="limit")
            if self.highs.getOptionValue("presolve")[1] == "off"
            else found
        )

    monkeypatch.setattr(Engine, "solve", cut_short)
    assert solve(network, limits).clock_stopped
