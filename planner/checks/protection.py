"""What `protect` cannot do: where a failure takes everything, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from models.data import Dependency, OfferKey, Shock
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


SUBJECT = Subject(network=(_unavoidable,))
