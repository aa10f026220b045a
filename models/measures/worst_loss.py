"""The largest share of all requests that the loss of one dependency leaves unanswered in vain.

worst_loss · asked[t] ≥ Σ_{x on g} load[x] − Σ_{c: g unavoidable} rate[c] · served[c]
                        + Σ_c rate[c] · unserved[c],     served[c] = 1 − unserved[c]
    for all periods t and dependencies g: what some way to serve a demand row does not hang on, the
    row could avoid. What it cannot avoid no placement betters, and would hide what it can.
A request hangs on what its offer, region, model, policy, route and upstream routes hang on. Who is
unserved is lost with everything, so that serving nobody gains nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from models import losses
from models.classes import Classes
from models.costs import unserved_share
from models.data import Item
from models.expressions import Expression, Term, at_least_zero, row, rows
from models.losses import Hit
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment
from models.service import Service, on_every_way, service

UNIT = "share"

WORST = "worst"


class _Lost(NamedTuple):
    """What a dependency loses: the loads on it, less what is served and cannot avoid it."""

    loads: frozenset[Hit]
    spared: frozenset[Hit]

    def is_within(self, other: _Lost) -> bool:
        """Return whether the other loses all that this one does."""
        return self.loads <= other.loads and other.spared <= self.spared


def declare(block: Any, network: Network) -> None:
    """Add the largest loss, and what it is made of, once for all that is lost together."""
    block.loss = at_least_zero()
    block.loss_sum, block.loss_least = rows(), rows()
    groups = losses.groups(block, network, frozenset(network.graph.dependencies))
    unserved, given = losses.unserved(block), _given(block)
    for period, asked in losses.asked(network).items():
        missing = block.loss["unserved", period]
        terms = [(-coefficient, variable) for coefficient, variable in unserved[period]]
        row(block.loss_sum, ("unserved", period), [(1.0, missing), *terms], lower=0.0)
        always = [(asked, block.loss[WORST]), (-1.0, missing)]
        row(block.loss_least, period, always, lower=0.0)
        loads = _loads(block, period, groups.get(period, {}), given[period])
        spared = _spared(block, period, given[period])
        for item, lost in _largest(loads, spared):
            terms = [(-1.0, loads[hit]) for hit in loads if hit in lost.loads]
            terms += [(1.0, spared[items]) for items in spared if items in lost.spared]
            row(block.loss_least, (period, *item), [*always, *terms], lower=0.0)


def _given(block: Any) -> dict[str, dict[Hit, list[Term]]]:
    """Return, per period, the classes that cannot avoid the same, as terms in requests/s."""
    found: dict[str, dict[Hit, list[Term]]] = defaultdict(lambda: defaultdict(list))
    for number, group in enumerate(block.classes.classes):
        if group.rate:
            term = (group.rate, block.unserved[number])
            found[group.period][group.unavoidable].append(term)
    return found


def _loads(
    block: Any, period: str, groups: Mapping[Hit, list[Any]], given: Mapping[Hit, Any]
) -> dict[Hit, Any]:
    """Return what is executed on the same dependencies, less those that nobody can avoid."""
    nobody = frozenset.intersection(*given)
    found: dict[Hit, list[Any]] = defaultdict(list)
    for hit, variables in groups.items():
        if hit - nobody:
            found[hit - nobody] += variables
    executed = {}
    for number, (hit, variables) in enumerate(found.items()):
        executed[hit] = total = block.loss["executed", period, number]
        negated = [(-1.0, variable) for variable in variables]
        row(block.loss_sum, ("executed", period, number), [(1.0, total), *negated], lower=0.0)
    return executed


def _spared(block: Any, period: str, given: Mapping[Hit, list[Term]]) -> dict[Hit, Any]:
    """Return what is served of those who cannot avoid the same."""
    served = {}
    for number, (items, terms) in enumerate(given.items()):
        if items:
            served[items] = total = block.loss["spared", period, number]
            asked = sum(coefficient for coefficient, _ in terms)
            row(block.loss_sum, ("spared", period, number), [(1.0, total), *terms], upper=asked)
    return served


def _largest(loads: Mapping[Hit, Any], spared: Mapping[Hit, Any]) -> Iterator[tuple[Item, _Lost]]:
    """Yield the dependencies that may lose most, with what they lose.

    Others lose no more than one of these, or just the same.
    """
    on: dict[Item, list[Hit]] = defaultdict(list)
    for hit in loads:
        for item in hit:
            on[item].append(hit)
    lost = {
        item: _Lost(frozenset(hits), frozenset(items for items in spared if item in items))
        for item, hits in on.items()
    }
    for item, own in sorted(lost.items()):
        # Who loses all that this one does also loses the first of it.
        others = (o for o in on[item][0] if o != item and own.is_within(lost[o]))
        if not any(other < item or not lost[other].is_within(own) for other in others):
            yield item, own


def express(block: Any, network: Network) -> Expression:
    """Return the largest loss."""
    return Expression([(1.0, block.loss[WORST])])


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return that flows add nothing: what they load does."""
    return np.zeros(len(classes))


def value(network: Network, plan: Deployment) -> float:
    """Return the largest loss of any period, from the routing."""
    asked: dict[str, float] = defaultdict(float)
    missing: dict[str, float] = defaultdict(float)
    lost: dict[str, dict[Item, float]] = defaultdict(lambda: defaultdict(float))
    demand_of = {demand.key: demand for demand in network.demand}
    for key, share in unserved_share(network, plan).items():
        demand = demand_of[key]
        asked[demand.period] += demand.requests_per_s
        missing[demand.period] += demand.requests_per_s * share
    given: dict[Any, Hit] = {}
    for flow in plan.routing:
        demand = demand_of[flow.demand]
        way = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if isinstance(way, Service):
            if demand.key not in given:
                given[demand.key] = on_every_way(network, demand) or frozenset()
            for item in way.hangs_on - given[demand.key]:
                lost[demand.period][item] += demand.requests_per_s * flow.share
    return max(
        (
            (missing[period] + max(lost[period].values(), default=0.0)) / total
            for period, total in asked.items()
            if total
        ),
        default=0.0,
    )
