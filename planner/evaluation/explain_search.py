"""Which limits cannot hold together, and which must give at least for there to be a plan.

A conflict is made minimal by deletion: whatever can be let go while there is still no plan is no
part of it. The fewest limits that must give meet every conflict (Reiter 1987): each that gives
alone, then each two, as conflicts without them come up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.build import rule_name
from models.network import Goal, Network
from models.rules import RULES
from planner.evaluation.explain_limits import Limit, changed, loosened
from planner.jobs.cluster import NoCluster
from planner.jobs.requests import Response, Task, Workers, run_jobs
from planner.result import Limits
from planner.solver.arrays import BadNumber
from planner.solver.room import TooLarge
from planner.solver.solve import Session, solve

SECONDS_EACH, SECONDS_ALL = 10.0, 300.0
"""How long one solve, and all of them until it is known what has to give, may take."""
SECONDS_WEIGHED = 90.0
"""How long it may take to find out by how little one set of limits has to give."""
MOST_TOGETHER = 3
"""The most limits that are sought to give at once."""
MOST_WEIGHED = 8
"""Of how many such sets the least amount is sought."""


@dataclass(frozen=True)
class Conflict:
    """Limits that cannot hold together; of those `undecided` it is not known if all are needed."""

    members: tuple[Limit, ...]
    undecided: frozenset[Limit] = frozenset()


@dataclass(frozen=True)
class Change:
    """Limits that give, with their new values; `least` if no smaller change was left undecided."""

    values: tuple[tuple[Limit, Any], ...]
    least: bool = True

    @property
    def amount(self) -> float:
        """Return how much gives, each by its own value; one that is released counts as whole."""
        return sum(
            1.0
            if limit.way == "release" or value is None
            else abs(value - limit.value) / max(abs(limit.value), limit.step)
            for limit, value in self.values
        )


def has_plan(
    network: Network,
    seconds: float,
    stop: threading.Event,
    without: frozenset[str] = frozenset(),
    session: Session | None = None,
) -> bool | None:
    """Return whether there is a plan; None if that was not found out in time."""
    if stop.is_set() or seconds <= 0:
        return None
    # Any plan will do, so what is made small is what the start makes small: what is not served.
    plain = replace(network, goals=(Goal(1, "unserved"),)) if session is None else network
    try:
        limits = Limits(seconds, gap=1.0)
        solved = solve(plain, limits, stop, without=without, session=session, any_will_do=True)
    except (TooLarge, BadNumber):
        return None
    if solved.plan is None and solved.status != "infeasible":
        return None
    return solved.plan is not None


def can_hold(
    network: Network, loose: Collection[Limit], seconds: float, stop: threading.Event
) -> bool | None:
    """Return whether there is a plan with these limits at their loosest; None if not found out.

    A committee without seats asks for nothing, but has none to spread either: that is tried both
    ways.
    """
    answer = has_plan(loosened(network, loose), seconds, stop)
    inexact = [limit for limit in loose if not limit.is_exact]
    if answer or len(inexact) == len(loose):
        return answer
    other = has_plan(loosened(network, inexact), seconds, stop)
    return other if other or answer is not None else None


@dataclass(frozen=True)
class _Ask:
    """Whether there is a plan with these limits at their loosest."""

    key: str
    network: Network
    loose: tuple[Limit, ...]
    seconds: float

    def run(self, stop: threading.Event) -> bool | None:
        """Return the answer."""
        return can_hold(self.network, self.loose, self.seconds, stop)


@dataclass(frozen=True)
class _Weigh:
    """By how little limits have to give, one after the other, for there to be a plan."""

    key: str
    network: Network
    limits: tuple[Limit, ...]
    seconds: float

    def run(self, stop: threading.Event) -> Change:
        """Return the least change; what a stop leaves of it."""
        ends = time.perf_counter() + SECONDS_WEIGHED
        values = {limit: limit.loosest for limit in self.limits}
        least = True
        for limit in self.limits:
            if limit.way != "release":
                found, is_least = self._least(limit, values, ends, stop)
                values[limit] = found
                least &= is_least
        return Change(tuple(values.items()), least)

    def _least(
        self, limit: Limit, values: Mapping[Limit, Any], ends: float, stop: threading.Event
    ) -> tuple[Any, bool]:
        decided = True

        def is_enough(steps: int) -> bool:
            nonlocal decided
            network = changed(self.network, {**values, limit: limit.after(steps)})
            answer = has_plan(network, min(self.seconds, ends - time.perf_counter()), stop)
            decided &= answer is not None
            return bool(answer)

        if limit.is_exact:  # what a committee may lose goes with its seats
            assert limit.steps is not None
            tried = range(1, limit.steps)
            steps = next((n for n in tried if is_enough(n)), limit.steps)
            return limit.after(steps), decided
        low, high, end = 0, 1, limit.steps
        while high != end and not is_enough(high):
            if not decided:
                return limit.loosest, False
            low, high = high, 2 * high if end is None else min(2 * high, end)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_enough(middle) else (middle, high)
        return limit.after(high), decided


class Search:
    """The conflict of a network that has no plan, and the least changes that give one."""

    def __init__(
        self,
        network: Network,
        limits: Sequence[Limit],
        kept: Collection[Limit],
        workers: Workers,
        stop: threading.Event,
    ) -> None:
        self.network, self.limits, self.kept = network, limits, frozenset(kept)
        self.workers, self.stop = workers, stop
        self.ends = time.perf_counter() + SECONDS_ALL
        self.is_finished = True
        self.failures: list[str] = []

    @property
    def _seconds(self) -> float:
        return min(SECONDS_EACH, self.ends - time.perf_counter())

    # The conflict ------------------------------------------------------------------------------

    def conflict(self) -> Conflict | None:
        """Return a minimal conflict; None if there is no plan however loose the limits are."""
        off = self._rules_off()
        loose = {entry for entry in self.limits if entry.by_rule and off.issuperset(entry.rules)}
        return self._minimal(loose)

    def _rules_off(self) -> frozenset[str]:
        """Return rules that can all be left out while there is still no plan; compiled once."""
        asked = {rule for entry in self.limits if entry.by_rule for rule in entry.rules}
        plain = replace(self.network, goals=(Goal(1, "unserved"),))
        session, off = Session(plain), frozenset[str]()
        for name in map(rule_name, RULES):
            if (
                name in asked
                and has_plan(plain, self._seconds, self.stop, off | {name}, session) is False
            ):
                off |= {name}
        return off

    def _minimal(self, loose: Collection[Limit]) -> Conflict | None:
        """Return a minimal conflict of what is not `loose`; there is no plan without the loose."""
        gone = set(loose)
        left = [entry for entry in self.limits if entry not in gone]
        answer = self._has_plan({*gone, *left})
        if answer is False:
            return None
        undecided: set[Limit] = set()
        members = self._needed(left, gone, undecided, holds=bool(answer)) if left else []
        return Conflict(tuple(members), frozenset(undecided))

    def _needed(
        self, chunk: Sequence[Limit], gone: set[Limit], undecided: set[Limit], *, holds: bool
    ) -> list[Limit]:
        """Return what of the chunk is needed for there to be no plan, and let go of the rest.

        `holds` says that some of it is known to be needed.
        """
        if not holds:
            answer = self._has_plan({*gone, *chunk})
            if answer is False:
                gone.update(chunk)
                return []
            holds = bool(answer)
        if len(chunk) == 1:
            if not holds:
                undecided.update(chunk)
            return list(chunk)
        half = len(chunk) // 2
        first = self._needed(chunk[:half], gone, undecided, holds=False)
        return first + self._needed(chunk[half:], gone, undecided, holds=holds and not first)

    def _has_plan(self, loose: Collection[Limit]) -> bool | None:
        answer = can_hold(self.network, loose, self._seconds, self.stop)
        self.is_finished &= answer is not None
        return answer

    # What gives --------------------------------------------------------------------------------

    def fewest(self, first: Conflict) -> list[tuple[Limit, ...]]:
        """Return all sets of as few limits as can be that, let go, give a plan; none if too many.

        Limits that are kept are in none.
        """
        conflicts, open_ = [first], [frozenset[Limit]()]
        order = {entry: number for number, entry in enumerate(self.limits)}
        for _ in range(MOST_TOGETHER):
            sets: dict[frozenset[Limit], tuple[Limit, ...]] = {}
            for loose in open_:
                found = next((c for c in conflicts if loose.isdisjoint(c.members)), None)
                if found is None:
                    found = self._minimal(loose)
                    if found is None:
                        continue
                    conflicts.append(found)
                for member in found.members:
                    if member not in self.kept:
                        more = loose | {member}
                        sets[more] = tuple(sorted(more, key=order.__getitem__))
            keys = {str(number): more for number, more in enumerate(sets)}
            asked = (
                _Ask(key, self.network, sets[more], self._seconds) for key, more in keys.items()
            )
            answers = {keys[answer.key]: answer.result for answer in self.run(asked)}
            self.is_finished &= all(isinstance(answers.get(more), bool) for more in sets)
            enough = [sets[more] for more in sets if answers.get(more) is True]
            if enough:
                return enough
            open_ = [more for more in sets if answers.get(more) is False]
        return []

    def least(self, sets: Sequence[tuple[Limit, ...]]) -> list[Change]:
        """Return by how little each set of limits has to give, the least first."""
        weighed = sets[:MOST_WEIGHED]
        self.is_finished &= len(weighed) == len(sets)
        asked = (
            _Weigh(str(number), self.network, entry, self._seconds)
            for number, entry in enumerate(weighed)
        )
        found = {int(answer.key): answer.result for answer in self.run(asked)}
        changes = [found[number] for number in sorted(found)]
        known = [change for change in changes if isinstance(change, Change)]
        self.is_finished &= len(known) == len(weighed)
        return sorted(known, key=lambda change: change.amount)

    def run(self, asked: Iterable[Task]) -> Iterator[Response]:
        """Yield the answers as they come, and remember what failed."""
        try:
            for answer in run_jobs(asked, self.workers, stop=self.stop):
                if answer.failure:
                    self.failures.append(answer.failure)
                yield answer
        except NoCluster as error:  # it was there when we began
            self.failures.append(str(error))
