"""What outages cost in an average year, and what two failures do at once: tables and plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from models.data import Item
from planner.evaluation.stress_results import ExpectedLoss, Importance, MeanLoss, Pairs
from planner.workbook.findings import counted

ROWS_SHOWN = 12
"""How many lines of a table a screen has room for; stress.json has them all."""
STRESS_JSON = "stress.json"
NO_FIGURES = (
    "What outages cost is not known: give outages_per_year and outage_hours to dependencies "
    "(`*` for a whole kind), to providers or to shocks."
)


def loss_document(found: ExpectedLoss) -> dict[str, object]:
    """Return the mean loss as plain data; what is simulated is null where it was not."""
    return {
        **asdict(found),
        "exact": found.rest == 0,
        "losses": [
            {
                "role": loss.role,
                "of": loss.of,
                "unit": unit(loss),
                "lost_low": loss.low * loss.per_year,
                "lost_high": loss.high * loss.per_year,
                "lost_while_nothing_fails": loss.calm * loss.per_year,
                "available_low": 1 - loss.high,
                "available_high": 1 - loss.low,
                "simulated": loss.simulated
                and {
                    "lost": loss.simulated.mean * loss.per_year,
                    "lost_low": loss.simulated.low * loss.per_year,
                    "lost_high": loss.simulated.high * loss.per_year,
                },
            }
            for loss in found.losses
        ],
    }


def pairs_document(found: Pairs) -> dict[str, object]:
    """Return the pairs as plain data."""
    return asdict(found)


def unit(loss: MeanLoss | Importance) -> str:
    """Return what is lost of a role: requests, or hours in which its guarantee is out."""
    return "requests" if loss.role == "execution" else "hours"


def losses(found: Sequence[ExpectedLoss], most: int) -> Iterator[Table | Text]:
    """Yield what outages cost by role and region, and what it passes through, at worst."""
    if not found:
        return
    worst, best = found[0], found[-1]
    if not worst.causes:
        yield Text(NO_FIGURES)
        return
    if not worst.losses:
        yield Text("Nothing that has outage figures hurts this plan.")
        return
    yield _losses(worst, best, most)
    yield Text(_how(worst))
    if worst.without_figures:
        kinds = ", ".join(worst.without_figures)
        yield Text(f"Without outage figures, so never down by themselves here: {kinds}")
    yield _importance(worst, most)


def _losses(worst: ExpectedLoss, best: ExpectedLoss, most: int) -> Table:
    headers = ("of", "available", "lost a year", "simulated (95 %)", "lost a year at best")
    table = table_of("What outages cost in an average year", *headers)
    at_best = {(loss.role, loss.of): loss for loss in best.losses}
    regions = [loss for loss in worst.losses if loss.role == "execution" and loss.of]
    regions.sort(key=lambda loss: (-loss.low, loss.of))
    whole = [loss for loss in worst.losses if loss.role == "execution" and not loss.of]
    others = [loss for loss in worst.losses if loss.role != "execution" and not loss.of]
    for loss in (*whole, *regions[: most // 2], *others):
        told = loss.simulated
        same = at_best.get((loss.role, loss.of), loss)
        name = loss.of or ("all users" if loss.role == "execution" else f"{loss.role}, any")
        table.add_row(
            name,
            _span(1 - loss.high, 1 - loss.low, _percent),
            f"{_lost(loss.low, loss.high, loss.per_year)} {unit(loss)}",
            "-" if told is None else _lost(told.low, told.high, loss.per_year),
            _lost(same.low, same.high, same.per_year),
        )
    if len(regions) > most // 2:
        table.add_row(f"and {len(regions) - most // 2} more in {STRESS_JSON}")
    return table


def _lost(low: float, high: float, per_year: float) -> str:
    return _span(low * per_year, high * per_year, _amount)


def _how(found: ExpectedLoss) -> str:
    sets = f"{counted(found.sets, 'set')} of failures, {counted(found.solved, 'routing')} solved"
    if found.rest == 0:
        return f"Exact: every set of failures is in it ({sets})."
    return (
        f"Proven between these: {sets}; what is not solved has a probability of {found.rest:.2g}."
    )


def _importance(found: ExpectedLoss, most: int) -> Table:
    headers = ("fails", "down", "in so much of the loss", "saved a year if it never fails")
    table = table_of("What the loss passes through", *headers)
    role = next((one.role for one in found.importance), "")
    causes = [one for one in found.importance if one.role == role]
    for one in causes[:most]:
        saved = f"{_amount(one.saved)} {unit(one)}"
        table.add_row(one.cause, f"{one.chance:.3%}", f"{one.share:.1%}", saved)
    if len(causes) > most:
        table.add_row(f"and {len(causes) - most} more in {STRESS_JSON}")
    return table


def pairs(found: Pairs, most: int) -> Iterator[Table | Text]:
    """Yield the worst pairs, and how many there were."""
    table = table_of("What two failures take at once", "fail", "served", "by one alone", "also out")
    for pair in found.worse[:most]:
        names = " + ".join(_any(names) for names in (pair.first, pair.second))
        out = (*pair.halted, *pair.lost_models, *pair.silent_policies)
        table.add_row(names, _share(pair.served), _share(pair.served_alone), ", ".join(out) or "-")
    if len(found.worse) > most:
        table.add_row(f"and {len(found.worse) - most} more in {STRESS_JSON}")
    yield table
    yield Text(
        f"{counted(found.asked, 'pair')}: {found.solved:,} solved, {found.followed:,} followed; "
        f"{len(found.worse):,} do more than either failure alone."
    )


def _any(names: tuple[str, ...]) -> str:
    """Return one of several failures that are alike, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} (or {len(names) - 1} alike)"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def table_of(title: str, *headers: str) -> Table:
    """Return an empty table in the style of the screen."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    table.title = Text(title, style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def names_of(items: Iterable[Item]) -> list[str]:
    """Return dependencies by name."""
    return [str(item) for item in items]


def _span(low: float, high: float, said: Callable[[float], str]) -> str:
    first, last = said(low), said(high)
    return first if first == last else f"{first} to {last}"


def _percent(share: float) -> str:
    return f"{share:.3%}"


def _amount(amount: float) -> str:
    """Return an amount to three digits."""
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if abs(amount) >= size:
            return f"{amount / size:,.3g}{name}"
    return f"{amount:,.3g}" if abs(amount) < 1000 else f"{amount:,.0f}"
