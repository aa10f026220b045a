"""No dependency carries more than its share of what is served or placed.

Σ_{x on g} amount[x] ≤ max_share · Σ_x amount[x]  (+ slack · nominal, where penalty is given)

for all Diversity rows with max_share, what they apply to, periods, and dependencies g of the
kind (or the named one); amount = requests, work, copies, seats, nodes or sites
                                          Source: design §3 (Diversity), §4 (diversity)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import DiversityRow, Item
from models.expressions import at_least_zero, row, rows
from models.holdings import ALL, Holding, holdings, measure_of
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.rules import _diversity_terms as terms_of


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one total per group and one row per dependency."""
    block.total = at_least_zero()
    block.whole, block.most = rows(), rows()
    for position, rule in enumerate(network.diversity):
        if rule.max_share is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=False):
            total = block.total[(position, *group.label)]
            whole = [*group.all, (-1.0, total)]
            row(block.whole, (position, *group.label), whole, lower=0.0, upper=0.0)
            for item in terms_of.limited(network, rule, group):
                key = (position, *group.label, *item)
                soft = terms_of.slack(block, model, rule, key, group.nominal)
                limit = (-rule.max_share, total)
                row(block.most, key, [*group.on(frozenset((item,))), limit, *soft], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield dependencies above the share of a hard row."""
    for rule in network.diversity:
        if rule.max_share is None or rule.penalty is not None:
            continue
        for holding, item, amount in _held(network, plan, rule):
            if exceeds(amount, rule.max_share * holding.total):
                share = amount / (holding.total or 1.0)
                where = f"{rule.rule}, {' '.join(holding.label)}, {item}"
                message = f"{share:.4%} hang on {item}, at most {rule.max_share:.4%} may"
                yield Violation("diversity_share", where, message, rule, "max_share")


def penalty(network: Network, plan: Deployment) -> float:
    """Return what the soft rows cost in currency per month."""
    cost = 0.0
    for rule in network.diversity:
        if rule.max_share is None or rule.penalty is None:
            continue
        for holding, _, amount in _held(network, plan, rule):
            above = max(0.0, amount - rule.max_share * holding.total)
            cost += rule.penalty * above / holding.nominal
    return cost


def _held(
    network: Network, plan: Deployment, rule: DiversityRow
) -> Iterator[tuple[Holding, Item, float]]:
    for holding in holdings(network, plan, rule, measure_of(rule)):
        named = [Item(rule.kind, rule.dependency)] if rule.dependency else holding.dependencies
        for item in named:
            yield holding, item, holding.on(frozenset((item,)))


def explain(network: Network, plan: Deployment) -> str:
    """Return the tightest share."""
    found = [
        (amount / (holding.total or 1.0) / (rule.max_share or 1.0), rule, item, amount, holding)
        for rule in network.diversity
        if rule.max_share is not None
        for holding, item, amount in _held(network, plan, rule)
        if holding.total
    ]
    if not found:
        limited = any(rule.max_share is not None for rule in network.diversity)
        return "Shares are limited, of nothing yet." if limited else "No share is limited."
    _, rule, item, amount, holding = max(found, key=lambda entry: entry[0])
    of = " ".join(word for word in holding.label if word not in ("", ALL))
    of = f" ({of} by itself)" if of else ""
    return (
        f"The tightest share is {rule.rule}{of}: {amount / holding.total:.1%} hang on {item}, "
        f"{rule.max_share:.0%} may."
    )
