"""Plans of small networks: every price is the difference of two optima found by trying all."""

from __future__ import annotations

import itertools
import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.data import OfferKey
from models.network import Network
from models.plan import Deployment, Plan
from models.ways import Ways
from planner.evaluation.audit import audit
from planner.evaluation.why import Asked, why
from planner.evaluation.why_results import (
    IN_EVERY,
    INFEASIBLE,
    INTERCHANGEABLE,
    UNDECIDED,
    UNKNOWN,
    Best,
    Eased,
    Level,
    Price,
    Unused,
    Used,
    Why,
)
from planner.evaluation.why_solves import both, is_far, is_near, known, price
from planner.evaluation.why_starts import serving, with_node, without
from planner.jobs.requests import Workers
from planner.reading import Tables, read_network
from planner.report.price_text import price_text
from planner.report.why_document import document
from planner.report.why_report import parts
from planner.result import Limits
from planner.solver import solve as solver
from planner.solver.solve import solve
from tests.workbooks import Sheets, save

EACH = 7.0
"""What a box answers: 0.7 of 10 requests/s."""


def boxes(prices: Mapping[str, float], demand: float, most: int = 3, **settings: object) -> Sheets:
    """Return sites, each of a provider of its own, with so many boxes of 7 requests/s."""
    return {
        "Sites": [
            ["site", "provider", "status", "monthly_cost"],
            *([site, site.upper(), None, 0] for site in prices),
        ],
        "Providers": [["provider", "status"], *([site.upper(), None] for site in prices)],
        "Capacities": [
            ["site", "node_type", "max_nodes", "requests_per_s", "monthly_cost"],
            *([site, "box", most, 10, price] for site, price in prices.items()),
        ],
        "Demand": [["region", "requests_per_s"], ["R", demand]],
        "Settings": [["setting", "value"], *map(list, settings.items())],
    }


def cheapest(
    prices: Mapping[str, float],
    demand: float,
    most: Mapping[str, int] | int = 3,
    share: float = 1.0,
    least: Mapping[str, int] | None = None,
) -> float:
    """Return the least cost of serving all, over every number of boxes at every site."""
    limits = {site: most if isinstance(most, int) else most[site] for site in prices}
    costs = []
    for counts in itertools.product(*(range(limits[site] + 1) for site in prices)):
        answered = sum(min(EACH * count, share * demand) for count in counts)
        enough = all(
            count >= (least or {}).get(site, 0) for site, count in zip(prices, counts, strict=True)
        )
        if enough and answered >= demand - 1e-9:
            costs.append(sum(n * price for n, price in zip(counts, prices.values(), strict=True)))
    return min(costs)


def explained(folder: Path, sheets: Sheets, **asked: Any) -> Why:
    """Return what is explained of the plan that is found for a workbook."""
    tables = read_network(save(folder, sheets))
    return of_tables(tables, **asked)


def of_tables(tables: Tables, plan: Deployment | None = None, **asked: Any) -> Why:
    assert tables.network is not None, tables.findings
    assert tables.book is not None
    if plan is None:
        solved = solve(tables.network, Limits(30, 0.0)).plan
        assert solved is not None
        plan = solved.final
    return why(
        tables.network,
        plan,
        tables.book,
        Asked(**asked, workers=Workers(1)),
        threading.Event(),
        lambda _: None,
    )


def cost(price: Price | None) -> float:
    """Return by how much the monthly cost is more, which is proven to the last digit."""
    assert price is not None
    assert price.status == "priced"
    (found,) = (amount for amount in price.amounts if amount.measure == "monthly_cost")
    assert found.is_exact, found
    return found.low


def at(found: tuple[Eased, ...], cell: str) -> Eased:
    (entry,) = (entry for entry in found if cell in entry.cells)
    return entry


AB = {"a": 50.0, "b": 80.0}


