"""The time a run has, how steps share it, and whether anything was cut short by it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """The time there is, and whether it or somebody cut anything short, or decided what came first.

    With `by_work` steps do not share the time: each ends by its own measure of work, and the same
    run ends the same on a slower machine. Only the end of all time cuts it short, as ever.
    """

    time_limit_s: float
    stop: threading.Event
    begun: float = field(default_factory=time.perf_counter)
    stopped: bool = False
    by_work: bool = False

    @property
    def left_s(self) -> float:
        """Return the seconds that are left."""
        return self.time_limit_s - (time.perf_counter() - self.begun)

    def share(self, part: float) -> Clock:
        """Return a clock for a part of the time that is left."""
        return self.within(part * self.left_s)

    def within(self, seconds: float) -> Clock:
        """Return a clock for so many seconds, or for what is left if that is less."""
        given_up = 0.0 if self.by_work else max(0.0, self.left_s - seconds)
        return Clock(self.time_limit_s - given_up, self.stop, self.begun, by_work=self.by_work)

    @property
    def must_end(self) -> bool:
        """Return whether no step may be begun."""
        return self.stop.is_set() or self.left_s <= 0
