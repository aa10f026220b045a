"""Input that is read and checked but not yet acted on: said once per thing, never in silence."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Objective, Row, Shock
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding


def _unused(book: Book) -> Iterator[Finding]:
    """Yield a warning for everything in the workbook that no rule uses yet."""
    checks: tuple[tuple[tuple[Row, ...], str, str, str], ...] = (
        (
            tuple(row for row in book.rows(Shock) if not (row.protect or _is_expected(row, book))),
            "shock",
            "shocks that are not protected do not shape the plan",
            "write protect yes if they should, or expected_loss in Objectives and outage figures",
        ),
    )
    for rows, attribute, message, way_out in checks:
        if rows:
            yield book.finding(rows[0], attribute, message, way_out, "warning")


def _is_expected(row: Shock, book: Book) -> bool:
    is_asked = any(goal.measure == "expected_loss" for goal in book.rows(Objective))
    return is_asked and bool(row.outages_per_year) and bool(row.outage_hours)


SUBJECT = Subject(sheets=(_unused,))
