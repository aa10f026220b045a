"""Random small networks and random plans for them, seeded: legal in places, illegal in others."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from models.build import most_nodes
from models.classes import Classes, demand_classes
from models.data import (
    ROLES,
    Committee,
    Demand,
    Dependency,
    DiversityRow,
    Item,
    Lock,
    Model,
    Needs,
    NodeType,
    Offer,
    OfferKey,
    Phase,
    Policy,
    Provider,
    Region,
    Settings,
    Shock,
    Site,
)
from models.exposure import Exposure
from models.network import Later, Link, Network, Step
from models.panels import panels_of
from models.plan import HUB, Deployment, Flow, Panel, Replica, Seat, VerificationFlow
from models.service import Service, replicas_per_node, route_labels, service
from models.streams import verification_streams

COUNTRIES, OWNERS = ("DE", "FR", "US"), ("Equus", "Domus")


def network(seed: int) -> Network:
    """Return a random network of up to five sites with every role."""
    draw = random.Random(seed)
    providers = _providers(draw)
    sites = _sites(draw, list(providers))
    node_types = _node_types(draw)
    models = _models(draw, [n for n, t in node_types.items() if t.role == "execution"])
    policies = _policies(draw)
    periods = {"day": 300.0, "night": 430.0} if draw.random() < 0.3 else {"": 730.0}
    regions = {
        name: Region(region=name, latitude=draw.uniform(30, 60), longitude=draw.uniform(-10, 30))
        for name in ("r1", "r2")
    }
    committees = _committees(draw)
    drawn = Network(
        settings=Settings(
            utilisation=draw.choice([0.5, 1.0]),
            near_ms=draw.choice([0.0, 15.0]),
            unknown=draw.choice(["shared", "distinct"]),
            budget_monthly=draw.choice([None, 100.0, 400.0]),
            budget_one_off=draw.choice([None, 40.0]),
        ),
        sites=sites,
        providers=providers,
        offers=_offers(draw, sites, node_types),
        demand=tuple(_demand(draw, list(periods), list(models), list(policies))),
        periods=periods,
        regions=regions,
        node_types=node_types,
        models=models,
        links=tuple(_links(draw, list(sites))),
        policies=policies,
        committees=committees,
    )
    whole = replace(
        drawn,
        dependencies=_protected(draw),
        exposures=_exposures(draw, list(sites)),
        shocks={"storm": Shock(shock="storm", takes_down=None, protect=draw.random() < 0.5)},
        shock_items={"storm": frozenset({Item("country", "DE"), Item("owner", "Domus")})},
        diversity=(
            *_diversity(draw, drawn),
            *_collapse(random.Random(f"collapse {seed}"), drawn),
            *_service(random.Random(f"service {seed}"), drawn),
        ),
        locks=tuple(_locks(draw, drawn)),
    )
    return _slowed(whole) if seed % 2 else whole


def _slowed(drawn: Network) -> Network:
    """Return the network with a tenth of every rate: there less than one request/s matters."""

    def tenth(row: Any, *rates: str) -> Any:
        known = {rate: getattr(row, rate) for rate in rates}
        return replace(row, **{rate: number and number / 10 for rate, number in known.items()})

    rates = ("requests_per_s", "max_requests_per_s")
    return replace(
        drawn,
        demand=tuple(tenth(row, "requests_per_s") for row in drawn.demand),
        offers={key: tenth(row, "requests_per_s") for key, row in drawn.offers.items()},
        models={name: tenth(row, *rates) for name, row in drawn.models.items()},
        node_types={
            name: tenth(row, "verifications_per_s") for name, row in drawn.node_types.items()
        },
    )


def surviving(drawn: Network, seed: int) -> Network:
    """Return the network with shares to be served after failures, and more that is protected."""
    draw = random.Random(seed)
    rows = []
    for row in drawn.demand:
        limit = row.max_latency_ms
        later = draw.choice([None, None, None if limit is None else 3 * limit])
        least = draw.choice([0.0, 0.3, 0.6, 1.0])
        rows.append(replace(row, min_served=least, failover_latency_ms=later))
    named = drawn.graph.dependencies
    for item in draw.sample(named, min(len(named), draw.randint(0, 2))):
        row = Dependency(dependency=item.name, kind=item.kind, protect=True)
        drawn = replace(drawn, dependencies={**drawn.dependencies, item: row})
    return replace(drawn, demand=tuple(rows))


def stepping(drawn: Network, seed: int) -> Network:
    """Return the network as a phase of a roll-out: what it may add, keep and leave to the next."""
    draw = random.Random(seed)
    phase = Phase(
        phase="this",
        max_new_nodes=draw.choice([None, 2, 8]),
        budget_monthly=draw.choice([None, None, 20_000.0]),
        budget_one_off=draw.choice([None, 2_000.0]),
    )
    standing = frozenset(name for name in sorted(drawn.sites) if draw.random() < 0.3)
    nodes = {key: draw.randint(0, offer.max_nodes) for key, offer in sorted(drawn.offers.items())}
    opened = frozenset(key.site for key, count in nodes.items() if count)
    after = Phase(
        phase="next",
        max_new_nodes=draw.choice([None, 5, 20]),
        budget_one_off=draw.choice([None, 3_000.0]),
    )
    later = Later(after, Deployment(open=opened, nodes=nodes), keeps=draw.random() < 0.3)
    step = Step(
        phase,
        keeps=draw.random() < 0.3,
        standing=draw.choice([None, standing]),
        later=draw.choice([None, None, later]),
    )
    return replace(drawn, step=step)


def richer(drawn: Network, plan: Deployment, seed: int) -> Deployment:
    """Return the plan with more nodes and replicas, as many a random one survives nothing."""
    draw = random.Random(seed)
    more = draw.choice([0, 1, 3])
    nodes = {o: min(plan.nodes.get(o, 0) + more, row.max_nodes) for o, row in drawn.offers.items()}
    warm = dict(plan.warm)
    for offer in drawn.offers_of("execution") if more else ():
        for name, model in drawn.models.items():
            of_type = not model.node_types or offer.node_type in model.node_types
            each = replicas_per_node(model, drawn.node_types[offer.node_type])
            if of_type and not model.proxied and each and draw.random() < 0.7:
                key = Replica(*offer, name)
                warm[key] = max(warm.get(key, 0), draw.randint(0, more))
    return replace(plan, nodes=nodes, warm=warm)


def _maybe(draw: random.Random, value: object, chance: float = 0.5) -> object:
    return value if draw.random() < chance else None


def _needs(draw: random.Random, names: tuple[str, ...]) -> Needs | None:
    kind = draw.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return ()
    if kind < 0.3:
        return ((names[0],), (names[1],))
    if kind < 0.4:
        return (tuple(names[:2]),)
    return ((draw.choice(names),),)


def _providers(draw: random.Random) -> dict[str, Provider]:
    found = {}
    for name in ("p1", "p2", "p3")[: draw.randint(1, 3)]:
        found[name] = Provider(
            provider=name,
            monthly_cost=draw.choice([0.0, 30.0]),
            max_nodes=draw.choice([None, 2, 4]),
            status=draw.choice(["candidate"] * 6 + ["required", "forbidden"]),
            parent=(("p1",),) if name == "p3" and draw.random() < 0.7 else (),
        )
    return found


def _sites(draw: random.Random, providers: list[str]) -> dict[str, Site]:
    found = {}
    for name in ("a", "b", "c", "d", "e")[: draw.randint(2, 5)]:
        found[name] = Site(
            site=name,
            provider=draw.choice(providers),
            country=((draw.choice(COUNTRIES),),) if draw.random() < 0.9 else None,
            bloc=draw.choice([((("EU"),),), (), None]),
            owner=_needs(draw, OWNERS),
            latitude=draw.uniform(30, 60) if draw.random() < 0.9 else None,
            longitude=draw.uniform(-10, 30),
            status=draw.choice(["candidate"] * 5 + ["existing", "required", "forbidden"]),
            monthly_cost=draw.choice([0.0, 20.0]),
            opening_cost=draw.choice([0.0, 15.0]),
            max_nodes=draw.choice([None, 3, 5]),
        )
    return found


def _node_types(draw: random.Random) -> dict[str, NodeType]:
    return {
        "gpu": NodeType(
            node_type="gpu",
            role="execution",
            gpu_memory_gb=80,
            load_gb_per_s=2.0,
            speed=draw.choice([1.0, 2.0]),
            tee=draw.choice([(), (("TDX",),)]),
        ),
        "small": NodeType(node_type="small", role="execution", gpu_memory_gb=24),
        "check": NodeType(node_type="check", role="verification", verifications_per_s=6.0),
        "disk": NodeType(node_type="disk", role="storage", disk_tb=0.1),
        "seat": NodeType(node_type="seat", role="coordination", tee=draw.choice([(), (("SNP",),)])),
    }


def _models(draw: random.Random, node_types: list[str]) -> dict[str, Model]:
    if draw.random() < 0.15:
        return {}
    return {
        "big": Model(
            model="big",
            gpu_memory_gb=60,
            weights_gb=60,
            requests_per_s=2.0,
            service_ms=200,
            copies=draw.randint(0, 2),
        ),
        "tiny": Model(
            model="tiny",
            gpu_memory_gb=9,
            weights_gb=8,
            requests_per_s=4.0,
            copies=draw.randint(0, 1),
            node_types=draw.choice([(), ("small",)]),
        ),
        "far": Model(
            model="far",
            gpu_memory_gb=0,
            upstream=(("OpenLab",),),
            max_requests_per_s=draw.choice([None, 1.5]),
            cost_per_million=3.0,
        ),
    }


def _policies(draw: random.Random) -> dict[str, Policy]:
    verifiers = draw.choice([0, 1, 2, 3])
    return {
        "quorum": Policy(
            policy="quorum",
            verifiers=verifiers,
            quorum=verifiers // 2 + 1 if verifiers else 0,
            independent_of=draw.choice([(), ("owner",), ("provider",), ("country", "owner")]),
            max_latency_ms=draw.choice([None, 20.0]),
            overhead=draw.choice([0.0, 0.5]),
            work=draw.choice([1.0, 2.0]),
            tee=draw.choice(["", "", "yes"]),
        )
    }


def _committees(draw: random.Random) -> dict[str, Committee]:
    found = {}
    for name in ("council", "senate")[: draw.randint(0, 2)]:
        found[name] = Committee(
            committee=name,
            seats=draw.randint(1, 5),
            max_seats_per_site=draw.choice([None, 1, 2]),
            reach_ms=draw.choice([None, 12.0, 30.0]),
            tee=draw.choice(["", "", "SNP"]),
            countries=draw.choice([(), (), ("DE", "FR")]),
            blocs=draw.choice([(), (), ("EU",)]),
        )
    return found


def _offers(
    draw: random.Random, sites: dict[str, Site], node_types: dict[str, NodeType]
) -> dict[OfferKey, Offer]:
    found = {}
    for site in sites:
        for name in node_types:
            if draw.random() < 0.75:
                most = draw.randint(1, 4)
                found[OfferKey(site, name)] = Offer(
                    site=site,
                    node_type=name,
                    max_nodes=most,
                    min_nodes=draw.choice([0, 0, 0, 1]),
                    existing_nodes=draw.choice([0, 1]),
                    monthly_cost=draw.choice([5.0, 50.0]),
                    one_off_cost=draw.choice([0.0, 10.0]),
                    requests_per_s=draw.choice([None, 3.0]),
                )
    return dict(sorted(found.items()))


def _demand(
    draw: random.Random, periods: list[str], models: list[str], policies: list[str]
) -> list[Demand]:
    found = {}
    for _ in range(draw.randint(1, 5)):
        row = Demand(
            region=draw.choice(["r1", "r2"]),
            requests_per_s=draw.choice([0.0, 0.5, 1.0, 2.0]),
            model=draw.choice(models) if models else "",
            period=draw.choice(periods),
            verification=draw.choice([*policies, *policies, ""]),
            max_latency_ms=draw.choice([None, 45.0, 260.0, 90_000.0]),
            countries=draw.choice([(), (), ("DE", "US")]),
            blocs=draw.choice([(), (), (), ("EU",)]),
            unserved_penalty=2.0,
        )
        found[row.key] = row
    return list(found.values())


def _links(draw: random.Random, sites: list[str]) -> list[Link]:
    found = []
    for site in sites:
        target = Item("site", site)
        if draw.random() < 0.4:
            for label in ("direct", "other")[: draw.randint(1, 2)]:
                via = draw.choice([(), (((Item("cable", "North"),)),)])
                found.append(
                    Link(
                        Item("region", "r1"),
                        target,
                        draw.choice([10.0, 40.0, 60.0]),
                        draw.choice([0.0, 4.0]),
                        via,
                        label,
                    )
                )
        if draw.random() < 0.7:
            found.append(Link(target, Item("upstream", "OpenLab"), draw.choice([5.0, 30.0])))
        if draw.random() < 0.3:
            found.append(Link(target, Item("site", draw.choice(sites)), draw.choice([8.0, 25.0])))
    return [link for link in found if link.origin != link.target]


def _protected(draw: random.Random) -> dict[Item, Dependency]:
    found = {}
    for kind, name in (("provider", "p1"), ("owner", "Equus"), ("country", "*")):
        found[Item(kind, name)] = Dependency(
            dependency=name, kind=kind, protect=draw.random() < 0.4
        )
    return found


def _exposures(draw: random.Random, sites: list[str]) -> tuple[Exposure, ...]:
    found = []
    if draw.random() < 0.4:
        found.append(Exposure(Item("owner", "Domus"), (Item("owner", "Equus"),)))
    if draw.random() < 0.3:
        found.append(Exposure(Item("site", draw.choice(sites)), (Item("grid", "G"),), "suspected"))
    return tuple(found)


def _diversity(draw: random.Random, drawn: Network) -> list[DiversityRow]:
    found = []
    for number in range(draw.randint(1, 4)):
        role = draw.choice(ROLES)
        kind = draw.choice(["provider", "owner", "country", "cable"])
        named = {"provider": "p1", "owner": "Equus", "country": "DE", "cable": "North"}[kind]
        measures = {
            "execution": "requests",
            "verification": "work",
            "storage": "copies",
            "coordination": "seats",
        }
        applies = {
            "execution": ["", "r1", *(f"model:{name}" for name in drawn.models)],
            "verification": ["", *drawn.policies],
            "storage": ["", *(f"model:{n}" for n, m in drawn.models.items() if not m.proxied)],
            "coordination": ["", *drawn.committees],
        }[role]
        row = DiversityRow(
            rule=f"rule {number}",
            role=role,
            kind=kind,
            measure=draw.choice([measures[role], "", "nodes", "sites"]),
            applies_to=draw.choice(applies),
            scope=draw.choice(["each", "total"]),
        )
        limit = draw.choice(["share", "count", "least", "distinct", "nakamoto"])
        if limit == "share":
            row = replace(
                row, max_share=draw.choice([0.3, 0.5, 0.8]), dependency=draw.choice(["", named])
            )
        elif limit == "count":
            row = replace(row, max_count=draw.randint(0, 2), dependency=draw.choice(["", named]))
        elif limit == "least":
            row = replace(row, min_count=draw.randint(1, 2), dependency=named)
        elif limit == "distinct":
            row = replace(row, min_distinct=draw.randint(1, 3))
        else:
            row = replace(
                row, min_nakamoto=draw.randint(1, 3), threshold=draw.choice([0.34, 0.5, 0.67])
            )
            if role == "coordination" and row.measure in ("", "seats") and draw.random() < 0.5:
                row = replace(row, threshold=None, scope="each")
        found.append(row)
    return found


def _collapse(draw: random.Random, drawn: Network) -> list[DiversityRow]:
    """Return rows about collapse, from numbers of their own: all else is as without them."""
    applies = {
        "verification": ["", *drawn.policies],
        "storage": ["", *(f"model:{n}" for n, m in drawn.models.items() if not m.proxied)],
        "coordination": ["", *drawn.committees],
    }
    return [
        DiversityRow(
            rule=f"collapse {number}",
            role=role,
            kind=draw.choice(["", "", "provider", "owner", "country"]),
            applies_to=draw.choice(applies[role]),
            min_collapse=draw.choice([1, 2, 2, 3, 4]),
        )
        for number in range(draw.choice([0, 0, 1, 2]))
        for role in (draw.choice(sorted(applies)),)
    ]


def _service(draw: random.Random, drawn: Network) -> list[DiversityRow]:
    """Return rows about what ends the service of demand rows, from numbers of their own."""
    return [
        DiversityRow(
            rule="service",
            role="execution",
            kind=draw.choice(["", "", "provider", "owner", "country", "cable"]),
            applies_to=draw.choice(["", "", "r1", *(f"model:{name}" for name in drawn.models)]),
            min_collapse=draw.choice([1, 2, 2, 3]),
        )
        for _ in range(draw.choice([0, 0, 1]))
    ]


def _locks(draw: random.Random, drawn: Network) -> list[Lock]:
    found = []
    for _ in range(draw.randint(0, 2)):
        lock = Lock(
            site=draw.choice(["", *drawn.sites]),
            provider=draw.choice(["", "", "p1"]),
            minimum=draw.choice([None, 1]),
            maximum=draw.choice([None, 1, 3]),
        )
        about = draw.random()
        if about < 0.3 and drawn.committees:
            lock = replace(lock, committee=draw.choice(sorted(drawn.committees)))
        elif about < 0.6 and drawn.models:
            lock = replace(lock, model=draw.choice(sorted(drawn.models)))
        else:
            lock = replace(lock, node_type=draw.choice(["", *drawn.node_types]))
        if lock.minimum is not None or lock.maximum is not None:
            found.append(lock)
    return found


def row_by_row(network: Network) -> Classes:
    """Return the demand classes with every demand row by itself."""
    return demand_classes(network, apart=range(len(network.demand)))


def plan(drawn: Network, classes: Classes, seed: int) -> Deployment:
    """Return a random plan: sometimes sparse, sometimes full, right in most places."""
    draw = random.Random(seed)
    fullness = draw.random()
    nodes = {}
    for offer, entry in drawn.offers.items():
        if draw.random() < fullness:
            nodes[offer] = draw.randint(1, entry.max_nodes + (draw.random() < 0.1))
    standing = {offer.site for offer in nodes}
    opened = {site for site in drawn.sites if site in standing or draw.random() < 0.2}
    if draw.random() < 0.15 and opened:
        opened.discard(draw.choice(sorted(opened)))
    contracts = {drawn.sites[site].provider for site in opened}
    if draw.random() < 0.15 and contracts:
        contracts.discard(draw.choice(sorted(contracts)))
    if draw.random() < 0.2:
        contracts |= set(drawn.providers)
    routing = _routing(draw, drawn, classes)
    checks = _verification(draw, drawn, classes, routing)
    return Deployment(
        open=frozenset(opened),
        contracts=frozenset(contracts & {s.provider for s in drawn.sites.values()}),
        nodes=nodes,
        warm=_warm(draw, drawn, routing, fullness),
        cold_slots=_slots(draw, drawn, classes, routing),
        routing=routing,
        verification=checks,
        panels=panels_of(drawn, checks),
        copies=_copies(draw, drawn, fullness),
        seats=_seats(draw, drawn),
    )


def _routing(draw: random.Random, drawn: Network, classes: Classes) -> tuple[Flow, ...]:
    found: dict[tuple[object, ...], Flow] = {}
    for index, demand in enumerate(drawn.demand):
        group = list(classes.ways.of(demand))
        if not group or draw.random() < 0.25:
            continue
        chosen = draw.sample(group, min(len(group), draw.randint(1, 3)))
        whole = 1.0 if draw.random() < 0.9 else 1.2
        for way in chosen:
            flow = way.flow(demand, whole / len(chosen))
            found[index, flow.offer, flow.route, flow.state, flow.fetch_from] = flow
    if draw.random() < 0.1:
        demand = draw.choice(drawn.demand)
        executing = drawn.offers_of("execution")
        if executing:
            offer = draw.choice(executing)
            route = draw.choice([*route_labels(drawn, demand.region, offer.site), "nowhere"])
            state = draw.choice(["warm", "cold"])
            source = HUB if state == "cold" else ""
            if not isinstance(service(drawn, demand, offer, route, state, source), Service):
                flow = Flow(demand.key, offer, route, state, 0.01, source)
                found["illegal", offer, route, state, source] = flow
    return tuple(found.values())


def _warm(
    draw: random.Random, drawn: Network, routing: tuple[Flow, ...], fullness: float
) -> dict[Replica, int]:
    found: dict[Replica, int] = {}
    for flow in routing:
        model = drawn.models.get(flow.demand.model)
        loaded = model is not None and not model.proxied and flow.state == "warm"
        if loaded and draw.random() < 0.9:
            found[Replica(*flow.offer, flow.demand.model)] = draw.randint(1, 3)
    for offer in drawn.offers_of("execution"):
        for name in drawn.models:
            if draw.random() < 0.05 * fullness:
                found[Replica(*offer, name)] = draw.randint(1, 2)
    return found


def _slots(
    draw: random.Random, drawn: Network, classes: Classes, routing: tuple[Flow, ...]
) -> dict[OfferKey, int]:
    loads = classes.loads
    cold = {classes.offers[o] for o, number in loads if classes.jobs[number].is_cold}
    found = {}
    for offer in sorted(cold):
        if draw.random() < (0.8 if any(f.offer == offer for f in routing) else 0.2):
            found[offer] = draw.choice([1, 2, 40])
    executing = drawn.offers_of("execution")
    if executing and draw.random() < 0.05:
        found[draw.choice(executing)] = 1
    return found


def _verification(
    draw: random.Random, drawn: Network, classes: Classes, routing: tuple[Flow, ...]
) -> tuple[VerificationFlow, ...]:
    found = []
    for stream in verification_streams(drawn, classes):
        policy = drawn.policies[stream.policy]
        rates: dict[OfferKey, float] = {}
        for flow in routing:
            demand = next(d for d in drawn.demand if d.key == flow.demand)
            scope = (flow.demand.verification, demand.residency, demand.period)
            inside = scope == (stream.policy, stream.residency, stream.period)
            if inside and flow.offer in stream.executors:
                rate = demand.requests_per_s * flow.share
                rates[flow.offer] = rates.get(flow.offer, 0.0) + rate
        if not stream.verifiers or draw.random() < 0.1:
            continue
        count = min(len(stream.verifiers), policy.verifiers + draw.choice([0, 0, 0, 1, 2]))
        chosen = draw.sample(stream.verifiers, count)
        scale = 1.0 if draw.random() < 0.95 else 0.5
        for executor, rate in rates.items():
            for verifier in chosen:
                amount = rate * scale * policy.verifiers / count
                if amount > 0:
                    found.append(
                        VerificationFlow(
                            stream.policy,
                            stream.residency,
                            stream.period,
                            executor,
                            verifier,
                            amount,
                        )
                    )
    if found and draw.random() < 0.1:
        verifier = draw.choice(drawn.offers_of("verification"))
        at = draw.randrange(len(found))
        found[at] = replace(found[at], verifier=verifier)
    return tuple(found)


def _copies(draw: random.Random, drawn: Network, fullness: float) -> frozenset[Replica]:
    found = set()
    for offer in drawn.offers_of("storage"):
        for name, model in drawn.models.items():
            if not model.proxied and draw.random() < fullness:
                found.add(Replica(*offer, name))
    return frozenset(found)


def _seats(draw: random.Random, drawn: Network) -> dict[Seat, int]:
    found: dict[Seat, int] = {}
    for name, committee in drawn.committees.items():
        allowed = [
            offer
            for offer in drawn.offers_of("coordination")
            if drawn.sites[offer.site].lies_in(committee.countries, committee.blocs)
            and drawn.node_types[offer.node_type].has_tee(committee.tee)
        ]
        if draw.random() < 0.1:
            allowed = list(drawn.offers_of("coordination"))
        if not allowed:
            continue
        for _ in range(committee.seats + draw.choice([0, 0, 0, 0, 1])):
            seat = Seat(name, *draw.choice(allowed))
            at_site = sum(n for s, n in found.items() if s[:2] == seat[:2])
            most = min(committee.seats, most_nodes(drawn, OfferKey(*seat[1:])))
            if found.get(seat, 0) < most and at_site < committee.seats:
                found[seat] = found.get(seat, 0) + 1
    return found


def panel_of(flow: VerificationFlow, verifiers: tuple[OfferKey, ...]) -> Panel:
    """Return a panel for the executor of the flow that covers all of its requests."""
    return Panel(flow.policy, flow.residency, flow.period, flow.executor, verifiers, 1.0)
