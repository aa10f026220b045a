"""plan.json: every promised fact, no number that is none, and plans that people edited."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from models.data import Committee
from models.plan import Violation
from planner.evaluation.baselines import compare
from planner.evaluation.evaluation import Evaluation
from planner.report.done import Done
from planner.report.earlier import plan_path, unedited_plans, was_edited
from planner.report.plan_json import write_json
from planner.report.plan_workbook import write_plan
from planner.report.progress import line
from planner.result import Result, Run, Stage
from planner.workbook.findings import Finding
from tests.cases import done_with, plan_for_small, small

PROMISED = {
    "format",
    "status",
    "gap",
    "objectives",
    "audit",
    "warnings",
    "nodes",
    "warm",
    "routing",
    "panels",
    "demand",
    "assumptions",
    "copies",
    "seats",
    "dependencies",
    "times",
    "run",
    "comparison",
}


def result(**changes: object) -> Result:
    """Return the end of a run with the hand-made plan."""
    run = Run("small.xlsx", "ab" * 32, 7, {"gap": 0.01}, {"highspy": "1.15.1"}, {"solve": 1.5})
    stages = (Stage(1, "unserved", 0.0, 0.0, 0.0),)
    found = Result("optimal", run, plan_for_small(), gap=0.0, stages=stages)
    return replace(found, **changes)  # type: ignore[arg-type]


def read(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that is strict JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    found: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    return found


def write_both(directory: Path) -> Path:
    """Write plan.xlsx and plan.json as a run does, and return the path of the workbook."""
    done = done_with(small(), result())
    path = write_plan(plan_path(directory), done)
    write_json(directory, replace(done, files={"plan": path}))
    return path


def edit(path: Path) -> None:
    """Save the workbook as Excel would."""
    openpyxl.load_workbook(path).save(path)


def test_everything_promised_is_there(tmp_path: Path) -> None:
    scores = compare(Evaluation(small(), plan_for_small().final))
    content = read(write_json(tmp_path, done_with(small(), result(), scores)))
    assert content.keys() >= PROMISED
    assert content["format"] == 1
    assert content["audit"] == {"passed": True, "violations": []}
    assert content["objectives"] == [
        {
            "priority": 1,
            "measure": "unserved",
            "value": 0.0,
            "bound": 0.0,
            "gap": 0.0,
            "given_up": 0.0,
            "penalties": 0.0,
        }
    ]
    assert {"site": "paris", "node_type": "gpu", "nodes": 2} in content["nodes"]
    assert {"site": "frankfurt", "node_type": "gpu", "model": "chat", "replicas": 3} in content[
        "warm"
    ]
    assert content["routing"][1] == {
        "region": "germany",
        "model": "chat",
        "verification": "checked",
        "class": "interactive",
        "period": "",
        "site": "london",
        "node_type": "gpu",
        "route": "direct",
        "state": "warm",
        "fetch_from": "",
        "share": 0.25,
        # 22 ms of the route, 40 ms of service stretched by a tenth for the verification.
        "latency_ms": 66.0,
        "estimated": False,
    }
    assert content["panels"][0]["verifiers"][0] == {"site": "frankfurt", "node_type": "check-a"}
    assert {"committee": "council", "site": "london", "node_type": "seat", "seats": 2} in content[
        "seats"
    ]
    assert [found["plan"] for found in content["comparison"]] == ["plan", "nearest", "today"]


def test_sheets_figures_and_shares_agree_on_the_verifications_a_second(tmp_path: Path) -> None:
    # Three verifiers check 30 requests/s each, at a fifth of a verification: 18 in all.
    network = small()
    checked = replace(network.policies["checked"], work=0.2)
    network = replace(network, policies={"checked": checked})
    content = read(write_json(tmp_path, done_with(network, result())))
    book = openpyxl.load_workbook(write_plan(tmp_path / "plan.xlsx", done_with(network, result())))
    header, *rows = book["Verification"].iter_rows(values_only=True)
    listed = [dict(zip(header, row, strict=True)) for row in rows]
    assert sum(row["rate (requests/s)"] for row in listed) == pytest.approx(90)
    assert sum(row["verifications_per_s"] for row in listed) == pytest.approx(18)
    assert sum(row["requests_per_s"] for row in content["verification"]) == pytest.approx(90)
    assert sum(row["verifications_per_s"] for row in content["verification"]) == pytest.approx(18)
    header, *rows = book["Dependencies"].iter_rows(values_only=True)
    listed = [dict(zip(header, row, strict=True)) for row in rows]
    metros = [row for row in listed if (row["role"], row["kind"]) == ("verification", "metro")]
    amounts = {row["dependency"]: row["amount (see unit)"] for row in metros if row["dependency"]}
    assert amounts == pytest.approx({"frankfurt": 6, "london": 6, "paris": 6})
    (metro,) = [
        found
        for found in content["dependencies"]
        if (found["role"], found["kind"]) == ("verification", "metro")
    ]
    assert sum(share["amount"] for share in metro["shares"]) == pytest.approx(18)
    assert metro["unit"] == "verifications/s"


def test_what_hangs_on_none_is_told_beside_the_shares(tmp_path: Path) -> None:
    content = read(write_json(tmp_path, done_with(small(), result())))
    for found in content["dependencies"]:
        if found["kind"] in ("cable", "provider"):
            told = sum(share["share"] for share in found["shares"]) + found["on_none"]
            assert told == pytest.approx(1)
    (cable,) = [f for f in content["dependencies"] if (f["of"], f["kind"]) == ("chat", "cable")]
    assert cable["on_none"] == pytest.approx(25 / 30)
    assert cable["best"]["effective_number"] == pytest.approx(1)


def test_a_run_without_a_plan_says_why(tmp_path: Path) -> None:
    finding = Finding("Sites", "B14", "provider 'Hezner' is not in Providers", "did you mean …")
    bad = result(plan=None, status="invalid", gap=float("inf"), stages=())
    content = read(write_json(tmp_path, Done(bad, findings=(finding,))))
    assert content["status"] == "invalid"
    assert content["gap"] is None
    assert content["findings"][0]["cell"] == "B14"
    assert content["nodes"] == content["routing"] == []
    assert content["run"]["plan_file"] is None
    assert not content["audit"]["passed"]


def test_infinite_numbers_become_null(tmp_path: Path) -> None:
    stages = (Stage(1, "monthly_cost", 5.0, float("-inf"), float("nan")),)
    content = read(
        write_json(tmp_path, done_with(small(), result(stages=stages, gap=float("inf"))))
    )
    assert (content["gap"], content["objectives"][0]["bound"]) == (None, None)
    assert content["objectives"][0]["gap"] is None


def test_what_arithmetic_leaves_of_nothing_is_nothing(tmp_path: Path) -> None:
    stages = (Stage(1, "unserved", -0.0, -1.2e-18, 3e-17), Stage(2, "latency", 5.0, 1e-3, 0.5))
    content = read(write_json(tmp_path, done_with(small(), result(stages=stages))))
    first, second = content["objectives"]
    assert [str(first[name]) for name in ("value", "bound", "gap")] == ["0.0"] * 3
    assert (second["bound"], second["gap"]) == (1e-3, 0.5)
    book = openpyxl.load_workbook(
        write_plan(tmp_path / "p.xlsx", done_with(small(), result(stages=stages)))
    )
    run = {row[0]: row[1] for row in book["Run"].values}
    assert run["objective 1: unserved, proven bound"] == 0
    assert run["objective 2: latency, proven bound"] == 1e-3
    assert "bound 0.0" in line("unserved", 0.0, -1.2e-18, 1.0)
    assert "plan 31.25%  bound 0.20%" in line("worst_loss", 0.3125, 0.002, 1.0)


def test_violations_are_listed(tmp_path: Path) -> None:
    broken = Violation(
        "seats", "council", "3 of 4", Committee(committee="council", seats=4), "seats"
    )
    found = (replace(broken, cell="Committees!B2"), Violation("figures", "unserved", "0 is 1"))
    bad = result(status="rejected", violations=found)
    content = read(write_json(tmp_path, done_with(small(), bad)))
    assert content["audit"] == {
        "passed": False,
        "violations": [
            {"rule": "seats", "where": "council", "message": "3 of 4", "cell": "Committees!B2"},
            {"rule": "figures", "where": "unserved", "message": "0 is 1", "cell": ""},
        ],
    }


def test_two_runs_differ_only_in_their_times(tmp_path: Path) -> None:
    contents = []
    for name, seconds in (("one", 1.0), ("two", 2.0)):
        directory = tmp_path / name
        directory.mkdir()
        found = result()
        found = replace(found, run=replace(found.run, times={"solve": seconds}))
        done = done_with(small(), found)
        path = write_plan(plan_path(directory), done)
        contents.append(read(write_json(directory, replace(done, files={"plan": path}))))
    times = [content.pop("times") for content in contents]
    assert times == [{"solve": 1.0}, {"solve": 2.0}]
    assert contents[0] == contents[1]


def test_nothing_but_the_file_is_left_behind(tmp_path: Path) -> None:
    write_json(tmp_path, done_with(small(), result()))
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_as_written_is_replaced(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    assert not was_edited(tmp_path)
    assert plan_path(tmp_path) == path


def test_an_edited_plan_is_kept_and_the_next_has_another_name(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    edit(path)
    assert was_edited(tmp_path)
    assert plan_path(tmp_path).name == "plan (2).xlsx"
    second = write_both(tmp_path)
    assert second.name == "plan (2).xlsx"
    # The second is as written, the first is still the planner's own.
    assert plan_path(tmp_path) == second
    assert was_edited(tmp_path)


def test_a_plan_of_unknown_origin_is_kept(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    (tmp_path / "plan.json").write_text("{ half a file")
    assert was_edited(tmp_path)
    assert plan_path(tmp_path) != path


def test_an_empty_directory_has_no_edited_plan(tmp_path: Path) -> None:
    assert not was_edited(tmp_path)
    assert plan_path(tmp_path) == tmp_path / "plan.xlsx"


def test_a_run_without_a_plan_forgets_no_earlier_one(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    write_json(tmp_path, done_with(small(), result(plan=None, status="infeasible")))
    assert list(unedited_plans(tmp_path)) == [path.name]
    assert not was_edited(tmp_path)


def test_what_rests_on_assumed_figures_is_listed_here_and_in_the_workbook(tmp_path: Path) -> None:
    network = small()
    sites = {**network.sites, "paris": replace(network.sites["paris"], row=4, source="Assumed, me")}
    done = done_with(replace(network, sites=sites), result())
    listed = read(write_json(tmp_path, done))["assumptions"]
    (site,) = [row for row in listed if row["what"] == "open sites"]
    assert (site["decision"], site["amount"]) == ("paris", 1)
    assert site["rests_on"] == [{"sheet": "Sites", "row": 4, "source": "Assumed, me"}]
    book = openpyxl.load_workbook(write_plan(tmp_path / "plan.xlsx", done))
    rows = [row for row in book["Assumptions"].values if row[0] == "open sites"]
    assert rows == [("open sites", "paris", 1, "Sites row 4", "Assumed, me")]
