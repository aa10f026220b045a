"""Rows for what fits on a node: sizes that divide each other, and sizes that are alike."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from models import packing as module
from models.mixes import largest_mixes
from models.packing import Packing, _alike, _Chain, _chain, _chains

ONE = Fraction(1)


def gb(*sizes: int) -> list[Fraction]:
    return [Fraction(size) for size in sizes]


@pytest.mark.parametrize(
    ("factor", "counts"),
    [(1, (1, 3, 6)), (2, (1, 4, 8)), (3, (1, 3, 9))],  # as much as needed; doubled; tripled
)
def test_sizes_grow_by_a_factor_or_by_as_much_as_needed(
    factor: int, counts: tuple[int, ...]
) -> None:
    assert _chain(Fraction(20), gb(1, 3, 5), ONE, factor) == _Chain(ONE, 20, counts)
    every = {chain.counts for chain in _chains(Fraction(20), gb(1, 3, 5)) if chain.unit == 1}
    assert every == {(1, 3, 6), (1, 4, 8), (1, 3, 9)}


def test_what_is_rounded_up_above_a_node_takes_it_less_what_others_cannot_use() -> None:
    # 6 is rounded up to 2 · 4 = 8 of 10, to 8 of 9 where 2 · 4 are all that 4 can use, …
    assert _chain(Fraction(10), gb(4, 6), ONE, 1) == _Chain(ONE, 10, (4, 8))
    # … and to 12, which no node has: 8 of 11.
    assert _chain(Fraction(11), gb(4, 9), ONE, 1) == _Chain(ONE, 8, (4, 8))
    assert _chain(Fraction(12), gb(4, 9), ONE, 1) == _Chain(ONE, 12, (4, 12))


def test_units_are_parts_of_sizes_and_of_the_node() -> None:
    units = {chain.unit for chain in _chains(Fraction(10), gb(3, 7))}
    assert {Fraction(3), Fraction(3, 8), Fraction(7), Fraction(7, 8)} <= units
    assert {Fraction(10), Fraction(10, 64)} <= units
    assert max(units) == 10
    assert min(units) == Fraction(10, 64)


def test_waste_is_what_sizes_take_alone_and_together() -> None:
    # Of 10 units five of 2 fit and two of 4; together they have 6 of 10.
    chain = _Chain(ONE, 10, (2, 4))
    assert chain.waste == (Fraction(1, 5) + Fraction(1, 2) + Fraction(6, 10), 10)


def test_the_larger_have_a_row_of_their_own_where_they_fill_less() -> None:
    # Of 10 units two of 4 fill 8, and 1 fills them all.
    small, large = gb(1, 4)
    assert _Chain(ONE, 10, (1, 4)).rows([small, large]) == (
        {small: Fraction(1, 10), large: Fraction(4, 10)},
        {small: 0, large: Fraction(1, 2)},
    )
    assert len(_Chain(ONE, 8, (1, 4)).rows([small, large])) == 1


@pytest.mark.parametrize(
    ("sizes", "alike"),
    [
        ((4, 5), (5, 5)),  # two of any kind fill the node to the brim
        ((3, 5), (3, 5)),  # three of 3, but not of 5
        ((6, 7, 8), (8, 8, 8)),  # each stands alone
        ((3, 4, 5), (3, 4, 5)),  # 3 + 3 + 4
    ],
)
def test_sizes_of_which_the_same_fits_are_alike(
    sizes: tuple[int, ...], alike: tuple[int, ...]
) -> None:
    mixes = largest_mixes(Fraction(10), gb(*sizes), 99)
    assert mixes is not None
    assert _alike(Fraction(10), gb(*sizes), mixes) == gb(*alike)


def rounded_up(monkeypatch: Any, room: int, *sizes: int) -> Packing:
    """Return the rows where the mixes are too many to list."""
    monkeypatch.setattr(module, "MOST_MIXES", 0)
    found: Packing = module.packing.__wrapped__(Fraction(room), frozenset(gb(*sizes)))
    return found


def test_where_nothing_is_exact_it_says_what_counts_as_what(monkeypatch: Any) -> None:
    # Two of 3 or 4 fill a node of 10: as 4 and 4 they waste least.
    found = rounded_up(monkeypatch, 10, 3, 4)
    assert found.rounded == {Fraction(3): Fraction(4)}
    assert found.rows == ({Fraction(3): Fraction(1, 2), Fraction(4): Fraction(1, 2)},)
    # What divides each other needs no rounding.
    assert rounded_up(monkeypatch, 10, 2, 4) == Packing(
        (
            {Fraction(2): Fraction(1, 5), Fraction(4): Fraction(2, 5)},
            {Fraction(2): Fraction(0), Fraction(4): Fraction(1, 2)},
        )
    )
    # Nor does a size alone, though as 9/29 of the node it would seem to waste less.
    assert rounded_up(monkeypatch, 100, 31) == Packing(({Fraction(31): Fraction(1, 3)},))


def test_sizes_are_measured_by_the_mean_of_the_rows_and_by_each() -> None:
    small, large = gb(1, 4)
    rows = ({small: Fraction(1, 10), large: Fraction(4, 10)}, {small: Fraction(0), large: ONE})
    two = Packing(rows)
    assert [two.part(large, way) for way in range(4)] == [0.7, 0.4, 1.0, 1.0]
    assert [two.part(small, way) for way in range(3)] == [0.05, 0.1, 0.0]
    assert Packing(rows[:1]).measures == ({small: 0.1, large: 0.4},)  # the mean is the row
    assert Packing(()).nodes({}) == 0
