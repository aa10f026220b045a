"""A copy of a planner's own workbook with every finding at its cell, and listed with links."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import quote_sheetname
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from planner.files import put_beside
from planner.workbook.excel_bytes import deterministic_bytes
from planner.workbook.excel_writing import plain_text
from planner.workbook.findings import Finding, column_letters
from planner.workbook.zip_door import read_bytes

ISSUES = "# Issues"
"""The sheet that lists them; a title that begins with # is not read as input."""

SUFFIX = ".checked.xlsx"
AUTHOR = "planner check"
_AFTER = f"{AUTHOR}, after "
"""What begins the author of a comment that we add to; whose it was follows."""
_SAID = re.compile(r"^(?:error|warning): ", re.MULTILINE)

_FILLS = {
    "error": PatternFill("solid", fgColor="FFC7CE"),
    "warning": PatternFill("solid", fgColor="FFEB9C"),
}
_HEADERS = {"level": 10, "where": 24, "found": 24, "what is wrong": 70, "a way out": 60}
_REMARK = (
    "A copy of {name}, which is as it was. Pictures, shapes and charts are not in the copy; mend"
    " the original, or this copy and save it under another name."
)


def checked_path(workbook: Path) -> Path:
    """Return where the copy of a workbook goes."""
    return workbook.with_name(f"{workbook.stem}{SUFFIX}")


def write_checked(workbook: Path, findings: Iterable[Finding]) -> Path:
    """Write the copy and return the path really written; the original is only read.

    Raises InputError, or OSError where the folder cannot be written to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(read_bytes(workbook)))
    _clear(book)
    found = tuple(findings)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    # Backwards, so that where both are at one cell it has the colour of the error.
    for finding in sorted(found, key=lambda finding: finding.is_error):
        if finding.sheet in sheets and finding.cell:
            _mark(sheets[finding.sheet], finding)
    _list(book.create_sheet(ISSUES, 0), workbook.name, found, sheets)
    # Excel groups all sheets that are selected, and what is typed into one goes into the others.
    charts = [view for sheet in book.chartsheets for view in sheet.sheetViews.sheetView]
    for view in (*(sheet.sheet_view for sheet in book.worksheets), *charts):
        view.tabSelected = False
    book.active = 0
    book.worksheets[0].sheet_view.tabSelected = True
    return put_beside(checked_path(workbook), deterministic_bytes(book))


def _clear(book: openpyxl.Workbook) -> None:
    """Take off the list and the marks of an earlier copy: this may be a copy that was mended.

    A comment is again what it was before; of the cell's colour before the mark nothing is known.
    """
    for sheet in list(book.worksheets):
        if sheet.title.startswith(ISSUES) and [cell.value for cell in sheet[1]] == list(_HEADERS):
            book.remove(sheet)
            continue
        # To go by rows and columns, the library would create every cell as far as the last.
        for cell in list(sheet._cells.values()):
            said = cell.comment
            if said is not None and (said.author or "").startswith(AUTHOR):
                before = _SAID.split(said.text, maxsplit=1)[0].rstrip("\n")
                author = said.author.removeprefix(_AFTER)
                cell.comment = Comment(before, author) if before else None
                if cell.fill.fgColor.rgb in {fill.fgColor.rgb for fill in _FILLS.values()}:
                    cell.fill = PatternFill()


def _mark(sheet: Worksheet, finding: Finding) -> None:
    cell: Any = sheet[finding.cell]
    if isinstance(cell, MergedCell):
        areas = (area for area in sheet.merged_cells.ranges if finding.cell in area)
        first = next(areas)
        cell = sheet.cell(first.min_row, first.min_col)
    cell.fill = _FILLS[finding.level]
    said = f"{finding.level}: {finding.message}; {finding.way_out}"
    before, author = "", AUTHOR
    if cell.comment is not None:
        before, author = f"{cell.comment.text}\n\n", cell.comment.author or ""
        author = author if author.startswith(AUTHOR) else f"{_AFTER}{author}"
    cell.comment = Comment(plain_text(before + said), author, height=140, width=360)


def _list(
    sheet: Worksheet, name: str, findings: Iterable[Finding], sheets: Mapping[str, Worksheet]
) -> None:
    wrapped = Alignment(vertical="top", wrap_text=True)
    for position, (header, width) in enumerate(_HEADERS.items(), start=1):
        sheet.cell(1, position, header).font = Font(bold=True)
        sheet.column_dimensions[column_letters(position)].width = width
    for number, finding in enumerate(findings, start=2):
        where = f"{finding.sheet}!{finding.cell}" if finding.cell else finding.sheet or name
        texts = (finding.level, where, finding.found, finding.message, finding.way_out)
        for position, text in enumerate(texts, start=1):
            cell: Any = sheet.cell(number, position)
            cell.value, cell.alignment = plain_text(text) or None, wrapped
            if text:
                cell.data_type = "s"
        sheet.cell(number, 1).fill = _FILLS[finding.level]
        if finding.sheet in sheets:
            place = f"{quote_sheetname(finding.sheet)}!{finding.cell or 'A1'}"
            link = sheet.cell(number, 2)
            link.hyperlink = Hyperlink(ref=link.coordinate, location=place, display=where)
            link.font = Font(color="0563C1", underline="single")
    sheet.cell(sheet.max_row + 2, 1, _REMARK.format(name=name))
    sheet.freeze_panes = "A2"
