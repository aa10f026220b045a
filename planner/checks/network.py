"""Arithmetic that can never work out, found before anything is solved, with both numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from models.data import Lock, OfferKey
from models.network import Network
from planner.checks import demand as demand_checks
from planner.checks import guarantees as guarantee_checks
from planner.checks import protection as protection_checks
from planner.checks import spread
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.names import did_you_mean

_SUPPLY = {
    "Sites": "site status max_nodes country bloc latitude longitude",
    "Providers": "provider parent max_nodes status",
    "Capacities": "site node_type max_nodes requests_per_s",
    "Node types": "node_type role gpu_memory_gb load_gb_per_s speed verifications_per_s disk_tb"
    " tee",
    "Models": "model gpu_memory_gb weights_gb requests_per_s service_ms init_s copies upstream"
    " max_requests_per_s node_types",
    "Settings": "utilisation cold_share",
}
_DEMAND = {
    "Demand": "region requests_per_s model period verification max_latency_ms countries blocs",
    "Verification": "policy verifiers work max_latency_ms independent_of tee overhead",
    "Periods": "period hours_per_month",
}
_PATHS = {
    "Routes": "origin target latency_ms",
    "Regions": "region latitude longitude",
}
_SEATS = {
    "Committees": "committee seats node_types max_seats_per_site reach_ms reach_seats tee countries"
    " blocs",
}
_LINKS = {
    "Sites": "provider operator owner data_centre metro grid network",
    "Node types": "gpu client",
    "Exposure": "item depends_on confidence",
    "Dependencies": "dependency kind",
    "Diversity": "rule role kind dependency measure applies_to",
}
_PROTECTED = {
    "Dependencies": "dependency kind protect",
    "Shocks": "shock takes_down protect",
    "Committees": "max_faulty",
    "Models": "min_copies_left",
    "Node types": "disk_tb",
    "Verification": "quorum",
}


class Check(NamedTuple):
    """A check with the columns that it relies on, by sheet.

    What is only about `serving` demand is an error where all must be served, else a warning: there
    are plans that leave some of it unserved.
    """

    run: Callable[[Bounds, Book], Iterator[Finding]]
    relies_on: tuple[Mapping[str, str], ...]
    serving: bool = False


def check_network(
    network: Network, book: Book, damaged: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    """Yield what no plan can achieve.

    A check is left out where a column that it relies on is `damaged` (sheet, attribute; `*` for
    any): what it would say of the numbers that are left might be wrong.
    """
    bounds = Bounds(network)
    for check in CHECKS:
        relies_on: dict[str, set[str]] = defaultdict(lambda: {"*"})
        for part in check.relies_on:
            for sheet, attributes in part.items():
                relies_on[sheet] |= set(attributes.split())
        if not any(attribute in relies_on.get(sheet, ()) for sheet, attribute in damaged):
            is_hard = not check.serving or network.settings.require_served
            for finding in check.run(bounds, book):
                yield finding if is_hard else replace(finding, level="warning")


def _unused_dependencies(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield Dependencies rows that nothing hangs on: most often a misspelt name."""
    found = bounds.network.graph.dependencies
    for row in bounds.network.dependencies.values():
        known = [item.name for item in found if item.kind == row.kind]
        if row.dependency == "*" and not known:
            yield book.finding(
                row, "kind", f"nothing hangs on any {row.kind}", "check the kind", "warning"
            )
        elif row.dependency != "*" and row.dependency not in known:
            yield book.finding(
                row,
                "dependency",
                f"nothing hangs on {row.kind} {row.dependency!r}",
                did_you_mean(row.dependency, known, "name it in Sites, Routes or Exposure"),
                "warning",
            )


def _required_sites(bounds: Bounds, book: Book) -> Iterator[Finding]:
    usable = {key.site for keys in bounds.offers.values() for key in keys}
    for site in bounds.network.sites.values():
        provider = bounds.network.providers.get(site.provider)
        is_forbidden = provider is not None and provider.status == "forbidden"
        if site.status == "required" and site.site not in usable and not is_forbidden:
            words = "max_nodes 0" if site.max_nodes == 0 else "no nodes in Capacities"
            if provider is not None and provider.max_nodes == 0:
                words = f"a provider with max_nodes 0 ({book.place(provider, 'max_nodes')})"
            yield book.finding(
                site,
                "status",
                f"site {site.site!r} is required but has {words}",
                "add a row with max_nodes above 0 to Capacities, or change the status",
            )


def _locks(bounds: Bounds, book: Book) -> Iterator[Finding]:
    network = bounds.network
    for lock in network.locks:
        if not lock.minimum:
            continue
        offered = sorted(key for keys in bounds.offers.values() for key in keys)
        most = _lockable(bounds, lock, [key for key in offered if _matches(network, lock, key)])
        if lock.minimum > most:
            what = "seats" if lock.committee else "replicas" if lock.model else "nodes"
            yield book.finding(
                lock,
                "minimum",
                f"min {lock.minimum} {what} are locked in, but at most {most:g}"
                " are possible there (Capacities.max_nodes)",
                "lower min or offer more",
            )


