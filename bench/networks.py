"""Generated networks of four sizes: real cities, heavy-tailed demand, shared dependencies, seeded.

Structure after what the field looks like: demand follows city sizes; sites stand in clusters of
providers in the larger cities; prices spread by provider (twofold) more than by place; providers
share owners and some resell others; a cable corridor, metros, countries and blocs are shared.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, replace
from pathlib import Path

from models.data import (
    Committee,
    Demand,
    Dependency,
    DiversityRow,
    Item,
    Model,
    NodeType,
    Offer,
    OfferKey,
    Policy,
    Provider,
    Region,
    Settings,
    Shock,
    Site,
)
from models.network import Network

CITIES = Path(__file__).with_name("cities.csv")
CLASSES = (("interactive", 900.0, 0.8), ("batch", 120_000.0, 0.2))
OVERHEAD = 0.05
"""What verification adds to every answer."""


@dataclass(frozen=True)
class Size:
    """How many sites, regions and models; what interactive rows may spend on the network in ms.

    `protected` is how many dependencies may fail: providers first, then metros.
    """

    sites: int
    regions: int
    models: int
    network_ms: float | None = None
    protected: int = 0


LOCAL_MS = 80.0
"""What rows may spend on the network where service must be near."""
_GLOBAL = {
    "S": Size(40, 30, 5),
    "M": Size(100, 100, 8),
    "L": Size(300, 300, 12),
    "XL": Size(1000, 1000, 20),
}
MIN_SERVED = 0.9
"""What is still to be served of every row after a protected failure."""
SIZES = (
    _GLOBAL
    | {f"{name}-local": replace(size, network_ms=LOCAL_MS) for name, size in _GLOBAL.items()}
    | {
        "S-survival": replace(_GLOBAL["S"], protected=20),
        "M-survival": replace(_GLOBAL["M"], protected=60),
    }
)


@dataclass(frozen=True)
class City:
    """A city with coordinates in degrees and its population in millions."""

    name: str
    country: str
    continent: str
    latitude: float
    longitude: float
    population: float


def generate(size: Size, seed: int = 1) -> Network:
    """Return a network with all four roles, diversity rules, a committee and shocks."""
    draw = random.Random(seed)
    cities = _cities()
    providers = _providers(draw, max(6, size.sites // 8))
    sites = _sites(draw, cities, list(providers), size.sites)
    node_types = _node_types()
    models = _models(draw, size.models)
    regions = _regions(draw, cities, size.regions)
    demand = tuple(_near(row, models, size) for row in _demand(draw, regions, cities, models))
    network = Network(
        settings=Settings(near_ms=12.0, mip_gap=0.01),
        sites=sites,
        providers=providers,
        offers=_offers(draw, sites, demand, models),
        demand=demand,
        regions=regions,
        node_types=node_types,
        models=models,
        policies={
            "quorum": Policy(
                policy="quorum",
                verifiers=3,
                quorum=2,
                independent_of=("provider", "owner"),
                max_latency_ms=150.0,
                overhead=OVERHEAD,
            )
        },
        committees={
            "validators": Committee(committee="validators", seats=21, max_seats_per_site=2)
        },
        diversity=_diversity(),
        shocks={
            f"outage {number}": Shock(shock=f"outage {number}", takes_down=None)
            for number in range(4)
        },
        shock_items={
            f"outage {number}": frozenset({Item("provider", name)})
            for number, name in enumerate(sorted(providers)[:4])
        },
    )
    return _surviving(network, size.protected) if size.protected else network


def _surviving(network: Network, count: int) -> Network:
    """Return the network in which so many dependencies are protected, and every row asks for it."""
    items = network.graph.dependencies
    chosen = [item for kind in ("provider", "metro") for item in items if item.kind == kind][:count]
    rows = [Dependency(dependency=item.name, kind=item.kind, protect=True) for item in chosen]
    return replace(
        network,
        dependencies=dict(zip(chosen, rows, strict=True)),
        demand=tuple(replace(row, min_served=MIN_SERVED) for row in network.demand),
    )


def _cities() -> list[City]:
    with CITIES.open(encoding="utf-8") as stream:
        return [
            City(
                row["city"],
                row["country"],
                row["continent"],
                float(row["latitude"]),
                float(row["longitude"]),
                float(row["population_millions"]),
            )
            for row in csv.DictReader(stream)
        ]


def _providers(draw: random.Random, count: int) -> dict[str, Provider]:
    found = {}
    for number in range(count):
        name = f"provider {number:02}"
        resells = number >= count * 3 // 4 and draw.random() < 0.6
        parent = ((f"provider {draw.randrange(count // 4):02}",),) if resells else ()
        found[name] = Provider(
            provider=name, parent=parent, monthly_cost=draw.choice([0.0, 200.0, 500.0])
        )
    return found


def _sites(
    draw: random.Random, cities: list[City], providers: list[str], count: int
) -> dict[str, Site]:
    # The head of the list is where clouds cluster: several sites a city, of different providers.
    places = [cities[int(len(cities) * draw.random() ** 2)] for _ in range(count)]
    found = {}
    for number, city in enumerate(places):
        provider = providers[int(len(providers) * draw.random() ** 1.5)]
        name = f"{number:04} {city.name}"
        owner = draw.choice(["Equus", "Domus", "Atrium", provider, provider])
        found[name] = Site(
            site=name,
            provider=provider,
            city=city.name,
            country=((city.country,),),
            bloc=((city.continent,),),
            owner=((owner,),),
            metro=((city.name,),),
            grid=((f"grid {city.country}",),),
            network=((draw.choice(["Lumen", "Arelion", "NTT", "Cogent"]),),),
            latitude=city.latitude + draw.uniform(-0.2, 0.2),
            longitude=city.longitude + draw.uniform(-0.2, 0.2),
            monthly_cost=draw.choice([100.0, 200.0, 400.0]),
            opening_cost=draw.choice([0.0, 1000.0]),
        )
    return found


def _node_types() -> dict[str, NodeType]:
    rows = (
        NodeType(
            node_type="8xH100",
            role="execution",
            gpu_memory_gb=640,
            load_gb_per_s=4,
            speed=2.0,
            tee=(("TDX",),),
            gpu=(("Hopper",),),
        ),
        NodeType(
            node_type="8xA100",
            role="execution",
            gpu_memory_gb=640,
            load_gb_per_s=2,
            gpu=(("Ampere",),),
        ),
        NodeType(
            node_type="L40S",
            role="execution",
            gpu_memory_gb=48,
            load_gb_per_s=1,
            speed=0.6,
            gpu=(("Ada",),),
        ),
        NodeType(node_type="verifier", role="verification", verifications_per_s=40),
        NodeType(node_type="store", role="storage", disk_tb=8),
        NodeType(node_type="validator", role="coordination"),
    )
    return {row.node_type: row for row in rows}


def _models(draw: random.Random, count: int) -> dict[str, Model]:
    found = {}
    for number in range(count):
        memory = (20.0, 40.0, 75.0, 160.0)[number % 4]
        name = f"model {number:02}"
        found[name] = Model(
            model=name,
            gpu_memory_gb=memory,
            weights_gb=memory * 0.8,
            requests_per_s=round(160 / memory, 2),
            service_ms=draw.choice([150.0, 300.0, 500.0]),
            init_s=draw.choice([5.0, 20.0]),
            copies=2,
        )
    return found


def _regions(draw: random.Random, cities: list[City], count: int) -> dict[str, Region]:
    found = {}
    for number in range(count):
        city = cities[number % len(cities)]
        name = f"{number:04} {city.name}"
        spread = 0.0 if number < len(cities) else 2.0
        found[name] = Region(
            region=name,
            latitude=city.latitude + draw.uniform(-spread, spread),
            longitude=city.longitude + draw.uniform(-spread, spread),
            country=city.country,
        )
    return found


def _demand(
    draw: random.Random, regions: dict[str, Region], cities: list[City], models: dict[str, Model]
) -> list[Demand]:
    size = {city.name: city.population for city in cities}
    found = []
    for name in regions:
        people = size[name[5:]]
        for rank, model in enumerate(models):
            for service_class, limit, share in CLASSES:
                if draw.random() < 0.35:
                    continue
                rate = people * share * draw.paretovariate(1.5) / (rank + 1) * 0.2
                found.append(
                    Demand(
                        region=name,
                        requests_per_s=round(rate, 4),
                        model=model,
                        service_class=service_class,
                        max_latency_ms=limit,
                        verification="quorum" if draw.random() < 0.2 else "",
                    )
                )
    return found


def _near(row: Demand, models: dict[str, Model], size: Size) -> Demand:
    """Return the row with the limit of its size, where that has one and the row is interactive."""
    if size.network_ms is None or row.service_class != CLASSES[0][0]:
        return row
    overhead = OVERHEAD if row.verification else 0.0
    service_ms = models[row.model].service_ms * (1 + overhead)
    return replace(row, max_latency_ms=size.network_ms + service_ms)


def _offers(
    draw: random.Random,
    sites: dict[str, Site],
    demand: tuple[Demand, ...],
    models: dict[str, Model],
) -> dict[OfferKey, Offer]:
    # Room for three times the demand, so that choices and not shortages make the plan.
    nodes = sum(
        row.requests_per_s
        * (models[row.model].gpu_memory_gb or 0.0)
        / 640
        / (models[row.model].requests_per_s or 1.0)
        / 0.7
        for row in demand
    )
    each = max(4, round(3 * nodes / len(sites)))
    price_of = {
        name: draw.uniform(0.7, 1.4) for name in sorted({s.provider for s in sites.values()})
    }
    prices = {
        "8xH100": 16_000.0,
        "8xA100": 9_500.0,
        "L40S": 950.0,
        "verifier": 160.0,
        "store": 220.0,
        "validator": 130.0,
    }
    likely = {
        "8xH100": 0.4,
        "8xA100": 0.6,
        "L40S": 0.5,
        "verifier": 0.6,
        "store": 0.4,
        "validator": 0.6,
    }
    found = {}
    for name, site in sites.items():
        for node_type, price in prices.items():
            if draw.random() < likely[node_type]:
                most = (
                    each * (12 if node_type == "L40S" else 1)
                    if node_type in ("8xH100", "8xA100", "L40S")
                    else 40
                )
                found[OfferKey(name, node_type)] = Offer(
                    site=name,
                    node_type=node_type,
                    max_nodes=most,
                    monthly_cost=round(
                        price * price_of[site.provider] * draw.uniform(0.95, 1.05), 2
                    ),
                    one_off_cost=draw.choice([0.0, 500.0]),
                )
    return found


def _diversity() -> tuple[DiversityRow, ...]:
    return (
        DiversityRow(
            rule="requests per provider",
            role="execution",
            kind="provider",
            measure="requests",
            scope="total",
            max_share=0.3,
        ),
        DiversityRow(
            rule="requests per owner",
            role="execution",
            kind="owner",
            measure="requests",
            scope="total",
            max_share=0.4,
        ),
        DiversityRow(
            rule="work per provider",
            role="verification",
            kind="provider",
            measure="work",
            scope="total",
            max_share=0.4,
        ),
        DiversityRow(
            rule="copies", role="storage", kind="provider", measure="copies", min_distinct=2
        ),
        DiversityRow(
            rule="seats per provider",
            role="coordination",
            kind="provider",
            measure="seats",
            max_count=7,
        ),
        DiversityRow(
            rule="seats per country",
            role="coordination",
            kind="country",
            measure="seats",
            max_count=7,
        ),
    )