def test_a_rule_costs_the_difference_of_the_optima_with_it_and_without(tmp_path: Path) -> None:
    sheets = boxes(AB, 12)
    sheets["Diversity"] = [
        ["rule", "role", "kind", "max_share"],
        ["spread", "execution", "provider", 0.6],
    ]
    sheets["Locks"] = [["site", "max"], ["a", 3]]
    found = explained(tmp_path, sheets)
    with_it, without = cheapest(AB, 12, share=0.6), cheapest(AB, 12)
    assert (with_it, without) == (130, 100)
    assert cost(at(found.rules, "Diversity!D2").price) == pytest.approx(with_it - without)
    # Three boxes are all that is on offer, so to let in three is no rule.
    assert at(found.rules, "Locks!B2").price.is_nothing
    assert found.best[-1].value == found.best[-1].bound == pytest.approx(with_it)


def test_a_required_site_and_a_lock_cost_what_they_cost(tmp_path: Path) -> None:
    with_it, without = cheapest(AB, 12, least={"b": 1}), cheapest(AB, 12)
    assert (with_it, without) == (130, 100)
    sheets = boxes(AB, 12)
    sheets["Sites"][2][2] = "required"
    found = explained(tmp_path, sheets)
    assert cost(at(found.rules, "Sites!C3").price) == pytest.approx(30)
    (b,) = (entry for entry in found.used if entry.site == "b")
    assert b.required == "Sites!C3"
    sheets = boxes(AB, 12)
    sheets["Locks"] = [["site", "min"], ["b", 1]]
    found = explained(tmp_path, sheets)
    assert cost(at(found.rules, "Locks!B2").price) == pytest.approx(30)
    # The lock is reached; one box fewer at b is one more at a.
    assert cost(at(found.limits, "Locks!B2").price) == pytest.approx(30)


def test_what_is_protected_costs_what_stands_ready_for_it(tmp_path: Path) -> None:
    # After either fails the other serves all 7: a box at each, 130. Without A protected b is not
    # needed: 50. Without B protected a is not: 80.
    sheets = boxes(AB, 7)
    sheets["Demand"] = [["region", "requests_per_s", "min_served"], ["R", 7, 1]]
    sheets["Dependencies"] = [
        ["dependency", "kind", "protect"],
        ["A", "provider", "yes"],
        ["B", "provider", "yes"],
    ]
    found = explained(tmp_path, sheets)
    assert found.best[-1].value == pytest.approx(130)
    assert cost(at(found.rules, "Dependencies!C2").price) == pytest.approx(80)
    assert cost(at(found.rules, "Dependencies!C3").price) == pytest.approx(50)
    assert cost(at(found.rules, "Demand!C2").price) == pytest.approx(80)


def test_a_budget_is_told_by_what_is_served_without_it(tmp_path: Path) -> None:
    # A box at a serves 7 for 50; one at b more would be 130, above the budget.
    found = explained(tmp_path, boxes(AB, 12, most=1, budget_monthly=120))
    rule = at(found.rules, "Settings!B2").price
    unserved, money = rule.amounts
    assert unserved.is_exact
    assert unserved.low == pytest.approx(5)
    assert money.found == pytest.approx(50 - 130)
    assert not math.isfinite(money.low)
    # A hundredth more, 121.20, is not enough either.
    assert at(found.limits, "Settings!B2").price.is_nothing
    assert at(found.limits, "Settings!B2").steps == ("120 to 121.2",)


def test_one_box_more_saves_the_difference_of_the_optima(tmp_path: Path) -> None:
    found = explained(tmp_path, boxes(AB, 12, most=1))
    assert cost(at(found.limits, "Capacities!C2").price) == pytest.approx(
        cheapest(AB, 12, 1) - cheapest(AB, 12, {"a": 2, "b": 1})
    )
    assert cheapest(AB, 12, 1) == cheapest(AB, 12, {"a": 1, "b": 2})
    assert at(found.limits, "Capacities!C3").price.is_nothing


def test_of_many_limits_that_bind_each_is_priced_by_itself(tmp_path: Path) -> None:
    prices = {"a": 50.0, "b": 60.0, "c": 70.0, "d": 80.0, "e": 90.0, "f": 95.0}
    found = explained(tmp_path, boxes(prices, 28, most=1))
    once = dict.fromkeys(prices, 1)
    now = cheapest(prices, 28, once)
    assert len(found.limits) == 4
    for row, site in enumerate("abcd", start=2):
        saved = now - cheapest(prices, 28, {**once, site: 2})
        assert saved == 30 - 10 * "abcd".index(site)
        assert cost(at(found.limits, f"Capacities!C{row}").price) == pytest.approx(saved)


