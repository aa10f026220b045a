"""HiGHS behind one small door: arrays in, incumbent and bound out; the only import of highspy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from planner.result import relative_gap
from planner.solver.arrays import FloatArray, Program, Rows
from planner.solver.log import HighsLines, is_heard

Progress = Callable[[float, float, float], None]
"""Called with incumbent, bound and seconds since the solve began."""

Enough = Callable[[float, float], bool]
"""Called with incumbent and bound; says whether they are good enough."""

Better = Callable[[float], FloatArray | None]
"""Called with the incumbent; gives a better point that somebody else has, if there is one."""

Improved = Callable[[FloatArray], None]
"""Called with every point that is better than those before."""

Listener = Callable[[Any], None]
"""Called with an event of HiGHS."""

POLL_S = 0.05
PLAINLY: Mapping[str, Any] = {
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_allow_restart": False,
}
"""The options of a solve that is asked for a bound, and not for plans."""
LARGE_LP = 20_000
"""Columns from which the interior point method, with crossover, beats the simplex method."""


class UnknownOption(Exception):
    """HiGHS does not know an option, or does not take the value."""


@dataclass(frozen=True)
class Outcome:
    """How one solve ended. `values` is None without a plan; `bound` is a proven lower bound."""

    status: str
    values: FloatArray | None
    objective: float
    bound: float
    seconds: float

    @property
    def gap(self) -> float:
        """Return the proven relative gap."""
        return relative_gap(self.objective, self.bound)


class Engine:
    """One model inside HiGHS, passed once and then only changed.

    What HiGHS logs of it goes into the log of the run where it is `told`.
    """

    def __init__(
        self,
        program: Program,
        stop: threading.Event,
        options: Mapping[str, Any] | None = None,
        told: bool = True,
    ) -> None:
        self.program = program
        self.stop = stop
        self._enough: Enough | None = None
        self._error: BaseException | None = None
        self.whole: NDArray[np.int64] = np.flatnonzero(program.integer)
        self.highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        self.set_option("output_flag", True)
        self.set_option("log_to_console", False)
        self.set_option("mip_min_logging_interval", 0.5)
        self.set_option("mip_feasibility_tolerance", 1e-7)
        self._usual = {name: self.highs.getOptionValue(name)[1] for name in PLAINLY}
        self.given = dict(options or {})
        for name, value in self.given.items():
            self.set_option(name, value)
        for event in (self.highs.cbSimplexInterrupt, self.highs.cbIpmInterrupt):
            event.subscribe(self._interrupt)
        self.highs.cbMipInterrupt.subscribe(self._interrupt_mip)
        if told and is_heard():
            self.highs.cbLogging.subscribe(HighsLines())
        self._pass(program)

    def set_option(self, name: str, value: Any) -> None:
        """Set an option; raise UnknownOption where HiGHS would stay silent."""
        if self.highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise UnknownOption(f"HiGHS does not take option {name!r} = {value!r}")

    def _pass(self, program: Program) -> None:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(program), len(program.matrix)
        lp.col_cost_ = np.zeros(lp.num_col_)
        lp.col_lower_, lp.col_upper_ = program.lower, program.upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = program.matrix.starts
        lp.a_matrix_.index_ = program.matrix.columns
        lp.a_matrix_.value_ = program.matrix.values
        kind = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kind[int(whole)] for whole in program.integer]
        if self.highs.passModel(lp) == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS refused the model")

    def minimise(self, costs: FloatArray, constant: float = 0.0) -> None:
        """Set the objective, and forget a basis that was good for another."""
        columns = np.arange(len(costs), dtype=np.int32)
        self._check(self.highs.clearSolver())
        self._check(self.highs.changeColsCost(len(costs), columns, costs))
        self._check(self.highs.changeObjectiveOffset(constant))

    def add_rows(self, rows: Rows, lower: FloatArray, upper: FloatArray) -> None:
        """Add rows below the model."""
        self._check(
            self.highs.addRows(
                len(rows),
                lower,
                upper,
                len(rows.values),
                rows.starts[:-1],
                rows.columns,
                rows.values,
            )
        )

    def add_columns(self, costs: FloatArray, upper: FloatArray, columns: Rows) -> None:
        """Add columns ≥ 0 right of the model; `columns` lists their entries by row."""
        self._check(
            self.highs.addCols(
                len(columns),
                costs,
                np.zeros(len(columns)),
                upper,
                len(columns.values),
                columns.starts[:-1],
                columns.columns,
                columns.values,
            )
        )

    @property
    def duals(self) -> FloatArray:
        """Return the dual of every row at the last point of a relaxation."""
        return np.array(self.highs.getSolution().row_dual)

    def _check(self, status: Any) -> None:
        if status == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS refused a change of the model")

    def bound(self, columns: NDArray[np.int64], lower: FloatArray, upper: FloatArray) -> None:
        """Change the bounds of some columns."""
        self._check(
            self.highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)
        )

    def keep_whole(self, columns: NDArray[np.int64]) -> None:
        """Ask only of these columns to be whole numbers."""
        integer = np.flatnonzero(self.program.integer).astype(np.int32)
        known = highspy.HighsVarType
        kinds = np.isin(integer, columns)
        kind = [known.kInteger if whole else known.kContinuous for whole in kinds]
        self.highs.changeColsIntegrality(len(integer), integer, np.array(kind))
        self.whole = integer[kinds].astype(np.int64)

    @contextmanager
    def whole_only(self, columns: NDArray[np.int64]) -> Iterator[None]:
        """Ask only of these columns to be whole numbers, for a while."""
        before = self.whole
        self.keep_whole(columns)
        try:
            yield
        finally:
            self.keep_whole(before)

    @contextmanager
    def without_heuristics(self) -> Iterator[None]:
        """Seek no plans, for a while: what a solve proves it proves sooner."""
        for name, value in PLAINLY.items():
            self.set_option(name, value)
        try:
            yield
        finally:
            for name in PLAINLY:
                self.set_option(name, self.given.get(name, self._usual[name]))

    def relaxation(self) -> AbstractContextManager[None]:
        """Ask of no column to be a whole number, for a while."""
        return self.whole_only(np.empty(0, dtype=np.int64))

    @property
    def is_relaxed(self) -> bool:
        """Return whether no column need be a whole number."""
        return not len(self.whole)

    def solve(
        self,
        *,
        time_limit_s: float,
        gap: float = 0.0,
        absolute_gap: float = 1e-6,
        start: FloatArray | None = None,
        max_nodes: int | None = None,
        progress: Progress | None = None,
        enough: Enough | None = None,
        better: Better | None = None,
        improved: Improved | None = None,
        interior: bool = False,
    ) -> Outcome:
        """Solve until the gap, the limit or the stop event; keep the best plan in every case.

        `enough` says of incumbent and bound whether the solve may end with them. Of somebody who
        seeks plans at the same time, `better` gives theirs, and `improved` is told every point
        found here. `interior` takes the interior point method for a large relaxation.
        """
        begun = time.perf_counter()
        # A mixed-integer solve counts its own seconds, a linear one those of all solves before it.
        before_s = self.highs.getRunTime() if self.is_relaxed else 0.0
        interior = interior and self.is_relaxed and len(self.program) > LARGE_LP
        self.set_option("solver", "ipm" if interior else "choose")
        self.set_option("time_limit", before_s + max(0.1, time_limit_s))
        self.set_option("mip_rel_gap", gap)
        self.set_option("mip_abs_gap", absolute_gap)
        self.set_option("mip_max_nodes", 2**31 - 1 if max_nodes is None else max_nodes)
        if not self.is_relaxed:
            # The point before would be completed first, and the bounds of that told as if of this.
            self._check(self.highs.clearSolver())
        if start is not None and not self.is_relaxed:
            self.highs.setSolution(
                len(start), np.arange(len(start), dtype=np.int32), np.asarray(start)
            )
        self._enough = enough
        with self._talking(_reporter(progress, begun), _giver(better), _teller(improved)):
            # highspy's own thread is locked for all models of a process: two are solved at a time.
            thread = threading.Thread(target=self._solve, daemon=True)
            thread.start()
            while thread.is_alive():
                thread.join(POLL_S)
        if self._error is not None:
            raise self._error
        return self._outcome(time.perf_counter() - begun)

    @contextmanager
    def _talking(
        self, report: Listener | None, give: Listener | None, tell: Listener | None
    ) -> Iterator[None]:
        """Have those heard that are there, for a while."""
        events = (
            self.highs.cbMipLogging,
            self.highs.cbMipUserSolution,
            self.highs.cbMipImprovingSolution,
        )
        there = [
            (event, listener)
            for event, listener in zip(events, (report, give, tell), strict=True)
            if listener is not None
        ]
        try:
            for event, listener in there:
                event.subscribe(listener)
            yield
        finally:
            for event, listener in there:
                event.unsubscribe(listener)

    def _solve(self) -> None:
        try:
            self.highs.run()
        except BaseException as error:  # of who was called back; HiGHS is of no use any more
            self._error = error
        self.highs.resetGlobalScheduler(False)  # it belongs to this thread, which ends

    def _interrupt(self, event: Any) -> None:
        # HiGHS keeps the last answer for good, so a solve after an interrupt needs a plain no.
        event.interrupt(self.stop.is_set())

    def _interrupt_mip(self, event: Any) -> None:
        out, enough = event.data_out, False
        if self._enough is not None:
            enough = self._enough(out.mip_primal_bound, out.mip_dual_bound)
        event.interrupt(enough or self.stop.is_set())

    def _outcome(self, seconds: float) -> Outcome:
        info, status = self.highs.getInfo(), self.highs.getModelStatus()
        solution = self.highs.getSolution()
        found = solution.value_valid and info.primal_solution_status == 2
        values = np.array(solution.col_value) if found else None
        objective = float(info.objective_function_value) if found else float("inf")
        known = highspy.HighsModelStatus
        whole = not self.is_relaxed and np.isfinite(info.mip_dual_bound)
        bound = float(info.mip_dual_bound) if whole else -np.inf
        if status == known.kOptimal:
            bound = bound if whole else objective
            return Outcome("optimal", values, objective, min(bound, objective), seconds)
        if status in (known.kInfeasible, known.kUnboundedOrInfeasible):
            return Outcome("infeasible", None, float("inf"), float("inf"), seconds)
        ended = "interrupted" if self.stop.is_set() else "limit"
        return Outcome(ended, values, objective, bound, seconds)


def _reporter(progress: Progress | None, begun: float) -> Listener | None:
    if progress is None:
        return None

    def report(event: Any) -> None:
        out = event.data_out
        progress(out.mip_primal_bound, out.mip_dual_bound, time.perf_counter() - begun)

    return report


def _giver(better: Better | None) -> Listener | None:
    if better is None:
        return None

    def give(event: Any) -> None:
        point = better(event.data_out.mip_primal_bound)
        if point is not None:
            event.data_in.setSolution(point)

    return give


def _teller(improved: Improved | None) -> Listener | None:
    if improved is None:
        return None

    def tell(event: Any) -> None:
        improved(np.array(event.data_out.mip_solution))

    return tell
