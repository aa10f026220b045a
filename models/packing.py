"""Which replicas fit together on the nodes of one type, as rows: Σ weight[size] · count ≤ nodes.

Sizes that divide each other have one row that adds them up, and one more for those whose multiples
fill less of a node. Other sizes have the facets of the mixes that fit on one node, where these are
few and say all. Where they do not, sizes are rounded up until they divide each other: nothing is
planned that does not fit, but a node may hold more than the rows allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache

from models.data import NodeType
from models.mixes import facets, largest_mixes
from models.network import Network
from models.service import node_gb, replica_gb

MOST_MIXES, MOST_ROWS = 100, 12
"""Beyond so many largest mixes, or facets of them, sizes are rounded up: proofs come sooner."""
PARTS_OF_SIZE, PARTS_OF_NODE = range(1, 9), range(1, 65)
"""Parts of a size, and of a node, that are tried as the unit that sizes are rounded up to."""

Weights = Mapping[Fraction, Fraction]


@dataclass(frozen=True)
class Packing:
    """Rows of weights by size in GB, one for every size; `rounded` says what counts as how many GB.

    Counts that keep every row fit on the nodes. If nothing is rounded, no others do.
    """

    rows: tuple[Weights, ...]
    rounded: Weights = field(default_factory=dict)

    def nodes(self, counts: Mapping[Fraction, int]) -> int:
        """Return on how many nodes the counts by size keep every row."""
        used = (sum(row[size] * count for size, count in counts.items()) for row in self.rows)
        return max((math.ceil(nodes) for nodes in used), default=0)

    @cached_property
    def measures(self) -> tuple[dict[Fraction, float], ...]:
        """Return the parts of a node that sizes take, by the mean of the rows and by each of them.

        Whichever is taken, on any node they add up to 1 at most; only in the mean all are above 0.
        """
        means = [sum(row[size] for row in self.rows) / len(self.rows) for size in self._sizes]
        ways = [dict(zip(self._sizes, means, strict=True)), *self.rows]
        found = [{size: float(way[size]) for size in self._sizes} for way in ways]
        return tuple(found[: 1 if len(self.rows) == 1 else None])

    def part(self, size: Fraction, way: int) -> float:
        """Return the part of a node that a size takes, counted in one way, or in the last."""
        return self.measures[min(way, len(self.measures) - 1)][size]

    @property
    def _sizes(self) -> tuple[Fraction, ...]:
        return tuple(self.rows[0]) if self.rows else ()


def packing_of(network: Network, node_type: NodeType) -> Packing:
    """Return the rows for all models that may be loaded on nodes of the type."""
    return packing(node_gb(node_type), frozenset(sizes_on(network, node_type).values()))


def sizes_on(network: Network, node_type: NodeType) -> dict[str, Fraction]:
    """Return the GB of a replica by the models that may be loaded on nodes of the type."""
    found = {}
    for name, model in sorted(network.models.items()):
        size = replica_gb(model, node_type)
        allowed = not model.node_types or node_type.node_type in model.node_types
        if allowed and not model.proxied and size is not None:
            found[name] = size
    return found


@lru_cache(maxsize=1024)
def packing(room: Fraction, sizes: frozenset[Fraction]) -> Packing:
    """Return the rows for sizes in GB, none above the room of a node; exact ones if possible."""
    if not sizes:
        return Packing(())
    ordered = sorted(sizes)
    chains = sorted(_chains(room, ordered), key=lambda chain: chain.waste)
    for chain in chains:
        if all(c * chain.unit == size for c, size in zip(chain.counts, ordered, strict=True)):
            return Packing(chain.rows(ordered))
    mixes = largest_mixes(room, ordered, MOST_MIXES)
    if mixes is not None:
        for chain in chains:
            rows = chain.rows(ordered)
            if all(_holds(row, ordered, mix) for row in rows for mix in mixes):
                return Packing(rows)
        found = _of_facets(room, ordered, mixes)
        if found is not None:
            return Packing(found)
    best = chains[0]
    counted = ((size, c * best.unit) for size, c in zip(ordered, best.counts, strict=True))
    # What is larger than all its units stands alone.
    rounded = {size: gb if gb > size else room for size, gb in counted if gb != size}
    return Packing(best.rows(ordered), rounded)


def _holds(row: Weights, sizes: Sequence[Fraction], mix: Sequence[int]) -> bool:
    return sum(row[size] * n for size, n in zip(sizes, mix, strict=True)) <= 1


# Sizes that divide each other ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Chain:
    """Sizes as counts of a unit, each a multiple of the one before, and how many a node has.

    Largest first, what is placed is a multiple of what is still to come, so that no gap is left
    but what is lost at the end of every node: a size can use the multiples of it that fit.
    """

    unit: Fraction
    capacity: int
    counts: tuple[int, ...]

    @property
    def waste(self) -> tuple[Fraction, int]:
        """Return what the sizes take, each by itself and among others: the less, the better."""
        alone = sum(Fraction(1, self.capacity // c) for c in self.counts)
        return alone + Fraction(sum(self.counts), self.capacity), self.capacity

    def rows(self, sizes: Sequence[Fraction]) -> tuple[Weights, ...]:
        """Return a row for all, and one for the larger where their multiples fill less."""
        found: list[Weights] = []
        filled = math.inf
        for least in sorted(set(self.counts)):
            fill = self.capacity // least * least
            if fill < filled:
                weights = (Fraction(c if c >= least else 0, fill) for c in self.counts)
                found.append(dict(zip(sizes, weights, strict=True)))
                filled = fill
        return tuple(found)


def _chains(room: Fraction, sizes: Sequence[Fraction]) -> Iterator[_Chain]:
    """Yield ways to round the sizes up to multiples of each other."""
    units = {size / parts for size in sizes for parts in PARTS_OF_SIZE}
    units |= {room / parts for parts in PARTS_OF_NODE}
    for unit in sorted(units):
        for factor in (1, 2, 3):
            yield _chain(room, sizes, unit, factor)


def _chain(room: Fraction, sizes: Sequence[Fraction], unit: Fraction, factor: int) -> _Chain:
    """Return the chain that grows by a factor at a time, or, of factor 1, by as much as needed."""
    capacity, count, counts = math.floor(room / unit), 1, []
    for size in sizes:
        before, needed = count, min(math.ceil(size / unit), capacity)
        if factor == 1:
            count *= math.ceil(Fraction(needed, count))
        while count < needed:
            count *= factor
        if count > capacity:
            # Nothing stands beside it, so it takes the node, less what the others cannot use.
            count = capacity = capacity // before * before
        counts.append(count)
    return _Chain(unit, capacity, tuple(counts))


# Sizes that do not --------------------------------------------------------------------------------


def _of_facets(
    room: Fraction, sizes: Sequence[Fraction], mixes: Sequence[Sequence[int]]
) -> tuple[Weights, ...] | None:
    """Return a row per facet of the mixes; None if they are too many or do not say all."""
    taken = _alike(room, sizes, mixes)
    distinct = sorted(set(taken))
    fewer = largest_mixes(room, distinct, MOST_MIXES)
    found = facets(fewer, MOST_ROWS) if fewer is not None else None
    if found is None:
        return None
    return tuple(
        {size: row[distinct.index(as_)] for size, as_ in zip(sizes, taken, strict=True)}
        for row in found
    )


def _alike(
    room: Fraction, sizes: Sequence[Fraction], mixes: Sequence[Sequence[int]]
) -> list[Fraction]:
    """Return each size rounded up to a larger one, where all that fits still does."""
    taken = list(sizes)
    for at in reversed(range(len(sizes))):
        for larger in sorted(set(taken[at + 1 :])):
            tried = [*taken[:at], larger, *taken[at + 1 :]]
            if all(sum(n * s for n, s in zip(mix, tried, strict=True)) <= room for mix in mixes):
                taken = tried
                break
    return taken
