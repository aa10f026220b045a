"""report.html: a plan as one page to be opened in a meeting."""

from __future__ import annotations

from pathlib import Path

from planner.files import put_beside
from planner.report.done import Done
from planner.report.earlier import REPORT
from planner.report.html import sections
from planner.report.html.dependencies import Dependencies
from planner.report.html.document import document
from planner.report.html.elements import Markup, section
from planner.report.html.phases import phases
from planner.report.html.world_map import legend, world_map

_ABOUT_MAP = "Hover or tap for names and figures; pick a dependency below to see what hangs on it."


def write_report(directory: Path, done: Done) -> Path:
    """Write report.html into the directory and return the path really written.

    The same plan gives the same bytes.
    """
    return put_beside(directory / REPORT, plan_page(done).encode("utf-8"))


def plan_page(done: Done) -> str:
    """Return the page; of several phases the last is told."""
    final = done.final
    assert final is not None
    shared = Dependencies(final)
    drawn = world_map(final, shared)
    parts: list[Markup | None] = [
        sections.head(done, final),
        sections.sentences(done, final),
        sections.kept(final),
        phases(done),
        section("The network", drawn, legend(), about=_ABOUT_MAP) if drawn else None,
        shared.view() if shared.losses else None,
        sections.users(final, done.cell, shared),
        sections.sites(final, done.cell, shared),
        sections.largest_shares(final, done.scores),
        sections.comparison(final, done.scores),
        sections.costs(final),
        sections.rules(final),
        sections.run(done),
    ]
    return document(f"Plan for {done.result.run.subject}", parts)
