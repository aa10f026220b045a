"""Where a stage stands: the best legal point, what is proven of it, and whether that is enough."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from models.expressions import Expression
from planner.result import relative_gap
from planner.solver.arrays import Arrays, FloatArray
from planner.solver.log import LOG

Report = Callable[[float, float, float], None]
"""Called with incumbent, bound and seconds."""

NEAR = 0.05
"""The gap of a plan that is hard to better by rounding."""
FINER = 0.25
"""How much finer than the gap that is good enough the steps on the way are solved."""


class Standing:
    """The best legal point of one objective and its bound; every better one is reported.

    Where the problem holds but a part of the network, `floor` is a bound on the plans of the whole,
    and what is proven of the part only says when there is nothing more to gain in it.
    """

    def __init__(
        self,
        arrays: Arrays,
        expression: Expression,
        best: FloatArray | None,
        gap: float,
        report: Report | None,
        floor: float | None,
    ) -> None:
        self.arrays, self.costs = arrays, arrays.costs(expression.terms)
        self.constant, self.integral = expression.constant, expression.integral
        self.best, self.bound, self.floor = best, -np.inf, floor
        self.gap, self.report = gap, report
        self._one_at_a_time = threading.Lock()  # plans and bounds may come from two sides

    @property
    def is_part(self) -> bool:
        """Return whether it is sought in a part of the network only."""
        return self.floor is not None

    @property
    def proven(self) -> float:
        """Return the bound on all plans."""
        return self.bound if self.floor is None else self.floor

    @property
    def has_plan(self) -> bool:
        """Return whether there is a legal point."""
        return self.best is not None

    @property
    def value(self) -> float:
        """Return what the best point amounts to; infinite without one."""
        return self.value_of(self.best)

    @property
    def is_closed(self) -> bool:
        """Return whether the best point is proven good enough."""
        return self._reaches(self.proven, self.gap)

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to do: closed, or the best of a part of the network."""
        return self.is_closed or (self.is_part and self._reaches(self.bound, FINER * self.gap))

    def closes(self, bound: float) -> bool:
        """Return whether nothing would be left to do once so much is proven."""
        return self._reaches(bound, self.gap if self.floor is None else FINER * self.gap)

    @property
    def is_near(self) -> bool:
        """Return whether the plan is better than rounding a relaxation gives: the bound matters."""
        return self._reaches(self.proven, NEAR)

    def _reaches(self, bound: float, gap: float) -> bool:
        if self.best is None:
            return False
        if self.integral and self.value - bound < self.absolute_gap:
            return True
        return relative_gap(self.value, bound) <= max(gap, 1e-9)

    def value_of(self, values: FloatArray | None) -> float:
        """Return what a point amounts to; infinite without one."""
        return np.inf if values is None else float(self.costs @ values) + self.constant

    @property
    def absolute_gap(self) -> float:
        """Return what a plan may be above a bound and still be the best."""
        return 1 - 1e-6 if self.integral else 1e-6

    def least(self) -> float:
        """Return what the bounds of the columns alone say."""
        with np.errstate(invalid="ignore"):
            ends = np.where(self.costs > 0, self.arrays.lower, self.arrays.upper)
            each = np.where(self.costs == 0, 0.0, self.costs * ends)
        return float(each.sum()) + self.constant

    def prove(self, bound: float) -> None:
        """Note a bound on the plans of the problem, if it says more than the one before."""
        with self._one_at_a_time:
            self.bound = max(self.bound, bound)

    def offer(self, values: FloatArray | None) -> None:
        """Take a legal point if it is better than the best, and report it."""
        if values is not None and self.value_of(values) < self.value:
            self.best = values
            LOG.info("plan of %.10g, at least %.10g", self.value, self.proven)
            self.heard(-np.inf, -np.inf, 0.0)

    def heard(self, _: float, bound: float, seconds: float) -> None:
        """Report the best there is: a rung's own incumbent is no plan yet."""
        if self.report is not None:
            proven = max(self.bound, bound) if self.floor is None else self.floor
            with self._one_at_a_time:
                self.report(self.value, proven, seconds)
