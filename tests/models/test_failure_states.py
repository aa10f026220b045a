"""What failures come to for one plan: those that take the same of what it stands on are one."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from models.data import Item, OfferKey
from models.exposure import Exposure
from models.failure_states import Solved, States
from models.network import Link
from models.plan import Deployment, Panel, Replica, Seat, VerificationFlow
from models.replay import Replay
from tests import draw
from tests.cases import FRANKFURT, LONDON, deployment_for_small, small

CHANNEL = Item("cable", "Channel")
"""What the one measured route hangs on, from the Germans to London."""


def left(*used: Item) -> Replay:
    """Return a routing that stands on these."""
    return Replay((), {}, {}, frozenset(used))


@pytest.mark.parametrize("seed", range(12))
def test_failures_together_are_what_they_are_at_once(seed: int) -> None:
    choose = random.Random(seed)
    network = draw.network(seed)
    named = network.graph.dependencies
    ends = [*(Item("site", name) for name in network.sites), *named]
    spare = tuple(Exposure(item, tuple(choose.sample(named, 2))) for item in ends)
    network = replace(network, exposures=(*network.exposures, *spare))
    states = States(network, Deployment(nodes={o: choose.randint(0, 1) for o in network.offers}))
    for _ in range(20):
        failed = choose.sample(named, 3)
        together = states.together(states.effect((item,)) for item in failed)
        assert together == states.effect(failed)


def test_redundancy_that_gives_way_takes_more_redundancy_along() -> None:
    """Both fuses take the grid, which with the diesel is all the power that there is."""
    one, two, grid, diesel = (Item("power", name) for name in ("one", "two", "grid", "diesel"))
    exposures = (
        Exposure(Item("site", "frankfurt"), (grid, diesel)),
        Exposure(grid, (one, two)),
    )
    for given in (exposures, exposures[::-1]):
        network = replace(small(), exposures=given)
        states = States(network, Deployment(nodes={FRANKFURT: 1}))
        effects = {item: states.effect((item,)) for item in (one, two, grid, diesel)}
        assert all(states.state(effect) == 0 for effect in effects.values())
        assert states.state(states.together((effects[one], effects[two]))) == 0
        assert states.state(states.together((effects[one], effects[diesel]))) == 0
        site = states.state(states.effect((Item("site", "frankfurt"),)))
        assert site
        assert states.state(states.together((effects[grid], effects[diesel]))) == site
        assert states.state(states.together(effects[i] for i in (diesel, one, two))) == site


STANDS = {
    "nodes": Deployment(nodes={LONDON: 1}),
    "a copy": Deployment(copies=frozenset({Replica(*LONDON, "chat")})),
    "a seat": Deployment(seats={Seat("council", *LONDON): 1}),
    "a panel": Deployment(panels=(Panel("checked", "", "", FRANKFURT, (LONDON,), 1.0),)),
    "a flow": Deployment(
        verification=(VerificationFlow("checked", "", "", FRANKFURT, LONDON, 1.0),)
    ),
}


@pytest.mark.parametrize("plan", STANDS.values(), ids=STANDS)
def test_all_that_a_plan_holds_somewhere_counts_with_the_routes_there(plan: Deployment) -> None:
    states = States(small(), plan)
    of = {item: states.state(states.effect((item,))) for item in small().graph.dependencies}
    taken = {item for item, state in of.items() if state}
    # London is of Bolt in Britain; the models hang on nothing, the policy on no client alone.
    assert {Item("provider", "Bolt"), Item("country", "GB"), CHANNEL} <= taken
    assert not {Item("provider", "Acme"), Item("country", "FR"), Item("metro", "paris")} & taken
    assert of[CHANNEL] != of[Item("provider", "Bolt")] == of[Item("country", "GB")]


def test_what_the_plan_stands_on_nowhere_is_no_state() -> None:
    states = States(small(), Deployment(nodes={FRANKFURT: 1, LONDON: 0}))
    for item in (CHANNEL, Item("provider", "Bolt"), Item("metro", "paris")):
        assert states.state(states.effect((item,))) == 0
    for kind, names in (("region", ("germany", "france")), ("model", ("chat", "law"))):
        assert all(states.state(states.effect((Item(kind, name),))) for name in names)
    assert states.used(left(Item("provider", "Acme"), Item("offer", str(LONDON)))) == 0
    at_frankfurt = states.used(left(Item("offer", str(FRANKFURT))))
    assert at_frankfurt
    assert not at_frankfurt & ~states.state(states.effect((Item("provider", "Acme"),)))


def test_the_far_end_of_a_route_counts_where_the_near_one_stands() -> None:
    """London calls an exchange that hangs on a building of its own."""
    lab, building = Item("upstream", "Lab"), Item("building", "Lab's")
    route = Link(Item("site", "london"), lab, 5.0)
    network = replace(small(), links=(route,), exposures=(Exposure(lab, (building,)),))
    for plan, counts in ((STANDS["nodes"], True), (Deployment(nodes={FRANKFURT: 1}), False)):
        states = States(network, plan)
        assert bool(states.state(states.effect((building,)))) is counts


@pytest.mark.parametrize("seed", range(4))
def test_what_is_gone_is_weighed_state_by_state(seed: int) -> None:
    network, plan = small(), deployment_for_small()
    states = States(network, plan)
    items = [Item("offer", str(offer)) for offer in network.offers]
    weights = {item: 3**number for number, item in enumerate(items)}
    choose = random.Random(seed)
    failures = [choose.sample(network.graph.dependencies, size) for size in range(6)]
    gone = states.gone([states.state(states.effect(failed)) for failed in failures])
    held = {offer for offer, count in plan.nodes.items() if count}
    for _ in range(2):  # what is known from the first time is the same
        assert gone.weight(weights | {Item("offer", "of nobody"): 7}).tolist() == [
            sum(weights[Item("offer", str(o))] for o in held & network.takes_down(frozenset(f)))
            for f in failures
        ]


def test_with_everything_gone_all_that_counts_is() -> None:
    network, plan = small(), deployment_for_small()
    states = States(network, plan)
    every = [Item("offer", str(offer)) for offer in network.offers]
    every += [Item("region", name) for name in network.regions]
    every += [Item("model", name) for name in network.models]
    every += [link.item for link in network.links]
    (all_gone,) = states.gone([states.state(states.effect(every))]).weight(dict.fromkeys(every, 1))
    assert all_gone == len({offer for offer, count in plan.nodes.items() if count}) + 2 + 2 + 1


def test_a_state_that_leaves_what_a_smaller_one_was_served_by_follows_from_it() -> None:
    network, plan = small(), deployment_for_small()
    states = States(network, plan)
    solved = Solved(states)

    def of(*names: str) -> int:
        found = (Item("offer", str(OfferKey(name, "gpu"))) for name in names)
        return states.state(states.effect(found))

    in_london, in_paris = (left(Item("offer", f"{name}/gpu")) for name in ("london", "paris"))
    assert solved.of(of("paris")) is None
    solved.add(of("paris"), in_london)
    assert solved.of(of("paris")) is in_london
    assert solved.of(of("paris", "frankfurt")) is in_london
    assert solved.of(of("paris", "london")) is None
    # More is left there: what served with less need not be the best.
    assert solved.of(of("frankfurt")) is None
    assert list(solved.missing([0, of("paris"), of("london"), 0, of("london")])) == [
        0,
        of("london"),
    ]
    # What was looked for in vain may follow from what comes later.
    solved.add(of("london"), in_paris)
    assert solved.of(of("london", "frankfurt")) is in_paris
    assert solved.of(of("paris", "london")) is None
    solved.add(0, left())
    assert solved.of(of("paris", "london")) == left()
    assert list(solved.missing([of("paris", "london"), 0])) == []
