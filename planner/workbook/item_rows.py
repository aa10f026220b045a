"""Routes, Exposure and Shocks from names to items, with what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from models.data import ExposureRow, Item, Provider, Route, Row, Shock
from models.exposure import NOT_DEPENDENCIES, Exposure
from models.fields import columns, header_of
from models.network import Link
from models.service import ESTIMATE, UNKNOWN_ROUTE
from planner.workbook.book import Book, is_read, names_of
from planner.workbook.findings import Finding
from planner.workbook.item_names import Directory, UnclearName
from planner.workbook.names import nearest
from planner.workbook.unread import UNREAD, UnreadCell

ORIGINS = frozenset({"region", "site"})
TARGETS = frozenset({"site", "upstream"})

_T = TypeVar("_T")


@dataclass(frozen=True)
class Resolved:
    """What Routes, Exposure and Shocks say, as items."""

    links: tuple[Link, ...]
    exposures: tuple[Exposure, ...]
    shock_items: Mapping[str, frozenset[Item]]
    is_whole: bool
    """Whether nothing was left out for a cell that could not be read."""


def resolve(book: Book, directory: Directory, findings: list[Finding]) -> Resolved:
    """Return Routes, Exposure and Shocks as items; append what is wrong to the findings."""
    resolver = _Resolver(book, directory, findings)
    links = tuple(resolver.links())
    exposures = tuple(resolver.exposures())
    shocks = dict(resolver.shocks())
    findings.extend(_cycles(book, [*_parents(book), *exposures]))
    return Resolved(
        links, tuple(exposure for exposure, _, _ in exposures), shocks, resolver.is_whole
    )


class _Resolver:
    def __init__(self, book: Book, directory: Directory, findings: list[Finding]) -> None:
        self.book = book
        self.directory = directory
        self.findings = findings
        self.is_whole = True

    def read(self, row: Row, attribute: str, how: Callable[..., _T], *given: object) -> _T | None:
        """Return how it reads; None with a finding if it is unclear, or if a cell is unread."""
        try:
            return how(*given)
        except UnclearName as error:
            header = header_of(attribute, columns(type(row))[attribute])
            self.report(row, attribute, f"{header} {error.message}", error.way_out)
        except UnreadCell:
            self.is_whole = False
        return None

    def report(self, row: Row, attribute: str, message: str, way_out: str) -> None:
        self.findings.append(self.book.finding(row, attribute, message, way_out))

    def links(self) -> Iterator[Link]:
        labels: dict[tuple[Item, Item], dict[str, Route]] = defaultdict(dict)
        named = {
            (route.origin, route.target, route.route)
            for route in self.book.rows(Route)
            if is_read(route, "origin", "target", "route")
        }
        for route in self.book.rows(Route):
            origin = self.read(route, "origin", self.end, route.origin, ORIGINS)
            target = self.read(route, "target", self.end, route.target, TARGETS)
            via = self.via(route)
            if origin is None or target is None:
                continue
            if origin == target:
                self.report(
                    route,
                    "target",
                    f"the route leads from {origin.name!r} to itself",
                    "name two different places or clear the row",
                )
                continue
            taken = labels[origin, target]
            label = self.read(route, "route", self.label, route, taken, named)
            if label is not None:
                taken[label] = route
                price, source = route.cost_per_million, route.source
                yield Link(origin, target, route.latency_ms, price, via, label, route.row, source)

    def end(self, name: str, kinds: frozenset[str]) -> Item:
        try:
            return self.directory.find(name, kinds)
        except UnclearName as error:
            wrong = self.directory.thing(name)
            if wrong is None or "not known" not in error.message:
                raise
            wanted = " or a ".join(sorted(kinds))
            raise UnclearName(
                f"{name!r} is a {wrong.kind.replace('_', ' ')}, not a {wanted}",
                "from names a region or site, to a site or upstream",
            ) from None

    def label(
        self, route: Route, taken: Mapping[str, Route], named: set[tuple[str, str, str]]
    ) -> str:
        if route.route in (ESTIMATE, UNKNOWN_ROUTE):
            raise UnclearName(
                f"{route.route!r} is a word of the plan's own", "give the route another name"
            )
        if route.route in taken:
            place = self.book.place(taken[route.route], "route")
            raise UnclearName(
                f"{route.route!r} of this pair is already in {place}",
                "give each alternative its own name",
            )
        number, label = 1, route.route or "direct"
        while not route.route and (label in taken or (route.origin, route.target, label) in named):
            number += 1
            label = f"route {number}"
        return label

    def via(self, route: Route) -> tuple[tuple[Item, ...], ...]:
        if route.via is UNREAD:
            self.is_whole = False
            return ()
        found = (self.read(route, "via", self.cables, any_of) for any_of in route.via or ())
        return tuple(cables for cables in found if cables is not None)

    def cables(self, any_of: tuple[str, ...]) -> tuple[Item, ...]:
        return tuple(self.cable(name) for name in any_of)

    def cable(self, name: str) -> Item:
        item = Item("cable", name)
        if item not in self.directory.of(name):
            item = self.directory.dependency(name) or self.new(name) or item
        self.directory.add(item)
        return item

    def new(self, name: str) -> Item | None:
        """Return the dependency that `kind:name` spells; None if the text has no kind."""
        item = self.directory.split(name)
        if item is None:
            return None
        if item.kind in NOT_DEPENDENCIES:
            raise _not_a_dependency(name, item)
        providers = self.directory.of_kind("provider")
        if item.kind == "provider" and item.name not in providers:
            self.directory.must_be_whole(["provider"])
            guess = nearest(item.name, providers)
            raise UnclearName(
                f"{name!r} is not in Providers",
                f"did you mean 'provider:{guess}'?" if guess else "add it there",
            )
        return item

    def exposures(self) -> Iterator[tuple[Exposure, Row, str]]:
        rows = self.book.rows(ExposureRow)
        for row in rows:
            # `kind:name` creates a dependency, which other rows may then name without its kind.
            for name in names_of(row.depends_on):
                self.create(row, name)
        for row in rows:
            item = self.read(row, "item", self.directory.find, row.item)
            if not is_read(row, "depends_on", "confidence"):
                self.is_whole = False
                continue
            for any_of in row.depends_on or ():
                needed = [self.read(row, "depends_on", self.needed, name) for name in any_of]
                known = tuple(dependency for dependency in needed if dependency is not None)
                if item is not None and len(known) == len(any_of):
                    yield Exposure(item, known, row.confidence), row, "depends_on"

    def create(self, row: ExposureRow, name: str) -> None:
        if name in self.directory.items:
            return
        try:
            item = self.new(name)
        except (UnclearName, UnreadCell):
            return  # reported where the name is looked up
        if item is None:
            return
        known = list(self.directory.kinds.values())
        if item.kind not in known and nearest(item.kind, known):
            self.findings.append(
                self.book.finding(
                    row,
                    "depends_on",
                    f"the kind {item.kind!r} is new",
                    f"did you mean {nearest(item.kind, known)!r}?",
                    "warning",
                )
            )
        self.directory.add(item)

    def needed(self, name: str) -> Item:
        item = self.directory.dependency(name) or self.new(name)
        if item is not None:
            return item
        thing = self.directory.thing(name)
        if thing is not None:
            raise _not_a_dependency(name, thing)
        self.directory.must_be_whole(None)
        guess = self.directory.guess(name, {*self.directory.kinds.values()})
        raise UnclearName(f"{name!r} is not a known dependency", guess)

    def shocks(self) -> Iterator[tuple[str, frozenset[Item]]]:
        for shock in self.book.rows(Shock):
            if not is_read(shock, "shock", "takes_down"):
                self.is_whole = False
                continue
            found = [
                self.read(shock, "takes_down", self.failing, any_of)
                for any_of in shock.takes_down or ((),)
            ]
            yield shock.shock, frozenset(item for items in found for item in items or ())

    def failing(self, any_of: tuple[str, ...]) -> list[Item]:
        if not any_of:
            raise UnclearName("names nothing", "name the dependencies or sites that fail")
        if len(any_of) > 1:
            raise UnclearName(
                f"{' | '.join(any_of)!r} leaves open what fails",
                "write one shock per alternative, or ; where all of them fail",
            )
        kinds = {*self.directory.kinds.values(), "site"}
        return [self.directory.find(name, kinds) for name in any_of]


def _not_a_dependency(name: str, item: Item) -> UnclearName:
    return UnclearName(
        f"{name!r} is a {item.kind.replace('_', ' ')}, not a dependency",
        "name a dependency, or write kind:name for a new one",
    )


def _parents(book: Book) -> Iterator[tuple[Exposure, Row, str]]:
    for row in book.rows(Provider):
        if is_read(row, "provider", "parent"):
            for any_of in row.parent or ():
                parents = tuple(Item("provider", name) for name in any_of)
                yield Exposure(Item("provider", row.provider), parents), row, "parent"


def _cycles(book: Book, exposures: list[tuple[Exposure, Row, str]]) -> Iterator[Finding]:
    """Yield, once each, the dependencies that hang on themselves, at the row that closes it."""
    edges: dict[tuple[Item, Item], tuple[Row, str]] = {}
    for exposure, row, attribute in exposures:
        for item in exposure.any_of:
            edges.setdefault((exposure.item, item), (row, attribute))
    mentioned = list(dict.fromkeys(item for edge in edges for item in edge))
    while True:
        sorter: TopologicalSorter[Item] = TopologicalSorter()
        for item, needed in edges:
            sorter.add(item, needed)
        try:
            sorter.prepare()
            return
        except CycleError as error:
            circle = error.args[1][:0:-1]
        first = circle.index(min(circle, key=mentioned.index))
        circle = [*circle[first:], *circle[: first + 1]]
        row, attribute = edges.pop((circle[-2], circle[-1]))
        yield book.finding(
            row,
            attribute,
            f"{circle[0]} hangs on itself: {' > '.join(map(str, circle))}",
            "remove one link of the chain",
        )
