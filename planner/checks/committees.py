"""Committees and their seats: how many, where they may be held, and within what reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from models.data import Committee, Offer, OfferKey, SeatToday, Site
from planner.checks.capacity import Bounds
from planner.checks.protection import Failure, failures, most_within
from planner.checks.subject import Complaint, Subject
from planner.checks.verification import tee
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted
from planner.workbook.names import listed


def _reach_seats(row: Committee, _: Book) -> Iterator[Complaint]:
    if row.reach_seats is not None and row.reach_seats > row.seats:
        yield Complaint(
            "reach_seats",
            f"reach_seats {row.reach_seats} is above seats {row.seats}",
            "lower reach_seats or raise seats",
        )
    if row.reach_seats is not None and row.reach_ms is None:
        yield Complaint(
            "reach_seats",
            "reach_seats has no effect without reach_ms",
            "fill in reach_ms",
            "warning",
        )


def _numbers(row: Committee, _: Book) -> Iterator[Complaint]:
    if row.seats == 0:
        yield Complaint(
            "seats",
            f"committee {row.committee!r} has 0 seats",
            "write how many seats it has or clear the row",
            "warning",
        )
    if row.max_faulty is not None and row.max_faulty >= row.seats > 0:
        yield Complaint(
            "max_faulty",
            f"max_faulty {row.max_faulty} is not below seats {row.seats}",
            "lower max_faulty or raise seats",
        )


def _seats_today(book: Book) -> Iterator[Finding]:
    totals: dict[str, int] = defaultdict(int)
    for row in book.rows(SeatToday):
        before = totals[row.committee]
        totals[row.committee] += row.seats
        committee = book.named(Committee).get(row.committee)
        if committee and before <= committee.seats < totals[row.committee]:
            yield book.finding(
                row,
                "seats",
                f"committee {row.committee!r} holds more seats today than its"
                f" {counted(committee.seats, 'seat')}",
                "some are dropped; check the seats",
                "warning",
            )


def _nodes_today(book: Book) -> Iterator[Finding]:
    capacity = {(offer.site, offer.node_type): offer.max_nodes for offer in book.rows(Offer)}
    held: dict[tuple[str, str], int] = defaultdict(int)
    for row in book.rows(SeatToday):
        held[row.site, row.node_type] += row.seats
    for row in book.rows(SeatToday) if book.is_whole(Offer) else ():
        seats = held.pop((row.site, row.node_type), 0)
        nodes = capacity.get((row.site, row.node_type), 0)
        if seats > nodes:
            yield book.finding(
                row,
                "seats",
                f"{counted(seats, 'seat')} are held at {row.site}/{row.node_type} today, above its"
                f" capacity of {counted(nodes, 'node')}: {seats - nodes} must move",
                "raise max_nodes in Capacities if they may stay",
                "warning",
            )


def _room(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield committees with more seats than nodes may hold."""
    every: set[OfferKey] = set()
    total, is_short = 0, False
    way_out = bounds.role_way_out("coordination")
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
                f"committee {committee.committee!r} has {counted(committee.seats, 'seat')}"
                f" but only {counted(int(most), 'node')} may hold them{_limits(committee)}",
                way_out
                or "offer more coordination nodes (Capacities.max_nodes), or ease its limits",
            )
            if way_out:
                return  # the same mistake for every committee
    most = bounds.most(dict.fromkeys(sorted(every), 1.0))
    if not is_short and total > most:
        yield book.finding(
            next(iter(bounds.network.committees.values())),
            "seats",
            f"all committees together have {counted(total, 'seat')} but only"
            f" {counted(int(most), 'node')} may hold them, one each",
            "offer more coordination nodes (Capacities.max_nodes)",
        )


def _limits(committee: Committee) -> str:
    limits = {
        "max_seats_per_site": committee.max_seats_per_site,
        "node_types": "; ".join(committee.node_types),
        "tee": committee.tee,
        "countries": "; ".join(committee.countries),
        "blocs": "; ".join(committee.blocs),
    }
    words = ", ".join(
        f"{name} {limit}" for name, limit in limits.items() if limit not in (None, "")
    )
    return f" ({words})" if words else ""


def _reach(bounds: Bounds, book: Book) -> Iterator[Finding]:
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
                f"committee {committee.committee!r} needs {counted(committee.quorum_seats, 'seat')}"
                f" within reach_ms {committee.reach_ms:g} of each seat, but the best site has room"
                f" for {best:g} within reach",
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


def _unprotected(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield committees with a max_faulty that nothing is measured against."""
    network = bounds.network
    counts = any(row.role == "coordination" and row.min_nakamoto for row in network.diversity)
    for committee in () if network.protected or counts else network.committees.values():
        if committee.max_faulty is not None and committee.seats:
            yield book.finding(
                committee,
                "max_faulty",
                f"max_faulty {committee.max_faulty} limits nothing: no dependency and no shock is"
                f" protected, so all seats of {committee.committee!r} may hang on one",
                "write protect yes for what must not halt it in Dependencies or Shocks, or"
                " min_nakamoto in Diversity",
                "warning",
            )


def _protected(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures outside of which a committee cannot have the seats it must keep."""
    found = failures(bounds)
    for committee in bounds.network.committees.values():
        eligible = bounds.seatable(committee)
        every = bounds.most_seats(committee, eligible)
        if every < committee.seats:
            continue  # said of the committee itself
        kept = committee.seats - committee.faulty_limit
        avoidable = [failure for failure in found if not failure.takes_all(eligible)]
        short = False
        for failure in avoidable:
            inside = failure.gone.intersection(eligible)
            if every - bounds.most_seats(committee, inside) >= kept:
                continue  # a small failure needs no look at all the rest
            most = bounds.most_seats(committee, set(eligible) - inside)
            if most < kept:
                short = True
                yield book.finding(
                    failure.row,
                    "protect",
                    f"{failure.name} is protected, so committee {committee.committee!r} needs"
                    f" {kept} of its {counted(committee.seats, 'seat')} outside it (max_faulty"
                    f" {committee.faulty_limit}), but at most {most:g} can be had there",
                    f"offer more nodes that do not hang on it, or {failure.way_out}",
                )
        if not short:
            yield from _together(bounds, book, committee, avoidable)


def _together(
    bounds: Bounds, book: Book, committee: Committee, avoidable: Iterable[Failure]
) -> Iterator[Finding]:
    """Yield the kind whose protected failures, each by itself avoidable, leave too few seats."""
    for kind, found in groupby(avoidable, key=lambda failure: failure.kind):
        most, used = most_within(
            bounds.seatable(committee),
            list(found),
            committee.faulty_limit,
            lambda offers: bounds.most_seats(committee, offers),
        )
        if most < committee.seats:
            yield book.finding(
                used[0].row,
                "protect",
                f"{listed([failure.name for failure in used])} are protected, so committee"
                f" {committee.committee!r} may lose {counted(committee.faulty_limit, 'seat')} with"
                f" each (max_faulty): at most {most:g} of its {committee.seats} can be had",
                f"offer nodes that hang on another {kind}, or take some off protect",
            )
            return


SUBJECT = Subject(
    rows=((Committee, _reach_seats), (Committee, _numbers), (Committee, tee)),
    sheets=(_seats_today, _nodes_today),
    network=(_room, _reach, _unprotected, _protected),
)
