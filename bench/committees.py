"""Whole commands on the committees of the Internet Computer: `planner solve` beside PuLP and CBC.

Both read the same workbook, find the fewest changes and have their plan audited; the planner also
compares, writes plan.xlsx and plan.json, and reads them back. Seconds are those of the process.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cases import COMMITTEES, WORKBOOKS
from bench.report import PLANNER
from bench.runs import GRACE_S, timed
from bench.trace import End, Record
from bench.ways import PER_NODE

COMMAND = "planner solve"
TARGET = 40.0
"""How many times faster the planner is to be."""


def command(limit_s: float) -> Record:
    """Return the record of `planner solve` on the workbook, from start to finish."""
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "plan", Path(folder) / "errors"
        options = ["--out", str(out), "--time-limit", str(limit_s), "--quiet"]
        spec = ["-m", "planner", "solve", str(WORKBOOKS[COMMITTEES]), *options]
        code, seconds, peak_mb = timed(lambda _: [sys.executable, *spec], limit_s + GRACE_S, errors)
        record = Record(COMMITTEES, 0, COMMAND, limit_s, whole_s=seconds, peak_mb=peak_mb)
        if code:
            return Record(**{**vars(record), "problem": f"ended with code {code}"})
        told = json.loads((out / "plan.json").read_text())
        # Exit code 0 says that the plan, as written, breaks no rule.
        return Record(**{**vars(record), "end": End(told["objectives"][-1]["value"], 0, seconds)})


def compared(runs: Mapping[str, Sequence[Record]]) -> str:
    """Return both whole commands, their values, and the ratio of their median seconds.

    The solvers alone are compared too, where both ran as ways and left a trace.
    """
    ours, theirs = runs[COMMAND], runs[PER_NODE]
    lines = []
    for records in (ours, theirs):
        ends = [r.end for r in records if r.end is not None and r.end.value is not None]
        values = sorted({f"{end.value:,.0f}" for end in ends})
        legal = "ok" if all(r.is_legal for r in records) else "not a legal plan"
        seconds = _seconds(records)
        lines.append(f"{records[0].way:<16}{seconds:8.2f} s  {', '.join(values)} changes  {legal}")
    if all(r.is_legal for r in (*ours, *theirs)):
        times = _seconds(theirs) / _seconds(ours)
        lines.append(f"the planner is {times:.3g} times as fast; the target is {TARGET:g}")
    alone = [_solver_s(runs.get(way, ())) for way in (PLANNER, PER_NODE)]
    if all(alone):
        lines.append(
            f"solvers alone: HiGHS {alone[0]:.2f} s, CBC {alone[1]:.2f} s,"
            f" {alone[1] / alone[0]:.3g} times"
        )
    return "\n".join(lines)


def _solver_s(records: Sequence[Record]) -> float:
    """Return the median seconds from the start of the solver to its last point; 0 if unknown."""
    spans = [
        record.points[-1].seconds - record.before_s
        for record in records
        if record.points and record.before_s is not None
    ]
    return statistics.median_low(spans) if spans else 0.0


def _seconds(records: Sequence[Record]) -> float:
    return statistics.median_low(r.whole_s for r in records)
