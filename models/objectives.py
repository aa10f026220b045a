"""What is made small: the weighted sum of the measures of one priority."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from models.classes import Classes
from models.expressions import Expression, Term, row, rows
from models.measures import measure
from models.network import Goal, Network
from models.paths import FloatArray
from models.plan import Deployment

SMALL = 1e-6
"""The limit of a measure from which its row is written in parts of the limit."""


def add_objectives(block: Any, network: Network) -> None:
    """Add the variables and rows that only an objective needs, and the limits of goals."""
    for name in sorted({goal.measure for goal in network.goals}):
        measure(name).declare(block, network)
    for goal, limit in limited(network):
        if block.component("at_most") is None:
            block.at_most = rows()
        found, part = measure(goal.measure).express(block, network), scale(limit)
        terms = [(coefficient / part, variable) for coefficient, variable in found.terms]
        row(block.at_most, goal.measure, terms, upper=(limit - found.constant) / part)


def limited(network: Network) -> list[tuple[Goal, float]]:
    """Return the goals whose measure no plan may have more of than a limit, with the limit."""
    return [(goal, goal.at_most) for goal in network.goals if goal.at_most is not None]


def scale(limit: float) -> float:
    """Return by what the row of a limit is divided, so that the solver's tolerance suits it."""
    return limit if limit > SMALL else 1.0


def stage(block: Any, network: Network, goals: list[Goal]) -> Expression:
    """Return the weighted sum of the measures of one priority."""
    terms: list[Term] = []
    constant, integral = 0.0, True
    for goal in goals:
        found = measure(goal.measure).express(block, network)
        terms.extend((goal.weight * coefficient, variable) for coefficient, variable in found.terms)
        constant += goal.weight * found.constant
        integral = integral and found.integral and float(goal.weight).is_integer()
    return Expression(terms, constant, integral)


def flow_costs(network: Network, classes: Classes, goals: Iterable[Goal]) -> FloatArray:
    """Return what every flow, in the model or not, adds to the weighted sum of the measures."""
    total: FloatArray = np.zeros(len(classes))
    for goal in goals:
        total += goal.weight * measure(goal.measure).of_flows(network, classes)
    return total


def value(network: Network, plan: Deployment, goals: Iterable[Goal]) -> float:
    """Return what the plan amounts to in the weighted sum, recomputed from the tables."""
    return sum(goal.weight * measure(goal.measure).value(network, plan) for goal in goals)


def unit(goals: Iterable[Goal]) -> str:
    """Return the unit of the weighted sum; `mixed` where the measures have several."""
    found = {measure(goal.measure).UNIT for goal in goals}
    return found.pop() if len(found) == 1 else "mixed"
