"""Few dependencies of any mix of kinds must not end what a committee, a model or a panel gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bench.networks import SIZES, generate
from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Committee, DiversityRow, Item, Model, NodeType, OfferKey, Policy
from models.exposure import Exposure
from models.expressions import Cut
from models.firmness import firm_panels, show_avoidable
from models.network import Goal, Network
from models.panels import panels_of
from models.plan import Deployment, Replica, Seat, VerificationFlow
from models.rules import diversity_collapse
from planner.evaluation.audit import audit
from planner.evaluation.conflict import reasons
from planner.jobs.requests import Workers
from planner.result import Limits
from planner.solver.kernel import kernel
from planner.solver.loosened import Loosened
from planner.solver.solve import solve
from tests import draw
from tests import rules as of
from tests.cases import deployment_for_small
from tests.test_rules_contract import disagreements
from tests.thorough import parts

SITES = "abcdef"


def row(role: str, least: int, kind: str = "", applies_to: str = "") -> DiversityRow:
    """Return a row that asks for so many failures."""
    return DiversityRow(
        rule="firm", role=role, kind=kind, applies_to=applies_to, min_collapse=least
    )


def six(rule: DiversityRow, **given: Any) -> Network:
    """Return six sites of three owners and two grids: a, b of A; c, d of C; e, f of E.

    Grid G1 feeds a, c and e, G2 the others; each is a provider's of its own.
    """
    sites = [
        of.site(
            name,
            f"provider {name}",
            owner=((f"owner {SITES[number // 2 * 2]}",),),
            grid=((f"G{number % 2 + 1}",),),
        )
        for number, name in enumerate(SITES)
    ]
    types = [
        NodeType(node_type="seat", role="coordination"),
        NodeType(node_type="disk", role="storage", disk_tb=1.0),
        NodeType(node_type="check", role="verification", verifications_per_s=99.0),
        NodeType(node_type="gpu", role="execution"),
    ]
    offers = [
        of.offer(name, kind, **({"requests_per_s": 99.0} if kind == "gpu" else {}))
        for name in SITES
        for kind in ("seat", "disk", "check", "gpu")
    ]
    return of.network(sites, offers, node_types=types, diversity=[rule], **given)


def seats(shares: dict[str, int]) -> Deployment:
    return Deployment(
        nodes={OfferKey(name, "seat"): count for name, count in shares.items()},
        seats={Seat("council", name, "seat"): count for name, count in shares.items()},
    )


# Committees ---------------------------------------------------------------------------------------

COUNCIL = Committee(committee="council", seats=7)
"""Seven seats bear two faults."""


@pytest.mark.parametrize(
    ("shares", "legal", "illegal"),
    [
        # Three seats end it: owner A has them, and G1 feeds four.
        ({"a": 2, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}, 1, 2),
        # Owners have two or three, E of them three, and G2 feeds five.
        ({"a": 1, "b": 1, "d": 2, "e": 1, "f": 2}, 1, 2),
    ],
)
def test_a_committee_that_one_failure_halts(
    shares: dict[str, int], legal: int, illegal: int
) -> None:
    plan = seats(shares)
    of.assert_legal(diversity_collapse, six(row("coordination", legal), committees=[COUNCIL]), plan)
    network = six(row("coordination", illegal), committees=[COUNCIL])
    words = "failing ends it; it must take 2"
    of.assert_illegal(diversity_collapse, network, plan, words)


@pytest.mark.parametrize(("least", "separated"), [(2, False), (3, True)])
def test_single_failures_have_rows_from_the_start_and_are_not_separated(
    least: int, separated: bool
) -> None:
    network = six(row("coordination", least), committees=[COUNCIL])
    model = build(network, demand_classes(network))
    block = model.phase[SINGLE_PHASE]
    held = {("council", name, "seat"): 3.5 for name in "ab"}
    point = {id(block.seats[key]): amount for key, amount in held.items()}
    own = block.rules.diversity_collapse
    cuts = diversity_collapse.separate(own, block, network, lambda v: point.get(id(v), 0.0))
    assert bool(list(cuts)) is separated


def test_sets_of_any_mix_of_kinds_count_together() -> None:
    """By owners alone it takes two, a cloud and a grid together take three of seven seats."""
    plan = seats({"a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "f": 1})
    committees = [Committee(committee="council", seats=7, max_faulty=3)]
    for kind, least in (("owner", 2), ("grid", 1)):
        network = six(row("coordination", least, kind), committees=committees)
        of.assert_legal(diversity_collapse, network, plan)
        network = six(row("coordination", least + 1, kind), committees=committees)
        of.assert_illegal(diversity_collapse, network, plan, "it must take")


def test_a_pair_behind_a_spare_is_one_set() -> None:
    """Each site has both a grid and a generator: it goes down with both, which takes two."""
    sites = [of.site(name, f"provider {name}", grid=(("G", "diesel"),)) for name in "abc"]
    network = of.network(
        sites,
        [of.offer(name, "seat") for name in "abc"],
        node_types=[NodeType(node_type="seat", role="coordination")],
        committees=[Committee(committee="council", seats=3, max_faulty=1)],
        diversity=[row("coordination", 2)],
    )
    plan = seats({"a": 1, "b": 1, "c": 1})
    of.assert_legal(diversity_collapse, network, plan)
    harder = replace(network, diversity=(row("coordination", 3),))
    of.assert_illegal(diversity_collapse, harder, plan, "firm, council")
    by_grid = replace(network, diversity=(row("coordination", 3, "grid"),))
    said = "grid:G, grid:diesel failing ends it"
    of.assert_illegal(diversity_collapse, by_grid, plan, said)


def test_a_row_is_about_what_it_applies_to() -> None:
    plan = seats({"a": 7})
    committees = [COUNCIL, Committee(committee="senate", seats=1, max_faulty=0)]
    network = six(row("coordination", 2, applies_to="council"), committees=committees)
    said = of.sayings(diversity_collapse, network, plan)
    assert len(said) == 1
    assert "council" in said[0]
    both = replace(network, diversity=(row("coordination", 1),))
    of.assert_illegal(diversity_collapse, both, plan, "senate]: it has ended as it is")


def test_what_every_seat_hangs_on_is_taken_not_to_fail() -> None:
    """A settlement chain under all seats; at a site that is forbidden nothing avoids it."""
    chain = Exposure(Item("role", "coordination"), (Item("settlement", "Base"),))
    network = six(row("coordination", 2), committees=[COUNCIL], exposures=(chain,))
    plan = seats({"a": 2, "d": 2, "e": 1, "f": 2})
    of.assert_illegal(diversity_collapse, network, plan, "grid:G2 failing ends it")
    by_owner = replace(network, diversity=(row("coordination", 2, "settlement"),))
    of.assert_legal(diversity_collapse, by_owner, plan)
    some = tuple(Exposure(Item("site", name), (Item("settlement", "Base"),)) for name in SITES[:-1])
    avoidable = replace(by_owner, exposures=some)
    of.assert_illegal(diversity_collapse, avoidable, plan, "settlement:Base failing ends it")
    sites = dict(avoidable.sites) | {"f": replace(avoidable.sites["f"], status="forbidden")}
    of.assert_legal(diversity_collapse, replace(avoidable, sites=sites), plan)


# Copies -------------------------------------------------------------------------------------------


def copies(*sites: str) -> Deployment:
    return Deployment(
        nodes={OfferKey(name, "disk"): 1 for name in sites},
        copies=frozenset(Replica(name, "disk", "llama") for name in sites),
    )


def llama(left: int = 1) -> Model:
    return Model(
        model="llama",
        gpu_memory_gb=1,
        weights_gb=1,
        requests_per_s=1,
        copies=2,
        min_copies_left=left,
    )


def test_copies_must_outlast_so_many_failures() -> None:
    network = six(row("storage", 2), models=[llama()])
    of.assert_legal(diversity_collapse, network, copies("a", "d"))
    # One grid, one owner.
    of.assert_illegal(diversity_collapse, network, copies("a", "c"), "grid:G1 failing ends it")
    of.assert_illegal(diversity_collapse, network, copies("a", "b"), "owner:owner a")
    of.assert_illegal(diversity_collapse, network, copies(), "it has ended as it is")
    three = replace(network, diversity=(row("storage", 3),))
    of.assert_illegal(diversity_collapse, three, copies("a", "d", "e", "f"), "grid:G1, grid:G2")
    owners = replace(network, diversity=(row("storage", 3, "owner", "model:llama"),))
    of.assert_legal(diversity_collapse, owners, copies("a", "d", "e"))
    of.assert_illegal(diversity_collapse, owners, copies("a", "d"), "owner:owner a, owner:owner c")
    # Of three, two must be left: one owner may go.
    two = six(row("storage", 2, "owner"), models=[llama(2)])
    of.assert_legal(diversity_collapse, two, copies("a", "d", "e"))
    of.assert_illegal(diversity_collapse, two, copies("a", "b", "e"), "failing ends it")


def test_what_nobody_asks_copies_of_is_promised_only_by_name() -> None:
    model = replace(llama(), copies=0)
    network = six(row("storage", 1), models=[model])
    of.assert_legal(diversity_collapse, network, copies())
    named = replace(network, diversity=(row("storage", 1, "", "model:llama"),))
    of.assert_illegal(diversity_collapse, named, copies(), "it has ended as it is")


# Panels -------------------------------------------------------------------------------------------

PANEL = Policy(policy="panel", verifiers=3, quorum=2)


def checked(network: Network, rates: dict[str, float]) -> Deployment:
    """Return a plan in which one executor's requests are verified at these rates."""
    flows = tuple(
        VerificationFlow("panel", "", "", of.at("a"), OfferKey(name, "check"), rate)
        for name, rate in rates.items()
    )
    executed = sum(rates.values()) / 3
    routing = tuple(
        replace(flow, demand=network.demand[0].key, offer=of.at("a"), share=executed, state="warm")
        for flow in deployment_for_small().routing[:1]
    )
    routing = tuple(replace(flow, route="estimate", fetch_from="") for flow in routing)
    return Deployment(routing=routing, verification=flows, panels=panels_of(network, flows))


