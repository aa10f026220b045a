"""The frontier: what is kept, what is proven of it, the knee; and all of it against brute force."""

from __future__ import annotations

import itertools
import math
import random
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from models.data import Dependency, DiversityRow, Item, Settings
from models.network import Goal, Link, Network
from planner.evaluation import frontier_search
from planner.evaluation.audit import audit, audit_stages
from planner.evaluation.frontier import (
    Point,
    distance,
    knee,
    non_dominated,
    proven,
    splits,
    told_apart,
)
from planner.evaluation.frontier_collapse import CollapseSearch
from planner.evaluation.frontier_search import IN_VAIN, Found, Search, sizes
from planner.jobs.requests import Request, Response, Workers
from planner.result import Limits
from planner.solver import solve as solver
from tests.rules import demand, network, offer, site
from tests.thorough import some

EXACT = Limits(time_limit_s=60.0, gap=0.0)
ALONE = Workers(processes=1)


def point(cost: float, amount: float, limit: float = math.inf, bound: float = 0.0) -> Point:
    return Point(limit, "optimal", cost, bound, amount)


def test_limits_go_where_plans_are_furthest_apart() -> None:
    # Of 10 … 14 … 20 the boxes are 4 · 60 and 6 · 10: the first is split, then its halves, each a
    # quarter of it and as large as the other, which comes last.
    ends = [point(100, 10), point(40, 14), point(30, 20)]
    assert splits(ends, [], 1) == [12.0]
    assert splits(ends, [], 3) == [11.0, 12.0, 13.0]
    assert splits(ends, [], 4) == [11.0, 12.0, 13.0, 17.0]
    # Within 12 nothing is cheaper, so that the box is that from 12 to 14.
    assert splits(ends, [12.0], 1) == [13.0]
    assert splits([point(100, 10)], [10.0], 4) == []
    assert splits(ends, [], 0) == []


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 9, 12, 40])
def test_every_limit_has_its_turn_once(count: int) -> None:
    turns = list(sizes(count))
    assert sum(turns) == count
    assert all(turns)
    assert all(later >= sooner for sooner, later in itertools.pairwise(turns))


def test_a_point_is_apart_where_none_as_good_as_the_one_before_costs_as_little() -> None:
    # As good as the first costs 95 at least, so the second is apart; the third might not be.
    found = [point(100, 1, bound=95), point(90, 2, bound=70), point(75, 3, bound=74)]
    assert [one.apart for one in told_apart(found)] == [True, True, False]
    assert told_apart([]) == []
    short = replace(found[2], unserved=2.0)  # it serves less: another plan in any case
    assert [one.apart for one in told_apart([found[1], short])] == [True, True]


def test_what_others_beat_or_equal_is_left_out() -> None:
    best, middle, cheap = point(100, 1), point(60, 2), point(40, 5)
    beaten, equal, dearer = point(61, 3), point(60.005, 2), point(101, 1)
    found = non_dominated([cheap, beaten, middle, equal, dearer, best])
    assert found == [best, middle, cheap]


def test_of_two_that_are_all_but_equal_one_is_left() -> None:
    (left,) = non_dominated([point(60.01, 2), point(60, 2 + 1e-9)])
    assert left.cost == pytest.approx(60, abs=0.02)


def test_what_serves_less_beats_nothing() -> None:
    short = Point(math.inf, "optimal", 10, 10, 1, unserved=2.0)
    assert non_dominated([point(60, 2), short]) == [short, point(60, 2)]


def test_the_bound_of_a_looser_limit_holds_for_all_that_keep_it() -> None:
    tight, loose = point(100, 2, limit=3, bound=50), point(95, 5, limit=6, bound=90)
    first, second = proven([tight, loose], least=1.0)
    assert (first.cost_bound, second.cost_bound) == (90, 90)
    assert first.cost_gap == pytest.approx(0.1)


def test_what_costs_less_than_the_bound_of_a_limit_exceeds_the_limit() -> None:
    tight, loose = point(100, 2, limit=3, bound=99), point(60, 5, limit=6, bound=58)
    first, second = proven([tight, loose], least=1.5)
    assert (first.amount_bound, second.amount_bound) == (1.5, 3.0)
    assert second.amount_gap == pytest.approx(0.4)


def test_a_bound_is_none_for_plans_that_may_serve_less() -> None:
    loose = Point(6, "optimal", 95, 90, 5, unserved=0.0)
    short = Point(9, "optimal", 20, 15, 5, unserved=3.0)
    assert [p.cost_bound for p in proven([loose, short], 0.0)] == [90, 15]


