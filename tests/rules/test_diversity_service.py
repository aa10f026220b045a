"""Few dependencies must not end the service of a demand row: by rows, audit, cuts and solves."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.networks import SIZES, generate
from models import alone
from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, DiversityRow, Item, Model, NodeType, Policy, Settings
from models.exposure import Exposure
from models.expressions import Cut
from models.lasting import asked, unavoidable, unavoidable_to
from models.network import Link, Network
from models.outage import smallest_outage
from models.plan import Deployment, Replica
from models.replay import Replays, failover_ms
from models.rules import diversity_service as rule
from models.translate import place
from planner.evaluation.audit import audit
from planner.evaluation.conflict import reasons
from planner.jobs.requests import Workers
from planner.result import Limits
from planner.solver.kernel import kernel
from planner.solver.loosened import Loosened
from planner.solver.solve import solve
from tests import draw
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    at,
    demand,
    network,
    offer,
    site,
    written,
)
from tests.rules.test_survival import fits, richest
from tests.test_rules_contract import disagreements
from tests.thorough import parts


def asking(least: int, kind: str = "", applies_to: str = "") -> DiversityRow:
    """Return a row that asks for so many failures."""
    return DiversityRow(
        rule="firm", role="execution", kind=kind, applies_to=applies_to, min_collapse=least
    )


# Two hand-made plans for every kind of end -------------------------------------------------------


def four(*rules: DiversityRow, rows: tuple[Demand, ...] = (), **given: Any) -> Network:
    """Sites a and b of Acme, c of Bolt, d of Core; c and d are in DE. A node answers 10/s."""
    german = {"country": (("DE",),)}
    sites = [site("a"), site("b"), site("c", "Bolt", **german), site("d", "Core", **german)]
    offers = [offer(name, "gpu", requests_per_s=10, monthly_cost=1) for name in "abcd"]
    rows = rows or (demand(rate=20),)
    return network(sites, offers, demand=rows, diversity=rules, **given)


def standing(**nodes: int) -> Deployment:
    return Deployment(nodes={at(name): count for name, count in nodes.items()})


def test_one_provider_must_not_end_a_service() -> None:
    # Half of 20 requests/s is one node.
    two = four(asking(2))
    assert_legal(rule, two, standing(a=1, c=1))
    words = "provider:Acme failing ends its service; it must take 2"
    assert_illegal(rule, two, standing(a=2, b=2), words)
    assert_illegal(rule, four(asking(2)), standing(a=1), "failing ends its service")
    assert_legal(rule, four(asking(1)), standing(a=1))
    assert_illegal(rule, four(asking(1)), standing(), "it is not served; it must take 1")


def test_a_provider_and_a_country_together_are_two() -> None:
    three = four(asking(3))
    plan = standing(a=1, c=1, d=1)
    assert_illegal(rule, three, plan, "country:DE, provider:Acme failing ends its service")
    assert_legal(rule, four(asking(3, "provider")), plan)
    assert_illegal(rule, four(asking(3, "provider")), standing(a=9, c=9), "it must take 3")


def test_it_ends_where_less_than_min_served_is_left() -> None:
    rows = (demand(rate=20, min_served=0.8),)
    asked_for = four(asking(2), rows=rows)
    assert_illegal(rule, asked_for, standing(a=1, c=1, d=1), "it must take 2")
    assert_legal(rule, asked_for, standing(a=2, c=1, d=1))


def test_every_row_is_looked_at_as_if_it_were_alone() -> None:
    rows = (demand(rate=20), demand("others", rate=20))
    assert_legal(rule, four(asking(2), rows=rows), standing(a=1, c=1))


def test_a_row_of_diversity_may_be_about_a_region_or_a_model() -> None:
    rows = (demand(rate=20), demand("others", rate=60))
    plan = standing(a=1, c=1)
    assert_legal(rule, four(asking(2, applies_to="users"), rows=rows), plan)
    assert_illegal(rule, four(asking(2, applies_to="others"), rows=rows), plan, "others")
    assert_illegal(rule, four(asking(2), rows=rows), plan, "others")
    assert_legal(rule, four(asking(2, applies_to="model:chat"), rows=rows), plan)


def test_what_no_way_avoids_is_taken_not_to_fail() -> None:
    """Only DE will do, so DE is given; of its two providers neither may end the service."""
    rows = (demand(rate=20, countries=("DE",)),)
    asked_for = four(asking(2), rows=rows)
    assert unavoidable_to(asked_for, rows[0]) == {Item("country", "DE")}
    assert_legal(rule, asked_for, standing(c=1, d=1))
    assert_illegal(rule, asked_for, standing(a=9, c=9), "provider:Bolt failing ends its service")


def test_what_only_one_can_verify_is_taken_not_to_fail() -> None:
    one = Policy(policy="one", verifiers=1, quorum=1)
    given = {
        "node_types": [NodeType(node_type="check", role="verification", verifications_per_s=99)],
        "policies": [one],
    }
    rows = (demand(rate=20, verification="one"),)
    asked_for = four(asking(2, "provider"), rows=rows, **given)
    offers = {**asked_for.offers, at("b", "check"): offer("b", "check")}
    asked_for = replace(asked_for, offers=dict(sorted(offers.items())))
    assert unavoidable_to(asked_for, rows[0]) == {Item("provider", "Acme")}
    beside = (*asked_for.diversity, asking(2, applies_to="others"))
    assert unavoidable_to(replace(asked_for, diversity=beside), rows[0]) == {
        Item("provider", "Acme")
    }
    checked = Deployment(nodes={**standing(c=1, d=1).nodes, at("b", "check"): 1})
    assert_legal(rule, asked_for, checked)
    assert_illegal(rule, asked_for, standing(c=9, d=9), "it is not served")
    assert_illegal(rule, asked_for, replace(checked, nodes={**checked.nodes, at("d"): 0}), "Bolt")


def test_nothing_is_asked_of_rows_without_requests_or_without_a_way() -> None:
    rows = (demand(rate=0), demand("others", rate=20, countries=("FR",)))
    asked_for = four(asking(2), rows=rows)
    assert list(asked(asked_for)) == [(asked_for.diversity[0], ())]
    assert_legal(rule, asked_for, standing())


def test_a_cable_may_end_it_and_no_estimate_stands_in() -> None:
    region = Item("region", "users")
    links = tuple(
        Link(region, Item("site", name), 10, via=((Item("cable", "North"),),)) for name in "ac"
    )
    asked_for = four(asking(2), links=links)
    assert_illegal(rule, asked_for, standing(a=9, c=9), "cable:North failing ends its service")
    assert_legal(rule, asked_for, standing(a=1, d=1))


def test_it_may_wait_longer_after_a_failure() -> None:
    links = tuple(
        Link(Item("region", "users"), Item("site", name), ms)
        for name, ms in (("a", 10.0), ("b", 15.0), ("c", 35.0), ("d", 45.0))
    )
    rows = (demand(rate=20, max_latency_ms=20),)
    asked_for = four(asking(2, "country"), rows=rows, links=links)
    assert_legal(rule, asked_for, standing(a=1))
    # Within 20 ms there is Acme only, which no plan avoids: that of it is given.
    assert_legal(rule, four(asking(2), rows=rows, links=links), standing(a=1))
    near = four(asking(1), rows=rows, links=links)
    assert_legal(rule, near, standing(c=1))
    assert_illegal(rule, near, standing(d=9), "it is not served")


def test_either_of_two_upstreams_will_do() -> None:
    model = Model(model="far", gpu_memory_gb=0, upstream=(("Lab", "Hall"),))
    rows = (demand(rate=20, model="far"),)
    links = tuple(
        Link(Item("site", name), Item("upstream", upstream), 5)
        for name in "abcd"
        for upstream in ("Lab", "Hall")
    )
    for least, legal in ((2, True), (3, False)):
        kind = asking(least, "upstream")
        asked_for = four(kind, rows=rows, models=[model], links=links)
        if legal:
            assert_legal(rule, asked_for, standing(a=1))
        else:
            # Whatever stands, without both nobody is answered.
            assert_illegal(rule, asked_for, standing(a=9, c=9), "upstream:Hall, upstream:Lab")


def test_a_route_goes_with_the_upstream_at_its_end() -> None:
    """Both sites that stand call the hall, which hangs on a building; only a calls the lab."""
    model = Model(model="far", gpu_memory_gb=0, upstream=(("Lab", "Hall"),))
    links = tuple(
        Link(Item("site", name), Item("upstream", upstream), 5)
        for name, upstream in (("a", "Lab"), ("c", "Hall"), ("d", "Hall"))
    )
    building = Exposure(Item("upstream", "Hall"), (Item("building", "Old"),))
    rows = (demand(rate=20, model="far"),)
    asked_for = four(
        asking(2, "building"), rows=rows, models=[model], links=links, exposures=(building,)
    )
    assert_legal(rule, asked_for, standing(a=1, c=1))
    assert_illegal(rule, asked_for, standing(c=1, d=1), "building:Old failing ends its service")


def test_warm_replicas_and_not_nodes_alone_count() -> None:
    model = Model(model="chat", gpu_memory_gb=60, requests_per_s=10)
    gpu = NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)
    rows = (demand(rate=20, model="chat"),)
    asked_for = four(asking(2), rows=rows, models=[model], node_types=[gpu])
    warm = {Replica(*at(name), "chat"): 1 for name in "ac"}
    assert_legal(rule, asked_for, replace(standing(a=1, c=1), warm=warm))
    fewer = {Replica(*at("a"), "chat"): 1}
    assert_illegal(rule, asked_for, replace(standing(a=1, c=1), warm=fewer), "it must take 2")


def test_it_is_explained_by_the_row_that_ends_first() -> None:
    assert_explains(rule, four(asking(2)), standing(a=1, c=1), "users", "2 asked for")
    assert_explains(rule, four(asking(2)), standing(), "it is not served as it is")
    assert_explains(rule, four(), standing(a=1), "No number of failures")


# Rows, audit and cuts ----------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "each", "least"), [(30, 10.0, 15.0), (12, 6.0, 6.0)])
def test_what_must_be_left_is_a_row_of_each_single_failure(
    rate: float, each: float, least: float
) -> None:
    """Half of what is asked for, of which a node does no more than it can and than is needed."""
    of = four(asking(2), rows=(demand(rate=rate),))
    block = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE]
    own = block.rules.diversity_service
    nodes = {name: f"nodes[{name},gpu]" for name in "abcd"}
    all_of_them = dict.fromkeys(nodes.values(), each) | {"can[0]": -1.0}
    assert written(own.adds_up) == {0: (all_of_them, 0.0, None)}
    rows = list(written(own.left).values())
    assert rows[0] == ({"can[0]": 1.0}, least, None)
    taken = [("ab", least), ("cd", least)]
    assert sorted(rows[1:], key=str) == [
        ({"can[0]": 1.0} | {nodes[name]: -each for name in names}, lower, None)
        for names, lower in taken
    ]
    # Where nothing need be borne, what must stand as it is is all.
    of = four(asking(1), rows=(demand(rate=rate),))
    own = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE].rules.diversity_service
    assert list(written(own.left).values()) == [({"can[0]": 1.0}, least, None)]


def _one_each(choose: random.Random, _: Network) -> list[DiversityRow]:
    kind = choose.choice(["", "", "provider", "country", "cable"])
    return [asking(choose.choice([1, 2, 2, 3, 4]), kind, choose.choice(["", "", "r1"]))]


@pytest.mark.parametrize("part", parts(6))
def test_rows_hold_exactly_when_the_audit_finds_nothing(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the contract of all rules, but every network asks; in half no row is there before."""
    monkeypatch.setattr(draw, "_service", _one_each)
    if part % 2:
        monkeypatch.setattr(alone.Alone, "exposed", lambda *_: iter(()))
    broken: list[int] = []
    separate = rule.separate

    def counted(*given: Any) -> Iterator[Cut]:
        for cut in separate(*given):
            broken.append(cut.is_broken(given[-1]))
            yield cut

    monkeypatch.setattr(rule, "separate", counted)
    found, outcomes = disagreements([rule], range(1000 + 80 * part, 1080 + 80 * part), 10)
    assert not found, "\n".join(found[:20])
    assert min(outcomes["diversity_service", held] for held in (True, False)) > 50
    assert sum(broken) > 30
    assert all(broken)


