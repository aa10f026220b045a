"""The networks of phases: their demand, what stands before them, and what is left to pay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Phase, Settings
from models.network import Network
from models.phases import at_most, before_later, by_phase, phase_alone, phases_linked, phases_of
from models.plan import Deployment, Plan, Replica, Seat
from tests.rules import at, demand, network, offer, site

FIRST = Phase(phase="first", order=1, demand_multiplier=0.5, max_new_nodes=3, budget_one_off=900.0)
SECOND = Phase(phase="second", order=2, max_new_nodes=4, budget_one_off=100.0)


def phased(*phases: Phase) -> Network:
    """Two sites that cost 700 to open and 50 a node, and 1,000 to pay for all phases."""
    found = network(
        [site("a", opening_cost=700), site("b", opening_cost=700)],
        [offer(name, "gpu", one_off_cost=50) for name in "ab"],
        demand=[demand(rate=8.0)],
        settings=Settings(budget_one_off=1000.0),
    )
    return replace(found, phases=phases)


ONE = Deployment(
    open=frozenset("a"),
    nodes={at("a"): 2},
    warm={Replica("a", "gpu", "m"): 3},
    copies=frozenset({Replica("a", "gpu", "n")}),
    seats={Seat("c", "a", "gpu"): 1},
)


def test_phases_are_in_their_order_or_as_they_are_listed() -> None:
    assert phases_of(phased(SECOND, FIRST)) == (FIRST, SECOND)
    plain = (Phase(phase="z"), Phase(phase="a"))
    assert phases_of(phased(*plain)) == plain
    # Where only some have an order, those come first; an order of 0 is one.
    zero = Phase(phase="y", order=0)
    assert phases_of(phased(plain[0], SECOND, plain[1], FIRST, zero)) == (
        zero,
        FIRST,
        SECOND,
        *plain,
    )


def test_a_phase_stands_on_the_one_before_and_pays_what_that_left() -> None:
    plan = Plan({"first": ONE, "second": ONE})
    first, second = (found.network for found in by_phase(phased(FIRST, SECOND), plan))
    assert [of.demand[0].requests_per_s for of in (first, second)] == [4.0, 8.0]
    assert first.step is not None
    assert (first.step.keeps, first.standing) == (False, frozenset())
    assert second.step is not None
    assert (second.step.keeps, second.standing) == (True, frozenset("a"))
    assert second.offers[at("a")].existing_nodes == 2
    assert [(row.model, row.warm, row.copies) for row in second.loaded_today] == [
        ("m", 3, 0),
        ("n", 0, 1),
    ]
    assert [(row.committee, row.seats) for row in second.seats_today] == [("c", 1)]
    # To open a and to buy two nodes took 800 of 1,000.
    assert second.settings.budget_one_off == pytest.approx(200.0)
    assert not second.phases


def test_a_plan_without_phases_is_of_the_network_as_it_is() -> None:
    of = phased(FIRST, SECOND)
    assert [found.network for found in by_phase(of, Plan({"": ONE}))] == [of]


def test_a_phase_by_itself_may_add_and_pay_what_all_up_to_it_may() -> None:
    alone = phase_alone(phased(FIRST, SECOND), (FIRST, SECOND)).step
    assert alone is not None
    assert (alone.phase.max_new_nodes, alone.phase.budget_one_off) == (7, 1000.0)
    free = phase_alone(phased(), (replace(FIRST, max_new_nodes=None), SECOND)).step
    assert free is not None
    assert (free.phase.max_new_nodes, free.phase.budget_one_off) == (None, 1000.0)
    # What may not be added or paid is 0, and adds nothing to what others may.
    none = replace(FIRST, max_new_nodes=0, budget_one_off=0.0)
    for phases, limits in (((none, SECOND), (4, 100.0)), ((none, none), (0, 0.0))):
        step = phase_alone(phased(), phases).step
        assert step is not None
        assert (step.phase.max_new_nodes, step.phase.budget_one_off) == limits
    unpaid = phase_alone(phased(), (replace(FIRST, budget_one_off=None), SECOND)).step
    assert unpaid is not None
    assert (unpaid.phase.max_new_nodes, unpaid.phase.budget_one_off) == (7, None)


def test_phases_of_one_model_share_the_budget_and_only_later_ones_keep() -> None:
    found = phases_linked(phased(FIRST, SECOND, Phase(phase="third", order=3, closing=True)))
    steps = [of.step for of in found.values()]
    assert [step.keeps for step in steps if step is not None] == [False, True, False]
    assert {of.settings.budget_one_off for of in found.values()} == {None}


def test_a_phase_before_a_decided_one_knows_its_plan() -> None:
    alone = phase_alone(phased(FIRST, SECOND), (FIRST,))
    for closing in (False, True):
        step = before_later(alone, replace(SECOND, closing=closing), ONE).step
        assert step is not None
        assert step.later is not None
        assert (step.later.plan, step.later.keeps) == (ONE, not closing)


def test_the_most_demand_is_that_of_the_largest_multiplier() -> None:
    assert at_most(phased(FIRST)).demand[0].requests_per_s == 4.0
    more = replace(SECOND, demand_multiplier=3.0)
    assert at_most(phased(FIRST, more)).demand[0].requests_per_s == 24.0
    of = phased(FIRST, SECOND)
    assert at_most(of) is of
    bare = phased()
    assert at_most(bare) is bare
