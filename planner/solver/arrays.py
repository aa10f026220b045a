"""The Pyomo model as arrays: compiled once, checked once, handed to the solver once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.core as pyo
from numpy.typing import NDArray
from pyomo.core.expr import LinearExpression
from pyomo.repn import generate_standard_repn

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SMALLEST, LARGEST = 1e-9, 1e15
"""Coefficients outside are dropped or refused by the solver without a word."""
LARGEST_COST = 1e12
"""Beyond this, cents are lost in rounding and the solver refuses what is derived from it."""
LARGEST_BOUND = 1e9
"""No whole number may be allowed to grow beyond this."""


@dataclass(frozen=True)
class Rows:
    """Sparse rows: the entries of row i are values[starts[i]:starts[i + 1]] at those columns."""

    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: FloatArray

    @classmethod
    def of_row(cls, costs: FloatArray) -> Rows:
        """Return one row with the coefficients that are not 0."""
        columns = np.flatnonzero(costs).astype(np.int32)
        return cls(np.array([0, len(columns)], dtype=np.int32), columns, costs[columns])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def row(self) -> IntArray:
        """Return the row of every entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def joined(self, others: Iterable[Rows]) -> Rows:
        """Return these rows with others below."""
        parts = [self, *others]
        lengths = np.concatenate([np.diff(part.starts) for part in parts])
        return Rows(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            np.concatenate([part.columns for part in parts]),
            np.concatenate([part.values for part in parts]),
        )


@dataclass(frozen=True)
class Program:
    """row_lower ≤ matrix · x ≤ row_upper, lower ≤ x ≤ upper, x whole where `integer`."""

    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    matrix: Rows
    row_lower: FloatArray
    row_upper: FloatArray

    def __len__(self) -> int:
        return len(self.lower)

    def part(self, free: BoolArray, whole: BoolArray, point: FloatArray) -> Program:
        """Return the program of the free columns, all others as they are at the point.

        Rows without a free column are left out; those that the point breaks, it may go on breaking.
        """
        matrix, count = self.matrix, len(self.matrix)
        inside = free[matrix.columns]
        at_point = matrix.values * point[matrix.columns]
        fixed = np.bincount(matrix.row[~inside], at_point[~inside], minlength=count)
        reached = fixed + np.bincount(matrix.row[inside], at_point[inside], minlength=count)
        entries = np.bincount(matrix.row[inside], minlength=count)
        kept = entries > 0
        position = np.cumsum(free) - 1
        return Program(
            lower=self.lower[free],
            upper=self.upper[free],
            integer=whole[free],
            matrix=Rows(
                np.concatenate([[0], np.cumsum(entries[kept])]).astype(np.int32),
                position[matrix.columns[inside]].astype(np.int32),
                matrix.values[inside],
            ),
            row_lower=(np.minimum(self.row_lower, reached) - fixed)[kept],
            row_upper=(np.maximum(self.row_upper, reached) - fixed)[kept],
        )


@dataclass(frozen=True)
class Arrays(Program):
    """The program of a Pyomo model: the variable of every column, the name of every row."""

    columns: tuple[Any, ...]
    row_names: tuple[str, ...]
    column_of: dict[int, int]
    row_of: dict[int, int]

    def costs(self, terms: Iterable[tuple[float, Any]]) -> FloatArray:
        """Return the coefficients of Σ coefficient · variable by column."""
        vector = np.zeros(len(self.columns))
        for coefficient, variable in terms:
            vector[self.column_of[id(variable)]] += coefficient
        return vector


class BadNumber(Exception):
    """A coefficient that the solver would silently change; says which, and where it came from."""


