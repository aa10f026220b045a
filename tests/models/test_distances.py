"""Round trips between many places at once, against the law of cosines and routes by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from models.data import Item, Region, Settings, Site
from models.distances import estimated_matrix_ms, site_matrix_ms
from models.network import Link, Network
from tests.rules import network, site

PLACES = {"north": (50.0, 8.0), "south": (-33.9, 18.4), "west": (40.7, -74.0), "pole": (90.0, 0.0)}
SETTINGS = Settings(access_ms=3.0, route_stretch=1.5, fibre_km_per_ms=200.0)


def sited(*links: Link) -> Network:
    """Return a network with a site at every place, and routes."""
    sites = [
        replace(site(name), latitude=latitude, longitude=longitude)
        for name, (latitude, longitude) in PLACES.items()
    ]
    return network(sites, settings=SETTINGS, links=links)


def by_cosines_ms(one: str, other: str) -> float:
    """Return the estimate for two places."""
    (phi, lam), (psi, mu) = (tuple(map(math.radians, PLACES[name])) for name in (one, other))
    cosine = math.sin(phi) * math.sin(psi) + math.cos(phi) * math.cos(psi) * math.cos(lam - mu)
    return 3.0 + 2 * 6371.0 * math.acos(max(-1.0, min(1.0, cosine))) * 1.5 / 200.0


def route(origin: str, target: str, ms: float, label: str = "direct") -> Link:
    return Link(Item("site", origin), Item("site", target), ms, label=label)


def test_estimates_follow_the_great_circle_there_and_back() -> None:
    found = sited()
    names = list(PLACES)
    estimates = estimated_matrix_ms(found, [found.sites[n] for n in names], [found.sites["west"]])
    assert estimates.shape == (4, 1)
    for name, row in zip(names, estimates.tolist(), strict=True):
        assert row == pytest.approx([by_cosines_ms(name, "west")], abs=1e-4)
    assert estimated_matrix_ms(found, [found.sites["pole"]], []).shape == (1, 0)


def test_a_place_of_which_half_is_known_is_nowhere() -> None:
    found = sited()
    north = found.sites["north"]
    halves: list[Region | Site] = [
        replace(north, latitude=None),
        replace(north, longitude=None),
        Region(region="r", latitude=0.0, longitude=0.0),
    ]
    estimates = estimated_matrix_ms(found, halves, [north, halves[0]])
    assert np.isnan(estimates).tolist() == [[True, True], [True, True], [False, True]]


def test_between_sites_the_fastest_route_counts_and_a_lone_direction_for_both() -> None:
    """Also where an estimate would be faster, and in the order and as often as asked."""
    links = (
        route("north", "south", 900.0),
        route("north", "south", 800.0, "sea"),
        route("west", "south", 700.0),
        route("south", "west", 600.0),
        route("north", "elsewhere", 1.0),
        Link(Item("site", "north"), Item("upstream", "west"), 2.0),
    )
    found = site_matrix_ms(sited(*links), ["south", "north", "south"], ["west", "south", "north"])
    estimate = by_cosines_ms("north", "west")
    assert found.tolist() == [
        pytest.approx([600.0, 0.0, 800.0]),
        pytest.approx([estimate, 800.0, 0.0], abs=1e-4),
        pytest.approx([600.0, 0.0, 800.0]),
    ]
    back = site_matrix_ms(sited(*links), ["west"], ["south", "west", "pole"])
    assert back.tolist() == [pytest.approx([700.0, 0.0, by_cosines_ms("west", "pole")], abs=1e-4)]


def test_a_site_is_at_itself_wherever_it_is() -> None:
    found = sited()
    lost = replace(found.sites["north"], latitude=None, longitude=None)
    found = replace(found, sites={**found.sites, "north": lost})
    matrix = site_matrix_ms(found, ["north", "south"], ["north", "south"])
    assert np.isnan(matrix).tolist() == [[False, True], [True, False]]
    assert matrix[0, 0] == matrix[1, 1] == 0.0
