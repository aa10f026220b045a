"""Which few dependencies hit most: exact, as small covering problems (hitting sets, set cover).

A part is an amount with the dependencies each of which alone takes it away. Where no part hangs on
two, sorting answers; where one does, counting often proves which are fewest, and HiGHS in scipy
proves the rest (maximum coverage; Church and ReVelle, 1974).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from models.data import Item
from models.plan import TOLERANCE, exceeds

Part = tuple[frozenset[Item], float]
"""The dependencies that each take the part down, and its amount."""

SCALE = 1e4
"""What all amounts together are scaled to, so that the solver's absolute tolerances are nothing."""
TIE = 1e-5
"""What a dependency of lower rank costs more: of two sets that hit the same, the first is named."""


def hit(parts: Iterable[Part], items: frozenset[Item]) -> float:
    """Return how much hangs on any of the dependencies."""
    return sum(amount for hangs_on, amount in parts if hangs_on & items)


def largest_union(parts: Iterable[Part], count: int) -> tuple[float, tuple[Item, ...]]:
    """Return the most that hangs on any `count` dependencies together, and which those are."""
    merged = _merged(parts)
    ranked = _ranked(merged)
    if count <= 0 or not ranked:
        return 0.0, ()
    chosen = tuple(ranked[:count])
    if len(ranked) > count and _overlap(merged):
        chosen = _most(merged, ranked, count)
    return hit(merged, frozenset(chosen)), chosen


def fewest(parts: Iterable[Part], limit: float) -> tuple[Item, ...] | None:
    """Return the fewest dependencies on which more than the limit hangs; None if all are too few.

    An amount within the tolerance of the limit is not more.
    """
    merged = _merged(parts)
    ranked = _ranked(merged)
    if exceeds(0.0, limit):
        return ()
    if not exceeds(hit(merged, frozenset(ranked)), limit):
        return None
    if _overlap(merged):
        ranked = list(_counted(merged, ranked, limit) or _cover(merged, ranked, limit))
    for count in range(1, len(ranked)):
        if exceeds(hit(merged, frozenset(ranked[:count])), limit):
            return tuple(ranked[:count])
    return tuple(ranked)


def smallest_removal(parts: Iterable[Part], limit: int) -> tuple[Item, ...] | None:
    """Return the fewest dependencies whose loss removes everything; None if more than `limit`."""
    merged = [(hangs_on, 1.0) for hangs_on, _ in _merged(parts)]
    if any(not hangs_on for hangs_on, _ in merged):
        return None
    found = fewest(merged, len(merged) - 0.5) if merged else ()
    return found if found is not None and len(found) <= limit else None


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Return what is more than nothing, equal dependencies as one part, in an order of its own."""
    merged: dict[frozenset[Item], float] = defaultdict(float)
    for hangs_on, amount in parts:
        if amount > 0:
            merged[hangs_on] += amount
    return sorted(merged.items(), key=lambda part: sorted(part[0]))


def _ranked(parts: Sequence[Part]) -> list[Item]:
    """Return the dependencies, those on which most hangs first."""
    alone: dict[Item, float] = defaultdict(float)
    for hangs_on, amount in parts:
        for item in hangs_on:
            alone[item] += amount
    return sorted(alone, key=lambda item: (-alone[item], item))


def _overlap(parts: Sequence[Part]) -> bool:
    return any(len(hangs_on) > 1 for hangs_on, _ in parts)


def _counted(parts: Sequence[Part], items: Sequence[Item], limit: float) -> tuple[Item, ...]:
    """Return the fewest items that hit more than the limit; nothing where counting proves none.

    No fewer do than would if the amounts on those that hit most were all apart. Items that hit no
    more than what another one hits are left out: they make that bound weak, and no set smaller.
    """
    positions: dict[Item, set[int]] = defaultdict(set)
    for number, (hangs_on, _) in enumerate(parts):
        for item in hangs_on:
            positions[item].add(number)

    def is_needless(item: Item) -> bool:
        own = positions[item]
        others = parts[min(own)][0] - {item}
        return any(
            own < positions[other] or (own == positions[other] and other < item) for other in others
        )

    useful = [item for item in items if not is_needless(item)]
    least, apart = 0, 0.0
    for item in useful:
        if exceeds(apart, limit):
            break
        apart += sum(parts[number][1] for number in positions[item])
        least += 1
    chosen: list[Item] = []
    reached: set[int] = set()
    for _ in range(least):
        adds = {i: sum(parts[n][1] for n in positions[i] - reached) for i in useful}
        chosen.append(max(useful, key=lambda item: adds[item]))
        reached |= positions[chosen[-1]]
    found = frozenset(chosen)
    enough = exceeds(hit(parts, found), limit)
    return tuple(item for item in items if item in found) if enough else ()


def _most(parts: Sequence[Part], items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """Return the `count` items that hit most: maximise Σ amount · z, z[p] ≤ Σ y, Σ y = count."""
    weights = _weights(parts)
    ties, chosen = TIE * np.arange(len(items)), np.ones(len(items))
    only = _Row(np.concatenate([chosen, np.zeros(len(parts))]), count, count)
    return _solved(np.concatenate([ties, -weights]), parts, items, [only])


def _cover(parts: Sequence[Part], items: Sequence[Item], limit: float) -> tuple[Item, ...]:
    """Return the fewest items that hit more than the limit: minimise Σ y, Σ amount · z > limit."""
    total = sum(amount for _, amount in parts)
    least = (limit + TOLERANCE * max(1.0, abs(limit))) * SCALE / total
    weights = _weights(parts)
    row = np.concatenate([np.zeros(len(items)), weights])
    costs = np.concatenate([np.ones(len(items)), np.zeros(len(parts))])
    rows = [_Row(row, least, np.inf)]
    while True:
        found = _solved(costs, parts, items, rows)
        if exceeds(hit(parts, frozenset(found)), limit):
            return found
        # A millionth of an item passes for none, and of much it hits enough: ask for one more.
        others = np.array([float(item not in found) for item in items])
        rows.append(_Row(np.concatenate([others, np.zeros(len(parts))]), 1.0, np.inf))


class _Row(NamedTuple):
    """least ≤ Σ terms · columns ≤ most."""

    terms: Any
    least: float
    most: float


def _weights(parts: Sequence[Part]) -> Any:
    amounts = np.array([amount for _, amount in parts])
    return amounts * (SCALE / amounts.sum())


def _solved(
    costs: Any, parts: Sequence[Part], items: Sequence[Item], rows: Sequence[_Row]
) -> tuple[Item, ...]:
    """Return the items chosen, in their order; a part is hit only where one of its items is."""
    # Imported where it is needed: SciPy takes half a second to load.
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, hstack

    number = {item: position for position, item in enumerate(items)}
    pairs = [(p, number[i]) for p, (hangs_on, _) in enumerate(parts) for i in sorted(hangs_on)]
    at = tuple(np.array(pairs).T)
    hits = csr_array((np.ones(len(pairs)), at), shape=(len(parts), len(items)))
    ones = csr_array((np.ones(len(parts)), (range(len(parts)), range(len(parts)))))
    hit_if = LinearConstraint(hstack([hits, -ones]), 0, np.inf)
    whole = np.concatenate([np.ones(len(items)), np.zeros(len(parts))])
    found = milp(
        costs,
        constraints=[*(LinearConstraint(r.terms[None, :], r.least, r.most) for r in rows), hit_if],
        integrality=whole,
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise ArithmeticError(f"a covering problem was not solved: {found.message}")
    return tuple(item for item in items if found.x[number[item]] > 0.5)
