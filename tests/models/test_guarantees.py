"""What may be lost before a guarantee ends, counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Committee, OfferKey, Policy
from models.exposure import offer_item
from models.guarantees import (
    CONTROL,
    DUST,
    LIVENESS,
    SAFETY,
    Guarantee,
    coordination,
    guarantees,
    storage,
    verification,
)
from models.network import Network
from models.plan import Deployment, Panel, Replica, Seat, VerificationFlow
from tests.cases import CHECKERS, FRANKFURT, PARIS, deployment_for_small, small

FRANKFURT_SEAT, PARIS_SEAT, LONDON_SEAT = (
    OfferKey(site, "seat") for site in ("frankfurt", "paris", "london")
)
OTHERS = (CHECKERS[0], CHECKERS[2])
"""Two of the three checkers: no panel of three."""


def limits(found: tuple[Guarantee, ...]) -> dict[str, int]:
    """Return how much may be lost, by loss, of guarantees that have one stand each."""
    assert all(len(guarantee.stands) == 1 for guarantee in found)
    return {guarantee.loss: guarantee.stands[0].limit for guarantee in found}


def with_committee(seats: int, max_faulty: int | None = None) -> Network:
    """Return the small network with a council of so many seats."""
    council = Committee(committee="council", seats=seats, max_faulty=max_faulty)
    return replace(small(), committees={"council": council})


def with_seats(frankfurt: int, paris: int, london: int) -> Deployment:
    """Return the plan with so many seats of the council at each site."""
    held = {"frankfurt": frankfurt, "paris": paris, "london": london}
    seats = {Seat("council", site, "seat"): count for site, count in held.items()}
    return replace(deployment_for_small(), seats=seats)


def with_policy(verifiers: int, quorum: int | None) -> Network:
    """Return the small network with a policy of so many verifiers."""
    policy = Policy(policy="checked", verifiers=verifiers, quorum=quorum)
    return replace(small(), policies={"checked": policy})


def panel(*verifiers: OfferKey, period: str = "", share: float = 1.0) -> Panel:
    return Panel("checked", "", period, FRANKFURT, verifiers, share)


@pytest.mark.parametrize(
    ("seats", "max_faulty", "liveness", "safety", "control"),
    [
        # 4 bear 1: the second failure halts, 4 − 2·1 = 2 liars forge, 4 − 1 = 3 control.
        (4, 1, 1, 1, 2),
        # Blank is ⌊(4 − 1)/3⌋ = 1.
        (4, None, 1, 1, 2),
        # None may fail: 1 halts, all 4 must lie to forge or to control.
        (4, 0, 0, 3, 3),
        # 3 halt, 7 − 4 = 3 forge, 7 − 2 = 5 control.
        (7, 2, 2, 2, 4),
        # More is borne than 3f + 1 allows: nobody need lie, 4 − 2·2 = 0.
        (4, 2, 2, -1, 1),
    ],
)
def test_a_committee_ends_one_above_what_it_bears(
    seats: int, max_faulty: int | None, liveness: int, safety: int, control: int
) -> None:
    plan = with_seats(1, 1, seats - 2)
    found = tuple(coordination(with_committee(seats, max_faulty), plan))
    assert limits(found) == {LIVENESS: liveness, SAFETY: safety, CONTROL: control}
    assert {(g.role, g.of, g.period) for g in found} == {("coordination", "council", "")}
    held = {FRANKFURT_SEAT: 1, LONDON_SEAT: seats - 2, PARIS_SEAT: 1}
    assert all(g.stands[0].held == held for g in found)


def test_a_seat_that_nobody_holds_has_failed_but_does_not_lie() -> None:
    # 4 bear 1 and 1 is empty: no more may fail. Two must lie as before.
    three = limits(tuple(coordination(with_committee(4, 1), with_seats(1, 1, 1))))
    assert three == {LIVENESS: 0, SAFETY: 1, CONTROL: 2}
    # With 2 empty it has halted.
    halted = next(coordination(with_committee(4, 1), with_seats(1, 0, 1)))
    assert halted.stands[0].limit == -1
    assert halted.stands[0].broken.happens(())


def test_a_seat_where_nothing_is_offered_is_held_by_nobody() -> None:
    seats = {Seat("council", "frankfurt", "seat"): 2, Seat("council", "atlantis", "seat"): 2}
    plan = replace(deployment_for_small(), seats=seats)
    found = tuple(coordination(with_committee(4, 1), plan))
    assert found[0].stands[0].held == {FRANKFURT_SEAT: 2}
    assert limits(found)[LIVENESS] == -1  # 1 borne, 2 missing


def test_a_committee_that_is_not_in_the_workbook_promises_nothing() -> None:
    plan = replace(deployment_for_small(), seats={Seat("senate", "paris", "seat"): 4})
    assert not list(coordination(small(), plan))


def test_seats_count_each_and_not_by_site() -> None:
    # London has 2 of 4 seats: it alone halts the council, Frankfurt does not.
    liveness = next(coordination(small(), deployment_for_small()))
    broken = liveness.stands[0].broken
    assert broken.happens({offer_item(LONDON_SEAT)})
    assert not broken.happens({offer_item(FRANKFURT_SEAT)})
    assert broken.happens({offer_item(FRANKFURT_SEAT), offer_item(PARIS_SEAT)})


@pytest.mark.parametrize(
    ("min_copies_left", "limit"),
    [
        (0, 1),  # 2 copies, none need be left: the guarantee ends with the last one
        (1, 1),  # one must be left, which is the same
        (2, 0),  # both must be left
        (3, -1),  # there are too few already
    ],
)
def test_storage_bears_the_copies_beyond_those_that_must_be_left(
    min_copies_left: int, limit: int
) -> None:
    network = small()
    chat = replace(network.models["chat"], min_copies_left=min_copies_left)
    found = tuple(storage(replace(network, models={"chat": chat}), deployment_for_small()))
    # The copy of law is of a model that is not in the workbook: nothing is promised for it.
    assert [(g.role, g.of, g.period) for g in found] == [("storage", "chat", "")]
    assert limits(found) == {LIVENESS: limit}
    disks = {OfferKey("frankfurt", "disk"): 1, OfferKey("paris", "disk"): 1}
    assert found[0].stands[0].held == disks


def test_every_model_has_a_guarantee_of_its_own_copies() -> None:
    chat, law = storage(small(), deployment_for_small())
    assert (chat.of, law.of) == ("chat", "law")
    assert law.stands[0].held == {OfferKey("paris", "disk"): 1}
    assert law.stands[0].limit == 0  # the only copy


def test_a_copy_where_nothing_is_offered_is_none() -> None:
    plan = deployment_for_small()
    lost = plan.copies | {Replica("atlantis", "disk", "chat")}
    assert next(storage(small(), replace(plan, copies=lost))).stands[0].limit == 1  # 2 − 1


@pytest.mark.parametrize(
    ("verifiers", "quorum", "agree"),
    [(3, 2, 2), (3, 3, 3), (3, 1, 1), (3, None, 2), (4, None, 3), (5, None, 3), (1, None, 1)],
)
def test_a_quorum_is_more_than_half_where_nothing_is_said(
    verifiers: int, quorum: int | None, agree: int
) -> None:
    policy = Policy(policy="checked", verifiers=verifiers, quorum=quorum)
    assert policy.quorum_verifiers == agree


@pytest.mark.parametrize(
    ("quorum", "liveness", "safety"),
    [
        (2, 1, 1),  # of 3, one may be silent; two liars forge
        (3, 0, 2),  # all must speak; all must lie
        (1, 2, 0),  # one speaks for all; one liar forges
        (None, 1, 1),  # a majority of 3 is 2
    ],
)
def test_a_panel_bears_who_is_beyond_its_quorum(
    quorum: int | None, liveness: int, safety: int
) -> None:
    found = tuple(verification(with_policy(3, quorum), deployment_for_small()))
    assert limits(found) == {LIVENESS: liveness, SAFETY: safety}
    assert {(g.role, g.of, g.period) for g in found} == {("verification", "checked", "")}
    assert all(g.stands[0].held == dict.fromkeys(CHECKERS, 1) for g in found)


def test_every_panel_that_is_used_is_a_stand_and_the_same_one_once() -> None:
    panels = (panel(*CHECKERS[:2]), panel(*OTHERS), panel(*OTHERS))
    plan = replace(deployment_for_small(), panels=panels)
    for guarantee in verification(with_policy(2, 2), plan):
        stands = [stand.held for stand in guarantee.stands]
        assert stands == [dict.fromkeys(CHECKERS[:2], 1), dict.fromkeys(OTHERS, 1)]


def test_a_panel_of_next_to_nothing_is_no_stand() -> None:
    panels = (panel(*CHECKERS[:2]), panel(*OTHERS, share=DUST / 2))
    plan = replace(deployment_for_small(), panels=panels)
    for guarantee in verification(with_policy(2, 2), plan):
        assert [stand.held for stand in guarantee.stands] == [dict.fromkeys(CHECKERS[:2], 1)]


def test_every_period_has_guarantees_of_its_own_panels() -> None:
    panels = (panel(*OTHERS, period="night"), panel(*CHECKERS[:2], period="day"))
    plan = replace(deployment_for_small(), panels=panels)
    found = [
        (g.period, g.loss, tuple(g.stands[0].held)) for g in verification(with_policy(2, 2), plan)
    ]
    assert found == [
        ("day", LIVENESS, CHECKERS[:2]),
        ("day", SAFETY, CHECKERS[:2]),
        ("night", LIVENESS, OTHERS),
        ("night", SAFETY, OTHERS),
    ]


def test_a_verifier_that_nobody_offers_has_failed_but_does_not_lie() -> None:
    # Of 3, two must agree and one is nowhere: no more may be silent. Two must lie as before.
    plan = replace(
        deployment_for_small(), panels=(panel(*OTHERS, OfferKey("atlantis", "check-c")),)
    )
    found = tuple(verification(small(), plan))
    assert limits(found) == {LIVENESS: 0, SAFETY: 1}
    assert found[0].stands[0].held == dict.fromkeys(OTHERS, 1)


def test_a_policy_that_is_not_in_the_workbook_promises_nothing() -> None:
    network = replace(small(), policies={})
    plan = deployment_for_small()
    assert not list(verification(network, plan))
    assert not list(verification(network, replace(plan, panels=())))


def test_panels_are_found_in_the_flows_where_the_plan_lists_none() -> None:
    plan = deployment_for_small()
    listed = list(verification(small(), plan))
    assert list(verification(small(), replace(plan, panels=()))) == listed


def test_panels_that_the_plan_lists_are_taken_at_their_word() -> None:
    # The flows still go to all three.
    plan = replace(deployment_for_small(), panels=(panel(*OTHERS),))
    found = verification(with_policy(2, 2), plan)
    assert {tuple(g.stands[0].held) for g in found} == {OTHERS}


def test_flows_of_nothing_have_no_panel() -> None:
    flows = tuple(
        VerificationFlow("checked", "", "", PARIS, verifier, 0.0) for verifier in CHECKERS
    )
    plan = replace(deployment_for_small(), panels=(), verification=flows)
    assert not list(verification(small(), plan))


def test_what_is_only_attested_has_no_panel() -> None:
    # The policy asks for no verifier any more; the plan is older.
    plan = replace(deployment_for_small(), panels=())
    assert not list(verification(with_policy(0, None), plan))


def test_all_guarantees_are_those_of_the_three_roles() -> None:
    found = [(g.role, g.of, g.loss) for g in guarantees(small(), deployment_for_small())]
    assert found == [
        ("verification", "checked", LIVENESS),
        ("verification", "checked", SAFETY),
        ("storage", "chat", LIVENESS),
        ("storage", "law", LIVENESS),
        ("coordination", "council", LIVENESS),
        ("coordination", "council", SAFETY),
        ("coordination", "council", CONTROL),
    ]
    assert guarantees(small(), Deployment()) == ()
