"""The usable ways to serve one demand row: network path, execution offer, state and source.

A way is usable if residency, TEE and node types allow it and its latency is within the limit.
Why another is not is what `models.service` says when asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from models.data import Demand, OfferKey
from models.network import Network
from models.paths import FloatArray, IntArray, Paths
from models.plan import HUB, TOLERANCE, Flow
from models.stands import FETCHED, STORED, WARM, BoolArray, Stand, Stands


class Way(NamedTuple):
    """One way to serve a demand row; `latency_ms` is NaN where unknown, `price` per million."""

    offer: OfferKey
    route: str
    state: str
    fetch_from: str
    latency_ms: float
    load_s: float
    price: float

    def flow(self, demand: Demand, share: float) -> Flow:
        """Return the way with its share as a row of a plan."""
        return Flow(demand.key, self.offer, self.route, self.state, share, self.fetch_from)


class Ways:
    """The ways of one network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.stands = Stands(network)
        self.paths = Paths(network, self.stands.sites)

    def usable(self, demand: Demand) -> Iterator[tuple[Stand, IntArray, FloatArray]]:
        """Yield, per stand, the usable entries of the region's paths and their latencies in ms."""
        paths = self.paths.of(demand.region)
        policy = self.network.policies.get(demand.verification)
        model = self.network.models.get(demand.model)
        overhead = policy.overhead if policy is not None else 0.0
        service_ms = model.service_ms * (1 + overhead) if model is not None else 0.0
        for stand in self.stands.of(demand):
            latency = paths.latency_ms + stand.extra_ms[paths.site] + service_ms
            latency = latency + 1000 * stand.load_s
            if demand.max_latency_ms is None:
                # No route is left, whatever is unknown of the rest of the way.
                cut = np.isposinf(paths.latency_ms) | np.isposinf(stand.extra_ms[paths.site])
                in_time = ~cut
            else:
                in_time = within_all(latency, demand.max_latency_ms)
            usable = stand.allowed[paths.site] & in_time
            entries = np.flatnonzero(usable)
            if len(entries):
                yield stand, entries, latency[entries]

    def of(
        self, demand: Demand, states: tuple[str, ...] = (WARM, STORED, FETCHED)
    ) -> Iterator[Way]:
        """Yield every way of a demand row, by state, load time, path, offer and source."""
        paths = self.paths.of(demand.region)
        for stand, entries, latencies in self.usable(demand):
            if stand.state not in states:
                continue
            for entry, latency in zip(entries.tolist(), latencies.tolist(), strict=True):
                site = int(paths.site[entry])
                price = float(paths.price[entry] + stand.extra_price[site])
                route = self.paths.route(int(paths.link[entry]))
                state = WARM if stand.state == WARM else "cold"
                for source in self._sources(stand, self.stands.sites[site]):
                    for offer in stand.offers_at[site]:
                        key = self.stands.offers[offer]
                        yield Way(key, route, state, source, latency, stand.load_s, price)

    def _sources(self, stand: Stand, site: str) -> tuple[str, ...]:
        if stand.state == STORED:
            return tuple(str(store) for store in self.stands.stores_near[site])
        return (HUB,) if stand.state == FETCHED else ("",)


def within_all(amounts: FloatArray, limit: float) -> BoolArray:
    """Return where the amounts are known and not above the limit by more than the tolerance."""
    within: BoolArray = amounts <= limit + TOLERANCE * max(1.0, abs(limit))
    return within
