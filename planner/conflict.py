"""Why there is no plan: the rules and protections without which there would be one."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import replace

from models.build import rule_name
from models.data import Dependency
from models.network import Goal, Network
from models.rules import RULES
from planner.names import listed
from planner.result import Limits
from planner.room import TooLarge
from planner.solve import solve

SECONDS_EACH, SECONDS_ALL = 10.0, 90.0


def reasons(network: Network, stop: threading.Event) -> tuple[str, ...]:
    """Return one sentence per rule that, left out alone, makes a plan possible.

    Where protected failures stand in the way, one more names those that do.
    """
    search = _Search(network, stop)
    found = [*search.rules(), *search.protections()]
    if not found and search.is_finished:
        found.append("No single rule stands in the way: at least two would have to give.")
    if not search.is_finished:
        found.append("The search for the rules in the way was not finished.")
    return tuple(found)


class _Search:
    def __init__(self, network: Network, stop: threading.Event) -> None:
        # Any plan will do, so what is made small is what the start makes small: what is not served.
        self.network = replace(network, goals=(Goal(1, "unserved"),))
        self.stop, self.ends = stop, time.perf_counter() + SECONDS_ALL
        self.is_finished = True

    def rules(self) -> Iterator[str]:
        """Yield the rules without which there is a plan."""
        for rule in RULES:
            if self.has_plan(self.network, frozenset((rule_name(rule),))):
                sentence = (rule.__doc__ or "").strip().split("\n")[0]
                yield f"{rule_name(rule)}: {sentence} Without this rule there is a plan."

    def protections(self) -> Iterator[str]:
        """Yield the protected failures that no plan survives, and none of them too many.

        Each is taken off the list for good where there is still no plan without it.
        """
        every = frozenset(self.network.protected)
        if not every or not self.has_plan(_unprotected(self.network, every)):
            return
        kept = every
        for failure in sorted(every):
            fewer = kept - {failure}
            if fewer and self.has_plan(_unprotected(self.network, every - fewer)) is False:
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

    def has_plan(self, network: Network, without: frozenset[str] = frozenset()) -> bool | None:
        """Return whether there is a plan; None if that was not found out."""
        left_s = self.ends - time.perf_counter()
        if not self.stop.is_set() and left_s > 0:
            limits = Limits(min(SECONDS_EACH, left_s), gap=1.0)
            try:
                solved = solve(network, limits, self.stop, without=without)
            except TooLarge:  # the model that has no plan still fills the memory
                self.ends = 0.0
            else:
                if solved.plan is not None or solved.status == "infeasible":
                    return solved.plan is not None
        self.is_finished = False
        return None


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
