"""From a network to a plan: options, model, arrays, start, one solve per priority, exact finish.

The finish rounds the whole numbers, fixes them and solves the rest once more, so that no plan
lives off the solver's tolerance for whole numbers.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.build import SINGLE_PHASE, build
from models.network import Goal, Network
from models.objectives import Expression, stage
from models.options import service_options
from models.plan import Deployment, Plan
from models.rules import RULES
from models.start import greedy_start
from models.translate import deployment, place
from planner.arrays import Arrays, FloatArray, Rows, compile_model
from planner.highs import Engine, Outcome, relative_gap
from planner.result import Stage

Progress = Callable[[str, float, float, float], None]
"""Called with the name of the stage, incumbent, bound and seconds since the run began."""

MONEY_SLACK = 0.01
"""Currency that later stages may give up of an earlier cost, for numerical safety."""
DEMAND_SLACK = 1e-6
"""Share of all demand that later stages may leave unserved beside an earlier optimum above 0."""
START_NODES = 200
"""Branch-and-bound nodes for completing the greedy start: work, not time, to be reproducible."""
SEPARATION_ROUNDS = 20
"""How often violated rows are added before a plan is given up."""
ROOT_ROUNDS = 5
"""How often they are added to the relaxation first."""
FINISH_S = 60.0
"""Seconds for one solve of the exact finish, beyond the limit: a plan is worth the wait."""


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
) -> Solved:
    """Return the best plan found for the network within the limits."""
    return _Driver(network, limits, stop or threading.Event(), progress).run()


class _Driver:
    def __init__(
        self, network: Network, limits: Limits, stop: threading.Event, progress: Progress | None
    ) -> None:
        self.network, self.limits, self.stop, self.progress = network, limits, stop, progress
        self.begun = time.perf_counter()
        self.timer = Timer()

    def run(self) -> Solved:
        network, timer = self.network, self.timer
        with timer.step("options"):
            options = service_options(network)
        with timer.step("build"):
            self.model = build(network, options)
            self.block = self.model.phase[SINGLE_PHASE]
            self.stages = self._stages()
        with timer.step("compile"):
            used = [variable for _, found in self.stages for _, variable in found.terms]
            self.arrays: Arrays = compile_model(self.model, [*used, self.model.nothing])
        with timer.step("hand over"):
            solver = {
                "random_seed": self.limits.seed,
                "threads": self.limits.threads,
                **self.limits.solver,
            }
            self.engine = Engine(self.arrays, self.stop, solver)
        with timer.step("start"):
            values = self._start(greedy_start(network, options))
        with timer.step("solve"):
            return self._solve_stages(values)

    @property
    def _left_s(self) -> float:
        return self.limits.time_limit_s - (time.perf_counter() - self.begun)

    def _stages(self) -> list[tuple[list[Goal], Expression]]:
        by_priority = itertools.groupby(sorted(self.network.goals), key=lambda goal: goal.priority)
        found = []
        for _, goals in by_priority:
            group = list(goals)
            found.append((group, stage(self.block, self.network, group)))
        return found

    # The start ------------------------------------------------------------------------------

    def _start(self, greedy: Deployment) -> FloatArray | None:
        """Return a feasible point: the greedy plan's execution, everything else completed."""
        arrays, engine = self.arrays, self.engine
        if not greedy.nodes:
            return None
        values, _ = place(self.block, self.network, greedy)
        columns = self._columns(self._execution)
        point = np.array([values[id(arrays.columns[c])][1] for c in columns])
        engine.minimise(*self._blend())
        engine.bound(columns, point, point)
        outcome = engine.solve(
            time_limit_s=self._left_s / 2,
            gap=0.02,
            max_nodes=START_NODES,
            progress=self._reporter("start"),
        )
        engine.bound(columns, arrays.lower[columns], arrays.upper[columns])
        return outcome.values

    def _blend(self) -> tuple[FloatArray, float]:
        """Return one objective that stands for all: each stage outweighs those behind it."""
        total = np.zeros(len(self.arrays.columns))
        constant, weight = 0.0, 1.0
        for _, expression in reversed(self.stages):
            costs = self.arrays.costs(expression.terms)
            largest = float(np.abs(costs).max(initial=0.0)) or 1.0
            scale = weight / largest
            total += scale * costs
            constant += scale * expression.constant
            weight *= 100.0
        return total, constant

    # The stages -----------------------------------------------------------------------------

    def _solve_stages(self, values: FloatArray | None) -> Solved:
        done: list[tuple[list[Goal], Expression, float]] = []
        clock_stopped, proven = False, True
        self._separate_at_the_root()
        for goals, expression in self.stages:
            costs = self.arrays.costs(expression.terms)
            outcome = self._solve_stage(_name(goals), costs, expression, values)
            if outcome.values is not None:
                values = outcome.values
            elif values is None or outcome.status == "infeasible":
                return self._without_plan(outcome, proven)
            assert values is not None
            found = float(costs @ values) + expression.constant
            bound = outcome.bound if proven else -np.inf
            if expression.integral and np.isfinite(bound):
                bound = float(np.ceil(bound - 1e-6))
            done.append((goals, expression, bound))
            clock_stopped |= outcome.status in ("limit", "interrupted")
            proven = proven and relative_gap(found, bound) <= max(self.limits.gap, 1e-9)
            self._keep(goals, expression, costs, found)
        finished, values = self._finish(values)
        stages = tuple(self._stage_result(*entry, values) for entry in done)
        if finished is None:
            return self._ended("no_plan_found", None, stages, True)
        status = "optimal" if proven else "feasible"
        if self.stop.is_set():
            status = "interrupted"
        return self._ended(status, Plan({SINGLE_PHASE: finished}), stages, clock_stopped)

    def _stage_result(
        self, goals: list[Goal], expression: Expression, bound: float, values: FloatArray
    ) -> Stage:
        found = float(self.arrays.costs(expression.terms) @ values) + expression.constant
        found = 0.0 if abs(found) < 1e-9 else found
        bound = min(bound, found)
        gap = relative_gap(found, bound)
        return Stage(goals[0].priority, _name(goals), found, bound, gap)

    def _without_plan(self, outcome: Outcome, proven: bool) -> Solved:
        if outcome.status == "infeasible" and proven:
            return self._ended("infeasible", None, (), False)
        ended = "interrupted" if self.stop.is_set() else "no_plan_found"
        return self._ended(ended, None, (), True)

    def _ended(
        self, status: str, plan: Plan | None, done: tuple[Stage, ...], clock_stopped: bool
    ) -> Solved:
        size = {
            "columns": len(self.arrays.columns),
            "rows": len(self.arrays.row_names),
            "integers": int(self.arrays.integer.sum()),
            "options": len(self.block.options),
        }
        return Solved(status, plan, done, self.timer.times, clock_stopped, size)

    def _solve_stage(
        self, name: str, costs: FloatArray, expression: Expression, start: FloatArray | None
    ) -> Outcome:
        trivial = self._trivial_bound(costs) + expression.constant
        if start is not None:
            found = float(costs @ start) + expression.constant
            least = found <= trivial + 1e-9 * max(1.0, abs(trivial))
            if least and not self._separate(start):
                return Outcome("optimal", start, found, trivial, 0.0)
            if self.stop.is_set() or self._left_s <= 0:
                ended = "interrupted" if self.stop.is_set() else "limit"
                return Outcome(ended, start, found, trivial, 0.0)
        self.engine.minimise(costs, expression.constant)
        absolute = 1 - 1e-6 if expression.integral else 1e-6
        for _ in range(SEPARATION_ROUNDS):
            outcome = self.engine.solve(
                time_limit_s=self._left_s,
                gap=self.limits.gap,
                absolute_gap=absolute,
                start=start,
                progress=self._reporter(name),
            )
            if outcome.status != "optimal" or outcome.values is None:
                break
            if not self._separate(outcome.values):
                break
            start = outcome.values
        if outcome.status == "infeasible" and self._is_feasible_without_presolve():
            return Outcome("limit", None, float("inf"), trivial, outcome.seconds)
        return outcome

    def _is_feasible_without_presolve(self) -> bool:
        """Return whether a second opinion finds a plan where the first proved there is none."""
        self.engine.set_option("presolve", "off")
        outcome = self.engine.solve(time_limit_s=max(5.0, self._left_s), gap=1.0)
        self.engine.set_option("presolve", "choose")
        return outcome.values is not None

    def _separate_at_the_root(self) -> None:
        """Add rows that the relaxation already breaks, while a solve is still cheap."""
        if not self.block.streams:
            return
        _, expression = self.stages[-1]
        self.engine.minimise(self.arrays.costs(expression.terms), expression.constant)
        self.engine.relax(True)
        for _ in range(ROOT_ROUNDS):
            outcome = self.engine.solve(time_limit_s=self._left_s / 4)
            if outcome.values is None or not self._separate(outcome.values):
                break
        self.engine.relax(False)

    def _trivial_bound(self, costs: FloatArray) -> float:
        with np.errstate(invalid="ignore"):
            ends = np.where(costs > 0, self.arrays.lower, self.arrays.upper)
            each = np.where(costs == 0, 0.0, costs * ends)
        return float(each.sum())

    def _keep(
        self, goals: list[Goal], expression: Expression, costs: FloatArray, found: float
    ) -> None:
        """Add the row that later stages may not give up what this one found."""
        relative = max((goal.tolerance for goal in goals if not goal.absolute), default=0.0)
        absolute = max((goal.tolerance for goal in goals if goal.absolute), default=0.0)
        slack = max(relative * abs(found), absolute, self._numerical_slack(goals))
        limit = found + slack
        if expression.integral:
            limit = float(np.floor(limit + 1e-6))
        elif found - expression.constant <= 1e-9 and slack <= DEMAND_SLACK * self._demand:
            # A share that is 0 is kept at exactly 0: any slack here would be spent.
            limit = found
        upper = np.array([limit - expression.constant])
        self.engine.add_rows(Rows.of_row(costs), np.array([-np.inf]), upper)

    @property
    def _demand(self) -> float:
        return sum(demand.requests_per_s for demand in self.network.demand)

    def _numerical_slack(self, goals: list[Goal]) -> float:
        measures = {goal.measure for goal in goals}
        return (
            MONEY_SLACK
            if measures & {"monthly_cost", "one_off_cost"}
            else (DEMAND_SLACK * self._demand if measures == {"unserved"} else DEMAND_SLACK)
        )

    def _reporter(self, name: str) -> Callable[[float, float, float], None] | None:
        if self.progress is None:
            return None
        report = self.progress

        def forward(incumbent: float, bound: float, seconds: float) -> None:
            report(name, incumbent, bound, time.perf_counter() - self.begun)

        return forward

    # Rows that only a plan can show to be missing ---------------------------------------------

    def _deployment(self, values: FloatArray) -> Deployment:
        column_of = self.arrays.column_of

        def value(variable: Any) -> float:
            column = column_of.get(id(variable))
            return float(values[column]) if column is not None else float(variable.lb or 0.0)

        return deployment(self.block, self.network, value)

    def _separate(self, values: FloatArray) -> int:
        """Ask every rule for rows that the plan breaks, hand them over, and return how many."""
        plan = self._deployment(values)
        added = 0
        for rule in RULES:
            separate = getattr(rule, "separate", None)
            if separate is None:
                continue
            own = self.block.rules.component(rule.__name__.rpartition(".")[2])
            known = set(own.separated)
            if separate(own, self.block, self.network, plan):
                new = [own.separated[key] for key in own.separated if key not in known]
                self._hand_over(new)
                added += len(new)
        return added

    def _hand_over(self, constraints: list[Any]) -> None:
        for constraint in constraints:
            expression = constraint.body
            costs = self.arrays.costs(
                zip(expression.linear_coefs, expression.linear_vars, strict=True)
            )
            lower = -np.inf if constraint.lb is None else constraint.lb
            upper = np.inf if constraint.ub is None else constraint.ub
            self.engine.add_rows(Rows.of_row(costs), np.array([lower]), np.array([upper]))

    # The exact finish -------------------------------------------------------------------------

    def _finish(self, values: FloatArray | None) -> tuple[Deployment | None, FloatArray]:
        """Round and fix the whole numbers, solve the rest exactly, and return plan and values.

        Where the fixed numbers leave no exact plan, the nodes that verify are freed as well.
        """
        assert values is not None
        whole = np.flatnonzero(self.arrays.integer)
        asked, self.engine.stop = self.engine.stop, threading.Event()
        try:
            for fixed in (whole, self._columns(self._kept_at_last)):
                exact = self._exact(fixed, values, relaxed=fixed is whole)
                if exact is not None:
                    return self._deployment(exact), self._tightened(exact)
        finally:
            self.engine.stop = asked
        return None, values

    def _exact(
        self, fixed: NDArray[np.int64], values: FloatArray, relaxed: bool
    ) -> FloatArray | None:
        arrays = self.arrays
        point = np.round(values[fixed])
        self.engine.bound(fixed, point, point)
        if relaxed:
            self.engine.relax(True)
        found = None
        for _ in range(SEPARATION_ROUNDS):
            outcome = self.engine.solve(time_limit_s=FINISH_S, gap=self.limits.gap)
            found = outcome.values
            if found is None or not self._separate(found):
                break
        else:
            found = None
        if relaxed:
            self.engine.relax(False)
        self.engine.bound(fixed, arrays.lower[fixed], arrays.upper[fixed])
        return found

    def _tightened(self, values: FloatArray) -> FloatArray:
        """Return the values with every helper at its least, the plan itself unchanged.

        A later stage leaves a slack or a count of changes as large as the earlier row allows.
        """
        families = (
            self.block.open,
            self.block.contract,
            self.block.nodes,
            self.block.warm,
            self.block.cold_slots,
            self.block.serve,
            self.block.unserved,
            self.block.executed,
            self.block.verify,
            self.block.copy,
            self.block.seats,
        )
        fixed = self._columns(v for family in families for v in family.values())
        costs = np.zeros(len(values))
        for _, expression in self.stages:
            costs += np.abs(self.arrays.costs(expression.terms))
        self.engine.minimise(costs)
        self.engine.bound(fixed, values[fixed], values[fixed])
        outcome = self.engine.solve(time_limit_s=FINISH_S, gap=0.0)
        self.engine.bound(fixed, self.arrays.lower[fixed], self.arrays.upper[fixed])
        return values if outcome.values is None else outcome.values

    @property
    def _kept_at_last(self) -> list[Any]:
        return [*self._execution, *self.block.copy.values(), *self.block.seats.values()]

    @property
    def _execution(self) -> list[Any]:
        """Return the whole-number variables that the greedy start decides."""
        block = self.block
        nodes = [block.nodes[offer] for offer in self.network.offers_of("execution")]
        return [*block.warm.values(), *block.cold_slots.values(), *nodes]

    def _columns(self, variables: Iterable[Any]) -> NDArray[np.int64]:
        columns = (self.arrays.column_of.get(id(variable), -1) for variable in variables)
        return np.array(sorted(column for column in columns if column >= 0), dtype=np.int64)


def _name(goals: list[Goal]) -> str:
    return " + ".join(goal.measure for goal in goals)
