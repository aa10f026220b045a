"""Every usable way to serve each demand row, found with whole arrays at once.

An option is (demand row, execution offer, network route, warm or cold, source of a cold load). It
exists if residency, TEE and node types allow it and its latency is within the limit; everything
else is dropped here, before the model is built, and the reason is kept. Of alternative routes
between the same two places, one that is no faster, no cheaper and hangs on no fewer dependencies
is dropped too: any plan that uses it stays legal, and gets no worse, with the other in its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.data import Demand, Item, Model, OfferKey
from models.distances import estimated_matrix_ms, site_matrix_ms
from models.network import Link, Network
from models.plan import HUB, TOLERANCE, Flow
from models.service import ESTIMATE, UNKNOWN_ROUTE

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NO_SOURCE, FROM_HUB = -2, -1
ESTIMATED, UNKNOWN = -1, -2


class Dropped(IntEnum):
    """Why a demand row is not served by an offer in a state."""

    USABLE = 0
    NODE_TYPE = 1  # the model does not run or load there
    TEE = 2
    RESIDENCY = 3
    LATENCY = 4
    UNKNOWN_LATENCY = 5


@dataclass(frozen=True)
class Options:
    """One entry per option in every array; `offers` and `storage` give the meaning of indices.

    `link` is a position in `network.links`, or ESTIMATED or UNKNOWN; `source` is a position in
    `storage`, or FROM_HUB, or NO_SOURCE for warm service. `latency_ms` is NaN where unknown.
    `dropped[state][demand, offer]` says why there is no option (state 0 warm, 1 cold).
    """

    offers: tuple[OfferKey, ...]
    storage: tuple[OfferKey, ...]
    demand: IntArray
    offer: IntArray
    link: IntArray
    cold: BoolArray
    source: IntArray
    latency_ms: FloatArray
    load_s: FloatArray
    cost_per_million: FloatArray
    dropped: tuple[NDArray[np.uint8], NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.demand)

    def flow(self, network: Network, position: int, share: float) -> Flow:
        """Return the option with its share as a row of a plan."""
        link, source = int(self.link[position]), int(self.source[position])
        if link >= 0:
            route = network.links[link].label
        else:
            route = ESTIMATE if link == ESTIMATED else UNKNOWN_ROUTE
        cold = bool(self.cold[position])
        return Flow(
            demand=network.demand[self.demand[position]].key,
            offer=self.offers[self.offer[position]],
            route=route,
            state="cold" if cold else "warm",
            share=share,
            fetch_from="" if not cold else HUB if source < 0 else str(self.storage[source]),
        )

    def groups(self, where: BoolArray, *keys: IntArray) -> dict[tuple[int, ...], IntArray]:
        """Return the positions that satisfy `where`, grouped by equal keys, in sorted order."""
        positions = np.flatnonzero(where)
        if not len(positions):
            return {}
        columns = [key[positions] for key in keys]
        order = np.lexsort(columns[::-1])
        positions = positions[order]
        columns = [column[order] for column in columns]
        change = np.zeros(len(positions), dtype=bool)
        for column in columns:
            change[1:] |= column[1:] != column[:-1]
        starts = np.flatnonzero(change)
        found = {}
        for part in np.split(positions, starts):
            found[tuple(int(key[part[0]]) for key in keys)] = part
        return found


@dataclass(frozen=True)
class _Paths:
    """The network routes from one region, joined with the execution offers at their ends."""

    offer: IntArray
    link: IntArray
    latency_ms: FloatArray
    cost: FloatArray


@dataclass(frozen=True)
class _Running:
    """Where one model can run: masks and times over offers, and the sources of cold loads."""

    warm: BoolArray
    extra_ms: FloatArray
    extra_cost: FloatArray
    cold_offer: IntArray
    cold_source: IntArray
    cold_load_s: FloatArray


def service_options(network: Network) -> Options:
    """Return every usable option of the network, sorted by demand row, offer, state and source."""
    return _Generator(network).run()


class _Generator:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.offers = network.offers_of("execution")
        self.storage = network.offers_of("storage")
        self.offers_at: dict[str, list[int]] = defaultdict(list)
        for position, offer in enumerate(self.offers):
            self.offers_at[offer.site].append(position)
        self.sites = sorted(self.offers_at)
        self.position_of = {id(link): position for position, link in enumerate(network.links)}
        self.paths: dict[str, _Paths] = {}
        self.running: dict[str, _Running] = {}
        self.residency: dict[str, BoolArray] = {}
        self.tee: dict[str, BoolArray] = {}

    def run(self) -> Options:
        shape = (len(self.network.demand), len(self.offers))
        dropped = (np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))
        parts: list[tuple[IntArray, ...]] = []
        times: list[tuple[FloatArray, ...]] = []
        for position, demand in enumerate(self.network.demand):
            for cold in (False, True):
                self._serve(position, demand, cold, dropped[cold], parts, times)
        whole = [
            np.concatenate([part[i] for part in parts]) if parts else np.empty(0, np.int64)
            for i in range(5)
        ]
        floats = [
            np.concatenate([part[i] for part in times]) if times else np.empty(0) for i in range(3)
        ]
        demand_index, offer, link, cold_flag, source = whole
        return Options(
            offers=self.offers,
            storage=self.storage,
            demand=demand_index,
            offer=offer,
            link=link,
            cold=cold_flag.astype(bool),
            source=source,
            latency_ms=floats[0],
            load_s=floats[1],
            cost_per_million=floats[2],
            dropped=dropped,
        )

    def _serve(
        self,
        position: int,
        demand: Demand,
        cold: bool,
        dropped: NDArray[np.uint8],
        parts: list[tuple[IntArray, ...]],
        times: list[tuple[FloatArray, ...]],
    ) -> None:
        model = self._running(demand.model)
        paths = self._paths(demand.region)
        if cold:
            path, source, load_s = _join(paths.offer, model)
        else:
            path = np.flatnonzero(model.warm[paths.offer])
            source = np.full(len(path), NO_SOURCE)
            load_s = np.zeros(len(path))
        offer = paths.offer[path]
        dropped[position] = Dropped.NODE_TYPE
        policy = self.network.policies.get(demand.verification)
        overhead = policy.overhead if policy is not None else 0.0
        found = self.network.models.get(demand.model)
        service_ms = found.service_ms * (1 + overhead) if found is not None else 0.0
        latency = paths.latency_ms[path] + model.extra_ms[offer] + service_ms + 1000 * load_s
        usable = np.ones(len(path), dtype=bool)
        checks = [
            (Dropped.TEE, self._tee(policy.tee if policy is not None else "")[offer]),
            (Dropped.RESIDENCY, self._residency(demand)[offer]),
        ]
        if demand.max_latency_ms is not None:
            checks.append((Dropped.UNKNOWN_LATENCY, ~np.isnan(latency)))
            checks.append((Dropped.LATENCY, ~exceeds_all(latency, demand.max_latency_ms)))
        for reason, passed in checks:
            dropped[position, offer[usable & ~passed]] = reason
            usable &= passed
        dropped[position, offer[usable]] = Dropped.USABLE
        keep = np.flatnonzero(usable)
        order = keep[np.lexsort((paths.link[path[keep]], source[keep], offer[keep]))]
        size = len(order)
        parts.append(
            (
                np.full(size, position),
                offer[order],
                paths.link[path[order]],
                np.full(size, int(cold)),
                source[order],
            )
        )
        cost = paths.cost[path[order]] + model.extra_cost[offer[order]]
        times.append((latency[order], load_s[order], cost))

    def _paths(self, region: str) -> _Paths:
        if region not in self.paths:
            self.paths[region] = self._new_paths(region)
        return self.paths[region]

    def _new_paths(self, region: str) -> _Paths:
        network, origin = self.network, Item("region", region)
        sites = [network.sites[site] for site in self.sites]
        estimates = estimated_matrix_ms(network, [network.regions[region]], sites)[0]
        rows: list[tuple[int, int, float, float]] = []
        for site, estimate in zip(self.sites, estimates, strict=True):
            links = undominated(network, network.links_between(origin, Item("site", site)))
            found = [
                (self.position_of[id(link)], link.latency_ms, link.cost_per_million)
                for link in links
            ] or [(UNKNOWN if np.isnan(estimate) else ESTIMATED, estimate, 0.0)]
            for offer in self.offers_at[site]:
                rows.extend((offer, link, latency, cost) for link, latency, cost in found)
        table = np.array(rows, dtype=float).reshape(-1, 4)
        return _Paths(
            offer=table[:, 0].astype(np.int64),
            link=table[:, 1].astype(np.int64),
            latency_ms=table[:, 2],
            cost=table[:, 3],
        )

    def _residency(self, demand: Demand) -> BoolArray:
        if demand.residency not in self.residency:
            sites = self.network.sites
            self.residency[demand.residency] = np.array(
                [sites[o.site].lies_in(demand.countries, demand.blocs) for o in self.offers], bool
            )
        return self.residency[demand.residency]

    def _tee(self, required: str) -> BoolArray:
        if required not in self.tee:
            types = self.network.node_types
            self.tee[required] = np.array(
                [types[o.node_type].has_tee(required) for o in self.offers], bool
            )
        return self.tee[required]

    def _running(self, name: str) -> _Running:
        if name not in self.running:
            self.running[name] = self._new_running(self.network.models.get(name))
        return self.running[name]

    def _new_running(self, model: Model | None) -> _Running:
        count = len(self.offers)
        extra_ms, extra_cost = np.zeros(count), np.zeros(count)
        if model is not None:
            extra_cost += model.cost_per_million
        cold: list[tuple[int, int, float]] = []
        if model is None or model.proxied:
            warm = np.array(
                [bool(self.network.offers[o].requests_per_s) for o in self.offers], bool
            )
            if model is not None:
                to_ms, to_cost = self._to_upstream(model)
                extra_ms += to_ms
                extra_cost += to_cost
        else:
            memory = np.array(
                [self.network.node_types[o.node_type].gpu_memory_gb or 0.0 for o in self.offers]
            )
            warm = (memory > 0) & (memory >= (model.gpu_memory_gb or 0.0))
        if model is not None and model.node_types:
            warm &= np.array([o.node_type in model.node_types for o in self.offers], bool)
        if model is not None and not model.proxied and model.weights_gb:
            cold = list(self._cold_sources(model, model.weights_gb, warm))
        table = np.array(cold, dtype=float).reshape(-1, 3)
        return _Running(
            warm=warm,
            extra_ms=extra_ms,
            extra_cost=extra_cost,
            cold_offer=table[:, 0].astype(np.int64),
            cold_source=table[:, 1].astype(np.int64),
            cold_load_s=table[:, 2],
        )

    def _cold_sources(
        self, model: Model, weights_gb: float, warm: BoolArray
    ) -> Iterable[tuple[int, int, float]]:
        settings = self.network.settings
        stores = [storage.site for storage in self.storage]
        near = site_matrix_ms(self.network, self.sites, stores) <= settings.near_ms
        row_of = {site: position for position, site in enumerate(self.sites)}
        for position, offer in enumerate(self.offers):
            speed = self.network.node_types[offer.node_type].load_gb_per_s
            if not speed or not warm[position]:
                continue
            load_s = weights_gb / speed + model.init_s
            yield position, FROM_HUB, load_s + weights_gb / settings.fetch_gb_per_s
            for source in np.flatnonzero(near[row_of[offer.site]]):
                yield position, int(source), load_s

    def _to_upstream(self, model: Model) -> tuple[FloatArray, FloatArray]:
        latency, cost = np.zeros(len(self.offers)), np.zeros(len(self.offers))
        for site, positions in self.offers_at.items():
            for any_of in model.upstream or ():
                links = [
                    link
                    for name in any_of
                    for link in self.network.links_between(
                        Item("site", site), Item("upstream", name)
                    )
                ]
                if not links:
                    latency[positions] = np.nan
                    continue
                best = min(links, key=lambda link: (link.latency_ms, link.label))
                latency[positions] += best.latency_ms
                cost[positions] += best.cost_per_million
        return latency, cost


def exceeds_all(amounts: FloatArray, limit: float) -> BoolArray:
    """Return where the amounts are above the limit by more than the tolerance."""
    return amounts > limit + TOLERANCE * max(1.0, abs(limit))


def undominated(network: Network, links: Sequence[Link]) -> list[Link]:
    """Return the alternatives that none of the others beats in latency, cost and dependencies."""
    kept: list[Link] = []
    for link in sorted(
        links, key=lambda link: (link.latency_ms, link.cost_per_million, link.label)
    ):
        hangs_on = network.graph.hangs_on(link.item)
        if not any(
            other.cost_per_million <= link.cost_per_million
            and network.graph.hangs_on(other.item) <= hangs_on
            for other in kept
        ):
            kept.append(link)
    return kept


def _join(path_offers: IntArray, model: _Running) -> tuple[IntArray, IntArray, FloatArray]:
    """Return (path, source, load_s) for every pair of a path and a cold source at its offer."""
    starts = np.searchsorted(model.cold_offer, path_offers, side="left")
    ends = np.searchsorted(model.cold_offer, path_offers, side="right")
    counts = ends - starts
    path = np.repeat(np.arange(len(path_offers)), counts)
    within = np.arange(len(path)) - np.repeat(np.cumsum(counts) - counts, counts)
    entry = np.repeat(starts, counts) + within
    return path, model.cold_source[entry], model.cold_load_s[entry]
