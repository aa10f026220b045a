"""Live progress of a long solve on a terminal; silence anywhere else."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.status import Status

from models.measures import NAMES, measure
from planner.result import relative_gap, without_noise


class ProgressLine:
    """One line that tells incumbent, bound, gap and time while the solver works."""

    def __init__(
        self, stream: TextIO, quiet: bool, tell: Callable[[str], object] | None = None
    ) -> None:
        """Show it on the stream unless that is no terminal; `tell` hears what is being done."""
        self._tell = tell
        console = Console(file=stream)
        self._status: Status | None = None
        if console.is_terminal and not quiet:
            self._status = Status("reading the workbook", console=console)

    def __enter__(self) -> ProgressLine:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        """Show what is being done."""
        if self._tell is not None:
            self._tell(text)
        if self._status is not None:
            self._status.update(text)

    def solving(self, stage: str, incumbent: float, bound: float, seconds: float) -> None:
        """Show how far a solve is."""
        if self._status is not None:
            self._status.update(line(stage, incumbent, bound, seconds))


def line(stage: str, incumbent: float, bound: float, seconds: float) -> str:
    """Return the progress line; a plan or bound that is not there yet is a dash."""
    known = math.isfinite(incumbent) and abs(incumbent) < 1e30
    gap = relative_gap(incumbent, bound) if known else math.inf
    incumbent, bound = without_noise(incumbent), without_noise(bound)
    shown = ".2%" if stage in NAMES and measure(stage).UNIT == "share" else ",.1f"
    parts = [
        stage,
        f"plan {incumbent:{shown}}" if known else "plan -",
        f"bound {bound:{shown}}" if math.isfinite(bound) and abs(bound) < 1e30 else "bound -",
        f"gap {gap:.1%}" if math.isfinite(gap) else "gap -",
        f"{seconds:,.0f} s",
    ]
    return "  ".join(parts)
