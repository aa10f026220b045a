"""What the solver does, line by line, for whoever listens: a run's solver.log, or the screen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LOG = logging.getLogger("planner.solver")
"""Silent unless somebody listens; the lines of a solve in another process stay there."""
LOG.setLevel(logging.DEBUG)
LOG.propagate = False
if not LOG.handlers:
    LOG.addHandler(logging.NullHandler())

OWN = logging.INFO
"""The level of our own events; below it are the lines of HiGHS."""


@contextmanager
def heard(hear: Callable[[str], object]) -> Iterator[None]:
    """Pass on every line said inside: our own with the seconds since then, those of HiGHS below."""
    listener = _Listener(hear)
    LOG.addHandler(listener)
    try:
        yield
    finally:
        LOG.removeHandler(listener)


def is_heard() -> bool:
    """Return whether anybody listens."""
    return any(isinstance(handler, _Listener) for handler in LOG.handlers)


class HighsLines:
    """Makes lines of the pieces in which HiGHS says them."""

    def __init__(self) -> None:
        self._begun = ""

    def __call__(self, event: Any) -> None:
        """Take a piece of HiGHS' log, as its callback gives it."""
        *lines, self._begun = (self._begun + event.message).split("\n")
        for line in lines:
            if line.strip():
                LOG.debug("%s", line.rstrip())


class _Listener(logging.Handler):
    def __init__(self, hear: Callable[[str], object]) -> None:
        super().__init__()
        self._hear = hear
        self._begun = time.time()

    def emit(self, record: logging.LogRecord) -> None:
        when = f"{record.created - self._begun:8.2f} s" if record.levelno >= OWN else ""
        self._hear(f"{when:10}  {record.getMessage()}")
