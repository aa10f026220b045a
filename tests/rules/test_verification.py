"""Every verified request has a panel of independent verifiers, near and able enough."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.data import Demand, Item, Model, Needs, NodeType, OfferKey, Policy, Provider, Settings
from models.network import Link, Network
from models.panels import covering_weights, decompose, legal_panels, panels_of
from models.plan import Deployment, Flow, Panel, VerificationFlow
from models.rules import verification as rule
from models.rules._panel_audit import _extend, least_uncovered
from models.service import ESTIMATE
from models.translate import place
from tests import draw
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    at,
    demand,
    network,
    offer,
    protected,
    sayings,
    site,
)
from tests.test_rules_contract import broken_cuts, rows_hold

DE: Needs = (("DE",),)


def row(rate: float = 1.0, **given: Any) -> Demand:
    return demand(rate=rate, verification="checked", **given)


def checkers(
    owners: dict[str, Needs],
    *,
    verifiers: int = 3,
    quorum: int = 2,
    rows: Iterable[Demand] = (),
    kinds: tuple[str, ...] = ("owner",),
    per_s: float = 100.0,
    executor: Needs = (),
    policy: dict[str, Any] | None = None,
    **given: Any,
) -> Network:
    """An executing site x and one verifying site per entry, with the owners given."""
    return network(
        [site("x", owner=executor), *(site(name, owner=o) for name, o in owners.items())],
        [offer("x", "gpu", requests_per_s=99), *(offer(name, "check") for name in owners)],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=per_s)],
        policies=[
            Policy(
                policy="checked",
                verifiers=verifiers,
                quorum=quorum,
                independent_of=kinds,
                **(policy or {}),
            )
        ],
        demand=list(rows) or [row()],
        **given,
    )


def checked(
    found: Network, nodes: int = 1, panels: tuple[Panel, ...] | None = None, **rates: float
) -> Deployment:
    """Everything is executed at x and verified at these rates, by these panels or by any."""
    policy, period = "checked", found.demand[0].period
    residency = found.demand[0].residency
    flows = tuple(
        VerificationFlow(policy, residency, period, at("x"), at(name, "check"), rate)
        for name, rate in rates.items()
    )
    return Deployment(
        nodes={OfferKey(name, "check"): nodes for name in rates},
        routing=tuple(Flow(d.key, at("x"), ESTIMATE, "warm", 1.0) for d in found.demand),
        verification=flows,
        panels=panels_of(found, flows) if panels is None else panels,
    )


def apart(names: str) -> dict[str, Needs]:
    return {name: ((name.upper(),),) for name in names}


def test_three_verifiers_of_three_owners_are_a_panel() -> None:
    found = checkers(apart("abc"))
    assert_legal(rule, found, checked(found, a=1.0, b=1.0, c=1.0))


def test_too_few_or_too_many_verifications_are_refused() -> None:
    found = checkers(apart("abcd"))
    plan = checked(found, a=1.0, b=1.0)
    assert_illegal(rule, found, plan, "2.0000 verifications/s for 1.0000 requests/s, not 3.0000")
    plan = checked(found, a=1.0, b=1.0, c=1.0, d=1.0)
    assert_illegal(
        rule,
        found,
        plan,
        "4.0000 verifications/s for 1.0000 requests/s, not 3.0000 (Policy.verifiers)",
    )
    nothing = Deployment(routing=checked(found).routing)
    assert_illegal(rule, found, nothing, "0.0000 verifications/s for 1.0000 requests/s")


def test_what_a_stream_executes_is_what_its_offers_answer() -> None:
    found = checkers(apart("abc"), rows=[row(2.0)])
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    values, _ = place(block, found, checked(found, a=2.0, b=2.0, c=2.0))
    assert rows_hold(block.rules.verification, values)
    (load,) = block.load.values()
    for wrong in (0.0, 1.5, 2.5):
        values[id(load)] = (load, wrong)
        assert not rows_hold(block.rules.verification, values)


def test_what_nobody_executes_is_not_verified() -> None:
    found = checkers(apart("abc"))
    plan = checked(found, a=1.0, b=1.0, c=1.0)
    idle = Deployment(nodes=plan.nodes, verification=plan.verification)
    assert_illegal(rule, found, idle, "3.0000 verifications/s for 0.0000 requests/s")


def test_panels_may_take_turns() -> None:
    # Two of three: {a, b}, {b, c}, {a, c} a third of the time each, so each verifies 2/3.
    found = checkers(apart("abc"), verifiers=2, quorum=2)
    third = 2 / 3
    assert_legal(rule, found, checked(found, a=third, b=third, c=third))


def test_one_site_verifies_a_request_once() -> None:
    # Both offers of a together verify 1.2 of each request: more than once.
    found = checkers(apart("ab"), verifiers=2, quorum=1)
    both = offer("a", "check2")
    found.offers[both.key] = both  # type: ignore[index]
    again = NodeType(node_type="check2", role="verification", verifications_per_s=100)
    found.node_types["check2"] = again  # type: ignore[index]

    def plan(first: float, second: float, other: float) -> Deployment:
        rates = {at("a", "check"): first, at("a", "check2"): second, at("b", "check"): other}
        flows = tuple(
            VerificationFlow("checked", "", "", at("x"), verifier, rate)
            for verifier, rate in rates.items()
        )
        return Deployment(
            nodes=dict.fromkeys(rates, 1),
            routing=checked(found).routing,
            verification=flows,
            panels=panels_of(found, flows),
        )

    assert_legal(rule, found, plan(0.6, 0.4, 1.0))
    assert_illegal(rule, found, plan(0.6, 0.6, 0.8), "0.2000 of 1.0000 requests/s have no legal")


@pytest.mark.parametrize(
    ("quorum", "on_one", "legal"),
    [
        (1, 3, True),  # a single verifier decides: no limit on what they share
        (2, 1, True),
        (2, 2, False),  # two on one owner are a quorum
        (3, 2, True),
        (3, 3, False),  # all three are the quorum
    ],
)
def test_no_dependency_holds_a_quorum(quorum: int, on_one: int, legal: bool) -> None:
    owners: dict[str, Needs] = {
        name: (("Equus",),) if position < on_one else ((name.upper(),),)
        for position, name in enumerate("abc")
    }
    found = checkers(owners, quorum=quorum)
    plan = checked(found, a=1.0, b=1.0, c=1.0)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "1.0000 of 1.0000 requests/s have no legal panel")


@pytest.mark.parametrize(
    ("quorum", "on_one", "legal"),
    [
        (1, 2, True),  # 3 − 1 = 2 may be lost
        (1, 3, False),
        (2, 1, True),  # 3 − 2 = 1 may be lost
        (3, 0, True),
        (3, 1, False),  # none may be lost
    ],
)
def test_losing_a_protected_dependency_leaves_a_quorum(
    quorum: int, on_one: int, legal: bool
) -> None:
    owners: dict[str, Needs] = {
        name: (("Equus",),) if position < on_one else ((name.upper(),),)
        for position, name in enumerate("abc")
    }
    guarded = [protected("owner", "Equus"), protected("provider", "Acme")]  # provider: no such kind
    found = checkers(owners, quorum=quorum, dependencies=guarded)
    plan = checked(found, a=1.0, b=1.0, c=1.0)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "have no legal panel")


@pytest.mark.parametrize(("quorum", "guarded"), [(2, False), (3, True)])
def test_the_rows_alone_refuse_too_much_on_one_owner(quorum: int, guarded: bool) -> None:
    # Before anything is separated: 2 of 3 are more than quorum − 1 = 1, or than 3 − 3 = 0.
    owners = apart("abc") | {"a": (("Equus",),), "b": (("Equus",),)}
    dependencies = [protected("owner", "Equus")] if guarded else []
    found = checkers(owners, quorum=quorum, dependencies=dependencies)
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    values, lost = place(block, found, checked(found, a=1.0, b=1.0, c=1.0))
    assert not lost
    assert not rows_hold(block.rules.verification, values)


@pytest.mark.parametrize("quorum", [2, 3])
def test_the_rows_alone_refuse_two_of_a_panel_at_one_site(quorum: int) -> None:
    # Of three verifications of a request two are at a, which is a single verifier.
    found = checkers(apart("abc"), quorum=quorum)
    block = build(found, draw.row_by_row(found)).phase[SINGLE_PHASE]
    values, lost = place(block, found, checked(found, a=2.0, b=1.0))
    assert not lost
    assert not rows_hold(block.rules.verification, values)


def test_either_of_two_owners_is_no_shared_dependency() -> None:
    # `Equus | Domus` fails only with both, so the two do not hang on Equus; `Equus; Domus` does.
    either: dict[str, Needs] = {
        "a": (("Equus", "Domus"),),
        "b": (("Equus",),),
        "c": (("C",),),
    }
    found = checkers(either)
    assert_legal(rule, found, checked(found, a=1.0, b=1.0, c=1.0))
    both: dict[str, Needs] = {"a": (("Equus",), ("Domus",)), "b": (("Equus",),), "c": (("C",),)}
    found = checkers(both)
    assert_illegal(rule, found, checked(found, a=1.0, b=1.0, c=1.0), "have no legal panel")


def test_a_verifier_shares_nothing_with_the_executor() -> None:
    found = checkers(apart("abc"), executor=(("X",),))
    assert_legal(rule, found, checked(found, a=1.0, b=1.0, c=1.0))
    found = checkers(apart("abc"), executor=(("C",),))
    assert_illegal(
        rule, found, checked(found, a=1.0, b=1.0, c=1.0), "c/check shares owner:C with x/gpu"
    )
    # … only dependencies of the kinds that the policy names count
    found = checkers(apart("abc"), executor=(("C",),), kinds=("grid",))
    assert_legal(rule, found, checked(found, a=1.0, b=1.0, c=1.0))


def test_a_reseller_is_not_independent_of_its_cloud() -> None:
    found = network(
        [site("x", "Acme"), site("a", "Rent"), site("b", "Bolt")],
        [offer("x", "gpu", requests_per_s=99), offer("a", "check"), offer("b", "check")],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=9)],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        policies=[Policy(policy="checked", verifiers=1, quorum=1, independent_of=("provider",))],
        demand=[row()],
    )
    assert_legal(rule, found, checked(found, b=1.0))
    assert_illegal(
        rule,
        found,
        checked(found, a=1.0),
        "shares provider:Acme with x/gpu (Policy.independent_of)",
    )


def triangles() -> Network:
    """Six verifiers in two triangles: within a triangle each pair shares an owner."""
    return checkers(
        {
            "a": (("ab",), ("ac",)),
            "b": (("ab",), ("bc",)),
            "c": (("ac",), ("bc",)),
            "d": (("de",), ("df",)),
            "e": (("de",), ("ef",)),
            "f": (("df",), ("ef",)),
        }
    )


def test_flows_that_meet_every_row_may_still_have_no_legal_panel() -> None:
    # ½ each makes 6 · ½ = 3 verifications; every owner holds ½ + ½ = 1 = quorum − 1. But of one
    # triangle a panel may have only one, so of two triangles only two, never three.
    found = triangles()
    plan = checked(found, a=0.5, b=0.5, c=0.5, d=0.5, e=0.5, f=0.5)
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    values, lost = place(block, found, plan)
    own = block.rules.verification
    assert not lost
    assert rows_hold(own, values)
    assert len(broken_cuts(block, found, rule, values)) == 1
    assert_illegal(rule, found, plan, "1.0000 of 1.0000 requests/s have no legal panel")


def test_a_separated_row_leaves_legal_plans_alone() -> None:
    # Two of the six with quorum 2: {one of abc, one of def} is legal, {a, b} is not.
    found = triangles()
    two = Policy(policy="checked", verifiers=2, quorum=2, independent_of=("owner",))
    found.policies["checked"] = two  # type: ignore[index]
    model = build(found, draw.row_by_row(found))
    block = model.phase[SINGLE_PHASE]
    own = block.rules.verification
    # a, b, c at 2/3 each: every pair shares an owner, whose limit 1 holds only to 4/3.
    bad = checked(found, a=0.5, b=0.5, c=0.5, d=0.5)
    values, _ = place(block, found, bad)
    assert rows_hold(own, values)  # ab, ac, bc hold ½ + ½ = 1 each
    # d with one of a, b, c covers ½ of the requests; for the rest there is no pair.
    assert len(broken_cuts(block, found, rule, values)) == 1
    good = checked(found, a=0.5, b=0.5, d=0.5, e=0.5)
    values, _ = place(block, found, good)
    assert rows_hold(own, values)
    assert not broken_cuts(block, found, rule, values)
    assert_legal(rule, found, good)
    assert_illegal(rule, found, bad, "0.5000 of 1.0000 requests/s have no legal panel")


def test_flows_are_split_into_the_panels_that_make_them() -> None:
    found = triangles()
    two = Policy(policy="checked", verifiers=2, quorum=2, independent_of=("owner",))
    rates = {at(name, "check"): 1.0 for name in "ad"} | {at("e", "check"): 0.0}
    shares, _ = decompose(found, two, rates)
    assert shares == {(at("a", "check"), at("d", "check")): pytest.approx(1.0)}


def some_owners(seed: int) -> tuple[Network, Policy]:
    """Six verifiers with up to two of four owners each, one of the owners protected."""
    dice = random.Random(seed)
    owners: dict[str, Needs] = {
        name: tuple((owner,) for owner in dice.sample("EFGH", dice.randint(0, 2)))
        for name in "abcdef"
    }
    verifiers = dice.randint(2, 4)
    quorum = dice.randint(1, verifiers)
    found = checkers(
        owners, verifiers=verifiers, quorum=quorum, dependencies=[protected("owner", "E")]
    )
    return found, found.policies["checked"]


def panels_by_hand(found: Network, policy: Policy) -> set[tuple[OfferKey, ...]]:
    """Return the panels of which no owner has a quorum, and of which losing E leaves one."""
    quorum, legal = policy.quorum_verifiers, set()
    for panel in itertools.combinations(sorted(found.offers_of("verification")), policy.verifiers):
        held = Counter(owner for at in panel for (owner,) in found.sites[at.site].owner or ())
        whole = quorum == 1 or max(held.values(), default=0) < quorum
        if whole and policy.verifiers - held["E"] >= quorum:
            legal.add(panel)
    return legal


@pytest.mark.parametrize("seed", range(40))
def test_model_and_audit_know_the_same_panels(seed: int) -> None:
    found, policy = some_owners(seed)
    offers = tuple(sorted(found.offers_of("verification")))
    legal = panels_by_hand(found, policy)
    assert set(legal_panels(found, policy, offers)) == legal
    listed: list[tuple[OfferKey, ...]] = []
    _extend(found, policy, list(offers), (), listed)
    assert set(listed) == legal


@pytest.mark.parametrize("seed", range(40))
def test_weights_separate_exactly_the_flows_that_no_panels_make(seed: int) -> None:
    found, policy = some_owners(seed)
    offers = tuple(sorted(found.offers_of("verification")))
    legal = panels_by_hand(found, policy)
    dice, executed = random.Random(seed), 2.0
    chosen = dice.sample(offers, min(len(offers), policy.verifiers + 1))
    flows = dict.fromkeys(chosen, executed * policy.verifiers / len(chosen))
    weights = covering_weights(found, policy, flows)
    missing = least_uncovered(found, policy, flows, executed)
    assert (weights is None) == (missing < 1e-6)
    if weights is not None:
        assert all(sum(weights.get(at, 1.0) for at in panel) >= 1 - 1e-9 for panel in legal)
        assert sum(weights[at] * rate for at, rate in flows.items()) < executed - 1e-6
    mixed = dice.sample(sorted(legal), min(len(legal), 2))
    made: dict[OfferKey, float] = {}
    for panel in mixed:
        for verifier in panel:
            made[verifier] = made.get(verifier, 0.0) + executed / len(mixed)
    assert covering_weights(found, policy, made) is None
    if mixed:
        assert least_uncovered(found, policy, made, executed) < 1e-6
        shares, _ = decompose(found, policy, made)
        for at in offers:
            covered = sum(share for panel, share in shares.items() if at in panel)
            assert covered * executed == pytest.approx(made.get(at, 0.0), abs=1e-6)
    assert least_uncovered(found, policy, {}, 0.0) == 0.0


def test_what_is_served_in_part_is_verified_in_part() -> None:
    # half of 4 requests/s is executed: 2 verifications/s by each of three
    found = checkers(apart("abc"), rows=[row(4.0)])
    plan = checked(found, a=2.0, b=2.0, c=2.0)
    half = replace(plan, routing=tuple(replace(flow, share=0.5) for flow in plan.routing))
    assert_legal(rule, found, half)
    assert_illegal(rule, found, plan, "6.0000 verifications/s for 4.0000 requests/s, not 12")


@pytest.mark.parametrize(("rate", "legal"), [(0.04, True), (0.0401, False)])
def test_verifiers_have_no_more_than_their_capacity_however_small(rate: float, legal: bool) -> None:
    # 0.04 requests/s · 2 of work = 0.08 = utilisation 0.5 · 0.16 per node · 1 node
    found = checkers(
        apart("abc"),
        rows=[row(rate)],
        per_s=0.16,
        policy={"work": 2.0},
        settings=Settings(utilisation=0.5),
    )
    plan = checked(found, 1, a=rate, b=rate, c=rate)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "0.080 verifications/s meet a limit of 0.080")


@pytest.mark.parametrize(("nodes", "legal"), [(2, True), (1, False)])
def test_verifiers_have_the_capacity(nodes: int, legal: bool) -> None:
    # 4 requests/s · 2 of work each = 8 = utilisation 0.5 · 8 per node · 2 nodes
    found = checkers(
        apart("abc"),
        rows=[row(4.0)],
        per_s=8.0,
        policy={"work": 2.0},
        settings=Settings(utilisation=0.5),
    )
    plan = checked(found, nodes, a=4.0, b=4.0, c=4.0)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "8.000 verifications/s meet a limit of 4.000")


def test_a_node_whose_rate_nobody_gives_verifies_nothing() -> None:
    found = checkers(apart("abc"), rows=[row(0.5)])
    blank = NodeType(node_type="check", role="verification")
    found.node_types["check"] = blank  # type: ignore[index]
    plan = checked(found, 9, a=0.5, b=0.5, c=0.5)
    assert_illegal(rule, found, plan, "0.500 verifications/s meet a limit of 0.000")


def test_each_period_has_the_whole_capacity() -> None:
    day, night = row(8.0, period="day"), row(8.0, period="night")
    found = checkers(
        apart("a"),
        verifiers=1,
        quorum=1,
        rows=[day, night],
        per_s=8.0,
        periods={"day": 300.0, "night": 430.0},
    )
    plan = checked(found)
    flows = tuple(
        VerificationFlow("checked", "", period, at("x"), at("a", "check"), 8.0)
        for period in ("day", "night")
    )
    nodes = {at("a", "check"): 1}
    both = Deployment(
        nodes=nodes, routing=plan.routing, verification=flows, panels=panels_of(found, flows)
    )
    assert_legal(rule, found, both)
    once = Deployment(nodes=nodes, routing=plan.routing, verification=flows[:1])
    assert_illegal(rule, found, once, "checked at x/gpu  night", "for 8.0000 requests/s")


@pytest.mark.parametrize(("limit", "legal"), [(20.0, True), (19.0, False)])
def test_verifiers_are_near_the_executor(limit: float, legal: bool) -> None:
    # b stands at the same point, 5 ms of access away; c by its route of 20 ms.
    found = checkers(
        apart("bc"),
        verifiers=2,
        quorum=1,
        policy={"max_latency_ms": limit},
        links=(Link(Item("site", "c"), Item("site", "x"), latency_ms=20),),
    )
    plan = checked(found, b=1.0, c=1.0)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(
            rule, found, plan, "c/check is not within 19 ms of x (Policy.max_latency_ms)"
        )


def test_verifiers_obey_residency_too() -> None:
    german = row(countries=("DE",))
    found = checkers(apart("abcd"), verifiers=1, quorum=1, rows=[german])
    german_and = {"c": (("DE", "FR"),), "d": (("DE",), ("FR",))}
    for name, country in {"x": DE, "a": DE, "b": (("FR",),), **german_and}.items():
        placed = site(name, country=country)
        found.sites[name] = placed  # type: ignore[index]
    assert_legal(rule, found, checked(found, a=1.0))
    for name in "bcd":
        plan = checked(found, **{name: 1.0})
        assert_illegal(
            rule, found, plan, f"{name}/check is outside countries DE (Demand.countries)"
        )


def test_attestation_alone_asks_for_no_verifier() -> None:
    found = checkers(apart("a"), verifiers=0, quorum=0)
    assert_legal(rule, found, checked(found))


def test_the_audit_names_verifiers_and_policies_that_do_not_exist() -> None:
    found = checkers(apart("a"), verifiers=1, quorum=1)
    assert_refused_by_audit(rule, found, checked(found, z=1.0), "z/check is no verifying offer")
    assert_refused_by_audit(rule, found, checked(found, a=-1.0), "a rate of -1/s is negative")
    flow = VerificationFlow("ghost", "", "", at("x"), at("a", "check"), 1.0)
    assert_refused_by_audit(
        rule, found, Deployment(verification=(flow,)), "there is no such policy"
    )
    lazy = checkers(apart("a"), verifiers=1, quorum=1, per_s=0.0)
    assert_illegal(
        rule,
        lazy,
        checked(lazy, a=1.0),
        "a/check has no verifications_per_s (NodeType.verifications_per_s)",
    )
    flow = VerificationFlow("checked", "", "", at("x", "other"), at("a", "check"), 1.0)
    plan = Deployment(verification=(flow,))
    assert_refused_by_audit(rule, found, plan, "verifies what nobody executes")


def panel(names: str, share: float = 1.0) -> Panel:
    return Panel("checked", "", "", at("x"), tuple(at(n, "check") for n in names), share)


@pytest.mark.parametrize(
    ("panels", "says"),
    [
        ((panel("abc", 0.25), panel("abd", 0.75)), ""),  # what is legal brings no violation
        ((panel("ab"),), "a panel has 2 verifiers and share 1 (Policy.verifiers)"),
        ((panel("aab"),), "a/check, a/check, b/check are no independent panel"),
        ((panel("aef"),), "e/check, f/check are no independent panel (Policy.independent_of)"),
        ((panel("abc", 1.25), panel("abc", -0.25)), "a panel has 3 verifiers and share -0.25"),
        # two panels that give every verifier its share of nine tenths of the requests
        ((panel("abc", 0.225), panel("abd", 0.675)), "give a/check 0.9000/s, not 1.0000/s"),
        # a legal panel of the wrong people
        ((panel("abc", 1.0),), "its panels give c/check 1.0000/s, not 0.2500/s"),
        ((), "its panels give a/check 0.0000/s, not 1.0000/s"),
        ((Panel("ghost", "", "", at("x"), (), 1.0),), "there is no such policy"),
    ],
)
def test_listed_panels_are_legal_and_cover_everything(panels: tuple[Panel, ...], says: str) -> None:
    owners = apart("abcd") | {"e": (("Equus",),), "f": (("Equus",),)}
    found = checkers(owners)
    # a and b verify everything, c a quarter and d the rest
    plan = checked(found, panels=panels, a=1.0, b=1.0, c=0.25, d=0.75)
    said = sayings(rule, found, plan)
    assert any(says in sentence for sentence in said) if says else not said


def test_it_says_how_many_requests_and_panels() -> None:
    found = checkers(apart("abc"), rows=[row(2.5)])
    plan = checked(found, panels=(panel("abc"),), a=2.5, b=2.5, c=2.5)
    assert_explains(rule, found, plan, "2.5 requests/s", "1 panels", "3 sites")


def test_models_may_stretch_their_panels_over_a_proxied_model() -> None:
    # A proxied model is verified like any other.
    found = checkers(
        apart("abc"),
        rows=[row(model="far")],
        models=[Model(model="far", upstream=(("Lab",),))],
        links=(Link(Item("site", "x"), Item("upstream", "Lab"), latency_ms=9),),
    )
    assert_legal(rule, found, checked(found, a=1.0, b=1.0, c=1.0))


def test_checks_of_nothing_make_no_panel() -> None:
    found = checkers(apart("abc"))
    plan = checked(found, a=0.0, b=0.0, c=0.0)
    assert plan.verification
    assert panels_of(found, plan.verification) == ()
