"""`make bench`: the planner beside the textbook way, in one run on one machine, as ratios.

The textbook way gives HiGHS the same model as it is: no start, no search, one objective that
blends cost with a price on unserved demand high enough to serve all. Both are audited.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import click
import pandas as pd

from bench.networks import SIZES, generate
from models.network import Goal, Network
from models.objectives import stage, value
from models.options import service_options
from models.plan import Plan
from planner.audit import audit
from planner.problem import Problem
from planner.solve import Limits, solve

UNSERVED_PRICE = 1e6
"""Currency per month for one request/s that is not served: dearer than any way to serve it."""


@click.command()
@click.option("--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), default=["S"])
@click.option("--limit", default=60.0, help="Seconds for each way, building included.")
@click.option("--seed", default=1, help="Of the generated network.")
def main(sizes: tuple[str, ...], limit: float, seed: int) -> None:
    """Print cost, proven gap, seconds and audit of both ways, and the ratio of their costs."""
    rows = []
    for size in sizes:
        network = generate(SIZES[size], seed)
        for way in (_planner, _textbook):
            begun = time.perf_counter()
            plan, gap = way(network, limit)
            seconds = time.perf_counter() - begun
            cost = value(network, plan.final, "monthly_cost") if plan else float("nan")
            unserved = value(network, plan.final, "unserved") if plan else float("nan")
            broken = len(audit(network, plan)) if plan else -1
            rows.append((size, way.__name__[1:], cost, unserved, gap, seconds, broken))
    columns = ["size", "way", "monthly_cost", "unserved", "gap", "seconds", "violations"]
    table = pd.DataFrame(rows, columns=columns)
    least = table.groupby("size")["monthly_cost"].transform("min")
    table["times the better"] = table["monthly_cost"] / least
    sys.stdout.write(table.to_string(index=False) + "\n")


def _planner(network: Network, limit: float) -> tuple[Plan | None, float]:
    found = solve(network, Limits(limit, 0.01))
    return found.plan, found.gap


def _textbook(network: Network, limit: float) -> tuple[Plan | None, float]:
    begun = time.perf_counter()
    blended = replace(network, goals=(Goal(1, "monthly_cost"), Goal(1, "unserved", UNSERVED_PRICE)))
    problem = Problem(blended, service_options(blended))
    expression = stage(problem.block, blended, list(blended.goals))
    problem.compile([expression])
    problem.hand_over(threading.Event(), {"threads": 1})
    problem.minimise(problem.arrays.costs(expression.terms), expression.constant)
    left = limit - (time.perf_counter() - begun)
    outcome = problem.engine.solve(time_limit_s=left, gap=0.01)
    if outcome.values is None:
        return None, float("inf")
    return Plan({"": problem.deployment(outcome.values)}), outcome.gap


if __name__ == "__main__":
    main()
