"""How two workbooks differ, row by row: what was added, removed and changed, with its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from models.data import SHEETS, Row, Settings
from models.fields import Kind, columns, header_of
from planner.workbook.book import DEP, Book, keys_of
from planner.workbook.cell_text import written
from planner.workbook.tables import REMARKS
from planner.workbook.unread import UNREAD


class Difference(NamedTuple):
    """One column of one row before and after; None where there is nothing, or no such row.

    `before_cell` and `after_cell` say where, empty on the side where it is not.
    """

    sheet: str
    row: str
    column: str
    before: object
    after: object
    before_cell: str = ""
    after_cell: str = ""


Named = dict[tuple[str, ...], Row]


def differences(before: Book, after: Book) -> Iterator[Difference]:
    """Yield every difference, sheet by sheet; rows are the same if their names are.

    Where rows stand, and remarks (source, as_of, note), make no difference.
    """
    for sheet, row_class in SHEETS.items():
        old, new = _named(before, row_class), _named(after, row_class)
        for name in dict.fromkeys((*old, *new)):
            yield from _of_row(before, after, sheet, name, old.get(name), new.get(name))
    for setting, column in columns(Settings).items():
        one, two = getattr(before.settings, setting), getattr(after.settings, setting)
        if one != two:
            yield Difference(
                before.settings_title,
                setting,
                "value",
                _cell_text(one, column.kind),
                _cell_text(two, column.kind),
                before.settings_cells.get(setting, ""),
                after.settings_cells.get(setting, ""),
            )


def _named(book: Book, row_class: type[Row]) -> Named:
    """Return the rows by what names them; those that share a name are told apart by their order."""
    names = keys_of(row_class) or _telling(row_class)
    seen: Counter[tuple[str, ...]] = Counter()
    found: Named = {}
    for row in book.rows(row_class):
        name = tuple(
            str(_cell_text(getattr(row, attribute), columns(row_class)[attribute].kind) or "")
            for attribute in names
        )
        seen[name] += 1
        found[(*name, f"#{seen[name]}") if seen[name] > 1 else name] = row
    return found


def _telling(row_class: type[Row]) -> tuple[str, ...]:
    """Return the columns that tell rows apart in a sheet without a key."""
    return tuple(
        name
        for name, column in columns(row_class).items()
        if column.required or column.kind is Kind.NAME
    )


def _of_row(
    before: Book, after: Book, sheet: str, name: tuple[str, ...], old: Row | None, new: Row | None
) -> Iterator[Difference]:
    label = ", ".join(part for part in name if part)
    if old is None or new is None:
        texts = (None if old is None else "a row", None if new is None else "a row")
        old_cell = "" if old is None else before.cell(old)
        new_cell = "" if new is None else after.cell(new)
        yield Difference(sheet, label, "", *texts, old_cell, new_cell)
        return
    for attribute, column in columns(type(old)).items():
        one, two = getattr(old, attribute), getattr(new, attribute)
        if attribute not in REMARKS and one != two:
            yield Difference(
                sheet,
                label,
                header_of(attribute, column),
                _cell_text(one, column.kind),
                _cell_text(two, column.kind),
                before.cell(old, attribute),
                after.cell(new, attribute),
            )
    others = [dict(getattr(row, "other", ())) for row in (old, new)]
    for kind in dict.fromkeys((*others[0], *others[1])):
        one, two = (_cell_text(found.get(kind), Kind.NEEDS) for found in others)
        if one != two:
            yield Difference(sheet, label, f"{DEP} {kind}", one, two)


def _cell_text(value: object, kind: Kind) -> object:
    return "unreadable" if value is UNREAD else written(value, kind)
