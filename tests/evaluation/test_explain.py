"""Workbooks with one planted conflict each: its cells are named, no other, and it can be mended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from models.classes import demand_classes
from models.network import Network
from planner.cli import main
from planner.evaluation import explain_search
from planner.evaluation.explain_results import Explanation
from planner.explain import Explainer
from planner.jobs.requests import Workers
from planner.reading import Tables, read_network
from planner.result import Limits
from planner.solver.problem import Problem
from planner.solver.solve import solve
from planner.workbook.excel import read_workbook
from planner.workbook.scenario_writing import write_copy
from tests.workbooks import Sheets, save


def boxes(demand: float = 12, **settings: object) -> Sheets:
    """Return two sites of two providers, three nodes of 7 requests/s and 50 a month at each."""
    return {
        "Sites": [
            ["site", "provider", "country", "status", "monthly_cost", "opening_cost"],
            ["a", "P", "DE", None, 0, 0],
            ["b", "Q", "FR", None, 0, 0],
        ],
        "Providers": [["provider"], ["P"], ["Q"]],
        "Capacities": [
            ["site", "node_type", "max_nodes", "min_nodes", "requests_per_s", "monthly_cost"],
            ["a", "box", 3, 0, 10, 50],
            ["b", "box", 3, 0, 10, 50],
        ],
        "Demand": [["region", "requests_per_s"], ["R", demand]],
        "Settings": [["setting", "value"], *map(list, settings.items())],
    }


def served(demand: float = 12, **settings: object) -> Sheets:
    """Return the same where all demand must be served (Settings!B2)."""
    return boxes(demand, require_served="yes", **settings)


def council(seats: int, sites: str = "abc") -> Sheets:
    """Return a committee with room for all its seats at each of some sites, each its provider's."""
    return {
        "Sites": [["site", "provider"], *([site, site.upper()] for site in sites)],
        "Providers": [["provider"], *([site.upper()] for site in sites)],
        "Node types": [["node_type", "role"], ["seat", "coordination"]],
        "Capacities": [
            ["site", "node_type", "max_nodes", "monthly_cost"],
            *([site, "seat", seats, 10] for site in sites),
        ],
        "Committees": [["committee", "seats", "max_faulty"], ["council", seats, 1]],
    }


def with_sheet(sheets: Sheets, name: str, *rows: list[object]) -> Sheets:
    return {**sheets, name: list(rows)}


def with_cell(sheets: Sheets, sheet: str, column: int, *values: object) -> Sheets:
    """Return the sheets with the values below the header in a column, counted from 0."""
    rows = [list(row) for row in sheets[sheet]]
    for row, value in zip(rows[1:], values, strict=True):
        row[column] = value
    return {**sheets, sheet: rows}


def budget() -> Sheets:
    return served(budget_monthly=60)


def lock_and_budget() -> Sheets:
    return with_sheet(boxes(budget_monthly=200), "Locks", ["node_type", "min"], ["box", 5])


def required_site() -> Sheets:
    sheets = with_cell(boxes(), "Sites", 3, None, "required")
    return with_sheet(sheets, "Locks", ["provider", "max"], ["Q", 0])


def share_and_lock() -> Sheets:
    share = ["spread", "execution", "provider", 0.6]
    sheets = with_sheet(served(), "Diversity", ["rule", "role", "kind", "max_share"], share)
    return with_sheet(sheets, "Locks", ["provider", "max"], ["Q", 0])


def distinct_and_lock() -> Sheets:
    spread = ["spread", "coordination", "provider", 3]
    sheets = with_sheet(council(3), "Diversity", ["rule", "role", "kind", "min_distinct"], spread)
    return with_sheet(sheets, "Locks", ["provider", "max"], ["C", 0])


def protected() -> Sheets:
    sheets = with_sheet(
        council(4),
        "Dependencies",
        ["dependency", "kind", "protect"],
        ["A", "provider", "yes"],
        ["B", "provider", "yes"],
    )
    return with_sheet(sheets, "Locks", ["provider", "max"], ["C", 1])


def residency() -> Sheets:
    asked: list[list[object]] = [["region", "requests_per_s", "countries"], ["R", 12, "DE"]]
    sheets = with_sheet(served(), "Demand", *asked)
    return with_sheet(sheets, "Locks", ["site", "max"], ["a", 1])


