"""Guarantees that no plan can give: seats, copies and verifiers that have nowhere to stand."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Committee, Demand, OfferKey, Policy, Site
from models.network import Network, is_unknown
from planner.checks import demand as demand_checks
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding


def seats(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield committees with more seats than nodes may hold."""
    every: set[OfferKey] = set()
    total, is_short = 0, False
    for committee in bounds.network.committees.values():
        seatable = bounds.seatable(committee)
        most = bounds.most_seats(committee, seatable)
        every |= set(seatable)
        total += committee.seats
        if committee.seats > most:
            is_short = True
            yield book.finding(
                committee,
                "seats",
                f"committee {committee.committee!r} has {committee.seats} seats"
                f" but only {most:g} nodes may hold them{_why(committee)}",
                "offer more coordination nodes (Capacities.max_nodes), or ease its limits",
            )
    most = bounds.most(dict.fromkeys(sorted(every), 1.0))
    if not is_short and total > most:
        first = next(iter(bounds.network.committees.values()))
        yield book.finding(
            first,
            "seats",
            f"all committees together have {total} seats but only {most:g} nodes"
            " may hold them, one each",
            "offer more coordination nodes (Capacities.max_nodes)",
        )


def _why(committee: Committee) -> str:
    limits = [
        f"max_seats_per_site {committee.max_seats_per_site}"
        if committee.max_seats_per_site is not None
        else "",
        "node_types " + "; ".join(committee.node_types) if committee.node_types else "",
        f"tee {committee.tee}" if committee.tee else "",
        "countries " + "; ".join(committee.countries) if committee.countries else "",
        "blocs " + "; ".join(committee.blocs) if committee.blocs else "",
    ]
    words = ", ".join(limit for limit in limits if limit)
    return f" ({words})" if words else ""


