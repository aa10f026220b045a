"""Jobs in processes of this machine, by joblib; what a killed process had in hand is run again."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib

from planner.jobs.requests import Response, Task, answer, relayed

TRIES_ALONE = 2
"""How often a job whose process was killed is run once more, with no other beside it."""

_Numbered = tuple[int, Task]


class _Taken:
    """The requests, numbered as they are taken, and those of them that have no response yet.

    Taken by joblib's threads and by ours, so one at a time.
    """

    def __init__(self, requests: Iterator[Task]) -> None:
        self.numbered = enumerate(requests)
        self.open: dict[int, Task] = {}
        self.lock = threading.Lock()

    def __iter__(self) -> Iterator[_Numbered]:
        return self

    def __next__(self) -> _Numbered:
        with self.lock:
            number, request = next(self.numbered)
            self.open[number] = request
            return number, request


def in_processes(
    count: int, requests: Iterator[Task], stop: threading.Event
) -> Iterator[tuple[Task, Response]]:
    """Yield every request with its response as they come, from that many processes.

    When a process is killed, joblib gives up all of them. Whichever job it was, the jobs under way
    are then run one by one, so that what one does to its process falls on no other.
    """
    taken, broken = _Taken(requests), True
    with tempfile.TemporaryDirectory(prefix="planner-") as folder:
        stopped = Path(folder) / "stop"
        with relayed(stop.is_set, stopped.touch):
            while broken and not stop.is_set():
                broken = False
                try:
                    for number, response in _answers(count, taken, stopped):
                        yield taken.open.pop(number), response
                except BrokenProcessPool:
                    broken = True
                while taken.open and not stop.is_set():
                    number, request = next(iter(taken.open.items()))
                    yield request, _alone(count, (number, request), stopped)
                    del taken.open[number]


def load_in_processes(count: int, modules: Sequence[str]) -> threading.Thread:
    """Start so many processes that load modules; return who waits for them, which nobody must."""

    def load() -> None:
        with suppress(BrokenProcessPool):  # who has a job for them then starts others
            list(_parallel(count, [joblib.delayed(_load)(modules)] * count))

    waiting = threading.Thread(target=load, daemon=True)
    waiting.start()
    return waiting


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)


def _alone(count: int, numbered: _Numbered, stopped: Path) -> Response:
    """Return the response of a job that was lost once, or that its process is always killed."""
    for _ in range(TRIES_ALONE):
        try:
            ((_, response),) = _answers(count, [numbered], stopped)
        except BrokenProcessPool:
            continue
        return response
    times = 1 + TRIES_ALONE
    return Response(numbered[1].key, failure=f"its process was killed {times} times out of {times}")


def _answers(
    count: int, numbered: Iterable[_Numbered], stopped: Path
) -> Iterator[tuple[int, Response]]:
    calls = (joblib.delayed(_answer)(number, request, stopped) for number, request in numbered)
    found: Iterator[tuple[int, Response]] = _parallel(count, calls)
    return found


def _parallel(count: int, calls: Iterable[Any]) -> Any:
    """Return the generator of joblib, one job a process and none taken long before its turn."""
    with joblib.parallel_config(
        "loky",
        inner_max_num_threads=1,
        # Ctrl-C, which a terminal sends to all, is for the process that was started with it.
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ):
        parallel = joblib.Parallel(
            n_jobs=count, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
        )
    return parallel(calls)


def _answer(number: int, request: Task, stopped: Path) -> tuple[int, Response]:
    stop = threading.Event()
    with relayed(stopped.exists, stop.set):
        return number, answer(request, stop)
