"""The rules in the way of a plan are named alike wherever the solves without them run."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from models.data import Settings
from models.network import Network
from planner.cli import main
from planner.evaluation.conflict import reasons
from planner.jobs import processes
from planner.jobs import requests as jobs
from planner.jobs.requests import Workers, cores
from planner.solver import room
from tests.cases import small
from tests.workbooks import base, put, save

MINIMAL = Path(__file__).parents[2] / "inputs" / "minimal.xlsx"
IN_THE_WAY = ["opening", "contracts", "storage", "seats", "budget"]
"""What costs more than 400 a month, in the order of RULES: sites, contracts, disks, seats."""
UNFINISHED = "The search for the rules in the way was not finished."


def too_poor() -> Network:
    return replace(small(), settings=Settings(budget_monthly=400.0))


def named(sentences: tuple[str, ...]) -> list[str]:
    return [sentence.partition(":")[0] for sentence in sentences]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine with one core run the tests for two processes."""
    monkeypatch.setattr(jobs, "cores", lambda: max(2, cores()))


def test_the_rules_are_named_in_order_whether_one_process_solves_or_two() -> None:
    alone = reasons(too_poor(), Workers(1), threading.Event())
    assert named(alone) == IN_THE_WAY
    assert alone[-1].endswith("budgets allow. Without this rule there is a plan.")
    assert reasons(too_poor(), Workers(2), threading.Event()) == alone


def test_no_more_processes_than_have_room_for_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "in_processes", None)
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(1.9 * room.BYTES_AT_LEAST))
    assert named(reasons(too_poor(), Workers(2), threading.Event())) == IN_THE_WAY


def test_a_model_that_no_longer_fits_leaves_the_search_unfinished_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "at_hand_bytes", lambda: 1)
    found = reasons(too_poor(), Workers(2), threading.Event())
    assert found[0] == UNFINISHED
    assert found[1].startswith("TooLarge: the first 1 of 3 demand rows")
    assert len(found) == 2


def test_a_stop_leaves_the_search_unfinished() -> None:
    stop = threading.Event()
    stop.set()
    assert reasons(too_poor(), Workers(2), stop) == (UNFINISHED,)


def test_no_solve_is_begun_when_the_time_for_all_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.evaluation.conflict.SECONDS_ALL", 0.0)
    assert reasons(too_poor(), Workers(1), threading.Event()) == (UNFINISHED,)


def test_a_cluster_that_went_away_leaves_the_search_unfinished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("planner.jobs.cluster.CONNECT_S", 0.5)
    gone = Workers(cluster="tcp://127.0.0.1:9")
    assert reasons(too_poor(), gone, threading.Event()) == (UNFINISHED,)


def test_the_command_finds_the_rules_in_processes_and_on_a_cluster(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Settings", 3, "value", 200)
    workbook = save(tmp_path, sheets)

    def found(*options: str) -> list[str]:
        command = ["solve", str(workbook), "--out", str(tmp_path / "out"), *options]
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 1, done.output
        content = json.loads((tmp_path / "out" / "plan.json").read_text(encoding="utf-8"))
        told: list[str] = content["reasons"]
        return told

    in_processes = found("--processes", "2")
    assert "budget" in named(tuple(in_processes))
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        assert found("--cluster", cluster.scheduler_address) == in_processes


def test_a_cluster_that_is_not_there_is_bad_usage_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("planner.jobs.cluster.CONNECT_S", 0.5)
    options = ["solve", str(MINIMAL), "--out", str(tmp_path), "--cluster", "tcp://127.0.0.1:9"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert "start one with `dask scheduler`" in done.output
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_bad_usage_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    options = ["solve", str(MINIMAL), "--out", str(tmp_path), "--cluster", "tcp://127.0.0.1:9"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert "pip install 'node-placement-planner[cluster]'" in done.output
