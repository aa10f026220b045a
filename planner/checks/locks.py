"""Locks: minimum and maximum numbers that contradict each other, or what there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from models.data import Lock, OfferKey, Provider, Site
from models.network import Network
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book, is_read
from planner.workbook.findings import Finding, counted


def _numbers(row: Lock, _: Book) -> Iterator[Complaint]:
    if row.minimum is None and row.maximum is None:
        yield Complaint(
            "minimum", "the lock has neither min nor max", "fill in one or clear the row"
        )
    if row.committee and row.model:
        yield Complaint(
            "committee", "the lock names both a committee and a model", "write one row for each"
        )
    if row.minimum is not None and row.maximum is not None and row.minimum > row.maximum:
        yield Complaint(
            "minimum", f"min {row.minimum} is above max {row.maximum}", "swap or correct them"
        )


def _forbidden(row: Lock, book: Book) -> Iterator[Complaint]:
    if not row.minimum:
        return
    site = book.named(Site).get(row.site)
    if site is not None and site.status == "forbidden":
        yield Complaint(
            "minimum",
            f"min {row.minimum} at site {row.site!r}, which is forbidden in"
            f" {book.place(site, 'status')}",
            "change one of the two",
        )
    provider = book.named(Provider).get(row.provider or (site.provider if site is not None else ""))
    if provider is not None and provider.status == "forbidden":
        yield Complaint(
            "minimum",
            f"min {row.minimum} at provider {provider.provider!r}, which is forbidden in"
            f" {book.place(provider, 'status')}",
            "change one of the two",
        )
    if site is not None and row.provider and site.provider != row.provider:
        yield Complaint(
            "provider",
            f"site {row.site!r} belongs to {site.provider!r}, not to {row.provider!r}",
            "clear one of the two",
        )


def _pairs(book: Book) -> Iterator[Finding]:
    seen: dict[tuple[str, ...], list[Lock]] = defaultdict(list)
    keys = ("site", "node_type", "model", "committee", "provider")
    for row in book.rows(Lock):
        if not is_read(row, *keys, "minimum", "maximum"):
            continue
        key = tuple(getattr(row, name) for name in keys)
        for earlier in seen[key]:
            for low, high in ((row, earlier), (earlier, row)):
                if high.maximum is not None and (low.minimum or 0) > high.maximum:
                    yield book.finding(
                        row,
                        "minimum" if low is row else "maximum",
                        f"min {low.minimum} in {book.place(low, 'minimum')} is above max"
                        f" {high.maximum} in {book.place(high, 'maximum')} of the same lock",
                        "join the two rows",
                    )
        seen[key].append(row)


def _room(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield locks on more than there is room for."""
    network = bounds.network
    for lock in network.locks:
        if not lock.minimum:
            continue
        offered = sorted(key for keys in bounds.offers.values() for key in keys)
        most = _lockable(bounds, lock, [key for key in offered if _matches(network, lock, key)])
        if lock.minimum > most:
            what = "seat" if lock.committee else "replica" if lock.model else "node"
            verb = "is" if lock.minimum == 1 else "are"
            yield book.finding(
                lock,
                "minimum",
                f"min {counted(lock.minimum, what)} {verb} locked in, but at most {most:g}"
                " can be had there (Capacities.max_nodes)",
                "lower min or offer more",
            )


def _matches(network: Network, lock: Lock, key: OfferKey) -> bool:
    return (
        lock.site in ("", key.site)
        and lock.node_type in ("", key.node_type)
        and lock.provider in ("", network.sites[key.site].provider)
    )


def _lockable(bounds: Bounds, lock: Lock, keys: list[OfferKey]) -> float:
    if lock.committee:
        committee = bounds.network.committees[lock.committee]
        seatable = set(bounds.seatable(committee)) & set(keys)
        sites = bounds.seats_by_site(committee)
        room = sum(sites[site] for site in {key.site for key in seatable})
        return min(room, committee.seats, bounds.most(dict.fromkeys(sorted(seatable), 1.0)))
    if not lock.model:
        return bounds.most(dict.fromkeys(keys, 1.0))
    model = bounds.network.models[lock.model]
    replicas = {key: float(bounds.replicas(model, key)) for key in keys}
    stored = {key.site for key in bounds.storing(model) if key in keys}
    return bounds.most(replicas) + len(stored)


SUBJECT = Subject(rows=((Lock, _numbers), (Lock, _forbidden)), sheets=(_pairs,), network=(_room,))
