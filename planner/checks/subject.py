"""What a file of checks offers: complaints about single rows, about sheets, about the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from models.data import Row
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding, Level


class Complaint(NamedTuple):
    """What is wrong with a row: in which column, why, and the way out."""

    attribute: str
    message: str
    way_out: str
    level: Level = "error"


class Subject(NamedTuple):
    """The checks of one subject.

    `rows` look at one row at a time, `sheets` compare rows, `network` finds what no plan can do.
    What is only about `serving` demand is an error where all must be served, else a warning: there
    are plans that leave some of it unserved.
    """

    rows: tuple[tuple[type[Row], Callable[[Any, Book], Iterator[Complaint]]], ...] = ()
    sheets: tuple[Callable[[Book], Iterator[Finding]], ...] = ()
    network: tuple[Callable[[Bounds, Book], Iterator[Finding]], ...] = ()
    serving: tuple[Callable[[Bounds, Book], Iterator[Finding]], ...] = ()
