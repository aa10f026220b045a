"""A part of a model, solved by itself: some columns free, all others as they are at a point.

Where most of a large model is fixed, taking out what is free is far sooner solved than the whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from planner.solver.arrays import BoolArray, FloatArray
from planner.solver.highs import Engine, Outcome
from planner.solver.problem import Problem

QUICK = {"mip_allow_restart": "off", "mip_heuristic_run_rins": False}
"""Options for a part: its root is looked at once, and its start is good already."""


class Part:
    """The objective and every row of a problem as far as its free columns matter."""

    def __init__(
        self,
        problem: Problem,
        costs: FloatArray,
        constant: float,
        point: FloatArray,
        free: BoolArray,
        whole: BoolArray,
    ) -> None:
        self.free, self.point = free, point
        within = problem.engine
        options = {**QUICK, **within.given}
        program = problem.program.part(free, whole, point)
        # There are hundreds of them: who looks for one says a line about it.
        self.engine = Engine(program, within.stop, options, told=False)
        fixed = ~free
        self.engine.minimise(costs[free], constant + float(costs[fixed] @ point[fixed]))

    def solve(self, start: FloatArray | None = None, **how: Any) -> Outcome:
        """Return how the solve ended, with the values of all columns."""
        begun = None if start is None else start[self.free]
        outcome = self.engine.solve(start=begun, **how)
        if outcome.values is None:
            return outcome
        values = np.array(self.point)
        values[self.free] = outcome.values
        return replace(outcome, values=values)
