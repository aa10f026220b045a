"""Records, tables and the best known plans of the benchmark, without any rival installed."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import best_known, committees, report, runs
from bench.__main__ import main
from bench.best_known import Known
from bench.measures import Point
from bench.trace import Clock, End, Record, Trace, read

KNOWN = Known("S", 1, 100.0, 80.0, "before", "2026-01-01")
LEGAL = Record("S", 1, "planner", 10.0, (Point(1.0, 90.0, 85.0),), end=End(90.0, 0, 2.0))


def test_a_trace_is_read_back_as_written_even_if_the_last_line_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    trace = Trace(path, Clock(time.monotonic(), 10.0))
    trace.before(0.5)
    trace.point(math.inf, 1.0)
    trace.point(1e20, 1.0)  # nothing new: SCIP's infinite
    trace.point(5.0, 1.0)
    trace.end(5.0, 0)
    path.write_text(path.read_text() + '{"seconds": 3')
    found = read(path, Record("S", 1, "planner", 10.0))
    assert [(point.value, point.bound) for point in found.points] == [(None, 1.0), (5.0, 1.0)]
    assert found.before_s == 0.5
    assert found.is_legal


def test_a_better_legal_plan_and_a_higher_bound_are_kept_with_command_and_date() -> None:
    assert best_known.improved(KNOWN, [LEGAL], "now", "2026-02-02") == Known(
        "S", 1, 90.0, 85.0, "now", "2026-02-02"
    )


@pytest.mark.parametrize(
    "record",
    [
        replace(LEGAL, end=End(90.0, 3, 2.0), points=()),  # breaks three rules
        replace(LEGAL, end=End(110.0, 0, 2.0), points=(Point(1.0, 110.0, 70.0),)),  # worse
        replace(LEGAL, end=None, points=(Point(1.0, 90.0, None),)),  # killed before its audit
        replace(LEGAL, end=End(None, None, 2.0), points=()),
    ],
)
def test_what_is_no_better_or_not_legal_changes_nothing(record: Record) -> None:
    assert best_known.improved(KNOWN, [record], "now", "2026-02-02") is KNOWN


def test_the_first_legal_plan_of_a_case_is_its_best() -> None:
    found = best_known.improved(Known("M", 2), [LEGAL], "now", "2026-02-02")
    assert (found.value, found.bound) == (90.0, 85.0)


def test_a_bound_above_the_best_known_plan_contradicts_it() -> None:
    assert not best_known.contradicted(KNOWN, [LEGAL])
    above = replace(LEGAL, points=(Point(1.0, 130.0, 101.0),))
    assert best_known.contradicted(KNOWN, [above])


def test_a_bound_that_the_best_known_plan_contradicts_is_not_recorded() -> None:
    above = replace(LEGAL, end=End(120.0, 0, 2.0), points=(Point(1.0, 120.0, 105.0),))
    assert best_known.improved(KNOWN, [above], "now", "2026-02-02") is KNOWN
    found = best_known.improved(KNOWN, [above, LEGAL], "now", "2026-02-02")
    assert (found.value, found.bound) == (90.0, 85.0)


def test_a_bound_within_tolerance_of_the_plan_proves_it() -> None:
    points = (Point(1.0, 90.0, 90.0 + 1e-6),)
    found = best_known.improved(KNOWN, [replace(LEGAL, points=points)], "now", "2026-02-02")
    assert (found.value, found.bound) == (90.0, 90.0)


def test_the_best_known_are_read_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    other = replace(KNOWN, network="cap71", seed=0, command="python -m bench --ways a,b")
    best_known.write([other, KNOWN], path)
    assert best_known.read(path) == {("S", 1): KNOWN, ("cap71", 0): other}


def test_no_best_known_plan_in_the_file_is_below_its_own_bound() -> None:
    found = best_known.read()
    assert found
    for known in found.values():
        assert known.bound <= known.value, known
        assert known.command
        assert known.date


@pytest.mark.parametrize(
    ("name", "planner", "other", "expected"),
    [
        ("first", 2.0, 5.0, "2.5"),
        ("within_1", 2.0, math.nan, ">30"),  # never within 60 s
        ("within_1", math.nan, 6.0, "<0.1"),
        ("within_1", math.nan, math.nan, "-"),
        ("gap", 0.0, 0.3, "-"),
        ("value", 100.0, 120.0, "1.2"),
        ("value", 100.0, math.nan, "-"),
    ],
)
def test_a_ratio_is_at_least_the_limit_where_the_other_never_came(
    name: str, planner: float, other: float, expected: str
) -> None:
    assert report.ratio(name, planner, other, limit_s=60.0) == expected


def test_the_table_says_what_the_audit_found() -> None:
    def said(record: Record) -> str:
        return report.line([record], 90.0).audit

    assert said(LEGAL) == "ok"
    assert said(replace(LEGAL, end=End(90.0, 3, 2.0))) == "3 broken"
    assert said(replace(LEGAL, end=None)) == "no plan"
    # The trace claims 90, the plan at the end amounts to 95.
    assert said(replace(LEGAL, end=End(95.0, 0, 2.0))) == "overstated"


def test_a_command_that_hangs_is_killed_and_one_that_fails_says_so(tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    hangs = [sys.executable, "-c", "import time; time.sleep(60)"]
    code, seconds, _ = runs.timed(lambda _: hangs, 0.3, errors)
    assert code == -9
    assert seconds < 10
    code, _, _ = runs.timed(lambda _: [sys.executable, "-c", "raise ValueError('no')"], 9, errors)
    assert code == 1
    assert errors.read_text().strip().endswith("ValueError: no")


def test_peak_memory_is_that_of_the_command(tmp_path: Path) -> None:
    hungry = [sys.executable, "-c", "x = bytearray(300_000_000)"]
    _, _, peak_mb = runs.timed(lambda _: hungry, 30.0, tmp_path / "errors")
    assert 286 < peak_mb < 600  # 300 million bytes are 286 MB


def test_planner_and_textbook_agree_on_a_small_workbook_and_say_so() -> None:
    given = ["--size", "minimal", "--ways", "planner,textbook", "--limit", "30", "--repeat", "1"]
    found = CliRunner().invoke(main, given)
    assert found.exit_code == 0, found.output
    # 17,160 is what `planner solve inputs/minimal.xlsx` proves, too.
    assert "best known 17,160.00, bound 17,160.00" in found.output
    lines = found.output.splitlines()
    for way in ("planner", "textbook"):
        line = next(line for line in lines if line.startswith(way))
        assert "17,160  17,160  0.00%" in line
        assert line.endswith("ok")


def test_an_unknown_way_is_refused_with_those_there_are() -> None:
    found = CliRunner().invoke(main, ["--ways", "plannr"])
    assert found.exit_code == 2
    assert "plannr: take planner, textbook, row_by_row, scip, ortools, pulp" in found.output


def test_whole_commands_and_solvers_alone_are_compared_each_with_its_own_ratio() -> None:
    ended = {"end": End(28.0, 0, 9.0), "points": (Point(8.0, 28.0, 28.0),)}
    found = committees.compared(
        {
            "planner": [replace(LEGAL, before_s=7.5, **ended)],  # 0.5 s in the solver
            "pulp": [replace(LEGAL, way="pulp", before_s=3.0, whole_s=10.0, **ended)],  # 5 s
            committees.COMMAND: [
                replace(LEGAL, way=committees.COMMAND, whole_s=4.0, points=(), end=ended["end"])
            ],
        }
    )
    assert "the planner is 2.5 times as fast; the target is 40" in found
    assert "solvers alone: HiGHS 0.50 s, CBC 5.00 s, 10 times" in found