def test_what_saves_nothing_together_is_not_tried_one_by_one(tmp_path: Path) -> None:
    prices = {"a": 50.0, "b": 50.0, "c": 50.0, "d": 50.0, "e": 50.0}
    found = explained(tmp_path, boxes(prices, 28, most=1))
    (entry,) = found.limits
    assert len(entry.cells) == 4
    assert entry.price.is_nothing
    # The plan as it is, one site forced, four shut, and all four limits at once.
    assert found.solves == 7


def test_one_point_more_of_a_share_is_a_solve_of_its_own(tmp_path: Path) -> None:
    prices = {"a": 50.0, "b": 80.0, "c": 90.0}
    sheets = boxes(prices, 14)
    sheets["Diversity"] = [
        ["rule", "role", "kind", "max_share"],
        ["spread", "execution", "provider", 0.49],
    ]
    found = explained(tmp_path, sheets)
    now, then = cheapest(prices, 14, share=0.49), cheapest(prices, 14, share=0.5)
    assert (now, then) == (220, 130)
    entry = at(found.limits, "Diversity!D2")
    assert cost(entry.price) == pytest.approx(now - then)
    assert entry.steps == ("49 % to 50 %",)


def test_a_site_that_may_be_used_again_can_make_plans_dearer(tmp_path: Path) -> None:
    # While b is forbidden nothing survives the loss of A, which is then no reason for anything: a
    # box at a, 50. With b all must be served after it: a box at b alone, 80.
    sheets = boxes(AB, 7)
    sheets["Sites"][2][2] = "forbidden"
    sheets["Demand"] = [["region", "requests_per_s", "min_served"], ["R", 7, 1]]
    sheets["Dependencies"] = [["dependency", "kind", "protect"], ["A", "provider", "yes"]]
    found = explained(tmp_path, sheets)
    assert found.best[-1].value == found.best[-1].bound == pytest.approx(50)
    assert cost(at(found.rules, "Sites!C3").price) == pytest.approx(50 - 80)


# Sites --------------------------------------------------------------------------------------------

ABC = {"a": 50.0, "b": 80.0, "c": 95.0}


def unused(found: Why, site: str) -> Unused:
    (entry,) = (entry for entry in found.unused if entry.site == site)
    return entry


def used(found: Why, site: str) -> Used:
    (entry,) = (entry for entry in found.used if entry.site == site)
    return entry


def test_a_site_that_is_not_used_costs_what_a_node_there_does(tmp_path: Path) -> None:
    found = explained(tmp_path, boxes(ABC, 12))
    now = cheapest(ABC, 12)
    for site in "bc":
        price = cheapest(ABC, 12, least={site: 1}) - now
        assert cost(unused(found, site).price) == pytest.approx(price) == ABC[site] - 50
        assert [line.amount for line in unused(found, site).bill] == [pytest.approx(price)]


def test_a_site_as_good_as_those_used_costs_nothing(tmp_path: Path) -> None:
    found = explained(tmp_path, boxes({"a": 50.0, "b": 50.0}, 5), sites=("a", "b"))
    (entry,) = found.unused
    assert entry.price is not None
    assert entry.price.is_nothing
    (other,) = found.used
    assert (other.verdict, other.instead) == (INTERCHANGEABLE, (entry.site,))
    assert (found.rules, found.limits, found.rows) == ((), (), ())


def status(sheets: Sheets) -> str:
    sheets["Sites"][3][2] = "forbidden"
    return "Sites!C4"


def contract(sheets: Sheets) -> str:
    sheets["Providers"][3][1] = "forbidden"
    return "Providers!B4"


def lock(sheets: Sheets) -> str:
    sheets["Locks"] = [["provider", "max"], ["C", 0]]
    return "Locks!B2"


def nothing_on_offer(sheets: Sheets) -> str:
    sheets["Capacities"][3][2] = 0
    return "Sites!A4"


