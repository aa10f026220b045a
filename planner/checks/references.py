"""Do names lead somewhere? Unique keys, one spelling per name, and references that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from models.data import (
    SHEETS,
    Committee,
    Demand,
    Dependency,
    LoadedToday,
    Lock,
    Model,
    NodeType,
    Offer,
    Provider,
    Region,
    Row,
    SeatToday,
    Site,
)
from models.fields import Kind, columns, header_of
from planner.checks.subject import Subject
from planner.checks.totals import is_total
from planner.workbook.book import Book, is_read, keys_of, names_of
from planner.workbook.findings import Finding, some
from planner.workbook.names import did_you_mean, fold_name, listed
from planner.workbook.tables import NO_NAMES
from planner.workbook.unread import UNREAD

Word = tuple[Row, str, str]
"""A row, the attribute that holds a name, and the name."""


def _duplicates(book: Book) -> Iterator[Finding]:
    """Yield rows that name the same thing as an earlier one."""
    for row_class in SHEETS.values():
        keys = keys_of(row_class)
        if keys:
            yield from _named_twice(book, row_class, keys)


def _named_twice(book: Book, row_class: type[Row], keys: tuple[str, ...]) -> Iterator[Finding]:
    first: dict[tuple[str, ...], Row] = {}
    declared = columns(row_class)
    for row in book.rows(row_class):
        if not is_read(row, *keys):
            continue
        key = tuple(fold_name(getattr(row, name)) for name in keys)
        if key not in first:
            first[key] = row
            continue
        earlier = first[key]
        words = ", ".join(
            f"{header_of(name, declared[name])} {getattr(row, name)!r}"
            for name in keys
            if getattr(row, name)
        )
        if all(getattr(row, name) == getattr(earlier, name) for name in keys):
            message = f"{words} is already in {book.place(earlier, keys[0])}"
            yield book.finding(row, keys[0], message, "join the two rows or rename one")
        else:
            message = (
                f"{words} differs from {book.place(earlier, keys[0])}"
                " only by case, spaces or invisible characters"
            )
            yield book.finding(row, keys[0], message, "rename one, or join the two rows")


def _references(row_class: type[Row]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every attribute that names rows, and the sheets that they are in."""
    for attribute, declared in columns(row_class).items():
        references = declared.references
        if attribute == "node_type" and row_class in (SeatToday, LoadedToday, Lock):
            references = ("Node types",)
        if references:
            yield attribute, references


def without_unknown(book: Book, findings: list[Finding]) -> Book:
    """Return the book with the names that no row has as UNREAD; append one finding for each.

    Names that refer to a sheet that is not there give one finding together.
    """
    tables = dict(book.tables)
    used: dict[tuple[tuple[str, ...], str], list[Word]] = {}
    missing = set(book.missing)
    for row_class, table in book.tables.items():
        for attribute, sheets in _references(row_class):
            # What a cell or sheet that cannot be read would have named is unknown, not wrong.
            if not all(map(book.has_all_names, sheets)):
                continue
            known = {name for sheet in sheets for name in book.names(sheet)}
            absent = {SHEETS[sheet] for sheet in sheets} if not known else set()
            absent = {named for named in absent if not book.has(named)}
            rows = []
            for row, current in zip(table.rows, tables[row_class].rows, strict=True):
                unknown = [name for name in names_of(getattr(row, attribute)) if name not in known]
                for name in unknown:
                    key = sheets, "" if absent else name
                    used.setdefault(key, []).append((row, attribute, name))
                missing |= absent if unknown else set()
                rows.append(replace(current, **{attribute: UNREAD}) if unknown else current)
            tables[row_class] = replace(table, rows=tuple(rows))
    findings.extend(_unknown(book, sheets, words) for (sheets, _), words in used.items())
    unknown_names = frozenset(name for words in used.values() for _, _, name in words)
    return replace(book, tables=tables, unknown=unknown_names, missing=frozenset(missing))


def _unknown(book: Book, sheets: tuple[str, ...], words: list[Word]) -> Finding:
    row, attribute, name = words[0]
    known = [other for sheet in sheets for other in book.names(sheet)]
    titles = " or ".join(book.title(SHEETS[sheet]) for sheet in sheets)
    declared = columns(type(row))[attribute]
    cells = [
        book.cell(other, column) if type(other) is type(row) else book.place(other, column)
        for other, column, _ in words
    ]
    where = f" ({len(cells)} cells: {some(cells)})" if len(cells) > 1 else ""
    names = listed(list(dict.fromkeys(repr(name) for _, _, name in words)))
    message = f"{header_of(attribute, declared)} {names} is not in {titles}{where}"
    way_out = did_you_mean(name, known, f"add it to {titles}")
    if not any(book.has(SHEETS[sheet]) for sheet in sheets):
        message = f"{header_of(attribute, declared)} {names}, but there is no sheet {titles}{where}"
        way_out = f"add the sheet{'' if declared.required else ', or leave the cells blank'}"
    if fold_name(name) in NO_NAMES | {"none"}:
        way_out = "leave the cell blank for none"
        if declared.required:
            way_out = f"write which it is, or a name of your own, and add it to {titles}"
    if is_total(name):
        way_out = "delete the row, which adds up others"
    return book.finding(row, attribute, message, way_out)


