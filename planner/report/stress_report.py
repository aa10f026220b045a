"""What a plan does under failures, for the screen and for stress.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.stress_results import (
    Blast,
    End,
    Fact,
    Fewest,
    LeastServed,
    MostBroken,
    Shock,
    Stress,
    Users,
)
from planner.report.loss_tables import (
    ROWS_SHOWN,
    STRESS_JSON,
    loss_document,
    losses,
    names_of,
    pairs,
    pairs_document,
    table_of,
)
from planner.workbook.findings import counted

FORMAT = 1
TWO_QUESTIONS = (
    "Fewest to end is asked of each row by itself: all that is left may work for it alone. The"
    " worst few are asked of all rows at once, which share what is left: so fewer failures can take"
    " most of all demand than end any one row, and both hold."
)


def screen(found: Stress) -> Group:
    """Return the weakest guarantees, the worst failures and the worst few at once."""
    return Group(*parts(found, ROWS_SHOWN))


def parts(found: Stress, most: int) -> list[Table | Text]:
    """Return the same with up to so many lines of every table."""
    told: list[Table | Text] = []
    unavoidable = sorted({item for end in found.ends for item in end.unavoidable})
    if unavoidable:
        names = ", ".join(map(str, unavoidable))
        told.append(Text(f"No plan escapes these, so they come first: {names}", style="bold"))
    others = [end for end in found.ends if end.demand is None]
    told += [_users(found.users, most), _ends(others, most), _shocks(found.shocks, most)]
    told.append(_blasts(found.blasts, found.least_served))
    if found.users and found.least_served:
        told.append(Text(TWO_QUESTIONS))
    told += map(Text, _facts(found.facts))
    told += losses(found.loss, most)
    told += pairs(found.pairs, most) if found.pairs is not None else ()
    if found.not_judged:
        told.append(Text(f"Not filled in, so not judged: {', '.join(found.not_judged)}"))
    if found.rows_left_out:
        rows = counted(found.rows_left_out, "demand row")
        told.append(Text(f"The end of the smallest {rows} was not sought."))
    told += [Text(f"not looked at, {failure}") for failure in found.failures]
    if found.stopped:
        told.append(Text("Stopped: what is not listed was not looked at."))
    return [part for part in told if not isinstance(part, Table) or part.row_count]


def document(found: Stress) -> dict[str, object]:
    """Return everything, dependencies by name."""
    return {
        "format": FORMAT,
        "complete": not (found.stopped or found.failures),
        "failures": list(found.failures),
        "not_judged": list(found.not_judged),
        "demand_rows_left_out": found.rows_left_out,
        "collapse": [
            {
                "role": end.role,
                "of": end.of,
                **(end.demand._asdict() if end.demand is not None else {"region": ""}),
                "loss": end.loss,
                "unavoidable": names_of(end.unavoidable),
                "best": _fewest(end.best),
                "worst": _fewest(end.worst),
                "proven": True,  # what a stop cuts short has no entry
            }
            for end in found.ends
        ],
        "users": [
            {
                **users.demand._asdict(),
                "requests_per_s": users.rate,
                "latency_ms": users.latency_ms,
                "failover_ms": users.failover_ms,
                "least_served": users.least_served,
                "least_served_by": users.by,
                "fewest_failures": users.end.worst.size,
            }
            for users in found.users
        ],
        "shocks": [
            {
                **asdict(shock),
                "failed": names_of(shock.failed),
                "short": [key._asdict() for key in shock.short],
            }
            for shock in found.shocks
        ],
        "expected_loss": [loss_document(loss) for loss in found.loss],
        "pairs": pairs_document(found.pairs) if found.pairs is not None else None,
        "facts": [asdict(fact) for fact in found.facts],
        "blast": [
            {**asdict(blast), "best": _broken(blast.best), "worst": _broken(blast.worst)}
            for blast in found.blasts
        ],
        "least_served": [
            {**asdict(least), "failed": names_of(least.failed)} for least in found.least_served
        ],
    }


def _fewest(found: Fewest) -> dict[str, object]:
    """Return the size and the set; both null where no failures end the guarantee."""
    return {"size": found.size, "set": None if found.failed is None else names_of(found.failed)}


def _broken(found: MostBroken) -> dict[str, object]:
    return {"broken": found.broken, "failed": names_of(found.failed)}


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    """Yield the fact that is worth verifying first, if doubt weakens any guarantee."""
    if facts and facts[0].raised:
        best = facts[0]
        count = f"{best.raised} of the {counted(best.of, 'guarantee')} that doubt weakens"
        yield f"Verify first {best.name}: at best more failures must then end {count}."
    elif facts:
        count = counted(facts[0].of, "guarantee")
        yield f"Doubt weakens {count}, but no fact that is verified by itself would change that."


def _users(rows: Sequence[Users], most: int) -> Table:
    headers = ("users", "ms", "failover ms", "least served", "fewest to end", "by")
    table = table_of("What users keep: as it is, under any one failure, and until when", *headers)
    weakest = sorted(rows, key=lambda row: (_order(row.end.worst), row.least_served, -row.rate))
    for row in weakest[:most]:
        best, worst = _size(row.end.best), _size(row.end.worst)
        table.add_row(
            str(row.demand),
            _ms(row.latency_ms),
            _ms(row.failover_ms),
            f"{row.least_served:.0%}" + (f" ({row.by})" if row.by else ""),
            worst if best == worst else f"{worst} to {best}",
            ", ".join(names_of(row.end.worst.failed or ())),
        )
    return _with_more(table, len(rows), most)


def _ends(ends: Sequence[End], most: int) -> Table:
    table = table_of(
        "Fewest failures that end a guarantee", "guarantee", "at worst", "at best", "by"
    )
    weakest = sorted(ends, key=lambda end: (_order(end.worst), _order(end.best)))
    for end in weakest[:most]:
        of = f"{end.of} ({end.loss})"
        named = end.worst.failed or ()
        by = ", ".join(names_of(named)) if end.worst.failed is not None else "no failures"
        table.add_row(f"{end.role} of {of}", _size(end.worst), _size(end.best), by)
    return _with_more(table, len(ends), most)


def _shocks(shocks: Sequence[Shock], most: int) -> Table:
    headers = ("fails", "served", "rows short", "halted", "models lost", "policies out")
    table = table_of("What one failure takes", *headers)
    worst = sorted(shocks, key=lambda shock: (_kept(shock), -len(shock.halted), shock.name))
    for shock in worst[:most]:
        table.add_row(
            shock.name,
            "-" if shock.served is None else f"{shock.served:.1%}",
            str(len(shock.short)),
            str(len(shock.halted)),
            str(len(shock.lost_models)),
            str(len(shock.silent_policies)),
        )
    return _with_more(table, len(shocks), most)


def _blasts(blasts: Sequence[Blast], least: Sequence[LeastServed]) -> Table:
    table = table_of("The worst few at once", "failures", "of", "at worst", "at best", "by")
    what = {"coordination": "committees halted", "storage": "models lost"}
    for few in least:
        kinds = ", ".join(few.kinds) or "any kind"
        told = f"{few.served:.1%} of demand served"
        told += "" if few.proven else " (found, not proven)"
        table.add_row(str(few.count), kinds, told, "", ", ".join(names_of(few.failed)) or "-")
    for blast in blasts:
        kinds = ", ".join(blast.kinds) or "any kind"
        broken = f"{blast.worst.broken} of {blast.of} {what[blast.role]}"
        by = ", ".join(names_of(blast.worst.failed)) or "-"
        table.add_row(str(blast.count), kinds, broken, str(blast.best.broken), by)
    return table


def _with_more(table: Table, count: int, most: int) -> Table:
    if count > most:
        table.add_row(f"and {count - most} more in {STRESS_JSON}")
    return table


def _order(found: Fewest) -> float:
    return float("inf") if found.size is None else found.size


def _kept(shock: Shock) -> float:
    return 1.0 if shock.served is None else round(shock.served, 6)


def _ms(latency: float | None) -> str:
    return "-" if latency is None else f"{latency:,.0f}"


def _size(found: Fewest) -> str:
    return "none" if found.size is None else str(found.size)
