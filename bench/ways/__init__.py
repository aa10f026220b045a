"""The ways to solve a network: a module each, with `run(network, clock, trace)`.

planner    the planner, its priorities blended into one objective
textbook   HiGHS on the same model: no start, no search
row_by_row HiGHS on the model without demand classes: flows of its own for every row
scip       SCIP on the same arrays
ortools    the best mixed-integer solver of OR-Tools on the same arrays
pulp       for committees alone: one binary per node in PuLP, solved by CBC
"""

from __future__ import annotations

PER_NODE = "pulp"
WAYS = ("planner", "textbook", "row_by_row", "scip", "ortools", PER_NODE)
