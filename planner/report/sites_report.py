"""What each site adds to a plan, for the screen and for sites.json."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.sites_results import (
    Addition,
    Candidates,
    Change,
    Figure,
    Figures,
    Move,
    Raise,
    Sites,
    SiteValue,
)
from planner.evaluation.sites_verdict import WORDS, figure_text, value_text
from planner.report.loss_tables import names_of, table_of
from planner.workbook.findings import counted

FORMAT = 1
ROLES = {"execution": "service", "coordination": "committee", "storage": "stored model"}
SINGLES_SHOWN, SETS_SHOWN = 5, 3


def screen(found: Sites, currency: str) -> Group:
    """Return what every site adds and why, and what would add most."""
    return Group(*parts(found, currency))


def parts(found: Sites, currency: str) -> list[Table | Text]:
    """Return the same, one thing after the other."""
    told: list[Table | Text] = []
    if found.sites:
        told.append(_sites(found.sites, currency))
    for entry in found.candidates:
        told += [Text(""), *_candidates(entry, currency)]
    if found.not_judged:
        told.append(Text(f"Not filled in, so not judged: {', '.join(found.not_judged)}"))
    if found.rows_left_out:
        rows = counted(found.rows_left_out, "demand row")
        told.append(Text(f"The end of the smallest {rows} was not sought."))
    told += [Text(f"not looked at, {failure}") for failure in found.failures]
    if found.stopped:
        told.append(Text("Stopped: what is not listed was not looked at."))
    return told


def document(found: Sites) -> dict[str, object]:
    """Return everything; a figure that is not among the moves of a site is as it is with it."""
    return {
        "format": FORMAT,
        "complete": not (found.stopped or found.failures),
        "failures": list(found.failures),
        "not_judged": list(found.not_judged),
        "demand_rows_left_out": found.rows_left_out,
        "figures": _figures(found.figures),
        "sites": [
            {
                "site": value.site,
                "verdicts": list(value.verdicts),
                "reason": value.reason,
                "monthly_cost_saved": value.saved,
                "shares": [
                    {"dependency": str(item), "other_sites": others}
                    for item, others in value.shares
                ],
                "moves": [_move(move) for move in value.moves],
                "change": _change(value.change),
            }
            for value in found.sites
        ],
        "candidates": [_candidates_document(entry) for entry in found.candidates],
    }


# The document -------------------------------------------------------------------------------------


def _figure(figure: Figure) -> dict[str, str]:
    return {
        name: value
        for name, value in zip(figure._fields, figure, strict=True)
        if value and isinstance(value, str)
    }


def _figures(figures: Figures | None) -> list[dict[str, object]]:
    if figures is None:
        return []
    return [
        {
            **_figure(figure),
            "value": value,
            **({"by": names_of(figures.by[figure])} if figure in figures.by else {}),
        }
        for figure, value in sorted(figures.values.items(), key=lambda entry: entry[0])
    ]


def _move(move: Move) -> dict[str, object]:
    by = {"by": names_of(move.by)} if move.by else {}
    return {**_figure(move.figure), "with": move.with_it, "without": move.without, **by}


def _change(change: Change | None) -> dict[str, object] | None:
    if change is None:
        return None
    return {
        "kind": change.kind,
        "now": change.now,
        "value": change.value,
        "guarantee": _figure(change.figure),
        "fewest_failures": change.before,
        "then": change.after,
    }


def _candidates_document(found: Candidates) -> dict[str, object]:
    return {
        "guarantee": _figure(found.guarantee),
        "fewest_failures": found.size,
        "sets": [names_of(failed) for failed in found.sets],
        "candidates": found.looked_at,
        "most": found.most,
        "singles": [_raise(entry) for entry in found.singles],
        "best": None if found.best is None else _raise(found.best),
        "unable": found.unable,
    }


def _raise(found: Raise) -> dict[str, object]:
    return {
        "additions": [_addition(addition) for addition in found.additions],
        "monthly_cost": found.cost,
        "fewest_failures": found.size,
        "sets_left": found.sets,
    }


def _addition(addition: Addition) -> dict[str, object]:
    return {
        "site": addition.site,
        "nodes": [
            {"node_type": offer.node_type, "nodes": count} for offer, count in addition.nodes
        ],
        "warm": [{"model": replica.model, "replicas": n} for replica, n in addition.warm],
        "copies": [copy.model for copy in addition.copies],
        "seat": None if addition.seat is None else addition.seat.committee,
        "seat_from": None if addition.given_up is None else addition.given_up.site,
    }


# The screen ---------------------------------------------------------------------------------------


def _sites(values: Iterable[SiteValue], currency: str) -> Table:
    headers = ("site", f"saves {currency}/month", "adds", "why")
    table = table_of("What each site adds: the same plan without it, demand routed anew", *headers)
    for value in values:
        adds = ", ".join(verdict.removeprefix("adds ") for verdict in value.verdicts)
        why = value.reason
        if value.change is not None:
            why += f". {change_text(value.change)}"
        table.add_row(value.site, f"{value.saved:,.0f}", adds, why)
    return table


def change_text(change: Change) -> str:
    """Return what would make a site count, in words."""
    kind = WORDS.get(change.kind, change.kind)
    figure = change.figure
    after = value_text(figure, change.after)
    return (
        f"The same site with {kind} {change.value} instead of {change.now} would count:"
        f" {figure_text(figure)} {change.before}, then {after}"
    )


def _candidates(found: Candidates, currency: str) -> Iterable[Table | Text]:
    named = [" + ".join(names_of(failed)) or "no failure" for failed in found.sets[:SETS_SHOWN]]
    more = f" and {len(found.sets) - SETS_SHOWN} more" if len(found.sets) > SETS_SHOWN else ""
    role, what = ROLES[found.guarantee.role], figure_text(found.guarantee)
    text = f"Weakest {role}: {what} {found.size}: {'; '.join(named)}{more}"
    yield Text(text, style="bold")
    if found.unable:
        yield Text(found.unable)
    rows = [*found.singles[:SINGLES_SHOWN]]
    if found.best is not None and found.best not in rows:
        rows.append(found.best)
    if rows:
        headers = (f"{currency}/month", "fewest failures", "sets left", "add")
        table = table_of(f"What {counted(found.looked_at, 'other site')} could add to it", *headers)
        for entry in rows:
            table.add_row(
                f"{entry.cost:,.0f}",
                value_text(found.guarantee, entry.size),
                f"{entry.sets} of {len(found.sets)}",
                " and ".join(addition_text(addition) for addition in entry.additions),
            )
        yield table
    if found.best is not None:
        added = " and ".join(addition_text(addition) for addition in found.best.additions)
        size = value_text(found.guarantee, found.best.size)
        yield Text(f"Most for the money, of up to {found.most}: {added} makes it {size}.")


def addition_text(addition: Addition) -> str:
    """Return what is added where, in words."""
    nodes = ", ".join(f"{count} {offer.node_type}" for offer, count in addition.nodes)
    more = [f"{counted(n, 'warm replica')} of {replica.model}" for replica, n in addition.warm]
    more += [f"a copy of {copy.model}" for copy in addition.copies]
    if addition.seat is not None and addition.given_up is not None:
        more.append(f"a seat of {addition.seat.committee} from {addition.given_up.site}")
    return f"{addition.site}: {nodes}" + (f" with {' and '.join(more)}" if more else "")
