"""The share of all requests that is lost in an average month, unserved and by outages.

Σ_t share of month[t] · (Σ_x load[x] · min(1, Σ_g P[g]) + Σ_c rate[c] · unserved[c]) / asked
    P[g] = outages_per_year · outage_hours / 8760, for all failures g with outage figures that lose
    x: dependencies by themselves, and shocks with everything that they take down.
A union bound: outages that overlap count twice, and nothing is served elsewhere meanwhile. What
really is lost in each, with demand routed anew, is what `planner stress` replays. No request is
lost more than once, so that serving nobody gains nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from models import losses
from models.classes import Classes
from models.costs import unserved_share
from models.data import Demand, Item, OfferKey
from models.exposure import offer_item
from models.expressions import Expression, Term
from models.network import SHOCK, Network
from models.paths import FloatArray
from models.plan import Deployment, Flow
from models.risks import ALWAYS, likely
from models.service import Service, service, upstream_links

UNIT = "share"


def declare(block: Any, network: Network) -> None:
    """Add nothing: the measure is made of what is there."""


def express(block: Any, network: Network) -> Expression:
    """Return what every load is likely to lose, and what is unserved."""
    shares = likely(network)
    terms: list[Term] = []
    asked = sum(
        network.month_share[period] * amount for period, amount in losses.asked(network).items()
    )
    for period, groups in losses.groups(block, network, frozenset(shares)).items():
        for hit, loads in groups.items():
            each = min(ALWAYS, sum(shares[item] for item in sorted(hit)))
            weight = each * network.month_share[period] / asked
            terms.extend((weight, variable) for variable in loads)
    for period, missing in losses.unserved(block).items():
        weight = network.month_share[period] / asked
        terms.extend((weight * rate, variable) for rate, variable in missing)
    return Expression(terms)


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return that flows add nothing: what they load does."""
    return np.zeros(len(classes))


def value(network: Network, plan: Deployment) -> float:
    """Return what is lost of the routing, and what it leaves out."""
    shares = likely(network)
    lost_with = {
        failure: network.graph.down(
            network.shock_items[failure.name] if failure.kind == SHOCK else (failure,)
        )
        for failure in shares
    }
    demand_of = {demand.key: demand for demand in network.demand}
    weight = {d.key: network.mean_rate(d) for d in network.demand}
    lost = sum(
        weight[key] * share for key, share in unserved_share(network, plan).items() if weight[key]
    )
    for flow in plan.routing:
        needs = frozenset(_needs(network, demand_of[flow.demand], flow))
        hit = sum(shares[failure] for failure, gone in lost_with.items() if gone & needs)
        lost += weight[flow.demand] * flow.share * min(ALWAYS, hit)
    return lost / (sum(weight.values()) or 1.0)


def _needs(network: Network, demand: Demand, flow: Flow) -> Iterator[Item]:
    """Yield everything without which the flow is lost; nothing where it is not allowed."""
    offer: OfferKey = flow.offer
    way = service(network, demand, offer, flow.route, flow.state, flow.fetch_from)
    if not isinstance(way, Service):
        return
    yield offer_item(offer)
    yield Item("region", demand.region)
    yield Item("model", demand.model)
    yield Item("policy", demand.verification)
    for link in network.links_between(Item("region", demand.region), Item("site", offer.site)):
        if link.label == flow.route:
            yield link.item
    model = network.models.get(demand.model)
    for upstream in upstream_links(network, offer.site, model) if model is not None else ():
        if upstream is not None:
            yield upstream.item
