"""No protected failure takes more seats of a committee than it can lose."""

from __future__ import annotations

from typing import Any

import pytest

from models.data import Committee, Dependency, Item, NodeType, OfferKey, Provider
from models.network import Network
from models.plan import Deployment, Seat
from models.rules import fault_limit as rule
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    network,
    offer,
    protected,
    site,
)

ACME = (protected("provider", "Acme"),)


def council(dependencies: tuple[Dependency, ...] = ACME, seats: int = 7, **given: Any) -> Network:
    """Sites a of Acme, b of its reseller Rent, c and d of Bolt; c has attested nodes."""
    limits = {
        key: given.pop(key)
        for key in ("max_faulty", "tee", "node_types", "countries", "blocs")
        if key in given
    }
    return network(
        [
            site("a", "Acme"),
            site("b", "Rent"),
            site("c", "Bolt", country=(("DE",),)),
            site("d", "Bolt"),
        ],
        [*(offer(name, "seat") for name in "abcd"), offer("c", "safe")],
        node_types=[
            NodeType(node_type="seat", role="coordination"),
            NodeType(node_type="safe", role="coordination", tee=(("SNP",),)),
        ],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        committees=[
            Committee(committee="council", seats=seats, **limits),
        ],
        dependencies=dependencies,
        **given,
    )


def seated(node_type: str = "seat", **counts: int) -> Deployment:
    return Deployment(
        seats={Seat("council", name, node_type): count for name, count in counts.items()}
    )


@pytest.mark.parametrize(
    ("seats", "max_faulty", "limit"),
    [
        (1, None, 0),  # ⌊0 / 3⌋
        (3, None, 0),  # ⌊2 / 3⌋: four are needed to lose one
        (4, None, 1),
        (7, None, 2),
        (21, None, 6),  # ⌊20 / 3⌋
        (7, 0, 0),  # as stated, also where it is none
        (7, 5, 5),
    ],
)
def test_by_default_less_than_a_third_may_be_faulty(
    seats: int, max_faulty: int | None, limit: int
) -> None:
    assert Committee(committee="c", seats=seats, max_faulty=max_faulty).faulty_limit == limit


def test_a_provider_takes_the_seats_of_its_resellers_with_it() -> None:
    # ⌊(7 − 1) / 3⌋ = 2 may be lost: 1 at Acme and 1 at Rent, which resells Acme
    assert_legal(rule, council(), seated(a=1, b=1, c=5))
    assert_illegal(
        rule,
        council(),
        seated(a=1, b=2, c=4),
        "council without provider:Acme]: 3 seats are lost, 2 may be (Committee.seats)",
    )
    # Rent failing alone is not protected against, nor is Bolt with its five.
    assert_legal(rule, council((protected("provider", "Rent"),)), seated(a=3, b=2, c=2))


def test_the_limit_may_be_stated() -> None:
    assert_illegal(
        rule,
        council(max_faulty=0),
        seated(a=1, c=6),
        "1 seats are lost, 0 may be (Committee.max_faulty)",
    )
    assert_legal(rule, council(max_faulty=3), seated(a=1, b=2, c=4))


def test_a_failure_that_spares_no_eligible_offer_is_unavoidable() -> None:
    bolt = (protected("provider", "Bolt"),)
    assert_illegal(rule, council(bolt), seated(a=4, c=3), "without provider:Bolt]: 3 seats")
    # Only the attested nodes at c count, and all of them hang on Bolt.
    for only in ({"tee": "SNP"}, {"node_types": ("safe",)}, {"countries": ("DE",)}):
        assert_legal(rule, council(bolt, **only), seated("safe", c=7))


@pytest.mark.parametrize("shut", ["site", "provider", "no contract", "no room", "no offer"])
def test_a_survivor_that_may_hold_no_node_is_no_way_out(shut: str) -> None:
    # Everything but a hangs on the storm, and nothing may stand at a, until then one node.
    storm = {"storm": [Item("provider", "Rent"), Item("provider", "Bolt")]}
    found = council((), shocks=storm)
    found.offers[OfferKey("a", "seat")] = offer("a", "seat", 1)  # type: ignore[index]
    assert_illegal(rule, found, seated(b=3, c=4), "without shock:storm]: 7 seats are lost")
    if shut == "provider":
        never = Provider(provider="Acme", status="forbidden")
        found.providers["Acme"] = never  # type: ignore[index]
    elif shut == "no contract":
        found.providers["Acme"] = Provider(provider="Acme", max_nodes=0)  # type: ignore[index]
    elif shut == "no offer":
        found.offers[OfferKey("a", "seat")] = offer("a", "seat", 0)  # type: ignore[index]
    else:
        limit: dict[str, Any] = {"status": "forbidden"} if shut == "site" else {"max_nodes": 0}
        found.sites["a"] = site("a", "Acme", **limit)  # type: ignore[index]
    assert_legal(rule, found, seated(b=3, c=4))


def test_a_shock_takes_everything_it_names_at_once() -> None:
    storm: dict[str, Any] = {"shocks": {"storm": [Item("provider", "Rent"), Item("site", "c")]}}
    assert_legal(rule, council((), **storm), seated(a=5, b=1, c=1))
    assert_illegal(
        rule, council((), **storm), seated(a=4, b=1, c=2), "without shock:storm]: 3 seats are lost"
    )


def test_each_committee_loses_its_own_seats() -> None:
    found = council()
    found.committees["senate"] = Committee(committee="senate", seats=7)  # type: ignore[index]
    plan = seated(a=2, c=5)
    both = Deployment(
        seats={**plan.seats, Seat("senate", "a", "seat"): 2, Seat("senate", "c", "seat"): 5}
    )
    assert_legal(rule, found, both)  # 2 of 2 each, not 4 of 2


def test_it_says_what_the_worst_failure_takes() -> None:
    both = (*ACME, protected("provider", "Rent"))
    assert_explains(
        rule,
        council(both),
        seated(a=1, b=1, c=5),
        "council loses at most 2 of 2 (provider:Acme)",
    )
    assert_explains(rule, council(()), seated(c=7), "No failure is protected")
    all_gone = council((protected("provider", "Bolt"),), node_types=("safe",))
    plan = seated("safe", c=7)
    assert_explains(rule, all_gone, plan, "council without provider:Bolt is lost whatever the plan")
