"""What hangs on what: the exposure graph."""

from __future__ import annotations

import random

import pytest

from models.data import Item, OfferKey
from models.exposure import EVERYTHING, Exposure, ExposureGraph, offer_item
from models.network import UNKNOWN, is_unknown
from tests import draw
from tests.rules import network, offer, protected, site


def g(name: str) -> Item:
    return Item("grid", name)


def s(name: str) -> Item:
    return Item("site", name)


def graph(*exposures: tuple[Item, tuple[Item, ...]]) -> ExposureGraph:
    return ExposureGraph(tuple(Exposure(item, any_of) for item, any_of in exposures))


def test_failure_takes_down_everything_along_a_chain() -> None:
    found = graph((s("a"), (g("x"),)), (g("x"), (g("y"),)), (g("y"), (g("z"),)))
    assert found.down([g("z")]) == {g("z"), g("y"), g("x"), s("a")}
    assert found.down([g("y")]) == {g("y"), g("x"), s("a")}
    assert found.hangs_on(s("a")) == {g("x"), g("y"), g("z")}
    assert found.hangs_on(g("x")) == {g("x"), g("y"), g("z")}  # a dependency hangs on itself


def test_several_exposures_are_or_and_alternatives_are_and() -> None:
    needs_both = graph((s("a"), (g("x"),)), (s("a"), (g("y"),)))
    assert s("a") in needs_both.down([g("x")])
    assert s("a") in needs_both.down([g("y")])
    needs_either = graph((s("a"), (g("x"), g("y"))))
    assert s("a") not in needs_either.down([g("x")])
    assert s("a") not in needs_either.down([g("y")])
    assert s("a") in needs_either.down([g("x"), g("y")])
    assert needs_either.hangs_on(s("a")) == set()
    # The same name twice is no redundancy.
    assert s("a") in graph((s("a"), (g("x"), g("x")))).down([g("x")])


def test_alternatives_that_share_a_root_are_no_redundancy() -> None:
    # a needs x or y, and both hang on root
    found = graph((s("a"), (g("x"), g("y"))), (g("x"), (g("root"),)), (g("y"), (g("root"),)))
    assert s("a") in found.down([g("root")])
    assert found.hangs_on(s("a")) == {g("root")}
    assert found.takes_down[g("root")] == {g("root"), g("x"), g("y"), s("a")}


def test_nothing_fails_and_nothing_is_down() -> None:
    found = graph((s("a"), (g("x"),)))
    assert found.down([]) == set()
    assert found.down([g("stranger")]) == {g("stranger")}
    assert found.hangs_on(s("stranger")) == set()
    assert graph().dependencies == ()


def test_dependencies_are_what_is_shared_not_what_the_network_is_made_of() -> None:
    found = graph(
        (Item("offer", "a/gpu"), (s("a"),)),
        (s("a"), (g("y"),)),
        (s("a"), (g("x"),)),
        (Item("offer", "a/gpu"), (Item("node_type", "gpu"),)),
        (Item("offer", "a"), (EVERYTHING,)),
        (Item("offer", "a/gpu"), (Item("role", "execution"),)),
    )
    assert found.dependencies == (g("x"), g("y"))


def test_a_loop_of_exposures_fails_together() -> None:
    found = graph((g("x"), (g("y"),)), (g("y"), (g("x"),)), (s("a"), (g("x"),)))
    assert found.down([g("y")]) == {g("x"), g("y"), s("a")}


def test_the_outermost_is_the_top_of_each_chain() -> None:
    found = graph(
        (s("a"), (g("shop"),)),
        (g("shop"), (g("cloud"),)),
        (g("cloud"), (g("owner"),)),
        (s("a"), (g("other"),)),
    )
    assert found.outermost(found.hangs_on(s("a"))) == {g("owner"), g("other")}
    assert found.outermost(frozenset({g("shop"), g("cloud")})) == {g("cloud")}
    assert found.outermost(frozenset({g("shop")})) == {g("shop")}
    assert found.outermost(frozenset()) == set()


def test_of_kind_leaves_other_kinds_out() -> None:
    found = graph((s("a"), (g("x"),)), (s("a"), (Item("owner", "o"),)))
    assert found.of_kind(s("a"), "grid") == {g("x")}
    assert found.of_kind(s("a"), "owner") == {Item("owner", "o")}
    assert found.of_kind(s("a"), "metro") == set()


def fixpoint(exposures: tuple[Exposure, ...], failed: frozenset[Item]) -> frozenset[Item]:
    """Return what is down, by applying every exposure until nothing changes."""
    gone = set(failed)
    while True:
        more = {e.item for e in exposures if all(item in gone for item in e.any_of)} - gone
        if not more:
            return frozenset(gone)
        gone |= more


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_agree_with_the_plain_fixpoint(seed: int) -> None:
    dice = random.Random(seed)
    items = [g(str(n)) for n in range(6)] + [s(str(n)) for n in range(4)]
    exposures = tuple(
        Exposure(dice.choice(items), tuple(dice.choice(items) for _ in range(dice.randint(1, 3))))
        for _ in range(dice.randint(3, 16))
    )
    found = ExposureGraph(exposures)
    for _ in range(8):
        failed = frozenset(dice.sample(items, dice.randint(0, 4)))
        assert found.down(failed) == fixpoint(exposures, failed)
    for item in items:
        alone = {d for d in found.dependencies if item in fixpoint(exposures, frozenset({d}))}
        assert found.hangs_on(item) == alone
        tops = found.outermost(frozenset(alone))
        assert tops == {
            d
            for d in alone
            if not any(o != d and d in fixpoint(exposures, frozenset({o})) for o in alone)
        }


@pytest.mark.parametrize("seed", range(20))
def test_an_offer_goes_down_with_what_it_hangs_on(seed: int) -> None:
    drawn = draw.network(seed)
    for item in drawn.graph.dependencies:
        gone = drawn.takes_down(frozenset({item}))
        assert gone == {o for o in drawn.offers if item in drawn.hangs_on(o)}
        assert gone == {
            o
            for o in drawn.offers
            if offer_item(o) in fixpoint(drawn.graph.exposures, frozenset({item}))
        }


def test_an_offer_hangs_on_its_site_provider_and_node_type() -> None:
    found = network(
        [site("a", "Acme", grid=((("North"),),), other=(("landing", (("Bay",),)),))],
        [offer("a", "gpu")],
    )
    assert found.hangs_on(OfferKey("a", "gpu")) == {
        Item("provider", "Acme"),
        g("North"),
        Item("landing", "Bay"),
    }
    for gone in (EVERYTHING, s("a"), Item("node_type", "gpu"), Item("role", "execution")):
        assert found.takes_down(frozenset({gone})) == {OfferKey("a", "gpu")}


def test_an_empty_cell_is_unknown_and_never_a_protected_failure() -> None:
    found = network(
        [site("a", grid=None), site("b", grid=())],
        [offer("a", "gpu"), offer("b", "gpu")],
        dependencies=[protected("grid", "*"), protected("metro", "M")],
    )
    assert found.hangs_on(OfferKey("a", "gpu")) == {Item("provider", "Acme"), g(UNKNOWN)}
    assert found.hangs_on(OfferKey("b", "gpu")) == {Item("provider", "Acme")}
    assert is_unknown(g(UNKNOWN))
    assert is_unknown(g("unknown (a)"))
    assert not is_unknown(g("unknown soldier"))
    assert dict(found.protected) == {}
