"""Plans side by side: each with the workbook and the scenario that it was made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import main
from planner.compare import compare
from planner.workbook.findings import InputError
from tests.browser import CHROMIUM, looked_at
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


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Return the folder of a comparison of two plans, and what was shown of it."""
    folder = tmp_path_factory.mktemp("compared")
    one = solve(folder, smallest(), "one")
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 7)
    sheets["Sites"] = [
        ["<b>&a" if cell == "a" else cell for cell in row] for row in sheets["Sites"]
    ]
    capacities = [
        ["<b>&a" if cell == "a" else cell for cell in row] for row in sheets["Capacities"]
    ]
    sheets["Capacities"] = capacities
    two = solve(folder, sheets, "two")
    words = ["compare", str(one), str(two), "--out", str(folder / "out")]
    return folder / "out", CliRunner().invoke(main, words)


def test_a_comparison_is_written_as_a_page_and_as_json(compared: tuple[Path, Result]) -> None:
    folder, done = compared
    assert done.exit_code == 0, done.output
    page = (folder / "compare.html").read_text(encoding="utf-8")
    assert "<h1>two against one</h1>" in page
    assert "<h2>two, against the first</h2>" in page
    assert "requests_per_s 12 -&gt; 7" in page
    assert "&lt;b&gt;&amp;a" in page
    assert "<b>&a" not in page
    told = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    assert told["against_first"][0]["name"] == "two"
    assert f"everything: {folder / 'compare.json'}, to be read: {folder / 'compare.html'}" in (
        done.output.replace("\n", "")
    )


def test_the_page_has_every_line_that_the_screen_leaves_out(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Regions"] = [["region"], *([f"R{number}"] for number in range(30))]
    one = solve(tmp_path, smallest(), "one")
    two = solve(tmp_path, sheets, "two")
    words = ["compare", str(one), str(two)]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "R29" not in done.output
    assert "and 15 more" in done.output
    assert "R29 added" in page
    quiet = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out"), "-q"])
    assert (quiet.exit_code, quiet.output) == (0, "")
    plain = CliRunner().invoke(main, words)
    assert plain.output.splitlines() == done.output.splitlines()[: len(plain.output.splitlines())]


def test_a_page_that_is_held_or_cannot_be_written_loses_no_comparison(
    compared: tuple[Path, Result], tmp_path: Path
) -> None:
    folder, _ = compared
    words = ["compare", str(folder.parent / "one"), str(folder.parent / "two"), "--out"]
    held = tmp_path / "held"
    CliRunner().invoke(main, [*words, str(held), "-q"])
    (held / ".~lock.compare.html#").write_bytes(b"")
    done = CliRunner().invoke(main, [*words, str(held)])
    assert done.exit_code == 0
    assert "compare.html is open in another program and stays as it is" in done.output
    assert (held / "compare (2).html").is_file()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_the_comparison_and_loads_nothing(
    compared: tuple[Path, Result], width: int
) -> None:
    seen = looked_at(compared[0] / "compare.html", width)
    assert seen["errors"] == []
    assert (seen["blocked"], seen["requests"]) == ([], 0)
    assert seen["wide"] is True
