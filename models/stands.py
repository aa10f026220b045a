"""Where a model can be served: the execution offers by state and load time, as masks over sites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.data import Demand, Item, Model, OfferKey
from models.distances import site_matrix_ms
from models.network import Link, Network
from models.paths import FloatArray

BoolArray = NDArray[np.bool_]

WARM, STORED, FETCHED = "warm", "stored", "fetched"
"""Loaded all the time; loaded on demand from a copy near by; loaded on demand from the hub."""


@dataclass(frozen=True)
class Stand:
    """The offers that serve a model in one state after the same load time.

    `allowed` and the extras are by site; the extras are those of calling an upstream.
    """

    state: str
    load_s: float
    offers_at: Mapping[int, tuple[int, ...]]
    allowed: BoolArray
    extra_ms: FloatArray
    extra_price: FloatArray

    @property
    def is_cold(self) -> bool:
        """Return whether the model is loaded on demand."""
        return self.state != WARM


class Stands:
    """The stands of one network, worked out for a kind of demand when first asked for."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.offers = network.offers_of("execution")
        self.sites = tuple(sorted({offer.site for offer in self.offers}))
        self._site_of = {site: position for position, site in enumerate(self.sites)}
        self._known: dict[tuple[str, str, str], tuple[Stand, ...]] = {}
        self._fast: dict[str, tuple[FloatArray, FloatArray]] = {}

    def of(self, demand: Demand) -> tuple[Stand, ...]:
        """Return the stands of a demand row: warm first, then by load time."""
        policy = self.network.policies.get(demand.verification)
        tee = policy.tee if policy is not None else ""
        key = (demand.model, tee, demand.residency)
        if key not in self._known:
            self._known[key] = tuple(self._new(demand, tee))
        return self._known[key]

    def _new(self, demand: Demand, tee: str) -> Iterator[Stand]:
        network, model = self.network, self.network.models.get(demand.model)
        grouped: dict[tuple[str, float], dict[int, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for position, offer in enumerate(self.offers):
            fit = network.node_types[offer.node_type].has_tee(tee)
            if fit and network.sites[offer.site].lies_in(demand.countries, demand.blocs):
                for state, load_s in self._states(offer, model):
                    grouped[state, load_s][self._site_of[offer.site]].append(position)
        extra_ms, extra_price = self._extras(demand.model, model)
        order = (WARM, STORED, FETCHED)
        for (state, load_s), offers_at in sorted(
            grouped.items(), key=lambda entry: (order.index(entry[0][0]), entry[0][1])
        ):
            allowed = np.zeros(len(self.sites), dtype=bool)
            allowed[list(offers_at)] = True
            found = {site: tuple(offers) for site, offers in offers_at.items()}
            yield Stand(state, load_s, found, allowed, extra_ms, extra_price)

    def _states(self, offer: OfferKey, model: Model | None) -> Iterator[tuple[str, float]]:
        """Yield every state, with its load time in s, in which the offer can serve the model."""
        network = self.network
        node_type = network.node_types[offer.node_type]
        if model is not None and model.node_types and offer.node_type not in model.node_types:
            return
        if model is None or model.proxied:
            if network.offers[offer].requests_per_s:
                yield WARM, 0.0
            return
        memory = node_type.gpu_memory_gb or 0.0
        if memory == 0.0 or memory < (model.gpu_memory_gb or 0.0):
            return
        yield WARM, 0.0
        if node_type.load_gb_per_s and model.weights_gb:
            load_s = model.weights_gb / node_type.load_gb_per_s + model.init_s
            yield FETCHED, load_s + model.weights_gb / network.settings.fetch_gb_per_s
            if self.stores_near[offer.site]:
                yield STORED, load_s

    @cached_property
    def stores_near(self) -> Mapping[str, tuple[OfferKey, ...]]:
        """Return the storage offers whose copies serve cold loads, nearest first, by site."""
        stores = self.network.offers_of("storage")
        latency = site_matrix_ms(self.network, self.sites, [store.site for store in stores])
        near = latency <= self.network.settings.near_ms
        return {
            site: tuple(
                stores[column]
                for column in np.argsort(latency[row], kind="stable")
                if near[row, column]
            )
            for row, site in enumerate(self.sites)
        }

    def _extras(self, name: str, model: Model | None) -> tuple[FloatArray, FloatArray]:
        """Return ms and price per million by site beyond the network path and the service."""
        if name not in self._fast:
            self._fast[name] = _to_upstream(self.network, self.sites, model)
        return self._fast[name]


def fastest_upstream(network: Network, site: str, any_of: tuple[str, ...]) -> Link | None:
    """Return the route by which the model has a site call one of the upstreams; None without."""
    links = [
        link
        for name in any_of
        for link in network.links_between(Item("site", site), Item("upstream", name))
    ]
    return min(links, key=lambda link: (link.latency_ms, link.label), default=None)


def _to_upstream(
    network: Network, sites: Sequence[str], model: Model | None
) -> tuple[FloatArray, FloatArray]:
    latency, price = np.zeros(len(sites)), np.zeros(len(sites))
    if model is None:
        return latency, price
    price += model.cost_per_million
    for position, site in enumerate(sites if model.upstream else ()):
        links = [fastest_upstream(network, site, any_of) for any_of in model.upstream or ()]
        known = [link.latency_ms for link in links if link is not None]
        # One that is cut is cut, whatever is unknown of the others.
        unknown = len(known) < len(links) and not np.isposinf(known).any()
        latency[position] = np.nan if unknown else sum(known)
        price[position] += sum(link.cost_per_million for link in links if link is not None)
    return latency, price
