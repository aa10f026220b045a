"""Options found with arrays are what `service` says one case at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from models.data import Demand, Item, Model, NodeType, OfferKey, Policy
from models.network import Link, Network
from models.options import Dropped, Options, service_options, undominated
from models.plan import HUB, Flow
from models.service import Service, route_labels, service
from tests import draw
from tests.rules import demand, network, offer, site

Way = tuple[str, str, str]
"""Route, state and source."""


def ways(drawn: Network, row: Demand, at: OfferKey) -> Iterator[Way]:
    """Yield every way in which a row might be served by an offer, usable or not."""
    sources = [HUB, *(str(store) for store in drawn.offers_of("storage"))]
    for route in route_labels(drawn, row.region, at.site):
        yield route, "warm", ""
        for source in sources:
            yield route, "cold", source


def beaten_by(drawn: Network, row: Demand, at: OfferKey) -> dict[str, list[bool]]:
    """Return per route, for every other that is as good in all and better or earlier in one,
    whether it is strictly faster or cheaper; none where the network has no route at all."""
    links = drawn.links_between(Item("region", row.region), Item("site", at.site))
    found: dict[str, list[bool]] = {}
    for link in links:
        needs, price = drawn.graph.hangs_on(link.item), (link.latency_ms, link.cost_per_million)
        for other in links:
            other_needs = drawn.graph.hangs_on(other.item)
            other_price = (other.latency_ms, other.cost_per_million)
            as_good = all(a <= b for a, b in zip(other_price, price, strict=True))
            if other is link or not as_good or not other_needs <= needs:
                continue
            if (other_price, other_needs) != (price, needs) or other.label < link.label:
                found.setdefault(link.label, []).append(other_price != price)
    return found


def table(drawn: Network, options: Options) -> dict[Flow, tuple[float, float, float]]:
    """Return latency, load time and price per option."""
    found = {
        options.flow(drawn, position, 1.0): (
            float(options.latency_ms[position]),
            float(options.load_s[position]),
            float(options.cost_per_million[position]),
        )
        for position in range(len(options))
    }
    assert len(found) == len(options)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_every_way_of_serving_agrees_with_service(seed: int) -> None:
    drawn = draw.network(seed)
    found = table(drawn, service_options(drawn))
    wanted = {}
    for row in drawn.demand:
        for at in drawn.offers_of("execution"):
            beaten = beaten_by(drawn, row, at)
            for route, state, source in ways(drawn, row, at):
                way = service(drawn, row, at, route, state, source)
                flow = Flow(row.key, at, route, state, 1.0, source)
                if not isinstance(way, Service) or route in beaten and any(beaten[route]):
                    assert flow not in found
                elif route not in beaten:
                    assert flow in found
                    wanted[flow] = way
                elif flow in found:  # beaten only by one as fast and as cheap: may stay
                    wanted[flow] = way
    assert found.keys() == wanted.keys()
    for flow, (latency, load_s, cost) in found.items():
        way = wanted[flow]
        if way.latency_ms is None:
            assert math.isnan(latency)
        else:
            assert latency == pytest.approx(way.latency_ms, abs=1e-6)
        assert load_s == pytest.approx(way.load_s)
        assert cost == pytest.approx(way.cost_per_million)


def test_random_networks_know_every_kind_of_option() -> None:
    """The comparison would be empty if nothing were cold, stored near, estimated or unknown."""
    kinds = set()
    for seed in range(60):
        drawn = draw.network(seed)
        for flow in table(drawn, service_options(drawn)):
            kinds.add(
                (flow.state, flow.route, flow.fetch_from.partition("/")[2] or flow.fetch_from)
            )
    states = {(state, source) for state, _, source in kinds}
    assert states == {("warm", ""), ("cold", "hub"), ("cold", "disk")}
    assert {route for _, route, _ in kinds} == {"direct", "other", "estimate", "unknown"}


def reason(drawn: Network, row: Demand, at: OfferKey, state: str) -> Dropped:
    """Return why the row is not served there: the first of its demands that rules all ways out."""
    bare = replace(row, verification="", countries=(), blocs=(), max_latency_ms=None)
    attested = replace(bare, verification=row.verification)
    resident = replace(attested, countries=row.countries, blocs=row.blocs)
    said: list[Service | str] = []
    for why, asked in (
        (Dropped.NODE_TYPE, bare),
        (Dropped.TEE, attested),
        (Dropped.RESIDENCY, resident),
        (Dropped.LATENCY, row),
    ):
        said = [service(drawn, asked, at, *way) for way in ways(drawn, row, at) if way[1] == state]
        if all(isinstance(way, str) for way in said):
            if why is Dropped.LATENCY and any("is unknown" in str(way) for way in said):
                return Dropped.UNKNOWN_LATENCY
            return why
    return Dropped.USABLE


@pytest.mark.parametrize("seed", range(60))
def test_the_first_reason_is_kept_for_what_is_dropped(seed: int) -> None:
    drawn = draw.network(seed)
    options = service_options(drawn)
    usable = {
        (int(d), int(o), bool(c))
        for d, o, c in zip(options.demand, options.offer, options.cold, strict=True)
    }
    for d, row in enumerate(drawn.demand):
        for o, at in enumerate(options.offers):
            for cold, state in ((False, "warm"), (True, "cold")):
                kept = Dropped(options.dropped[cold][d, o])
                assert kept == reason(drawn, row, at, state)
                assert (kept is Dropped.USABLE) == ((d, o, cold) in usable)


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


def test_warm_hub_and_near_copy_are_three_options_with_known_figures() -> None:
    # users stand where the site stands: 5 ms of access, 100 · 1.5 ms to answer
    found = one_offer(demand(model="m", verification="tdx"))
    options = service_options(found)
    flows = table(found, options)
    found_ways = {(f.state, f.fetch_from): list(figures) for f, figures in flows.items()}
    assert len(found_ways) == 3
    assert found_ways["warm", ""] == pytest.approx([155.0, 0.0, 7.0])
    # 30 / 2 + 1 + 30 / 0.5 = 76 s
    assert found_ways["cold", HUB] == pytest.approx([155.0 + 76_000, 76.0, 7.0])
    assert found_ways["cold", "a/disk"] == pytest.approx([155.0 + 16_000, 16.0, 7.0])
    assert options.offers[int(options.offer[0])] == OfferKey("a", "gpu")


def test_a_proxied_model_takes_the_fastest_of_each_alternative_and_all_of_them() -> None:
    # 5 access + 20 (the faster way to Lab, which beats Other) + 40 to Chain; 3 + 2 + 5 to pay
    found = one_offer(demand(model="far"))
    flows = table(found, service_options(found))
    (figures,) = flows.values()
    assert list(figures) == pytest.approx([65.0, 0.0, 10.0])
    cut_off = replace(found, links=found.links[:3])
    assert all(
        math.isnan(latency) for latency, _, _ in table(cut_off, service_options(cut_off)).values()
    )


@pytest.mark.parametrize(
    ("row", "warm", "cold"),
    [
        (demand(model="m"), Dropped.USABLE, Dropped.USABLE),
        (demand(model="m", max_latency_ms=105.0), Dropped.USABLE, Dropped.LATENCY),
        (demand(model="m", max_latency_ms=16_105.0), Dropped.USABLE, Dropped.USABLE),
        (demand(model="m", max_latency_ms=16_104.0), Dropped.USABLE, Dropped.LATENCY),
        (demand(model="m", max_latency_ms=104.0), Dropped.LATENCY, Dropped.LATENCY),
        (demand(model="fixed"), Dropped.USABLE, Dropped.NODE_TYPE),
        (demand(model="picky"), Dropped.NODE_TYPE, Dropped.NODE_TYPE),
        (demand(model="m", verification="snp"), Dropped.TEE, Dropped.TEE),
        (demand(model="m", countries=("DE",)), Dropped.RESIDENCY, Dropped.RESIDENCY),
        (demand(), Dropped.USABLE, Dropped.NODE_TYPE),
    ],
)
def test_what_is_dropped_says_why(row: Demand, warm: Dropped, cold: Dropped) -> None:
    options = service_options(one_offer(row))
    gpu = options.offers.index(OfferKey("a", "gpu"))
    assert [Dropped(options.dropped[c][0, gpu]) for c in (0, 1)] == [warm, cold]


@pytest.mark.parametrize("model", ["tiny", "light"])
def test_models_of_ones_own_run_on_whatever_has_memory_enough(model: str) -> None:
    # `light` does not say what memory it needs: none; but a node without memory holds nothing.
    options = service_options(one_offer(demand(model=model)))
    warm = {at: int(options.dropped[0][0, o]) for o, at in enumerate(options.offers)}
    assert warm == {
        OfferKey("a", "bare"): Dropped.NODE_TYPE,
        OfferKey("a", "gpu"): Dropped.USABLE,
        OfferKey("a", "weak"): Dropped.USABLE,
    }


def test_a_place_without_coordinates_is_unknown_only_where_a_limit_is_set() -> None:
    limited = one_offer(demand(model="m", max_latency_ms=1e6), latitude=None)
    options = service_options(limited)
    gpu = options.offers.index(OfferKey("a", "gpu"))
    assert [Dropped(options.dropped[c][0, gpu]) for c in (0, 1)] == [Dropped.UNKNOWN_LATENCY] * 2
    free = one_offer(demand(model="m"), latitude=None)
    assert all(math.isnan(figures[0]) for figures in table(free, service_options(free)).values())


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


@pytest.mark.parametrize("seed", range(12))
def test_options_are_grouped_by_equal_keys(seed: int) -> None:
    drawn = draw.network(seed)
    options = service_options(drawn)
    groups = options.groups(~options.cold, options.offer, options.demand)
    listed = [position for group in groups.values() for position in group.tolist()]
    assert sorted(listed) == [p for p in range(len(options)) if not options.cold[p]]
    for (o, d), group in groups.items():
        assert {(int(options.offer[p]), int(options.demand[p])) for p in group} == {(o, d)}
    assert list(groups) == sorted(groups)
    assert options.groups(options.demand < 0, options.demand) == {}
