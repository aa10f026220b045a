"""A row is written as asked, not at all where it says nothing, and is broken beyond a tolerance."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn

from models.expressions import VIOLATED, Cut, linear, row, rows, share, yes_no


def written(*terms: float, **limits: float) -> list[tuple[float | None, float | None]]:
    """Return the limits of the row, if it is written."""
    model = pyo.ConcreteModel()
    model.nothing = pyo.Var(bounds=(0, 0))
    model.x = pyo.Var([0, 1])
    model.family = rows()
    row(model.family, "k", [(c, model.x[n]) for n, c in enumerate(terms)], **limits)
    return [(found.lb, found.ub) for found in model.family.values()]


@pytest.mark.parametrize("terms", [(), (0.0,), (0.0, 0.0)])
def test_a_row_without_terms_is_written_only_where_it_cannot_hold(terms: tuple[float, ...]) -> None:
    for holds in ({"lower": 0.0}, {"upper": 0.0}, {"lower": -1.0, "upper": 2.0}, {"upper": 3.0}):
        assert written(*terms, **holds) == []
    for fails in ({"lower": 0.5}, {"upper": -0.5}, {"lower": 1.0, "upper": 2.0}):
        assert written(*terms, **fails) == [(fails.get("lower"), fails.get("upper"))]


def test_a_row_with_terms_is_written_with_its_limits() -> None:
    for limits in ({"lower": 0.0}, {"upper": 4.0}, {"lower": 1.0, "upper": 2.0}):
        assert written(1.0, -2.0, **limits) == [(limits.get("lower"), limits.get("upper"))]
    assert written(1.0, lower=3.0, upper=3.0) == [(3.0, 3.0)]


def test_a_sum_has_every_term_and_no_constant() -> None:
    model = pyo.ConcreteModel()
    model.x = pyo.Var([0, 1], initialize={0: 3.0, 1: 5.0})
    assert pyo.value(linear([(2.0, model.x[0]), (-1.0, model.x[1])])) == 1.0


@pytest.mark.parametrize("size", [1.0, 1e4])
def test_a_row_is_broken_from_a_millionth_of_its_limit_on(size: float) -> None:
    def broken(amount: float, **limits: float) -> bool:
        return Cut(((2.0, "x"),), **limits).is_broken(lambda _: amount / 2)

    for sign in (1.0, -1.0):
        limit = sign * size
        inside, outside = 0.5 * VIOLATED * size, 2 * VIOLATED * size
        assert not broken(limit - inside, lower=limit)
        assert broken(limit - outside, lower=limit)
        assert not broken(limit + inside, upper=limit)
        assert broken(limit + outside, upper=limit)
    assert not broken(-size, upper=0.0)
    assert not broken(size, lower=0.0)
    assert not broken(-VIOLATED, lower=0.0)
    assert not broken(VIOLATED, upper=0.0)


def test_families_are_in_their_range_of_these_keys_or_of_any() -> None:
    model = pyo.ConcreteModel()
    model.share, model.some, model.any = share(), yes_no("ba"), yes_no()
    assert model.share["new"].bounds == (0, 1)
    assert model.share["new"].is_continuous()
    assert list(model.some) == ["a", "b"]
    assert list(model.any) == []
    assert model.any["new"].is_binary()
    assert model.some["a"].is_binary()


def test_a_row_of_nothing_that_cannot_hold_is_a_row_of_what_is_always_nothing() -> None:
    model = pyo.ConcreteModel()
    model.nothing, model.family = pyo.Var(bounds=(0, 0)), rows()
    row(model.family, "holds", [], lower=0.0, upper=0.0)
    row(model.family, "never", [], lower=1.0)
    assert list(model.family) == ["never"]
    found = generate_standard_repn(model.family["never"].body)
    assert [(v.name, c) for v, c in zip(found.linear_vars, found.linear_coefs, strict=True)] == [
        ("nothing", 1.0)
    ]
