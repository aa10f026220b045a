"""The fewest failures that stop every one of some sets are those of brute force."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from models.data import Item
from models.exposure import ExposureGraph
from models.stopping import Stopping
from tests.models.test_collapse import CLOUDS, GRIDS, OFFERS, drawn, graph


def brute(
    tree: ExposureGraph,
    stands: list[frozenset[Item]],
    may_fail: list[Item],
    but: list[tuple[Item, ...]],
) -> int | None:
    """Return how many failures it takes, trying every set of those that may fail."""
    for size in range(len(may_fail) + 1):
        for failed in combinations(may_fail, size):
            if any(set(known) <= set(failed) for known in but):
                continue
            down = tree.down(failed)
            if all(not stand.isdisjoint(down) for stand in stands):
                return size
    return None


@pytest.mark.parametrize("seed", range(6))
def test_the_set_is_as_small_as_that_of_brute_force_and_stops_all(seed: int) -> None:
    draw = random.Random(seed)
    sizes: set[int | None] = set()
    for _ in range(60):
        tree = drawn(draw)
        stands = [
            frozenset(draw.sample(OFFERS, draw.randint(1, 3))) for _ in range(draw.randint(0, 4))
        ]
        may_fail = [item for item in tree.dependencies if draw.random() < 0.8]
        but: list[tuple[Item, ...]] = []
        # What was found before is forbidden, until there is no other.
        for _ in range(3):
            found = Stopping(tree).fewest(stands, may_fail, but)
            expected = brute(tree, stands, may_fail, but)
            assert (None if found is None else len(found)) == expected, (stands, may_fail, but)
            sizes.add(expected)
            if found is None:
                break
            down = tree.down(found)
            assert set(found) <= set(may_fail)
            assert all(not stand.isdisjoint(down) for stand in stands)
            but.append(found)
    assert {None, 0, 1, 2} <= sizes


def test_a_spare_that_hangs_on_another_spare_must_fail_with_it() -> None:
    tree = graph(
        (OFFERS[0], (CLOUDS[0], CLOUDS[1])),
        (CLOUDS[0], (GRIDS[0], GRIDS[1])),
        (CLOUDS[1], (GRIDS[2],)),
    )
    stands = [frozenset({OFFERS[0]})]
    assert Stopping(tree).fewest(stands, GRIDS) == (*GRIDS,)
    assert Stopping(tree).fewest(stands, GRIDS[:2]) is None


def test_of_single_failures_the_first_by_name_is_told() -> None:
    tree = graph((OFFERS[0], (GRIDS[1],)), (OFFERS[0], (GRIDS[0],)))
    assert Stopping(tree).fewest([frozenset({OFFERS[0]})]) == (GRIDS[0],)
