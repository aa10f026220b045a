"""The fewest failures that end a row's service are those of trying every set of failures."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import pytest

from models.data import Demand, Item
from models.exposure import Exposure
from models.network import Link, Network
from models.outage import HALF, NEARLY, is_out, smallest_outage, smallest_outages
from models.plan import Deployment
from models.replay import Replays, replay
from tests import draw
from tests.cases import deployment_for_small, small
from tests.thorough import parts


def brute(network: Network, plan: Deployment, row: Demand, most: int) -> int | None:
    """Return the size of a smallest set that ends the service, up to `most`, by trying all."""
    alone = replace(network, demand=(replace(row, min_served=0.0),))
    for size in range(most + 1):
        for failed in combinations(network.graph.dependencies, size):
            served = replay(alone, plan, failed).served[row.key]
            if served < (row.min_served or HALF) - NEARLY:
                return size
    return None


@pytest.mark.parametrize("part", parts(4))
def test_it_is_what_trying_every_set_finds(part: int) -> None:
    sizes: list[int | None] = []
    for seed in range(5 * part, 5 * part + 5):
        choose = random.Random(seed)
        network = draw.network(seed)
        drawn = draw.plan(network, draw.row_by_row(network), seed)
        plan = replace(drawn, nodes={o: choose.randint(1, 3) for o in network.offers})
        for row in network.demand[:2]:
            found = smallest_outage(network, plan, row)
            size = None if found is None else len(found)
            if size is None or size > 2:
                assert brute(network, plan, row, 2) is None
            else:
                assert brute(network, plan, row, size) == size
            sizes.append(size)
    assert len(set(sizes)) > 1, sizes


@pytest.mark.parametrize("seed", range(6))
def test_all_smallest_sets_are_those_of_trying_every_one(seed: int) -> None:
    choose = random.Random(seed)
    network = draw.network(seed)
    drawn = draw.plan(network, draw.row_by_row(network), seed)
    plan = replace(drawn, nodes={o: choose.randint(1, 3) for o in network.offers})
    for row in network.demand[:2]:
        fewest = smallest_outage(network, plan, row)
        if fewest is None or len(fewest) > 2:
            continue
        every = combinations(network.graph.dependencies, len(fewest))
        expected = {frozenset(failed) for failed in every if is_out(network, plan, row, failed)}
        found = smallest_outages(network, plan, row, len(fewest))
        assert {frozenset(failed) for failed in found} == expected


def test_what_is_known_of_a_row_spares_work_and_changes_nothing() -> None:
    network, plan = small(), deployment_for_small()
    row = network.demand[0]
    routings: list[frozenset[Item]] = []
    found = smallest_outage(network, plan, row, None, routings)
    assert found
    assert all(is_out(network, plan, row, routing) for routing in routings)
    assert smallest_outage(network, plan, row, None, list(routings)) is not None
    assert smallest_outage(network, plan, row, None, routings, found) == found
    assert smallest_outage(network, plan, row, most=len(found)) == found
    assert smallest_outage(network, plan, row, most=len(found) - 1) is None


def test_a_set_that_is_known_to_end_the_service_is_the_answer_unless_fewer_do() -> None:
    network, plan = small(), deployment_for_small()
    row = network.demand[0]
    fewest = smallest_outage(network, plan, row) or ()
    every = smallest_outages(network, plan, row, len(fewest))
    assert len(every) > 1
    assert [smallest_outage(network, plan, row, ends=ends) for ends in every] == list(every)
    assert smallest_outage(network, plan, row, ends=network.graph.dependencies) == fewest
    for most in (1, 2):
        assert len(smallest_outages(network, plan, row, len(fewest), most=most)) == most


def test_a_row_that_no_plan_serves_needs_no_failure() -> None:
    network = small()
    assert smallest_outage(network, Deployment(), network.demand[0]) == ()


def test_a_row_of_which_nothing_may_be_lost_is_served_until_something_fails() -> None:
    # All Germans are served, which is as much as 1. Every panel needs a verifier at each site.
    network, plan = small(), deployment_for_small()
    row = replace(network.demand[0], min_served=1.0)
    found = smallest_outage(network, plan, row)
    assert found is not None
    assert len(found) == 1


def test_of_what_may_fail_only() -> None:
    network, plan = small(), deployment_for_small()
    row = network.demand[0]
    owners = [item for item in network.graph.dependencies if item.kind == "owner"]
    found = smallest_outage(network, plan, row, owners)
    assert found is None or {item.kind for item in found} == {"owner"}
    assert smallest_outage(network, plan, row, [Item("owner", "nobody")]) is None


def test_routes_that_hang_on_the_users_end_are_seen() -> None:
    # Germany's routes end at an exchange with a spare: both must fail, and then no route is left.
    network, plan = small(), deployment_for_small()
    both = (Item("ix", "A"), Item("ix", "B"))
    ends = Exposure(Item("region", "germany"), both)
    network = replace(network, exposures=(*network.exposures, ends))
    (row,) = [row for row in network.demand if row.region == "germany" and row.verification]
    measured = tuple(
        Link(Item("region", "germany"), Item("site", site), 20.0) for site in network.sites
    )
    network = replace(network, links=measured)
    assert set(smallest_outage(network, plan, row, both) or ()) == set(both)


def test_what_ends_a_row_is_told_of_any_set() -> None:
    network, plan = small(), deployment_for_small()
    row, replays = network.demand[0], Replays(network, plan)
    found = smallest_outage(network, plan, row)
    assert found
    assert is_out(network, plan, row, found, replays)
    assert not is_out(network, plan, row, (), replays)
    assert not is_out(network, plan, row, found[:-1], replays)
