"""Tables of a benchmark: the figures of every way, then how many times the planner's they are."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.measures import SAME, Measures, measure, medians
from bench.trace import Record

PLANNER = "planner"
MISSING = "-"
HEADERS = {
    "first": "first s",
    "within_5": "5 % s",
    "within_2": "2 % s",
    "within_1": "1 % s",
    "value": "plan",
    "bound": "bound",
    "gap": "gap",
    "primal": "primal ∫",
    "primal_dual": "p-dual ∫",
    "before_s": "before s",
    "whole_s": "whole s",
    "peak_mb": "peak MB",
}
COMPARED = tuple(name for name in HEADERS if name not in ("bound",))
"""What a ratio is printed of; all of it is better when it is smaller."""


@dataclass(frozen=True)
class Line:
    """All runs of one way on one case: medians, and the worst that the audit said."""

    way: str
    measures: Measures
    before_s: float
    whole_s: float
    peak_mb: float
    audit: str
    problem: str

    def figure(self, name: str) -> float:
        """Return a figure by its name, of the measures or its own."""
        return float({**asdict(self.measures), **asdict(self)}[name])


def line(records: Sequence[Record], best_known: float) -> Line:
    """Return the line of one way."""
    return Line(
        records[0].way,
        medians([measure(r.points, best_known, r.limit_s) for r in records]),
        statistics.median_low(math.inf if r.before_s is None else r.before_s for r in records),
        statistics.median_low(r.whole_s if r.end else math.inf for r in records),
        statistics.median_low(r.peak_mb if r.points else math.inf for r in records),
        _audit(records),
        next((r.problem for r in records if r.problem), ""),
    )


def table(lines: Sequence[Line]) -> str:
    """Return the figures of every way."""
    rows = [["", *HEADERS.values(), "audit"]]
    for found in lines:
        cells = [_cell(name, found.figure(name)) for name in HEADERS]
        rows.append([found.way, *cells, found.audit])
    notes = [f"{found.way}: {found.problem}" for found in lines if found.problem]
    return "\n".join([*_aligned(rows), *notes])


def ratios(lines: Sequence[Line], limit_s: float) -> str:
    """Return how many times the planner's figure each other figure is; above 1 it is worse.

    What the planner reached within the limit and the other did not is at least limit / planner's.
    """
    base = next((found for found in lines if found.way == PLANNER), None)
    others = [found for found in lines if found.way != PLANNER]
    if base is None or not others:
        return ""
    rows = [["times the planner's", *(HEADERS[name] for name in COMPARED)]]
    for found in others:
        cells = [ratio(name, base.figure(name), found.figure(name), limit_s) for name in COMPARED]
        rows.append([found.way, *cells])
    return "\n".join(_aligned(rows))


def ratio(name: str, planner: float, other: float, limit_s: float) -> str:
    """Return other / planner as text, with > or < where one of them was not reached."""
    timed = name in ("first", "within_5", "within_2", "within_1", "before_s")
    has_planner, has_other = math.isfinite(planner), math.isfinite(other)
    if has_planner and has_other and planner > 0:
        return f"{other / planner:.3g}"
    if timed and has_planner and planner > 0:
        return f">{limit_s / planner:.3g}"
    if timed and has_other:
        return f"<{other / limit_s:.3g}"
    return MISSING


def _audit(records: Sequence[Record]) -> str:
    """Return the worst of the last plans: broken rules, or a trace that claims a better plan."""
    broken = [r.end.violations for r in records if r.end and r.end.violations is not None]
    if not broken:
        return "no plan"
    if max(broken):
        return f"{max(broken)} broken"
    return "overstated" if any(map(_overstated, records)) else "ok"


def _overstated(record: Record) -> bool:
    claimed = [point.value for point in record.points if point.value is not None]
    if record.end is None or record.end.value is None or not claimed:
        return False
    return min(claimed) < record.end.value - SAME * max(1.0, abs(record.end.value))


def _cell(name: str, found: float) -> str:
    if not math.isfinite(found):
        return MISSING
    if name == "gap":
        return f"{found:.2%}"
    return f"{found:,.0f}" if name in ("value", "bound", "peak_mb") else f"{found:,.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
