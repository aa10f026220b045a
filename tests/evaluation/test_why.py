"""Plans of small networks: every price is the difference of two optima found by trying all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.evaluation.why import Asked, why
from planner.evaluation.why_results import Eased, Price, Why
from planner.jobs.requests import Workers
from planner.reading import Tables, read_network
from planner.result import Limits
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


def of_tables(tables: Tables, **asked: Any) -> Why:
    assert tables.network is not None, tables.findings
    assert tables.book is not None
    plan = solve(tables.network, Limits(30, 0.0)).plan
    assert plan is not None
    return why(
        tables.network,
        plan.final,
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
