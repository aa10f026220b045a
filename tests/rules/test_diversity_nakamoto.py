"""Breaking a role takes more than a given number of dependencies."""

from __future__ import annotations

from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.data import Committee, DiversityRow, Needs, NodeType, Provider
from models.network import Network
from models.plan import Deployment, Flow, Seat
from models.rules import diversity_nakamoto as rule
from models.rules._diversity_terms import Group
from models.service import ESTIMATE
from models.translate import place
from tests import draw
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    at,
    demand,
    network,
    offer,
    site,
)
from tests.test_rules_contract import broken_cuts, rows_hold


def nakamoto(number: int, threshold: float | None, **given: Any) -> DiversityRow:
    known = {"rule": "few", "role": "execution", "kind": "provider", "measure": "nodes"}
    return DiversityRow(**known | {"min_nakamoto": number, "threshold": threshold} | given)


def clouds(row: DiversityRow, **owners: Needs) -> Network:
    """Sites a of Acme, b of Rent, which resells Acme, c of Bolt, d of Core, e of Dune."""
    providers = {"a": "Acme", "b": "Rent", "c": "Bolt", "d": "Core", "e": "Dune"}
    return network(
        [site(name, of, owner=owners.get(name, ())) for name, of in providers.items()],
        [offer(name, kind) for name in providers for kind in ("gpu", "seat")],
        node_types=[NodeType(node_type="seat", role="coordination")],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        committees=[
            Committee(committee="council", seats=7),
            Committee(committee="senate", seats=7, max_faulty=3),
        ],
        diversity=[row],
    )


def standing(**nodes: int) -> Deployment:
    return Deployment(nodes={at(name): count for name, count in nodes.items()})


@pytest.mark.parametrize(
    ("number", "threshold", "nodes", "legal"),
    [
        (2, 0.5, {"a": 2, "c": 2}, True),  # 2 of 4 are exactly a half: no break
        (2, 0.5, {"a": 3, "c": 2}, False),  # 3 of 5 are more than a half
        (3, 0.5, {"a": 1, "c": 1, "d": 1, "e": 1}, True),  # any two hold exactly a half
        (3, 0.5, {"a": 1, "c": 1, "d": 1}, False),  # two hold two thirds
        (3, 0.67, {"a": 1, "c": 1, "d": 1}, True),
        (3, 0.66, {"a": 1, "c": 1, "d": 1}, False),
        (3, 0.75, {"a": 3, "c": 3, "d": 1, "e": 1}, True),  # the two largest: 6 of 8
        (3, 0.75, {"a": 4, "c": 3, "d": 1, "e": 1}, False),  # 7 of 9
        (1, 0.0, {"a": 9}, True),  # no dependency at all breaks nothing
        (2, 1.0, {"a": 9}, True),  # more than everything there cannot be
        (2, 0.5, {"a": 1, "b": 1, "c": 2}, True),  # Acme 2 of 4
        (2, 0.5, {"a": 1, "b": 1, "c": 1}, False),  # Acme 2 of 3 with its reseller
        # Acme (3, nested) and Bolt (2): 5 of 8; Rent does not count a second time beside Acme
        (3, 0.625, {"a": 1, "b": 2, "c": 2, "d": 2, "e": 1}, True),
        (3, 0.6, {"a": 1, "b": 2, "c": 2, "d": 2, "e": 1}, False),
        (2, 0.0, {}, True),
    ],
)
def test_one_dependency_fewer_holds_no_more_than_the_threshold(
    number: int, threshold: float, nodes: dict[str, int], legal: bool
) -> None:
    found, plan = clouds(nakamoto(number, threshold)), standing(**nodes)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "few, all]: provider:")


