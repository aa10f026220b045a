"""What-if edits of a workbook: the sheet Scenarios applied to its cells, nothing written back.

A scenario is made of rows, applied in their order. `where` picks rows of a sheet by what their
cells say (`region=Germany; period=day`; blank: all), `column` is what changes, `change` is what to:
a value, `x1.5` to multiply, or `remove` for the whole row, or the cell where a column is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from models.data import SHEETS, Row, Scenario, Settings
from models.fields import Kind, columns, header_of
from planner.workbook.arrangement import COUNTING
from planner.workbook.book import HEADER_ROW, SETTINGS, Book, is_read
from planner.workbook.cells import read_number, read_yes_no
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.findings import Finding, column_letters
from planner.workbook.names import did_you_mean, fold_header, fold_name, header_readings
from planner.workbook.settings import SettingRow
from planner.workbook.sheets import known_sheets
from planner.workbook.tables import TableReader

REMOVE = "remove"
_TIMES = re.compile(r"[x×*]\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_LIKE_TIMES = re.compile(r"[x×*]\s*([\d.,]+\s*%?)", re.IGNORECASE)
_BY_PERCENT = re.compile(r"[-+]\s*[\d.,]+\s*%")

SAME_NUMBER = 1e-12
"""Numbers that differ by a smaller part of them look the same in Excel."""

_THE_VALUE = "write the value that it shall have"

Rows = dict[int, dict[int, Cell]]


@dataclass(frozen=True)
class Edit:
    """One cell as it was and as the scenario has it; None where there is nothing."""

    sheet: str
    cell: str
    before: object
    after: object
    row: int = 0
    """That of the sheet Scenarios which asks for it."""

    def __str__(self) -> str:
        return f"{self.sheet}!{self.cell}: {_shown(self.before)} -> {_shown(self.after)}"


def _shown(value: object) -> str:
    if value is None:
        return "blank"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


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
            sheets[sheet.title], made, doubt = _applied(sheets[sheet.title], row)
            edits += made
            if doubt is not None:
                findings.append(book.finding(row, "change", *doubt, level="warning"))
        except CannotApply as error:
            findings.append(book.finding(row, error.attribute, error.message, error.way_out))
    whole = tuple(sheets[sheet.title] for sheet in workbook.sheets)
    return replace(workbook, sheets=whole), tuple(edits)


def picked(sheet: Sheet, row_class: type[Row], where: str) -> list[int]:
    """Return the numbers of the rows that `where` picks. Raises CannotApply."""
    reader = TableReader(sheet, row_class, [])
    reader.match_headers()
    return _picked(where, _headers(reader, sheet), reader)


def says(cell: Cell) -> str:
    """Return how `where` asks for what a cell says."""
    if cell.kind is CellKind.NUMBER:
        return f"{cell.value:.15g}"
    return "" if cell.value is None else fold_name(str(cell.value))


def in_scenario(book: Book, name: str, edits: Iterable[Edit], found: Finding) -> Finding:
    """Return what is found in a scenario at the row that asks for it, as a warning.

    The workbook as it stands, and other scenarios, are none the worse for it.
    """
    rows = [row for row in _rows(book) if row.scenario == name]
    asking = {edit.row for edit in edits if (edit.sheet, edit.cell) == (found.sheet, found.cell)}
    of_sheet = [row for row in rows if fold_header(row.sheet) == fold_header(found.sheet)]
    row = next((row for row in rows if row.row in asking), (of_sheet or rows)[0])
    where = f"{found.sheet}!{found.cell}" if found.cell else found.sheet
    says = f"scenario {name!r} cannot be planned" if found.is_error else f"in scenario {name!r}"
    message = ": ".join(filter(None, (says, where, found.message)))
    return book.finding(row, "change", message, found.way_out, "warning")


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


def _applied(sheet: Sheet, row: Scenario) -> tuple[Sheet, list[Edit], tuple[str, str] | None]:
    """Return the sheet with the row applied, what that changed, and what it may mean instead."""
    row_class = _row_class(row.sheet)
    reader = TableReader(sheet, row_class, [])
    reader.match_headers()
    headers = _headers(reader, sheet)
    numbers = _picked(row.where, headers, reader)
    if not numbers:
        what = (
            f"no row of {sheet.title} has {row.where}" if row.where else f"{sheet.title} is empty"
        )
        raise CannotApply("where", what, "write what its cells say, such as region=Germany")
    rows: Rows = {number: dict(cells) for number, cells in sheet.rows.items()}
    if not row.column:
        if fold_name(row.change) != REMOVE:
            raise CannotApply("column", "no column is named", "name one, or write remove")
        edits = [Edit(sheet.title, f"A{number}", "a row", None, row.row) for number in numbers]
        for number in numbers:
            del rows[number]
        return replace(sheet, rows=rows), edits, None
    position = _own_position(headers, row.column, reader, rows)
    edits, kinds = [], set()
    for number in numbers:
        before, kind = sheet.cell(number, position), _kind(reader, number, position, row.column)
        after = _changed(before, row, sheet, kind)
        kinds.add(kind)
        rows[number] = {n: c for n, c in rows[number].items() if n != position}
        if after.kind is not CellKind.BLANK:
            rows[number][position] = after
        edits.append(Edit(sheet.title, before.address, before.value, after.value, row.row))
    doubt = None if kinds == {Kind.SHARE} else _doubt(row.change.strip())
    return replace(sheet, rows=rows), edits, doubt


def _doubt(text: str) -> tuple[str, str] | None:
    """Return what a percentage that is no share was read as, and how to write what else it means.

    None for anything else; with a sign it is refused already.
    """
    number = read_number(text)
    if number is None or not text.endswith("%"):
        return None
    way_out = (
        f"write {number:.12g} if that is meant, x{1 + number:.12g} for {text} more,"
        f" x{max(0.0, 1 - number):.12g} for {text} less"
    )
    return f"{text!r} is read as the value {number:.12g}", way_out


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


def _kind(reader: TableReader, number: int, position: int, header: str) -> Kind | None:
    """Return what a cell may hold; None below a header that means nothing.

    A setting says so itself. A column that the scenario adds is known by the header it asks for.
    """
    places = {name: place for place, (name, _) in reader.columns.items()}
    if reader.row_class is SettingRow and position == places.get("value") and "setting" in places:
        label = str(reader.sheet.cell(number, places["setting"]).value)
        settings = {fold_header(name): column for name, column in columns(Settings).items()}
        found = (settings[text] for text in header_readings(label) if text in settings)
        return next((column.kind for column in found), None)
    if position in reader.columns:
        return reader.columns[position][1].kind
    declared = {fold_header(header_of(*entry)): entry[1] for entry in reader.declared.items()}
    found = (declared[text] for text in header_readings(header) if text in declared)
    return next((column.kind for column in found), None)


def _picked(where: str, headers: Mapping[str, int], reader: TableReader) -> list[int]:
    """Return the rows in use whose cells say what `where` asks for."""
    sheet = reader.sheet
    asked = []
    for part in filter(str.strip, where.split(";")):
        name, equals, wanted = part.partition("=")
        if not equals:
            text = f"{part.strip()!r} picks no rows"
            raise CannotApply("where", text, "write column=value; several joined by semicolons")
        asked.append((_position(headers, name.strip(), "where", sheet), name, fold_name(wanted)))
    return [
        number
        for number in sheet.rows
        if number > HEADER_ROW
        and reader.is_used(number)
        and all(
            _matches(sheet.cell(number, position), wanted, _kind(reader, number, position, name))
            for position, name, wanted in asked
        )
    ]


def _matches(cell: Cell, wanted: str, kind: Kind | None) -> bool:
    """Return whether a cell says what is asked for, however either writes it."""
    if cell.kind is CellKind.BLANK:
        return not wanted
    if cell.kind is CellKind.BOOLEAN or kind is Kind.YES_NO:
        answer = read_yes_no(str(cell.value))
        if answer is not None:
            return answer is read_yes_no(wanted)
    if cell.kind is CellKind.NUMBER:
        number = read_number(wanted)
        return number is not None and math.isclose(cell.value, number, rel_tol=SAME_NUMBER)
    return fold_name(str(cell.value)) == wanted


def _changed(cell: Cell, row: Scenario, sheet: Sheet, kind: Kind | None) -> Cell:
    """Return the cell as the row has it."""
    text = str(row.change).strip()
    if fold_name(text) == REMOVE:
        return Cell(None, CellKind.BLANK, cell.address)
    number = read_number(text)
    if _BY_PERCENT.fullmatch(text) and number is not None:
        message = f"{text!r} may be a share or a change by it"
        way_out = f"write x{1 + number:.12g}" if number >= -1 else _THE_VALUE
        raise CannotApply("change", message, way_out)
    factor = _TIMES.fullmatch(text)
    if factor is not None:
        if cell.kind is not CellKind.NUMBER:
            message = f"{sheet.title}!{cell.address} holds no number to multiply"
            raise CannotApply("change", message, _THE_VALUE)
        return Cell(float(cell.value) * float(factor[1]), CellKind.NUMBER, cell.address)
    if number is not None:
        return Cell(number, CellKind.NUMBER, cell.address)
    # Free text, such as a tolerance of `2 %`, may be a number; then it stays one.
    if kind in COUNTING or (kind in (None, Kind.TEXT) and cell.kind is CellKind.NUMBER):
        message = f"{sheet.title}!{cell.address} is for a number, and {text!r} is none"
        meant = _LIKE_TIMES.fullmatch(text)
        times = read_number(meant[1]) if meant is not None else None
        way_out = "write a number, or x1.5 to multiply" if times is None else f"write x{times:.12g}"
        raise CannotApply("change", message, way_out)
    return Cell(text, CellKind.TEXT, cell.address)
