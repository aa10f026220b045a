"""The service of one way, case by case, with figures worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from models.data import Demand, Item, Model, NodeType, Policy, Region
from models.exposure import Exposure
from models.network import Link, Network
from models.plan import VerificationFlow
from models.service import (
    EARTH_RADIUS_KM,
    ESTIMATE,
    HUB,
    UNKNOWN_ROUTE,
    Service,
    distance_km,
    estimated_ms,
    is_near,
    node_gb,
    on_every_way,
    replica_gb,
    replicas_per_node,
    route_labels,
    service,
    site_round_trip_ms,
    upstream_links,
    verifications_per_s,
)
from tests.rules import at, demand, network, offer, site

USERS = Item("region", "users")
QUARTER = EARTH_RADIUS_KM * math.pi / 2


def sized(model_gb: float | None, node_gb_: float | None) -> tuple[Model, NodeType]:
    model = Model(model="m", gpu_memory_gb=model_gb)
    return model, NodeType(node_type="gpu", role="execution", gpu_memory_gb=node_gb_)


@pytest.mark.parametrize(
    ("model_gb", "room_gb", "taken", "count"),
    [
        (30.0, 80.0, Fraction(30), 2),
        (80.0, 80.0, Fraction(80), 1),  # to the brim
        (80.1, 80.0, None, 0),
        (0.1, 0.3, Fraction(1, 10), 3),
        (None, 80.0, Fraction(80, 2**20), 2**20),  # what needs none takes a part all the same
        (0.0, 80.0, Fraction(80, 2**20), 2**20),
        (0.0, 0.0, None, 0),  # on a node without memory nothing runs
        (0.0, None, None, 0),
        (1.0, None, None, 0),
    ],
)
def test_a_replica_takes_its_memory_of_a_node(
    model_gb: float | None, room_gb: float | None, taken: Fraction | None, count: int
) -> None:
    model, node_type = sized(model_gb, room_gb)
    assert replica_gb(model, node_type) == taken
    assert replicas_per_node(model, node_type) == count
    assert node_gb(node_type) == Fraction(str(room_gb or 0))


@pytest.mark.parametrize(
    ("ends", "km"),
    [
        ((0.0, 0.0, 0.0, 0.0), 0.0),
        ((0.0, 10.0, 0.0, 100.0), QUARTER),
        ((0.0, 0.0, 90.0, 77.0), QUARTER),  # from the equator to the pole
        ((90.0, 12.0, -90.0, 50.0), 2 * QUARTER),
        ((30.0, -90.0, -30.0, 90.0), 2 * QUARTER),  # opposite points
        ((60.0, -10.0, 60.0, 170.0), 2 / 3 * QUARTER),  # over the pole
        # cos d = sin² 45° + cos² 45° · cos 90° = ½, which is 60°
        ((45.0, 20.0, 45.0, 110.0), 2 / 3 * QUARTER),
    ],
)
def test_distances_are_those_of_a_great_circle(
    ends: tuple[float, float, float, float], km: float
) -> None:
    assert distance_km(*ends) == pytest.approx(km, abs=1e-6)
    assert distance_km(*ends[2:], *ends[:2]) == pytest.approx(km, abs=1e-6)


def test_an_estimate_needs_the_coordinates_of_both_ends() -> None:
    of = network(
        [
            site("here", latitude=50.0, longitude=8.0),
            site("east", latitude=0.0, longitude=90.0),
            site("no latitude", latitude=None),
            site("no longitude", longitude=None),
        ],
        demand=[demand()],
    )
    of.regions["users"] = Region(region="users", latitude=0.0, longitude=0.0)  # type: ignore[index]
    # 5 + 2 · 1.5 · a quarter of the earth, at 200 km a millisecond.
    quarter_ms = 5 + 3 * QUARTER / 200
    assert estimated_ms(of, USERS, Item("site", "east")) == pytest.approx(quarter_ms)
    for name in ("no latitude", "no longitude", "nowhere"):
        assert estimated_ms(of, USERS, Item("site", name)) is None
        assert estimated_ms(of, Item("site", name), USERS) is None
    assert estimated_ms(of, Item("region", "here"), Item("site", "east")) is None
    assert route_labels(of, "users", "east") == (ESTIMATE,)
    assert route_labels(of, "users", "no latitude") == (UNKNOWN_ROUTE,)


def test_sites_are_as_near_as_their_fastest_route() -> None:
    ends = Item("site", "a"), Item("site", "b")
    of = network(
        [site("a"), site("b"), site("c"), site("d", latitude=None)],
        links=(
            Link(*ends, 30.0, label="slow"),
            Link(*ends, 10.0),
            Link(*ends, 20.0, label="third"),
        ),
    )
    assert site_round_trip_ms(of, "a", "a") == 0.0
    assert site_round_trip_ms(of, "a", "b") == site_round_trip_ms(of, "b", "a") == 10.0
    assert site_round_trip_ms(of, "a", "c") == pytest.approx(5.0)  # the last mile alone
    assert site_round_trip_ms(of, "a", "d") is None
    assert [is_near(of, "a", name) for name in "abcd"] == [True, True, True, False]
    nearer = replace(of, settings=replace(of.settings, near_ms=9.9))
    assert [is_near(nearer, "a", name) for name in "abcd"] == [True, False, True, False]


def test_a_verification_is_so_much_work() -> None:
    of = network([], policies=[Policy(policy="two", verifiers=2, work=1.5)])
    flow = VerificationFlow("two", "", "", at("x"), at("y", "check"), 4.0)
    assert verifications_per_s(of, flow) == 6.0


def chat(row: Demand, *links: Link, **given: Any) -> Network:
    """Return one site with a model of its own and one at upstreams, a disk beside it."""
    return network(
        [site("a", owner=(("Own",),)), site("far", latitude=None)],
        [offer("a", "gpu", requests_per_s=9), offer("a", "disk"), offer("far", "disk")],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, load_gb_per_s=2),
            NodeType(node_type="disk", role="storage", disk_tb=1),
        ],
        models=[
            Model(
                model="chat",
                gpu_memory_gb=40,
                weights_gb=30,
                requests_per_s=5,
                service_ms=60,
                init_s=5,
                cost_per_million=3,
            ),
            Model(
                model="far",
                gpu_memory_gb=0,
                upstream=(("Lab", "Other"), ("Chain",)),
                service_ms=60,
                cost_per_million=3,
            ),
        ],
        policies=[Policy(policy="checked", verifiers=0, overhead=0.5)],
        demand=[row],
        links=links,
        **given,
    )


FIBRE = Link(USERS, Item("site", "a"), 40.0, cost_per_million=2.0, label="fibre")
OWN = demand(model="chat", verification="checked")
CALLED = demand(model="far")


@pytest.mark.parametrize(
    ("state", "source", "load_s"),
    [
        ("warm", "", 0.0),
        ("cold", "a/disk", 20.0),  # 30 GB at 2 GB/s, and 5 s to start
        ("cold", HUB, 80.0),  # the hub sends 0.5 GB/s
    ],
)
def test_a_model_of_ones_own_is_loaded_and_answers(state: str, source: str, load_s: float) -> None:
    found = service(chat(OWN, FIBRE), OWN, at("a"), "fibre", state, source)
    assert isinstance(found, Service)
    # An overhead of a half makes 90 ms of 60.
    assert found.latency_ms == pytest.approx(40 + 90 + 1000 * load_s)
    assert (found.round_trip_ms, found.load_s) == (40.0, load_s)
    assert found.service_s == pytest.approx(0.09)
    assert found.cost_per_million == 3 + 2
    assert not found.estimated


def test_without_policy_or_model_nothing_is_added() -> None:
    plain = replace(OWN, verification="")
    found = service(chat(plain), plain, at("a"), ESTIMATE, "warm")
    assert isinstance(found, Service)
    assert (found.latency_ms, found.service_s) == (pytest.approx(5 + 60), pytest.approx(0.06))
    assert (found.cost_per_million, found.estimated) == (3, True)
    bare = demand()
    found = service(chat(bare, FIBRE), bare, at("a"), "fibre", "warm")
    assert isinstance(found, Service)
    assert (found.latency_ms, found.service_s, found.load_s) == (40.0, 0.0, 0.0)
    assert found.cost_per_million == 2


LINKS = (
    Link(Item("site", "a"), Item("upstream", "Lab"), 30.0, 1.0),
    Link(Item("site", "a"), Item("upstream", "Lab"), 20.0, 2.0, label="fast"),
    Link(Item("site", "a"), Item("upstream", "Other"), 25.0),
    Link(Item("upstream", "Chain"), Item("site", "a"), 45.0, 5.0),  # serves both directions
)


def test_upstreams_are_called_by_the_fastest_of_their_routes() -> None:
    of = chat(CALLED, FIBRE, *LINKS)
    assert upstream_links(of, "a", of.models["far"]) == (LINKS[1], LINKS[3])
    assert upstream_links(of, "a", of.models["chat"]) == ()
    found = service(of, CALLED, at("a"), "fibre", "warm")
    assert isinstance(found, Service)
    assert (found.round_trip_ms, found.latency_ms) == (40.0 + 20 + 45, 40.0 + 20 + 45 + 60)
    assert found.cost_per_million == 2 + 3 + 2 + 5
    # To one of them no route is known: nobody knows how long it takes.
    for known in (LINKS[:3], LINKS[3:]):
        of = chat(CALLED, FIBRE, *known)
        found = service(of, CALLED, at("a"), "fibre", "warm")
        assert isinstance(found, Service)
        assert (found.round_trip_ms, found.latency_ms) == (None, None)


@pytest.mark.parametrize("cut", [0, 4])
def test_where_a_route_is_gone_nothing_is_left(cut: int) -> None:
    links = [FIBRE, *LINKS]
    links[cut] = replace(links[cut], latency_ms=math.inf)
    of = chat(CALLED, *links)
    assert not isinstance(service(of, CALLED, at("a"), "fibre", "warm"), Service)
    assert on_every_way(of, CALLED) is None


def hanging(*ends: Item) -> tuple[Exposure, ...]:
    return tuple(Exposure(end, (Item("own", str(end)),)) for end in ends)


def test_a_way_hangs_on_all_that_it_takes() -> None:
    row = replace(CALLED, verification="checked")
    ends = (
        USERS,
        Item("model", "far"),
        Item("policy", "checked"),
        FIBRE.item,
        LINKS[1].item,
        LINKS[3].item,
    )
    of = chat(row, FIBRE, *LINKS, exposures=hanging(*ends, LINKS[0].item))
    found = service(of, row, at("a"), "fibre", "warm")
    assert isinstance(found, Service)
    own = {item for item in found.hangs_on if item.kind == "own"}
    assert own == {Item("own", str(end)) for end in ends}
    assert of.hangs_on(at("a")) <= found.hangs_on
    assert Item("owner", "Own") in found.hangs_on


def test_what_every_way_hangs_on_is_what_all_have_in_common() -> None:
    sites = [
        site("a", owner=(("Own",),), grid=(("North",),)),
        site("b", owner=(("Own",),)),
        site("c", owner=(("Own",),), country=(("FR",),)),
    ]
    of = network(
        sites,
        [offer(name, "gpu", requests_per_s=9) for name in "abc"],
        demand=[demand(), demand("others", countries=("XX",))],
    )
    everywhere = on_every_way(of, of.demand[0])
    assert everywhere is not None
    assert {Item("owner", "Own"), Item("provider", "Acme")} <= everywhere
    assert not {item for item in everywhere if item.kind in ("grid", "country", "site")}
    assert on_every_way(of, of.demand[1]) is None
    # Of one site only all that it hangs on.
    one = replace(of, offers={at("a"): of.offers[at("a")]})
    assert Item("grid", "North") in (on_every_way(one, of.demand[0]) or ())
