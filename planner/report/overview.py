"""The first page of a plan, to be opened in a meeting: what holds, what it costs, what is where."""

from __future__ import annotations

from collections.abc import Mapping

from planner.evaluation.baselines import CHEAPEST, NEAREST, PLAN
from planner.evaluation.evaluation import Evaluation
from planner.report import phase_pages
from planner.report.done import Done
from planner.report.sentences import (
    COSTS,
    GUARANTEES,
    RISKS,
    Sentence,
    costs_and_proof,
    guarantees,
    risks,
    verdict,
)
from planner.report.sheet_rows import COST, PLAN_SHEETS
from planner.report.summary_pages import LARGEST_SHARE
from planner.report.tables import MONEY
from planner.workbook.excel import CellKind, Sheet
from planner.workbook.findings import counted
from planner.workbook.layout import Bars, Layout, Page, Styled, is_blank, plain

OVERVIEW, SUMMARY, COMPARISON, RUN = "Overview", "Summary", "Comparison", "Run"

LINES = 12
"""Sentences on the page."""

_HOLDS = (
    {
        SUMMARY: "every sentence on the plan, and how it keeps every rule",
        COMPARISON: "the plan beside what simple tools would do, and today",
        RUN: "how the plan was made: workbook, proof, options, versions, times",
    }
    | {sheet.title: sheet.holds for sheet in PLAN_SHEETS}
    | phase_pages.HOLDS
)

_WIDTHS = {1: 15.0, 2: 88.0, 3: 9.0, 4: 3.0}
_CHARTS_AT = "E2"


def overview(done: Done, final: Evaluation, pages: Mapping[str, Page]) -> Page:
    """Return the page, given all others in their order; of phases the last is told."""
    said = verdict(done.result, final)
    run = done.result.run
    rows: list[list[object]] = [
        [Styled(f"Plan for {run.subject} ({done.result.status})", heading=1)],
        [Styled(said, heading=2, alarm=said != GUARANTEES)],
    ]
    if done.result.violations:
        rows.append(["first", str(done.result.violations[0])])
    if final.phase:
        rows.append(["phase", f"told is the last one, {final.phase}"])
    for title, sentences in _most_important(done, final).items():
        if sentences:
            rows += [[], [Styled(title, heading=2)]] if title != GUARANTEES else []
            rows += [[sentence.topic, str(sentence)] for sentence in sentences]
    rows += [[], [Styled("What is on which sheet", heading=2)]]
    for title, page in pages.items():
        count = counted(len(page.rows) - 1, "row")
        rows.append([Styled(title, link=title), _HOLDS[title], count])
    absent = [sheet.title for sheet in PLAN_SHEETS if sheet.title not in pages]
    if absent:
        rows.append(["left out", f"because they would be empty: {', '.join(absent)}"])
    charts = [chart for chart in (_shares(pages), _costs(pages)) if chart is not None]
    layout = Layout(
        has_header=False, widths=_WIDTHS, charts=charts, charts_at=_CHARTS_AT, one_page=True
    )
    return Page(rows, layout)


def listed_sheets(sheet: Sheet) -> set[str]:
    """Return the titles on the page, wherever a reader may have moved them, of a plan's sheets."""
    titles = {sheet.title for sheet in PLAN_SHEETS}
    return {
        str(cell.value)
        for row in sheet.rows.values()
        for cell in row.values()
        if cell.kind is CellKind.TEXT and cell.value in titles
    }


def _most_important(done: Done, final: Evaluation) -> dict[str, list[Sentence]]:
    """Return what users get, what may fail and what it costs; the first two get equal room."""
    held, lost = guarantees(final), risks(final)
    paid = costs_and_proof(done.result, final)
    room = LINES - len(paid)
    half = max(room - len(lost), room - room // 2)
    held = held[:half]
    lost = lost[: room - len(held)]
    return {GUARANTEES: held, RISKS: lost, COSTS: paid}


# Charts -------------------------------------------------------------------------------------------


def _shares(pages: Mapping[str, Page]) -> Bars | None:
    """Return where the largest share of every kind stands, in the plan and beside it."""
    if COMPARISON not in pages:
        return None
    header, *rows = pages[COMPARISON].rows
    own = header.index(PLAN)
    numbers = [n for n, row in enumerate(rows, start=2) if row[0] == LARGEST_SHARE]
    if not any(plain(rows[n - 2][own]) for n in numbers):
        return None
    series = [header.index(name) + 1 for name in (PLAN, NEAREST, CHEAPEST) if name in header]
    title = "Largest share of requests on one dependency, by kind"
    place = (numbers[0], numbers[-1])
    return Bars(title, COMPARISON, place, header.index("of") + 1, series, "0%")


def _costs(pages: Mapping[str, Page]) -> Bars | None:
    """Return where the lines of the monthly cost stand, without their sum; of the last phase."""
    if COST not in pages:
        return None
    header, *rows = pages[COST].rows
    column = next(n for n, name in enumerate(header) if str(name).startswith("monthly_cost"))
    numbers = [n for n, row in enumerate(rows, start=2) if not is_blank(row[column])]
    last = numbers.pop() - 1
    first = last
    while first - 1 in numbers:
        first -= 1
    if not any(plain(row[column]) for row in rows[first - 2 : last - 1]):
        return None
    title = f"Monthly cost{str(header[column]).removeprefix('monthly_cost')}"
    return Bars(title, COST, (first, last), header.index("item") + 1, [column + 1], MONEY)
