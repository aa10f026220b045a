"""What is offered and asked for: rows that contradict themselves or each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from models.data import (
    HOURS_PER_MONTH,
    Committee,
    Demand,
    Model,
    NodeType,
    Offer,
    Period,
    Provider,
    Row,
    Site,
)
from models.network import SITE_ATTRIBUTES
from planner.workbook.book import DEP, Book
from planner.workbook.findings import Finding
from planner.workbook.names import fold_header


def contradictions(book: Book) -> Iterator[Finding]:
    """Yield every row that cannot hold as it stands."""
    for check in (
        _settings,
        _sites,
        _providers,
        _offers,
        _periods,
        _demand,
        _places,
        _node_types,
        _models,
        _upstreams,
        _throughputs,
    ):
        yield from check(book)


def _settings(book: Book) -> Iterator[Finding]:
    for name in ("utilisation", "fetch_gb_per_s"):
        if getattr(book.settings, name) == 0:
            yield book.on_setting(name, f"{name} is 0", "write a number above 0")


def _sites(book: Book) -> Iterator[Finding]:
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
    providers = {row.provider: row for row in book.rows(Provider)}
    moved: dict[str, int] = defaultdict(int)
    for offer in book.rows(Offer):
        moved[offer.site] += offer.existing_nodes
    for site in book.rows(Site):
        provider = providers.get(site.provider)
        if provider is not None and provider.status == "forbidden" and site.status == "required":
            yield book.finding(
                site,
                "status",
                f"site {site.site!r} is required but its provider"
                f" {site.provider!r} is forbidden in {book.place(provider, 'status')}",
                "change one of the two",
            )
        if site.status == "candidate" and moved[site.site] and site.opening_cost:
            yield book.finding(
                site,
                "status",
                f"site {site.site!r} has {moved[site.site]} existing nodes but is"
                f" a candidate, so opening it costs {site.opening_cost:g} once",
                "write existing if it is open today",
                "warning",
            )
        if (site.latitude is None) != (site.longitude is None):
            blank = "latitude" if site.latitude is None else "longitude"
            yield book.finding(
                site,
                blank,
                f"{blank} is empty, so the place is unknown",
                "fill in both coordinates or neither",
                "warning",
            )


def _providers(book: Book) -> Iterator[Finding]:
    minimum: dict[str, int] = defaultdict(int)
    required = {site.site: site.provider for site in book.rows(Site) if site.status == "required"}
    for offer in book.rows(Offer):
        if offer.site in required:
            minimum[required[offer.site]] += offer.min_nodes
    for provider in book.rows(Provider):
        needed = minimum[provider.provider]
        if provider.max_nodes is not None and needed > provider.max_nodes:
            yield book.finding(
                provider,
                "max_nodes",
                f"max_nodes {provider.max_nodes} is below the {needed}"
                " nodes that its required sites must have",
                "raise max_nodes or lower min_nodes",
            )


def _offers(book: Book) -> Iterator[Finding]:
    sites = {site.site: site for site in book.rows(Site)}
    least: dict[str, int] = defaultdict(int)
    for offer in book.rows(Offer):
        least[offer.site] += offer.min_nodes
        if offer.min_nodes > offer.max_nodes:
            yield book.finding(
                offer,
                "min_nodes",
                f"min_nodes {offer.min_nodes} is above max_nodes"
                f" {offer.max_nodes} in {book.place(offer, 'max_nodes')}",
                "swap or correct them",
            )
        if offer.existing_nodes > offer.max_nodes:
            yield book.finding(
                offer,
                "existing_nodes",
                f"existing_nodes {offer.existing_nodes} is above"
                f" max_nodes {offer.max_nodes}: the plan must close some",
                "raise max_nodes if they may stay",
                "warning",
            )
        if offer.monthly_cost is not None and offer.hourly_cost is not None:
            yield book.finding(
                offer,
                "hourly_cost",
                f"both monthly_cost {offer.monthly_cost:g} and hourly_cost"
                f" {offer.hourly_cost:g} are given",
                "clear one of the two",
            )
    for name, nodes in least.items():
        site = sites.get(name)
        if site is not None and site.max_nodes is not None and nodes > site.max_nodes:
            yield book.finding(
                site,
                "max_nodes",
                f"max_nodes {site.max_nodes} is below the {nodes} nodes that"
                " Capacities.min_nodes ask for: the site can never open",
                "raise max_nodes or lower min_nodes",
            )


def _periods(book: Book) -> Iterator[Finding]:
    rows = book.rows(Period)
    given = [row.hours_per_month for row in rows if row.hours_per_month is not None]
    if not rows:
        return
    total, blank = sum(given), len(rows) - len(given)
    last = next((row for row in reversed(rows) if row.hours_per_month is not None), rows[-1])
    if blank and total >= HOURS_PER_MONTH:
        yield book.finding(
            last,
            "hours_per_month",
            f"the hours add up to {total:g}, which leaves nothing of"
            f" {HOURS_PER_MONTH:g} for the {blank} periods without hours",
            "lower the hours, or fill in all of them",
        )
    elif not blank and total == 0:
        yield book.finding(
            last,
            "hours_per_month",
            "the hours of all periods add up to 0",
            f"write hours that add up to {HOURS_PER_MONTH:g}",
        )
    elif not blank and abs(total - HOURS_PER_MONTH) > 1:
        yield book.finding(
            last,
            "hours_per_month",
            f"the hours add up to {total:g}, a month has {HOURS_PER_MONTH:g}",
            "they are used as parts of a month",
            "warning",
        )


def _demand(book: Book) -> Iterator[Finding]:
    has_models = bool(book.rows(Model))
    periods = [row.period for row in book.rows(Period)]
    seen: dict[tuple[str, ...], Demand] = {}
    for row in book.rows(Demand):
        if has_models and not row.model:
            yield book.finding(
                row,
                "model",
                "model is empty but the workbook has Models",
                "name the model that is called",
            )
        failover, limit = row.failover_latency_ms, row.max_latency_ms
        if failover is not None and limit is not None and failover < limit:
            yield book.finding(
                row,
                "failover_latency_ms",
                f"failover_latency_ms {failover:g} is below max_latency_ms {limit:g}",
                "allow at least as much after a failure as before",
            )
        for period in (row.period,) if row.period or not periods else periods:
            key = (row.region, row.model, row.verification, row.service_class, period)
            earlier = seen.setdefault(key, row)
            if earlier is not row and bool(earlier.period) != bool(row.period):
                yield book.finding(
                    row,
                    "period",
                    f"the period {period!r} is also covered by"
                    f" {book.place(earlier, 'period')} (a blank period means every period)",
                    "name the periods of both rows",
                )
                break


def _places(book: Book) -> Iterator[Finding]:
    rows: list[tuple[Row, tuple[str, ...], str]] = []
    for row_class in (Demand, Committee):
        for row in book.rows(row_class):
            rows += [(row, getattr(row, name), name) for name in ("countries", "blocs")]
    for row, names, attribute in rows:
        for name in names:
            if "," in name or "|" in name:
                parts = "; ".join(part.strip() for part in name.replace("|", ",").split(","))
                yield book.finding(
                    row,
                    attribute,
                    f"{attribute} {name!r} is read as one name",
                    f"separate names by semicolons: {parts}",
                    "warning",
                )


def _node_types(book: Book) -> Iterator[Finding]:
    for row in book.rows(NodeType):
        if row.speed == 0:
            yield book.finding(row, "speed", "speed is 0", "write a number above 0")
        if row.load_gb_per_s == 0:
            yield book.finding(
                row,
                "load_gb_per_s",
                "load_gb_per_s is 0",
                "write a number above 0, or leave it blank for no cold loads",
            )
        stored = any(model.copies and model.weights_gb for model in book.rows(Model))
        if row.role == "storage" and not row.disk_tb and stored:
            yield book.finding(
                row,
                "disk_tb",
                f"node type {row.node_type!r} stores but has no disk_tb",
                "fill in the disk of one node",
            )
        if row.role == "verification" and not row.verifications_per_s:
            yield book.finding(
                row,
                "verifications_per_s",
                f"node type {row.node_type!r} verifies but has no verifications_per_s",
                "fill in how many one node can do per second",
            )


def _models(book: Book) -> Iterator[Finding]:
    for row in book.rows(Model):
        if row.proxied and row.gpu_memory_gb:
            yield book.finding(
                row,
                "gpu_memory_gb",
                f"model {row.model!r} runs at an upstream"
                f" ({book.place(row, 'upstream')}) but has gpu_memory_gb {row.gpu_memory_gb:g}",
                "clear gpu_memory_gb, or clear upstream if it runs on your nodes",
            )
        if not row.proxied:
            yield from _local_model(book, row)
        if row.copies and row.min_copies_left > row.copies:
            yield book.finding(
                row,
                "min_copies_left",
                f"min_copies_left {row.min_copies_left} is above copies {row.copies}",
                "raise copies or lower min_copies_left",
            )
        if row.copies and row.proxied:
            yield book.finding(
                row,
                "copies",
                f"model {row.model!r} runs at an upstream but wants"
                f" {row.copies} copies of its weights",
                "clear copies or upstream",
            )


def _local_model(book: Book, row: Model) -> Iterator[Finding]:
    for attribute in ("gpu_memory_gb", "requests_per_s"):
        if not getattr(row, attribute):
            yield book.finding(
                row,
                attribute,
                f"model {row.model!r} has no {attribute}",
                f"fill in {attribute} of one replica, or name the upstream that runs it",
            )
    if row.max_requests_per_s is not None:
        yield book.finding(
            row,
            "max_requests_per_s",
            f"model {row.model!r} has max_requests_per_s but no upstream, so it has no effect",
            "name the upstream or clear it",
            "warning",
        )


def _upstreams(book: Book) -> Iterator[Finding]:
    first: dict[str, Model] = {}
    for row in book.rows(Model):
        for name in dict.fromkeys(name for any_of in row.upstream or () for name in any_of):
            if row.max_requests_per_s is None:
                continue
            earlier = first.setdefault(name, row)
            if earlier.max_requests_per_s != row.max_requests_per_s:
                yield book.finding(
                    row,
                    "max_requests_per_s",
                    f"upstream {name!r} accepts"
                    f" {row.max_requests_per_s:g} requests/s here but"
                    f" {earlier.max_requests_per_s:g} in"
                    f" {book.place(earlier, 'max_requests_per_s')}",
                    "write the same number, which all models of the upstream share",
                )


def _throughputs(book: Book) -> Iterator[Finding]:
    """Yield where requests_per_s of a node is missing or has no effect."""
    roles = {row.node_type: row.role for row in book.rows(NodeType)}
    models = book.rows(Model)
    executing = [
        row for row in book.rows(Offer) if roles.get(row.node_type, "execution") == "execution"
    ]
    if not any(row.requests_per_s for row in book.rows(Demand)):
        return
    if not models and executing and not any(offer.requests_per_s for offer in executing):
        yield book.on_sheet(
            Offer,
            "no node type has requests_per_s, so nothing can be served",
            "add the column requests_per_s (of one node), or a sheet Models",
        )
    elif not models:
        for offer in executing:
            if not offer.requests_per_s and offer.max_nodes:
                yield book.finding(
                    offer,
                    "requests_per_s",
                    f"{offer.key} has no requests_per_s, so its nodes can serve nothing",
                    "fill in what one node serves, or add a sheet Models",
                )
    elif not any(model.proxied for model in models):
        for offer in executing:
            if offer.requests_per_s is not None:
                yield book.finding(
                    offer,
                    "requests_per_s",
                    "both Capacities.requests_per_s and"
                    " Models.requests_per_s are given: Models wins",
                    "clear the column in Capacities",
                    "warning",
                )
                break
