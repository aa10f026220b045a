"""From a network to a plan: where to look, a solve per priority, exact finish, tie-break.

A model of some size is looked at in part first: a loosened model says where plans would stand and
bounds them all, and the part of the network around that gives a good plan soon. The whole then
starts from it, unless it is too large to be held: then the plan of the part is the plan.

Only a legal point is ever kept: one for which no rule separates another row. At the end the whole
numbers are rounded and fixed and the rest is solved once more, so that no plan lives off the
solver's tolerance for whole numbers.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.build import SINGLE_PHASE
from models.classes import Classes, demand_classes
from models.network import Network
from models.plan import Deployment, Plan
from planner.result import Limits, Stage, relative_gap, without_noise
from planner.solver import finish
from planner.solver.arrays import FloatArray
from planner.solver.clock import Clock
from planner.solver.highs import Outcome
from planner.solver.kernel import kernel
from planner.solver.lexicographic import (
    ENDED_BY_CLOCK,
    Closed,
    Floor,
    Lexicographic,
    Progress,
    name_of,
    slack,
    stages_of,
)
from planner.solver.log import LOG
from planner.solver.loosened import Loosened
from planner.solver.problem import Problem
from planner.solver.room import (
    PART_FROM,
    PART_ONLY_FROM,
    classes_within,
    count_columns,
    demand_room,
    has_room,
)
from planner.solver.tiebreak import nearest_service

WIDTHS = (1, 2, 4)
"""How wide the part is: the next where it serves less than the bound allows."""
BOUND_SHARE, PART_SHARE = 0.5, 0.5
"""Shares of the time left that the bound, and a part before the whole, may take."""


@dataclass(frozen=True)
class Solved:
    """How the solve ended; `times` are seconds by step, `search` says what was searched."""

    status: str
    plan: Plan | None
    stages: tuple[Stage, ...]
    times: Mapping[str, float]
    clock_stopped: bool
    size: Mapping[str, int]
    search: str = ""

    @property
    def gap(self) -> float:
        """Return the largest gap of any stage but for what was given up; infinite without plan."""
        return max((stage.proven for stage in self.stages), default=0.0 if self.plan else np.inf)


class Session:
    """What the solves of one network have in common: its classes, and its model once compiled."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.compiled: Problem | None = None

    @cached_property
    def classes(self) -> Classes:
        """Return the demand classes. Raises TooLarge where the model would not fit."""
        found = classes_within(self.network)
        demand_room(self.network, found)
        return found


