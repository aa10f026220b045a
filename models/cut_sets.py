"""Which few dependencies take an item down together: its minimal cut sets, and the worst of them.

An item is down when it fails, or when all alternatives of one of its exposures are down. Expanded
from the item upwards that gives every minimal set of failures that takes it down (MOCUS; Vesely et
al., Fault Tree Handbook, NUREG-0492, 1981); only those of few failures are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import combinations
from math import comb, inf
from typing import Any, TypeVar

import numpy as np

from models.data import Item
from models.exposure import ExposureGraph

CutSet = frozenset[Item]
Cuts = frozenset[CutSet]

Thing = TypeVar("Thing", bound=Hashable)

Entry = tuple[int, int, float]
"""Row, column and coefficient."""


class CutSets:
    """The minimal cut sets of up to `most` of the dependencies that may fail."""

    def __init__(self, graph: ExposureGraph, may_fail: Callable[[Item], bool], most: int) -> None:
        self.most = most
        self.may_fail = frozenset(filter(may_fail, graph.dependencies))
        self._known: dict[Item, Cuts] = {}
        self._exposures = graph.of_item

    def of(self, item: Item) -> Cuts:
        """Return the minimal cut sets of an item."""
        if item not in self._known:
            found = {frozenset((item,))} if item in self.may_fail and self.most else set[CutSet]()
            for exposure in self._exposures.get(item, ()):
                all_down = {frozenset[Item]()}
                for alternative in sorted(set(exposure.any_of)):
                    unions = {cut | more for cut in all_down for more in self.of(alternative)}
                    all_down = {cut for cut in unions if len(cut) <= self.most}
                found |= all_down
            self._known[item] = _minimal(found)
        return self._known[item]


def _minimal(cuts: Iterable[CutSet]) -> Cuts:
    kept: list[CutSet] = []
    for cut in sorted(cuts, key=lambda cut: (len(cut), sorted(cut))):
        if not any(other <= cut for other in kept):
            kept.append(cut)
    return frozenset(kept)


def without(cuts: Mapping[Thing, Cuts], items: frozenset[Item]) -> dict[Thing, Cuts]:
    """Return the cut sets in which none of the items fails."""
    return {
        thing: frozenset(cut for cut in found if not cut & items) for thing, found in cuts.items()
    }


def taken(cuts: Mapping[Thing, Cuts], failed: frozenset[Item]) -> frozenset[Thing]:
    """Return what is down when the items fail."""
    return frozenset(thing for thing, found in cuts.items() if any(c <= failed for c in found))


def largest(
    cuts: Mapping[Thing, Cuts], most: int, trials: float = inf
) -> Iterator[frozenset[Thing]]:
    """Yield what up to `most` failures take down, without what is part of another such set.

    Single failures are all tried; of larger sets no more than `trials` of each size, of the
    dependencies that take most down.
    """
    items, found = _useful(cuts), set[frozenset[Thing]]()
    for size in range(1, min(most, len(items)) + 1):
        few = len(items)
        while size > 1 and comb(few, size) > trials:
            few -= 1
        found |= {taken(cuts, frozenset(failed)) for failed in combinations(items[:few], size)}
    for lost in sorted(found, key=lambda lost: (-len(lost), sorted(map(str, lost)))):
        if lost and not any(lost < other for other in found):
            yield lost


def heaviest(
    cuts: Mapping[Thing, Cuts], weights: Mapping[Thing, float], most: int
) -> Iterator[frozenset[Thing]]:
    """Yield what up to `most` failures take down, the set of most weight first, then others.

    Proven by a small mixed-integer program: maximise Σ weight · z, z[o] ≤ Σ_K t[K] over the cut
    sets K of o, t[K] ≤ y[g] for all g in K, Σ y ≤ most.
    """
    weighed = {thing: found for thing, found in cuts.items() if found and weights[thing] > 0}
    items, tried = _useful(weighed), list[frozenset[Item]]()
    number = {item: position for position, item in enumerate(items)}
    useful = frozenset(items)
    sets = {
        thing: [cut for cut in sorted(found, key=sorted) if cut <= useful]
        for thing, found in weighed.items()
    }
    joint = sorted({cut for found in sets.values() for cut in found if len(cut) > 1}, key=sorted)
    of_cut = {cut: len(items) + position for position, cut in enumerate(joint)}
    first = len(items) + len(joint)
    things = list(sets)
    entries: list[Entry] = []
    upper: list[float] = []

    def add(terms: Iterable[tuple[int, float]], most: float) -> None:
        entries.extend((len(upper), column, amount) for column, amount in terms)
        upper.append(most)

    for cut, column in of_cut.items():
        for item in sorted(cut):
            add([(column, 1.0), (number[item], -1.0)], 0.0)
    for position, thing in enumerate(things):
        ways = [of_cut[cut] if cut in of_cut else number[next(iter(cut))] for cut in sets[thing]]
        add([(first + position, 1.0), *((column, -1.0) for column in ways)], 0.0)
    add([(column, 1.0) for column in range(len(items))], float(most))
    columns = first + len(things)
    costs, whole = np.zeros(columns), np.zeros(columns)
    costs[first:] = [-weights[thing] for thing in things]
    whole[: len(items)] = 1
    while items:
        for failed in tried[-1:]:
            add([(number[item], 1.0) for item in sorted(failed)], len(failed) - 1.0)
        chosen = _solved(costs, whole, entries, upper)
        failed = frozenset(item for item in items if chosen[number[item]] > 0.5)
        if not failed:
            return
        yield taken(cuts, failed)
        tried.append(failed)


def _useful(cuts: Mapping[Thing, Cuts]) -> list[Item]:
    """Return the dependencies worth failing, not those that another does all the work of.

    Those that take most down come first.
    """
    alone: dict[Item, set[Thing]] = defaultdict(set)
    together: dict[Item, int] = defaultdict(int)
    for thing, found in cuts.items():
        for cut in found:
            for item in cut:
                if len(cut) == 1:
                    alone[item].add(thing)
                else:
                    together[item] += 1
    kept: list[Item] = []
    for item in sorted(alone, key=lambda item: (-len(alone[item]), item)):
        if not any(alone[item] <= alone[other] for other in kept):
            kept.append(item)
    kept += [item for item in together if item not in kept]
    return sorted(kept, key=lambda item: (-len(alone.get(item, ())) - together.get(item, 0), item))


def _solved(
    costs: Any, whole: Any, entries: list[tuple[int, int, float]], upper: list[float]
) -> Any:
    # Imported where it is needed: SciPy takes half a second to load.
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    rows, columns, amounts = zip(*entries, strict=True)
    matrix = coo_array((amounts, (rows, columns)), shape=(len(upper), len(costs))).tocsr()
    found = milp(
        costs,
        constraints=LinearConstraint(matrix, -np.inf, upper),
        integrality=whole,
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise ArithmeticError(f"the worst failures were not found: {found.message}")
    return found.x
