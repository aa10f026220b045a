"""What is locked stays within its least and most."""

from __future__ import annotations

from typing import Any

import pytest

from models.data import Committee, Lock, Model, NodeType, OfferKey
from models.network import Network
from models.plan import Deployment, Replica, Seat
from models.rules import locks as rule
from tests.rules import assert_explains, assert_illegal, assert_legal, network, offer, site


def locked(*locks: Lock) -> Network:
    """Sites a and b of Acme, c of Bolt, each with every node type."""
    names = ("gpu", "disk", "seat")
    return network(
        [site("a"), site("b"), site("c", "Bolt")],
        [offer(name, kind) for name in "abc" for kind in names],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80),
            NodeType(node_type="disk", role="storage", disk_tb=1),
            NodeType(node_type="seat", role="coordination"),
        ],
        models=[
            Model(model="chat", gpu_memory_gb=20, weights_gb=20, copies=1),
            Model(model="law", gpu_memory_gb=20, weights_gb=20, copies=1),
        ],
        committees=[
            Committee(committee="council", seats=9),
            Committee(committee="senate", seats=9),
        ],
        locks=locks,
    )


PLAN = Deployment(
    nodes={
        OfferKey("a", "gpu"): 1,
        OfferKey("a", "disk"): 2,
        OfferKey("b", "gpu"): 3,
        OfferKey("c", "gpu"): 4,
    },
    warm={
        Replica("a", "gpu", "chat"): 2,
        Replica("b", "gpu", "chat"): 3,
        Replica("c", "gpu", "chat"): 1,
        Replica("a", "gpu", "law"): 5,
    },
    copies=frozenset(
        {
            Replica("a", "disk", "chat"),
            Replica("c", "disk", "chat"),
            Replica("b", "disk", "law"),
        }
    ),
    seats={
        Seat("council", "a", "seat"): 2,
        Seat("council", "b", "seat"): 3,
        Seat("council", "c", "seat"): 1,
        Seat("senate", "a", "seat"): 4,
    },
)


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({}, 10),  # 1 + 2 + 3 + 4 nodes
        ({"site": "a"}, 3),  # 1 + 2
        ({"node_type": "gpu"}, 8),  # 1 + 3 + 4
        ({"provider": "Acme"}, 6),  # 1 + 2 + 3
        ({"provider": "Acme", "node_type": "gpu"}, 4),  # 1 + 3
        ({"site": "c", "node_type": "disk"}, 0),
        ({"model": "chat"}, 8),  # 2 + 3 + 1 warm replicas, 2 copies
        ({"model": "chat", "site": "a"}, 3),  # 2 warm, 1 copy
        ({"model": "chat", "node_type": "gpu"}, 6),  # the warm ones only
        ({"model": "chat", "provider": "Bolt"}, 2),  # 1 warm, 1 copy at c
        ({"model": "law"}, 6),  # 5 warm, 1 copy
        ({"committee": "council"}, 6),  # 2 + 3 + 1 seats
        ({"committee": "council", "provider": "Acme"}, 5),  # 2 + 3
        ({"committee": "council", "site": "a"}, 2),
        ({"committee": "council", "node_type": "gpu"}, 0),
        ({"committee": "senate", "model": "chat"}, 4),  # a committee counts seats, whatever else
    ],
)
def test_a_lock_sums_over_what_is_left_blank(where: dict[str, Any], count: int) -> None:
    assert_legal(rule, locked(Lock(minimum=count, maximum=count, **where)), PLAN)
    message = f"{count} are placed, at least {count + 1} are locked in"
    assert_illegal(rule, locked(Lock(minimum=count + 1, **where)), PLAN, message)
    if count:
        message = f"{count} are placed, at most {count - 1} are allowed"
        assert_illegal(rule, locked(Lock(maximum=count - 1, **where)), PLAN, message)


def test_a_lock_on_what_does_not_exist_cannot_be_met() -> None:
    only: dict[str, Any] = {"site": "a", "provider": "Bolt"}
    assert_legal(rule, locked(Lock(maximum=0, **only)), PLAN)
    assert_illegal(
        rule,
        locked(Lock(minimum=1, **only)),
        PLAN,
        "0 are placed, at least 1 are locked in (Lock.minimum)",
    )


def test_every_lock_counts_by_itself() -> None:
    locks = [Lock(site="a", maximum=3, row=2), Lock(site="b", maximum=2, row=7)]
    assert_illegal(
        rule,
        locked(*locks),
        PLAN,
        "Locks row 7: b]: 3 are placed, at most 2 are allowed (Lock.maximum)",
    )
    assert len(list(rule.audit(locked(*locks), PLAN))) == 1


def test_it_says_how_many_locks_bind() -> None:
    locks = [Lock(site="a", maximum=3), Lock(site="b", minimum=3), Lock(site="c", maximum=9)]
    assert_explains(rule, locked(*locks), PLAN, "3 locks hold, 2 of them bind")
