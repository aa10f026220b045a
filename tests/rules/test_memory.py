"""Warm replicas and cold slots fit into the GPU memory of the nodes, no replica across nodes."""

from __future__ import annotations

import pytest

from models.data import Model, NodeType, OfferKey
from models.network import Network
from models.plan import Deployment, Replica
from models.rules import memory as rule
from models.rules.memory import largest_cold_size
from models.service import replica_size
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

GPU = NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, load_gb_per_s=2)


@pytest.mark.parametrize(
    ("gpu_memory_gb", "size"),
    [
        (80, 1.0),
        (41, 1.0),  # above a half, so a whole node
        (40, 1 / 2),  # exactly a half
        (39, 1 / 2),
        (20, 1 / 4),
        (10, 1 / 8),  # exactly an eighth
        (9, 1 / 8),
        (5, 1 / 16),
        (81, None),  # a replica never spans nodes
    ],
)
def test_a_replica_takes_the_next_power_of_two_fraction(
    gpu_memory_gb: float, size: float | None
) -> None:
    assert replica_size(Model(model="m", gpu_memory_gb=gpu_memory_gb), GPU) == size


def test_nothing_fits_on_a_node_without_memory_and_nothing_needs_none() -> None:
    bare = NodeType(node_type="bare", role="execution")
    assert replica_size(Model(model="m", gpu_memory_gb=1), bare) is None
    assert replica_size(Model(model="m", gpu_memory_gb=0), bare) is None
    # What needs no memory takes the smallest fraction that is told apart.
    assert replica_size(Model(model="m"), GPU) == 2.0**-20
    assert replica_size(Model(model="m", gpu_memory_gb=0), GPU) == 2.0**-20


def farm() -> Network:
    """Whole, half and eighth of a node; `half` may be loaded cold, `whole` is too urgent for it."""
    return network(
        [site("a")],
        [offer("a", "gpu"), offer("a", "other")],
        node_types=[GPU, NodeType(node_type="other", role="execution", gpu_memory_gb=80)],
        models=[
            Model(model="whole", gpu_memory_gb=60, weights_gb=60, requests_per_s=1),
            Model(model="half", gpu_memory_gb=40, weights_gb=40, requests_per_s=1),
            Model(model="eighth", gpu_memory_gb=9, requests_per_s=1, node_types=("gpu",)),
            Model(model="idle", gpu_memory_gb=70, weights_gb=70, requests_per_s=1),
            Model(model="far", gpu_memory_gb=0, upstream=(("Lab",),)),
        ],
        demand=[
            demand(model="whole", max_latency_ms=1000),
            demand(model="half"),
            demand(model="eighth"),
        ],
    )


def holding(nodes: int, slots: int = 0, **warm: int) -> Deployment:
    return Deployment(
        nodes={at("a"): nodes},
        warm={Replica("a", "gpu", name): count for name, count in warm.items()},
        cold_slots={at("a"): slots} if slots else {},
    )


def test_replicas_fill_nodes_to_the_brim() -> None:
    # 1 + ½ + 4 · ⅛ = 2 nodes
    assert_legal(rule, farm(), holding(2, whole=1, half=1, eighth=4))
    # … and one more eighth needs a third node
    assert_illegal(
        rule, farm(), holding(2, whole=1, half=1, eighth=5), "7 replicas and slots need 3 nodes"
    )
    # 60 + 9 GB are less than 80 GB, but a replica above a half takes the whole node.
    assert_illegal(
        rule,
        farm(),
        holding(1, whole=1, eighth=1),
        "need 2 nodes, 1 stand there (NodeType.gpu_memory_gb)",
    )


def test_a_cold_slot_is_as_large_as_the_largest_model_served_cold() -> None:
    # `whole` must answer within a second and `idle` is not asked for, so the slot is for `half`.
    assert largest_cold_size(farm(), at("a")) == 1 / 2
    assert_legal(rule, farm(), holding(2, slots=2, whole=1))  # 1 + 2 · ½ = 2
    assert_illegal(rule, farm(), holding(2, slots=3, whole=1), "4 replicas and slots need 3 nodes")
    assert_legal(rule, farm(), holding(1, slots=1, eighth=4))  # ½ + 4 · ⅛ = 1
    assert_illegal(rule, farm(), holding(1, slots=1, eighth=5), "need 2 nodes")


def test_a_slot_near_a_store_counts_what_only_the_store_makes_fast_enough() -> None:
    # From the hub 60/2 + 60/0.5 = 150 s, from the store next door 30 s: within 40 s only so.
    found = network(
        [site("a")],
        [offer("a", "gpu"), offer("a", "disk")],
        node_types=[GPU, NodeType(node_type="disk", role="storage", disk_tb=1)],
        models=[
            Model(model="whole", gpu_memory_gb=60, weights_gb=60, requests_per_s=1),
            Model(model="small", gpu_memory_gb=20, weights_gb=1, requests_per_s=1),
        ],
        demand=[demand(model="whole", max_latency_ms=40_000), demand(model="small")],
    )
    assert_legal(rule, found, holding(1, slots=1))
    assert_illegal(rule, found, holding(1, slots=2), "2 replicas and slots need 2 nodes")


def test_what_stands_on_one_offer_does_not_fit_on_another() -> None:
    plan = Deployment(nodes={at("a", "other"): 5}, warm={Replica("a", "gpu", "half"): 1})
    assert_illegal(rule, farm(), plan, "a/gpu]: 1 replicas and slots need 1 nodes, 0 stand there")


def test_models_stay_off_nodes_that_cannot_hold_them() -> None:
    for name, node_type in (("eighth", "other"), ("far", "gpu")):
        plan = Deployment(
            nodes={OfferKey("a", node_type): 5}, warm={Replica("a", node_type, name): 1}
        )
        assert_illegal(
            rule, farm(), plan, f"{name} cannot be kept warm there (Model.gpu_memory_gb)"
        )
    # Nothing can be loaded cold on a node type without a loading speed.
    plan = Deployment(nodes={at("a", "other"): 5}, cold_slots={at("a", "other"): 1})
    assert_illegal(rule, farm(), plan, "no model can be loaded cold")


def test_the_audit_names_what_cannot_run_and_counts_below_zero() -> None:
    assert_refused_by_audit(rule, farm(), holding(1, ghost=1), "ghost cannot run there")
    assert_refused_by_audit(rule, farm(), holding(1, half=-1), "-1 replicas is no number")
    assert_refused_by_audit(rule, farm(), holding(1, slots=-1), "into -1 slots")
    assert list(rule.audit(farm(), holding(0, half=0))) == []


def test_it_says_how_full_the_nodes_are() -> None:
    # 1 + ½ + ⅛ fill two nodes' worth
    plan = holding(3, slots=1, whole=1, half=1, eighth=1)
    assert_explains(rule, farm(), plan, "3 warm replicas", "2 nodes", "3 execution", "1 cold")
