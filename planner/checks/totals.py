"""Rows of Demand that add up the others: read as demand, they would double it in silence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from models.data import Demand, Region
from planner.workbook.book import Book, is_read
from planner.workbook.findings import Finding
from planner.workbook.names import words_of

TOTALS = frozenset(
    ["total", "totals", "subtotal", "sum", "summe", "gesamt", "somme", "totale", "σ"]
)
FEWEST = 2
"""How many other rows there must be before the sum of them is no coincidence."""


def is_total(name: str) -> bool:
    """Return whether the name says that its row adds up others."""
    return not TOTALS.isdisjoint(word.strip(":.") for word in words_of(name))


def without_totals(book: Book, findings: list[Finding]) -> Book:
    """Return the book without the rows of Demand that are totals; append findings about them."""
    totals = list(_totals(book))
    for row, words in totals:
        if not is_read(row, "region"):
            continue  # reported as a row without a region
        findings.append(
            book.finding(
                row,
                "region",
                f"the row {row.region!r} looks like a total{words}: read as demand, it would be"
                " asked for twice",
                f"delete the row; if {row.region!r} is a region, list it in Regions",
            )
        )
    if not totals:
        return book
    table = book.tables[Demand]
    numbers = {row.row for row, _ in totals}
    rows = tuple(row for row in table.rows if row.row not in numbers)
    return replace(book, tables={**book.tables, Demand: replace(table, rows=rows)})


def _totals(book: Book) -> Iterator[tuple[Demand, str]]:
    regions = book.named(Region)
    rows = [row for row in book.rows(Demand) if is_read(row, "requests_per_s")]
    asked = [row.requests_per_s for row in rows]
    everything = sum(asked)
    has_others = sum(rate > 0 for rate in asked) > FEWEST
    for row in rows:
        is_named = is_read(row, "region")
        if is_named and row.region in regions:
            continue
        is_sum = has_others and math.isclose(2 * row.requests_per_s, everything)
        words = f" of the other rows, {row.requests_per_s:g} requests/s" if is_sum else ""
        # Where regions need not be listed, a number alone proves nothing.
        is_listed = regions and book.is_whole(Region, "region")
        if is_sum and (is_listed or not is_named) or is_named and is_total(row.region):
            yield row, words
