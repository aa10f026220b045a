"""Merging demand rows changes nothing that a rule or a cost can see, and splits back exactly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from models.classes import Classes, TooManyFlows, demand_classes
from models.data import Demand, DiversityRow, Item, Model, NodeType, Region, Settings
from models.network import Goal, Link, Network
from models.plan import Flow
from planner.evaluation.audit import audit
from planner.result import Limits
from planner.solver import loosened
from planner.solver import solve as solver
from planner.solver.solve import solve
from tests import draw
from tests.draw import row_by_row
from tests.models.test_ways import ways
from tests.rules import demand, network, offer, site
from tests.solver.test_solve import solvable
from tests.thorough import parts

EXACT = Limits(time_limit_s=30.0, gap=0.0)


def twinned(found: Network) -> Network:
    """Return the network with two twins for every region, whose rows ask for more and for less."""
    regions = dict(found.regions)
    rows, links = list(found.demand), list(found.links)
    for name, region in found.regions.items():
        for number in (1, 2):
            regions[f"{name}-{number}"] = replace(region, region=f"{name}-{number}")
    for link in found.links:
        if link.origin.kind == "region":
            for number in (1, 2):
                links.append(replace(link, origin=Item("region", f"{link.origin.name}-{number}")))
    for row in found.demand:
        for number, factor in ((1, 0.5), (2, 1.7)):
            rate = round(row.requests_per_s * factor, 6)
            rows.append(replace(row, region=f"{row.region}-{number}", requests_per_s=rate))
    return replace(found, regions=regions, demand=tuple(rows), links=tuple(links))


@pytest.mark.parametrize("part", parts(6))
def test_merged_row_by_row_and_priced_have_the_same_optimum(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 random networks in six parts, each with regions that can be told apart by name only.

    Priced, a part is searched first, between two models that start with hardly any flows.
    """
    merged, ends = 0, set()
    for seed in range(50 * part, 50 * (part + 1)):
        found = twinned(solvable(seed))
        found = replace(found, goals=tuple(g for g in found.goals if g.priority == 1))
        classes = demand_classes(found)
        merged += len(classes.classes) < len(found.demand)
        together = solve(found, EXACT)
        with monkeypatch.context() as patch:
            patch.setattr(solver, "classes_within", row_by_row)
            apart = solve(found, EXACT)
        with monkeypatch.context() as patch:
            patch.setattr(solver, "PART_FROM", -1)
            patch.setattr(loosened, "NEAREST", 1)
            patch.setattr(loosened, "CHEAPEST", 0)
            priced = solve(found, EXACT)
        assert together.status == priced.status, seed
        assert [found.value for found in together.stages] == pytest.approx(
            [found.value for found in priced.stages], rel=1e-6, abs=1e-6
        ), seed
        ends.add(together.status)
        assert together.status == apart.status, seed
        if together.plan is not None:
            assert together.stages[0].value == pytest.approx(
                apart.stages[0].value, rel=1e-5, abs=1e-5
            ), seed
            assert not audit(found, together.plan), seed
    assert merged > 40
    assert ends == {"optimal", "infeasible"}


def seen(classes: Classes) -> set[frozenset[int]]:
    return {frozenset(group.members) for group in classes.classes}


def two_cities(*rows: Demand, **given: object) -> Network:
    """Return two sites 880 km apart, and three regions: one at each site, one far off."""
    found = network(
        [
            site("paris", latitude=48.9, longitude=2.4),
            site("berlin", latitude=52.5, longitude=13.4),
        ],
        [offer("paris", "gpu"), offer("berlin", "gpu")],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
        models=[Model(model="chat", gpu_memory_gb=80, requests_per_s=10)],
        settings=Settings(utilisation=1.0),
        demand=rows,
    )
    places = {"seine": (48.9, 2.4), "spree": (52.5, 13.4), "tagus": (38.7, -9.1)}
    regions = {
        name: Region(region=name, latitude=latitude, longitude=longitude)
        for name, (latitude, longitude) in places.items()
    }
    return replace(found, regions=regions, **given)  # type: ignore[arg-type]


def asked(region: str, limit: float | None = None, rate: float = 1.0) -> Demand:
    return demand(region, rate, model="chat", max_latency_ms=limit)


def test_rows_with_the_same_places_are_one_class_whatever_their_limits() -> None:
    rows = (asked("seine", 40), asked("spree", 900), asked("tagus"))
    assert seen(demand_classes(two_cities(*rows))) == {frozenset({0, 1, 2})}


def test_rows_that_reach_other_places_are_apart() -> None:
    # 880 km are 5 + 2 · 880 · 1.5 / 200 = 18 ms
    rows = (asked("seine", 10), asked("spree", 10), asked("seine", 40), asked("tagus", 10))
    found = demand_classes(two_cities(*rows))
    assert seen(found) == {frozenset({0}), frozenset({1}), frozenset({2}), frozenset({3})}
    places = defaultdict(set)
    for number, place in zip(found.of.tolist(), found.place.tolist(), strict=True):
        places[found.classes[number].members].add(found.places[place].site)
    sites = {members: {found.ways.stands.sites[s] for s in at} for members, at in places.items()}
    assert sites == {(0,): {"paris"}, (1,): {"berlin"}, (2,): {"paris", "berlin"}}


def test_too_many_flows_are_told_at_the_row_that_is_one_too_many() -> None:
    # Each of the first two reaches one site, the third both: 1, 2 and 4 flows so far.
    found = two_cities(asked("seine", 10), asked("spree", 10), asked("seine", 40))
    assert len(demand_classes(found, most_flows=4)) == 4
    for most, rows in ((3, 3), (2, 3), (1, 2), (0, 1)):
        with pytest.raises(TooManyFlows) as error:
            demand_classes(found, most_flows=most)
        assert (error.value.rows, error.value.classes) == (rows, rows)


