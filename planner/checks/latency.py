"""Latency limits: what no place meets, and places whose latency is unknown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.data import Demand, Region, Site
from models.paths import IntArray
from models.plan import exceeds
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


def _near_enough(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield latency limits that nothing meets, and places whose latency is unknown."""
    lost: set[str] = set()
    regions: set[str] = set()
    sites: dict[str, None] = {}
    answers = bounds.answers
    for demand in bounds.asked:
        if demand.max_latency_ms is None:
            continue
        places, latencies = bounds.answering(demand)
        unknown = [answers.sites[place] for place in places[np.isnan(latencies)].tolist()]
        if unknown and len(unknown) == len(places):
            if demand.region not in lost:
                lost.add(demand.region)
                yield _all_unknown(bounds, book, demand, places)
            continue
        soonest_ms = float(np.fmin.reduce(latencies, initial=np.nan))
        fastest = bounds.fastest(demand) if exceeds(soonest_ms, demand.max_latency_ms) else None
        if fastest is not None:
            yield book.finding(
                demand,
                "max_latency_ms",
                f"max_latency_ms {demand.max_latency_ms:g} is out of reach: the fastest site,"
                f" {fastest[0]!r}, answers in {fastest[1]:,.1f} ms at best",
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


def _all_unknown(bounds: Bounds, book: Book, demand: Demand, places: IntArray) -> Finding:
    model = bounds.network.models.get(demand.model)
    round_trips = bounds.answers.round_trip_ms(demand.region, places)
    if model is not None and not np.isnan(round_trips).all():
        return book.finding(
            demand,
            "model",
            f"no site has a route to the upstream of model {demand.model!r}, so"
            f" nothing is known to meet max_latency_ms {demand.max_latency_ms:g}",
            "add rows from the sites to the upstream in Routes",
        )
    return book.finding(
        _region(book, demand),
        "region",
        f"region {demand.region!r} has no route and no pair of coordinates to any"
        f" site that could serve it, but a limit of {demand.max_latency_ms:g} ms"
        f" ({book.place(demand, 'max_latency_ms')})",
        "add its latitude and longitude in Regions and those of the sites, or rows in Routes",
    )


def _no_coordinates(book: Book, demand: Demand, count: int) -> Finding:
    return book.finding(
        _region(book, demand),
        "region",
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


def _region(book: Book, demand: Demand) -> Region | Demand:
    """Return the row that a finding about the region stands in."""
    first = next(row for row in book.rows(Demand) if row.region == demand.region)
    return book.named(Region).get(demand.region, first)


SUBJECT = Subject(serving=(_near_enough,))
