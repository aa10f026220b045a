"""Plans in phases from the command line: what is written, what is said, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from planner.cli import main
from tests.workbooks import Sheets, base, save, smallest

HEADERS: list[object] = ["phase", "order", "demand_multiplier", "max_new_nodes", "budget_one_off"]


def run(*arguments: object) -> Result:
    """Return what the command printed and its exit code."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def figures(folder: Path) -> dict[str, Any]:
    """Return plan.json as written."""
    content: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return content


def growing(sheets: Sheets, *rows: list[object]) -> Sheets:
    """Return the workbook with phases, listed in an order that is not theirs."""
    given = rows or (["Q2/Q3", 2, 1, None, None], ["pilot", 1, 0.5, None, None])
    return sheets | {"Phases": [HEADERS, *given]}


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """Return a workbook with every role, the folder of its plan, and what was said."""
    folder = tmp_path_factory.mktemp("phases")
    path = save(folder, growing(base()))
    out = folder / "out"
    return path, out, run("solve", path, "--out", out, "--gap", "0.05")


def test_every_phase_has_a_plan_of_its_own_and_all_of_them_pass_the_audit(
    solved: tuple[Path, Path, Result],
) -> None:
    path, out, done = solved
    assert done.exit_code == 0, done.output
    assert figures(out)["audit"] == {"passed": True, "violations": []}
    plans = [out, out / "phases" / "pilot", out / "phases" / "Q2_Q3"]
    for folder in plans:
        again = run("audit", path, folder / "plan.xlsx")
        assert (again.exit_code, again.stderr) == (0, ""), again.output
    ends = [figures(folder)["phases"][-1]["phase"] for folder in plans]
    assert ends == ["Q2/Q3", "pilot", "Q2/Q3"]


def test_the_phases_are_told_on_the_screen_in_the_workbook_and_in_figures(
    solved: tuple[Path, Path, Result],
) -> None:
    _, out, done = solved
    book = openpyxl.load_workbook(out / "plan.xlsx")
    header, *rows = book["Phases"].values
    pilot, later = (dict(zip(header, row, strict=True)) for row in rows)
    assert [row["phase"] for row in (pilot, later)] == ["pilot", "Q2/Q3"]
    assert [row["demand_multiplier"] for row in (pilot, later)] == [0.5, 1]
    assert pilot["asked (requests/s)"] * 2 == pytest.approx(later["asked (requests/s)"])
    assert pilot["new_nodes"] == pilot["nodes"]
    assert later["nodes"] == pilot["nodes"] + later["new_nodes"] - later["closed_nodes"]
    assert later["closed_nodes"] == 0
    content = figures(out)["phases"]
    for told, written in zip(content, (pilot, later), strict=True):
        assert told["nodes"] == written["nodes"]
        assert told["monthly_cost"] == pytest.approx(written["monthly_cost (EUR/month)"])
    # The objective is the sum over the phases.
    cost = next(one for one in figures(out)["objectives"] if one["measure"] == "monthly_cost")
    paid = sum(told["monthly_cost"] for told in content) + cost["penalties"]
    assert cost["value"] == pytest.approx(paid)
    lines = [line.split() for line in done.output.splitlines()]
    shown = {words[0]: words for words in lines if words and words[0] in ("pilot", "Q2/Q3")}
    assert "safe" in shown["pilot"]
    assert f"(+{later['new_nodes']})" in shown["Q2/Q3"]


def test_the_steps_of_every_phase_are_listed_with_their_verdict(
    solved: tuple[Path, Path, Result],
) -> None:
    _, out, _ = solved
    header, *rows = openpyxl.load_workbook(out / "plan.xlsx")["Roll-out"].values
    steps = [dict(zip(header, row, strict=True)) for row in rows]
    told = [(one["phase"], step["step"]) for one in figures(out)["phases"] for step in one["steps"]]
    assert [(step["phase"], step["step"]) for step in steps] == told
    assert [step["step"] for step in steps if step["phase"] == "pilot"][0] == 1
    serving = [step for step in steps if step["what"] == "serve"]
    assert [step["phase"] for step in serving] == ["pilot", "Q2/Q3"]
    assert all("every guarantee held" in step["verdict"] for step in serving)
    assert all(step["held"] for one in figures(out)["phases"] for step in one["steps"])


