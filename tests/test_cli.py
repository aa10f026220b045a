"""The command line as a planner uses it: exit codes, cells, files, limits, interrupts."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result

from models.plan import Plan, Violation
from planner.cli import main
from planner.reading import read_network
from planner.solver.solve import Solved
from tests.defects import DEFECTS, Defect, make
from tests.thorough import some
from tests.workbooks import Sheets, base, put, save, smallest

ROOT = Path(__file__).parents[1]
MINIMAL = ROOT / "inputs" / "minimal.xlsx"
OPENGRADIENT = ROOT / "inputs" / "opengradient.xlsx"


def run(*arguments: object) -> Result:
    """Return what the command printed and its exit code."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def figures(folder: Path) -> dict[str, object]:
    """Return plan.json as written."""
    content: dict[str, object] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return content


@cache
def minimal_files() -> dict[str, bytes]:
    """Return, by name, the files that a solve of the smallest example writes; solved once."""
    with TemporaryDirectory() as folder:
        done = run("solve", MINIMAL, "--out", folder, "-q")
        assert done.exit_code == 0, done.output
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def plan_minimal(folder: Path) -> None:
    """Leave in a folder what a solve of the smallest example leaves there."""
    folder.mkdir(exist_ok=True)
    for name, content in minimal_files().items():
        (folder / name).write_bytes(content)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_plan_is_written_read_back_and_audited(tmp_path: Path) -> None:
    done = run("solve", MINIMAL, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "What the plan guarantees" in done.output
    content = figures(tmp_path / "out")
    assert content["status"] == "optimal"
    assert content["audit"] == {"passed": True, "violations": []}
    again = run("audit", MINIMAL, tmp_path / "out" / "plan.xlsx")
    assert again.exit_code == 0, again.output


def test_an_audit_names_the_cell_that_sets_the_limit(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    plan = tmp_path / "plan.xlsx"
    edit_first_node_count(plan, 36)
    first = figures(tmp_path)["nodes"][0]["site"]  # type: ignore[index]
    rows = list(openpyxl.load_workbook(MINIMAL)["Capacities"].values)
    position = rows[0].index("max_nodes")
    number = next(number for number, row in enumerate(rows, 1) if row[0] == first)
    limit, cell = rows[number - 1][position], f"Capacities!{'ABCDE'[position]}{number}"
    done = run("audit", MINIMAL, plan)
    assert done.exit_code == 3
    where, message = f"{first}/GPU server", f"36 nodes stand where {limit} can be had"
    assert f"  opening[{where}]: {message} ({cell})\n" in done.output
    found = json.loads(run("audit", MINIMAL, plan, "--json").output)["violations"]
    assert found == [{"rule": "opening", "where": where, "message": message, "cell": cell}]


def test_an_audit_names_cells_of_settings_and_none_where_none_sets_the_limit(
    tmp_path: Path,
) -> None:
    sheets = smallest()
    plan = tmp_path / "plan.xlsx"
    path = save(tmp_path, sheets)
    assert run("solve", path, "--out", tmp_path).exit_code == 0
    sheets["Settings"] = [["value", "#", "setting"], [None, None, None], [1, "", "Budget monthly"]]
    path = save(tmp_path, sheets)
    output = run("audit", path, plan).output
    assert re.search(r"budget\[monthly\]: .* exceed 1\.00 \(Settings!A3\)\n", output), output
    edit_first_node_count(plan)  # 0 nodes answer nothing, which is the plan's own doing
    found = json.loads(run("audit", path, plan, "--json").stdout)["violations"]
    kept = [row for row in found if "nothing is kept for it" in row["message"]]
    assert kept
    assert {row["cell"] for row in kept} == {""}


def test_a_rejected_plan_names_the_cells_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from planner.solver.solve import solve

    def careless(*given: Any) -> Solved:
        solved = solve(*given)
        assert solved.plan is not None
        final = solved.plan.final
        many = replace(final, nodes=dict.fromkeys(final.nodes, 36))
        return replace(solved, plan=Plan({"": many}), stages=())

    monkeypatch.setattr("planner.job.solve", careless)
    done = run("solve", MINIMAL, "--out", tmp_path)
    assert done.exit_code == 3, done.output
    content: Any = figures(tmp_path)
    found = content["audit"]["violations"]
    assert found
    summary = openpyxl.load_workbook(tmp_path / "rejected.xlsx")["Summary"].values
    told = [text for topic, text in summary if topic == "violation"]
    assert len(told) == len(found)
    for row in found:
        assert re.fullmatch(r"Capacities!C\d", row["cell"])
        sentence = f"{row['rule']}[{row['where']}]: {row['message']} ({row['cell']})"
        assert f"  {sentence}\n" in done.output
        assert sentence in told


@pytest.mark.parametrize("defect", some(DEFECTS), ids=lambda defect: defect.name)
def test_every_defect_is_reported_at_its_cell_and_nothing_is_overwritten(
    defect: Defect, tmp_path: Path
) -> None:
    path = make(tmp_path, defect)
    before = sha256(path) if path.is_file() else ""
    out = tmp_path / "out"
    checked = run("check", path)
    solved = (
        run("solve", path, "--out", out, "--time-limit", 1) if defect.level == "error" else None
    )
    assert defect.where in checked.output
    assert "Traceback" not in checked.output
    if defect.level == "error":
        assert checked.exit_code == 2
        assert solved is not None
        assert solved.exit_code == 2, solved.output
        assert defect.where in solved.output
        assert figures(out)["status"] == "invalid"
        assert not (out / "plan.xlsx").exists()
    assert before == (sha256(path) if path.is_file() else "")


def packed(tmp_path: Path, room: int, *asked: tuple[int, int]) -> tuple[Path, int, str]:
    """Return the plan of a site for models of so many GB and requests/s, its nodes, its memory."""
    sheets: Sheets = {
        "Settings": [["setting", "value"], ["utilisation", 1]],
        "Providers": [["provider"], ["P"]],
        "Sites": [["site", "provider"], ["a", "P"]],
        "Capacities": [["site", "node_type", "max_nodes", "monthly_cost"], ["a", "gpu", 9, 100]],
        "Node types": [["node_type", "role", "gpu_memory_gb"], ["gpu", "execution", room]],
        "Models": [["model", "gpu_memory_gb", "requests_per_s"]],
        "Demand": [["region", "model", "requests_per_s"]],
    }
    for gb, rate in asked:
        sheets["Models"].append([f"m{gb}", gb, 1])
        if rate:
            sheets["Demand"].append(["R", f"m{gb}", rate])
    out = tmp_path / "out"
    done = run("solve", save(tmp_path, sheets), "--out", out)
    assert done.exit_code == 0, done.output
    nodes = figures(out)["nodes"]
    book = openpyxl.load_workbook(out / "plan.xlsx")
    said = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True)}
    return out, sum(row["nodes"] for row in nodes), str(said["memory"])  # type: ignore[attr-defined]


def test_replicas_are_packed_by_the_gigabyte(tmp_path: Path) -> None:
    for asked, nodes in (([(26, 3)], 1), ([(26, 4)], 2), ([(26, 1), (50, 1)], 1)):
        out, found, said = packed(tmp_path, 80, *asked)
        assert found == nodes
        assert "count as larger" not in said
        assert run("audit", tmp_path / "network.xlsx", out / "plan.xlsx").exit_code == 0


def test_what_rounding_up_costs_is_said(tmp_path: Path) -> None:
    _, nodes, said = packed(tmp_path, 640, (10, 4), (20, 0), (40, 0), (75, 8), (160, 0))
    assert nodes == 2
    assert "on gpu some models count as larger than they are, 75 GB as 80 GB" in said
    assert "at most 1 nodes fewer, worth 100 EUR a month" in said


