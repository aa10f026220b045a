"""Of all plans that are as good, the one with the nearest service: the tie-break of every plan.

Whatever is counted stays as it is: nodes, replicas, slots, copies, seats. Every objective keeps the
value it has. Who is served where is decided anew, for what then waits least, in a model of what
stands alone, in which only demand rows with the same nearest service are still one class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from models.classes import Serving, demand_classes
from models.network import Goal
from models.objectives import stage
from models.stands import BoolArray
from models.ways import Ways
from planner.arrays import FloatArray, Rows, short_names
from planner.problem import FINISH_S, Problem

KEPT = 1e-7
"""What an objective may lose in the tie-break, relatively, for numerical safety."""


def nearest_service(
    problem: Problem, values: FloatArray, stages: Iterable[list[Goal]], solver: Mapping[str, Any]
) -> tuple[Problem, FloatArray] | None:
    """Return the model of what stands and its point of least waiting; None if it finds none.

    Where nothing is asked for nobody waits, and a second model would be built for nothing.
    """
    network = problem.network
    if not network.demand:
        return None
    standing = _standing(problem, values)
    classes = demand_classes(network, _nearest(problem.block.classes.ways, standing), standing)
    found = Problem(network, classes, problem.without)
    goals = [*stages, [Goal(1, "unserved")]]
    kept = [stage(found.block, network, group) for group in goals]
    waiting = stage(found.block, network, [Goal(1, "latency")])
    found.compile([*kept, waiting])
    found.hand_over(problem.engine.stop, solver)
    _fix_whole_numbers(found, problem, values)
    for group, expression in zip(goals, kept, strict=True):
        before = stage(problem.block, network, group)
        amount = float(problem.arrays.costs(before.terms) @ values) + before.constant
        limit = amount + KEPT * max(1.0, abs(amount)) * (amount != 0) - expression.constant
        row = Rows.of_row(found.arrays.costs(expression.terms))
        found.engine.add_rows(row, np.array([-np.inf]), np.array([limit]))
    found.minimise(found.arrays.costs(waiting.terms), waiting.constant)
    with found.undisturbed(), found.engine.relaxation():
        point = found.separated(time_limit_s=FINISH_S)
    return None if point is None else (found, point)


def _standing(problem: Problem, values: FloatArray) -> frozenset[Serving]:
    """Return what the plan can serve: replicas, slots, and nodes that need neither."""
    point, block = problem.point(values), problem.block
    found: set[Serving] = set()
    for load in block.loads:
        offer, job = load.offer, load.job
        if job.is_cold:
            there = block.cold_slots[offer]
        else:
            key = (*offer, job.model)
            there = block.warm[key] if key in block.warm else block.nodes[offer]
        if round(point(there)):
            found.add((offer, job.model, job.is_cold))
    return frozenset(found)


def _nearest(ways: Ways, standing: frozenset[Serving]) -> list[int]:
    """Return the site of the fastest service that stands for every demand row; −1 for none."""
    nearest = []
    nothing = np.zeros(len(ways.stands.sites), dtype=bool)
    sites: dict[tuple[str, bool], BoolArray] = {}
    for offer, model, is_cold in standing:
        there = sites.setdefault((model, is_cold), nothing.copy())
        there[ways.stands.sites.index(offer.site)] = True
    for demand in ways.network.demand:
        best, of_region = (np.inf, -1), ways.paths.of(demand.region)
        for stand, entries, latency in ways.usable(demand):
            there = sites.get((demand.model, stand.is_cold), nothing)
            here = np.flatnonzero(there[of_region.site[entries]] & ~np.isnan(latency))
            if len(here):
                first = here[np.argmin(latency[here])]
                best = min(best, (float(latency[first]), int(of_region.site[entries[first]])))
        nearest.append(best[1])
    return nearest


def _fix_whole_numbers(found: Problem, problem: Problem, values: FloatArray) -> None:
    arrays = problem.arrays
    whole = [int(column) for column in problem.whole]
    names = short_names(arrays.columns[column] for column in whole)
    known = dict(zip(names, np.round(values[whole]), strict=True))
    columns = found.whole
    fixed = np.array([known[n] for n in short_names(found.arrays.columns[c] for c in columns)])
    found.arrays.lower[columns] = found.arrays.upper[columns] = fixed
    found.engine.bound(columns, fixed, fixed)
