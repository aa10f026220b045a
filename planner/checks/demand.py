"""Demand that no plan can serve: nowhere to run, nowhere allowed, nowhere near, or too much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from models.data import Demand, Model, OfferKey, Region, Site
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.names import did_you_mean

UNSERVABLE = "the demand can never be served"


def rows_served(bounds: Bounds) -> list[Demand]:
    """Return the demand rows that ask for something, one per row of the sheet."""
    rows: dict[int, Demand] = {}
    for demand in bounds.network.demand:
        if demand.requests_per_s > 0:
            rows.setdefault(demand.row, demand)
    return list(rows.values())


def models_fit(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield models that no node on offer can run, with both sizes."""
    network = bounds.network
    for model in network.models.values():
        if model.proxied or not model.gpu_memory_gb:
            continue
        offered = sorted({key.node_type for key in bounds.offers.get("execution", ())})
        types = [
            network.node_types[name]
            for name in offered
            if not model.node_types or name in model.node_types
        ]
        largest = max(types, key=lambda kind: kind.gpu_memory_gb or 0.0, default=None)
        room = largest.gpu_memory_gb or 0.0 if largest is not None else 0.0
        if room >= model.gpu_memory_gb:
            continue
        if largest is None:
            words = "but none of its node_types is on offer anywhere"
        else:
            place = book.place(largest, "gpu_memory_gb")
            words = (
                f"but the largest node it may run on, {largest.node_type!r}, has {room:g} GB"
                f" ({place})"
            )
        yield book.finding(
            model,
            "gpu_memory_gb",
            f"model {model.model!r} needs {model.gpu_memory_gb:g} GB, {words}",
            "offer a larger node type, or correct one of the numbers",
        )


def somewhere_to_run(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield demand rows that residency, TEE or missing nodes leave without any offer."""
    network = bounds.network
    for demand in rows_served(bounds):
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
    known = {
        name
        for site in book.rows(Site)
        for any_of in getattr(site, column) or ()
        for name in any_of
    }
    way_out = f"offer a site there, or widen {attribute}"
    if wanted and not known & set(wanted):
        way_out = did_you_mean(wanted[0], sorted(known), way_out)
    return book.finding(
        demand,
        attribute,
        f"no site that can run it lies in {demand.residency}, so {UNSERVABLE}",
        way_out,
    )


def near_enough(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield latency limits that nothing meets, and places whose latency is unknown."""
    lost: set[str] = set()
    regions: set[str] = set()
    sites: dict[str, None] = {}
    for demand in rows_served(bounds):
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


def never_served(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield the sum of what no offer may serve, beside the findings that say why."""
    rows = rows_served(bounds)
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
        f"region {demand.region!r} has no coordinates: {count} sites without a"
        " route are not used where it has a latency limit",
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


def enough_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield demand above the most that all reachable capacity together can serve."""
    network = bounds.network
    reachable = {row.row: bounds.servable(row) for row in rows_served(bounds)}
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
    yield from _upstream_capacity(bounds, book)


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
                f" {_nodes(bounds, keys):g} nodes that may serve it (Capacities.max_nodes) can do"
                f" {most:g} at most at the planned utilisation of"
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


def _upstream_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    network = bounds.network
    limits: dict[str, Model] = {}
    for model in network.models.values():
        for any_of in model.upstream or ():
            if len(any_of) == 1 and model.max_requests_per_s is not None:
                limits.setdefault(any_of[0], model)
    for name, model in limits.items():
        users = {
            other.model for other in network.models.values() if (name,) in (other.upstream or ())
        }
        for period in network.periods:
            asked = sum(
                row.requests_per_s
                for row in network.demand
                if row.period == period and row.model in users
            )
            limit = model.max_requests_per_s or 0.0
            if asked > limit * (1 + 1e-9):
                when = f" in period {period!r}" if period else ""
                yield book.finding(
                    model,
                    "max_requests_per_s",
                    f"upstream {name!r} accepts {limit:g} requests/s,"
                    f" but demand for its models{when} is {asked:g}",
                    "raise the limit, add another upstream, or lower the demand",
                )
                break
