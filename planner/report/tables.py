"""Rows of a plan as a table: headers with their units, cells, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from models.fields import Column, Kind, columns, header_of
from planner.report.sheet_rows import PlanSheet
from planner.report.sheets import PlanRow
from planner.workbook.layout import Layout, Page, is_blank

MONEY, MONEY_IN_FULL, PERCENT, MS, RATE = "#,##0", "#,##0.00", "0.0%", "#,##0.0", "#,##0.00"
"""How numbers are shown; they are stored with all their digits."""

FORMATS = {
    "0..1": PERCENT,
    "share": "0.00%",
    "relative": "0.00%",
    "ms": MS,
    "s": "#,##0.00",
    "GB": "#,##0.0",
    "nodes/replica": "0.000",
    "number": "#,##0.0",
    "see unit": RATE,
}
"""By unit; money, rates and whole numbers go without saying."""

_UNIT_IN_NAME = ("_ms", "_gb", "_per_s")
_NO_UNIT = ("", "number")


def page(sheet: PlanSheet, rows: Iterable[tuple[str, PlanRow]], currency: str) -> Page:
    """Return a sheet of the plan from its rows, each with its phase; columns of blanks left out."""
    declared = columns(sheet.row_class)
    cells = [_cells(row, phase) for phase, row in rows]
    kept = filled([[*declared], *cells])
    names = [name for position, name in enumerate(declared) if position in kept]
    headers = {name: heading(name, declared[name], currency) for name in names}
    in_sight = [*declared].index(sheet.in_sight)
    layout = Layout(
        is_table=bool(cells),
        notes={headers[name]: declared[name].description for name in names},
        formats={
            headers[name]: shown
            for name in names
            if (shown := number_format(declared[name].unit, declared[name].kind))
        },
        frozen=sum(position <= in_sight for position in kept),
    )
    return Page([[*headers.values()], *([row[n] for n in kept] for row in cells)], layout)


def number_format(unit: str, kind: Kind = Kind.NUMBER) -> str:
    """Return how numbers of the unit are shown; nothing where they are whole or no numbers."""
    if unit.startswith("currency"):
        return MONEY_IN_FULL
    if kind is not Kind.NUMBER:
        return ""
    return RATE if unit.endswith("/s") else FORMATS.get(unit, "")


def filled(rows: Sequence[Sequence[object]]) -> list[int]:
    """Return the positions of the columns that are not blank in every row below the header."""
    header, *others = rows
    return [n for n in range(len(header)) if any(not is_blank(row[n]) for row in others)]


def heading(attribute: str, declaration: Column, currency: str) -> str:
    """Return the header of a column as written in row 1, with its unit in brackets."""
    name = header_of(attribute, declaration)
    unit = declaration.unit.replace("currency", currency)
    is_said = name == unit or name.endswith(_UNIT_IN_NAME)
    return name if is_said or unit in _NO_UNIT else f"{name} ({unit})"


def _cells(row: PlanRow, phase: str) -> list[object]:
    """Return the row as cell values, in the order of the declared columns."""
    values: list[object] = [phase]
    for entry in fields(row)[1:]:
        value = getattr(row, entry.name)
        values.append(("no", "yes")[value] if isinstance(value, bool) else value)
    return values
