"""A network that is easy to understand, and a legal plan for it made by hand.

Three sites of two providers: Frankfurt and Paris of Acme, London of Bolt. Germans and French chat,
every answer checked by three verifiers of three clients; a German law office asks for a big model
so rarely that it is loaded cold in Paris, from the copy next to it. A council of four has seats.
"""

from __future__ import annotations

from models.data import (
    Committee,
    Demand,
    DemandKey,
    Dependency,
    DiversityRow,
    Item,
    LoadedToday,
    Model,
    Needs,
    NodeType,
    Offer,
    OfferKey,
    Policy,
    Provider,
    Region,
    SeatToday,
    Settings,
    Site,
)
from models.network import Link, Network
from models.plan import Deployment, Flow, Panel, Plan, Replica, Seat, VerificationFlow
from models.service import ESTIMATE
from planner.evaluation.evaluation import evaluate
from planner.evaluation.kept import Keeping
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.result import Result

FRANKFURT, PARIS, LONDON = (OfferKey(site, "gpu") for site in ("frankfurt", "paris", "london"))
CHECKERS = (
    OfferKey("frankfurt", "check-a"),
    OfferKey("london", "check-c"),
    OfferKey("paris", "check-b"),
)
GERMANY = DemandKey("germany", "chat", "checked", "interactive", "")
FRANCE = DemandKey("france", "chat", "checked", "interactive", "")
OFFICE = DemandKey("germany", "law", "", "batch", "")


def small() -> Network:
    """Return the network."""
    return Network(
        settings=Settings(),
        sites=_sites(),
        providers={
            "Acme": Provider(provider="Acme", monthly_cost=50),
            "Bolt": Provider(provider="Bolt", monthly_cost=30),
        },
        offers=_offers(),
        demand=_demand(),
        regions={
            "germany": Region(region="germany", latitude=52.5, longitude=13.4),
            "france": Region(region="france", latitude=45.8, longitude=4.8),
        },
        node_types=_node_types(),
        models={
            "chat": Model(
                model="chat",
                gpu_memory_gb=16,
                weights_gb=15,
                requests_per_s=10,
                service_ms=40,
                copies=2,
            ),
            "law": Model(
                model="law",
                gpu_memory_gb=140,
                weights_gb=140,
                requests_per_s=2,
                service_ms=100,
                init_s=30,
                copies=1,
                min_copies_left=0,
            ),
        },
        links=(
            Link(
                Item("region", "germany"),
                Item("site", "london"),
                latency_ms=22,
                cost_per_million=2,
                via=((Item("cable", "Channel"),),),
            ),
        ),
        dependencies={
            Item("country", "DE"): Dependency(dependency="DE", kind="country", protect=True)
        },
        diversity=(
            DiversityRow(
                rule="no landlord of all",
                role="execution",
                kind="provider",
                scope="total",
                max_share=0.9,
            ),
        ),
        policies={
            "checked": Policy(
                policy="checked", verifiers=3, quorum=2, independent_of=("client",), overhead=0.1
            )
        },
        committees={"council": Committee(committee="council", seats=4, reach_ms=60)},
        seats_today=(SeatToday(committee="council", site="frankfurt", node_type="seat", seats=2),),
        loaded_today=(LoadedToday(site="frankfurt", node_type="gpu", model="chat", warm=1),),
    )


def _sites() -> dict[str, Site]:
    places: dict[str, tuple[str, str, str, float, float, Needs | None]] = {
        "frankfurt": ("Acme", "DE", "EU", 50.11, 8.68, (("Equus",),)),
        "paris": ("Acme", "FR", "EU", 48.86, 2.35, (("Domus",),)),
        # Nobody knows who owns the building in London.
        "london": ("Bolt", "GB", "UK", 51.51, -0.13, None),
    }
    return {
        name: Site(
            site=name,
            provider=provider,
            country=((country,),),
            bloc=((bloc,),),
            latitude=latitude,
            longitude=longitude,
            owner=owner,
            operator=(),
            data_centre=(),
            metro=((name,),),
            grid=(),
            network=(),
            monthly_cost=100,
            opening_cost=3600,
            status="existing" if name == "frankfurt" else "candidate",
        )
        for name, (provider, country, bloc, latitude, longitude, owner) in places.items()
    }


def _node_types() -> dict[str, NodeType]:
    types = [
        NodeType(
            node_type="gpu",
            role="execution",
            gpu_memory_gb=160,
            load_gb_per_s=2,
            tee=(("TDX",),),
            client=(("engine",),),
        ),
        *(
            NodeType(
                node_type=f"check-{letter}",
                role="verification",
                verifications_per_s=50,
                client=((f"client-{letter}",),),
            )
            for letter in "abc"
        ),
        NodeType(node_type="disk", role="storage", disk_tb=4),
        NodeType(node_type="seat", role="coordination"),
    ]
    return {found.node_type: found for found in types}


