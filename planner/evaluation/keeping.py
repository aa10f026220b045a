"""What has to fail before a user loses a guarantee: the headline of a plan, region by region.

The questions, and the programs that answer them, are those of `planner stress`, as many as there is
time for: first what ends each guarantee, demand rows with most requests first, then what every
single failure leaves. What was not found in time is told as not computed, never as kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

from models.data import Demand, Item
from models.guarantees import LIVENESS, SAFETY
from models.network import Network
from models.plan import Deployment
from models.replay import Replay
from planner.evaluation.kept import Keeping, KeptRow
from planner.evaluation.stress_jobs import Desk, Question
from planner.evaluation.stress_questions import Asked, EndOfGuarantee, EndOfRow, WhatIsLeft
from planner.evaluation.stress_results import End
from planner.evaluation.stress_single import SingleFailures, under_one, unhurt
from planner.jobs.requests import Workers, connected

MOST_ROUTED = 2000
"""Demand rows of which the routing after every single failure is solved within a plan's run."""
WORTH_PROCESSES = 40
"""So many demand rows take longer than processes take to start."""


def keeping(
    network: Network,
    plan: Deployment,
    seconds: float,
    workers: Workers,
    stop: threading.Event,
    say: Callable[[str], None] = lambda _: None,
) -> Keeping:
    """Return what users keep, as much as is found in so many seconds or before a stop.

    Raises NoCluster.
    """
    ended, asked = _Ended(stop, time.perf_counter() + seconds), Asked(network, plan)
    if len(asked.rows) < WORTH_PROCESSES and workers.cluster is None:
        workers = Workers(1)
    number = {row.key: n for n, row in enumerate(network.demand)}
    questions: list[Question[End]] = [EndOfGuarantee(n) for n in range(len(asked.promised))]
    questions += (EndOfRow(number[row.key]) for row in asked.rows)
    with connected(workers):
        desk = Desk(asked, workers, ended, say)
        single = SingleFailures(desk)
        ends = [answer for _, answer in desk.ask(questions, "what ends which guarantee")]
        asked.note(ends)
        now = _now(desk, single) if asked.rows and len(network.demand) <= MOST_ROUTED else None
    return Keeping(
        rows=tuple(_rows(asked, ends, single.alone(), now)),
        others=tuple(end for end in ends if end.demand is None),
        stopped=ended.is_set() and (now is None or len(ends) < len(questions)),
    )


def _now(desk: Desk, single: SingleFailures) -> Replay | None:
    """Return what is served as it is, once it is known what every single failure leaves of it."""
    saying = "what every failure leaves"
    left = dict(desk.ask(unhurt(at_best=False), saying))
    now, by_failover = map(left.get, unhurt(at_best=False))
    if by_failover is None:
        return None
    single.solved.add(0, by_failover)
    for question, answer in desk.ask([*single.questions()], saying):
        single.note(cast(WhatIsLeft, question), answer)
    # The worst of all failures is not known while some are not.
    return now if len(single.left()) == len(single.failures) else None


class _Ended(threading.Event):
    """Set once another event is, or once it is too late."""

    def __init__(self, stop: threading.Event, until: float) -> None:
        super().__init__()
        self._other, self._until = stop, until

    def is_set(self) -> bool:
        """Return whether to stop."""
        return self._other.is_set() or time.perf_counter() >= self._until


def _rows(
    asked: Asked,
    ends: list[End],
    alone: list[tuple[str, Item, Replay]],
    now: Replay | None,
) -> Iterator[KeptRow]:
    """Yield the demand rows in the order of the workbook."""
    end_of = {end.demand: end for end in ends if end.demand is not None}
    others = [end for end in ends if end.demand is None]
    for row in asked.network.demand:
        forged, stored = _others(row, others)
        worst = None
        if now is not None and row.requests_per_s:
            worst = under_one(row, asked.unavoidable_to(row), alone, now)
        rate = asked.network.mean_rate(row)
        yield KeptRow(row.key, rate, worst, end_of.get(row.key), forged, stored)


def _others(row: Demand, others: list[End]) -> tuple[tuple[End, ...], End | None]:
    """Return the ends of the truth of a row's results, and that of its model's copies."""
    named = {row.verification, f"{row.verification}, {row.period}"}
    forged = (
        end
        for end in others
        if end.role == "verification" and end.loss == SAFETY and end.of in named
    )
    stored = (
        end for end in others if (end.role, end.of, end.loss) == ("storage", row.model, LIVENESS)
    )
    return tuple(forged), next(stored, None)
