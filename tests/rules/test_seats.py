"""Every committee has all its seats, on nodes that may hold them, one seat a node."""

from __future__ import annotations

from typing import Any

import pytest

from models.data import Committee, Needs, NodeType, OfferKey
from models.network import Network
from models.plan import Deployment, Seat
from models.rules import seats as rule
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


def council(*committees: Committee) -> Network:
    """Seats may be had in Germany (EU) and the US, on plain and on attested nodes."""
    return network(
        [site("de", country=(("DE",),), bloc=(("EU",),)), site("us", country=(("US",),))],
        [offer(name, kind) for name in ("de", "us") for kind in ("plain", "safe", "gpu")],
        node_types=[
            NodeType(node_type="plain", role="coordination"),
            NodeType(node_type="safe", role="coordination", tee=(("SNP",),)),
        ],
        committees=committees,
    )


def of(name: str = "council", seats: int = 4, **given: Any) -> Committee:
    return Committee(committee=name, seats=seats, **given)


def seated(nodes: int = 2, **seats: int) -> Deployment:
    """Seats by `committee_site_type`, and as many nodes under each as given."""
    found = {Seat(*name.split("_")): count for name, count in seats.items()}
    return Deployment(
        nodes={OfferKey(seat.site, seat.node_type): nodes for seat in found}, seats=found
    )


def test_all_seats_are_placed_no_more_no_less() -> None:
    assert_legal(rule, council(of()), seated(council_de_plain=2, council_us_plain=2))
    plan = seated(council_de_plain=2, council_us_plain=1)
    assert_illegal(rule, council(of()), plan, "3 seats are placed, 4 are needed")
    plan = seated(3, council_de_plain=3, council_us_plain=2)
    assert_illegal(rule, council(of()), plan, "5 seats are placed, 4 are needed")
    assert_illegal(
        rule, council(of()), Deployment(), "0 seats are placed, 4 are needed (Committee.seats)"
    )


def test_a_node_holds_one_seat_of_all_committees_together() -> None:
    both = council(of(seats=1), of("senate", seats=1))
    plan = seated(2, council_de_plain=1, senate_de_plain=1)
    assert_legal(rule, both, plan)
    plan = seated(1, council_de_plain=1, senate_de_plain=1)
    assert_illegal(rule, both, plan, "de/plain]: 2 seats are on 1 nodes")


def test_no_seat_is_where_no_node_stands() -> None:
    found = council(of(seats=1))
    plan = Deployment(seats={Seat("council", "de", "plain"): 1})
    assert_illegal(rule, found, plan, "de/plain]: 1 seats are on 0 nodes")


def test_a_site_may_take_fewer_seats_than_it_could() -> None:
    assert_legal(rule, council(of(seats=1, max_seats_per_site=2)), seated(council_de_plain=1))


def test_a_site_takes_so_many_seats_of_each_committee() -> None:
    both = council(of(max_seats_per_site=2), of("senate", seats=3))
    # Plain and attested nodes of one site count together, the other committee does not.
    plan = seated(4, council_de_plain=1, council_de_safe=1, council_us_plain=2, senate_de_plain=3)
    assert_legal(rule, both, plan)
    plan = seated(4, council_de_plain=2, council_de_safe=1, council_us_plain=1, senate_us_plain=3)
    assert_illegal(
        rule,
        both,
        plan,
        "council at de]: 3 seats are at a site where 2 may be (Committee.max_seats_per_site)",
    )


@pytest.mark.parametrize(
    ("limits", "allowed", "says"),
    [
        (
            {"node_types": ("safe",)},
            {"de_safe", "us_safe"},
            "is none of safe (Committee.node_types)",
        ),
        ({"tee": "yes"}, {"de_safe", "us_safe"}, "lacks the TEE yes (Committee.tee)"),
        ({"tee": "TDX | SNP"}, {"de_safe", "us_safe"}, "lacks the TEE"),
        ({"tee": "TDX"}, set(), "lacks the TEE"),
        ({"countries": ("DE", "FR")}, {"de_plain", "de_safe"}, "(Committee.countries)"),
        ({"blocs": ("EU",)}, {"de_plain", "de_safe"}, "(Committee.blocs)"),
        ({"countries": ("US",), "blocs": ("EU",)}, set(), "outside the committee's"),
    ],
)
def test_seats_are_where_the_committee_allows(
    limits: dict[str, Any], allowed: set[str], says: str
) -> None:
    found = council(of(seats=1, **limits))
    for where in ("de_plain", "de_safe", "us_plain", "us_safe"):
        plan = seated(**{f"council_{where}": 1})
        if where in allowed:
            assert_legal(rule, found, plan)
        else:
            assert_illegal(rule, found, plan, says if where != "us_plain" else "")


@pytest.mark.parametrize("needs", [(("DE", "US"),), (("DE",), ("US",))], ids=["either", "both"])
@pytest.mark.parametrize(("kind", "limit"), [("country", "countries"), ("bloc", "blocs")])
def test_a_site_that_may_lie_elsewhere_holds_no_seat(needs: Needs, kind: str, limit: str) -> None:
    for places, legal in ((("DE",), False), (("DE", "US"), True)):
        found = council(of(seats=1, **{limit: places}))
        found.sites["de"] = site("de", **{kind: needs})  # type: ignore[index]
        plan = seated(council_de_plain=1)
        if legal:
            assert_legal(rule, found, plan)
        else:
            assert_illegal(rule, found, plan, "outside the committee's", f"(Committee.{limit})")


def test_the_audit_names_seats_of_nobody_and_nowhere() -> None:
    found = council(of(seats=1))
    assert_illegal(
        rule, found, seated(council_de_gpu=1), "de/gpu is no coordination offer (NodeType.role)"
    )
    assert_refused_by_audit(rule, found, seated(ghost_de_plain=1), "no such committee or offer")
    assert_refused_by_audit(rule, found, seated(council_fr_plain=1), "no such committee or offer")
    plan = seated(council_de_plain=2, council_us_plain=-1)
    assert_refused_by_audit(rule, found, plan, "-1 is no number of seats")
    empty = Deployment(
        nodes={at("de", "plain"): 1},
        seats={
            Seat("council", "de", "plain"): 1,
            Seat("council", "de", "gpu"): 0,
        },
    )
    assert list(rule.audit(found, empty)) == []


def test_it_says_how_many_seats_sit_where() -> None:
    plan = seated(council_de_plain=2, council_de_safe=1, council_us_plain=1)
    assert_explains(rule, council(of()), plan, "4 seats of 1 committees", "2 sites")
    plan = seated(council_de_plain=4, council_us_plain=0)
    assert_explains(rule, council(of()), plan, "1 sites")
