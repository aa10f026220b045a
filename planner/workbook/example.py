"""A small network that shows every sheet: the example of the template, row by row.

Providers, sites and figures are made up; every figure says that it is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.data import (
    Committee,
    Demand,
    Dependency,
    DiversityRow,
    ExposureRow,
    LoadedToday,
    Lock,
    Model,
    NodeType,
    Objective,
    Offer,
    Period,
    Phase,
    Policy,
    Provider,
    Region,
    Route,
    Row,
    Scenario,
    SeatToday,
    Shock,
    Site,
)

ASSUMED = "assumed for the example"

_PLACES = {
    "Frankfurt 1": ("Acme Cloud", "Frankfurt", "DE", 50.11, 8.68),
    "Frankfurt 2": ("Delta Hosting", "Frankfurt", "DE", 50.12, 8.63),
    "Paris 1": ("Borealis", "Paris", "FR", 48.86, 2.35),
    "Stockholm 1": ("Acme Cloud", "Stockholm", "SE", 59.33, 18.07),
    "Milan 1": ("Meridian", "Milan", "IT", 45.46, 9.19),
    "Warsaw 1": ("Vistula", "Warsaw", "PL", 52.23, 21.01),
}
_MONTHLY = {
    "GPU server": (8, 1900.0),
    "Verifier": (4, 240.0),
    "Store": (2, 130.0),
    "Seat server": (3, 160.0),
}


def _needs(name: str) -> tuple[tuple[str, ...], ...]:
    return ((name,),)


EXAMPLE: dict[type[Row], Sequence[Row]] = {
    Site: [
        Site(
            site=site,
            provider=provider,
            city=city,
            country=_needs(country),
            metro=_needs(city),
            latitude=latitude,
            longitude=longitude,
            monthly_cost=150,
            source=ASSUMED,
        )
        for site, (provider, city, country, latitude, longitude) in _PLACES.items()
    ],
    Provider: [
        Provider(
            provider=provider,
            monthly_cost=cost,
            outages_per_year=outages,
            outage_hours=4,
            source=ASSUMED,
        )
        for provider, cost, outages in (
            ("Acme Cloud", 0, 0.5),
            ("Borealis", 120, 1),
            ("Delta Hosting", 80, 2),
            ("Meridian", 60, 1),
            ("Vistula", 60, 1.5),
        )
    ],
    Offer: [
        Offer(site=site, node_type=node_type, max_nodes=most, monthly_cost=monthly, source=ASSUMED)
        for site in _PLACES
        for node_type, (most, monthly) in _MONTHLY.items()
    ],
    Demand: [
        Demand(
            region=region,
            model=model,
            verification="two of three",
            requests_per_s=rate,
            max_latency_ms=limit,
            min_served=0.6,
            unserved_penalty=500,
            source=ASSUMED,
        )
        for region, chat, embed in (("Germany", 9, 30), ("France", 6, 20), ("Nordics", 3, 8))
        for model, rate, limit in (("chat-8b", chat, 450), ("embed", embed, 120))
    ],
    Period: [Period(period="day", hours_per_month=365, source=ASSUMED)],
    Region: [
        Region(region="Germany", latitude=50.8, longitude=9.7, country="DE", source=ASSUMED),
        Region(region="France", latitude=46.6, longitude=2.4, country="FR", source=ASSUMED),
        Region(region="Nordics", latitude=60.0, longitude=15.0, country="SE", source=ASSUMED),
    ],
    NodeType: [
        NodeType(
            node_type="GPU server",
            role="execution",
            gpu_memory_gb=80,
            load_gb_per_s=4,
            tee=_needs("TDX"),
            gpu=_needs("H100"),
            source=ASSUMED,
        ),
        NodeType(node_type="Verifier", role="verification", verifications_per_s=60, source=ASSUMED),
        NodeType(node_type="Store", role="storage", disk_tb=8, source=ASSUMED),
        NodeType(
            node_type="Seat server", role="coordination", client=_needs("client A"), source=ASSUMED
        ),
    ],
    Model: [
        Model(
            model="chat-8b",
            gpu_memory_gb=20,
            weights_gb=16,
            requests_per_s=4,
            service_ms=320,
            init_s=8,
            copies=2,
            source=ASSUMED,
        ),
        Model(
            model="embed",
            gpu_memory_gb=4,
            weights_gb=2,
            requests_per_s=40,
            service_ms=25,
            init_s=4,
            copies=2,
            source=ASSUMED,
        ),
    ],
    Route: [Route(origin="Germany", target="Frankfurt 1", latency_ms=11, source=ASSUMED)],
    Dependency: [
        Dependency(dependency="*", kind="provider", protect=True, source=ASSUMED),
        Dependency(
            dependency="Frankfurt",
            kind="metro",
            outages_per_year=0.1,
            outage_hours=12,
            source=ASSUMED,
        ),
    ],
    ExposureRow: [
        ExposureRow(
            item="Stockholm 1",
            depends_on=_needs("cable:Baltic ring"),
            confidence="suspected",
            source=ASSUMED,
        )
    ],
    DiversityRow: [
        DiversityRow(
            rule="no provider runs most of it", role="execution", kind="provider", max_share=0.5
        )
    ],
    Policy: [
        Policy(
            policy="two of three",
            verifiers=3,
            quorum=2,
            max_latency_ms=60,
            independent_of=("provider",),
        )
    ],
    Committee: [Committee(committee="validators", seats=4, max_faulty=1, max_seats_per_site=1)],
    SeatToday: [
        SeatToday(committee="validators", site="Paris 1", node_type="Seat server", seats=1)
    ],
    LoadedToday: [LoadedToday(site="Paris 1", node_type="GPU server", model="chat-8b", warm=2)],
    Shock: [Shock(shock="Frankfurt is dark", takes_down=_needs("metro:Frankfurt"), protect=True)],
    Lock: [Lock(site="Paris 1", node_type="GPU server", maximum=6)],
    Objective: [
        Objective(priority=1, measure="unserved"),
        Objective(priority=2, measure="monthly_cost", tolerance="2 %"),
        Objective(priority=3, measure="latency"),
    ],
    Phase: [Phase(phase="launch", order=1, demand_multiplier=0.4, max_new_nodes=12)],
    Scenario: [
        Scenario(
            scenario="twice the demand",
            sheet="Demand",
            where="region=Germany",
            column="requests_per_s",
            change="x2",
        )
    ],
}
"""The rows of every sheet."""

NOT_IN_FORCE: tuple[type[Row], ...] = (Period, SeatToday, LoadedToday, Phase, Scenario)
"""Sheets that the example only shows, commented out."""
