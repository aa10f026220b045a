"""HiGHS on the model as it was before demand classes: every demand row with flows of its own."""

from __future__ import annotations

from bench.subject import compiled
from bench.trace import Clock, Trace
from bench.ways.textbook import solved
from models.network import Network
from models.plan import Plan


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one plain solve; raises TooLarge where the model would not fit."""
    return solved(compiled(network, row_by_row=True), clock, trace)
