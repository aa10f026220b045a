"""SCIP on the same arrays, with its own settings, heard through its events."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pyscipopt import SCIP_EVENTTYPE, Eventhdlr, Model

from bench.subject import GAP, SEED, TOLERANCE, compiled, write_mps
from bench.trace import Clock, Trace
from models.network import Network
from models.plan import Plan

HEARD = (SCIP_EVENTTYPE.BESTSOLFOUND, SCIP_EVENTTYPE.NODESOLVED, SCIP_EVENTTYPE.LPSOLVED)
"""A better plan, and everything after which the bound may have risen."""


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one solve on one thread."""
    subject = compiled(network)
    model = Model()
    model.hideOutput()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mps"
        write_mps(subject, path)
        model.readProblem(str(path))
    model.setParam("limits/gap", GAP)
    model.setParam("numerics/feastol", TOLERANCE)
    model.setParam("randomization/randomseedshift", SEED)
    model.includeEventhdlr(_Listener(trace), "trace", "notes plans and bounds")
    trace.before()
    model.setParam("limits/time", clock.left_s)
    model.optimize()
    trace.point(model.getPrimalbound(), model.getDualbound())
    if not model.getNSols():
        return None
    best = model.getBestSol()
    values = np.zeros(len(subject.arrays.columns))
    for variable in model.getVars():
        values[int(variable.name[1:])] = model.getSolVal(best, variable)
    return subject.plan(values)


class _Listener(Eventhdlr):  # type: ignore[misc]
    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def eventinit(self) -> None:
        for event in HEARD:
            self.model.catchEvent(event, self)

    def eventexit(self) -> None:
        for event in HEARD:
            self.model.dropEvent(event, self)

    def eventexec(self, event: Any) -> None:
        self.trace.point(self.model.getPrimalbound(), self.model.getDualbound())
