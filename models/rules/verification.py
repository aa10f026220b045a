"""Every verified request has a panel of independent verifiers, near and able enough.

Σ_{o'} verify[x,o'] = verifiers · executed[x],   executed[x] = Σ_{o in x} load[o,j]
Σ_{o' at one site} verify[x,o'] ≤ executed[x]        left out where the next row says so
Σ_x work · verify[x,o'] ≤ utilisation · verifications_per_s · nodes[o']     per period
Σ_{o' in g} verify[x,o'] ≤ (quorum − 1) · executed[x]                       quorum ≥ 2
Σ_{o' in g} verify[x,o'] ≤ (verifiers − quorum) · executed[x]               g protected
separated: Σ_{o'} w[o'] · verify[x,o'] ≥ executed[x], w(Q) ≥ 1 for every legal panel Q

for all streams x = (policy, residency, period, executing offers with the same verifiers),
verifying offers o' that share no dependency of independent_of kinds with the executor, obey
residency and lie within max_latency_ms, and dependencies g of those kinds; g protected counts where
some row of the policy has no min_served: others are verified anew after a failure (survival)
                                          Source: design §4 (verification)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from models.data import Demand, Item, OfferKey, Policy
from models.expressions import Cut, Point, row, rows
from models.network import Network
from models.panels import covering_weights
from models.plan import TOLERANCE, Deployment, Refusal, VerificationFlow, Violation, exceeds
from models.rules._panel_audit import is_legal_panel, least_uncovered
from models.service import site_round_trip_ms

PANEL_TOLERANCE = 1e-4
"""How far, relative to what is executed, panels may be from the flows they were made of."""

Scope = tuple[str, str, str, OfferKey]
"""Policy, residency, period and executing offer."""


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of every stream and verifying offer."""
    block.executed, block.all, block.per_site = rows(), rows(), rows()
    block.safety, block.liveness, block.capacity = rows(), rows(), rows()
    load: dict[tuple[str, OfferKey], list[Any]] = defaultdict(list)
    fed: dict[Scope, list[Any]] = defaultdict(list)
    for found in model.loads:
        job = found.job
        fed[job.policy, job.residency, job.period, found.offer].append((found.rate, found.variable))
    for stream in model.streams:
        policy, key = network.policies[stream.policy], stream.key
        executed = model.executed[key]
        scope = (stream.policy, stream.residency, stream.period)
        loads = [term for executor in stream.executors for term in fed[(*scope, executor)]]
        row(block.executed, key, [*loads, (-1.0, executed)], lower=0.0, upper=0.0)
        verify = {offer: model.verify[(*key, *offer)] for offer in stream.verifiers}
        whole = [(1.0, variable) for variable in verify.values()]
        row(block.all, key, [*whole, (-float(policy.verifiers), executed)], lower=0.0, upper=0.0)
        sites: dict[str, list[Any]] = defaultdict(list)
        for offer, variable in verify.items():
            sites[offer.site].append((1.0, variable))
            load[stream.period, offer].append((policy.work, variable))
        exposed = _exposed(network, policy, stream.verifiers)
        for item, offers in _outermost(exposed) if policy.quorum_verifiers >= 2 else ():
            limit = (1.0 - policy.quorum_verifiers, executed)
            terms = [(1.0, verify[offer]) for offer in offers]
            row(block.safety, (*key, *item), [*terms, limit], upper=0.0)
        for item, offers in exposed.items():
            if policy.policy not in network.rerouted and _is_protected(network, item):
                limit = (policy.quorum_verifiers - float(policy.verifiers), executed)
                terms = [(1.0, verify[offer]) for offer in offers]
                row(block.liveness, (*key, *item), [*terms, limit], upper=0.0)
        implied = (
            [set(offers) for offers in exposed.values()] if policy.quorum_verifiers == 2 else []
        )
        for site, terms in sites.items():
            at_site = {offer for offer in verify if offer.site == site}
            if not any(at_site <= offers for offers in implied):
                row(block.per_site, (*key, site), [*terms, (-1.0, executed)], upper=0.0)
    for (period, offer), terms in sorted(load.items(), key=lambda entry: entry[0]):
        each = network.node_types[offer.node_type].verifications_per_s or 0.0
        limit = (-each * network.settings.utilisation, model.nodes[offer])
        row(block.capacity, (period, *offer), [*terms, limit], upper=0.0)


