"""Independent solves give the same responses wherever they run, and what is lost is run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from models.data import Dependency
from models.network import Goal
from models.objectives import Expression
from planner.evaluation.stress import stress
from planner.jobs import cluster as clusters
from planner.jobs import requests as jobs
from planner.jobs.cluster import NoCluster
from planner.jobs.processes import load_in_processes
from planner.jobs.requests import (
    Request,
    Response,
    Workers,
    at_once,
    connected,
    cores,
    get_ready,
    run_jobs,
)
from planner.jobs.store import digest
from planner.report.stress_report import document
from planner.result import Limits
from planner.solver import solve as solver
from planner.solver.problem import Problem
from planner.versions import versions
from tests.cases import deployment_for_small, small
from tests.jobs.asked import LIMITS, endless, requests
from tests.jobs.plain import Call, Loaded, calls, kill_own_process, where

ROOT = Path(__file__).parents[2]
SIDE_BY_SIDE = Workers(2)


def answers(responses: Iterator[Response]) -> dict[str, object]:
    """Return what responses say, without the seconds it took."""
    return {
        found.key: found.failure or (found.solved and replace(found.solved, times={}))
        for found in responses
    }


def results(responses: Iterator[Response]) -> dict[str, object]:
    """Return what the results of tasks are that are no solves, or why there is none."""
    return {found.key: found.failure or found.result for found in responses}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine with one core run the tests for two processes."""
    monkeypatch.setattr(jobs, "cores", lambda: max(2, cores()))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as found:
        yield found.scheduler_address


def test_responses_are_the_same_from_one_process_two_and_a_cluster_that_loses_a_worker(
    cluster: str,
) -> None:
    asked = requests(8)
    alone = answers(run_jobs(asked, Workers(1)))
    assert len(alone) == 8
    assert all(found.status == "optimal" for found in alone.values())  # type: ignore[attr-defined]
    assert answers(run_jobs(asked, SIDE_BY_SIDE)) == alone

    def killing_one() -> Iterator[Response]:
        for number, response in enumerate(run_jobs(asked, Workers(cluster=cluster))):
            if number == 3:
                with Client(cluster, set_as_default=False) as client:
                    os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
            yield response

    assert answers(killing_one()) == alone


def test_stress_tells_the_same_from_one_process_two_and_a_cluster(cluster: str) -> None:
    network = small()
    rows = {
        item: Dependency(
            dependency=item.name, kind=item.kind, outages_per_year=20 + number, outage_hours=50
        )
        for number, item in enumerate(network.graph.dependencies)
    }
    network, plan = replace(network, dependencies=rows), deployment_for_small()
    told = []
    for workers in (Workers(1), SIDE_BY_SIDE, Workers(cluster=cluster)):
        found = stress(network, plan, workers=workers)
        assert found.loss
        assert found.shocks
        told.append(json.dumps(document(found)))
    assert told == told[:1] * 3


def test_processes_load_what_they_will_need_while_something_else_is_done() -> None:
    load_in_processes(2, ["wave"]).join(timeout=60)
    found = {response.result for response in run_jobs([Loaded("wave")] * 8, SIDE_BY_SIDE)}
    assert True in found
    assert "wave" not in sys.modules
    get_ready(Workers(1), "wave")  # the process of the caller loads what it needs when it does
    assert "wave" not in sys.modules


def test_a_failing_job_says_what_it_was_and_the_others_come() -> None:
    asked = requests(3)
    odd = Request("odd", small(), replace(LIMITS, solver={"mip_rel_gab": 1}))
    found = answers(run_jobs([odd, *asked], SIDE_BY_SIDE))
    assert found.pop("odd") == "UnknownOption: HiGHS does not take option 'mip_rel_gab' = 1"
    assert found == answers(run_jobs(asked, Workers(1)))


def test_a_process_that_is_killed_loses_nothing() -> None:
    asked = calls(6)

    def killing_one() -> Iterator[Response]:
        for response in run_jobs([Call("where", where), *asked], SIDE_BY_SIDE):
            if response.key == "where":
                os.kill(int(str(response.result).split()[0]), signal.SIGKILL)
            else:
                yield response

    assert results(killing_one()) == results(run_jobs(asked, Workers(1)))