class Timer:
    """Seconds by step."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time spent inside to the step."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] = self.times.get(name, 0.0) + time.perf_counter() - begun


def solve(
    network: Network,
    limits: Limits,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    without: frozenset[str] = frozenset(),
    session: Session | None = None,
    start: Deployment | None = None,
    known: Mapping[str, float] | None = None,
    any_will_do: bool = False,
) -> Solved:
    """Return the best plan found for the network within the limits; rules in `without` left out.

    Of several solves of one network, those of one `session` compile its model once. What the plan
    `start` counts is where the whole network is searched from, if a legal plan has that; `known`
    are bounds of stages, by measure, that are proven already. Where any plan will do, of those that
    are as good it is not the one with the nearest service.
    Raises TooLarge, before anything is built, and BadNumber, before anything is solved.
    """
    session = session or Session(network)
    driver = _Driver(session, limits, stop or threading.Event(), progress, any_will_do)
    return driver.run(without, start, known or {})


class _Driver:
    def __init__(
        self,
        session: Session,
        limits: Limits,
        stop: threading.Event,
        progress: Progress | None,
        any_will_do: bool,
    ) -> None:
        self.any_will_do = any_will_do
        self.session, self.network = session, session.network
        self.limits, self.stop, self.progress = limits, stop, progress
        self.clock = Clock(limits.time_limit_s, stop, by_work=limits.deterministic)
        self.timer = Timer()
        self.size: Mapping[str, int] = {}
        by_priority = itertools.groupby(sorted(self.network.goals), key=lambda goal: goal.priority)
        self.groups = [list(goals) for _, goals in by_priority]

    def run(
        self, without: frozenset[str], given: Deployment | None, known: Mapping[str, float]
    ) -> Solved:
        """Return how it ended."""
        with self.timer.step("classes"):
            classes = self.session.classes
        columns, start = count_columns(self.network, classes), None
        if columns > PART_FROM and _is_divisible(self.network, without):
            is_large = columns > PART_ONLY_FROM
            clock = self.clock.share(1.0 if is_large else PART_SHARE)
            start = self._in_part(classes, without, clock)
            self.clock.stopped |= clock.stopped
            found, ended = start[1].values is not None, clock.must_end
            if is_large and (found or ended or not has_room(columns)):
                return self._finished(*start)
        if self.session.compiled is None:
            self.session.compiled = self._compiled(self.network, classes)
        whole = self._handed_over(self.session.compiled, without)
        with self.timer.step("solve"):
            best = None if start is None else self._adopted(whole, *start)
            if best is None and given is not None:
                self._begin(whole)
                best = finish.started(whole, given, self.limits.gap)
            search = Lexicographic(
                whole, self.groups, self.limits, self.clock, self.progress, known=known
            )
            outcome = search.solve(best)
            if outcome.values is None and start is not None and start[1].values is not None:
                return self._finished(*start)
            return self._finished(search, outcome)

    def _in_part(
        self, classes: Classes, without: frozenset[str], clock: Clock
    ) -> tuple[Lexicographic, Outcome]:
        """Return the search of the part of the network that matters, and how it ended."""
        with self.timer.step("build"):
            loosened = Loosened(self.network, classes, without)
            loosened.hand_over(self.groups, self.stop, self._solver)
        floors, bounding = [], clock.share(BOUND_SHARE)
        with self.timer.step("bound"):
            for goals in self.groups:
                floor = limit = loosened.bound(goals, bounding)
                if np.isfinite(floor):
                    limit = loosened.keep(goals, floor, slack(self.network, goals, floor))
                floors.append(Floor(floor, limit))
                LOG.info("bound of the whole on %s: %.10g", name_of(goals), floor)
        clock.stopped |= bounding.stopped
        kept: tuple[Lexicographic, Outcome] | None = None
        for width in WIDTHS:
            with self.timer.step("classes"):
                part = kernel(loosened, width)
                within = demand_classes(part, whole=classes)
            LOG.info(
                "part of width %d: %d of %d offers", width, _offers(part), _offers(self.network)
            )
            problem = self._handed_over(self._compiled(part, within), without)
            with self.timer.step("solve"):
                best = None if kept is None else self._adopted(problem, *kept)
                search = Lexicographic(
                    problem,
                    self.groups,
                    self.limits,
                    clock,
                    self.progress,
                    floors,
                    or_wider=width < WIDTHS[-1],
                )
                outcome = search.solve(best)
            if kept is None or outcome.values is not None:
                kept = search, outcome
            if not search.falls_short or clock.must_end:
                break
        assert kept is not None
        return kept

    def _compiled(self, network: Network, classes: Classes) -> Problem:
        with self.timer.step("build"):
            problem = Problem(network, classes)
            expressions = [expression for _, expression in stages_of(problem, self.groups)]
        with self.timer.step("compile"):
            problem.compile(expressions)
        return problem

    def _handed_over(self, compiled: Problem, without: frozenset[str]) -> Problem:
        with self.timer.step("hand over"):
            problem = compiled.switched_off(without)
            problem.hand_over(self.stop, self._solver, self.clock)
        self.size = problem.size
        LOG.info("model: %s", ", ".join(f"{count} {name}" for name, count in self.size.items()))
        return problem

    def _adopted(
        self, whole: Problem, search: Lexicographic, outcome: Outcome
    ) -> FloatArray | None:
        """Return the plan of a part as a point of the whole, as good as its whole numbers allow."""
        if outcome.values is None:
            return None
        self._begin(whole)
        return finish.adopted(whole, search.problem, outcome.values)

    def _begin(self, whole: Problem) -> None:
        """Set the objective of the first stage, in which a start is to be good."""
        _, first = stages_of(whole, self.groups)[0]
        whole.minimise(whole.arrays.costs(first.terms), first.constant)

    @property
    def _solver(self) -> dict[str, Any]:
        return {"random_seed": self.limits.seed, "threads": 1, **self.limits.solver}

    # The end ---------------------------------------------------------------------------------

    def _finished(self, search: Lexicographic, outcome: Outcome) -> Solved:
        """Make the plan exact and say of it what is true of the finished plan."""
        values, problem, closed = outcome.values, search.problem, search.closed
        if values is None:
            return self._without_plan(search, outcome)
        _, last = search.stages[-1]
        problem.minimise(problem.arrays.costs(last.terms), last.constant)
        values = finish.without_idle_places(problem, values)
        exact = finish.completed(problem, values, self.limits.gap)
        values = values if exact is None else exact
        if not self.any_will_do:
            near = nearest_service(self.network, problem, values, self.groups, self._solver)
            self.clock.stopped |= problem.cut_short
            problem, values = near or (problem, values)
        expressions = [expression for _, expression in stages_of(problem, self.groups)]
        plan = Plan({SINGLE_PHASE: problem.deployment(values)})
        values = finish.tightened(problem, values, expressions)
        self.clock.stopped |= problem.cut_short
        stages = tuple(
            _stage_result(problem, replace(entry, expression=expression), values)
            for entry, expression in zip(closed, expressions, strict=False)  # as far as it came
        )
        good = all(stage.proven <= max(self.limits.gap, 1e-9) for stage in stages)
        status = "optimal" if good else "feasible"
        if self.stop.is_set():
            status = "interrupted"
        return self._ended(status, plan, stages, self._searched(search))

    def _searched(self, search: Lexicographic) -> str:
        """Return where the plan was sought, and of what its bound is."""
        if search.floors is None:
            return "in the whole network, and so is the bound"
        return (
            f"in {_offers(search.problem.network)} of {_offers(self.network)} offers for execution"
            " and verification; the bound is that of a loosened model of all of them"
        )

    def _without_plan(self, search: Lexicographic, outcome: Outcome) -> Solved:
        if outcome.status == "infeasible" and search.proven and search.floors is None:
            return self._ended("infeasible", None, ())
        self.clock.stopped |= outcome.status in ENDED_BY_CLOCK
        return self._ended("interrupted" if self.stop.is_set() else "no_plan_found", None, ())

    def _ended(
        self, status: str, plan: Plan | None, stages: tuple[Stage, ...], searched: str = ""
    ) -> Solved:
        times, stopped = self.timer.times, self.clock.stopped
        LOG.info("ended: %s%s", status, ", cut short by the clock" if stopped else "")
        return Solved(status, plan, stages, times, stopped, self.size, searched)


def _is_divisible(network: Network, without: frozenset[str]) -> bool:
    """Return whether a plan of a part is one of the whole, and flows can be priced.

    Rows with min_count ask something of every dependency, and so of every offer.
    """
    return "demand" not in without and all(row.min_count is None for row in network.diversity)


def _offers(network: Network) -> int:
    return len(network.offers_of("execution")) + len(network.offers_of("verification"))


def _stage_result(problem: Problem, entry: Closed, values: FloatArray) -> Stage:
    found = float(problem.arrays.costs(entry.expression.terms) @ values) + entry.expression.constant
    found = without_noise(found)
    bound = without_noise(min(entry.bound, found))
    gap = relative_gap(found, bound)
    # What later stages give up by the planner's own tolerance was not missed by the search.
    within = found <= entry.allowed + 1e-6 * max(1.0, abs(entry.allowed))
    given_up = max(0.0, gap - entry.gap) if within and np.isfinite(gap) else 0.0
    return Stage(entry.goals[0].priority, name_of(entry.goals), found, bound, gap, given_up)