@pytest.mark.parametrize("part", parts(2))
def test_a_row_separated_at_any_point_holds_for_every_legal_plan(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at mixtures and parts of plans; plans hold no more replicas than their nodes have."""
    monkeypatch.setattr(draw, "_service", _one_each)
    checked = broken = 0
    for seed in range(240 * part, 240 * part + 240):
        of = draw.surviving(draw.network(seed), seed)
        classes, choose = draw.row_by_row(of), random.Random(seed)
        model = build(of, classes)
        block = model.phase[SINGLE_PHASE]
        points, legal = [], []
        for number in range(6):
            plan = draw.richer(of, draw.plan(of, classes, 1000 * seed + number), number)
            values, lost = place(block, of, plan)
            points.append({key: amount for key, (_, amount) in values.items()})
            legal.append(not lost and fits(of, plan) and not list(rule.audit(of, plan)))
        cuts = []
        for number in range(12 if any(legal) else 0):
            weights = np.eye(6)[number % 6]
            if number >= 6:
                weights = np.array([choose.random() * choose.choice([0, 1]) for _ in points])
                weights *= choose.choice([0.3, 1.0]) / (weights.sum() or 1.0)
            cuts += _broken_at(block, of, points, weights)
        for point, is_legal in zip(points, legal, strict=True):
            for cut in cuts if is_legal else ():
                checked += 1
                broken += cut.is_broken(lambda v, point=point: point.get(id(v), 0.0))  # type: ignore[misc]
    assert checked > 200
    assert broken == 0


def _broken_at(block: Any, of: Network, points: list[dict[int, float]], weights: Any) -> list[Cut]:
    def value(variable: Any) -> float:
        found = [point.get(id(variable), 0.0) for point in points]
        return float(weights @ np.array(found))

    own = block.rules.diversity_service
    return [cut for cut in rule.separate(own, block, of, value) if cut.is_broken(value)]


def test_the_order_of_the_points_makes_no_difference() -> None:
    """What is remembered of one point serves only those that have no less."""
    of = four(asking(3))
    block = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE]
    own = block.rules.diversity_service

    def is_broken(**nodes: int) -> bool:
        def value(variable: Any) -> float:
            for name, count in nodes.items():
                if variable is block.nodes[at(name)]:
                    return float(count)
            return 0.0

        return any(cut.is_broken(value) for cut in rule.separate(own, block, of, value))

    rich, poor = {"a": 1, "b": 1, "c": 1, "d": 1}, {"a": 1, "c": 1, "d": 1}
    for nodes in (rich, poor, rich, poor):
        assert is_broken(**nodes)  # Acme and DE are all there is
    of = four(asking(2))
    block = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE]
    own = block.rules.diversity_service
    for nodes, broken in ((rich, False), ({"c": 9, "d": 9}, True), (poor, False)):
        assert is_broken(**nodes) == broken


def test_of_so_many_demand_rows_at_most_rows_are_sought_at_one_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of = four(asking(2), rows=tuple(demand(period=name) for name in ("day", "evening", "night")))
    block = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE]
    own = block.rules.diversity_service

    def sought(most: int) -> int:
        monkeypatch.setattr(rule, "MOST_AT_ONCE", most)
        return len(list(rule.separate(own, block, of, lambda _: 0.0)))

    of_each = sought(1)
    assert of_each > 0
    assert [sought(most) for most in (2, 3, 4)] == [2 * of_each, 3 * of_each, 3 * of_each]


# Solved ------------------------------------------------------------------------------------------


def five(least: int) -> Network:
    """Five sites of five providers; a and b, c and d share a country each."""
    of = four(asking(least))
    home = {"a": "DE", "b": "DE", "c": "FR", "d": "FR", "e": "SE"}
    sites = {
        name: site(name, f"provider {name}", country=((found,),)) for name, found in home.items()
    }
    whole = network(
        list(sites.values()),
        [offer(name, "gpu", requests_per_s=10, monthly_cost=1) for name in home],
        demand=[demand(rate=20)],
    )
    return replace(whole, diversity=of.diversity, settings=replace(whole.settings, near_ms=10.0))


@pytest.mark.parametrize(("least", "cost"), [(1, 2.0), (2, 2.0), (3, 3.0)])
def test_a_solve_finds_the_cheapest_that_takes_so_many(least: int, cost: float) -> None:
    """20 requests/s are two nodes; in three countries no two failures take all of three."""
    of = five(least)
    solved = solve(of, Limits(30.0, gap=0.0))
    assert solved.status == "optimal"
    assert solved.plan is not None
    assert not audit(of, solved.plan)
    assert solved.stages[-1].value == pytest.approx(cost)
    ended = smallest_outage(of, solved.plan.final, of.demand[0])
    assert ended is not None
    assert len(ended) >= least


def test_where_no_plan_takes_so_many_the_rule_is_named() -> None:
    of = five(4)
    assert solve(of, Limits(30.0, gap=0.0)).status == "infeasible"
    found = reasons(of, Workers(1), threading.Event())
    assert [text.partition(":")[0] for text in found] == ["diversity_service"]


def test_plans_of_random_networks_outlast_what_they_are_asked_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the solver finds passes the audit; some networks have no plan."""
    monkeypatch.setattr(draw, "_service", _one_each)
    found: Counter[str] = Counter()
    for seed in range(60):
        drawn = draw.network(seed)
        rules = tuple(r for r in drawn.diversity if r.rule == "firm")
        of = replace(drawn, diversity=rules, locks=(), settings=Settings())
        solved = solve(of, Limits(20, gap=0.05))
        found[solved.status] += 1
        if solved.plan is not None:
            assert not [str(v) for v in audit(of, solved.plan)], seed
    assert min(found["optimal"], found["infeasible"]) > 5, found


def test_what_is_unavoidable_in_the_whole_is_so_in_a_part_and_no_more() -> None:
    large = replace(generate(SIZES["S"], 1), diversity=(asking(2),))
    loosened = Loosened(large, demand_classes(large))
    loosened.hand_over([list(large.goals)], threading.Event(), {})
    part = kernel(loosened, 1)
    assert len(part.offers) < len(large.offers)
    assert unavoidable(part) == unavoidable(large)
    assert unavoidable(large)


def test_what_is_taken_not_to_fail_ends_the_service_of_the_richest_plan_and_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both sides of the rule leave it out, so neither would see that it is wrong."""
    monkeypatch.setattr(draw, "_service", _one_each)
    seen: Counter[bool] = Counter()
    for seed in range(60):
        of = draw.surviving(draw.network(seed), seed)
        left = Replays(of, richest(of))
        rows = {row.key: row for _, group in asked(of) for row in group}
        for row in rows.values():
            alone = left.of((replace(row, min_served=0.0, max_latency_ms=failover_ms(row)),))
            unavoidable = unavoidable_to(of, row)
            assert unavoidable is not None
            for item in of.graph.dependencies:
                served = alone.after((item,)).served[row.key]
                assert (served < 1e-9) == (item in unavoidable), (seed, row.key, item, served)
                seen[item in unavoidable] += 1
    assert min(seen[True], seen[False]) > 40, seen
