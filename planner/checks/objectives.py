"""Objectives: does every one say something, and does anything ask for demand to be served?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.data import Demand, DiversityRow, Objective
from models.network import Goal
from models.risks import likely
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.cells import CellError, read_number
from planner.workbook.findings import Finding

_TOLERANCE = re.compile(r"\s*([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
_MINDS_SERVICE = {"unserved", "latency", "worst_loss", "expected_loss"}


def goal_of(row: Objective) -> Goal:
    """Return the goal; `0.02` and `2 %` are relative tolerances, a number with a unit absolute.

    Raises CellError if the tolerance is none.
    """
    text = str(row.tolerance)
    match = _TOLERANCE.fullmatch(text)
    amount = read_number(match[1]) if match else None
    if match is None or amount is None or amount < 0:
        raise CellError(f"tolerance {text!r} is no number", "write 0.02, 2 %, or e.g. 2 ms")
    if "," in match[1]:
        raise CellError(
            f"tolerance {text!r} has a decimal comma", f"write {amount:g} {match[2]}".rstrip()
        )
    if match[2] == "%":
        amount /= 100
    elif match[2]:
        return Goal(row.priority, row.measure, row.weight, amount, absolute=True)
    if amount > 1:
        raise CellError(
            f"tolerance {text!r} would give up {amount:.0%} of the objective",
            f"write {amount:g} % or add the unit, e.g. {amount:g} ms",
        )
    return Goal(row.priority, row.measure, row.weight, amount)


def _tolerance(row: Objective, _: Book) -> Iterator[Complaint]:
    try:
        goal_of(row)
    except CellError as error:
        yield Complaint("tolerance", error.message, error.way_out)


def _twice(row: Objective, book: Book) -> Iterator[Complaint]:
    earlier = next(other for other in book.rows(Objective) if other.measure == row.measure)
    if earlier is not row:
        yield Complaint(
            "measure",
            f"measure {row.measure!r} is already in {book.place(earlier, 'measure')}",
            "keep one of the two",
        )


def _serves_nobody(book: Book) -> Iterator[Finding]:
    goals = book.rows(Objective)
    free = [row for row in book.rows(Demand) if row.requests_per_s and not row.unserved_penalty]
    is_minded = not _MINDS_SERVICE.isdisjoint(row.measure for row in goals)
    if goals and free and not is_minded and not book.settings.require_served:
        yield book.finding(
            goals[0],
            "measure",
            "nothing asks for demand to be served, so a plan may get better by serving nobody",
            "put unserved first in Objectives, give every row of Demand an unserved_penalty, or"
            " write require_served yes in Settings",
            "warning",
        )


def _free_penalty(rule: DiversityRow, book: Book) -> Iterator[Complaint]:
    goals = book.rows(Objective)
    if rule.penalty is not None and goals and all(row.measure != "monthly_cost" for row in goals):
        yield Complaint(
            "penalty",
            f"rule {rule.rule!r} has a penalty but monthly_cost is not among the Objectives, so"
            " breaking it would be free",
            "add monthly_cost to Objectives, or clear the penalty to make the rule hard",
        )


def _never_fails(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield an expected loss of which nothing can be expected."""
    for row in book.rows(Objective):
        if row.measure == "expected_loss" and not likely(bounds.network):
            yield book.finding(
                row,
                "measure",
                "expected_loss has nothing to go by: no dependency, provider or shock that"
                " something hangs on has both outages_per_year and outage_hours",
                "fill them in, in Dependencies (`*` stands for a whole kind), Providers or Shocks,"
                " or use worst_loss",
            )


SUBJECT = Subject(
    rows=(
        (Objective, _tolerance),
        (Objective, _twice),
        (DiversityRow, _free_penalty),
    ),
    sheets=(_serves_nobody,),
    network=(_never_fails,),
)