def reach(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield committees whose quorum cannot lie within reach, and sites of unknown reach."""
    unplaced: dict[str, Site] = {}
    for committee in bounds.network.committees.values():
        if committee.reach_ms is None or not committee.seats:
            continue
        sites = bounds.seats_by_site(committee)
        within = {
            site: sum(sites[other] for other in bounds.within(site, sites, committee.reach_ms))
            for site in sites
        }
        best = max(within.values(), default=0)
        if sites and best < committee.quorum_seats:
            yield book.finding(
                committee,
                "reach_ms",
                f"committee {committee.committee!r} needs"
                f" {committee.quorum_seats} seats within reach_ms {committee.reach_ms:g} of each"
                f" seat, but the best site has room for {best:g} within reach",
                "raise reach_ms, offer nodes nearer to each other, or add routes and coordinates",
            )
        for name in sites:
            site = bounds.network.sites[name]
            is_placed = site.latitude is not None and site.longitude is not None
            if is_placed or name in unplaced or len(sites) == 1:
                continue
            if bounds.within(name, sites, float("inf")) == [name]:
                unplaced[name] = site
    for site in unplaced.values():
        yield book.finding(
            site,
            "latitude",
            f"site {site.site!r} has no coordinates and no routes, so its seats"
            " count as out of reach of all others",
            "add its latitude and longitude, or Routes",
            "warning",
        )


def copies(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield models with more copies than sites can store."""
    for model in bounds.network.models.values():
        sites = bounds.storable(model)
        if model.copies > len(sites):
            yield book.finding(
                model,
                "copies",
                f"model {model.model!r} wants {model.copies} copies of"
                f" {model.weights_gb or 0:g} GB, one per site, but only {len(sites)} sites can"
                " store one",
                "offer storage nodes at more sites (disk_tb large enough), or want fewer copies",
            )


def asked_for(bounds: Bounds) -> Iterator[tuple[Policy, Demand]]:
    """Yield every policy with verifiers, once per residency, and a row that asks for it."""
    seen: set[tuple[str, str]] = set()
    for demand in demand_checks.rows_served(bounds):
        policy = bounds.network.policies.get(demand.verification)
        scope = (demand.verification, demand.residency)
        if policy is not None and policy.verifiers and scope not in seen:
            seen.add(scope)
            yield policy, demand


def verifiers(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield policies with more verifiers than any executing node has."""
    network = bounds.network
    for policy, demand in asked_for(bounds):
        best: int | None = None
        for keys in verifying(bounds, policy, demand):
            best = max(best or 0, len({key.site for key in keys}))
            if best >= policy.verifiers:
                break
        if best is not None and best < policy.verifiers:
            where = f" within {demand.residency}" if demand.residency else ""
            limits = (
                " that share none of " + ", ".join(policy.independent_of) + " with it"
                if policy.independent_of
                else ""
            )
            within = f" within {policy.max_latency_ms:g} ms" if policy.max_latency_ms else ""
            yield book.finding(
                policy,
                "verifiers",
                f"policy {policy.policy!r} needs {policy.verifiers} verifiers"
                f" at different sites, but no executing node has more than {best} sites{where}"
                f"{within}{limits} (asked for in {book.place(demand, 'verification')})",
                _unknown_kinds(network, policy, _verifying_there(bounds, demand))
                or "offer verification nodes at more sites, or lower verifiers",
            )


def _unknown_kinds(network: Network, policy: Policy, keys: list[OfferKey]) -> str:
    """Return the advice to fill in empty cells that count as one shared dependency."""
    empty = {
        item.kind
        for key in keys
        for item in network.hangs_on(key)
        if item.kind in policy.independent_of and is_unknown(item)
    }
    if not empty or network.settings.unknown != "shared":
        return ""
    return (
        f"fill in {', '.join(sorted(empty))} in Sites: empty cells count as one shared dependency"
    )


def verifying(bounds: Bounds, policy: Policy, demand: Demand) -> Iterator[list[OfferKey]]:
    """Yield, per offer that may execute the row, the offers that may verify what it does."""
    network, kinds = bounds.network, set(policy.independent_of)
    shared = {
        key: frozenset(item for item in network.hangs_on(key) if item.kind in kinds)
        for key in _verifying_there(bounds, demand)
    }
    for executor in bounds.allowed(demand):
        mine = frozenset(item for item in network.hangs_on(executor) if item.kind in kinds)
        keys = [key for key, items in shared.items() if items.isdisjoint(mine)]
        sites = sorted({key.site for key in keys})
        near = set(bounds.within(executor.site, sites, policy.max_latency_ms))
        yield [key for key in keys if key.site in near]


def _verifying_there(bounds: Bounds, demand: Demand) -> list[OfferKey]:
    """Return the offers that verify within the residency of the row."""
    network = bounds.network
    return [
        key
        for key in bounds.offers.get("verification", ())
        if network.node_types[key.node_type].verifications_per_s
        and network.sites[key.site].lies_in(demand.countries, demand.blocs)
    ]


def verification_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield verification work above what all verifying nodes can do."""
    network = bounds.network
    rates = {
        key: network.settings.utilisation
        * (network.node_types[key.node_type].verifications_per_s or 0.0)
        for key in bounds.offers.get("verification", ())
    }
    most = bounds.most(rates)
    for period in network.periods:
        work = 0.0
        largest: tuple[float, Policy] | None = None
        for demand in network.demand:
            policy = network.policies.get(demand.verification)
            if policy is not None and demand.period == period:
                part = demand.requests_per_s * policy.verifiers * policy.work
                work += part
                if largest is None or part > largest[0]:
                    largest = part, policy
        if largest is not None and rates and work > most * (1 + 1e-9):
            when = f" in period {period!r}" if period else ""
            yield book.finding(
                largest[1],
                "verifiers",
                f"demand{when} needs {work:g} verifications/s, but all"
                f" verifying nodes together can do {most:g} at most",
                "raise max_nodes of verification nodes, or lower verifiers or work",
            )
            return
