"""Demand above the most that all capacity within reach can serve, by model and altogether."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from models.data import Demand, Model, OfferKey
from models.stands import BoolArray
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


def _enough_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield demand above the most that all reachable capacity together can serve."""
    network = bounds.network
    asked = {row.row for row in bounds.asked}
    short: set[str] = set()
    totals: list[Finding] = []
    for period in network.periods:
        by_model: dict[str, _Asked] = {}
        for demand in network.demand:
            if demand.period == period and demand.row in asked:
                reach = bounds.reach(demand)
                if reach.any():
                    of_model = by_model.setdefault(demand.model, _Asked([], np.zeros_like(reach)))
                    of_model.rows.append(demand)
                    of_model.reach |= reach
        for name, found in by_model.items():
            # Said once per model, for the first period that is short.
            said = [] if name in short else list(_model_capacity(bounds, book, name, found))
            short |= {name} if said else set()
            yield from said
        totals += _total_capacity(bounds, book, by_model)
    if not short:
        yield from totals[:1]


@dataclass
class _Asked:
    """The rows of a model that can be served, and which offers may serve some of them."""

    rows: list[Demand]
    reach: BoolArray

    def keys(self, bounds: Bounds) -> list[OfferKey]:
        """Return those offers."""
        return [bounds.executing[at] for at in np.flatnonzero(self.reach).tolist()]


def _groups(bounds: Bounds, model: Model | None, asked: _Asked) -> Iterator[_Asked]:
    """Yield all rows, then each that reaches less than all and that no single offer can serve."""
    yield asked
    rates = np.array([bounds.node_rate(model, key) for key in bounds.executing], dtype=float)
    alone = bounds.most_alone(rates)
    for row in asked.rows:
        reach = bounds.reach(row)
        if row.requests_per_s > alone[reach].max() and not np.array_equal(reach, asked.reach):
            yield _Asked([row], reach)


def _model_capacity(bounds: Bounds, book: Book, name: str, every: _Asked) -> Iterator[Finding]:
    model = bounds.network.models.get(name)
    for found in _groups(bounds, model, every):
        group, keys = found.rows, found.keys(bounds)
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
    by_model: Mapping[str, _Asked],
) -> Iterator[Finding]:
    """Yield if all local models together need more nodes than can be had, each at its best."""
    network = bounds.network
    every: set[OfferKey] = set()
    needed = 0.0
    rows: list[Demand] = []
    for name, asked in by_model.items():
        model = network.models.get(name)
        if model is None or model.proxied:
            continue
        keys = asked.keys(bounds)
        best = max(bounds.node_rate(model, key) for key in keys)
        needed += sum(row.requests_per_s for row in asked.rows) / best
        every |= set(keys)
        rows += asked.rows
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
