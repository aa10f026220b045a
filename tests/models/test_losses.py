"""What worst_loss and expected_loss amount to, and that a solve makes them as small as can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, Dependency, Item, Model, OfferKey, Provider, Settings, Shock
from models.exposure import Exposure
from models.measures import measure
from models.network import Goal, Link, Network
from models.plan import Deployment, Flow
from models.service import ESTIMATE
from planner.result import Limits
from planner.solver.solve import solve
from tests import draw
from tests import rules as of
from tests.models.test_objectives import model_value

WORST, EXPECTED = (Goal(1, "worst_loss"),), (Goal(1, "expected_loss"),)


def three(goals: Iterable[Goal] = WORST, **given: Any) -> Network:
    """Return three sites of 10 requests/s a node, two of Acme and one of Bolt, for 10 requests/s.

    The grid is the same everywhere.
    """
    sites = [
        of.site("a", "Acme", grid=(("G",),)),
        of.site("b", "Acme", grid=(("G",),)),
        of.site("c", "Bolt", grid=(("G",),)),
    ]
    return of.network(
        sites,
        [of.offer(name, "gpu", requests_per_s=10.0) for name in "abc"],
        demand=given.pop("demand", [of.demand(rate=10.0)]),
        goals=tuple(goals),
        **given,
    )


def served(
    shares: dict[str, float], row: Demand | None = None, route: str = ESTIMATE
) -> list[Flow]:
    """Return flows of a demand row, by site."""
    key = (row or of.demand()).key
    return [
        Flow(key, OfferKey(site, "gpu"), route, "warm", share) for site, share in shares.items()
    ]


def amounts(name: str, network: Network, *flows: Flow) -> float:
    """Return what the tables say the routing amounts to; the model must say the same."""
    nodes = {flow.offer: 1 for flow in flows}
    plan = Deployment(nodes=nodes, routing=flows)
    model = build(network, draw.row_by_row(network))
    found = model_value(model.phase[SINGLE_PHASE], network, plan, name)
    wanted = measure(name).value(network, plan)
    assert found == pytest.approx(wanted, abs=1e-7)
    return wanted


# The worst ----------------------------------------------------------------------------------------


def test_the_worst_is_the_largest_share_on_what_can_be_avoided() -> None:
    # Acme has 0.2 + 0.3; everything hangs on the grid, which no placement escapes.
    assert amounts("worst_loss", three(), *served({"a": 0.2, "b": 0.3, "c": 0.5})) == 0.5
    assert amounts("worst_loss", three(), *served({"a": 0.5, "b": 0.3, "c": 0.2})) == 0.8


def test_who_is_unserved_is_lost_with_everything() -> None:
    assert amounts("worst_loss", three(), *served({"a": 0.4, "c": 0.2})) == pytest.approx(0.8)
    assert amounts("worst_loss", three()) == 1.0
    # Where nothing can be avoided, being unserved is all that counts.
    alone = of.network(
        [of.site("a")],
        [of.offer("a", "gpu", requests_per_s=10.0)],
        demand=[of.demand(rate=10.0)],
        goals=WORST,
    )
    assert amounts("worst_loss", alone, *served({"a": 1.0})) == 0.0
    assert amounts("worst_loss", alone, *served({"a": 0.75})) == 0.25


def test_the_worst_is_that_of_the_worst_period() -> None:
    day, night = of.demand(rate=10.0, period="day"), of.demand(rate=1.0, period="night")
    network = three(demand=[day, night], periods={"day": 700.0, "night": 30.0})
    flows = [*served({"a": 0.5, "c": 0.5}, day), *served({"a": 0.1, "c": 0.9}, night)]
    assert amounts("worst_loss", network, *flows) == pytest.approx(0.9)


def test_a_route_is_lost_with_its_own_cable() -> None:
    ends = Item("region", "users"), Item("site", "c")
    north = ((Item("cable", "North"),),)
    links = (Link(*ends, 5.0, 0.0, north, "north"), Link(*ends, 9.0, 0.0, (), "overland"))
    here = Link(ends[0], Item("site", "a"), 5.0, 0.0, north, "north")
    network = three(links=(*links, here))
    by_sea = [*served({"a": 0.5}, route="north"), *served({"c": 0.5}, route="north")]
    by_land = [*served({"a": 0.5}, route="north"), *served({"c": 0.5}, route="overland")]
    assert amounts("worst_loss", network, *by_sea) == 1.0
    assert amounts("worst_loss", network, *by_land) == 0.5
    # Without an objective that counts them the two routes are one: the faster stands for both.
    plain = replace(network, goals=(Goal(1, "unserved"),))
    assert len(demand_classes(plain)) < len(demand_classes(network))


@pytest.mark.parametrize(("suspected", "worst"), [("count", 1.0), ("ignore", 0.5)])
def test_doubt_is_read_as_settings_say(suspected: str, worst: float) -> None:
    hidden = tuple(
        Exposure(Item("site", name), (Item("owner", "One"),), "suspected") for name in "ac"
    )
    settings = Settings(utilisation=1.0, suspected=suspected)
    network = three(exposures=hidden, settings=settings)
    assert amounts("worst_loss", network, *served({"a": 0.5, "c": 0.5})) == worst
    # What nobody knows is shared by all where Settings say so, and cannot be avoided then.
    unknown = {
        name: replace(site, owner=None if name != "b" else ())
        for name, site in network.sites.items()
    }
    for reading, share in (("shared", 1.0), ("distinct", 0.5)):
        settings = Settings(utilisation=1.0, unknown=reading)
        found = replace(three(), sites=unknown, settings=settings)
        assert amounts("worst_loss", found, *served({"a": 0.5, "c": 0.5})) == share


def test_what_loses_no_more_than_another_has_no_row() -> None:
    """Owner and metro of a site lose no more than its provider; one row says it all."""
    sites = [
        of.site(name, provider, owner=((f"owner {name}",),), metro=((f"metro {name}",),))
        for name, provider in (("a", "Acme"), ("b", "Acme"), ("c", "Bolt"))
    ]
    network = of.network(
        sites,
        [of.offer(name, "gpu", requests_per_s=10.0) for name in "abc"],
        demand=[of.demand(rate=10.0)],
        goals=WORST,
    )
    model = build(network, draw.row_by_row(network))
    # Acme, of two sites; of Bolt, owner c and metro c, which lose the same, the first by name.
    found = sorted(str(key) for key in model.phase[SINGLE_PHASE].loss_least)
    assert found == ["", "('', 'metro', 'metro c')", "('', 'provider', 'Acme')"]


def test_what_some_cannot_avoid_hides_nothing_of_what_others_can() -> None:
    """The law office may use Acme alone, for 4 of 10 requests/s, and the rest spreads over both."""
    office = of.demand(rate=4.0, service_class="law", countries=("DE",))
    others = of.demand(rate=6.0)
    network = three(demand=[office, others])
    country = {"a": (("DE",),), "b": (("DE",),), "c": (("FR",),)}
    sites = {
        name: replace(site, country=country[name], bloc=(("EU",),) if name == "c" else ())
        for name, site in network.sites.items()
    }
    network = replace(network, sites=sites)
    at_home = served({"a": 1.0}, office)
    half = [*at_home, *served({"b": 0.5, "c": 0.5}, others)]
    assert amounts("worst_loss", network, *half) == pytest.approx(0.3)
    assert amounts("worst_loss", network, *at_home, *served({"c": 1.0}, others)) == 0.6
    assert amounts("worst_loss", network, *at_home, *served({"c": 0.5}, others)) == 0.6
    assert amounts("worst_loss", network, *served({"c": 0.5}, others)) == 1.0
    # Of Acme alone: what the office has of it, all or half, is taken off what others have of it.
    most = served({"b": 0.75, "c": 0.25}, others)
    assert amounts("worst_loss", network, *at_home, *most) == pytest.approx(0.45)
    fewer = served({"a": 0.5}, office)
    assert amounts("worst_loss", network, *fewer, *most) == pytest.approx(0.2 + 0.45)


def test_the_rows_of_the_worst_loss() -> None:
    """Of 10 requests/s the office asks for 4, in Germany, which has a and b of Acme.

    What is lost with Germany is less by what is served of the office; Acme loses the same.
    """
    office = of.demand(rate=4.0, service_class="law", countries=("DE",))
    sites = {
        name: replace(site, country=((country,),))
        for (name, site), country in zip(three().sites.items(), ("DE", "DE", "FR"), strict=True)
    }
    network = replace(three(demand=[office, of.demand(rate=6.0)]), sites=sites)
    block = build(network, draw.row_by_row(network)).phase[SINGLE_PHASE]
    on_acme = {f"load[{name},gpu,{job}]": -1.0 for name in "ab" for job in (0, 1)}
    assert of.written(block.loss_sum) == {
        ("unserved", ""): (
            {"loss[unserved,]": 1.0, "unserved[0]": -4.0, "unserved[1]": -6.0},
            0.0,
            None,
        ),
        ("executed", "", 0): ({"loss[executed,,0]": 1.0} | on_acme, 0.0, None),
        ("executed", "", 1): ({"loss[executed,,1]": 1.0, "load[c,gpu,1]": -1.0}, 0.0, None),
        ("spared", "", 0): ({"loss[spared,,0]": 1.0, "unserved[0]": 4.0}, None, 4.0),
        ("spared", "", 1): ({"loss[spared,,1]": 1.0, "unserved[1]": 6.0}, None, 6.0),
    }
    always = {"loss[worst]": 10.0, "loss[unserved,]": -1.0}
    in_germany = {"loss[executed,,0]": -1.0, "loss[spared,,0]": 1.0}
    assert of.written(block.loss_least) == {
        "": (always, 0.0, None),
        ("", "country", "DE"): (always | in_germany, 0.0, None),
        ("", "country", "FR"): (always | {"loss[executed,,1]": -1.0}, 0.0, None),
    }


# What is expected ---------------------------------------------------------------------------------


def of_time(hours: float, **row: str) -> Dependency:
    """Return a dependency that is down once a year for so many hours."""
    return Dependency(outages_per_year=1.0, outage_hours=hours, **row)


def test_every_dependency_loses_its_share_of_time() -> None:
    # Acme is down a tenth of the year, Bolt (by its own sheet) a hundredth, the grid a fifth.
    network = three(
        EXPECTED,
        dependencies=[
            of_time(876.0, dependency="Acme", kind="provider"),
            of_time(8760.0, dependency="*", kind="metro"),
            of_time(1752.0, dependency="*", kind="grid"),
        ],
        providers=[Provider(provider="Bolt", outages_per_year=2.0, outage_hours=43.8)],
    )
    flows = served({"a": 0.5, "c": 0.25})
    wanted = 0.5 * (0.1 + 0.2) + 0.25 * (0.01 + 0.2) + 0.25
    assert amounts("expected_loss", network, *flows) == pytest.approx(wanted)
    assert amounts("expected_loss", network) == 1.0


def test_the_row_of_its_own_comes_before_that_of_its_kind() -> None:
    rows = [
        of_time(876.0, dependency="*", kind="provider"),
        of_time(0.0, dependency="Acme", kind="provider"),
        Dependency(dependency="Bolt", kind="provider", outages_per_year=5.0),
    ]
    network = three(EXPECTED, dependencies=rows)
    assert amounts("expected_loss", network, *served({"a": 1.0})) == 0.0
    assert amounts("expected_loss", network, *served({"c": 1.0})) == pytest.approx(0.1)


def test_a_shock_loses_all_that_it_takes_down_once() -> None:
    """Also what needs either of two, where the shock takes both; being down always is the most."""
    network = three(
        EXPECTED,
        shocks={"storm": [Item("provider", "Acme"), Item("owner", "A"), Item("owner", "B")]},
    )
    either = {name: replace(site, owner=(("A", "B"),)) for name, site in network.sites.items()}
    fails = Shock(shock="storm", takes_down=None, outages_per_year=1.0, outage_hours=876.0)
    for sites, wanted in ((network.sites, 0.05), (either, 0.1)):
        found = replace(network, sites=sites, shocks={"storm": fails})
        assert amounts("expected_loss", found, *served({"a": 0.5, "c": 0.5})) == pytest.approx(
            wanted
        )
    often = replace(fails, outages_per_year=20.0)
    found = replace(network, shocks={"storm": often})
    assert amounts("expected_loss", found, *served({"a": 0.5, "c": 0.5})) == 0.5
    silent = replace(fails, outage_hours=None)
    found = replace(network, shocks={"storm": silent})
    assert amounts("expected_loss", found, *served({"a": 1.0})) == 0.0


def test_no_request_is_lost_more_than_once() -> None:
    kinds = [of_time(6000.0, dependency="*", kind=kind) for kind in ("provider", "grid")]
    network = three(EXPECTED, dependencies=kinds)
    assert amounts("expected_loss", network, *served({"a": 0.25})) == 1.0


def test_periods_count_by_their_hours() -> None:
    day, night = of.demand(rate=3.0, period="day"), of.demand(rate=1.0, period="night")
    network = three(
        EXPECTED,
        demand=[day, night],
        periods={"day": 365.0, "night": 365.0},
        dependencies=[of_time(876.0, dependency="Acme", kind="provider")],
    )
    flows = [*served({"a": 1.0}, day), *served({"c": 1.0}, night)]
    assert amounts("expected_loss", network, *flows) == pytest.approx(0.75 * 0.1)


def test_a_shock_behind_alternatives_keeps_routes_apart() -> None:
    """The slower route hangs on a cable that never fails, the other on two that the storm takes."""
    ends = Item("region", "users"), Item("site", "a")
    either = ((Item("cable", "North"), Item("cable", "South")),)
    links = (
        Link(*ends, 5.0, 0.0, either, "sea"),
        Link(*ends, 9.0, 0.0, ((Item("cable", "Land"),),), "land"),
    )
    network = of.network(
        [of.site("a")],
        [of.offer("a", "gpu", requests_per_s=10.0)],
        demand=[of.demand(rate=10.0)],
        shocks={"storm": either[0]},
        links=links,
        goals=EXPECTED,
    )
    fails = Shock(shock="storm", takes_down=None, outages_per_year=1.0, outage_hours=876.0)
    network = replace(network, shocks={"storm": fails})
    assert amounts("expected_loss", network, *served({"a": 1.0}, route="sea")) == pytest.approx(0.1)
    assert amounts("expected_loss", network, *served({"a": 1.0}, route="land")) == 0.0


def test_what_calls_an_upstream_is_lost_with_the_route_there() -> None:
    """Site a calls the lab by a cable that is down a tenth of the year; from b nobody knows how."""
    cable = ((Item("cable", "Deep"),),)
    network = of.network(
        [of.site("a"), of.site("b")],
        [of.offer(name, "gpu", requests_per_s=10.0) for name in "ab"],
        demand=[row := of.demand(rate=10.0, model="far")],
        models=[Model(model="far", upstream=(("Lab",),), cost_per_million=1.0)],
        links=(Link(Item("site", "a"), Item("upstream", "Lab"), 9.0, 0.0, cable),),
        dependencies=[of_time(876.0, dependency="Deep", kind="cable")],
        goals=EXPECTED,
    )
    assert amounts("expected_loss", network, *served({"a": 1.0}, row)) == pytest.approx(0.1)
    assert amounts("expected_loss", network, *served({"b": 1.0}, row)) == 0.0


# Solved -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goals", "worst"),
    [
        ((Goal(1, "unserved"), Goal(2, "worst_loss"), Goal(3, "monthly_cost")), 0.5),
        ((Goal(1, "worst_loss"), Goal(2, "monthly_cost")), 0.5),
        ((Goal(1, "worst_loss", tolerance=0.2, absolute=True), Goal(2, "monthly_cost")), 0.7),
        ((Goal(1, "unserved"), Goal(2, "monthly_cost"), Goal(3, "worst_loss")), 1.0),
    ],
)
def test_a_solve_spreads_what_may_be_lost(goals: tuple[Goal, ...], worst: float) -> None:
    """Half on Acme and half on Bolt is least; one node, of Acme, is cheapest; 30% must be dear."""
    network = three(goals)
    prices = {"a": 100.0, "b": 100.0, "c": 900.0}
    offers = {
        key: replace(row, monthly_cost=prices[key.site], requests_per_s=12.0)
        for key, row in network.offers.items()
    }
    solved = solve(replace(network, offers=offers), Limits(30.0, gap=0.0))
    assert solved.status == "optimal"
    assert solved.plan is not None
    plan = solved.plan.final
    assert measure("unserved").value(network, plan) == pytest.approx(0.0, abs=1e-6)
    stage = next(s for s in solved.stages if s.measure == "worst_loss")
    assert measure("worst_loss").value(network, plan) == pytest.approx(stage.value, abs=1e-6)
    if worst == 0.7:
        assert 0.5 < stage.value <= 0.7 + 1e-6
    else:
        assert stage.value == pytest.approx(worst, abs=3e-6)
        assert stage.bound == pytest.approx(worst, abs=3e-6)


def test_a_solve_goes_where_less_fails() -> None:
    network = three(
        (Goal(1, "expected_loss"), Goal(2, "monthly_cost")),
        dependencies=[
            of_time(876.0, dependency="Acme", kind="provider"),
            of_time(87.6, dependency="Bolt", kind="provider"),
        ],
    )
    solved = solve(network, Limits(30.0, gap=0.0))
    assert solved.plan is not None
    assert solved.stages[0].value == pytest.approx(0.01, abs=1e-7)
    assert {flow.offer.site for flow in solved.plan.final.routing} == {"c"}


def test_committees_alone_lose_no_requests() -> None:
    network = replace(three((*WORST, Goal(2, "expected_loss"))), demand=())
    solved = solve(network, Limits(30.0, gap=0.0))
    assert [stage.value for stage in solved.stages] == [0.0, 0.0]
