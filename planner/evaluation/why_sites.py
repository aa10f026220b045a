"""Why a site is not used, and which of those that are used could be done without."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from models.costs import Line, monthly_bill
from models.data import Lock
from models.network import Network
from models.plan import Deployment
from planner.evaluation.explain_limits import limits
from planner.evaluation.explain_results import Member
from planner.evaluation.explain_search import Search
from planner.evaluation.why_results import (
    IN_EVERY,
    INTERCHANGEABLE,
    UNDECIDED,
    Best,
    Unused,
    Used,
)
from planner.evaluation.why_solves import is_far, is_near, price
from planner.jobs.requests import Workers
from planner.workbook.book import Book

MOST_FORCED = 6
"""How many sites are forced open where none is named: those that would cost least."""
SMALL = 0.5
"""A change of a bill, in currency a month, that is not worth a word."""


def forced(network: Network, site: str) -> Network:
    """Return the network in which a site has at least one node."""
    return replace(network, locks=(*network.locks, Lock(site=site, minimum=1)))


def shut(network: Network, site: str) -> Network:
    """Return the network in which a site may not open."""
    row = replace(network.sites[site], status="forbidden")
    return replace(network, sites={**network.sites, site: row})


def forbidding(network: Network, site: str, book: Book) -> tuple[Member, ...]:
    """Return the cells that, each alone, keep a site from having any node."""
    return tuple(_forbidding(network, site, book))


def _forbidding(network: Network, site: str, book: Book) -> Iterator[Member]:
    row = network.sites[site]
    provider = network.providers[row.provider]
    if row.status == "forbidden":
        yield Member(book.limit(row, "status"), ("opening",), f"site {site} is forbidden")
    if provider.status == "forbidden":
        sentence = f"the contract with {provider.provider} is forbidden"
        yield Member(book.limit(provider, "status"), ("contracts",), sentence)
    if row.max_nodes == 0:
        yield Member(book.limit(row, "max_nodes"), ("opening",), f"site {site} holds no nodes")
    if provider.max_nodes == 0:
        sentence = f"no nodes may hang on provider {provider.provider}"
        yield Member(book.limit(provider, "max_nodes"), ("contracts",), sentence)
    for lock in network.locks:
        of_nodes = not (lock.committee or lock.model or lock.node_type)
        is_here = lock.site in ("", site) and lock.provider in ("", row.provider)
        if lock.maximum == 0 and of_nodes and is_here:
            sentence = f"no nodes of {lock.site or lock.provider or 'any site'} are let in"
            yield Member(book.limit(lock, "maximum"), ("locks",), sentence)
    if not any(offer.max_nodes for key, offer in network.offers.items() if key.site == site):
        yield Member(book.limit(row, ""), ("opening",), f"no node is on offer at {site}")


def cheapest_first(network: Network, plan: Deployment) -> list[str]:
    """Return the sites that are not used, those that would cost least with one node first."""

    def cost(site: str) -> tuple[float, str]:
        row, offers = network.sites[site], network.offers.items()
        nodes = [offer.node_cost for key, offer in offers if key.site == site and offer.max_nodes]
        contract = network.providers[row.provider].monthly_cost
        held = row.provider in plan.contracts
        return row.monthly_cost + (0.0 if held else contract) + min(nodes, default=0.0), site

    return sorted(network.sites.keys() - plan.open, key=cost)


def conflict(
    network: Network, site: str, book: Book, workers: Workers, stop: threading.Event
) -> tuple[Member, ...]:
    """Return cells that cannot hold together with a node at the site, as few as can be."""
    search = Search(forced(network, site), limits(network), (), workers, stop)
    found = search.conflict()
    if found is None:
        return ()
    return tuple(
        Member(
            book.limit(limit.row, limit.attribute),
            limit.rules,
            limit.sentence,
            limit not in found.undecided,
        )
        for limit in found.members
    )


def unused(network: Network, site: str, best: Best | None, base: Best) -> Unused:
    """Return what it would cost to have a node at a site that is not used."""
    if best is None:
        return Unused(site)
    bill = () if best.plan is None or base.plan is None else changes(network, base.plan, best.plan)
    return Unused(site, price=price(best, base), bill=bill)


def changes(network: Network, before: Deployment, after: Deployment) -> tuple[Line, ...]:
    """Return what of a monthly bill differs, line by line."""
    old = {line.item: line.amount for line in monthly_bill(network, before)}
    new = {line.item: line.amount for line in monthly_bill(network, after)}
    lines = [Line(item, new.get(item, 0.0) - old.get(item, 0.0)) for item in {**old, **new}]
    return tuple(line for line in lines if abs(line.amount) >= SMALL)


def used(network: Network, site: str, best: Best, base: Best, tolerance: float, book: Book) -> Used:
    """Return whether plans that are near the best can do without a site."""
    verdict = UNDECIDED
    if is_near(best, base, tolerance):
        verdict = INTERCHANGEABLE
    elif is_far(best, base, tolerance):
        verdict = IN_EVERY
    row = network.sites[site]
    required = book.limit(row, "status") if row.status == "required" else ""
    instead = () if best.plan is None or base.plan is None else _instead(base.plan, best.plan)
    return Used(site, verdict, price(best, base), tuple(instead), required)


def _instead(before: Deployment, after: Deployment) -> Sequence[str]:
    """Return the sites that have more nodes than before; the newly opened alone, if any are."""
    opened = sorted(after.open - before.open)
    grown = [site for site in sorted(after.open) if after.nodes_at(site) > before.nodes_at(site)]
    return opened or grown
