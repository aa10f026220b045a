"""What is routed to an offer stays within what its replicas, slots or nodes can answer.

warm:  Σ_j (1+overhead)·load[o,j] ≤ utilisation·requests_per_s[m]·speed[k]·warm[o,m]
cold:  Σ_j (load + service)·load[o,j] ≤ cold_share·cold_slots[o]             (Little's law)
other: Σ_j (1+overhead)·load[o,j] ≤ utilisation·requests_per_s[o]·nodes[o]
and nobody is served by what is not there, which idle jobs need said; n is above their rows:
       load[o,j] ≤ n · warm[o,m],  ≤ n · cold_slots[o],  ≤ n · nodes[o]

for all periods, execution offers o, models m and jobs j     Source: design §4 (throughput)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.classes import Job
from models.data import OfferKey, Row, Settings
from models.expressions import Term, row, rows
from models.network import Network
from models.plan import Deployment, Flow, Replica, Violation, exceeds
from models.service import Service, service


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the capacity row of every offer, model and period, and the presence of idle jobs."""
    block.warm, block.cold, block.nodes, block.present = rows(), rows(), rows(), rows()
    settings = network.settings
    answered: dict[tuple[str, OfferKey, str, str], list[Term]] = defaultdict(list)
    above = 1.0 + sum(demand.requests_per_s == 0 for demand in network.demand)
    for number, load in enumerate(model.loads):
        kind = _kind(network, load.job)
        if load.job.idle:
            terms = [(1.0, load.variable), (-above, _carrier(model, load.offer, load.job, kind))]
            row(block.present, number, terms, upper=0.0)
            continue
        name = load.job.model if kind == "warm" else ""
        answered[load.job.period, load.offer, name, kind].append(
            (_effort(network, load.job, load.load_s), load.variable)
        )
    for (period, offer, name, kind), terms in answered.items():
        if kind == "warm":
            each = settings.utilisation * (network.models[name].requests_per_s or 0.0)
            terms.append(
                (-each * network.node_types[offer.node_type].speed, model.warm[*offer, name])
            )
            row(block.warm, (period, *offer, name), terms, upper=0.0)
        elif kind == "cold":
            terms.append((-settings.cold_share, model.cold_slots[offer]))
            row(block.cold, (period, *offer), terms, upper=0.0)
        else:
            each = settings.utilisation * (network.offers[offer].requests_per_s or 0.0)
            terms.append((-each, model.nodes[offer]))
            row(block.nodes, (period, *offer), terms, upper=0.0)


def _kind(network: Network, job: Job) -> str:
    model = network.models.get(job.model)
    if model is None or model.proxied:
        return "other"
    return "cold" if job.is_cold else "warm"


def _carrier(model: Any, offer: OfferKey, job: Job, kind: str) -> Any:
    if kind == "warm":
        return model.warm[*offer, job.model]
    return model.cold_slots[offer] if kind == "cold" else model.nodes[offer]


def _effort(network: Network, job: Job, load_s: float) -> float:
    """Return what one request/s takes: requests/s stretched by overhead, or busy slots if cold."""
    policy = network.policies.get(job.policy)
    overhead = policy.overhead if policy is not None else 0.0
    if not job.is_cold:
        return 1.0 + overhead
    service_ms: float = network.models[job.model].service_ms
    return load_s + service_ms * (1 + overhead) / 1000


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
            if isinstance(found, Service):
                busy = demand.requests_per_s * flow.share * (found.load_s + found.service_s)
                cold[demand.period, flow.offer] += busy
        elif _uses_nodes(network, flow):
            other[demand.period, flow.offer] += load
        else:
            warm[demand.period, Replica(*flow.offer, demand.model)] += load
    settings = network.settings
    for (period, replica), load in warm.items():
        model, where = network.models[replica.model], "/".join(replica)
        speed = network.node_types[replica.node_type].speed
        limit = settings.utilisation * (model.requests_per_s or 0.0) * speed
        limit *= plan.warm.get(replica, 0)
        at: tuple[Row, str, float] = (model, "requests_per_s", settings.utilisation)
        yield from _check(period, where, load, limit, "requests/s", *at)
    for (period, offer), busy in cold.items():
        limit = settings.cold_share * plan.cold_slots.get(offer, 0)
        yield from _check(
            period, f"{offer} cold", busy, limit, "busy slots", settings, "cold_share"
        )
    for (period, offer), load in other.items():
        offered, where = network.offers[offer], str(offer)
        limit = settings.utilisation * (offered.requests_per_s or 0.0) * plan.nodes.get(offer, 0)
        at = (offered, "requests_per_s", settings.utilisation)
        yield from _check(period, where, load, limit, "requests/s", *at)
    for (key, offer, state), share in present.items():
        kept = _kept(network, plan, key, offer, state)
        if not kept and exceeds(share, 0.0):
            message = f"{share:.2%} is served {state} where nothing is kept for it"
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


def _check(
    period: str,
    where: str,
    load: float,
    limit: float,
    unit: str,
    row: Row | Settings,
    attribute: str,
    utilisation: float | None = None,
) -> Iterator[Violation]:
    if exceeds(load, limit):
        place = f"{where}, {period}" if period else where
        message = f"{load:,.3f} {unit} meet a limit of {limit:,.3f}"
        if utilisation is not None:
            message += f", {utilisation:.0%} (utilisation) of all that stands there can do"
        yield Violation("throughput", place, message, row, attribute)


def explain(network: Network, plan: Deployment) -> str:
    """Return how much demand is answered warm and how much cold."""
    rate = {d.key: network.mean_rate(d) for d in network.demand}
    cold = sum(rate[flow.demand] * flow.share for flow in plan.routing if flow.state == "cold")
    served = sum(rate[flow.demand] * flow.share for flow in plan.routing)
    return f"{cold:,.2f} of {served:,.1f} requests/s are served cold ({cold / (served or 1):.2%})."
