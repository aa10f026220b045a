"""The phases of a roll-out: each a network of its own, on what the one before leaves standing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from models.costs import one_off_bill, sum_of
from models.data import LoadedToday, Phase, SeatToday, Settings
from models.network import Later, Network, Step
from models.plan import Deployment, Plan


class PhasePlan(NamedTuple):
    """The plan of a phase, and the network it is a plan of."""

    name: str
    network: Network
    plan: Deployment


def phases_of(network: Network) -> tuple[Phase, ...]:
    """Return the phases, first to last; where no order is given, as they are listed."""
    return tuple(sorted(network.phases, key=lambda phase: (phase.order is None, phase.order or 0)))


def by_phase(network: Network, plan: Plan) -> list[PhasePlan]:
    """Return the deployments of a plan, each with the network that it is to be judged by.

    Where the workbook has no phases, or the plan names none, that is the network as it is. A phase
    follows the one before it in the plan.
    """
    rows = {phase.phase: phase for phase in network.phases}
    found: list[PhasePlan] = []
    for name, deployment in plan.phases.items():
        of = network if name not in rows else phase_network(network, rows[name], found)
        found.append(PhasePlan(name, of, deployment))
    return found


def phase_network(network: Network, phase: Phase, earlier: Sequence[PhasePlan]) -> Network:
    """Return the network of one phase, given the plans of those before it, if any."""
    step = Step(phase)
    changed: dict[str, object] = {"demand": _scaled(network, phase), "phases": ()}
    if earlier:
        before = earlier[-1].plan
        step = Step(phase, keeps=not phase.closing, standing=before.open)
        changed |= _standing(network, before)
        changed["settings"] = _left(network.settings, earlier)
    return network.part(**changed, step=step)


def phase_alone(network: Network, phases: Sequence[Phase]) -> Network:
    """Return the network of the last of some phases on what stands today, as if they were one.

    What all of them may add and pay bounds it, so that whatever a roll-out has at the end of that
    phase is a plan of it.
    """
    last = phases[-1]
    new = [phase.max_new_nodes for phase in phases]
    paid = [phase.budget_one_off for phase in phases]
    limits = replace(
        last,
        max_new_nodes=None if None in new else sum(count or 0 for count in new),
        budget_one_off=None if None in paid else sum(amount or 0.0 for amount in paid),
    )
    return network.part(demand=_scaled(network, last), phases=(), step=Step(limits))


def phases_linked(network: Network) -> dict[str, Network]:
    """Return the network of every phase by name, for one model that says what stands before it.

    What all of them together may pay once is left to that model.
    """
    settings, found = replace(network.settings, budget_one_off=None), dict[str, Network]()
    for phase in phases_of(network):
        step = Step(phase, keeps=bool(found) and not phase.closing)
        demand = _scaled(network, phase)
        found[phase.phase] = network.part(demand=demand, phases=(), step=step, settings=settings)
    return found


def at_most(network: Network) -> Network:
    """Return the network with the most demand of any phase; as it is where it has none."""
    factors = [phase.demand_multiplier for phase in network.phases]
    if not factors or max(factors) == 1.0:
        return network
    last = max(network.phases, key=lambda phase: phase.demand_multiplier)
    return network.part(demand=_scaled(network, last))


def before_later(network: Network, later: Phase, plan: Deployment) -> Network:
    """Return the network of a phase for plans from which the next can get to a given plan."""
    assert network.step is not None
    step = replace(network.step, later=Later(later, plan, keeps=not later.closing))
    return network.part(step=step)


def _scaled(network: Network, phase: Phase) -> tuple[object, ...]:
    factor = phase.demand_multiplier
    return tuple(replace(row, requests_per_s=factor * row.requests_per_s) for row in network.demand)


def _left(settings: Settings, earlier: Sequence[PhasePlan]) -> Settings:
    """Return the settings with what earlier phases have left of the budget for all of them."""
    if settings.budget_one_off is None:
        return settings
    spent = sum(sum_of(one_off_bill(found.network, found.plan)) for found in earlier)
    return replace(settings, budget_one_off=settings.budget_one_off - spent)


def _standing(network: Network, plan: Deployment) -> dict[str, object]:
    """Return the fields of a network that say what stands: that of the plan."""
    copies = dict.fromkeys(plan.copies, 1)
    return {
        "offers": {
            key: replace(offer, existing_nodes=plan.nodes.get(key, 0))
            for key, offer in network.offers.items()
        },
        "seats_today": tuple(
            SeatToday(committee=seat.committee, site=seat.site, node_type=seat.node_type, seats=n)
            for seat, n in sorted(plan.seats.items())
        ),
        "loaded_today": tuple(
            LoadedToday(
                site=replica.site,
                node_type=replica.node_type,
                model=replica.model,
                warm=plan.warm.get(replica, 0),
                copies=copies.get(replica, 0),
            )
            for replica in sorted({*plan.warm, *copies})
        ),
    }
