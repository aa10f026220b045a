"""Plans side by side: each with the workbook and the scenario that it was made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner.cli import main
from planner.compare import compare
from planner.workbook.findings import InputError
from tests.workbooks import Sheets, put, save, smallest

SCENARIOS = [
    ["scenario", "sheet", "where", "column", "change"],
    ["dearer", "Capacities", None, "monthly_cost", "x2"],
    ["mended", "Capacities", None, "monthly_cost", "50"],
]


def solve(folder: Path, sheets: Sheets, out: str, *options: str) -> Path:
    """Solve a workbook and return the folder of the plan; it need not have one."""
    path = save(folder, sheets, f"{out}.xlsx")
    target = folder / out
    CliRunner().invoke(main, ["solve", str(path), "--out", str(target), "-q", *options])
    return target


def refused(*paths: Path) -> str:
    """Return why the plans cannot be compared."""
    with pytest.raises(InputError) as raised:
        compare(paths)
    return str(raised.value)


def test_a_plan_of_an_earlier_workbook_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    folder = solve(tmp_path, smallest(), "plan")
    shutil.copy(folder / "plan.xlsx", folder / "mine.xlsx")
    sheets = smallest()
    put(sheets, "Capacities", 2, "monthly_cost", 60)
    solve(tmp_path, sheets, "plan")
    assert len(compare((folder, folder)).sides) == 2
    said = refused(folder, folder / "mine.xlsx")
    assert "mine.xlsx was made from another workbook than workbook.xlsx beside it" in said
    assert "; put it in a folder of its own, with the one it was made from as workbook.xlsx" in said


def test_a_plan_is_read_as_its_own_scenario(tmp_path: Path) -> None:
    sheets = smallest() | {"Scenarios": SCENARIOS}
    folder = solve(tmp_path, sheets, "plan", "--scenario", "dearer")
    (made,) = folder.rglob("plan.xlsx")
    other = tmp_path / "other"
    shutil.copytree(made.parent, other)
    shutil.copy(solve(tmp_path, sheets, "as it stands") / "plan.xlsx", other / "plain.xlsx")
    plain, dearer = (side.evaluation for side in compare((other / "plain.xlsx", other)).sides)
    assert dearer.score("").monthly_cost == 2 * plain.score("").monthly_cost > 0


def test_a_scenario_may_mend_what_is_wrong_without_it(tmp_path: Path) -> None:
    sheets = smallest() | {"Scenarios": SCENARIOS}
    put(sheets, "Capacities", 2, "monthly_cost", "unknown to us")
    folder = solve(tmp_path, sheets, "plan", "--scenario", "mended")
    (made,) = folder.rglob("plan.xlsx")
    shutil.copy(made, made.with_name("mine.xlsx"))
    assert len(compare((made.with_name("mine.xlsx"), made.parent)).sides) == 2


def test_a_run_without_a_plan_says_how_it_ended(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 30)
    sheets["Settings"] = [["setting", "value"], ["budget_monthly", 1], ["require_served", "yes"]]
    folder = solve(tmp_path, sheets, "plan")
    status = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["status"]
    assert status in ("infeasible", "invalid")
    assert f"the run in {folder} ended without a plan: {status}; " in refused(folder, folder)


def test_a_plan_that_was_removed_is_not_there(tmp_path: Path) -> None:
    folder = solve(tmp_path, smallest(), "plan")
    (folder / "plan.xlsx").unlink()
    assert "plan.xlsx is not there" in refused(folder, folder)
