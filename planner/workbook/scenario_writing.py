"""A scenario put into words of the sheet Scenarios, and into a copy of the planner's workbook."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import openpyxl

from models.data import SHEETS, Row, Scenario
from models.fields import columns, header_of
from planner.workbook.book import HEADER_ROW
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.excel_bytes import deterministic_bytes
from planner.workbook.findings import column_letters
from planner.workbook.scenarios import picked, says
from planner.workbook.settings import SettingRow
from planner.workbook.sheets import known_sheets
from planner.workbook.tables import TableReader
from planner.workbook.zip_door import read_bytes

SCENARIOS = "Scenarios"
_ADDED = ("scenario", "sheet", "where", "column", "change")
"""The columns of a sheet that is made for it, as people read them."""


def edit(
    workbook: Workbook, scenario: str, sheet: str, number: int, header: str, change: str
) -> Scenario:
    """Return the row that edits one cell: the column of that header in that row of the sheet."""
    where = _where(known_sheets(workbook, [])[sheet], sheet, number, header)
    return Scenario(scenario=scenario, sheet=sheet, where=where, column=header, change=change)


def with_rows(workbook: Workbook, rows: Sequence[Scenario]) -> Workbook:
    """Return the workbook with these rows below those of its sheet Scenarios."""
    title, added = _cells(workbook, rows)
    sheets = {sheet.title: sheet for sheet in workbook.sheets}
    sheet = sheets.get(title, Sheet(title, {}))
    cells = {number: dict(found) for number, found in sheet.rows.items()}
    for (number, column), text in added.items():
        address = f"{column_letters(column)}{number}"
        cells.setdefault(number, {})[column] = Cell(text, CellKind.TEXT, address)
    sheets[title] = replace(sheet, rows=dict(sorted(cells.items())))
    return replace(workbook, sheets=tuple(sheets.values()))


def write_copy(path: Path, workbook: Workbook, rows: Sequence[Scenario]) -> Path:
    """Write a copy of the workbook at the path with these rows in it; return where it is.

    It lies beside the workbook under a name that nothing had. `workbook` is what was read from it.
    Raises InputError, or OSError where the folder cannot be written to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(io.BytesIO(read_bytes(path)))
    title, added = _cells(workbook, rows)
    sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
    for (number, column), text in added.items():
        cell = sheet.cell(number, column, text)
        cell.data_type = "s"
    data = deterministic_bytes(book)
    for target in _free(path):
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        return target
    raise AssertionError("numbers have no end")


def _free(path: Path) -> Iterator[Path]:
    stem = f"{path.stem} (explained)"
    names = chain((stem,), (f"{stem} ({number})" for number in count(2)))
    return (path.with_name(f"{name}{path.suffix}") for name in names)


def _cells(
    workbook: Workbook, rows: Sequence[Scenario]
) -> tuple[str, Mapping[tuple[int, int], str]]:
    """Return the title of the sheet Scenarios and what is to be written where in it."""
    declared = columns(Scenario)
    found: dict[tuple[int, int], str] = {}
    sheet = known_sheets(workbook, []).get(SCENARIOS)
    title = SCENARIOS if sheet is None else sheet.title
    positions: dict[str, int] = {}
    if sheet is not None and sheet.rows:
        reader = TableReader(sheet, Scenario, [])
        reader.match_headers()
        positions = {name: number for number, (name, _) in reader.columns.items()}
    used = [n for cells in sheet.rows.values() for n in cells] if sheet is not None else []
    last, below = max(used, default=0), max(sheet.rows, default=HEADER_ROW) if sheet else 1
    for attribute in _ADDED:
        if attribute not in positions:
            last += 1
            positions[attribute] = last
            found[HEADER_ROW, last] = header_of(attribute, declared[attribute])
    for number, row in enumerate(rows, start=below + 1):
        for attribute in _ADDED:
            if getattr(row, attribute):
                found[number, positions[attribute]] = getattr(row, attribute)
    return title, found


def _where(sheet: Sheet, name: str, number: int, changed: str) -> str:
    """Return what the cells of a row say that those of no other do, the fewest that are enough.

    Rows that say the same in every cell are picked together.
    """
    row_class: type[Row] = SHEETS.get(name, SettingRow)
    reader = TableReader(sheet, row_class, [])
    reader.match_headers()
    own = {position for position, (name, _) in reader.columns.items() if changed == name}
    own |= {p for p, (name, d) in reader.columns.items() if header_of(name, d) == changed}
    keys = [p for p, (_, declared) in reader.columns.items() if declared.key]
    parts = {
        position: f"{header}={says(sheet.cell(number, position))}"
        for position in dict.fromkeys([*keys, *reader.columns])
        if position not in own
        for header in (str(sheet.cell(HEADER_ROW, position).value).strip(),)
        if not _is_unfit(header, says(sheet.cell(number, position)))
    }
    filled = [part for p, part in parts.items() if says(sheet.cell(number, p))]
    blank = [part for p, part in parts.items() if not says(sheet.cell(number, p))]
    for part in filled:
        if picked(sheet, row_class, part) == [number]:
            return part
    taken: list[str] = []
    for part in [*filled, *blank]:
        more = [*taken, part]
        if not taken or len(_picks(sheet, row_class, more)) < len(_picks(sheet, row_class, taken)):
            taken = more
        if _picks(sheet, row_class, taken) == [number]:
            break
    return "; ".join(taken)


def _picks(sheet: Sheet, row_class: type[Row], parts: Collection[str]) -> list[int]:
    return picked(sheet, row_class, ";".join(parts))


def _is_unfit(header: str, text: str) -> bool:
    """Return whether `where` cannot say so."""
    return any(sign in header for sign in "=;") or ";" in text
