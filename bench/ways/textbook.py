"""The same Pyomo model given to HiGHS as a textbook would: no start, no search."""

from __future__ import annotations

from typing import Any

from bench.subject import GAP, Subject, compiled, in_highs
from bench.trace import Clock, Trace
from models.network import Network
from models.plan import Plan


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one plain solve."""
    return solved(compiled(network), clock, trace)


def solved(subject: Subject, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one plain solve of a subject."""
    engine = in_highs(subject)

    def improved(event: Any) -> None:
        trace.point(event.data_out.objective_function_value, event.data_out.mip_dual_bound)

    engine.highs.cbMipImprovingSolution += improved
    trace.before()
    found = engine.solve(
        time_limit_s=clock.left_s,
        gap=GAP,
        progress=lambda value, bound, _: trace.point(value, bound),
    )
    trace.point(found.objective, found.bound)
    return None if found.values is None else subject.plan(found.values)
