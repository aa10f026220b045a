"""A run made again from its folder: the same plan, or a word about what is different."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from planner.report.run_differences import run_differences
from planner.solver.solve import Solved
from tests.test_cli import MINIMAL, figures, run, sha256, unsolvable
from tests.workbooks import save, smallest


def record(folder: Path, change: Callable[[Any], None]) -> None:
    """Change what plan.json says."""
    content = figures(folder)
    change(content)
    (folder / "plan.json").write_text(json.dumps(content), encoding="utf-8")


def test_a_rerun_gives_the_same_plan_from_the_folder_alone(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        ["less", "Demand", "region=R", "requests_per_s", "x0.5"],
    ]
    book, out = save(tmp_path, sheets), tmp_path / "out"
    options = ("--scenario", "less", "--gap", "0.02", "--solver-option", "presolve=off")
    assert run("solve", book, "--out", out, *options, "-q").exit_code == 0
    book.unlink()  # nobody has it any more
    folder, again = out / "scenarios" / "less", out / "scenarios" / "less-rerun"
    done = run("rerun", folder)
    assert done.exit_code == 0, done.output
    assert done.output == "The same again: optimal.\n"
    one, two = figures(folder), figures(again)
    del one["times"], two["times"]
    assert one == two
    assert two["run"]["options"]["presolve"] == "off"  # type: ignore[index]
    assert two["run"]["workbook"] == "network.xlsx"  # type: ignore[index]


def test_a_rerun_says_versions_and_code_that_changed(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path / "one", "-q")

    def older(content: Any) -> None:
        content["run"]["versions"]["highspy"] = "1.2.3"
        content["run"]["code"] = "0" * 64

    record(tmp_path / "one", older)
    done = run("rerun", tmp_path / "one", "--out", tmp_path / "two")
    assert done.exit_code == 0
    assert "highspy: 1.2.3 -> " in done.output
    assert "the planner's own code: 000000000000 -> " in done.output


def test_a_worse_plan_has_a_sentence_the_cells_and_an_exit_code_of_its_own(
    tmp_path: Path,
) -> None:
    sheets = smallest()
    dear = save(tmp_path, sheets, "dear.xlsx")
    assert run("solve", dear, "--out", tmp_path / "one", "-q", "--gap", "0").exit_code == 0

    def dearer_now(content: Any) -> None:  # as if the first run had found one for less
        for objective in content["objectives"]:
            if objective["measure"] == "monthly_cost":
                objective["value"] -= 10
        content["nodes"][0]["nodes"] += 1

    record(tmp_path / "one", dearer_now)
    done = run("rerun", tmp_path / "one")
    assert done.exit_code == 5, done.output
    lines = done.output.splitlines()
    assert lines[0] == "Another plan, and a worse one."
    assert any(line.startswith("monthly_cost: ") for line in lines)
    assert "nodes: 2 rows of only one of the runs" in lines
    told = json.loads(run("rerun", tmp_path / "one", "--json").output)
    assert (told["verdict"], told["lists"]) == ("worse", {"nodes": 2})


def test_a_better_plan_is_no_failure(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path / "one", "-q")

    def dearer_then(content: Any) -> None:
        content["objectives"][-1]["value"] += 1_000
        content["costs"][0]["amount"] += 1_000

    record(tmp_path / "one", dearer_then)
    done = run("rerun", tmp_path / "one")
    assert done.exit_code == 0
    assert done.output.startswith("Another plan, and a better one.\n")


def test_runs_that_the_clock_cut_short_are_said_to_be(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path / "one", "-q")
    record(tmp_path / "one", lambda content: content["run"].update(clock_stopped=True))
    said = run("rerun", tmp_path / "one").output
    assert "The first run was cut short by the clock, so it may differ from run to run.\n" in said


def test_no_plan_again_is_the_same_and_another_end_has_its_own_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("solve", unsolvable(tmp_path, "infeasible"), "--out", tmp_path / "one", "-q")
    same = run("rerun", tmp_path / "one")
    assert (same.exit_code, same.output) == (0, "The same again: infeasible.\n")
    run("solve", MINIMAL, "--out", tmp_path / "two", "-q")
    nothing = Solved("no_plan_found", None, (), {}, clock_stopped=True, size={})
    monkeypatch.setattr("planner.job.solve", lambda *_: nothing)
    other = run("rerun", tmp_path / "two")
    assert other.exit_code == 4
    assert other.output.startswith("It ended in another way.\nThe second run was cut short")
    assert "status: optimal -> no_plan_found\n" in other.output


def test_a_plan_of_a_frontier_is_not_rerun(tmp_path: Path) -> None:
    book = save(tmp_path, smallest())
    options = ("--against", "share:provider", "--points", "0", "--processes", "1")
    assert run("frontier", book, "--out", tmp_path / "f", "-q", *options).exit_code == 0
    done = run("rerun", tmp_path / "f" / "01")
    assert done.exit_code == 2
    assert "was made by planner frontier; run planner frontier again" in done.output


def older(folder: Path) -> None:
    record(folder, lambda content: content["run"].pop("command"))


def unlike(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "workbook.xlsx")
    book["Demand"]["Z1"] = "# a note"
    book.save(folder / "workbook.xlsx")


def without_workbook(folder: Path) -> None:
    (folder / "workbook.xlsx").unlink()


def without_figures(folder: Path) -> None:
    (folder / "plan.json").unlink()


def garbled(folder: Path) -> None:
    (folder / "plan.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (older, "is of another version of the planner, and does not say all of it; plan its"),
        (unlike, "is not the workbook of that run, or was changed since"),
        (without_workbook, "workbook.xlsx is not there; name a folder that planner solve wrote"),
        (without_figures, "plan.json is not there; name a folder that planner solve wrote"),
        (garbled, "plan.json is not of the planner, or was changed"),
    ],
)
def test_a_folder_that_does_not_say_how_it_was_made_is_refused(
    spoil: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    run("solve", MINIMAL, "--out", tmp_path / "one", "-q")
    spoil(tmp_path / "one")
    done = run("rerun", tmp_path / "one")
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "one-rerun").exists()


def test_a_run_in_which_nothing_was_solved_is_to_be_checked(tmp_path: Path) -> None:
    run("solve", unsolvable(tmp_path, "invalid"), "--out", tmp_path / "one", "-q")
    done = run("rerun", tmp_path / "one")
    assert done.exit_code == 2
    assert "ended before anything was solved; planner check " in done.output


def test_a_rerun_never_goes_into_the_folder_itself(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path / "one", "-q")
    before = sha256(tmp_path / "one" / "plan.json")
    done = run("rerun", tmp_path / "one", "--out", tmp_path / "one")
    assert done.exit_code == 2
    assert sha256(tmp_path / "one" / "plan.json") == before


def test_the_last_digits_of_a_figure_are_no_difference(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    before, after = figures(tmp_path), figures(tmp_path)
    after["routing"][0]["share"] *= 1 + 1e-13  # type: ignore[index]
    assert run_differences(before, after).verdict == "same"
    after["routing"][0]["share"] *= 1 + 1e-6  # type: ignore[index]
    assert run_differences(before, after).lists == {"routing": 2}