def panels(least: int, kind: str = "", applies_to: str = "") -> Network:
    rule = row("verification", least, kind, applies_to)
    return six(rule, policies=[PANEL], demand=[of.demand(verification="panel")])


def test_a_panel_must_keep_its_quorum_under_so_many_failures() -> None:
    """Two of three verifiers end a panel: b and d share a grid, a and b an owner."""
    network = panels(2)
    apart = checked(network, dict.fromkeys("ace", 1.0))
    of.assert_legal(diversity_collapse, panels(2, "owner"), apart)
    illegal = checked(network, dict.fromkeys("ace", 1.0))
    of.assert_illegal(diversity_collapse, network, illegal, "grid:G1 failing ends it")
    by_owner = panels(3, "owner")
    plan = checked(by_owner, dict.fromkeys("ace", 1.0))
    of.assert_illegal(diversity_collapse, by_owner, plan, "owner:owner a, owner:owner c")
    same = checked(network, dict.fromkeys("abe", 1.0))
    of.assert_illegal(diversity_collapse, panels(2, "owner"), same, "owner:owner a failing ends it")
    assert not of.sayings(diversity_collapse, panels(2, "owner", "other"), same)


def test_what_no_panel_verifies_has_ended_already() -> None:
    of_period = of.demand(verification="panel", period="night", countries=("DE",))
    network = replace(panels(1), demand=(of_period,))
    flows = tuple(
        VerificationFlow("panel", of_period.residency, "night", of.at("a"), at, 1.0)
        for at in (OfferKey(name, "check") for name in "bdf")
    )
    whole = panels_of(network, flows)
    for share, ended in ((1.0, False), (0.5, True)):
        plan = Deployment(verification=flows, panels=(replace(whole[0], share=share),))
        said = of.sayings(diversity_collapse, network, plan)
        assert bool(said) is ended
        assert not said or "firm, panel night]: it has ended as it is; it must take 1" in said[0]


