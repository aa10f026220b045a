"""Round trips between many places at once, as matrices in ms; NaN where a pair is unknown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.data import Region, Site
from models.network import Network

FloatArray = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0


def estimated_matrix_ms(
    network: Network, origins: Sequence[Region | Site], targets: Sequence[Region | Site]
) -> FloatArray:
    """Return access_ms + 2 · distance_km · route_stretch / fibre_km_per_ms for every pair."""
    return estimates_ms(network, unit_vectors(origins), unit_vectors(targets))


def estimates_ms(network: Network, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the same for every pair of unit vectors."""
    chord = np.linalg.norm(start[:, None, :] - end[None, :, :], axis=2)
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, chord / 2))
    settings = network.settings
    matrix: FloatArray = (
        settings.access_ms + 2 * km * settings.route_stretch / settings.fibre_km_per_ms
    )
    return matrix


def site_matrix_ms(network: Network, origins: Sequence[str], targets: Sequence[str]) -> FloatArray:
    """Return the shortest round trip for every pair of sites; 0 from a site to itself."""
    rows, columns = sorted(set(origins)), sorted(set(targets))
    row_of = {site: position for position, site in enumerate(rows)}
    column_of = {site: position for position, site in enumerate(columns)}
    matrix = estimated_matrix_ms(
        network, [network.sites[site] for site in rows], [network.sites[site] for site in columns]
    )
    for (origin, target), latency in _measured(network).items():
        if origin in row_of and target in column_of:
            matrix[row_of[origin], column_of[target]] = latency
    for site in row_of.keys() & column_of.keys():
        matrix[row_of[site], column_of[site]] = 0.0
    whole: FloatArray = matrix[
        np.ix_([row_of[site] for site in origins], [column_of[site] for site in targets])
    ]
    return whole


def _measured(network: Network) -> dict[tuple[str, str], float]:
    """Return the fastest route per ordered pair of sites; a lone direction serves for both."""
    forward: dict[tuple[str, str], float] = {}
    for link in network.links:
        if link.origin.kind == link.target.kind == "site":
            ends = (link.origin.name, link.target.name)
            forward[ends] = min(forward.get(ends, np.inf), link.latency_ms)
    backward = {(target, origin): latency for (origin, target), latency in forward.items()}
    return backward | forward


def unit_vectors(places: Sequence[Region | Site]) -> FloatArray:
    """Return where places lie on a sphere of radius 1, one row each; NaN without coordinates."""
    # What is None is NaN as a number.
    degrees = np.array(
        [(place.latitude, place.longitude) for place in places], dtype=float
    ).reshape(-1, 2)
    phi, lam = np.radians(degrees[:, 0]), np.radians(degrees[:, 1])
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