def _exposed(
    network: Network, policy: Policy, offers: Iterable[OfferKey]
) -> dict[Item, list[OfferKey]]:
    exposed: dict[Item, list[OfferKey]] = defaultdict(list)
    for offer in offers:
        for item in sorted(network.hangs_on(offer)):
            if item.kind in policy.independent_of:
                exposed[item].append(offer)
    return exposed


def _outermost(exposed: Mapping[Item, list[OfferKey]]) -> list[tuple[Item, list[OfferKey]]]:
    """Return the sets of offers that no other contains: a limit on that one holds on these too."""
    kept: list[tuple[Item, list[OfferKey]]] = []
    for item, offers in sorted(exposed.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        if not any(set(offers) <= set(others) for _, others in kept):
            kept.append((item, offers))
    return kept


def _is_protected(network: Network, item: Item) -> bool:
    return any(failed == {item} for failed in network.protected.values())


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield the covering row of every stream whose flows no mixture of legal panels gives."""
    for stream in model.streams:
        verify = {offer: model.verify[(*stream.key, *offer)] for offer in stream.verifiers}
        rates = {offer: max(0.0, point(variable)) for offer, variable in verify.items()}
        weights = covering_weights(network, network.policies[stream.policy], rates)
        if weights is not None:
            terms = [(weights.get(offer, 1.0), variable) for offer, variable in verify.items()]
            executed = (-1.0, model.executed[stream.key])
            yield Cut((*terms, executed), lower=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield executed requests without legal panels, illegal verifiers and overloaded ones."""
    executed = _executed(network, plan)
    flows: dict[Scope, list[VerificationFlow]] = defaultdict(list)
    for flow in plan.verification:
        flows[flow.policy, flow.residency, flow.period, flow.executor].append(flow)
    for scope in sorted(set(executed) | set(flows)):
        policy = network.policies.get(scope[0])
        if policy is None:
            yield Violation("verification", scope[0], "there is no such policy")
            continue
        demand, rate = executed.get(scope, (None, 0.0))
        where = f"{scope[0]} at {scope[3]} {scope[1]} {scope[2]}".strip()
        yield from _audit_scope(network, policy, demand, rate, flows[scope], where)
    yield from _audit_capacity(network, plan)
    yield from _audit_panels(network, plan)


def _executed(network: Network, plan: Deployment) -> dict[Scope, tuple[Demand | None, float]]:
    demand_of = {demand.key: demand for demand in network.demand}
    executed: dict[Scope, tuple[Demand | None, float]] = {}
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        policy = network.policies.get(flow.demand.verification)
        if demand is None or policy is None or policy.verifiers == 0:
            continue
        scope = (policy.policy, demand.residency, demand.period, flow.offer)
        rate = executed.get(scope, (demand, 0.0))[1] + demand.requests_per_s * flow.share
        executed[scope] = (demand, rate)
    return executed


def _audit_scope(
    network: Network,
    policy: Policy,
    demand: Demand | None,
    executed: float,
    flows: list[VerificationFlow],
    where: str,
) -> Iterator[Violation]:
    rates: dict[OfferKey, float] = defaultdict(float)
    for flow in flows:
        rates[flow.verifier] += flow.rate
        refusal = _unfit(network, policy, demand, flow)
        if refusal is not None and exceeds(flow.rate, 0.0):
            yield Violation("verification", where, *refusal)
        if exceeds(0.0, flow.rate):
            yield Violation("verification", where, f"a rate of {flow.rate:g}/s is negative")
    total = sum(rates.values())
    needed = policy.verifiers * executed
    if exceeds(total, needed) or exceeds(needed, total):
        message = f"{total:,.4f} verifications/s for {executed:,.4f} requests/s, not {needed:,.4f}"
        yield Violation("verification", where, message, policy, "verifiers")
        return
    missing = least_uncovered(network, policy, rates, executed)
    if missing > TOLERANCE * max(1.0, executed) * 10:
        message = f"{missing:,.4f} of {executed:,.4f} requests/s have no legal panel"
        yield Violation("verification", where, message, policy, "independent_of")


def _unfit(
    network: Network, policy: Policy, demand: Demand | None, flow: VerificationFlow
) -> Refusal | None:
    """Return why the verifier may not verify what the executor does; None if it may."""
    verifier, executor = flow.verifier, flow.executor
    if verifier not in network.offers:
        return Refusal(f"{verifier} is no verifying offer")
    node_type = network.node_types[verifier.node_type]
    if node_type.role != "verification":
        return Refusal(f"{verifier} is no verifying offer", node_type, "role")
    if not node_type.verifications_per_s:
        reason = f"{verifier} has no verifications_per_s"
        return Refusal(reason, node_type, "verifications_per_s")
    if demand is None:
        return Refusal(f"{verifier} verifies what nobody executes")
    limit = network.sites[verifier.site].outside(demand.countries, demand.blocs)
    if limit:
        return Refusal(f"{verifier} is outside {demand.residency}", demand, limit)
    for kind in policy.independent_of:
        shared = network.graph.of_kind(Item("offer", str(executor)), kind)
        shared &= network.graph.of_kind(Item("offer", str(verifier)), kind)
        if shared:
            reason = f"{verifier} shares {min(shared)} with {executor}"
            return Refusal(reason, policy, "independent_of")
    if policy.max_latency_ms is not None:
        latency = site_round_trip_ms(network, executor.site, verifier.site)
        if latency is None or exceeds(latency, policy.max_latency_ms):
            reason = f"{verifier} is not within {policy.max_latency_ms:g} ms of {executor.site}"
            return Refusal(reason, policy, "max_latency_ms")
    return None


def _audit_capacity(network: Network, plan: Deployment) -> Iterator[Violation]:
    load: dict[tuple[str, OfferKey], float] = defaultdict(float)
    for flow in plan.verification:
        policy = network.policies.get(flow.policy)
        if policy is not None and flow.verifier in network.offers:
            load[flow.period, flow.verifier] += policy.work * flow.rate
    for (period, offer), amount in sorted(load.items()):
        node_type, where = network.node_types[offer.node_type], f"{offer} {period}".strip()
        each = node_type.verifications_per_s or 0.0
        limit = network.settings.utilisation * each * plan.nodes.get(offer, 0)
        if exceeds(amount, limit):
            message = f"{amount:,.3f} verifications/s meet a limit of {limit:,.3f}"
            yield Violation("verification", where, message, node_type, "verifications_per_s")


def _audit_panels(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield panels that are illegal, and executors whose panels do not give their flows."""
    listed: dict[Scope, dict[OfferKey, float]] = defaultdict(lambda: defaultdict(float))
    for panel in plan.panels:
        scope = (panel.policy, panel.residency, panel.period, panel.executor)
        policy = network.policies.get(panel.policy)
        if policy is None:
            yield Violation("verification", panel.policy, "there is no such policy")
            continue
        where = f"{panel.policy} at {panel.executor}"
        wrong = policy if len(panel.verifiers) != policy.verifiers else None
        if wrong is not None or exceeds(0.0, panel.share):
            message = f"a panel has {len(panel.verifiers)} verifiers and share {panel.share:g}"
            yield Violation("verification", where, message, wrong, "verifiers")
        elif not is_legal_panel(network, policy, panel.verifiers):
            names = ", ".join(map(str, panel.verifiers))
            message = f"{names} are no independent panel"
            yield Violation("verification", where, message, policy, "independent_of")
        for offer in panel.verifiers:
            listed[scope][offer] += panel.share
    flows: dict[Scope, dict[OfferKey, float]] = defaultdict(lambda: defaultdict(float))
    for flow in plan.verification:
        scope = (flow.policy, flow.residency, flow.period, flow.executor)
        flows[scope][flow.verifier] += flow.rate
    for scope in sorted({*listed, *flows}):
        policy = network.policies.get(scope[0])
        total = sum(flows[scope].values())
        if policy is None or not policy.verifiers or (total == 0 and not listed[scope]):
            continue
        executed = total / policy.verifiers
        for offer in sorted({*listed[scope], *flows[scope]}):
            by_panels = listed[scope][offer] * executed
            if abs(by_panels - flows[scope][offer]) > PANEL_TOLERANCE * max(executed, TOLERANCE):
                message = (
                    f"its panels give {offer} {by_panels:,.4f}/s, not {flows[scope][offer]:,.4f}/s"
                )
                yield Violation("verification", f"{scope[0]} at {scope[3]}", message)


def explain(network: Network, plan: Deployment) -> str:
    """Return how many requests are verified by how many panels."""
    verified = sum(
        rate * network.month_share[scope[2]]
        for scope, (_, rate) in _executed(network, plan).items()
    )
    sites = {flow.verifier.site for flow in plan.verification}
    return (
        f"{verified:,.1f} requests/s are verified by {len(plan.panels)} panels of independent "
        f"nodes at {len(sites)} sites."
    )
