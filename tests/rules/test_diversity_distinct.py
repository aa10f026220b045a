"""Losing everything takes the loss of at least a given number of dependencies."""

from __future__ import annotations

from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.data import DiversityRow, Model, Needs, NodeType, Provider
from models.network import Network
from models.plan import Deployment, Replica
from models.rules import diversity_distinct as rule
from models.translate import place
from tests import draw
from tests.rules import assert_explains, assert_illegal, assert_legal, at, network, offer, site
from tests.test_rules_contract import broken_cuts, rows_hold


def distinct(count: int, kind: str = "provider", **given: Any) -> DiversityRow:
    known: dict[str, Any] = {"rule": "many", "role": "execution"}
    return DiversityRow(**known | {"kind": kind, "min_distinct": count} | given)


def clouds(row: DiversityRow, **owners: Needs) -> Network:
    """Sites a of Acme, b of Rent, which resells Acme, c of Bolt, d of Core."""
    providers = {"a": "Acme", "b": "Rent", "c": "Bolt", "d": "Core"}
    return network(
        [site(name, of, owner=owners.get(name, ())) for name, of in providers.items()],
        [offer(name, kind) for name in providers for kind in ("gpu", "disk")],
        node_types=[NodeType(node_type="disk", role="storage", disk_tb=9)],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        models=[Model(model=name, gpu_memory_gb=9, weights_gb=9, copies=1) for name in ("m", "n")],
        diversity=[row],
    )


def standing(**nodes: int) -> Deployment:
    return Deployment(nodes={at(name): count for name, count in nodes.items()})


def test_a_reseller_and_its_cloud_are_one() -> None:
    assert_legal(rule, clouds(distinct(2)), standing(a=1, c=1))
    assert_illegal(
        rule,
        clouds(distinct(2)),
        standing(a=5, b=5),
        "losing provider:Acme removes all; 2 must be needed (DiversityRow.min_distinct)",
    )
    assert_legal(rule, clouds(distinct(3)), standing(b=1, c=1, d=1))
    assert_illegal(rule, clouds(distinct(3)), standing(a=1, b=1, c=1), "3 must be needed")


def test_something_must_stand_at_all() -> None:
    assert_legal(rule, clouds(distinct(1)), standing(a=1))
    assert_illegal(rule, clouds(distinct(1)), Deployment(), "losing nothing removes all")
    assert_illegal(rule, clouds(distinct(1)), standing(a=0), "losing nothing removes all")


def test_what_hangs_on_nobody_cannot_be_lost() -> None:
    # `Equus | Domus`: no one owner takes a down, so no number of owners is too many to ask for.
    row = distinct(3, "owner")
    assert_legal(rule, clouds(row, a=(("Equus", "Domus"),)), standing(a=1))
    assert_illegal(rule, clouds(row, a=(("Equus",),)), standing(a=1), "losing owner:Equus removes")


ALL_EQUUS: dict[str, Needs] = {"a": (("Equus",), ("Domus",)), "c": (("Equus",), ("Nova",))}
RING: dict[str, Needs] = {
    "a": (("A",), ("B",)),
    "c": (("B",), ("C",)),
    "d": (("C",), ("A",)),
}


def test_where_sites_have_several_owners_the_fewest_that_remove_all_count() -> None:
    # Three owners are in use, but losing Equus alone loses both sites.
    assert_illegal(
        rule,
        clouds(distinct(2, "owner"), **ALL_EQUUS),
        standing(a=1, c=1),
        "losing owner:Equus removes all",
    )
    # Of A;B – B;C – C;A one owner always leaves a site, and two never do.
    assert_legal(rule, clouds(distinct(2, "owner"), **RING), standing(a=1, c=1, d=1))
    assert_illegal(
        rule, clouds(distinct(3, "owner"), **RING), standing(a=1, c=1, d=1), "removes all"
    )
    assert_illegal(rule, clouds(distinct(1, "owner"), **RING), Deployment(), "losing nothing")


def test_where_dependencies_overlap_a_single_one_off_all_of_them_is_enough() -> None:
    # b hangs on no owner, so that no loss of owners removes it.
    assert_legal(rule, clouds(distinct(2, "owner"), **ALL_EQUUS), standing(b=1))


