"""The phases of a roll-out in the report: what each amounts to, and its steps in order."""

from __future__ import annotations

from planner.evaluation.phases import phase_figures
from planner.report.done import Done
from planner.report.html.elements import Markup, Number, Row, number, section, table
from planner.report.phase_pages import currency_of, is_proven


def phases(done: Done) -> Markup | None:
    """Return the section of a plan in phases; None of another."""
    found = phase_figures(done.evaluations, done.result.phase_gaps)
    if not found:
        return None
    currency = currency_of(done)
    headers = (
        "phase",
        "requests/s",
        "unserved",
        f"{currency}/month",
        f"{currency} once",
        "sites",
        "new sites",
        "nodes",
        "new nodes",
        "gap",
    )
    rows = [
        Row(
            (
                one.phase,
                number(one.asked, ",.1f"),
                number(one.unserved, ",.1f"),
                number(one.monthly_cost),
                number(one.one_off_cost),
                number(one.sites),
                number(one.new_sites),
                number(one.nodes),
                number(one.new_nodes),
                number(one.gap, ".2%") if is_proven(one) else Number("not proven"),
            )
        )
        for one in found
    ]
    steps = [
        Row((step.phase, Number(str(step.step)), step.kind, step.where, step.what, step.verdict))
        for order in done.orders
        for step in order.steps
    ]
    told = ("phase", "step", "what", "where", "in detail", "verdict")
    about = "The rest of this page is of the last phase. " + " ".join(
        f"{order.phase}: {order.about}." for order in done.orders if order.about
    )
    return section(
        "Phases",
        table("What every phase amounts to", headers, rows),
        table("The steps of every phase, and what the audit says of each", told, steps),
        about=about.strip(),
    )
