"""Mixes of sizes that fit on one node, and the facets that say which fit on several."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import scipy.spatial

from models import mixes
from models.mixes import Mix, facets, largest_mixes


def mixes_of(room: int, *sizes: int) -> list[Mix]:
    """Return all largest mixes of the sizes."""
    found = largest_mixes(Fraction(room), [Fraction(size) for size in sizes], 1000)
    assert found is not None
    return found


def by_hand(room: int, sizes: tuple[int, ...]) -> set[Mix]:
    """Return the mixes that fit, tried one by one, to which nothing can be added."""
    every = product(*(range(room // size + 1) for size in sizes))
    used = {mix: sum(map(int.__mul__, mix, sizes)) for mix in every}
    return {mix for mix, gb in used.items() if room - min(sizes) < gb <= room}


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (5, 10), (2, 3, 7), (3, 4, 5, 6), (2, 2, 3)])
def test_the_largest_mixes_are_listed(sizes: tuple[int, ...]) -> None:
    found = mixes_of(10, *sizes)
    assert len(found) == len(set(found))
    assert set(found) == by_hand(10, sizes)


def test_more_mixes_than_the_limit_are_not_listed() -> None:
    sizes = [Fraction(3), Fraction(4)]
    found = largest_mixes(Fraction(10), sizes, 3)
    assert found == [(0, 2), (2, 1), (3, 0)]
    assert largest_mixes(Fraction(10), sizes, 2) is None
    assert largest_mixes(Fraction(10), sizes[:1], 1) == [(3,)]
    assert largest_mixes(Fraction(10), sizes[:1], 0) is None


def part(*of: tuple[int, int]) -> tuple[Fraction, ...]:
    return tuple(Fraction(*fraction) for fraction in of)


def test_the_facets_of_two_sizes_are_counted_by_hand() -> None:
    # 3 of the small, 2 of the small and 1 large, 2 large: a + b ≤ 3 and a + 2·b ≤ 4.
    found = facets(mixes_of(10, 3, 4), 2)
    assert found == [part((1, 4), (1, 2)), part((1, 3), (1, 3))]
    # 1 of each or 2 of the small: b ≤ 1 and a + b ≤ 2.
    assert facets(mixes_of(10, 4, 6), 2) == [part((0, 1), (1, 1)), part((1, 2), (1, 2))]
    # Each of three stands alone.
    assert facets(mixes_of(10, 6, 7, 8), 1) == [part((1, 1), (1, 1), (1, 1))]


def test_more_facets_than_the_limit_are_none() -> None:
    assert facets(mixes_of(10, 3, 4), 1) is None


def test_a_single_size_or_too_many_have_none(monkeypatch: Any) -> None:
    assert facets(mixes_of(10, 3), 12) is None
    three = mixes_of(10, 6, 7, 8)
    monkeypatch.setattr(mixes, "MOST_SIZES", 3)
    assert facets(three, 12) is not None
    monkeypatch.setattr(mixes, "MOST_SIZES", 2)
    assert facets(three, 12) is None


@pytest.mark.parametrize(
    ("limit", "enough"),
    [
        ("MOST_CORNERS", 3 * 2**3),  # three mixes, of each any sizes may be left out
        ("LARGEST", 1),  # all weights are whole
        ("MOST_POINTS", 6),  # two of three on two nodes: 200, 020, 002, 110, 101, 011
    ],
)
def test_beyond_its_limits_nothing_is_said(monkeypatch: Any, limit: str, enough: int) -> None:
    alone = mixes_of(10, 6, 7, 8)
    monkeypatch.setattr(mixes, limit, enough)
    assert facets(alone, 12) is not None
    monkeypatch.setattr(mixes, limit, enough - 1)
    assert facets(alone, 12) is None


def test_the_largest_denominator_counts(monkeypatch: Any) -> None:
    monkeypatch.setattr(mixes, "LARGEST", 3)
    assert facets(mixes_of(10, 3, 4), 12) is None  # 1/3 and 1/4


class Hull:
    """What a hull found with too little precision might say: planes through these corners."""

    def __init__(self, *simplices: tuple[int, ...]) -> None:
        self.simplices = np.array(simplices)
        self.equations = np.arange(len(simplices), dtype=float)[:, None] * np.ones(3)

    def __call__(self, _: Any) -> Hull:
        return self


@pytest.mark.parametrize(
    ("room", "sizes", "edges", "believed"),
    [
        (10, (3, 4), (((3, 0), (2, 1)), ((2, 1), (0, 2))), True),  # what the hull is
        (10, (3, 4), (((3, 0), (2, 1)), ((2, 1), (0, 2)), ((3, 0), (0, 2))), False),  # 21 cut off
        (10, (3, 4), (((3, 0), (2, 1)),), False),  # allows three large ones
        (10, (3, 4), (((2, 1), (0, 2)),), False),  # allows four small ones
        (10, (4, 6), (((0, 1), (1, 1)),), False),  # limits no small ones at all
        # A plane through 01 and 12 has b - a <= 1, which cuts nothing off.
        (11, (3, 4), (((3, 0), (2, 1)), ((2, 1), (1, 2)), ((0, 1), (1, 2))), False),
    ],
)
def test_a_hull_that_is_wrong_is_not_believed(
    monkeypatch: Any,
    room: int,
    sizes: tuple[int, ...],
    edges: tuple[tuple[Mix, Mix], ...],
    believed: bool,
) -> None:
    found = mixes_of(room, *sizes)
    corners = sorted({m for mix in found for m in product(*({0, count} for count in mix))})
    hull = Hull(*(tuple(corners.index(corner) for corner in edge) for edge in edges))
    monkeypatch.setattr(scipy.spatial, "ConvexHull", hull)
    assert (facets(found, 12) is not None) is believed
