"""The running cost a month, one-off cost spread over `months`, and penalties."""

from __future__ import annotations

from typing import Any

from models import costs
from models.classes import Classes
from models.data import HOURS_PER_MONTH, SECONDS_PER_HOUR
from models.expressions import Expression
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment
from models.rules import diversity_count, diversity_distinct, diversity_nakamoto, diversity_share

UNIT = "currency/month"
SOFT_RULES = (diversity_share, diversity_count, diversity_distinct, diversity_nakamoto)


def declare(block: Any, network: Network) -> None:
    """Add nothing: the measure is made of what is there."""


def express(block: Any, network: Network) -> Expression:
    """Return what is paid a month, and the penalties."""
    months = network.settings.months
    once = [(cost / months, variable) for cost, variable in costs.one_off_terms(block, network)]
    running = list(costs.monthly_terms(block, network))
    return Expression([*running, *once, *costs.penalty_terms(block, network)])


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return the price of route and upstream."""
    return costs.flow_costs(network, classes)


def value(network: Network, plan: Deployment) -> float:
    """Return the sum of the breakdown."""
    return costs.sum_of(breakdown(network, plan))


def money(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return the lines that add up to the monthly cost wherever it is told: what is paid."""
    once = costs.sum_of(costs.one_off_bill(network, plan))
    months = network.settings.months
    return [
        *costs.monthly_bill(network, plan),
        costs.Line(f"one-off costs over {months:g} months", once / months),
    ]


def penalties(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return what counts with the money where monthly_cost is made small, but is never paid."""
    return [
        costs.Line("penalties for unserved demand", _unserved_penalty(network, plan)),
        costs.Line(
            "penalties of soft diversity rows",
            sum(rule.penalty(network, plan) for rule in SOFT_RULES),
        ),
    ]


def breakdown(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return the lines that add up to the measure monthly_cost."""
    return [*money(network, plan), *penalties(network, plan)]


def penalties_in(network: Network, plan: Deployment, priority: int) -> float:
    """Return the part of an objective's value that is penalties."""
    weights = (
        goal.weight
        for goal in network.goals
        if (goal.priority, goal.measure) == (priority, "monthly_cost")
    )
    return sum(weights) * costs.sum_of(penalties(network, plan))


def _unserved_penalty(network: Network, plan: Deployment) -> float:
    missing = costs.unserved_share(network, plan)
    total = 0.0
    for demand in network.demand:
        seconds = HOURS_PER_MONTH * SECONDS_PER_HOUR
        millions = network.mean_rate(demand) * seconds / 1e6
        total += demand.unserved_penalty * millions * missing[demand.key]
    return total