def _offers() -> dict[OfferKey, Offer]:
    prices: dict[OfferKey, tuple[float, int]] = {
        FRANKFURT: (1000, 1),
        PARIS: (1100, 0),
        LONDON: (1200, 0),
        **dict.fromkeys(CHECKERS, (90.0, 0)),
        OfferKey("frankfurt", "disk"): (40, 0),
        OfferKey("paris", "disk"): (40, 0),
        OfferKey("frankfurt", "seat"): (20, 2),
        OfferKey("paris", "seat"): (20, 0),
        OfferKey("london", "seat"): (20, 0),
    }
    return {
        key: Offer(
            site=key.site,
            node_type=key.node_type,
            max_nodes=4,
            monthly_cost=price,
            existing_nodes=existing,
            one_off_cost=360 if key.node_type == "gpu" else 0,
        )
        for key, (price, existing) in sorted(prices.items())
    }


def _demand() -> tuple[Demand, ...]:
    return (
        Demand(
            region="germany",
            model="chat",
            verification="checked",
            service_class="interactive",
            requests_per_s=20,
            max_latency_ms=150,
            unserved_penalty=5,
        ),
        Demand(
            region="france",
            model="chat",
            verification="checked",
            service_class="interactive",
            requests_per_s=10,
            max_latency_ms=150,
            unserved_penalty=5,
        ),
        Demand(
            region="germany",
            model="law",
            service_class="batch",
            requests_per_s=0.001,
            max_latency_ms=200_000,
            blocs=("EU",),
        ),
    )


def deployment_for_small() -> Deployment:
    """Return a legal deployment for the small network."""
    # 15 + 5 requests/s of Germany, 10 of France; a verifier costs a tenth of the capacity, so
    # 16.5, 5.5 and 11 requests/s meet 7 per replica: 3, 1 and 2 replicas, eight to a node.
    executed = {FRANKFURT: 15.0, LONDON: 5.0, PARIS: 10.0}
    return Deployment(
        open=frozenset({"frankfurt", "paris", "london"}),
        contracts=frozenset({"Acme", "Bolt"}),
        nodes={
            FRANKFURT: 1,
            LONDON: 1,
            # One node for two replicas of chat, one kept free for the big model.
            PARIS: 2,
            **dict.fromkeys(CHECKERS, 1),
            OfferKey("frankfurt", "disk"): 1,
            OfferKey("paris", "disk"): 1,
            OfferKey("frankfurt", "seat"): 1,
            OfferKey("paris", "seat"): 1,
            OfferKey("london", "seat"): 2,
        },
        warm={
            Replica("frankfurt", "gpu", "chat"): 3,
            Replica("london", "gpu", "chat"): 1,
            Replica("paris", "gpu", "chat"): 2,
        },
        cold_slots={PARIS: 1},
        routing=(
            Flow(GERMANY, FRANKFURT, ESTIMATE, "warm", 0.75),
            Flow(GERMANY, LONDON, "direct", "warm", 0.25),
            Flow(FRANCE, PARIS, ESTIMATE, "warm", 1.0),
            Flow(OFFICE, PARIS, ESTIMATE, "cold", 1.0, "paris/disk"),
        ),
        verification=tuple(
            VerificationFlow("checked", "", "", executor, verifier, rate)
            for executor, rate in executed.items()
            for verifier in CHECKERS
        ),
        panels=tuple(Panel("checked", "", "", executor, CHECKERS, 1.0) for executor in executed),
        copies=frozenset(
            {
                Replica("frankfurt", "disk", "chat"),
                Replica("paris", "disk", "chat"),
                Replica("paris", "disk", "law"),
            }
        ),
        seats={
            Seat("council", "frankfurt", "seat"): 1,
            Seat("council", "paris", "seat"): 1,
            Seat("council", "london", "seat"): 2,
        },
    )


def plan_for_small() -> Plan:
    """Return a legal plan for the small network."""
    return Plan({"": deployment_for_small()})


def done_with(
    network: Network,
    result: Result,
    scores: tuple[Score, ...] = (),
    keeping: Keeping | None = None,
) -> Done:
    """Return the end of a job that has this result."""
    evaluations = evaluate(network, result.plan, keeping) if result.plan is not None else ()
    return Done(result, network, evaluations=evaluations, scores=scores)
