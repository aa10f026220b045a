"""Between a plan and the model's variables: place a plan on them, read a plan off them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from models.build import plan_families
from models.data import OfferKey
from models.network import Network
from models.options import Options
from models.panels import decompose
from models.plan import Deployment, Flow, Panel, Replica, Seat, VerificationFlow

SMALLEST_SHARE = 1e-9
"""Shares and flows below this are numerical dust."""

Values = Callable[[Any], float]
"""What a variable's value is."""


def place(
    block: Any, network: Network, plan: Deployment
) -> tuple[dict[int, tuple[Any, float]], set[str]]:
    """Return the value of every plan variable by id, and the rules whose parts have no variable."""
    values: dict[int, tuple[Any, float]] = {}
    lost: set[str] = set()

    def put(family: Any, key: Any, amount: float, rule: str) -> None:
        if key not in family:
            lost.add(rule)
            return
        variable = family[key]
        known = values.get(id(variable), (variable, 0.0))[1]
        values[id(variable)] = (variable, known + amount)

    for family in plan_families(block):
        for variable in family.values():
            values[id(variable)] = (variable, 0.0)
    for site in plan.open:
        put(block.open, site, 1.0, "opening")
    for provider in plan.contracts & set(block.contract):
        put(block.contract, provider, 1.0, "contracts")
    for offer, count in plan.nodes.items():
        put(block.nodes, tuple(offer), count, "opening")
    for offer in block.new_nodes:
        existing = network.offers[OfferKey(*offer)].existing_nodes
        added = max(0, plan.nodes.get(OfferKey(*offer), 0) - existing)
        put(block.new_nodes, offer, added, "opening")
    for replica, count in plan.warm.items():
        put(block.warm, tuple(replica), count, "memory")
    for offer, count in plan.cold_slots.items():
        put(block.cold_slots, tuple(offer), count, "memory")
    for copy in plan.copies:
        put(block.copy, tuple(copy), 1.0, "storage")
    for seat, count in plan.seats.items():
        put(block.seats, tuple(seat), count, "seats")
    _place_routing(block, network, plan, put)
    return values, lost


def _place_routing(block: Any, network: Network, plan: Deployment, put: Any) -> None:
    position_of = option_positions(network, block.options)
    served: dict[Any, float] = defaultdict(float)
    stream_of = {
        (stream.policy, stream.residency, stream.period, executor): stream
        for stream in block.streams
        for executor in stream.executors
    }
    for flow in plan.routing:
        position = position_of.get(_flow_key(flow), -1)
        put(block.serve, position, flow.share, "demand")
        served[flow.demand] += flow.share
        demand = network.demand[block.options.demand[position]] if position >= 0 else None
        if demand is not None:
            stream = stream_of.get(
                (demand.verification, demand.residency, demand.period, flow.offer)
            )
            if stream is not None:
                rate = demand.requests_per_s * flow.share
                put(block.executed, stream.key, rate, "verification")
    for index, demand in enumerate(network.demand):
        put(block.unserved, index, max(0.0, 1.0 - served[demand.key]), "demand")
    for check in plan.verification:
        stream = stream_of.get((check.policy, check.residency, check.period, check.executor))
        key = (*stream.key, *check.verifier) if stream is not None else None
        put(block.verify, key, check.rate, "verification")


def _flow_key(flow: Flow) -> tuple[Any, ...]:
    return (flow.demand, flow.offer, flow.route, flow.state, flow.fetch_from)


def option_positions(network: Network, options: Options) -> dict[tuple[Any, ...], int]:
    """Return the position of every option by what a plan's flow says of it."""
    return {
        _flow_key(options.flow(network, position, 0.0)): position
        for position in range(len(options))
    }


def deployment(block: Any, network: Network, value: Values) -> Deployment:
    """Return the plan that the variables' values stand for, whole numbers rounded."""
    nodes = _counts(block.nodes, value, OfferKey)
    seats = _counts(block.seats, value, Seat)
    opened = {site for site in block.open if round(value(block.open[site]))}
    routing = []
    for position in range(len(block.options)):
        share = value(block.serve[position])
        if share > SMALLEST_SHARE:
            routing.append(block.options.flow(network, position, min(1.0, share)))
    checks = tuple(_verification(block, network, value))
    return Deployment(
        open=frozenset(opened),
        contracts=frozenset(p for p in block.contract if round(value(block.contract[p]))),
        nodes=nodes,
        warm=_counts(block.warm, value, Replica),
        cold_slots=_counts(block.cold_slots, value, OfferKey),
        routing=tuple(routing),
        verification=checks,
        panels=panels_of(network, checks),
        copies=frozenset(Replica(*k) for k in block.copy if round(value(block.copy[k]))),
        seats=seats,
    )


def _counts(family: Any, value: Values, kind: Any) -> dict[Any, int]:
    counts = {kind(*key): round(value(family[key])) for key in family}
    return {key: count for key, count in sorted(counts.items()) if count}


def _verification(block: Any, network: Network, value: Values) -> Iterator[VerificationFlow]:
    """Yield the flows of each stream, split over its executors in proportion to their rates."""
    options = block.options
    for stream in block.streams:
        rates: dict[OfferKey, float] = defaultdict(float)
        for position in stream.options:
            share = value(block.serve[position])
            if share > SMALLEST_SHARE:
                rate = network.demand[options.demand[position]].requests_per_s * min(1.0, share)
                rates[options.offers[options.offer[position]]] += rate
        executed = sum(rates.values())
        if executed <= SMALLEST_SHARE:
            continue
        policy = network.policies[stream.policy]
        found = {offer: value(block.verify[(*stream.key, *offer)]) for offer in stream.verifiers}
        found = {offer: rate for offer, rate in found.items() if rate > SMALLEST_SHARE * executed}
        scale = policy.verifiers * executed / (sum(found.values()) or 1.0)
        for executor, rate in sorted(rates.items()):
            for verifier, flow in sorted(found.items()):
                yield VerificationFlow(
                    stream.policy,
                    stream.residency,
                    stream.period,
                    executor,
                    verifier,
                    flow * scale * rate / executed,
                )


def panels_of(network: Network, checks: tuple[VerificationFlow, ...]) -> tuple[Panel, ...]:
    """Return the verification flows as panels with shares, per executing offer."""
    rates: dict[tuple[str, str, str, OfferKey], dict[OfferKey, float]] = defaultdict(dict)
    for check in checks:
        scope = (check.policy, check.residency, check.period, check.executor)
        rates[scope][check.verifier] = check.rate
    found = []
    known: dict[Any, dict[tuple[OfferKey, ...], float]] = {}
    for (policy, residency, period, executor), flows in sorted(rates.items()):
        total = sum(flows.values())
        pattern = (policy, tuple((v, round(rate / total, 9)) for v, rate in sorted(flows.items())))
        if pattern not in known:
            known[pattern] = decompose(network, network.policies[policy], flows)[0]
        for verifiers, share in sorted(known[pattern].items()):
            found.append(Panel(policy, residency, period, executor, verifiers, share))
    return tuple(found)
