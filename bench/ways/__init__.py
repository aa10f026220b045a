"""The ways to solve a network: a module each, with `run(network, clock, trace)`.

planner    the planner, its priorities blended into one objective
textbook   HiGHS on the same model: no start, no search
scip       SCIP on the same arrays
ortools    the best mixed-integer solver of OR-Tools on the same arrays
pulp       for committees alone: one binary per node in PuLP, solved by CBC
"""

from __future__ import annotations

PER_NODE = "pulp"
WAYS = ("planner", "textbook", "scip", "ortools", PER_NODE)