def _matches(network: Network, lock: Lock, key: OfferKey) -> bool:
    return (
        lock.site in ("", key.site)
        and lock.node_type in ("", key.node_type)
        and lock.provider in ("", network.sites[key.site].provider)
    )


def _lockable(bounds: Bounds, lock: Lock, keys: list[OfferKey]) -> float:
    network = bounds.network
    if lock.committee:
        committee = network.committees.get(lock.committee)
        if committee is None:
            return float("inf")
        seatable = set(bounds.seatable(committee)) & set(keys)
        sites = bounds.seats_by_site(committee)
        room = sum(sites[site] for site in {key.site for key in seatable})
        return min(room, committee.seats, bounds.most(dict.fromkeys(sorted(seatable), 1.0)))
    if not lock.model:
        return bounds.most(dict.fromkeys(keys, 1.0))
    model = network.models.get(lock.model)
    if model is None:
        return float("inf")
    replicas = {key: float(bounds.replicas(model, key)) for key in keys}
    stored = {key.site for key in keys if network.role(key) == "storage"} & set(
        bounds.storable(model)
    )
    return bounds.most(replicas) + len(stored)


def _budgets(bounds: Bounds, book: Book) -> Iterator[Finding]:
    network, settings = bounds.network, bounds.network.settings
    required = [site for site in network.sites.values() if site.status == "required"]
    contracts = {site.provider for site in required} | {
        name for name, provider in network.providers.items() if provider.status == "required"
    }
    monthly = sum(site.monthly_cost for site in required)
    monthly += sum(
        network.providers[name].monthly_cost
        for name in sorted(contracts)
        if name in network.providers
    )
    names = {site.site for site in required}
    for name in sorted(names):
        there = [offer for key, offer in network.offers.items() if key.site == name]
        costs = [offer.node_cost for offer in there if offer.max_nodes]
        if costs and not any(offer.min_nodes for offer in there):
            monthly += min(costs)
    once = sum(site.opening_cost for site in required)
    for key, offer in network.offers.items():
        if key.site in names:
            monthly += offer.min_nodes * offer.node_cost
            once += max(0, offer.min_nodes - offer.existing_nodes) * offer.one_off_cost
    for setting, least in (("budget_monthly", monthly), ("budget_one_off", once)):
        budget = getattr(settings, setting)
        if budget is not None and least > budget * (1 + 1e-9):
            yield book.on_setting(
                setting,
                f"{setting} {budget:,.2f} {settings.currency} is below {least:,.2f}, what"
                " required sites, their contracts and a node or min_nodes at each cost",
                "raise the budget or require less",
            )


CHECKS = (
    Check(_unused_dependencies, ({"Sites": "site provider"}, _LINKS, {"Routes": "via"})),
    Check(demand_checks.models_fit, (_SUPPLY,), serving=True),
    Check(demand_checks.somewhere_to_run, (_SUPPLY, _DEMAND), serving=True),
    Check(demand_checks.near_enough, (_SUPPLY, _DEMAND, _PATHS), serving=True),
    Check(demand_checks.never_served, (_SUPPLY, _DEMAND, _PATHS)),
    Check(demand_checks.enough_capacity, (_SUPPLY, _DEMAND, _PATHS), serving=True),
    Check(_required_sites, (_SUPPLY,)),
    Check(guarantee_checks.seats, (_SUPPLY, _SEATS)),
    Check(guarantee_checks.reach, (_SUPPLY, _SEATS, _PATHS)),
    Check(guarantee_checks.copies, (_SUPPLY,)),
    Check(guarantee_checks.verifiers, (_SUPPLY, _DEMAND, _PATHS, _LINKS), serving=True),
    Check(guarantee_checks.verification_capacity, (_SUPPLY, _DEMAND), serving=True),
    Check(protection_checks.unprotected, (_SUPPLY, _SEATS, _LINKS, _PROTECTED)),
    Check(protection_checks.unavoidable, (_SUPPLY, _SEATS, _LINKS, _PROTECTED)),
    Check(protection_checks.seats, (_SUPPLY, _SEATS, _LINKS, _PROTECTED)),
    Check(protection_checks.copies, (_SUPPLY, _LINKS, _PROTECTED)),
    Check(
        protection_checks.verifiers, (_SUPPLY, _DEMAND, _PATHS, _LINKS, _PROTECTED), serving=True
    ),
    Check(_locks, (_SUPPLY, _SEATS, {"Locks": "site node_type model committee provider"})),
    Check(spread.distinct, (_SUPPLY, _SEATS, _LINKS)),
    Check(spread.shares, (_SUPPLY, _SEATS, _LINKS)),
    Check(
        _budgets,
        (
            _SUPPLY,
            {
                "Sites": "monthly_cost opening_cost provider",
                "Providers": "monthly_cost",
                "Capacities": "min_nodes existing_nodes monthly_cost hourly_cost one_off_cost",
                "Settings": "budget_monthly budget_one_off",
            },
        ),
    ),
)
"""Every check, in the order of the questions that a planner asks."""