def latency() -> Sheets:
    asked: list[list[object]] = [["region", "requests_per_s", "max_latency_ms"], ["R", 12, 50]]
    sheets = with_sheet(served(), "Demand", *asked)
    routes = ["from", "to", "latency_ms"], ["R", "a", 10], ["R", "b", 100]
    sheets = with_sheet(sheets, "Routes", *routes)
    return with_sheet(sheets, "Locks", ["site", "max"], ["a", 1])


def survival() -> Sheets:
    asked: list[list[object]] = [["region", "requests_per_s", "min_served"], ["R", 12, 1]]
    sheets = with_sheet(boxes(budget_monthly=150), "Demand", *asked)
    header: list[object] = ["dependency", "kind", "protect"]
    rows: list[list[object]] = [[name, "provider", "yes"] for name in "PQ"]
    return with_sheet(sheets, "Dependencies", header, *rows)


def odd_seats() -> Sheets:
    share = ["halves", "coordination", "provider", 0.5]
    columns: list[object] = ["rule", "role", "kind", "max_share"]
    return with_sheet(council(5, "ab"), "Diversity", columns, share)


def fixed_charge() -> Sheets:
    return with_cell(served(5, budget_monthly=120), "Sites", 4, 100, 100)


def opening_cost() -> Sheets:
    return with_cell(served(5, budget_one_off=900), "Sites", 5, 1000, 1000)


def threes() -> Sheets:
    """Return sites with three nodes or none, and between four and five asked for."""
    sheets = with_cell(boxes(), "Capacities", 3, 3, 3)
    return with_sheet(sheets, "Locks", ["node_type", "min", "max"], ["box", 4, 5])


class Case(NamedTuple):
    sheets: Callable[[], Sheets]
    cells: str
    first: str
    whole_only: bool = False


CASES = [
    Case(budget, "Demand!B2 Settings!B2 Settings!B3", "lower Demand!B2 by 5 requests/s"),
    Case(lock_and_budget, "Locks!B2 Settings!B2", "lower Locks!B2 by 1 from 5 to 4"),
    Case(required_site, "Locks!B2 Sites!D3", "release Sites!D3 (required)"),
    Case(
        share_and_lock, "Demand!B2 Diversity!D2 Locks!B2 Settings!B2", "raise Diversity!D2 from 60"
    ),
    Case(distinct_and_lock, "Diversity!D2 Locks!B2", "lower Diversity!D2 by 1 from 3 to 2"),
    Case(
        protected,
        "Committees!B2 Committees!C2 Dependencies!C2 Dependencies!C3 Locks!B2",
        "lower Committees!B2 by 1 seats from 4 to 3",
    ),
    Case(residency, "Demand!B2 Demand!C2 Locks!B2 Settings!B2", "lower Demand!B2 by 5"),
    Case(latency, "Demand!B2 Demand!C2 Locks!B2 Settings!B2", "lower Demand!B2 by 5"),
    Case(
        survival,
        "Demand!B2 Demand!C2 Dependencies!C2 Dependencies!C3 Settings!B2",
        "raise Settings!B2 by 50",
    ),
    Case(odd_seats, "Committees!B2 Diversity!D2", "raise Diversity!D2 from 50 % to 60 %", True),
    Case(fixed_charge, "Demand!B2 Settings!B2 Settings!B3", "raise Settings!B3 by 30", True),
    Case(opening_cost, "Demand!B2 Settings!B2 Settings!B3", "raise Settings!B3 by 100", True),
    Case(
        threes,
        "Capacities!C2 Capacities!C3 Capacities!D2 Capacities!D3 Locks!B2 Locks!C2",
        "raise Locks!C2 by 1 from 5 to 6",
        True,
    ),
]


def explained(workbook: Path, *keep: str) -> Explanation:
    return Explainer(workbook, keep, Workers(1)).run(threading.Event(), lambda _: None)


def has_plan(tables: Tables) -> bool:
    assert tables.network is not None, tables.findings
    return solve(tables.network, Limits(30, 0.01)).plan is not None


