"""Losing everything takes the loss of at least a given number of dependencies.

used[g] ≤ Σ_{x on g} amount[x],  0 ≤ used[g] ≤ 1,  Σ_g used[g] ≥ min_distinct
    g the outermost dependency of the kind; what hangs on none cannot be lost at all:
    free ≤ Σ_{x on none} amount[x],  0 ≤ free ≤ 1, counted min_distinct times
separated, where x may hang on several, for sets S with k = min_distinct − |S| > 0:
    k · Σ_{x not on S} amount[x]  (+ slack) ≥ k

for all Diversity rows with min_distinct and what they apply to; amount = nodes, replicas,
copies, seats or sites                    Source: design §4 (diversity, min_distinct)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.expressions import Cut, Point, Term, row, rows, share
from models.hitting_sets import smallest_removal
from models.holdings import count_measure_of, holdings
from models.network import Network
from models.plan import Deployment, Violation
from models.rules import _diversity_terms as terms_of


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the used dependencies of every group, or only a start where they overlap."""
    block.used = share()
    block.held, block.enough = rows(), rows()
    for position, rule in enumerate(network.diversity):
        if rule.min_distinct is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=True):
            key = (position, *group.label)
            soft = terms_of.slack(block, model, rule, key, -1.0)
            parts = _partition(network, group)
            if parts is None:
                if rule.penalty is None:
                    row(block.enough, key, group.all, lower=min(1, rule.min_distinct))
                continue
            counted = []
            for item, terms in sorted(parts.items(), key=lambda part: str(part[0])):
                used = block.used[(*key, str(item))]
                held = [(-1.0, variable) for _, variable in terms]
                row(block.held, (*key, str(item)), [(1.0, used), *held], upper=0.0)
                counted.append((1.0 if item is not None else float(rule.min_distinct), used))
            row(block.enough, key, [*counted, *soft], lower=rule.min_distinct)


def _partition(network: Network, group: terms_of.Group) -> dict[Any, list[Term]] | None:
    """Return the terms by outermost dependency (None: hangs on none), or None if they overlap."""
    parts: dict[Any, list[Term]] = defaultdict(list)
    for hangs_on, term in group.terms:
        tops = network.graph.outermost(hangs_on)
        if len(tops) > 1:
            return None
        parts[next(iter(tops), None)].append(term)
    return parts


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield a row per group that fewer than min_distinct overlapping dependencies remove."""
    for position, rule in enumerate(network.diversity):
        if rule.min_distinct is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=True):
            if _partition(network, group) is not None:
                continue
            removal = smallest_removal(group.at(point).parts, rule.min_distinct - 1)
            if removal is not None:
                lost, missing = frozenset(removal), float(rule.min_distinct - len(removal))
                left = [
                    (missing, variable)
                    for hangs_on, (_, variable) in group.terms
                    if not hangs_on & lost
                ]
                if rule.penalty is not None:
                    left.append((1.0, block.slack[(position, *group.label)]))
                yield Cut(tuple(left), lower=missing)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield what a hard row protects and too few dependencies remove."""
    for rule in network.diversity:
        if rule.min_distinct is None or rule.penalty is not None:
            continue
        for holding in holdings(network, plan, rule, count_measure_of(rule)):
            removal = smallest_removal(holding.parts, rule.min_distinct - 1)
            if removal is not None:
                names = ", ".join(map(str, removal)) or "nothing"
                message = f"losing {names} removes all; {rule.min_distinct} must be needed"
                where = f"{rule.rule}, {' '.join(holding.label)}"
                yield Violation("diversity_distinct", where, message, rule, "min_distinct")


def penalty(network: Network, plan: Deployment) -> float:
    """Return what the soft rows cost in currency per month."""
    cost = 0.0
    for rule in network.diversity:
        if rule.min_distinct is None or rule.penalty is None:
            continue
        for holding in holdings(network, plan, rule, count_measure_of(rule)):
            removal = smallest_removal(holding.parts, rule.min_distinct - 1)
            if removal is not None:
                cost += rule.penalty * (rule.min_distinct - len(removal))
    return cost


def explain(network: Network, plan: Deployment) -> str:
    """Return the fewest different dependencies under a limit."""
    parts = []
    for rule in network.diversity:
        if rule.min_distinct is None:
            continue
        for holding in holdings(network, plan, rule, count_measure_of(rule)):
            removal = smallest_removal(holding.parts, rule.min_distinct - 1)
            count = f"at least {rule.min_distinct}" if removal is None else str(len(removal))
            parts.append(f"{rule.rule} {holding.label[0]}: {count} of {rule.min_distinct}")
    if not parts:
        return "No number of different dependencies is asked for."
    return f"Different dependencies: {'; '.join(parts[:5])}."
