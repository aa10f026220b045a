"""Why demand is not served: asked of the tables and the plan, one demand row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.costs import monthly_bill, sum_of, unserved_share
from models.data import Demand, OfferKey, names_in
from models.network import Network
from models.plan import Deployment, exceeds
from models.rules import diversity_share, upstream
from planner.checks.capacity import Bounds
from planner.checks.diversity import too_small
from planner.checks.verification import verifying
from planner.workbook.findings import counted

AT_ITS_LIMIT = 1e-3
"""How near a share must be to its limit, relatively, to hold demand back."""


GIVEN_UP = 2e-6
"""Share of the month's mean demand that is nothing: later objectives may leave some for safety."""


@dataclass(frozen=True)
class Served:
    """What a demand row asks for and gets, in requests/s, and why it gets no more."""

    demand: Demand
    asked: float
    served: float
    why: str

    @property
    def unserved(self) -> float:
        """Return the requests/s that nobody answers."""
        return self.asked - self.served


def served(network: Network, plan: Deployment) -> Iterator[Served]:
    """Yield every demand row that asks for anything, in the order of the workbook."""
    missing, bounds = unserved_share(network, plan), Bounds(network)
    asked = {demand.key: network.mean_rate(demand) for demand in network.demand}
    nothing = GIVEN_UP * sum(asked.values())
    for demand in network.demand:
        if demand.requests_per_s <= 0:
            continue
        share, why = missing[demand.key], ""
        if exceeds(share, 0.0):
            why = _impossible(bounds, demand)
            if not why and share * asked[demand.key] > nothing:
                why = (
                    _too_much(bounds, demand)
                    or _upstream(network, plan, demand)
                    or _no_room(bounds, plan, demand)
                    or _too_dear(bounds, plan, demand)
                    or _shares(bounds, plan, demand)
                    or "none of the limits on its nodes, budget and shares; other rules or the"
                    " objectives leave it out"
                )
        rate = demand.requests_per_s
        yield Served(demand, rate, rate * (1 - share) if why else rate, why)


def _impossible(bounds: Bounds, demand: Demand) -> str:
    """Return why no plan serves the row; empty if some might."""
    network = bounds.network
    if not bounds.hosts(demand):
        return f"no node on offer runs {demand.model or 'it'}"
    if not bounds.allowed(demand):
        policy = network.policies.get(demand.verification)
        tee = f" with tee {policy.tee}" if policy is not None and policy.tee else ""
        return f"no node that runs it{tee} lies in {demand.residency or 'any country'}"
    if not bounds.reach(demand).any():
        fastest = bounds.fastest(demand)
        if fastest is None:
            return "no latency is known to any place that may serve it"
        return (
            f"no place within {demand.max_latency_ms:g} ms: the fastest, {fastest[0]}, answers in"
            f" {fastest[1]:,.1f} ms"
        )
    return _no_panel(bounds, demand)


def _no_panel(bounds: Bounds, demand: Demand) -> str:
    policy = bounds.network.policies.get(demand.verification)
    if policy is None or not policy.verifiers:
        return ""
    best = max(len({key.site for key in keys}) for keys in verifying(bounds, policy, demand))
    if best >= policy.verifiers:
        return ""
    shared = " or ".join(policy.independent_of)
    apart = f" that share no {shared} with the node that executes" if shared else ""
    return (
        f"no independent panel: {policy.policy} needs {policy.verifiers} verifiers at different"
        f" sites{apart}, no node has more than {best}"
    )


def _too_much(bounds: Bounds, demand: Demand) -> str:
    """Return that the model is asked for more than all nodes that may serve it can do."""
    network = bounds.network
    rows = [
        row
        for row in network.demand
        if (row.model, row.period) == (demand.model, demand.period) and row.requests_per_s > 0
    ]
    reaches = [bounds.reach(row) for row in rows]
    keys = [bounds.executing[at] for at in np.flatnonzero(np.any(reaches, axis=0)).tolist()]
    model = network.models.get(demand.model)
    most = bounds.most({key: bounds.node_rate(model, key) for key in keys})
    asked = sum(row.requests_per_s for row, reach in zip(rows, reaches, strict=True) if reach.any())
    if not exceeds(asked, most):
        return ""
    what = demand.model or "it"
    return f"{asked:,.6g} requests/s of {what} are asked for, all nodes on offer can do {most:,.6g}"


