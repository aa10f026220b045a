"""The record of one run: written line by line while it runs, so that a killed run leaves one too.

Every line is a JSON object: a point, what was known before the solver started, or how it ended.
Seconds count from the moment the command was given, the interpreter's start included.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.measures import Point

NO_NUMBER = 1e20
"""Solvers say infinite with numbers from here on."""


@dataclass(frozen=True)
class Clock:
    """The time limit of a run; `begun` is the parent's monotonic clock at the command."""

    begun: float
    limit_s: float

    @property
    def now_s(self) -> float:
        """Return the seconds since the command."""
        return time.monotonic() - self.begun

    @property
    def left_s(self) -> float:
        """Return the seconds left, never less than a tenth, which no solver takes for endless."""
        return max(0.1, self.limit_s - self.now_s)


@dataclass(frozen=True)
class End:
    """How a run ended: the value of its last plan by the tables, and the rules that plan breaks.

    `violations` is None without a plan; `value` is what the audit's own arithmetic makes of it.
    """

    value: float | None = None
    violations: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """One run of one way; `problem` is the last line of what it complained of, if it failed.

    `before_s` are the seconds before the solver starts, `whole_s` those of the whole process.
    """

    network: str
    seed: int
    way: str
    limit_s: float
    points: tuple[Point, ...] = ()
    before_s: float | None = None
    end: End | None = None
    whole_s: float = 0.0
    peak_mb: float = 0.0
    problem: str = ""

    @property
    def is_legal(self) -> bool:
        """Return whether it ended with a plan that breaks no rule."""
        return self.end is not None and self.end.violations == 0


class Trace:
    """Writes a run's lines; may be called from any thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock = clock
        self._stream = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._last: tuple[float | None, float | None] = (None, None)

    def before(self, seconds: float | None = None) -> None:
        """Note that the solver starts, now or at `seconds` since the command."""
        self._write({"before_s": self.clock.now_s if seconds is None else seconds})

    def point(self, value: float | None, bound: float | None) -> None:
        """Note the best plan and the best bound now; what is not finite is not there."""
        found = (_number(value), _number(bound))
        if found != self._last:
            self._last = found
            self._write({"seconds": self.clock.now_s, "value": found[0], "bound": found[1]})

    def end(self, value: float | None, violations: int | None) -> None:
        """Note the last plan as the audit sees it."""
        self._write({"end": asdict(End(value, violations, self.clock.now_s))})

    def _write(self, line: dict[str, object]) -> None:
        with self._lock:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()


def read(path: Path, record: Record) -> Record:
    """Return the record with what the file tells; half a line at its end is passed over."""
    points = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "before_s" in line:
            record = replace(record, before_s=line["before_s"])
        elif "end" in line:
            record = replace(record, end=End(**line["end"]))
        else:
            points.append(Point(**line))
    return replace(record, points=tuple(points))


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value) or abs(value) >= NO_NUMBER:
        return None
    return float(value)
