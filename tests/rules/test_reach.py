"""Every seat of a committee has a quorum within reach."""

from __future__ import annotations

import pytest
from pyomo.repn import generate_standard_repn

from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Committee, Item, NodeType, OfferKey
from models.network import Link, Network
from models.plan import Deployment, Seat
from models.rules import reach as rule
from tests.rules import assert_explains, assert_illegal, assert_legal, network, offer, site


@pytest.mark.parametrize(
    ("seats", "stated", "quorum"),
    [
        (1, None, 1),
        (3, None, 3),  # ⌊2 · 3 / 3⌋ + 1: strictly more than two thirds
        (4, None, 3),  # ⌊8 / 3⌋ + 1
        (5, None, 4),  # ⌊10 / 3⌋ + 1
        (7, None, 5),  # ⌊14 / 3⌋ + 1
        (21, None, 15),
        (21, 2, 2),
    ],
)
def test_by_default_more_than_two_thirds_are_a_quorum(
    seats: int, stated: int | None, quorum: int
) -> None:
    assert Committee(committee="c", seats=seats, reach_seats=stated).quorum_seats == quorum


def council(reach_ms: float | None = 20, reach_seats: int | None = None, seats: int = 4) -> Network:
    """a – b 20 ms, b – c 15 ms, a – c 60 ms; from d nothing is known."""
    return network(
        [*(site(name) for name in "abc"), site("d", latitude=None)],
        [offer(name, "seat") for name in "abcd"],
        node_types=[NodeType(node_type="seat", role="coordination")],
        committees=[
            Committee(committee="council", seats=seats, reach_ms=reach_ms, reach_seats=reach_seats)
        ],
        links=tuple(
            Link(Item("site", origin), Item("site", target), latency_ms=latency)
            for origin, target, latency in (("a", "b", 20), ("b", "c", 15), ("a", "c", 60))
        ),
    )


def seated(**counts: int) -> Deployment:
    return Deployment(
        seats={Seat("council", name, "seat"): count for name, count in counts.items()}
    )


def test_own_seats_and_those_just_within_reach_count() -> None:
    assert_legal(rule, council(), seated(a=4))  # all together, 0 ms apart
    assert_legal(rule, council(), seated(d=4))  # also where no distance is known
    assert_legal(rule, council(), seated(a=2, b=2))  # each sees all 4, 20 ms apart at most
    assert_legal(rule, council(), seated(a=1, b=2, c=1))  # a sees 1 + 2 = 3, c sees 1 + 2 = 3


def test_a_seat_without_a_quorum_in_reach_is_refused() -> None:
    # a sees 2 + 1 = 3 of 4, enough; c sees 1 + 1 = 2
    assert_illegal(
        rule,
        council(),
        seated(a=2, b=1, c=1),
        "council at c]: 2 seats are within 20 ms, 3 must be",
    )
    assert_illegal(rule, council(19.9), seated(a=2, b=2), "2 seats are within 19.9 ms")
    assert_illegal(rule, council(), seated(a=3, d=1), "council at d]: 1 seats are within")


def test_a_route_in_one_direction_serves_both() -> None:
    # a – b is given from a only; b sees a by it.
    assert_legal(rule, council(), seated(b=1, a=3))
    assert_illegal(rule, council(), seated(c=1, a=3), "council at c]: 1 seats are within 20 ms")


def test_a_committee_that_may_sit_nowhere_has_no_reach_to_keep() -> None:
    found = council()
    nowhere = Committee(committee="council", seats=4, reach_ms=20, countries=("XX",))
    found.committees["council"] = nowhere  # type: ignore[index]
    assert_legal(rule, found, Deployment())


def test_the_quorum_may_be_stated_and_reach_left_open() -> None:
    assert_legal(rule, council(reach_seats=2), seated(a=2, b=1, c=1))
    assert_illegal(
        rule, council(reach_seats=3), seated(a=2, b=1, c=1), "3 must be (Committee.reach_ms)"
    )
    assert_legal(rule, council(None), seated(a=2, c=2))


def test_a_site_without_seats_needs_no_quorum() -> None:
    assert_legal(rule, council(), seated(a=4, c=0))


def test_only_seats_of_the_same_committee_count() -> None:
    found = council()
    other = Committee(committee="senate", seats=4)
    found.committees["senate"] = other  # type: ignore[index]
    plan = Deployment(seats={**seated(a=3, c=1).seats, Seat("senate", "c", "seat"): 4})
    assert_illegal(rule, found, plan, "council at c]: 1 seats")


@pytest.mark.parametrize(("most", "bound"), [(2, 2), (9, 4)])
def test_a_site_is_bound_to_what_it_can_hold(most: int, bound: int) -> None:
    # four seats at most, or as many as there may be nodes
    found = council()
    found.offers[OfferKey("a", "seat")] = offer("a", "seat", most)  # type: ignore[index]
    model = build(found, demand_classes(found))
    own = model.phase[SINGLE_PHASE].rules.reach
    terms = generate_standard_repn(own.used["council", "a"].body)
    pairs = zip(terms.linear_coefs, terms.linear_vars, strict=True)
    assert [c for c, variable in pairs if variable is own.at["council", "a"]] == [-bound]


def test_it_names_the_committees_with_a_reach() -> None:
    assert_explains(rule, council(), seated(a=4), "council (3 seats within 20 ms)")
    assert_explains(rule, council(None), seated(a=4), "No committee has a reach")
