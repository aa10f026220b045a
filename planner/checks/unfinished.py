"""Input that is read and checked but not yet acted on: said once per thing, never in silence."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import SHEETS, Objective, Phase, Row, Scenario, Shock
from models.fields import columns, header_of
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import DEP, Book
from planner.workbook.findings import Finding
from planner.workbook.names import did_you_mean, fold_header

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
            book.rows(Scenario),
            "scenario",
            "Scenarios are not yet applied",
            "the plan is for the workbook as it stands; edit a copy to try one",
        ),
        (
            tuple(row for row in book.rows(Shock) if not row.protect),
            "shock",
            "shocks that are not protected do not shape the plan",
            "write protect yes if they should",
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


def _scenario(row: Scenario, _: Book) -> Iterator[Complaint]:
    known = {fold_header(name): row_class for name, row_class in SHEETS.items()}
    row_class = known.get(fold_header(row.sheet))
    if row_class is None:
        if fold_header(row.sheet) != "settings":
            way_out = did_you_mean(row.sheet, SHEETS, "name a sheet")
            yield Complaint("sheet", f"sheet {row.sheet!r} is not known", way_out)
        return
    headers = [header_of(name, declared) for name, declared in columns(row_class).items()]
    is_own_kind = row.column.casefold().startswith(DEP)
    if row.column and not is_own_kind and fold_header(row.column) not in map(fold_header, headers):
        yield Complaint(
            "column",
            f"column {row.column!r} is not in {row.sheet}",
            did_you_mean(row.column, headers, f"name a column of {row.sheet}"),
        )


SUBJECT = Subject(rows=((Objective, _measure), (Scenario, _scenario)), sheets=(_unused,))
