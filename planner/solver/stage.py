"""One objective solved to a legal point and a bound: a ladder of ever more whole numbers.

First the relaxation with the rows its point breaks; then sites, contracts and the nodes of the
dearest role whole; then everything. Every rung is easier than the next, its bound holds for all
plans, and its point, with what it leaves unused closed, is completed to a plan; where execution has
too many whole numbers for that, the relaxation is made a plan a few sites at a time. Before the
last rung neighbourhoods are searched, in a large part of a network also before the second. Only
legal points are kept: those for which no rule separates another row. The best of them is never
forgotten, whatever a later step comes back with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from models.objectives import Expression
from planner.result import relative_gap
from planner.solver import finish, relax_and_fix
from planner.solver.arrays import FloatArray, IntArray
from planner.solver.clock import Clock
from planner.solver.geography import Geography
from planner.solver.highs import LARGE_LP, Outcome
from planner.solver.problem import NEARLY_WHOLE, SEPARATION_ROUNDS, Problem
from planner.solver.relax_and_fix import RelaxAndFix
from planner.solver.search import NeighbourhoodSearch

Report = Callable[[float, float, float], None]
"""Called with incumbent, bound and seconds."""

RUNG_SHARE, LOOK_SHARE, SEARCH_SHARE, COMPLETE_SHARE, ROUND_SHARE = 0.4, 0.4, 0.95, 0.25, 0.7
"""Shares of the time left: a rung, a look, the search, completing and rounding a point."""
FIRST_SHARE = 0.15
"""The share of a first climb where a look may follow that says more."""
NEAR, NEAR_SHARE = 0.05, 0.6
"""The gap of a plan that is hard to better by rounding, and the share of a rung beside one."""
COMPLETE_NODES, LOOK_NODES = 200, 10
"""Branch-and-bound nodes to complete a point, and for a look at the whole: work, not time."""
WORK_NODES = 1000
"""Branch-and-bound nodes of every other solve where work decides and not the clock."""
NONE: IntArray = np.empty(0, dtype=np.int64)
AT_ONCE = 5_000
"""Whole numbers up to which a point is made some plan at once, also where turns give a better."""
FINER = 0.25
"""How much finer than the gap that is good enough the steps on the way are solved."""


class StageSolver:
    """The solve of one objective; `best` is the legal point it starts from, or None.

    Where the problem holds but a part of the network, `floor` is a bound on the plans of the whole,
    and what is proven of the part only says when there is nothing more to gain in it.
    """

    def __init__(
        self,
        problem: Problem,
        expression: Expression,
        best: FloatArray | None,
        clock: Clock,
        gap: float,
        seed: int,
        report: Report | None,
        floor: float | None = None,
    ) -> None:
        self.problem, self.engine, self.clock = problem, problem.engine, clock
        self.costs = problem.arrays.costs(expression.terms)
        self.constant, self.integral = expression.constant, expression.integral
        self.best, self.bound, self.floor = best, -np.inf, floor
        self.dearest = problem.dearest(self.costs)
        self.gap, self.seed, self.report = gap, seed, report
        self.infeasible = self.has_climbed = False
        self.relaxed: FloatArray | None = None

    @property
    def _pays_for_whole(self) -> bool:
        """Return whether whole numbers cost anything: else rows about them move no bound."""
        return bool((self.costs[self.problem.whole] > 0).any())

    @cached_property
    def _neighbourhoods(self) -> NeighbourhoodSearch:
        """Return the search, one for the whole stage: it goes on drawing where it ended."""
        return NeighbourhoodSearch(self.problem, self.geography, self.seed)

    @cached_property
    def geography(self) -> Geography:
        """Return where the columns stand, once it is asked for."""
        return Geography(self.problem)

    def solve(self) -> Outcome:
        """Return the best legal point and the bound; infeasible only if two ways agree."""
        self._prove(self._least())
        if not self.is_closed:
            self.problem.minimise(self.costs, self.constant)
            if self.best is not None:
                self._offer(finish.exact(self.problem, self.best))
            for step in self._steps():
                if self._is_done or self.infeasible or (self.clock.must_end and self._has_plan):
                    break
                step()
        if self.infeasible and not self._has_plan:
            return self._second_opinion()
        is_spent = self._is_done or (self.clock.by_work and not self.clock.must_end)
        status = "optimal" if self.is_closed else "exhausted" if is_spent else "limit"
        if status == "limit" and self.clock.stop.is_set():
            status = "interrupted"
        return Outcome(status, self.best, self.value, min(self.proven, self.value), 0.0)

    @property
    def proven(self) -> float:
        """Return the bound on all plans."""
        return self.bound if self.floor is None else self.floor

    @property
    def _has_plan(self) -> bool:
        return self.best is not None

    @property
    def value(self) -> float:
        """Return what the best point amounts to; infinite without one."""
        return self._value(self.best)

    @property
    def is_closed(self) -> bool:
        """Return whether the best point is proven good enough."""
        return self._reaches(self.proven, self.gap)

    @property
    def _is_done(self) -> bool:
        """Return whether nothing is left to do: closed, or the best of a part of the network."""
        return self.is_closed or (
            self.floor is not None and self._reaches(self.bound, FINER * self.gap)
        )

    def _reaches(self, bound: float, gap: float) -> bool:
        if self.best is None:
            return False
        if self.integral and self.value - bound < 1 - 1e-6:
            return True
        return relative_gap(self.value, bound) <= max(gap, 1e-9)

    @property
    def _is_near(self) -> bool:
        """Return whether the plan is better than rounding a relaxation gives: the bound matters."""
        return self._reaches(self.proven, NEAR)

    def _value(self, values: FloatArray | None) -> float:
        return np.inf if values is None else float(self.costs @ values) + self.constant

    def _prove(self, bound: float) -> None:
        self.bound = max(self.bound, bound)

    def _offer(self, values: FloatArray | None) -> None:
        """Take a legal point if it is better than the best, and report it."""
        if values is not None and self._value(values) < self.value:
            self.best = values
            if self.report is not None:
                self.report(self.value, self.proven, 0.0)

    def _least(self) -> float:
        """Return what the bounds of the columns alone say."""
        arrays = self.problem.arrays
        with np.errstate(invalid="ignore"):
            ends = np.where(self.costs > 0, arrays.lower, arrays.upper)
            each = np.where(self.costs == 0, 0.0, self.costs * ends)
        return float(each.sum()) + self.constant

    def _steps(self) -> Iterator[Callable[[], None]]:
        yield self._relax
        yield self._round
        if self.floor is not None and self._is_regional:
            yield self._search
        if len(self.dearest):
            yield self._climb
        if self._may_look:
            yield self._look
        yield self._search
        yield self._finish

    # The steps ------------------------------------------------------------------------------

    def _relax(self) -> None:
        """Solve the relaxation until no rule separates its point."""
        point, before = None, -np.inf
        with self.engine.relaxation():
            for _ in range(SEPARATION_ROUNDS):
                outcome = self._run(RUNG_SHARE, None)
                if outcome.values is None:
                    break
                point = outcome.values
                self._prove(outcome.bound)
                gained = self.bound - before > FINER * self.gap * abs(self.bound)
                before = self.bound
                added = self.problem.separate(point) if gained else 0
                added += self.problem.tighten(point) if gained and self._pays_for_whole else 0
                if self.clock.must_end or not added:
                    break
        self.relaxed = point

    def _round(self) -> None:
        """Make a plan of the point of the relaxation: soon all at once, better a few at a time."""
        if self.relaxed is None or self._is_near:
            return
        if not self._is_regional or len(self.problem.whole) <= AT_ONCE:
            self._complete(self.relaxed, self.problem.whole, NONE)
        if self._is_regional and not self._is_done:
            clock = self.clock.share(ROUND_SHARE)
            gap = FINER * self.gap
            way = RelaxAndFix(self.problem, self.geography, self.costs, self.constant, gap)
            self._offer(way.run(self.relaxed, clock))
            self.clock.stopped |= clock.stopped or clock.left_s <= 0
            if self.best is None and len(self.problem.whole) > AT_ONCE:
                self._complete(self.relaxed, self.problem.whole, NONE)

    @property
    def _is_regional(self) -> bool:
        """Return whether execution has too many whole numbers to be rounded at once."""
        return len(self.problem.executing) >= relax_and_fix.MANY

    def _climb(self) -> None:
        """Solve the model with only what is dearest whole, and complete its point."""
        with self.engine.whole_only(self.dearest):
            share = NEAR_SHARE if self._is_near else FIRST_SHARE if self._may_look else RUNG_SHARE
            outcome = self._run(share, None, useless=lambda value: value <= self.bound)
        self.has_climbed = outcome.status == "optimal"
        if outcome.status != "infeasible":
            self._prove(outcome.bound)
        if outcome.values is not None and not self._is_done:
            self._complete(outcome.values, self.problem.sites_and_contracts, self.dearest)

    def _complete(self, point: FloatArray, among: IntArray, near: IntArray) -> None:
        """Find a plan that leaves closed what the point does not use of these columns.

        Columns in `near` stay what they are or become one more.
        """
        arrays = self.problem.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[near] = np.maximum(lower[near], np.floor(point[near] + NEARLY_WHOLE))
        upper[near] = np.minimum(upper[near], np.floor(point[near] + 1 + NEARLY_WHOLE))
        unused = among[point[among] <= NEARLY_WHOLE]
        upper[unused] = arrays.lower[unused]
        changed = np.union1d(unused, near)
        clock = self.clock.share(COMPLETE_SHARE)
        with self.problem.bounded(changed, lower[changed], upper[changed]):
            found = self.problem.separated(
                time_limit_s=clock.left_s, gap=FINER * self.gap, max_nodes=COMPLETE_NODES
            )
        self.clock.stopped |= clock.left_s <= 0
        self._offer(found)

    @property
    def _may_look(self) -> bool:
        return self.floor is None and (not len(self.dearest) or len(self.costs) <= LARGE_LP)

    def _look(self) -> None:
        """Look at the root of the whole: where replicas decide and not nodes, its rows say most."""
        if len(self.dearest) and self._is_near:
            # Nodes decide: then a longer climb says more than a look.
            if not self.has_climbed:
                self._climb()
            return
        self._take(self._run(LOOK_SHARE, LOOK_NODES))

    def _search(self) -> None:
        """Search neighbourhoods of the best plan."""
        if self.best is None:
            return
        clock = self.clock.share(SEARCH_SHARE)
        found = self._neighbourhoods.improve(
            self.best,
            self.costs,
            self.constant,
            target=self.proven + self.gap * abs(self.value),
            left_s=lambda: clock.left_s,
            found=self._offer,
        )
        self.clock.stopped |= found.cut_short

    def _finish(self) -> None:
        """Solve the whole to the end, again after every row that a rule separates.

        By work, the end is the first plan where there is none yet.
        """
        for _ in range(SEPARATION_ROUNDS):
            any_will_do = self.clock.by_work and not self._has_plan
            outcome = self._run(1.0, None, useless=np.isfinite if any_will_do else None)
            is_over = outcome.status == "infeasible" or self.clock.must_end
            if self._take(outcome) or is_over or (outcome.status != "optimal" and self._has_plan):
                return

    def _run(
        self, share: float, nodes: int | None, useless: Callable[[float], bool] | None = None
    ) -> Outcome:
        """Solve for a share of the time left; `useless` says of an incumbent that it may end."""
        clock = self.clock.share(share)
        if nodes is None and clock.by_work and (self._has_plan or share < 1.0):
            nodes = WORK_NODES  # a first plan is sought as long as there is time
        is_last = share == 1.0 and self.floor is None
        finer = self.gap if is_last else FINER * self.gap
        outcome = self.engine.solve(
            time_limit_s=clock.left_s,
            gap=finer,
            absolute_gap=1 - 1e-6 if self.integral else 1e-6,
            start=self.best,
            max_nodes=nodes,
            progress=self._heard,
            enough=useless,
            interior=len(self.dearest) > 0,  # without costs of nodes the simplex method is sooner
        )
        self.clock.stopped |= clock.left_s <= 0
        self.infeasible |= outcome.status == "infeasible"
        return outcome

    def _heard(self, incumbent: float, bound: float, seconds: float) -> None:
        """Report the best there is: a rung's own incumbent is no plan yet."""
        if self.report is not None:
            proven = max(self.bound, bound) if self.floor is None else self.floor
            self.report(self.value, proven, seconds)

    def _take(self, outcome: Outcome) -> bool:
        """Note the end of a solve of the whole; return whether its point was legal as it was."""
        if outcome.status == "infeasible":
            return False
        self._prove(outcome.bound)
        if outcome.values is None:
            return False
        legal = not self.problem.separate(outcome.values)
        self._offer(outcome.values if legal else finish.exact(self.problem, outcome.values))
        return legal

    def _second_opinion(self) -> Outcome:
        """Return what another way of solving finds where the first proved that there is nothing."""
        self.engine.set_option("presolve", "off")
        try:
            outcome = self.engine.solve(time_limit_s=max(5.0, self.clock.left_s), gap=1.0)
            if outcome.values is None:
                # Two ways agree, or the second was cut short and does not disagree.
                self.clock.stopped |= outcome.status == "limit"
                ended = outcome.status
                status = "infeasible" if ended in ("infeasible", "limit") else ended
                return Outcome(status, None, np.inf, np.inf, outcome.seconds)
            self._offer(finish.completed(self.problem, outcome.values, self.gap))
        finally:
            self.engine.set_option("presolve", self.engine.given.get("presolve", "choose"))
        # A point was found, so the first claim is wrong, even if no legal plan came of it.
        return Outcome("limit", self.best, self.value, self.bound, outcome.seconds)
