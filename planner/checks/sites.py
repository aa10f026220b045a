"""Sites, providers and what they offer: prices, limits on nodes, statuses and places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from models.data import Offer, Provider, Site
from models.network import SITE_ATTRIBUTES, is_unknown
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import DEP, Book, is_read, names_of
from planner.workbook.findings import Finding, counted
from planner.workbook.names import did_you_mean, fold_header

CODE_LETTERS = 2
"""Letters of a country's code (ISO 3166); no country's name is as short."""


def _own_columns(book: Book) -> Iterator[Finding]:
    """Yield columns `dep: KIND` of a kind that has a column already."""
    reserved = {fold_header(kind) for kind in (*SITE_ATTRIBUTES, "provider")}
    table = book.tables.get(Site)
    for attribute, letter in (table.letters if table else {}).items():
        kind = attribute.removeprefix(DEP).strip()
        if attribute.startswith(DEP) and fold_header(kind) in reserved and table:
            yield Finding(
                table.title,
                f"{letter}1",
                f"{kind!r} is a column of its own",
                f"write the header {fold_header(kind)} without {DEP}",
                attribute,
            )


def _status(site: Site, book: Book) -> Iterator[Complaint]:
    provider = book.named(Provider).get(site.provider)
    if provider is not None and site.status == "required" and provider.status == "forbidden":
        yield Complaint(
            "status",
            f"site {site.site!r} is required but its provider {site.provider!r} is forbidden in"
            f" {book.place(provider, 'status')}",
            "change one of the two",
        )


def _coordinates(place: Site, _: Book) -> Iterator[Complaint]:
    if (place.latitude is None) != (place.longitude is None):
        blank = "latitude" if place.latitude is None else "longitude"
        yield Complaint(
            blank,
            f"{blank} is empty, so the place is unknown",
            "fill in both coordinates or neither",
            "warning",
        )
    elif place.latitude == place.longitude == 0:
        yield Complaint(
            "latitude",
            "0, 0 lies in the sea south of Ghana",
            "write where the place is; clear both coordinates if that is not known",
            "warning",
        )


def _country_codes(book: Book) -> Iterator[Finding]:
    """Yield the rarer spelling where some sites give a code and others a name: `IT` and `Italy`.

    They would be two countries, and a limit on one would not see the other.
    """
    spelt: dict[bool, list[Site]] = {True: [], False: []}
    for site in book.rows(Site):
        for name in names_of(site.country):
            if is_read(site, "country") and name.casefold() not in ("none", "unknown"):
                spelt[len(name) == CODE_LETTERS].append(site)
    codes, names = spelt[True], spelt[False]
    if codes and names:
        rare = min(names, codes, key=len)
        yield book.finding(
            rare[0],
            "country",
            f"country is a code of two letters at {counted(len(codes), 'site')} and a name at"
            f" {counted(len(names), 'site')}: what is one country would be two",
            "spell all of them alike",
            "warning",
        )


def _offer(offer: Offer, book: Book) -> Iterator[Complaint]:
    if offer.min_nodes > offer.max_nodes:
        yield Complaint(
            "min_nodes",
            f"min_nodes {offer.min_nodes} is above max_nodes {offer.max_nodes} in"
            f" {book.place(offer, 'max_nodes')}",
            "swap or correct them",
        )
    if offer.existing_nodes > offer.max_nodes:
        yield Complaint(
            "existing_nodes",
            f"existing_nodes {offer.existing_nodes} is above max_nodes {offer.max_nodes}: the plan"
            " must close some",
            "raise max_nodes if they may stay",
            "warning",
        )


def _price(offer: Offer, _: Book) -> Iterator[Complaint]:
    if offer.monthly_cost is not None and offer.hourly_cost is not None:
        yield Complaint(
            "hourly_cost",
            f"both monthly_cost {offer.monthly_cost:g} and hourly_cost {offer.hourly_cost:g} are"
            " given",
            "clear one of the two",
        )


def _existing(book: Book) -> Iterator[Finding]:
    moved: dict[str, int] = defaultdict(int)
    for offer in book.rows(Offer):
        moved[offer.site] += offer.existing_nodes
    for site in book.rows(Site):
        if site.status == "candidate" and moved[site.site] and site.opening_cost:
            yield book.finding(
                site,
                "status",
                f"site {site.site!r} has {counted(moved[site.site], 'existing node')} but is a"
                f" candidate, so opening it costs {site.opening_cost:g} once",
                "write existing if it is open today",
                "warning",
            )


def _least(book: Book) -> Iterator[Finding]:
    """Yield sites and providers with room for fewer nodes than they must have."""
    least: dict[str, int] = defaultdict(int)
    for offer in book.rows(Offer):
        least[offer.site] += offer.min_nodes
    needed: dict[str, int] = defaultdict(int)
    for site in book.rows(Site):
        nodes = least[site.site]
        needed[site.provider] += nodes if site.status == "required" else 0
        if site.max_nodes is not None and nodes > site.max_nodes:
            yield book.finding(
                site,
                "max_nodes",
                f"max_nodes {site.max_nodes} is below the {counted(nodes, 'node')} that"
                " Capacities.min_nodes ask for: the site can never open",
                "raise max_nodes or lower min_nodes",
            )
    for provider in book.rows(Provider):
        nodes = needed[provider.provider]
        if provider.max_nodes is not None and nodes > provider.max_nodes:
            yield book.finding(
                provider,
                "max_nodes",
                f"max_nodes {provider.max_nodes} is below the {counted(nodes, 'node')} that its"
                " required sites must have",
                "raise max_nodes or lower min_nodes",
            )


def _required(bounds: Bounds, book: Book) -> Iterator[Finding]:
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


def _budgets(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield budgets below what the required sites cost whatever else stands."""
    network, settings = bounds.network, bounds.network.settings
    required = {site.site: site for site in network.sites.values() if site.status == "required"}
    contracts = {site.provider for site in required.values()} | {
        name for name, provider in network.providers.items() if provider.status == "required"
    }
    monthly = sum(site.monthly_cost for site in required.values())
    monthly += sum(network.providers[name].monthly_cost for name in sorted(contracts))
    once = sum(site.opening_cost for site in required.values())
    for name in required:
        there = [offer for key, offer in network.offers.items() if key.site == name]
        costs = [offer.node_cost for offer in there if offer.max_nodes]
        if costs and not any(offer.min_nodes for offer in there):
            monthly += min(costs)
        for offer in there:
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


def _unused_dependencies(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield Dependencies rows that nothing hangs on: most often a misspelt name."""
    found = bounds.network.graph.dependencies
    for row in bounds.network.dependencies.values():
        if row.protect and is_unknown(row.item):
            yield book.finding(
                row,
                "protect",
                f"the {row.kind} of these sites is not known, so that its failure cannot be"
                " protected against",
                f"fill in {row.kind} in Sites, and name here what must not matter",
                "warning",
            )
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


SUBJECT = Subject(
    rows=(
        (Site, _status),
        (Site, _coordinates),
        (Offer, _offer),
        (Offer, _price),
    ),
    sheets=(_own_columns, _country_codes, _existing, _least),
    network=(_unused_dependencies, _required, _budgets),
)
