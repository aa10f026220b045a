"""Generated networks: the same for the same seed, and such that a legal plan serves them all."""

from __future__ import annotations

from bench.networks import SIZES, Size, generate
from planner.audit import audit
from planner.result import Limits
from planner.solve import solve


def test_the_same_seed_gives_the_same_network_and_another_gives_another() -> None:
    assert generate(SIZES["S"], 1) == generate(SIZES["S"], 1)
    assert generate(SIZES["S"], 1) != generate(SIZES["S"], 2)


def test_a_small_generated_network_is_served_whole_by_a_legal_plan() -> None:
    network = generate(Size(sites=40, regions=6, models=2), seed=3)
    found = solve(network, Limits(time_limit_s=8.0, gap=0.1))
    assert found.plan is not None
    assert found.stages[0].value == 0.0
    assert not audit(network, found.plan)