def _no_room(bounds: Bounds, plan: Deployment, demand: Demand) -> str:
    """Return that every node that may serve the row stands already; empty if one could be added."""
    keys = bounds.servable(demand)
    if _addable(bounds, plan, keys):
        return ""
    nodes = counted(sum(plan.nodes.get(key, 0) for key in keys), "node")
    return f"all that may serve it stand already ({nodes}: max_nodes)"


def _too_dear(bounds: Bounds, plan: Deployment, demand: Demand) -> str:
    """Return that the budget has no room for one more node that may serve the row."""
    network = bounds.network
    budget = network.settings.budget_monthly
    if budget is None:
        return ""
    left = budget - sum_of(monthly_bill(network, plan))
    cheapest = min(
        _price(network, plan, key) for key in _addable(bounds, plan, bounds.servable(demand))
    )
    if cheapest <= left:
        return ""
    return (
        f"budget_monthly: {max(0.0, left):,.0f} of {budget:,.0f} {network.settings.currency} are"
        f" left, one more node that may serve it costs {cheapest:,.0f}"
    )


def _addable(bounds: Bounds, plan: Deployment, keys: tuple[OfferKey, ...]) -> list[OfferKey]:
    """Return the offers of which one more node may stand, as far as offer and site go."""
    network = bounds.network
    found = []
    for key in keys:
        most = network.sites[key.site].max_nodes
        if plan.nodes.get(key, 0) < network.offers[key].max_nodes and (
            most is None or plan.nodes_at(key.site) < most
        ):
            found.append(key)
    return found


def _price(network: Network, plan: Deployment, key: OfferKey) -> float:
    """Return what one more node costs a month, with its site and contract where they are new."""
    site = network.sites[key.site]
    price = network.offers[key].node_cost
    price += 0.0 if key.site in plan.open else site.monthly_cost
    return price + (
        0.0 if site.provider in plan.contracts else network.providers[site.provider].monthly_cost
    )


def _upstream(network: Network, plan: Deployment, demand: Demand) -> str:
    """Return that an upstream that the model calls accepts no more."""
    model = network.models.get(demand.model)
    if model is None or not model.upstream:
        return ""
    tighter = {
        name: replace(found, max_requests_per_s=found.max_requests_per_s * (1 - AT_ITS_LIMIT))
        if found.max_requests_per_s is not None
        else found
        for name, found in network.models.items()
    }
    full = {violation.where for violation in upstream.audit(replace(network, models=tighter), plan)}
    for name in sorted(names_in(model.upstream)):
        if f"{name} {demand.period}".strip() in full:
            return f"upstream {name} accepts no more (Models.max_requests_per_s)"
    return ""


def _shares(bounds: Bounds, plan: Deployment, demand: Demand) -> str:
    """Return the limits on shares of its model that the plan has reached."""
    network = bounds.network
    mine = tuple(
        row
        for row in network.diversity
        if row.max_share is not None
        and row.penalty is None
        and row.role == "execution"
        and row.applies_to in ("", demand.region, f"model:{demand.model}")
    )
    for row, _, count in too_small(bounds):
        if row in mine:
            return (
                f"shares: {row.rule} lets each {row.kind} have {row.max_share:.4g} of all,"
                f" and only {count} are on offer"
            )
    tighter = tuple(
        replace(row, max_share=(row.max_share or 0.0) * (1 - AT_ITS_LIMIT)) for row in mine
    )
    found = diversity_share.audit(replace(network, diversity=tighter), plan)
    named = list(dict.fromkeys(violation.where for violation in found))
    more = f" and {len(named) - 2} more" if len(named) > 2 else ""
    return f"shares at their limit: {'; '.join(named[:2])}{more}" if named else ""
