"""How many failures a guarantee can bear at most, whatever stands: what min_collapse may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from models.data import DiversityRow, Item, OfferKey
from models.firmness import cuts_of, verifying
from planner.checks.capacity import Bounds
from planner.checks.subject import Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


class _Promise(NamedTuple):
    """A guarantee under a row: what ends it in words, and how many failures it can bear at most."""

    words: str
    borne: int
    way_out: str


def _hard(bounds: Bounds, book: Book) -> Iterator[Finding]:
    yield from _out_of_reach(bounds, book, {"coordination": _committees, "storage": _copies})


def _serving(bounds: Bounds, book: Book) -> Iterator[Finding]:
    yield from _out_of_reach(bounds, book, {"verification": _panels})


Promises = Callable[[Bounds, DiversityRow], Iterator[_Promise]]


def _out_of_reach(
    bounds: Bounds, book: Book, promised: Mapping[str, Promises]
) -> Iterator[Finding]:
    """Yield rows that ask for more failures than the guarantee of their role can ever bear."""
    for rule in bounds.network.diversity:
        if rule.min_collapse is None or rule.role not in promised:
            continue
        found = promised[rule.role](bounds, rule)
        least = min(found, key=lambda promise: promise.borne, default=None)
        if least is not None and least.borne + 1 < rule.min_collapse:
            yield book.finding(
                rule,
                "min_collapse",
                f"min_collapse {rule.min_collapse} is out of reach: {least.words}, so that"
                f" {least.borne + 1} is the most that can be asked for",
                least.way_out,
            )


def _committees(bounds: Bounds, rule: DiversityRow) -> Iterator[_Promise]:
    for name, committee in bounds.network.committees.items():
        offers = bounds.seatable(committee)
        if rule.applies_to not in ("", name) or not committee.seats or not offers:
            continue
        spare = committee.faulty_limit
        rooms, free = _rooms(bounds, rule, offers, partial(bounds.most_seats, committee))
        borne = _borne(rule, rooms, committee.seats - free, spare)
        most = f"{counted(spare, 'seat')} of {committee.seats}"
        words = f"committee {name!r} may lose {most} (max_faulty)"
        if borne < spare:
            words += f", and its nodes hang on {len(rooms)} that can fail"
        yield _Promise(words, borne, f"lower min_collapse to {borne + 1}, or raise max_faulty")


def _copies(bounds: Bounds, rule: DiversityRow) -> Iterator[_Promise]:
    for name, model in bounds.network.models.items():
        offers = bounds.storing(model)
        is_meant = rule.applies_to == f"model:{name}" or (not rule.applies_to and model.copies)
        if not is_meant or not offers:
            continue
        rooms, free = _rooms(bounds, rule, offers, lambda keys: len({key.site for key in keys}))
        least = max(1, model.min_copies_left)
        borne = sum(sum(rooms[count:]) + free >= least for count in range(1, len(rooms) + 1))
        if sum(rooms) + free >= least and borne < len(rooms):
            words = (
                f"model {name!r} must keep {counted(least, 'copy')} (min_copies_left), and its"
                f" {counted(len({key.site for key in offers}), 'site')} hang on {len(rooms)} that"
                " can fail"
            )
            way_out = f"lower min_collapse to {borne + 1}, or offer storage that hangs on others"
            yield _Promise(words, borne, way_out)


def _panels(bounds: Bounds, rule: DiversityRow) -> Iterator[_Promise]:
    usable = set(bounds.offers.get("verification", ()))
    offers = [key for key in verifying(bounds.network) if key in usable]
    asked = {demand.verification for demand in bounds.asked}
    for name, policy in bounds.network.policies.items():
        meant = rule.applies_to in ("", name) and name in asked
        if not meant or not policy.verifiers or not offers:
            continue
        spare = policy.verifiers - policy.quorum_verifiers
        rooms, free = _rooms(bounds, rule, offers, lambda keys: len({key.site for key in keys}))
        borne = _borne(rule, rooms, policy.verifiers - free, spare)
        words = (
            f"a panel of policy {name!r} may lose {spare} of its"
            f" {counted(policy.verifiers, 'verifier')} (quorum {policy.quorum_verifiers})"
        )
        if borne < spare:
            words += f", and verifiers hang on {len(rooms)} that can fail"
        yield _Promise(words, borne, f"lower min_collapse to {borne + 1}, or have more verifiers")


def _rooms(
    bounds: Bounds,
    rule: DiversityRow,
    offers: Collection[OfferKey],
    room: Callable[[list[OfferKey]], float],
) -> tuple[list[int], int]:
    """Return the room on each of the fewest dependencies, most first, and what hangs on none.

    Every offer counts for one single failure that takes it down, the one that takes most.
    """
    cuts = cuts_of(bounds.network, replace(rule, min_collapse=2), offers)
    singles = {key: {item for cut in found for item in cut} for key, found in cuts.items()}
    left, rooms = {key for key, items in singles.items() if items}, []
    free = [key for key, items in singles.items() if not items]
    while left:
        counts: Counter[Item] = Counter(item for key in left for item in singles[key])
        worst = max(sorted(counts), key=counts.__getitem__)
        inside = sorted(key for key in left if worst in singles[key])
        rooms.append(int(room(inside)))
        left -= set(inside)
    return sorted(rooms, reverse=True), int(room(free)) if free else 0


def _borne(rule: DiversityRow, rooms: list[int], needed: int, spare: int) -> int:
    """Return how many failures can be borne at most where each takes all that hangs on it.

    Of `needed` that hang on single failures, any so many may take `spare` at most, so all but the
    fullest hold no more than an even part of that each.
    """
    for failures in range(rule.failures_borne, 0, -1):
        even = spare // failures
        most = min(spare, sum(rooms[:failures])) + sum(min(r, even) for r in rooms[failures:])
        if needed <= 0 or most >= needed:
            return failures
    return 0


SUBJECT = Subject(network=(_hard,), serving=(_serving,))
