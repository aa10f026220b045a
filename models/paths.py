"""The network paths from every region to every execution site, as arrays, one region at a time.

Of alternative routes between the same two places, one that is no faster, no cheaper and hangs on
no fewer dependencies is dropped: any plan that uses it stays legal, and gets no worse, with the
other in its place. Routes of one price that bring the same of what a rule limits or an objective
counts are one way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data import DiversityRow, Item
from models.distances import estimates_ms, unit_vectors
from models.network import Link, Network
from models.risks import counted
from models.service import ESTIMATE, UNKNOWN_ROUTE

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

ESTIMATED, UNKNOWN = -1, -2
"""What stands for a link where the round trip is an estimate, or nobody knows it."""

Via = tuple[Item, ...]
"""What a path brings that a rule limits or an objective counts, sorted."""


@dataclass(frozen=True)
class RegionPaths:
    """One entry per path from a region, sorted by `way`, which tells (site, price, via) apart.

    `site` is a position in `Paths.sites`, `link` one in `network.links`, or ESTIMATED or UNKNOWN;
    `via` is a position in `Paths.vias`; `latency_ms` is NaN where unknown.
    """

    site: IntArray
    link: IntArray
    via: IntArray
    way: IntArray
    price: FloatArray
    latency_ms: FloatArray


class Paths:
    """The paths of one network, worked out for a region when first asked for."""

    def __init__(self, network: Network, sites: Sequence[str]) -> None:
        self.network, self.sites = network, tuple(sites)
        self.vias: list[Via] = []
        self._via_of: dict[Via, int] = {}
        self._way_of: dict[tuple[int, float, int], int] = {}
        self._free_ways: dict[int, IntArray] = {}
        self._ends = unit_vectors([network.sites[site] for site in self.sites])
        self._known: dict[str, RegionPaths] = {}
        self._kinds = frozenset(r.kind for r in network.diversity if limits_requests(r))
        self._counted = counted(network)
        self._site_of = {site: position for position, site in enumerate(self.sites)}
        self._position_of = {id(link): position for position, link in enumerate(network.links)}
        self._measured: dict[str, set[str]] = defaultdict(set)
        for link in network.links:
            for region, site in ((link.origin, link.target), (link.target, link.origin)):
                if region.kind == "region" and site.kind == "site":
                    self._measured[region.name].add(site.name)

    def of(self, region: str) -> RegionPaths:
        """Return the paths from a region."""
        if region not in self._known:
            self._known[region] = self._new(region)
        return self._known[region]

    def route(self, link: int) -> str:
        """Return the label of a route of a plan."""
        if link >= 0:
            return self.network.links[link].label
        return ESTIMATE if link == ESTIMATED else UNKNOWN_ROUTE

    def _new(self, region: str) -> RegionPaths:
        network, item = self.network, Item("region", region)
        estimates = estimates_ms(network, unit_vectors([network.regions[region]]), self._ends)[0]
        measured = sorted(self._measured[region] & self._site_of.keys())
        positions = [self._site_of[site] for site in measured]
        rest = np.setdiff1d(np.arange(len(self.sites)), positions)
        brought = network.failures.hangs_on(item)
        plain = self._via(brought)
        rows: list[tuple[int, int, int, float, float]] = []
        for site in measured:
            for link in undominated(network, network.links_between(item, Item("site", site))):
                via = self._via(brought | network.failures.hangs_on(link.item))
                found = (self._position_of[id(link)], via, link.cost_per_million, link.latency_ms)
                rows.append((self._site_of[site], *found))
        table = np.array(rows, dtype=float).reshape(-1, 5)
        unknown = np.isnan(estimates[rest])
        site_of = np.concatenate([rest, table[:, 0].astype(np.int64)])
        via_of = np.concatenate([np.full(len(rest), plain), table[:, 2].astype(np.int64)])
        price = np.concatenate([np.zeros(len(rest)), table[:, 3]])
        of_routes = (table[:, 0].astype(np.int64), table[:, 3], table[:, 2].astype(np.int64))
        keys = zip(*(column.tolist() for column in of_routes), strict=True)
        way = np.array([*self._free(plain, rest), *map(self._way, keys)], dtype=np.int64)
        latency = np.concatenate([estimates[rest], table[:, 4]])
        link_of = np.concatenate(
            [np.where(unknown, UNKNOWN, ESTIMATED), table[:, 1].astype(np.int64)]
        )
        order = np.lexsort((link_of, latency, way))
        order = order[np.unique(way[order], return_index=True)[1]]  # of each way, the fastest
        return RegionPaths(
            site=site_of[order],
            link=link_of[order],
            via=via_of[order],
            way=way[order],
            price=price[order],
            latency_ms=latency[order],
        )

    def _via(self, hangs_on: frozenset[Item]) -> int:
        limited = tuple(sorted(i for i in hangs_on if i.kind in self._kinds or i in self._counted))
        if limited not in self._via_of:
            self._via_of[limited] = len(self.vias)
            self.vias.append(limited)
        return self._via_of[limited]

    def _free(self, via: int, sites: IntArray) -> IntArray:
        """Return the ways to sites at no price; most are known from the regions before."""
        if via not in self._free_ways:
            self._free_ways[via] = np.full(len(self.sites), -1)
        ways = self._free_ways[via]
        for site in sites[ways[sites] < 0].tolist():
            ways[site] = self._way((site, 0.0, via))
        return ways[sites]

    def _way(self, key: tuple[int, float, int]) -> int:
        return self._way_of.setdefault(key, len(self._way_of))


def limits_requests(rule: DiversityRow) -> bool:
    """Return whether a Diversity row limits requests, so that regions and routes count."""
    return rule.measure == "requests" or (rule.role == "execution" and not rule.measure)


def undominated(network: Network, links: Sequence[Link]) -> list[Link]:
    """Return the alternatives that none of the others beats in latency, cost and dependencies."""
    kept: list[Link] = []
    for link in sorted(
        links, key=lambda link: (link.latency_ms, link.cost_per_million, link.label)
    ):
        hangs_on = network.failures.hangs_on(link.item)
        if not any(
            other.cost_per_million <= link.cost_per_million
            and network.failures.hangs_on(other.item) <= hangs_on
            for other in kept
        ):
            kept.append(link)
    return kept
