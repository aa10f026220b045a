"""The last touches that make a plan of a point: whole numbers exact, nothing idle, no slack.

Each is a short solve with most of the point kept. But for `decided` they have time of their own,
beyond the limit of the run and after somebody asked to stop: without them there would be no plan.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.decisions import DECISIONS, plan_families
from models.expressions import Expression
from models.plan import Deployment
from planner.solver.arrays import FloatArray, IntArray, short_names
from planner.solver.problem import Problem

FINISH_NODES = 200
"""Branch-and-bound nodes to decide the rest where execution is given."""
START_S = 10.0
"""Seconds to find a start where another plan cannot be one as it is: not worth a longer wait."""
FINISH_S = 60.0
"""Seconds to finish a plan, beyond the limit: it is worth the wait. What takes longer is told."""


def without_idle_places(problem: Problem, values: FloatArray) -> FloatArray:
    """Return the point without open sites that hold no node and contracts for no open site.

    Where they are free, a solver leaves them as they come; closing them breaks no rule.
    """
    block, network, column_of = problem.block, problem.network, problem.arrays.column_of
    plan, values = problem.deployment(values), values.copy()
    needed = {offer.site for offer in plan.nodes}
    needed |= {name for name, site in network.sites.items() if site.status == "required"}
    providers = {network.sites[name].provider for name in needed}
    providers |= {n for n, found in network.providers.items() if found.status == "required"}
    for family, kept in ((block.open, needed), (block.contract, providers)):
        for name in family:
            if name not in kept and id(family[name]) in column_of:
                values[column_of[id(family[name])]] = 0.0
    return values


def completed(problem: Problem, values: FloatArray, gap: float) -> FloatArray | None:
    """Return a legal point as near to this one as can be: whole numbers first, then fewer."""
    found = exact(problem, values)
    return repaired(problem, values, gap) if found is None else found


def exact(problem: Problem, values: FloatArray) -> FloatArray | None:
    """Return the best legal point with these whole numbers, rounded; None if there is none."""
    whole = problem.whole
    fixed = problem.fixed(whole, np.round(values[whole]))
    with problem.undisturbed(), fixed, problem.engine.relaxation():
        return problem.separated(time_limit_s=FINISH_S)


def adopted(problem: Problem, other: Problem, values: FloatArray) -> FloatArray | None:
    """Return the best legal point with the whole numbers of another problem's point."""
    columns, fixed = named_alike(problem, other, values)
    with problem.undisturbed(), problem.fixed(columns, fixed), problem.engine.relaxation():
        return problem.separated(time_limit_s=FINISH_S)


def started(problem: Problem, plan: Deployment, gap: float) -> FloatArray | None:
    """Return the best legal point with what a plan counts: nodes, replicas, copies, seats …

    If no legal point has all of that, the best one with what executes there.
    """
    values, kept = np.zeros(len(problem.arrays.columns)), []
    for decision in DECISIONS:
        family, amounts = problem.block.component(decision.name), decision.amounts(plan)
        kept += list(family.values())
        for key, amount in amounts.items():
            index = decision.index(key)
            if index in family:
                values[problem.columns([family[index]])] = amount
    for columns, seconds in ((problem.columns(kept), FINISH_S), (problem.executing, START_S)):
        with problem.undisturbed():
            found = _deciding_the_rest(problem, columns, values, gap, seconds)
        if found is not None:
            return exact(problem, found)
    return None


def named_alike(
    problem: Problem, other: Problem, values: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return the whole columns with their values in another problem; 0 where it lacks one."""
    theirs = other.whole
    names = short_names(other.arrays.columns[column] for column in theirs)
    known = dict(zip(names, np.round(values[theirs]), strict=True))
    asked = short_names(problem.arrays.columns[column] for column in problem.whole)
    return problem.whole, np.array([known.get(name, 0.0) for name in asked])


def repaired(problem: Problem, values: FloatArray, gap: float) -> FloatArray | None:
    """Return a legal point that keeps execution, copies and seats and decides the rest anew."""
    stored = problem.columns([*problem.block.copy.values(), *problem.block.seats.values()])
    with problem.undisturbed():
        found = _deciding_the_rest(
            problem, np.union1d(problem.executing, stored), values, gap, FINISH_S
        )
    return None if found is None else exact(problem, found)


def decided(
    problem: Problem, values: FloatArray, gap: float, time_limit_s: float
) -> FloatArray | None:
    """Return a legal point that keeps execution and decides all the rest."""
    return _deciding_the_rest(problem, problem.executing, values, gap, time_limit_s)


def _deciding_the_rest(
    problem: Problem, kept: IntArray, values: FloatArray, gap: float, time_limit_s: float
) -> FloatArray | None:
    with problem.fixed(kept, np.round(values[kept])):
        return problem.separated(time_limit_s=time_limit_s, gap=gap, max_nodes=FINISH_NODES)


def tightened(
    problem: Problem, values: FloatArray, expressions: Iterable[Expression]
) -> FloatArray:
    """Return the point with every helper at its least, the plan itself unchanged.

    A later stage leaves a slack or a count of changes as large as an earlier row allows.
    """
    families = plan_families(problem.block)
    columns = problem.columns(v for family in families for v in family.values())
    costs = np.zeros(len(values))
    for expression in expressions:
        costs += np.abs(problem.arrays.costs(expression.terms))
    problem.engine.minimise(costs)
    with problem.undisturbed(), problem.fixed(columns, values[columns]):
        outcome = problem.engine.solve(time_limit_s=FINISH_S)
    problem.cut_short |= outcome.values is None
    return values if outcome.values is None else outcome.values
