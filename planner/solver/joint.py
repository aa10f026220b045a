"""All phases of a small roll-out in one model: what one decides is what the next finds standing.

It is solved as it is, from the best roll-out that is known, again after every row that a rule
separates; the search of a single network is for what is too large for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.build import build_phases, rule_name
from models.classes import demand_classes
from models.decisions import DECISIONS, plan_families
from models.expressions import Expression
from models.network import Goal, Network
from models.objectives import stage
from models.plan import Deployment
from models.rules import RULES
from models.translate import deployment
from planner.result import Limits, relative_gap
from planner.solver import finish
from planner.solver.arrays import FloatArray, compile_model
from planner.solver.clock import Clock
from planner.solver.lexicographic import slack
from planner.solver.problem import SEPARATION_ROUNDS, Problem

FIRST_NODES = 200
"""Branch-and-bound nodes to decide the rest where whole numbers are given."""


class Joint(Problem):
    """The model of several phases as the solver holds it; their networks by name, in order.

    All of them together pay no more than `budget_one_off`.
    """

    def __init__(self, networks: Mapping[str, Network], budget_one_off: float | None) -> None:
        parts = {name: (found, demand_classes(found)) for name, found in networks.items()}
        self.networks, self.without = networks, frozenset[str]()
        self.model = build_phases(parts, budget_one_off)
        self.blocks = {name: self.model.phase[name] for name in networks}
        self._added, self._program = [], None
        self.has_separated = self.cut_short = False

    def compile(self, expressions: Any) -> None:
        """Make the arrays; every variable of the expressions gets a column."""
        used = [variable for found in expressions for _, variable in found.terms]
        for block in self.blocks.values():
            used += [found for _, found in block.penalties]
            used += [found for family in plan_families(block) for found in family.values()]
        self.arrays = compile_model(self.model, [*used, self.model.nothing])

    def with_cells(self, text: str) -> str:
        """Return the text as it is: what single phases trip over is said before."""
        return text

    def objective(self, goals: list[Goal]) -> Expression:
        """Return the weighted sum of the measures over all phases."""
        found = [stage(self.blocks[name], of, goals) for name, of in self.networks.items()]
        terms = [term for part in found for term in part.terms]
        return Expression(terms, sum(part.constant for part in found))

    def separate(self, values: FloatArray) -> int:
        """Ask every rule for rows in every phase, hand over those broken, and return how many."""
        point, added = self.point(values), 0
        for name, block in self.blocks.items():
            for rule in RULES:
                ask = getattr(rule, "separate", None)
                if ask is None:
                    continue
                own = block.rules.component(rule_name(rule))
                cuts = ask(own, block, self.networks[name], point)
                for cut in [cut for cut in cuts if cut.is_broken(point)]:
                    self._add(cut)
                    added += 1
        self.has_separated |= added > 0
        return added

    def deployments(self, values: FloatArray) -> list[Deployment]:
        """Return the plans that a point stands for, phase by phase."""
        point = self.point(values)
        return [deployment(self.blocks[n], of, point) for n, of in self.networks.items()]

    def started(self, plans: Sequence[Deployment], clock: Clock, gap: float) -> FloatArray | None:
        """Return the best legal point with what the plans count, if there is one."""
        values, kept = np.zeros(len(self.arrays.columns)), []
        for block, plan in zip(self.blocks.values(), plans, strict=True):
            for decision in DECISIONS:
                family, amounts = block.component(decision.name), decision.amounts(plan)
                kept += list(family.values())
                for key, amount in amounts.items():
                    index = decision.index(key)
                    if index in family:
                        values[self.columns([family[index]])] = amount
        columns = self.columns(kept)
        with self.fixed(columns, values[columns]):
            found = self.separated(time_limit_s=clock.left_s, gap=gap, max_nodes=FIRST_NODES)
        return None if found is None else finish.exact(self, found)


@dataclass(frozen=True)
class Found:
    """The end of a joint search: the best plans, and what is proven of each objective."""

    plans: tuple[Deployment, ...] | None
    bounds: tuple[float, ...]
    infeasible: bool = False


def search(
    joint: Joint,
    network: Network,
    groups: Sequence[list[Goal]],
    floors: Sequence[float],
    limits: Limits,
    clock: Clock,
    start: Sequence[Deployment] | None,
) -> Found:
    """Return the best plans of the phases, one objective after the other.

    `floors` bound them: each as long as the values of all before it are no more than theirs.
    """
    expressions = [joint.objective(goals) for goals in groups]
    joint.compile(expressions)
    joint.hand_over(clock.stop, {"random_seed": limits.seed, "threads": 1})
    enough = max(limits.gap, 1e-9)
    best, proven, holds, bounds = None, True, True, list[float]()
    if start is not None:
        joint.minimise(joint.arrays.costs(expressions[0].terms), expressions[0].constant)
        best = joint.started(start, clock, limits.gap)
    for goals, expression, floor in zip(groups, expressions, floors, strict=True):
        one = _Stage(joint, expression, limits, clock, best, floor if holds else -np.inf)
        point = one.solve()
        if point is None:
            return Found(None, (), one.infeasible and not bounds)
        best = point
        bounds.append(one.bound if proven else -np.inf)
        proven = proven and one.gap <= enough
        holds = holds and relative_gap(one.value, floor) <= enough
        limit = one.value + slack(network, goals, one.value)
        joint.add_row(one.costs, -np.inf, limit - expression.constant)
    assert best is not None
    exact = finish.exact(joint, best)
    plans = joint.deployments(best if exact is None else exact)
    return Found(tuple(plans), tuple(bounds))


class _Stage:
    """One objective over all phases: the best legal point and the bound."""

    def __init__(
        self,
        joint: Joint,
        expression: Expression,
        limits: Limits,
        clock: Clock,
        best: FloatArray | None,
        floor: float,
    ) -> None:
        self.joint, self.limits, self.clock = joint, limits, clock
        self.costs, self.constant = joint.arrays.costs(expression.terms), expression.constant
        self.best, self.bound, self.infeasible = best, floor, False

    @property
    def value(self) -> float:
        """Return what the best point amounts to; infinite without one."""
        return np.inf if self.best is None else float(self.costs @ self.best) + self.constant

    @property
    def gap(self) -> float:
        """Return how far the best is from the bound."""
        return relative_gap(self.value, self.bound)

    def solve(self) -> FloatArray | None:
        """Return the best legal point; rows are added until the solver's own is one."""
        joint, engine = self.joint, self.joint.engine
        joint.minimise(self.costs, self.constant)
        for _ in range(SEPARATION_ROUNDS):
            if self.gap <= max(self.limits.gap, 1e-9) or self.clock.must_end:
                break
            outcome = engine.solve(
                time_limit_s=self.clock.left_s, gap=self.limits.gap, start=self.best
            )
            self.clock.stopped |= outcome.status in ("limit", "interrupted")
            if outcome.status == "infeasible":
                self.infeasible = self.best is None and self._is_surely_infeasible()
                break
            self.bound = max(self.bound, outcome.bound)
            if outcome.values is None:
                break
            is_legal = not joint.separate(outcome.values)
            self._offer(outcome.values if is_legal else finish.exact(joint, outcome.values))
            if is_legal:
                break
        return self.best

    def _offer(self, values: FloatArray | None) -> None:
        if values is not None and float(self.costs @ values) + self.constant < self.value:
            self.best = values

    def _is_surely_infeasible(self) -> bool:
        """Return whether another way of solving finds nothing either."""
        engine = self.joint.engine
        engine.set_option("presolve", "off")
        try:
            return engine.solve(time_limit_s=max(5.0, self.clock.left_s), gap=1.0).values is None
        finally:
            engine.set_option("presolve", "choose")
