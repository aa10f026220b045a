"""A bound sought beside the plans is as true as one sought before them, and ends when asked to."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.networks import SIZES, Size, generate
from planner.job import Job, limits_of
from planner.jobs.requests import cores
from planner.result import Limits
from planner.solver import search
from planner.solver.prover import Prover
from planner.solver.search import NeighbourhoodSearch
from planner.solver.solve import solve
from tests.cases import small
from tests.solver.test_solve import solvable
from tests.thorough import parts

ALONE = Limits(time_limit_s=60.0, gap=0.0)
BESIDE = replace(ALONE, threads=2)


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
    rung, improve = Prover._rung, NeighbourhoodSearch.improve

    def rung_told(self: Prover, *given: Any) -> Any:
        order.append("rung begins")
        found = rung(self, *given)
        order.append("rung ends")
        return found

    def improve_told(self: NeighbourhoodSearch, *given: Any, **more: Any) -> Any:
        order.append("search")
        return improve(self, *given, **more)

    monkeypatch.setattr(Prover, "_rung", rung_told)
    monkeypatch.setattr(NeighbourhoodSearch, "improve", improve_told)
    network = generate(Size(sites=25, regions=20, models=3), 1)
    solve(network, Limits(5.0, gap=0.0, threads=2))
    assert order.index("rung begins") < order.index("search")
    beside = [*order]
    order.clear()
    monkeypatch.setattr(search, "STALL", 1)
    solve(network, Limits(5.0, gap=0.0))
    first = order.index("search")
    assert order[:first].count("rung begins") == order[:first].count("rung ends") > 0
    assert beside[: beside.index("search")].count("rung ends") <= 1


def test_what_ends_the_prover_is_told_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the rung is broken")

    monkeypatch.setattr(Prover, "_rung", broken)
    for limits in (BESIDE, ALONE):
        with pytest.raises(RuntimeError, match="the rung is broken"):
            solve(generate(SIZES["S"], 1), replace(limits, time_limit_s=20.0))


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
