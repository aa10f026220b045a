"""What users keep is what stress finds, told with the plan, and never said of what nobody asked."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from math import inf
from pathlib import Path

import openpyxl
import pytest

from models.data import Demand, DemandKey
from planner.evaluation.keeping import keeping
from planner.evaluation.kept import Keeping, fewest_of, unknown
from planner.evaluation.stress import stress
from planner.evaluation.stress_results import Stress
from planner.job import Job, run
from planner.jobs.requests import Workers
from planner.report.guarantee_rows import NOT_COMPUTED, guarantee_rows
from planner.report.html.plan_page import plan_page
from planner.report.plan_json import document
from planner.report.progress import ProgressLine
from planner.report.screen import as_text, summary
from planner.result import Result, Run
from tests.cases import deployment_for_small, done_with, plan_for_small, small

ROOT = Path(__file__).parents[2]


def found_in(seconds: float, stop: threading.Event | None = None) -> Keeping:
    stop = stop or threading.Event()
    return keeping(small(), deployment_for_small(), seconds, Workers(1), stop)


@pytest.fixture(scope="module")
def kept() -> Keeping:
    return found_in(inf)


@pytest.fixture(scope="module")
def stressed() -> Stress:
    return stress(small(), deployment_for_small(), worst=1)


def test_every_row_keeps_what_stress_says(kept: Keeping, stressed: Stress) -> None:
    rows = {row.demand: row for row in kept.rows}
    assert len(stressed.users) == 3
    for users in stressed.users:
        row = rows[users.demand]
        assert row.end == users.end
        assert row.under_one is not None
        assert row.under_one.failover_ms == users.failover_ms
        assert (row.under_one.least_served, row.under_one.by) == (users.least_served, users.by)
        assert (users.failover_ms is None) == (row.under_one.slowest_by == "")
    assert any(users.failover_ms is not None for users in stressed.users)
    assert set(kept.others) == {end for end in stressed.ends if end.demand is None}
    assert not kept.stopped


def test_a_row_is_told_how_few_forge_its_results_and_lose_its_copies(kept: Keeping) -> None:
    ends = {(end.role, end.of, end.loss): end for end in kept.others}
    seen = set()
    for row in kept.rows:
        if row.demand.verification:
            found = fewest_of(row.forged)
            assert found is not None
            every = [
                end
                for (role, of, loss), end in ends.items()
                if (role, loss) == ("verification", "safety")
                and of.split(", ")[0] == row.demand.verification
                and of.split(", ")[1:] in ([], [row.demand.period])
            ]
            assert found.worst.size == min(end.worst.size or 99 for end in every)
            seen.add("forged")
        else:
            assert row.forged == ()
        assert row.stored == ends.get(("storage", row.demand.model, "liveness"))
        seen.add("stored" if row.stored is not None else "not stored")
    assert {"forged", "stored"} <= seen


def test_the_weakest_row_comes_first(kept: Keeping) -> None:
    sizes = [inf if row.end is None else row.end.worst.size for row in kept.ended]
    known = [inf if size is None else size for size in sizes]
    assert known == sorted(known)
    assert len(known) == 3


def test_where_there_was_no_time_nothing_is_said_to_be_kept() -> None:
    network = small()
    none = found_in(0.0)
    assert none.stopped
    assert [(row.end, row.under_one) for row in none.rows] == [(None, None)] * len(network.demand)
    end = done_with(network, Result("optimal", Run("w", "ab", 0), plan_for_small()), (), none)
    assert end.final is not None
    for row in guarantee_rows(end.final):
        assert (row.failures, row.failover_ms, row.least_served) == (None, None, None)
        assert row.ended_by == row.slowest_by == row.least_served_by == NOT_COMPUTED
    told = document(end)["guarantees"]
    assert isinstance(told, list)
    assert told
    assert not any(row["computed"] or row["failover_computed"] for row in told)
    assert "not computed: use planner stress" in as_text(summary(end))
    assert NOT_COMPUTED in plan_page(end)


def test_a_stop_keeps_what_was_found_by_then() -> None:
    stop, said = threading.Event(), []

    def say(text: str) -> None:
        said.append(text)
        stop.set()

    found = keeping(small(), deployment_for_small(), inf, Workers(1), stop, say)
    whole = found_in(inf)
    assert len(said) == 1
    assert found.stopped
    assert 0 < len(found.others) + len(found.ended) < len(whole.others) + len(whole.ended)
    assert set(found.others) <= set(whole.others)
    assert all(row.under_one is None for row in found.rows)


def test_a_row_without_requests_promises_nothing() -> None:
    network = small()
    idle = DemandKey("Nowhere", network.demand[0].model, "", "", network.demand[0].period)
    demand = (
        *network.demand,
        Demand(
            region="Nowhere",
            requests_per_s=0.0,
            model=network.demand[0].model,
            period=network.demand[0].period,
        ),
    )
    regions = {**network.regions, "Nowhere": replace(next(iter(network.regions.values())))}
    wider = replace(network, demand=demand, regions=regions)
    assert idle in {row.demand for row in unknown(wider).rows}
    end = done_with(
        wider, Result("optimal", Run("w", "ab", 0), plan_for_small()), (), unknown(wider)
    )
    assert end.final is not None
    assert "Nowhere" not in {row.region for row in guarantee_rows(end.final)}


def test_a_plan_tells_it_in_every_file_and_on_the_screen(tmp_path: Path) -> None:
    workbook = ROOT / "inputs" / "minimal.xlsx"
    job = Job(workbook, tmp_path, time_limit_s=60, workers=Workers(1))
    with ProgressLine(None, quiet=True) as progress:
        done = run(job, threading.Event(), progress)
    rows = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["guarantees"]
    # The three sites are of two providers: losing both ends every service, and no single one does.
    both = ["provider:Hetzner", "provider:OVHcloud"]
    assert [row["worst"] for row in rows] == [{"size": 2, "set": both}] * 4
    assert all(row["failover_ms"] > row["latency_ms"] for row in rows)
    book = openpyxl.load_workbook(tmp_path / "plan.xlsx")
    header, *cells = [[cell.value for cell in row] for row in book["Guarantees"].rows]
    assert [row[header.index("region")] for row in cells] == [row["region"] for row in rows]
    assert {row[header.index("failures")] for row in cells} == {2}
    assert book.sheetnames.index("Guarantees") < book.sheetnames.index("Demand")
    listed = {cell.value: cell.hyperlink for cell in book["Overview"]["A"]}
    assert listed["Guarantees"] is not None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What has to fail before a guarantee is lost" in page
    assert "provider:Hetzner, provider:OVHcloud" in page
    text = as_text(summary(done))
    assert "ends after   the service of 4 demand rows: 2 failures end that of 4; first Ger" in text
    assert "failover     p50" in text
