"""Cells in, cells out: workbooks read and written; the only import of an Excel library."""

from __future__ import annotations

import hashlib
import io
import math
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.filters import AutoFilter
from openpyxl.worksheet.table import Table as ExcelTable
from openpyxl.worksheet.table import TableColumn, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet

from planner.files import put_beside
from planner.workbook.findings import Finding, InputError, column_letters, row_and_column
from planner.workbook.zip_door import Package, Part, inspect, read_bytes

if not openpyxl.DEFUSEDXML:
    raise ImportError("defusedxml is needed: without it a workbook can exhaust the memory")


class CellKind(Enum):
    """What a cell holds."""

    BLANK = "blank"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    ERROR = "error value"
    UNCALCULATED = "formula without a value"


_KINDS = {
    "n": CellKind.NUMBER,
    "s": CellKind.TEXT,
    "b": CellKind.BOOLEAN,
    "d": CellKind.DATE,
    "e": CellKind.ERROR,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as stored; `value` is None if blank, and the formula if it was never calculated."""

    value: Any
    kind: CellKind
    address: str


@dataclass(frozen=True)
class Sheet:
    """The cells of a sheet that hold something, by row and column (both from 1)."""

    title: str
    rows: Mapping[int, Mapping[int, Cell]]
    merged: tuple[str, ...] = ()
    """Merged ranges such as `A2:B3`."""

    def cell(self, row: int, column: int) -> Cell:
        """Return the cell, blank if nothing is stored there."""
        found = self.rows.get(row, {}).get(column)
        return found or Cell(None, CellKind.BLANK, f"{column_letters(column)}{row}")


@dataclass(frozen=True)
class Workbook:
    """Every worksheet in workbook order, with the SHA-256 of the very bytes that were read."""

    sheets: tuple[Sheet, ...]
    sha256: str
    findings: tuple[Finding, ...] = ()
    """Warnings about the file as a whole."""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of the file in hexadecimal; empty if it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except InputError:
        return ""


def read_workbook(path: Path) -> Workbook:
    """Return the cells of the workbook; raise InputError if it is not a sane .xlsx file."""
    return read_sheets(path)


def read_sheets(path: Path, titles: Collection[str] | None = None) -> Workbook:
    """Return the sheets, only those of these titles if any are given; all others are not parsed.

    Raises InputError if the file is not a sane .xlsx file.
    """
    data = read_bytes(path)
    package = inspect(path.name, data)
    parts = {package.titles[name]: part for name, part in package.parts.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            if {sheet.title for sheet in book.worksheets} != set(parts):
                raise ValueError(f"{len(parts)} sheets stored, {len(book.worksheets)} readable")
            sheets = tuple(
                _sheet(sheet, parts[sheet.title])
                for sheet in book.worksheets
                if titles is None or sheet.title in titles
            )
    except Exception as error:  # the library leaks a dozen exception types on damaged files
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        way_out = "open it in Excel, let it repair the file, and save it again"
        message = f"{path.name} is an unreadable workbook ({reason})"
        raise InputError((Finding("", "", message, way_out),)) from error
    return Workbook(sheets, hashlib.sha256(data).hexdigest(), tuple(_remarks(path.name, package)))


def _remarks(name: str, package: Package) -> Iterator[Finding]:
    if package.has_external_links:
        yield Finding(
            "",
            "",
            f"{name} links to other workbooks; their last stored values are used",
            "paste the values if they may have changed",
            level="warning",
        )


def _sheet(sheet: Any, part: Part) -> Sheet:
    # The stated size of a sheet may be wrong, and would then hide cells.
    sheet.reset_dimensions()
    rows: dict[int, dict[int, Cell]] = {}
    # What stands between stored cells has no address.
    stored = (cell for row in sheet.iter_rows() for cell in row if hasattr(cell, "coordinate"))
    for cell in (_cell(cell) for cell in stored):
        if cell.kind is not CellKind.BLANK:
            row, column = row_and_column(cell.address)
            rows.setdefault(row, {})[column] = cell
    for address, formula in part.uncalculated.items():
        row, column = row_and_column(address)
        rows.setdefault(row, {})[column] = Cell(formula, CellKind.UNCALCULATED, address)
    return Sheet(sheet.title, dict(sorted(rows.items())), tuple(sorted(part.merged)))


def _cell(stored: Any) -> Cell:
    value, address = stored.value, stored.coordinate
    if isinstance(value, (date, datetime, time, timedelta)):
        return Cell(value, CellKind.DATE, address)
    kind = CellKind.BLANK if value is None else _KINDS.get(stored.data_type, CellKind.TEXT)
    if kind is CellKind.TEXT:
        value = str(value)
        if not value.strip():
            return Cell(None, CellKind.BLANK, address)
    return Cell(value, kind, address)


@dataclass(frozen=True)
class Layout:
    """How one written sheet looks beyond its cells; headers name the columns meant.

    `notes` are comments on header cells, `choices` drop-downs from a list, `references` drop-downs
    from the column (sheet, header) of another sheet, `formats` Excel number formats.
    """

    has_header: bool = True
    is_table: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)


_FIXED_DATE = datetime(2020, 1, 1)
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAX_TEXT = 32_767
_MAX_WIDTH = 60
_DROP_DOWN_ROWS = 2_000


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[object]]],
    layouts: Mapping[str, Layout] | None = None,
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
            _add_drop_downs(book, title, sheets, layout)
    return put_beside(path, _deterministic(book))


def _write_sheet(sheet: Worksheet, rows: Sequence[Sequence[object]], layout: Layout) -> None:
    for number, row in enumerate(rows, start=1):
        for position, value in enumerate(row, start=1):
            if value is not None and value != "":
                _write_cell(sheet.cell(number, position), value)
    for position, width in _widths(rows).items():
        sheet.column_dimensions[column_letters(position)].width = width
    if not rows or not layout.has_header:
        return
    headers = [str(header) for header in rows[0]]
    for position, header in enumerate(headers, start=1):
        cell = sheet.cell(1, position)
        cell.font = Font(bold=True)
        cell.alignment = Alignment(vertical="top")
        if header in layout.notes:
            cell.comment = Comment(layout.notes[header], "planner", height=120, width=320)
        if header in layout.formats:
            for number in range(2, len(rows) + 1):
                sheet.cell(number, position).number_format = layout.formats[header]
    sheet.freeze_panes = "A2"
    if layout.is_table and headers and len(set(headers)) == len(headers):
        area = f"A1:{column_letters(len(headers))}{max(2, len(rows))}"
        table = ExcelTable(
            displayName=re.sub(r"\W", "_", sheet.title),
            ref=area,
            autoFilter=AutoFilter(ref=area),
            # To find the headers itself, the library would create every cell of the table.
            tableColumns=[TableColumn(id=n, name=text) for n, text in enumerate(headers, start=1)],
        )
        table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
        sheet.add_table(table)


def _write_cell(cell: Any, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{cell.parent.title}!{cell.coordinate} would hold {value}")
    if isinstance(value, (bool, int, float, date)):
        cell.value = value
        _keep_every_digit(cell, value)
        return
    text = _ILLEGAL.sub("", str(value))
    cell.value = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    # The library takes text such as =1+1 or #N/A for a formula or an error value.
    cell.data_type = "s"
    if text.startswith(("=", "+", "-", "@", "\t", "\r")):
        cell.quotePrefix = True


def _widths(rows: Sequence[Sequence[object]]) -> dict[int, float]:
    widths: dict[int, int] = {}
    for row in rows:
        for position, value in enumerate(row, start=1):
            if value is not None:
                longest = max((len(line) for line in _shown(value).splitlines()), default=0)
                widths[position] = max(widths.get(position, 8), longest)
    return {position: float(min(width, _MAX_WIDTH) + 2) for position, width in widths.items()}


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _add_drop_downs(
    book: openpyxl.Workbook,
    title: str,
    sheets: Mapping[str, Sequence[Sequence[object]]],
    layout: Layout,
) -> None:
    headers = [str(header) for header in sheets[title][0]] if sheets[title] else []
    for header, choices in layout.choices.items():
        if header in headers:
            # Excel limits a written-out list to 255 characters.
            formula = '"' + ",".join(choices) + '"'
            if len(formula) > 255:
                raise ValueError(f"{title}.{header}: the list of choices is too long for Excel")
            _add_validation(book[title], headers.index(header) + 1, formula, "stop")
    for header, (target, target_header) in layout.references.items():
        target_rows = sheets.get(target) or [[]]
        names = [str(name) for name in target_rows[0]]
        if header in headers and target_header in names:
            letter = column_letters(names.index(target_header) + 1)
            name = re.sub(r"\W", "_", f"list_{target}_{target_header}")
            area = f"'{target}'!${letter}$2:${letter}${_DROP_DOWN_ROWS}"
            book.defined_names[name] = DefinedName(name, attr_text=area)
            _add_validation(book[title], headers.index(header) + 1, f"={name}", "warning")


def _add_validation(sheet: Worksheet, column: int, formula: str, style: Any) -> None:
    validation = DataValidation(type="list", formula1=formula, allow_blank=True, errorStyle=style)
    validation.showErrorMessage = True
    letter = column_letters(column)
    validation.add(f"{letter}2:{letter}{_DROP_DOWN_ROWS}")
    sheet.add_data_validation(validation)


def _deterministic(book: openpyxl.Workbook) -> bytes:
    """Return the bytes of the workbook without the clock in them."""
    book.properties.creator = "planner"
    book.properties.created = _FIXED_DATE
    raw, clean = io.BytesIO(), io.BytesIO()
    book.save(raw)
    with (
        zipfile.ZipFile(raw) as source,
        zipfile.ZipFile(clean, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            data = source.read(member)
            if member.filename == "docProps/core.xml":
                data = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*",
                    rb"\g<1>" + _FIXED_DATE.isoformat().encode() + b"Z",
                    data,
                )
            entry = zipfile.ZipInfo(member.filename, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, data)
    return clean.getvalue()


def _keep_every_digit(cell: Any, value: object) -> None:
    """Have a float stored with the 17 digits it may need; the library would write 16."""
    if isinstance(value, float):
        cell._value = repr(float(value))
