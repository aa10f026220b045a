"""One objective solved to a legal point and a bound.

First the relaxation with the rows its point breaks; then a plan is made of it, where execution has
too many whole numbers for that a few sites at a time. From then on two things go on, side by side
if there are cores for it: neighbourhoods of the best plan are searched, and a prover goes up rungs
of ever more whole numbers; each takes what plans the other has. The point of a rung says where to
search, and where there is no good plan yet, or nothing beside, it is completed to one with what it
leaves unused closed. In the end everything is solved as it is. Only legal points are kept: those
for which no rule separates another row. The best of them is never forgotten, whatever a later step
comes back with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np

from models.expressions import Expression
from planner.solver import finish, relax_and_fix
from planner.solver.arrays import FloatArray, IntArray
from planner.solver.clock import Clock
from planner.solver.geography import Geography
from planner.solver.highs import LARGE_LP, Outcome
from planner.solver.log import LOG
from planner.solver.problem import NEARLY_WHOLE, SEPARATION_ROUNDS, Problem
from planner.solver.prover import Proof, Prover
from planner.solver.relax_and_fix import RelaxAndFix
from planner.solver.search import NeighbourhoodSearch
from planner.solver.standing import FINER, Report, Standing

RELAX_SHARE, PROOF_SHARE, SEARCH_SHARE, COMPLETE_SHARE, ROUND_SHARE = 0.4, 0.4, 0.95, 0.25, 0.7
"""Shares of the time left: the relaxation, the rungs where nothing goes on beside them, the search,
completing and rounding a point."""
COMPLETE_NODES = 200
"""Branch-and-bound nodes to complete a point: work, not time."""
WORK_NODES = 1000
"""Branch-and-bound nodes of every other solve where work decides and not the clock."""
BESIDE_FROM = 2_000
"""Columns from which proof and search go on side by side; what is smaller ends alike every time."""
PATIENCE = 3
"""Rounds in which rows may move the relaxation too little before no more are added."""
NONE: IntArray = np.empty(0, dtype=np.int64)
AT_ONCE = 5_000
"""Whole numbers up to which a point is made some plan at once, also where turns give a better."""


class StageSolver:
    """The solve of one objective, from the legal point `best`, if there is one; see Standing.

    With `beside`, what is proven and what is found are sought at the same time.
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
        beside: bool = False,
    ) -> None:
        self.problem, self.engine, self.clock = problem, problem.engine, clock
        self.standing = Standing(problem.arrays, expression, best, gap, report, floor)
        self.costs, self.constant = self.standing.costs, expression.constant
        self.dearest = problem.dearest(self.costs)
        self.gap, self.seed = gap, seed
        self.infeasible = False
        self.relaxed: FloatArray | None = None
        self.beside = beside and not clock.by_work and len(self.costs) >= BESIDE_FROM
        self.prover: Prover | None = None
        self.relaxed_bound = -np.inf

    @property
    def _pays_for_whole(self) -> bool:
        """Return whether whole numbers cost anything: else rows about them move no bound."""
        return bool((self.costs[self.problem.whole] > 0).any())

    @cached_property
    def _neighbourhoods(self) -> NeighbourhoodSearch:
        """Return the search, one for the whole stage: it goes on drawing where it ended."""
        search = NeighbourhoodSearch(self.problem, self.geography, self.seed)
        search.guide = self.relaxed
        return search

    @cached_property
    def geography(self) -> Geography:
        """Return where the columns stand, once it is asked for."""
        return Geography(self.problem)

    def solve(self) -> Outcome:
        """Return the best legal point and the bound; infeasible only if two ways agree."""
        standing = self.standing
        standing.prove(standing.least())
        if not standing.is_closed:
            self.problem.minimise(self.costs, self.constant)
            if standing.best is not None:
                standing.offer(finish.exact(self.problem, standing.best))
                # A basis of what is fixed is far from that of a relaxation.
                self.problem.minimise(self.costs, self.constant)
            try:
                self._go()
            finally:
                if self.prover is not None:
                    self.prover.end()
        if self.infeasible and not standing.has_plan:
            return self._second_opinion()
        is_spent = standing.is_done or (self.clock.by_work and not self.clock.must_end)
        status = "optimal" if standing.is_closed else "exhausted" if is_spent else "limit"
        if status == "limit" and self.clock.stop.is_set():
            status = "interrupted"
        bound = min(standing.proven, standing.value)
        return Outcome(status, standing.best, standing.value, bound, 0.0)

    def _go(self) -> None:
        for step in self._steps():
            is_over = self.clock.must_end and self.standing.has_plan
            if self.standing.is_done or self.infeasible or is_over:
                break
            LOG.info("step: %s", step.__name__.strip("_"))
            step()

    def _steps(self) -> Iterator[Callable[[], None]]:
        yield self._relax
        # Where no rung is easier than the last, a plan is sooner found than proven.
        climbs = len(self.dearest) > 0
        if self.beside and climbs:
            yield self._begin_proof
        yield self._round
        if self.beside and not climbs:
            yield self._begin_proof
        if not self.beside:
            if self.standing.is_part and self._is_regional:
                yield self._search
            yield self._prove
        yield self._search_and_complete
        yield self._finish

    # The steps ------------------------------------------------------------------------------

    def _relax(self) -> None:
        """Solve the relaxation until no rule separates its point, or rows have moved it enough."""
        point, bounds = None, [-np.inf] * PATIENCE
        with self.engine.relaxation():
            for _ in range(SEPARATION_ROUNDS):
                outcome = self._run(RELAX_SHARE)
                if outcome.values is None:
                    break
                point = outcome.values
                self.standing.prove(outcome.bound)
                self.relaxed_bound = max(self.relaxed_bound, outcome.bound)
                bounds.append(self.relaxed_bound)
                gained = bounds[-1] - bounds[-1 - PATIENCE] > FINER * self.gap * abs(bounds[-1])
                # Where nodes cost, a plan is rounded of the point: it should break nothing.
                added = self.problem.separate(point) if gained or self._pays_for_whole else 0
                added += self.problem.tighten(point) if gained and self._pays_for_whole else 0
                if self.clock.must_end or not added:
                    break
        self.relaxed = point

    def _round(self) -> None:
        """Make a plan of the point of the relaxation: soon all at once, better a few at a time."""
        if self.relaxed is None or self.standing.is_near:
            return
        if not self._is_regional or len(self.problem.whole) <= AT_ONCE:
            self._complete_at_once(self.relaxed)
        if self._is_regional and not self.standing.is_near:
            clock = self.clock.share(ROUND_SHARE)
            gap = FINER * self.gap
            way = RelaxAndFix(self.problem, self.geography, self.costs, self.constant, gap)
            self.standing.offer(way.run(self.relaxed, clock))
            self.clock.stopped |= clock.stopped or clock.left_s <= 0
            if self.standing.best is None and len(self.problem.whole) > AT_ONCE:
                self._complete_at_once(self.relaxed)

    @property
    def _is_regional(self) -> bool:
        """Return whether execution has too many whole numbers to be rounded at once."""
        return len(self.problem.executing) >= relax_and_fix.MANY

    def _begin_proof(self) -> None:
        """Have the rungs gone up beside all that follows.

        Which side comes first is for the clock to say, and so is the plan.
        """
        self.clock.stopped = True
        self.prover = self._new_prover(self.clock)
        self.prover.begin()

    def _prove(self) -> None:
        """Go up the rungs."""
        clock = self.clock.share(PROOF_SHARE)
        self.prover = self._new_prover(clock)
        self.prover.run()
        self.clock.stopped |= clock.left_s <= 0

    def _new_prover(self, clock: Clock) -> Prover:
        is_small = not self.standing.is_part and len(self.costs) <= LARGE_LP
        relaxed = self.relaxed_bound if is_small and not self.beside else None
        return Prover(self.problem, self.standing, self.dearest, clock, self.constant, relaxed)

    def _search_and_complete(self) -> None:
        """Search, and go on from what the prover has: its plans, and the points of its rungs."""
        assert self.prover is not None
        is_over = False
        while not (is_over or self.standing.is_done or self.infeasible or self.clock.must_end):
            if not self.prover.has_news:
                self._search()
            if self.standing.is_done:
                break
            self.prover.wait()
            self._take_plan()
            if self.prover.has_ended_rung:
                proof = self.prover.next()
                is_over = proof is None
                if proof is not None:
                    self._follow(proof)
        if not self.standing.is_done:
            self._take_late()
            self._search()

    def _take_plan(self) -> None:
        """Take the plan that the prover has meanwhile.

        Where even so there is none, rows are missing, and the prover does not have them.
        """
        assert self.prover is not None
        values = self.prover.plan()
        if values is not None and self.standing.value_of(values) < self.standing.value:
            self._offer(values)
            if not self.standing.has_plan:
                self.prover.stop.set()

    def _take_late(self) -> None:
        """Take the best plan that the prover comes back with although the time is over."""
        assert self.prover is not None
        if self.clock.must_end:
            self.prover.end()
        found = [self.prover.plan()]
        while self.prover.has_ended_rung and (proof := self.prover.next()) is not None:
            found.append(proof.outcome.values if proof.is_whole else None)
        best = min(found, key=self.standing.value_of)
        if best is None or self.standing.value_of(best) >= self.standing.value:
            return
        if not self.standing.has_plan:
            self._offer(best)
        elif not self.problem.separate(best):
            self.standing.offer(best)

    def _follow(self, proof: Proof) -> None:
        """Go on from a rung that has ended."""
        outcome = proof.outcome
        self.infeasible |= outcome.status == "infeasible"
        if outcome.values is None or self.standing.is_done:
            return
        if proof.is_whole:
            if self.standing.value_of(outcome.values) < self.standing.value:
                self._offer(outcome.values)
            return
        self._neighbourhoods.guide = outcome.values
        # Near a plan, neighbourhoods where the point differs gain more in the same time.
        if not (self.beside and self.standing.is_near):
            self._complete(outcome.values, self.problem.sites_and_contracts, self.dearest)

    def _complete_at_once(self, point: FloatArray) -> None:
        """Find a plan with nothing but what the point uses; if there is none, with other seats.

        Where rules have had rows to add, first one of numbers next to the point's: it breaks few
        more of them, and is a start without which others are not found. What failures must leave
        may ask for more replicas than that, but hardly for more nodes.
        """
        problem = self.problem
        if problem.has_separated and not self._complete(point, problem.whole, problem.addable):
            self._complete(point, problem.whole, problem.addable_nodes)
        if not (self.beside and self.standing.is_near) and not self._complete(
            point, problem.whole, NONE
        ):
            self._complete(point, problem.addable, NONE)

    def _complete(self, point: FloatArray, among: IntArray, near: IntArray) -> bool:
        """Find a plan that leaves closed what the point does not use of these columns, if any.

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
                time_limit_s=clock.left_s,
                gap=FINER * self.gap,
                max_nodes=COMPLETE_NODES,
                start=self.standing.best,
            )
        self.clock.stopped |= clock.left_s <= 0
        self.standing.offer(found)
        return found is not None

    def _search(self) -> None:
        """Search neighbourhoods of the best plan, until none helps or the prover has news."""
        if self.standing.best is None:
            return
        clock, prover = self.clock.share(SEARCH_SHARE), self.prover
        found = self._neighbourhoods.improve(
            self.standing.best,
            self.costs,
            self.constant,
            is_over=lambda: self.standing.is_done or (prover is not None and prover.has_news),
            left_s=lambda: clock.left_s,
            found=self.standing.offer,
        )
        self.clock.stopped |= found.cut_short

    def _finish(self) -> None:
        """Solve the whole to the end, again after every row that a rule separates.

        By work, the end is the first plan where there is none yet.
        """
        for _ in range(SEPARATION_ROUNDS):
            outcome = self._run(1.0)
            is_over = outcome.status == "infeasible" or self.clock.must_end
            was_legal = self._take(outcome)
            is_over |= outcome.status != "optimal" and self.standing.has_plan
            if was_legal or is_over:
                return

    def _run(self, share: float) -> Outcome:
        """Solve what the engine holds for a share of the time left."""
        clock, by_work = self.clock.share(share), self.clock.by_work
        any_will_do = by_work and share == 1.0 and not self.standing.has_plan
        is_last = share == 1.0 and not self.standing.is_part
        outcome = self.engine.solve(
            time_limit_s=clock.left_s,
            gap=self.gap if is_last else FINER * self.gap,
            absolute_gap=self.standing.absolute_gap,
            start=self.standing.best,
            # A first plan is sought as long as there is time.
            max_nodes=WORK_NODES if by_work and not any_will_do else None,
            progress=self.standing.heard,
            enough=_is_a_plan if any_will_do else None,
            interior=len(self.dearest) > 0,  # without costs of nodes the simplex method is sooner
        )
        self.clock.stopped |= clock.left_s <= 0
        self.infeasible |= outcome.status == "infeasible"
        return outcome

    def _take(self, outcome: Outcome) -> bool:
        """Note the end of a solve of the whole; return whether its point was legal as it was."""
        if outcome.status == "infeasible":
            return False
        self.standing.prove(outcome.bound)
        return outcome.values is not None and self._offer(outcome.values)

    def _offer(self, values: FloatArray) -> bool:
        """Note a plan, or what is made of it where it breaks a rule; return whether it did not."""
        legal = not self.problem.separate(values)
        self.standing.offer(values if legal else finish.exact(self.problem, values))
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
            self.standing.offer(finish.completed(self.problem, outcome.values, self.gap))
        finally:
            self.engine.set_option("presolve", self.engine.given.get("presolve", "choose"))
        # A point was found, so the first claim is wrong, even if no legal plan came of it.
        found = self.standing
        return Outcome("limit", found.best, found.value, found.bound, outcome.seconds)


def _is_a_plan(value: float, bound: float) -> bool:
    return value < np.inf
