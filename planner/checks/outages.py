"""Outage figures: can they be, and do they say enough to count in what outages cost?"""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Dependency, Provider, Shock
from models.risks import HOURS_PER_YEAR
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book


def _figures(row: Dependency | Provider | Shock, _: Book) -> Iterator[Complaint]:
    often, long = row.outages_per_year, row.outage_hours
    if often is not None and long is not None and often * long > HOURS_PER_YEAR:
        yield Complaint(
            "outage_hours",
            f"{often:g} outages of {long:g} hours exceed the {HOURS_PER_YEAR:,.0f} of a year",
            "give the mean duration of one outage in hours",
        )
    elif often and long is None:
        text = "it is said how often it fails, not for how long, so no cost of outages is told"
        yield Complaint("outage_hours", text, "give the mean duration in hours", "warning")
    elif long and often is None:
        text = "it is said how long it fails, not how often, so no cost of outages is told"
        yield Complaint("outages_per_year", text, "give how often it fails in a year", "warning")


SUBJECT = Subject(rows=((Dependency, _figures), (Provider, _figures), (Shock, _figures)))
