"""What `protect` cannot do: where a failure takes everything, and where too little is left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from models.data import Committee, Dependency, OfferKey, Policy, Shock
from planner.checks import guarantees as guarantee_checks
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.names import listed


class _Failure(NamedTuple):
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


def _failures(bounds: Bounds) -> list[_Failure]:
    return [
        _Failure(name, bounds.network.protecting(name), gone) for name, gone in bounds.lost.items()
    ]


def unprotected(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield committees with a max_faulty that nothing is measured against."""
    network = bounds.network
    counted = any(row.role == "coordination" and row.min_nakamoto for row in network.diversity)
    if network.protected or counted:
        return
    for committee in network.committees.values():
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


def unavoidable(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures that leave a committee or the copies of a model nowhere to be.

    No plan could keep such a promise, so the rules leave it out: that must not go unsaid.
    """
    network, stores = bounds.network, bounds.offers.get("storage", ())
    seated = {
        f"seats of committee {name!r}": bounds.seatable(committee)
        for name, committee in sorted(network.committees.items())
        if committee.seats
    }
    stored = {
        f"copies of model {name!r}": stores
        for name, model in sorted(network.models.items())
        if model.copies and model.min_copies_left
    }
    for failure in _failures(bounds):
        places = {**seated, **stored}
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


def seats(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures outside of which a committee cannot have the seats it must keep."""
    failures = _failures(bounds)
    for committee in bounds.network.committees.values():
        eligible = bounds.seatable(committee)
        every = bounds.most_seats(committee, eligible)
        if every < committee.seats:
            continue  # said of the committee itself
        kept = committee.seats - committee.faulty_limit
        avoidable = [failure for failure in failures if not failure.takes_all(eligible)]
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
                    f" {kept} of its {committee.seats} seats outside it (max_faulty"
                    f" {committee.faulty_limit}), but at most {most:g} can be had there",
                    f"offer more nodes that do not hang on it, or {failure.way_out}",
                )
        if not short:
            yield from _together(bounds, book, committee, avoidable)


def _together(
    bounds: Bounds, book: Book, committee: Committee, failures: Iterable[_Failure]
) -> Iterator[Finding]:
    """Yield the kind whose protected failures, each by itself avoidable, leave too few seats."""
    for kind, found in groupby(failures, key=lambda failure: failure.kind):
        most, used = _most_within(
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
                f" {committee.committee!r} may lose {committee.faulty_limit} seats with each"
                f" (max_faulty): at most {most:g} of its {committee.seats} can be had",
                f"offer nodes that hang on another {kind}, or take some off protect",
            )
            return


def _most_within(
    offers: Iterable[OfferKey],
    failures: Iterable[_Failure],
    each: int,
    room: Callable[[set[OfferKey]], float],
) -> tuple[float, list[_Failure]]:
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


def copies(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures outside of which too few copies of a model can be stored."""
    stores = bounds.offers.get("storage", ())
    avoidable = [failure for failure in _failures(bounds) if not failure.takes_all(stores)]
    for model in bounds.network.models.values():
        storing = bounds.storing(model)
        if not model.copies or model.copies > len(bounds.storable(model)):
            continue  # said of the model itself
        for failure in avoidable:
            outside = [key for key in storing if key not in failure.gone]
            most = bounds.most(dict.fromkeys(outside, 1.0), at_site=1.0)
            if most < model.min_copies_left:
                yield book.finding(
                    failure.row,
                    "protect",
                    f"{failure.name} is protected, so model {model.model!r} needs"
                    f" {model.min_copies_left} of its {model.copies} copies outside it"
                    f" (min_copies_left), but at most {most:g} can be stored there",
                    "offer storage nodes at more sites that do not hang on it (disk_tb large"
                    f" enough), or {failure.way_out}",
                )


def verifiers(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected dependencies with which every executing node loses its quorum of verifiers.

    The rules leave nothing out here: no request of the policy would be served.
    """
    network = bounds.network
    single = [f for f in _failures(bounds) if len(network.protected[f.name]) == 1]
    for policy, demand in guarantee_checks.asked_for(bounds) if single else ():
        kinds = policy.independent_of
        counted = [f for f in single if next(iter(network.protected[f.name])).kind in kinds]
        verifying = guarantee_checks.verifying(bounds, policy, demand) if counted else ()
        panels = [keys for keys in verifying if _sites(keys) >= policy.verifiers]
        if panels:
            yield from _quorum(book, policy, panels, counted, book.place(demand, "verification"))


def _quorum(
    book: Book, policy: Policy, panels: list[list[OfferKey]], failures: list[_Failure], asked: str
) -> Iterator[Finding]:
    """Yield what takes the quorum from every panel: one failure, or a kind of them together."""
    quorum, short = policy.quorum or 0, False
    for failure in failures:
        most = _best((_sites(set(keys) - failure.gone) for keys in panels), quorum)
        if most < quorum:
            short = True
            yield book.finding(
                failure.row,
                "protect",
                f"{failure.name} is protected, so policy {policy.policy!r} needs {quorum} of its"
                f" {policy.verifiers} verifiers outside it (quorum), but no executing node has"
                f" more than {most:g} there (asked for in {asked})",
                "offer verification nodes at more sites that do not hang on it, or"
                f" {failure.way_out}",
            )
    each = policy.verifiers - quorum
    for kind, group in groupby(failures if not short else (), key=lambda failure: failure.kind):
        found = list(group)
        within = (_most_within(keys, found, each, _sites)[0] for keys in panels)
        best = _best(within, policy.verifiers)
        if best < policy.verifiers:
            used = [f for f in found if any(not f.gone.isdisjoint(keys) for keys in panels)]
            yield book.finding(
                used[0].row,
                "protect",
                f"{listed([failure.name for failure in used])} are protected, so policy"
                f" {policy.policy!r} may lose {each} of its {policy.verifiers} verifiers with each"
                f" (quorum {quorum}): no executing node can have more than {best:g} (asked for in"
                f" {asked})",
                f"offer verification nodes that hang on another {kind}, lower quorum, or take some"
                " off protect",
            )
            return


def _best(found: Iterable[float], enough: float) -> float:
    """Return the largest number, or the first that is enough: no need to look at all others."""
    best = 0.0
    for number in found:
        best = max(best, number)
        if best >= enough:
            break
    return best


def _sites(keys: Iterable[OfferKey]) -> int:
    return len({key.site for key in keys})
