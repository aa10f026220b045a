"""From a network to a plan: options, model, arrays, start, one solve per priority, exact finish.

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
from typing import Any

import numpy as np

from models.build import SINGLE_PHASE
from models.classes import demand_classes
from models.network import Goal, Network
from models.objectives import Expression, stage
from models.plan import Plan
from planner.arrays import FloatArray, Rows
from planner.highs import Outcome, relative_gap
from planner.problem import NEARLY_WHOLE, SEPARATION_ROUNDS, Problem
from planner.result import Stage
from planner.search import NeighbourhoodSearch
from planner.tiebreak import nearest_service

Progress = Callable[[str, float, float, float], None]
"""Called with the name of the stage, incumbent, bound and seconds since the run began."""

MONEY_SLACK = 0.01
"""Currency that later stages may give up of an earlier cost, for numerical safety."""
DEMAND_SLACK = 1e-6
"""Share of all demand that later stages may leave unserved beside an earlier optimum above 0."""
START_NODES, START_GAP = 200, 0.01
"""Branch-and-bound nodes, and gap, for the start: work, not time, to be reproducible."""
ROOT_NODES, ROOT_SHARE = 1, 0.4
"""Nodes, and share of the time left, for a first look before neighbourhoods are searched."""
SEARCH_SHARE = 0.6
"""Share of the time left that the search may take; the rest proves what it found."""
ROOT_ROUNDS = 5
"""How often rows are added to the relaxation first."""
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
    """Return the best plan found for the network within the limits; rules in `without` left out."""
    return _Driver(network, limits, stop or threading.Event(), progress).run(without)


class _Driver:
    def __init__(
        self, network: Network, limits: Limits, stop: threading.Event, progress: Progress | None
    ) -> None:
        self.network, self.limits, self.stop, self.progress = network, limits, stop, progress
        self.begun = time.perf_counter()
        self.timer = Timer()
        self.clock_stopped = False

    def run(self, without: frozenset[str]) -> Solved:
        """Return how it ended."""
        timer = self.timer
        with timer.step("classes"):
            classes = demand_classes(self.network)
        with timer.step("build"):
            self.problem = Problem(self.network, classes, without)
            self.stages = self._stages()
        with timer.step("compile"):
            self.problem.compile(expression for _, expression in self.stages)
        with timer.step("hand over"):
            self.problem.hand_over(self.stop, self._solver)
        self.size = self.problem.size
        with timer.step("start"):
            values = self._start(*self._blend())
        with timer.step("solve"):
            return self._solve_stages(values)

    @property
    def _solver(self) -> dict[str, Any]:
        chosen = {"random_seed": self.limits.seed, "threads": self.limits.threads}
        return {**chosen, **self.limits.solver}

    @property
    def _left_s(self) -> float:
        return self.limits.time_limit_s - (time.perf_counter() - self.begun)

    @property
    def _must_end(self) -> bool:
        return self.stop.is_set() or self._left_s <= 0

    def _stages(self) -> list[tuple[list[Goal], Expression]]:
        by_priority = itertools.groupby(sorted(self.network.goals), key=lambda goal: goal.priority)
        found = []
        for _, goals in by_priority:
            group = list(goals)
            found.append((group, stage(self.problem.block, self.network, group)))
        return found

    def _costs(self, expression: Expression) -> FloatArray:
        return self.problem.arrays.costs(expression.terms)

    # The start ------------------------------------------------------------------------------

    def _start(self, costs: FloatArray, constant: float) -> FloatArray | None:
        """Return a legal point near the relaxation: what that does not use at all stays closed.

        Where this leaves no plan, everything is free.
        """
        problem = self.problem
        problem.minimise(costs, constant)
        relaxed = self._relaxed()
        if relaxed is None:
            return None
        unused = problem.whole[relaxed[problem.whole] <= NEARLY_WHOLE]
        for columns in (unused, unused[:0]):
            begun, allowed = time.perf_counter(), self._left_s / 4
            lower = problem.arrays.lower[columns]
            with problem.fixed(columns, lower):
                found = problem.separated(
                    time_limit_s=allowed,
                    gap=START_GAP,
                    max_nodes=START_NODES,
                    progress=self._reporter("start"),
                )
            self.clock_stopped |= time.perf_counter() - begun >= allowed
            if found is not None:
                return found
        return None

    def _better(
        self, one: FloatArray | None, other: FloatArray | None, costs: FloatArray
    ) -> FloatArray | None:
        if one is None or other is None:
            return one if other is None else other
        return other if float(costs @ other) < float(costs @ one) else one

    def _relaxed(self) -> FloatArray | None:
        """Return the optimum of the relaxation, after the rows that such points break."""
        engine, values = self.problem.engine, None
        engine.relax(True)
        for _ in range(ROOT_ROUNDS):
            outcome = engine.solve(time_limit_s=self._left_s / 4)
            values = outcome.values
            if values is None or not self.problem.separate(values):
                break
        engine.relax(False)
        return values

    def _blend(self) -> tuple[FloatArray, float]:
        """Return one objective that stands for all: each stage outweighs those behind it."""
        total = np.zeros(len(self.problem.arrays.columns))
        constant, weight = 0.0, 1.0
        for _, expression in reversed(self.stages):
            costs = self._costs(expression)
            scale = weight / (float(np.abs(costs).max(initial=0.0)) or 1.0)
            total += scale * costs
            constant += scale * expression.constant
            weight *= 100.0
        return total, constant

    # The stages -----------------------------------------------------------------------------

    def _solve_stages(self, values: FloatArray | None) -> Solved:
        closed: list[_Closed] = []
        proven = True
        for number, (goals, expression) in enumerate(self.stages):
            costs = self._costs(expression)
            if number and not self._must_end:
                values = self._better(values, self._start(costs, expression.constant), costs)
            outcome = self._solve_stage(_name(goals), costs, expression, values)
            self.clock_stopped |= outcome.status in ENDED_BY_CLOCK
            if outcome.values is None:
                return self._without_plan(outcome, proven)
            values = outcome.values
            found = float(costs @ values) + expression.constant
            bound = min(outcome.bound, found) if proven else -np.inf
            if expression.integral and np.isfinite(bound):
                bound = min(found, float(np.ceil(bound - 1e-6)))
            gap = relative_gap(found, bound)
            proven = proven and gap <= max(self.limits.gap, 1e-9)
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
        exact = problem.exact(values)
        if exact is None:
            exact = problem.repaired(values, self.limits.gap)
        values = values if exact is None else exact
        near = nearest_service(problem, values, [goals for goals, _ in self.stages], self._solver)
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
        self.clock_stopped = True
        return self._ended("interrupted" if self.stop.is_set() else "no_plan_found", None, ())

    def _ended(self, status: str, plan: Plan | None, stages: tuple[Stage, ...]) -> Solved:
        return Solved(status, plan, stages, self.timer.times, self.clock_stopped, self.size)

    def _solve_stage(
        self, name: str, costs: FloatArray, expression: Expression, best: FloatArray | None
    ) -> Outcome:
        """Return the best legal point of a stage; `best` is the legal point it starts from."""

        def value(values: FloatArray | None) -> float:
            return float("inf") if values is None else float(costs @ values) + expression.constant

        bound = self._trivial_bound(costs) + expression.constant
        if best is not None and value(best) <= bound + 1e-9 * max(1.0, abs(bound)):
            return Outcome("optimal", best, value(best), bound, 0.0)
        self.problem.minimise(costs, expression.constant)
        status = "limit"
        for _ in range(SEPARATION_ROUNDS):
            if best is not None and self._must_end:
                status = "interrupted" if self.stop.is_set() else "limit"
                break
            outcome = self._prove(name, costs, expression, best)
            status = outcome.status
            # Rows are only ever added, so every bound stays a bound.
            bound = max(bound, outcome.bound) if status != "infeasible" else bound
            if outcome.values is None:
                break
            broken = self.problem.separate(outcome.values)
            legal = self.problem.exact(outcome.values) if broken else outcome.values
            if legal is not None and value(legal) < value(best):
                best = legal
            if not broken or status != "optimal":
                break
        else:
            status = "limit"
        if status == "infeasible" and best is None:
            return self._second_opinion(bound)
        if status == "infeasible":
            status = "limit"  # a legal point is at hand, so the claim is wrong
        return Outcome(status, best, value(best), min(bound, value(best)), 0.0)

    def _second_opinion(self, bound: float) -> Outcome:
        """Return what another way of solving finds where the first proved that there is nothing."""
        engine = self.problem.engine
        engine.set_option("presolve", "off")
        outcome = engine.solve(time_limit_s=max(5.0, self._left_s), gap=1.0)
        engine.set_option("presolve", self.limits.solver.get("presolve", "choose"))
        values = None if outcome.values is None else self.problem.legal(outcome.values)
        if values is None:
            found = outcome.status if outcome.values is None else "limit"
            # Two ways agree, or the second was cut short and does not disagree.
            status = "infeasible" if found in ("infeasible", "limit") else found
            return Outcome(status, None, float("inf"), float("inf"), outcome.seconds)
        return Outcome("limit", values, outcome.objective, bound, outcome.seconds)

    def _prove(
        self, name: str, costs: FloatArray, expression: Expression, start: FloatArray | None
    ) -> Outcome:
        """Return the best of: the root, a neighbourhood search, and HiGHS to the end from there.

        The root alone closes small workbooks, and its bound tells the search when to stop.
        """
        absolute = 1 - 1e-6 if expression.integral else 1e-6

        def solve_on(start: FloatArray | None, share: float, nodes: int | None) -> Outcome:
            return self.problem.engine.solve(
                time_limit_s=share * self._left_s,
                gap=self.limits.gap,
                absolute_gap=absolute,
                start=start,
                max_nodes=nodes,
                progress=self._reporter(name),
            )

        begun = time.perf_counter()
        allowed = ROOT_SHARE * self._left_s
        first = solve_on(start, ROOT_SHARE, ROOT_NODES)
        if first.status != "limit" or self.stop.is_set():
            return first
        self.clock_stopped |= time.perf_counter() - begun >= allowed
        if first.values is None:
            return solve_on(start, 1.0, None)
        report = self._reporter(name)
        arrays, engine = self.problem.arrays, self.problem.engine
        search = NeighbourhoodSearch(self.network, arrays, engine, self.limits.seed)
        reserve = self._left_s * (1 - SEARCH_SHARE)
        found = search.improve(
            first.values,
            costs,
            expression.constant,
            target=first.bound + self.limits.gap * abs(first.objective),
            left_s=lambda: self._left_s - reserve,
            report=lambda value: report(value, first.bound, 0.0) if report else None,
        )
        self.clock_stopped |= found.cut_short
        last = solve_on(found.values, 1.0, None)
        if last.values is None or last.objective > found.objective:
            last = replace(last, values=found.values, objective=found.objective)
        return replace(last, bound=min(max(first.bound, last.bound), last.objective))

    def _trivial_bound(self, costs: FloatArray) -> float:
        arrays = self.problem.arrays
        with np.errstate(invalid="ignore"):
            ends = np.where(costs > 0, arrays.lower, arrays.upper)
            each = np.where(costs == 0, 0.0, costs * ends)
        return float(each.sum())

    def _keep(
        self, goals: list[Goal], expression: Expression, costs: FloatArray, found: float
    ) -> float:
        """Add the row that later stages may not give up what this one found; return its limit."""
        relative = max((goal.tolerance for goal in goals if not goal.absolute), default=0.0)
        absolute = sum(goal.weight * goal.tolerance for goal in goals if goal.absolute)
        slack = max(relative * abs(found), absolute, self._numerical_slack(goals))
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
            report(name, incumbent, bound, time.perf_counter() - self.begun)

        return forward


def _name(goals: list[Goal]) -> str:
    return " + ".join(goal.measure for goal in goals)
