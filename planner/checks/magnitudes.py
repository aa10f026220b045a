"""Numbers that are fine by themselves, but whose products a solver drops or trips over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from models.data import HOURS_PER_MONTH, SECONDS_PER_HOUR, Model, Objective, Route, Row
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding

LEAST, MOST = 1e-9, 1e15
"""A solver drops what is smaller, and refuses what is larger."""
LEAST_WORK = 1e-5
"""In requests/s, about one a day: shares of less are lost when a plan is read back."""
MOST_NODES = 1e9
"""No whole number may grow beyond this."""
MOST_RATE = 1e7
"""In requests/s; beyond, shares are lost in rounding when a plan is read back."""
MOST_MONEY = 1e12
"""In currency a month; beyond, cents are lost in rounding."""
MILLIONS_PER_MONTH = HOURS_PER_MONTH * SECONDS_PER_HOUR / 1e6
"""Of requests, at one a second."""


class _Product(NamedTuple):
    """A number that the plan is computed with, and the cell to blame if it makes no sense."""

    row: Row
    attribute: str
    words: str
    value: float
    most: float = MOST
    least: float = LEAST


def _products(bounds: Bounds, book: Book) -> Iterator[_Product]:
    network, use = bounds.network, bounds.network.settings.utilisation
    rates = [demand.requests_per_s for demand in bounds.asked] or [0.0]
    shortest = min(network.month_share.values(), default=1.0)
    extremes = {"calmest": min(rates) * shortest, "busiest": max(rates)}
    for key, offer in network.offers.items():
        replicas = (bounds.replicas(model, key) for model in network.models.values())
        most = offer.max_nodes * max(replicas, default=1)
        yield _Product(offer, "max_nodes", "replicas on its nodes", most, MOST_NODES)
        work = use * (offer.requests_per_s or 0.0)
        words = "requests/s of a node as planned"
        yield _Product(offer, "requests_per_s", words, work, MOST, LEAST_WORK)
        price = "monthly_cost" if offer.hourly_cost is None else "hourly_cost"
        yield _Product(offer, price, "a month of a node", offer.node_cost, MOST_MONEY)
    for node_type in network.node_types.values():
        work = use * (node_type.verifications_per_s or 0.0)
        words = "verifications/s of a node as planned"
        yield _Product(node_type, "verifications_per_s", words, work, MOST, LEAST_WORK)
        for model in network.models.values():
            if node_type.role == "execution" and not model.proxied:
                work = use * (model.requests_per_s or 0.0) * node_type.speed
                words = f"requests/s of a replica on {node_type.node_type!r} as planned"
                yield _Product(model, "requests_per_s", words, work, MOST, LEAST_WORK)
    routes = {row.row: row for row in book.rows(Route)}
    costs = [offer.node_cost for offer in network.offers.values()]
    costs += [site.opening_cost + site.monthly_cost for site in network.sites.values()]
    for goal in book.rows(Objective):
        largest = goal.weight * max([*rates, *costs])
        yield _Product(goal, "weight", "of its largest part", largest, MOST_MONEY)
    priced_rows: list[Model | Route] = [*network.models.values()]
    priced_rows += [routes[link.row] for link in network.links if link.row in routes]
    for priced in priced_rows:
        for which, rate in extremes.items():
            cost = priced.cost_per_million * MILLIONS_PER_MONTH * rate
            words = f"in {network.settings.currency} a month of the {which} row of Demand"
            yield _Product(priced, "cost_per_million", words, cost, MOST_MONEY)
    for demand in network.demand:
        rate = demand.requests_per_s
        yield _Product(demand, "requests_per_s", "requests/s", rate, MOST_RATE)
        cost = demand.unserved_penalty * MILLIONS_PER_MONTH * rate
        yield _Product(demand, "unserved_penalty", "a month unserved", cost, MOST_MONEY)


def _out_of_range(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield, once per cell, products that a plan cannot be computed with."""
    seen: set[tuple[int, str]] = set()
    for found in _products(bounds, book):
        is_small, is_large = 0 < found.value < found.least, found.value > found.most
        cell = id(found.row), found.attribute
        if (is_small or is_large) and cell not in seen and found.row.row:
            seen.add(cell)
            given = getattr(found.row, found.attribute)
            limit = f"above {found.most:g}" if is_large else f"below {found.least:g}"
            yield book.finding(
                found.row,
                found.attribute,
                f"{found.attribute} {given:g} makes {found.value:g} {found.words}, {limit}: too"
                f" {'large' if is_large else 'small'} to calculate with",
                "check the unit of the numbers that make it",
            )


SUBJECT = Subject(network=(_out_of_range,))
