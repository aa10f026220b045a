"""Tasks for other processes that are no solves: what they import is read in no time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Call:
    """A task that does something in the process that it is given to."""

    key: str
    does: Callable[[], object]

    def run(self, stop: threading.Event) -> object:
        """Return what it returns."""
        return self.does()


def where() -> str:
    """Return the process, and how many threads it may have."""
    return f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}"


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def calls(count: int) -> list[Call]:
    """Return tasks whose results differ."""
    return [Call(f"number {number}", partial(pow, number, 2)) for number in range(count)]


@dataclass(frozen=True)
class Loaded:
    """Whether a module is loaded where the task is done."""

    key: str

    def run(self, stop: threading.Event) -> bool:
        """Return it."""
        return self.key in sys.modules
