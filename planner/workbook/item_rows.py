"""Routes, Exposure and Shocks from names to items, with what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.data import ExposureRow, Item, Provider, Route, Row, Shock
from models.exposure import NOT_DEPENDENCIES, Exposure
from models.network import Link
from models.service import ESTIMATE, UNKNOWN_ROUTE
from planner.workbook.book import Book
from planner.workbook.findings import Finding
from planner.workbook.item_names import Directory, UnclearName
from planner.workbook.names import nearest

ORIGINS = frozenset({"region", "site"})
TARGETS = frozenset({"site", "upstream"})


@dataclass(frozen=True)
class Resolved:
    """What Routes, Exposure and Shocks say, as items."""

    links: tuple[Link, ...]
    exposures: tuple[Exposure, ...]
    shock_items: Mapping[str, frozenset[Item]]


class _Resolver:
    def __init__(self, book: Book, directory: Directory, findings: list[Finding]) -> None:
        self.book = book
        self.directory = directory
        self.findings = findings

    def report(self, row: Row, attribute: str, error: UnclearName) -> None:
        header = {"origin": "from", "target": "to"}.get(attribute, attribute)
        self.findings.append(
            self.book.finding(row, attribute, f"{header} {error.message}", error.way_out)
        )

    def links(self) -> Iterator[Link]:
        labels: dict[tuple[Item, Item], dict[str, Route]] = defaultdict(dict)
        named = {(route.origin, route.target, route.route) for route in self.book.rows(Route)}
        for route in self.book.rows(Route):
            origin = self.end(route, "origin", ORIGINS)
            target = self.end(route, "target", TARGETS)
            via = self.via(route)
            if origin is None or target is None:
                continue
            if origin == target:
                self.findings.append(
                    self.book.finding(
                        route,
                        "target",
                        f"the route leads from {origin.name!r} to itself",
                        "name two different places or clear the row",
                    )
                )
                continue
            taken = labels[origin, target]
            label = self.label(route, taken, named)
            taken[label] = route
            yield Link(
                origin, target, route.latency_ms, route.cost_per_million, via, label, route.row
            )

    def end(self, route: Route, attribute: str, kinds: frozenset[str]) -> Item | None:
        name = getattr(route, attribute)
        try:
            return self.directory.find(name, kinds)
        except UnclearName as error:
            wrong = [item.kind for item in self.directory.things.get(name, ())]
            if wrong and "not known" in error.message:
                wanted = " or a ".join(sorted(kinds))
                error = UnclearName(
                    f"{name!r} is a {wrong[0].replace('_', ' ')}, not a {wanted}",
                    "from names a region or site, to a site or upstream",
                )
            self.report(route, attribute, error)
        return None

    def label(
        self, route: Route, taken: Mapping[str, Route], named: set[tuple[str, str, str]]
    ) -> str:
        if route.route in (ESTIMATE, UNKNOWN_ROUTE):
            self.findings.append(
                self.book.finding(
                    route,
                    "route",
                    f"route {route.route!r} is a word of the plan's own",
                    "give the route another name",
                )
            )
        if route.route:
            if route.route in taken:
                place = self.book.place(taken[route.route], "route")
                self.findings.append(
                    self.book.finding(
                        route,
                        "route",
                        f"route {route.route!r} of this pair is already in {place}",
                        "give each alternative its own name",
                    )
                )
            return route.route
        number, label = 1, "direct"
        while label in taken or (route.origin, route.target, label) in named:
            number += 1
            label = f"route {number}"
        return label

    def via(self, route: Route) -> tuple[tuple[Item, ...], ...]:
        found = []
        for any_of in route.via or ():
            try:
                found.append(tuple(self.cable(name) for name in any_of))
            except UnclearName as error:
                self.report(route, "via", error)
        return tuple(found)

    def cable(self, name: str) -> Item:
        item = Item("cable", name)
        if item not in self.directory.of(name):
            known = self.directory.dependency(name)
            item = known or self.new(name) or item
        self.directory.add(item)
        return item

    def new(self, name: str) -> Item | None:
        """Return the dependency that `kind:name` spells; None if the text has no kind."""
        item = self.directory.split(name)
        if item is None:
            return None
        if item.kind in NOT_DEPENDENCIES:
            raise UnclearName(
                f"{name!r} is a {item.kind.replace('_', ' ')}, not a dependency",
                "name a dependency, or write kind:name for a new one",
            )
        providers = self.directory.of_kind("provider")
        if item.kind == "provider" and item.name not in providers:
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
            for any_of in row.depends_on or ():
                for name in any_of:
                    self.create(row, name)
        for row in rows:
            item = self.item(row)
            for any_of in row.depends_on or ():
                needed = [self.needed(row, name) for name in any_of]
                known = tuple(dependency for dependency in needed if dependency is not None)
                if item is not None and len(known) == len(any_of):
                    yield Exposure(item, known, row.confidence), row, "depends_on"

    def create(self, row: ExposureRow, name: str) -> None:
        if name in self.directory.dependencies or name in self.directory.things:
            return
        try:
            item = self.new(name)
        except UnclearName:
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

    def item(self, row: ExposureRow) -> Item | None:
        try:
            return self.directory.find(row.item)
        except UnclearName as error:
            self.report(row, "item", error)
        return None

    def needed(self, row: Row, name: str, attribute: str = "depends_on") -> Item | None:
        try:
            item = self.directory.dependency(name) or self.new(name)
            if item is not None:
                return item
            guess = self.directory.guess(name, {*self.directory.kinds.values()})
            things = self.directory.things.get(name)
            if things:
                kind = things[0].kind.replace("_", " ")
                raise UnclearName(
                    f"{name!r} is a {kind}, not a dependency",
                    "name a dependency, or write kind:name for a new one",
                )
            raise UnclearName(f"{name!r} is not a known dependency", guess)
        except UnclearName as error:
            self.report(row, attribute, error)
        return None

    def shocks(self) -> Iterator[tuple[str, frozenset[Item]]]:
        kinds = {*self.directory.kinds.values(), "site"}
        for shock in self.book.rows(Shock):
            items = set()
            for any_of in shock.takes_down or ():
                if len(any_of) > 1:
                    self.report(
                        shock,
                        "takes_down",
                        UnclearName(
                            f"{' | '.join(any_of)!r} leaves open what fails",
                            "write one shock per alternative, or ; where all of them fail",
                        ),
                    )
                for name in any_of:
                    try:
                        items.add(self.directory.find(name, kinds))
                    except UnclearName as error:
                        self.report(shock, "takes_down", error)
            if not shock.takes_down and shock.takes_down is not None:
                self.report(
                    shock,
                    "takes_down",
                    UnclearName("names nothing", "name the dependencies or sites that fail"),
                )
            yield shock.shock, frozenset(items)

    def cycles(self, exposures: tuple[tuple[Exposure, Row, str], ...]) -> Iterator[Finding]:
        """Yield, once each, the dependencies that hang on themselves."""
        edges: dict[Item, list[tuple[Item, Row, str]]] = defaultdict(list)
        for exposure, row, attribute in exposures:
            for item in exposure.any_of:
                edges[exposure.item].append((item, row, attribute))
        done: set[Item] = set()
        for start in edges:
            yield from self.cycles_from(start, edges, done)

    def cycles_from(
        self, start: Item, edges: Mapping[Item, list[tuple[Item, Row, str]]], done: set[Item]
    ) -> Iterator[Finding]:
        path: list[Item] = [start]
        waiting = [iter(edges.get(start, ()))] if start not in done else []
        while waiting:
            step = next(waiting[-1], None)
            if step is None:
                done.add(path.pop())
                waiting.pop()
                continue
            item, row, attribute = step
            if item in path:
                chain = " > ".join(str(i) for i in [*path[path.index(item) :], item])
                yield self.book.finding(
                    row,
                    attribute,
                    f"{item} hangs on itself: {chain}",
                    "remove one link of the chain",
                )
            elif item not in done:
                path.append(item)
                waiting.append(iter(edges.get(item, ())))


def resolve(book: Book, directory: Directory, findings: list[Finding]) -> Resolved:
    """Return Routes, Exposure and Shocks as items; append what is wrong to the findings."""
    resolver = _Resolver(book, directory, findings)
    links = tuple(resolver.links())
    exposures = tuple(resolver.exposures())
    parents = tuple(_parents(book))
    shocks = dict(resolver.shocks())
    findings.extend(resolver.cycles((*parents, *exposures)))
    return Resolved(links, tuple(exposure for exposure, _, _ in exposures), shocks)


def _parents(book: Book) -> Iterator[tuple[Exposure, Row, str]]:
    for provider in book.rows(Provider):
        for any_of in provider.parent or ():
            parents = tuple(Item("provider", name) for name in any_of)
            yield Exposure(Item("provider", provider.provider), parents), provider, "parent"
