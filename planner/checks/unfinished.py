"""Input that is read and checked but not yet acted on: said once per thing, never in silence."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Demand, Dependency, Objective, Phase, Row, Shock
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding

MEASURES = ("worst_loss", "expected_loss")
"""Objectives that are known by name only."""


def _unused(book: Book) -> Iterator[Finding]:
    """Yield a warning for everything in the workbook that no rule uses yet."""
    checks: tuple[tuple[tuple[Row, ...], str, str, str], ...] = (
        (
            book.rows(Phase),
            "phase",
            "Phases are not yet planned",
            "the plan is for one phase with all demand as given",
        ),
        (
            tuple(row for row in book.rows(Demand) if row.min_served),
            "min_served",
            "min_served is not yet enforced",
            "planner stress shows what would be left",
        ),
        (
            tuple(row for row in book.rows(Demand) if row.failover_latency_ms is not None),
            "failover_latency_ms",
            "failover_latency_ms is not yet enforced",
            "planner stress routes within it after a failure",
        ),
        (
            tuple(row for row in book.rows(Shock) if not row.protect),
            "shock",
            "shocks that are not protected do not shape the plan",
            "write protect yes if they should",
        ),
        (
            (
                *(row for row in book.rows(Shock) if row.protect),
                *(row for row in book.rows(Dependency) if row.protect),
            ),
            "protect",
            "protect holds for committees and copies, and for verification by one dependency of the"
            " kinds in independent_of, but not yet for routing demand after the failure",
            "planner stress shows what would be left",
        ),
    )
    for rows, attribute, message, way_out in checks:
        if rows:
            yield book.finding(rows[0], attribute, message, way_out, "warning")


def _measure(row: Objective, _: Book) -> Iterator[Complaint]:
    if row.measure in MEASURES:
        yield Complaint(
            "measure",
            f"measure {row.measure} is not yet available",
            "the plan is made without it",
            "warning",
        )


SUBJECT = Subject(rows=((Objective, _measure),), sheets=(_unused,))
