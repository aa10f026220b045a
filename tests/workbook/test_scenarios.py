"""What-if edits: which cells change, what cannot be applied, and the network that comes of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from planner.cli import main
from planner.reading import Tables, read_network
from planner.workbook.book import Table
from planner.workbook.tables import TableReader
from tests.workbooks import Sheets, base, put, save

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


def said_of(change: str, column: str = "monthly_cost", sheet: str = "Sites") -> str:
    """Return what is wrong with a change of the first row of a sheet."""
    where = {"Sites": "site=fra1", "Settings": "setting=utilisation"}[sheet]
    with TemporaryDirectory() as folder:
        tables = read(Path(folder), [sheet, where, column, change])
    return "\n".join(str(found) for found in tables.findings if found.is_error)


@pytest.mark.parametrize(
    ("change", "way_out"),
    [
        ("+20%", "write x1.2"),
        ("-20 %", "write x0.8"),
        ("+12,5%", "write x1.125"),
        ("-100%", "write x0"),
        ("-150%", "write the value that it shall have"),
        ("x1,5", "write x1.5"),
        ("x120%", "write x1.2"),
        ("x2y", "write a number, or x1.5 to multiply"),
        ("1/2", "write a number, or x1.5 to multiply"),
        ("a lot", "write a number, or x1.5 to multiply"),
    ],
)
def test_a_number_is_changed_to_a_number_or_by_a_factor(change: str, way_out: str) -> None:
    said = said_of(change)
    assert said.startswith("Scenarios!E2: "), said
    assert repr(change) in said
    assert said.endswith(f"; {way_out}")


def test_a_setting_is_a_number_where_the_setting_is_one(tmp_path: Path) -> None:
    assert "write x1.5" in said_of("x1,5", "value", "Settings")
    assert "write x1.2" in said_of("+20%", "value", "Settings")
    tables = read(tmp_path, ["Settings", "setting=budget_monthly", "value", "remove"])
    assert tables.network is not None, tables.findings


def test_a_blank_cell_of_numbers_takes_no_text() -> None:
    assert said_of("x1,5", "max_nodes").endswith("; write x1.5")
    assert said_of("1/2", "max_nodes").endswith("; write a number, or x1.5 to multiply")


def test_what_is_no_number_may_be_changed_to_any_text(tmp_path: Path) -> None:
    sheets = base()
    sheets["Sites"][1][1] = 7
    sheets["Providers"][1][0] = 7
    sheets["Dependencies"][1][-1] = 1
    sheets["Scenarios"] = [
        HEADER,
        ["what if", "Sites", "site=fra1", "provider", "OVH"],
        ["what if", "Dependencies", None, "protect", "no"],
    ]
    tables = read_network(save(tmp_path, sheets), scenario="what if")
    assert tables.network is not None, tables.findings
    assert tables.network.sites["fra1"].provider == "OVH"


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (1234567, "1234567"),
        (1500000.5, "1500000.5"),
        (12, "12.0"),
        (0.1 + 0.2, "0.3"),
        (0.5, "50 %"),
    ],
)
def test_numbers_are_picked_as_numbers(stored: float, asked: str, tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "monthly_cost", stored)
    sheets["Scenarios"] = [
        HEADER,
        ["what if", "Sites", f"monthly_cost={asked}", "monthly_cost", "1234568.5"],
    ]
    tables = read_network(save(tmp_path, sheets), scenario="what if")
    assert tables.network is not None, tables.findings
    assert [edit.cell for edit in tables.edits] == ["H2"]
    assert str(tables.edits[0]).endswith(" -> 1234568.5")


@pytest.mark.parametrize(
    ("stored", "asked"), [(True, "yes"), (True, "TRUE"), (False, "no"), ("y", "yes"), (0, "No")]
)
def test_yes_and_no_are_picked_however_they_are_written(
    stored: object, asked: str, tmp_path: Path
) -> None:
    sheets = base()
    put(sheets, "Dependencies", 2, "protect", stored)
    sheets["Scenarios"] = [
        HEADER,
        ["what if", "Dependencies", f"protect={asked}", "outage_hours", "9"],
    ]
    tables = read_network(save(tmp_path, sheets), scenario="what if")
    assert [edit.cell for edit in tables.edits] == ["D2"], tables.findings


def test_check_says_what_only_a_scenario_has(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Demand", 5, "requests_per_s", 101)  # of the workbook as it stands
    sheets["Scenarios"] = [
        HEADER,
        ["peak", "Settings", "setting=utilisation", "value", "0.6"],
        ["peak", "Demand", "region=France; model=llama", "requests_per_s", "x1000"],
        ["gone", "Providers", "provider=OVH", None, "remove"],
        ["calm", "Demand", None, "requests_per_s", "x0.9"],
    ]
    path = save(tmp_path, sheets)
    done = CliRunner().invoke(main, ["check", str(path)])
    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.output.splitlines() if "Scenarios!" in line]
    assert [line.split(": ")[:3] for line in lines] == [
        ["warning  Scenarios!E3", "in scenario 'peak'", "Demand!B4"],
        ["warning  Scenarios!E4", "scenario 'gone' cannot be planned", "Sites!B3"],
    ]
    assert "demand for model 'llama' in period 'day' is 8010 requests/s" in lines[0]
    assert "provider 'OVH' is not in Providers (2 cells: B3, B5)" in lines[1]


def test_scenarios_read_no_sheet_again_that_they_leave_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = base()
    sheets["Scenarios"] = [
        HEADER,
        *([f"s{n}", "Demand", "region=France", "requests_per_s", f"x{n}"] for n in range(2, 8)),
    ]
    read_titles: list[str] = []
    whole = TableReader.table

    def table(reader: TableReader) -> Table:
        read_titles.append(reader.sheet.title)
        return whole(reader)

    monkeypatch.setattr(TableReader, "table", table)
    read_network(save(tmp_path, sheets))
    assert {title: read_titles.count(title) for title in read_titles} == {
        title: 7 if title == "Demand" else 1 for title in sheets if title != "Settings"
    }