def test_the_separated_row_asks_for_something_off_the_few() -> None:
    found = clouds(distinct(2, "owner"), **ALL_EQUUS)
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    own = block.rules.diversity_distinct
    bad, good = standing(a=1, c=1), standing(a=1, b=1)
    values, _ = place(block, found, bad)
    assert rows_hold(own, values)
    assert len(broken_cuts(block, found, rule, values)) == 1
    values, _ = place(block, found, good)  # b hangs on no owner
    assert rows_hold(own, values)
    assert not broken_cuts(block, found, rule, values)


@pytest.mark.parametrize("penalty", [None, 10.0])
def test_the_separated_row_counts_what_is_missing(penalty: float | None) -> None:
    # Of three owners, Equus removes all; two are missing, or b and d, which hang on none.
    found = clouds(distinct(3, "owner", penalty=penalty), **ALL_EQUUS)
    block = build(found, draw.row_by_row(found)).phase[SINGLE_PHASE]
    values, _ = place(block, found, standing(a=1, c=1))
    (cut,) = broken_cuts(block, found, rule, values)
    terms = {variable.name.partition(".")[2]: each for each, variable in cut.terms}
    expected = {"nodes[b,gpu]": 2.0, "nodes[d,gpu]": 2.0}
    if penalty is not None:
        expected["rules.diversity_distinct.slack[0,all]"] = 1.0
    assert (terms, cut.lower, cut.upper) == (expected, 2.0, None)
    # That something stands at all is asked from the start, of a hard row.
    assert len(block.rules.diversity_distinct.enough) == (penalty is None)


def test_where_enough_are_needed_no_row_is_separated() -> None:
    found = clouds(distinct(2, "owner"), **RING)
    block = build(found, draw.row_by_row(found)).phase[SINGLE_PHASE]
    values, _ = place(block, found, standing(a=1, c=1, d=1))
    own, point = block.rules.diversity_distinct, lambda variable: values[id(variable)][1]
    assert not list(rule.separate(own, block, found, point))


def copies(*where: str) -> Deployment:
    return Deployment(copies=frozenset(Replica(t[0], "disk", t[2:]) for t in where))


def test_copies_count_for_each_model_or_together() -> None:
    each = distinct(2, role="storage")
    assert_legal(rule, clouds(each), copies("a/m", "c/m", "a/n", "d/n"))
    assert_illegal(rule, clouds(each), copies("a/m", "c/m", "a/n", "b/n"), "many, n]: losing")
    total = distinct(2, role="storage", scope="total")
    assert_legal(rule, clouds(total), copies("a/m", "c/n"))
    assert_illegal(rule, clouds(total), copies("a/m", "b/n"), "many, all]: losing provider:Acme")


@pytest.mark.parametrize(
    ("nodes", "missing"),
    [
        ({}, 3),
        ({"a": 2}, 2),
        ({"a": 1, "b": 1}, 2),
        ({"a": 1, "c": 1}, 1),
        ({"a": 1, "c": 1, "d": 1}, 0),
    ],
)
def test_a_soft_row_costs_every_missing_one(nodes: dict[str, int], missing: int) -> None:
    soft = clouds(distinct(3, penalty=10.0))
    assert_legal(rule, soft, standing(**nodes))
    assert rule.penalty(soft, standing(**nodes)) == 10.0 * missing
    assert rule.penalty(clouds(distinct(3)), standing(**nodes)) == 0.0


def test_more_than_a_soft_row_asks_for_pays_nothing_back() -> None:
    assert rule.penalty(clouds(distinct(2, penalty=10.0)), standing(a=1, c=1, d=1)) == 0.0
    assert rule.penalty(clouds(distinct(1, penalty=10.0)), standing(a=1, c=1)) == 0.0


def test_it_says_how_many_there_are() -> None:
    found = clouds(distinct(2))
    assert_explains(rule, found, standing(a=1, c=1), "many all: at least 2 of 2")
    assert_explains(rule, found, standing(a=1, b=1), "many all: 1 of 2")
    assert_explains(rule, network([site("a")]), Deployment(), "No number of different")
