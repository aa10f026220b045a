"""Why there is no plan: the rules without which there would be one, found by leaving each out."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from models.build import rule_name
from models.network import Goal, Network
from models.rules import RULES
from planner.result import Limits
from planner.room import TooLarge
from planner.solve import solve

SECONDS_EACH, SECONDS_ALL = 10.0, 90.0


def reasons(network: Network, stop: threading.Event) -> tuple[str, ...]:
    """Return one sentence per rule that, left out alone, makes a plan possible."""
    begun = time.perf_counter()
    # Any plan will do, so what is made small is what the start makes small: what is not served.
    easy = replace(network, goals=(Goal(1, "unserved"),))
    found, tried = [], True
    for rule in RULES:
        left_s = SECONDS_ALL - (time.perf_counter() - begun)
        if stop.is_set() or left_s <= 0:
            tried = False
            break
        limits = Limits(min(SECONDS_EACH, left_s), gap=1.0)
        try:
            solved = solve(easy, limits, stop, without=frozenset((rule_name(rule),)))
        except TooLarge:  # the model that has no plan still fills the memory
            tried = False
            break
        if solved.plan is not None:
            sentence = (rule.__doc__ or "").strip().split("\n")[0]
            found.append(f"{rule_name(rule)}: {sentence} Without this rule there is a plan.")
        elif solved.status != "infeasible":
            tried = False
    if not found and tried:
        found.append("No single rule stands in the way: at least two would have to give.")
    if not tried:
        found.append("The search for the rules in the way was not finished.")
    return tuple(found)
