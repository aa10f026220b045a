"""The folder of a run holds all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.versions import code
from tests.test_cli import MINIMAL, ROOT, run, sha256, unsolvable
from tests.workbooks import save, smallest


def record(folder: Path) -> dict[str, Any]:
    """Return what plan.json says of the run."""
    made: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["run"]
    return made


def log(folder: Path) -> str:
    return (folder / "solver.log").read_text(encoding="utf-8")


def test_the_folder_holds_workbook_options_versions_and_the_log(tmp_path: Path) -> None:
    options = ("--gap", "0.02", "--deterministic", "--solver-option", "mip_heuristic_effort=0.1")
    assert run("solve", MINIMAL, "--out", tmp_path, "-q", *options).exit_code == 0
    made = record(tmp_path)
    assert made["command"] == "solve"
    assert made["options"] == {
        "deterministic": True,
        "gap": 0.02,
        "mip_heuristic_effort": 0.1,
        "require_served": False,
        "time_limit_s": 300.0,
    }
    assert made["code"] == code()
    assert made["workbook_sha256"] == sha256(tmp_path / "workbook.xlsx")
    said = {made["plan_file"], *made["files"].values(), "plan.json"}
    assert said == {path.name for path in tmp_path.iterdir()}


def test_the_log_tells_objectives_steps_plans_and_what_highs_said(tmp_path: Path) -> None:
    assert run("solve", MINIMAL, "--out", tmp_path, "-q").exit_code == 0
    told = log(tmp_path)
    objectives = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["objectives"]
    for number, objective in enumerate(objectives, start=1):
        named = f" s  objective {number} of {len(objectives)}: {objective['measure']}\n"
        assert named in told
    for line in (" s  model: ", " s  step: relax\n", " s  plan of ", "Running HiGHS"):
        assert line in told, line
    assert told.endswith(" s  ended: optimal\n")
    for place in (ROOT, tmp_path, Path.home()):
        assert str(place) not in told


@pytest.mark.parametrize("ending", ["infeasible", "invalid"])
def test_the_log_is_of_the_last_run_however_it_ended(ending: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("solve", MINIMAL, "--out", out, "-q").exit_code == 0
    run("solve", unsolvable(tmp_path, ending), "--out", out, "-q")
    ends = {"infeasible": " s  ended: infeasible\n", "invalid": "Nothing was solved here.\n"}
    assert log(out).endswith(ends[ending])
    assert record(out)["files"] == {"log": "solver.log", "workbook": "workbook.xlsx"}


def test_the_folder_of_a_scenario_holds_as_much(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        ["more", "Demand", "region=R", "requests_per_s", "x1.5"],
    ]
    out = tmp_path / "out"
    assert run("solve", save(tmp_path, sheets), "--out", out, "--scenario", "all").exit_code == 0
    base, more = out, out / "scenarios" / "more"
    assert {path.name for path in base.iterdir()} - {"scenarios"} == {
        path.name for path in more.iterdir()
    }
    assert record(more)["scenario"] == "more"
    assert record(base)["scenario"] is None
    assert log(more).count("objective 1 of") == 1
