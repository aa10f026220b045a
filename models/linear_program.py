"""A linear program put together by arrays, solved by scipy's HiGHS, with its duals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.paths import FloatArray, IntArray


class Optimum(NamedTuple):
    """What is least, the point, and the duals: of rows ≤ they are ≥ 0."""

    value: float
    point: FloatArray
    duals: FloatArray


class LinearProgram:
    """Columns ≥ 0; rows Σ ≤ limit, or Σ = limit."""

    def __init__(self) -> None:
        self.costs: list[FloatArray] = []
        self.limits: list[FloatArray] = []
        self.width = self.height = 0
        self.equal: list[int] = []
        self.entries: list[tuple[IntArray, IntArray, FloatArray]] = []

    def columns(self, count: int, cost: float = 0.0) -> IntArray:
        """Add columns."""
        self.costs.append(np.full(count, cost))
        self.width += count
        return np.arange(self.width - count, self.width)

    def rows(self, limits: Any, equal: bool = False) -> IntArray:
        """Add empty rows."""
        found = np.atleast_1d(np.asarray(limits, dtype=float))
        self.limits.append(found)
        self.height += len(found)
        rows = np.arange(self.height - len(found), self.height)
        self.equal.extend(rows.tolist() if equal else ())
        return rows

    def put(self, rows: Any, columns: Any, values: Any) -> None:
        """Add entries; what is one number goes for all."""
        rows, columns, values = np.broadcast_arrays(rows, columns, values)
        self.entries.append((rows.ravel(), columns.ravel(), values.ravel().astype(float)))

    def solved(self) -> Optimum:
        """Return the optimum of a program that has one."""
        # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
        from scipy.optimize import linprog
        from scipy.sparse import coo_array

        rows, columns, values = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        matrix = coo_array((values, (rows, columns)), shape=(self.height, self.width)).tocsr()
        limits = np.concatenate(self.limits)
        equal = np.zeros(self.height, dtype=bool)
        equal[self.equal] = True
        solve: Any = linprog
        found = solve(
            np.concatenate(self.costs),
            A_ub=matrix[~equal],
            b_ub=limits[~equal],
            A_eq=matrix[equal] if equal.any() else None,
            b_eq=limits[equal] if equal.any() else None,
            method="highs",
        )
        if found.x is None:
            raise ArithmeticError(f"a program that has an optimum was not solved: {found.message}")
        duals = np.zeros(self.height)
        duals[~equal] = np.maximum(0.0, -found.ineqlin.marginals)
        if equal.any():
            duals[equal] = -found.eqlin.marginals
        return Optimum(float(found.fun), np.asarray(found.x), duals)
