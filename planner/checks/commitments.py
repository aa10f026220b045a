"""What is promised and locked in: policies, committees, locks and goals that cannot hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from models.data import (
    SHEETS,
    Committee,
    Demand,
    DiversityRow,
    LoadedToday,
    Lock,
    NodeType,
    Objective,
    Offer,
    Policy,
    Provider,
    Row,
    Scenario,
    SeatToday,
    Site,
)
from models.fields import columns, header_of
from planner.workbook.book import DEP, Book
from planner.workbook.findings import Finding
from planner.workbook.names import did_you_mean, fold_header


def promises(book: Book) -> Iterator[Finding]:
    """Yield every promise, lock and goal that cannot hold as it stands."""
    for check in (
        _policies,
        _committees,
        _seats,
        _today,
        _locks,
        _lock_pairs,
        _objectives,
        _scenarios,
    ):
        yield from check(book)


def _policies(book: Book) -> Iterator[Finding]:
    tees = {
        name.casefold()
        for row in book.rows(NodeType)
        for any_of in row.tee or ()
        for name in any_of
    }
    for row in book.rows(Policy):
        if row.quorum is not None and row.verifiers and not 1 <= row.quorum <= row.verifiers:
            yield book.finding(
                row,
                "quorum",
                f"quorum {row.quorum} is not within 1 … verifiers {row.verifiers}",
                "write a quorum within that range, or leave it blank for a majority",
            )
        if not row.verifiers and row.quorum:
            yield book.finding(
                row,
                "quorum",
                f"quorum {row.quorum} but verifiers 0",
                "clear quorum, or write how many verifiers there are",
            )
        yield from _tee(book, row, row.tee, tees)


def _tee(book: Book, row: Row, wanted: str, tees: set[str]) -> Iterator[Finding]:
    kinds = [part.strip() for part in wanted.replace("|", ";").split(";") if part.strip()]
    if not kinds or wanted.strip().casefold() in ("no", "none"):
        return
    if wanted.strip().casefold() in ("yes", "any"):
        if not tees:
            yield book.finding(
                row,
                "tee",
                "a TEE is asked for but no node type has one",
                "fill in tee in Node types or clear it here",
            )
        return
    for kind in kinds:
        if kind.casefold() not in tees:
            yield book.finding(
                row,
                "tee",
                f"tee {kind!r} is that of no node type",
                did_you_mean(kind, tees, "fill in tee in Node types, or write yes for any"),
                "warning" if any(other.casefold() in tees for other in kinds) else "error",
            )


def _committees(book: Book) -> Iterator[Finding]:
    tees = {
        name.casefold()
        for row in book.rows(NodeType)
        for any_of in row.tee or ()
        for name in any_of
    }
    for row in book.rows(Committee):
        if row.reach_seats is not None and row.reach_seats > row.seats:
            yield book.finding(
                row,
                "reach_seats",
                f"reach_seats {row.reach_seats} is above seats {row.seats}",
                "lower reach_seats or raise seats",
            )
        if row.reach_seats is not None and row.reach_ms is None:
            yield book.finding(
                row,
                "reach_seats",
                "reach_seats has no effect without reach_ms",
                "fill in reach_ms",
                "warning",
            )
        if row.max_faulty is not None and row.max_faulty >= row.seats > 0:
            yield book.finding(
                row,
                "max_faulty",
                f"max_faulty {row.max_faulty} is not below seats {row.seats}",
                "lower max_faulty or raise seats",
            )
        if row.seats == 0:
            yield book.finding(
                row,
                "seats",
                f"committee {row.committee!r} has 0 seats",
                "write how many seats it has or clear the row",
                "warning",
            )
        yield from _tee(book, row, row.tee, tees)


def _seats(book: Book) -> Iterator[Finding]:
    capacity = {(offer.site, offer.node_type): offer.max_nodes for offer in book.rows(Offer)}
    held: dict[tuple[str, str], int] = defaultdict(int)
    for row in book.rows(SeatToday):
        held[row.site, row.node_type] += row.seats
    committees = {row.committee: row for row in book.rows(Committee)}
    totals: dict[str, int] = defaultdict(int)
    for row in book.rows(SeatToday):
        totals[row.committee] += row.seats
        committee = committees.get(row.committee)
        before = totals[row.committee] - row.seats
        if committee and before <= committee.seats < totals[row.committee]:
            yield book.finding(
                row,
                "seats",
                f"committee {row.committee!r} holds more seats today than its"
                f" {committee.seats} seats",
                "some are dropped; check the seats",
                "warning",
            )
    for row in book.rows(SeatToday):
        seats = held.pop((row.site, row.node_type), 0)
        nodes = capacity.get((row.site, row.node_type), 0)
        if seats > nodes:
            yield book.finding(
                row,
                "seats",
                f"{seats} seats are held at {row.site}/{row.node_type} today,"
                f" above its capacity of {nodes} nodes: {seats - nodes} must move",
                "raise max_nodes in Capacities if they may stay",
                "warning",
            )


def _today(book: Book) -> Iterator[Finding]:
    offers = {offer.key for offer in book.rows(Offer)}
    for row in book.rows(LoadedToday):
        if (row.site, row.node_type) not in offers and (row.warm or row.copies):
            yield book.finding(
                row,
                "node_type",
                f"{row.site}/{row.node_type} is not in Capacities, so what is"
                " there today is given up",
                "add it to Capacities if it may stay",
                "warning",
            )


def _locks(book: Book) -> Iterator[Finding]:
    sites = {site.site: site for site in book.rows(Site)}
    providers = {row.provider: row for row in book.rows(Provider)}
    for row in book.rows(Lock):
        if row.minimum is None and row.maximum is None:
            yield book.finding(
                row, "minimum", "the lock has neither min nor max", "fill in one or clear the row"
            )
        if row.committee and row.model:
            yield book.finding(
                row,
                "committee",
                "the lock names both a committee and a model",
                "write one row for each",
            )
        if row.minimum is not None and row.maximum is not None and row.minimum > row.maximum:
            yield book.finding(
                row,
                "minimum",
                f"min {row.minimum} is above max {row.maximum}",
                "swap or correct them",
            )
        if not row.minimum:
            continue
        site = sites.get(row.site)
        if site is not None and site.status == "forbidden":
            yield book.finding(
                row,
                "minimum",
                f"min {row.minimum} at site {row.site!r}, which is forbidden in"
                f" {book.place(site, 'status')}",
                "change one of the two",
            )
        provider = providers.get(row.provider or (site.provider if site is not None else ""))
        if provider is not None and provider.status == "forbidden":
            yield book.finding(
                row,
                "minimum",
                f"min {row.minimum} at provider {provider.provider!r}, which is"
                f" forbidden in {book.place(provider, 'status')}",
                "change one of the two",
            )
        if site is not None and row.provider and site.provider != row.provider:
            yield book.finding(
                row,
                "provider",
                f"site {row.site!r} belongs to {site.provider!r}, not to {row.provider!r}",
                "clear one of the two",
            )


def _lock_pairs(book: Book) -> Iterator[Finding]:
    seen: dict[tuple[str, ...], list[Lock]] = defaultdict(list)
    for row in book.rows(Lock):
        key = (row.site, row.node_type, row.model, row.committee, row.provider)
        for earlier in seen[key]:
            for low, high in ((row, earlier), (earlier, row)):
                if (low.minimum or 0) > (high.maximum if high.maximum is not None else 10**9):
                    yield book.finding(
                        row,
                        "minimum" if low is row else "maximum",
                        f"min {low.minimum} in {book.place(low, 'minimum')} is above max"
                        f" {high.maximum} in {book.place(high, 'maximum')} of the same lock",
                        "join the two rows",
                    )
        seen[key].append(row)


def _objectives(book: Book) -> Iterator[Finding]:
    seen: dict[str, Objective] = {}
    for row in book.rows(Objective):
        earlier = seen.setdefault(row.measure, row)
        if earlier is not row:
            yield book.finding(
                row,
                "measure",
                f"measure {row.measure!r} is already in {book.place(earlier, 'measure')}",
                "keep one of the two",
            )
    free = [row for row in book.rows(Demand) if row.requests_per_s and not row.unserved_penalty]
    minds_service = {"unserved", "latency", "worst_loss", "expected_loss"}
    must_be = book.settings.require_served
    if seen and minds_service.isdisjoint(seen) and free and not must_be:
        yield book.finding(
            next(iter(seen.values())),
            "measure",
            "nothing asks for demand to be served, so a plan may get better by serving nobody",
            "put unserved first in Objectives, give every row of Demand an unserved_penalty, or"
            " write require_served yes in Settings",
            level="warning",
        )
    paid = not book.rows(Objective) or "monthly_cost" in seen
    for rule in book.rows(DiversityRow):
        if rule.penalty is not None and not paid:
            yield book.finding(
                rule,
                "penalty",
                f"rule {rule.rule!r} has a penalty but monthly_cost is not among"
                " the Objectives, so breaking it would be free",
                "add monthly_cost to Objectives, or clear the penalty to make the rule hard",
            )


def _scenarios(book: Book) -> Iterator[Finding]:
    known = {fold_header(name): row_class for name, row_class in SHEETS.items()}
    for row in book.rows(Scenario):
        row_class = known.get(fold_header(row.sheet))
        if row_class is None:
            if fold_header(row.sheet) != "settings":
                yield book.finding(
                    row,
                    "sheet",
                    f"sheet {row.sheet!r} is not known",
                    did_you_mean(row.sheet, SHEETS, "name a sheet"),
                )
            continue
        headers = [header_of(name, declared) for name, declared in columns(row_class).items()]
        folded = {fold_header(header) for header in headers}
        is_own_kind = row.column.casefold().startswith(DEP)
        if row.column and not is_own_kind and fold_header(row.column) not in folded:
            yield book.finding(
                row,
                "column",
                f"column {row.column!r} is not in {row.sheet}",
                did_you_mean(row.column, headers, f"name a column of {row.sheet}"),
            )
