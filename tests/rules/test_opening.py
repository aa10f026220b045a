"""Nodes stand only at open sites, within what site and offer allow."""

from __future__ import annotations

from typing import Any

from models.network import Network
from models.plan import Deployment
from models.rules import opening as rule
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    at,
    network,
    offer,
    site,
)


def a_site(**given: Any) -> Network:
    """Up to 3 big and 2 small nodes; at least one big one while the site is open."""
    return network(
        [site("a", **given)], [offer("a", "big", 3, min_nodes=1), offer("a", "small", 2)]
    )


def standing(big: int, small: int, *opened: str) -> Deployment:
    return Deployment(open=frozenset(opened), nodes={at("a", "big"): big, at("a", "small"): small})


def test_an_open_site_may_be_filled_to_every_limit() -> None:
    assert_legal(rule, a_site(), standing(3, 2, "a"))
    assert_legal(rule, a_site(max_nodes=4), standing(3, 1, "a"))  # 3 + 1 = 4 fit
    assert_legal(rule, a_site(), standing(1, 0, "a"))  # the one big node it must have
    assert_legal(rule, a_site(), standing(0, 0))  # min_nodes binds only while open


def test_one_node_beyond_a_limit_is_refused() -> None:
    assert_illegal(
        rule, a_site(), standing(4, 0, "a"), "4 nodes stand where 3 can be had (Offer.max_nodes)"
    )
    assert_illegal(rule, a_site(), standing(1, 3, "a"), "3 nodes stand where 2 can be had")
    assert_illegal(
        rule, a_site(max_nodes=4), standing(3, 2, "a"), "5 nodes stand where 4 fit (Site.max_nodes)"
    )
    assert_illegal(
        rule, a_site(), standing(0, 1, "a"), "0 nodes stand where at least 1 must (Offer.min_nodes)"
    )
    absent = Deployment(open=frozenset("a"), nodes={at("a", "small"): 1})
    assert_illegal(rule, a_site(), absent, "0 nodes stand where at least 1 must")


def test_no_node_stands_at_a_site_that_is_not_open() -> None:
    assert_illegal(rule, a_site(), standing(1, 0), "1 nodes stand at a site that is not open")


def test_a_required_site_is_open_and_a_forbidden_one_is_not() -> None:
    assert_legal(rule, a_site(status="required"), standing(1, 0, "a"))
    assert_illegal(rule, a_site(status="required"), standing(0, 0), "required but not open")
    assert_legal(rule, a_site(status="forbidden"), standing(0, 0))
    assert_illegal(rule, a_site(status="forbidden"), standing(1, 0, "a"), "forbidden but open")


def test_a_required_site_holds_a_node() -> None:
    found = network([site("a", status="required")], [offer("a", "big", 3)])
    one = Deployment(open=frozenset({"a"}), nodes={at("a", "big"): 1})
    assert_legal(rule, found, one)
    assert_illegal(
        rule, found, Deployment(open=frozenset({"a"})), "required but holds no node (Site.status)"
    )
    assert_legal(rule, network([site("a", status="required")]), Deployment(open=frozenset({"a"})))
    bare = network([site("a", status="required")])
    assert_illegal(rule, bare, Deployment(), "required but not open")


def test_an_existing_site_may_be_open_or_closed() -> None:
    assert_legal(rule, a_site(status="existing"), standing(1, 0, "a"))
    assert_legal(rule, a_site(status="existing"), standing(0, 0))


def test_the_audit_names_sites_and_offers_that_do_not_exist() -> None:
    found = a_site()
    assert_refused_by_audit(rule, found, standing(1, 0, "a", "z"), "z]: there is no such site")
    plan = Deployment(open=frozenset("a"), nodes={at("a", "huge"): 1, at("a", "big"): 1})
    assert_refused_by_audit(rule, found, plan, "no such offer in Capacities")
    assert_refused_by_audit(rule, found, standing(-1, 0, "a"), "-1 is not a number of nodes")
    plan = Deployment(open=frozenset("a"), nodes={at("a", "big"): 1.5})  # type: ignore[dict-item]
    assert_refused_by_audit(rule, found, plan, "1.5 is not a number of nodes")


def test_it_says_how_many_sites_and_nodes() -> None:
    assert_explains(rule, a_site(), standing(3, 1, "a"), "1 of 1 sites", "4 nodes")
