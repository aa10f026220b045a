"""OR-Tools' best mixed-integer solver on the same arrays: the HiGHS that it brings along.

Measured on S, seed 1, 60 s, through MathOpt: HiGHS 113,303; its SCIP (no symmetry detection) 1.57
million; CP-SAT, which has to turn every share into a whole number of thousandths, 324 million, and
on its own scale of whole shares a bound above the best plan. Two copies of HiGHS do not live in
one process, so this one gets its own, and what it says is read from its log.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.subject import GAP, SEED, TOLERANCE, compiled, write_mps
from bench.trace import Clock, Trace
from models.network import Network
from models.plan import Plan

READY = "ready"
"""What the other process says when the model is read and the solver starts."""
PROGRESS = re.compile(r"\d% +(\S+) +(\S+) +(?:\S+%|Large|inf)")
"""Bound and value in a line of HiGHS's table, behind the explored share of the tree."""


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one solve on one thread."""
    subject = compiled(network)
    with tempfile.TemporaryDirectory() as folder:
        path, found = Path(folder) / "model.mps", Path(folder) / "values.npy"
        write_mps(subject, path)
        spec = (path, clock.begun + clock.limit_s, found, GAP, SEED, TOLERANCE)
        command = [sys.executable, "-m", "bench.ways.mathopt", *map(str, spec)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as solver:
            for line in solver.stdout or ():
                _note(line.strip(), trace)
        if solver.returncode:
            raise RuntimeError(f"OR-Tools ended with code {solver.returncode}")
        return subject.plan(np.load(found)) if found.exists() else None


def _note(line: str, trace: Trace) -> None:
    if line == READY:
        trace.before()
    found = PROGRESS.search(line)
    if found:
        trace.point(float(found[2]), float(found[1]))
