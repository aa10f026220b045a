"""A plan as values of the model's variables: every one of them, and what has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.build import SINGLE_PHASE, build
from models.data import OfferKey
from models.network import Network
from models.plan import Deployment, Flow, Replica, Seat, VerificationFlow
from models.service import ESTIMATE
from models.translate import deployment, place
from tests import draw
from tests.cases import (
    CHECKERS,
    FRANCE,
    FRANKFURT,
    GERMANY,
    LONDON,
    OFFICE,
    PARIS,
    deployment_for_small,
    small,
)

NEAR, FAR = OfferKey("paris", "disk"), OfferKey("frankfurt", "disk")


def placed(network: Network, plan: Deployment) -> tuple[dict[str, float], set[str]]:
    """Return what is not 0, by name, and the rules of what has no variable."""
    model = build(network, draw.row_by_row(network))  # kept: its parts only point at it weakly
    values, lost = place(model.phase[SINGLE_PHASE], network, plan)
    return {variable.local_name: amount for variable, amount in values.values() if amount}, lost


def of_family(values: dict[str, float], family: str) -> dict[str, float]:
    return {
        name[len(family) + 1 : -1]: amount
        for name, amount in values.items()
        if name.startswith(f"{family}[")
    }


def test_every_part_of_a_plan_is_a_value() -> None:
    network, plan = small(), deployment_for_small()
    values, lost = placed(network, plan)
    assert not lost
    assert of_family(values, "open") == dict.fromkeys(("frankfurt", "paris", "london"), 1)
    assert of_family(values, "contract") == {"Acme": 1, "Bolt": 1}
    assert of_family(values, "nodes") == {",".join(key): n for key, n in plan.nodes.items()}
    # Told of where a node costs once; that of Frankfurt stands already.
    assert of_family(values, "new_nodes") == {"london,gpu": 1, "paris,gpu": 2}
    assert of_family(values, "warm") == {",".join(key): n for key, n in plan.warm.items()}
    assert of_family(values, "cold_slots") == {"paris,gpu": 1}
    assert of_family(values, "copy") == dict.fromkeys((",".join(c) for c in plan.copies), 1)
    assert of_family(values, "seats") == {",".join(seat): n for seat, n in plan.seats.items()}
    # 20 requests/s of Germany, 10 of France, a thousandth of the law office.
    assert sorted(of_family(values, "flow").values()) == pytest.approx([0.25, 0.75, 1.0, 1.0])
    loads = {name.split(",")[0]: 0.0 for name in of_family(values, "load")}
    for name, amount in of_family(values, "load").items():
        loads[name.split(",")[0]] += amount
    assert loads == pytest.approx({"frankfurt": 15.0, "london": 5.0, "paris": 10.001})
    assert not of_family(values, "unserved")
    assert sum(of_family(values, "executed").values()) == pytest.approx(30.0)
    verified = of_family(values, "verify")
    for checker in CHECKERS:
        found = [amount for name, amount in verified.items() if name.endswith(",".join(checker))]
        assert sum(found) == pytest.approx(30.0)
    assert sum(verified.values()) == pytest.approx(90.0)


def test_what_is_not_routed_is_unserved_and_no_less_than_nothing_is() -> None:
    network = small()
    routing = (
        Flow(GERMANY, FRANKFURT, ESTIMATE, "warm", 0.5),
        Flow(GERMANY, LONDON, "direct", "warm", 0.2),
        Flow(FRANCE, PARIS, ESTIMATE, "warm", 1.2),
    )
    values, lost = placed(network, Deployment(routing=routing))
    assert not lost
    assert of_family(values, "unserved") == pytest.approx({"0": 0.3, "2": 1.0})
    assert sum(of_family(values, "executed").values()) == pytest.approx(20 * 0.7 + 10 * 1.2)
    # Without the one in Frankfurt there is no less than none that is new.
    fewer = Deployment(nodes={PARIS: 1})
    assert of_family(placed(network, fewer)[0], "new_nodes") == {"paris,gpu": 1}


def test_who_asks_for_nothing_weighs_one() -> None:
    rows = (replace(small().demand[0], requests_per_s=0.0), *small().demand[1:])
    flow = Flow(GERMANY, FRANKFURT, ESTIMATE, "warm", 0.5)
    values, lost = placed(replace(small(), demand=rows), Deployment(routing=(flow,)))
    assert not lost
    assert list(of_family(values, "flow").values()) == [0.5]
    assert list(of_family(values, "load").values()) == [0.5]
    assert of_family(values, "unserved") == pytest.approx({"0": 0.5, "1": 1.0, "2": 1.0})
    assert not of_family(values, "executed")


MADRID, SPAIN = OfferKey("madrid", "gpu"), GERMANY._replace(region="spain")


def checked(policy: str, verifier: OfferKey) -> VerificationFlow:
    return VerificationFlow(policy, "", "", PARIS, verifier, 1.0)


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({"open": frozenset({"madrid"})}, {"opening"}),
        ({"contracts": frozenset({"Core"})}, set()),
        ({"nodes": {MADRID: 1}}, {"opening"}),
        ({"warm": {Replica(*MADRID, "chat"): 1}}, {"memory"}),
        ({"cold_slots": {MADRID: 1}}, {"memory"}),
        ({"copies": frozenset({Replica("madrid", "disk", "law")})}, {"storage"}),
        ({"seats": {Seat("council", "madrid", "seat"): 1}}, {"seats"}),
        ({"routing": (Flow(GERMANY, MADRID, ESTIMATE, "warm", 1.0),)}, {"demand"}),
        ({"routing": (Flow(SPAIN, PARIS, ESTIMATE, "warm", 1.0),)}, {"demand"}),
        ({"verification": (checked("none", CHECKERS[0]),)}, {"verification"}),
        ({"verification": (checked("checked", MADRID),)}, {"verification"}),
    ],
)
def test_what_has_no_variable_breaks_the_rule_that_forbids_it(
    given: dict[str, Any], rules: set[str]
) -> None:
    values, lost = placed(small(), Deployment(**given))
    assert lost == rules
    assert set(values) == {"unserved[0]", "unserved[1]", "unserved[2]"}


@pytest.mark.parametrize(
    ("copies", "source", "legal"),
    [
        ("near far", "near", True),
        ("near far", "far", True),
        ("near", "near", True),
        ("near", "far", False),
        ("far", "near", False),
        ("far", "far", True),
        # That no copy is near, the rows of the rule say.
        ("", "near", True),
    ],
)
def test_a_copy_is_loaded_from_where_it_is(copies: str, source: str, legal: bool) -> None:
    network = small()
    network = replace(network, settings=replace(network.settings, near_ms=50.0))
    stores = {"near": NEAR, "far": FAR}
    plan = Deployment(
        # Of another model there is one everywhere.
        copies=frozenset(
            {
                *(Replica(*store, "chat") for store in stores.values()),
                *(Replica(*stores[name], "law") for name in copies.split()),
            }
        ),
        routing=(Flow(OFFICE, PARIS, ESTIMATE, "cold", 1.0, str(stores[source])),),
    )
    assert placed(network, plan)[1] == (set() if legal else {"sources"})


def shares(plan: Deployment) -> dict[Any, float]:
    return {
        (flow.demand, flow.offer, flow.route, flow.state, flow.fetch_from): flow.share
        for flow in plan.routing
    }


def test_a_plan_that_is_read_off_is_the_one_that_was_placed() -> None:
    network, plan = small(), deployment_for_small()
    model = build(network, draw.row_by_row(network))
    block = model.phase[SINGLE_PHASE]
    values, _ = place(block, network, plan)
    # What the solver leaves beside whole numbers is rounded away.
    found = deployment(block, network, lambda v: values[id(v)][1] * (1 + 1e-7))
    for name in ("open", "contracts", "nodes", "warm", "cold_slots", "copies", "seats"):
        assert getattr(found, name) == getattr(plan, name), name
    assert shares(found) == pytest.approx(shares(plan))
    rates = {(check.executor, check.verifier): check.rate for check in found.verification}
    assert rates == pytest.approx(
        {(check.executor, check.verifier): check.rate for check in plan.verification}
    )
    assert {panel.verifiers for panel in found.panels} == {CHECKERS}
