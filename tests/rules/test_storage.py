"""Every model has its stored copies, on disks that hold them, and enough survive each failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.data import Item, Model, NodeType, OfferKey, Provider
from models.network import Network
from models.plan import Deployment, Replica
from models.rules import storage as rule
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    network,
    offer,
    protected,
    site,
)

DISK = NodeType(node_type="disk", role="storage", disk_tb=0.1)
TAPE = NodeType(node_type="tape", role="storage", disk_tb=0.1)


def stores(copies: int = 2, left: int = 1, **given: Any) -> Network:
    """Sites a and b on grid North, c on South; all in one country."""
    grids = {"a": "North", "b": "North", "c": "South"}
    return network(
        [site(name, grid=((grid,),), country=(("DE",),)) for name, grid in grids.items()],
        [*(offer(name, "disk") for name in grids), offer("a", "tape")],
        node_types=[DISK, TAPE],
        models=[
            Model(
                model="chat", gpu_memory_gb=20, weights_gb=60, copies=copies, min_copies_left=left
            ),
            Model(model="law", gpu_memory_gb=20, weights_gb=40),
        ],
        **given,
    )


def stored(*where: str, nodes: int = 1) -> Deployment:
    """Copies as `site/model` or `site/node type/model`, and nodes at every store."""
    copies = []
    for text in where:
        parts = text.split("/")
        copies.append(Replica(parts[0], parts[1] if len(parts) == 3 else "disk", parts[-1]))
    return Deployment(
        nodes=dict.fromkeys((OfferKey(copy.site, copy.node_type) for copy in copies), nodes),
        copies=frozenset(copies),
    )


def test_as_many_copies_as_asked_for_at_different_sites() -> None:
    assert_legal(rule, stores(), stored("a/chat", "b/chat"))
    assert_legal(rule, stores(), stored("a/chat", "b/chat", "c/chat"))  # more is no harm
    assert_illegal(
        rule, stores(), stored("a/chat"), "1 copies are stored, 2 are asked for (Model.copies)"
    )
    assert_illegal(
        rule, stores(), stored("a/chat", "a/tape/chat"), "chat at a]: a site holds more than one"
    )
    assert_illegal(rule, stores(3), stored("a/chat", "b/chat"), "2 copies are stored, 3 are")


def test_different_models_may_share_a_disk_that_holds_both() -> None:
    # 60 + 40 GB fill 0.1 TB; 60 + 60 GB of two models on two nodes would fit 0.2 TB.
    assert_legal(rule, stores(1), stored("a/chat", "a/law"))
    small = stores(1)
    heavy = Model(model="law", gpu_memory_gb=20, weights_gb=41)
    small.models["law"] = heavy  # type: ignore[index]
    assert_illegal(
        rule,
        small,
        stored("a/chat", "a/law"),
        "0.101 TB of copies lie on 0.100 TB of disk (NodeType.disk_tb)",
    )
    assert_legal(rule, small, stored("a/chat", "a/law", nodes=2))
    # 1 TB is 1000 GB to the last of them: 50 MB are too much.
    small.models["law"] = replace(heavy, weights_gb=40.05)  # type: ignore[index]
    assert_illegal(rule, small, stored("a/chat", "a/law"), "0.100 TB of copies lie on 0.100 TB")


def test_a_model_without_weights_fills_no_disk_and_a_node_without_a_disk_holds_nothing() -> None:
    found = stores(1)
    found.models["void"] = Model(model="void", copies=1)  # type: ignore[index]
    assert_legal(rule, found, stored("a/chat", "a/law", "a/void"))
    found.node_types["tape"] = replace(TAPE, disk_tb=None)  # type: ignore[index]
    no_disk = "0.060 TB of copies lie on 0.000 TB of disk"
    assert_illegal(rule, found, stored("a/tape/chat", "b/void"), no_disk)


def test_a_copy_lies_where_a_node_stands() -> None:
    assert_illegal(rule, stores(1), stored("a/chat", nodes=0), "where no node stands")
    bare = Deployment(copies=stored("a/chat").copies)
    no_disk = "0.060 TB of copies lie on 0.000 TB of disk (NodeType.disk_tb)"
    assert_illegal(rule, stores(1), bare, "where no node stands", no_disk)


def test_enough_copies_are_left_when_a_protected_dependency_fails() -> None:
    north: dict[str, Any] = {"dependencies": [protected("grid", "North")]}
    # Without North only c is left.
    assert_legal(rule, stores(**north), stored("a/chat", "c/chat"))
    assert_illegal(
        rule,
        stores(**north),
        stored("a/chat", "b/chat"),
        "chat without grid:North]: 0 copies are left, 1 are asked for (Model.min_copies_left)",
    )
    assert_illegal(rule, stores(left=2, **north), stored("a/chat", "b/chat", "c/chat"), "1 copies")
    # min_copies_left 0 asks for nothing, and unprotected failures count for nothing.
    assert_legal(rule, stores(left=0, **north), stored("a/chat", "b/chat"))
    assert_legal(rule, stores(), stored("a/chat", "b/chat"))


def test_a_dependency_that_no_store_escapes_is_left_out() -> None:
    # All three sites are in DE: nothing could be left, so nothing is asked.
    unavoidable: dict[str, Any] = {"dependencies": [protected("country", "DE")]}
    assert_legal(rule, stores(**unavoidable), stored("a/chat", "b/chat"))


@pytest.mark.parametrize("shut", ["site", "provider", "no contract", "no room", "no offer"])
def test_a_survivor_that_may_hold_no_node_is_no_way_out(shut: str) -> None:
    # Without North only c is left, and there nothing may stand.
    found = stores(dependencies=[protected("grid", "North")])
    assert_illegal(rule, found, stored("a/chat", "b/chat"), "0 copies are left")
    south: dict[str, Any] = {"grid": (("South",),)}
    if shut in ("provider", "no contract"):
        found.sites["c"] = site("c", "Shut", **south)  # type: ignore[index]
        never = Provider(provider="Shut", status="forbidden")
        if shut == "no contract":
            never = Provider(provider="Shut", max_nodes=0)
        found.providers["Shut"] = never  # type: ignore[index]
    elif shut == "no offer":
        found.offers[OfferKey("c", "disk")] = offer("c", "disk", 0)  # type: ignore[index]
    else:
        limit: dict[str, Any] = {"status": "forbidden"} if shut == "site" else {"max_nodes": 0}
        found.sites["c"] = site("c", **south, **limit)  # type: ignore[index]
    assert_legal(rule, found, stored("a/chat", "b/chat"))


def test_a_shock_takes_everything_it_names_at_once() -> None:
    storm: dict[str, Any] = {"shocks": {"storm": [Item("grid", "South"), Item("site", "a")]}}
    assert_legal(rule, stores(**storm), stored("b/chat", "c/chat"))  # b is left
    assert_illegal(
        rule, stores(**storm), stored("a/chat", "c/chat"), "chat without shock:storm]: 0 copies"
    )


def test_the_audit_names_copies_of_nothing_and_in_the_wrong_place() -> None:
    gpu = NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)
    law = Model(model="law", gpu_memory_gb=20, weights_gb=40)
    offers = [offer("a", "disk"), offer("a", "gpu")]
    found = network([site("a")], offers, node_types=[DISK, gpu], models=[law])
    assert_refused_by_audit(rule, found, stored("a/ghost"), "no such model or offer")
    assert_refused_by_audit(rule, found, stored("z/law"), "no such model or offer")
    assert_refused_by_audit(
        rule, found, stored("a/gpu/law"), "a/gpu is no storage offer (NodeType.role)"
    )


def test_it_says_how_many_copies_lie_where() -> None:
    assert_explains(rule, stores(), stored("a/chat", "b/chat", "a/law"), "3 copies (2 asked", "2 s")
