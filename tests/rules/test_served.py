"""All demand is served, where the planner requires it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Settings
from models.network import Network
from models.plan import Deployment, Flow
from models.rules import served as rule
from planner.result import Limits
from planner.solver.solve import solve
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    at,
    demand,
    network,
    offer,
    site,
)
from tests.solver.test_solve import solvable
from tests.thorough import parts

ROW, IDLE = demand(rate=10.0), demand(rate=0.0, region="nobody")


def one_site(required: bool) -> Network:
    """One site with nodes of 5 requests/s, a row that asks for 10 and one that asks for nothing."""
    return network(
        [site("fra1")],
        [offer("fra1", "gpu", requests_per_s=5)],
        demand=[ROW, IDLE],
        settings=Settings(utilisation=1.0, require_served=required),
    )


def serving(share: float) -> Deployment:
    flow = Flow(ROW.key, at("fra1"), "estimate", "warm", share)
    return Deployment(open=frozenset({"fra1"}), nodes={at("fra1"): 2}, routing=(flow,))


def test_what_is_served_in_full_is_legal_and_what_asks_for_nothing_need_not_be() -> None:
    assert_legal(rule, one_site(required=True), serving(1.0))


def test_a_part_unserved_is_illegal_where_all_is_required() -> None:
    assert_illegal(
        rule,
        one_site(required=True),
        serving(0.5),
        "require_served asks for all (Demand.requests_per_s)",
    )


def test_less_than_one_request_is_demand_all_the_same() -> None:
    small = demand(rate=0.01)
    found = replace(one_site(required=True), demand=(small,))
    assert_illegal(rule, found, Deployment(), "100.0000% of it is not served")


def test_a_part_unserved_is_legal_where_nothing_is_required() -> None:
    assert_legal(rule, one_site(required=False), serving(0.5))


def test_the_sentence_says_how_much_is_lost() -> None:
    assert_explains(rule, one_site(required=True), serving(0.5), "5.0 of 10.0", "all must be")
    assert_explains(rule, one_site(required=False), serving(1.0), "0.0 of 10.0", "none has to be")


@pytest.mark.parametrize("part", parts(2))
def test_a_plan_exists_exactly_where_all_can_be_served(part: int) -> None:
    ends = set()
    for seed in range(30 * part, 30 * (part + 1)):
        found = solvable(seed)
        goals = tuple(goal for goal in found.goals if goal.measure == "unserved")
        if not goals:
            continue
        free = solve(replace(found, goals=goals), Limits(20.0, gap=0.0))
        settings = replace(found.settings, require_served=True)
        held = solve(replace(found, goals=goals, settings=settings), Limits(20.0, gap=0.0))
        can_be = free.plan is not None and free.stages[0].value <= 1e-6
        assert (held.plan is not None) == can_be, seed
        ends.add(held.status)
    assert ends == {"optimal", "infeasible"}
