"""A phase adds no more nodes than it may, and takes none away unless it may close.

nodes[o] ≥ existing_nodes[o]                         unless the phase may close
Σ new[o] ≤ max_new_nodes,  new[o] ≥ nodes[o] − existing_nodes[o],  new[o] ≥ 0

and, where the phase after it is decided, with its nodes later[o] and open sites:

nodes[o] ≤ later[o]                                  unless that phase may close
Σ coming[o] ≤ its max_new_nodes,  coming[o] ≥ later[o] − nodes[o],  coming[o] ≥ 0
Σ one_off_cost[o] · coming[o] + Σ_{s open later} opening_cost[s] · (1 − open[s])
  ≤ its budget_one_off

for all offers o, in a phase                         Source: design §4 (phases)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import OfferKey
from models.expressions import Term, at_least_zero, row, rows
from models.network import Later, Network
from models.plan import Deployment, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of a phase: against what stands before it, and what is decided after it."""
    step = network.step
    if step is None:
        return
    block.kept, block.counted, block.most = rows(), rows(), rows()
    block.new = at_least_zero()
    most = step.phase.max_new_nodes
    for key in sorted(network.offers):
        before, existing = _before(model, network, key)
        nodes = model.nodes[key]
        if step.keeps:
            row(block.kept, key, [(1.0, nodes), *before], lower=existing)
        if most is not None:
            minus = [(-coefficient, variable) for coefficient, variable in before]
            terms = [(1.0, block.new[key]), (-1.0, nodes), *minus]
            row(block.counted, key, terms, lower=-existing)
    if most is not None:
        row(block.most, "new", [(1.0, block.new[key]) for key in block.new], upper=most)
    if step.later is not None:
        _constrain_later(block, model, network, step.later)


def _before(model: Any, network: Network, key: OfferKey) -> tuple[list[Term], int]:
    """Return the nodes before the phase: what another block decides, less, or a number."""
    if model.before is not None:
        return [(-1.0, model.before.nodes[key])], 0
    return [], network.offers[key].existing_nodes


def _constrain_later(block: Any, model: Any, network: Network, later: Later) -> None:
    block.stay, block.arriving, block.later_most = rows(), rows(), rows()
    block.coming = at_least_zero()
    for key in sorted(network.offers):
        nodes, count = model.nodes[key], later.plan.nodes.get(key, 0)
        if later.keeps:
            row(block.stay, key, [(1.0, nodes)], upper=count)
        row(block.arriving, key, [(1.0, block.coming[key]), (1.0, nodes)], lower=count)
    coming, most = block.coming, later.phase.max_new_nodes
    if most is not None:
        row(block.later_most, "new", [(1.0, coming[key]) for key in coming], upper=most)
    budget = later.phase.budget_one_off
    if budget is not None:
        opened = sorted(later.plan.open & network.sites.keys())
        prices = {name: network.sites[name].opening_cost for name in opened}
        terms = [(network.offers[OfferKey(*key)].one_off_cost, coming[key]) for key in coming]
        terms += [(-price, model.open[name]) for name, price in prices.items()]
        row(block.later_most, "one_off", terms, upper=budget - sum(prices.values()))


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield offers with fewer nodes than stood there, and phases that add or pay too much."""
    step = network.step
    if step is None:
        return
    existing = {key: offer.existing_nodes for key, offer in network.offers.items()}
    if step.keeps:
        for key, count in existing.items():
            left = plan.nodes.get(key, 0)
            if left < count:
                message = f"{left} nodes are left of {count}, and the phase may not close any"
                yield Violation("growth", str(key), message, step.phase, "closing")
    most, new = step.phase.max_new_nodes, _added(existing, plan.nodes)
    if most is not None and new > most:
        message = f"{new} nodes are new, at most {most} may be"
        yield Violation("growth", step.phase.phase, message, step.phase, "max_new_nodes")
    if step.later is not None:
        yield from _audit_later(network, plan, step.later)


def _audit_later(network: Network, plan: Deployment, later: Later) -> Iterator[Violation]:
    name = later.phase.phase
    if later.keeps:
        for key, count in plan.nodes.items():
            left = later.plan.nodes.get(key, 0)
            if left < count:
                message = f"{left} nodes are left of {count} in {name}, which may not close any"
                yield Violation("growth", str(key), message, later.phase, "closing")
    coming = _added(plan.nodes, later.plan.nodes)
    most, budget = later.phase.max_new_nodes, later.phase.budget_one_off
    if most is not None and coming > most:
        message = f"{coming} nodes are left to {name}, which may add {most}"
        yield Violation("growth", name, message, later.phase, "max_new_nodes")
    opened = (later.plan.open - plan.open) & network.sites.keys()
    cost = sum(network.sites[site].opening_cost for site in sorted(opened))
    for key, count in later.plan.nodes.items():
        if key in network.offers:
            price = network.offers[key].one_off_cost
            cost += price * max(0, count - plan.nodes.get(key, 0))
    if budget is not None and exceeds(cost, budget):
        message = f"{cost:,.2f} are left to {name}, which may pay {budget:,.2f} once"
        yield Violation("growth", name, message, later.phase, "budget_one_off")


def _added(before: Any, after: Any) -> int:
    """Return how many nodes come to those of before; what goes elsewhere counts nothing."""
    return sum(max(0, count - before.get(key, 0)) for key, count in after.items())


def explain(network: Network, plan: Deployment) -> str:
    """Return how many nodes the phase adds."""
    step = network.step
    if step is None:
        return "There are no phases, so nothing limits growth."
    new = _added({key: o.existing_nodes for key, o in network.offers.items()}, plan.nodes)
    most = step.phase.max_new_nodes
    limit = "no limit" if most is None else f"at most {most}"
    kept = "all that stood stay" if step.keeps else "what stood before may go"
    return f"Phase {step.phase.phase} adds {new} nodes ({limit}); {kept}."
