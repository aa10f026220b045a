"""The plan costs no more than the budgets allow.

Σ monthly_cost · open[s] + Σ monthly_cost · contract[p] + Σ node_cost · nodes[o]
  + Σ routing cost ≤ budget_monthly
Σ opening_cost · new open[s] + Σ one_off_cost · new[o] ≤ budget_one_off
new[o] ≥ nodes[o] − existing_nodes[o],  new[o] ≥ 0

once; in a phase with its budgets too     Source: design §4 (budget); penalties and one-off
                                          costs spread over months are no part of the monthly bill
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models import costs
from models.data import Phase, Settings
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of the budgets that are given."""
    block.most = rows()
    for source, limits in _sources(network).items():
        if limits.budget_monthly is not None:
            terms = list(costs.monthly_terms(model, network))
            row(block.most, f"{source}monthly", terms, upper=limits.budget_monthly)
        if limits.budget_one_off is not None:
            terms = list(costs.one_off_terms(model, network))
            row(block.most, f"{source}one_off", terms, upper=limits.budget_one_off)


def _sources(network: Network) -> dict[str, Settings | Phase]:
    """Return what has budgets: Settings, and the phase."""
    found: dict[str, Settings | Phase] = {"": network.settings}
    if network.step is not None:
        found["phase_"] = network.step.phase
    return found


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield budgets that the plan exceeds."""
    bills = (
        ("monthly", costs.monthly_bill(network, plan), "budget_monthly"),
        ("one-off", costs.one_off_bill(network, plan), "budget_one_off"),
    )
    limits: list[Settings | Phase] = [network.settings]
    limits += [network.step.phase] if network.step is not None else []
    for name, lines, attribute in bills:
        total = costs.sum_of(lines)
        for given in limits:
            budget = getattr(given, attribute)
            if budget is not None and exceeds(total, budget):
                message = f"{total:,.2f} {network.settings.currency} exceed {budget:,.2f}"
                yield Violation("budget", name, message, given, attribute)


def explain(network: Network, plan: Deployment) -> str:
    """Return what the plan costs against its budgets."""
    settings = network.settings
    monthly = costs.sum_of(costs.monthly_bill(network, plan))
    one_off = costs.sum_of(costs.one_off_bill(network, plan))
    limits = [
        _said(network, "budget_monthly"),
        _said(network, "budget_one_off"),
    ]
    return (
        f"To run, the plan costs {monthly:,.0f} {settings.currency} a month ({limits[0]}) and "
        f"{one_off:,.0f} {settings.currency} once ({limits[1]})."
    )


def _said(network: Network, attribute: str) -> str:
    """Return the smallest of the budgets of a kind in words."""
    given = [getattr(limits, attribute) for limits in _sources(network).values()]
    known = [limit for limit in given if limit is not None]
    return f"at most {min(known):,.0f}" if known else "no limit"
