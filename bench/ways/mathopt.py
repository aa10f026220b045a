"""A process with OR-Tools alone, for ortools.py: reads an MPS file, solves, saves the values.

It must not import bench.subject, which brings the other HiGHS.
"""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path

import numpy as np
from ortools.math_opt.io.python import mps_converter
from ortools.math_opt.python import mathopt
from ortools.math_opt.solvers import highs_pb2

LOG_S = 0.5
"""Seconds between two lines of the log."""


def main(path: str, ends: str, found: str, gap: str, seed: str, tolerance: str) -> None:
    """Solve until the clock says `ends`; the log goes to standard output line by line."""
    proto = mps_converter.mps_to_model_proto(Path(path).read_text())
    model = mathopt.Model.from_model_proto(proto)
    columns = sorted(model.variables(), key=lambda variable: int(variable.name[1:]))
    _say(["ready"])
    own = highs_pb2.HighsOptionsProto(
        double_options={
            "mip_min_logging_interval": LOG_S,
            "mip_feasibility_tolerance": float(tolerance),
        }
    )
    left_s = max(0.1, float(ends) - time.monotonic())
    parameters = mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=left_s),
        relative_gap_tolerance=float(gap),
        random_seed=int(seed),
        highs=own,
    )
    result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters, msg_cb=_say)
    if result.has_primal_feasible_solution():
        np.save(found, np.array(result.variable_values(columns)))


def _say(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
