"""The fewest failures that take down something of every one of some sets of items, proven.

    minimise Σ y,   Σ_{g in alone(W)} y[g] + Σ_{e in gates(W)} gate[e] ≥ 1 for all sets W
    gate[e] ≤ Σ_{g in alone(j)} y[g] + Σ_{e' in gates(j)} gate[e'] for all j in any_of[e]

where what is in alone(W) takes something of W down by itself.
The gates of an item are the exposures with several alternatives that take it down once all of them
are; the graph has no cycles, so this is its least fixpoint. Unlike the whole fault tree of
`models.collapse`, the program has columns for failures and gates alone.
                          Source: minimal cut sets; Vesely et al., Fault Tree Handbook (1981)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

import numpy as np

from models.data import Item
from models.exposure import ExposureGraph

Failed = tuple[Item, ...]


class Stopping:
    """Which failures stop what, in one exposure graph; known once for all that is asked of it."""

    def __init__(self, graph: ExposureGraph) -> None:
        self._graph = graph
        self._gates: dict[Item, frozenset[int]] = {}

    @cached_property
    def _exposures(self) -> dict[Item, list[int]]:
        found: dict[Item, list[int]] = defaultdict(list)
        for number, exposure in enumerate(self._graph.exposures):
            found[exposure.item].append(number)
        return found

    def _gates_of(self, item: Item) -> frozenset[int]:
        """Return the exposures with alternatives that take the item down, directly or not."""
        if item not in self._gates:
            found: set[int] = set()
            for number in self._exposures.get(item, ()):
                alternatives = set(self._graph.exposures[number].any_of)
                found |= {number} if len(alternatives) > 1 else self._gates_of(alternatives.pop())
            self._gates[item] = frozenset(found)
        return self._gates[item]

    def fewest(
        self,
        stands: Sequence[frozenset[Item]],
        may_fail: Collection[Item] | None = None,
        but: Iterable[Failed] = (),
    ) -> Failed | None:
        """Return the fewest failures that take something of every set; None if none do that.

        `may_fail` are the dependencies that may; all if None. The set contains none of `but`.
        """
        allowed = frozenset(self._graph.dependencies if may_fail is None else may_fail)
        known = [frozenset(failed) for failed in but]
        if frozenset() in known:
            return None
        if not stands:
            return ()
        alone = [frozenset().union(*map(self._graph.hangs_on, stand)) & allowed for stand in stands]
        in_all = frozenset.intersection(*alone).difference(*(k for k in known if len(k) == 1))
        if in_all:
            return (min(in_all),)
        gates = [frozenset().union(*map(self._gates_of, stand)) for stand in stands]
        return _Program(self, allowed, list(zip(alone, gates, strict=True)), known).solved()

    def alternatives(self, gate: int) -> list[tuple[frozenset[Item], frozenset[int]]]:
        """Return, per alternative, what alone takes it down, and its gates."""
        return [
            (self._graph.hangs_on(item), self._gates_of(item))
            for item in sorted(set(self._graph.exposures[gate].any_of))
        ]


class _Program:
    """The program of some sets: columns are the failures that matter, then the gates."""

    def __init__(
        self,
        stopping: Stopping,
        allowed: frozenset[Item],
        stands: Sequence[tuple[frozenset[Item], frozenset[int]]],
        but: Sequence[frozenset[Item]],
    ) -> None:
        waiting = sorted(frozenset().union(*(gates for _, gates in stands)))
        inputs: dict[int, list[tuple[frozenset[Item], frozenset[int]]]] = {}
        while waiting:
            gate = waiting.pop()
            if gate not in inputs:
                inputs[gate] = [(a & allowed, more) for a, more in stopping.alternatives(gate)]
                waiting.extend(sorted(gate for _, more in inputs[gate] for gate in more))
        entries = [*stands, *(entry for gate in sorted(inputs) for entry in inputs[gate])]
        self.items = sorted(frozenset().union(*(alone for alone, _ in entries)))
        item_at = {item: column for column, item in enumerate(self.items)}
        gate_at = {gate: len(item_at) + column for column, gate in enumerate(sorted(inputs))}
        self.columns = len(item_at) + len(gate_at)
        rows: list[list[tuple[int, float]]] = []
        self.least: list[float] = []
        owners = [None] * len(stands) + [gate for gate in sorted(inputs) for _ in inputs[gate]]
        for owner, (alone, gates) in zip(owners, entries, strict=True):
            terms = [(item_at[item], 1.0) for item in sorted(alone)]
            terms += [(gate_at[gate], 1.0) for gate in sorted(gates)]
            rows.append(terms if owner is None else [*terms, (gate_at[owner], -1.0)])
            self.least.append(1.0 if owner is None else 0.0)
        for failed in but:
            if failed <= item_at.keys():
                rows.append([(item_at[item], -1.0) for item in sorted(failed)])
                self.least.append(1.0 - len(failed))
        self.entries = [(n, column, a) for n, terms in enumerate(rows) for column, a in terms]

    def solved(self) -> Failed | None:
        """Return the failures of a smallest set; None if the rows cannot hold."""
        # Imported where it is needed: SciPy takes half a second to load.
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        if not self.columns:
            return None
        rows, columns, amounts = zip(*self.entries, strict=True)
        matrix = coo_array((amounts, (rows, columns)), shape=(len(self.least), self.columns))
        is_item = np.arange(self.columns) < len(self.items)
        found = milp(
            is_item.astype(float),  # whole costs let the solver round its bound up
            constraints=LinearConstraint(matrix.tocsr(), self.least),
            integrality=is_item.astype(np.int64),
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        if found.status not in (0, 2):
            raise ArithmeticError(f"a covering problem was not solved: {found.message}")
        if found.x is None:
            return None
        return tuple(item for item, value in zip(self.items, found.x, strict=False) if value > 0.5)
