"""Work that takes long: it says how far it is, and can be stopped."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from planner.report.progress import ProgressLine


@contextmanager
def working(quiet: bool, verbose: bool) -> Iterator[tuple[threading.Event, ProgressLine]]:
    """Give long work what it can be stopped by, and what it says how far it is with."""
    from planner.report.progress import ProgressLine
    from planner.solver.log import LOG, heard

    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose are opposites; give one of them")
    if not verbose:
        with stoppable() as stop, ProgressLine(sys.stderr, quiet) as progress:
            yield stop, progress
        return

    def tell(line: str) -> None:
        with suppress(OSError):  # a reader that went away ends no work
            click.echo(line, err=True)

    with heard(tell), stoppable() as stop:
        yield stop, ProgressLine(sys.stderr, quiet=True, tell=lambda text: LOG.info("%s", text))


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop; a second one ends at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in handled]
    try:
        yield stop
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
