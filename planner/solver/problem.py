"""One network inside the solver: model, arrays and engine, and what every step asks of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.core as pyo

from models import covers, forcing, headroom
from models.build import rule_name
from models.classes import Classes
from models.expressions import Cut, Point
from models.network import Network
from models.rules import RULES
from models.streams import Stream
from planner.solver.arrays import (
    BadNumber,
    FloatArray,
    IntArray,
    Program,
    Rows,
    bad_costs,
)
from planner.solver.clock import Clock
from planner.solver.compiled import Compiled
from planner.solver.highs import Engine

SEPARATION_ROUNDS = 20
"""How often rows are added for one point before it is given up."""
COVERED_BY = frozenset({"demand", "throughput", "memory", "opening"})
"""The rules from which cover and forcing rows follow."""
NEARLY_WHOLE = 1e-6
"""How near a number must be to a whole one to be taken for it."""


class Problem(Compiled):
    """The model of a network as HiGHS holds it, with the rows that were added to it since."""

    def __init__(
        self,
        network: Network,
        classes: Classes,
        without: frozenset[str] = frozenset(),
        streams: tuple[Stream, ...] | None = None,
        flows: IntArray | None = None,
    ) -> None:
        super().__init__(network, classes, without, streams, flows)
        self._added: list[tuple[Rows, FloatArray, FloatArray]] = []
        self._program: Program | None = None
        self.has_separated = False
        """Whether some rule has had rows to add."""
        self.clock: Clock | None = None
        """The time there is for separation."""
        self.cut_short = False
        """Whether a plan was not finished for want of time: with more, another may be found."""

    def switched_off(self, rules: frozenset[str]) -> Problem:
        """Return the compiled problem without these rules, to be handed over by itself.

        Model and matrix stay the same; the rules' rows ask for nothing any more. The variables they
        brought are in no row of another rule, and cost nothing where they are least.
        """
        found, arrays = copy(self), self.arrays
        blocks = [self.block.rules.component(name) for name in rules - self.without]
        rows = [row for own in blocks for row in own.component_data_objects(pyo.Constraint)]
        off = np.zeros(len(arrays.row_names), dtype=bool)
        off[[arrays.row_of[id(row)] for row in rows]] = True
        found.without = self.without | rules
        found.arrays = replace(
            arrays,
            lower=arrays.lower.copy(),
            upper=arrays.upper.copy(),
            row_lower=np.where(off, -np.inf, arrays.row_lower),
            row_upper=np.where(off, np.inf, arrays.row_upper),
        )
        found._added, found._program, found.has_separated = [], None, False
        return found

    def hand_over(
        self, stop: threading.Event, solver: Mapping[str, Any], clock: Clock | None = None
    ) -> None:
        """Pass the arrays to the solver, once. Raises UnknownOption."""
        self.engine, self.clock = Engine(self.arrays, stop, solver), clock

    def minimise(self, costs: FloatArray, constant: float = 0.0) -> None:
        """Set the objective; raises BadNumber where the solver would drop a coefficient."""
        problems = list(bad_costs(self.arrays, costs))
        if problems:
            raise BadNumber(self.with_cells("\n".join(problems[:20])))
        self.engine.minimise(costs, constant)

    def fixed(self, columns: IntArray, point: FloatArray) -> AbstractContextManager[None]:
        """Fix columns for a while."""
        return self.bounded(columns, point, point)

    @contextmanager
    def bounded(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> Iterator[None]:
        """Keep columns within other bounds for a while."""
        self.engine.bound(columns, lower, upper)
        try:
            yield
        finally:
            self.engine.bound(columns, self.arrays.lower[columns], self.arrays.upper[columns])

    def fix_if_least(self, costs: FloatArray, found: float) -> bool:
        """Fix every column of a sum at its bound, for good, where the sum is no more than that."""
        arrays, used = self.arrays, np.flatnonzero(costs)
        ends = np.where(costs > 0, arrays.lower, arrays.upper)[used]
        if not np.isfinite(ends).all() or found > float(costs[used] @ ends) + 1e-9:
            return False
        arrays.lower[used] = arrays.upper[used] = ends
        self.engine.bound(used, ends, ends)
        return True

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let short solves finish although somebody asked to stop."""
        asked, self.engine.stop = self.engine.stop, threading.Event()
        try:
            yield
        finally:
            self.engine.stop = asked

    def separate(self, values: FloatArray) -> int:
        """Ask every rule for rows, hand over those that the point breaks, and return how many.

        Once there is no time left and a row was found, no more are sought: the point is no plan.
        That there is none is looked for to the end, for only then it is one.
        """
        point, added = self.point(values), 0
        for cut in self._separated(point):
            self._add(cut)
            added += 1
            if self.clock is not None and self.clock.must_end:
                break
        self.has_separated |= added > 0
        return added

    def _separated(self, point: Point) -> Iterator[Cut]:
        """Yield the rows of all rules that a point breaks."""
        for rule in RULES:
            separate = getattr(rule, "separate", None)
            if separate is not None and rule_name(rule) not in self.without:
                own = self.block.rules.component(rule_name(rule))
                cuts = separate(own, self.block, self.network, point)
                yield from (cut for cut in cuts if cut.is_broken(point))

    def tighten(self, values: FloatArray) -> int:
        """Add rows that follow from whole numbers and that a point breaks; return how many."""
        if self.without & COVERED_BY:
            return 0
        given = self.block, self.network, self.point(values)
        cuts = [*covers.separate(*given), *forcing.separate(*given)]
        if "survival" not in self.without:
            cuts += headroom.separate(*given)
        for cut in cuts:
            self._add(cut)
        return len(cuts)

    def _add(self, cut: Cut) -> None:
        costs = self.arrays.costs(cut.terms)
        lower = -np.inf if cut.lower is None else cut.lower
        upper = np.inf if cut.upper is None else cut.upper
        self.add_row(costs, lower, upper)

    def add_row(self, costs: FloatArray, lower: float, upper: float) -> None:
        """Add lower ≤ costs · x ≤ upper."""
        row = Rows.of_row(costs), np.array([lower]), np.array([upper])
        self.engine.add_rows(*row)
        self._added.append(row)
        self._program = None

    @property
    def program(self) -> Program:
        """Return the program with every row that was added; columns are those of the arrays."""
        if self._program is None:
            arrays, added = self.arrays, self._added
            self._program = Program(
                arrays.lower,
                arrays.upper,
                arrays.integer,
                arrays.matrix.joined(rows for rows, _, _ in added),
                np.concatenate([arrays.row_lower, *(lower for _, lower, _ in added)]),
                np.concatenate([arrays.row_upper, *(upper for _, _, upper in added)]),
            )
        return self._program

    def separated(self, *, time_limit_s: float, **how: Any) -> FloatArray | None:
        """Return what a solve finds once no rule has rows to add; `how` is told to the engine."""
        ends = time.perf_counter() + time_limit_s
        for _ in range(SEPARATION_ROUNDS):
            left_s = ends - time.perf_counter()
            found = self.engine.solve(time_limit_s=left_s, **how).values
            self.cut_short |= time.perf_counter() >= ends
            if found is None or not self.separate(found):
                return found
        return None
