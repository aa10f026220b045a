"""What-if edits of a workbook: the sheet Scenarios applied to its cells, nothing written back.

A scenario is made of rows, applied in their order. `where` picks rows of a sheet by what their
cells say (`region=Germany; period=day`; blank: all), `column` is what changes, `change` is what to:
a value, `x1.5` to multiply, or `remove` for the whole row, or the cell where a column is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from models.data import SHEETS, Row, Scenario
from models.fields import columns, header_of
from planner.workbook.book import HEADER_ROW, SETTINGS, Book, is_read
from planner.workbook.cells import read_number
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.findings import Finding, column_letters
from planner.workbook.names import did_you_mean, fold_header, fold_name, header_readings
from planner.workbook.settings import SettingRow
from planner.workbook.sheets import known_sheets
from planner.workbook.tables import TableReader

REMOVE = "remove"
_TIMES = re.compile(r"[x×*]\s*(\d+(?:\.\d+)?)", re.IGNORECASE)

Rows = dict[int, dict[int, Cell]]


@dataclass(frozen=True)
class Edit:
    """One cell as it was and as the scenario has it; None where there is nothing."""

    sheet: str
    cell: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.sheet}!{self.cell}: {_shown(self.before)} -> {_shown(self.after)}"


def _shown(value: object) -> str:
    if value is None:
        return "blank"
    return f"{value:g}" if isinstance(value, float) else str(value)


class CannotApply(Exception):
    """A row of the sheet Scenarios that cannot be applied: its column, why, and the way out."""

    def __init__(self, attribute: str, message: str, way_out: str) -> None:
        super().__init__(message)
        self.attribute, self.message, self.way_out = attribute, message, way_out


def names(book: Book) -> tuple[str, ...]:
    """Return the scenarios of a workbook, in order."""
    return tuple(dict.fromkeys(row.scenario for row in _rows(book)))


def _rows(book: Book) -> list[Scenario]:
    """Return the rows that could be read; the others are reported already."""
    return [row for row in book.rows(Scenario) if is_read(row, *columns(Scenario))]


def edited(
    workbook: Workbook, book: Book, name: str, findings: list[Finding]
) -> tuple[Workbook, tuple[Edit, ...]]:
    """Return the workbook as the scenario has it, and every cell that it changes.

    Appends what cannot be applied to the findings.
    """
    sheets = {sheet.title: sheet for sheet in workbook.sheets}
    edits: list[Edit] = []
    rows = [row for row in _rows(book) if row.scenario == name]
    if not rows:
        known = names(book)
        otherwise = f"it has {', '.join(known)}" if known else "its sheet Scenarios has no rows"
        way_out = did_you_mean(name, known, otherwise)
        findings.append(
            Finding(book.title(Scenario), "", f"no scenario is called {name!r}", way_out)
        )
    for row in rows:
        try:
            sheet = _target(workbook, row)
            sheets[sheet.title], made = _applied(sheets[sheet.title], row)
            edits += made
        except CannotApply as error:
            findings.append(book.finding(row, error.attribute, error.message, error.way_out))
    whole = tuple(sheets[sheet.title] for sheet in workbook.sheets)
    return replace(workbook, sheets=whole), tuple(edits)


def picked(sheet: Sheet, row_class: type[Row], where: str) -> list[int]:
    """Return the numbers of the rows that `where` picks. Raises CannotApply."""
    reader = TableReader(sheet, row_class, [])
    reader.match_headers()
    return _picked(sheet, where, _headers(reader, sheet), reader)


def says(cell: Cell) -> str:
    """Return what a cell says, as `where` compares it."""
    if cell.kind is CellKind.NUMBER:
        return f"{cell.value:g}"
    return "" if cell.value is None else fold_name(str(cell.value))


def check(workbook: Workbook, book: Book) -> Iterator[Finding]:
    """Yield a warning for every row of the sheet Scenarios that cannot be applied.

    The workbook as it stands, and other scenarios, are none the worse for it.
    """
    for name in names(book):
        findings: list[Finding] = []
        edited(workbook, book, name, findings)
        yield from (replace(finding, level="warning") for finding in findings)


# One row of a scenario ----------------------------------------------------------------------------


def _target(workbook: Workbook, row: Scenario) -> Sheet:
    known = known_sheets(workbook, [])
    asked = fold_header(row.sheet)
    for name, sheet in known.items():
        if asked == fold_header(name):
            return sheet
    if asked in {fold_header(name) for name in (*SHEETS, SETTINGS)}:
        raise CannotApply("sheet", f"the workbook has no sheet {row.sheet}", "add it, or name one")
    way_out = did_you_mean(row.sheet, (*SHEETS, SETTINGS), "name a sheet")
    raise CannotApply("sheet", f"sheet {row.sheet!r} is not known", way_out)


def _applied(sheet: Sheet, row: Scenario) -> tuple[Sheet, list[Edit]]:
    """Return the sheet with the row applied and what that changed."""
    row_class = _row_class(row.sheet)
    reader = TableReader(sheet, row_class, [])
    reader.match_headers()
    headers = _headers(reader, sheet)
    numbers = _picked(sheet, row.where, headers, reader)
    if not numbers:
        what = (
            f"no row of {sheet.title} has {row.where}" if row.where else f"{sheet.title} is empty"
        )
        raise CannotApply("where", what, "write what its cells say, such as region=Germany")
    rows: Rows = {number: dict(cells) for number, cells in sheet.rows.items()}
    if not row.column:
        if fold_name(row.change) != REMOVE:
            raise CannotApply("column", "no column is named", "name one, or write remove")
        edits = [Edit(sheet.title, f"A{number}", "a row", None) for number in numbers]
        for number in numbers:
            del rows[number]
        return replace(sheet, rows=rows), edits
    position = _own_position(headers, row.column, reader, rows)
    edits = []
    for number in numbers:
        before = sheet.cell(number, position)
        after = _changed(before, row, sheet)
        rows[number] = {n: c for n, c in rows[number].items() if n != position}
        if after.kind is not CellKind.BLANK:
            rows[number][position] = after
        edits.append(Edit(sheet.title, before.address, before.value, after.value))
    return replace(sheet, rows=rows), edits


def _row_class(name: str) -> type[Row]:
    known = {fold_header(sheet): row_class for sheet, row_class in SHEETS.items()}
    return known.get(fold_header(name), SettingRow)


def _headers(reader: TableReader, sheet: Sheet) -> dict[str, int]:
    """Return the column of every header, by all its readings and by what it means."""
    found: dict[str, int] = {}
    for position, cell in sheet.rows.get(HEADER_ROW, {}).items():
        for reading in header_readings(str(cell.value)):
            found.setdefault(reading, position)
    for position, (name, _) in reader.columns.items():
        found[fold_header(name)] = position
    return found


def _position(headers: Mapping[str, int], name: str, attribute: str, sheet: Sheet) -> int:
    for reading in header_readings(name):
        if reading in headers:
            return headers[reading]
    known = [str(cell.value) for cell in sheet.rows.get(HEADER_ROW, {}).values()]
    way_out = did_you_mean(name, known, f"name a column of {sheet.title}")
    raise CannotApply(attribute, f"column {name!r} is not in {sheet.title}", way_out)


def _own_position(headers: Mapping[str, int], name: str, reader: TableReader, rows: Rows) -> int:
    """Return the column that is to change; one that the sheet lacks but may have is added."""
    known = {
        fold_header(header_of(attribute, column)): header_of(attribute, column)
        for attribute, column in reader.declared.items()
    }
    asked = next((reading for reading in header_readings(name) if reading in known), "")
    if not asked or asked in headers:
        return _position(headers, name, "column", reader.sheet)
    last = max(column for cells in rows.values() for column in cells) + 1
    rows[HEADER_ROW][last] = Cell(
        known[asked], CellKind.TEXT, f"{column_letters(last)}{HEADER_ROW}"
    )
    return last


def _picked(sheet: Sheet, where: str, headers: Mapping[str, int], reader: TableReader) -> list[int]:
    """Return the rows in use whose cells say what `where` asks for."""
    asked = []
    for part in filter(str.strip, where.split(";")):
        name, equals, wanted = part.partition("=")
        if not equals:
            text = f"{part.strip()!r} picks no rows"
            raise CannotApply("where", text, "write column=value; several joined by semicolons")
        asked.append((_position(headers, name.strip(), "where", sheet), fold_name(wanted)))
    return [
        number
        for number in sheet.rows
        if number > HEADER_ROW
        and reader.is_used(number)
        and all(says(sheet.cell(number, position)) == wanted for position, wanted in asked)
    ]


def _changed(cell: Cell, row: Scenario, sheet: Sheet) -> Cell:
    """Return the cell as the row has it."""
    text = str(row.change).strip()
    if fold_name(text) == REMOVE:
        return Cell(None, CellKind.BLANK, cell.address)
    factor = _TIMES.fullmatch(text)
    if factor is not None:
        if cell.kind is not CellKind.NUMBER:
            message = f"{sheet.title}!{cell.address} holds no number to multiply"
            raise CannotApply("change", message, "write the value that it shall have")
        return Cell(float(cell.value) * float(factor[1]), CellKind.NUMBER, cell.address)
    number = read_number(text)
    if number is None:
        return Cell(text, CellKind.TEXT, cell.address)
    return Cell(number, CellKind.NUMBER, cell.address)
