"""The few dependencies that hit most are those of brute force, whatever overlaps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from models import hitting_sets
from models.data import Item
from models.hitting_sets import Part, fewest, hit, largest_union, smallest_removal
from models.plan import exceeds

ITEMS = [Item("grid", name) for name in "abcdef"]
A, B, C = ITEMS[:3]
SHARED = [(frozenset({A, B}), 4.0), (frozenset({A}), 1.0), (frozenset({C}), 3.0)]
"""A takes 5, B only 4 of the same, C 3 others; all together 8."""


def drawn(seed: int) -> Iterator[tuple[list[Part], random.Random]]:
    """Yield parts that hang on up to three dependencies each, some on none."""
    draw = random.Random(seed)
    for _ in range(100):
        parts = [
            (frozenset(draw.sample(ITEMS, draw.randint(0, 3))), float(draw.randint(0, 9)))
            for _ in range(draw.randint(1, 8))
        ]
        yield parts, draw


def test_overlapping_dependencies_are_counted_as_a_union() -> None:
    assert hit(SHARED, frozenset({A, B})) == 5
    assert largest_union(SHARED, 2) == (8, (A, C))
    assert fewest(SHARED, 4.5) == (A,)
    assert fewest(SHARED, 5.0) == (A, C)  # 5 is not more than 5
    assert fewest(SHARED, 8.0) is None
    assert fewest(SHARED, -1.0) == ()
    assert smallest_removal(SHARED, 2) == (A, C)
    assert smallest_removal(SHARED, 1) is None


def test_where_nothing_overlaps_those_that_hit_most_are_told() -> None:
    apart = [(frozenset({item}), amount) for item, amount in ((C, 3.0), (B, 4.0), (A, 5.0))]
    assert fewest(apart, 6.5) == (A, B)
    assert largest_union(apart, 2) == (9, (A, B))
    alike = [(frozenset({item}), 1.0) for item in reversed(ITEMS)]
    assert fewest(alike, 2.5) == (A, B, C)


def test_a_limit_of_nothing_takes_one_however_much_hangs_on_it() -> None:
    # A millionth of a dependency, which the solver takes for none, would hit more than nothing.
    assert fewest([(frozenset({A, B}), 100.0), (frozenset({C}), 100.0)], 0.0) in ((A,), (B,), (C,))


def test_crumbs_of_much_make_up_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # One hits just the limit, and the solver takes a millionth of two others for none.
    parts = [(frozenset({A, ITEMS[3]}), 1e8), (frozenset({B}), 1e8), (frozenset({C}), 1e8)]
    solved, rounds = hitting_sets._solved, list[int]()

    def counted(*given: Any) -> tuple[Item, ...]:
        rounds.append(len(rounds))
        assert len(rounds) < 20
        return solved(*given)

    monkeypatch.setattr(hitting_sets, "_solved", counted)
    monkeypatch.setattr(hitting_sets, "_counted", lambda *_: ())  # it would do here
    found = fewest(parts, 1e8)
    assert len(rounds) > 1
    assert found is not None
    assert len(found) == 2
    assert hit(parts, frozenset(found)) == 2e8


def test_counting_proves_the_fewest_where_the_overlaps_are_needless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each seat is of a data centre of its own, and two seats are of one owner.
    centres = [Item("data centre", name) for name in "uvwxy"]
    owners = [Item("provider", name) for name in "ppqrs"]
    seats = [(frozenset(pair), 1.0) for pair in zip(centres, owners, strict=True)]
    monkeypatch.setattr(hitting_sets, "_solved", None)
    found = fewest(seats, 2.5)
    assert found == (Item("provider", "p"), centres[2])


def test_where_counting_proves_nothing_the_solver_does() -> None:
    # Two that hang on four parts each hit seven of ten at most, however few eight would be apart.
    pairs = [(frozenset(pair), 1.0) for pair in combinations(ITEMS[:5], 2)]
    assert hitting_sets._counted(pairs, ITEMS[:5], 7.0) == ()
    found = fewest(pairs, 7.0)
    assert found is not None
    assert len(found) == 3


@pytest.mark.parametrize("seed", range(3))
def test_what_counting_proves_is_what_the_solver_proves(seed: int) -> None:
    proven = 0
    for parts, draw in drawn(seed):
        merged = hitting_sets._merged(parts)
        ranked = hitting_sets._ranked(merged)
        limit = draw.uniform(0, hit(merged, frozenset(ranked)) - 0.01) if ranked else 0.0
        counted = hitting_sets._counted(merged, ranked, limit) if ranked else ()
        if counted:
            proven += 1
            assert exceeds(hit(merged, frozenset(counted)), limit)
            assert len(counted) == len(hitting_sets._cover(merged, ranked, limit))
    assert proven > 50


def test_nothing_is_hit_by_nothing() -> None:
    assert largest_union([], 2) == largest_union(SHARED, 0) == (0.0, ())
    assert smallest_removal([], 0) == ()
    assert smallest_removal([(frozenset(), 1.0)], 3) is None
    assert fewest([(frozenset(), 9.0)], 1.0) is None


@pytest.mark.parametrize("seed", range(3))
def test_the_largest_union_is_that_of_brute_force(seed: int) -> None:
    for parts, draw in drawn(seed):
        count = draw.randint(1, 4)
        amount, chosen = largest_union(parts, count)
        best = max(hit(parts, frozenset(found)) for found in combinations(ITEMS, count))
        assert amount == pytest.approx(best)
        assert len(chosen) <= count
        assert amount == hit(parts, frozenset(chosen))


@pytest.mark.parametrize("seed", range(3))
def test_the_fewest_are_those_of_brute_force(seed: int) -> None:
    for parts, draw in drawn(seed):
        most = sum(amount for _, amount in parts)
        limit = draw.choice((draw.uniform(-1, most), float(draw.randint(0, 5))))
        found = fewest(parts, limit)
        sizes = (
            size
            for size in range(len(ITEMS) + 1)
            for chosen in combinations(ITEMS, size)
            if exceeds(hit(parts, frozenset(chosen)), limit)
        )
        assert (None if found is None else len(found)) == next(sizes, None)
        assert found is None or exceeds(hit(parts, frozenset(found)), limit)


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_removal_is_that_of_brute_force(seed: int) -> None:
    for parts, draw in drawn(seed):
        limit = draw.randint(0, 4)
        needed = [hangs_on for hangs_on, amount in parts if amount]
        sizes = (
            size
            for size in range(limit + 1)
            for chosen in combinations(ITEMS, size)
            if all(hangs_on & set(chosen) for hangs_on in needed)
        )
        found = smallest_removal(parts, limit)
        assert (None if found is None else len(found)) == next(sizes, None)


@pytest.mark.parametrize(
    ("amounts", "fraction", "expected"),
    [
        ([6, 3, 2, 1, 1], 1 / 3, 1),
        ([4, 4, 3, 2], 1 / 3, 2),
        ([1] * 13, 1 / 3, 5),
        ([1] * 28, 1 / 3, 10),
        ([1, 2, 3], 1 / 3, 1),
        ([1, 2, 1, 2, 1], 1 / 3, 2),
        ([50, 50], 1 / 2, 2),
    ],
)
def test_nakamoto_number_is_the_published_one(
    amounts: list[float], fraction: float, expected: int
) -> None:
    parts = [(frozenset({Item("provider", str(n))}), a) for n, a in enumerate(amounts)]
    found = fewest(parts, fraction * sum(amounts))
    assert found is not None
    assert len(found) == expected


@pytest.mark.parametrize("seed", range(12))
def test_of_many_that_overlap_the_best_is_proven_and_not_the_first_that_is_found(seed: int) -> None:
    draw = random.Random(seed)
    items = [Item("owner", f"o{number}") for number in range(10)]
    parts = [
        (frozenset(draw.sample(items, draw.randint(2, 3))), float(draw.randint(1, 3)))
        for _ in range(20)
    ]
    amount, _ = largest_union(parts, 3)
    best = max(hit(parts, frozenset(found)) for found in combinations(items, 3))
    assert amount == pytest.approx(best)
    limit = 0.8 * sum(amount for _, amount in parts)
    found = fewest(parts, limit)
    assert found is not None
    smaller = combinations(items, len(found) - 1)
    assert not any(exceeds(hit(parts, frozenset(chosen)), limit) for chosen in smaller)