@pytest.mark.parametrize(
    ("number", "committee", "seats", "legal"),
    [
        (2, "council", {"a": 2, "c": 2, "d": 2, "e": 1}, True),  # ⌊(7 − 1) / 3⌋ = 2 may fail
        (2, "council", {"a": 3, "c": 2, "d": 2}, False),
        (2, "council", {"a": 1, "b": 2, "c": 2, "d": 2}, False),  # Acme 1 + 2
        (3, "council", {"a": 2, "c": 2, "d": 2, "e": 1}, False),  # two hold 4
        (2, "senate", {"a": 3, "c": 2, "d": 2}, True),  # 3 as stated
        (2, "senate", {"a": 4, "c": 3}, False),
        (3, "senate", {"a": 2, "c": 1, "d": 1, "e": 1}, True),  # 2 + 1
    ],
)
def test_without_a_threshold_a_committee_breaks_above_what_may_be_faulty(
    number: int, committee: str, seats: dict[str, int], legal: bool
) -> None:
    row = nakamoto(number, None, role="coordination", measure="seats", applies_to=committee)
    plan = Deployment(seats={Seat(committee, name, "seat"): n for name, n in seats.items()})
    if legal:
        assert_legal(rule, clouds(row), plan)
    else:
        assert_illegal(rule, clouds(row), plan, f"few, {committee}]: provider:Acme")


RING: dict[str, Needs] = {
    "a": (("A",), ("B",)),
    "c": (("B",), ("C",)),
    "d": (("C",), ("A",)),
}


@pytest.mark.parametrize(
    ("number", "threshold", "legal"),
    [
        (2, 0.67, True),  # any one owner takes two of the three sites
        (2, 0.66, False),
        (3, 1.0, True),  # any two take all three, each counted once, and no more than all
        (3, 0.99, False),
    ],
)
def test_where_dependencies_overlap_their_union_counts(
    number: int, threshold: float, legal: bool
) -> None:
    found = clouds(nakamoto(number, threshold, kind="owner"), **RING)
    plan = standing(a=1, c=1, d=1)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "few, all]: owner:")


@pytest.mark.parametrize(
    ("seats", "legal"),
    [
        ({"a": 1, "c": 1, "d": 1, "e": 4}, True),  # any one owner takes 2 seats, and 2 may fail
        ({"a": 2, "c": 1, "d": 1, "e": 3}, False),  # A takes 2 + 1 = 3
    ],
)
def test_overlapping_owners_of_a_committee_take_no_more_than_may_be_faulty(
    seats: dict[str, int], legal: bool
) -> None:
    row = nakamoto(
        2, None, role="coordination", measure="seats", kind="owner", applies_to="council"
    )
    plan = Deployment(seats={Seat("council", name, "seat"): n for name, n in seats.items()})
    if legal:
        assert_legal(rule, clouds(row, **RING), plan)
    else:
        assert_illegal(rule, clouds(row, **RING), plan, "owner:A hold 3 of 7, above 2")


def test_the_two_largest_need_not_make_the_largest_union() -> None:
    # A 5 and B 4 share 4 of their nodes: together 5. A and C, which is smaller, hold 5 + 3 = 8.
    owners: dict[str, Needs] = {
        "a": (("A",), ("B",)),
        "c": (("A",),),
        "d": (("C",),),
        "e": (),
    }
    plan = standing(a=4, c=1, d=3, e=2)
    assert_legal(rule, clouds(nakamoto(3, 0.8, kind="owner"), **owners), plan)
    assert_illegal(
        rule,
        clouds(nakamoto(3, 0.79, kind="owner"), **owners),
        plan,
        "owner:A, owner:C hold 8 of 10, above 7.9 (DiversityRow.min_nakamoto)",
    )


def test_the_separated_row_limits_the_union() -> None:
    found = clouds(nakamoto(2, 0.6, kind="owner"), **RING)
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    own = block.rules.diversity_nakamoto
    bad, good = standing(a=1, c=1, d=1), standing(a=1, b=2, d=2)
    values, _ = place(block, found, bad)
    assert rows_hold(own, values)
    assert len(broken_cuts(block, found, rule, values)) == 1
    values, _ = place(block, found, good)  # A holds 3 of 5
    assert rows_hold(own, values)
    assert not broken_cuts(block, found, rule, values)


