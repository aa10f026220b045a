"""What a plan decides in whole numbers: one entry each, from which everybody else derives."""

from __future__ import annotations

from dataclasses import replace

from models.data import OfferKey
from models.decisions import DECISIONS, Decision
from models.plan import Deployment, Replica
from tests.cases import deployment_for_small

OF = {decision.name: decision for decision in DECISIONS}


def indexed(decision: Decision, plan: Deployment) -> dict[object, int]:
    """Return what the plan says, by the index of the variables."""
    return {decision.index(key): amount for key, amount in decision.amounts(plan).items()}


def test_a_variable_is_indexed_by_the_parts_of_its_key() -> None:
    plan = deployment_for_small()
    assert indexed(OF["open"], plan) == {"frankfurt": 1, "london": 1, "paris": 1}
    assert indexed(OF["cold_slots"], plan) == {("paris", "gpu"): 1}
    assert indexed(OF["copy"], plan) == {
        ("frankfurt", "disk", "chat"): 1,
        ("paris", "disk", "chat"): 1,
        ("paris", "disk", "law"): 1,
    }


def test_a_plan_is_what_its_decisions_say() -> None:
    plan = deployment_for_small()
    found = {of.of_plan: of.in_plan(indexed(of, plan)) for of in DECISIONS}
    assert replace(Deployment(routing=plan.routing), **found) == replace(
        plan, verification=(), panels=()
    )


def test_keys_are_those_of_a_plan_and_what_is_zero_is_absent() -> None:
    (key,) = OF["nodes"].in_plan({("a", "gpu"): 2, ("b", "gpu"): 0})
    assert key == OfferKey("a", "gpu")
    assert isinstance(key, OfferKey)
    (copy,) = OF["copy"].in_plan({("a", "disk", "chat"): 1, ("b", "disk", "chat"): 0})
    assert isinstance(copy, Replica)


def test_the_site_of_a_key_stands_where_it_says() -> None:
    assert {name: decision.site for name, decision in OF.items()} == {
        "open": 0,
        "contract": None,
        "nodes": 0,
        "warm": 0,
        "cold_slots": 0,
        "copy": 0,
        "seats": 1,
    }
