"""No dependency holds more, and a named one no less, than its number of nodes, copies or seats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn

from models.build import SINGLE_PHASE, build, rule_name
from models.data import Committee, DiversityRow, Model, NodeType, OfferKey, Provider
from models.network import Network
from models.plan import Deployment, Replica, Seat
from models.rules import diversity_count as rule
from models.rules import diversity_distinct
from models.translate import place
from tests import draw
from tests.rules import assert_explains, assert_illegal, assert_legal, at, network, offer, site
from tests.test_rules_contract import rows_hold


def counted(**given: Any) -> DiversityRow:
    return DiversityRow(**{"rule": "count", "role": "execution", "kind": "provider"} | given)


def clouds(row: DiversityRow) -> Network:
    """Sites a of Acme, b of Rent, which resells Acme, c of Bolt."""
    return network(
        [site("a", "Acme"), site("b", "Rent"), site("c", "Bolt")],
        [offer(name, kind) for name in "abc" for kind in ("gpu", "disk", "seat")],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80),
            NodeType(node_type="disk", role="storage", disk_tb=9),
            NodeType(node_type="seat", role="coordination"),
        ],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        models=[Model(model=name, gpu_memory_gb=10, weights_gb=9, copies=1) for name in ("m", "n")],
        committees=[Committee(committee=name, seats=9) for name in ("council", "senate")],
        diversity=[row],
    )


def standing(kind: str = "gpu", **nodes: int) -> Deployment:
    return Deployment(nodes={OfferKey(name, kind): count for name, count in nodes.items()})


def test_nobody_holds_more_than_the_most() -> None:
    row = counted(max_count=3)
    # Acme 1 + 2 resold = 3, Rent 2, Bolt 3
    assert_legal(rule, clouds(row), standing(a=1, b=2, c=3))
    assert_illegal(
        rule,
        clouds(row),
        standing(a=2, b=2),
        "provider:Acme]: 4 hang on it, at most 3 may (DiversityRow.max_count)",
    )
    assert_illegal(rule, clouds(row), standing(c=4), "provider:Bolt]: 4 hang on it")
    assert_legal(rule, clouds(row), standing("disk", c=9))  # disks do not execute


def test_a_named_dependency_holds_at_least_the_fewest() -> None:
    row = counted(min_count=2, dependency="Acme")
    assert_legal(rule, clouds(row), standing(a=1, b=1))
    assert_illegal(
        rule, clouds(row), standing(a=1, c=5), "provider:Acme]: 1 hang on it, at least 2"
    )
    assert_illegal(
        rule, clouds(row), Deployment(), "0 hang on it, at least 2 must (DiversityRow.min_count)"
    )
    both = counted(min_count=1, max_count=1, dependency="Rent")
    assert_legal(rule, clouds(both), standing(a=5, b=1))
    assert_illegal(rule, clouds(both), standing(b=2), "2 hang on it, at most 1")


def test_sites_are_counted_not_their_nodes() -> None:
    row = counted(measure="sites", max_count=1)
    assert_legal(rule, clouds(row), standing(a=9, c=9))
    assert_illegal(rule, clouds(row), standing(a=1, b=1), "provider:Acme]: 2 hang on it")
    least = counted(measure="sites", min_count=2, dependency="Acme")
    assert_illegal(rule, clouds(least), standing(a=9), "1 hang on it, at least 2")


@pytest.mark.parametrize(("site", "said"), [("a", 0.0), ("b", 1.0)])
def test_a_site_is_in_use_just_where_nodes_stand(site: str, said: float) -> None:
    found = clouds(counted(measure="sites", max_count=9))
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    values, _ = place(block, found, standing(a=2))
    own = block.rules.diversity_count
    assert rows_hold(own, values)
    used = own.site_used["execution", site]
    values[id(used)] = (used, said)
    assert not rows_hold(own, values)


def test_each_rule_counts_sites_by_variables_of_its_own() -> None:
    # Else the rows of one would say nothing any more when the other is switched off.
    count = counted(measure="sites", max_count=1)
    distinct = counted(measure="sites", min_distinct=2)
    both = replace(clouds(count), diversity=(count, distinct))
    model = build(both, draw.row_by_row(both))
    rules = model.phase[SINGLE_PHASE].rules
    for found in (rule, diversity_distinct):
        own = rules.component(rule_name(found))
        used = {
            id(variable.parent_block())
            for row in own.component_data_objects(pyo.Constraint)
            for variable in generate_standard_repn(row.body).linear_vars
            if variable.parent_component().local_name == "site_used"
        }
        assert used == {id(own)}, rule_name(found)


@pytest.mark.parametrize("measure", ["", "requests"])
def test_requests_of_a_model_are_counted_as_its_warm_replicas(measure: str) -> None:
    row = counted(measure=measure, applies_to="model:m", max_count=2)
    plan = Deployment(
        nodes={at("a"): 9},
        warm={
            Replica("a", "gpu", "m"): 1,
            Replica("b", "gpu", "m"): 1,
            Replica("a", "gpu", "n"): 7,
        },
    )
    assert_legal(rule, clouds(row), plan)
    more = Deployment(warm={**plan.warm, Replica("b", "gpu", "m"): 2})
    assert_illegal(rule, clouds(row), more, "provider:Acme]: 3 hang on it, at most 2")


@pytest.mark.parametrize(
    ("given", "legal"),
    [
        ({"applies_to": "council"}, True),  # 1 + 2 at Acme
        ({"applies_to": "senate"}, False),  # 4 at Acme
        ({}, False),
        ({"scope": "total", "dependency": "Bolt"}, True),  # 1 + 2
        ({"scope": "total", "dependency": "Bolt", "max_count": 2}, False),
        ({"scope": "each", "dependency": "Bolt", "max_count": 2}, True),
    ],
)
def test_seats_are_counted_by_committee_or_together(given: dict[str, Any], legal: bool) -> None:
    row = counted(**{"role": "coordination", "max_count": 3} | given)
    plan = Deployment(
        seats={
            Seat("council", "a", "seat"): 1,
            Seat("council", "b", "seat"): 2,
            Seat("council", "c", "seat"): 1,
            Seat("senate", "a", "seat"): 4,
            Seat("senate", "c", "seat"): 2,
        }
    )
    if legal:
        assert_legal(rule, clouds(row), plan)
    else:
        assert_illegal(rule, clouds(row), plan, f"at most {row.max_count} may")


def test_copies_are_counted_by_model_or_together() -> None:
    plan = Deployment(
        copies=frozenset(
            {
                Replica("a", "disk", "m"),
                Replica("b", "disk", "m"),
                Replica("a", "disk", "n"),
            }
        )
    )
    each = counted(role="storage", max_count=2)
    assert_legal(rule, clouds(each), plan)
    total = counted(role="storage", max_count=2, scope="total")
    assert_illegal(rule, clouds(total), plan, "provider:Acme]: 3 hang on it, at most 2")
    only = counted(role="storage", max_count=1, applies_to="model:m")
    assert_illegal(rule, clouds(only), plan, "count, m, provider:Acme]: 2 hang on it")


def test_a_soft_row_costs_every_one_above_or_below() -> None:
    soft = clouds(counted(max_count=1, penalty=10.0))
    plan = standing(a=3, c=1)  # Acme is 2 above, Bolt not
    assert_legal(rule, soft, plan)
    assert rule.penalty(soft, plan) == 20.0
    soft = clouds(counted(min_count=5, dependency="Acme", penalty=10.0))
    assert_legal(rule, soft, plan)
    assert rule.penalty(soft, plan) == 20.0  # 3 of 5
    assert rule.penalty(clouds(counted(max_count=1)), plan) == 0.0
    for enough in (counted(max_count=9, penalty=10.0), counted(min_count=1, penalty=10.0)):
        assert rule.penalty(clouds(enough), plan) == 0.0


def test_it_says_how_many_limits_bind() -> None:
    found = clouds(counted(max_count=3))
    # Acme 3 and Bolt 3 bind, Rent 2 does not
    assert_explains(rule, found, standing(a=1, b=2, c=3), "3 counts are limited, 2 of them bind")
