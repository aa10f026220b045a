"""Concentration figures: published values, breaks of every role, and both readings of doubt."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from models.concentration import (
    ALL,
    Concentration,
    concentration,
    effective_number,
)
from models.data import Committee, DemandKey, Item, NodeType, OfferKey, Policy, Provider
from models.exposure import Exposure
from models.guarantees import CONTROL, LIVENESS, SAFETY
from models.network import Network
from models.plan import Deployment, Flow, Panel, Seat, VerificationFlow
from tests import rules as rows_of
from tests.cases import LONDON, deployment_for_small, small


def found(
    network: Network, role: str, of: str, kind: str, plan: Deployment | None = None
) -> Concentration:
    """Return one figure of the hand-made plan."""
    every = concentration(network, plan or deployment_for_small())
    return next(c for c in every if (c.role, c.of, c.kind) == (role, of, kind))


# Golden values of facts/decentralisation.md §3: dre documentation and tests, and our own count.
def test_effective_number_of_equal_shares_is_their_count() -> None:
    assert effective_number([5, 5, 5, 5]) == pytest.approx(4)
    # 1 / (0.5² + 0.25² + 0.25²)
    assert effective_number([2, 1, 1]) == pytest.approx(1 / 0.375)
    # Amounts may be small, and of any unit.
    assert effective_number([0.25, 0.25]) == pytest.approx(2)
    assert effective_number([0.0]) is None
    assert effective_number([]) is None


def test_shares_sum_to_one_where_everything_hangs_on_one_of_the_kind() -> None:
    for figure in concentration(small(), deployment_for_small()):
        if figure.kind in ("provider", "country", "metro"):
            assert sum(share.share for share in figure.shares) == pytest.approx(1)


def test_what_hangs_on_none_stands_apart_and_makes_nothing_look_spread() -> None:
    # Only the 5 of 30 requests/s that reach London by its cable hang on one; the rest on none.
    figure = found(small(), "execution", "chat", "cable")
    (channel,) = figure.shares
    assert channel.share == pytest.approx(5 / 30)
    assert figure.on_none == pytest.approx(25 / 30)
    # One dependency is as concentrated as one; of the whole, 1 / (5/30)² said 36.
    assert figure.best.effective == figure.worst.effective == pytest.approx(1)
    assert figure.best.largest_share == pytest.approx(5 / 30)
    assert found(small(), "execution", "chat", "country").on_none == 0


def test_a_chain_counts_at_its_top() -> None:
    # Bolt resells Acme's machines: the top of every chain is Acme.
    network = replace(
        small(),
        providers={
            "Acme": Provider(provider="Acme"),
            "Bolt": Provider(provider="Bolt", parent=(("Acme",),)),
        },
    )
    shares = found(network, "execution", "chat", "provider").shares
    assert [(share.dependency, share.share) for share in shares] == [("Acme", 1.0)]


def test_execution_breaks_above_half_of_the_requests() -> None:
    # Of chat, 15 requests/s run in Frankfurt, 10 in Paris, 5 in London: half is not enough.
    figure = found(small(), "execution", "chat", "country")
    assert figure.best.largest_share == pytest.approx(0.5)
    assert figure.best.nakamoto == {LIVENESS: 2}
    assert found(small(), "execution", "chat", "provider").best.nakamoto == {LIVENESS: 1}


def test_what_carries_less_than_half_together_never_breaks_execution() -> None:
    figure = found(small(), "execution", ALL, "cable")
    assert figure.worst.nakamoto == {LIVENESS: None}


def test_a_panel_breaks_at_its_quorum_and_stops_below_it() -> None:
    # Three verifiers, quorum two: two of three clients forge, two must fail to stop it.
    clients = found(small(), "verification", "checked", "client")
    assert clients.best.nakamoto == {LIVENESS: 2, SAFETY: 2}
    # Acme runs two of the three.
    providers = found(small(), "verification", "checked", "provider")
    assert providers.best.nakamoto == {LIVENESS: 1, SAFETY: 1}


def test_the_panel_that_breaks_first_counts() -> None:
    # Of abc two owners must fall to forge, of abd one: d belongs to the owner of a.
    owners = {"a": "A", "b": "B", "c": "C", "d": "A"}
    network = rows_of.network(
        [rows_of.site(name, owner=((owner,),)) for name, owner in owners.items()],
        [rows_of.offer(name, "check") for name in owners],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=9)],
        policies=[Policy(policy="checked", verifiers=3, quorum=2)],
    )
    used = {name: OfferKey(name, "check") for name in owners}
    executor = OfferKey("a", "gpu")
    for order in (("abc", "abd"), ("abd", "abc")):
        panels = [
            Panel("checked", "", "", executor, tuple(used[n] for n in names), 0.5)
            for names in order
        ]
        flows = [VerificationFlow("checked", "", "", executor, at, 1.0) for at in used.values()]
        plan = Deployment(verification=tuple(flows), panels=tuple(panels))
        figure = found(network, "verification", "checked", "owner", plan)
        assert figure.best.nakamoto == {LIVENESS: 1, SAFETY: 1}


def test_panels_are_found_where_the_plan_lists_none() -> None:
    plan = replace(deployment_for_small(), panels=())
    figure = found(small(), "verification", "checked", "client", plan)
    assert figure.best.nakamoto == {LIVENESS: 2, SAFETY: 2}


def test_storage_breaks_when_too_few_copies_are_left() -> None:
    assert found(small(), "storage", "chat", "country").best.nakamoto == {LIVENESS: 2}
    assert found(small(), "storage", "law", "country").best.nakamoto == {LIVENESS: 1}


def test_a_committee_has_three_breaks() -> None:
    # 7 seats bear 2 faults: 3 halt it, 7 − 2·2 = 3 forge, 7 − 2 = 5 control it.
    network = replace(small(), committees={"council": Committee(committee="council", seats=7)})
    seats = {"frankfurt": 3, "paris": 2, "london": 2}
    plan = replace(
        deployment_for_small(),
        seats={Seat("council", site, "seat"): count for site, count in seats.items()},
    )
    figure = found(network, "coordination", "council", "metro", plan)
    assert figure.best.nakamoto == {LIVENESS: 1, SAFETY: 1, CONTROL: 2}
    figure = found(network, "coordination", "council", "provider", plan)
    assert figure.best.nakamoto == {LIVENESS: 1, SAFETY: 1, CONTROL: 1}


def test_seats_that_nobody_holds_have_failed_already() -> None:
    plan = replace(deployment_for_small(), seats={Seat("council", "paris", "seat"): 1})
    figure = found(small(), "coordination", "council", "metro", plan)
    assert figure.best.nakamoto[LIVENESS] == 0


def test_unknown_values_are_read_as_distinct_and_as_the_largest() -> None:
    # Nobody knows who owns London, where 5 of 30 requests/s of chat run; Equus has 15.
    figure = found(small(), "execution", "chat", "owner")
    assert (figure.best.largest_share, figure.best.nakamoto[LIVENESS]) == (0.5, 2)
    assert figure.worst.largest_share == pytest.approx(20 / 30)
    assert figure.worst.nakamoto[LIVENESS] == 1
    known = found(small(), "execution", "chat", "country")
    assert known.best == known.worst


def test_readings_do_not_depend_on_the_setting() -> None:
    shared = small()
    distinct = replace(shared, settings=replace(shared.settings, unknown="distinct"))
    one, other = (found(n, "execution", "chat", "owner") for n in (shared, distinct))
    assert (one.best, one.worst) == (other.best, other.worst)


def test_suspected_exposures_count_only_at_worst() -> None:
    suspicion = Exposure(Item("provider", "Bolt"), (Item("provider", "Acme"),), "suspected")
    # What is known beside it takes nothing away from the doubt.
    known = Exposure(Item("provider", "Acme"), (Item("grid", "north"),))
    for setting, exposures in product(("count", "ignore"), ((known, suspicion), (suspicion,))):
        network = replace(small(), exposures=exposures)
        network = replace(network, settings=replace(network.settings, suspected=setting))
        figure = found(network, "execution", "chat", "provider")
        assert figure.best.largest_share == pytest.approx(25 / 30)
        assert figure.worst.largest_share == pytest.approx(1)


def test_at_best_nothing_hangs_on_what_is_only_suspected() -> None:
    doubt = Exposure(Item("site", "paris"), (Item("flood", "Seine"),), "suspected")
    network = replace(small(), exposures=(doubt,))
    network = replace(network, settings=replace(network.settings, suspected="ignore"))
    figure = found(network, "execution", "chat", "flood")
    assert figure.shares == ()
    assert figure.is_avoidable
    assert (figure.best.largest, figure.best.largest_share) == ("", 0.0)
    assert figure.best.effective is None
    assert figure.worst.largest == "Seine"
    assert figure.worst.largest_share == pytest.approx(10 / 30)


def test_the_largest_share_is_first() -> None:
    shares = found(small(), "execution", "chat", "country").shares
    assert [share.dependency for share in shares] == ["DE", "FR", "GB"]
    assert [share.share for share in shares] == pytest.approx([15 / 30, 10 / 30, 5 / 30])
    # Of the same, the first by name.
    seats = {"frankfurt": 2, "london": 1, "paris": 1}
    held = {Seat("council", site, "seat"): count for site, count in seats.items()}
    plan = replace(deployment_for_small(), seats=held)
    shares = found(small(), "coordination", "council", "country", plan).shares
    assert [share.dependency for share in shares] == ["DE", "FR", "GB"]


def test_nodes_of_all_roles_have_a_figure() -> None:
    plan = deployment_for_small()
    nowhere = replace(plan, nodes={**plan.nodes, OfferKey("atlantis", "gpu"): 9})
    for stands in (plan, nowhere):
        # 4 nodes stand in Frankfurt, 5 in Paris, both of Acme, and 4 in London.
        figure = found(small(), ALL, ALL, "provider", stands)
        amounts = [(share.dependency, share.amount) for share in figure.shares]
        assert amounts == [("Acme", 9), ("Bolt", 4)]
        assert figure.best.nakamoto == {LIVENESS: 1}


def test_flows_of_nobody_and_of_nothing_do_not_count() -> None:
    plan = deployment_for_small()
    law = DemandKey("germany", "law", "", "batch", "")
    none = Flow(law, LONDON, "direct", "warm", 0.0)
    stranger = Flow(law._replace(region="nowhere"), LONDON, "direct", "warm", 1.0)
    more = replace(plan, routing=(*plan.routing, none, stranger))
    assert concentration(small(), more) == concentration(small(), plan)


def test_what_every_placement_hangs_on_is_marked() -> None:
    # One execution type only: every placement runs its client. Countries can be chosen.
    assert not found(small(), "execution", "chat", "client").is_avoidable
    assert found(small(), "execution", "chat", "country").is_avoidable
    # Disks are on offer at Acme's sites only.
    assert not found(small(), "storage", "chat", "provider").is_avoidable


def test_what_every_demand_row_of_a_model_hangs_on_is_unavoidable_for_it_alone() -> None:
    # Only Germans ask for law; chat is asked for by the French too, who have a grid of their own.
    power = Exposure(Item("region", "germany"), (Item("grid", "north"),))
    network = replace(small(), exposures=(power,))
    assert not found(network, "execution", "law", "grid").is_avoidable
    assert found(network, "execution", "chat", "grid").is_avoidable
    assert found(network, "execution", ALL, "grid").is_avoidable
    # Who asks for nothing needs nothing: without the French all of it is German.
    demand = tuple(
        replace(row, requests_per_s=0.0) if row.region == "france" else row
        for row in network.demand
    )
    alone = replace(network, demand=demand)
    assert not found(alone, "execution", "chat", "grid").is_avoidable
    assert not found(alone, "execution", ALL, "grid").is_avoidable


def test_an_empty_plan_has_no_concentration() -> None:
    assert concentration(small(), Deployment()) == ()
