"""Phases: does every one have its place in the order, and does what it says have an effect?"""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Phase
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding


def _order(row: Phase, book: Book) -> Iterator[Complaint]:
    rows = book.rows(Phase)
    if row.order is None:
        if any(other.order is not None for other in rows):
            message = f"phase {row.phase!r} has no order, others have one"
            yield Complaint("order", message, "fill it in, or clear order in every row")
        return
    earlier = next(other for other in rows if other.order == row.order)
    if earlier is not row:
        yield Complaint(
            "order",
            f"order {row.order} is already in {book.place(earlier, 'order')}",
            "give every phase an order of its own",
        )


def _first_closes(book: Book) -> Iterator[Finding]:
    rows = sorted(book.rows(Phase), key=lambda row: (row.order is None, row.order or 0))
    if rows and rows[0].closing:
        yield book.finding(
            rows[0],
            "closing",
            f"closing has no effect in {rows[0].phase!r}, the first phase: what stands today may"
            " close in any case",
            "clear it, or keep what stands today with min in Locks",
            "warning",
        )


SUBJECT = Subject(rows=((Phase, _order),), sheets=(_first_closes,))
"""Further checks are those of every sheet: names twice, numbers below 0, unknown columns."""
