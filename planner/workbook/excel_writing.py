"""Cells out: workbooks written for people, the same bytes for the same cells."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from copy import copy
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import quote_sheetname
from openpyxl.worksheet.filters import AutoFilter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.table import Table as ExcelTable
from openpyxl.worksheet.table import TableColumn, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet

from planner.files import put_beside
from planner.workbook.excel_bytes import deterministic_bytes
from planner.workbook.excel_charts import add_charts
from planner.workbook.excel_validation import add_validation
from planner.workbook.findings import column_letters
from planner.workbook.layout import Layout, Rows, Styled, is_blank, plain
from planner.workbook.sizes import LINE_POINTS, lines_of, widths_of

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_TEXT = 32_767

_LINES_PER_PAGE = 50
"""How many are printed on one at most: smaller letters are not read with ease."""

_FONT = "Calibri"
_WRAPPED = Alignment(vertical="top", wrap_text=True)
_HEADER_FILL = PatternFill("solid", fgColor="DCE6F1")
_POINTS = {0: 11, 1: 18, 2: 13}
"""The size of letters, by level of heading."""

_ALARM, _LINK, _INPUT = "C00000", "0563C1", "0000FF"
_A4 = 9


def write_workbook(
    path: Path, sheets: Mapping[str, Rows], layouts: Mapping[str, Layout] | None = None
) -> Path:
    """Write the sheets and return the path really written.

    The file appears whole or not at all, equal cells give equal bytes, and text never becomes a
    formula. If the file is open in Excel, `name (2).xlsx` is written instead. Raises ValueError
    for NaN and infinite numbers.
    """
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    layouts = layouts or {}
    for title, rows in sheets.items():
        _write_sheet(book.create_sheet(title), rows, layouts.get(title, Layout()))
    for title, layout in layouts.items():
        if title in sheets:
            add_validation(book, title, sheets, layout)
            add_charts(book, title, layout)
    return put_beside(path, deterministic_bytes(book))


# Sheets -------------------------------------------------------------------------------------------


def _write_sheet(sheet: Worksheet, rows: Rows, layout: Layout) -> None:
    headers = [str(plain(header)) for header in rows[0]] if rows and layout.has_header else []
    formats = {
        position: layout.formats[header]
        for position, header in enumerate(headers, start=1)
        if header in layout.formats
    }
    widths = widths_of(rows, formats, len(headers)) | dict(layout.widths)
    for position, width in sorted(widths.items()):
        sheet.column_dimensions[column_letters(position)].width = width
    lines = 0
    looks: dict[_Look, Any] = {}
    if layout.is_input:
        for position in range(1, len(headers) + 1):
            sheet.column_dimensions[column_letters(position)].font = Font(name=_FONT, color=_INPUT)
    for number, row in enumerate(rows, start=1):
        filled = [(n, value) for n, value in enumerate(row, start=1) if not is_blank(value)]
        tall = max((lines_of(value, widths[position]) for position, value in filled), default=1)
        lines += tall
        if tall > 1:
            sheet.row_dimensions[number].height = tall * LINE_POINTS
        for position, value in filled:
            cell, shown = sheet.cell(number, position), formats.get(position, "")
            _write_cell(cell, value, shown, looks, is_tall=tall > 1, is_input=layout.is_input)
    if headers:
        _write_header(sheet, headers, len(rows), layout)
    else:
        sheet.sheet_view.showGridLines = False
    pages = 1 if layout.one_page else max(1, math.ceil(lines / _LINES_PER_PAGE))
    _set_up_page(sheet, pages, has_header=bool(headers))


def _write_header(sheet: Worksheet, headers: list[str], rows: int, layout: Layout) -> None:
    for position, header in enumerate(headers, start=1):
        cell: Any = sheet.cell(1, position)
        cell._style = copy(cell._style)
        cell.font = Font(name=_FONT, bold=True)
        cell.fill = _HEADER_FILL
        cell.alignment = _WRAPPED
        if header in layout.notes:
            cell.comment = Comment(layout.notes[header], "planner", height=120, width=320)
    sheet.freeze_panes = f"{column_letters(layout.frozen + 1)}2"
    if layout.is_table and len(set(headers)) == len(headers):
        area = f"A1:{column_letters(len(headers))}{max(2, rows)}"
        table = ExcelTable(
            displayName=re.sub(r"\W", "_", sheet.title),
            ref=area,
            autoFilter=AutoFilter(ref=area),
            # To find the headers itself, the library would create every cell of the table.
            tableColumns=[TableColumn(id=n, name=text) for n, text in enumerate(headers, start=1)],
        )
        table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
        sheet.add_table(table)


def _set_up_page(sheet: Worksheet, pages: int, *, has_header: bool) -> None:
    """Have the sheet printed as wide as one page, with its name and the header on each.

    `pages` are as many below each other as it may take: letters get as small as that needs.
    """
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = pages
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    margins = sheet.page_margins
    margins.left = margins.right = 0.4
    margins.top, margins.bottom, margins.header, margins.footer = 0.4, 0.6, 0.2, 0.3
    footer: Any = sheet.oddFooter
    footer.left.text, footer.right.text = "&A", "&P / &N"
    if has_header:
        sheet.print_title_rows = "1:1"


# Cells --------------------------------------------------------------------------------------------

_Look = tuple[str, str, int, str, bool]
"""Data type, number format, level of heading, colour, whether it is in a tall row."""

_AS_IT_IS = Styled(None)


def _write_cell(
    cell: Any,
    value: object,
    number_format: str,
    looks: dict[_Look, Any],
    *,
    is_tall: bool,
    is_input: bool,
) -> None:
    """Write the value with its looks; `is_tall` is a row of several lines.

    Cells that look the same share their style: it is copied before it is changed.
    """
    style = value if isinstance(value, Styled) else _AS_IT_IS
    _write_value(cell, plain(value))
    number_format = style.number_format or number_format
    colour = _ALARM if style.alarm else _LINK if style.link else _INPUT if is_input else ""
    look = (cell.data_type, number_format, style.heading, colour, is_tall)
    # For the library to find the same look again takes longer than all else.
    if look not in looks:
        _give_look(cell, look)
        looks[look] = cell._style
    elif cell.data_type != "d":
        cell._style = looks[look]
    if style.link:
        area = f"{quote_sheetname(style.link)}!A1"
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=area, display=str(style.value))
    if cell.data_type == "s" and cell.value.startswith(("=", "+", "-", "@", "\t", "\r")):
        cell._style = copy(cell._style)
        cell.quotePrefix = True


def _give_look(cell: Any, look: _Look) -> None:
    data_type, number_format, heading, colour, is_tall = look
    vertical = "top" if is_tall else None
    if data_type == "n":
        # Without the indent a number would touch the text in the column after it.
        cell.alignment = Alignment(horizontal="right", indent=1, vertical=vertical)
        if number_format:
            cell.number_format = number_format
    elif is_tall:
        cell.alignment = Alignment(wrap_text=data_type == "s", vertical=vertical)
    if heading or colour:
        cell.font = Font(
            name=_FONT,
            size=_POINTS[heading],
            bold=bool(heading) or colour == _ALARM,
            underline="single" if colour == _LINK else None,
            color=colour or None,
        )


def _write_value(cell: Any, value: object) -> None:
    # Given to the library, every value would be looked at for what it may be, and text such as =1+1
    # or #N/A taken for a formula or an error value.
    if isinstance(value, date):
        cell.value = value
    elif isinstance(value, bool):
        cell._value, cell.data_type = value, "b"
    elif isinstance(value, int):
        cell._value, cell.data_type = value, "n"
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{cell.parent.title}!{cell.coordinate} would hold {value}")
        # A float may need 17 digits; the library would write 16.
        cell._value, cell.data_type = repr(float(value)), "n"
    else:
        cell._value, cell.data_type = plain_text(str(value)), "s"


def plain_text(text: str) -> str:
    """Return the text without what no cell can hold."""
    text = _ILLEGAL.sub("", text)
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
