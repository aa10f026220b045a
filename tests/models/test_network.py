"""What a network says of its own tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Committee, Dependency, Item, NodeType, Phase, Settings, Shock
from models.exposure import Exposure
from models.network import SHOCK, Goal, Link, Network, Step, is_unknown
from tests.rules import at, demand, network, offer, protected, site

ACME, BOLT = Item("provider", "Acme"), Item("provider", "Bolt")
OWNER = Item("owner", "One")


def two(**given: object) -> Network:
    """Return an existing site a of Acme and a candidate b of Bolt, whose owner nobody knows."""
    return network(
        [site("a", "Acme", status="existing"), site("b", "Bolt", owner=None)],
        [offer("a", "gpu"), offer("b", "gpu"), offer("a", "seat"), offer("b", "safe")],
        node_types=[
            NodeType(node_type="seat", role="coordination"),
            NodeType(node_type="safe", role="coordination", tee=(("SNP",),)),
        ],
        **given,  # type: ignore[arg-type]
    )


def shaken(*measures: str) -> Network:
    """Return shocks with both figures, with half of them and with one that is 0."""
    figures = {"told": (1.0, 5.0), "half": (1.0, None), "never": (0.0, 5.0), "brief": (1.0, 0.0)}
    return replace(
        two(goals=tuple(Goal(1, measure) for measure in measures)),
        shocks={
            name: Shock(shock=name, takes_down=None, outages_per_year=often, outage_hours=hours)
            for name, (often, hours) in figures.items()
        },
        shock_items=dict.fromkeys(figures, frozenset({ACME, BOLT})),
    )


def test_shocks_with_figures_are_failures_where_an_objective_counts_them() -> None:
    plain = shaken("unserved", "monthly_cost")
    assert plain.failures is plain.graph
    counted = shaken("monthly_cost", "expected_loss").failures
    shocks = [item for item in counted.dependencies if item.kind == SHOCK]
    assert shocks == [Item(SHOCK, "told")]
    assert {Item("site", "a"), Item("site", "b")} <= counted.down(shocks)


def test_sites_stand_that_exist_or_were_opened_before() -> None:
    assert two().standing == {"a"}
    phase = Phase(phase="one")
    assert replace(two(), step=Step(phase)).standing == {"a"}
    assert replace(two(), step=Step(phase, standing=frozenset("b"))).standing == {"b"}
    assert replace(two(), step=Step(phase, standing=frozenset())).standing == frozenset()


def test_what_is_protected_is_named_with_the_row_that_says_so() -> None:
    every = Dependency(kind="owner", dependency="*", protect=True)
    known = replace(two().sites["a"], owner=(("One",),))
    found = two(dependencies=[protected("provider", "Acme"), every], shocks={"storm": [BOLT]})
    found = replace(found, sites={**found.sites, "a": known})
    # Of all owners; that of b is unknown, and its failure is nobody's.
    assert dict(found.protected) == {
        "owner:One": {OWNER},
        "provider:Acme": {ACME},
        "shock:storm": {BOLT},
    }
    rows = [found.protecting(failure) for failure in found.protected]
    assert rows == [every, protected("provider", "Acme"), found.shocks["storm"]]
    unprotected = replace(protected("provider", "Acme"), protect=False)
    assert not two(dependencies=[unprotected]).protected
    # A shock that is named as what it takes down is still told by its own row.
    alone = two(dependencies=[protected("provider", "Acme")], shocks={"storm": [ACME]})
    assert alone.protecting("shock:storm") == alone.shocks["storm"]


def test_policies_are_rerouted_that_no_row_without_a_promise_has() -> None:
    rows = [
        demand("r1", verification="all", min_served=0.5),
        demand("r2", verification="some", min_served=0.5),
        demand("r3", verification="some"),
        demand("r4", verification="none"),
    ]
    assert two(demand=rows).rerouted == {"all"}


def test_routes_are_those_there_or_else_those_back() -> None:
    users, a, b = Item("region", "users"), Item("site", "a"), Item("site", "b")
    there, back = Link(users, a, 5.0), Link(a, users, 9.0)
    found = two(links=(back, there, Link(b, users, 7.0)))
    assert found.links_between(users, a) == (there,)
    assert found.links_between(a, users) == (back,)
    assert found.links_between(users, b) == (Link(b, users, 7.0),)
    assert found.links_between(a, b) == ()


@pytest.mark.parametrize(
    ("limits", "seats"),
    [
        ({}, {"a/seat", "b/safe"}),
        ({"node_types": ("seat",)}, {"a/seat"}),
        ({"tee": "yes"}, {"b/safe"}),
        ({"countries": ("DE",)}, set()),
    ],
)
def test_seats_may_be_on_nodes_that_coordinate_as_the_committee_wants(
    limits: dict[str, object], seats: set[str]
) -> None:
    found = two()
    council = Committee(committee="council", seats=1, **limits)  # type: ignore[arg-type]
    assert {str(key) for key in found.offers if found.may_sit(council, key)} == seats


def test_offers_go_with_what_they_hang_on() -> None:
    found = two()
    assert {ACME} <= found.hangs_on(at("a"))
    assert found.hangs_on(at("nowhere")) == frozenset()
    assert found.takes_down(frozenset({ACME})) == {at("a"), at("a", "seat")}
    assert found.offers_of("coordination") == (at("a", "seat"), at("b", "safe"))
    assert found.offers_of("storage") == ()


def test_periods_last_their_share_of_the_month() -> None:
    row = demand(rate=12.0, period="day")
    found = two(demand=[row], periods={"day": 200.0, "night": 600.0})
    assert found.month_share == {"day": 0.25, "night": 0.75}
    assert found.mean_rate(row) == 3.0


@pytest.mark.parametrize(
    ("reading", "counted"), [("count", {"known", "suspected"}), ("ignore", {"known"})]
)
def test_what_is_suspected_counts_as_settings_say(reading: str, counted: set[str]) -> None:
    told = tuple(
        Exposure(Item("site", "a"), (Item("landlord", name),), name)
        for name in ("known", "suspected")
    )
    found = two(exposures=told, settings=Settings(suspected=reading))
    assert {item.name for item in found.hangs_on(at("a")) if item.kind == "landlord"} == counted


def test_an_owner_that_nobody_knows_is_one_of_all_or_of_each_site() -> None:
    for reading, name in (("shared", "unknown"), ("distinct", "unknown (b)")):
        found = two(settings=Settings(unknown=reading))
        owners = {item for item in found.hangs_on(at("b")) if item.kind == "owner"}
        assert owners == {Item("owner", name)}
        assert all(map(is_unknown, owners))
        assert not {item for item in found.hangs_on(at("a")) if item.kind == "owner"}
    assert not is_unknown(Item("owner", "unknown to us"))
