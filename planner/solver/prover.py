"""What is proven of one objective while plans are sought: rungs of ever more whole numbers.

First only what is dearest is whole, then everything. Every rung is easier than the next, its bound
holds for all plans, and its point is the start of one. The model is the prover's own copy, and
HiGHS lets go of Python while it solves: given a core of its own, the prover takes nothing from the
search. Without one a glance at the root of everything comes first: where that proves much, replicas
decide as nodes do, and near a plan the first rung is left out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from planner.result import SAME
from planner.solver.arrays import FloatArray, IntArray
from planner.solver.clock import Clock
from planner.solver.highs import Engine, Outcome
from planner.solver.log import LOG
from planner.solver.problem import Problem
from planner.solver.standing import FINER, NEAR, Standing

WORTH = 0.3
"""The part of what is not proven that a rung must still be able to prove to be gone on with."""
MUCH = 0.005
"""What a glance proves beyond the relaxation, relative to it, where more than nodes decides."""
GLANCE_SHARE = 0.2
"""The share of the time of a prover that a glance may take."""
CLIMB_NODES, LOOK_NODES = 1000, 10
"""Branch-and-bound nodes of the two rungs where work decides and not the clock."""
POLL_S = 0.05


@dataclass(frozen=True)
class Proof:
    """How a rung ended; of a rung that `is_whole` the point may be a plan as it is."""

    outcome: Outcome
    is_whole: bool


class Prover:
    """The rungs of one stage, each begun where the one before has nothing more to say.

    A glance comes first where it is told what the relaxation proves.
    """

    def __init__(
        self,
        problem: Problem,
        standing: Standing,
        dearest: IntArray,
        clock: Clock,
        constant: float,
        relaxed_bound: float | None = None,
    ) -> None:
        self.standing, self.dearest, self.clock = standing, dearest, clock
        self.relaxed_bound = relaxed_bound
        self.stop = threading.Event()
        self.engine = Engine(problem.program, self.stop, problem.engine.given)
        self.engine.minimise(standing.costs, constant)
        self._ended: SimpleQueue[Proof | BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="prover", daemon=True)
        self._plans: deque[FloatArray] = deque(maxlen=1)  # a better one takes the place of the last
        self._is_awaited = self._is_beside = False

    def begin(self) -> None:
        """Go up the rungs beside whatever the caller does next, and share plans with it."""
        self._is_beside = True
        self._thread.start()

    def run(self) -> None:
        """Go up the rungs and come back at the end."""
        self._thread.start()
        while self._thread.is_alive():
            self._thread.join(POLL_S)
            self._obey()

    def end(self) -> None:
        """Stop, and wait until it has."""
        self.stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def has_news(self) -> bool:
        """Return whether there is something that was not taken yet: a plan, a rung, or the end.

        A plan that is not better than the best by now is none.
        """
        plan_value = self.standing.value_of(self._plans[0] if self._plans else None)
        return _is_below(plan_value, self.standing.value) or self.has_ended_rung

    @property
    def has_ended_rung(self) -> bool:
        """Return whether `next` need not wait."""
        return not self._ended.empty()

    def wait(self) -> None:
        """Wait for news."""
        self._is_awaited = True
        while not self.has_news:
            self._obey()
            self._thread.join(POLL_S)
        self._is_awaited = False

    def plan(self) -> FloatArray | None:
        """Return the best plan of everything whole that was found since the last; None without."""
        return self._plans.pop() if self._plans else None

    def next(self) -> Proof | None:
        """Return the next rung that has ended; None once there are no more.

        Raises what ended the prover.
        """
        found = self._ended.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def _obey(self) -> None:
        """Stop where there is no time left or somebody asked to."""
        if self.clock.must_end:
            self.stop.set()

    def _run(self) -> None:
        try:
            for whole, is_whole in self._rungs():
                if self.stop.is_set() or self.clock.must_end or self.standing.is_done:
                    break
                proof = Proof(self._rung(whole, is_whole), is_whole)
                self._ended.put(proof)
                if proof.outcome.status == "infeasible":
                    break
        except BaseException as error:  # whoever waits is told
            self._ended.put(error)
        self._ended.put(None)

    def _rungs(self) -> Iterator[tuple[IntArray, bool]]:
        everything = self.engine.whole
        if len(self.dearest):
            if self.relaxed_bound is not None and not self.says_much:
                self._glance()
            if not (self.standing.is_near and self.says_much):
                yield self.dearest, False
        yield everything, True

    @property
    def says_much(self) -> bool:
        """Return whether much more is proven than by the relaxation."""
        bound, relaxed = self.standing.bound, self.relaxed_bound
        return relaxed is not None and bound - relaxed > MUCH * abs(bound)

    def _glance(self) -> None:
        """Prove what the rows of the root of everything prove, without a search for plans."""
        with self.engine.without_heuristics():
            outcome = self.engine.solve(
                time_limit_s=self.clock.share(GLANCE_SHARE).left_s,
                start=self.standing.best,
                max_nodes=1,
                progress=self.standing.heard,
            )
        if outcome.status != "infeasible":
            self.standing.prove(outcome.bound)
        LOG.info("proof: a glance, at least %.10g", self.standing.proven)

    def _rung(self, whole: IntArray, is_whole: bool) -> Outcome:
        LOG.info("proof: %s", "everything whole" if is_whole else f"{len(whole)} dearest whole")
        by_work = LOOK_NODES if is_whole else CLIMB_NODES
        self.engine.keep_whole(whole)
        outcome = self.engine.solve(
            time_limit_s=self.clock.left_s,
            gap=FINER * self.standing.gap,
            absolute_gap=self.standing.absolute_gap,
            start=self.standing.best,
            max_nodes=by_work if self.clock.by_work else None,
            progress=self.standing.heard,
            enough=self._is_enough if is_whole else self._says_little,
            better=self._better if self._is_beside else None,
            improved=self._improved if self._is_beside and is_whole else None,
        )
        if outcome.status != "infeasible":
            self.standing.prove(outcome.bound)
        LOG.info("proof: %s, at least %.10g", outcome.status, self.standing.proven)
        return outcome

    def _better(self, incumbent: float) -> FloatArray | None:
        """Return the best plan where the rung has none as good: it need not look above that."""
        best = self.standing.best
        return best if _is_below(self.standing.value_of(best), incumbent) else None

    def _improved(self, values: FloatArray) -> None:
        """Hand over a plan that a rung of everything has found and goes on from."""
        if _is_below(self.standing.value_of(values), self.standing.value):
            self._plans.append(values)

    def _is_enough(self, _: float, bound: float) -> bool:
        """Return whether a rung of everything has proven enough.

        The plan that it proves may be one that was found since it was begun.
        """
        self._note(bound)
        return self.standing.closes(bound)

    def _note(self, bound: float) -> None:
        """Let those beside know what is proven so far: they may have a plan that it closes."""
        if self._is_beside:
            self.standing.prove(bound)

    def _is_awaited_for(self, value: float) -> bool:
        return self._is_awaited and not self.standing.has_plan and value < float("inf")

    def _says_little(self, value: float, bound: float) -> bool:
        """Return whether a rung can prove little more: at most its own best, of what is missing.

        What is missing beside a poor plan says more of the plan. Without any plan its first point
        is what is waited for.
        """
        self._note(bound)
        known, best = max(bound, self.standing.bound), self.standing.value
        missing = best - known
        is_good = self.standing.has_plan and missing <= NEAR * abs(best)
        says_little = is_good and value - known <= WORTH * missing
        return says_little or self._is_awaited_for(value) or self.standing.closes(bound)


def _is_below(value: float, other: float) -> bool:
    """Return whether a plan is better than another, and not by what arithmetic leaves."""
    if not np.isfinite(other):
        return bool(value < other)
    return value < other - SAME * max(1.0, abs(other))
