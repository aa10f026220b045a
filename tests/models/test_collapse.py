"""Smallest breaking sets and worst failures are those of brute force over the fault tree."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from models.collapse import Blast, Break, FaultTree
from models.data import Item
from models.exposure import Exposure, ExposureGraph

CLOUDS = [Item("provider", name) for name in "ab"]
GRIDS = [Item("grid", name) for name in "xyz"]
OFFERS = [Item("offer", name) for name in "12345"]


def graph(*exposures: tuple[Item, tuple[Item, ...]]) -> ExposureGraph:
    return ExposureGraph(tuple(Exposure(item, any_of) for item, any_of in exposures))


def drawn(draw: random.Random) -> ExposureGraph:
    """Return offers that hang on clouds and grids, some with a spare, clouds on grids."""
    found = []
    for offer in OFFERS:
        for _ in range(draw.randint(0, 2)):
            pool = [*CLOUDS, *GRIDS]
            found.append((offer, tuple(draw.sample(pool, draw.choice((1, 1, 2))))))
    for cloud in CLOUDS:
        if draw.random() < 0.5:
            found.append((cloud, tuple(draw.sample(GRIDS, draw.choice((1, 2))))))
    return graph(*found)


def breaks(draw: random.Random, count: int) -> list[Break]:
    found = []
    for _ in range(count):
        weights = {o: draw.randint(1, 4) for o in draw.sample(OFFERS, draw.randint(1, 5))}
        found.append(Break(weights, draw.randint(0, sum(weights.values()))))
    return found


def brute_sets(tree: ExposureGraph, broken: list[Break]) -> list[set[Item]]:
    """Return every minimal breaking set, smallest first."""
    minimal: list[set[Item]] = []
    for size in range(len(tree.dependencies) + 1):
        for failed in combinations(tree.dependencies, size):
            if not any(known <= set(failed) for known in minimal):
                down = tree.down(failed)
                if any(found.happens(down) for found in broken):
                    minimal.append(set(failed))
    return minimal


def test_a_spare_must_fail_too() -> None:
    tree = graph((OFFERS[0], (GRIDS[0], GRIDS[1])), (OFFERS[1], (CLOUDS[0],)))
    both = Break({OFFERS[0]: 1, OFFERS[1]: 1}, 1)
    found = FaultTree(tree, OFFERS[:2]).smallest([both])
    assert found is not None
    assert set(found) == {GRIDS[0], GRIDS[1], CLOUDS[0]}
    either = Break({OFFERS[0]: 1, OFFERS[1]: 1}, 0)
    assert FaultTree(tree, OFFERS[:2]).smallest([either]) == (CLOUDS[0],)


def test_what_may_not_fail_does_not() -> None:
    tree = graph((OFFERS[0], (CLOUDS[0],)), (CLOUDS[0], (GRIDS[0],)))
    lost = Break({OFFERS[0]: 1}, 0)
    assert FaultTree(tree, OFFERS[:1], [GRIDS[0]]).smallest([lost]) == (GRIDS[0],)
    assert FaultTree(tree, OFFERS[:1], [GRIDS[1]]).smallest([lost]) is None
    assert FaultTree(tree, OFFERS[:1]).smallest([Break({OFFERS[0]: 1}, 1)]) is None


def test_what_is_lost_already_needs_no_failure() -> None:
    tree = FaultTree(graph((OFFERS[0], (CLOUDS[0],))), OFFERS[:1])
    assert tree.smallest([Break({OFFERS[0]: 1}, -1)]) == ()


@pytest.mark.parametrize("seed", range(4))
def test_the_sets_are_those_of_brute_force(seed: int) -> None:
    draw, compared = random.Random(seed), 0
    for _ in range(25):
        tree, broken = drawn(draw), breaks(draw, draw.randint(1, 3))
        expected = brute_sets(tree, broken)
        found = list(FaultTree(tree, OFFERS).sets(broken))
        assert [len(failed) for failed in found] == [len(failed) for failed in expected]
        assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
        compared += len(expected) > 1
        upper = [set(failed) for failed in expected if len(failed) <= 1]
        assert len(list(FaultTree(tree, OFFERS).sets(broken, up_to=1))) == len(upper)
    assert compared > 5


@pytest.mark.parametrize("seed", range(4))
def test_the_smallest_set_of_several_guarantees_is_that_of_brute_force(seed: int) -> None:
    draw, compared = random.Random(200 + seed), 0
    for _ in range(40):
        tree, broken = drawn(draw), breaks(draw, 3)
        sizes = [next((len(found) for found in brute_sets(tree, [one])), None) for one in broken]
        known = [size for size in sizes if size is not None]
        any_one = FaultTree(tree, OFFERS).smallest(broken)
        assert (None if any_one is None else len(any_one)) == min(known, default=None), sizes
        if any_one is not None:
            down = tree.down(any_one)
            assert any(found.happens(down) for found in broken)
        compared += len(set(known)) > 1
    assert compared > 2


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_has_a_spare_the_smallest_set_is_that_of_the_program(seed: int) -> None:
    draw, compared = random.Random(300 + seed), 0
    for _ in range(40):
        every = drawn(draw).exposures
        tree = FaultTree(ExposureGraph(tuple(e for e in every if len(e.any_of) == 1)), OFFERS)
        assert not tree.has_spare
        for one in breaks(draw, 3):
            found = tree.smallest([one])
            assert (None if found is None else len(found)) == (
                next((len(failed) for failed in tree.sets([one], most=1)), None)
            )
            compared += found is not None and len(found) > 1
    assert compared > 5


@pytest.mark.parametrize("seed", range(4))
def test_the_worst_failures_are_those_of_brute_force(seed: int) -> None:
    draw, compared = random.Random(100 + seed), 0
    for _ in range(25):
        tree, broken = drawn(draw), breaks(draw, 4)
        for count in (1, 2):
            most = max(
                sum(found.happens(tree.down(failed)) for found in broken)
                for size in range(count + 1)
                for failed in combinations(tree.dependencies, size)
            )
            blast = FaultTree(tree, OFFERS).worst(broken, count)
            assert blast.broken == most
            assert len(blast.failed) <= count
            down = tree.down(blast.failed)
            assert sum(found.happens(down) for found in broken) == most
            compared += most > 1
    assert compared > 5
    assert FaultTree(graph(), OFFERS).worst([], 2) == Blast((), 0)
