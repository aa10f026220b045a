"""The plan costs no more than the budgets allow.

Σ monthly_cost · open[s] + Σ monthly_cost · contract[p] + Σ node_cost · nodes[o]
  + Σ routing cost ≤ budget_monthly
Σ opening_cost · new open[s] + Σ one_off_cost · new[o] ≤ budget_one_off
new[o] ≥ nodes[o] − existing_nodes[o],  new[o] ≥ 0

once                                      Source: design §4 (budget); penalties and one-off
                                          costs spread over months are no part of the monthly bill
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models import costs
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of the budgets that are given."""
    block.most = rows()
    settings = network.settings
    if settings.budget_monthly is not None:
        terms = list(costs.monthly_terms(model, network))
        row(block.most, "monthly", terms, upper=settings.budget_monthly)
    if settings.budget_one_off is not None:
        terms = list(costs.one_off_terms(model, network))
        row(block.most, "one_off", terms, upper=settings.budget_one_off)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield budgets that the plan exceeds."""
    settings = network.settings
    bills = (
        ("monthly", costs.monthly_bill(network, plan), "budget_monthly"),
        ("one-off", costs.one_off_bill(network, plan), "budget_one_off"),
    )
    for name, lines, attribute in bills:
        total, budget = costs.sum_of(lines), getattr(settings, attribute)
        if budget is not None and exceeds(total, budget):
            message = f"{total:,.2f} {settings.currency} exceed {budget:,.2f}"
            yield Violation("budget", name, message, settings, attribute)


def explain(network: Network, plan: Deployment) -> str:
    """Return what the plan costs against its budgets."""
    settings = network.settings
    monthly = costs.sum_of(costs.monthly_bill(network, plan))
    one_off = costs.sum_of(costs.one_off_bill(network, plan))
    limits = [
        "no limit" if limit is None else f"at most {limit:,.0f}"
        for limit in (settings.budget_monthly, settings.budget_one_off)
    ]
    return (
        f"To run, the plan costs {monthly:,.0f} {settings.currency} a month ({limits[0]}) and "
        f"{one_off:,.0f} {settings.currency} once ({limits[1]})."
    )