@pytest.mark.parametrize(
    "other",
    [
        {"unserved_penalty": 3.0},
        {"period": "night"},
        {"countries": ("DE",)},
        {"verification": "checked"},
        {"model": ""},
        {"requests_per_s": 0.0},
    ],
)
def test_what_a_rule_or_a_cost_can_see_keeps_rows_apart(other: dict[str, object]) -> None:
    first, second = asked("seine"), replace(asked("spree"), **other)  # type: ignore[arg-type]
    found = two_cities(first, second, periods={"": 1.0, "night": 1.0})
    assert seen(demand_classes(found)) == {frozenset({0}), frozenset({1})}


def test_a_region_that_a_diversity_row_names_is_a_class_of_its_own() -> None:
    rows = (asked("seine"), asked("spree"), asked("tagus"))
    rule = DiversityRow(
        rule="r", role="execution", kind="provider", applies_to="spree", max_share=0.5
    )
    found = demand_classes(two_cities(*rows, diversity=(rule,)))
    assert seen(found) == {frozenset({0, 2}), frozenset({1})}
    assert {job.region for job in found.jobs} == {"", "spree"}


def test_with_latency_among_the_objectives_only_equal_latencies_are_one() -> None:
    rows = (asked("seine"), asked("spree"), asked("seine", 900))
    found = demand_classes(two_cities(*rows, goals=(Goal(1, "latency"),)))
    assert seen(found) == {frozenset({0}), frozenset({1}), frozenset({2})}
    twice = (asked("seine", 900), replace(asked("seine", 900), service_class="b"))
    found = demand_classes(two_cities(*twice, goals=(Goal(1, "latency"),)))
    assert seen(found) == {frozenset({0, 1})}


def test_prices_and_limited_dependencies_of_routes_keep_places_apart() -> None:
    ends = (Item("region", "seine"), Item("site", "paris"))
    cable = ((Item("cable", "North"),),)
    rows = (asked("seine"), asked("spree"))
    priced = two_cities(*rows, links=(Link(*ends, 7, cost_per_million=2),))
    assert len(demand_classes(priced).classes) == 2
    exposed = two_cities(*rows, links=(Link(*ends, 7, via=cable),))
    assert len(demand_classes(exposed).classes) == 1
    rule = DiversityRow(rule="r", role="execution", kind="cable", max_share=0.5)
    limited = demand_classes(replace(exposed, diversity=(rule,)))
    assert len(limited.classes) == 2
    assert {job.via for job in limited.jobs} == {(), (Item("cable", "North"),)}


@pytest.mark.parametrize("seed", range(40))
def test_every_row_is_in_one_class_and_weights_add_up(seed: int) -> None:
    found = twinned(draw.network(seed))
    classes = demand_classes(found)
    assert sorted(m for group in classes.classes for m in group.members) == list(
        range(len(found.demand))
    )
    for group in classes.classes:
        rates = [found.demand[member].requests_per_s for member in group.members]
        assert group.rate == pytest.approx(sum(rates))
        assert group.weight == pytest.approx(sum(rates) if sum(rates) else len(rates))
    assert list(classes.of) == sorted(classes.of)
    everything = {
        (classes.offers[o], classes.jobs[j].model, classes.jobs[j].is_cold)
        for o, j in classes.loads
    }
    only = frozenset(sorted(everything)[::2])
    kept = demand_classes(found, only=only)
    assert {(kept.offers[o], kept.jobs[j].model, kept.jobs[j].is_cold) for o, j in kept.loads} == (
        only
    )


def test_a_member_goes_where_it_is_near_as_far_as_loads_allow() -> None:
    # 15 requests/s take two replicas of 10, and at most one is at each site.
    rows = (asked("seine", rate=6.0), asked("spree", rate=4.0), asked("tagus", rate=5.0))
    found = two_cities(*rows)
    found = replace(found, offers={k: replace(o, max_nodes=1) for k, o in found.offers.items()})
    plan = solve(found, EXACT).plan
    assert plan is not None
    warm = plan.final.warm
    assert {replica.site for replica, count in warm.items() if count} == {"paris", "berlin"}
    served = {(f.demand.region, f.offer.site): f.share for f in plan.final.routing}
    assert served["seine", "paris"] == pytest.approx(1.0)
    assert served["spree", "berlin"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_place_weighs_every_class_once_however_many_ways_lead_there(seed: int) -> None:
    classes = demand_classes(draw.network(seed))
    served = set(zip(classes.of.tolist(), classes.place.tolist(), strict=True))
    expected = [
        sum(classes.classes[number].weight for number, at in served if at == place)
        for place in range(len(classes.places))
    ]
    assert classes.weight_of_place.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(12))
def test_a_flow_is_found_exactly_where_there_is_such_a_way(seed: int) -> None:
    drawn = draw.network(seed)
    classes = row_by_row(drawn)
    for index, row in enumerate(drawn.demand):
        usable = {way.flow(row, 1.0) for way in classes.ways.of(row)}
        for at in drawn.offers:
            for route, state, source in ways(drawn, row, at):
                flow = Flow(row.key, at, route, state, 1.0, source)
                found = classes.find(index, flow)
                assert (found is not None) == (flow in usable), flow
                if found is not None:
                    place = classes.places[classes.place[found.flow]]
                    assert classes.of[found.flow] == classes.class_of[index]
                    assert at in [classes.offers[offer] for offer in place.offers]
                    assert found.job == place.job
