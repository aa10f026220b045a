"""Why a plan is as it is, for the screen and as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.explain_results import Member
from planner.evaluation.why_results import (
    IN_EVERY,
    INTERCHANGEABLE,
    Eased,
    Level,
    RowReason,
    Serving,
    Unused,
    Why,
)
from planner.report.loss_tables import ROWS_SHOWN, table_of
from planner.report.price_text import dearer, price_text
from planner.workbook.findings import counted, some

EXPLAIN_JSON = "explain.json"
UNABLE = ("node type", "too small", "not able")
"""Why a site cannot run a model at all."""
NEARER_SHOWN = 2
"""How many nearer sites a row of the table tells of."""
WIDEST = 26, 22
"""Characters of the names of users, and of where they are served, so that there is room for why."""


def screen(found: Why) -> Group:
    """Return what costs most, and why, as tables."""
    return Group(*parts(found, ROWS_SHOWN))


def parts(found: Why, most: int) -> list[Table | Text]:
    """Return the same one thing after the other, with so many lines of each table."""
    told: list[Table | Text] = [Text(_phase(found))] if found.phase else []
    told.append(Text(_plan(found)))
    reached = sum(len(entry.cells) for entry in found.limits)
    for title, entries in (
        ("What each rule costs: all else solved anew without it", found.rules),
        (f"What one unit more would save, of {counted(reached, 'limit')} reached", found.limits),
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


# In words -----------------------------------------------------------------------------------------


def _phase(found: Why) -> str:
    """Return which phase of a roll-out all that follows is about."""
    return (
        f"Of the phases of PLAN, {found.phase}: its demand, on what the phase before it leaves"
        " standing. --phase NAME explains another."
    )


def _plan(found: Why) -> str:
    """Return what the best plan known amounts to, what is proven of it, and how PLAN compares."""
    if not found.best:
        return "No plan that keeps every rule is known, so nothing has a price."
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


def _solved(found: Why) -> str:
    return (
        f"{counted(found.solves, 'solve')} of {found.seconds_each:g} s at most, and longer for the"
        " plan itself: a price is what is proven to be no less and no more."
    )


# Tables -------------------------------------------------------------------------------------------


def _eased(title: str, found: Sequence[Eased], currency: str, most: int) -> Iterator[Table | Text]:
    """Yield a table of what would save something, and lines for what would not, or may not."""
    if not found:
        return
    paid = [entry for entry in found if not entry.price.is_futile]
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
    free = [cell for entry in found if entry.price.is_nothing for cell in entry.cells]
    if free:
        yield Text(f"Proven to save nothing: {some(free)}.")
    yield from _open(found)


def _open(found: Sequence[Eased]) -> Iterator[Text]:
    """Yield which rules or limits saved nothing, though it is not proven that they cannot."""
    futile = [entry for entry in found if entry.price.is_futile and not entry.price.is_nothing]
    cells = [cell for entry in futile for cell in entry.cells]
    if cells:
        yield Text(
            f"No better plan found, nor proven in time that there is none: {some(cells)};"
            f" {EXPLAIN_JSON} has what each saves at most."
        )


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
            dearer(entry.price, found.currency),
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
        return alone + "; ".join(map(_member, entry.forbidden_by))
    assert entry.price is not None
    if entry.price.is_nothing:
        return "a plan that uses it is as good"
    bill = ", ".join(f"{line.item} {line.amount:+,.0f}" for line in entry.bill)
    price = dearer(entry.price, currency)
    return f"{price}{f': {bill}' if bill else ''}"


def _member(one: Member) -> str:
    doubt = "" if one.decided else ", not decided whether it is needed"
    return f"{one.sentence} ({one.cell}{doubt})"


def _rows(found: Why, most: int) -> Iterator[Table | Text]:
    nearer = [entry for entry in found.rows if entry.nearer]
    if not found.rows:
        return
    yield Text("")
    if nearer:
        table = table_of("Why a row is served where it is", "users", "served at", "nearer")
        table.columns[0].max_width, table.columns[1].max_width = WIDEST
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
    """Return what the nearest sites that could run it lack, and what to be there would cost."""
    able = [site for site in entry.nearer if site.kind not in UNABLE] or list(entry.nearer)
    priced = [site for site in able if entry.by is not None and site.site == entry.by.site]
    told = list(dict.fromkeys([*able[:1], *priced, *able]))[:NEARER_SHOWN]
    several = len(entry.served) > 1 and entry.furthest is not None
    than = f" than {entry.furthest.site}" if several and entry.furthest else ""
    lines = [
        f"{site.site} is nearer{than} by {site.ms:,.0f} ms but {site.reason}"
        + (f" ({site.cell})" if site.cell else "")
        for site in told
    ]
    if len(entry.nearer) > len(told):
        lines.append(f"and {len(entry.nearer) - len(told)} more")
    if entry.price is not None and entry.within_ms is not None and entry.by is not None:
        price = dearer(entry.price, currency)
        price = "no dearer" if entry.price.is_nothing else price
        lines.append(f"within {entry.within_ms:,.0f} ms, as from {entry.by.site}: {price}")
    return "; ".join(lines)


def _more(count: int) -> Iterator[Text]:
    if count > 0:
        yield Text(f"and {count} more in {EXPLAIN_JSON}")
