"""The rows of a workbook, each of which knows the cells that it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from models.data import REQUIRED_SHEETS, SHEETS, Row, Settings
from models.fields import columns
from planner.workbook.findings import Finding, Level, column_letters, row_and_column
from planner.workbook.names import fold_header

SETTINGS = "Settings"
HEADER_ROW = 1

DEP = "dep:"
"""What begins the header of a dependency kind of the planner's own."""

SHEET_OF = {row_class: sheet for sheet, row_class in SHEETS.items()}

_R = TypeVar("_R", bound=Row)


@dataclass(frozen=True)
class Table:
    """The rows of one sheet and the letters of the columns they were read from."""

    title: str
    rows: tuple[Row, ...] = ()
    letters: Mapping[str, str] = field(default_factory=dict)
    """Column letters by attribute name; `dep: KIND` columns by that header."""


@dataclass(frozen=True)
class Book:
    """Every sheet as rows, each of which knows its cells."""

    tables: Mapping[type[Row], Table]
    settings: Settings
    settings_cells: Mapping[str, str]
    titles: tuple[str, ...]
    """Sheet titles as the workbook spells them, in the order of the documentation."""

    def rows(self, row_class: type[_R]) -> tuple[_R, ...]:
        """Return the rows of one sheet."""
        table = self.tables.get(row_class)
        return cast("tuple[_R, ...]", table.rows) if table is not None else ()

    def title(self, row_class: type[Row]) -> str:
        """Return the title of the sheet that holds such rows."""
        table = self.tables.get(row_class)
        return table.title if table is not None else SHEET_OF[row_class]

    def has(self, row_class: type[Row]) -> bool:
        """Return whether the workbook has the sheet."""
        return row_class in self.tables

    def is_readable(self, row_class: type[Row]) -> bool:
        """Return whether the rows of the sheet could be read; an absent optional sheet has none."""
        table = self.tables.get(row_class)
        if table is None or not table.letters:
            return SHEET_OF[row_class] not in REQUIRED_SHEETS
        return all(
            name in table.letters
            for name, declared in columns(row_class).items()
            if declared.required
        )

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
            self.settings_title, self.settings_cells.get(setting, ""), message, way_out, level=level
        )

    def damaged(self, findings: Sequence[Finding]) -> frozenset[tuple[str, str]]:
        """Return (sheet, attribute) of every error; the attribute `*` stands for all."""
        hurt = set()
        for finding in findings:
            if not finding.is_error:
                continue
            sheet = next(
                (
                    name
                    for name in (*SHEETS, SETTINGS)
                    if fold_header(name) == fold_header(finding.sheet)
                ),
                finding.sheet,
            )
            table = self.tables.get(SHEETS[sheet]) if sheet in SHEETS else None
            row, number = row_and_column(finding.cell)
            attributes = {letter: name for name, letter in (table.letters if table else {}).items()}
            name = attributes.get(column_letters(number), "*") if row > HEADER_ROW else "*"
            hurt.add((sheet, name))
        return frozenset(hurt)
