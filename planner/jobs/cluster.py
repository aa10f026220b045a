"""Jobs on the workers of a Dask cluster that somebody has started.

By distributed itself: joblib's backend for Dask never hears of a job that was given up because it
killed its workers, and waits for it for ever (1.6.0: `_collect` calls back for results only).
distributed runs again what a lost worker had in hand, and gives a job up that has lost it four.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from planner.jobs.requests import Response, Task, answer, described, relayed
from planner.versions import code, versions

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 10.0
"""How long a cluster may take to answer, and to have its first worker."""
POLL_S = 0.5
"""How often it is looked whether to stop: every look is a message to the scheduler."""
LEAVE_S = 10.0
"""How long jobs may take to end after a stop."""


_kept: ContextVar[Mapping[str, Client]] = ContextVar("kept", default=MappingProxyType({}))
"""The connections that are kept, by address."""


class NoCluster(Exception):
    """There is no such cluster, or it cannot be used; says the way out."""


def demand_cluster(address: str) -> None:
    """Raise NoCluster where the address has no cluster with a worker."""
    with _client(address):
        pass


def jobs_at_once(address: str) -> int:
    """Return how many threads the workers of the cluster have."""
    with _client(address) as client:
        return _threads(client)


def on_cluster(
    address: str, requests: Iterator[Task], stop: threading.Event
) -> Iterator[tuple[Task, Response]]:
    """Yield every request with its response as they come, a job for every thread of a worker."""
    with _client(address) as client:
        running: dict[Future, Task] = {}
        ended: dict[Future, Task] = {}
        signal = f"planner-stop-{uuid.uuid4().hex}"
        while True:
            free = _threads(client) - len(running)
            for request in islice(requests, max(0, free)):
                future = client.submit(_answer, request, signal, _made_with(), pure=False)
                running[future] = request
            # Whoever has ended a job is at the next one while its response is fetched.
            for future, request in ended.items():
                yield request, _response(request, future)
            if stop.is_set():
                yield from _leave(client, running, signal)
                return
            if not running:
                return
            ended = {future: running.pop(future) for future in _ended(client, running)}


def _threads(client: Client) -> int:
    threads: dict[str, int] = client.ncores()
    return max(1, sum(threads.values()))


def _leave(
    client: Client, running: dict[Future, Task], signal: str
) -> Iterator[tuple[Task, Response]]:
    """Tell the jobs to stop and yield what they have by then; leave those that do not hear."""
    from distributed import Event

    Event(signal, client=client).set()
    until = time.perf_counter() + LEAVE_S
    while running and time.perf_counter() < until:
        for future in _ended(client, running):
            request = running.pop(future)
            yield request, _response(request, future)


def _ended(client: Client, running: dict[Future, Task]) -> list[Future]:
    """Return the jobs that have ended, after a moment's wait if there are none."""
    from distributed import wait

    try:
        with client.as_current():
            return list(wait(list(running), timeout=POLL_S, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []


def _response(request: Task, future: Future) -> Response:
    error = future.exception()
    if error is not None:
        return Response(request.key, failure=described(error))
    response: Response = future.result()
    return response


def _made_with() -> dict[str, str]:
    return {**versions(), "code": code()}


def _answer(request: Task, signal: str, expected: dict[str, str]) -> Response:
    """Return the response, on the worker; a failure where it would not be the one from here."""
    from distributed import Event, get_client

    found = _made_with()
    if found != expected:
        unlike = ", ".join(sorted(name for name in expected if found[name] != expected[name]))
        return Response(request.key, failure=f"the worker has other versions of {unlike}")
    stop, elsewhere = threading.Event(), Event(signal, client=get_client())
    with relayed(elsewhere.is_set, stop.set, POLL_S):
        return answer(request, stop)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Keep one connection to the cluster for all that is asked of it inside."""
    client = _connect(address)
    token = _kept.set({**_kept.get(), address: client})
    try:
        yield
    finally:
        _kept.reset(token)
        client.close()


@contextmanager
def _client(address: str) -> Iterator[Client]:
    """Lend the connection that is kept, else one for a while."""
    kept = _kept.get().get(address)
    client = kept or _connect(address)
    try:
        yield client
    except (CancelledError, OSError) as error:
        raise NoCluster(f"the cluster at {address} went away ({described(error)})") from None
    finally:
        if client is not kept:
            client.close()


def _connect(address: str) -> Client:
    """Return a connection to the cluster once it has a worker."""
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise NoCluster(
            "a cluster takes packages that are not here: "
            "pip install 'node-placement-planner[cluster]'"
        ) from None
    try:
        get_address_host_port(address)  # a client with a bad address would not close for long
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NoCluster(
            f"no Dask scheduler answers at {address!r} ({described(error)}): start one with "
            "`dask scheduler` and give the address that it prints, like tcp://host:8786"
        ) from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        client.close()
        raise NoCluster(
            f"the cluster at {address} has no worker: start some with "
            f"`dask worker {address} --nthreads 1`"
        ) from None
    return client
