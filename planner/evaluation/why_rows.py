"""Why a demand row is served where it is: which sites are nearer, and what each of them lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from models.data import Demand, DemandKey
from models.network import Network
from planner.evaluation.why_results import NoSuch, RowReason
from planner.evaluation.why_solves import pinned
from planner.workbook.names import did_you_mean, fold_name

MOST_SOLVED = 5
"""How many rows are solved for where none is named: those that have most requests furthest away."""
LONG = 1e9
"""Milliseconds that are no limit."""
FIELDS = {
    "region": "region",
    "model": "model",
    "class": "service_class",
    "verification": "verification",
    "period": "period",
}


def picked(network: Network, texts: Iterable[str]) -> list[Demand]:
    """Return the demand rows that any text names: a region, or `region=R;model=M`.

    Raises NoSuch.
    """
    found: dict[DemandKey, Demand] = {}
    for text in texts:
        rows = [row for row in network.demand if _is_asked(row, text)]
        if not rows:
            known = sorted({row.region for row in network.demand})
            raise NoSuch(f"{text!r} names no row of Demand; {did_you_mean(text, known, _HOW)}")
        found |= {row.key: row for row in rows}
    return list(found.values())


_HOW = "name a region, or columns as in region=Germany;model=chat"


def _is_asked(row: Demand, text: str) -> bool:
    for part in filter(str.strip, text.split(";")):
        name, equals, wanted = part.partition("=")
        name, wanted = (name, wanted) if equals else ("region", part)
        attribute = FIELDS.get(fold_name(name))
        if attribute is None:
            raise NoSuch(f"{name.strip()!r} is none of {', '.join(FIELDS)}; {_HOW}")
        if fold_name(getattr(row, attribute)) != fold_name(wanted):
            return False
    return True


def within(network: Network, demand: Demand, latency_ms: float) -> Network:
    """Return the network in which a row must be served that fast; after a failure as before.

    What no plan can avoid stays what it is.
    """
    failover = demand.failover_latency_ms
    if failover is None:
        failover = LONG if demand.max_latency_ms is None else 2 * demand.max_latency_ms
    row = replace(demand, max_latency_ms=latency_ms, failover_latency_ms=failover)
    rows = tuple(row if other.key == demand.key else other for other in network.demand)
    return pinned(network).part(demand=rows)


def furthest(found: Iterable[RowReason]) -> list[RowReason]:
    """Return the rows that could be served nearer, the most requests furthest away first."""

    def amount(entry: RowReason) -> float:
        return -entry.requests_per_s * max((site.ms for site in entry.nearer), default=0.0)

    return sorted((entry for entry in found if entry.within_ms is not None), key=amount)
