"""The rows of a workbook, each of which knows the cells that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from models.data import SHEETS, Demand, Offer, Row, Settings
from models.fields import columns
from planner.workbook.findings import Finding, Level
from planner.workbook.names import fold_header
from planner.workbook.unread import UNREAD

SETTINGS = "Settings"
HEADER_ROW = 1

DEP = "dep:"
"""What begins the header of a dependency kind of the planner's own."""

SHEET_OF = {row_class: sheet for sheet, row_class in SHEETS.items()}

ALSO_NAMED_IN: Mapping[str, tuple[type[Row], str]] = {
    "Node types": (Offer, "node_type"),
    "Regions": (Demand, "region"),
}
"""Sheets that need not list what another sheet names."""

_R = TypeVar("_R", bound=Row)


@dataclass(frozen=True)
class Table:
    """The rows of one sheet and the letters of the columns they were read from."""

    title: str
    rows: tuple[Row, ...] = ()
    letters: Mapping[str, str] = field(default_factory=dict)
    """Column letters by attribute name; `dep: KIND` columns by that header."""
    is_whole: bool = True
    """Whether every row was read, be it with cells that are UNREAD."""


@dataclass(frozen=True)
class Book:
    """Every sheet as rows, each of which knows its cells."""

    tables: Mapping[type[Row], Table]
    settings: Settings
    settings_cells: Mapping[str, str]
    titles: tuple[str, ...]
    """Sheet titles as the workbook spells them, in the order of the documentation."""
    missing: frozenset[type[Row]] = frozenset()
    """The sheets that a workbook must have and this one lacks."""
    unknown: frozenset[str] = frozenset()
    """Names that no sheet has and that are reported already."""
    _named: dict[type[Row], Mapping[str, Row]] = field(
        default_factory=dict, init=False, compare=False
    )

    def rows(self, row_class: type[_R]) -> tuple[_R, ...]:
        """Return the rows of one sheet."""
        table = self.tables.get(row_class)
        return cast("tuple[_R, ...]", table.rows) if table is not None else ()

    def named(self, row_class: type[_R]) -> Mapping[str, _R]:
        """Return the first row of each name, for sheets with a single key."""
        if row_class not in self._named:
            (key,) = keys_of(row_class)
            found: dict[str, Row] = {}
            for row in self.rows(row_class):
                if is_read(row, key):
                    found.setdefault(getattr(row, key), row)
            self._named[row_class] = found
        return cast("Mapping[str, _R]", self._named[row_class])

    def names(self, sheet: str) -> list[str]:
        """Return the names that a sheet gives, in order, and those that it need not list."""
        found = dict.fromkeys(self.named(SHEETS[sheet]))
        if sheet in ALSO_NAMED_IN:
            row_class, attribute = ALSO_NAMED_IN[sheet]
            rows = (row for row in self.rows(row_class) if is_read(row, attribute))
            found |= dict.fromkeys(getattr(row, attribute) for row in rows)
        return list(found)

    def has_all_names(self, sheet: str) -> bool:
        """Return whether `names` are all there are; if not, others are unknown, not wrong."""
        row_class, also = SHEETS[sheet], ALSO_NAMED_IN.get(sheet)
        is_whole = self.is_whole(row_class, *keys_of(row_class))
        return is_whole and (also is None or self.is_whole(*also))

    def title(self, row_class: type[Row]) -> str:
        """Return the title of the sheet that holds such rows."""
        table = self.tables.get(row_class)
        return table.title if table is not None else SHEET_OF[row_class]

    def has(self, row_class: type[Row]) -> bool:
        """Return whether the workbook has the sheet."""
        return row_class in self.tables

    def is_whole(self, row_class: type[Row], *attributes: str) -> bool:
        """Return whether all that the sheet says in these columns is known: `not named` is no."""
        table = self.tables.get(row_class)
        if table is None or not table.is_whole:
            return table is None and row_class not in self.missing
        return all(is_read(row, *attributes) for row in table.rows)

    def unread(self) -> set[tuple[str, str]]:
        """Return title and address of every cell that could not be read."""
        found = {
            (table.title, self.cell(row, attribute))
            for table in self.tables.values()
            for row in table.rows
            for attribute, value in vars(row).items()
            if value is UNREAD and attribute in table.letters
        }
        settings = vars(self.settings).items()
        title = self.settings_title
        return found | {
            (title, self.settings_cells[name]) for name, value in settings if value is UNREAD
        }

    @property
    def settings_title(self) -> str:
        """Return the title of the sheet Settings."""
        return next((t for t in self.titles if fold_header(t) == "settings"), SETTINGS)

    def cell(self, row: Row, attribute: str = "") -> str:
        """Return the address of the row's cell; that of its first column if it has no such one."""
        table = self.tables.get(type(row))
        if table is None or not row.row or not table.letters:
            return ""
        first = next(iter(table.letters.values()))
        return f"{table.letters.get(attribute, first)}{row.row}"

    def place(self, row: Row, attribute: str = "") -> str:
        """Return sheet and cell in one word, for use within a message."""
        title, cell = self.title(type(row)), self.cell(row, attribute)
        return f"{title}!{cell}" if cell else title

    def limit(self, row: Row | Settings | None, attribute: str) -> str:
        """Return sheet and cell, such as `Capacities!C4`, that set a limit; empty if none does."""
        if isinstance(row, Row):
            title, cell = self.title(type(row)), self.cell(row, attribute)
        else:
            title, cell = self.settings_title, self.settings_cells.get(attribute, "")
        return f"{title}!{cell}" if row is not None and cell else ""

    def finding(
        self, row: Row, attribute: str, message: str, way_out: str, level: Level = "error"
    ) -> Finding:
        """Return a finding at the row's cell."""
        found = getattr(row, attribute, "")
        return Finding(
            self.title(type(row)),
            self.cell(row, attribute),
            message,
            way_out,
            "" if found is None or isinstance(found, tuple) else str(found),
            level,
        )

    def on_sheet(
        self, row_class: type[Row], message: str, way_out: str, level: Level = "error"
    ) -> Finding:
        """Return a finding about a whole sheet."""
        return Finding(self.title(row_class), "", message, way_out, level=level)

    def on_setting(
        self, setting: str, message: str, way_out: str, level: Level = "error"
    ) -> Finding:
        """Return a finding at the value of a setting."""
        return Finding(
            self.settings_title,
            self.settings_cells.get(setting, ""),
            message,
            way_out,
            level=level,
        )


def is_read(row: Row, *attributes: str) -> bool:
    """Return whether all of these cells of the row could be read."""
    return all(getattr(row, attribute) is not UNREAD for attribute in attributes)


def keys_of(row_class: type[Row]) -> tuple[str, ...]:
    """Return the attributes that together name a row of a sheet."""
    return tuple(name for name, declared in columns(row_class).items() if declared.key)


def names_of(value: Any) -> tuple[str, ...]:
    """Return the names in a cell of any kind, in order; none of one that could not be read."""
    if value is UNREAD or value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(name for part in value for name in ((part,) if isinstance(part, str) else part))
