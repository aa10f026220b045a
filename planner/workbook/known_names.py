"""The names that a workbook gives to its sites, providers, models and all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.data import SHEETS, Demand, Offer, Row
from models.fields import columns
from planner.workbook.book import Book, is_read
from planner.workbook.unread import UNREAD

ALSO_NAMED_IN: Mapping[str, tuple[type[Row], str]] = {
    "Node types": (Offer, "node_type"),
    "Regions": (Demand, "region"),
}
"""Sheets that need not list what another sheet names."""


@dataclass(frozen=True)
class Names:
    """The names that each sheet gives, for references and guesses."""

    book: Book

    @cached_property
    def by_sheet(self) -> Mapping[str, dict[str, None]]:
        """Return the names of every sheet with a single key, and those it need not list."""
        found: dict[str, dict[str, None]] = {}
        for sheet, row_class in SHEETS.items():
            keys = keys_of(row_class)
            if len(keys) == 1:
                found[sheet] = self._named(row_class, keys[0])
        for sheet, (row_class, attribute) in ALSO_NAMED_IN.items():
            found[sheet] |= self._named(row_class, attribute)
        return found

    def _named(self, row_class: type[Row], attribute: str) -> dict[str, None]:
        rows = [row for row in self.book.rows(row_class) if is_read(row, attribute)]
        return dict.fromkeys(getattr(row, attribute) for row in rows)

    def is_whole(self, sheet: str) -> bool:
        """Return whether these are all its names; if not, others are unknown, not wrong."""
        named = [(SHEETS[sheet], keys_of(SHEETS[sheet])[0])]
        if sheet in ALSO_NAMED_IN:
            named.append(ALSO_NAMED_IN[sheet])
        return all(self.book.is_whole(row_class, attribute) for row_class, attribute in named)


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
