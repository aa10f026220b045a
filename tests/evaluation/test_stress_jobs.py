"""Questions of a plan are shared out so that workers end together and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from planner.checks.capacity import Bounds
from planner.evaluation import stress_jobs
from planner.evaluation.stress import stress
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import Asked, EndOfGuarantee
from planner.jobs import requests as jobs
from planner.jobs.requests import Response, Workers
from tests.cases import deployment_for_small, small


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine with one core run the tests for two processes."""
    monkeypatch.setattr(jobs, "cores", lambda: 2)


def test_jobs_get_shorter_and_the_last_are_of_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def looked_at(shares: Iterable[Any], *_: object, **__: object) -> Iterator[Response]:
        sizes.extend(len(share.questions) for share in shares)
        return iter(())

    monkeypatch.setattr(stress_jobs, "run_jobs", looked_at)
    asked = Asked(small(), deployment_for_small())
    desk = Desk(asked, Workers(2), threading.Event(), lambda _: None)
    desk.ask([EndOfGuarantee(0)] * 100, "")
    assert sum(sizes) == 100
    assert sizes[0] == 16  # a sixth: every one of two workers takes a third of what is left
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-6:] == [1] * 6


def test_what_workers_found_to_be_unavoidable_is_not_sought_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, plan = small(), deployment_for_small()
    alone = stress(network, plan, workers=Workers(1))

    def sought(*_: object) -> None:
        raise AssertionError("sought in the process that asks")

    monkeypatch.setattr(Bounds, "servable", sought)  # here, not in other processes
    assert stress(network, plan, workers=Workers(2)) == alone
