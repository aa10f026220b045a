"""Linear rows: for Pyomo short to write, quick to build, never empty; and rows added later.

Pyomo is imported where a model is built: audits and reports, which also know the rules, do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Term = tuple[float, Any]
"""A coefficient and a Pyomo variable."""
Point = Callable[[Any], float]
"""What the value of a variable is, whole or not."""

VIOLATED = 1e-6
"""How far, relative to its largest side, a row must be off at a point to be broken there."""


class Cut(NamedTuple):
    """A row that holds for every plan and is added only once a point breaks it."""

    terms: tuple[Term, ...]
    lower: float | None = None
    upper: float | None = None

    def is_broken(self, point: Point) -> bool:
        """Return whether the point is outside the row."""
        amount = sum(coefficient * point(variable) for coefficient, variable in self.terms)
        below = self.lower is not None and amount < self.lower - VIOLATED * max(1, abs(self.lower))
        above = self.upper is not None and amount > self.upper + VIOLATED * max(1, abs(self.upper))
        return below or above


class Expression(NamedTuple):
    """Σ coefficient · variable + constant; `integral` where every value is a whole number."""

    terms: list[Term]
    constant: float = 0.0
    integral: bool = False


def at_least_zero() -> Any:
    """Return a family of variables ≥ 0 that come into being when they are first used."""
    import pyomo.core as pyo

    return pyo.Var(pyo.Any, domain=pyo.NonNegativeReals, dense=False)


def share() -> Any:
    """Return a family of variables in 0 … 1 that come into being when they are first used."""
    import pyomo.core as pyo

    return pyo.Var(pyo.Any, bounds=(0, 1), dense=False)


def yes_no(keys: Iterable[Any] | None = None) -> Any:
    """Return a family of 0/1 variables, of these keys or when they are first used."""
    import pyomo.core as pyo

    if keys is None:
        return pyo.Var(pyo.Any, domain=pyo.Binary, dense=False)
    return pyo.Var(sorted(keys), domain=pyo.Binary)


def rows() -> Any:
    """Return an empty, named family of rows, to be filled by `row`."""
    import pyomo.core as pyo

    return pyo.Constraint(pyo.Any)


def row(
    family: Any,
    key: Any,
    terms: Iterable[Term],
    *,
    lower: float | None = None,
    upper: float | None = None,
) -> None:
    """Add lower ≤ Σ coefficient · variable ≤ upper; an empty sum is kept only if it cannot hold."""
    kept = [(coefficient, variable) for coefficient, variable in terms if coefficient != 0.0]
    if not kept:
        if (lower is None or lower <= 0) and (upper is None or upper >= 0):
            return
        kept = [(1.0, family.model().nothing)]
    if lower is not None and upper is not None and lower == upper:
        family[key] = linear(kept) == upper
    else:
        family[key] = (lower, linear(kept), upper)


def linear(terms: Iterable[Term]) -> Any:
    """Return Σ coefficient · variable as one flat expression."""
    from pyomo.core.expr import LinearExpression

    kept = list(terms)
    return LinearExpression(
        constant=0.0,
        linear_coefs=[coefficient for coefficient, _ in kept],
        linear_vars=[variable for _, variable in kept],
    )
