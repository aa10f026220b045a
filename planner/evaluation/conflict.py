"""Why there is no plan: the rules and protections without which there would be one."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace

from models.build import rule_name
from models.classes import demand_classes
from models.data import Dependency
from models.network import Goal, Network
from models.rules import RULES
from planner.jobs.cluster import NoCluster
from planner.jobs.requests import Request, Response, Workers, run_jobs
from planner.result import Limits
from planner.solver.arrays import BadNumber
from planner.solver.room import TooLarge, copies_that_fit
from planner.solver.solve import solve
from planner.workbook.names import listed

SECONDS_EACH, SECONDS_ALL = 10.0, 90.0


def reasons(network: Network, workers: Workers, stop: threading.Event) -> tuple[str, ...]:
    """Return one sentence per rule that, left out alone, makes a plan possible.

    Where protected failures stand in the way, one more names those that do.
    """
    search = _Search(network, stop)
    found = [*search.rules(workers), *search.protections()]
    if not found and search.is_finished:
        found.append("No single rule stands in the way: at least two would have to give.")
    if not search.is_finished:
        found.append("The search for the rules in the way was not finished.")
    return (*found, *search.failed[:1])


class _Search:
    def __init__(self, network: Network, stop: threading.Event) -> None:
        # Any plan will do, so what is made small is what the start makes small: what is not served.
        self.network = replace(network, goals=(Goal(1, "unserved"),))
        self.stop, self.ends = stop, time.perf_counter() + SECONDS_ALL
        self.is_finished = True
        # Without demand nothing is routed, so that all counts as served: that says nothing.
        says_nothing = "demand" if network.settings.require_served else ""
        self.asked = [rule for rule in RULES if rule_name(rule) != says_nothing]
        self.failed: list[str] = []

    def rules(self, workers: Workers) -> Iterator[str]:
        """Yield the rules without which there is a plan; each is left out in a job of its own."""
        responses: dict[str, Response] = {}
        workers = _fitting(self.network, workers)
        try:
            for response in run_jobs(self._requests(), workers, stop=self.stop):
                responses[response.key] = response
        except NoCluster:  # it was there when we began
            pass
        self.failed = sorted({response.failure for response in responses.values()} - {""})
        for rule in self.asked:
            response = responses.get(rule_name(rule), Response(rule_name(rule)))
            if response.solved is not None and response.solved.plan is not None:
                sentence = (rule.__doc__ or "").strip().split("\n")[0]
                yield f"{rule_name(rule)}: {sentence} Without this rule there is a plan."
            elif response.solved is None or response.solved.status != "infeasible":
                self.is_finished = False

    def _requests(self) -> Iterator[Request]:
        """Yield the network without each rule; none any more when the time for all is over."""
        for rule in self.asked:
            left_s = self.ends - time.perf_counter()
            if left_s <= 0:
                return
            limits = Limits(min(SECONDS_EACH, left_s), gap=1.0)
            yield Request(rule_name(rule), self.network, limits, frozenset((rule_name(rule),)))

    def protections(self) -> Iterator[str]:
        """Yield the protected failures that no plan survives, and none of them too many.

        Each is taken off the list for good where there is still no plan without it.
        """
        every = frozenset(self.network.protected)
        if not every or not self._has_plan(_unprotected(self.network, every)):
            return
        kept = every
        for failure in sorted(every):
            fewer = kept - {failure}
            if fewer and self._has_plan(_unprotected(self.network, every - fewer)) is False:
                kept = fewer
        rows = {name: self.network.protecting(name) for name in sorted(kept)}
        places = [
            f"{name} ({'Dependencies' if isinstance(row, Dependency) else 'Shocks'}, row {row.row})"
            for name, row in rows.items()
        ]
        which = "any one of them" if len(kept) > 1 else "it"
        yield (
            f"protect: no plan keeps every guarantee without {listed(places)}. Take {which} off"
            " protect, or offer nodes that do not hang on it."
        )

    def _has_plan(self, network: Network) -> bool | None:
        """Return whether there is a plan; None if that was not found out."""
        left_s = self.ends - time.perf_counter()
        if not self.stop.is_set() and left_s > 0:
            limits = Limits(min(SECONDS_EACH, left_s), gap=1.0)
            try:
                solved = solve(network, limits, self.stop)
            except TooLarge:  # the model that has no plan still fills the memory
                self.ends = 0.0
            except BadNumber:  # nothing can be said of numbers that the solver would drop
                pass
            else:
                if solved.plan is not None or solved.status == "infeasible":
                    return solved.plan is not None
        self.is_finished = False
        return None


def _fitting(network: Network, workers: Workers) -> Workers:
    """Return no more processes than have room for a whole model each."""
    if workers.cluster is not None or workers.count == 1:
        return workers
    fit = copies_that_fit(network, demand_classes(network))
    return replace(workers, processes=max(1, min(workers.processes, fit)))


def _unprotected(network: Network, failures: Collection[str]) -> Network:
    """Return the network without protection against these failures."""
    dependencies, shocks = dict(network.dependencies), dict(network.shocks)
    for failure in failures:
        row = network.protecting(failure)
        if isinstance(row, Dependency):
            (item,) = network.protected[failure]
            # A row of its own goes before the `*` of its kind, which may protect others.
            dependencies[item] = replace(row, dependency=item.name, protect=False)
        else:
            shocks[row.shock] = replace(row, protect=False)
    return replace(network, dependencies=dependencies, shocks=shocks)
