"""An older or home-made workbook carried over into a fresh template, and what that changed."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import time, timedelta

from models.data import SHEETS, Row, Settings
from models.fields import columns, header_of
from planner.workbook.book import DEP, HEADER_ROW, SETTINGS
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.findings import Finding, column_letters, counted
from planner.workbook.layout import Rows
from planner.workbook.names import fold_header, header_readings
from planner.workbook.settings import SettingRow, read_settings
from planner.workbook.sheets import known_sheets
from planner.workbook.tables import TableReader, declared_columns
from planner.workbook.template import (
    GUIDE,
    GUIDE_TITLE,
    Body,
    Contents,
    settings_rows,
    shown,
)
from planner.workbook.units import contradicts, unit_in

MOST_TITLE = 31
"""Characters in the title of a sheet."""


def carried_over(workbook: Workbook) -> tuple[Contents, tuple[str, ...]]:
    """Return the contents of a template with every cell of the workbook, and every change.

    Nothing is left out: what no rule knows is kept as a note, beginning with #. Formulas are
    carried over as the values they last had.
    """
    changes: list[str] = []
    known = known_sheets(workbook, [])
    currency = str(read_settings(known.get(SETTINGS), [])[0].currency)
    bodies = {
        name: _body(name, known[name], row_class, currency, changes)
        for name, row_class in SHEETS.items()
        if name in known
    }
    added = [name for name in SHEETS if name not in known]
    bodies |= {name: shown(name) for name in added}
    if added:
        changes.append(f"added with a commented row: {', '.join(added)}")
    for name, sheet in known.items():
        if sheet.title != name:
            changes.append(f"the sheet {sheet.title!r} is now {name!r}")
    settings = _settings(known[SETTINGS], changes) if SETTINGS in known else ()
    return Contents(bodies, settings, _notes(workbook, known, changes)), tuple(changes)


def _body(name: str, sheet: Sheet, row_class: type[Row], currency: str, changes: list[str]) -> Body:
    unread: list[Finding] = []
    reader = TableReader(sheet, row_class, unread)
    reader.match_headers()
    target = declared_columns(row_class)
    more: list[str] = []
    own: dict[str, str] = {}
    at: dict[int, int] = {}
    places = {attribute: number for number, attribute in enumerate(target)}
    headers = sheet.rows.get(HEADER_ROW, {})
    used = {column for cells in sheet.rows.values() for column in cells}
    for column in sorted(used):
        text = str(headers[column].value).strip() if column in headers else ""
        attribute, declared = reader.columns.get(column, ("", None))
        if attribute in places and declared is not None:
            at[column], header = places[attribute], header_of(attribute, declared)
            if contradicts(unit_in(text), declared.unit, currency):
                # Under the right header the values would be read in the wrong unit.
                own[attribute] = header = text
                unit = declared.unit.replace("currency", currency)
                changes.append(
                    f"{name}, column {text!r}: is kept as it is, for the column is in {unit}"
                )
        else:
            at[column] = len(target) + len(more)
            note = text.lstrip("# ") or f"column {column_letters(column)}"
            header = attribute if attribute.startswith(DEP) else f"# {note}"
            more.append(header)
        where = f"{name}, column {text!r}" if text else f"{name}, a column without a header"
        if fold_header(text) != fold_header(header) and not text.startswith("#"):
            kept = "is kept as the note" if header.startswith("#") else "is now"
            changes.append(f"{where}: {kept} {header!r}")
    rows = []
    for number, cells in sheet.rows.items():
        if number > HEADER_ROW:
            row: list[object] = [None] * (len(target) + len(more))
            for column, cell in cells.items():
                row[at[column]] = _value(name, cell, changes)
            rows.append(row)
    if rows:
        changes.append(f"{name}: {counted(len(rows), 'row')} carried over")
    return Body(rows, more, own)


def _settings(sheet: Sheet, changes: list[str]) -> Rows:
    """Return every setting of the workbook at its place, and what is none of them as notes."""
    body = _body(SETTINGS, replace(sheet, title=SETTINGS), SettingRow, "", changes)
    known = {fold_header(name): name for name in columns(Settings)}
    given: dict[str, list[object]] = {}
    others: list[list[object]] = []
    for row in body.rows:
        label = str(row[0] or "").strip()
        name = next((known[text] for text in header_readings(label) if text in known), "")
        if name and name not in given:
            given[name] = [name, *row[1:]]
            if fold_header(label) != fold_header(name):
                changes.append(f"{SETTINGS}: {label!r} is now {name!r}")
        else:
            if label and not label.startswith("#"):
                changes.append(f"{SETTINGS}: {label!r} is kept as a note")
            others.append([f"# {label.lstrip('# ')}", *row[1:]])
    return [*settings_rows(given), *others]


def _notes(workbook: Workbook, known: Mapping[str, Sheet], changes: list[str]) -> dict[str, Rows]:
    """Return the sheets that are not read, each under a title of its own that begins with #."""
    notes: dict[str, Rows] = {}
    # Excel takes two titles that differ by case alone for the same.
    taken = {sheet.title.casefold() for sheet in workbook.sheets if sheet.title.startswith("#")}
    for sheet in workbook.sheets:
        if sheet in known.values() or _is_our_guide(sheet):
            continue
        title = sheet.title
        if not title.startswith("#"):
            title = _free(f"# {title}", taken)
            taken.add(title.casefold())
            changes.append(f"the sheet {sheet.title!r} is kept as the note {title!r}")
        last = max(sheet.rows, default=0)
        widest = max((max(cells) for cells in sheet.rows.values()), default=0)
        notes[title] = [
            [_value(title, sheet.cell(row, column), changes) for column in range(1, widest + 1)]
            for row in range(1, last + 1)
        ]
    return notes


def _is_our_guide(sheet: Sheet) -> bool:
    return fold_header(sheet.title) == fold_header(GUIDE) and sheet.cell(1, 1).value == GUIDE_TITLE


def _free(title: str, taken: Container[str]) -> str:
    """Return the title as Excel takes it, with a number if it is taken; those are folded."""
    found, number = title[:MOST_TITLE], 1
    while found.casefold() in taken:
        number += 1
        found = f"{title[: MOST_TITLE - len(f' {number}')].rstrip()} {number}"
    return found


def _value(sheet: str, cell: Cell, changes: list[str]) -> object:
    """Return what is written for a cell; what has no value is kept as its text."""
    if cell.kind is CellKind.UNCALCULATED:
        changes.append(f"{sheet}, from {cell.address}: a formula without a value is kept as text")
    if isinstance(cell.value, (time, timedelta)):
        return str(cell.value)
    return cell.value