def test_a_node_without_a_price_is_refused_and_one_of_price_0_is_free(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Capacities", 2, "monthly_cost", None)
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 2
    assert "Capacities!E2" in done.output
    assert "write 0 if it is free" in done.output
    put(sheets, "Capacities", 2, "monthly_cost", 0)
    out = tmp_path / "out"
    assert run("solve", save(tmp_path, sheets), "--out", out).exit_code == 0
    # 12 requests/s at 70 % of 10 ask for two nodes; both stand where they are free.
    assert figures(out)["objectives"][-1]["value"] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("budget", "did you mean 'budget_monthly'?"),
        ("utilization", "did you mean 'utilisation'?"),
        ("gap", "did you mean 'mip_gap'?"),
        ("colour", "write one of currency, utilisation,"),
    ],
)
def test_a_setting_that_is_not_known_stops_the_solve(
    setting: str, words: str, tmp_path: Path
) -> None:
    path = save(tmp_path, smallest() | {"Settings": [["setting", "value"], [setting, 1]]})
    for command in (("check", path), ("solve", path, "--out", tmp_path / "out")):
        done = run(*command)
        assert done.exit_code == 2
        assert "Settings!A2" in done.output
        assert words in done.output


def test_a_misspelt_sheet_stops_the_solve_and_one_s_own_does_not(tmp_path: Path) -> None:
    rows = [["region", "latitude"], ["R", 4]]
    done = run("check", save(tmp_path, smallest() | {"Regoins": rows}))
    assert done.exit_code == 2
    assert "did you mean 'Regions'?" in done.output
    assert "1 error," in done.output
    done = run("check", save(tmp_path, smallest() | {"Notes": rows, "Sites old": rows}))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("sheet", "header", "written"),
    [
        ("Sites", "latitude", "Lat"),
        ("Sites", "longitude", "Lon"),
        ("Regions", "longitude", "lng"),
        ("Sites", "monthly_cost", "Cost per month"),
        ("Providers", "monthly_cost", "cost/month"),
        ("Capacities", "monthly_cost", "Monthly cost"),
        ("Node types", "load_gb_per_s", "Load [GB/s]"),
        ("Capacities", "requests_per_s", "Requests/s"),
    ],
)
def test_a_header_that_can_mean_one_column_only_is_that_column(
    sheet: str, header: str, written: str, tmp_path: Path
) -> None:
    sheets = base()
    as_declared = read_network(save(tmp_path, sheets)).network
    sheets[sheet][0][sheets[sheet][0].index(header)] = written
    path = save(tmp_path, sheets)
    done = run("check", path)
    assert done.exit_code == 0, done.output
    assert repr(written) not in done.output
    assert read_network(path).network == as_declared


@pytest.mark.parametrize(
    ("sheet", "header", "written"),
    [
        ("Sites", "provider", "Provider name"),
        ("Sites", "latitude", "Lattitude"),
        ("Capacities", "monthly_cost", "Price"),
        ("Node types", "gpu_memory_gb", "GPU memory"),
        ("Demand", "requests_per_s", "Requests"),
        ("Demand", "max_latency_ms", "Latency limit [ms]"),
        ("Sites", "country", "Country code"),
        ("Models", "max_requests_per_s", "Max requests (per second)"),
    ],
)
def test_a_header_that_looks_like_a_column_is_never_dropped(
    sheet: str, header: str, written: str, tmp_path: Path
) -> None:
    sheets = base()
    sheets[sheet][0][sheets[sheet][0].index(header)] = written
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 2, done.output
    assert f"the column {written!r} is not known; did you mean {header!r}?" in done.output
    assert f"{sheet}: 1 error," in done.output


def test_committees_are_planned_without_a_sheet_demand(tmp_path: Path) -> None:
    sheets = smallest()
    del sheets["Demand"]
    sheets["Committees"] = [["committee", "seats"], ["c", 4]]
    path, out = save(tmp_path, sheets), tmp_path / "out"
    assert "nothing found" in run("check", path).output
    done = run("solve", path, "--out", out)
    assert done.exit_code == 0, done.output
    # Four seats on four nodes of 50 a month.
    assert figures(out)["objectives"][-1]["value"] == 200  # type: ignore[index]
    assert run("audit", path, out / "plan.xlsx").exit_code == 0


