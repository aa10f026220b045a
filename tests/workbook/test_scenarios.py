"""What-if edits: which cells change, what cannot be applied, and the network that comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.reading import Tables, read_network
from tests.workbooks import Sheets, base, save

HEADER: list[object] = ["scenario", "sheet", "where", "column", "change"]


def read(tmp_path: Path, *rows: list[object], scenario: str = "what if") -> Tables:
    """Return the base workbook as the rows of a scenario have it."""
    sheets: Sheets = base()
    sheets["Scenarios"] = [HEADER, *(["what if", *row] for row in rows)]
    return read_network(save(tmp_path, sheets), scenario=scenario)


def test_a_value_is_set_and_multiplied(tmp_path: Path) -> None:
    before = read_network(save(tmp_path, base())).network
    tables = read(
        tmp_path,
        ["Sites", "site=fra1", "monthly_cost", "250"],
        ["sites", "provider = OVH", "Monthly cost (EUR)", "x1.5"],
        ["Settings", "setting=utilisation", "value", "60 %"],
    )
    assert tables.network is not None, tables.findings
    assert before is not None
    assert {name: site.monthly_cost for name, site in tables.network.sites.items()} == {
        "fra1": 250,
        "par1": 150,
        "ams1": 100,
        "whk1": 150,
    }
    assert tables.network.settings.utilisation == pytest.approx(0.6)
    assert [str(edit) for edit in tables.edits] == [
        "Sites!H2: 100 -> 250",
        "Sites!H3: 100 -> 150",
        "Sites!H5: 100 -> 150",
        "Settings!B2: 0.5 -> 0.6",
    ]
    assert before.sites["fra1"].monthly_cost == 100


def test_rows_and_cells_are_removed(tmp_path: Path) -> None:
    tables = read(
        tmp_path,
        ["Capacities", "site=whk1", None, "remove"],
        ["Sites", "site=whk1", None, "remove"],
        ["Sites", None, "status", "remove"],
    )
    assert tables.network is not None, tables.findings
    assert sorted(tables.network.sites) == ["ams1", "fra1", "par1"]
    assert {offer.site for offer in tables.network.offers} == {"ams1", "fra1", "par1"}
    assert {site.status for site in tables.network.sites.values()} == {"candidate"}


def test_a_column_that_the_sheet_may_have_is_added(tmp_path: Path) -> None:
    tables = read(tmp_path, ["Sites", "site=fra1", "metro", "Frankfurt"])
    assert tables.network is not None, tables.findings
    assert tables.network.sites["fra1"].metro == (("Frankfurt",),)
    assert [str(edit) for edit in tables.edits] == ["Sites!K2: blank -> Frankfurt"]


def test_one_that_cannot_be_applied_spoils_no_other(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Sites", "site=fra1", "no such column", "1"]]
    assert read(tmp_path, *rows).network is None
    tables = read(tmp_path, *rows, scenario="")
    assert tables.network is not None
    assert "column 'no such column' is not in Sites" in " ".join(map(str, tables.findings))


def test_rows_of_a_scenario_follow_each_other(tmp_path: Path) -> None:
    tables = read(
        tmp_path,
        ["Sites", "site=fra1", "monthly_cost", "10"],
        ["Sites", "site=fra1; monthly_cost=10", "monthly_cost", "x3"],
    )
    assert tables.network is not None, tables.findings
    assert tables.network.sites["fra1"].monthly_cost == pytest.approx(30)


def test_what_a_scenario_breaks_is_found_at_its_cell(tmp_path: Path) -> None:
    tables = read(tmp_path, ["Sites", "site=fra1", "latitude", "95"])
    assert tables.network is None
    assert any("latitude 95 is above 90" in str(finding) for finding in tables.findings)


def test_an_unknown_scenario_is_an_error_with_the_names_there_are(tmp_path: Path) -> None:
    tables = read(tmp_path, ["Sites", None, "status", "remove"], scenario="whatif")
    assert tables.network is None
    said = [str(finding) for finding in tables.findings]
    assert "Scenarios: no scenario is called 'whatif'; did you mean 'what if'?" in said


def test_without_a_scenario_nothing_changes(tmp_path: Path) -> None:
    tables = read(tmp_path, ["Sites", "site=fra1", "monthly_cost", "250"], scenario="")
    assert tables.network is not None, tables.findings
    assert tables.network.sites["fra1"].monthly_cost == 100
    assert tables.edits == ()
