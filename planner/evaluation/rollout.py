"""The order in which a phase is rolled out, so that no step breaks a guarantee that held before.

Every step's end is judged by the audit of all rules but what is spent and how much grows, which
count for a phase as a whole: first with the routing as it is, then routed anew at best. Until the
phase is served, it is judged with the demand of the phase before. Orders are searched depth first,
the usual one first.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from models.costs import unserved_share
from models.network import Network
from models.phases import by_phase
from models.plan import Deployment, Plan
from models.replay import rerouted
from models.rule import Rule
from models.rules import RULES
from planner.evaluation.nearest_plans import today
from planner.evaluation.rollout_moves import LEAVE, SEAT, SERVE, available, moves, state
from planner.workbook.findings import counted

MOST_LOOKS = 2_000
"""States looked at for one phase before the search for an order ends."""
LEAST_BAD_OF = 6
"""Steps of which the least bad is taken where every one breaks something."""
OF_THE_PHASE = frozenset({"budget", "growth"})
"""Rules about a phase as a whole, which no single step breaks."""
SEATLESS = frozenset(
    {
        "demand",
        "served",
        "opening",
        "contracts",
        "memory",
        "throughput",
        "upstream",
        "verification",
        "storage",
        "sources",
        "survival",
        "diversity_service",
    }
)
"""Rules to which seats are nothing, so that what they say holds while seats move."""
LOST = 1e-6
"""The share of a demand row that may go unserved beside what was before."""
HELD, FIRST = "every guarantee held", "nothing is served yet"
NO_WORSE = "every guarantee held that did; broken before and still: {}"


@dataclass(frozen=True)
class RolloutStep:
    """A step of a phase, numbered from 1, and what the audit says of the state it leads to."""

    phase: str
    step: int
    kind: str
    where: str
    what: str
    verdict: str
    broken: tuple[str, ...] = ()

    @property
    def is_safe(self) -> bool:
        """Return whether every guarantee that held before still holds."""
        return not self.broken


@dataclass(frozen=True)
class Order:
    """The steps of one phase; `about` says what is to be known where they break something."""

    phase: str
    steps: tuple[RolloutStep, ...]
    about: str = ""

    @property
    def is_safe(self) -> bool:
        """Return whether no step breaks a guarantee."""
        return all(step.is_safe for step in self.steps)


def orders_of(
    network: Network, plan: Plan, stop: threading.Event | None = None
) -> tuple[Order, ...]:
    """Return the order of every phase of the plan."""
    orders, known = [], by_phase(network, plan)
    for number, found in enumerate(known):
        if number:
            before: Deployment | None = known[number - 1].plan
            until = known[number - 1].network
        else:
            stands = today(found.network)
            until = found.network
            before = None if stands is None else rerouted(found.network, stands)
        search = _Search(found.name, until, found.network, before, found.plan, stop)
        orders.append(search.order())
    return tuple(orders)


class _Search:
    """The search for one phase: `until` is the network that it is judged by until it is served."""

    def __init__(
        self,
        phase: str,
        until: Network,
        network: Network,
        before: Deployment | None,
        after: Deployment,
        stop: threading.Event | None,
    ) -> None:
        self.phase, self.until, self.network = phase, until, network
        self.is_first = before is None
        self.before, self.after = before or Deployment(), after
        self.stop = stop or threading.Event()
        self.moves = moves(network, self.before, after)
        self.looks, self.is_finished = 0, True
        self._known: dict[frozenset[int], tuple[str, ...]] = {}
        self._old: dict[frozenset[int], int] = {}
        self._audits: dict[tuple[str, str, frozenset[int]], list[tuple[str, str]]] = {}

    def order(self) -> Order:
        """Return the first order without a broken guarantee; else the least bad that was found."""
        if self.is_first:
            return self._from_nothing()
        done = self._safe()
        if done is not None:
            return Order(self.phase, tuple(self._steps(done)))
        about = "no order of these steps keeps every guarantee; this is the least bad found"
        if not self.is_finished:
            about = (
                f"no order that keeps every guarantee was found within {self.looks:,} states;"
                " this is the least bad found"
            )
        return Order(self.phase, tuple(self._steps(self._least_bad())), about)

    def _from_nothing(self) -> Order:
        """Return the order where nothing stands: until all is there, there is nothing to lose."""
        order = self._least_bad(judged=False)
        return Order(self.phase, tuple(self._steps(order, judged_from=len(order))))

    def _steps(self, order: list[int], judged_from: int = 1) -> list[RolloutStep]:
        steps = []
        for number, position in enumerate(order, start=1):
            move, broken, held = self.moves[position], tuple[str, ...](), FIRST
            if number >= judged_from:
                broken = self._broken(frozenset(order[:number]))
                old = self._old[frozenset(order[:number])]
                held = NO_WORSE.format(counted(old, "rule")) if old else HELD
            given = (move.kind, move.where, move.what, "; ".join(broken) or held, broken)
            steps.append(RolloutStep(self.phase, number, *given))
        return steps

    # Orders ----------------------------------------------------------------------------------

    def _safe(self) -> list[int] | None:
        """Return an order in which every state is safe; states that lead nowhere are left alone."""
        dead: set[frozenset[int]] = set()
        path: list[int] = []
        waiting = [iter(self._next(frozenset()))]
        while waiting:
            if len(path) == len(self.moves):
                return path
            if self.looks >= MOST_LOOKS or self.stop.is_set():
                self.is_finished = False
                return None
            position = next(waiting[-1], None)
            if position is None:
                dead.add(frozenset(path))
                waiting.pop()
                if path:
                    path.pop()
                continue
            done = frozenset((*path, position))
            if done not in dead and not self._broken(done):
                path.append(position)
                waiting.append(iter(self._next(done)))
        return None

    def _least_bad(self, *, judged: bool = True) -> list[int]:
        """Return an order in which every step breaks as little as those beside it."""
        path: list[int] = []
        while len(path) < len(self.moves):
            offered = self._next(frozenset(path))
            if judged and not self.stop.is_set():
                some = offered[:LEAST_BAD_OF]
                path.append(min(some, key=lambda n: len(self._broken(frozenset((*path, n))))))
            else:
                path.append(offered[0])
        return path

    def _next(self, done: frozenset[int]) -> list[int]:
        """Return the steps that may come next, the usual one first."""
        waiting = [n for n in range(len(self.moves)) if n not in done]
        return list(available(self.moves, waiting, self._held(done), self.network))

    def _held(self, done: frozenset[int]) -> Mapping[str, int]:
        """Return the seats of every committee after some steps."""
        held: Counter[str] = Counter()
        for seat, count in self.before.seats.items():
            held[seat.committee] += count
        for position in done:
            move = self.moves[position]
            if move.committee:
                held[move.committee] += sum(move.changes.values())
        return held

    # States ----------------------------------------------------------------------------------

    def _broken(self, done: frozenset[int]) -> tuple[str, ...]:
        """Return what does not hold any more after some steps, of what held before."""
        if done not in self._known:
            self.looks += 1
            self._known[done], self._old[done] = self._judged(done)
        return self._known[done]

    def _judged(self, done: frozenset[int]) -> tuple[tuple[str, ...], int]:
        """Return what is broken by now, and how many rules are that were so at the start."""
        steps = [self.moves[position] for position in sorted(done)]
        stands = state(self.network, self.before, self.after, steps)
        is_served = any(move.kind == SERVE for move in steps)
        network = self.network if is_served else self.until
        network = self._with_surplus(network, done)
        found = self._new(network, stands, done, "kept", is_served)
        if found[0] and network.demand:
            anew = self._new(network, rerouted(network, stands), done, "anew", is_served)
            found = min(found, anew, key=lambda one: len(one[0]))
        return tuple(found[0]), found[1]

    def _with_surplus(self, network: Network, done: frozenset[int]) -> Network:
        """Return the network in which a committee in the middle of a move has a seat more.

        As many may be faulty as of its own seats, and no fewer must be within reach.
        """
        committees = dict(network.committees)
        for name, count in self._held(done).items():
            row = committees.get(name)
            if row is not None and count == row.seats + 1:
                committees[name] = replace(row, seats=count, max_faulty=row.faulty_limit)
        return network.part(committees=committees)

    def _new(
        self, network: Network, stands: Deployment, done: frozenset[int], how: str, is_served: bool
    ) -> tuple[list[str], int]:
        """Return what the phase did not begin with, loss of service too, and how many it did."""
        start = self._start
        found = self._violations(network, stands, done, how)
        broken = [text for where, text in found if where not in start]
        old = {where.partition("[")[0] for where, _ in found if where in start}
        if not is_served:
            lost = unserved_share(network, stands)
            least = unserved_share(self.until, self.before)
            broken += [
                f"{key}: {lost[key] - least[key]:.1%} less is served"
                for key in lost
                if lost[key] > least[key] + LOST
            ]
        return broken, len(old)

    @cached_property
    def _start(self) -> frozenset[str]:
        """Return where rules are broken before the first step."""
        if self.is_first:
            return frozenset()
        return frozenset(
            f"{violation.rule}[{violation.where}]"
            for rule in RULES
            if _name(rule) not in OF_THE_PHASE
            for violation in rule.audit(self.until, self.before)
        )

    def _violations(
        self, network: Network, stands: Deployment, done: frozenset[int], how: str
    ) -> list[tuple[str, str]]:
        seatless = frozenset(n for n in done if self.moves[n].kind not in (SEAT, LEAVE))
        found: list[tuple[str, str]] = []
        for rule in RULES:
            name = _name(rule)
            if name in OF_THE_PHASE:
                continue
            key = (how, name, seatless if name in SEATLESS else done)
            if key not in self._audits:
                self._audits[key] = [
                    (f"{violation.rule}[{violation.where}]", str(violation))
                    for violation in rule.audit(network, stands)
                ]
            found += self._audits[key]
        return found


def _name(rule: Rule) -> str:
    """Return the name of a rule: that of its module."""
    return rule.__name__.rpartition(".")[2]
