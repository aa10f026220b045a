"""The planner as it is, on the blended objective, heard through its own progress report."""

from __future__ import annotations

from bench.subject import GAP, SEED, THREADS
from bench.trace import Clock, Trace
from models.network import Network
from models.plan import Plan
from planner.result import Limits
from planner.solver.solve import solve

BEFORE = ("classes", "build", "compile", "hand over")
"""The planner's steps before the solver starts."""


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the best plan within the limit.

    With one priority the figures reported are values and bounds of the blend itself, and every
    value is that of a legal plan.
    """
    begun_s = clock.now_s

    def heard(_stage: str, value: float, bound: float, _: float) -> None:
        trace.point(value, bound)

    limits = Limits(clock.left_s, GAP, seed=SEED, threads=THREADS)
    found = solve(network, limits, progress=heard)
    trace.before(begun_s + sum(found.times.get(step, 0.0) for step in BEFORE))
    for stage in found.stages:
        trace.point(stage.value, stage.bound)
    return found.plan
