"""What is found once of the whole plan, so that without a site it need not be asked all anew.

A routing that serves a demand row serves it in every plan in which all that it stands on still
stands. So what is known of the whole bounds what is left without a site: fewest failures from below
by the routings that do not use the site, the share served by what the site carried.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from models.data import DemandKey, Item
from models.network import Network
from models.outage import smallest_outage
from models.plan import Deployment
from models.replay import rerouted
from planner.evaluation.stress_questions import Asked, read_at_worst
from planner.evaluation.stress_results import Fewest

ROUNDED = 9
"""Decimals that tell shares served apart; the linear program knows no more."""


@dataclass(frozen=True)
class KnownEnd:
    """The fewest failures that end a demand row in one reading, and routings that serve it."""

    row: int
    ends: Fewest
    routings: tuple[frozenset[Item], ...]


@dataclass(frozen=True)
class Failure:
    """What a single failure leaves: the share served, of rows that placement could save from it.

    `carried` is how much of that, at most, each site has a part in; `rate` is all that is asked.
    """

    item: Item
    rate: float
    served: float
    carried: Mapping[str, float]


@dataclass(frozen=True)
class Base:
    """What is known of the whole plan: the end of every row in both readings, every failure."""

    best: tuple[KnownEnd, ...]
    worst: tuple[KnownEnd, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True)
class Learned:
    """What one job found; `missed` says what could not be worked out, and why."""

    number: int
    base: Base
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Learn:
    """Some rows whose end is sought and some failures to replay, of the whole plan."""

    number: int
    network: Network
    plan: Deployment
    rows: tuple[int, ...]
    failures: tuple[Item, ...]

    @property
    def key(self) -> str:
        """Return the name of the job."""
        return f"batch {self.number}"

    def run(self, stop: threading.Event) -> Learned:
        """Return what was found, as much as there is after a stop."""
        asked = Asked(self.network, self.plan)
        best: list[KnownEnd] = []
        worst: list[KnownEnd] = []
        failures: list[Failure] = []
        missed: list[str] = []
        for row in self.rows:
            if not stop.is_set():
                try:
                    at_worst = row_end(asked, asked.worst, row)
                    # At best less is shared, so a routing that is legal at worst is legal then.
                    best.append(row_end(asked, asked.best, row, at_worst.routings))
                    worst.append(at_worst)
                except ArithmeticError as error:
                    missed.append(f"{self.network.demand[row].key}: {error}")
        for item in self.failures:
            if not stop.is_set():
                try:
                    failures.append(_failure(asked, self.plan, item))
                except ArithmeticError as error:
                    missed.append(f"{item}: {error}")
        base = Base(tuple(best), tuple(worst), tuple(failures))
        return Learned(self.number, base, tuple(missed))


def batches(network: Network, plan: Deployment, asked: Asked, count: int) -> list[Learn]:
    """Return the work in so many shares."""
    numbers = {id(row): number for number, row in enumerate(network.demand)}
    rows = [numbers[id(row)] for row in asked.rows]
    failures = asked.may_fail(asked.worst, ()) if rows else []
    size = max(1, -(-max(len(rows), len(failures)) // max(1, count)))
    return [
        Learn(
            number,
            network,
            plan,
            tuple(rows[start : start + size]),
            tuple(failures[start : start + size]),
        )
        for number, start in enumerate(range(0, max(len(rows), len(failures)), size))
    ]


def joined(found: list[Learned]) -> Base:
    """Return all that the jobs found."""
    found = sorted(found, key=lambda entry: entry.number)
    return Base(
        tuple(end for entry in found for end in entry.base.best),
        tuple(end for entry in found for end in entry.base.worst),
        tuple(failure for entry in found for failure in entry.base.failures),
    )


def row_end(
    asked: Asked, network: Network, row: int, known: tuple[frozenset[Item], ...] = ()
) -> KnownEnd:
    """Return what ends a demand row in one reading, and routings that serve it, `known` first."""
    demand, routings = asked.network.demand[row], list(known)
    may_fail = asked.may_fail(network, asked.unavoidable_to(demand))
    found = smallest_outage(network, asked.plan, demand, may_fail, routings)
    return KnownEnd(row, Fewest(found), tuple(routings))


def _failure(asked: Asked, plan: Deployment, item: Item) -> Failure:
    network = asked_to_serve(asked.network)
    rates = rates_at_risk(asked, item)
    left = rerouted(network, plan, (item,))
    rate = {row.key: rates.get(row.key, 0.0) for row in network.demand}
    share = network.month_share
    served, carried = 0.0, defaultdict[str, float](float)
    site_of = {str(offer): offer.site for offer in network.offers}
    for flow in left.routing:
        amount = rate[flow.demand] * flow.share
        served += amount
        for site in {flow.offer.site, site_of.get(flow.fetch_from, flow.offer.site)}:
            carried[site] += amount
    for check in left.verification:
        carried[check.verifier.site] += check.rate * share[check.period]
    return Failure(item, sum(rate.values()), served, dict(sorted(carried.items())))


def asked_to_serve(network: Network) -> Network:
    """Return the network at worst, asked for nothing but to serve as much as can be."""
    rows = tuple(replace(row, min_served=0.0) for row in network.demand)
    return replace(read_at_worst(network), demand=rows)


def rates_at_risk(asked: Asked, item: Item) -> dict[DemandKey, float]:
    """Return the requests/s, mean over the month, of rows that some placement saves from it."""
    network = asked.network
    return {
        row.key: network.mean_rate(row)
        for row in network.demand
        if item not in asked.unavoidable_to(row)
    }
