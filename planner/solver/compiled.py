"""The model of a network in Pyomo and as arrays, and which of its columns are what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from models.build import SINGLE_PHASE, build
from models.classes import Classes
from models.data import OfferKey
from models.decisions import plan_families
from models.expressions import Expression, Point
from models.network import Network
from models.plan import Deployment
from models.streams import Stream
from models.translate import deployment
from planner.solver.arrays import Arrays, BadNumber, FloatArray, IntArray, compile_model


class Compiled:
    """The model of a network, built without the rules named in `without`."""

    def __init__(
        self,
        network: Network,
        classes: Classes,
        without: frozenset[str] = frozenset(),
        streams: tuple[Stream, ...] | None = None,
        flows: IntArray | None = None,
    ) -> None:
        self.network, self.without = network, without
        self.model = build(network, classes, without, streams, flows)
        self.block = self.model.phase[SINGLE_PHASE]

    def compile(self, expressions: Iterable[Expression]) -> None:
        """Make the arrays; every variable of the expressions gets a column.

        Raises BadNumber, naming the row of the workbook, where the solver would drop a number.
        """
        used = [variable for found in expressions for _, variable in found.terms]
        used += [slack for _, slack in self.block.penalties]
        used += [variable for family in plan_families(self.block) for variable in family.values()]
        try:
            self.arrays: Arrays = compile_model(self.model, [*used, self.model.nothing])
        except BadNumber as error:
            raise BadNumber(self.with_cells(str(error))) from None

    def with_cells(self, text: str) -> str:
        """Return the text with every class of demand named by the first of its rows."""
        classes = self.block.classes

        def named(found: re.Match[str]) -> str:
            number = int(found[2])
            group = classes.classes[classes.of[number] if found[1] == "flow" else number]
            rows = [self.network.demand[member] for member in group.members]
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            return f"{found[1]}[{rows[0].key}] (Demand, row {rows[0].row}{more})"

        return re.sub(r"\b(flow|unserved)\[(\d+)\]", named, text)

    @property
    def size(self) -> dict[str, int]:
        """Return how large the model is."""
        arrays = self.arrays
        return {
            "columns": len(arrays.columns),
            "rows": len(arrays.row_names),
            "integers": int(arrays.integer.sum()),
            "demand classes": len(self.block.classes.classes),
            "flows": len(self.block.classes),
        }

    @property
    def whole(self) -> IntArray:
        """Return the columns that hold whole numbers."""
        return np.flatnonzero(self.arrays.integer)

    @property
    def addable(self) -> IntArray:
        """Return the columns of what a plan may have more of: nodes, replicas, slots and copies.

        Where a point has parts of them they can be rounded up, and others are not needed. Seats add
        up to a given number: whole ones may need sites at which the point has none, and so nodes.
        """
        held = (self.block.warm, self.block.cold_slots, self.block.copy)
        others = self.columns(found for family in held for found in family.values())
        return np.union1d(self.addable_nodes, others)

    @property
    def addable_nodes(self) -> IntArray:
        """Return the columns of nodes of which a plan may have more."""
        asked = self.network.offers_of("coordination")
        nodes = self.block.nodes
        return self.columns(nodes[offer] for offer in self.network.offers if offer not in asked)

    @property
    def sites_and_contracts(self) -> IntArray:
        """Return the columns of open sites and held contracts."""
        return self.columns([*self.block.open.values(), *self.block.contract.values()])

    @property
    def executing(self) -> IntArray:
        """Return the columns of nodes, replicas and slots that execute."""
        nodes = [self.block.nodes[offer] for offer in self.network.offers_of("execution")]
        return self.columns([*nodes, *self.block.warm.values(), *self.block.cold_slots.values()])

    def dearest(self, costs: FloatArray) -> IntArray:
        """Return which whole numbers to insist on first: those that cost most, and what they need.

        A model in which only sites, contracts and the nodes of the dearest role are whole is solved
        orders of magnitude sooner than the whole one, and its optimum, a bound on all plans, is far
        above that of the relaxation. Empty where nodes cost nothing.
        """
        nodes = [self.columns([variable]) for variable in self.block.nodes.values()]
        roles = [self.network.role(OfferKey(*key)) for key in self.block.nodes]
        prices = [float(costs[column].max(initial=0.0)) for column in nodes]
        if max(prices, default=0.0) <= 0:
            return np.empty(0, dtype=np.int64)
        dearest = roles[int(np.argmax(prices))]
        of_role = [column for column, role in zip(nodes, roles, strict=True) if role == dearest]
        first = np.sort(np.concatenate(of_role))
        places = self.sites_and_contracts
        return np.union1d(first, places[costs[places] > 0])

    def columns(self, variables: Iterable[Any]) -> IntArray:
        """Return the columns of the variables, sorted; those without one are passed over."""
        found = (self.arrays.column_of.get(id(variable), -1) for variable in variables)
        return np.array(sorted(column for column in found if column >= 0), dtype=np.int64)

    def deployment(self, values: FloatArray) -> Deployment:
        """Return the plan that a point stands for."""
        return deployment(self.block, self.network, self.point(values))

    def point(self, values: FloatArray) -> Point:
        """Return what the value of a variable is at a point; its least where it has no column."""
        column_of = self.arrays.column_of

        def value(variable: Any) -> float:
            column = column_of.get(id(variable))
            return float(values[column]) if column is not None else float(variable.lb or 0.0)

        return value