def has_relaxed_plan(tables: Tables) -> bool:
    """Return whether there is a plan where nothing need be a whole number."""
    network = tables.network
    assert network is not None
    problem = Problem(network, demand_classes(network))
    problem.compile([])
    problem.hand_over(threading.Event(), {})
    with problem.engine.relaxation():
        return problem.separated(time_limit_s=10) is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sheets.__name__)
def test_the_planted_conflict_is_named_and_nothing_else(case: Case, tmp_path: Path) -> None:
    workbook = save(tmp_path, case.sheets())
    tables = read_network(workbook)
    assert has_relaxed_plan(tables) is case.whole_only
    before = workbook.read_bytes()
    found = explained(workbook)
    assert found.status == "infeasible"
    assert " ".join(sorted(member.cell for member in found.members)) == case.cells
    assert all(member.decided for member in found.members)
    assert not found.notes
    first = found.suggestions[0]
    assert " and ".join(map(str, first.steps)).startswith(case.first)
    copy = write_copy(workbook, read_workbook(workbook), first.rows)
    assert workbook.read_bytes() == before
    assert not has_plan(read_network(copy))
    assert has_plan(read_network(copy, scenario=first.scenario))


# What is kept, and what is said of what was not found out -----------------------------------------


def steps(found: Explanation) -> list[str]:
    return [" and ".join(map(str, one.steps)) for one in found.suggestions]


def test_what_is_kept_is_in_the_conflict_but_gives_in_no_suggestion(tmp_path: Path) -> None:
    workbook = save(tmp_path, budget())
    assert len(steps(explained(workbook))) == 3
    found = explained(workbook, "served")
    assert [member.cell for member in found.members if member.kept] == ["Demand!B2", "Settings!B2"]
    assert steps(found) == ["raise Settings!B3 by 40 EUR/month from 60 to 100"]
    assert [text.split()[0] for text in steps(explained(workbook, "settings!b3"))] == [
        "lower",
        "release",
    ]
    none = explained(workbook, "served", "budget")
    assert len(none.members) == 3
    assert not none.suggestions
    assert none.notes == ("No few of the limits that may give are enough.",)


def test_two_conflicts_need_two_limits_to_give(tmp_path: Path) -> None:
    sheets = required_site()
    sheets = with_cell(sheets, "Sites", 3, "required", "required")
    sheets["Locks"] = [["site", "max"], ["a", 0], ["b", 0]]
    found = explained(save(tmp_path, sheets))
    assert " ".join(member.cell for member in found.members) == "Sites!D3 Locks!B3"
    assert steps(found) == [
        "release Sites!D2 (required) and release Sites!D3 (required)",
        "release Sites!D3 (required) and raise Locks!B2 by 1 from 0 to 1",
        "release Sites!D2 (required) and raise Locks!B3 by 1 from 0 to 1",
    ]
    assert all(len(one.rows) == 2 for one in found.suggestions)


def test_a_stop_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop = threading.Event()

    def stopped(self: Any, first: Any) -> list[Any]:
        stop.set()
        return fewest(self, first)

    fewest = explain_search.Search.fewest
    monkeypatch.setattr(explain_search.Search, "fewest", stopped)
    workbook = save(tmp_path, budget())
    found = Explainer(workbook, (), Workers(1)).run(stop, lambda _: None)
    assert found.stopped
    assert len(found.members) == 3
    assert not found.suggestions
    assert found.notes == ("Not all was decided in time.",)


def test_what_was_not_decided_in_time_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(explain_search, "SECONDS_ALL", 0.0)
    workbook = save(tmp_path, budget())
    found = explained(workbook)
    assert found.status == "infeasible"
    assert {"Demand!B2", "Settings!B2", "Settings!B3"} <= {m.cell for m in found.members}
    assert not any(member.decided for member in found.members)
    assert "Not all was decided in time." in found.notes
    done = ran("explain", workbook, "--processes", "1")
    assert done.exit_code == 1
    assert "not decided whether it is needed" in done.output
    assert "None of them can be left out" not in done.output


