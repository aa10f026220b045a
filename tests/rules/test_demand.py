"""Every demand row is served or counted as unserved, and only in ways that are allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, Item, Model, Needs, NodeType, OfferKey, Policy, Region
from models.network import Link, Network
from models.plan import HUB, Deployment, Flow
from models.rules import demand as rule
from models.service import ESTIMATE, Service, service
from models.translate import place
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    at,
    demand,
    network,
    offer,
    site,
)
from tests.test_rules_contract import rows_hold


def two_sites(row: Demand) -> Network:
    return network(
        [site("a", country=(("DE",),), bloc=(("EU",),)), site("b", country=(("FR",),))],
        [offer("a", "gpu", requests_per_s=9), offer("b", "gpu", requests_per_s=9)],
        demand=[row],
    )


def served(row: Demand, **shares: float) -> Deployment:
    flows = [Flow(row.key, at(name), ESTIMATE, "warm", share) for name, share in shares.items()]
    return Deployment(routing=tuple(flows))


def test_a_row_may_be_split_and_partly_unserved() -> None:
    row = demand(rate=2)
    assert_legal(rule, two_sites(row), served(row, a=0.6, b=0.4))  # 0.6 + 0.4 = 1, the whole
    assert_legal(rule, two_sites(row), served(row, a=0.3))  # 0.3 served, 0.7 unserved
    assert_legal(rule, two_sites(row), Deployment())


def test_a_row_cannot_be_served_more_than_once() -> None:
    row = demand(rate=2)
    plan = served(row, a=0.7, b=0.4)  # 0.7 + 0.4 = 1.1 of the row, whatever its rate
    assert_illegal(
        rule,
        two_sites(row),
        plan,
        "110.0000% of it is served, more than all (Demand.requests_per_s)",
    )


def test_what_is_not_served_cannot_go_uncounted() -> None:
    row = demand(rate=2)
    found = two_sites(row)
    model = build(found, demand_classes(found))
    block = model.phase[SINGLE_PHASE]
    values, _ = place(block, found, served(row, a=0.3))
    unserved = block.unserved[0]
    assert values[id(unserved)][1] == pytest.approx(0.7)
    assert rows_hold(block.rules.demand, values)
    for wrong in (0.0, 0.6, 0.8, 1.0):
        values[id(unserved)] = (unserved, wrong)
        assert not rows_hold(block.rules.demand, values)


def test_the_offers_of_a_place_answer_what_it_serves_neither_more_nor_less() -> None:
    row = demand(rate=2)
    found = two_sites(row)
    model = build(found, demand_classes(found))
    block = model.phase[SINGLE_PHASE]
    values, _ = place(block, found, served(row, a=0.3))
    (load,) = (v for key, v in block.load.items() if key[:2] == at("a"))
    assert values[id(load)][1] == pytest.approx(0.6)
    for wrong in (0.0, 0.5, 0.7, 1.6):
        values[id(load)] = (load, wrong)
        assert not rows_hold(block.rules.demand, values)


def test_both_country_and_bloc_must_allow_the_site() -> None:
    # Only a stands in DE or FR and in the EU; the bloc of b is none.
    row = demand(countries=("DE", "FR"), blocs=("EU",))
    assert_legal(rule, two_sites(row), served(row, a=1.0))
    assert_illegal(
        rule,
        two_sites(row),
        served(row, b=1.0),
        "b is outside countries DE;FR, blocs EU (Demand.blocs)",
    )
    only_country = demand(countries=("FR",))
    assert_legal(rule, two_sites(only_country), served(only_country, b=1.0))
    assert_illegal(
        rule,
        two_sites(only_country),
        served(only_country, a=1.0),
        "a is outside countries FR (Demand.countries)",
    )


@pytest.mark.parametrize("needs", [(("DE", "US"),), (("DE",), ("US",))], ids=["either", "both"])
@pytest.mark.parametrize("kind", ["country", "bloc"])
def test_a_site_that_may_lie_elsewhere_lies_outside(needs: Needs, kind: str) -> None:
    lists = {"country": "countries", "bloc": "blocs"}
    for allowed, legal in ((("DE",), False), (("US",), False), (("DE", "FR", "US"), True)):
        row = demand(**{lists[kind]: allowed})
        found = network(
            [site("a", **{kind: needs})], [offer("a", "gpu", requests_per_s=9)], demand=[row]
        )
        if legal:
            assert_legal(rule, found, served(row, a=1.0))
        else:
            assert_illegal(rule, found, served(row, a=1.0), "a is outside")


@pytest.mark.parametrize(
    ("required", "allowed"),
    [("yes", "ac"), ("TDX; SNP", "ac"), ("TDX", "a"), ("SNP", ""), ("", "abc")],
)
def test_the_policy_decides_which_tee_is_needed(required: str, allowed: str) -> None:
    row = demand(verification="attested")
    found = network(
        [site("a"), site("b"), site("c")],
        [
            offer("a", "safe", requests_per_s=9),
            offer("b", "gpu", requests_per_s=9),
            offer("c", "some", requests_per_s=9),
        ],
        node_types=[
            NodeType(node_type="safe", role="execution", tee=(("TDX",),)),
            # One of the two, nobody says which.
            NodeType(node_type="some", role="execution", tee=(("SNP", "TDX"),)),
        ],
        policies=[Policy(policy="attested", verifiers=0, tee=required)],
        demand=[row],
    )
    for name, node_type in (("a", "safe"), ("b", "gpu"), ("c", "some")):
        flow = Flow(row.key, OfferKey(name, node_type), ESTIMATE, "warm", 1.0)
        plan = Deployment(routing=(flow,))
        if name in allowed:
            assert_legal(rule, found, plan)
        else:
            assert_illegal(rule, found, plan, "lacks the TEE that attested asks for (Policy.tee)")


def chat(limit: float | None, overhead: float = 0.5) -> tuple[Demand, Network]:
    row = demand(model="chat", verification="checked", max_latency_ms=limit)
    found = network(
        [site("a"), site("store")],
        [offer("a", "gpu"), offer("store", "disk")],
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
            ),
        ],
        policies=[Policy(policy="checked", verifiers=0, overhead=overhead)],
        demand=[row],
        links=(
            Link(Item("region", "users"), Item("site", "a"), latency_ms=40, label="fibre"),
            Link(Item("site", "a"), Item("site", "store"), latency_ms=10),
        ),
    )
    return row, found


@pytest.mark.parametrize(
    ("state", "source", "latency_ms"),
    [
        # 40 there and back + 60 · (1 + 0.5) to answer under a verifier's overhead
        ("warm", "", 130.0),
        # … + 30 GB / 2 GB/s + 5 s to start, from the copy 10 ms away (near_ms is 10)
        ("cold", "store/disk", 130.0 + 20_000.0),
        # … + 30 GB / 0.5 GB/s from the outside hub
        ("cold", HUB, 130.0 + 80_000.0),
    ],
)
def test_latency_is_path_service_and_load_and_may_reach_the_limit(
    state: str, source: str, latency_ms: float
) -> None:
    row, found = chat(latency_ms)
    plan = Deployment(routing=(Flow(row.key, at("a"), "fibre", state, 1.0, source),))
    way = service(found, row, at("a"), "fibre", state, source)
    assert isinstance(way, Service)
    assert way.latency_ms == pytest.approx(latency_ms)
    assert_legal(rule, found, plan)
    row, found = chat(latency_ms - 1.0)
    plan = Deployment(routing=(Flow(row.key, at("a"), "fibre", state, 1.0, source),))
    assert_illegal(rule, found, plan, "ms is above the limit")


def test_an_estimate_adds_access_to_the_stretched_way_there_and_back() -> None:
    # One degree on the equator is 6371 km · π / 180 = 111.19 km; 5 + 2 · 111.19 · 1.5 / 200 ms.
    row = demand(max_latency_ms=6.669)
    found = network(
        [site("a", latitude=0.0, longitude=1.0)],
        [offer("a", "gpu", requests_per_s=9)],
        demand=[row],
    )
    here = Region(region="users", latitude=0.0, longitude=0.0)
    found.regions["users"] = here  # type: ignore[index]
    assert_legal(rule, found, served(row, a=1.0))
    way = service(found, row, at("a"), ESTIMATE, "warm")
    assert isinstance(way, Service)
    assert way.latency_ms == pytest.approx(5 + 3 * 111.194927 / 200, abs=1e-6)


def test_an_unknown_way_serves_only_where_no_limit_is_set() -> None:
    for limit, allowed in ((None, True), (1000.0, False)):
        row = demand(max_latency_ms=limit)
        found = network(
            [site("a", latitude=None)], [offer("a", "gpu", requests_per_s=9)], demand=[row]
        )
        plan = Deployment(routing=(Flow(row.key, at("a"), "unknown", "warm", 1.0),))
        if allowed:
            assert_legal(rule, found, plan)
        else:
            assert_illegal(rule, found, plan, "is unknown (Demand.max_latency_ms)")


def test_the_audit_names_rows_routes_and_offers_that_do_not_exist() -> None:
    row, other = demand(), demand(region="nowhere")
    found = two_sites(row)
    assert_refused_by_audit(rule, found, served(other, a=1.0), "no such row in Demand")
    assert_refused_by_audit(rule, found, served(row, c=1.0), "c/gpu offers no execution")
    assert_refused_by_audit(rule, found, served(row, a=-0.5), "-0.5 is negative")
    flow = Flow(row.key, at("a"), "fibre", "warm", 1.0)
    assert_refused_by_audit(rule, found, Deployment(routing=(flow,)), "no route 'fibre'")
    flow = Flow(row.key, at("a"), ESTIMATE, "lukewarm", 1.0)
    assert_refused_by_audit(rule, found, Deployment(routing=(flow,)), "neither warm nor cold")


@pytest.mark.parametrize(
    ("given", "flow", "says"),
    [
        ({"node_types": ("tpu",)}, {}, "chat does not run on gpu (Model.node_types)"),
        ({"gpu_memory_gb": 81}, {}, "chat does not fit on gpu (Model.gpu_memory_gb)"),
        ({"weights_gb": None}, {"fetch_from": HUB}, "loaded cold on gpu (Model.weights_gb)"),
        ({"upstream": (("Lab",),)}, {"fetch_from": HUB}, "so nothing is cold (Model.upstream)"),
        ({"upstream": (("Lab",),)}, {}, "a/gpu has no requests_per_s (Offer.requests_per_s)"),
        ({}, {"fetch_from": "far/disk"}, "no storage near a (Settings.near_ms)"),
        ({}, {"offer": at("store", "disk")}, "store/disk offers no execution (NodeType.role)"),
    ],
)
def test_what_keeps_a_row_from_being_served_is_named(
    given: dict[str, Any], flow: dict[str, Any], says: str
) -> None:
    row, found = chat(None)
    found.models["chat"] = replace(found.models["chat"], **given)  # type: ignore[index]
    far = Link(Item("site", "a"), Item("site", "far"), latency_ms=11)  # near_ms is 10
    found.sites["far"] = site("far")  # type: ignore[index]
    found.offers[at("far", "disk")] = offer("far", "disk")  # type: ignore[index]
    found = replace(found, links=(*found.links, far))
    state = "cold" if "fetch_from" in flow else "warm"
    tried = replace(Flow(row.key, at("a"), "fibre", state, 1.0), **flow)
    assert_refused_by_audit(rule, found, Deployment(routing=(tried,)), says)


def test_a_node_type_without_a_speed_of_loading_loads_nothing_cold() -> None:
    row, found = chat(None)
    slow = replace(found.node_types["gpu"], load_gb_per_s=None)
    found.node_types["gpu"] = slow  # type: ignore[index]
    plan = Deployment(routing=(Flow(row.key, at("a"), "fibre", "cold", 1.0, HUB),))
    assert_refused_by_audit(rule, found, plan, "loaded cold on gpu (NodeType.load_gb_per_s)")


def test_it_says_how_much_is_served() -> None:
    row = demand(rate=8)
    assert_explains(rule, two_sites(row), served(row, a=0.5), "4.0 of 8.0 requests/s", "50.00%")
    assert_explains(rule, two_sites(demand(rate=0)), Deployment(), "0.0 of 0.0", "0.00%")
