"""Diversity rows: do they say something that can be checked, about something that exists?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from models.data import DiversityRow, Item, Policy
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.item_names import Directory
from planner.workbook.known_names import Names
from planner.workbook.names import did_you_mean

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
LIMITS = ("max_share", "max_count", "min_count", "min_distinct", "min_nakamoto")
_SHEETS = {
    "region": "Regions",
    "model": "Models",
    "policy": "Verification",
    "committee": "Committees",
}


def check_kinds(book: Book, directory: Directory) -> Iterator[Finding]:
    """Yield the kinds and named dependencies of Diversity and Verification that do not exist."""
    for rule in book.rows(DiversityRow):
        kind = directory.kind(rule.kind)
        if kind not in directory.kinds.values():
            yield book.finding(
                rule,
                "kind",
                f"kind {rule.kind!r} is that of no dependency",
                _kind_guess(directory, rule.kind),
            )
        elif rule.dependency and Item(kind, rule.dependency) not in directory.of(rule.dependency):
            yield book.finding(
                rule,
                "dependency",
                f"dependency {rule.dependency!r} is no known {kind}",
                did_you_mean(rule.dependency, directory.of_kind(kind), "add it to Dependencies"),
            )
    for policy in book.rows(Policy):
        for name in policy.independent_of:
            if directory.kind(name) not in directory.kinds.values():
                yield book.finding(
                    policy,
                    "independent_of",
                    f"independent_of {name!r} is the kind of no dependency",
                    _kind_guess(directory, name),
                )


def _kind_guess(directory: Directory, text: str) -> str:
    if text.strip().casefold() == "parent":
        return "write provider: parents are providers"
    kinds = ", ".join(sorted(directory.kinds.values()))
    return did_you_mean(text, directory.kinds.values(), f"name one of {kinds}")


def check_limits(book: Book) -> Iterator[Finding]:
    """Yield Diversity rows without a limit, or with one that lacks what it needs."""
    names = Names(book).by_sheet
    for rule in book.rows(DiversityRow):
        if all(getattr(rule, limit) is None for limit in LIMITS):
            yield book.finding(
                rule,
                "rule",
                f"rule {rule.rule!r} has no limit",
                f"fill in one of {', '.join(LIMITS)}",
            )
        if rule.min_count is not None and not rule.dependency:
            yield book.finding(
                rule,
                "min_count",
                "min_count needs a named dependency",
                "fill in dependency, or use min_distinct",
            )
        # Each committee has a threshold of its own: what exceeds max_faulty breaks it.
        has_own = (
            rule.role == "coordination" and rule.measure in ("", "seats") and rule.scope == "each"
        )
        if rule.min_nakamoto is not None and rule.threshold is None and not has_own:
            yield book.finding(
                rule,
                "min_nakamoto",
                "min_nakamoto needs a threshold",
                "fill in threshold: the fraction that breaks the role, e.g. 0.333",
            )
        if rule.threshold is not None and rule.min_nakamoto is None:
            yield book.finding(
                rule,
                "threshold",
                "threshold has no effect without min_nakamoto",
                "fill in min_nakamoto or clear threshold",
                "warning",
            )
        for limit in ("min_distinct", "min_nakamoto"):
            if getattr(rule, limit) is not None and rule.dependency:
                yield book.finding(
                    rule,
                    limit,
                    f"{limit} counts dependencies but the row names one, {rule.dependency!r}",
                    "clear dependency or the limit",
                )
        if (
            rule.min_count is not None
            and rule.max_count is not None
            and rule.min_count > rule.max_count
        ):
            yield book.finding(
                rule,
                "min_count",
                f"min_count {rule.min_count} is above max_count {rule.max_count}",
                "swap or correct them",
            )
        yield from _measure(book, rule)
        yield from _applies_to(book, names, rule)


def _measure(book: Book, rule: DiversityRow) -> Iterator[Finding]:
    measures = MEASURES.get(rule.role, ())
    if rule.measure and measures and rule.measure not in measures:
        yield book.finding(
            rule,
            "measure",
            f"measure {rule.measure!r} does not fit the role {rule.role}",
            f"write {', '.join(measures[:-1])} or {measures[-1]}",
        )
    if rule.measure in ("nodes", "sites") and rule.applies_to:
        yield book.finding(
            rule,
            "applies_to",
            f"{rule.measure} are shared by all, so they cannot be counted for"
            f" {rule.applies_to!r} alone",
            f"clear applies_to, or write measure {measures[0]}",
        )


def _applies_to(
    book: Book, names: Mapping[str, tuple[str, ...]], rule: DiversityRow
) -> Iterator[Finding]:
    allowed = APPLIES_TO.get(rule.role, ())
    if not rule.applies_to or not allowed:
        return
    if _subject(names, rule) is None:
        known = [name for kind in allowed for name in names[_SHEETS[kind]]]
        wanted = " or a ".join(allowed)
        yield book.finding(
            rule,
            "applies_to",
            f"applies_to {rule.applies_to!r} is not a {wanted}, which is what"
            f" the role {rule.role} can apply to",
            did_you_mean(rule.applies_to.rpartition(":")[2], known, "leave it blank for all"),
        )


def _subject(names: Mapping[str, tuple[str, ...]], rule: DiversityRow) -> Item | None:
    """Return what the row applies to; None if it names nothing that suits its role."""
    for kind in APPLIES_TO.get(rule.role, ()):
        known = names[_SHEETS[kind]]
        if rule.applies_to in known:
            return Item(kind, rule.applies_to)
    prefix, _, name = rule.applies_to.partition(":")
    kind = prefix.strip().casefold()
    if kind in APPLIES_TO.get(rule.role, ()) and name.strip() in names[_SHEETS[kind]]:
        return Item(kind, name.strip())
    return None


def plain_rules(book: Book, directory: Directory) -> tuple[DiversityRow, ...]:
    """Return the rows with kind, measure and applies_to spelled the one way that rules expect.

    Models are `model:name`; committees, regions and policies are bare names.
    """
    names = Names(book).by_sheet
    rules = []
    for rule in book.rows(DiversityRow):
        applies_to = rule.applies_to
        found = _subject(names, rule) if applies_to else None
        if found is not None:
            applies_to = str(found) if found.kind == "model" else found.name
        measure = rule.measure or MEASURES.get(rule.role, ("",))[0]
        kind = directory.kind(rule.kind)
        rules.append(replace(rule, kind=kind, measure=measure, applies_to=applies_to))
    return tuple(rules)
