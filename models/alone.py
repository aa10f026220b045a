"""Which few failures end the service of one demand row at a point of the model, and rows for it.

All that is left works for the row alone, by its limits after a failure. As implicit hitting sets,
here by branching: what ends the service takes down some of every routing, and so holds a minimal
cut set of something that the routing stands on.

    S = nothing at first;  what is left without S does not serve the row: rows of its duals
    a routing does without S: go on with S ∪ K, for every small cut set K of what it stands on

Smaller sets come first, and all of no more than so many failures are looked at or ruled out by a
routing that they leave whole: where none is found, none ends the service.
                                          Source: Moreno-Centeno and Karp (2013); Benders (1962)
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from models.classes import Classes, demand_classes
from models.cut_sets import CutSet, CutSets, largest
from models.data import Demand, Item, OfferKey
from models.exposure import offer_item
from models.failover import Failure, Reach, patient
from models.lasting import asked, needed, share, unavoidable_to
from models.network import Link, Network
from models.recourse import PRESENT, Amounts, Recourse, Resource, Row
from models.replay import NOTHING, after, row_items
from models.stands import fastest_upstream
from models.ways import Ways

MOST_KEPT = 20
"""Routings that are remembered of a row: they serve it wherever there is no less of anything."""
MOST_SETS = 3
"""Sets of failures of which rows are made for one demand row at one point."""


class Routing(NamedTuple):
    """What a routing stands on, and how much there was of it all."""

    stand: frozenset[Item]
    held: Mapping[Resource, float]


class Left:
    """What the rows of one network share: what failures take, and the ways that they leave."""

    def __init__(self, network: Network, rows: Iterable[Demand]) -> None:
        self.network = patient(network, rows)
        self.ends = [(link, _ends(link)) for link in self.network.links]
        self._ways: dict[frozenset[Item], Ways] = {}
        self._down: dict[CutSet, frozenset[Item]] = {}
        self._gone: dict[frozenset[Item], frozenset[OfferKey]] = {}

    def down(self, failed: CutSet) -> frozenset[Item]:
        """Return everything that is down when these fail."""
        if failed not in self._down:
            self._down[failed] = self.network.graph.down(failed)
        return self._down[failed]

    def gone(self, failed: CutSet) -> frozenset[OfferKey]:
        """Return the offers that are gone when these fail."""
        down = self.down(failed)
        if down not in self._gone:
            offers = self.network.offers
            self._gone[down] = frozenset(offer for offer in offers if offer_item(offer) in down)
        return self._gone[down]

    def cut(self, down: frozenset[Item]) -> frozenset[Item]:
        """Return the routes that go down with these."""
        return frozenset(link.item for link, ends in self.ends if not ends.isdisjoint(down))

    def ways(self, cut: frozenset[Item]) -> Ways:
        """Return the ways without these routes, which no estimate stands in for."""
        if cut not in self._ways:
            left = after(self.network, cut | {NOTHING}) if cut else self.network
            self._ways[cut] = Ways(left)
        return self._ways[cut]


class Alone:
    """One demand row, the largest of those that are served alike, and what may end its service."""

    def __init__(self, left: Left, row: Demand, given: frozenset[Item], cuts: CutSets) -> None:
        self.left, self.given, self._cuts, self.most = left, given, cuts, cuts.most
        self.row = replace(row, min_served=share(row))
        others = {Item("region", name) for name in left.network.regions} - row_items(row)
        self._ends = [
            (link.item, ends)
            for link, ends in left.ends
            if others.isdisjoint((link.origin, link.target))
        ]
        self._recourses: dict[frozenset[Item], Recourse] = {}
        self._routings: list[Routing] = []
        self._sets: dict[Item, tuple[CutSet, ...]] = {}

    @property
    def needed(self) -> float:
        """Return the requests/s of which less is an end of the service."""
        return needed(self.row)

    def recourse(self, down: frozenset[Item] = frozenset()) -> Recourse:
        """Return the program of the row without the routes that go down with these."""
        cut = frozenset(item for item, ends in self._ends if not ends.isdisjoint(down))
        if cut not in self._recourses:
            # The routes of others make no difference here, but the ways are those of all rows.
            ways = self.left.ways(self.left.cut(down) if cut else cut)
            here = ways.network.part(demand=(self.row,))
            self._recourses[cut] = Recourse(Reach(here, ways))
        return self._recourses[cut]

    def exposed(self, resources: Iterable[Resource]) -> Iterator[frozenset[Resource]]:
        """Yield what single failures take of the resources, without what others take as well."""
        cuts = {
            what: frozenset(self._small_cuts(offer_item(OfferKey(*what[1][:2]))))
            for what in resources
        }
        yield from largest(cuts, min(1, self.most))

    def rows(self, amount: Amounts) -> list[Row]:
        """Return rows that the point breaks, of the smallest sets of failures that end it."""
        routings = [known for known in self._routings if _is_there(known, amount)]
        found: list[Row] = []
        seen, ended = {frozenset[Item]()}, list[CutSet]()
        waiting = [(0, 0, tuple[Item, ...]())]
        while waiting and len(ended) < MOST_SETS:
            failed = frozenset(heapq.heappop(waiting)[-1])
            if any(known <= failed for known in ended):
                continue
            down = self.left.down(failed)
            routing = next((r for r in routings if down.isdisjoint(r.stand)), None)
            if routing is None:
                rows, routing = self._asked(failed, down, amount)
                if routing is None:
                    found += rows
                    ended.append(failed)
                    continue
                routings.append(routing)
                self._routings = [*self._routings, routing][-MOST_KEPT:]
            for more in self._further(failed, routing):
                if more not in seen:
                    seen.add(more)
                    # What takes most down is first: who survives it survives what takes less.
                    key = (len(more), -len(self.left.down(more)), tuple(sorted(more)))
                    heapq.heappush(waiting, key)
        return found

    def _further(self, failed: CutSet, routing: Routing) -> Iterator[CutSet]:
        """Yield the set with every small set that takes down something of the routing."""
        if len(failed) < self.most:
            for item in routing.stand:
                for cut in self._small_cuts(item):
                    more = failed | cut
                    if len(more) <= self.most:
                        yield more

    def _small_cuts(self, item: Item) -> tuple[CutSet, ...]:
        if item not in self._sets:
            found = (cut for cut in self._cuts.of(item) if not cut & self.given)
            self._sets[item] = tuple(found)
        return self._sets[item]

    def _asked(
        self, failed: CutSet, down: frozenset[Item], amount: Amounts
    ) -> tuple[list[Row], Routing | None]:
        """Return rows against a set that ends the service, else a routing that it leaves."""
        if not row_items(self.row).isdisjoint(down):
            return [Row({}, 1.0)], None
        recourse = self.recourse(down)
        failure = Failure(repr(sorted(failed)), self.left.gone(failed), recourse.reach, frozenset())
        there = recourse.at(amount)
        used = recourse.plainly(failure, there)
        if used is None:
            rows, used = recourse.asked(failure, there)
            if rows:
                return rows, None
        return [], Routing(frozenset(self._stand(recourse, used)), _held(recourse, used, amount))

    def _stand(self, recourse: Recourse, used: frozenset[OfferKey]) -> Iterator[Item]:
        """Yield all that a routing over these offers stands on."""
        network = recourse.network
        model = network.models.get(self.row.model)
        yield from row_items(self.row)
        for offer in used:
            yield offer_item(offer)
            if network.role(offer) != "execution":
                continue
            for link in network.links_between(
                Item("region", self.row.region), Item("site", offer.site)
            ):
                if link.latency_ms < float("inf"):
                    yield from (link.item, link.origin, link.target)
            for any_of in (model.upstream or ()) if model is not None else ():
                called = fastest_upstream(network, offer.site, any_of)
                if called is not None:
                    yield from (called.item, called.origin, called.target)


def _ends(link: Link) -> frozenset[Item]:
    """Return what a route goes with; one whose site is gone leads to no offer anyway."""
    return frozenset((link.item, *(e for e in (link.origin, link.target) if e.kind != "site")))


def _held(recourse: Recourse, used: frozenset[OfferKey], amount: Amounts) -> dict[Resource, float]:
    """Return how much there is of everything at these offers."""
    nodes: list[Resource] = [("nodes", offer) for offer in used]
    there = [what for what in (*recourse.resource, *recourse.copies) if what[1][:2] in used]
    return {what: amount(what) for what in (*nodes, *there)}


def _is_there(routing: Routing, amount: Amounts) -> bool:
    return all(amount(what) >= held - PRESENT for what, held in routing.held.items())


def alone(network: Network) -> tuple[Alone, ...]:
    """Return, per row of Diversity, the demand rows that must be looked at, the largest first."""
    asking = tuple(asked(network))
    left = Left(network, {row.key: row for _, rows in asking for row in rows}.values())
    found = []
    for rule, rows in asking:
        most = rule.failures_borne
        cuts = CutSets(network.graph, partial(_is_of, rule.kind), most)
        for row, given in _hardest(network, left, rows):
            found.append(Alone(left, row, given, cuts))
    return tuple(sorted(found, key=lambda one: -one.needed))


def patient_classes(network: Network) -> Classes | None:
    """Return the classes of all rows that are asked about, by their limits after a failure."""
    rows = {row.key: row for _, found in asked(network) for row in found}
    return demand_classes(patient(network, rows.values())) if rows else None


def _is_of(kind: str, item: Item) -> bool:
    return kind in ("", item.kind)


def _hardest(
    network: Network, left: Left, rows: Iterable[Demand]
) -> Iterator[tuple[Demand, frozenset[Item]]]:
    """Yield, of rows served alike, the one of which most must be, with what it cannot avoid.

    Whoever asks: where routes or exposures are told of a region, its rows are apart.
    """
    given = {row.key: unavoidable_to(network, row) or frozenset() for row in rows}
    waiting = {row.key: row for row in left.network.demand}
    here = left.network.part(demand=tuple(waiting[key] for key in given))
    told = {end for link in network.links for end in (link.origin, link.target)}
    told |= {exposure.item for exposure in network.graph.exposures}
    labels = [
        (row.region if Item("region", row.region) in told else "", given[row.key])
        for row in here.demand
    ]
    for group in demand_classes(here, labels, ways=left.ways(frozenset())).classes:
        alike = [here.demand[member] for member in group.members]
        most = max(alike, key=lambda row: (needed(row), row.key))
        yield most, given[most.key]
