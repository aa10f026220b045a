"""The copy with the findings in it: every cell marked and said, the original untouched."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from openpyxl.chart import BarChart
from openpyxl.comments import Comment

from planner.reading import read_network
from planner.workbook.checked import ISSUES, checked_path, write_checked
from tests.workbooks import base, put, save


def test_every_cell_is_marked_and_linked(tmp_path: Path) -> None:
    sheets = base()
    for row in range(2, 6):
        put(sheets, "Sites", row, "latitude", 95)
    put(sheets, "Providers", 2, "monthly_cost", -1)
    path = save(tmp_path, sheets)
    before = path.read_bytes()
    tables = read_network(path)
    written = write_checked(path, tables.ungrouped)
    assert written == checked_path(path) == tmp_path / "network.checked.xlsx"
    assert path.read_bytes() == before
    book = openpyxl.load_workbook(written)
    assert book.sheetnames == [ISSUES, *openpyxl.load_workbook(path).sheetnames]
    for address in ("E2", "E3", "E4", "E5"):
        cell = book["Sites"][address]
        assert cell.fill.fgColor.rgb == "00FFC7CE"
        assert cell.comment is not None
        assert "above 90" in cell.comment.text
        assert cell.value == 95
    listed = [row[1].hyperlink.location for row in book[ISSUES].iter_rows() if row[1].hyperlink]
    assert {"'Sites'!E2", "'Sites'!E5", "'Providers'!C2"} <= set(listed)
    assert len(listed) == len(tables.ungrouped)


def test_formulas_and_remarks_of_the_planner_stay(tmp_path: Path) -> None:
    path = save(tmp_path, base())
    book = openpyxl.load_workbook(path)
    book["Sites"]["H2"] = "=50*2"
    book["Sites"]["E2"] = "north"
    book["Sites"]["E2"].comment = Comment("ask Ada", "Bob")
    book.save(path)
    tables = read_network(path)
    found = openpyxl.load_workbook(write_checked(path, tables.ungrouped))["Sites"]
    assert found["H2"].value == "=50*2"
    assert found["E2"].comment is not None
    assert found["E2"].comment.text.startswith("ask Ada\n\nerror: ")


def test_the_copy_says_the_same_when_it_is_checked_itself(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "latitude", 95)
    path = save(tmp_path, sheets)
    tables = read_network(path)
    assert read_network(write_checked(path, tables.ungrouped)).findings == tables.findings


def test_text_of_a_cell_never_becomes_a_formula(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "provider", "=HYPERLINK(1)")
    path = save(tmp_path, sheets)
    book = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    texts = [cell for row in book[ISSUES].iter_rows() for cell in row if cell.value]
    assert any("=HYPERLINK(1)" in str(cell.value) for cell in texts)
    assert all(cell.data_type != "f" for cell in texts)


def test_merged_cells_are_marked_where_they_show(tmp_path: Path) -> None:
    path = save(tmp_path, base())
    book = openpyxl.load_workbook(path)
    book["Sites"].merge_cells("B2:B3")
    book.save(path)
    tables = read_network(path)
    assert tables.network is None
    found = openpyxl.load_workbook(write_checked(path, tables.ungrouped))["Sites"]
    assert found["B2"].comment is not None


def mended(tmp_path: Path, address: str, value: object) -> Path:
    """Return the copy of a workbook with two bad latitudes, one mended, saved by another name."""
    sheets = base()
    for row in (2, 3):
        put(sheets, "Sites", row, "latitude", 95)
    path = save(tmp_path, sheets)
    book = openpyxl.load_workbook(path)
    for row in (2, 3):
        book["Sites"].cell(row, 5).comment = Comment(f"ask Ada {row}", "Bob")
    book.save(path)
    copy = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    copy["Sites"][address] = value
    copy.save(tmp_path / "mended.xlsx")
    return tmp_path / "mended.xlsx"


def test_marks_of_an_earlier_copy_are_taken_off(tmp_path: Path) -> None:
    path = mended(tmp_path, "E2", 50)
    book = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    assert [title for title in book.sheetnames if title.startswith(ISSUES)] == [ISSUES]
    good, bad = book["Sites"]["E2"], book["Sites"]["E3"]
    assert good.fill.fill_type is None
    assert (good.comment.text, good.comment.author) == ("ask Ada 2", "Bob")
    assert bad.fill.fgColor.rgb == "00FFC7CE"
    assert bad.comment.text.startswith("ask Ada 3\n\nerror: ")
    assert bad.comment.text.count("error: ") == 1
    path = mended(tmp_path, "E2", 50)
    again = openpyxl.load_workbook(path)
    again["Sites"]["E3"] = 49
    again.save(path)
    book = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    assert book["Sites"]["E3"].comment.text == "ask Ada 3"


def test_a_comment_that_was_ours_alone_goes_with_its_finding(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 2, "latitude", 95)
    path = save(tmp_path, sheets)
    book = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    book["Sites"]["E2"] = 50
    book.save(path)
    found = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    assert found["Sites"]["E2"].comment is None
    assert found["Sites"]["E2"].fill.fill_type is None


def test_a_sheet_of_the_planner_is_not_taken_for_the_list(tmp_path: Path) -> None:
    path = save(tmp_path, base() | {ISSUES: [["my own list"]]})
    book = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    assert book[ISSUES]["A1"].value == "my own list"
    assert book.worksheets[0]["A1"].value == "level"


@pytest.mark.parametrize("active", [0, 2, -1])
def test_only_the_list_is_selected(active: int, tmp_path: Path) -> None:
    path = save(tmp_path, base())
    book = openpyxl.load_workbook(path)
    book.create_chartsheet("chart").add_chart(BarChart())
    book.active = active % len(book.sheetnames)
    book.save(path)
    written = openpyxl.load_workbook(write_checked(path, read_network(path).ungrouped))
    assert written.active.title == ISSUES
    views = {sheet.title: sheet.sheet_view for sheet in written.worksheets}
    views |= {sheet.title: sheet.sheetViews.sheetView[0] for sheet in written.chartsheets}
    assert [title for title, view in views.items() if view.tabSelected] == [ISSUES]
