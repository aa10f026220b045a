"""The bytes of a workbook are those of the library, without the clock."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.formula import ArrayFormula

from planner.workbook.excel_bytes import deterministic_bytes

CORE = "docProps/core.xml"
FREQUENT = [" a", "b ", "<&>'\"", "\t", "   ", "é\n x", True, 1, 1.5, 1e300, 0.1 + 0.2, "#N/A"]
RARE = [date(2020, 1, 1), datetime(2020, 1, 2, 3), time(1, 2), timedelta(1), "=A1&1", None, ""]


def book() -> openpyxl.Workbook:
    """Return a workbook with cells of every kind, and what hangs on cells, rows and sheets."""
    found = openpyxl.Workbook()
    sheet: Any = found.active
    for number, value in enumerate([*FREQUENT, *RARE], start=1):
        sheet.cell(number, 1, value)
        sheet.cell(number, 2, value).font = Font(bold=True)
    sheet["C1"] = CellRichText(["a", TextBlock(InlineFont(b=True), "b<c")])
    sheet["C2"] = ArrayFormula("C2:C3", "=A1:A2")
    sheet["C4"] = "link"
    sheet["C4"].hyperlink = "http://localhost/?a&b"
    sheet["C5"], sheet["C5"].comment, sheet["C6"].comment = (
        1,
        Comment("a&b", "c"),
        Comment("d", "e"),
    )
    sheet["C40"].fill = PatternFill("solid", fgColor="DCE6F1")
    sheet.row_dimensions[2].height, sheet.row_dimensions[41].hidden = 40, True
    sheet.merge_cells("D1:E2")
    found.create_sheet("empty")
    found.create_chartsheet("chart")
    return found


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_part_is_that_which_the_library_writes() -> None:
    by_library = io.BytesIO()
    book().save(by_library)
    expected, found = parts(by_library.getvalue()), parts(deterministic_bytes(book()))
    assert list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == [CORE]


def test_nothing_says_when_it_was_written() -> None:
    data = deterministic_bytes(book())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert parts(data)[CORE].count(b">2020-01-01T00:00:00Z<") == 2
