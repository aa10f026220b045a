"""Which failures the objectives count, and what share of time each of them lasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Dependency, Item, Provider, Shock
from models.network import SHOCK, Goal, Network
from models.risks import counted, likely, lone_shocks, share_of_time
from tests.rules import network, site

ACME, BOLT = Item("provider", "Acme"), Item("provider", "Bolt")
TENTH = {"outages_per_year": 1.0, "outage_hours": 876.0}
"""Figures of what is down for a tenth of the year."""


def shaken(*names: str, goals: tuple[str, ...] = ("expected_loss",), **taken: set[Item]) -> Network:
    """Return a site per provider, and shocks that each last a tenth of the year."""
    found = network([site(name, name) for name in names])
    return replace(
        found,
        goals=tuple(Goal(1, measure) for measure in goals),
        shocks={name: Shock(shock=name, takes_down=None, **TENTH) for name in taken},
        shock_items={name: frozenset(items) for name, items in taken.items()},
    )


def test_of_lone_shocks_the_first_by_name_tells_of_each_dependency() -> None:
    # The only dependency there is, and one of two.
    alone = shaken("Acme", second={ACME}, first={ACME})
    assert {item: shock.shock for item, shock in lone_shocks(alone).items()} == {ACME: "first"}
    two = shaken("Acme", "Bolt", both={ACME, BOLT}, one={BOLT}, here={Item("site", "Acme")})
    assert {item: shock.shock for item, shock in lone_shocks(two).items()} == {BOLT: "one"}


def test_a_shock_of_one_dependency_is_that_ones_failure() -> None:
    two = shaken("Acme", "Bolt", both={ACME, BOLT}, one={BOLT})
    assert likely(two) == pytest.approx({BOLT: 0.1, Item(SHOCK, "both"): 0.1})


def test_the_first_row_with_both_figures_says_how_long_a_failure_lasts() -> None:
    told = shaken("Acme", one={ACME})
    kind = Dependency(kind="provider", dependency="*", outages_per_year=3, outage_hours=876)
    own = Dependency(kind="provider", dependency="Acme", outages_per_year=0, outage_hours=1)
    of_kind = replace(told, dependencies={kind.item: kind})
    assert share_of_time(of_kind, ACME) == pytest.approx(0.1)
    assert share_of_time(of_kind, BOLT) == pytest.approx(0.3)
    # Half a row says nothing; that it never fails is said too.
    half = Provider(provider="Acme", outages_per_year=9)
    assert share_of_time(replace(told, providers={"Acme": half}), ACME) == pytest.approx(0.1)
    acme = Provider(provider="Acme", outages_per_year=2, outage_hours=876)
    priced = replace(told, providers={"Acme": acme})
    assert share_of_time(priced, ACME) == pytest.approx(0.2)
    assert share_of_time(priced, Item("owner", "Acme")) == 0.0
    assert share_of_time(replace(priced, dependencies={own.item: own}), ACME) == 0.0
    assert ACME not in likely(replace(priced, dependencies={own.item: own}))


def test_a_shock_lasts_as_its_own_row_says_and_no_time_without_figures() -> None:
    told = shaken("Acme", quake={ACME})
    assert share_of_time(told, Item(SHOCK, "quake")) == pytest.approx(0.1)
    silent = replace(told, shocks={"quake": Shock(shock="quake", takes_down=None)})
    assert share_of_time(silent, Item(SHOCK, "quake")) == 0.0


def test_an_objective_counts_the_failures_that_it_is_about() -> None:
    def of(*goals: str) -> frozenset[Item]:
        return counted(shaken("Acme", "Bolt", goals=goals, one={BOLT}))

    assert of("unserved", "monthly_cost") == frozenset()
    assert of("expected_loss") == {BOLT}
    assert of("worst_loss") == of("worst_loss", "expected_loss") == {ACME, BOLT}
