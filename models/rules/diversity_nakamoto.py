"""Breaking a role takes more than a given number of dependencies.

(n − 1) · τ + Σ_g u[g] ≤ limit,  u[g] ≥ x[g] − τ,  u[g] ≥ 0,  x[g] = Σ_{x on g} amount[x]
    limit = threshold · total, or max_faulty of a committee where no threshold is given;
    g the outermost dependency of the kind: the n − 1 largest together stay within the limit
separated, where x may hang on several: Σ_{x on S} amount[x] ≤ limit (+ slack), |S| = n − 1

for all Diversity rows with min_nakamoto = n, what they apply to, and periods
                                          Source: design §4 (diversity, min_nakamoto); the sum of
                                          the k largest as a linear programme (Ogryczak, Tamir)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import DiversityRow, Item
from models.expressions import Cut, Point, Term, at_least_zero, row, rows
from models.hitting_sets import largest_union
from models.holdings import Holding, holdings, measure_of
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.rules import _diversity_terms as terms_of


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the sum of the largest amounts of every group; nothing yet where they overlap."""
    block.tau = at_least_zero()
    block.above = at_least_zero()
    block.excess, block.most = rows(), rows()
    for position, rule in enumerate(network.diversity):
        if rule.min_nakamoto is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=False):
            parts = _partition(network, group)
            key = (position, *group.label)
            soft = terms_of.slack(block, model, rule, key, group.nominal)
            if parts is None:
                continue
            tau, counted = block.tau[key], []
            for item, terms in sorted(parts.items()):
                above = block.above[(*key, *item)]
                held = [(-coefficient, variable) for coefficient, variable in terms]
                row(block.excess, (*key, *item), [(1.0, above), (1.0, tau), *held], lower=0.0)
                counted.append((1.0, above))
            limit, constant = _limit(rule, group)
            largest = [(rule.min_nakamoto - 1.0, tau), *counted, *limit, *soft]
            row(block.most, key, largest, upper=constant)


def _limit(rule: DiversityRow, group: terms_of.Group) -> tuple[list[Term], float]:
    """Return what the largest may hold, as negated terms and a constant."""
    if rule.threshold is None:
        return [], float(group.seats_that_may_fail)
    return [(-rule.threshold * coefficient, v) for coefficient, v in group.all], 0.0


def _partition(network: Network, group: terms_of.Group) -> dict[Item, list[Term]] | None:
    parts: dict[Item, list[Term]] = defaultdict(list)
    for hangs_on, term in group.terms:
        tops = network.graph.outermost(hangs_on)
        if len(tops) > 1:
            return None
        for item in tops:
            parts[item].append(term)
    return parts


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield a row per group of which n − 1 overlapping dependencies hold the most together."""
    for position, rule in enumerate(network.diversity):
        if rule.min_nakamoto is None:
            continue
        for group in terms_of.groups(block, model, network, rule, counted=False):
            if _partition(network, group) is not None:
                continue
            _, chosen = largest_union(group.at(point).parts, rule.min_nakamoto - 1)
            limit, constant = _limit(rule, group)
            terms = [*group.on(frozenset(chosen)), *limit]
            if rule.penalty is not None:
                terms.append((-group.nominal, block.slack[(position, *group.label)]))
            yield Cut(tuple(_merged(terms)), upper=constant)


def _merged(terms: list[Term]) -> list[Term]:
    """Return the terms with one coefficient per variable."""
    by_variable: dict[int, Term] = {}
    for coefficient, variable in terms:
        known = by_variable.get(id(variable), (0.0, variable))[0]
        by_variable[id(variable)] = (known + coefficient, variable)
    return list(by_variable.values())


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield what fewer dependencies than a hard row asks for can break."""
    for rule in network.diversity:
        if rule.min_nakamoto is None or rule.penalty is not None:
            continue
        for holding in holdings(network, plan, rule, measure_of(rule)):
            amount, chosen = largest_union(holding.parts, rule.min_nakamoto - 1)
            allowed = _allowed(network, rule, holding)
            if exceeds(amount, allowed):
                names = ", ".join(map(str, chosen))
                message = f"{names} hold {amount:g} of {holding.total:g}, above {allowed:g}"
                where = f"{rule.rule}, {' '.join(holding.label)}"
                yield Violation("diversity_nakamoto", where, message, rule, "min_nakamoto")


def _allowed(network: Network, rule: DiversityRow, holding: Holding) -> float:
    if rule.threshold is not None:
        return rule.threshold * holding.total
    committee = network.committees.get(holding.label[0])
    return float(committee.faulty_limit) if committee is not None else 0.0


def penalty(network: Network, plan: Deployment) -> float:
    """Return what the soft rows cost in currency per month."""
    cost = 0.0
    for rule in network.diversity:
        if rule.min_nakamoto is None or rule.penalty is None:
            continue
        for holding in holdings(network, plan, rule, measure_of(rule)):
            amount, _ = largest_union(holding.parts, rule.min_nakamoto - 1)
            above = max(0.0, amount - _allowed(network, rule, holding))
            cost += rule.penalty * above / holding.nominal
    return cost


def explain(network: Network, plan: Deployment) -> str:
    """Return how many limits hold and what the tightest is."""
    parts = []
    for rule in network.diversity:
        if rule.min_nakamoto is None:
            continue
        for holding in holdings(network, plan, rule, measure_of(rule)):
            amount, chosen = largest_union(holding.parts, rule.min_nakamoto - 1)
            names = ", ".join(map(str, chosen)) or "nothing"
            parts.append(f"{rule.rule} {holding.label[0]}: {names} hold {amount:g}")
    if not parts:
        return "No Nakamoto number is asked for."
    return f"Nakamoto numbers hold: {'; '.join(parts[:5])}."