def test_stress_and_sites_judge_the_last_phase_of_a_plan(
    solved: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    path, out, _ = solved
    rates = []
    for name in ("pilot", "Q2_Q3"):
        plan = out / "phases" / name / "plan.xlsx"
        done = run("stress", path, plan, "--worst", 1, "--out", tmp_path, "--json")
        assert done.exit_code == 0, done.output
        rates.append(json.loads(done.stdout))
    assert rates[0] != rates[1]


def test_explain_says_which_phase_it_judges_and_takes_another(
    solved: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    path, out, _ = solved
    site = figures(out)["sites"][0]["site"]
    told = []
    for words in ((), ("--phase", "pilot")):
        asked = ("--site", site, "--time-limit", 5, "--out", tmp_path, *words)
        done = run("explain", path, out, *asked)
        assert done.exit_code == 0, done.output
        told.append(done.stdout.partition("\n")[0])
        content = json.loads((tmp_path / "explain.json").read_text(encoding="utf-8"))
        assert content["phase"] == (words[1] if words else "Q2/Q3")
    assert told[0].startswith("Of the phases of PLAN, Q2/Q3:")
    assert told[1].startswith("Of the phases of PLAN, pilot:")
    assert "Of the phases of PLAN, pilot:" in (tmp_path / "explain.html").read_text("utf-8")


def test_a_phase_that_a_plan_does_not_have_is_not_explained(
    solved: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    path, out, _ = solved
    done = run("explain", path, out, "--phase", "pilott", "--out", tmp_path / "never")
    assert done.exit_code == 2
    assert "--phase pilott: plan.xlsx has no such phase; did you mean 'pilot'?" in done.stderr
    assert not (tmp_path / "never").exists()


def test_a_frontier_says_that_it_leaves_the_phases_out(tmp_path: Path) -> None:
    path, out = save(tmp_path, growing(smallest())), tmp_path / "out"
    done = run("frontier", path, "--against", "changes", "--points", 0, "--out", out)
    assert done.exit_code == 0, done.output
    says = "Phases is left out: all demand as given, on what stands today."
    assert says in done.stdout
    assert says in json.loads((out / "frontier.json").read_text(encoding="utf-8"))["notes"]
    assert says in (out / "frontier.html").read_text(encoding="utf-8")


def test_a_plan_edited_so_that_nodes_vanish_between_phases_fails_its_audit(
    tmp_path: Path,
) -> None:
    path = save(tmp_path, growing(smallest()))
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    plan = tmp_path / "out" / "plan.xlsx"
    book = openpyxl.load_workbook(plan)
    header, *_ = book["Nodes"].values
    column = header.index("nodes") + 1
    for row in book["Nodes"].iter_rows(min_row=2):
        if row[0].value == "pilot":
            book["Nodes"].cell(row[0].row, column, 3)
    book.save(plan)
    done = run("audit", path, plan)
    assert done.exit_code == 3, done.output
    assert "growth[Q2/Q3: " in done.output
    assert "may not close any" in done.output


def test_growth_beyond_a_limit_names_its_cell(tmp_path: Path) -> None:
    rows = (["pilot", 1, 0.1, None, None], ["full", 2, 1, 1, None])
    path = save(tmp_path, growing(smallest(), *rows))
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    # Twelve requests/s at 70 % of ten take two nodes: one stands in the pilot, one may be new.
    nodes = [one["nodes"] for one in figures(tmp_path / "out")["phases"]]
    assert nodes == [1, 2]
    path = save(tmp_path, growing(smallest(), rows[0], ["full", 2, 1, 0, None]))
    done = run("audit", path, tmp_path / "out" / "plan.xlsx")
    assert done.exit_code == 3
    assert "growth[full: full]: 1 nodes are new, at most 0 may be (Phases!D3)" in done.output


def test_a_pilot_builds_ahead_where_a_later_phase_may_not_add_enough(tmp_path: Path) -> None:
    rows = (["pilot", 1, 0.1, None, None], ["full", 2, 1, 0, None])
    path = save(tmp_path, growing(smallest(), *rows))
    done = run("solve", path, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert [one["nodes"] for one in figures(tmp_path / "out")["phases"]] == [2, 2]


def test_a_phase_without_a_plan_is_named_with_the_rules_in_the_way(tmp_path: Path) -> None:
    served = smallest() | {"Settings": [["setting", "value"], ["require_served", "yes"]]}
    rows = (["pilot", 1, 0.1, 1, None], ["full", 2, 1, 0, None])
    limited = growing(served, *rows)
    path = save(tmp_path, limited)
    done = run("solve", path, "--out", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "Phase full has no plan, whatever stands before it" in done.output
    assert "Without this rule there is a plan" in done.output
    assert figures(tmp_path / "out")["status"] == "infeasible"


def test_a_plan_without_phases_is_judged_as_if_there_were_none(tmp_path: Path) -> None:
    path = save(tmp_path, smallest())
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    path = save(tmp_path, growing(smallest()))
    done = run("audit", path, tmp_path / "out" / "plan.xlsx")
    assert done.exit_code == 0, done.output
    assert "the plan names no phase" in done.output


def test_a_phase_that_is_not_in_the_workbook_is_an_error(tmp_path: Path) -> None:
    path = save(tmp_path, growing(smallest()))
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    path = save(tmp_path, growing(smallest(), ["pilot", 1, 0.5, None, None]))
    done = run("audit", path, tmp_path / "out" / "plan.xlsx")
    assert done.exit_code == 2
    assert "phase 'Q2/Q3' is not in Phases" in done.output


def test_a_plan_in_phases_of_a_workbook_without_any_is_one_error(tmp_path: Path) -> None:
    path = save(tmp_path, growing(smallest()))
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    done = run("audit", save(tmp_path, smallest()), tmp_path / "out" / "plan.xlsx", "--json")
    assert done.exit_code == 2
    (found,) = json.loads(done.stdout)["findings"]
    assert (found["sheet"], found["cell"], found["level"]) == ("Sites", "A2", "error")
    assert "the plan is in phases, and the workbook has none" in found["message"]


def test_a_roll_out_is_the_same_twice(tmp_path: Path) -> None:
    path = save(tmp_path, growing(smallest()))
    told = []
    for name in ("one", "two"):
        assert run("solve", path, "--out", tmp_path / name).exit_code == 0
        content = figures(tmp_path / name)
        del content["times"], content["run"]
        told.append(content)
    assert told[0] == told[1]


def test_the_report_has_the_phases_and_their_steps(solved: tuple[Path, Path, Result]) -> None:
    _, out, _ = solved
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "What every phase amounts to" in page
    count = sum(len(one["steps"]) for one in figures(out)["phases"])
    assert page.count("every guarantee held") == count


def test_what_no_plan_can_serve_is_asked_of_the_phase_with_most_demand(tmp_path: Path) -> None:
    """Six nodes serve 42 requests/s: 12 of them as the workbook stands, and four times as many."""
    settings: list[list[object]] = [["setting", "value"], ["require_served", "yes"]]
    sheets = smallest() | {"Settings": settings}
    assert run("check", save(tmp_path, growing(sheets))).exit_code == 0
    many = growing(sheets, ["pilot", 1, 0.5, None, None], ["full", 2, 4, None, None])
    done = run("check", save(tmp_path, many))
    assert done.exit_code == 2, done.output


def test_plans_of_phases_that_are_no_longer_there_make_way(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("solve", save(tmp_path, growing(smallest())), "--out", out).exit_code == 0
    other = growing(smallest(), ["pilot", 1, 0.5, None, None], ["rest", 2, 1, None, None])
    done = run("solve", save(tmp_path, other), "--out", out)
    assert "phases/Q2_Q3/plan.xlsx is of an earlier run" in done.stderr
    assert not (out / "phases" / "Q2_Q3" / "plan.xlsx").exists()
    assert (out / "phases" / "Q2_Q3" / "plan (before).xlsx").exists()
    assert (out / "phases" / "rest" / "plan.xlsx").exists()
    assert run("solve", save(tmp_path, smallest()), "--out", out).exit_code == 0
    assert not [*out.glob("phases/*/plan.xlsx")]


def test_what_is_held_in_the_folder_of_a_phase_is_said(tmp_path: Path) -> None:
    path, out = save(tmp_path, growing(smallest())), tmp_path / "out"
    assert run("solve", path, "--out", out, "-q").stderr == ""
    pilot = Path("phases") / "pilot"
    (out / pilot / "~$plan.xlsx").touch()
    done = run("solve", path, "--out", out, "-q")
    assert done.exit_code == 0
    assert f"{pilot / 'plan.xlsx'} is open in another program" in done.stderr
    assert f"the new one is {pilot / 'plan (2).xlsx'}." in done.stderr
    assert (out / pilot / "plan (2).xlsx").exists()


def test_an_edited_plan_of_a_phase_is_kept_and_said_to_be(tmp_path: Path) -> None:
    path, out = save(tmp_path, growing(smallest())), tmp_path / "out"
    assert run("solve", path, "--out", out, "-q").stderr == ""
    edited = Path("phases") / "pilot" / "plan.xlsx"
    book = openpyxl.load_workbook(out / edited)
    header, *_ = book["Nodes"].values
    book["Nodes"].cell(2, header.index("nodes") + 1, 7)
    book.save(out / edited)
    done = run("solve", path, "--out", out, "-q")
    new = edited.with_name("plan (2).xlsx")
    assert done.stderr == f"{edited} was edited, so it is kept; the new plan is {new}.\n"
    assert (out / new).exists()


def test_the_plan_of_one_phase_is_not_rerun_by_itself(solved: tuple[Path, Path, Result]) -> None:
    _, out, _ = solved
    done = run("rerun", out / "phases" / "pilot", "--out", out / "again")
    assert done.exit_code == 2
    assert "up to one phase of a roll-out" in done.stderr
    assert f"planner rerun {out.resolve()}" in done.stderr
    assert not (out / "again").exists()


def test_the_readme_s_example_of_phases_is_true(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    book = openpyxl.load_workbook(root / "inputs" / "minimal.xlsx")
    sheet = book.create_sheet("Phases")
    readme = (root / "README.md").read_text(encoding="utf-8")
    lines = readme.split("\n## Phases")[1].split("\n## ")[0].splitlines()
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    )
    for row in (header, *rows):
        sheet.append([float(cell) if cell[:1].isdigit() else cell or None for cell in row])
    book.save(tmp_path / "minimal.xlsx")
    done = run("solve", tmp_path / "minimal.xlsx", "--out", tmp_path / "out")
    said = [line.split() for line in done.output.splitlines()]
    told = [line.split() for line in lines if line.startswith("    ")]
    assert len(told) == 1 + len(rows)
    assert all(line in said for line in told), done.output
