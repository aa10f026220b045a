"""What is loaded on demand from a copy near by is served only where such a copy lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Model, NodeType, OfferKey
from models.network import Network
from models.plan import HUB, Deployment, Flow, Replica
from models.rules import sources as rule
from models.service import ESTIMATE
from tests.rules import assert_explains, assert_illegal, assert_legal, demand, network, offer, site

DISK = NodeType(node_type="disk", role="storage", disk_tb=0.1)


def cold(copies: int) -> tuple[Network, Flow]:
    row = demand(model="law", rate=0.001)
    found = network(
        [site("a")],
        [offer("a", "gpu"), offer("a", "disk")],
        node_types=[
            DISK,
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, load_gb_per_s=1),
        ],
        models=[Model(model="law", gpu_memory_gb=20, weights_gb=40, copies=copies)],
        demand=[row],
    )
    return found, Flow(row.key, OfferKey("a", "gpu"), ESTIMATE, "cold", 1.0, "a/disk")


@pytest.mark.parametrize("copies", [0, 1])
def test_a_cold_load_from_a_store_needs_the_copy_there(copies: int) -> None:
    found, flow = cold(copies)
    nodes = {OfferKey("a", "disk"): 1}
    copy = frozenset({Replica("a", "disk", "law")})
    assert_legal(rule, found, Deployment(nodes=nodes, copies=copy, routing=(flow,)))
    missing = Deployment(nodes=nodes, routing=(flow,))
    assert_illegal(rule, found, missing, "100.00% is loaded from a/disk, which holds 0 copies")


def test_a_copy_serves_a_row_once_from_all_sides() -> None:
    found, flow = cold(0)
    plan = Deployment(
        nodes={OfferKey("a", "disk"): 1},
        copies=frozenset({Replica("a", "disk", "law")}),
        routing=(replace(flow, share=0.7), replace(flow, share=0.5)),
    )
    assert_illegal(rule, found, plan, "120.00% is loaded from a/disk, which holds 1 copies")


def test_a_cold_load_from_the_hub_needs_no_copy() -> None:
    found, flow = cold(0)
    from_hub = Flow(flow.demand, flow.offer, flow.route, "cold", 1.0, HUB)
    assert_legal(rule, found, Deployment(routing=(from_hub,)))


def test_it_says_how_much_is_served_from_copies() -> None:
    found, flow = cold(1)
    busy = replace(found, demand=(replace(found.demand[0], requests_per_s=8.0),))
    from_hub = replace(flow, share=0.25, fetch_from=HUB)
    plan = Deployment(routing=(replace(flow, share=0.5), from_hub))
    assert_explains(rule, busy, plan, "4.00 requests/s are served cold", "1 storage offers")