def _unlisted(book: Book) -> Iterator[Finding]:
    for listing, using, attribute, outcome in (
        (NodeType, Offer, "node_type", "counts as execution with defaults"),
        (Region, Demand, "region", "has no coordinates"),
    ):
        if book.is_whole(listing, attribute):
            yield from _not_listed(book, listing, using, attribute, outcome)


def _not_listed(
    book: Book, listing: type[Row], using: type[Row], attribute: str, outcome: str
) -> Iterator[Finding]:
    """Yield, once each, names that need not be listed but are missing from a list that exists."""
    known = [getattr(row, attribute) for row in book.rows(listing)]
    seen = set(known) if known else None
    for row in book.rows(using):
        name = getattr(row, attribute)
        if seen is None or name is UNREAD or name in seen:
            continue
        seen.add(name)
        yield book.finding(
            row,
            attribute,
            f"{attribute} {name!r} is not in {book.title(listing)} and {outcome}",
            did_you_mean(name, known, f"add it to {book.title(listing)}"),
            "warning",
        )


def _spellings(book: Book) -> Iterator[Finding]:
    """Yield names that would count as two things though a reader takes them for one."""
    first: dict[tuple[str, str], Word] = {}
    reported = set()
    for kind, (row, attribute, name) in _words(book):
        earlier_row, earlier_attribute, earlier = first.setdefault(
            (kind, fold_name(name)), (row, attribute, name)
        )
        if name == earlier or (kind, name) in reported:
            continue
        reported.add((kind, name))
        if type(row) is type(earlier_row) and keys_of(type(row)) == (attribute,):
            continue  # compared as keys already
        message = (
            f"{kind} {name!r} differs from {earlier!r} in"
            f" {book.place(earlier_row, earlier_attribute)}"
            " only by case, spaces or invisible characters"
        )
        yield book.finding(row, attribute, message, "write both the same way")


def _words(book: Book) -> Iterator[tuple[str, Word]]:
    """Yield every use of a name that no other sheet has to declare, with its kind."""
    plain: tuple[tuple[type[Row], str, str], ...] = (
        (Provider, "provider", "provider"),
        (Region, "region", "region"),
        (Demand, "region", "region"),
        (NodeType, "node_type", "node type"),
        (Offer, "node_type", "node type"),
        (Demand, "service_class", "class"),
    )
    yield from _words_in(book, plain)
    for row_class in (Site, NodeType, Model):
        attributes = [
            (row_class, name, declared.dependency)
            for name, declared in columns(row_class).items()
            if declared.kind is Kind.NEEDS and declared.dependency
        ]
        yield from _words_in(book, attributes)
    for site in book.rows(Site):
        for kind, needs in site.other:
            for name in names_of(needs):
                yield kind, (site, f"dep: {kind}", name)
    for dependency in book.rows(Dependency):
        if is_read(dependency, "dependency", "kind"):
            yield dependency.kind, (dependency, "dependency", dependency.dependency)
    # Lists of places come last: the spelling of the sites is the one that counts.
    lists = [
        (row_class, attribute, kind)
        for row_class in (Demand, Committee)
        for attribute, kind in (("countries", "country"), ("blocs", "bloc"))
    ]
    yield from _words_in(book, lists)


def _words_in(
    book: Book, places: Iterable[tuple[type[Row], str, str]]
) -> Iterator[tuple[str, Word]]:
    for row_class, attribute, kind in places:
        for row in book.rows(row_class):
            for name in names_of(getattr(row, attribute)):
                yield kind, (row, attribute, name)


def _offer_labels(book: Book) -> Iterator[Finding]:
    """Yield offers whose label `site/node_type` is that of another offer."""
    labels: dict[str, Offer] = {}
    for offer in book.rows(Offer):
        if not is_read(offer, "site", "node_type"):
            continue
        earlier = labels.setdefault(str(offer.key), offer)
        if earlier.key != offer.key:
            yield book.finding(
                offer,
                "site",
                f"{offer.key} is also the label of {book.place(earlier, 'site')}",
                "use no / in one of the names",
            )


SUBJECT = Subject(sheets=(_duplicates, _unlisted, _spellings, _offer_labels))
