"""Why demand is not served: each reason is the one that is true, with its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from planner.cli import main
from tests.workbooks import Sheets, base, put, save, smallest


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def whys(folder: Path, sheets: Sheets, *options: str) -> tuple[Result, list[dict[str, Any]]]:
    """Return the end of `planner solve`, and the demand rows of plan.json that fall short."""
    done = run("solve", save(folder, sheets), "--out", folder, "--time-limit", 20, *options)
    found = json.loads((folder / "plan.json").read_text())["demand"]
    return done, [row for row in found if row["why"]]


def test_where_all_is_served_nothing_shouts(tmp_path: Path) -> None:
    done, short = whys(tmp_path, smallest())
    assert done.exit_code == 0
    assert "NOT SERVED" not in done.output
    assert not short


def test_what_is_out_of_reach_shouts_and_the_rest_is_served(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Demand", 2, "max_latency_ms", 1)
    done, short = whys(tmp_path, sheets)
    assert done.exit_code == 0, done.output
    first = next(line for line in done.output.splitlines() if line and "arning" not in line)
    assert "NOT SERVED" in done.output, first
    assert len(short) == 1
    assert "no place within 1 ms: the fastest, " in short[0]["why"]
    assert short[0]["asked"] == pytest.approx(short[0]["unserved"] + short[0]["served"])
    rows = list(load_workbook(tmp_path / "plan.xlsx")["Demand"].values)
    header = [str(cell).partition(" ")[0] for cell in rows[0]]
    told = [row[header.index("why")] for row in rows[1:] if row[header.index("why")]]
    assert told == [short[0]["why"]]


def test_require_served_makes_it_an_error(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Demand", 2, "max_latency_ms", 1)
    done = run("solve", save(tmp_path, sheets), "--out", tmp_path, "--require-served")
    assert done.exit_code == 2
    sheets["Settings"].append(["require_served", "yes"])
    assert run("check", save(tmp_path, sheets)).exit_code == 2


def test_a_budget_too_small_names_what_is_left_and_what_is_missing(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Settings"] = [["setting", "value"], ["budget_monthly", 0.5]]
    put(sheets, "Capacities", 2, "monthly_cost", 100)
    put(sheets, "Capacities", 3, "monthly_cost", 100)
    done, short = whys(tmp_path, sheets)
    assert done.exit_code == 0, done.output
    assert "budget_monthly: 0 of 0 EUR are left" in short[0]["why"]
    assert "costs 100" in short[0]["why"]
    needed = run("solve", save(tmp_path, sheets), "--out", tmp_path, "--require-served")
    assert needed.exit_code == 1, needed.output
    assert "served" in needed.output
    assert "demand: Every demand row" not in needed.output  # without it nothing is routed at all


def test_what_all_nodes_together_cannot_do_is_said_with_both_figures(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 60)
    _, short = whys(tmp_path, sheets)
    assert short[0]["why"] == "60 requests/s of it are asked for, all nodes on offer can do 42"
    assert short[0]["unserved"] == pytest.approx(60 - 42, rel=1e-4)


def test_nodes_that_other_models_keep_busy_are_said_to_stand_already(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Models"] = [
        ["model", "gpu_memory_gb", "requests_per_s"],
        ["small", 40, 10],
        ["large", 80, 10],
    ]
    sheets["Node types"] = [["node_type", "role", "gpu_memory_gb"], ["box", "execution", 80]]
    sheets["Demand"] = [
        ["region", "requests_per_s", "model"],
        ["R", 40, "large"],
        ["R", 80, "small"],
    ]
    _, short = whys(tmp_path, sheets)
    assert short
    for row in short:
        assert row["why"].startswith("all that may serve it stand already (6 nodes: max_nodes)")


def test_a_panel_that_nobody_can_form_is_named(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Verification", 2, "verifiers", 4)
    _, short = whys(tmp_path, sheets)
    assert "no independent panel" in short[0]["why"]
    assert "needs 4 verifiers" in short[0]["why"]


def test_shares_that_cannot_add_up_are_found_and_named(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Diversity"] = [
        ["rule", "role", "kind", "measure", "max_share"],
        ["spread", "execution", "provider", "requests", 0.3],
    ]
    checked = run("check", save(tmp_path, sheets))
    assert "each provider may have 30%" in checked.output
    assert checked.exit_code == 0
    _, short = whys(tmp_path, sheets)
    assert "shares" in short[0]["why"]


@pytest.mark.parametrize("applies_to", ["far", "R"])
def test_shares_of_a_model_or_a_region_are_named_where_it_is_not_served(
    tmp_path: Path, applies_to: str
) -> None:
    sheets = smallest()
    sheets["Models"] = [["model", "upstream"], ["far", "Lab"], ["other", "Lab"]]
    sheets["Demand"] = [["region", "requests_per_s", "model"], ["R", 2, "far"]]
    sheets["Diversity"] = [
        ["rule", "role", "kind", "measure", "max_share", "applies_to"],
        ["spread", "execution", "provider", "requests", 0.3, applies_to],
    ]
    _, short = whys(tmp_path, sheets)
    assert short[0]["why"].startswith("shares: spread lets each provider have 0.3 of all")


def test_a_small_row_is_not_hidden_by_large_ones_of_many_periods(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Periods"] = [["period"], *[[f"h{hour:02}"] for hour in range(24)]]
    sheets["Demand"] = [
        ["region", "requests_per_s", "countries"],
        ["R", 30, None],
        ["Malta", 0.0001, "MT"],
    ]
    done, short = whys(tmp_path, sheets)
    assert "in 24 of 48 rows" in done.output
    assert {row["region"] for row in short} == {"Malta"}


def test_demand_of_a_period_without_hours_is_no_division_by_zero(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Periods"] = [["period", "hours_per_month"], ["day", 730], ["never", 0]]
    sheets["Demand"] = [["region", "requests_per_s", "period"], ["R", 500, "never"]]
    done, _ = whys(tmp_path, sheets)
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_an_upstream_that_is_full_is_named(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Models"] = [["model", "upstream", "max_requests_per_s"], ["far", "Lab", 8]]
    sheets["Demand"] = [["region", "requests_per_s", "model"], ["R", 12, "far"]]
    _, short = whys(tmp_path, sheets)
    assert short[0]["why"] == "upstream Lab accepts no more (Models.max_requests_per_s)"
