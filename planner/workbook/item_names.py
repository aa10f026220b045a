"""Text to items: what a name in Routes, Exposure, Shocks or Diversity stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from models.data import ROLES, Dependency, ExposureRow, Item, Model, NodeType, Route, Site
from models.exposure import EVERYTHING, NOT_DEPENDENCIES
from models.fields import Kind, columns
from models.network import NODE_TYPE_ATTRIBUTES, SITE_ATTRIBUTES
from planner.workbook.book import Book, is_read, names_of
from planner.workbook.cells import CellError
from planner.workbook.names import did_you_mean, fold_header
from planner.workbook.unread import UNREAD, UnreadCell

THINGS = {
    "Sites": "site",
    "Regions": "region",
    "Node types": "node_type",
    "Models": "model",
    "Verification": "policy",
    "Committees": "committee",
}
"""What the sheets name that is no dependency."""

EVERY = "*"
BUILT_IN_KINDS = ("provider", *SITE_ATTRIBUTES, *NODE_TYPE_ATTRIBUTES, "upstream", "cable")


class UnclearName(CellError):
    """A name that stands for nothing, or for several things."""


@dataclass
class Directory:
    """Every item that a name may stand for."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    """Things (sites, regions, models and the like) and dependencies, by name."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Kinds of dependency by folded spelling."""
    unknown: frozenset[str] = frozenset()
    """Names that are reported already."""
    partial: set[str] = field(default_factory=set)
    """Kinds of which some names could not be read; EVERY for every kind of dependency."""

    def kind(self, text: str) -> str:
        """Return the kind as it was spelled first, however it is spelled here."""
        return self.kinds.get(fold_header(text), text.strip())

    def is_kind(self, text: str) -> bool:
        """Return whether the kind is known; raise UnreadCell if it may stand in an unread cell."""
        if self.kind(text) not in self.kinds.values():
            self.must_be_whole([])
            return False
        return True

    def add(self, item: Item) -> None:
        """Make a thing or dependency known."""
        if item.kind not in NOT_DEPENDENCIES:
            self.kinds.setdefault(fold_header(item.kind), item.kind)
        found = self.items.setdefault(item.name, [])
        if item not in found:
            found.append(item)

    def has(self, item: Item) -> bool:
        """Return whether the item is a known thing or dependency."""
        if item.kind == "role":
            return item.name in ROLES
        return item in self.items.get(item.name, ())

    def of(self, name: str) -> list[Item]:
        """Return the dependencies of that name."""
        return [item for item in self.items.get(name, ()) if item.kind not in NOT_DEPENDENCIES]

    def thing(self, name: str) -> Item | None:
        """Return a site, region, model or the like of that name, None if there is none."""
        found = self.items.get(name, ())
        return next((item for item in found if item.kind in NOT_DEPENDENCIES), None)

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the things or dependencies of one kind."""
        return [name for name, items in self.items.items() if kind in {item.kind for item in items}]

    def find(self, name: str, kinds: Collection[str] | None = None) -> Item:
        """Return the one thing or dependency meant, of one of the kinds if given.

        Raises UnclearName if the name stands for none or for several.
        """
        exact = [item for item in self.items.get(name, ()) if kinds is None or item.kind in kinds]
        if exact:
            return _only(name, exact)
        split = self.split(name)
        if split is not None and (kinds is None or split.kind in kinds):
            if self.has(split):
                return split
            self.must_be_whole([split.kind])
            known = self.of_kind(split.kind)
            raise UnclearName(
                f"there is no {split.kind} {split.name!r}",
                did_you_mean(split.name, known, "add it to its sheet"),
            )
        if name in self.unknown:
            raise UnreadCell
        if self.thing(name) is None:
            self.must_be_whole(kinds)
        raise UnclearName(f"{name!r} is not known", self.guess(name, kinds))

    def must_be_whole(self, kinds: Collection[str] | None) -> None:
        """Raise UnreadCell if a name of one of the kinds may stand in a cell beyond reading."""
        of_things = kinds is not None and {*kinds} and {*kinds} <= {*THINGS.values()}
        if EVERY in self.partial and not of_things:
            raise UnreadCell
        if self.partial if kinds is None else self.partial & {*kinds}:
            raise UnreadCell

    def dependency(self, name: str) -> Item | None:
        """Return the one dependency of that exact name, None if there is none."""
        return _only(name, found) if (found := self.of(name)) else None

    def split(self, name: str) -> Item | None:
        """Return the item that `kind:name` spells, known or not; None if it is no such text."""
        kind, colon, rest = name.partition(":")
        if not colon or not kind.strip() or not rest.strip():
            return None
        folded = fold_header(kind)
        for thing in sorted(NOT_DEPENDENCIES):
            if folded == fold_header(thing):
                return Item(thing, rest.strip())
        return Item(self.kind(kind), rest.strip())

    def guess(self, name: str, kinds: Collection[str] | None) -> str:
        """Return a question with the nearest name, or how to name something new."""
        if kinds is None:
            known = list(self.items)
        else:
            known = [name for kind in sorted(kinds) for name in self.of_kind(kind)]
        return did_you_mean(name, known, f"add it to a sheet, or write kind:{name}")


def _only(name: str, items: Iterable[Item]) -> Item:
    found = list(dict.fromkeys(items))
    if len(found) == 1:
        return found[0]
    options = " or ".join(str(item) for item in sorted(found))
    words = " and ".join(f"a {item.kind.replace('_', ' ')}" for item in sorted(found))
    raise UnclearName(f"{name!r} is {words}", f"write {options}")


def directory(book: Book) -> Directory:
    """Return everything that the sheets name, cables of Routes and Exposure excepted."""
    found = Directory(unknown=book.unknown)
    for sheet, kind in THINGS.items():
        for name in book.names(sheet):
            found.add(Item(kind, name))
        if not book.has_all_names(sheet):
            found.partial.add(kind)
    found.items.setdefault("*", []).append(EVERYTHING)
    for kind in BUILT_IN_KINDS:
        found.kinds[fold_header(kind)] = kind
    for name in book.names("Providers"):
        found.add(Item("provider", name))
    if not book.has_all_names("Providers"):
        found.partial.add("provider")
    _add_attributes(book, found)
    for row_class, attributes in (
        (Dependency, ("dependency", "kind")),
        (Route, ("via",)),
        (ExposureRow, ("depends_on",)),
    ):
        if not book.is_whole(row_class, *attributes):
            found.partial.add(EVERY)
    for dependency in book.rows(Dependency):
        if is_read(dependency, "dependency", "kind"):
            kind = found.kind(dependency.kind)
            found.kinds.setdefault(fold_header(kind), kind)
            if dependency.dependency != "*":
                found.add(Item(kind, dependency.dependency))
    return found


def _add_attributes(book: Book, found: Directory) -> None:
    for row_class in (Site, NodeType, Model):
        for attribute, declared in columns(row_class).items():
            if declared.kind is Kind.NEEDS and declared.dependency:
                if not book.is_whole(row_class, attribute):
                    found.partial.add(declared.dependency)
                for row in book.rows(row_class):
                    for name in names_of(getattr(row, attribute)):
                        found.add(Item(declared.dependency, name))
    for site in book.rows(Site):
        for kind, needs in site.other:
            found.kinds.setdefault(fold_header(kind), kind)
            if needs is UNREAD:
                found.partial.add(found.kind(kind))
            for name in names_of(needs):
                found.add(Item(found.kind(kind), name))
