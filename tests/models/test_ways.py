"""The ways found with arrays are what `service` says one case at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from models.data import Demand, DiversityRow, Item, Model, NodeType, OfferKey, Policy
from models.network import Link, Network
from models.paths import Paths, limits_requests, undominated
from models.plan import HUB, Flow, Refusal
from models.service import Service, route_labels, service
from models.ways import Ways
from tests import draw
from tests.cases import small
from tests.rules import demand, network, offer, site

Spec = tuple[str, str, str]
"""Route, state and source."""


def ways(drawn: Network, row: Demand, at: OfferKey) -> Iterator[Spec]:
    """Yield every way in which a row might be served by an offer, usable or not."""
    sources = [HUB, *(str(store) for store in drawn.offers_of("storage"))]
    for route in route_labels(drawn, row.region, at.site):
        yield route, "warm", ""
        for source in sources:
            yield route, "cold", source


def table(drawn: Network) -> dict[Flow, tuple[float, float, float]]:
    """Return latency, load time and price per way."""
    ways_of, found = Ways(drawn), {}
    for row in drawn.demand:
        for way in ways_of.of(row):
            flow = way.flow(row, 1.0)
            assert flow not in found
            found[flow] = (way.latency_ms, way.load_s, way.price)
    return found


def limited(drawn: Network, way: Service) -> frozenset[Item]:
    """Return what a Diversity row may count a request against on its way."""
    kinds = {rule.kind for rule in drawn.diversity if limits_requests(rule)}
    return frozenset(item for item in way.hangs_on if item.kind in kinds)


def beats(drawn: Network, other: Service, way: Service) -> bool:
    """Return whether the other is as fast, as cheap, and hangs on nothing more that is limited."""
    latency = [math.inf if w.latency_ms is None else w.latency_ms for w in (other, way)]
    return (
        latency[0] <= latency[1] + 1e-9
        and other.cost_per_million <= way.cost_per_million + 1e-9
        and limited(drawn, other) <= limited(drawn, way)
    )


@pytest.mark.parametrize("seed", range(60))
def test_every_way_of_serving_agrees_with_service(seed: int) -> None:
    """What is listed is usable, with these figures; what is not is unusable or no better."""
    drawn = draw.network(seed)
    found, seen = table(drawn), set()
    for row in drawn.demand:
        for at in drawn.offers_of("execution"):
            usable = {}
            for route, state, source in ways(drawn, row, at):
                way = service(drawn, row, at, route, state, source)
                if isinstance(way, Service):
                    usable[Flow(row.key, at, route, state, 1.0, source)] = way
            seen |= usable.keys() & found.keys()
            for flow, way in usable.items():
                rivals = [
                    other
                    for rival, other in usable.items()
                    if rival in found
                    if (rival.state, rival.fetch_from) == (flow.state, flow.fetch_from)
                ]
                if flow not in found:
                    assert any(beats(drawn, other, way) for other in rivals)
                    continue
                latency, load_s, price = found[flow]
                wanted = math.nan if way.latency_ms is None else way.latency_ms
                assert latency == pytest.approx(wanted, abs=1e-6, nan_ok=True)
                assert load_s == pytest.approx(way.load_s)
                assert price == pytest.approx(way.cost_per_million)
    assert seen == found.keys()


def test_random_networks_know_every_kind_of_way() -> None:
    """The comparison would be empty if nothing were cold, stored near, estimated or unknown."""
    kinds = set()
    for seed in range(60):
        for flow in table(draw.network(seed)):
            kinds.add(
                (flow.state, flow.route, flow.fetch_from.partition("/")[2] or flow.fetch_from)
            )
    states = {(state, source) for state, _, source in kinds}
    assert states == {("warm", ""), ("cold", "hub"), ("cold", "disk")}
    assert {route for _, route, _ in kinds} == {"direct", "other", "estimate", "unknown"}


def one_offer(row: Demand, **site_given: Any) -> Network:
    return network(
        [site("a", **site_given)],
        [
            offer("a", "gpu", requests_per_s=5),
            offer("a", "weak"),
            offer("a", "bare"),
            offer("a", "disk"),
        ],
        node_types=[
            NodeType(
                node_type="gpu",
                role="execution",
                gpu_memory_gb=80,
                load_gb_per_s=2,
                tee=(("TDX",),),
            ),
            NodeType(node_type="weak", role="execution", gpu_memory_gb=8),
            NodeType(node_type="disk", role="storage", disk_tb=1),
        ],
        models=[
            Model(
                model="m",
                gpu_memory_gb=40,
                weights_gb=30,
                requests_per_s=1,
                service_ms=100,
                init_s=1,
                cost_per_million=7,
            ),
            Model(model="tiny", gpu_memory_gb=0.5, weights_gb=0.5, requests_per_s=1),
            Model(model="light", weights_gb=0.5, requests_per_s=1),
            Model(model="fixed", gpu_memory_gb=40, requests_per_s=1),
            Model(
                model="picky", gpu_memory_gb=4, weights_gb=4, requests_per_s=1, node_types=("weak",)
            ),
            Model(model="far", upstream=(("Lab", "Other"), ("Chain",)), cost_per_million=3),
        ],
        policies=[
            Policy(policy="tdx", verifiers=0, tee="TDX", overhead=0.5),
            Policy(policy="snp", verifiers=0, tee="SNP"),
        ],
        demand=[row],
        links=(
            Link(Item("site", "a"), Item("upstream", "Lab"), 30, cost_per_million=1),
            Link(Item("site", "a"), Item("upstream", "Lab"), 20, cost_per_million=2),
            Link(Item("site", "a"), Item("upstream", "Other"), 25),
            Link(Item("upstream", "Chain"), Item("site", "a"), 40, cost_per_million=5),
        ),
    )


def test_warm_hub_and_near_copy_are_three_ways_with_known_figures() -> None:
    # users stand where the site stands: 5 ms of access, 100 · 1.5 ms to answer
    found = one_offer(demand(model="m", verification="tdx"))
    flows = table(found)
    found_ways = {(f.state, f.fetch_from): list(figures) for f, figures in flows.items()}
    assert len(found_ways) == 3
    assert found_ways["warm", ""] == pytest.approx([155.0, 0.0, 7.0])
    # 30 / 2 + 1 + 30 / 0.5 = 76 s
    assert found_ways["cold", HUB] == pytest.approx([155.0 + 76_000, 76.0, 7.0])
    assert found_ways["cold", "a/disk"] == pytest.approx([155.0 + 16_000, 16.0, 7.0])
    assert {flow.offer for flow in flows} == {OfferKey("a", "gpu")}


def test_a_proxied_model_takes_the_fastest_of_each_alternative_and_all_of_them() -> None:
    # 5 access + 20 (the faster way to Lab, which beats Other) + 40 to Chain; 3 + 2 + 5 to pay
    found = one_offer(demand(model="far"))
    flows = table(found)
    (figures,) = flows.values()
    assert list(figures) == pytest.approx([65.0, 0.0, 10.0])
    cut_off = replace(found, links=found.links[:3])
    assert all(math.isnan(latency) for latency, _, _ in table(cut_off).values())


@pytest.mark.parametrize(
    ("row", "states"),
    [
        (demand(model="m"), {"warm", "cold"}),
        (demand(model="m", max_latency_ms=105.0), {"warm"}),
        (demand(model="m", max_latency_ms=16_105.0), {"warm", "cold"}),
        (demand(model="m", max_latency_ms=16_104.0), {"warm"}),
        (demand(model="m", max_latency_ms=104.0), set()),
        (demand(model="fixed"), {"warm"}),
        (demand(model="picky"), set()),
        (demand(model="m", verification="snp"), set()),
        (demand(model="m", countries=("DE",)), set()),
        (demand(), {"warm"}),
    ],
)
def test_limits_types_residency_and_tee_rule_ways_out(row: Demand, states: set[str]) -> None:
    gpu = OfferKey("a", "gpu")
    assert {flow.state for flow in table(one_offer(row)) if flow.offer == gpu} == states


@pytest.mark.parametrize("model", ["tiny", "light"])
def test_models_of_ones_own_run_on_whatever_has_memory_enough(model: str) -> None:
    # `light` does not say what memory it needs: none; but a node without memory holds nothing.
    warm = {f.offer for f in table(one_offer(demand(model=model))) if f.state == "warm"}
    assert warm == {OfferKey("a", "gpu"), OfferKey("a", "weak")}


def test_a_place_without_coordinates_is_unknown_only_where_a_limit_is_set() -> None:
    bounded = one_offer(demand(model="m", max_latency_ms=1e6), latitude=None)
    assert not table(bounded)
    free = one_offer(demand(model="m"), latitude=None)
    assert all(math.isnan(figures[0]) for figures in table(free).values())


def test_a_region_is_not_the_site_of_the_same_name() -> None:
    # The route from site a to site b says nothing of the way from region a to site b.
    found = network(
        [site("a"), site("b")],
        [offer("b", "gpu", requests_per_s=5)],
        demand=[demand(region="a")],
        links=(Link(Item("site", "a"), Item("site", "b"), 90),),
    )
    assert [figures[0] for figures in table(found).values()] == pytest.approx([5.0])


def test_a_route_is_dropped_only_if_another_is_as_good_in_everything() -> None:
    north, south = ((Item("cable", "North"),),), ((Item("cable", "South"),),)
    ends = (Item("region", "users"), Item("site", "a"))

    def kept(*links: Link) -> list[str]:
        found = replace(one_offer(demand()), links=links)
        return sorted(link.label for link in undominated(found, links))

    fast = Link(*ends, 10, 2, north, "fast")
    assert kept(fast, Link(*ends, 20, 2, north, "slow")) == ["fast"]
    assert kept(fast, Link(*ends, 20, 1, north, "cheap")) == ["cheap", "fast"]
    assert kept(fast, Link(*ends, 20, 3, south, "apart")) == ["apart", "fast"]
    assert kept(fast, Link(*ends, 20, 2, (), "free")) == ["fast", "free"]
    assert kept(fast, Link(*ends, 20, 3, (*north, *south), "worse")) == ["fast"]
    assert kept(fast, replace(fast, label="twin")) == ["fast"]


@pytest.mark.parametrize(
    ("role", "measure", "limits"),
    [
        ("execution", "", True),
        ("execution", "requests", True),
        ("execution", "nodes", False),
        ("verification", "requests", True),
        ("verification", "", False),
        ("storage", "copies", False),
    ],
)
def test_requests_are_limited_by_name_or_as_what_execution_does(
    role: str, measure: str, limits: bool
) -> None:
    row = DiversityRow(rule="r", role=role, kind="provider", measure=measure, max_share=0.5)
    assert limits_requests(row) is limits


def test_a_route_that_is_cut_is_no_way_although_the_rest_of_the_way_is_unknown() -> None:
    whole = small()
    proxied = Model(model="far", gpu_memory_gb=0, upstream=(("nowhere",),), service_ms=5)
    asked = replace(whole.demand[0], model="far", verification="", max_latency_ms=None)
    models = {**whole.models, "far": proxied}
    at = next(iter(whole.offers_of("execution")))
    ends = Item("region", asked.region), Item("site", at.site)
    link = Link(*ends, 10.0, label="only")
    offers = {at: replace(whole.offers[at], requests_per_s=10)}
    there = replace(whole, models=models, demand=(asked,), links=(link,), offers=offers)
    gone = replace(there, links=(replace(link, latency_ms=math.inf),))
    assert any(way.offer == at and math.isnan(way.latency_ms) for way in Ways(there).of(asked))
    assert isinstance(service(there, asked, at, "only", "warm"), Service)
    assert not any(way.offer == at for way in Ways(gone).of(asked))
    refused = service(gone, asked, at, "only", "warm")
    assert isinstance(refused, Refusal)
    assert "no route" in refused.reason


def test_ways_are_numbered_as_regions_come_upon_them() -> None:
    # Flows stand in the order of their ways, and of equal plans the first is found.
    toll = Link(Item("region", "users"), Item("site", "a"), 9.0, cost_per_million=2.0)
    free = Link(Item("region", "others"), Item("site", "b"), 9.0)
    rows = [demand(), demand("others")]
    paths = Paths(network([site("a"), site("b")], links=[toll, free], demand=rows), ("a", "b"))
    numbers = [
        dict(zip(found.site.tolist(), found.way.tolist(), strict=True))
        for found in map(paths.of, ("users", "others"))
    ]
    assert numbers == [{1: 0, 0: 1}, {0: 2, 1: 0}]
