"""Cells in: workbooks read, whatever Excel or a person left in them."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from planner.workbook.findings import Finding, InputError, column_letters
from planner.workbook.zip_door import Package, inspect, read_bytes

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
    data = read_bytes(path)
    package = inspect(path.name, data)
    values = _load(path.name, data, data_only=True)
    # A second look is needed only to tell formulas that were never calculated from empty cells.
    formulas = _load(path.name, data, data_only=False) if package.has_formulas else None
    sheets = tuple(_sheet(sheet, formulas) for sheet in values.worksheets)
    if len(sheets) != len(package.parts):
        raise _unreadable(path.name, f"{len(package.parts)} sheets stored, {len(sheets)} readable")
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


def _unreadable(name: str, reason: str) -> InputError:
    way_out = "open it in Excel, let it repair the file, and save it again"
    return InputError((Finding("", "", f"{name} is an unreadable workbook ({reason})", way_out),))


def _load(name: str, data: bytes, *, data_only: bool) -> openpyxl.Workbook:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(data), data_only=data_only)
    except Exception as error:  # the library leaks a dozen exception types on damaged files
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise _unreadable(name, reason) from error


def _sheet(sheet: Worksheet, formulas: openpyxl.Workbook | None) -> Sheet:
    # `_cells` holds only stored cells; the public iterators create every cell in between.
    raw = formulas[sheet.title]._cells if formulas is not None else {}
    rows: dict[int, dict[int, Cell]] = {}
    for (row, column), stored in sorted(sheet._cells.items()):
        cell = _cell(stored, raw.get((row, column)))
        if cell.kind is not CellKind.BLANK:
            rows.setdefault(row, {})[column] = cell
    return Sheet(sheet.title, rows, tuple(sorted(str(area) for area in sheet.merged_cells.ranges)))


def _cell(stored: Any, raw: Any) -> Cell:
    value, address = stored.value, stored.coordinate
    if value is None:
        # A text formula that gives "" is stored with the type 'str' and no value: it is blank.
        if raw is not None and raw.data_type == "f" and stored.data_type != "str":
            return Cell(str(raw.value), CellKind.UNCALCULATED, address)
        return Cell(None, CellKind.BLANK, address)
    if isinstance(value, (date, datetime, time, timedelta)):
        return Cell(value, CellKind.DATE, address)
    kind = _KINDS.get(stored.data_type, CellKind.TEXT)
    if kind is CellKind.TEXT:
        value = str(value)
        if not value.strip():
            return Cell(None, CellKind.BLANK, address)
    return Cell(value, kind, address)


def read_sheets(path: Path, titles: Collection[str]) -> Workbook:
    """Return only the sheets of these titles, without merged ranges; all others are not parsed.

    Raises InputError if the file is not a sane .xlsx file.
    """
    data = read_bytes(path)
    package = inspect(path.name, data)
    values = _load_lazily(path.name, data, data_only=True)
    formulas = None
    if package.has_formulas:
        formulas = _load_lazily(path.name, data, data_only=False)
    sheets = tuple(
        _lazy_sheet(path.name, sheet, formulas)
        for sheet in values.worksheets
        if sheet.title in titles
    )
    return Workbook(sheets, hashlib.sha256(data).hexdigest(), tuple(_remarks(path.name, package)))


def _load_lazily(name: str, data: bytes, *, data_only: bool) -> openpyxl.Workbook:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)
    except Exception as error:  # the library leaks a dozen exception types on damaged files
        raise _unreadable(name, f"{type(error).__name__}: {str(error)[:200]}") from error


def _lazy_sheet(name: str, sheet: Any, formulas: openpyxl.Workbook | None) -> Sheet:
    raw: dict[tuple[int, int], Any] = {}
    if formulas is not None:
        raw = {(cell.row, cell.column): cell for cell in _stored(name, formulas[sheet.title])}
    rows: dict[int, dict[int, Cell]] = {}
    for stored in _stored(name, sheet):
        cell = _cell(stored, raw.get((stored.row, stored.column)))
        if cell.kind is not CellKind.BLANK:
            rows.setdefault(stored.row, {})[stored.column] = cell
    return Sheet(sheet.title, rows)


def _stored(name: str, sheet: Any) -> Iterator[Any]:
    """Yield the cells of a lazily loaded sheet; those in between have no address."""
    # The stated size of a sheet may be wrong, and would then hide cells.
    sheet.reset_dimensions()
    try:
        for row in sheet.iter_rows():
            yield from (cell for cell in row if hasattr(cell, "coordinate"))
    except Exception as error:  # as above: parts are parsed only now
        raise _unreadable(name, f"{type(error).__name__}: {str(error)[:200]}") from error
