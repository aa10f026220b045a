"""What is routed to an offer stays within what its replicas, slots or nodes can answer.

warm:  Σ_a rate[d]·(1+overhead)·serve[a] ≤ utilisation·requests_per_s[m]·speed[k]·warm[o,m]
cold:  Σ_a rate[d]·(load + service)·serve[a] ≤ cold_share·cold_slots[o]      (Little's law)
other: Σ_a rate[d]·(1+overhead)·serve[a] ≤ utilisation·requests_per_s[o]·nodes[o]
and nobody is served by what is not there, at whatever rate:
       serve[d at o, warm] ≤ warm[o,m],  serve[d at o, cold] ≤ cold_slots[o],
       serve[d at o, other] ≤ nodes[o]

for all periods, execution offers o and models m     Source: design §4 (throughput)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.options import Options
from models.plan import Deployment, Flow, Replica, Violation, exceeds
from models.service import service


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the capacity and presence rows of every offer, model and period."""
    options = model.options
    periods = {period: position for position, period in enumerate(network.periods)}
    models = {name: position for position, name in enumerate(sorted(network.models))}
    period_of = np.array([periods[d.period] for d in network.demand], int)[options.demand]
    model_of = np.array([models.get(d.model, -1) for d in network.demand], int)[options.demand]
    proxied = {position for name, position in models.items() if network.models[name].proxied}
    other = np.isin(model_of, [-1, *proxied])
    settings = network.settings
    block.warm, block.cold, block.nodes = rows(), rows(), rows()
    for (t, o, m), group in options.groups(
        ~options.cold & ~other, period_of, options.offer, model_of
    ).items():
        offer, name = options.offers[o], sorted(models)[m]
        each = network.models[name].requests_per_s or 0.0
        each *= settings.utilisation * network.node_types[offer.node_type].speed
        terms = [(_load(network, options, a), model.serve[a]) for a in group]
        terms.append((-each, model.warm[(*offer, name)]))
        row(block.warm, (list(periods)[t], *offer, name), terms, upper=0.0)
    for (t, o), group in options.groups(options.cold, period_of, options.offer).items():
        offer = options.offers[o]
        terms = [(_busy(network, options, a), model.serve[a]) for a in group]
        terms.append((-settings.cold_share, model.cold_slots[offer]))
        row(block.cold, (list(periods)[t], *offer), terms, upper=0.0)
    for (t, o), group in options.groups(other, period_of, options.offer).items():
        offer = options.offers[o]
        each = settings.utilisation * (network.offers[offer].requests_per_s or 0.0)
        terms = [(_load(network, options, a), model.serve[a]) for a in group]
        terms.append((-each, model.nodes[offer]))
        row(block.nodes, (list(periods)[t], *offer), terms, upper=0.0)
    _add_presence(block, model, network, other)


def _add_presence(block: Any, model: Any, network: Network, other: Any) -> None:
    options = model.options
    block.present = rows()
    state = np.where(options.cold, 1, np.where(other, 2, 0))
    for (d, o, kind), group in options.groups(
        np.ones(len(options), bool), options.demand, options.offer, state
    ).items():
        offer, demand = options.offers[o], network.demand[d]
        if kind == 0:
            there = model.warm[(*offer, demand.model)]
        else:
            there = model.cold_slots[offer] if kind == 1 else model.nodes[offer]
        terms = [(1.0, model.serve[a]) for a in group]
        key = (*demand.key, *offer, ("warm", "cold", "other")[kind])
        row(block.present, key, [*terms, (-1.0, there)], upper=0.0)


def _load(network: Network, options: Options, position: int) -> float:
    demand = network.demand[int(options.demand[position])]
    policy = network.policies.get(demand.verification)
    return demand.requests_per_s * (1.0 + (policy.overhead if policy is not None else 0.0))


def _busy(network: Network, options: Options, position: int) -> float:
    demand = network.demand[int(options.demand[position])]
    policy = network.policies.get(demand.verification)
    overhead = policy.overhead if policy is not None else 0.0
    service_s = network.models[demand.model].service_ms * (1 + overhead) / 1000
    load_s = float(options.load_s[position])
    return demand.requests_per_s * (load_s + service_s)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield offers that answer more than they can, and flows to what is not there."""
    demand_of = {demand.key: demand for demand in network.demand}
    warm: dict[tuple[str, Replica], float] = defaultdict(float)
    cold: dict[tuple[str, OfferKey], float] = defaultdict(float)
    other: dict[tuple[str, OfferKey], float] = defaultdict(float)
    present: dict[tuple[object, OfferKey, str], float] = defaultdict(float)
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        if demand is None or flow.offer not in network.offers:
            continue
        policy = network.policies.get(demand.verification)
        load = demand.requests_per_s * flow.share * (1 + (policy.overhead if policy else 0.0))
        present[flow.demand, flow.offer, flow.state] += flow.share
        if flow.state == "cold":
            found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
            if not isinstance(found, str):
                busy = demand.requests_per_s * flow.share * (found.load_s + found.service_s)
                cold[demand.period, flow.offer] += busy
        elif _uses_nodes(network, flow):
            other[demand.period, flow.offer] += load
        else:
            warm[demand.period, Replica(*flow.offer, demand.model)] += load
    settings = network.settings
    for (period, replica), load in warm.items():
        each = network.models[replica.model].requests_per_s or 0.0
        speed = network.node_types[replica.node_type].speed
        limit = settings.utilisation * each * speed * plan.warm.get(replica, 0)
        yield from _check(period, f"{'/'.join(replica)}", load, limit, "requests/s")
    for (period, offer), busy in cold.items():
        limit = settings.cold_share * plan.cold_slots.get(offer, 0)
        yield from _check(period, f"{offer} cold", busy, limit, "busy slots")
    for (period, offer), load in other.items():
        each = network.offers[offer].requests_per_s or 0.0
        limit = settings.utilisation * each * plan.nodes.get(offer, 0)
        yield from _check(period, str(offer), load, limit, "requests/s")
    for (key, offer, state), share in present.items():
        kept = _kept(network, plan, key, offer, state)
        if exceeds(share, kept):
            message = f"{share:.2%} is served {state} where {kept} are kept for it"
            yield Violation("throughput", f"{key} at {offer}", message)


def _uses_nodes(network: Network, flow: Flow) -> bool:
    model = network.models.get(flow.demand.model)
    return model is None or model.proxied


def _kept(network: Network, plan: Deployment, key: Any, offer: OfferKey, state: str) -> int:
    if state == "cold":
        return plan.cold_slots.get(offer, 0)
    model = network.models.get(key.model)
    if model is None or model.proxied:
        return plan.nodes.get(offer, 0)
    return plan.warm.get(Replica(*offer, key.model), 0)


def _check(period: str, where: str, load: float, limit: float, unit: str) -> Iterator[Violation]:
    if exceeds(load, limit):
        place = f"{where}, {period}" if period else where
        yield Violation("throughput", place, f"{load:,.3f} {unit} meet a limit of {limit:,.3f}")


def explain(network: Network, plan: Deployment) -> str:
    """Return how much demand is answered warm and how much cold."""
    share = network.month_share
    rate = {d.key: d.requests_per_s * share[d.period] for d in network.demand}
    cold = sum(rate[flow.demand] * flow.share for flow in plan.routing if flow.state == "cold")
    served = sum(rate[flow.demand] * flow.share for flow in plan.routing)
    return f"{cold:,.2f} of {served:,.1f} requests/s are served cold ({cold / (served or 1):.2%})."
