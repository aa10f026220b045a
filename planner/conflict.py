"""Why there is no plan: the rules without which there would be one, found by leaving each out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from models.build import rule_name
from models.classes import demand_classes
from models.network import Goal, Network
from models.rules import RULES
from planner.cluster import NoCluster
from planner.jobs import Request, Response, Workers, run_jobs
from planner.room import copies_that_fit
from planner.solve import Limits

SECONDS_EACH, SECONDS_ALL = 10.0, 90.0


def reasons(network: Network, workers: Workers, stop: threading.Event) -> tuple[str, ...]:
    """Return one sentence per rule that, left out alone, makes a plan possible."""
    # Any plan will do, so what is made small is what the start makes small: what is not served.
    easy = replace(network, goals=(Goal(1, "unserved"),))
    responses: dict[str, Response] = {}
    try:
        for response in run_jobs(_requests(easy), _fitting(easy, workers), stop=stop):
            responses[response.key] = response
    except NoCluster:  # it was there when we began
        pass
    found, tried = [], True
    for rule in RULES:
        response = responses.get(rule_name(rule), Response(rule_name(rule)))
        if response.solved is not None and response.solved.plan is not None:
            sentence = (rule.__doc__ or "").strip().split("\n")[0]
            found.append(f"{rule_name(rule)}: {sentence} Without this rule there is a plan.")
        elif response.solved is None or response.solved.status != "infeasible":
            tried = False
    if not found and tried:
        found.append("No single rule stands in the way: at least two would have to give.")
    if not tried:
        found.append("The search for the rules in the way was not finished.")
    failed = sorted({response.failure for response in responses.values()} - {""})
    return (*found, *failed[:1])


def _requests(easy: Network) -> Iterator[Request]:
    """Yield the network without each rule; none any more when the time for all is over."""
    begun = time.perf_counter()
    for rule in RULES:
        left_s = SECONDS_ALL - (time.perf_counter() - begun)
        if left_s <= 0:
            return
        limits = Limits(min(SECONDS_EACH, left_s), gap=1.0)
        yield Request(rule_name(rule), easy, limits, frozenset((rule_name(rule),)))


def _fitting(easy: Network, workers: Workers) -> Workers:
    """Return no more processes than have room for a whole model each."""
    if workers.cluster is not None or workers.count == 1:
        return workers
    fit = copies_that_fit(easy, demand_classes(easy))
    return replace(workers, processes=max(1, min(workers.processes, fit)))