def test_the_knee_by_hand() -> None:
    """Ends (0, 1) and (1, 0): (0.2, 0.4) is (1 - 0.6) / √2 below, (0.5, 0.3) is (1 - 0.8) / √2."""
    ends = point(200, 10), point(100, 20)
    near, far = point(130, 15), point(140, 12)
    points = [ends[0], far, near, ends[1]]
    assert knee(points) == far
    assert distance(far, points) == pytest.approx(0.4 / math.sqrt(2))
    assert distance(near, points) == pytest.approx(0.2 / math.sqrt(2))
    assert [distance(end, points) for end in ends] == [0.0, 0.0]


def test_no_knee_where_nothing_is_below_the_line() -> None:
    assert knee([point(200, 10), point(190, 15), point(100, 20)]) is None
    assert knee([point(200, 10), point(100, 20)]) is None
    assert knee([]) is None


# Brute force --------------------------------------------------------------------------------------

REGIONS, SITES, MOST = ("north", "south"), ("a", "b", "c"), 2


def drawn(seed: int) -> tuple[Network, dict[tuple[str, str], float], dict[str, float]]:
    """Return a network of three sites with up to two nodes each, its latencies and its rates."""
    draw = random.Random(seed)
    ms = {(r, s): float(draw.randint(5, 60)) for r in REGIONS for s in SITES}
    rate = {region: draw.choice([0.6, 1.0, 1.4]) for region in REGIONS}
    found = network(
        [site(name, f"P{name}", monthly_cost=draw.choice([0, 5, 11])) for name in SITES],
        [offer(s, "gpu", MOST, monthly_cost=draw.randint(7, 40), requests_per_s=1) for s in SITES],
        demand=[demand(region, rate[region]) for region in REGIONS],
        settings=Settings(utilisation=1.0, unknown="distinct"),
        links=tuple(Link(Item("region", r), Item("site", s), ms[r, s]) for r, s in ms),
    )
    return found, ms, rate


def every_plan(seed: int) -> list[tuple[float, float]]:
    """Return cost and least mean latency of every choice of nodes that can serve all."""
    found, ms, rate = drawn(seed)
    asked, plans = sum(rate.values()), []
    for counts in itertools.product(range(MOST + 1), repeat=len(SITES)):
        cost = 0.0
        for name, count in zip(SITES, counts, strict=True):
            each = next(o for key, o in found.offers.items() if key.site == name)
            cost += count * each.node_cost + (found.sites[name].monthly_cost if count else 0.0)
        pairs = list(itertools.product(REGIONS, SITES))
        routed = linprog(
            [ms[pair] * rate[pair[0]] / asked for pair in pairs],
            A_ub=np.array([[rate[r] * (s == name) for r, s in pairs] for name in SITES]),
            b_ub=counts,
            A_eq=np.array([[float(r == region) for r, _ in pairs] for region in REGIONS]),
            b_eq=[1.0] * len(REGIONS),
        )
        if routed.status == 0:
            plans.append((cost, float(routed.fun)))
    return plans


