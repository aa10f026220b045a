"""Between a plan and the model's variables: place a plan on them, read a plan off them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pyomo.core as pyo

from models.data import OfferKey
from models.decisions import DECISIONS, plan_families
from models.network import Network
from models.panels import panels_of
from models.plan import Deployment, Flow, Replica
from models.split import routing, verification

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
            lost.update({rule} - {""})
            return
        variable = family[key]
        known = values.get(id(variable), (variable, 0.0))[1]
        values[id(variable)] = (variable, known + amount)

    for family in plan_families(block):
        for variable in family.values():
            values[id(variable)] = (variable, 0.0)
    for decision in DECISIONS:
        family = block.component(decision.name)
        for key, amount in decision.amounts(plan).items():
            put(family, decision.index(key), amount, decision.rule)
    for offer in block.new_nodes:
        existing = network.offers[OfferKey(*offer)].existing_nodes
        added = max(0, plan.nodes.get(OfferKey(*offer), 0) - existing)
        put(block.new_nodes, offer, added, "opening")
    _place_routing(block, network, plan, put)
    standing = {(network.role(offer), offer.site) for offer, count in plan.nodes.items() if count}
    for rule in block.rules.component_objects(pyo.Block):
        if rule.component("site_used") is not None:
            for key, variable in rule.site_used.items():
                values[id(variable)] = (variable, float(key in standing))
    return values, lost


def _place_routing(block: Any, network: Network, plan: Deployment, put: Any) -> None:
    classes = block.classes
    index_of = {demand.key: index for index, demand in enumerate(network.demand)}
    served: dict[int, float] = defaultdict(float)
    stream_of = {
        (stream.policy, stream.residency, stream.period, executor): stream
        for stream in block.streams
        for executor in stream.executors
    }
    for flow in plan.routing:
        index = index_of.get(flow.demand, -1)
        found = classes.find(index, flow) if index >= 0 else None
        if found is None:
            put(block.flow, -1, flow.share, "demand")
            continue
        demand, number = network.demand[index], classes.class_of[index]
        weight = (demand.requests_per_s or 1.0) * flow.share
        share = weight / classes.classes[number].weight
        put(block.flow, found.flow, share, "demand")
        put(block.load, (*flow.offer, found.job), weight, "demand")
        served[number] += share
        if found.stores and not _is_stored(flow, found.stores, plan):
            put(block.load, None, weight, "sources")
        stream = stream_of.get((demand.verification, demand.residency, demand.period, flow.offer))
        if stream is not None:
            put(block.executed, stream.key, demand.requests_per_s * flow.share, "verification")
    for number in range(len(classes.classes)):
        put(block.unserved, number, max(0.0, 1.0 - served[number]), "demand")
    for check in plan.verification:
        stream = stream_of.get((check.policy, check.residency, check.period, check.executor))
        key = (*stream.key, *check.verifier) if stream is not None else None
        put(block.verify, key, check.rate, "verification")


def _is_stored(flow: Flow, near: tuple[OfferKey, ...], plan: Deployment) -> bool:
    """Return whether the copy is where the flow says, as far as the model can tell sources apart.

    The model knows no source, only whether some copy is near: that none is, its rows say.
    """
    holding = [str(store) for store in near if Replica(*store, flow.demand.model) in plan.copies]
    return not holding or flow.fetch_from in holding


def deployment(block: Any, network: Network, value: Values) -> Deployment:
    """Return the plan that the variables' values stand for, whole numbers rounded."""
    decided = {
        decision.of_plan: decision.in_plan(
            {key: round(value(v)) for key, v in block.component(decision.name).items()}
        )
        for decision in DECISIONS
    }
    classes = block.classes
    flows = routing(
        network,
        classes,
        lambda position: value(block.flow[position]),
        lambda offer, job: value(block.load[*classes.offers[offer], job]),
        decided["copies"],
    )
    checks = verification(
        network,
        block.streams,
        lambda stream, offer: value(block.verify[(*stream.key, *offer)]),
        flows,
    )
    return Deployment(
        **decided, routing=flows, verification=checks, panels=panels_of(network, checks)
    )
