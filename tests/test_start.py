"""The greedy first plan keeps every limit on nodes, and serves what is easy to serve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Item, Model, NodeType, OfferKey
from models.network import Network
from models.options import service_options
from models.plan import Deployment, Replica
from models.rules import memory
from models.start import greedy_start
from tests import draw
from tests.cases import small
from tests.rules import demand, network, offer, site

SEEDS = range(150)


def start(drawn: Network) -> Deployment:
    return greedy_start(drawn, service_options(drawn))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_start_keeps_every_limit_on_nodes(seed: int) -> None:
    drawn = draw.network(seed)
    plan = start(drawn)
    for at, count in plan.nodes.items():
        assert 0 < count <= drawn.offers[at].max_nodes
    for name, place in drawn.sites.items():
        assert place.max_nodes is None or plan.nodes_at(name) <= place.max_nodes
    for name, provider in drawn.providers.items():
        hanging = drawn.takes_down(frozenset({Item("provider", name)}))
        total = sum(count for at, count in plan.nodes.items() if at in hanging)
        assert provider.max_nodes is None or total <= provider.max_nodes


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_start_loads_fits_on_its_nodes(seed: int) -> None:
    drawn = draw.network(seed)
    plan = start(drawn)
    assert list(memory.audit(drawn, plan)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_start_uses_open_and_allowed_sites_under_contract(seed: int) -> None:
    drawn = draw.network(seed)
    plan = start(drawn)
    required = {name for name, place in drawn.sites.items() if place.status == "required"}
    assert plan.open == {at.site for at in plan.nodes} | required
    for at in plan.nodes:
        place = drawn.sites[at.site]
        assert place.status != "forbidden"
        assert drawn.providers[place.provider].status != "forbidden"
        assert place.provider in plan.contracts


def test_random_networks_leave_something_to_start_with() -> None:
    assert sum(bool(start(draw.network(seed)).nodes) for seed in SEEDS) > len(SEEDS) / 2


def test_the_small_network_is_served_in_full() -> None:
    plan = start(replace(small(), diversity=()))
    # Chat needs (20 + 10) · 1.1 / 7 = 4.7 replicas, so five or six of them; the rare model fits
    # cold or warm on a node of its own.
    chat = sum(count for replica, count in plan.warm.items() if replica.model == "chat")
    assert chat in (5, 6)
    law = sum(count for replica, count in plan.warm.items() if replica.model == "law")
    assert law + sum(plan.cold_slots.values()) >= 1


def test_the_start_keeps_a_hard_share_of_requests() -> None:
    # Acme may answer 90 %: 27 of 30 requests/s of chat, 27 · 1.1 / 7 = 4.2 → 5 replicas, and the
    # 3 of Bolt 3 · 1.1 / 7 = 0.5 → 1.
    plan = start(small())
    chat = {replica.site: count for replica, count in plan.warm.items() if replica.model == "chat"}
    assert chat.pop("london") == 1
    assert sum(chat.values()) == 5


def test_the_start_takes_the_cheaper_of_two_equal_offers() -> None:
    def served(dear: str) -> Deployment:
        found = network(
            [site("a"), site("b")],
            [offer(name, "gpu", monthly_cost=900 if name == dear else 100) for name in "ab"],
            node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
            models=[Model(model="m", gpu_memory_gb=40, requests_per_s=2)],
            demand=[demand(model="m", rate=6)],
        )
        return start(found)

    # 6 requests/s at 2 each are three replicas of half a node: two nodes, all at one site
    for dear, cheap in (("a", "b"), ("b", "a")):
        plan = served(dear)
        assert plan.warm == {Replica(cheap, "gpu", "m"): 3}
        assert plan.nodes == {OfferKey(cheap, "gpu"): 2}
        assert plan.open == {cheap}


def test_what_does_not_fit_at_one_site_goes_on_to_the_next() -> None:
    found = network(
        [site("a"), site("b", monthly_cost=1)],
        [offer("a", "gpu", 1), offer("b", "gpu", 9)],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
        models=[Model(model="m", gpu_memory_gb=80, requests_per_s=2)],
        demand=[demand(model="m", rate=6)],
    )
    assert start(found).nodes == {OfferKey("a", "gpu"): 1, OfferKey("b", "gpu"): 2}
