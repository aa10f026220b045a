"""A bound on every plan of a network too large to be held whole, and where its plans would stand.

The loosened model is easier than the network in three ways: nothing need be whole, any verifier of
a policy may verify any of its executors, and copies lie wherever a cold load wants one. What it can
reach is therefore no worse than any plan: a bound on all of them.

It holds only flows that pay. Each class starts with near and cheap places; the duals of the solved
relaxation price every other flow at once, in whole arrays, and the best of those that would pay
come in, until none does (column generation; Barnhart et al., 1998). As the flows of a class add up
to at most 1, those left out can lower the optimum by no more than the least reduced cost of each
class, and that much is taken off: the bound holds over all flows at every round.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from models.classes import Classes
from models.data import OfferKey
from models.forcing import by_nodes
from models.network import Goal, Network
from models.objectives import flow_costs, limited, scale, stage
from models.stands import FETCHED, STORED, BoolArray
from models.streams import merged_streams, verification_streams
from planner.solver.arrays import FloatArray, IntArray, Rows
from planner.solver.clock import Clock
from planner.solver.lexicographic import is_numerical
from planner.solver.problem import Problem
from planner.solver.seeds import cheapest_first, is_warm, nearest_first

NEAREST, CHEAPEST = 4, 12
"""Warm places that a class starts with."""
MOST_BY_NODES = 300_000
"""Flows answered by nodes themselves that are held from the start."""
MOST_AT_ONCE = 20_000
"""Flows that come in at a time: of every class as many, those that pay most."""
PRIMAL, DUAL = 4, 1
"""What HiGHS calls its two simplex methods."""
ENOUGH = 1e-4
"""What flows left out, or more rows, may still gain relative to the bound when they end."""
ROWS_S, ROWS_SHARE = 20.0, 0.25
"""Seconds that more rows may take at least, and the part of the time that the flows took."""
NEARLY_NONE = 1e-6
"""What a number that need not be whole may be and still be none."""
LEFT_OUT = frozenset({"sources", "served"})
"""Rules left out: `sources` never moved the bound, and what is unserved shows which flows pay."""


def loosened_columns(network: Network, classes: Classes) -> int:
    """Return about how many columns the loosened model has to begin with."""
    held = int((~_may_wait(network, classes) & ~_dominated(classes)).sum())
    streams = merged_streams(verification_streams(network, classes))
    return held + len(classes.loads) + sum(len(stream.verifiers) for stream in streams)


class Loosened:
    """The loosened model of one network, with the objectives it has been asked about so far."""

    def __init__(
        self, network: Network, classes: Classes, without: frozenset[str] = frozenset()
    ) -> None:
        self.network, self.classes, self.without = network, classes, without
        self.left_out = _may_wait(network, classes)
        held = np.flatnonzero(~self.left_out & ~_dominated(classes))
        streams = merged_streams(verification_streams(network, classes))
        self.problem = Problem(network, classes, LEFT_OUT, streams, held)
        self.added: IntArray = np.empty(0, dtype=np.int64)
        self.point: FloatArray | None = None
        self._kept: list[tuple[int, FloatArray]] = []

    def hand_over(
        self, stages: Iterable[list[Goal]], stop: threading.Event, solver: Mapping[str, Any]
    ) -> None:
        """Pass the model to the solver, once. Raises BadNumber and UnknownOption."""
        block = self.problem.block
        self.problem.compile([stage(block, self.network, goals) for goals in stages])
        self.problem = self.problem.switched_off(self.without)
        self.problem.hand_over(stop, solver)
        arrays, rules = self.problem.arrays, block.rules
        self._row_of_class = _positions(rules.demand.all, arrays.row_of)
        self._row_of_place = _positions(rules.demand.answered, arrays.row_of)
        self._weight = np.array([group.weight for group in self.classes.classes])
        self._begin_of_class = np.flatnonzero(np.diff(self.classes.of, prepend=-1))
        for goal, limit in limited(self.network):
            # Flows that come in later count in these rows too.
            at = arrays.row_of[id(block.at_most[goal.measure])]
            of_flows = flow_costs(self.network, self.classes, [goal._replace(weight=1.0)])
            self._kept.append((at, of_flows / scale(limit)))

    def bound(self, goals: list[Goal], clock: Clock) -> float:
        """Return a bound on what the goals amount to in any plan; −∞ if there is no time for it.

        Rows that tighten it have a part of the time that it took to price the flows.
        """
        expression = stage(self.problem.block, self.network, goals)
        costs = self.problem.arrays.costs(expression.terms)
        of_flows = flow_costs(self.network, self.classes, goals)
        engine, bound, before = self.problem.engine, -np.inf, -np.inf
        ends, left_s = clock, clock.left_s
        engine.set_option("simplex_strategy", DUAL)
        engine.minimise(np.concatenate([costs, of_flows[self.added]]), expression.constant)
        with engine.relaxation():
            while not ends.must_end:
                outcome = engine.solve(time_limit_s=ends.left_s)
                if outcome.status != "optimal" or outcome.values is None:
                    break
                self.point = outcome.values
                reduced = self._reduced(of_flows, engine.duals)
                missing = self._missing(reduced)
                bound = max(bound, outcome.objective + missing)
                pays = missing < -ENOUGH * abs(outcome.objective)
                # After columns the basis is still feasible, after rows still optimal but for them.
                engine.set_option("simplex_strategy", PRIMAL if pays else DUAL)
                if pays:
                    self._add(reduced, of_flows)
                    continue
                gained = bound - before > ENOUGH * abs(bound)
                before = bound
                if not gained or not self.problem.tighten(self.point):
                    break
                if ends is clock:
                    ends = clock.within(max(ROWS_S, ROWS_SHARE * (left_s - clock.left_s)))
        clock.stopped |= ends.left_s <= 0
        return bound

    def keep(self, goals: list[Goal], value: float, slack: float) -> float:
        """Ask of what follows that the goals stay near a value; return how far they may go.

        That is twice the slack, as plans that are proven only within a gap have their own.
        """
        expression = stage(self.problem.block, self.network, goals)
        costs = self.problem.arrays.costs(expression.terms)
        if is_numerical(self.network, slack) and self.problem.fix_if_least(
            costs, value - expression.constant
        ):
            return value
        limit = value + 2 * slack
        of_flows = flow_costs(self.network, self.classes, goals)
        row = Rows.of_row(np.concatenate([costs, of_flows[self.added]]))
        upper = np.array([limit - expression.constant])
        self._kept.append((self.problem.engine.highs.getNumRow(), of_flows))
        self.problem.engine.add_rows(row, np.array([-np.inf]), upper)
        return limit

    def standing(self, role: str) -> list[OfferKey]:
        """Return the offers of a role at which the last point has nodes, or a part of one.

        There are none where there is no point: no time for it, or no plan.
        """
        if self.point is None:
            return []
        point, block = self.problem.point(self.point), self.problem.block
        offers = self.network.offers_of(role)
        return [offer for offer in offers if point(block.nodes[offer]) > NEARLY_NONE]

    # Flows that are left out ------------------------------------------------------------------

    def _reduced(self, of_flows: FloatArray, duals: FloatArray) -> FloatArray:
        """Return the reduced cost of every flow; ∞ for those in the model, or never needed."""
        of, place = self.classes.of, self.classes.place
        reduced = of_flows - duals[self._row_of_class][of]
        reduced -= self._weight[of] * duals[self._row_of_place][place]
        for row, costs in self._kept:
            reduced -= duals[row] * costs
        reduced[~self.left_out] = np.inf
        return reduced

    def _missing(self, reduced: FloatArray) -> float:
        """Return what all flows that are left out can add to the optimum at the least."""
        if not self.left_out.any():
            return 0.0
        least = np.minimum.reduceat(reduced, self._begin_of_class)
        return float(np.minimum(least, 0.0).sum())

    def _add(self, reduced: FloatArray, of_flows: FloatArray) -> None:
        """Add to the model, for every class, the flows that pay most."""
        paying = np.flatnonzero(reduced < 0)
        paying = paying[np.lexsort((reduced[paying], self.classes.of[paying]))]
        of = self.classes.of[paying]
        each = max(1, MOST_AT_ONCE // len(self.classes.classes))
        paying = paying[np.arange(len(of)) - np.searchsorted(of, of) < each]
        of, place = self.classes.of[paying], self.classes.place[paying]
        kept = [(np.full(len(paying), row), costs[paying]) for row, costs in self._kept]
        rows = [self._row_of_class[of], self._row_of_place[place], *(row for row, _ in kept)]
        values = [np.ones(len(of)), self._weight[of], *(costs for _, costs in kept)]
        starts = np.arange(len(paying) + 1, dtype=np.int32) * len(rows)
        columns = Rows(
            starts, np.column_stack(rows).ravel().astype(np.int32), np.column_stack(values).ravel()
        )
        self.problem.engine.add_columns(of_flows[paying], np.ones(len(paying)), columns)
        self.left_out[paying] = False
        self.added = np.concatenate([self.added, paying])


def _positions(family: Any, row_of: Mapping[int, int]) -> IntArray:
    return np.array([row_of[id(family[number])] for number in range(len(family))], dtype=np.int64)


def _may_wait(network: Network, classes: Classes) -> BoolArray:
    """Return which flows need not be in the model from the start: warm, neither near nor cheap.

    Flows that nodes answer are there, unless they are too many: what comes in later has no row that
    asks for a whole node.
    """
    first = nearest_first(classes) < NEAREST
    first |= cheapest_first(network, classes) < CHEAPEST
    alone = by_nodes(network, classes)
    if alone.sum() <= MOST_BY_NODES:
        first |= alone
    found: BoolArray = is_warm(classes) & ~first
    return found


def _dominated(classes: Classes) -> BoolArray:
    """Return which flows fetch from the hub what a copy near by would serve no worse."""
    states = [classes.jobs[place.job].state for place in classes.places]
    placed = list(zip(classes.places, states, strict=True))
    copied = {(p.site, o) for p, state in placed if state == STORED for o in p.offers}
    fetched = [
        state == FETCHED and all((p.site, o) in copied for o in p.offers) for p, state in placed
    ]
    found: BoolArray = np.array(fetched, dtype=bool)[classes.place]
    return found
