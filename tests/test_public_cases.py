"""Public cases with known answers, read where they lie beside the project; never copied into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.evaluation.audit import audit, audit_stages
from planner.reading import read_network
from planner.result import Limits
from planner.solver.solve import solve

DATA = Path(__file__).parents[2] / "shared" / "data"
INPUTS = Path(__file__).parents[1] / "inputs"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the public cases are not here")


@pytest.mark.parametrize(
    ("name", "least_cost"),
    [
        # OR-Library, capacitated warehouse location; optima as published there.
        ("cap71", 932_615.750),
        ("cap101", 796_648.437),
        ("cap131", 793_439.562),
    ],
)
def test_the_or_library_s_optimum_is_reached_and_proven(name: str, least_cost: float) -> None:
    network = read_network(DATA / "orlib" / f"{name}.xlsx").network
    assert network is not None
    found = solve(network, Limits(120.0, 0.0))
    assert found.status == "optimal"
    assert found.stages[-1].value == pytest.approx(least_cost, rel=1e-6)
    assert found.stages[-1].bound == pytest.approx(least_cost, rel=1e-6)
    assert found.plan is not None
    assert not audit(network, found.plan)


def test_the_internet_computer_needs_28_changes_and_no_fewer() -> None:
    # 14 seated nodes are out of service and committee sizes are fixed: 14 out, 14 in.
    path = DATA / "internet_computer" / "2025-08-19.xlsx"
    network = read_network(path).network
    assert network is not None
    found = solve(network, Limits(120.0, 0.0))
    assert found.status == "optimal"
    assert found.stages[-1].value == found.stages[-1].bound == 28
    assert found.plan is not None
    assert not audit(network, found.plan) + audit_stages(network, found.plan, found.stages)
