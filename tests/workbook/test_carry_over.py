"""A workbook carried over into a template: the same network, nothing lost, every change said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl

from planner.reading import read_network
from planner.workbook.carry_over import carried_over
from planner.workbook.excel import read_workbook
from planner.workbook.template import write_template
from tests.workbooks import Sheets, base, save

ROOT = Path(__file__).parents[2]


def carried(path: Path, target: Path) -> tuple[str, ...]:
    contents, changes = carried_over(read_workbook(path))
    write_template(target, contents)
    return changes


def cells(path: Path) -> list[object]:
    book = openpyxl.load_workbook(path)
    return [cell.value for sheet in book for row in sheet for cell in row if cell.value is not None]


def without_rows(network: Any) -> Any:
    """Return the network as it compares: rows do, whichever line they stand in."""
    return replace(network, demand=tuple(sorted(network.demand, key=lambda row: row.key)))


def test_the_network_is_the_same(tmp_path: Path) -> None:
    for name in ("minimal", "opengradient"):
        old, new = ROOT / "inputs" / f"{name}.xlsx", tmp_path / f"{name}.xlsx"
        carried(old, new)
        before, after = read_network(old), read_network(new)
        assert before.network is not None
        assert after.network is not None, after.findings
        assert without_rows(after.network) == without_rows(before.network)


def test_what_no_rule_knows_is_kept_as_a_note_and_every_change_is_said(tmp_path: Path) -> None:
    sheets: Sheets = base()
    sheets["sites "] = [
        [*row, f"extra {number}", f"dark fibre {number}"]
        for number, row in enumerate(sheets.pop("Sites"))
    ]
    sheets["sites "][0][-2:] = ["colour", "dep: fibre"]
    sheets["Who is who"] = [["a", None, "name"], [], [None, 7]]
    sheets["Settings"].append(["moon phase", "full"])
    sheets["Settings"][2][0] = "Budget monthly (EUR)"
    old, new = save(tmp_path, sheets), tmp_path / "new.xlsx"
    changes = carried(old, new)
    book = openpyxl.load_workbook(new)
    headers = [cell.value for cell in book["Sites"][1]]
    assert headers[-2:] == ["# colour", "dep: fibre"]
    assert [cell.value for cell in book["Sites"][2]][-2:] == ["extra 1", "dark fibre 1"]
    assert [[cell.value for cell in row] for row in book["# Who is who"]] == [
        ["a", None, "name"],
        [None, None, None],
        [None, 7, None],
    ]
    for said in (
        "the sheet 'sites ' is now 'Sites'",
        "Sites, column 'colour': is kept as the note '# colour'",
        "the sheet 'Who is who' is kept as the note '# Who is who'",
        "Settings: 'moon phase' is kept as a note",
        "Settings: 'Budget monthly (EUR)' is now 'budget_monthly'",
        "Sites: 4 rows carried over",
    ):
        assert said in changes
    assert any(change.startswith("added with a commented row: ") for change in changes)
    assert {"extra 3", "dark fibre 4", "full", "# moon phase"} <= set(cells(new))
    assert read_network(new).network is not None, read_network(new).findings


def test_a_misspelt_header_is_mended_and_said(tmp_path: Path) -> None:
    sheets = base()
    sheets["Sites"][0][1] = "Provder"
    changes = carried(save(tmp_path, sheets), tmp_path / "new.xlsx")
    assert "Sites, column 'Provder': is now 'provider'" in changes
    assert read_network(tmp_path / "new.xlsx").network is not None


def test_a_column_without_a_header_keeps_its_cells(tmp_path: Path) -> None:
    sheets = base()
    sheets["Providers"][1].append("a remark")
    changes = carried(save(tmp_path, sheets), tmp_path / "new.xlsx")
    assert "Providers, a column without a header: is kept as the note '# column F'" in changes
    assert "a remark" in cells(tmp_path / "new.xlsx")


def test_a_header_in_another_unit_is_kept_so_that_check_still_errs(tmp_path: Path) -> None:
    sheets = base()
    for sheet, header, said in (
        ("Providers", "monthly_cost", "monthly_cost (USD)"),
        ("Models", "gpu_memory_gb", "gpu_memory_gb (MB)"),
        ("Node types", "disk_tb", "disk_tb (GB)"),
    ):
        sheets[sheet][0][sheets[sheet][0].index(header)] = said
    old, new = save(tmp_path, sheets), tmp_path / "new.xlsx"
    changes = carried(old, new)
    before, after = read_network(old), read_network(new)
    assert before.network is after.network is None
    told = [finding.message for finding in after.findings if finding.is_error]
    for said, unit in (("USD", "EUR/month"), ("MB", "GB"), ("GB", "TB")):
        assert f"the header says {said!r}, the column is in {unit}" in told
    assert sorted(told) == sorted(f.message for f in before.findings if f.is_error)
    said = (
        "Providers, column 'monthly_cost (USD)': is kept as it is, for the column is in EUR/month"
    )
    assert said in changes
    headers = [cell.value for cell in openpyxl.load_workbook(new)["Providers"][1]]
    assert headers[2] == "monthly_cost (USD)"
    assert "monthly_cost" not in headers


def test_the_currency_of_the_workbook_is_no_other_unit(tmp_path: Path) -> None:
    sheets = base()
    sheets["Settings"].append(["currency", "USD"])
    sheets["Providers"][0][2] = "monthly_cost (USD)"
    new = tmp_path / "new.xlsx"
    carried(save(tmp_path, sheets), new)
    assert openpyxl.load_workbook(new)["Providers"]["C1"].value == "monthly_cost"
    assert read_network(new).network is not None


def test_no_note_takes_the_place_of_another(tmp_path: Path) -> None:
    long = "A very long title of notes, "
    titles = [f"{long}one", f"{long}off", "Pricing", "# pricing", "Guide", "Lists"]
    old, new = save(tmp_path, base() | {title: [[title]] for title in titles}), tmp_path / "n.xlsx"
    changes = carried(old, new)
    book = openpyxl.load_workbook(new)
    assert set(titles) <= set(cells(new))
    for title, kept in (
        (titles[0], f"# {long}o"),
        (titles[1], f"# {long[:-1]} 2"),
        ("Pricing", "# Pricing 2"),
        ("# pricing", "# pricing"),
        ("Guide", "# Guide"),
        ("Lists", "# Lists"),
    ):
        assert book[kept]["A1"].value == title
        assert kept == title or f"the sheet {title!r} is kept as the note {kept!r}" in changes


def test_the_guide_of_the_template_is_renewed_and_no_note(tmp_path: Path) -> None:
    old, new = write_template(tmp_path / "old.xlsx"), tmp_path / "new.xlsx"
    carried(old, new)
    titles = openpyxl.load_workbook(new).sheetnames
    assert titles == openpyxl.load_workbook(old).sheetnames
