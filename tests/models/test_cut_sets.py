"""Cut sets, and the worst of few failures, are those of trying every set of failures."""

from __future__ import annotations

import random
from itertools import combinations, islice

import pytest

from models.cut_sets import CutSets, _useful, heaviest, largest, taken, without
from models.data import Item
from models.exposure import ExposureGraph
from tests.models.test_collapse import CLOUDS, GRIDS, OFFERS, drawn, graph


def everything(_: Item) -> bool:
    return True


def minimal(tree: ExposureGraph, offer: Item, most: int) -> frozenset[frozenset[Item]]:
    """Return the minimal sets that take an offer down, by trying all."""
    found: list[frozenset[Item]] = []
    for size in range(1, most + 1):
        for failed in map(frozenset, combinations(tree.dependencies, size)):
            if offer in tree.down(failed) and not any(known <= failed for known in found):
                found.append(failed)
    return frozenset(found)


@pytest.mark.parametrize("seed", range(4))
def test_cut_sets_are_those_of_brute_force(seed: int) -> None:
    draw, joint = random.Random(300 + seed), 0
    for _ in range(50):
        tree, most = drawn(draw), draw.randint(1, 3)
        sets = CutSets(tree, everything, most)
        for offer in OFFERS:
            found = sets.of(offer)
            assert found == minimal(tree, offer, most)
            joint += any(len(cut) > 1 for cut in found)
    assert joint > 20


@pytest.mark.parametrize("seed", range(4))
def test_the_worst_of_few_failures_is_that_of_brute_force(seed: int) -> None:
    draw, compared = random.Random(400 + seed), 0
    for _ in range(50):
        tree, most = drawn(draw), draw.randint(1, 3)
        cuts = {offer: CutSets(tree, everything, most).of(offer) for offer in OFFERS}
        weights = {offer: draw.choice((0.0, 0.5, 1.0, 2.25)) for offer in OFFERS}
        lost = {
            frozenset(tree.down(failed)).intersection(OFFERS)
            for size in range(most + 1)
            for failed in combinations(tree.dependencies, size)
        }
        worst = max(sum(weights[offer] for offer in gone) for gone in lost)
        found = list(islice(heaviest(cuts, weights, most), 4))
        amounts = [sum(weights[offer] for offer in gone) for gone in found]
        assert amounts == sorted(amounts, reverse=True)
        assert max(amounts, default=0.0) == pytest.approx(worst)
        assert all(gone in lost for gone in found)
        assert set(largest(cuts, most)) == {
            gone for gone in lost if gone and not any(gone < other for other in lost)
        }
        compared += worst > 2
    assert compared > 10


def test_what_may_not_fail_is_in_no_cut_set() -> None:
    tree = graph((OFFERS[0], (CLOUDS[0], GRIDS[0])), (OFFERS[0], (GRIDS[1],)))
    only = CutSets(tree, lambda item: item.kind == "grid", 2)
    assert only.of(OFFERS[0]) == {frozenset({GRIDS[1]})}
    every = {OFFERS[0]: CutSets(tree, everything, 2).of(OFFERS[0])}
    assert every == {OFFERS[0]: {frozenset({GRIDS[1]}), frozenset({CLOUDS[0], GRIDS[0]})}}
    assert without(every, frozenset({GRIDS[1]})) == {OFFERS[0]: {frozenset({CLOUDS[0], GRIDS[0]})}}
    assert taken(every, frozenset({CLOUDS[0]})) == frozenset()
    assert taken(every, frozenset({CLOUDS[0], GRIDS[0]})) == {OFFERS[0]}


def test_no_failures_take_nothing() -> None:
    tree = graph((OFFERS[0], (CLOUDS[0],)))
    assert CutSets(tree, everything, 0).of(OFFERS[0]) == frozenset()
    cuts = {OFFERS[0]: CutSets(tree, everything, 1).of(OFFERS[0])}
    assert list(largest(cuts, 0)) == []
    assert list(heaviest(cuts, {OFFERS[0]: 0.0}, 1)) == []


def test_dependencies_of_which_another_takes_as_much_are_not_worth_failing() -> None:
    """Those that take something down together with others are, whatever they take alone."""
    big, same, less, pair, other = (Item("metro", name) for name in "abcde")
    alone = [frozenset({big}), frozenset({same})]
    cuts = {
        "x": frozenset([*alone, frozenset({less}), frozenset({pair})]),
        "y": frozenset(alone),
        "z": frozenset([frozenset({pair, other})]),
    }
    assert _useful(cuts) == [big, pair, other]
