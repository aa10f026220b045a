"""Demand: rows that contradict each other, and what no plan can serve of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from models.data import (
    HOURS_PER_MONTH,
    Committee,
    Demand,
    Model,
    OfferKey,
    Period,
    Region,
    Site,
    names_in,
)
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book, is_read
from planner.workbook.findings import Finding, counted
from planner.workbook.names import did_you_mean, listed

UNSERVABLE = "the demand can never be served"


def _model(row: Demand, book: Book) -> Iterator[Complaint]:
    if not row.model and book.rows(Model):
        yield Complaint(
            "model", "model is empty but the workbook has Models", "name the model that is called"
        )


def _failover(row: Demand, _: Book) -> Iterator[Complaint]:
    failover, limit = row.failover_latency_ms, row.max_latency_ms
    if failover is not None and limit is not None and failover < limit:
        yield Complaint(
            "failover_latency_ms",
            f"failover_latency_ms {failover:g} is below max_latency_ms {limit:g}",
            "allow at least as much after a failure as before",
        )


def _places(row: Demand | Committee, _: Book) -> Iterator[Complaint]:
    for attribute in ("countries", "blocs"):
        for name in getattr(row, attribute):
            if "," in name or "|" in name:
                parts = "; ".join(part.strip() for part in name.replace("|", ",").split(","))
                yield Complaint(
                    attribute,
                    f"{attribute} {name!r} is read as one name",
                    f"separate names by semicolons: {parts}",
                    "warning",
                )


def _covered(book: Book) -> Iterator[Finding]:
    """Yield rows of a period that a row for every period covers already, or the reverse."""
    periods = [row.period for row in book.rows(Period)]
    seen: dict[tuple[str, ...], Demand] = {}
    keys = ("region", "model", "verification", "service_class")
    for row in book.rows(Demand):
        if not is_read(row, *keys, "period"):
            continue
        for period in (row.period,) if row.period or not periods else periods:
            key = (*(getattr(row, name) for name in keys), period)
            earlier = seen.setdefault(key, row)
            if earlier is not row and bool(earlier.period) != bool(row.period):
                yield book.finding(
                    row,
                    "period",
                    f"the period {period!r} is also covered by {book.place(earlier, 'period')}"
                    " (a blank period means every period)",
                    "name the periods of both rows",
                )
                break


def _hours(book: Book) -> Iterator[Finding]:
    rows = book.rows(Period)
    given = [row for row in rows if row.hours_per_month is not None]
    total, blank = sum(row.hours_per_month or 0.0 for row in given), len(rows) - len(given)
    last = given[-1] if given else None
    if last is not None and blank and total >= HOURS_PER_MONTH:
        yield book.finding(
            last,
            "hours_per_month",
            f"the hours add up to {total:g}, which leaves nothing of {HOURS_PER_MONTH:g} for the"
            f" {counted(blank, 'period')} without hours",
            "lower the hours, or fill in all of them",
        )
    elif last is not None and not blank and total == 0:
        yield book.finding(
            last,
            "hours_per_month",
            "the hours of all periods add up to 0",
            f"write hours that add up to {HOURS_PER_MONTH:g}",
        )
    elif last is not None and not blank and abs(total - HOURS_PER_MONTH) > 1:
        yield book.finding(
            last,
            "hours_per_month",
            f"the hours add up to {total:g}, a month has {HOURS_PER_MONTH:g}",
            "they are used as parts of a month",
            "warning",
        )


def _somewhere_to_run(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield demand rows that residency, TEE or missing nodes leave without any offer."""
    network = bounds.network
    for demand in bounds.asked:
        hosts = bounds.hosts(demand)
        if not bounds.offers.get("execution"):
            yield book.finding(
                demand,
                "requests_per_s",
                f"no node for execution is on offer, so {UNSERVABLE}",
                "offer an execution node type in Capacities (max_nodes above 0, site not"
                " forbidden)",
            )
            return
        if not hosts:
            model = network.models.get(demand.model)
            if model is not None and model.proxied:
                yield book.finding(
                    demand,
                    "model",
                    f"model {demand.model!r} runs at an upstream, but no offer"
                    " that may call it has requests_per_s",
                    "fill in Capacities.requests_per_s for the nodes that call it",
                )
            continue
        near = [
            key for key in hosts if network.sites[key.site].lies_in(demand.countries, demand.blocs)
        ]
        if not near:
            yield _no_residency(book, demand)
        elif not bounds.allowed(demand):
            policy = network.policies[demand.verification]
            yield book.finding(
                demand,
                "verification",
                f"policy {policy.policy!r} asks for tee {policy.tee!r}"
                f" ({book.place(policy, 'tee')}), which no allowed node has, so {UNSERVABLE}",
                "offer nodes with that TEE, or choose another policy",
            )


