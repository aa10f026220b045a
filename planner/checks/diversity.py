"""Diversity rows: do they say something that can be checked, of what exists, and can it hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from models.data import DiversityRow, Item, OfferKey, Policy
from models.lasting import asked, unavoidable_to
from models.network import Network, is_unknown
from models.rules.diversity_collapse import unavoidable
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book, is_read
from planner.workbook.findings import Finding
from planner.workbook.item_names import Directory
from planner.workbook.names import did_you_mean, listed
from planner.workbook.unread import until_unread

MEASURES: Mapping[str, tuple[str, ...]] = {
    "execution": ("requests", "nodes", "sites"),
    "verification": ("work", "nodes", "sites"),
    "storage": ("copies", "nodes", "sites"),
    "coordination": ("seats", "nodes", "sites"),
}
"""What may be counted per role; the first is meant where nothing is said."""

APPLIES_TO: Mapping[str, tuple[str, ...]] = {
    "execution": ("region", "model"),
    "verification": ("policy",),
    "storage": ("model",),
    "coordination": ("committee",),
}
LIMITS = ("max_share", "max_count", "min_count", "min_distinct", "min_nakamoto", "min_collapse")
_SHEETS = {
    "region": "Regions",
    "model": "Models",
    "policy": "Verification",
    "committee": "Committees",
}


def kinds(book: Book, directory: Directory) -> Iterator[Finding]:
    """Yield the kinds and named dependencies of Diversity and Verification that do not exist."""
    for rule in book.rows(DiversityRow):
        yield from until_unread(_named, book, directory, rule)
    for policy in book.rows(Policy):
        for name in policy.independent_of if is_read(policy, "independent_of") else ():
            if not directory.is_kind(name):
                yield book.finding(
                    policy,
                    "independent_of",
                    f"independent_of {name!r} is the kind of no dependency",
                    _kind_guess(directory, name),
                )


def _named(book: Book, directory: Directory, rule: DiversityRow) -> Iterator[Finding]:
    if not rule.kind and not rule.dependency:
        return
    if not directory.is_kind(rule.kind):
        yield book.finding(
            rule,
            "kind",
            f"kind {rule.kind!r} is that of no dependency",
            _kind_guess(directory, rule.kind),
        )
    elif rule.dependency:
        kind = directory.kind(rule.kind)
        if Item(kind, rule.dependency) not in directory.of(rule.dependency):
            directory.must_be_whole([kind])
            yield book.finding(
                rule,
                "dependency",
                f"dependency {rule.dependency!r} is no known {kind}",
                did_you_mean(rule.dependency, directory.of_kind(kind), "add it to Dependencies"),
            )


def _kind_guess(directory: Directory, text: str) -> str:
    if text.strip().casefold() == "parent":
        return "write provider: parents are providers"
    kinds = ", ".join(sorted(directory.kinds.values()))
    return did_you_mean(text, directory.kinds.values(), f"name one of {kinds}")


def _has_limit(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    if all(getattr(rule, limit) is None for limit in LIMITS):
        yield Complaint(
            "rule", f"rule {rule.rule!r} has no limit", f"fill in one of {', '.join(LIMITS)}"
        )


def _kind(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    given = [limit for limit in LIMITS if getattr(rule, limit) is not None]
    others = [limit for limit in given if limit != "min_collapse"]
    if not rule.kind and others:
        yield Complaint(
            "kind",
            f"kind is blank, but {others[0]} is about dependencies of one kind",
            "fill in kind; min_collapse alone does without, and means any mix of kinds",
        )


def _collapse(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    if rule.min_collapse is None:
        return
    if rule.penalty is not None:
        yield Complaint(
            "penalty",
            "penalty cannot be used with min_collapse: a guarantee ends or it does not",
            "clear penalty, or write min_collapse in a row of its own",
        )
    if rule.scope != "each":
        yield Complaint(
            "scope",
            "min_collapse is of every guarantee by itself, so there is no total",
            "write scope each, or write min_collapse in a row of its own",
        )
    if rule.measure in ("nodes", "sites"):
        yield Complaint(
            "measure",
            f"min_collapse is of what ends the guarantee of the role, not of {rule.measure}",
            "clear measure, or write min_collapse in a row of its own",
        )


def _counts(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    if rule.min_count is not None and not rule.dependency:
        yield Complaint(
            "min_count",
            "min_count needs a named dependency",
            "fill in dependency, or use min_distinct",
        )
    least, most = rule.min_count, rule.max_count
    if least is not None and most is not None and least > most:
        yield Complaint(
            "min_count",
            f"min_count {least} is above max_count {most}",
            "swap or correct them",
        )
    for limit in ("min_distinct", "min_nakamoto", "min_collapse"):
        if getattr(rule, limit) is not None and rule.dependency:
            yield Complaint(
                limit,
                f"{limit} counts dependencies but the row names one, {rule.dependency!r}",
                "clear dependency or the limit",
            )


def _threshold(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    # Each committee has a threshold of its own: what exceeds max_faulty breaks it.
    has_own = rule.role == "coordination" and rule.measure in ("", "seats") and rule.scope == "each"
    if rule.min_nakamoto is not None and rule.threshold is None and not has_own:
        yield Complaint(
            "min_nakamoto",
            "min_nakamoto needs a threshold",
            "fill in threshold: the fraction that breaks the role, e.g. 0.333",
        )
    if rule.threshold is not None and rule.min_nakamoto is None:
        yield Complaint(
            "threshold",
            "threshold has no effect without min_nakamoto",
            "fill in min_nakamoto or clear threshold",
            "warning",
        )


def _measure(rule: DiversityRow, _: Book) -> Iterator[Complaint]:
    measures = MEASURES[rule.role]
    if rule.measure and rule.measure not in measures:
        yield Complaint(
            "measure",
            f"measure {rule.measure!r} does not fit the role {rule.role}",
            f"write {', '.join(measures[:-1])} or {measures[-1]}",
        )
    if rule.measure in ("nodes", "sites") and rule.applies_to:
        yield Complaint(
            "applies_to",
            f"{rule.measure} are shared by all, so they cannot be counted for {rule.applies_to!r}"
            " alone",
            f"clear applies_to, or write measure {measures[0]}",
        )


def _applies_to(rule: DiversityRow, book: Book) -> Iterator[Complaint]:
    sheets = [_SHEETS[kind] for kind in APPLIES_TO[rule.role]]
    is_wrong = rule.applies_to not in {"", *book.unknown} and _subject(book, rule) is None
    if is_wrong and all(map(book.has_all_names, sheets)):
        known = [name for sheet in sheets for name in book.names(sheet)]
        yield Complaint(
            "applies_to",
            f"applies_to {rule.applies_to!r} is not a {' or a '.join(APPLIES_TO[rule.role])},"
            f" which is what the role {rule.role} can apply to",
            did_you_mean(rule.applies_to.rpartition(":")[2], known, "leave it blank for all"),
        )


def _subject(book: Book, rule: DiversityRow) -> Item | None:
    """Return what the row applies to; None if it names nothing that suits its role."""
    for kind in APPLIES_TO[rule.role]:
        known = book.names(_SHEETS[kind])
        if rule.applies_to in known:
            return Item(kind, rule.applies_to)
    prefix, _, name = rule.applies_to.partition(":")
    kind = prefix.strip().casefold()
    if kind in APPLIES_TO[rule.role] and name.strip() in book.names(_SHEETS[kind]):
        return Item(kind, name.strip())
    return None


def plain_rules(book: Book, directory: Directory) -> tuple[DiversityRow, ...]:
    """Return the rows with kind, measure and applies_to spelled the one way that rules expect.

    Models are `model:name`; committees, regions and policies are bare names.
    """
    rules = []
    for rule in book.rows(DiversityRow):
        applies_to = rule.applies_to
        found = _subject(book, rule) if applies_to else None
        if found is not None:
            applies_to = str(found) if found.kind == "model" else found.name
        measure = rule.measure or MEASURES[rule.role][0]
        kind = directory.kind(rule.kind) if rule.kind else ""
        rules.append(replace(rule, kind=kind, measure=measure, applies_to=applies_to))
    return tuple(rules)


def _distinct(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield limits on how many dependencies there must be that are above what is on offer."""
    network = bounds.network
    for rule in network.diversity:
        for limit in ("min_distinct", "min_nakamoto"):
            wanted = getattr(rule, limit)
            is_lenient = limit == "min_nakamoto" and rule.threshold == 1
            if wanted is None or rule.penalty is not None or is_lenient:
                continue
            for name, keys in _placed(bounds, rule):
                count = _dependencies(network, rule, keys)
                if count is not None and count < wanted:
                    of = f" that committee {name!r} may use" if name else ""
                    yield book.finding(
                        rule,
                        limit,
                        f"{limit} {wanted} of kind {rule.kind!r}, but the {rule.role}"
                        f" nodes{of} hang on {count} only",
                        f"offer nodes on more of them, or lower {limit}",
                    )
                    break


