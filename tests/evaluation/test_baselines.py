"""The baselines are what a simple tool would build, scored by the same evaluator as the plan."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from models.data import Model, NodeType, OfferKey
from models.network import DEFAULT_GOALS, Network
from models.plan import Deployment, Plan, Replica, Seat
from planner.evaluation.audit import audit
from planner.evaluation.baselines import (
    cheapest,
    compare,
    without_independence,
)
from planner.evaluation.evaluation import Evaluation, percentile_ms
from planner.evaluation.nearest_plans import nearest, today
from tests import rules
from tests.cases import FRANCE, FRANKFURT, GERMANY, LONDON, OFFICE, PARIS, deployment_for_small
from tests.cases import small as network_of_case


@pytest.fixture
def small() -> Network:
    return network_of_case()


def test_nearest_sends_every_row_to_its_nearest_site(small: Network) -> None:
    found = {flow.demand: (flow.offer, flow.share) for flow in nearest(small).routing}
    # Berlin is nearer to Frankfurt than to London by its route of 22 ms; Lyon is nearest to Paris.
    assert found == {GERMANY: (FRANKFURT, 1), FRANCE: (PARIS, 1), OFFICE: (FRANKFURT, 1)}


def test_nearest_sizes_its_nodes_to_fit(small: Network) -> None:
    plan = nearest(small)
    # 20 · 1.1 requests/s meet 7 per replica: 4 of an eighth of a node, beside one whole for law.
    assert plan.warm[Replica("frankfurt", "gpu", "chat")] == 4
    assert plan.nodes[FRANKFURT] == 2
    # 30 verifications/s meet 0.7 · 50 on one node.
    assert plan.nodes[OfferKey("paris", "check-b")] == 1
    broken = {violation.rule for violation in audit(small, Plan({"": plan}))}
    assert broken == {"fault_limit", "diversity_share"}


def test_nearest_is_blind_to_capacity_and_is_caught_by_the_audit(small: Network) -> None:
    offers = {**small.offers, FRANKFURT: replace(small.offers[FRANKFURT], max_nodes=1)}
    network = replace(small, offers=offers)
    assert "opening" in {found.rule for found in audit(network, Plan({"": nearest(network)}))}


def test_nearest_keeps_out_of_forbidden_sites(small: Network) -> None:
    sites = {**small.sites, "frankfurt": replace(small.sites["frankfurt"], status="forbidden")}
    plan = nearest(replace(small, sites=sites))
    assert "frankfurt" not in plan.open
    assert {flow.offer for flow in plan.routing} == {PARIS}


def test_nearest_obeys_limits_residency_and_tee(small: Network) -> None:
    demand = tuple(replace(row, countries=("GB",), blocs=()) for row in small.demand)
    plan = nearest(replace(small, demand=demand))
    assert {flow.offer for flow in plan.routing} == {LONDON}
    # Only one verifier stands in the country: the promise of three is broken, not hidden.
    assert len(plan.verification) == 1
    assert plan.panels == ()


def test_cheapest_is_solved_without_any_rule_on_what_is_shared(small: Network) -> None:
    seen: list[Network] = []

    def solve(network: Network) -> Deployment | None:
        seen.append(network)
        return None

    assert cheapest(small, solve) is None
    (blind,) = seen
    assert blind.diversity == ()
    assert blind.protected == {}
    assert all(policy.independent_of == () for policy in blind.policies.values())
    assert blind.goals == DEFAULT_GOALS
    # What users are promised stays.
    assert blind.demand == small.demand
    assert blind.policies["checked"].verifiers == 3


def test_a_plan_that_keeps_every_rule_keeps_the_fewer_rules(small: Network) -> None:
    plan = Plan({"": deployment_for_small()})
    assert audit(without_independence(small), plan) == ()


def test_the_score_is_what_the_tables_say(small: Network) -> None:
    found = Evaluation(small, deployment_for_small()).score("plan")
    # 5,210 for sites, contracts and nodes, 26.28 for the cable, 8,280 once over 36 months.
    assert found.monthly_cost == pytest.approx(5210 + 26.28 + 8280 / 36)
    assert found.served == pytest.approx(1)
    assert found.served_cold == pytest.approx(0.001 / 30.001)
    # London answers 5 of 30 requests/s in 66 ms, all others are faster, but for the office.
    assert found.p95_ms == pytest.approx(66)
    assert found.p50_ms is not None
    assert 50 < found.p50_ms < 60
    assert found.largest_share["provider"] == pytest.approx(25.001 / 30.001)
    assert (found.broken, found.violations) == (0, {})


def test_violations_are_counted_by_rule(small: Network) -> None:
    broken = replace(deployment_for_small(), contracts=frozenset(), seats={})
    found = Evaluation(small, broken).score("plan")
    assert found.violations == {"contracts": 3, "seats": 1}
    assert found.broken == 4


@pytest.mark.parametrize(("share", "expected"), [(0.5, 10), (0.9, 10), (0.95, 20), (1.0, 30)])
def test_percentiles_weigh_by_requests(share: float, expected: float) -> None:
    assert percentile_ms([(20.0, 9.0), (10.0, 90.0), (30.0, 1.0)], share) == expected


def test_an_unknown_latency_is_the_slowest() -> None:
    answers = [(10.0, 9.0), (float("inf"), 1.0)]
    assert percentile_ms(answers, 0.5) == 10
    assert percentile_ms(answers, 0.95) is None
    assert percentile_ms([], 0.5) is None


def test_without_demand_shares_are_not_asked_for(small: Network) -> None:
    found = Evaluation(
        replace(small, demand=()), replace(deployment_for_small(), routing=())
    ).score("plan")
    assert (found.served, found.served_cold, found.p95_ms) == (None, None, None)


def test_today_serves_what_its_replicas_can(small: Network) -> None:
    plan = today(small)
    assert plan is not None
    assert plan.nodes == {FRANKFURT: 1, OfferKey("frankfurt", "seat"): 2}
    assert plan.seats == {Seat("council", "frankfurt", "seat"): 2}
    (flow,) = plan.routing
    # One replica gives 0.7 · 10 of the 20 · 1.1 requests/s that Germany needs.
    assert flow.share == pytest.approx(7 / 22)


def test_there_is_no_today_where_nothing_runs(small: Network) -> None:
    offers = {key: replace(offer, existing_nodes=0) for key, offer in small.offers.items()}
    assert today(replace(small, offers=offers, seats_today=(), loaded_today=())) is None


def test_the_comparison_names_plan_nearest_cheapest_and_today(small: Network) -> None:
    plan = deployment_for_small()
    names = [found.name for found in compare(Evaluation(small, plan), lambda network: plan)]
    assert names == ["plan", "nearest", "cheapest", "today"]


def test_a_committee_without_demand_is_seated(small: Network) -> None:
    plan = nearest(replace(small, demand=(), policies={}, models={}))
    assert sum(plan.seats.values()) == 4


MANY_CALLS = 300_000
"""More than a comparison of three rows takes, and far less than their replicas are."""


def test_a_million_requests_a_second_are_compared_without_touching_every_replica() -> None:
    sizes = (26, 31, 50)
    found = rules.network(
        [rules.site("a")],
        [rules.offer("a", "gpu")],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
        models=[Model(model=f"{gb}", gpu_memory_gb=gb, requests_per_s=1) for gb in sizes],
        demand=[rules.demand(model=f"{gb}", rate=1e6) for gb in sizes],
    )
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1
        if calls > MANY_CALLS:
            raise AssertionError("one by one")

    sys.setprofile(count)
    try:
        scores = compare(Evaluation(found, Deployment()))
    finally:
        sys.setprofile(None)
    assert "memory" not in scores[1].violations
    assert scores[1].violations["opening"]  # there are nine nodes
