"""What all ways solve: one network, one objective, one set of arrays; the door to the planner.

The planner takes priorities one by one; other solvers know one objective. So that all solve the
very same problem, the priorities of a network are blended into one amount that everybody makes
small: monthly cost + UNSERVED_PRICE · unserved. A network with one priority keeps it. Serving all
comes first in the blend as it does in the priorities, as long as the price is dearer than any way
to serve.

Whatever the benchmark needs of models/ and planner/ is asked for here and in ways/planner.py.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import facilities
from bench.cases import FACILITIES, WORKBOOKS
from bench.networks import SIZES, generate
from models.classes import demand_classes
from models.network import Goal, Network
from models.objectives import stage, value
from models.plan import Plan
from planner.evaluation.audit import audit
from planner.reading import read_network
from planner.solver.arrays import Arrays, FloatArray
from planner.solver.problem import Problem
from planner.solver.room import TooLarge, count_columns, has_room

UNSERVED_PRICE = 1e6
"""Currency per month for one request/s that is not served: dearer than any way to serve it."""
THREADS = 2
"""For the planner and HiGHS; SCIP, CBC and the HiGHS inside OR-Tools can only use one."""
SEED = 0
"""Of every solver."""
GAP = 0.001
"""Where every way may stop: below the 1 % asked for, so that nobody is judged for stopping."""
TOLERANCE = 1e-7
"""How far from whole, or beyond a row, every solver may be; as for the planner's own."""


def blended(network: Network) -> Network:
    """Return the network with one objective instead of several priorities."""
    if len({goal.priority for goal in network.goals}) == 1:
        return network
    goals = (Goal(1, "monthly_cost"), Goal(1, "unserved", UNSERVED_PRICE))
    return replace(network, goals=goals)


def load(name: str, seed: int) -> Network:
    """Return the network of that name, blended; the seed is for generated ones."""
    if name in SIZES:
        return blended(generate(SIZES[name], seed))
    if name == FACILITIES:
        return blended(facilities.generate(seed))
    found = read_network(WORKBOOKS[name]).network
    if found is None:
        raise ValueError(f"{WORKBOOKS[name]} has findings: run planner check")
    return blended(found)


def judged(network: Network, plan: Plan) -> tuple[float, int]:
    """Return what the plan amounts to by the tables, and how many rules it breaks."""
    return value(network, plan.final, network.goals), len(audit(network, plan))


@dataclass(frozen=True)
class Subject:
    """The compiled model: minimise costs · x + constant over the arrays."""

    problem: Any
    arrays: Arrays
    costs: FloatArray
    constant: float

    def plan(self, values: FloatArray) -> Plan:
        """Return the plan that a point stands for."""
        return Plan({"": self.problem.deployment(values)})


def compiled(network: Network, row_by_row: bool = False) -> Subject:
    """Return the model of the network as arrays, without rows added later.

    With `row_by_row` no demand rows are merged. Raises TooLarge where the model would not fit.

    Rows that the planner adds only where a plan breaks them are left out, which makes the problem
    of the others easier: the column `audit` says whether their plan keeps the rule all the same.
    """
    apart = range(len(network.demand)) if row_by_row else None
    classes = demand_classes(network, apart)
    columns = count_columns(network, classes)
    if not has_room(columns):
        raise TooLarge(f"{columns:,} columns, more than fit into the memory at hand")
    problem = Problem(network, classes)
    expression = stage(problem.block, network, list(network.goals))
    problem.compile([expression])
    arrays = problem.arrays
    return Subject(problem, arrays, arrays.costs(expression.terms), expression.constant)


def in_highs(subject: Subject) -> Any:
    """Return the model inside HiGHS, ready to be solved or written to a file."""
    problem = subject.problem
    problem.hand_over(threading.Event(), {"threads": THREADS, "random_seed": SEED})
    problem.minimise(subject.costs, subject.constant)
    return problem.engine


def write_mps(subject: Subject, path: Path) -> None:
    """Write the arrays as an MPS file in which column i is called c<i>: read faster than built.

    With 300,000 columns and 2.5 million entries, SCIP has it in 3 s, against 7 s row by row.
    """
    highs = in_highs(subject).highs
    for column in range(len(subject.arrays.columns)):
        highs.passColName(column, f"c{column}")
    for row in range(len(subject.arrays.row_names)):
        highs.passRowName(row, f"r{row}")
    highs.writeModel(str(path))