def test_requests_are_counted_in_every_period() -> None:
    row = DiversityRow(
        rule="few",
        role="execution",
        kind="provider",
        min_nakamoto=2,
        threshold=0.5,
        scope="total",
    )
    day, night = demand(period="day", rate=4), demand(period="night", rate=4)
    found = network(
        [site("a"), site("c", "Bolt")],
        [offer("a", "gpu", requests_per_s=99), offer("c", "gpu", requests_per_s=99)],
        demand=[day, night],
        periods={"day": 300.0, "night": 430.0},
        diversity=[row],
    )

    def routed(a: float) -> Deployment:
        return Deployment(
            routing=tuple(
                Flow(found_row.key, at(name), ESTIMATE, "warm", share)
                for found_row in (day, night)
                for name, share in (("a", a if found_row is day else 1 - a), ("c", 1 - a))
                if share
            )
        )

    assert_legal(rule, found, routed(0.5))
    assert_illegal(rule, found, routed(1.0), "few, all day]: provider:Acme hold 4 of 4, above 2")


@pytest.mark.parametrize(("threshold", "legal"), [(0.75, True), (0.74, False)])
def test_requests_are_counted_where_owners_overlap(threshold: float, legal: bool) -> None:
    # Of 8 requests/s 4 are served at a, of A and B, 2 at c, of B and C, 2 at d, of C and A.
    row = DiversityRow(
        rule="few", role="execution", kind="owner", min_nakamoto=2, threshold=threshold
    )
    asked = demand(rate=8)
    found = network(
        [site(name, owner=RING[name]) for name in "acd"],
        [offer(name, "gpu", requests_per_s=99) for name in "acd"],
        demand=[asked],
        diversity=[row],
    )
    shares = {"a": 0.5, "c": 0.25, "d": 0.25}
    plan = Deployment(
        nodes={at(name): 1 for name in "acd"},
        routing=tuple(Flow(asked.key, at(n), ESTIMATE, "warm", s) for n, s in shares.items()),
    )
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "owner:A hold 6 of 8, above 5.92")


def test_without_threshold_or_committee_nothing_may_be_held() -> None:
    assert_legal(rule, clouds(nakamoto(2, None)), standing())
    assert_illegal(rule, clouds(nakamoto(2, None)), standing(a=1), "hold 1 of 1, above 0")


def test_the_threshold_is_of_what_each_counts() -> None:
    group = Group(("all",), [(frozenset(), (2.0, "x")), (frozenset(), (0.5, "y"))])
    assert rule._limit(nakamoto(2, 0.5), group) == ([(-1.0, "x"), (-0.25, "y")], 0.0)


def test_a_soft_row_costs_what_is_above() -> None:
    soft = clouds(nakamoto(2, 0.5, penalty=10.0))
    plan = standing(a=4, c=2)  # 4 of 6, one above half
    assert_legal(rule, soft, plan)
    assert rule.penalty(soft, plan) == pytest.approx(10.0)
    assert rule.penalty(clouds(nakamoto(2, 0.5)), plan) == 0.0
    assert rule.penalty(soft, standing(a=1, c=1)) == 0.0
    # Seats are priced by the share: 3 of 7 where 2 may be faulty is a seventh above.
    row = nakamoto(
        2, None, role="coordination", measure="seats", applies_to="council", penalty=70.0
    )
    seats = Deployment(seats={Seat("council", "a", "seat"): 3, Seat("council", "c", "seat"): 4})
    assert rule.penalty(clouds(row), seats) == pytest.approx(70.0 * 2 / 7)


def test_it_says_what_the_largest_hold() -> None:
    found = clouds(nakamoto(3, 0.75))
    plan = standing(a=3, c=3, d=1, e=1)
    assert_explains(rule, found, plan, "few all: provider:Acme, provider:Bolt hold 6")
    assert_explains(rule, clouds(nakamoto(1, 0.5)), plan, "few all: nothing hold 0")
    assert_explains(rule, network([site("a")]), plan, "No Nakamoto number is asked for")