@pytest.mark.parametrize("forbid", [status, contract, lock, nothing_on_offer])
def test_what_alone_forbids_a_site_is_named_by_its_cell(
    forbid: Callable[[Sheets], str], tmp_path: Path
) -> None:
    sheets = boxes(ABC, 12)
    cell = forbid(sheets)
    entry = unused(explained(tmp_path, sheets, sites=("c",)), "c")
    assert [member.cell for member in entry.forbidden_by] == [cell]
    assert entry.price is None


def test_what_together_forbids_a_site_is_named_by_its_cells(tmp_path: Path) -> None:
    # Two boxes of 7 serve 12; one of them at c, which answers 0.7, leaves 4.3 unserved.
    sheets = boxes(ABC, 12, require_served="yes")
    sheets["Capacities"][3][3] = 1
    sheets["Locks"] = [["node_type", "max"], ["box", 2]]
    entry = unused(explained(tmp_path, sheets, sites=("c",)), "c")
    cells = [member.cell for member in entry.forbidden_by]
    assert cells == ["Demand!B2", "Locks!B2", "Settings!B2"]
    assert all(member.decided for member in entry.forbidden_by)
    assert entry.price is not None
    assert entry.price.status == "infeasible"


def test_a_site_is_in_every_near_plan_if_all_others_are_dearer(tmp_path: Path) -> None:
    prices = {"a": 50.0, "b": 50.4, "c": 80.0}
    found = explained(tmp_path, boxes(prices, 12, most=1))
    for site in "ab":
        entry = used(found, site)
        others = {other: price for other, price in prices.items() if other != site}
        price = cheapest(others, 12, 1) - cheapest(prices, 12, 1)
        assert entry.verdict == IN_EVERY
        assert cost(entry.price) == pytest.approx(price)
    found = explained(tmp_path, boxes(prices, 5, most=1))
    # b instead of a is dearer by 0.8 %: within the hundredth that a near plan may be.
    assert used(found, "a").verdict == INTERCHANGEABLE
    assert used(found, "a").instead == ("b",)


def test_a_site_without_which_there_is_no_plan_is_in_every_plan(tmp_path: Path) -> None:
    found = explained(tmp_path, boxes(AB, 12, most=1, require_served="yes"))
    assert {entry.verdict for entry in found.used} == {IN_EVERY}
    assert {entry.price.status for entry in found.used} == {"infeasible"}


def test_a_plan_that_was_edited_is_told_to_be_worse_than_what_is_known(tmp_path: Path) -> None:
    tables = read_network(save(tmp_path, boxes(AB, 12)))
    assert tables.network is not None
    better = solve(tables.network, Limits(30, 0.0)).plan
    assert better is not None
    worse = with_node(tables.network, better.final, "b")
    found = of_tables(tables, worse, sites=("a",))
    assert [level.value for level in found.given] == [0, 180]
    assert [level.value for level in found.best] == [0, pytest.approx(100)]
    # One that serves more than its boxes can is no plan to hold others against.
    less = replace(better.final, nodes={OfferKey("a", "box"): 1})
    found = of_tables(tables, less, sites=("a",))
    assert found.best[-1].value == pytest.approx(100)


# What is proven -----------------------------------------------------------------------------------


def best(*levels: tuple[float, float], status: str = "feasible") -> Best:
    """Return the end of a solve: value and bound of what is unserved, and of the cost."""
    names = ("unserved", "requests/s"), ("monthly_cost", "currency/month")
    found = (Level(*name, *level) for name, level in zip(names, levels, strict=False))
    return Best(status, tuple(found), Deployment())


NONE = (0.0, 0.0)


def test_a_price_of_gaps_that_are_open_is_an_interval() -> None:
    # The narrower costs 95 … 100, the wider 70 … 80: the difference is 15 … 30, 20 was found.
    (_, money) = price(best(NONE, (100, 95)), best(NONE, (80, 70))).amounts
    assert (money.low, money.high, money.found) == (15, 30, 20)
    assert not money.is_exact
    # Here it may be nothing, but never less.
    (_, money) = price(best(NONE, (100, 70)), best(NONE, (80, 75))).amounts
    assert (money.low, money.high) == (0, 25)
    assert price_text(Price("priced", (money,)), "EUR") == "between 0 and 25 EUR/month (20 found)"
    (_, money) = price(best(NONE, (100, 95)), best(NONE, (80, -math.inf))).amounts
    assert price_text(Price("priced", (money,)), "EUR") == "at least 15 EUR/month"


