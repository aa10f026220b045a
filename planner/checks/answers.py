"""How soon sites answer a region at best, for all sites at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from models.data import Demand, Model
from models.distances import estimates_ms, unit_vectors
from models.network import Network
from models.paths import FloatArray
from models.service import upstream_links


class Answers:
    """Milliseconds by site, in the order of `sites`; NaN where nobody knows."""

    def __init__(self, network: Network, sites: Sequence[str]) -> None:
        self.network, self.sites = network, tuple(sites)
        self.at = {site: position for position, site in enumerate(self.sites)}
        self._round_trips: dict[str, FloatArray] = {}
        self._upstream: dict[str, FloatArray] = {}

    def round_trip_ms(self, region: str) -> FloatArray:
        """Return the fastest round trips between a region and the sites."""
        if region not in self._round_trips:
            self._round_trips[region] = self._estimates(region)
            for site, latency_ms in self._measured[region].items():
                self._round_trips[region][self.at[site]] = latency_ms
        return self._round_trips[region]

    def ms(self, demand: Demand) -> FloatArray:
        """Return the fastest answers to a demand row: warm, and with its upstream and overhead."""
        found = self.round_trip_ms(demand.region)
        model = self.network.models.get(demand.model)
        if model is None:
            return found
        policy = self.network.policies.get(demand.verification)
        overhead = policy.overhead if policy is not None else 0.0
        found = found + model.service_ms * (1 + overhead)
        return found + self._upstream_ms(model) if model.upstream else found

    def _estimates(self, region: str) -> FloatArray:
        place = self.network.regions.get(region)
        if place is None:
            return np.full(len(self.sites), np.nan)
        row: FloatArray = estimates_ms(self.network, unit_vectors([place]), self._ends)[0]
        return row

    @cached_property
    def _ends(self) -> FloatArray:
        return unit_vectors([self.network.sites[site] for site in self.sites])

    @cached_property
    def _measured(self) -> dict[str, dict[str, float]]:
        """Return the fastest route by region and site; a lone direction serves for both."""
        forward: dict[str, dict[str, float]] = defaultdict(dict)
        backward: dict[str, dict[str, float]] = defaultdict(dict)
        for link in self.network.links:
            for region, site, known in (
                (link.origin, link.target, forward),
                (link.target, link.origin, backward),
            ):
                if region.kind == "region" and site.name in self.at and site.kind == "site":
                    of_region = known[region.name]
                    of_region[site.name] = min(of_region.get(site.name, np.inf), link.latency_ms)
        for region_name, found in forward.items():
            backward[region_name] |= found
        return backward

    def _upstream_ms(self, model: Model) -> FloatArray:
        """Return what calling the upstreams of a model adds."""
        if model.model not in self._upstream:
            added = np.zeros(len(self.sites))
            for position, site in enumerate(self.sites):
                links = upstream_links(self.network, site, model)
                each = [np.nan if link is None else link.latency_ms for link in links]
                added[position] = sum(each)
            self._upstream[model.model] = added
        return self._upstream[model.model]