def test_where_no_amount_is_decided_on_in_time_the_limit_is_released(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(network: Network, *given: Any, **how: Any) -> bool | None:
        budget = network.settings.budget_monthly
        return has(network, *given, **how) if budget in (60, None) else None

    has = explain_search.has_plan
    monkeypatch.setattr(explain_search, "has_plan", slow)
    workbook = save(tmp_path, budget())
    found = explained(workbook, "served")
    assert steps(found) == ["release Settings!B3 (60)"]
    assert not found.suggestions[0].least
    done = ran("explain", workbook, "--keep", "served", "--processes", "1")
    assert "EUR 100 a month; less may do: not decided in time" in done.stdout


def test_demand_that_need_not_be_so_much_is_no_part_of_a_conflict_of_nodes(tmp_path: Path) -> None:
    sheets = with_sheet(served(), "Demand", ["region", "requests_per_s"], ["R", 0.5])
    spread = ["spread", "execution", "provider", "nodes", 2]
    columns: list[object] = ["rule", "role", "kind", "measure", "min_distinct"]
    sheets = with_sheet(sheets, "Diversity", columns, spread)
    found = explained(save(tmp_path, with_sheet(sheets, "Locks", ["provider", "max"], ["Q", 0])))
    assert " ".join(member.cell for member in found.members) == "Diversity!E2 Locks!B2"


# The command --------------------------------------------------------------------------------------


def ran(*command: object) -> Result:
    return CliRunner().invoke(main, [str(part) for part in command])


def test_a_workbook_with_a_plan_is_not_explained(tmp_path: Path) -> None:
    done = ran("explain", save(tmp_path, boxes()), "--processes", "1")
    assert done.exit_code == 0
    assert done.stdout == "There is a plan for network.xlsx: planner solve writes it.\n"


def test_a_suggestion_is_written_beside_the_workbook_and_has_a_plan(tmp_path: Path) -> None:
    sheets = with_sheet(
        budget(),
        "Scenarios",
        ["column", "note", "change", "sheet", "scenario", "where"],
        ["requests_per_s", "less", "1", "Demand", "explain 2", None],
    )
    workbook = save(tmp_path, sheets)
    before = workbook.read_bytes()
    for name in ("network (explained).xlsx", "network (explained) (2).xlsx"):
        done = ran("explain", workbook, "--apply", 2, "--processes", "1", "-q")
        assert done.exit_code == 1, done.output
        assert "2  raise Settings!B3 by 40 EUR/month from 60 to 100: EUR 100" in done.stdout
        copy = tmp_path / name
        assert f'planner solve "{copy}" --scenario "explain 2 (2)"' in done.stdout
    assert workbook.read_bytes() == before
    out = tmp_path / "out"
    assert ran("solve", copy, "--scenario", "explain 2 (2)", "--out", out, "-q").exit_code == 0
    assert ran("solve", copy, "--scenario", "explain 2", "--out", out, "-q").exit_code == 0
    assert ran("explain", workbook, "--apply", 9, "--processes", "1").exit_code == 2


def test_the_same_is_found_by_two_processes_and_as_json(tmp_path: Path) -> None:
    workbook = save(tmp_path, budget())
    alone, both = (
        ran("explain", workbook, "--json", "-q", "--processes", count) for count in (1, 2)
    )
    assert alone.stdout == both.stdout
    found = json.loads(alone.stdout)
    assert found["status"] == "infeasible"
    assert found["complete"]
    assert [member["cell"] for member in found["conflict"]] == [
        "Demand!B2",
        "Settings!B2",
        "Settings!B3",
    ]
    assert found["suggestions"][1]["rows"] == [
        {
            "scenario": "explain 2",
            "sheet": "Settings",
            "where": "setting=budget_monthly",
            "column": "value",
            "change": "100",
        }
    ]


def test_bad_usage_and_bad_workbooks_exit_with_2(tmp_path: Path) -> None:
    workbook = save(tmp_path, budget())
    done = ran("explain", workbook, "--keep", "budgte")
    assert done.exit_code == 2
    assert (
        "'budgte' is no rule and no cell that sets a limit; did you mean 'budget'?" in done.output
    )
    assert ran("explain", tmp_path / "none.xlsx").exit_code == 2
    broken = save(tmp_path, with_sheet(budget(), "Providers", ["provider"], ["P"]), "broken.xlsx")
    done = ran("explain", broken)
    assert done.exit_code == 2
    assert "B3" in done.output
