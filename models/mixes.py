"""Mixes of sizes that fit on one node, and the rows that say which fit on several.

A mix is a count by size. The mixes that fit on a node, and all between them, are a polytope P with
whole corners; its facets say which counts lie in n·P. Once n has reached the number of sizes less
one, a count in (n+1)·P is always one in n·P and a mix, so that it is enough to look at smaller n.
(Cox, Little and Schenck, 2011, Toric Varieties, theorem 2.2.12 and its proof.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, product

import numpy as np

from models.paths import IntArray

Mix = tuple[int, ...]
Facet = tuple[Fraction, ...]

MOST_SIZES, MOST_CORNERS, MOST_POINTS = 6, 4000, 20_000
"""Sizes, and corners of P, that facets are looked for; points of n·P that are looked at."""
PLACES = 9
"""Decimal places to which pieces of one facet have the same equation."""
LARGEST = 2**31
"""Common denominators of a facet beyond which whole numbers of 64 bits might not be enough."""


def largest_mixes(room: Fraction, sizes: Sequence[Fraction], limit: int) -> list[Mix] | None:
    """Return the mixes of ascending sizes to which nothing can be added; None beyond the limit."""
    found: list[Mix] = []

    def add(left: Fraction, upward: Mix) -> bool:
        """Add every largest mix with these larger ones; return whether they are few enough."""
        number = len(sizes) - len(upward)
        if number == 1:
            found.append((math.floor(left / sizes[0]), *upward))
            return len(found) <= limit
        size = sizes[number - 1]
        return all(
            add(left - count * size, (count, *upward))
            for count in reversed(range(math.floor(left / size) + 1))
        )

    return found if add(room, ()) else None


def facets(mixes: Sequence[Mix], limit: int) -> list[Facet] | None:
    """Return rows whose whole points, with n on the right, are what fits on n nodes, for every n.

    None if there are more than the limit, if some such point does not fit, or if it is unknown.
    """
    from scipy.spatial import ConvexHull, QhullError  # takes a while to import

    dimensions = len(mixes[0])
    if not 1 < dimensions <= MOST_SIZES or len(mixes) * 2**dimensions > MOST_CORNERS:
        return None
    # The corners: largest mixes, and those of some of the sizes alone.
    corners = sorted({m for mix in mixes for m in product(*({0, count} for count in mix))})
    try:
        hull = ConvexHull(corners)
    except QhullError:
        return None
    # A facet with many corners comes in many pieces, of one equation but for rounding.
    first = np.unique(np.round(hull.equations, PLACES), axis=0, return_index=True)[1]
    if len(first) > limit + dimensions:  # as many pass through nothing as there are sizes
        return None
    found = {_through([corners[at] for at in hull.simplices[piece]]) for piece in first.tolist()}
    rows = sorted(row for row in found if row is not None)
    right = [math.lcm(*(value.denominator for value in row)) for row in rows]
    if max(right) > LARGEST:
        return None
    whole = np.array([[int(v * r) for v in row] for r, row in zip(right, rows, strict=True)])
    sound = (whole >= 0).all() and whole.any(axis=0).all()
    if not sound or (np.array(mixes) @ whole.T > right).any():
        return None  # the hull was found with too little precision
    return rows if _all_fit(whole, np.array(right), np.array(mixes)) else None


def _through(corners: list[Mix]) -> Facet | None:
    """Return f with f · corner = 1 at every corner; None for a plane through nothing."""
    size = len(corners)
    rows = [[Fraction(count) for count in corner] + [Fraction(1)] for corner in corners]
    for column in range(size):
        pivot = next((at for at in range(column, size) if rows[at][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for at in range(size):
            if at != column and rows[at][column]:
                times = rows[at][column]
                rows[at] = [a - times * b for a, b in zip(rows[at], rows[column], strict=True)]
    return tuple(row[size] for row in rows)


def _all_fit(facets_: IntArray, right: IntArray, mixes: IntArray) -> bool:
    """Return whether what the facets allow on n nodes is a mix and what they allow on n - 1."""
    for nodes in range(1, mixes.shape[1]):
        found = list(islice(_points(facets_.tolist(), (nodes * right).tolist()), MOST_POINTS + 1))
        if len(found) > MOST_POINTS:
            return False
        points = np.array(found)
        for mix in mixes:
            rest = np.maximum(points - mix, 0)
            points = points[(rest @ facets_.T > (nodes - 1) * right).any(axis=1)]
        if len(points):
            return False
    return True


def _points(facets_: list[list[int]], right: list[int]) -> Iterator[Mix]:
    """Yield points with facets · point ≤ right, among them all to which nothing can be added."""
    last = len(facets_[0]) - 1

    def extended(begun: Mix, left: list[int]) -> Iterator[Mix]:
        at = last - len(begun)
        if at < 0:
            yield begun
            return
        most = min(r // f[at] for r, f in zip(left, facets_, strict=True) if f[at])
        for count in range(0 if at else most, most + 1):
            rest = [r - count * f[at] for r, f in zip(left, facets_, strict=True)]
            yield from extended((count, *begun), rest)

    return extended((), right)
