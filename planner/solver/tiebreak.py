"""Of all plans that are as good, the one with the nearest service: the tie-break of every plan.

Whatever is counted stays as it is: nodes, replicas, slots, copies, seats. Every objective keeps the
value it has. Who is served where is decided anew, for what then waits least, in a model of what
stands alone, in which only demand rows with the same nearest service are still one class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from models.classes import Classes, Serving, TooManyFlows, demand_classes
from models.data import OfferKey
from models.network import Goal, Network
from models.objectives import stage
from models.stands import BoolArray
from models.streams import Stream, verification_streams
from models.ways import Ways
from planner.solver.arrays import FloatArray
from planner.solver.finish import FINISH_S, named_alike
from planner.solver.problem import Problem
from planner.solver.room import has_room

MOST_FLOWS = 150_000
"""Flows beyond which rows with other nearest services may be one class after all."""
KEPT = 1e-7
"""What an objective may lose in the tie-break, relatively, for numerical safety."""


def nearest_service(
    network: Network,
    problem: Problem,
    values: FloatArray,
    stages: Iterable[list[Goal]],
    solver: Mapping[str, Any],
) -> tuple[Problem, FloatArray] | None:
    """Return the model of what stands and its point of least waiting; None if it finds none.

    The problem may hold but a part of the network. Where nothing is asked for nobody waits, and a
    second model would be built for nothing.
    """
    if not network.demand:
        return None
    standing = _standing(problem, values)
    nearest = _nearest(problem.block.classes.ways, standing)
    try:
        classes = demand_classes(network, nearest, standing, MOST_FLOWS)
    except TooManyFlows:
        classes = demand_classes(network, None, standing)
    if not has_room(len(classes) + len(classes.loads)):
        return None
    found = Problem(network, classes, streams=_streams(network, classes, problem, values))
    goals = [*stages, [Goal(1, "unserved")]]
    kept = [stage(found.block, network, group) for group in goals]
    waiting = stage(found.block, network, [Goal(1, "latency")])
    found.compile([*kept, waiting])
    found = found.switched_off(problem.without)
    found.hand_over(problem.engine.stop, solver)
    columns, fixed = named_alike(found, problem, values)
    found.arrays.lower[columns] = found.arrays.upper[columns] = fixed
    found.engine.bound(columns, fixed, fixed)
    for group, expression in zip(goals, kept, strict=True):
        before = stage(problem.block, problem.network, group)
        amount = float(problem.arrays.costs(before.terms) @ values) + before.constant
        limit = amount + KEPT * max(1.0, abs(amount)) * (amount != 0) - expression.constant
        found.add_row(found.arrays.costs(expression.terms), -np.inf, limit)
    found.minimise(found.arrays.costs(waiting.terms), waiting.constant)
    with found.undisturbed(), found.engine.relaxation():
        point = found.separated(time_limit_s=FINISH_S)
    problem.cut_short |= found.cut_short
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


def _streams(
    network: Network, classes: Classes, problem: Problem, values: FloatArray
) -> tuple[Stream, ...]:
    """Return the verification streams with the verifiers that stand."""
    point, nodes = problem.point(values), problem.block.nodes
    standing = {offer for offer in map(OfferKey._make, nodes) if round(point(nodes[offer]))}
    return tuple(
        replace(stream, verifiers=tuple(o for o in stream.verifiers if o in standing))
        for stream in verification_streams(network, classes)
    )


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
