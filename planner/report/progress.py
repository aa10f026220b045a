"""Live progress of long work on a terminal; silence anywhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from models.measures import NAMES, measure
from planner.result import relative_gap, without_noise

BAR = 20
"""How wide the bar is, in letters."""

_COUNTED = re.compile(r"\b([\d,]+) of ([\d,]+)\b")
"""What is said to be done, of what: the bar shows no more than the words beside it say."""


class ProgressLine:
    """One line: the time since the beginning, a bar where it is known of what, and what is done.

    `tell` hears what is being done, whether there is a terminal or not. `limit_s` is what a solve
    may take, in seconds, and `about` what all of the work at hand is for.
    """

    def __init__(
        self, stream: TextIO, quiet: bool, tell: Callable[[str], object] | None = None
    ) -> None:
        self.limit_s: float | None = None
        self.about = ""
        self._tell = tell
        self._progress: Progress | None = None
        console = Console(file=stream)
        if console.is_terminal and not quiet:
            self._progress = Progress(
                SpinnerColumn("line"),  # every code page has it
                TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
                BarColumn(BAR, table_column=Column(no_wrap=True, min_width=BAR)),
                TextColumn("{task.description}", markup=False, table_column=_fitting()),
                console=console,
                transient=True,
            )
            self._progress.add_task("reading the workbook", total=None)

    def __enter__(self) -> ProgressLine:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Say what is being done; of `7 of 12` in the text there is a bar."""
        if self._tell is not None:
            self._tell(self._of(text))
        self._show(text)

    def solving(self, stage: str, incumbent: float, bound: float, seconds: float) -> None:
        """Show how far a solve is."""
        self._show(line(stage, incumbent, bound, seconds, self.limit_s))

    def _of(self, text: str) -> str:
        return f"{self.about}: {text}" if self.about else text

    def _show(self, text: str) -> None:
        if self._progress is None:
            return
        # `update` would keep the bar where there is nothing to count any more, and stop the time
        # where all is counted.
        (task,) = self._progress.tasks
        task.description = self._of(text)
        task.completed, task.total = counted(text)


def counted(text: str) -> tuple[float, float | None]:
    """Return how much is done, and of what, as the text says last; of nothing if it does not."""
    found = _COUNTED.findall(text)
    if not found:
        return 0.0, None
    done, total = (float(number.replace(",", "")) for number in found[-1])
    return min(done, total), total


def line(
    stage: str, incumbent: float, bound: float, seconds: float, limit_s: float | None = None
) -> str:
    """Return how far a solve is; a plan or bound that is not there yet is a dash, and no gap."""
    known = math.isfinite(incumbent) and abs(incumbent) < 1e30
    gap = relative_gap(incumbent, bound) if known else math.inf
    incumbent, bound = without_noise(incumbent), without_noise(bound)
    shown = ".2%" if stage in NAMES and measure(stage).UNIT == "share" else ",.1f"
    parts = [
        stage,
        f"plan {incumbent:{shown}}" if known else "plan -",
        f"bound {bound:{shown}}" if math.isfinite(bound) and abs(bound) < 1e30 else "bound -",
        *([f"gap {gap:.1%}"] if math.isfinite(gap) else []),
        f"{seconds:,.0f} s" if limit_s is None else f"{seconds:,.0f} of {limit_s:,.0f} s",
    ]
    return "  ".join(parts)


def _fitting() -> Column:
    """Return a column that cuts off what a narrow terminal has no room for."""
    return Column(no_wrap=True, overflow="ellipsis")
