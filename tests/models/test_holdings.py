"""How much of what a Diversity row limits hangs on what, in a plan, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from models.data import Committee, DiversityRow, Item, Model, NodeType, Policy
from models.holdings import count_measure_of, holdings, measure_of
from models.network import Network
from models.plan import Deployment, Flow, Replica, Seat, VerificationFlow
from models.service import ESTIMATE
from tests.rules import at, demand, network, offer, site

CHECKED = demand(rate=10, model="m", verification="two")
PLAIN = demand("others", rate=6, model="n", verification="none", period="night")


def of_three() -> Network:
    """Return sites a of Acme, b of Bolt and c of Core, with every kind of node at each."""
    return network(
        [site("a", "Acme"), site("b", "Bolt"), site("c", "Core")],
        [offer(name, kind) for name in "abc" for kind in ("gpu", "check", "disk", "seat")],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80),
            NodeType(node_type="check", role="verification", verifications_per_s=9),
            NodeType(node_type="disk", role="storage", disk_tb=1),
            NodeType(node_type="seat", role="coordination"),
        ],
        models=[
            Model(model="m", gpu_memory_gb=8, weights_gb=8, requests_per_s=9, copies=2),
            Model(model="n", gpu_memory_gb=8, weights_gb=8, requests_per_s=9),
        ],
        policies=[
            Policy(policy="two", verifiers=2, work=1.5),
            Policy(policy="none", verifiers=0),
        ],
        committees=[Committee(committee="big", seats=4), Committee(committee="few", seats=1)],
        demand=[CHECKED, PLAIN],
        periods={"": 365.0, "night": 365.0},
    )


PLAN = Deployment(
    nodes={at("a"): 2, at("b"): 0, at("c"): 1, at("a", "check"): 3, at("b", "disk"): 4},
    warm={Replica("a", "gpu", "m"): 2, Replica("c", "gpu", "m"): 1, Replica("c", "gpu", "n"): 5},
    routing=(
        Flow(CHECKED.key, at("a"), ESTIMATE, "warm", 0.5),
        Flow(CHECKED.key, at("c"), ESTIMATE, "warm", 0.25),
        Flow(PLAIN.key, at("c"), ESTIMATE, "warm", 1.0),
        Flow(PLAIN.key, at("b"), "no such route", "warm", 1.0),
        Flow(demand("nobody").key, at("b"), ESTIMATE, "warm", 1.0),
    ),
    verification=(
        VerificationFlow("two", "", "", at("a"), at("b", "check"), 5.0),
        VerificationFlow("two", "", "", at("a"), at("c", "check"), 2.0),
        VerificationFlow("ghost", "", "", at("a"), at("c", "check"), 2.0),
    ),
    copies=frozenset(
        {Replica("a", "disk", "m"), Replica("b", "disk", "m"), Replica("b", "disk", "n")}
    ),
    seats={Seat("big", "a", "seat"): 3, Seat("big", "b", "seat"): 1, Seat("few", "b", "seat"): 1},
)


Found = dict[tuple[str, ...], tuple[dict[str, float], float]]
"""What hangs on each provider, and what a share of 1.0 is worth, by label."""


def held(measure: str, role: str, scope: str = "each", applies_to: str = "") -> Found:
    row = DiversityRow(
        rule="r", role=role, kind="provider", scope=scope, applies_to=applies_to, measure=measure
    )
    found = holdings(of_three(), PLAN, row, measure_of(row))
    return {
        h.label: ({i.name: h.on(frozenset((i,))) for i in h.dependencies}, h.nominal) for h in found
    }


def test_nodes_and_sites_are_those_of_the_role() -> None:
    assert held("nodes", "execution") == {("all",): ({"Acme": 2, "Core": 1}, 1.0)}
    assert held("nodes", "storage") == {("all",): ({"Bolt": 4}, 1.0)}
    assert held("sites", "execution") == {("all",): ({"Acme": 1, "Core": 1}, 1.0)}
    assert held("sites", "verification") == {("all",): ({"Acme": 1}, 1.0)}


def test_requests_count_by_model_and_period_where_they_can_be_served() -> None:
    apart = {
        ("m", ""): ({"Acme": 5.0, "Core": 2.5}, 10.0),
        ("n", "night"): ({"Core": 6.0}, 6.0),
    }
    assert held("requests", "execution") == apart
    assert held("requests", "execution", "total") == {
        ("all", period): of for (_, period), of in apart.items()
    }
    assert held("requests", "execution", applies_to="others") == {
        ("n", "night"): apart["n", "night"]
    }
    assert held("requests", "execution", applies_to="model:m") == {("m", ""): apart["m", ""]}


def test_work_counts_by_policy_where_somebody_verifies() -> None:
    # 10 requests/s by two verifiers at 1.5 each are 30 in all.
    two = ({"Bolt": 7.5, "Core": 3.0}, 30.0)
    assert held("work", "verification") == {("two", ""): two}
    assert held("work", "verification", "total") == {("all", ""): two}
    assert held("work", "verification", applies_to="two") == {("two", ""): two}
    assert held("work", "verification", applies_to="none") == {}


def test_replicas_count_of_the_model_that_is_named() -> None:
    assert held("warm", "execution", applies_to="model:m") == {
        ("all",): ({"Acme": 2, "Core": 1}, 1.0)
    }
    assert held("warm", "execution") == {("all",): ({}, 1.0)}


def test_copies_count_of_models_that_ask_for_them_or_are_named() -> None:
    of_m = ({"Acme": 1.0, "Bolt": 1.0}, 2.0)
    assert held("copies", "storage") == {("m",): of_m}
    assert held("copies", "storage", "total") == {("all",): of_m}
    assert held("copies", "storage", applies_to="model:n") == {("n",): ({"Bolt": 1.0}, 1.0)}
    assert held("copies", "storage", "total", "model:m") == {("all",): of_m}


def test_seats_count_by_committee_or_together() -> None:
    assert held("seats", "coordination") == {
        ("big",): ({"Acme": 3, "Bolt": 1}, 4),
        ("few",): ({"Bolt": 1}, 1),
    }
    assert held("seats", "coordination", "total") == {("all",): ({"Acme": 3, "Bolt": 2}, 5)}
    assert held("seats", "coordination", "total", "few") == {("all",): ({"Bolt": 1}, 1)}
    assert held("seats", "coordination", applies_to="nobody") == {}


@pytest.mark.parametrize(
    ("given", "shares", "counts"),
    [
        ({"role": "execution"}, "requests", "nodes"),
        ({"role": "execution", "applies_to": "model:m"}, "requests", "warm"),
        ({"role": "verification", "applies_to": "two"}, "work", "nodes"),
        ({"role": "storage"}, "copies", "copies"),
        ({"role": "coordination"}, "seats", "seats"),
        ({"role": "coordination", "measure": "nodes"}, "nodes", "nodes"),
        ({"role": "storage", "measure": "sites", "applies_to": "model:m"}, "sites", "sites"),
    ],
)
def test_shares_are_of_amounts_and_counts_of_things(
    given: dict[str, Any], shares: str, counts: str
) -> None:
    row = DiversityRow(rule="r", kind="provider", **given)
    assert (measure_of(row), count_measure_of(row)) == (shares, counts)


def test_what_hangs_on_either_of_two_counts_once_and_the_whole_all_of_it() -> None:
    row = DiversityRow(rule="r", role="execution", kind="provider", measure="nodes")
    (found,) = holdings(of_three(), PLAN, row, "nodes")
    assert found.on(frozenset(Item("provider", name) for name in ("Acme", "Core", "Bolt"))) == 3
    assert found.on(frozenset()) == 0
    assert found.total == 3
