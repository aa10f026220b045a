"""What `protect` cannot do: where a failure takes everything, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from models.data import Demand, Dependency, OfferKey, Shock
from models.failover import lost_rows, never
from models.replay import failover_ms
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.names import listed


class Failure(NamedTuple):
    """A protected failure, the row that protects against it, and the offers that it takes."""

    name: str
    row: Dependency | Shock
    gone: frozenset[OfferKey]

    @property
    def kind(self) -> str:
        """Return the kind of what fails; `shock` for shocks."""
        return self.name.partition(":")[0]

    @property
    def way_out(self) -> str:
        """Return how this failure, and no other, is taken off the list."""
        if isinstance(self.row, Dependency) and self.row.dependency == "*":
            return "give it a row of its own with protect no"
        return "write protect no"

    def takes_all(self, offers: Collection[OfferKey]) -> bool:
        """Return whether none of the offers survives it."""
        return self.gone.issuperset(offers)


def failures(bounds: Bounds) -> list[Failure]:
    """Return every protected failure, sorted by name."""
    return [
        Failure(name, bounds.network.protecting(name), gone) for name, gone in bounds.lost.items()
    ]


def most_within(
    offers: Iterable[OfferKey],
    failures: Iterable[Failure],
    each: int,
    room: Callable[[set[OfferKey]], float],
) -> tuple[float, list[Failure]]:
    """Return how much there is room for with at most `each` on every failure, and on which.

    Every offer counts for one failure that takes it down, so no plan has more than is counted.
    """
    left, most, used = set(offers), 0.0, []
    for failure in sorted(failures, key=lambda failure: (-len(failure.gone & left), failure.name)):
        found = room(left & failure.gone)
        most += min(found, each)
        used += [failure] if found else []
        left -= failure.gone
    return most + room(left), sorted(used)


def _unavoidable(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures that leave a committee or the copies of a model nowhere to be.

    No plan could keep such a promise, so the rules leave it out: that must not go unsaid.
    """
    network, stores = bounds.network, bounds.offers.get("storage", ())
    places = {
        f"seats of committee {name!r}": bounds.seatable(committee)
        for name, committee in sorted(network.committees.items())
        if committee.seats
    } | {
        f"copies of model {name!r}": stores
        for name, model in sorted(network.models.items())
        if model.copies and model.min_copies_left
    }
    for failure in failures(bounds):
        whole = [what for what, keys in places.items() if keys and failure.takes_all(keys)]
        if whole:
            yield book.finding(
                failure.row,
                "protect",
                f"{failure.name} is protected, but every offer for {listed(whole)} goes down"
                " with it: it is unavoidable there and not protected",
                f"offer nodes that do not hang on it, or {failure.way_out}",
                "warning",
            )


def _lost_demand(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures after which nothing could serve a demand row, whatever stands.

    The rule `survival` leaves those rows out; of what nothing serves in any case it is said once.
    """
    network = bounds.network
    impossible, lost = never(network), lost_rows(network)
    for demand in bounds.network.demand:
        if demand.key in impossible:
            yield book.finding(
                demand,
                "min_served",
                f"nothing can serve {demand.key} within {_limit(demand)} after a failure, even if"
                " nothing failed: min_served asks for nothing there",
                "raise failover_latency_ms, or offer nodes, and verifiers, that are nearer",
                "warning",
            )
    for failure in failures(bounds):
        rows = lost.get(failure.name, frozenset()) - impossible
        if rows:
            yield book.finding(
                failure.row,
                "protect",
                f"{failure.name} is protected, but without it nothing can serve"
                f" {listed(sorted(map(str, rows)))}: it is unavoidable there and not protected",
                "offer execution, or verification, that does not hang on it within"
                f" failover_latency_ms, or {failure.way_out}",
                "warning",
            )


def _limit(demand: Demand) -> str:
    limit = failover_ms(demand)
    return "any time" if limit is None else f"{limit:,.0f} ms"


def _unasked(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield what is said of one side only: a share to survive nothing, or nothing to survive."""
    network = bounds.network
    asking = [row for row in network.demand if row.min_served]
    if asking and not network.protected:
        yield book.finding(
            asking[0],
            "min_served",
            "min_served asks for nothing: no dependency and no shock is protected",
            "write protect yes in Dependencies or Shocks for what demand must survive",
            "warning",
        )
    elif network.demand and network.protected and not asking:
        yield book.finding(
            failures(bounds)[0].row,
            "protect",
            "protect asks nothing of routing: no demand row has min_served, so a failure may leave"
            " users without service",
            "write min_served in Demand, the share to be served after each protected failure",
            "warning",
        )


SUBJECT = Subject(network=(_unavoidable, _lost_demand, _unasked))
