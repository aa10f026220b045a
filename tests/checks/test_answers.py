"""How soon sites answer at best: estimates, routes, upstreams and overhead, of all sites."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.data import Demand, Item, Model, Offer, Policy, Region
from models.network import Link, Network
from models.service import estimated_ms
from planner.checks.answers import Answers
from planner.checks.capacity import Bounds
from planner.workbook.unread import UNREAD, UnreadCell
from tests.rules import demand, network, offer, site

SITES = ("a", "b", "nowhere")
ALL = np.arange(3)
USERS = Item("region", "users")


def link(origin: Item, target: str, latency_ms: float, kind: str = "site", **given: Any) -> Link:
    return Link(origin, Item(kind, target), latency_ms, **given)


def found(*links: Link, **given: Any) -> Network:
    sites = [site("a"), site("b", latitude=10.0), site("nowhere", latitude=None, longitude=None)]
    return network(sites, links=links, demand=[demand()], **given)


def ms(of: Network, row: Demand) -> list[float]:
    return Answers(of, SITES).ms(row, ALL).tolist()


def test_what_has_no_route_is_estimated_and_what_has_no_coordinates_is_unknown() -> None:
    of = found()
    estimates = [estimated_ms(of, USERS, Item("site", name)) for name in "ab"]
    assert ms(of, demand()) == pytest.approx([*estimates, np.nan], nan_ok=True)
    assert np.isnan(ms(of, demand("elsewhere"))).all()


def test_the_fastest_route_counts_and_one_of_the_other_direction_where_there_is_no_other() -> None:
    back = Link(Item("site", "nowhere"), USERS, 40.0)
    slower = link(USERS, "a", 30.0, label="detour")
    of = found(link(USERS, "a", 20.0), slower, Link(Item("site", "a"), USERS, 7.0), back)
    answers = Answers(of, SITES).round_trip_ms("users", ALL)
    assert (answers[0], answers[2]) == (20.0, 40.0)
    # A route to a site that is not asked about is passed over.
    assert Answers(of, ("a",)).round_trip_ms("users", ALL[:1]).tolist() == [20.0]


def test_service_with_its_overhead_and_all_upstreams_are_part_of_an_answer() -> None:
    of = found(
        link(USERS, "a", 20.0),
        link(USERS, "b", 30.0),
        link(Item("site", "a"), "one", 4.0, "upstream"),
        link(Item("site", "a"), "two", 3.0, "upstream"),
        link(Item("site", "b"), "two", 5.0, "upstream"),
        models=[
            Model(model="own", service_ms=100.0),
            Model(model="far", service_ms=100.0, upstream=(("one",), ("two", "three"))),
        ],
        policies=[Policy(policy="checked", verifiers=0, overhead=0.5)],
    )
    assert ms(of, demand(model="own"))[:2] == [120.0, 130.0]
    assert ms(of, demand(model="own", verification="checked"))[:2] == [170.0, 180.0]
    # Nothing is known of what has no route to an upstream.
    assert ms(of, demand(model="far"))[0] == 127.0
    assert np.isnan(ms(of, demand(model="far"))[1])


@pytest.mark.parametrize("where", ["site", "region", "route", "upstream"])
def test_a_cell_that_could_not_be_read_matters_only_to_who_asks_for_it(where: str) -> None:
    def unread(there: str, otherwise: float) -> Any:
        return UNREAD if where == there else otherwise

    sites = [
        site("a", latitude=unread("site", 50.0)),
        site("b"),
        site("nowhere", latitude=None, longitude=unread("site", 8.0)),
    ]
    links = [
        link(USERS, "b", 20.0),
        link(Item("site", "a"), "one", unread("upstream", 4.0), "upstream"),
        link(Item("site", "b"), "one", 3.0, "upstream"),
    ]
    if where == "route":
        links.append(link(USERS, "a", UNREAD))
    of = network(
        sites, links=links, demand=[demand()], models=[Model(model="far", upstream=(("one",),))]
    )
    users = Region(region="users", latitude=unread("region", 50.0), longitude=8.0)
    answers = Answers(replace(of, regions={"users": users}), SITES)
    row = demand(model="far")
    assert answers.ms(row, ALL[1:2]).tolist() == [23.0]
    assert np.isnan(answers.ms(row, ALL[2:])).all()
    with pytest.raises(UnreadCell):
        answers.ms(row, ALL[:2])


def test_where_no_round_trip_is_known_it_does_not_matter_how_long_service_takes() -> None:
    row, of = demand(model="own"), found(models=[Model(model="own", service_ms=UNREAD)])
    assert np.isnan(Answers(of, SITES).ms(row, ALL[2:])).all()
    with pytest.raises(UnreadCell):
        Answers(of, SITES).ms(row, ALL)


def bounds(*offers: Offer, **given: Any) -> Bounds:
    sites = [site("a", **given), site("b", latitude=10.0)]
    return Bounds(network(sites, offers, demand=[demand()]))


def test_only_sites_that_answer_in_time_are_reached() -> None:
    of = bounds(offer("a", "gpu", requests_per_s=5), offer("b", "gpu", requests_per_s=5))
    name, latency_ms = of.fastest(demand()) or ("", 0.0)
    assert name == "a"
    assert of.reach(demand()).tolist() == [True, True]
    assert of.reach(demand(max_latency_ms=latency_ms)).tolist() == [True, False]
    assert of.servable(demand(max_latency_ms=latency_ms)) == (of.executing[0],)
    assert of.fastest(demand("elsewhere")) is None
    assert not of.reach(demand("elsewhere", max_latency_ms=1e6)).any()


def test_what_an_offer_can_do_alone_is_within_the_room_of_its_site() -> None:
    of = bounds(offer("a", "gpu", most=9), offer("b", "gpu", most=3), max_nodes=2)
    assert of.most_alone(np.array([10.0, np.inf])).tolist() == [20.0, np.inf]
    of = bounds(offer("a", "gpu"), offer("b", "gpu", most=3), max_nodes=0)
    assert [str(key.site) for key in of.executing] == ["b"]
