"""What users get under every single failure and every shock, each asked only where nothing says so.

Failures that take the same of what a plan stands on are one, and where one leaves all that the
routing of another stands on, that routing stays.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Demand, Item
from models.failure_states import Solved, States
from models.outage import NEARLY
from models.replay import NOTHING, Replay
from planner.evaluation.kept import UnderOne
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import WhatIsLeft


def unhurt(at_best: bool) -> tuple[WhatIsLeft, WhatIsLeft]:
    """Return what to ask first: what is served as it is, and by the limits after a failure."""
    return WhatIsLeft((), at_best), WhatIsLeft((NOTHING,), at_best)


class SingleFailures:
    """Every single dependency that is judged and every shock of the workbook, read at worst."""

    def __init__(self, desk: Desk) -> None:
        self.desk, asked = desk, desk.asked
        self.failures = asked.failures()
        self.states = States(asked.worst, asked.plan)
        self.solved = Solved(self.states)
        self.state_of = {name: self._state(failed) for name, failed in self.failures.items()}

    def _state(self, failed: tuple[Item, ...]) -> int:
        return self.states.state(self.states.effect(failed))

    def questions(self) -> Iterator[WhatIsLeft]:
        """Yield what has to be asked so that all of them are known; where nobody asks, nothing."""
        if self.desk.asked.rows:
            first = {self.state_of[n]: failed for n, failed in reversed(self.failures.items())}
            for state in self.solved.missing(self.state_of.values()):
                yield WhatIsLeft(first[state])

    def note(self, question: WhatIsLeft, left: Replay) -> None:
        """Note the answer to one of the questions."""
        self.solved.add(self._state(question.failed), left)

    def left(self) -> dict[str, Replay | None]:
        """Return what every failure leaves, as far as it is known; None if there is no demand."""
        found: dict[str, Replay | None] = {}
        for name, state in self.state_of.items():
            left = self.solved.of(state)
            if left is not None or not self.desk.asked.rows:
                found[name] = left
        return found

    def alone(self) -> list[tuple[str, Item, Replay]]:
        """Return those that are one dependency, with what they leave, as far as it is known."""
        return [
            (name, self.failures[name][0], left)
            for name, left in self.left().items()
            if len(self.failures[name]) == 1 and left is not None
        ]


def under_one(
    row: Demand,
    unavoidable: tuple[Item, ...],
    single: list[tuple[str, Item, Replay]],
    now: Replay,
) -> UnderOne:
    """Return the worst that one of the single failures does to a demand row, served as it is now.

    What is `unavoidable` to the row does not count.
    """
    key = row.key
    avoidable = [(name, left) for name, item, left in single if item not in unavoidable]
    served = [(left.served[key], name) for name, left in avoidable]
    times = [
        (-ms, name)
        for (share, name), (_, left) in zip(served, avoidable, strict=True)
        if share > NEARLY and (ms := left.latency_ms[key]) is not None
    ]
    slowest = min(times, default=None)
    least = min(served, default=(now.served[key], ""))
    return UnderOne(
        failover_ms=None if slowest is None else -slowest[0],
        slowest_by="" if slowest is None else slowest[1],
        least_served=least[0],
        by=least[1] if least[0] < now.served[key] - NEARLY else "",
    )