def test_no_single_failure_takes_more_of_a_stream_than_its_panels_can_spare() -> None:
    """One of three verifiers; a row that asks for less than two failures says nothing of it."""
    for least, names in ((3, ("ab", "cd", "ef")), (1, ())):
        network = panels(least, "owner")
        model = build(network, draw.row_by_row(network)).phase[SINGLE_PHASE]
        (stream,) = model.streams
        key = ",".join(stream.key)
        rows = of.written(model.rules.diversity_collapse.panels)
        assert {found[4] for found in rows} <= {0}
        wanted = [
            (
                {f"verify[{key},{name},check]": 1.0 for name in pair} | {f"executed[{key}]": -1.0},
                None,
                0.0,
            )
            for pair in names
        ]
        assert sorted(rows.values(), key=str) == sorted(wanted, key=str)


def test_a_cover_of_panels_counts_all_who_may_be_in_others() -> None:
    """A panel needs three owners; a, b and c have two, and whoever verifies nothing yet counts."""
    network = panels(2, "owner")
    model = build(network, draw.row_by_row(network))  # kept: its parts only point at it weakly
    block = model.phase[SINGLE_PHASE]
    (stream,) = block.streams
    rates = {f"verify[{','.join(stream.key)},{name},check]": 1.0 for name in "abc"}

    def separated(rates: dict[str, float]) -> list[Cut]:
        own = block.rules.diversity_collapse
        found = diversity_collapse.separate(
            own, block, network, lambda v: rates.get(v.local_name, 0.0)
        )
        return list(found)

    (cut,) = separated(rates)
    weights = {variable.local_name: each for each, variable in cut.terms if each}
    others = {f"verify[{','.join(stream.key)},{name},check]": 1.0 for name in "def"}
    assert weights == others | {f"executed[{','.join(stream.key)}]": -1.0}
    assert (cut.lower, cut.upper) == (0.0, None)
    spread = {f"verify[{','.join(stream.key)},{name},check]": 1.0 for name in "ace"}
    assert separated(spread) == separated({}) == []


