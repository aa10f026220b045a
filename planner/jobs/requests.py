"""Independent solves side by side: in processes of this machine or on a Dask cluster.

Responses come as they finish. A failing job is a response that says so and stops no other; what a
lost process or worker had in hand is run again. Every job solves on one thread, so its response is
the same wherever it ran.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from models.network import Network
from models.plan import Deployment
from planner.result import Limits

if TYPE_CHECKING:  # who asks other questions does without the solver, and its workers too
    from planner.jobs.store import Store
    from planner.solver.solve import Session, Solved

POLL_S = 0.1
"""How often it is looked whether to stop."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """Who solves: that many processes, but no more than cores; or the cluster at the address."""

    processes: int = field(default_factory=cores)
    cluster: str | None = None

    @property
    def count(self) -> int:
        """Return the processes that there will be."""
        return min(self.processes, cores())


class Task(Protocol):
    """One job: data that can be sent elsewhere, and what is to be done with them there."""

    @property
    def key(self) -> str:
        """Return its name among the others."""

    def run(self, stop: threading.Event) -> object:
        """Return the result, worked out on one thread; what there is of it after a stop."""


@dataclass(frozen=True)
class Request:
    """A solve: the network, within which limits, without which rules, from which plan.

    `known` are bounds of its stages, by measure, that are proven already.
    """

    key: str
    network: Network
    limits: Limits
    without: frozenset[str] = frozenset()
    start: Deployment | None = None
    known: Mapping[str, float] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> Solved:
        """Return the plan."""
        from planner.solver.solve import solve

        limits = replace(self.limits, threads=1, solver={**self.limits.solver, "threads": 1})
        session = _session(self)
        return solve(
            self.network,
            limits,
            stop,
            without=self.without,
            session=session,
            start=self.start,
            known=self.known,
        )


@dataclass(frozen=True)
class Response:
    """How the job of that key ended, or why it failed."""

    key: str
    result: object = None
    failure: str = ""

    @property
    def solved(self) -> Solved | None:
        """Return the result of a solve; None if there is none."""
        from planner.solver.solve import Solved

        return self.result if isinstance(self.result, Solved) else None


def run_jobs(
    requests: Iterable[Task],
    workers: Workers,
    store: Path | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Response]:
    """Yield the responses as they come; after a stop only those that are there or under way.

    A request is taken when somebody is free for it. What was solved before with the same folder as
    `store` is read, not solved; failures, what was interrupted and tasks that are no solve are not
    kept there. Raises NoCluster where there is none.
    """
    stop = stop or threading.Event()
    kept = None if store is None else _store(store)
    known: list[Response] = []

    def unsolved() -> Iterator[Task]:
        for request in requests:
            if stop.is_set():
                return
            found = kept and isinstance(request, Request) and kept.read(request)
            if found:
                known.append(found)
            else:
                yield request

    for request, response in _run(unsolved(), workers, stop):
        if kept and isinstance(request, Request):
            kept.write(request, response)
        while known:
            yield known.pop(0)
        yield response
    yield from known


@contextmanager
def connected(workers: Workers) -> Iterator[None]:
    """Keep one connection for all the rounds of jobs inside, if it is a cluster that works.

    Raises NoCluster where there is none.
    """
    if workers.cluster is None:
        yield
    else:
        from planner.jobs import cluster

        with cluster.connected(workers.cluster):
            yield


def at_once(workers: Workers) -> int:
    """Return how many jobs are done side by side. Raises NoCluster."""
    if workers.cluster is None:
        return workers.count
    from planner.jobs.cluster import jobs_at_once

    return jobs_at_once(workers.cluster)


def get_ready(workers: Workers, *modules: str) -> None:
    """Have processes of this machine load what their jobs will take, while something else is done.

    Those of a cluster are there already.
    """
    if workers.cluster is None and workers.count > 1:
        from planner.jobs.processes import load_in_processes

        load_in_processes(workers.count, modules)


def _store(folder: Path) -> Store:
    from planner.jobs.store import Store

    return Store(folder)


def _run(
    requests: Iterator[Task], workers: Workers, stop: threading.Event
) -> Iterator[tuple[Task, Response]]:
    if workers.cluster is not None:
        from planner.jobs.cluster import on_cluster

        yield from on_cluster(workers.cluster, requests, stop)
    elif workers.count > 1:
        from planner.jobs.processes import in_processes

        yield from in_processes(workers.count, requests, stop)
    else:
        try:
            for request in requests:
                yield request, answer(request, stop)
        finally:
            _last.session = None


class _Last(threading.local):
    """The session of the last request of this thread, kept for one that differs in rules only."""

    session: Session | None = None


_last = _Last()


def _session(request: Request) -> Session:
    """Return the session of the network: without which rules it is solved, it is compiled once."""
    from planner.solver.solve import Session

    last = _last.session
    if last is None or last.network != request.network:
        _last.session = None  # its memory first, for the next
        last = Session(request.network)
    _last.session = last if request.without else None
    return last


def answer(request: Task, stop: threading.Event) -> Response:
    """Return the response to a request, worked out here on one thread."""
    try:
        result = request.run(stop)
    except Exception as error:  # whatever it is, it is this job's and no reason to stop others
        return Response(request.key, failure=described(error))
    return Response(request.key, result)


def described(error: BaseException) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


@contextmanager
def relayed(
    is_set: Callable[[], bool], then: Callable[[], object], every_s: float = POLL_S
) -> Iterator[None]:
    """Do something as soon as a stop from elsewhere is seen, while the inside runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            if is_set():
                then()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
