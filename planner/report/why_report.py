"""Why a plan is as it is, for the screen, as a page and as explain.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.why_results import (
    IN_EVERY,
    INFEASIBLE,
    INTERCHANGEABLE,
    Amount,
    Eased,
    Level,
    Price,
    RowReason,
    Serving,
    Unused,
    Used,
    Why,
)
from planner.files import move_into_place
from planner.report.loss_tables import ROWS_SHOWN, table_of
from planner.workbook.findings import counted, some

FORMAT = 1
EXPLAIN_JSON = "explain.json"
NEARER_SHOWN = 3
"""How many nearer sites a row of the table tells of."""


def screen(found: Why) -> Group:
    """Return what costs most, and why, as tables."""
    return Group(*parts(found, ROWS_SHOWN))


def parts(found: Why, most: int) -> list[Table | Text]:
    """Return the same one thing after the other, with so many lines of each table."""
    told: list[Table | Text] = [Text(_plan(found))]
    for title, entries in (
        ("What each rule costs: all else solved anew without it", found.rules),
        ("What one unit more of each limit that binds would save", found.limits),
    ):
        told += _eased(title, entries, found.currency, most)
    told += _used(found, most)
    told += _unused(found, most)
    told += _rows(found, most)
    told += [Text(""), Text(_solved(found))]
    told += [Text(f"not found out, {failure}") for failure in found.failures]
    if found.stopped:
        told.append(Text("Stopped: what is not listed was not looked at."))
    return told


def write(directory: Path, found: Why) -> Path:
    """Write explain.json into the directory, whole or not at all, and return its path."""
    text = json.dumps(document(found), ensure_ascii=False, indent=1, allow_nan=False)
    return move_into_place(directory / EXPLAIN_JSON, (text + "\n").encode("utf-8"))


# In words -----------------------------------------------------------------------------------------


def _plan(found: Why) -> str:
    """Return what the best plan known amounts to, what is proven of it, and how PLAN compares."""
    said = "; ".join(_level(level, found.currency) for level in found.best)
    worse = [
        f"{mine.measure} {mine.value - best.value:,.6g} {mine.unit}".replace(
            "currency", found.currency
        )
        for mine, best in zip(found.given, found.best, strict=False)
        if mine.value - best.value > max(0.02, 3e-6 * abs(mine.value))
    ]
    better = f" PLAN is worse than that by {worse[0]}: solve again." if worse else ""
    return f"The best plan known: {said}.{better}"


def _level(level: Level, currency: str) -> str:
    unit = f" {level.unit}".replace("currency", currency).rstrip()
    if math.isclose(level.value, level.bound, rel_tol=1e-6, abs_tol=1e-6):
        return f"{level.measure} {level.value:,.6g}{unit}, proven"
    if not math.isfinite(level.bound):
        return f"{level.measure} {level.value:,.6g}{unit}, nothing proven"
    return f"{level.measure} {level.value:,.6g}{unit}, at least {level.bound:,.6g}"


def price_text(price: Price, currency: str) -> str:
    """Return a price in words: what is proven, and where that is not exact, what was found."""
    if price.status == INFEASIBLE:
        return "no plan"
    if price.status != "priced":
        return "not decided"
    if price.is_nothing:
        return "nothing"
    told, found = [], []
    for amount in price.amounts:
        if amount.is_nothing:
            continue
        if math.isfinite(amount.high):
            told.append(_proven(amount, currency))
        elif abs(amount.found) > 1e-6:
            found.append(_quantity(amount, amount.found, currency))
    beside = f" (in the plans found {', '.join(found)} more)" if found else ""
    return f"{', and '.join(told) or 'not decided'}{beside}"


def _proven(amount: Amount, currency: str) -> str:
    if amount.is_exact:
        return _quantity(amount, amount.low, currency)
    low, high = (_number(end) for end in (amount.low, amount.high))
    found = "" if amount.found in (amount.low, amount.high) else f", {_number(amount.found)} found"
    return f"between {low} and {_quantity(amount, amount.high, currency)}{found}"


def _quantity(amount: Amount, value: float, currency: str) -> str:
    if amount.measure == "monthly_cost":
        return f"{_number(value)} {currency}/month"
    return f"{_number(value)} {amount.unit.replace('currency', currency)} {amount.measure}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"


def _solved(found: Why) -> str:
    each = f"{found.seconds_each:g} s"
    return (
        f"{counted(found.solves, 'solve')}, each within {each}: a price is what is proven to be no"
        " less and no more."
    )


# Tables -------------------------------------------------------------------------------------------


def _eased(title: str, found: Sequence[Eased], currency: str, most: int) -> Iterator[Table | Text]:
    """Yield a table of what would save something, and a line for what is proven not to."""
    if not found:
        return
    paid = [entry for entry in found if not entry.price.is_nothing]
    free = [cell for entry in found if entry.price.is_nothing for cell in entry.cells]
    yield Text("")
    if paid:
        is_moved = any(entry.steps for entry in paid)
        table = table_of(title, "saves", "cell", "limit" if is_moved else "rule")
        for entry in paid[:most]:
            table.add_row(
                price_text(entry.price, currency), some(entry.cells), _what_gives_way(entry)
            )
        yield table
        yield from _more(len(paid) - most)
    else:
        yield Text(title, style="bold")
    if free:
        yield Text(f"Proven to save nothing: {some(free)}.")


def _what_gives_way(entry: Eased) -> str:
    step = f", {entry.steps[0]}" if entry.steps else ""
    if len(entry.sentences) == 1:
        return f"{entry.sentences[0]}{step}"
    rest = counted(len(entry.sentences) - 1, "other")
    return f"{entry.sentences[0]}{step}, together with {rest}: each alone saves no more"


def _used(found: Why, most: int) -> Iterator[Table | Text]:
    if not found.used:
        return
    worse = f"{100 * found.tolerance:g} %"
    order = {IN_EVERY: 0, INTERCHANGEABLE: 2}
    entries = sorted(
        found.used, key=lambda entry: (order.get(entry.verdict, 1), entry.price.rank, entry.site)
    )
    yield Text("")
    title = f"Which sites the plan needs; a near plan is no more than {worse} worse"
    table = table_of(title, "site", "is", "without it", "then more at")
    for entry in entries[:most]:
        table.add_row(
            entry.site,
            f"required ({entry.required})" if entry.required else entry.verdict,
            _dearer(entry.price, found.currency),
            some(entry.instead) if entry.verdict == INTERCHANGEABLE else "",
        )
    yield table
    yield from _more(len(entries) - most)


def _unused(found: Why, most: int) -> Iterator[Table | Text]:
    told = [entry for entry in found.unused if entry.forbidden_by or entry.price is not None]
    untold = [entry.site for entry in found.unused if entry not in told]
    if not found.unused:
        return
    yield Text("")
    if told:
        table = table_of("Why a site is not used: what forbids it, or forcing it", "site", "why")
        for entry in told[:most]:
            table.add_row(entry.site, _why_unused(entry, found.currency))
        yield table
        yield from _more(len(told) - most)
    if untold:
        yield Text(f"Not solved for, --site NAME does: {some(untold)}.")


def _why_unused(entry: Unused, currency: str) -> str:
    if entry.forbidden_by:
        alone = "" if entry.price is None else "cannot hold together with it: "
        return alone + "; ".join(f"{one.sentence} ({one.cell})" for one in entry.forbidden_by)
    assert entry.price is not None
    if entry.price.is_nothing:
        return "a plan that uses it is as good"
    bill = ", ".join(f"{line.item} {line.amount:+,.0f}" for line in entry.bill)
    price = _dearer(entry.price, currency)
    return f"{price}{f': {bill}' if bill else ''}"


def _dearer(price: Price, currency: str) -> str:
    text = price_text(price, currency)
    return f"{text} more" if price.status == "priced" and not price.is_nothing else text


def _rows(found: Why, most: int) -> Iterator[Table | Text]:
    nearer = [entry for entry in found.rows if entry.nearer]
    if not found.rows:
        return
    yield Text("")
    if nearer:
        table = table_of("Why a row is served where it is", "users", "served at", "nearer")
        entries = sorted(nearer, key=lambda entry: (entry.price is None, -_waited(entry)))
        for entry in entries[:most]:
            table.add_row(str(entry.demand), _where(entry.served), _nearer(entry, found.currency))
        yield table
        yield from _more(len(nearer) - most)
    nearest = len(found.rows) - len(nearer)
    if nearest:
        yield Text(f"{counted(nearest, 'row')} of users served at the nearest site, or not at all.")


def _waited(entry: RowReason) -> float:
    return entry.requests_per_s * entry.nearer[0].ms


def _where(served: Sequence[Serving]) -> str:
    whole = len(served) == 1 and served[0].share > 0.9995
    return ", ".join(entry.site if whole else f"{entry.site} {entry.share:.0%}" for entry in served)


def _nearer(entry: RowReason, currency: str) -> str:
    lines = [
        f"{site.site} is nearer by {site.ms:,.0f} ms but {site.reason}"
        + (f" ({site.cell})" if site.cell else "")
        for site in entry.nearer[:NEARER_SHOWN]
    ]
    if len(entry.nearer) > NEARER_SHOWN:
        lines.append(f"and {len(entry.nearer) - NEARER_SHOWN} more")
    if entry.price is not None and entry.within_ms is not None:
        price = _dearer(entry.price, currency)
        lines.append(f"within {entry.within_ms:,.0f} ms: {price}")
    return "; ".join(lines)


def _more(count: int) -> Iterator[Text]:
    if count > 0:
        yield Text(f"and {count} more in {EXPLAIN_JSON}")


# The document -------------------------------------------------------------------------------------


def document(found: Why) -> dict[str, object]:
    """Return everything; an end of a price is null where nothing is proven."""
    return {
        "format": FORMAT,
        "complete": not (found.stopped or found.failures),
        "stopped": found.stopped,
        "failures": list(found.failures),
        "solves": found.solves,
        "seconds_each": found.seconds_each,
        "tolerance": found.tolerance,
        "best": [_level_document(level) for level in found.best],
        "plan": [{"measure": level.measure, "value": level.value} for level in found.given],
        "rules": [_eased_document(entry) for entry in found.rules],
        "limits": [_eased_document(entry) for entry in found.limits],
        "sites_used": [_used_document(entry) for entry in found.used],
        "sites_not_used": [_unused_document(entry) for entry in found.unused],
        "rows": [_row_document(entry) for entry in found.rows],
    }


def _level_document(level: Level) -> dict[str, object]:
    return {**asdict(level), "bound": _finite(level.bound)}


def _price_document(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    amounts = [
        {**asdict(amount), "low": _finite(amount.low), "high": _finite(amount.high)}
        for amount in price.amounts
    ]
    return {"status": price.status, "amounts": amounts}


def _eased_document(entry: Eased) -> dict[str, object]:
    return {
        "cells": list(entry.cells),
        "sentences": list(entry.sentences),
        "steps": list(entry.steps),
        "saves": _price_document(entry.price),
    }


def _used_document(entry: Used) -> dict[str, object]:
    return {**asdict(entry), "instead": list(entry.instead), "price": _price_document(entry.price)}


def _unused_document(entry: Unused) -> dict[str, object]:
    return {
        "site": entry.site,
        "forbidden_by": [
            {"cell": one.cell, "sentence": one.sentence, "decided": one.decided}
            for one in entry.forbidden_by
        ],
        "price": _price_document(entry.price),
        "bill": [line._asdict() for line in entry.bill],
    }


def _row_document(entry: RowReason) -> dict[str, object]:
    return {
        **entry.demand._asdict(),
        "cell": entry.cell,
        "requests_per_s": entry.requests_per_s,
        "served": [asdict(one) for one in entry.served],
        "nearer": [asdict(one) for one in entry.nearer],
        "within_ms": entry.within_ms,
        "price": _price_document(entry.price),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
