"""Objectives one after the other: each is made as small as can be within what those before allow.

What is claimed of a stage is worked out from the point that is returned, and a bound on a later
stage holds only if the stages before it are proven (lexicographic optimisation; Ehrgott, 2005).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.expressions import Expression
from models.network import Goal, Network
from models.objectives import stage, unit
from planner.result import Limits, relative_gap
from planner.solver.arrays import FloatArray
from planner.solver.clock import Clock
from planner.solver.highs import Outcome
from planner.solver.log import LOG
from planner.solver.problem import Problem
from planner.solver.stage import StageSolver

Progress = Callable[[str, float, float, float], None]
"""Called with the name of the stage, incumbent, bound and seconds since the run began."""

MONEY_SLACK = 0.01
"""Currency that later stages may give up of an earlier cost, for numerical safety."""
DEMAND_SLACK = 1e-6
"""Share of all demand that later stages may leave unserved beside an earlier optimum above 0."""
SHORT = 0.05
"""The gap of a first stage from which a part of the network is too small."""
ROUNDING = 1e-9
"""How far two limits may be apart and still be the same."""
ENDED_BY_CLOCK = ("limit", "interrupted")


@dataclass(frozen=True)
class Closed:
    """A stage as it ended: its bound, its gap then, and what later stages may make of it."""

    goals: list[Goal]
    expression: Expression
    bound: float
    gap: float
    allowed: float


class Floor(NamedTuple):
    """A bound on a stage over a whole network; it and later ones hold for plans within `limit`."""

    bound: float
    limit: float


class Lexicographic:
    """The solve of one problem for one group of goals after the other.

    Where it holds but a part of the network, `floors` bound every stage over the whole; with
    `or_wider` it gives up where the first stage falls far short of what its floor allows. `known`
    are bounds that are proven already, by the name of the stage.
    """

    def __init__(
        self,
        problem: Problem,
        groups: Sequence[list[Goal]],
        limits: Limits,
        clock: Clock,
        progress: Progress | None,
        floors: Sequence[Floor] | None = None,
        or_wider: bool = False,
        known: Mapping[str, float] | None = None,
    ) -> None:
        self.problem, self.limits, self.clock = problem, limits, clock
        self.progress, self.floors, self.or_wider = progress, floors, or_wider
        self.known = known or {}
        self.stages = stages_of(problem, groups)
        self.closed: list[Closed] = []
        self.proven = True

    def solve(self, best: FloatArray | None = None) -> Outcome:
        """Return how the last stage that was begun ended; its point is legal."""
        for number, (goals, expression) in enumerate(self.stages):
            LOG.info("objective %d of %d: %s", number + 1, len(self.stages), name_of(goals))
            solver = StageSolver(
                self.problem,
                expression,
                best,
                self.clock,
                self.limits.gap,
                self.limits.seed,
                self._reporter(name_of(goals)),
                None if self.floors is None else self.floors[number].bound,
                beside=self.limits.threads > 1,
            )
            solver.standing.prove(self.known.get(name_of(goals), -np.inf))
            outcome = solver.solve()
            self.clock.stopped |= outcome.status in ENDED_BY_CLOCK or self.problem.cut_short
            if outcome.values is None:
                return outcome
            best = outcome.values
            self._close(number, goals, expression, outcome, best)
            if self.falls_short:
                break
        return outcome

    @property
    def falls_short(self) -> bool:
        """Return whether to try another part: no plan, or a poor one at the first stage."""
        if not self.or_wider:
            return False
        return not self.closed or self.closed[0].gap > max(SHORT, self.limits.gap)

    def _close(
        self,
        number: int,
        goals: list[Goal],
        expression: Expression,
        outcome: Outcome,
        values: FloatArray,
    ) -> None:
        """Note what is proven of a stage, and keep later ones from giving it up."""
        costs = self.problem.arrays.costs(expression.terms)
        found = float(costs @ values) + expression.constant
        bound = min(outcome.bound, found) if self.proven else -np.inf
        if expression.integral and np.isfinite(bound):
            bound = min(found, float(np.ceil(bound - 1e-6)))
        gap = relative_gap(found, bound)
        self.proven = self.proven and gap <= max(self.limits.gap, 1e-9)
        allowed = self._keep(goals, expression, costs, found)
        if self.floors is not None:
            self.proven = self.proven and allowed <= self.floors[number].limit + ROUNDING
        told = name_of(goals), found, bound, allowed
        LOG.info("%s is %.10g, at least %.10g; later objectives keep it to %.10g", *told)
        self.closed.append(Closed(goals, expression, bound, gap, allowed))

    def _keep(
        self, goals: list[Goal], expression: Expression, costs: FloatArray, found: float
    ) -> float:
        """Add the row that later stages may not give up what this one found; return its limit."""
        network = self.problem.network
        given = slack(network, goals, found)
        limit = found + given
        if expression.integral:
            limit = float(np.floor(limit + 1e-6))
        elif is_numerical(network, given) and self.problem.fix_if_least(
            costs, found - expression.constant
        ):
            # What is at its least is kept there term by term: any slack here would be spent.
            return found
        self.problem.add_row(costs, -np.inf, limit - expression.constant)
        return limit

    def _reporter(self, name: str) -> Callable[[float, float, float], None] | None:
        if self.progress is None:
            return None
        report = self.progress

        def forward(incumbent: float, bound: float, _: float) -> None:
            report(name, incumbent, bound, time.perf_counter() - self.clock.begun)

        return forward


def stages_of(
    problem: Problem, groups: Sequence[list[Goal]]
) -> list[tuple[list[Goal], Expression]]:
    """Return every group of goals with its expression in the problem."""
    return [(goals, stage(problem.block, problem.network, goals)) for goals in groups]


def name_of(goals: list[Goal]) -> str:
    """Return what a stage is called."""
    return " + ".join(goal.measure for goal in goals)


def slack(network: Network, goals: list[Goal], found: float) -> float:
    """Return what later stages may give up of a value."""
    relative = max((goal.tolerance for goal in goals if not goal.absolute), default=0.0)
    absolute = sum(goal.weight * goal.tolerance for goal in goals if goal.absolute)
    numerical = DEMAND_SLACK
    if any(unit([goal]).startswith("currency") for goal in goals):
        numerical = MONEY_SLACK
    elif unit(goals) == "requests/s":
        numerical = DEMAND_SLACK * _demand(network)
    return max(relative * abs(found), absolute, numerical)


def is_numerical(network: Network, given: float) -> bool:
    """Return whether a slack is there for numerical safety alone."""
    return given <= DEMAND_SLACK * _demand(network)


def _demand(network: Network) -> float:
    """Return the mean demand of the month in requests/s, the unit of what is unserved."""
    return sum(network.mean_rate(row) for row in network.demand)
