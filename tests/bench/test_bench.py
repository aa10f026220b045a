"""Generated networks: the same for the same seed, and such that a legal plan serves them all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from bench import facilities
from bench.networks import SIZES, Size, generate
from planner.evaluation.audit import audit
from planner.result import Limits
from planner.solver.solve import solve


def test_the_same_seed_gives_the_same_network_and_another_gives_another() -> None:
    assert generate(SIZES["S"], 1) == generate(SIZES["S"], 1)
    assert generate(SIZES["S"], 1) != generate(SIZES["S"], 2)


def test_a_small_generated_network_is_served_whole_by_a_legal_plan() -> None:
    network = generate(Size(sites=40, regions=6, models=2), seed=3)
    found = solve(network, Limits(time_limit_s=8.0, gap=0.1))
    assert found.plan is not None
    assert found.stages[0].value == 0.0
    assert not audit(network, found.plan)


def test_facilities_cost_what_transport_and_opening_cost() -> None:
    """And the optimum is the best of all sets of open sites, each a transport problem."""
    network = facilities.generate(1, sites=6, customers=9)
    assert network == facilities.generate(1, sites=6, customers=9)
    found = solve(network, Limits(time_limit_s=30.0, gap=0.0))
    assert found.plan is not None
    assert not audit(network, found.plan)
    served = {
        (flow.demand.region, flow.offer.site): flow.share for flow in found.plan.final.routing
    }
    price = {
        (link.origin.name, link.target.name): link.cost_per_million * facilities.MILLIONS
        for link in network.links
    }
    rate = {demand.region: demand.requests_per_s for demand in network.demand}
    transport = sum(price[pair] * rate[pair[0]] * share for pair, share in served.items())
    opened = {offer.site for offer in found.plan.final.nodes}
    opening = sum(network.sites[site].monthly_cost or 0.0 for site in opened)
    assert found.stages[1].value == pytest.approx(transport + opening)
    assert found.stages[1].value == pytest.approx(_least(network, price, rate), rel=1e-6)


def _least(network, price, rate):  # type: ignore[no-untyped-def]
    """Return the least cost over every set of open sites, each by a transport problem."""
    sites = sorted(network.sites)
    least = np.inf
    for chosen in range(1, 2 ** len(sites)):
        opened = [site for number, site in enumerate(sites) if chosen >> number & 1]
        size = [network.offers[site, "facility"].requests_per_s for site in opened]
        if sum(size) < sum(rate.values()):
            continue
        pairs = [(region, site) for region in rate for site in opened]
        found = linprog(
            [price[region, site] * rate[region] for region, site in pairs],
            A_eq=[[float(pair[0] == region) for pair in pairs] for region in rate],
            b_eq=[1.0] * len(rate),
            A_ub=[[rate[p[0]] * float(p[1] == site) for p in pairs] for site in opened],
            b_ub=size,
        )
        if found.status == 0:
            opening = sum(network.sites[site].monthly_cost for site in opened)
            least = min(least, found.fun + opening)
    return least
