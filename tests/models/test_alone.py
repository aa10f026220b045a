"""Which few failures end the service of one demand row at a point of the model, and rows for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from models.alone import MOST_SETS, Alone, alone, patient_classes
from models.data import DiversityRow, Item, Provider
from models.exposure import Exposure
from models.network import Link, Network
from models.recourse import Resource
from tests.rules import at, demand, network, offer, site

PROVIDERS = {"a": "Acme", "b": "Acme", "c": "Bolt", "d": "Core"}
"""Who is where; a node anywhere answers 10 requests/s."""
DE, FR = Item("country", "DE"), Item("country", "FR")


def asking(least: int | None, kind: str = "", applies_to: str = "") -> DiversityRow:
    return DiversityRow(
        rule="firm", role="execution", kind=kind, applies_to=applies_to, min_collapse=least
    )


def four(*rules: DiversityRow) -> Network:
    """Return four sites, c and d of them in one country, for 20 requests/s of the users."""
    sites = [
        site(name, of, country=(("DE",),) if name in "cd" else ()) for name, of in PROVIDERS.items()
    ]
    offers = [offer(name, "gpu", requests_per_s=10) for name in PROVIDERS]
    return network(sites, offers, demand=(demand(rate=20),), diversity=rules)


def standing(**nodes: float) -> Callable[[Resource], float]:
    """Return how much there is of everything where so many nodes stand."""
    amounts = {("nodes", at(name)): count for name, count in nodes.items()}
    return lambda what: amounts.get(what, 0.0)


def rows(one: Alone, **nodes: float) -> list[tuple[dict[str, float], float]]:
    """Return the rows against plans of such nodes, by site."""
    return [
        ({what[1][0]: each for what, each in row.terms.items()}, row.least)
        for row in one.rows(standing(**nodes))
    ]


def test_a_row_asks_for_what_must_stand_without_those_who_end_the_service() -> None:
    (one,) = alone(four(asking(2)))
    assert (one.needed, one.most, one.given) == (10.0, 1, frozenset())
    # Half of 20 requests/s is one node, which Acme must not take away; so is half a node twice.
    assert rows(one, a=1, c=1) == rows(one, a=0.5, b=0.5, c=0.5, d=0.5) == []
    assert rows(one, a=2, b=2) == [({"c": 1.0, "d": 1.0}, 1.0)]
    # Both the country and Bolt end it; each row is of what the one leaves.
    assert rows(one, c=2) == [({"a": 1.0, "b": 1.0}, 1.0), (dict.fromkeys("abd", 1.0), 1.0)]
    # Where nothing is left as it is no failure is looked for.
    assert rows(one) == [(dict.fromkeys("abcd", 1.0), 1.0)]
    (as_it_is,) = alone(four(asking(1)))
    assert as_it_is.most == 0
    assert rows(as_it_is, a=1) == []
    assert rows(as_it_is, a=0.5) == [(dict.fromkeys("abcd", 1.0), 1.0)]


def test_sets_of_failures_are_as_large_as_they_may_be_and_of_the_kind_that_is_asked_about() -> None:
    (one,) = alone(four(asking(3, "provider")))
    assert rows(one, a=1, c=1, d=1) == []
    assert rows(one, a=1, c=1) == [({"d": 1.0}, 1.0)]
    (one,) = alone(four(asking(3)))
    assert rows(one, a=1, c=1, d=1) == [({}, 1.0)]  # Acme and the country take all there is
    (one,) = alone(four(asking(2, "country")))
    assert rows(one, a=1) == rows(one, c=1, b=1) == []
    assert rows(one, c=1) == [({"a": 1.0, "b": 1.0}, 1.0)]


def test_of_failures_that_end_the_service_the_smallest_and_only_so_many_are_told() -> None:
    """One site hangs on six, each of which has a row; two of them would be told with any."""
    kinds = {kind: ((kind,),) for kind in ("country", "bloc", "owner", "metro", "grid")}
    found = four(asking(3))
    sites = {**found.sites, "a": site("a", "Acme", **kinds)}
    (one,) = alone(replace(found, sites=sites))
    told = rows(one, a=1)
    assert len(told) == MOST_SETS == 3
    assert all(least == 1.0 and set(terms) >= set("cd") for terms, least in told)


def test_single_failures_take_resources_and_none_takes_less_than_another() -> None:
    def taken(rule: DiversityRow) -> set[str]:
        (one,) = alone(four(rule))
        return {
            "".join(sorted(what[1][0] for what in found))
            for found in one.exposed([("nodes", at(name)) for name in PROVIDERS])
        }

    assert taken(asking(2)) == taken(asking(3)) == {"ab", "cd"}
    assert taken(asking(2, "provider")) == {"ab", "c", "d"}
    assert taken(asking(1)) == set()


def test_a_routing_that_serves_the_row_is_remembered_where_no_less_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (one,) = alone(four(asking(2)))
    assert rows(one, a=1, c=1) == []
    asked: list[object] = []
    monkeypatch.setattr(one, "_asked", lambda *given: asked.append(given) or ([], None))
    assert rows(one, a=1, c=1) == rows(one, a=2, c=1, d=5) == []
    assert not asked
    rows(one, a=1, c=0.5)
    assert asked


def test_of_rows_that_are_served_alike_the_one_that_needs_most_is_looked_at() -> None:
    found = four(asking(2))
    few = demand("few", rate=8, min_served=0.9)
    many = demand("many", rate=12)
    found = replace(found, demand=(few, many, *found.demand))
    regions = dict.fromkeys(("few", "many", "users"), found.regions["users"])
    found = replace(found, regions=regions)
    assert [(one.row.region, one.needed) for one in alone(found)] == [("users", 10.0)]
    # 7.2 of those few are more than half of the many.
    part = replace(found, demand=(few, many))
    assert [(one.row.region, one.needed) for one in alone(part)] == [("few", 7.2)]
    # A region of which routes or exposures tell something is looked at by itself.
    ends = Exposure(Item("region", "few"), (Item("exchange", "X"),))
    route = Link(Item("region", "many"), Item("site", "a"), 10.0)
    told = replace(found, exposures=(ends,), links=(route,))
    assert [one.row.region for one in alone(told)] == ["users", "few", "many"]


def test_every_row_of_diversity_asks_by_itself_those_that_need_most_first() -> None:
    of = four(asking(2, "provider"), asking(3, "country", "users"), asking(None))
    assert [one.most for one in alone(of)] == [1, 2]
    assert alone(four()) == ()
    assert patient_classes(four()) is None
    classes = patient_classes(of)
    assert classes is not None
    assert [group.rate for group in classes.classes] == [20.0]


def test_a_parent_ends_the_service_of_its_resellers() -> None:
    found = four(asking(2, "provider"))
    providers = {**found.providers, "Bolt": Provider(provider="Bolt", parent=(("Core",),))}
    (one,) = alone(replace(found, providers=providers))
    assert rows(one, c=1, d=1) == [({"a": 1.0, "b": 1.0}, 1.0)]


def test_where_the_users_own_end_goes_no_plan_serves_them() -> None:
    """Two exchanges, both of which must fail: more than one failure, and with two the end."""
    both = (Item("exchange", "X"), Item("exchange", "Y"))
    ends = (Exposure(Item("region", "users"), both),)
    (one,) = alone(replace(four(asking(2, "exchange")), exposures=ends))
    assert rows(one, a=1) == []
    (one,) = alone(replace(four(asking(3, "exchange")), exposures=ends))
    assert rows(one, a=1) == [({}, 1.0)]