def test_a_job_that_always_kills_its_process_is_given_up_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("planner.jobs.processes.TRIES_ALONE", 1)
    asked = calls(4)
    found = results(run_jobs([*asked[:2], Call("bad", kill_own_process), *asked[2:]], SIDE_BY_SIDE))
    assert found.pop("bad") == "its process was killed 2 times out of 2"
    assert found == results(run_jobs(asked, Workers(1)))


def test_a_job_has_one_thread_and_no_core_has_two_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = run_jobs([Call("where", where)], SIDE_BY_SIDE)
    assert str(found.result).split()[1] == "1"
    assert Workers(1000).count == jobs.cores()
    seen: list[Limits] = []
    monkeypatch.setattr(solver, "solve", lambda _, limits, *__, **___: seen.append(limits))
    greedy = replace(LIMITS, threads=8, solver={"threads": 8})
    list(run_jobs([Request("greedy", small(), greedy)], Workers(1)))
    assert (seen[0].threads, seen[0].solver["threads"]) == (1, 1)


def count_solves(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    solved: list[object] = []
    solve = solver.solve

    def counted(*given: object, **named: object) -> object:
        solved.append(given)
        return solve(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(solver, "solve", counted)
    return solved


def test_what_is_in_the_store_is_not_solved_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, solved = requests(4), count_solves(monkeypatch)
    first = list(run_jobs(asked[:2], Workers(1), tmp_path))
    assert len(solved) == 2
    again = list(run_jobs(asked, Workers(1), tmp_path))
    assert len(solved) == 4
    assert [found for found in again if found.key in ("price 0", "price 1")] == first
    renamed = [replace(request, key=request.key.upper()) for request in asked]
    assert len(list(run_jobs(renamed, SIDE_BY_SIDE, tmp_path))) == 4
    assert len(solved) == 4


def test_other_versions_other_limits_and_failures_are_solved_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (asked,) = requests(1)
    limits = replace(asked, limits=replace(LIMITS, gap=0.01))
    odd = replace(asked, limits=replace(LIMITS, solver={"mip_rel_gab": 1}))
    list(run_jobs([asked, limits, odd], Workers(1), tmp_path))
    solved = count_solves(monkeypatch)
    list(run_jobs([asked, limits, odd], Workers(1), tmp_path))
    assert len(solved) == 1
    monkeypatch.setattr("planner.jobs.store.versions", lambda: {"highspy": "0.1"})
    list(run_jobs([asked, limits], Workers(1), tmp_path))
    assert len(solved) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text, other: text[: len(text) // 2],
        lambda text, other: text.replace('"optimal"', '"infeasible"'),
        lambda text, other: other,
        lambda text, other: "[]",
        lambda text, other: "[" * 100_000,
        lambda text, other: "",
    ],
    ids=["cut short", "edited", "of another request", "foreign", "deep", "empty"],
)
def test_a_file_in_the_store_that_is_not_ours_is_solved_anew_and_replaced(
    spoil: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, another = requests(2)
    first = answers(run_jobs([asked, another], Workers(1), tmp_path))
    file, other = (tmp_path / f"{digest(request)}.json" for request in (asked, another))
    file.write_text(spoil(file.read_text(), other.read_text()))
    solved = count_solves(monkeypatch)
    for _ in range(2):
        assert answers(run_jobs([asked, another], Workers(1), tmp_path)) == first
    assert len(solved) == 1


def test_a_stop_takes_no_new_job_and_keeps_what_is_there() -> None:
    asked, stop, found = requests(40), threading.Event(), []
    for response in run_jobs(asked, SIDE_BY_SIDE, stop=stop):
        found.append(response)
        stop.set()
    assert 1 <= len(found) < 40
    assert all(response.solved for response in found)


@pytest.mark.parametrize("on_cluster", [False, True], ids=["processes", "cluster"])
def test_a_stop_ends_the_jobs_under_way_and_none_of_them_is_kept(
    on_cluster: bool, cluster: str, tmp_path: Path
) -> None:
    stop = threading.Event()
    workers = Workers(cluster=cluster) if on_cluster else SIDE_BY_SIDE
    threading.Timer(2.0, stop.set).start()
    asked = [endless(str(number)) for number in range(4)]
    found = list(run_jobs(asked, workers, tmp_path, stop))
    assert len(found) <= 2
    assert all(response.solved.status == "interrupted" for response in found if response.solved)
    assert not list(tmp_path.iterdir())


SCRIPT = """
import signal, threading
from planner.evaluation.stress import stress
from planner.jobs import requests as jobs
from tests.jobs.asked import endless, requests

if __name__ == "__main__":
    jobs.cores, stop = lambda: 2, threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    asked = [*requests(1), endless("long"), endless("longer")]
    for response in jobs.run_jobs(asked, jobs.Workers(2), stop=stop):
        print(response.key, response.solved.status, flush=True)
"""


def test_ctrl_c_at_a_terminal_which_all_processes_get_loses_no_response() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "price 0 optimal\n"
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(rest.splitlines()) == ["long interrupted", "longer interrupted"]


def test_a_worker_with_other_versions_is_a_failure_that_names_them(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**versions(), "highspy": "0.1"}
    monkeypatch.setattr("planner.jobs.cluster.versions", lambda: here)
    (found,) = run_jobs(requests(1), Workers(cluster=cluster))
    assert found.failure == "the worker has other versions of highspy"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "morse://127.0.0.1:9"])
