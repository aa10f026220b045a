"""The phases of a roll-out and the steps of each, as sheets and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from planner.evaluation.phases import PhaseFigures, phase_figures
from planner.report.done import Done
from planner.report.tables import MONEY, RATE
from planner.workbook.layout import Layout, Page, Styled

PHASES, ROLLOUT = "Phases", "Roll-out"
"""The titles of the sheets."""

HOLDS = {
    PHASES: "what every phase costs, adds and serves",
    ROLLOUT: "in which order each phase is built, and what the audit says of every step",
}


def pages(done: Done) -> Iterator[tuple[str, Page]]:
    """Yield the sheets of a plan in phases; none for another."""
    found = phase_figures(done.evaluations, done.result.phase_gaps)
    if not found:
        return
    yield PHASES, _phases(found, currency_of(done))
    rows: list[list[object]] = [["phase", "step", "what", "where", "in detail", "verdict"]]
    for order in done.orders:
        rows += [
            [step.phase, step.step, step.kind, step.where, step.what, step.verdict]
            for step in order.steps
        ]
    if len(rows) > 1:
        yield ROLLOUT, Page(rows, Layout(is_table=True, frozen=2))


def currency_of(done: Done) -> str:
    """Return the currency of the workbook."""
    return done.network.settings.currency if done.network is not None else ""


def _phases(found: tuple[PhaseFigures, ...], currency: str) -> Page:
    header: list[object] = [
        "phase",
        "demand_multiplier",
        "asked (requests/s)",
        "unserved (requests/s)",
        f"monthly_cost ({currency}/month)",
        f"one_off_cost ({currency})",
        "sites",
        "new_sites",
        "nodes",
        "new_nodes",
        "closed_nodes",
        "gap",
    ]
    rows: list[list[object]] = [
        [
            one.phase,
            one.demand_multiplier,
            Styled(one.asked, RATE),
            Styled(one.unserved, RATE),
            Styled(one.monthly_cost, MONEY),
            Styled(one.one_off_cost, MONEY),
            one.sites,
            one.new_sites,
            one.nodes,
            one.new_nodes,
            one.closed_nodes,
            "not proven" if not is_proven(one) else Styled(one.gap or 0.0, "0.00%"),
        ]
        for one in found
    ]
    return Page([header, *rows], Layout(is_table=True, frozen=1))


def is_proven(one: PhaseFigures) -> bool:
    """Return whether anything is proven of the phase."""
    return one.gap is not None and math.isfinite(one.gap)


def document(done: Done) -> list[dict[str, object]]:
    """Return the phases with their steps as plan.json has them."""
    orders = {order.phase: order for order in done.orders}
    told = []
    for one in phase_figures(done.evaluations, done.result.phase_gaps):
        order = orders.get(one.phase)
        steps = [
            {
                "step": step.step,
                "what": step.kind,
                "where": step.where,
                "detail": step.what,
                "held": step.is_safe,
                "verdict": step.verdict,
            }
            for step in (order.steps if order is not None else ())
        ]
        told.append(
            {**asdict(one), "about": order.about if order is not None else "", "steps": steps}
        )
    return told
