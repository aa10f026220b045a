"""Plans side by side, for the screen and for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.differences import Differences, Held
from planner.evaluation.score import Score
from planner.workbook.differences import Difference
from planner.workbook.findings import counted

ROWS_SHOWN = 15
"""How many lines of each list a screen has room for; the JSON has them all."""


def scores(found: Sequence[tuple[str, Score | None]], currency: str) -> Table:
    """Return the plans below each other; the score is None where there is no plan."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("plan", overflow="fold")
    for header in (f"{currency}/month", "p50 ms", "p95 ms", "served", "rules broken"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, score in found:
        if score is None:
            table.add_row(Text(name), "no plan")
            continue
        table.add_row(
            Text(name),
            f"{score.monthly_cost:,.0f}",
            "-" if score.p50_ms is None else f"{score.p50_ms:,.0f}",
            "-" if score.p95_ms is None else f"{score.p95_ms:,.0f}",
            "-" if score.served is None else f"{score.served:.1%}",
            str(score.broken),
        )
    return table


def screen(
    found: Sequence[tuple[str, Score]],
    others: Sequence[tuple[str, Sequence[Difference], Differences]],
    currency: str,
) -> Group:
    """Return the plans below each other, then each against the first, long lists cut short."""
    return Group(*parts(found, others, currency, ROWS_SHOWN))


def parts(
    found: Sequence[tuple[str, Score]],
    others: Sequence[tuple[str, Sequence[Difference], Differences]],
    currency: str,
    most: int,
) -> list[Table | Text]:
    """Return the same with up to so many lines of every list."""
    against = [beside(name, inputs, plan, most) for name, inputs, plan in others]
    return [scores(found, currency), *against]


def beside(
    name: str, inputs: Sequence[Difference], plan: Differences, most: int = ROWS_SHOWN
) -> Table:
    """Return what is different in one plan against the first: inputs, sites, cost, guarantees."""
    lines = {
        "in the workbook": [_input(found) for found in inputs],
        "opened": list(plan.opened),
        "closed": list(plan.closed),
        "nodes": [f"{found.offer}: {found.before} -> {found.after}" for found in plan.nodes],
        "cost": [
            f"{line.item}: {line.after - line.before:+,.0f} a month"
            f" ({line.before:,.0f} -> {line.after:,.0f})"
            for line in plan.bill
        ],
        "gained": list(dict.fromkeys(_held(found) for found in plan.held if found.is_gain)),
        "lost": list(dict.fromkeys(_held(found) for found in plan.held if not found.is_gain)),
    }
    table = Table(
        title=Text(f"{name}, against the first", style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 2),
        pad_edge=True,
        show_header=False,  # a page has one
    )
    table.add_column("where", no_wrap=True)
    table.add_column("what is different", overflow="fold")
    for topic, said in lines.items():
        for number, line in enumerate(_first(said, most)):
            table.add_row(topic if number == 0 else "", Text(line))
    if not table.row_count:
        table.add_row("", "no difference")
    return table


def _first(said: Sequence[str], most: int) -> Iterator[str]:
    yield from said[:most]
    if len(said) > most:
        yield f"and {len(said) - most} more"


def _input(found: Difference) -> str:
    place = f"{found.sheet}!{found.after_cell or found.before_cell}"
    named = f"{found.row}.{found.column}" if found.column else found.row
    if not found.column:
        return f"{place}: {named} {'added' if found.before is None else 'removed'}"
    return f"{place}: {named} {_shown(found.before)} -> {_shown(found.after)}"


def _shown(value: object) -> str:
    if value is None:
        return "blank"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _held(found: Held) -> str:
    of = f"{found.role} of {found.of}" if found.of != "all" else found.role
    period = f", {found.period}" if found.period else ""
    guarantee = f"{found.loss} of {of}{period}"
    if found.only:
        # Said once, and not for every kind of dependency.
        return f"{guarantee} is {'gone' if found.only == 'before' else 'new'}"
    before, after = (_fewest(count, found.kind) for count in (found.before, found.after))
    return f"{guarantee}: ends with {before} -> {after}"


def _fewest(count: int | None, kind: str) -> str:
    return f"not even all {kind}" if count is None else counted(count, kind.replace("_", " "))


def document(
    found: Sequence[tuple[str, Score]],
    others: Sequence[tuple[str, Sequence[Difference], Differences]],
) -> dict[str, object]:
    """Return everything for other programs."""
    return {
        "format": 1,
        "plans": [{**asdict(score), "name": name} for name, score in found],
        "against_first": [
            {
                "name": name,
                "inputs": [one._asdict() for one in inputs],
                "opened": list(plan.opened),
                "closed": list(plan.closed),
                "nodes": [
                    {**one.offer._asdict(), "before": one.before, "after": one.after}
                    for one in plan.nodes
                ],
                "monthly_cost": [one._asdict() for one in plan.bill],
                "guarantees": [one._asdict() for one in plan.held],
            }
            for name, inputs, plan in others
        ],
    }
