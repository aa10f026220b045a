"""One network inside the solver: model, arrays and engine, and what every step asks of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.build import SINGLE_PHASE, build, plan_families, rule_name
from models.network import Network
from models.objectives import Expression
from models.options import Options
from models.plan import Deployment
from models.rules import RULES
from models.translate import deployment
from planner.arrays import Arrays, BadNumber, FloatArray, Rows, bad_costs, compile_model
from planner.highs import Engine

SEPARATION_ROUNDS = 20
"""How often rows are added for one point before it is given up."""
FINISH_S = 60.0
"""Seconds for one solve with whole numbers fixed, beyond the limit: a plan is worth the wait."""


class Problem:
    """The model of a network as HiGHS holds it, rules named in `without` left out."""

    def __init__(
        self, network: Network, options: Options, without: frozenset[str] = frozenset()
    ) -> None:
        self.network = network
        self.rules = [rule for rule in RULES if rule_name(rule) not in without]
        self.model = build(network, options, without)
        self.block = self.model.phase[SINGLE_PHASE]

    def compile(self, expressions: Iterable[Expression]) -> None:
        """Make the arrays; every variable of the expressions gets a column.

        Raises BadNumber, naming the row of the workbook, where the solver would drop a number.
        """
        used = [variable for found in expressions for _, variable in found.terms]
        try:
            self.arrays: Arrays = compile_model(self.model, [*used, self.model.nothing])
        except BadNumber as error:
            raise BadNumber(self._with_cells(str(error))) from None

    def hand_over(self, stop: threading.Event, solver: Mapping[str, Any]) -> None:
        """Pass the arrays to the solver, once. Raises UnknownOption."""
        self.engine = Engine(self.arrays, stop, solver)

    def _with_cells(self, text: str) -> str:
        """Return the text with every option named by its demand row."""
        lines = []
        for line in text.splitlines():
            head, found, tail = line.partition("serve[")
            number, _, rest = tail.partition("]")
            if found and number.isdigit():
                index = int(self.block.options.demand[int(number)])
                demand = self.network.demand[index]
                line = f"{head}serve[{demand.key}] (Demand, row {demand.row}){rest}"
            lines.append(line)
        return "\n".join(lines)

    # Columns ----------------------------------------------------------------------------------

    @property
    def whole(self) -> NDArray[np.int64]:
        """Return the columns that hold whole numbers."""
        return np.flatnonzero(self.arrays.integer)

    @property
    def execution(self) -> list[Any]:
        """Return the whole-number variables that the greedy start decides."""
        nodes = [self.block.nodes[offer] for offer in self.network.offers_of("execution")]
        return [*self.loaded, *nodes]

    @property
    def loaded(self) -> list[Any]:
        """Return the variables of warm replicas and cold slots."""
        return [*self.block.warm.values(), *self.block.cold_slots.values()]

    def columns(self, variables: Iterable[Any]) -> NDArray[np.int64]:
        """Return the columns of the variables, sorted; those without one are passed over."""
        found = (self.arrays.column_of.get(id(variable), -1) for variable in variables)
        return np.array(sorted(column for column in found if column >= 0), dtype=np.int64)

    def minimise(self, costs: FloatArray, constant: float = 0.0) -> None:
        """Set the objective; raises BadNumber where the solver would drop a coefficient."""
        problems = list(bad_costs(self.arrays, costs))
        if problems:
            raise BadNumber(self._with_cells("\n".join(problems[:20])))
        self.engine.minimise(costs, constant)

    @contextmanager
    def fixed(self, columns: NDArray[np.int64], point: FloatArray) -> Any:
        """Fix columns for a while."""
        self.engine.bound(columns, point, point)
        try:
            yield
        finally:
            lower, upper = self.arrays.lower[columns], self.arrays.upper[columns]
            self.engine.bound(columns, lower, upper)

    @contextmanager
    def undisturbed(self) -> Any:
        """Let short solves finish although somebody asked to stop."""
        asked, self.engine.stop = self.engine.stop, threading.Event()
        try:
            yield
        finally:
            self.engine.stop = asked

    # Points and plans ---------------------------------------------------------------------------

    def deployment(self, values: FloatArray) -> Deployment:
        """Return the plan that a point stands for."""
        column_of = self.arrays.column_of

        def value(variable: Any) -> float:
            column = column_of.get(id(variable))
            return float(values[column]) if column is not None else float(variable.lb or 0.0)

        return deployment(self.block, self.network, value)

    def separate(self, values: FloatArray) -> int:
        """Ask every rule for rows that the point breaks, hand them over, and return how many."""
        plan = self.deployment(values)
        added = 0
        for rule in self.rules:
            separate = getattr(rule, "separate", None)
            if separate is None:
                continue
            own = self.block.rules.component(rule_name(rule))
            known = set(own.separated)
            if separate(own, self.block, self.network, plan):
                new = [own.separated[key] for key in own.separated if key not in known]
                for constraint in new:
                    self._add(constraint)
                added += len(new)
        return added

    def _add(self, constraint: Any) -> None:
        body = constraint.body
        costs = self.arrays.costs(zip(body.linear_coefs, body.linear_vars, strict=True))
        lower = -np.inf if constraint.lb is None else constraint.lb
        upper = np.inf if constraint.ub is None else constraint.ub
        self.engine.add_rows(Rows.of_row(costs), np.array([lower]), np.array([upper]))

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

    def legal(self, values: FloatArray) -> FloatArray | None:
        """Return the point if no rule breaks, else the best one with the same whole numbers."""
        if not self.separate(values):
            return values
        return self.exact(values)

    def exact(self, values: FloatArray) -> FloatArray | None:
        """Return the best legal point with these whole numbers, rounded; None if there is none."""
        whole = self.whole
        with self.undisturbed(), self.fixed(whole, np.round(values[whole])):
            self.engine.relax(True)
            try:
                return self._separated(gap=0.0)
            finally:
                self.engine.relax(False)

    def repaired(self, values: FloatArray, gap: float) -> FloatArray | None:
        """Return a legal point that keeps execution, copies and seats and decides the rest anew."""
        kept = [*self.execution, *self.block.copy.values(), *self.block.seats.values()]
        columns = self.columns(kept)
        with self.undisturbed(), self.fixed(columns, np.round(values[columns])):
            found = self._separated(gap)
        return None if found is None else self.exact(found)

    def _separated(self, gap: float) -> FloatArray | None:
        for _ in range(SEPARATION_ROUNDS):
            found = self.engine.solve(time_limit_s=FINISH_S, gap=gap).values
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
        return values if outcome.values is None else outcome.values