def compile_model(block: Any, extra: Iterable[Any] = ()) -> Arrays:
    """Return the arrays of an active Pyomo block; `extra` variables get a column in any case.

    One walk over the rows, which `models.expressions` keeps flat. Pyomo's own compiler takes three
    times as long here, and a second more to import what it needs.
    """
    column_of: dict[int, int] = {}
    columns: list[Any] = []
    starts, entries, data = [0], [], []
    row_lower, row_upper, rows = [], [], []
    for constraint in block.component_data_objects(pyo.Constraint, active=True):
        # Each of its three parts alone would be made of the whole again.
        lower, body, upper = constraint.to_bounded_expression(evaluate_bounds=True)
        coefficients, variables, constant = _flat(body)
        for variable in variables:
            if id(variable) not in column_of:
                column_of[id(variable)] = len(columns)
                columns.append(variable)
            entries.append(column_of[id(variable)])
        data.extend(coefficients)
        starts.append(len(entries))
        row_lower.append(-np.inf if lower is None else lower - constant)
        row_upper.append(np.inf if upper is None else upper - constant)
        rows.append(constraint)
    for variable in extra:
        if id(variable) not in column_of:
            column_of[id(variable)] = len(columns)
            columns.append(variable)
    matrix = Rows(
        np.array(starts, dtype=np.int32), np.array(entries, dtype=np.int32), np.array(data, float)
    )
    arrays = Arrays(
        columns=tuple(columns),
        lower=np.array([-np.inf if v.lb is None else v.lb for v in columns], dtype=float),
        upper=np.array([np.inf if v.ub is None else v.ub for v in columns], dtype=float),
        integer=np.array([v.is_integer() for v in columns], dtype=bool),
        matrix=matrix,
        row_lower=np.array(row_lower, dtype=float),
        row_upper=np.array(row_upper, dtype=float),
        row_names=short_names(rows),
        column_of=column_of,
        row_of={id(constraint): position for position, constraint in enumerate(rows)},
    )
    problems = list(bad_numbers(arrays))
    if problems:
        raise BadNumber("\n".join(problems[:20]))
    return arrays


def _flat(body: Any) -> tuple[list[float], list[Any], float]:
    """Return coefficients, variables and constant of a linear row, every variable once."""
    if isinstance(body, LinearExpression):
        variables = body.linear_vars
        if len({id(variable) for variable in variables}) == len(variables):
            return body.linear_coefs, variables, float(body.constant)
    found = generate_standard_repn(body, quadratic=False)
    return list(found.linear_coefs), list(found.linear_vars), float(found.constant)


def short_name(component: Any) -> str:
    """Return the name of a row or column without the phase: `opening.most[site,node type]`."""
    return next(iter(short_names((component,))))


def short_names(components: Iterable[Any]) -> tuple[str, ...]:
    """Return the names of rows or columns; asking Pyomo for each costs as much as the solve."""
    families: dict[int, str] = {}
    names = []
    for component in components:
        family = component.parent_component()
        if id(family) not in families:
            full = str(family.name)
            families[id(family)] = full.split("].", 1)[-1].removeprefix("rules.")
        index = component.index()
        parts = index if isinstance(index, tuple) else () if index is None else (index,)
        within = f"[{','.join(map(str, parts))}]" if parts else ""
        names.append(families[id(family)] + within)
    return tuple(names)


def bad_costs(arrays: Arrays, costs: FloatArray) -> Iterator[str]:
    """Yield every coefficient of an objective that a solver trips over."""
    for column in np.flatnonzero(~np.isfinite(costs) | (np.abs(costs) > LARGEST_COST)):
        yield f"{costs[column]:g} × {short_name(arrays.columns[column])} in the objective"


def bad_numbers(arrays: Arrays) -> Iterator[str]:
    """Yield every number that a solver drops or trips over: NaN, infinite, vanishing, huge."""
    values = arrays.matrix.values
    size = np.abs(values)
    wrong = ~np.isfinite(values) | ((size < SMALLEST) & (size > 0)) | (size > LARGEST)
    for entry in np.flatnonzero(wrong):
        row = int(np.searchsorted(arrays.matrix.starts, entry, side="right")) - 1
        column = short_name(arrays.columns[arrays.matrix.columns[entry]])
        yield f"{values[entry]:g} × {column} in {arrays.row_names[row]}"
    unbounded = arrays.integer & ~(arrays.upper <= LARGEST_BOUND)
    for position in np.flatnonzero(unbounded):
        yield f"{short_name(arrays.columns[position])} may grow to {arrays.upper[position]:g}"
    for position in np.flatnonzero(np.isnan(arrays.row_lower) | np.isnan(arrays.row_upper)):
        yield f"the limit of {arrays.row_names[position]} is not a number"