def test_panels_are_made_so_that_they_bear_it_where_they_can_be() -> None:
    """Half of each verifier is two panels, of one owner each twice or of three owners each."""
    rates = dict.fromkeys(SITES, 0.5)
    network = panels(2, "owner")
    plan = checked(network, rates)
    of.assert_legal(diversity_collapse, network, plan)
    assert plan.panels
    for panel in plan.panels:
        assert len({"ab cd ef".find(offer.site) // 3 for offer in panel.verifiers}) == 3
    # Four of six lie with two owners: whatever panels there are, some hold two of one.
    rates = {"a": 0.75, "b": 0.75, "c": 0.75, "e": 0.75}
    plan = checked(network, rates)
    of.assert_illegal(diversity_collapse, network, plan, "owner:owner a failing ends it")


def test_every_panel_must_bear_what_all_rows_ask_for() -> None:
    """By owner ace and bdf will do, by metro abd and cef; but a may be with c and f by owner only.

    Of d and e, which a needs then, owner takes one each from c's and f's: de share a metro too.
    """
    metros = {"a": "1; 4", "c": "1", "d": "2", "e": "2", "f": "4"}
    rates = dict.fromkeys(SITES, 0.5)
    network = panels(2, "owner")
    sites = {
        name: replace(site, metro=tuple((m,) for m in metros.get(name, name).split("; ")))
        for name, site in network.sites.items()
    }
    owner, metro = row("verification", 2, "owner"), row("verification", 2, "metro")
    for rules, legal in (((owner,), True), ((metro,), True), ((owner, metro), False)):
        asked = replace(network, sites=sites, diversity=rules)
        plan = checked(asked, rates)
        if legal:
            of.assert_legal(diversity_collapse, asked, plan)
        else:
            of.assert_illegal(diversity_collapse, asked, plan, "failing ends it")


def test_requests_without_a_panel_have_lost_their_guarantee() -> None:
    network = panels(1)
    plan = checked(network, dict.fromkeys("ace", 1.0))
    of.assert_legal(diversity_collapse, network, plan)
    two = checked(network, {"a": 1.5, "c": 1.5})
    of.assert_illegal(diversity_collapse, network, two, "it has ended as it is")


def test_the_part_of_a_network_keeps_what_shows_that_something_is_avoidable() -> None:
    network = panels(2)
    shown = show_avoidable(network)
    assert 1 < len(shown) < 6
    hang = [network.hangs_on(offer) for offer in sorted(shown)]
    every = [network.hangs_on(OfferKey(name, "check")) for name in SITES]
    assert frozenset.intersection(*hang) == frozenset.intersection(*every)
    assert not show_avoidable(panels(1))
    asked = replace(row("verification", 2), applies_to="another")
    for rules in ((asked,), (row("verification", 1),), (row("coordination", 2),)):
        other = replace(network, diversity=rules)
        assert firm_panels(other, next(iter(network.policies.values()))) is None
    beside = replace(network, diversity=(*network.diversity, row("coordination", 1)))
    assert show_avoidable(beside) == shown
    large = replace(generate(SIZES["S"], 1), diversity=(row("verification", 2),))
    loosened = Loosened(large, demand_classes(large))
    loosened.hand_over([list(large.goals)], threading.Event(), {})
    part = kernel(loosened, 1)
    assert len(part.offers) < len(large.offers)
    assert show_avoidable(large)
    assert show_avoidable(large) <= part.offers.keys()


# Solved -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("least", "kind", "sites"), [(1, "", 1), (2, "", 2), (3, "owner", 3)])
def test_a_solve_places_copies_that_bear_it(least: int, kind: str, sites: int) -> None:
    model = replace(llama(), copies=1)
    network = six(row("storage", least, kind), models=[model], goals=(Goal(1, "changes"),))
    solved = solve(network, Limits(30.0, gap=0.0))
    assert solved.status == "optimal"
    assert solved.plan is not None
    assert not audit(network, solved.plan)
    assert len(solved.plan.final.copies) == sites


def test_a_solve_seats_a_committee_that_bears_two_owners() -> None:
    """Seven seats on three owners: two of them hold three at least. Nine sites would do."""
    network = six(row("coordination", 3, "owner"), committees=[COUNCIL])
    assert solve(network, Limits(30.0, gap=0.0)).status == "infeasible"
    apart = {
        name: replace(site, owner=((f"owner {name}",),)) for name, site in network.sites.items()
    }
    network = replace(network, sites=apart)
    # Six owners, seven seats: the two largest hold three. Five seats of which two may fail do.
    assert solve(network, Limits(30.0, gap=0.0)).status == "infeasible"
    five = {"council": Committee(committee="council", seats=5, max_faulty=2)}
    network = replace(network, committees=five)
    solved = solve(network, Limits(30.0, gap=0.0))
    assert solved.status == "optimal"
    assert solved.plan is not None
    assert not audit(network, solved.plan)
    assert sorted(solved.plan.final.seats.values()) == [1] * 5


def test_a_solve_verifies_by_panels_that_bear_any_one_failure() -> None:
    """Providers apart, but two grids under three verifiers: only a third grid will do."""
    network = panels(2)
    solved = solve(network, Limits(30.0, gap=0.0))
    assert solved.plan is not None
    assert solved.stages[0].value == pytest.approx(1.0)  # nothing can be verified, so nothing is
    third = dict(network.sites) | {
        "e": replace(network.sites["e"], grid=(("G3",),)),
        "f": replace(network.sites["f"], grid=(("G3",),)),
    }
    network = replace(network, sites=third)
    solved = solve(network, Limits(30.0, gap=0.0))
    assert solved.plan is not None
    assert solved.stages[0].value == pytest.approx(0.0, abs=1e-6)
    assert not audit(network, solved.plan)
    assert solved.plan.final.panels


def test_where_no_plan_exists_the_rule_is_named() -> None:
    """Seven seats under two grids: one of the two always holds more than two of them."""
    network = six(row("coordination", 2), committees=[COUNCIL])
    assert solve(network, Limits(30.0, gap=0.0)).status == "infeasible"
    found = reasons(network, Workers(1), threading.Event())
    assert any(sentence.startswith("diversity_collapse: ") for sentence in found), found


@pytest.mark.parametrize("part", parts(2))
def test_what_is_separated_alone_is_what_the_audit_finds(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the contract of all rules, but no set of failures is a row from the start."""
    drawn = draw._collapse
    monkeypatch.setattr(
        draw, "_collapse", lambda *given: [replace(r, min_collapse=3) for r in drawn(*given)]
    )
    monkeypatch.setattr(diversity_collapse, "largest", lambda *_: ())
    broken: list[int] = []
    separate = diversity_collapse.separate

    def counted(*given: Any) -> Iterator[Cut]:
        for cut in separate(*given):
            broken.append(cut.is_broken(given[-1]))
            yield cut

    monkeypatch.setattr(diversity_collapse, "separate", counted)
    found, outcomes = disagreements([diversity_collapse], range(60 * part, 60 * part + 60), 10)
    assert not found, "\n".join(found[:20])
    assert min(outcomes["diversity_collapse", held] for held in (True, False)) > 50
    assert sum(broken) > 10


# Beside -------------------------------------------------------------------------------------------


def test_it_is_explained_with_its_figures() -> None:
    network = six(row("coordination", 2), committees=[COUNCIL])
    plan = seats({"a": 3, "b": 1, "c": 1, "d": 1, "e": 1})
    of.assert_explains(diversity_collapse, network, plan, "firm council: ", "at least 2 asked for")
    of.assert_explains(diversity_collapse, six(row("coordination", 2)), plan, "No number")
    nobody = seats({})
    of.assert_explains(diversity_collapse, network, nobody, "it has ended as it is")
