"""The plan: what stands where, and what is more than a limit."""

from __future__ import annotations

import pytest

from models.data import OfferKey
from models.plan import Deployment, Plan, exceeds


def test_nodes_of_all_types_at_a_site_are_counted_together() -> None:
    nodes = {OfferKey("a", "gpu"): 2, OfferKey("a", "disk"): 1, OfferKey("b", "gpu"): 5}
    plan = Deployment(nodes=nodes)
    assert [plan.nodes_at(site) for site in "abc"] == [3, 5, 0]


def test_the_final_deployment_is_that_of_the_last_phase() -> None:
    phases = {name: Deployment(open=frozenset({name})) for name in ("one", "two", "three")}
    assert Plan(phases).final.open == {"three"}
    assert Plan({"": Deployment()}).final == Deployment()


@pytest.mark.parametrize("limit", [-1e6, -1.0, 0.0, 0.5, 1.0, 1e6])
def test_what_is_above_a_limit_by_no_more_than_the_tolerance_does_not_exceed_it(
    limit: float,
) -> None:
    tolerance = 1e-6 * max(1.0, abs(limit))
    assert not exceeds(limit, limit)
    assert not exceeds(limit + 0.9 * tolerance, limit)
    assert exceeds(limit + 1.1 * tolerance, limit)
