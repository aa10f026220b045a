"""What each phase of a roll-out amounts to: the figures by which its phases are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.costs import sum_of
from planner.evaluation.evaluation import Evaluation
from planner.result import without_noise


@dataclass(frozen=True)
class PhaseFigures:
    """One phase; `monthly_cost` is what is paid a month, with what it pays once spread over months.

    Rates are in requests/s, money in currency (a month, or once). `gap` is how far it is from the
    best possible at most, None where nothing is proven or looked for.
    """

    phase: str
    demand_multiplier: float
    asked: float
    unserved: float
    monthly_cost: float
    one_off_cost: float
    sites: int
    new_sites: int
    nodes: int
    new_nodes: int
    closed_nodes: int
    gap: float | None


def phase_figures(
    evaluations: Sequence[Evaluation], gaps: Mapping[str, float]
) -> tuple[PhaseFigures, ...]:
    """Return the figures of every phase, first to last; none of a plan without phases."""
    return tuple(
        _figures(found, gaps.get(found.phase)) for found in evaluations if found.network.step
    )


def _figures(found: Evaluation, gap: float | None) -> PhaseFigures:
    network, plan = found.network, found.plan
    assert network.step is not None
    changes = [
        plan.nodes.get(key, 0) - offer.existing_nodes for key, offer in network.offers.items()
    ]
    return PhaseFigures(
        phase=found.phase,
        demand_multiplier=network.step.phase.demand_multiplier,
        asked=found.asked,
        unserved=without_noise(found.unserved),
        monthly_cost=sum_of(found.monthly),
        one_off_cost=sum_of(found.one_off),
        sites=len(plan.open),
        new_sites=len(plan.open - network.standing),
        nodes=sum(plan.nodes.values()),
        new_nodes=sum(max(0, change) for change in changes),
        closed_nodes=sum(max(0, -change) for change in changes),
        gap=gap,
    )