def test_a_plan_of_the_narrower_is_one_of_the_wider() -> None:
    # The wider ended with 110, but the narrower has a plan of 100.
    (_, money) = price(best(NONE, (100, 98)), best(NONE, (110, 90))).amounts
    assert (money.low, money.high, money.found) == (0, 10, 0)


def test_nothing_is_proven_of_cost_where_service_differs() -> None:
    found = price(best((5, 5), (50, 50)), best(NONE, (130, 130)))
    unserved, money = found.amounts
    text = "5 requests/s unserved (in the plan found 80 EUR/month less)"
    assert price_text(found, "EUR") == text
    assert (unserved.low, unserved.high) == (5, 5)
    assert (money.low, money.high, money.found) == (-math.inf, math.inf, -80)


def test_without_an_end_nothing_is_claimed() -> None:
    known_ = best(NONE, (80, 80))
    assert price(Best(UNKNOWN), known_).status == UNKNOWN
    assert price(Best(INFEASIBLE), known_).status == INFEASIBLE
    assert not price(Best(UNKNOWN), known_).is_nothing


def test_two_solves_of_one_network_prove_what_each_does() -> None:
    found = both(best(NONE, (100, 70)), best(NONE, (99, 60)))
    assert (found.levels[1].value, found.levels[1].bound) == (99, 70)
    # What is proven of plans that serve as much as one says nothing of one that serves more.
    found = both(best((3, 0), (50, 45)), best(NONE, (99, 60)))
    assert [(level.value, level.bound) for level in found.levels] == [(0, 0), (99, 60)]
    unsolved = best(NONE, (100, 70))
    assert both(unsolved, Best(UNKNOWN)) == unsolved


