"""Warm replicas and cold slots fit into the GPU memory of the nodes, no replica across nodes."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from models.build import SINGLE_PHASE, build
from models.data import Dependency, Model, NodeType, OfferKey
from models.network import Network
from models.packing import packing_of
from models.plan import Deployment, Replica
from models.rules import _node_audit
from models.rules import memory as rule
from models.rules._node_audit import nodes_needed
from models.rules.memory import slot_gb
from models.service import replica_gb, replicas_per_node
from tests.draw import row_by_row
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    at,
    demand,
    network,
    offer,
    protected,
    site,
    verdicts,
)
from tests.test_rules_contract import model_accepts

GPU = NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, load_gb_per_s=2)


@pytest.mark.parametrize(
    ("gpu_memory_gb", "count"),
    [(80, 1), (41, 1), (40, 2), (39, 2), (26, 3), (20, 4), (9, 8), (26.7, 2), (81, 0)],
)
def test_so_many_replicas_fit_on_a_node_by_themselves(gpu_memory_gb: float, count: int) -> None:
    assert replicas_per_node(Model(model="m", gpu_memory_gb=gpu_memory_gb), GPU) == count


def test_sizes_are_what_the_cell_says_not_what_floats_make_of_it() -> None:
    node = NodeType(node_type="gpu", role="execution", gpu_memory_gb=0.3)
    assert replicas_per_node(Model(model="m", gpu_memory_gb=0.1), node) == 3  # 0.3 / 0.1 < 3


def test_nothing_fits_on_a_node_without_memory_and_nothing_needs_none() -> None:
    bare = NodeType(node_type="bare", role="execution")
    assert replica_gb(Model(model="m", gpu_memory_gb=1), bare) is None
    assert replica_gb(Model(model="m", gpu_memory_gb=0), bare) is None
    # What needs no memory takes the smallest part that is told apart.
    assert replicas_per_node(Model(model="m"), GPU) == 2**20
    assert replica_gb(Model(model="m", gpu_memory_gb=0), GPU) == Fraction(80, 2**20)


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
    # 60 + 2 · 9 GB on one, 40 + 4 · 9 GB on the other
    assert_legal(rule, farm(), holding(2, whole=1, half=1, eighth=6))
    # … and one more does not fit, though 2 + 4 GB are left
    assert_illegal(
        rule, farm(), holding(2, whole=1, half=1, eighth=7), "9 replicas and slots need 3 nodes"
    )
    assert_legal(rule, farm(), holding(1, whole=1, eighth=2))
    assert_illegal(
        rule,
        farm(),
        holding(1, whole=1, eighth=3),
        "need 2 nodes, 1 stand there (NodeType.gpu_memory_gb)",
    )


def of_sizes(room: float, *sizes: float, most: int = 9) -> Network:
    """Models `m0`, `m1` … of these sizes in GB, and nodes with so much room."""
    return network(
        [site("a")],
        [offer("a", "gpu", most, monthly_cost=100.0)],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=room)],
        models=[
            Model(model=f"m{at}", gpu_memory_gb=size, requests_per_s=1)
            for at, size in enumerate(sizes)
        ],
        demand=[demand(model="m0")],
    )


def test_three_replicas_of_26_gb_stand_on_a_node_of_80_and_26_beside_50() -> None:
    found = of_sizes(80, 26, 50)
    assert_legal(rule, found, holding(1, m0=3))
    assert_illegal(rule, found, holding(1, m0=4), "4 replicas and slots need 2 nodes")
    assert_legal(rule, found, holding(1, m0=1, m1=1))
    assert_illegal(rule, found, holding(1, m0=2, m1=1), "need 2 nodes")
    assert_illegal(rule, found, holding(2, m1=3), "need 3 nodes")
    assert_legal(rule, found, holding(3, m0=5, m1=2))


@pytest.mark.parametrize("seed", range(24))
def test_it_allows_just_what_can_be_packed(seed: int) -> None:
    """Rows and audit against a search of its own, for up to five sizes."""
    draw = random.Random(seed)
    room = draw.choice([12, 24, 30, 48, 80])
    sizes = sorted(draw.sample(range(max(2, room // 6), room + 1), draw.randint(1, 5)))
    found = of_sizes(room, *sizes, most=20)
    assert not packing_of(found, found.node_types["gpu"]).rounded
    model = build(found, row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    fits = Counter[bool]()
    for _ in range(15):
        counts = [draw.randint(0, 3) for _ in sizes]
        needed = fewest_nodes(room, sizes, tuple(counts))
        for nodes in {max(0, needed - 1), needed}:
            plan = holding(nodes, **{f"m{at}": count for at, count in enumerate(counts) if count})
            said = [str(violation) for violation in rule.audit(found, plan)]
            assert model_accepts(block, found, plan, rule) is (nodes >= needed), (counts, nodes)
            assert bool(said) is (nodes < needed), (counts, nodes, said)
            assert not said or f"need {needed} nodes" in said[0]
            fits[nodes >= needed] += 1
    assert fits[True]
    assert fits[False]


@pytest.mark.parametrize(
    ("counts", "needed"),
    [
        ({}, (0, 0)),
        ({5: 2}, (1, 1)),  # halves stand together
        ({6: 3}, (3, 3)),  # 18 GB, but no two stand together
        ({1: 21}, (3, 3)),
        ({4: 2, 3: 4}, (2, 2)),  # 4 + 3 + 3 twice; the largest first would take 3 nodes
        ({4: 3, 3: 3}, (3, 3)),  # 21 GB
        ({7: 1, 6: 1, 4: 1, 3: 1}, (2, 2)),
        ({4: 2, 3: 7}, (3, 3)),  # 29 GB; 4 + 3 + 3 twice and 3 + 3 + 3
    ],
)
def test_the_nodes_needed_are_counted_by_hand(
    counts: dict[int, int], needed: tuple[int, int]
) -> None:
    pieces = {Fraction(size): count for size, count in counts.items()}
    assert nodes_needed(Fraction(10), pieces, 0) == needed


def test_where_fillings_are_too_many_it_is_what_the_largest_first_take(monkeypatch: Any) -> None:
    pieces = {Fraction(4): 2, Fraction(3): 4}  # 44, 433 and 333 fill a node
    monkeypatch.setattr(_node_audit, "MOST_FILLINGS", 3)
    assert nodes_needed(Fraction(10), pieces, 0) == (2, 2)
    monkeypatch.setattr(_node_audit, "MOST_FILLINGS", 2)
    assert nodes_needed(Fraction(10), pieces, 0) == (2, 3)
    assert nodes_needed(Fraction(10), {Fraction(4): 4, Fraction(3): 2}, 0) == (3, 3)


def test_an_answer_of_the_solver_that_holds_only_some_is_not_believed(monkeypatch: Any) -> None:
    pieces = {Fraction(4): 2, Fraction(3): 4}
    fillings = _node_audit._fillings(Fraction(10), pieces) or []
    one = np.array([float(filling == [2, 0]) for filling in fillings])  # leaves out all of 3
    assert one.sum() == 1
    answer = SimpleNamespace(mip_dual_bound=None, x=one)
    monkeypatch.setattr(scipy.optimize, "milp", lambda *_, **__: answer)
    assert nodes_needed(Fraction(10), pieces, 0) == (2, 3)


@pytest.mark.parametrize("sizes", [(3, 4), (3, 7), (2, 3), (2, 5), (4, 6)])
def test_two_sizes_that_do_not_divide_each_other_have_rows_of_their_own(
    sizes: tuple[int, int],
) -> None:
    node = NodeType(node_type="gpu", role="execution", gpu_memory_gb=10)
    by_rows = packing_of(of_sizes(10, *sizes), node)
    assert not by_rows.rounded
    for counts in product(range(8), range(8)):
        pieces = {Fraction(s): n for s, n in zip(sizes, counts, strict=True)}
        assert by_rows.nodes(pieces) == fewest_nodes(10, list(sizes), counts)


def fewest_nodes(room: int, sizes: list[int], counts: tuple[int, ...]) -> int:
    """Return the nodes that hold the counts, by trying every filling around the largest piece."""

    @cache
    def fewest(left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        largest = max(at for at, count in enumerate(left) if count)
        fillings = product(*(range(count + 1) for count in left))
        tried = (
            tuple(a - b for a, b in zip(left, filling, strict=True))
            for filling in fillings
            if filling[largest] and sum(map(int.__mul__, filling, sizes)) <= room
        )
        return 1 + min(map(fewest, tried))

    return fewest(counts)


LARGE = NodeType(node_type="gpu", role="execution", gpu_memory_gb=640)


def test_where_many_mixes_fit_on_a_node_sizes_are_rounded_up_and_it_says_what_that_costs() -> None:
    found = of_sizes(640, 10, 20, 40, 75, 160)
    assert packing_of(found, LARGE).rounded == {75: 80}
    # 8 · 75 + 4 · 10 = 640 GB fit, and the audit says so; the model plans a second node.
    plan = holding(2, m0=4, m3=8)
    assert_legal(rule, found, plan)
    accepted, said = verdicts(rule, found, holding(1, m0=4, m3=8))
    assert accepted is False
    assert not said
    assert_explains(rule, found, plan, "75 GB as 80 GB", "at most 1 nodes fewer, worth 100 ")
    assert "count as larger" not in rule.explain(of_sizes(80, 26, 50), holding(1, m0=3))
    # Where nothing is held nothing counts as anything.
    none = Deployment(warm={Replica("a", "gpu", "m3"): 0}, cold_slots={at("a"): 0})
    assert "count as larger" not in rule.explain(found, none)


def test_mixes_of_three_sizes_are_few_enough_on_a_large_node() -> None:
    found = of_sizes(640, 40, 75, 160)
    assert len(packing_of(found, LARGE).rows) == 2
    assert_legal(rule, found, holding(1, m0=1, m1=8))
    assert_illegal(rule, found, holding(1, m0=2, m1=8), "need 2 nodes")
    assert_illegal(rule, found, holding(1, m1=7, m2=1), "need 2 nodes")


@pytest.mark.parametrize("seed", range(12))
def test_rounded_up_nothing_is_allowed_that_does_not_fit(seed: int) -> None:
    draw = random.Random(seed)
    sizes = sorted(draw.sample(range(20, 200), 8))
    found = of_sizes(640, *sizes)
    by_rows = packing_of(found, LARGE)
    assert by_rows.rounded
    for _ in range(10):
        counts = {Fraction(size): draw.randint(0, 6) for size in sizes}
        enough = by_rows.nodes(counts)
        plan = holding(enough, **{f"m{at}": n for at, n in enumerate(counts.values()) if n})
        assert not list(rule.audit(found, plan)), counts
        assert nodes_needed(Fraction(640), counts, 0).at_least <= enough
        for parts in by_rows.measures:
            assert sum(parts[size] * n for size, n in counts.items()) <= enough + 1e-9


def test_where_fillings_are_too_many_to_list_the_audit_says_what_is_surely_needed() -> None:
    sizes = [*range(20, 200, 9)]
    found = of_sizes(640, *sizes, most=1000)
    replicas = {f"m{at}": 50 for at in range(len(sizes))}
    assert not list(rule.audit(found, holding(170, **replicas)))
    # 50 · (20 + 29 + … + 191) GB fill 164.8 nodes to the brim.
    assert_refused_by_audit(rule, found, holding(164, **replicas), "need at least 165 nodes")


def test_the_millionth_part_fits_beside_others() -> None:
    found = of_sizes(80, 0, 26, 50)
    assert_legal(rule, found, holding(1, m0=1000, m1=3))
    assert_illegal(rule, found, holding(0, m0=9), "need 1 nodes, 0 stand there")
    assert_illegal(rule, found, holding(1, m1=2, m2=1), "need 2 nodes")


def test_a_cold_slot_is_as_large_as_the_largest_model_served_cold() -> None:
    # `whole` must answer within a second and `idle` is not asked for, so the slot is for `half`.
    assert slot_gb(farm(), at("a")) == 40
    assert_legal(rule, farm(), holding(2, slots=2, whole=1))  # 60, and 2 · 40
    assert_illegal(rule, farm(), holding(2, slots=3, whole=1), "4 replicas and slots need 3 nodes")
    assert_legal(rule, farm(), holding(1, slots=1, eighth=4))  # 40 + 4 · 9
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


@pytest.mark.parametrize("min_served", [0.0, 0.5])
@pytest.mark.parametrize("failing", [(), (protected("provider", "Acme"),)])
def test_a_slot_counts_who_waits_longer_after_a_failure_where_that_is_promised(
    min_served: float, failing: tuple[Dependency, ...]
) -> None:
    # 60/2 + 60/0.5 = 150 s from the hub: more than the 100 s, less than twice as much.
    found = network(
        [site("a")],
        [offer("a", "gpu")],
        node_types=[GPU],
        models=[Model(model="whole", gpu_memory_gb=60, weights_gb=60, requests_per_s=1)],
        demand=[demand(model="whole", max_latency_ms=100_000, min_served=min_served)],
        dependencies=failing,
    )
    assert slot_gb(found, at("a")) == (60 if min_served and failing else None)


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
    for node_type in ("gpu", "other"):  # nothing can be loaded cold on the other
        assert not list(rule.audit(farm(), Deployment(cold_slots={at("a", node_type): 0})))


def test_it_says_how_full_the_nodes_are() -> None:
    # 60 + 40 + 9 + 40 GB
    plan = holding(3, slots=1, whole=1, half=1, eighth=1)
    words = ("3 warm replicas and 1 cold slots", "take 149 of 240 GB", "3 execution nodes")
    assert_explains(rule, farm(), plan, *words)