def _no_residency(book: Book, demand: Demand) -> Finding:
    attribute = "countries" if demand.countries else "blocs"
    column = "country" if demand.countries else "bloc"
    wanted = demand.countries or demand.blocs
    known = {name for site in book.rows(Site) for name in names_in(getattr(site, column))}
    way_out = f"offer a site there, or widen {attribute}"
    if known and not known & set(wanted):
        way_out = did_you_mean(wanted[0], sorted(known), f"sites know {listed(sorted(known))}")
    return book.finding(
        demand,
        attribute,
        f"no site that can run it lies in {demand.residency}, so {UNSERVABLE}",
        way_out,
    )


def _near_enough(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield latency limits that nothing meets, and places whose latency is unknown."""
    lost: set[str] = set()
    regions: set[str] = set()
    sites: dict[str, None] = {}
    for demand in bounds.asked:
        if demand.max_latency_ms is None:
            continue
        places = sorted({key.site for key in bounds.allowed(demand)})
        latencies = {site: bounds.latency_ms(demand, site) for site in places}
        unknown = [site for site in places if latencies[site] is None]
        known = {site: value for site, value in latencies.items() if value is not None}
        if unknown and not known:
            if demand.region not in lost:
                lost.add(demand.region)
                yield _all_unknown(bounds, book, demand, unknown)
            continue
        if known and not any(bounds.is_fast_enough(demand, site) for site in known):
            best = min(known, key=lambda site: (known[site], site))
            yield book.finding(
                demand,
                "max_latency_ms",
                f"max_latency_ms {demand.max_latency_ms:g} is out of"
                f" reach: the fastest site, {best!r}, answers in {known[best]:,.1f} ms at best",
                "raise the limit or offer a nearer site",
            )
        region = bounds.network.regions.get(demand.region)
        for site in unknown:
            # One sided: whose coordinates are missing decides where to mend it.
            if region is not None and (region.latitude is None or region.longitude is None):
                if demand.region not in regions:
                    regions.add(demand.region)
                    yield _no_coordinates(book, demand, len(unknown))
            else:
                sites.setdefault(site)
    for name in sites:
        yield _unknown_site(bounds, book, bounds.network.sites[name])


def _never_served(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield the sum of what no offer may serve, beside the findings that say why."""
    rows = bounds.asked
    lost = [demand for demand in rows if not bounds.servable(demand)]
    asked = sum(demand.requests_per_s for demand in rows)
    if lost and len(lost) < len(rows):
        missing = sum(demand.requests_per_s for demand in lost)
        yield book.finding(
            lost[0],
            "requests_per_s",
            f"{missing:g} of {asked:g} requests/s, in {len(lost)} of {len(rows)} rows, can never be"
            " served, whatever the plan",
            "mend what the other findings name, or plan without them",
            "warning",
        )


def _all_unknown(bounds: Bounds, book: Book, demand: Demand, sites: Sequence[str]) -> Finding:
    model = bounds.network.models.get(demand.model)
    if any(bounds.round_trip_ms(demand.region, site) is not None for site in sites) and model:
        return book.finding(
            demand,
            "model",
            f"no site has a route to the upstream of model {demand.model!r}, so"
            f" nothing is known to meet max_latency_ms {demand.max_latency_ms:g}",
            "add rows from the sites to the upstream in Routes",
        )
    row, attribute = _region_cell(book, demand)
    return book.finding(
        row,
        attribute,
        f"region {demand.region!r} has no route and no pair of coordinates to any"
        f" site that could serve it, but a limit of {demand.max_latency_ms:g} ms"
        f" ({book.place(demand, 'max_latency_ms')})",
        "add its latitude and longitude in Regions and those of the sites, or rows in Routes",
    )


def _no_coordinates(book: Book, demand: Demand, count: int) -> Finding:
    row, attribute = _region_cell(book, demand)
    return book.finding(
        row,
        attribute,
        f"region {demand.region!r} has no coordinates: {counted(count, 'site')} without"
        f" a route {'is' if count == 1 else 'are'} not used where it has a latency limit",
        "add its latitude and longitude in Regions, or rows in Routes",
        "warning",
    )


def _unknown_site(bounds: Bounds, book: Book, site: Site) -> Finding:
    if site.latitude is not None and site.longitude is not None:
        return book.finding(
            site,
            "site",
            f"site {site.site!r} has no route to an upstream, so it is not used for"
            " proxied models with a latency limit",
            "add a row from it in Routes",
            "warning",
        )
    return book.finding(
        site,
        "latitude",
        f"site {site.site!r} has no coordinates, so it is not used for demand"
        " with a latency limit from regions without a route to it",
        "add its latitude and longitude, or rows in Routes",
        "warning",
    )


def _region_cell(book: Book, demand: Demand) -> tuple[Region | Demand, str]:
    for row in book.rows(Region):
        if row.region == demand.region:
            return row, "region"
    first = next(row for row in book.rows(Demand) if row.region == demand.region)
    return first, "region"


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


SUBJECT = Subject(
    rows=((Demand, _model), (Demand, _failover), (Demand, _places), (Committee, _places)),
    sheets=(_covered, _hours),
    network=(_never_served,),
    serving=(_somewhere_to_run, _near_enough, _enough_capacity),
)