def _shares(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield shares that cannot add up to all.

    Seats and copies must be had, so that is an error; of requests and nodes there may be none.
    """
    for rule, name, count in too_small(bounds):
        asked = rule.measure == "requests" and any(
            demand.requests_per_s > 0
            and rule.applies_to in ("", demand.region, f"model:{demand.model}")
            for demand in bounds.network.demand
        )
        required = asked and bounds.network.settings.require_served
        must_be = rule.measure in ("seats", "copies") or required
        of = f" that committee {name!r} may use" if name else ""
        share = f"{100 * (rule.max_share or 0.0):.4g}%"
        end = "" if must_be else ", and none is served or placed"
        yield book.finding(
            rule,
            "max_share",
            f"each {rule.kind} may have {share}, but the {rule.role} nodes{of} hang on"
            f" {count} only: the shares cannot add up to 100%{end}",
            "offer nodes on more of them, or raise max_share",
            "error" if must_be else "warning",
        )


def too_small(bounds: Bounds) -> Iterator[tuple[DiversityRow, str, int]]:
    """Yield rows whose shares cannot add up to all, of which committee, and on how many."""
    for rule in bounds.network.diversity:
        if rule.max_share is None or rule.penalty is not None or rule.dependency:
            continue
        for name, keys in _placed(bounds, rule):
            count = _dependencies(bounds.network, rule, keys)
            if count is not None and count * rule.max_share < 1 - 1e-9:
                yield rule, name, count
                break


def _placed(bounds: Bounds, rule: DiversityRow) -> Iterator[tuple[str, tuple[OfferKey, ...]]]:
    """Yield what the rule applies to one by one, with the offers that may be used for it.

    What has no offer at all is said of it elsewhere.
    """
    network, keys = bounds.network, bounds.offers.get(rule.role, ())
    if rule.measure == "seats" and rule.scope == "each":
        for name, committee in network.committees.items():
            if rule.applies_to in ("", name) and committee.seats and bounds.seatable(committee):
                yield name, bounds.seatable(committee)
        return
    is_asked = {
        "seats": any(committee.seats for committee in network.committees.values()),
        "copies": any(
            model.copies and rule.applies_to in ("", f"model:{model.model}")
            for model in network.models.values()
        ),
    }
    if keys and is_asked.get(rule.measure, True):
        yield "", keys


def _dependencies(network: Network, rule: DiversityRow, keys: tuple[OfferKey, ...]) -> int | None:
    """Return how many outermost dependencies the offers hang on; None if some hang on none."""
    found: set[Item] = set()
    for key in keys:
        site = Item("site", key.site)
        hangs_on = (
            network.graph.hangs_on(site) if rule.measure == "sites" else network.hangs_on(key)
        )
        mine = network.graph.outermost(
            frozenset(item for item in hangs_on if item.kind == rule.kind)
        )
        # What hangs on none of the kind cannot be lost with any of them.
        if not mine:
            return None
        found |= mine
    return len(found)


def _beyond_choice(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield what min_collapse leaves out: dependencies that all offers for a thing hang on."""
    network = bounds.network
    for rule in network.diversity:
        if rule.min_collapse is None:
            continue
        found = {
            item
            for item in _given(network, rule)
            if rule.kind in ("", item.kind) and not is_unknown(item)
        }
        if found:
            names = listed([str(item) for item in sorted(found)])
            it, they = ("it", "it is") if len(found) == 1 else ("them", "they are")
            whose = (
                "every way to serve, or to verify, some demand row"
                if rule.role == "execution"
                else "every offer that min_collapse is about"
            )
            yield book.finding(
                rule,
                "min_collapse",
                f"{whose} hangs on {names}: no placement avoids {it}, so {they} taken not to fail",
                f"offer nodes that do not hang on {it}",
                "warning",
            )


def _given(network: Network, rule: DiversityRow) -> Iterator[Item]:
    """Yield what is on every way to serve or verify a row, or under all offers for a role."""
    if rule.role == "execution":
        for asking, rows in asked(network):
            for row in rows if asking is rule else ():
                yield from unavoidable_to(network, row) or ()
        return
    for of in _guaranteed(network, rule):
        yield from unavoidable(network, rule.role, of)


def _guaranteed(network: Network, rule: DiversityRow) -> tuple[str, ...]:
    """Return what has eligible offers of its own: committees; of other roles all have the same."""
    if rule.role != "coordination":
        return ("",)
    return tuple(name for name in network.committees if rule.applies_to in ("", name))


SUBJECT = Subject(
    rows=tuple(
        (DiversityRow, check)
        for check in (_has_limit, _kind, _counts, _threshold, _collapse, _measure, _applies_to)
    ),
    network=(_distinct, _shares, _beyond_choice),
)
