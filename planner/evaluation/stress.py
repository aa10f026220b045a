"""How a plan behaves when something shared fails: every failure replayed, every guarantee's end.

What is found here is asked of the tables and the plan, by programs of its own; the solver that made
the plan has no say. Doubt is read twice: at best every unknown value is a dependency of its own and
suspected exposures are false, at worst unknown values are one and suspicions are true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from models.data import Item
from models.network import Network
from models.outage import NEARLY
from models.plan import Deployment
from models.replay import Replay, replay
from planner.evaluation.stress_questions import Asked, read_at_worst
from planner.evaluation.stress_results import End, Shock, Stress, Users
from planner.jobs.requests import Workers, run_jobs

_T = TypeVar("_T")

SHARES = 3
"""Into how many jobs the work is divided for every worker."""


def stress(
    network: Network,
    plan: Deployment,
    worst: int = 3,
    kinds: tuple[str, ...] = (),
    workers: Workers | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Stress:
    """Return how the plan behaves under every failure; what was found so far after a stop.

    `worst` is the most failures at once, of any mix and of each of the `kinds`. Rows and failures
    are shared out among the workers. Raises NoCluster.
    """
    stop, workers = stop or threading.Event(), workers or Workers(1)
    asked = Asked(network, plan)
    batches = _batches(network, plan, asked, workers)
    answers: list[_Answers] = []
    failures: list[str] = []
    for number, response in enumerate(run_jobs(batches, workers, stop=stop), start=1):
        done = f"{number} of {len(batches)}"
        say(f"failures replayed, and sought that end a row's service: {done}")
        if isinstance(response.result, _Answers):
            answers.append(response.result)
            failures.extend(response.result.missed)
        else:
            failures.append(f"{response.key}: {response.failure}")
    answers.sort(key=lambda found: found.number)
    of_rows = tuple(end for found in answers for end in found.ends)
    is_whole = not (failures or stop.is_set())
    others = tuple(_until(stop, asked.other_ends(), say))
    return Stress(
        # The worst of all failures is not known while some are not.
        users=tuple(_users(network, plan, of_rows, answers) if is_whole else ()),
        ends=(*of_rows, *others),
        shocks=tuple(shock for found in answers for shock in found.shocks),
        blasts=tuple(_until(stop, asked.blasts(worst, kinds), say)),
        not_judged=asked.not_judged,
        rows_left_out=asked.left_out,
        failures=tuple(failures),
        stopped=stop.is_set(),
    )


def _until(
    stop: threading.Event, found: Iterator[tuple[str, Callable[[], _T]]], say: Callable[[str], None]
) -> Iterator[_T]:
    """Yield what is found one by one, saying what it is, until the stop."""
    for what, work in found:
        if stop.is_set():
            return
        say(what)
        yield work()


# Jobs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answers:
    """What one batch found, in its own order; `left` is what is left of the routing, by failure.

    `missed` says what could not be worked out, and why.
    """

    number: int
    ends: tuple[End, ...]
    shocks: tuple[Shock, ...]
    left: tuple[tuple[str, Replay], ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class _Batch:
    """Some rows whose end is sought and some failures to replay, of one network and plan."""

    number: int
    network: Network
    plan: Deployment
    rows: tuple[int, ...]
    failures: tuple[tuple[str, tuple[Item, ...]], ...]

    @property
    def key(self) -> str:
        """Return the name of the job."""
        return f"batch {self.number}"

    def run(self, stop: threading.Event) -> _Answers:
        """Return what was found, as much as there is after a stop."""
        asked = Asked(self.network, self.plan)
        ends, shocks, left, missed = [], [], [], []
        for row in self.rows:
            if not stop.is_set():
                demand = self.network.demand[row]
                try:
                    ends.append(asked.end_of_row(demand))
                except ArithmeticError as error:
                    missed.append(f"{demand.key}: {error}")
        for name, failed in self.failures:
            if not stop.is_set():
                try:
                    found = replay(asked.worst, self.plan, failed) if asked.rows else None
                except ArithmeticError as error:
                    missed.append(f"{name}: {error}")
                    continue
                shocks.append(asked.shock(name, failed, found))
                if found is not None:
                    left.append((name, found))
        return _Answers(self.number, tuple(ends), tuple(shocks), tuple(left), tuple(missed))


def _batches(network: Network, plan: Deployment, asked: Asked, workers: Workers) -> list[_Batch]:
    """Return the work in shares: several for everybody, as some rows take longer than others."""
    numbers = {id(row): number for number, row in enumerate(network.demand)}
    rows = [numbers[id(row)] for row in asked.rows]
    failures = list(asked.failures().items())
    count = max(1, min(SHARES * workers.count, max(len(rows), len(failures))))
    size = -(-max(len(rows), len(failures)) // count)
    return [
        _Batch(
            number,
            network,
            plan,
            tuple(rows[number * size : (number + 1) * size]),
            tuple(failures[number * size : (number + 1) * size]),
        )
        for number in range(count)
    ]


def _users(
    network: Network, plan: Deployment, ends: tuple[End, ...], answers: list[_Answers]
) -> Iterator[Users]:
    """Yield the headline of every row whose end was sought, in the same order."""
    if not ends:
        return
    now = replay(read_at_worst(network), plan, ())
    single = [found for answer in answers for found in answer.left if len(found[1].failed) == 1]
    rate = {row.key: network.mean_rate(row) for row in network.demand}
    for end in ends:
        assert end.demand is not None
        row = end.demand
        avoidable = [found for found in single if found[1].failed[0] not in end.unavoidable]
        times = [found.latency_ms[row] for _, found in avoidable if found.served[row] > NEARLY]
        least = min(
            ((found.served[row], name) for name, found in avoidable), default=(now.served[row], "")
        )
        yield Users(
            demand=row,
            rate=rate[row],
            latency_ms=now.latency_ms[row],
            failover_ms=max((ms for ms in times if ms is not None), default=None),
            least_served=least[0],
            by=least[1] if least[0] < now.served[row] - NEARLY else "",
            end=end,
        )
