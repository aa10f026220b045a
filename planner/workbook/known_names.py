"""The names that a workbook gives to its sites, providers, models and all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.data import SHEETS, Demand, Offer, Row
from models.fields import columns
from planner.workbook.book import Book


@dataclass(frozen=True)
class Names:
    """The names that each sheet gives, for references and guesses."""

    book: Book

    @cached_property
    def by_sheet(self) -> Mapping[str, tuple[str, ...]]:
        """Return the first-key names of every sheet; node types may also stand in Capacities."""
        found: dict[str, tuple[str, ...]] = {}
        for sheet, row_class in SHEETS.items():
            keys = keys_of(row_class)
            if len(keys) == 1:
                names = (getattr(row, keys[0]) for row in self.book.rows(row_class))
                found[sheet] = tuple(dict.fromkeys(names))
        offered = (offer.node_type for offer in self.book.rows(Offer))
        found["Node types"] = tuple(dict.fromkeys((*found["Node types"], *offered)))
        asked = (demand.region for demand in self.book.rows(Demand))
        found["Regions"] = tuple(dict.fromkeys((*found["Regions"], *asked)))
        return found


def keys_of(row_class: type[Row]) -> tuple[str, ...]:
    """Return the attributes that together name a row of a sheet."""
    return tuple(name for name, declared in columns(row_class).items() if declared.key)


def names_of(value: Any) -> tuple[str, ...]:
    """Return the names in a cell of any kind, in order."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(name for part in value for name in ((part,) if isinstance(part, str) else part))
