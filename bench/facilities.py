"""Generated capacitated facility location: nothing but opening costs, capacities and transport.

Sites and customers lie at random in a unit square; demand is uniform in 5 to 35, capacity in 10 to
160 before all of it is scaled to five times the demand, opening costs U(0, 90) + U(100, 110) ·
√capacity, and transport 10 a unit of demand and distance. No two customers pay the same for the
same site, so nothing merges. (Cornuéjols, Sridharan and Thizy, 1991.)
"""

from __future__ import annotations

import math
import random

from models.data import (
    HOURS_PER_MONTH,
    SECONDS_PER_HOUR,
    Demand,
    Item,
    NodeType,
    Offer,
    OfferKey,
    Provider,
    Region,
    Settings,
    Site,
)
from models.network import Goal, Link, Network

SITES, CUSTOMERS = 100, 1000
"""As many as in the largest cases of the OR-Library (capa, capb, capc; Beasley, 1988)."""
RATIO = 5.0
"""All capacity over all demand."""
TRANSPORT = 10.0
"""Currency a month for one request/s over the length of the square's side."""
MILLIONS = HOURS_PER_MONTH * SECONDS_PER_HOUR / 1e6
"""Requests a month, in millions, that one request/s amounts to."""


def generate(seed: int, sites: int = SITES, customers: int = CUSTOMERS) -> Network:
    """Return a network of that many sites and customers, all served by nodes of one type."""
    draw = random.Random(seed)
    rates = [draw.uniform(5, 35) for _ in range(customers)]
    sizes = [draw.uniform(10, 160) for _ in range(sites)]
    scale = RATIO * sum(rates) / sum(sizes)
    costs = [draw.uniform(0, 90) + draw.uniform(100, 110) * math.sqrt(size) for size in sizes]
    at_site, at_customer = _points(draw, sites), _points(draw, customers)
    site_names = [f"site {number:03}" for number in range(sites)]
    names = [f"customer {number:04}" for number in range(customers)]
    return Network(
        settings=Settings(utilisation=1.0, mip_gap=0.0),
        sites={
            name: Site(site=name, provider="all", monthly_cost=cost)
            for name, cost in zip(site_names, costs, strict=True)
        },
        providers={"all": Provider(provider="all")},
        node_types={"facility": NodeType(node_type="facility", role="execution")},
        offers={
            OfferKey(name, "facility"): Offer(
                site=name, node_type="facility", max_nodes=1, requests_per_s=size * scale
            )
            for name, size in zip(site_names, sizes, strict=True)
        },
        regions={name: Region(region=name) for name in names},
        demand=tuple(
            Demand(region=name, requests_per_s=rate)
            for name, rate in zip(names, rates, strict=True)
        ),
        links=tuple(
            Link(
                Item("region", name),
                Item("site", site),
                1.0,
                TRANSPORT * math.dist(here, there) / MILLIONS,
                (),
                "direct",
            )
            for name, here in zip(names, at_customer, strict=True)
            for site, there in zip(site_names, at_site, strict=True)
        ),
        goals=(Goal(1, "unserved"), Goal(2, "monthly_cost")),
    )


def _points(draw: random.Random, count: int) -> list[tuple[float, float]]:
    return [(draw.random(), draw.random()) for _ in range(count)]
