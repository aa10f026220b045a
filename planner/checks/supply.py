"""Demand above the most that all capacity within reach can serve, by model and altogether."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from models.data import Demand, OfferKey
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


def _enough_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield demand above the most that all reachable capacity together can serve."""
    network = bounds.network
    reachable = {row.row: bounds.servable(row) for row in bounds.asked}
    short: set[str] = set()
    totals: list[Finding] = []
    for period in network.periods:
        by_model: dict[str, list[Demand]] = defaultdict(list)
        for demand in network.demand:
            if demand.period == period and reachable.get(demand.row):
                by_model[demand.model].append(demand)
        for name, rows in by_model.items():
            # Said once per model, for the first period that is short.
            found = (
                [] if name in short else list(_model_capacity(bounds, book, name, rows, reachable))
            )
            short |= {name} if found else set()
            yield from found
        totals += _total_capacity(bounds, book, by_model, reachable)
    if not short:
        yield from totals[:1]


def _model_capacity(
    bounds: Bounds,
    book: Book,
    name: str,
    rows: Sequence[Demand],
    reachable: dict[int, tuple[OfferKey, ...]],
) -> Iterator[Finding]:
    model = bounds.network.models.get(name)
    every = frozenset(key for row in rows for key in reachable[row.row])
    groups: list[tuple[Sequence[Demand], frozenset[OfferKey]]] = [(rows, every)]
    for row in rows:
        keys = frozenset(reachable[row.row])
        if keys != every:
            groups.append(([row], keys))
    for group, keys in groups:
        asked = sum(row.requests_per_s for row in group)
        most = bounds.most({key: bounds.node_rate(model, key) for key in keys})
        if asked > most * (1 + 1e-9):
            largest = max(group, key=lambda row: row.requests_per_s)
            what = f"model {name!r}" if name else "all models"
            who = f"demand of region {largest.region!r} for {what}"
            if len(group) > 1:
                who = f"demand for {what}"
            when = f" in period {largest.period!r}" if largest.period else ""
            yield book.finding(
                largest,
                "requests_per_s",
                f"{who}{when} is {asked:g} requests/s, but the"
                f" {counted(int(_nodes(bounds, keys)), 'node')} that may serve it"
                f" (Capacities.max_nodes) can do {most:g} at most at the planned utilisation of"
                f" {bounds.network.settings.utilisation:g}",
                "raise max_nodes or offer more sites, or lower the demand",
            )
            return


def _nodes(bounds: Bounds, keys: Collection[OfferKey]) -> float:
    return bounds.most(dict.fromkeys(keys, 1.0))


def _total_capacity(
    bounds: Bounds,
    book: Book,
    by_model: dict[str, list[Demand]],
    reachable: dict[int, tuple[OfferKey, ...]],
) -> Iterator[Finding]:
    """Yield if all local models together need more nodes than can be had, each at its best."""
    network = bounds.network
    every: set[OfferKey] = set()
    needed = 0.0
    rows: list[Demand] = []
    for name, group in by_model.items():
        model = network.models.get(name)
        if model is None or model.proxied:
            continue
        keys = {key for row in group for key in reachable[row.row]}
        best = max(bounds.node_rate(model, key) for key in keys)
        needed += sum(row.requests_per_s for row in group) / best
        every |= keys
        rows += group
    nodes = _nodes(bounds, every) if every else 0.0
    if rows and needed > nodes * (1 + 1e-9):
        largest = max(rows, key=lambda row: row.requests_per_s)
        when = f" in period {largest.period!r}" if largest.period else ""
        yield book.finding(
            largest,
            "requests_per_s",
            f"all models together{when} need {needed:,.1f} nodes at"
            f" least, but only {nodes:g} can be had (Capacities.max_nodes)",
            "raise max_nodes or offer more sites, or lower the demand",
        )


SUBJECT = Subject(serving=(_enough_capacity,))