def test_one_error_is_no_errors(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Sites", 2, "provider", "Q")
    assert "Sites: 1 error, 0 warnings\n" in run("check", save(tmp_path, sheets)).output
    put(sheets, "Sites", 3, "provider", "R")
    assert "Sites: 2 errors, 0 warnings\n" in run("check", save(tmp_path, sheets)).output


def test_findings_come_as_json_when_asked(tmp_path: Path) -> None:
    error = next(defect for defect in DEFECTS if defect.level == "error")
    done = run("check", make(tmp_path, error), "--json")
    found = json.loads(done.output)
    assert done.exit_code == 2
    assert any(f"{entry['sheet']}!{entry['cell']}" == error.where for entry in found)
    assert {"sheet", "cell", "message", "way_out", "found", "level"} <= found[0].keys()


@pytest.mark.parametrize("options", [[], ["--deterministic"]])
def test_the_same_workbook_gives_the_same_plan_json_apart_from_times(
    options: list[str], tmp_path: Path
) -> None:
    contents = []
    for folder in ("one", "two"):
        assert run("solve", MINIMAL, "--out", tmp_path / folder, "-q", *options).exit_code == 0
        content = figures(tmp_path / folder)
        del content["times"]
        contents.append(content)
    assert contents[0] == contents[1]
    assert contents[0]["run"]["options"]["deterministic"] is bool(options)  # type: ignore[index]


def test_a_plan_that_was_edited_is_never_replaced(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    edited = tmp_path / "plan.xlsx"
    edit_first_node_count(edited)
    before = sha256(edited)
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    assert sha256(edited) == before
    assert (tmp_path / "plan (2).xlsx").exists()


def unsolvable(folder: Path, ending: str) -> Path:
    """Return a workbook with which a solve ends without a plan."""
    sheets = smallest()
    if ending == "invalid":
        put(sheets, "Sites", 2, "provider", "Q")
    if ending == "infeasible":
        sheets["Locks"] = [["node_type", "min"], ["box", 6]]
        sheets["Settings"] = [["setting", "value"], ["budget_monthly", 5]]
        put(sheets, "Sites", 2, "monthly_cost", 10)
        put(sheets, "Sites", 3, "monthly_cost", 10)
    return save(folder, sheets, f"{ending}.xlsx")


@pytest.mark.parametrize(
    ("ending", "code"),
    [("invalid", 2), ("infeasible", 1), ("rejected", 3), ("no plan found", 4)],
)
@pytest.mark.parametrize("edited", [False, True])
def test_a_run_without_a_plan_leaves_no_plan_of_an_earlier_one(
    ending: str, code: int, edited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unsolvable(tmp_path, ending)
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan (before).xlsx").write_text("of the run before that", encoding="utf-8")
    plan_minimal(out)
    if edited:
        edit_first_node_count(out / "plan.xlsx")
    before = sha256(out / "plan.xlsx")
    if ending == "rejected":
        monkeypatch.setattr("planner.job.audit_stages", lambda *_: (Violation("r", "w", "m"),))
    if ending == "no plan found":
        nothing = Solved("no_plan_found", None, (), {}, clock_stopped=True, size={})
        monkeypatch.setattr("planner.job.solve", lambda *_: nothing)
    done = run("solve", path, "--out", out)
    assert done.exit_code == code, done.output
    assert not (out / "plan.xlsx").exists()
    assert sha256(out / "plan (before 2).xlsx") == before
    assert (out / "plan (before).xlsx").read_text(encoding="utf-8") == "of the run before that"
    assert "plan.xlsx is of an earlier run, kept as plan (before 2).xlsx." in done.output
    made = figures(out)["run"]
    moved = {
        "plan.xlsx": "plan (before 2).xlsx",
        "plan.json": "plan (before 2).json",
        "report.html": "report (before).html",
    }
    assert made["moved_aside"] == moved  # type: ignore[index]
    assert (out / "report (before).html").exists()
    # What failed its audit has a report that says so; without a plan there is none.
    assert (out / "report.html").exists() is (ending == "rejected")
    kept = json.loads((out / "plan (before 2).json").read_text(encoding="utf-8"))
    assert (kept["status"], kept["run"]["plan_file"]) == ("optimal", "plan.xlsx")
    assert made["plans"] == {}  # type: ignore[index]
    if ending == "rejected":
        book = openpyxl.load_workbook(out / "rejected.xlsx")
        assert str(book["Overview"]["A1"].value).endswith("(rejected)")
        assert book["Overview"]["A2"].value == "NOT A PLAN: it fails its audit 1 time"
        told = list(book["Summary"].values)
        assert ("violation", "r[w]: m") in told, told
        assert not any("no violation" in str(text) for _, text in told)
    monkeypatch.undo()
    again = run("solve", MINIMAL, "--out", out)
    assert again.exit_code == 0
    # A plan that failed its audit is not beside one that passed.
    stale = {"rejected.xlsx": "rejected (before).xlsx"} if ending == "rejected" else {}
    assert figures(out)["run"]["moved_aside"] == stale  # type: ignore[index]
    assert not (out / "rejected.xlsx").exists()
    assert sha256(out / "plan (before 2).xlsx") == before


def test_the_later_plan_beside_an_edited_one_makes_way_too(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    edit_first_node_count(tmp_path / "plan.xlsx")
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    path = unsolvable(tmp_path, "invalid")
    assert run("solve", path, "--out", tmp_path, "-q").exit_code == 2
    found = {found.name for found in tmp_path.glob("plan*.xlsx")}
    assert found == {"plan (before).xlsx", "plan (2) (before).xlsx"}


def test_a_plan_that_is_held_open_is_said_to_be_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_minimal(tmp_path)

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    done = run("solve", unsolvable(tmp_path, "invalid"), "--out", tmp_path)
    assert done.exit_code == 2
    assert "plan.xlsx is of an earlier run, still there" in done.output
    held = {"plan.xlsx": "plan.xlsx", "report.html": "report.html"}
    assert figures(tmp_path)["run"]["moved_aside"] == held  # type: ignore[index]


def test_a_path_that_is_not_there_writes_and_moves_nothing(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    before = {path.name: sha256(path) for path in tmp_path.iterdir()}
    done = run("solve", tmp_path / "minmal.xlsx", "--out", tmp_path)
    assert done.exit_code == 2
    assert "does not exist; check the path" in done.output
    assert {path.name: sha256(path) for path in tmp_path.iterdir()} == before
    assert run("solve", tmp_path / "minmal.xlsx").exit_code == 2
    assert not (tmp_path / "minmal-plan").exists()


def test_a_workbook_called_plan_is_never_moved(tmp_path: Path) -> None:
    path = unsolvable(tmp_path, "invalid")
    path = path.rename(tmp_path / "plan.xlsx")
    assert run("solve", path, "--out", tmp_path).exit_code == 2
    assert path.exists()


@pytest.mark.parametrize(
    ("country", "code"), [("DE", 0), ("DE | US", 2), ("DE; US", 2), ("none", 2), (None, 2)]
)
def test_a_site_that_may_lie_elsewhere_serves_no_demand_that_must_stay(
    country: str | None, code: int, tmp_path: Path
) -> None:
    sheets = smallest()
    for row in (2, 3):
        put(sheets, "Sites", row, "country", country)
        put(sheets, "Sites", row, "latitude", 50)
        put(sheets, "Sites", row, "longitude", 8)
    put(sheets, "Demand", 2, "countries", "DE")
    asked = ("solve", save(tmp_path, sheets), "--out", tmp_path / "out")
    done = run(*asked, "--require-served")
    assert done.exit_code == code, done.output
    assert ("NOT SERVED: 12.0 of 12.0" in run(*asked).output) == (code == 2)
    assert code == 0 or "no site that can run it lies in countries DE" in done.output


def test_the_first_run_of_a_new_user_shows_latencies_and_a_sensible_comparison(
    tmp_path: Path,
) -> None:
    done = run("solve", MINIMAL, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert re.search(r"latency +p50 \d+ ms", done.output)
    compared = {row["plan"]: row for row in figures(tmp_path)["comparison"]}  # type: ignore[attr-defined]
    # Only the regions' coordinates say what is near: Frankfurt, Gravelines, Falkenstein, Stockholm.
    assert compared["cheapest"]["monthly_cost"] <= compared["nearest"]["monthly_cost"]
    assert compared["nearest"]["p95_ms"] < compared["cheapest"]["p95_ms"]
    assert [row["violations"] for row in compared.values()] == [0, 0, 0]


def test_the_monthly_cost_is_the_same_everywhere_and_penalties_stand_apart(tmp_path: Path) -> None:
    # Two nodes of 100 at a site of 10; all of it at one provider is 0.5 over a soft limit of 0.5.
    sheets = smallest()
    sheets["Diversity"] = [
        ["rule", "role", "kind", "max_share", "penalty"],
        ["two landlords", "execution", "provider", 0.5, 1000],
    ]
    sheets["Objectives"] = [["priority", "measure", "weight"], [1, "monthly_cost", 2]]
    for row in (2, 3):
        put(sheets, "Sites", row, "monthly_cost", 10)
        put(sheets, "Capacities", row, "monthly_cost", 100)
    put(sheets, "Demand", 2, "unserved_penalty", 1000)
    done = run("solve", save(tmp_path, sheets), "--out", tmp_path)
    assert done.exit_code == 0, done.output
    told = "EUR 210 a month, penalties of EUR 500 not in it"
    assert told in " ".join(done.output.split())
    assert re.search(r"^plan +210 ", done.output, re.MULTILINE)
    content = figures(tmp_path)
    bills: dict[str, float] = {}
    for line in content["costs"]:  # type: ignore[attr-defined]
        bills[line["bill"]] = bills.get(line["bill"], 0.0) + line["amount"]
    assert bills == pytest.approx({"monthly": 210, "one_off": 0, "penalties": 500})
    own, *_ = content["comparison"]  # type: ignore[misc]
    assert (own["monthly_cost"], own["penalties"]) == pytest.approx((210, 500))  # type: ignore[index]
    (stage,) = content["objectives"]  # type: ignore[misc]
    # The weight of 2 doubles what is made small, money and penalties alike.
    assert (stage["value"], stage["penalties"]) == pytest.approx((1420, 1000))  # type: ignore[index]
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    cells = {name: [list(row) for row in book[name].values] for name in book.sheetnames}
    assert any(str(text).startswith(told) for _, text in cells["Summary"])
    summed = {row[0]: row[1:] for row in cells["Cost"]}
    assert summed["monthly cost, the sum of the lines above"] == [210, None, None]
    assert summed["penalties, the sum of the lines above"] == [None, None, 500]
    header, *rows = cells["Comparison"]
    compared = {row[0]: row[header.index("plan")] for row in rows}
    assert (compared["monthly cost"], compared["penalties, not paid"]) == (210, 500)
    made = {row[0]: row[1] for row in cells["Run"]}
    assert made["objective 1: monthly_cost, value"] == pytest.approx(1420)
    assert made["objective 1: monthly_cost, penalties in the value"] == 1000
    again = run("audit", tmp_path / "network.xlsx", tmp_path / "plan.xlsx")
    assert again.exit_code == 0, again.output


def test_changes_name_sites_and_contracts_that_begin_and_end(tmp_path: Path) -> None:
    # The dear site a of P runs two nodes today; b of Q does the same for less.
    sheets = smallest()
    sheets["Providers"].append(["Q"])
    put(sheets, "Sites", 2, "status", "existing")
    put(sheets, "Sites", 3, "provider", "Q")
    put(sheets, "Capacities", 2, "monthly_cost", 100)
    put(sheets, "Capacities", 2, "existing_nodes", 2)
    put(sheets, "Capacities", 3, "monthly_cost", 10)
    done = run("solve", save(tmp_path, sheets), "--out", tmp_path)
    assert done.exit_code == 0, done.output
    expected = [
        ("site opened", "b", 0, 1),
        ("site closed", "a", 1, 0),
        ("contract signed", "Q", 0, 1),
        ("contract ended", "P", 1, 0),
        ("nodes", "a/box", 2, 0),
        ("nodes", "b/box", 0, 2),
    ]
    _, *rows = openpyxl.load_workbook(tmp_path / "plan.xlsx")["Changes"].values
    assert [row[:4] for row in rows] == expected
    listed = figures(tmp_path)["changes"]
    assert [tuple(row.values()) for row in listed] == expected  # type: ignore[attr-defined]
    # The measure counts the nodes alone: two that go, two that come.
    assert "4 changes against today" in done.output


def test_an_unknown_solver_option_is_bad_usage(tmp_path: Path) -> None:
    done = run("solve", MINIMAL, "--out", tmp_path, "--solver-option", "mip_rel_gab=1")
    assert done.exit_code == 2
    assert "mip_rel_gab" in done.output


def test_a_limit_before_any_plan_is_not_called_infeasible(tmp_path: Path) -> None:
    done = run("solve", OPENGRADIENT, "--out", tmp_path, "--time-limit", 0, "-q")
    assert done.exit_code in (0, 4), done.output
    assert figures(tmp_path)["status"] in ("feasible", "no_plan_found")


def test_a_clock_stopped_run_says_so_and_its_plan_passes_the_audit(tmp_path: Path) -> None:
    done = run("solve", OPENGRADIENT, "--out", tmp_path, "--time-limit", 12, "--gap", 0)
    assert done.exit_code == 0, done.output
    content = figures(tmp_path)
    assert content["status"] == "feasible"
    assert content["run"]["clock_stopped"] is True  # type: ignore[index]
    assert content["gap"] < 0.5  # type: ignore[operator]
    assert content["audit"]["passed"] is True  # type: ignore[index]
    assert run("audit", OPENGRADIENT, tmp_path / "plan.xlsx").exit_code == 0


def test_ctrl_c_keeps_the_best_plan_so_far(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "planner",
        "solve",
        str(OPENGRADIENT),
        "--out",
        str(tmp_path),
        "--gap",
        "0",
        "--time-limit",
        "200",
        "-q",
    ]
    process = subprocess.Popen(command, cwd=ROOT)
    time.sleep(12)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 130
    content = figures(tmp_path)
    assert content["status"] == "interrupted"
    assert content["audit"]["passed"] is True  # type: ignore[index]
    assert (tmp_path / "plan.xlsx").exists()


def test_a_plan_that_breaks_a_rule_is_told_by_the_audit(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    from planner.report.plan_workbook import read_plan

    network = read_network(MINIMAL).network
    assert network is not None
    plan = read_plan(tmp_path / "plan.xlsx", network).plan
    assert plan.final.nodes
    edit_first_node_count(tmp_path / "plan.xlsx")
    done = run("audit", MINIMAL, tmp_path / "plan.xlsx")
    assert done.exit_code == 3, done.output


def edit_first_node_count(path: Path, count: int = 0) -> None:
    """Set the first count on the sheet Nodes, as a hand would."""
    book = openpyxl.load_workbook(path)
    sheet = book["Nodes"]
    headers = [str(cell.value) for cell in sheet[1]]
    column = next(i for i, header in enumerate(headers, 1) if header.startswith("nodes"))
    sheet.cell(2, column).value = count
    book.save(path)


def test_every_command_has_help_with_an_example() -> None:
    for name, command in main.commands.items():
        text = run(name, "--help").output
        assert "Example:" in text, name
        assert command.help


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_example_of_every_command_runs(name: str, tmp_path: Path) -> None:
    text = run(name, "--help").output
    example = re.search(r"Example:\s*\n\s*planner (.*)", text)
    assert example is not None
    words = re.sub(r"\bmy(?=[-.])", str(tmp_path / "my"), example[1]).split()
    words = [str(ROOT / word) if word.startswith("inputs/") else word for word in words]
    if name in ("audit", "compare", "explain", "rerun", "sites", "stress"):
        plan_minimal(tmp_path / "my-plan")
    done = run(*words)
    assert done.exit_code == 0, done.output


def test_stress_tells_what_one_failure_takes_and_writes_it_down(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    done = run("stress", MINIMAL, tmp_path / "plan.xlsx", "--kind", "country")
    assert done.exit_code == 0, done.output
    assert re.search(r"provider:Hetzner +42\.0%", done.output)
    assert "country:FR, provider:Hetzner" in " ".join(done.output.split())
    told = json.loads((tmp_path / "stress.json").read_text(encoding="utf-8"))
    assert told["complete"] is True
    assert {end["best"]["size"] for end in told["collapse"]} == {2}
    printed = run("stress", MINIMAL, tmp_path / "plan.xlsx", "--json")
    assert json.loads(printed.stdout)["shocks"] == told["shocks"]


def test_the_readme_s_example_of_a_better_plan_is_true(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(MINIMAL)
    sheet = book.create_sheet("Diversity")
    sheet.append(["rule", "role", "kind", "max_share"])
    sheet.append(["no landlord of all", "execution", "provider", 0.4])
    book.save(tmp_path / "spread.xlsx")
    for workbook, folder in ((MINIMAL, "before"), (tmp_path / "spread.xlsx", "after")):
        run("solve", workbook, "--out", tmp_path / folder, "-q")
        run("stress", workbook, tmp_path / folder / "plan.xlsx", "-q")

    def told(folder: str) -> tuple[float, set[int], float]:
        found = json.loads((tmp_path / folder / "stress.json").read_text(encoding="utf-8"))
        cost = figures(tmp_path / folder)["objectives"][-1]["value"]  # type: ignore[index]
        sizes = {end["worst"]["size"] for end in found["collapse"]}
        return cost, sizes, min(shock["served"] for shock in found["shocks"])

    (before, two, worst), (after, three, better) = told("before"), told("after")
    assert (two, three) == ({2}, {3})
    assert after - before == pytest.approx(1750)
    assert worst == pytest.approx(0.42)
    assert better > 0.6


def test_the_readme_s_example_of_a_site_that_helps_is_true(tmp_path: Path) -> None:
    plan = tmp_path / "plan.xlsx"
    plan_minimal(tmp_path)
    done = run("sites", MINIMAL, plan)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in (
        "fewest failures that end service of Germany 2: country:FR + provider:Hetzner;"
        " provider:Hetzner + provider:OVHcloud",
        "5,370 3 0 of 2 stockholm: 3 GPU server",
        "6,300 3 0 of 2 frankfurt: 3 GPU server",
    ):
        assert words in said
        assert words in readme
    told = json.loads((tmp_path / "sites.json").read_text(encoding="utf-8"))
    (service,) = told["candidates"]
    assert service["best"] == service["singles"][0]
    assert (service["best"]["fewest_failures"], service["best"]["sets_left"]) == (3, 0)
    values = {value["site"]: value for value in told["sites"]}
    assert set(values) == {"falkenstein", "gravelines", "helsinki"}
    assert values["gravelines"]["monthly_cost_saved"] == pytest.approx(8040)
    assert "Germany 2, without it 1 (provider:Hetzner)" in values["gravelines"]["reason"]
    assert "42.0%, without it 37.3% (country:FR)" in values["helsinki"]["reason"]
    # By hand: the site is open, its provider has a contract, and three servers stand there.
    book = openpyxl.load_workbook(plan)
    for row in book["Sites"].iter_rows(min_row=2):
        if row[0].value == "stockholm":
            row[1].value = "yes"
    book["Contracts"].append(["AWS"])
    book["Nodes"].append(["stockholm", "GPU server", 3])
    book.save(plan)
    assert run("audit", MINIMAL, plan).exit_code == 0
    run("stress", MINIMAL, plan, "-q")
    after = json.loads((tmp_path / "stress.json").read_text(encoding="utf-8"))
    sizes = {end["region"]: end["worst"]["size"] for end in after["collapse"]}
    assert sizes["Germany"] == 3


def test_sites_are_told_as_json_and_of_today_where_something_stands(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Capacities"][0].append("existing_nodes")
    for row in sheets["Capacities"][1:]:
        row.append(2)
    path = save(tmp_path, sheets)
    done = run("sites", path, "--today", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "out" / "sites.json").read_text(encoding="utf-8"))
    # Two nodes at each site carry 28 requests/s; one site carries 14, and 12 are asked for.
    (first, second) = told["sites"]
    assert first["verdicts"] == second["verdicts"] == ["adds capacity"]


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "give a PLAN, or --today"), (("--today",), "nothing stands today")],
)
def test_sites_says_what_it_needs(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run("sites", MINIMAL, *words, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give a PLAN, or --today"),
        (("--today",), "nothing stands today"),
        (("PLAN", "--today"), "give a PLAN, or --today"),
        (("PLAN", "--kind", "planet"), "--kind planet: take one of bloc, country"),
    ],
)
def test_stress_says_what_it_needs(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    given = [str(tmp_path / "plan.xlsx") if word == "PLAN" else word for word in words]
    done = run("stress", MINIMAL, *given, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "out").exists()


def test_stress_starts_no_process_for_a_kind_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_minimal(tmp_path)
    started: list[object] = []
    monkeypatch.setattr("planner.jobs.requests.get_ready", lambda *asked: started.append(asked))
    words = ("stress", MINIMAL, tmp_path / "plan.xlsx", "--processes", 1, "-q")
    assert run(*words, "--kind", "contry").exit_code == 2
    assert started == []
    for kinds in (("--kind", "country"), ()):
        assert run(*words, *kinds).exit_code == 0
    assert len(started) == 2


@pytest.mark.parametrize("command", ["stress", "sites"])
def test_an_interrupt_before_anything_was_found_keeps_what_is_there(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    kept = tmp_path / f"{command}.json"
    kept.write_text("of an earlier run")

    @contextmanager
    def interrupted() -> Iterator[threading.Event]:
        stop = threading.Event()
        stop.set()
        yield stop

    monkeypatch.setattr("planner.cli._working.stoppable", interrupted)
    done = run(command, MINIMAL, tmp_path / "plan.xlsx", "-q", "--processes", 1)
    assert done.exit_code == 130
    assert "Interrupted before anything was found; nothing is written." in done.output
    assert kept.read_text() == "of an earlier run"


def test_a_plan_is_named_by_its_folder_too(tmp_path: Path) -> None:
    assert "plan.xlsx does not exist" in run("audit", MINIMAL, tmp_path).output
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    by_file = run("audit", MINIMAL, tmp_path / "plan.xlsx")
    by_folder = run("audit", MINIMAL, tmp_path)
    assert (by_folder.exit_code, by_folder.output) == (0, by_file.output)
    for command in ("stress", "sites"):
        done = run(command, MINIMAL, tmp_path, "-q", "--processes", 1)
        assert done.exit_code == 0, done.output
        assert (tmp_path / f"{command}.json").is_file()


def test_a_plan_in_place_of_the_workbook_is_one_finding(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    for given in ("plan.xlsx", ""):
        done = run("check", tmp_path / given)
        assert done.exit_code == 2
        assert done.output.count("error  ") == 1, done.output
        assert "workbook" in done.output
    assert "is a plan that planner solve wrote" in run("check", tmp_path / "plan.xlsx").output
    assert f"{tmp_path.name} is a directory" in run("check", tmp_path).output


def standing_today(path: Path, nodes: dict[str, int], **cells: object) -> Path:
    """Write the smallest example with so many nodes standing at its sites, and return its path."""
    book = openpyxl.load_workbook(MINIMAL)
    sheet = book["Capacities"]
    column = sheet.max_column + 1
    sheet.cell(1, column).value = "existing_nodes"
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, column).value = nodes.get(str(sheet.cell(row, 1).value), 0)
    for cell, value in cells.items():
        sheet[cell] = value
    book.save(path)
    return path


def test_what_stands_today_is_audited_as_a_plan_is(tmp_path: Path) -> None:
    sites = [
        str(row[0].value) for row in openpyxl.load_workbook(MINIMAL)["Capacities"].iter_rows(2)
    ]
    some = standing_today(tmp_path / "some.xlsx", {sites[0]: 1})
    done = run("audit", some, "--today")
    assert done.exit_code == 0, done.output
    assert "what stands today keeps every rule of some.xlsx." in done.output
    assert re.search(r"It leaves \d+\.\d% of the demand unserved", done.output)
    many = standing_today(tmp_path / "many.xlsx", dict.fromkeys(sites, 9))
    assert "unserved" not in run("audit", many, "--today").output


def test_what_stands_today_and_breaks_a_rule_is_named_with_its_cell(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(standing_today(tmp_path / "today.xlsx", {}))
    sheet = book["Capacities"]
    sheet.cell(2, sheet.max_column).value = 2
    diversity = book.create_sheet("Diversity")
    diversity.append(["rule", "role", "kind", "max_share"])
    diversity.append(["no landlord of all", "execution", "provider", 0.4])
    book.save(tmp_path / "today.xlsx")
    done = run("audit", tmp_path / "today.xlsx", "--today", "--json")
    assert done.exit_code == 3, done.output
    told = json.loads(done.stdout)
    assert told["passed"] is False
    assert [violation["cell"] for violation in told["violations"]] == ["Diversity!D2"]
    assert "of the demand unserved" in run("audit", tmp_path / "today.xlsx", "--today").output


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "give a PLAN, or --today"), (("--today",), "nothing stands today")],
)
def test_an_audit_says_what_it_needs(words: tuple[str, ...], says: str) -> None:
    done = run("audit", MINIMAL, *words)
    assert done.exit_code == 2
    assert says in done.output


def test_a_plan_of_another_workbook_is_said_to_be_one(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    other = openpyxl.load_workbook(MINIMAL)
    other["Demand"]["B2"] = 41
    other.save(tmp_path / "changed.xlsx")
    done = run("audit", tmp_path / "changed.xlsx", tmp_path / "plan.xlsx")
    assert "plan.xlsx was not made from changed.xlsx as it is" in done.output
    assert "was not made" not in run("audit", MINIMAL, tmp_path / "plan.xlsx").output


def test_an_edited_plan_that_leaves_users_out_is_said_to(tmp_path: Path) -> None:
    plan_minimal(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    book["Routing"].delete_rows(2)
    book.save(tmp_path / "plan.xlsx")
    done = run("audit", MINIMAL, tmp_path / "plan.xlsx")
    assert done.exit_code == 0
    assert re.search(r"It leaves \d+\.\d% of the demand unserved", done.output)
    again = run("solve", MINIMAL, "--out", tmp_path)
    assert "plan.xlsx was edited, so it is kept; the new plan is plan (2).xlsx." in again.output


def test_a_missing_sheet_models_is_one_finding(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(ROOT / "inputs" / "opengradient.xlsx")
    del book["Models"]
    book.save(tmp_path / "bare.xlsx")
    findings = json.loads(run("check", tmp_path / "bare.xlsx", "--json").stdout)
    (error,) = [finding for finding in findings if finding["level"] == "error"]
    assert "there is no sheet Models" in error["message"]


def test_a_header_in_another_unit_is_refused(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(MINIMAL)
    header = next(cell for cell in book["Sites"][1] if cell.value == "monthly_cost")
    header.value = "Monthly cost (kEUR)"
    book.save(tmp_path / "thousands.xlsx")
    done = run("check", tmp_path / "thousands.xlsx")
    assert done.exit_code == 2
    assert "the header says 'kEUR', the column is in EUR/month" in done.output
    header.value = "Monthly cost (EUR)"
    book.save(tmp_path / "units.xlsx")
    assert run("check", tmp_path / "units.xlsx").exit_code == 0


def test_asking_for_help_loads_no_solver_no_spreadsheets_and_no_pool() -> None:
    solvers, tables = {"pyomo", "highspy", "scipy", "numpy"}, {"pandas", "openpyxl"}
    heavy = solvers | tables | {"joblib", "distributed"}
    code = f"import sys, planner.cli; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_file_where_the_folder_should_be_is_bad_usage_and_stays_as_it_is(tmp_path: Path) -> None:
    taken = tmp_path / "plans"
    taken.write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(main, ["solve", str(MINIMAL), "--out", str(taken)])
    assert done.exit_code == 2
    assert "is a file" in done.output
    assert taken.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("50.000 €", "type 50000 or 50 as"),
        ("€ 50,000", "type 50000 or 50 as"),
        ("€ 50", "type 50 as"),
    ],
)
def test_a_currency_sign_makes_no_thousand_of_a_decimal(
    typed: str, advice: str, tmp_path: Path
) -> None:
    sheets = smallest() | {"Settings": [["setting", "value"], ["budget_monthly", typed]]}
    assert advice in run("check", save(tmp_path, sheets)).output


@pytest.mark.parametrize("header", ["Site status", "Site country"])
def test_a_header_is_compared_with_columns_that_are_missing(header: str, tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"][0].append(header)
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 2
    assert f"did you mean {header.partition(' ')[2]!r}?" in done.output


def test_a_copy_of_a_sheet_is_a_sheet_of_one_s_own(tmp_path: Path) -> None:
    sheets = smallest()
    done = run("check", save(tmp_path, sheets | {"Capacities (2)": sheets["Capacities"]}))
    assert done.exit_code == 0, done.output


def test_a_budget_below_what_a_required_site_must_hold_is_found(tmp_path: Path) -> None:
    sheets = smallest() | {"Settings": [["setting", "value"], ["budget_monthly", 50]]}
    put(sheets, "Sites", 2, "status", "required")
    for row in (2, 3):
        put(sheets, "Capacities", row, "monthly_cost", 60)
    assert "is below 60.00" in run("check", save(tmp_path, sheets)).output


@pytest.mark.parametrize(("share", "proposed"), [(50, "0.5"), (10, "0.1"), (1.7, "0.017")])
def test_a_share_written_in_percent_is_one_error(
    share: float, proposed: str, tmp_path: Path
) -> None:
    sheets = base()
    put(sheets, "Diversity", 3, "max_share", share)
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 2
    assert f"max_share {share:g} is above 1; write {proposed} for {share:g} %" in done.output
    assert "1 error," in done.output
    assert "has no limit" not in done.output


def test_many_rows_with_one_complaint_are_one_line(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"][0].append("country")
    sheets["Sites"][1].append("DE")
    sheets["Sites"][2].append("FR")
    sheets["Demand"] = [["region", "requests_per_s", "countries"]]
    sheets["Demand"] += [[f"R{n}", 1, "Europe"] for n in range(12)]
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 0
    assert done.output.count("Europe") == 1
    assert "(12 cells: C2, C3, C4 and 9 more); sites know DE and FR" in done.output


def test_a_total_below_the_demand_stops_the_solve(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Demand"] += [["S", 3], ["Total", 15]]
    done = run("solve", save(tmp_path, sheets), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "Demand!A4: the row 'Total' looks like a total of the other rows, 15" in done.output


def test_a_committee_without_node_types_is_told_to_add_them(tmp_path: Path) -> None:
    sheets = smallest() | {"Committees": [["committee", "seats"], ["c", 4]]}
    done = run("check", save(tmp_path, sheets))
    assert done.exit_code == 2
    assert "add a sheet Node types with the columns node_type and role" in done.output


def test_init_writes_a_workbook_that_can_be_planned(tmp_path: Path) -> None:
    path = tmp_path / "new" / "my.xlsx"
    done = run("init", path, "--example")
    assert done.exit_code == 0, done.output
    assert "read its sheet Guide" in done.output
    assert run("check", path).exit_code == 0
    solved = run("solve", path, "--out", tmp_path / "out")
    assert solved.exit_code == 0, solved.output
    assert "100.00% of 76.0 requests/s" in solved.output


def test_init_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "my.xlsx"
    path.write_bytes(b"mine")
    done = run("init", path)
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert path.read_bytes() == b"mine"
    for arguments in ((tmp_path / "my.xls",), (tmp_path / "a.xlsx", "--example", "--from", path)):
        assert run("init", *arguments).exit_code == 2
    assert sorted(tmp_path.iterdir()) == [path]


def test_init_from_an_older_workbook_says_what_changed(tmp_path: Path) -> None:
    sheets = base()
    sheets["Who is who"] = [["name"], ["Ada"]]
    old = save(tmp_path, sheets)
    done = run("init", tmp_path / "new.xlsx", "--from", old)
    assert done.exit_code == 0, done.output
    assert "the sheet 'Who is who' is kept as the note '# Who is who'" in done.output
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK nothing")
    done = run("init", tmp_path / "newer.xlsx", "--from", broken)
    assert done.exit_code == 2
    assert not (tmp_path / "newer.xlsx").exists()


def test_check_marks_what_it_finds_in_a_copy(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "latitude", 95)
    path = save(tmp_path, sheets)
    before = sha256(path)
    done = run("check", path)
    assert done.exit_code == 2
    assert "Marked in a copy: " in done.output
    assert openpyxl.load_workbook(tmp_path / "network.checked.xlsx").sheetnames[0] == "# Issues"
    assert sha256(path) == before


def test_check_says_all_it_found_where_no_copy_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "latitude", 95)
    path = save(tmp_path, sheets)

    def refused(*_: object) -> Path:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("planner.workbook.checked.put_beside", refused)
    done = run("check", path)
    assert done.exit_code == 2
    assert "latitude 95 is above 90" in done.output
    assert "was not written" in done.output


def scenarios(tmp_path: Path) -> Path:
    """Return a workbook with scenarios that can be planned, that cannot, and that are broken."""
    sheets = smallest()
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        ["twice / as much", "Demand", None, "requests_per_s", "x2"],
        ["nowhere", "Sites", None, "status", "forbidden"],
        ["upside down", "Capacities", None, "max_nodes", "-1"],
    ]
    return save(tmp_path, sheets)


def test_every_scenario_is_planned_and_none_spoils_another(tmp_path: Path) -> None:
    path, out = scenarios(tmp_path), tmp_path / "out"
    done = run("solve", path, "--scenario", "all", "--out", out)
    assert done.exit_code == 2, done.output
    assert figures(out)["status"] == "optimal"
    assert figures(out / "scenarios" / "twice _ as much")["status"] == "optimal"
    assert figures(out / "scenarios" / "twice _ as much")["run"]["scenario"] == "twice / as much"  # type: ignore[index]
    assert figures(out / "scenarios" / "upside down")["status"] == "invalid"
    assert "as it stands: optimal" in done.output
    assert "upside down: invalid" in done.output
    told = run("solve", path, "--scenario", "all", "--out", out, "--json")
    names = [entry["scenario"] for entry in json.loads(told.stdout)]
    assert names == ["as it stands", "twice / as much", "nowhere", "upside down"]


def test_a_scenario_that_ends_in_an_error_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from planner import batch

    def failing(job: Any, *_: object) -> Any:
        if job.scenario:
            raise ZeroDivisionError("of this one only")
        return batch.run(job, *_)  # type: ignore[arg-type]

    monkeypatch.setattr(batch.run_all, "__defaults__", (failing,))
    done = run("solve", scenarios(tmp_path), "--scenario", "all", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "as it stands: optimal" in done.output
    assert "nowhere: ZeroDivisionError: of this one only" in done.output


def test_one_scenario_goes_into_its_own_folder(tmp_path: Path) -> None:
    path = scenarios(tmp_path)
    done = run("solve", path, "--scenario", "twice / as much", "-q")
    assert done.exit_code == 0, done.output
    told = run("solve", path, "--scenario", "twice / as much")
    assert "scenario: Demand!B2: 12 -> 24" in told.output
    assert (tmp_path / "network-plan" / "scenarios" / "twice _ as much" / "plan.xlsx").exists()
    assert not (tmp_path / "network-plan" / "plan.xlsx").exists()
    slip = run("solve", path, "--scenario", "twice", "-q")
    assert slip.exit_code == 2
    assert "no scenario is called 'twice'" in slip.stderr
    folders = [folder.name for folder in (tmp_path / "network-plan" / "scenarios").iterdir()]
    assert folders == ["twice _ as much"]  # nothing is written for a slip
    plan = tmp_path / "network-plan" / "scenarios" / "twice _ as much" / "plan.xlsx"
    told = run("audit", path, plan)
    assert "as its scenario 'twice / as much': give --scenario" in told.output
    told = run("audit", path, plan, "--scenario", "twice / as much")
    assert told.exit_code == 0, told.output
    assert "scenario" not in told.output
    assert run("stress", path, plan, "--scenario", "twice / as much", "-q").exit_code == 0


def test_compare_names_cells_sites_cost_and_guarantees(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(MINIMAL)
    sheet = book.create_sheet("Diversity")
    sheet.append(["rule", "role", "kind", "max_share"])
    sheet.append(["no provider runs most of it", "execution", "provider", 0.5])
    book.save(tmp_path / "my.xlsx")
    sheet["D2"] = 0.34
    book.save(tmp_path / "wider.xlsx")
    for name in ("my", "wider"):
        assert (
            run("solve", tmp_path / f"{name}.xlsx", "--out", tmp_path / name, "-q").exit_code == 0
        )
    done = run("compare", tmp_path / "my", tmp_path / "wider")
    assert done.exit_code == 0, done.output
    text = " ".join(done.output.split())
    what = "no provider runs most of it, execution, provider.max_share 0.5 -> 0.34"
    assert f"in the workbook Diversity!D2: {what}" in text
    assert re.search(r"[+-][\d,]+ a month \([\d,]+ -> [\d,]+\)", text)
    told = json.loads(run("compare", tmp_path / "my", tmp_path / "wider", "--json").stdout)
    one, two = (plan["monthly_cost"] for plan in told["plans"])
    (against,) = told["against_first"]
    bridge = sum(line["after"] - line["before"] for line in against["monthly_cost"])
    assert bridge == pytest.approx(two - one)
    assert [found["column"] for found in against["inputs"]] == ["max_share"]


def test_compare_needs_two_plans_with_their_workbooks(tmp_path: Path) -> None:
    assert run("compare", tmp_path).exit_code == 2
    done = run("compare", tmp_path, tmp_path)
    assert done.exit_code == 2
    assert "workbook.xlsx is not there" in done.output


def test_a_plan_compared_with_itself_is_the_same(tmp_path: Path) -> None:
    plan_minimal(tmp_path / "out")
    done = run("compare", tmp_path / "out", tmp_path / "out" / "plan.xlsx")
    assert done.exit_code == 0, done.output
    assert "no difference" in done.output


def test_scenarios_whose_names_are_alike_have_folders_of_their_own(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Scenarios"] = [
        ["scenario", "sheet", "where", "column", "change"],
        ["a/b", "Demand", None, "requests_per_s", "x2"],
        ["a:b", "Demand", None, "requests_per_s", "x3"],
    ]
    path, out = save(tmp_path, sheets), tmp_path / "out"
    for name in ("a/b", "a:b", "all"):
        assert run("solve", path, "--scenario", name, "--out", out, "-q").exit_code == 0
    names = {
        folder.name: figures(folder)["run"]["scenario"] for folder in (out / "scenarios").iterdir()
    }  # type: ignore[index]
    assert names == {"a_b": "a/b", "a_b (2)": "a:b"}


def test_a_file_of_the_planner_s_own_is_never_taken_for_the_copy(tmp_path: Path) -> None:
    mine = tmp_path / "workbook.xlsx"
    mine.write_bytes(b"mine")
    done = run("solve", MINIMAL, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert mine.read_bytes() == b"mine"
    assert "workbook.xlsx in" in done.output
    mine.unlink()
    assert run("solve", MINIMAL, "--out", tmp_path, "-q").exit_code == 0
    assert sha256(mine) == sha256(MINIMAL)
    changed = save(tmp_path, smallest())
    assert run("solve", changed, "--out", tmp_path, "-q").exit_code == 0
    assert sha256(mine) == sha256(changed)


def test_a_report_that_fails_loses_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Path:
        raise ValueError("of the report")

    monkeypatch.setattr("planner.job.write_report", fails)
    done = run("solve", MINIMAL, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "report.html was not written (ValueError: of the report)" in done.output
    assert figures(tmp_path)["status"] == "optimal"


def test_names_with_brackets_are_shown_as_they_are(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "region", "DE [/b] x")
    path = save(tmp_path, sheets)
    assert run("solve", path, "--out", tmp_path / "out").exit_code == 0
    done = run("stress", path, tmp_path / "out" / "plan.xlsx")
    assert done.exit_code == 0, done.output
    assert "DE [/b] x" in done.output


def test_an_interrupt_between_scenarios_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from planner import batch

    def stopping(job: Any, stop: Any, progress: Any) -> Any:
        stop.set()
        return batch.run(job, stop, progress)

    monkeypatch.setattr(batch.run_all, "__defaults__", (stopping,))
    done = run("solve", scenarios(tmp_path), "--scenario", "all", "--out", tmp_path / "out")
    assert done.exit_code == 130
    assert "not begun: stopped before" in done.output


def test_the_readme_s_example_of_an_explained_plan_is_true(tmp_path: Path) -> None:
    plan = tmp_path / "my-plan" / "plan.xlsx"
    run("solve", MINIMAL, "--out", tmp_path / "my-plan", "-q")
    done = run("explain", MINIMAL, plan)
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    page = (plan.parent / "explain.html").read_text(encoding="utf-8")
    for text in (
        "420 EUR/month Capacities!C4 at most 6 GPU server at falkenstein can be had, 6 to 7",
        "gravelines in every near plan dearer by 810 EUR/month",
        "stockholm dearer by 530 EUR/month: sites +150, execution nodes +380",
        "stockholm is nearer by 5 ms but not open in the plan; within 8 ms, as from stockholm:"
        " dearer by 540 EUR/month",
    ):
        # The table has it in lines; what stands in columns beside each other is one line there.
        assert text in told or text in page
    text = (plan.parent / "explain.json").read_text(encoding="utf-8")
    assert not re.search(r"[1-9][0-9.]{11}", text)  # no digits that arithmetic left
    written = json.loads(text)
    assert written["complete"]
    assert {site["site"] for site in written["sites_not_used"]} == {"stockholm", "frankfurt"}


def test_only_what_is_asked_of_a_plan_is_explained(tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    asked = "--site", "helsinki", "--row", "Nordics", "--out", tmp_path / "other", "--json"
    done = run("explain", MINIMAL, tmp_path / "plan.xlsx", *asked)
    found = json.loads(done.stdout)
    (site,) = found["sites_used"]
    assert (site["site"], site["verdict"]) == ("helsinki", "in every near plan")
    assert [row["region"] for row in found["rows"]] == ["Nordics"]
    assert (found["rules"], found["limits"], found["sites_not_used"]) == ([], [], [])
    assert (tmp_path / "other" / "explain.html").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--site", "frankfurt"), "site: give a PLAN to be explained"),
        (("PLAN", "--keep", "budget"), "for a workbook that has no plan"),
        (("PLAN", "--site", "frankfort"), "did you mean 'frankfurt'"),
        (("PLAN", "--row", "Polland"), "did you mean 'Poland'"),
        (("PLAN", "--scenario", "none"), "none"),
    ],
)
def test_explain_says_what_it_needs(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    run("solve", MINIMAL, "--out", tmp_path, "-q")
    given = [tmp_path / "plan.xlsx" if word == "PLAN" else word for word in words]
    done = run("explain", MINIMAL, *given)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert not (tmp_path / "explain.json").exists()


def test_a_frontier_has_plans_that_pass_their_audit_and_are_as_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("frontier", MINIMAL, "--against", "latency", "--points", 3, "--out", out)
    assert done.exit_code == 0, done.output
    text = (out / "frontier.json").read_text(encoding="utf-8")
    assert not re.search(r"[1-9][0-9.]{11}", text)  # no digits that arithmetic left
    told = json.loads(text)
    assert told["complete"] is True
    points = told["points"]
    assert len(points) >= 3
    assert [point["folder"] for point in points] == [f"{n:02}" for n in range(1, len(points) + 1)]
    for point in points:
        plan = out / point["folder"] / "plan.xlsx"
        audited = run("audit", out / point["folder"] / "workbook.xlsx", plan)
        assert audited.exit_code == 0, audited.output
        content = figures(out / point["folder"])
        stages = {stage["measure"]: stage for stage in content["objectives"]}  # type: ignore[attr-defined]
        assert stages["monthly_cost"]["value"] == pytest.approx(point["cost"])
        assert stages["latency"]["value"] == pytest.approx(point["amount"], abs=1e-4)
        assert point["cost_bound"] <= point["cost"] <= point["cost_bound"] * 1.011
        assert content["audit"]["passed"] is True  # type: ignore[index]
    costs, amounts = ([point[name] for point in points] for name in ("cost", "amount"))
    assert costs == sorted(costs, reverse=True)
    assert amounts == sorted(amounts)
    rows = list(csv.DictReader((out / "frontier.csv").open(encoding="utf-8")))
    assert [float(row["cost"]) for row in rows] == pytest.approx(costs)
    assert [row["folder"] for row in rows if row["knee"] == "True"] == [told["knee"]]
    assert f"{told['knee']} knee" in done.output
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"{cost:,.0f}" in readme for cost in costs)


def test_a_frontier_against_a_share_says_what_is_asked_for(tmp_path: Path) -> None:
    arguments = ("frontier", MINIMAL, "--against", "share:provider", "--points", 1)
    done = run(*arguments, "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["against"], told["unit"]) == ("share:provider", "share")
    first, *_, last = told["points"]
    assert first["amount"] == pytest.approx(1 / 3, abs=1e-4)
    assert last["limit"] is None


def test_a_frontier_against_failures_has_more_of_them_for_more_money(tmp_path: Path) -> None:
    arguments = ("frontier", MINIMAL, "--against", "collapse:execution", "--out", tmp_path)
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    assert (told["unit"], told["complete"]) == ("failures", True)
    assert [(p["amount"], p["amount_bound"], p["cost"]) for p in told["points"]] == [
        (3, 3, pytest.approx(18_130)),
        (2, 2, pytest.approx(17_160)),
    ]
    assert "at most" in done.output


@pytest.mark.parametrize(
    ("against", "says"),
    [
        ("happiness", "take one of latency, worst_loss, expected_loss, changes, share:KIND and"),
        ("collapse:storage", "nothing is promised of the role 'storage'; take one of execution"),
        ("share:moon", "nothing hangs on a dependency of kind 'moon'; take one of bloc, country"),
        ("expected_loss", "fill in outages_per_year and outage_hours"),
    ],
)
def test_a_frontier_against_nothing_says_what_there_is(
    against: str, says: str, tmp_path: Path
) -> None:
    done = run("frontier", MINIMAL, "--against", against, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "out").exists()


def test_a_frontier_of_what_has_no_plan_says_so(tmp_path: Path) -> None:
    path = unsolvable(tmp_path, "infeasible")
    done = run("frontier", path, "--against", "latency", "--out", tmp_path / "o")
    assert done.exit_code == 1, done.output
    assert "No plan exists; planner solve" in done.output
    assert not list((tmp_path / "o").glob("*/plan.xlsx"))


def test_folders_of_an_earlier_frontier_with_more_plans_are_named(tmp_path: Path) -> None:
    arguments = ("frontier", MINIMAL, "--against", "latency", "--out", tmp_path)
    run(*arguments, "--points", 1)
    told = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    last = told["points"][-1]["folder"]
    done = run(*arguments, "--points", 0)
    assert f"{tmp_path / last} is of an earlier run." in done.output


def test_an_edited_plan_of_a_frontier_is_kept_and_said_to_be(tmp_path: Path) -> None:
    arguments = ("frontier", MINIMAL, "--against", "changes", "--points", 0, "--out", tmp_path)
    run(*arguments)
    edit_first_node_count(tmp_path / "01" / "plan.xlsx")
    done = run(*arguments)
    assert "01/plan.xlsx was edited, so it is kept; the new plan is 01/plan (2).xlsx" in done.output


def test_ctrl_c_keeps_the_plans_of_a_frontier(tmp_path: Path, monkeypatch: Any) -> None:
    from planner.evaluation import frontier_search

    stopped = threading.Event()
    whole = frontier_search.run_jobs

    def interrupted(requests: Any, workers: Any, stop: threading.Event) -> Any:
        for count, response in enumerate(whole(requests, workers, stop=stop)):
            yield response
            if stopped.is_set() and count == 0:
                signal.raise_signal(signal.SIGINT)
        stopped.set()

    monkeypatch.setattr(frontier_search, "run_jobs", interrupted)
    arguments = ("--against", "latency", "--processes", 1, "--out", tmp_path)
    done = run("frontier", MINIMAL, *arguments)
    assert done.exit_code == 130, done.output
    told = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    assert told["complete"] is False
    assert len(told["points"]) == 2
    for point in told["points"]:
        plan = tmp_path / point["folder"] / "plan.xlsx"
        assert run("audit", MINIMAL, plan).exit_code == 0
    assert "Stopped" in done.output
