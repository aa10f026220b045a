"""How soon sites answer a region at best, for all sites at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from models.data import Demand, Model, Region, Site
from models.distances import estimates_ms, unit_vectors
from models.network import Network
from models.paths import FloatArray, IntArray
from models.service import upstream_links
from models.stands import BoolArray
from planner.workbook.unread import UNREAD, UnreadCell

_UNREAD_MS = -np.inf
"""Stands for what hangs on a cell that could not be read, until somebody asks for it."""


class Answers:
    """Milliseconds at places, positions in `sites`; NaN where nobody knows.

    Only who asks for a place is refused because of a cell of it that could not be read.
    """

    def __init__(self, network: Network, sites: Sequence[str]) -> None:
        self.network, self.sites = network, tuple(sites)
        self.at = {site: position for position, site in enumerate(self.sites)}
        self._round_trips: dict[str, FloatArray] = {}
        self._upstream: dict[str, FloatArray] = {}

    def round_trip_ms(self, region: str, places: IntArray) -> FloatArray:
        """Return the fastest round trips between a region and the places."""
        if region not in self._round_trips:
            self._round_trips[region] = self._estimates(region)
            for site, latency_ms in self._measured[region].items():
                self._round_trips[region][self.at[site]] = latency_ms
        return _read(self._round_trips[region][places])

    def ms(self, demand: Demand, places: IntArray) -> FloatArray:
        """Return the fastest answers to a demand row: warm, and with its upstream and overhead."""
        found = self.round_trip_ms(demand.region, places)
        model = self.network.models.get(demand.model)
        if model is None or np.isnan(found).all():
            return found
        policy = self.network.policies.get(demand.verification)
        overhead = policy.overhead if policy is not None else 0.0
        found = found + model.service_ms * (1 + overhead)
        return _read(found + self._upstream_ms(model)[places]) if model.upstream else found

    def _estimates(self, region: str) -> FloatArray:
        place = self.network.regions.get(region)
        if place is None or place.latitude is None or place.longitude is None:
            return np.full(len(self.sites), np.nan)
        (start, is_unread), (ends, unread) = _on_sphere([place]), self._ends
        row: FloatArray = estimates_ms(self.network, start, ends)[0]
        row[~np.isnan(row) & (unread | is_unread)] = _UNREAD_MS
        return row

    @cached_property
    def _ends(self) -> tuple[FloatArray, BoolArray]:
        return _on_sphere([self.network.sites[site] for site in self.sites])

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
                    latency_ms = _UNREAD_MS if link.latency_ms is UNREAD else link.latency_ms
                    of_region[site.name] = min(of_region.get(site.name, np.inf), latency_ms)
        for region_name, found in forward.items():
            backward[region_name] |= found
        return backward

    def _upstream_ms(self, model: Model) -> FloatArray:
        """Return what calling the upstreams of a model adds."""
        if model.model not in self._upstream:
            added = np.zeros(len(self.sites))
            for position, site in enumerate(self.sites):
                try:
                    links = upstream_links(self.network, site, model)
                    each = [np.nan if link is None else link.latency_ms for link in links]
                    added[position] = sum(each)
                except UnreadCell:
                    added[position] = _UNREAD_MS
            self._upstream[model.model] = added
        return self._upstream[model.model]


def _on_sphere(places: Sequence[Region | Site]) -> tuple[FloatArray, BoolArray]:
    """Return where places lie, and of which that could not be read: those lie anywhere."""
    unread = [place.latitude is UNREAD or place.longitude is UNREAD for place in places]
    read = [
        replace(place, latitude=_or_zero(place.latitude), longitude=_or_zero(place.longitude))
        if is_unread
        else place
        for place, is_unread in zip(places, unread, strict=True)
    ]
    return unit_vectors(read), np.array(unread, dtype=bool)


def _or_zero(degrees: float | None) -> float | None:
    return 0.0 if degrees is UNREAD else degrees


def _read(latencies: FloatArray) -> FloatArray:
    """Return them; raise UnreadCell if any hangs on a cell that could not be read."""
    if np.isneginf(latencies).any():
        raise UnreadCell
    return latencies
