"""The audit's own packing of replicas on the nodes of one type, apart from the model's rows.

Every step works with counts, not with pieces: a million replicas take no longer than ten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

MOST_FILLINGS, MOST_BRANCHES = 2000, 100
"""Fillings of a node, and steps among them, for a proof of how many nodes are needed."""


class Needed(NamedTuple):
    """How many nodes are surely needed, and how many surely suffice."""

    at_least: int
    at_most: int


def nodes_needed(room: Fraction, counts: Mapping[Fraction, int], standing: int) -> Needed:
    """Return between what the number of nodes lies that hold so many of every size in GB.

    Where more than what stands may be needed, both are the same, unless there are thousands of
    ways to fill a node.
    """
    pieces = {size: count for size, count in sorted(counts.items(), reverse=True) if count}
    largest = sum(count for size, count in pieces.items() if 2 * size > room)
    total = sum((size * count for size, count in pieces.items()), Fraction(0))
    found = Needed(max(largest, math.ceil(total / room)), _largest_first(room, pieces))
    if found.at_least == found.at_most or found.at_most <= standing:
        return found
    return _proven(room, pieces, found)


def _largest_first(room: Fraction, pieces: Mapping[Fraction, int]) -> int:
    """Return the nodes that are filled by taking the largest that still fits, each in turn.

    A filling is repeated until one of its sizes is used up, so there are two per size at most.
    """
    left, nodes = dict(pieces), 0
    while any(left.values()):
        free, filling = room, {}
        for size, count in left.items():
            fits = min(count, math.floor(free / size))
            if fits:
                filling[size] = fits
                free -= fits * size
        times = min(left[size] // count for size, count in filling.items())
        for size, count in filling.items():
            left[size] -= times * count
        nodes += times
    return nodes


def _proven(room: Fraction, pieces: Mapping[Fraction, int], known: Needed) -> Needed:
    """Return narrower limits: the fewest of all fillings that hold the pieces (Gilmore, Gomory)."""
    # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
    import numpy as np
    from scipy.optimize import LinearConstraint, milp

    fillings, kinds = _fillings(room, pieces), len(pieces)
    if fillings is None:
        return known
    found = milp(
        np.ones(len(fillings)),
        constraints=LinearConstraint(np.array(fillings).T, lb=np.array(list(pieces.values()))),
        integrality=np.ones(len(fillings), dtype=int),
        options={"node_limit": MOST_BRANCHES},
    )
    at_least, at_most = known
    if found.mip_dual_bound is not None:
        at_least = max(at_least, math.ceil(found.mip_dual_bound - 1e-6))
    if found.x is not None:
        times = [round(value) for value in found.x.tolist()]
        held = [sum(f[at] * t for f, t in zip(fillings, times, strict=True)) for at in range(kinds)]
        if all(have >= asked for have, asked in zip(held, pieces.values(), strict=True)):
            at_most = min(at_most, sum(times))
    return Needed(at_least, at_most)


def _fillings(room: Fraction, pieces: Mapping[Fraction, int]) -> list[list[int]] | None:
    """Return the counts, by size, of every filling to which no piece can be added; None if many."""
    begun: list[tuple[list[int], Fraction]] = [([], room)]
    for number, (size, count) in enumerate(pieces.items(), start=1):
        longer = []
        for filling, free in begun:
            fits = min(count, math.floor(free / size))
            fewest = fits if number == len(pieces) else 0
            longer += [([*filling, n], free - n * size) for n in range(fewest, fits + 1)]
        if len(longer) > MOST_FILLINGS:
            return None
        begun = longer
    return [filling for filling, _ in begun]
