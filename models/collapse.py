"""Which few failures, of any mix of kinds, break a guarantee: smallest sets and worst k, proven.

The exposure graph is a coherent fault tree: an item is down when it fails, or when all alternatives
of any one of its exposures are down. As a mixed-integer program, y being what fails:

    down[i] ≤ y[i] + Σ_e gate[e],   gate[e] ≤ down[j] for all j in any_of[e]
    smallest set: minimise Σ y, Σ weight · down > limit;   worst k: Σ y = k, maximise what breaks

The graph has no cycles, so this is its least fixpoint (minimal cut sets; Vesely et al., Fault Tree
Handbook, NUREG-0492, 1981). HiGHS in scipy proves both; where no exposure has alternatives, every
item is down once any one that it hangs on fails, and the smallest set is a hitting set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from models import hitting_sets
from models.data import Item
from models.exposure import Exposure, ExposureGraph

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

MOST_SETS = 1000
"""How many sets of one size are listed before the rest is only said to exist."""


@dataclass(frozen=True)
class Break:
    """A guarantee that is lost when more than `limit` of what it stands on is down.

    `weights` count by item: seats by offer, copies by offer, 1 for every verifier.
    """

    weights: Mapping[Item, int]
    limit: int

    def happens(self, down: Collection[Item]) -> bool:
        """Return whether the guarantee is lost with these items down."""
        return sum(weight for item, weight in self.weights.items() if item in down) > self.limit


@dataclass(frozen=True)
class Blast:
    """The worst that so many failures do: which they are, and how many guarantees they break."""

    failed: tuple[Item, ...]
    broken: int


class FaultTree:
    """The part of an exposure graph above some items, as columns and rows of a program.

    `may_fail` are the dependencies that may fail by themselves; all if it is None.
    """

    def __init__(
        self,
        graph: ExposureGraph,
        items: Iterable[Item],
        may_fail: Collection[Item] | None = None,
    ) -> None:
        self._graph = graph
        self.above: tuple[Item, ...] = tuple(sorted(_above(graph, items)))
        allowed = frozenset(graph.dependencies if may_fail is None else may_fail)
        self.basic: tuple[Item, ...] = tuple(item for item in self.above if item in allowed)

    @cached_property
    def rows(self) -> _TreeRows:
        """Return the tree as columns and rows of a program."""
        return _TreeRows(self._graph, self.above, self.basic)

    @cached_property
    def has_spare(self) -> bool:
        """Return whether anything in the tree outlasts one failure by an alternative."""
        exposures = (e for item in self.above for e in self._graph.of_item.get(item, ()))
        return any(len(set(exposure.any_of)) > 1 for exposure in exposures)

    def smallest(self, broken: Sequence[Break]) -> tuple[Item, ...] | None:
        """Return the fewest failures that break any one of them; None if none do."""
        # One by one: side by side, so many alike guarantees would only hide each other's proof.
        best: tuple[Item, ...] | None = None
        for found in broken:
            if self.has_spare:
                most = None if best is None else len(best) - 1
                failed = _Program(self, [found], at_least=1).fewest(most)
            else:
                failed = self._hitting(found)
            if failed is not None and (best is None or len(failed) < len(best)):
                best = failed
        return best

    def _hitting(self, broken: Break) -> tuple[Item, ...] | None:
        """Return the fewest failures that break it where nothing has a spare; None if none do."""
        basic = frozenset(self.basic)
        parts = [
            (basic & _above(self._graph, (item,)), float(weight))
            for item, weight in broken.weights.items()
        ]
        # Counts are whole, so half a one above the limit is as good as one, and far from both.
        found = hitting_sets.fewest(parts, broken.limit + 0.5)
        return None if found is None else tuple(sorted(found))

    def sets(
        self, broken: Sequence[Break], up_to: int | None = None, most: int = MOST_SETS
    ) -> Iterator[tuple[Item, ...]]:
        """Yield minimal sets of failures that break any one of the guarantees, smallest first.

        At most `most` of them, of no more than `up_to` failures each. No set contains another.
        """
        program = _Program(self, broken, at_least=1)
        for _ in range(most):
            found = program.fewest()
            if found is None or (up_to is not None and len(found) > up_to):
                return
            yield found
            if not found:
                return
            program.forbid(found)

    def worst(self, guarantees: Sequence[Break], count: int) -> Blast:
        """Return the `count` failures that break the most guarantees at once."""
        return _Program(self, guarantees, at_least=0).worst(count)


class _TreeRows:
    """The columns and rows of a fault tree in a program: first what fails, then what is down."""

    def __init__(self, graph: ExposureGraph, above: Sequence[Item], basic: Sequence[Item]) -> None:
        self.column = {item: len(basic) + position for position, item in enumerate(above)}
        self.fails = {item: position for position, item in enumerate(basic)}
        self.columns = len(basic) + len(above)
        self._rows = _Rows()
        for item in above:
            terms = [(self.column[item], 1.0)]
            if item in self.fails:
                terms.append((self.fails[item], -1.0))
            for exposure in graph.of_item.get(item, ()):
                terms.append((self._gate(exposure), -1.0))
            self._rows.add(terms, upper=0.0)

    def _gate(self, exposure: Exposure) -> int:
        """Return the column that is 1 where all alternatives of the exposure are down."""
        alternatives = sorted(set(exposure.any_of))
        if len(alternatives) == 1:
            return self.column[alternatives[0]]
        gate = self.columns
        self.columns += 1
        for item in alternatives:
            self._rows.add([(gate, 1.0), (self.column[item], -1.0)], upper=0.0)
        return gate

    def which(self, values: Any) -> tuple[Item, ...]:
        """Return the dependencies that fail at a point."""
        return tuple(item for item, position in self.fails.items() if values[position] > 0.5)

    def copy(self) -> _Rows:
        """Return a copy of the rows, to which more may be added."""
        return self._rows.copy()


class _Program:
    """The rows of a fault tree with one 0/1 column per guarantee that is 1 only if it is lost."""

    def __init__(self, tree: FaultTree, broken: Sequence[Break], at_least: int) -> None:
        self.tree, self.rows = tree.rows, tree.rows.copy()
        self.columns = self.tree.columns + len(broken)
        self.lost = range(self.tree.columns, self.columns)
        for column, found in zip(self.lost, broken, strict=True):
            # Counts are whole, so half a one above the limit is as good as one, and far from both.
            least = found.limit + 0.5
            terms = [(self.tree.column[item], -float(n)) for item, n in found.weights.items()]
            if least > 0:
                self.rows.add([*terms, (column, least)], upper=0.0)
        if at_least:
            self.rows.add([(column, 1.0) for column in self.lost], lower=float(at_least))

    def forbid(self, found: Iterable[Item]) -> None:
        """Ask for sets that do not contain this one."""
        terms = [(self.tree.fails[item], 1.0) for item in found]
        self.rows.add(terms, upper=len(terms) - 1.0)

    def fewest(self, most: int | None = None) -> tuple[Item, ...] | None:
        """Return the fewest failures, no more than `most` of them; None if none will do."""
        count = len(self.tree.fails)
        if most is not None:
            self.rows.add([(column, 1.0) for column in range(count)], upper=float(most))
        costs = np.zeros(self.columns)
        costs[:count] = 1.0  # nothing finer: whole costs let the solver round its bound up
        values = self.solved(costs)
        return None if values is None else self.tree.which(values)

    def worst(self, count: int) -> Blast:
        """Return the failures that break most."""
        basic = len(self.tree.fails)
        self.rows.add([(column, 1.0) for column in range(basic)], upper=float(count))
        costs = np.zeros(self.columns)
        costs[:basic] = 1.0  # a failure that breaks nothing is not named
        costs[list(self.lost)] = -(count + 1.0)
        values = self.solved(costs)  # there is a point: that nothing fails keeps every row
        return Blast(self.tree.which(values), round(float(values[list(self.lost)].sum())))

    def solved(self, costs: Any) -> Any:
        """Return a point of least cost, or None where the rows cannot hold."""
        # Imported where it is needed: SciPy takes half a second to load.
        from scipy.optimize import Bounds, milp

        if not self.columns:
            return np.zeros(0)
        whole = np.zeros(self.columns, dtype=np.int64)
        whole[: len(self.tree.fails)] = whole[list(self.lost)] = 1
        found = milp(
            costs,
            constraints=self.rows.constraint(self.columns),
            integrality=whole,
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        if found.status not in (0, 2):
            raise ArithmeticError(f"a fault tree was not solved: {found.message}")
        return found.x


@dataclass
class _Rows:
    """Sparse rows lower ≤ Σ coefficient · column ≤ upper."""

    entries: list[tuple[int, int, float]] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(
        self,
        terms: Iterable[tuple[int, float]],
        lower: float = -np.inf,
        upper: float = np.inf,
    ) -> None:
        number = len(self.lower)
        self.entries.extend((number, column, amount) for column, amount in terms)
        self.lower.append(lower)
        self.upper.append(upper)

    def copy(self) -> _Rows:
        return _Rows(list(self.entries), list(self.lower), list(self.upper))

    def constraint(self, columns: int) -> LinearConstraint:
        from scipy.optimize import LinearConstraint
        from scipy.sparse import coo_array

        rows, at, amounts = zip(*self.entries, strict=True) if self.entries else ((), (), ())
        matrix = coo_array((amounts, (rows, at)), shape=(len(self.lower), columns)).tocsr()
        return LinearConstraint(matrix, self.lower, self.upper)


def _above(graph: ExposureGraph, items: Iterable[Item]) -> set[Item]:
    """Return the items and everything that they hang on, directly or not."""
    found = set(items)
    waiting = list(found)
    while waiting:
        for exposure in graph.of_item.get(waiting.pop(), ()):
            new = set(exposure.any_of) - found
            found |= new
            waiting.extend(new)
    return found
