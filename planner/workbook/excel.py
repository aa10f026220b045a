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


SHA256 = "workbook sha256"
"""The item of a plan that says what workbook it was made from."""

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
    hidden: tuple[int, ...] = ()
    """Rows that are hidden."""
    is_hidden: bool = False

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
    data: bytes = b""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of the file in hexadecimal; empty if it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    except InputError:
        return ""


def read_workbook(path: Path) -> Workbook:
    """Return the cells of the workbook; raise InputError if it is not a sane .xlsx file, or a plan.

    What is wrong with each of its cells would say nothing of the mistake.
    """
    found = read_sheets(path)
    if SHA256 in {sheet.cell(row, 1).value for sheet in found.sheets for row in sheet.rows}:
        message = f"{path.name} is a plan that planner solve wrote, not a workbook to plan"
        way_out = "name the workbook it was made from; a copy, workbook.xlsx, is beside it"
        raise InputError((Finding("", "", message, way_out),))
    return found


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
                _sheet(sheet, parts[sheet.title], sheet.title in package.hidden)
                for sheet in book.worksheets
                if titles is None or sheet.title in titles
            )
    except Exception as error:  # the library leaks a dozen exception types on damaged files
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        way_out = "open it in Excel, let it repair the file, and save it again"
        message = f"{path.name} is an unreadable workbook ({reason})"
        raise InputError((Finding("", "", message, way_out),)) from error
    remarks = tuple(_remarks(path.name, package))
    return Workbook(sheets, hashlib.sha256(data).hexdigest(), remarks, data)


def _remarks(name: str, package: Package) -> Iterator[Finding]:
    if package.has_external_links:
        yield Finding(
            "",
            "",
            f"{name} links to other workbooks; their last stored values are used",
            "paste the values if they may have changed",
            level="warning",
        )


def _sheet(sheet: Any, part: Part, is_hidden: bool) -> Sheet:
    # The stated size of a sheet may be wrong, and would then hide cells.
    sheet.reset_dimensions()
    rows: dict[int, dict[int, Cell]] = {}
    # What stands between stored cells has no address.
    stored = (cell for row in sheet.iter_rows() for cell in row if hasattr(cell, "coordinate"))
    for found in stored:
        cell = _cell(found)
        if cell.kind is not CellKind.BLANK:
            rows.setdefault(found.row, {})[found.column] = cell
    for address, formula in part.uncalculated.items():
        row, column = row_and_column(address)
        rows.setdefault(row, {})[column] = Cell(formula, CellKind.UNCALCULATED, address)
    merged, hidden = tuple(sorted(part.merged)), tuple(part.hidden)
    return Sheet(sheet.title, dict(sorted(rows.items())), merged, hidden, is_hidden)


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
