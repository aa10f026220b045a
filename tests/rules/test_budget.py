"""The plan costs no more than the budgets allow."""

from __future__ import annotations

import pytest

from models import costs
from models.data import Item, Model, Provider, Settings
from models.network import Link, Network
from models.plan import Deployment, Flow
from models.rules import budget as rule
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

ROW = demand(rate=10.0, model="far", period="day")


def priced(monthly: float | None = None, one_off: float | None = None) -> Network:
    """Two sites, one of them existing; nodes by the hour and by the month; a priced model."""
    return network(
        [
            site("new", "Acme", monthly_cost=100, opening_cost=700),
            site("old", "Bolt", monthly_cost=200, opening_cost=900, status="existing"),
        ],
        [
            offer(
                "new", "gpu", hourly_cost=2, one_off_cost=50, existing_nodes=1, requests_per_s=99
            ),
            offer("old", "gpu", monthly_cost=300, one_off_cost=60, existing_nodes=3),
        ],
        providers=[
            Provider(provider="Acme", monthly_cost=11),
            Provider(provider="Bolt", monthly_cost=13),
        ],
        models=[Model(model="far", upstream=(("Lab",),), cost_per_million=5)],
        demand=[ROW],
        periods={"day": 100.0, "night": 630.0},
        links=(
            Link(Item("site", "new"), Item("upstream", "Lab"), latency_ms=9, cost_per_million=3),
            Link(Item("region", "users"), Item("site", "new"), latency_ms=9, cost_per_million=2),
        ),
        settings=Settings(budget_monthly=monthly, budget_one_off=one_off, utilisation=1.0),
    )


PLAN = Deployment(
    open=frozenset({"new", "old"}),
    contracts=frozenset({"Acme", "Bolt"}),
    nodes={at("new"): 3, at("old"): 2},
    routing=(Flow(ROW.key, at("new"), "direct", "warm", 0.5),),
)

MONTHLY = (
    100
    + 200  # sites
    + 11
    + 13  # contracts
    + 3 * 2 * 730  # 3 nodes by the hour
    + 2 * 300  # 2 nodes by the month
    # half of 10 requests/s over 100 hours a month, at 5 for the model, 3 to reach it, 2 to get in
    + 0.5 * 10 * 100 * 3600 / 1e6 * (5 + 3 + 2)
)
ONE_OFF = (
    700  # the new site; the existing one pays nothing
    + 2 * 50  # 3 nodes, 1 of which existed
    # 2 of the 3 nodes at the old site stay: nothing is bought, nothing is paid back
)


def test_the_bill_is_the_sum_of_its_lines() -> None:
    assert {line.item: line.amount for line in costs.monthly_bill(priced(), PLAN)} == {
        "sites": 300,
        "contracts": 24,
        "execution nodes": pytest.approx(4980),
        "routing and upstream calls": pytest.approx(18.0, rel=1e-9),
    }
    assert {line.item: line.amount for line in costs.one_off_bill(priced(), PLAN)} == {
        "opening sites": 700,
        "new nodes": 100,
    }
    assert sum(line.amount for line in costs.monthly_bill(priced(), PLAN)) == pytest.approx(MONTHLY)
    assert sum(line.amount for line in costs.one_off_bill(priced(), PLAN)) == ONE_OFF


def test_a_plan_may_use_its_budgets_up() -> None:
    assert_legal(rule, priced(MONTHLY, ONE_OFF), PLAN)
    assert_legal(rule, priced(), PLAN)


def test_a_plan_above_a_budget_is_refused() -> None:
    assert_illegal(
        rule,
        priced(monthly=MONTHLY - 1),
        PLAN,
        "monthly]: 5,322.00 EUR exceed 5,321.00 (Settings.budget_monthly)",
    )
    assert_illegal(
        rule,
        priced(one_off=ONE_OFF - 1),
        PLAN,
        "one-off]: 800.00 EUR exceed 799.00 (Settings.budget_one_off)",
    )


def test_an_existing_site_and_existing_nodes_cost_nothing_once() -> None:
    plan = Deployment(open=frozenset({"old"}), contracts=frozenset({"Bolt"}), nodes={at("old"): 3})
    assert_legal(rule, priced(one_off=0.0), plan)
    more = Deployment(open=frozenset({"old"}), contracts=frozenset({"Bolt"}), nodes={at("old"): 4})
    assert_illegal(rule, priced(one_off=0.0), more, "60.00 EUR exceed 0.00")


def test_it_says_what_is_spent_of_what_may_be() -> None:
    found = priced(monthly=6000.0)
    assert_explains(
        rule, found, PLAN, "5,322 EUR a month (at most 6,000)", "800 EUR once (no limit"
    )
