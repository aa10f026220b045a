"""Every check, run on what can be trusted: rows one by one, then sheets, then the whole network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from models.data import Row
from models.network import Network
from planner.checks import (
    collapse,
    committees,
    demand,
    diversity,
    latency,
    locks,
    magnitudes,
    models,
    objectives,
    outages,
    phases,
    places,
    protection,
    references,
    sites,
    storage,
    supply,
    unfinished,
    verification,
)
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.item_names import Directory
from planner.workbook.unread import until_unread

SUBJECTS = (
    references.SUBJECT,
    sites.SUBJECT,
    places.SUBJECT,
    models.SUBJECT,
    demand.SUBJECT,
    latency.SUBJECT,
    supply.SUBJECT,
    verification.SUBJECT,
    committees.SUBJECT,
    storage.SUBJECT,
    protection.SUBJECT,
    outages.SUBJECT,
    locks.SUBJECT,
    diversity.SUBJECT,
    collapse.SUBJECT,
    objectives.SUBJECT,
    phases.SUBJECT,
    magnitudes.SUBJECT,
    unfinished.SUBJECT,
)
"""Every subject, in the order of the questions that a planner asks."""


def check_rows(book: Book, directory: Directory) -> Iterator[Finding]:
    """Yield what is wrong with rows, whatever the network adds up to."""
    yield from until_unread(diversity.kinds, book, directory)
    for subject in SUBJECTS:
        for row_class, check in subject.rows:
            for row in book.rows(row_class):
                for complaint in until_unread(check, row, book):
                    yield from until_unread(_finding, book, row, complaint)
        for compare in subject.sheets:
            yield from until_unread(compare, book)


def _finding(book: Book, row: Row, complaint: Complaint) -> Iterator[Finding]:
    yield book.finding(row, *complaint)


def check_network(network: Network, book: Book) -> Iterator[Finding]:
    """Yield what no plan can achieve: arithmetic that can never work out, with both numbers."""
    bounds = Bounds(network)
    for subject in SUBJECTS:
        for check in subject.network:
            yield from until_unread(check, bounds, book)
        for check in subject.serving:
            for finding in until_unread(check, bounds, book):
                is_hard = network.settings.require_served
                yield finding if is_hard else replace(finding, level="warning")
