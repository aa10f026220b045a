"""From a network to a plan: classes, model, arrays, a solve per priority, exact finish, tie-break.

Only a legal point is ever kept: one for which no rule separates another row. The best of them is
never forgotten, whatever a later step comes back with; what is claimed of the plan is worked out
from the point that is returned. At the end the whole numbers are rounded and fixed and the rest is
solved once more, so that no plan lives off the solver's tolerance for whole numbers.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.build import SINGLE_PHASE
from models.classes import Classes, demand_classes
from models.network import Goal, Network
from models.objectives import Expression, stage
from models.plan import Plan
from planner.arrays import FloatArray, Rows
from planner.highs import Outcome, relative_gap
from planner.kernel import kernel
from planner.loosened import Loosened
from planner.problem import Problem
from planner.result import Stage
from planner.room import count_columns, demand_room
from planner.stage import Clock, StageSolver
from planner.tiebreak import nearest_service

Progress = Callable[[str, float, float, float], None]
"""Called with the name of the stage, incumbent, bound and seconds since the run began."""

LARGE = 50_000
"""Columns from which the plan is sought in a part of the network, and the bound elsewhere."""
BOUND_SHARE = 0.5
"""The share of the time left that the bound may take."""
MONEY_SLACK = 0.01
"""Currency that later stages may give up of an earlier cost, for numerical safety."""
DEMAND_SLACK = 1e-6
"""Share of all demand that later stages may leave unserved beside an earlier optimum above 0."""
ENDED_BY_CLOCK = ("limit", "interrupted")


@dataclass(frozen=True)
class Limits:
    """When to stop: seconds for everything, and the relative gap that is good enough."""

    time_limit_s: float
    gap: float
    seed: int = 0
    threads: int = 1
    solver: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Solved:
    """How the solve ended; `times` are seconds by step, in order."""

    status: str
    plan: Plan | None
    stages: tuple[Stage, ...]
    times: Mapping[str, float]
    clock_stopped: bool
    size: Mapping[str, int]

    @property
    def gap(self) -> float:
        """Return the largest gap of any stage."""
        return max((stage.gap for stage in self.stages), default=0.0)


@dataclass(frozen=True)
class _Closed:
    """A stage as it ended: its bound, its gap then, and what later stages may make of it."""

    goals: list[Goal]
    expression: Expression
    bound: float
    gap: float
    allowed: float


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
) -> Solved:
    """Return the best plan found for the network within the limits; rules in `without` left out.

    Raises TooLarge, before anything is built, and BadNumber, before anything is solved.
    """
    return _Driver(network, limits, stop or threading.Event(), progress).run(without)


class _Driver:
    def __init__(
        self, network: Network, limits: Limits, stop: threading.Event, progress: Progress | None
    ) -> None:
        self.network, self.limits, self.stop, self.progress = network, limits, stop, progress
        self.clock = Clock(limits.time_limit_s, stop)
        self.timer = Timer()

    def run(self, without: frozenset[str]) -> Solved:
        """Return how it ended."""
        with self.timer.step("classes"):
            classes = demand_classes(self.network)
            demand_room(self.network, classes)
        self.floors: list[float] | None = None
        network = self.network
        if count_columns(network, classes) > LARGE:
            network = self._part(classes, without)
            with self.timer.step("classes"):
                classes = demand_classes(network)
        self._prepare(network, classes, without)
        with self.timer.step("solve"):
            return self._solve_stages()

    def _part(self, classes: Classes, without: frozenset[str]) -> Network:
        """Return the part of the network in which the plan is sought, and note its bounds."""
        with self.timer.step("build"):
            loosened = Loosened(self.network, classes, without)
            loosened.hand_over(self._grouped, self.stop, self._solver)
        with self.timer.step("bound"):
            self.floors = []
            for goals in self._grouped:
                floor = loosened.bound(goals, lambda: BOUND_SHARE * self.clock.left_s)
                self.floors.append(floor)
                if np.isfinite(floor):
                    loosened.keep(goals, floor, self._slack(goals, floor))
            return kernel(loosened, 1)

    def _prepare(self, network: Network, classes: Classes, without: frozenset[str]) -> None:
        with self.timer.step("build"):
            self.problem = Problem(network, classes, without)
            self.stages = self._stages()
        with self.timer.step("compile"):
            self.problem.compile(expression for _, expression in self.stages)
        with self.timer.step("hand over"):
            self.problem.hand_over(self.stop, self._solver)
        self.size = self.problem.size

    @property
    def _solver(self) -> dict[str, Any]:
        chosen = {"random_seed": self.limits.seed, "threads": self.limits.threads}
        return {**chosen, **self.limits.solver}

    @cached_property
    def _grouped(self) -> list[list[Goal]]:
        by_priority = itertools.groupby(sorted(self.network.goals), key=lambda goal: goal.priority)
        return [list(goals) for _, goals in by_priority]

    def _stages(self) -> list[tuple[list[Goal], Expression]]:
        problem = self.problem
        return [(goals, stage(problem.block, problem.network, goals)) for goals in self._grouped]

    def _costs(self, expression: Expression) -> FloatArray:
        return self.problem.arrays.costs(expression.terms)

    # The stages -----------------------------------------------------------------------------

    def _solve_stages(self) -> Solved:
        closed: list[_Closed] = []
        proven, values = True, None
        for number, (goals, expression) in enumerate(self.stages):
            outcome = StageSolver(
                self.problem,
                expression,
                values,
                self.clock,
                self.limits.gap,
                self.limits.seed,
                self._reporter(_name(goals)),
                None if self.floors is None else self.floors[number],
            ).solve()
            self.clock.stopped |= outcome.status in ENDED_BY_CLOCK
            if outcome.values is None:
                return self._without_plan(outcome, proven)
            values = outcome.values
            costs = self._costs(expression)
            found = float(costs @ values) + expression.constant
            bound = min(outcome.bound, found) if proven else -np.inf
            if expression.integral and np.isfinite(bound):
                bound = min(found, float(np.ceil(bound - 1e-6)))
            gap = relative_gap(found, bound)
            proven = proven and gap <= max(self.limits.gap, 1e-9)
            if self.floors is not None:  # the next floor is that of plans as good as the last
                floor = self.floors[number]
                proven = proven and found <= floor + self._slack(goals, floor)
            allowed = self._keep(goals, expression, costs, found)
            closed.append(_Closed(goals, expression, bound, gap, allowed))
        assert values is not None
        return self._finished(closed, values)

    def _finished(self, closed: list[_Closed], values: FloatArray) -> Solved:
        """Make the plan exact and say of it what is true of the finished plan."""
        problem = self.problem
        _, last = self.stages[-1]
        problem.minimise(self._costs(last), last.constant)
        values = problem.without_idle_places(values)
        exact = problem.completed(values, self.limits.gap)
        values = values if exact is None else exact
        near = nearest_service(self.network, problem, values, self._grouped, self._solver)
        if near is not None:
            self.problem, values = near
            self.stages = self._stages()
            closed = [
                replace(entry, expression=expression)
                for entry, (_, expression) in zip(closed, self.stages, strict=True)
            ]
        plan = Plan({SINGLE_PHASE: self.problem.deployment(values)})
        values = self.problem.tightened(values, [expression for _, expression in self.stages])
        stages = tuple(self._stage_result(entry, values) for entry in closed)
        good = all(stage.gap <= max(self.limits.gap, 1e-9) for stage in stages)
        status = "optimal" if good else "feasible"
        if self.stop.is_set():
            status = "interrupted"
        return self._ended(status, plan, stages)

    def _stage_result(self, entry: _Closed, values: FloatArray) -> Stage:
        found = float(self._costs(entry.expression) @ values) + entry.expression.constant
        found = 0.0 if abs(found) < 1e-9 else found
        bound = min(entry.bound, found)
        # What later stages may give up by the planner's own tolerance is no gap.
        within = found <= entry.allowed + 1e-6 * max(1.0, abs(entry.allowed))
        gap = entry.gap if within else relative_gap(found, bound)
        return Stage(entry.goals[0].priority, _name(entry.goals), found, bound, gap)

    def _without_plan(self, outcome: Outcome, proven: bool) -> Solved:
        if outcome.status == "infeasible" and proven:
            return self._ended("infeasible", None, ())
        self.clock.stopped = True
        return self._ended("interrupted" if self.stop.is_set() else "no_plan_found", None, ())

    def _ended(self, status: str, plan: Plan | None, stages: tuple[Stage, ...]) -> Solved:
        return Solved(status, plan, stages, self.timer.times, self.clock.stopped, self.size)

    def _keep(
        self, goals: list[Goal], expression: Expression, costs: FloatArray, found: float
    ) -> float:
        """Add the row that later stages may not give up what this one found; return its limit."""
        slack = self._slack(goals, found)
        limit = found + slack
        if expression.integral:
            limit = float(np.floor(limit + 1e-6))
        elif slack <= DEMAND_SLACK * self._demand and self.problem.fix_if_least(
            costs, found - expression.constant
        ):
            # What is at its least is kept there term by term: any slack here would be spent.
            return found
        upper = np.array([limit - expression.constant])
        self.problem.engine.add_rows(Rows.of_row(costs), np.array([-np.inf]), upper)
        return limit

    def _slack(self, goals: list[Goal], found: float) -> float:
        """Return what later stages may give up of a value."""
        relative = max((goal.tolerance for goal in goals if not goal.absolute), default=0.0)
        absolute = sum(goal.weight * goal.tolerance for goal in goals if goal.absolute)
        return max(relative * abs(found), absolute, self._numerical_slack(goals))

    @property
    def _demand(self) -> float:
        return sum(demand.requests_per_s for demand in self.network.demand)

    def _numerical_slack(self, goals: list[Goal]) -> float:
        measures = {goal.measure for goal in goals}
        if measures & {"monthly_cost", "one_off_cost"}:
            return MONEY_SLACK
        return DEMAND_SLACK * self._demand if measures == {"unserved"} else DEMAND_SLACK

    def _reporter(self, name: str) -> Callable[[float, float, float], None] | None:
        if self.progress is None:
            return None
        report = self.progress

        def forward(incumbent: float, bound: float, _: float) -> None:
            report(name, incumbent, bound, time.perf_counter() - self.clock.begun)

        return forward


def _name(goals: list[Goal]) -> str:
    return " + ".join(goal.measure for goal in goals)
