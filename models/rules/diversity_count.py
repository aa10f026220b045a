"""No dependency holds more, and a named one no less, than its number of nodes, copies or seats.

min_count ≤ Σ_{x on g} amount[x] ≤ max_count    (± slack, where penalty is given)

for all Diversity rows with max_count or min_count, what they apply to, and dependencies g of
the kind (or the named one); amount = nodes, replicas, copies, seats or sites
                                          Source: design §3 (Diversity), §4 (diversity)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import DiversityRow, Item
from models.expressions import row, rows
from models.holdings import Holding, count_measure_of, holdings
from models.network import Network
from models.plan import Deployment, Violation
from models.rules import _diversity_terms as terms_of


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per limit, group and dependency."""
    block.most, block.least = rows(), rows()
    for position, rule in enumerate(network.diversity):
        if rule.max_count is None and rule.min_count is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=True):
            for item in terms_of.limited(network, rule, group):
                key = (position, *group.label, *item)
                held = group.on(frozenset((item,)))
                if rule.max_count is not None:
                    soft = terms_of.slack(block, model, rule, ("most", *key), 1.0)
                    row(block.most, key, [*held, *soft], upper=rule.max_count)
                if rule.min_count is not None:
                    soft = terms_of.slack(block, model, rule, ("least", *key), -1.0)
                    row(block.least, key, [*held, *soft], lower=rule.min_count)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield dependencies that hold too many or too few under a hard row."""
    for rule, where, amount in _held(network, plan):
        if rule.penalty is not None:
            continue
        if rule.max_count is not None and amount > rule.max_count:
            message = f"{amount:g} hang on it, at most {rule.max_count} may"
            yield Violation("diversity_count", where, message, rule, "max_count")
        if rule.min_count is not None and amount < rule.min_count:
            message = f"{amount:g} hang on it, at least {rule.min_count} must"
            yield Violation("diversity_count", where, message, rule, "min_count")


def penalty(network: Network, plan: Deployment) -> float:
    """Return what the soft rows cost in currency per month."""
    cost = 0.0
    for rule, _, amount in _held(network, plan):
        if rule.penalty is None:
            continue
        if rule.max_count is not None:
            cost += rule.penalty * max(0.0, amount - rule.max_count)
        if rule.min_count is not None:
            cost += rule.penalty * max(0.0, rule.min_count - amount)
    return cost


def _held(network: Network, plan: Deployment) -> Iterator[tuple[DiversityRow, str, float]]:
    # Rows that differ only in what they limit share their amounts: hundreds of caps are common.
    known: dict[tuple[str, ...], list[Holding]] = {}
    for rule in network.diversity:
        if rule.max_count is None and rule.min_count is None:
            continue
        measure = count_measure_of(rule)
        key = (measure, rule.role, rule.kind, rule.applies_to, rule.scope)
        if key not in known:
            known[key] = holdings(network, plan, rule, measure)
        for holding in known[key]:
            named = [Item(rule.kind, rule.dependency)] if rule.dependency else holding.dependencies
            for item in named:
                where = f"{rule.rule}, {' '.join(holding.label)}, {item}"
                yield rule, where, holding.on(frozenset((item,)))


def explain(network: Network, plan: Deployment) -> str:
    """Return how many count limits bind."""
    held = list(_held(network, plan))
    binding = sum(amount in (rule.max_count, rule.min_count) for rule, _, amount in held)
    return f"{len(held)} counts are limited, {binding} of them bind."