def test_the_points_are_those_of_trying_every_plan_and_none_is_missing() -> None:
    """Ten networks: no plan beats a point, and every limit has the cheapest plan within it."""
    sizes = []
    for seed in some([5, *range(5), *range(6, 10)]):  # the sixth has most plans to choose from
        tried = every_plan(seed)
        best = [
            (cost, ms)
            for cost, ms in tried
            if not any(
                (c <= cost and m <= ms) and (c < cost - 1e-9 or m < ms - 1e-9) for c, m in tried
            )
        ]
        search = Search(drawn(seed)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
        found = search.run(12)
        for at, solved, asked in found:
            assert (solved.status, at.cost_gap, at.amount_gap) == ("optimal", 0.0, 0.0), seed
            assert solved.plan is not None
            assert not audit(asked, solved.plan)
            assert not audit_stages(asked, solved.plan, solved.stages)
            near = [
                (c, m) for c, m in best if abs(c - at.cost) < 0.05 and abs(m - at.amount) < 1e-4
            ]
            assert near, (seed, at, best)
            cheapest = min(c for c, m in best if m <= at.limit + 1e-6)
            assert at.cost == pytest.approx(cheapest, abs=0.05), seed
        kept = non_dominated(at for at, _, _ in found)
        limits = {at.limit for at, _, _ in found}
        wanted = {min(e for e in best if e[1] <= limit + 1e-6) for limit in limits}
        assert len(kept) == len(wanted), seed
        sizes.append(len(kept))
    assert max(sizes) >= 4
    assert min(sizes) >= 1


def test_a_limit_on_the_largest_share_is_that_of_a_diversity_row() -> None:
    """The same optimum by a row of Diversity with max_share, for every limit of the grid."""
    from planner.solver.solve import solve

    for seed in range(4):
        whole = drawn(seed)[0]
        search = Search(whole, "share:provider", EXACT, ALONE, threading.Event(), lambda _: None)
        found = search.run(3)
        assert found
        for at, solved, asked in found:
            assert solved.plan is not None
            told = audit_stages(asked, solved.plan, solved.stages)
            assert not told
            most = min(1.0, at.limit)
            rule = DiversityRow(
                rule="x", role="execution", kind="provider", scope="total", max_share=most
            )
            goals = (Goal(1, "unserved"), Goal(2, "monthly_cost"))
            other = solve(whole.part(diversity=(rule,), goals=goals), EXACT)
            assert at.cost == pytest.approx(other.stages[1].value, abs=0.02), (seed, at)
            assert at.amount <= most + 1e-6


@pytest.mark.parametrize("against", ["worst_loss", "expected_loss", "changes"])
def test_other_measures_have_frontiers_too(against: str) -> None:
    """Every provider fails as often as its sites are cheap, for a day; a node stands at each."""
    asked = drawn(3)[0]
    rows = [
        Dependency(
            kind="provider",
            dependency=asked.sites[offer.site].provider,
            outages_per_year=100 / offer.node_cost,
            outage_hours=24,
        )
        for offer in asked.offers.values()
    ]
    stand = {key: replace(offer, existing_nodes=1) for key, offer in asked.offers.items()}
    asked = replace(asked, offers=stand, dependencies={row.item: row for row in rows})
    search = Search(asked, against, EXACT, ALONE, threading.Event(), lambda _: None)
    points = non_dominated(at for at, _, _ in search.run(4))
    assert search.reached == ["optimal"] * len(search.reached)
    assert all(b.cost < a.cost and b.amount > a.amount for a, b in itertools.pairwise(points))
    assert len(points) >= 2


def test_failures_to_end_execution_are_those_of_trying_every_plan() -> None:
    """One node serves half of any row, so that as many have to fail as there are sites with one."""
    for seed in range(6):
        asked, _, rate = drawn(seed)
        cheapest: dict[int, float] = {}
        for counts in itertools.product(range(MOST + 1), repeat=len(SITES)):
            if sum(counts) < sum(rate.values()) - 1e-9:
                continue
            cost = 0.0
            for name, count in zip(SITES, counts, strict=True):
                each = next(o for key, o in asked.offers.items() if key.site == name)
                cost += count * each.node_cost + (asked.sites[name].monthly_cost if count else 0.0)
            for least in range(1, sum(map(bool, counts)) + 1):
                cheapest[least] = min(cost, cheapest.get(least, math.inf))
        search = CollapseSearch(
            asked, "collapse:execution", EXACT, ALONE, threading.Event(), lambda _: None
        )
        found = search.run(5)
        points = [at for at, _, _ in found]
        assert {-at.limit: at.cost for at in points} == pytest.approx(cheapest, abs=0.02), seed
        assert search.least == -len(SITES)
        assert not search.failures
        for at, solved, _ in found:
            # Asked to bear fewer failures, a plan may bear more, and is told to.
            assert solved.plan is not None
            used = {key.site for key, count in solved.plan.final.nodes.items() if count}
            assert -at.amount == len(used) >= -at.limit, (seed, at)
        for at in points:
            # As cheap as this one, no plan bears more than the largest number that costs no more.
            most = max(n for n, cost in cheapest.items() if cost <= at.cost + 0.02)
            assert -at.amount_bound == most, (seed, at)


def test_a_solve_that_fails_ends_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = solver.solve

    def failing(asked: Network, *given: object, **named: object) -> object:
        if any(goal.at_most is not None and 20 < goal.at_most < 28 for goal in asked.goals):
            raise MemoryError("no room")
        return whole(asked, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(solver, "solve", failing)
    search = Search(drawn(1)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
    found = search.run(8)
    assert search.failures
    assert all("MemoryError: no room" in failure for failure in search.failures)
    assert len(found) + len(search.failures) == 10
    assert len(found) > 3


def test_a_limit_of_which_little_is_proven_is_searched_again_with_what_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, known = solver.solve, list[float]()

    def hurried(asked: Network, *given: Any, **named: Any) -> solver.Solved:
        found = whole(asked, *given, **named)
        if named["known"]:
            known.append(named["known"]["monthly_cost"])
            return found
        stages = tuple(
            replace(entry, bound=0.5 * entry.value) if entry.measure == "monthly_cost" else entry
            for entry in found.stages
        )
        return replace(found, stages=stages, status="feasible")

    monkeypatch.setattr(solver, "solve", hurried)
    search = Search(drawn(1)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
    found = search.run(2)
    assert known
    assert {at.cost_gap for at, _, _ in found} == {0.0}
    assert len(search.reached) == 5  # what is searched again counts once


def test_what_is_searched_again_in_vain_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, again = solver.solve, list[str]()

    def unproven(asked: Network, *given: Any, **named: Any) -> solver.Solved:
        again.extend(named["known"])
        found = whole(asked, *given, **named)
        stages = tuple(replace(entry, bound=-math.inf) for entry in found.stages)
        return replace(found, stages=stages, status="feasible")

    monkeypatch.setattr(solver, "solve", unproven)
    search = Search(drawn(1)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
    found = search.run(0)
    assert len(again) == IN_VAIN * len(found)


def test_a_search_again_is_told_what_holds_within_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 100 a plan costs 1000 and happens to have 50; within 60 none costs less than 990."""
    asked = []

    def told(requests: Any, *_: Any, **__: Any) -> Any:
        for request in requests:
            asked.append((request.network.goals[-1].at_most, request.known["monthly_cost"]))
            yield Response(request.key, failure="it is only asked")

    monkeypatch.setattr(frontier_search, "run_jobs", told)
    search = searching(point(1000.0, 50.0, 100.0, 900.0), point(1100.0, 58.0, 60.0, 990.0))
    monkeypatch.setattr(search, "_request", lambda key, at: Request(key, search._asked(at), EXACT))
    assert [found.point.cost_bound for found in search._proven()] == [990.0, 990.0]
    search._again()
    assert set(asked) == {(100.0, 900.0), (60.0, 990.0)}


def test_a_search_again_that_serves_more_is_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What serving all costs at least is no bound on a plan that leaves some."""
    some_left = replace(point(1000.0, 58.0, 60.0, 900.0), unserved=5.0)
    search = searching(some_left)
    other = Found(point(1500.0, 55.0, 60.0, 1450.0), search.plans[0].solved, search.network)
    monkeypatch.setattr(search, "_placed", lambda *_: other)
    assert search._better(0, search.plans[0].solved)
    assert search.plans == [other]
    monkeypatch.setattr(search, "_placed", lambda *_: other._replace(point=some_left))
    assert not search._better(0, search.plans[0].solved)
    assert search.plans == [other]


def test_what_arithmetic_leaves_of_nothing_is_not_unserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, solved = drawn(1)[0], solver.solve(drawn(1)[0], EXACT)
    for left, told in ((9e-15, 0.0), (0.5, 0.5)):
        monkeypatch.setattr(frontier_search, "value", lambda *_, left=left: left)
        assert frontier_search.point_of(solved, small).unserved == told


def searching(*points: Point) -> Search:
    """Return a search that has found these."""
    search = Search(drawn(1)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
    search._begin(1)
    none = solver.Solved("feasible", None, (), {}, False, {})
    search.plans = [Found(at, none, search.network) for at in points]
    return search


def test_after_a_stop_what_was_found_is_kept() -> None:
    stop = threading.Event()

    def say(text: str) -> None:
        if text.startswith("3 of"):
            stop.set()

    search = Search(drawn(1)[0], "latency", EXACT, ALONE, stop, say)
    found = search.run(8)
    assert 2 <= len(found) < 10
    assert all(solved.plan is not None for _, solved, _ in found)


def test_the_best_is_a_point_also_where_it_could_not_be_made_cheaper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = solver.solve

    def failing(asked: Network, *given: object, **named: object) -> object:
        if any(goal.at_most is not None for goal in asked.goals):
            raise MemoryError("no room")
        return whole(asked, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(solver, "solve", failing)
    search = Search(drawn(1)[0], "latency", EXACT, ALONE, threading.Event(), lambda _: None)
    cheapest, best = (found.point for found in search.run(2))
    assert best.amount == pytest.approx(min(ms for _, ms in every_plan(1)), abs=1e-4)
    assert cheapest.cost == pytest.approx(min(cost for cost, _ in every_plan(1)), abs=0.02)
    assert best.cost_bound >= cheapest.cost_bound
    assert len(search.failures) == 3
