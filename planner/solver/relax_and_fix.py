"""A plan from the point of a relaxation, a few sites at a time.

The sites of each turn get whole numbers for what executes there. Neighbours still to come stay
relaxed, neighbours that had their turn give what they have, and what is further away stays as it
is: a small model each, however large the whole. In the end all the rest is decided at once.
(Relax-and-fix; Pochet and Wolsey, 2006, Production Planning by Mixed Integer Programming, ch. 3.)
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np

from planner.solver import finish
from planner.solver.arrays import BoolArray, FloatArray, IntArray
from planner.solver.clock import Clock
from planner.solver.geography import Geography
from planner.solver.log import LOG
from planner.solver.part import Part
from planner.solver.problem import NEARLY_WHOLE, Problem

MANY = 1000
"""Whole numbers of execution from which turns give a better plan than all of them at once."""
TOGETHER, NEIGHBOURS = 6, 12
"""Sites that get whole numbers in one turn, beside as many unused ones, and sites around them."""
TURNS_SHARE = 0.85
"""The share of the time for all turns; the rest is for what is decided in the end."""
NODES, MORE_TIME = 200, 2.0
"""Branch-and-bound nodes of a turn, and how much more than its share of the time it may take."""


class RelaxAndFix:
    """The way from a point to a plan of one problem, for one objective."""

    def __init__(
        self, problem: Problem, geography: Geography, costs: FloatArray, constant: float, gap: float
    ) -> None:
        self.problem, self.geography = problem, geography
        self.costs, self.constant, self.gap = costs, constant, gap

    def run(self, point: FloatArray, clock: Clock) -> FloatArray | None:
        """Return a legal plan; None where a turn or the end finds nothing.

        Sites for which no time is left are rounded up.
        """
        turns = clock.share(TURNS_SHARE)
        geography = self.geography
        could = np.unique(geography.at[geography.executing])
        done = np.zeros(len(geography.sites), dtype=bool)
        together, values = TOGETHER, point
        while True:
            used = geography.holding(values, geography.executing, NEARLY_WHOLE)
            waiting = used[~done[used]]
            if turns.must_end:
                values, waiting = self._rounded_up(values, waiting), waiting[:0]
            if not len(waiting):
                return finish.decided(self.problem, values, self.gap, clock.left_s)
            near = geography.by_nearness(self._most_remote(waiting))
            near = near[np.isin(near, could)]
            is_used, is_waiting = np.isin(near, used), np.isin(near, waiting)
            turn = np.concatenate([near[is_waiting][:together], near[~is_used][:together]])
            around = near[is_used & ~np.isin(near, turn)][:NEIGHBOURS]
            own = turns.share(MORE_TIME / (len(waiting) / together + MORE_TIME))
            found = self._turn(values, turn, around, done, own.left_s)
            clock.stopped |= own.left_s <= 0
            how = "rounded" if found is not None else "not rounded"
            LOG.info(
                "%d sites of %d that wait are %s", min(together, len(waiting)), len(waiting), how
            )
            if found is not None:
                values, done[turn] = found, True
            elif together < len(waiting):
                together *= 2
            else:
                return None

    def _most_remote(self, waiting: IntArray) -> IntArray:
        """Return the site that is furthest from all others: what is left in the end is together."""
        travel_ms = self.geography.travel_ms[np.ix_(waiting, waiting)]
        known = np.where(np.isinf(travel_ms), 0.0, travel_ms)
        return waiting[[int(np.argmax(known.sum(axis=1)))]]

    def _turn(
        self,
        values: FloatArray,
        turn: IntArray,
        around: IntArray,
        done: BoolArray,
        allowed_s: float,
    ) -> FloatArray | None:
        geography, integer = self.geography, self.problem.arrays.integer
        here = geography.within(turn)
        whole = here & geography.executing
        relaxed = geography.executing & geography.within(around[~done[around]])
        routed = geography.routed & (here | geography.within(around))
        beside = ~geography.routed & ~geography.executing
        part = Part(
            self.problem,
            self.costs,
            self.constant,
            values,
            free=whole | relaxed | routed | beside,
            whole=whole & integer,
        )
        start = self._rounded_up(values, turn)
        return part.solve(start, time_limit_s=allowed_s, gap=self.gap, max_nodes=NODES).values

    def _rounded_up(self, values: FloatArray, turn: IntArray) -> FloatArray:
        """Return the point with all that executes at the sites rounded up, and nodes to hold it.

        Dear, but legal more often than not: without it the first plan of a turn is far dearer yet.
        """
        block, column_of, start = self.problem.block, self.problem.arrays.column_of, values.copy()
        sites = {self.geography.sites[site] for site in turn.tolist()}
        for offer in self.problem.network.offers_of("execution"):
            if offer.site not in sites:
                continue
            counts: dict[Fraction, int] = defaultdict(int)
            for size, variable in block.held.get(offer, ()):
                column = column_of[id(variable)]
                start[column] = np.ceil(values[column] - NEARLY_WHOLE)
                counts[size] += int(start[column])
            needed = block.packings[offer].nodes(counts)
            column = column_of[id(block.nodes[offer])]
            most = max(values[column], needed) - NEARLY_WHOLE
            start[column] = min(np.ceil(most), self.problem.arrays.upper[column])
            if start[column] > 0:
                start[column_of[id(block.open[offer.site])]] = 1.0
        return start
