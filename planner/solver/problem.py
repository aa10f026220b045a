"""One network inside the solver: model, arrays and engine, and what every step asks of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from models import covers, forcing
from models.build import SINGLE_PHASE, build, plan_families, rule_name
from models.classes import Classes
from models.data import OfferKey
from models.expressions import Cut, Point
from models.network import Network
from models.objectives import Expression
from models.plan import Deployment
from models.rules import RULES
from models.streams import Stream
from models.translate import deployment
from planner.solver.arrays import (
    Arrays,
    BadNumber,
    FloatArray,
    IntArray,
    Program,
    Rows,
    bad_costs,
    compile_model,
    short_names,
)
from planner.solver.highs import Engine

SEPARATION_ROUNDS = 20
"""How often rows are added for one point before it is given up."""
COVERED_BY = frozenset({"demand", "throughput", "memory"})
"""The rules from which cover and forcing rows follow."""
NEARLY_WHOLE = 1e-6
"""How near a number must be to a whole one to be taken for it."""
FINISH_NODES = 200
"""Branch-and-bound nodes to decide the rest where execution is given."""
FINISH_S = 60.0
"""Seconds to finish a plan, beyond the limit: it is worth the wait. What takes longer is told."""


class Problem:
    """The model of a network as HiGHS holds it, built without the rules named in `without`."""

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
        self._added: list[tuple[Rows, FloatArray, FloatArray]] = []
        self._program: Program | None = None
        self.cut_short = False
        """Whether a plan was not finished for want of time: with more, another may be found."""

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
            raise BadNumber(self._with_cells(str(error))) from None

    def switched_off(self, rules: frozenset[str]) -> Problem:
        """Return the compiled problem without these rules, to be handed over by itself.

        Model and matrix stay the same; the rules' rows ask for nothing any more. The variables they
        brought are in no row of another rule, and cost nothing where they are least.
        """
        found, arrays = copy(self), self.arrays
        blocks = [self.block.rules.component(name) for name in rules - self.without]
        rows = [row for own in blocks for row in own.component_data_objects(pyo.Constraint)]
        off = np.zeros(len(arrays.row_names), dtype=bool)
        off[[arrays.row_of[id(row)] for row in rows]] = True
        found.without = self.without | rules
        found.arrays = replace(
            arrays,
            lower=arrays.lower.copy(),
            upper=arrays.upper.copy(),
            row_lower=np.where(off, -np.inf, arrays.row_lower),
            row_upper=np.where(off, np.inf, arrays.row_upper),
        )
        found._added, found._program = [], None
        return found

    def hand_over(self, stop: threading.Event, solver: Mapping[str, Any]) -> None:
        """Pass the arrays to the solver, once. Raises UnknownOption."""
        self.engine = Engine(self.arrays, stop, solver)

    def _with_cells(self, text: str) -> str:
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

    # Columns ----------------------------------------------------------------------------------

    @property
    def whole(self) -> IntArray:
        """Return the columns that hold whole numbers."""
        return np.flatnonzero(self.arrays.integer)

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

    def minimise(self, costs: FloatArray, constant: float = 0.0) -> None:
        """Set the objective; raises BadNumber where the solver would drop a coefficient."""
        problems = list(bad_costs(self.arrays, costs))
        if problems:
            raise BadNumber(self._with_cells("\n".join(problems[:20])))
        self.engine.minimise(costs, constant)

    def fixed(self, columns: IntArray, point: FloatArray) -> AbstractContextManager[None]:
        """Fix columns for a while."""
        return self.bounded(columns, point, point)

    @contextmanager
    def bounded(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> Iterator[None]:
        """Keep columns within other bounds for a while."""
        self.engine.bound(columns, lower, upper)
        try:
            yield
        finally:
            self.engine.bound(columns, self.arrays.lower[columns], self.arrays.upper[columns])

    def fix_if_least(self, costs: FloatArray, found: float) -> bool:
        """Fix every column of a sum at its bound, for good, where the sum is no more than that."""
        arrays, used = self.arrays, np.flatnonzero(costs)
        ends = np.where(costs > 0, arrays.lower, arrays.upper)[used]
        if not np.isfinite(ends).all() or found > float(costs[used] @ ends) + 1e-9:
            return False
        arrays.lower[used] = arrays.upper[used] = ends
        self.engine.bound(used, ends, ends)
        return True

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Let short solves finish although somebody asked to stop."""
        asked, self.engine.stop = self.engine.stop, threading.Event()
        try:
            yield
        finally:
            self.engine.stop = asked

    # Points and plans ---------------------------------------------------------------------------

    def deployment(self, values: FloatArray) -> Deployment:
        """Return the plan that a point stands for."""
        return deployment(self.block, self.network, self.point(values))

    def separate(self, values: FloatArray) -> int:
        """Ask every rule for rows, hand over those that the point breaks, and return how many."""
        point, added = self.point(values), 0
        for rule in RULES:
            separate = getattr(rule, "separate", None)
            if separate is not None and rule_name(rule) not in self.without:
                own = self.block.rules.component(rule_name(rule))
                cuts = separate(own, self.block, self.network, point)
                for cut in [cut for cut in cuts if cut.is_broken(point)]:
                    self._add(cut)
                    added += 1
        return added

    def tighten(self, values: FloatArray) -> int:
        """Add rows that follow from whole numbers and that a point breaks; return how many."""
        if self.without & COVERED_BY:
            return 0
        given = self.block, self.network, self.point(values)
        cuts = [*covers.separate(*given), *forcing.separate(*given)]
        for cut in cuts:
            self._add(cut)
        return len(cuts)

    def _add(self, cut: Cut) -> None:
        costs = self.arrays.costs(cut.terms)
        lower = -np.inf if cut.lower is None else cut.lower
        upper = np.inf if cut.upper is None else cut.upper
        self.add_row(costs, lower, upper)

    def add_row(self, costs: FloatArray, lower: float, upper: float) -> None:
        """Add lower ≤ costs · x ≤ upper."""
        row = Rows.of_row(costs), np.array([lower]), np.array([upper])
        self.engine.add_rows(*row)
        self._added.append(row)
        self._program = None

    @property
    def program(self) -> Program:
        """Return the program with every row that was added; columns are those of the arrays."""
        if self._program is None:
            arrays, added = self.arrays, self._added
            self._program = Program(
                arrays.lower,
                arrays.upper,
                arrays.integer,
                arrays.matrix.joined(rows for rows, _, _ in added),
                np.concatenate([arrays.row_lower, *(lower for _, lower, _ in added)]),
                np.concatenate([arrays.row_upper, *(upper for _, _, upper in added)]),
            )
        return self._program

    def point(self, values: FloatArray) -> Point:
        """Return what the value of a variable is at a point; its least where it has no column."""
        column_of = self.arrays.column_of

        def value(variable: Any) -> float:
            column = column_of.get(id(variable))
            return float(values[column]) if column is not None else float(variable.lb or 0.0)

        return value

    def without_idle_places(self, values: FloatArray) -> FloatArray:
        """Return the point without open sites that hold no node and contracts for no open site.

        Where they are free, a solver leaves them as they come; closing them breaks no rule.
        """
        block, network, column_of = self.block, self.network, self.arrays.column_of
        plan, values = self.deployment(values), values.copy()
        needed = {offer.site for offer in plan.nodes}
        needed |= {name for name, site in network.sites.items() if site.status == "required"}
        providers = {network.sites[name].provider for name in needed}
        providers |= {n for n, found in network.providers.items() if found.status == "required"}
        for family, kept in ((block.open, needed), (block.contract, providers)):
            for name in family:
                if name not in kept and id(family[name]) in column_of:
                    values[column_of[id(family[name])]] = 0.0
        return values

    def completed(self, values: FloatArray, gap: float) -> FloatArray | None:
        """Return a legal point as near to this one as can be: whole numbers first, then fewer."""
        exact = self.exact(values)
        return self.repaired(values, gap) if exact is None else exact

    def exact(self, values: FloatArray) -> FloatArray | None:
        """Return the best legal point with these whole numbers, rounded; None if there is none."""
        whole = self.whole
        fixed = self.fixed(whole, np.round(values[whole]))
        with self.undisturbed(), fixed, self.engine.relaxation():
            return self.separated(time_limit_s=FINISH_S)

    def adopted(self, other: Problem, values: FloatArray) -> FloatArray | None:
        """Return the best legal point with the whole numbers of another problem's point."""
        columns, fixed = self.named_alike(other, values)
        with self.undisturbed(), self.fixed(columns, fixed), self.engine.relaxation():
            return self.separated(time_limit_s=FINISH_S)

    def named_alike(self, other: Problem, values: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the whole columns with their values in another problem; 0 where it lacks one."""
        theirs = other.whole
        names = short_names(other.arrays.columns[column] for column in theirs)
        known = dict(zip(names, np.round(values[theirs]), strict=True))
        asked = short_names(self.arrays.columns[column] for column in self.whole)
        return self.whole, np.array([known.get(name, 0.0) for name in asked])

    def repaired(self, values: FloatArray, gap: float) -> FloatArray | None:
        """Return a legal point that keeps execution, copies and seats and decides the rest anew."""
        stored = self.columns([*self.block.copy.values(), *self.block.seats.values()])
        with self.undisturbed():
            found = self._deciding_the_rest(
                np.union1d(self.executing, stored), values, gap, FINISH_S
            )
        return None if found is None else self.exact(found)

    def decided(self, values: FloatArray, gap: float, time_limit_s: float) -> FloatArray | None:
        """Return a legal point that keeps execution and decides all the rest."""
        return self._deciding_the_rest(self.executing, values, gap, time_limit_s)

    def _deciding_the_rest(
        self, kept: IntArray, values: FloatArray, gap: float, time_limit_s: float
    ) -> FloatArray | None:
        with self.fixed(kept, np.round(values[kept])):
            return self.separated(time_limit_s=time_limit_s, gap=gap, max_nodes=FINISH_NODES)

    def separated(self, *, time_limit_s: float, **how: Any) -> FloatArray | None:
        """Return what a solve finds once no rule has rows to add; `how` is told to the engine."""
        ends = time.perf_counter() + time_limit_s
        for _ in range(SEPARATION_ROUNDS):
            left_s = ends - time.perf_counter()
            found = self.engine.solve(time_limit_s=left_s, **how).values
            self.cut_short |= time.perf_counter() >= ends
            if found is None or not self.separate(found):
                return found
        return None

    def tightened(self, values: FloatArray, expressions: Iterable[Expression]) -> FloatArray:
        """Return the point with every helper at its least, the plan itself unchanged.

        A later stage leaves a slack or a count of changes as large as an earlier row allows.
        """
        families = plan_families(self.block)
        columns = self.columns(v for family in families for v in family.values())
        costs = np.zeros(len(values))
        for expression in expressions:
            costs += np.abs(self.arrays.costs(expression.terms))
        self.engine.minimise(costs)
        with self.undisturbed(), self.fixed(columns, values[columns]):
            outcome = self.engine.solve(time_limit_s=FINISH_S)
        self.cut_short |= outcome.values is None
        return values if outcome.values is None else outcome.values