def test_a_cluster_that_is_not_there_is_said(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.jobs.cluster.CONNECT_S", 0.5)
    with pytest.raises(NoCluster, match="start one with `dask scheduler`"):
        list(run_jobs(requests(1), Workers(cluster=address)))


def test_a_cluster_without_workers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.jobs.cluster.CONNECT_S", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(NoCluster, match="has no worker: start some with `dask worker tcp://"),
    ):
        list(run_jobs(requests(1), Workers(cluster=empty.scheduler_address)))


def test_a_cluster_does_as_many_jobs_at_once_as_it_has_threads(cluster: str) -> None:
    assert at_once(Workers(1, cluster)) == 2
    assert at_once(Workers(1)) == 1


def test_rounds_of_jobs_have_one_connection_while_it_is_kept(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    connect = clusters._connect

    def counted(address: str) -> Client:
        made.append(address)
        return connect(address)

    monkeypatch.setattr(clusters, "_connect", counted)
    workers = Workers(cluster=cluster)
    with connected(workers):
        for _ in range(2):
            assert len(list(run_jobs(calls(3), workers))) == 3
    assert len(made) == 1
    assert len(list(run_jobs(calls(3), workers))) == 3
    assert len(made) == 2


def test_a_worker_begins_its_next_job_while_whoever_asked_looks_at_a_response(
    cluster: str, tmp_path: Path
) -> None:
    begun = [tmp_path / str(number) for number in range(3)]
    asked = [Call(file.name, file.touch) for file in begun]
    responses = run_jobs(asked, Workers(cluster=cluster))
    next(responses)  # both workers had a job, and one of them is free again
    until = time.perf_counter() + 30
    while not begun[2].exists() and time.perf_counter() < until:
        time.sleep(0.01)
    assert begun[2].exists()
    assert len(list(responses)) == 2


def test_requests_that_differ_in_rules_alone_compile_their_model_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = []

    def counted(self: Problem, expressions: Iterable[Expression]) -> None:
        compiled.append(self.network.goals)
        compile_once(self, expressions)

    compile_once = Problem.compile
    monkeypatch.setattr(Problem, "compile", counted)
    monkeypatch.setattr("planner.solver.solve.nearest_service", lambda *_: None)
    network = small()
    other = replace(network, goals=(Goal(1, "changes"),))
    asked = [
        *(
            Request(f"{n} without {rule}", found, LIMITS, frozenset({rule}))
            for n, found in enumerate((network, replace(network), other))
            for rule in ("storage", "seats", "demand")
        ),
        Request("all rules", other, LIMITS),
    ]
    responses = list(run_jobs(asked, Workers(1)))
    assert [found.failure for found in responses] == [""] * len(asked)
    assert compiled == [network.goals, other.goals]
    assert jobs._last.session is None
