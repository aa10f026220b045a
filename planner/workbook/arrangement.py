"""How a sheet is laid out: a title above, a table below, hidden rows, columns in wrong places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from models.data import SHEETS
from models.fields import Column, Kind, columns, header_of
from planner.workbook.book import HEADER_ROW
from planner.workbook.cells import read_number
from planner.workbook.excel import Cell, CellKind, Sheet
from planner.workbook.findings import Finding, column_letters, counted, some
from planner.workbook.names import fold_header, header_readings

NAMING = (Kind.NAME, Kind.NAMES, Kind.NEEDS)
COUNTING = (Kind.NUMBER, Kind.INTEGER, Kind.SHARE)

MOST_TITLES = 20
"""Rows of titles and remarks above the headers that are looked at."""

HEADS = {
    title: {fold_header(header_of(*entry)) for entry in columns(row_class).items()}
    for title, row_class in SHEETS.items()
}
"""The headers of every sheet, folded."""


def below_title(
    sheet: Sheet, known: Mapping[str, object], needed: Sequence[str]
) -> Iterator[Finding]:
    """Yield that the headers stand below a title: nothing can be read then.

    `known` are all headers that the sheet may have, folded, `needed` those that it must have.
    """
    must = set(map(fold_header, needed))
    found: dict[int, tuple[bool, int]] = {}
    for number in range(HEADER_ROW, HEADER_ROW + MOST_TITLES + 1):
        cells = sheet.rows.get(number, {}).values()
        texts = {text for cell in cells for text in header_readings(str(cell.value))}
        count = len(known.keys() & texts)
        found[number] = bool(count) and must <= texts, count
    best = max(found, key=lambda number: (found[number], -number))
    (is_headed, few), (has_all, many) = found[HEADER_ROW], found[best]
    if is_headed or few >= many or not (has_all or (few == 0 and many > 1)):
        return
    first = "is a title" if HEADER_ROW in sheet.rows else "is empty"
    message = f"row {HEADER_ROW} {first}: the headers stand in row {best}"
    way_out = f"move the headers from row {best} to row {HEADER_ROW}: delete the rows above them"
    yield Finding(sheet.title, "", message, way_out)


def second_table(sheet: Sheet) -> tuple[int, str]:
    """Return the row, below an empty one, that heads another table, and whose headers it has.

    Below the last row, and of none, if there is none.
    """
    before = HEADER_ROW
    for number, cells in sheet.rows.items():
        if number > before + 1 and (title := _headed(cells)):
            return number, title
        before = number
    return before + 1, ""


def _headed(cells: Mapping[int, Cell]) -> str:
    """Return the sheet that two cells or more, and no others, are headers of; empty if none is."""
    if len(cells) < 2 or any(cell.kind is not CellKind.TEXT for cell in cells.values()):
        return ""
    readings = [set(header_readings(cell.value)) for cell in cells.values()]
    return next((title for title, heads in HEADS.items() if all(map(heads.__and__, readings))), "")


def hidden(sheet: Sheet, rows: Sequence[int], column: int) -> Iterator[Finding]:
    """Yield rows that nobody sees, behind a filter perhaps: they are read all the same."""
    unseen = sorted(set(rows) & set(sheet.hidden))
    cells = [sheet.cell(number, column).address for number in unseen]
    what = "the sheet is"
    if unseen:
        are = "is" if len(unseen) == 1 else "are"
        what = f"{counted(len(unseen), 'row')} ({some(cells)}) {are}"
    if unseen or sheet.is_hidden:
        message = f"{what} hidden and read all the same"
        way_out = "show them, clear the filter perhaps; delete what is not meant"
        yield Finding(sheet.title, "".join(cells[:1]), message, way_out, level="warning")


def swapped(
    sheet: Sheet, held: Mapping[int, tuple[str, Column]], rows: Sequence[int]
) -> dict[int, int]:
    """Return columns of numbers that hold names only, each with one of names that holds none."""
    names = [n for n, (_, column) in held.items() if column.kind in NAMING]
    counts = [n for n, (_, column) in held.items() if column.kind in COUNTING]
    found: dict[int, int] = {}
    for count in (n for n in counts if _holds_only(sheet, "names", n, rows)):
        left = (n for n in names if n not in found.values())
        name = next((n for n in left if _holds_only(sheet, "numbers", n, rows)), 0)
        if name:
            found[count] = name
    return found


def swap(sheet: Sheet, held: Mapping[int, tuple[str, Column]], count: int, name: int) -> Finding:
    """Return what is said of two such columns."""
    header, other = (header_of(*held[number]) for number in (count, name))
    return Finding(
        sheet.title,
        f"{column_letters(count)}{HEADER_ROW}",
        f"{header} holds names and {other} in {column_letters(name)}{HEADER_ROW} holds numbers",
        "swap the two headers, or the cells below them",
        header,
    )


def _holds_only(sheet: Sheet, what: str, position: int, rows: Sequence[int]) -> bool:
    """Return whether the column holds something in these rows, and nothing else than that."""
    filled = (kind for kind in (_holds(sheet.cell(row, position)) for row in rows) if kind)
    return next(filled, "") == what and all(kind == what for kind in filled)


def _holds(cell: Cell) -> str:
    """Return what a cell says for its column to be one of numbers or of names."""
    if cell.kind is CellKind.TEXT:
        return "text" if read_number(cell.value) is not None else "names"
    return {CellKind.NUMBER: "numbers", CellKind.BLANK: ""}.get(cell.kind, "other")
