"""Demand: rows that contradict each other, and what no plan can serve of them."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import (
    HOURS_PER_MONTH,
    Committee,
    Demand,
    Model,
    Period,
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
    if row.region and not row.model and book.rows(Model):
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
        if bounds.allowed(demand):
            continue
        hosts = bounds.hosts(demand)
        if not bounds.executing:
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
        else:
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


def _never_served(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield the sum of what no offer may serve, beside the findings that say why."""
    rows = bounds.asked
    lost = [demand for demand in rows if not bounds.reach(demand).any()]
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


SUBJECT = Subject(
    rows=((Demand, _model), (Demand, _failover), (Demand, _places), (Committee, _places)),
    sheets=(_covered, _hours),
    network=(_never_served,),
    serving=(_somewhere_to_run,),
)