def test_what_is_least_known_is_solved_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first solve of each proves nothing of the cost; one that is told what is known, all."""
    whole, told = solver.solve, list[float]()

    def hurried(asked: Network, *given: Any, **named: Any) -> solver.Solved:
        found = whole(asked, *given, **named)
        if named["known"]:
            told.append(named["known"]["monthly_cost"])
            return found
        stages = tuple(replace(entry, bound=0.0) for entry in found.stages)
        return replace(found, stages=stages, status="feasible")

    monkeypatch.setattr(solver, "solve", hurried)
    sheets = boxes(ABC, 12, budget_monthly=1000)
    found = explained(tmp_path, sheets)
    assert told == [0.0] * len(told)
    assert len(told) >= 2  # the plan itself, and the widest of the prices
    assert found.best[-1].bound == pytest.approx(found.best[-1].value)
    exact = [entry for entry in (*found.rules, *found.limits) if entry.price.width == 0.0]
    assert exact


def test_the_base_learns_from_what_allows_more_and_what_allows_less() -> None:
    base = best(NONE, (100, 60))
    found = known(base, [best(NONE, (95, 90))], [best(NONE, (99, 50))])
    assert (found.levels[1].value, found.levels[1].bound) == (99, 90)
    # A bound on the cost of plans that serve more says nothing of this one.
    served_more = best((0, 0), (200, 190))
    found = known(best((3, 2), (100, 60)), [served_more], [])
    assert [level.bound for level in found.levels] == [2, 60]


@pytest.mark.parametrize(
    ("without_it", "verdict"),
    [
        (best(NONE, (101, 99)), INTERCHANGEABLE),
        (best(NONE, (110, 101.5)), IN_EVERY),
        (best(NONE, (110, 100.5)), UNDECIDED),
        (best((2, 2), (40, 40)), IN_EVERY),
        (best((2, 0), (40, 40)), UNDECIDED),
        (Best(INFEASIBLE), IN_EVERY),
        (Best(UNKNOWN), UNDECIDED),
    ],
)
def test_a_verdict_is_what_is_proven(without_it: Best, verdict: str) -> None:
    base = best(NONE, (100, 98))
    near_, far = is_near(without_it, base, 0.01), is_far(without_it, base, 0.01)
    assert (near_, far) == (verdict == INTERCHANGEABLE, verdict == IN_EVERY)


def test_after_a_stop_nothing_is_claimed(tmp_path: Path) -> None:
    tables = read_network(save(tmp_path, boxes(ABC, 12)))
    assert tables.network is not None
    assert tables.book is not None
    plan = solve(tables.network, Limits(30, 0.0)).plan
    assert plan is not None
    stop = threading.Event()
    stop.set()
    found = why(
        tables.network, plan.final, tables.book, Asked(workers=Workers(1)), stop, lambda _: None
    )
    assert found.stopped
    assert [level.bound for level in found.best] == [-math.inf, -math.inf]
    assert all(entry.price is None for entry in found.unused)
    assert (found.rules, found.limits, found.used) == ((), (), ())
    json.dumps(document(found), allow_nan=False)
    assert "not looked at" in str(list(map(str, parts(found, 9))))


# Where solves begin -------------------------------------------------------------------------------


def full(prices: Mapping[str, float], demand: float, **more: Any) -> Sheets:
    """Return boxes with seats, copies and warm replicas beside them."""
    sheets = boxes(prices, demand, **more)
    sheets["Node types"] = [
        ["node_type", "role", "gpu_memory_gb", "disk_tb"],
        ["box", "execution", 80, None],
        ["disk", "storage", None, 1],
        ["seat", "coordination", None, None],
    ]
    sheets["Models"] = [
        ["model", "gpu_memory_gb", "weights_gb", "requests_per_s", "copies"],
        ["chat", 40, 10, 5, 1],
    ]
    sheets["Demand"] = [["region", "requests_per_s", "model"], ["R", demand, "chat"]]
    sheets["Committees"] = [["committee", "seats"], ["council", 1]]
    sheets["Capacities"] = [row[:3] + row[4:] for row in sheets["Capacities"]]
    for site, each in prices.items():
        sheets["Capacities"] += [[site, "disk", 1, each / 10], [site, "seat", 1, each / 10]]
    return sheets


def test_solves_begin_from_plans_that_are_legal(tmp_path: Path) -> None:
    network = read_network(save(tmp_path, full(ABC, 12))).network
    assert network is not None
    solved = solve(network, Limits(30, 0.0)).plan
    assert solved is not None
    plan = solved.final
    assert plan.open == {"a"}
    (demand,) = network.demand
    starts = {
        "with": with_node(network, plan, "c"),
        "without": without(network, plan, "a", Ways(network)),
        "serving": serving(network, plan, demand, OfferKey("b", "box")),
    }
    assert starts["with"].nodes[OfferKey("c", "disk")] == 1
    assert starts["without"].open == {"b"}
    assert starts["without"].contracts == {"B"}
    assert sum(starts["without"].warm.values()) == sum(plan.warm.values())
    assert {seat.site for seat in starts["without"].seats} == {"b"}
    assert {copy.site for copy in starts["without"].copies} == {"b"}
    assert sum(n for r, n in starts["serving"].warm.items() if r.site == "b") == 4
    for name, start in starts.items():
        # What is routed and verified is decided anew; all else has to be legal as it is.
        flows = tuple(
            replace(flow, offer=OfferKey("b", "box")) if name != "with" else flow
            for flow in plan.routing
        )
        assert audit(network, Plan({"": replace(start, routing=flows)})) == (), name


def test_what_was_not_decided_is_told_apart_from_what_saves_nothing() -> None:
    open_, free = price(best(NONE, (100, 95)), best(NONE, (100, 90))), Price("priced")
    rules = (Eased(("A!1",), ("one",), (), open_), Eased(("A!2",), ("two",), (), free))
    assert open_.is_futile
    assert not open_.is_nothing
    told = [str(part) for part in parts(Why("EUR", rules=rules), 9)]
    assert "Proven to save nothing: A!2." in told
    assert any(text.startswith("No better plan found, nor proven in time") for text in told)
