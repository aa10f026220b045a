"""What is left after a failure is what the planner's own model says of the nodes that stand."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pyomo.environ as pyo
import pytest
from pyomo.contrib.solver.common.factory import SolverFactory

from models.build import SINGLE_PHASE, build
from models.data import Item, Model, NodeType, OfferKey, Policy, Settings, Shock
from models.decisions import DECISIONS
from models.exposure import Exposure, offer_item
from models.expressions import row, rows
from models.network import Link, Network
from models.plan import Deployment, Replica
from models.replay import MOST_GROWTH, Replays, after, headroom, replay, rerouted, upstream_choices
from models.rules import demand as demand_rule
from models.rules import sources, throughput, upstream, verification
from models.translate import place
from tests import draw
from tests.cases import (
    FRANCE,
    FRANKFURT,
    GERMANY,
    LONDON,
    OFFICE,
    PARIS,
    deployment_for_small,
    small,
)
from tests.rules import at, demand, offer, site
from tests.rules import network as rows_network
from tests.rules.test_throughput import chat
from tests.rules.test_verification import triangles
from tests.thorough import parts

ANYWHERE = Item("owner", "of nothing here")
KEPT = ("demand", "throughput", "upstream", "sources", "verification")
"""The rules that say what standing nodes can do; all others are about placing them."""


def unserved(network: Network, plan: Deployment) -> float:
    """Return the least mean requests/s that the planner's model leaves unserved."""
    network = replace(network, demand=tuple(replace(d, min_served=0.0) for d in network.demand))
    classes = draw.row_by_row(network)
    model = build(network, classes)
    block = model.phase[SINGLE_PHASE]
    for found in block.rules.component_objects(pyo.Block, descend_into=False):
        if found.local_name not in KEPT:
            found.deactivate()
    values, _ = place(block, network, replace(plan, routing=(), verification=()))
    for decision in DECISIONS:
        for variable in block.component(decision.name).values():
            variable.fix(values[id(variable)][1])
    for name in ("liveness",):  # what is protected has failed by now, or stands
        block.rules.verification.component(name).deactivate()
    model.least = pyo.Objective(
        expr=sum(
            group.rate * network.month_share[group.period] * block.unserved[number]
            for number, group in enumerate(classes.classes)
        )
    )
    model.cuts = rows()
    solver = SolverFactory("highs")
    while True:
        least = solver.solve(model).incumbent_objective
        assert least is not None
        found = block.rules.verification
        point = lambda variable: variable.value or 0.0  # noqa: E731
        broken = [
            cut
            for cut in verification.separate(found, block, network, point)
            if cut.is_broken(point)
        ]
        if not broken:
            return float(least)
        for cut in broken:
            row(model.cuts, len(model.cuts), cut.terms, lower=cut.lower, upper=cut.upper)


def standing(plan: Deployment, network: Network) -> Deployment:
    """Return what of a plan stands on nodes that are there."""
    nodes = {offer: count for offer, count in plan.nodes.items() if offer in network.offers}
    held = {offer for offer, count in nodes.items() if count}
    return replace(
        plan,
        nodes=nodes,
        warm={r: n for r, n in plan.warm.items() if (r.site, r.node_type) in held},
        cold_slots={offer: n for offer, n in plan.cold_slots.items() if offer in held},
        copies=frozenset(c for c in plan.copies if (c.site, c.node_type) in held),
        seats={},
    )


@pytest.mark.parametrize("part", parts(4))
def test_it_is_what_the_model_says_of_the_same_nodes(part: int) -> None:
    compared = 0
    for seed in range(15 * part, 15 * part + 15):
        network = draw.network(seed)
        choose = random.Random(seed)
        drawn = draw.plan(network, draw.row_by_row(network), seed)
        nodes = {o: drawn.nodes.get(o, 0) + choose.randint(0, 2) for o in network.offers}
        plan = standing(replace(drawn, nodes=nodes), network)
        named = network.graph.dependencies
        failed = choose.sample(named, min(len(named), choose.randint(0, 2)))
        left = after(network, failed)
        lost = {row.key for row in network.demand} - {row.key for row in left.demand}
        rate = {d.key: d.requests_per_s * network.month_share[d.period] for d in network.demand}
        expected = unserved(left, standing(plan, left)) + sum(rate[key] for key in lost)
        found = replay(network, plan, failed).served
        assert sum(rate[key] * (1 - share) for key, share in found.items()) == pytest.approx(
            expected, rel=1e-5, abs=1e-5
        ), seed
        compared += 0 < expected < sum(rate.values())
    assert compared > 1


def test_without_a_failure_a_plan_serves_what_it_serves() -> None:
    found = replay(small(), deployment_for_small(), ())
    assert found.served == pytest.approx({GERMANY: 1.0, FRANCE: 1.0, OFFICE: 1.0})
    assert found.latency_ms[GERMANY] is not None


def test_survivors_take_over_as_far_as_they_can() -> None:
    # Without Paris no verifier of client b is left, so nobody has a panel of three clients.
    found = replay(small(), deployment_for_small(), [Item("site", "paris")])
    assert found.served[GERMANY] == found.served[FRANCE] == pytest.approx(0.0, abs=1e-9)


def test_more_may_be_asked_of_a_failover_than_of_a_row() -> None:
    network = small()
    patient = replace(
        network, demand=tuple(replace(d, failover_latency_ms=1.0) for d in network.demand)
    )
    plan, nothing = deployment_for_small(), (Item("owner", "of nothing here"),)
    assert all(share == 0 for share in replay(patient, plan, nothing).served.values())
    # As long as nothing fails the planned limits hold.
    assert all(share > 0.99 for share in replay(patient, plan, ()).served.values())


def test_a_route_that_is_gone_is_not_replaced_by_an_estimate() -> None:
    network = small()
    assert network.links
    link = network.links[0]
    left = after(network, [link.item])
    assert [math.isinf(found.latency_ms) for found in left.links][0]


def test_what_must_be_served_comes_first() -> None:
    # One replica for two rows of the same rate: half of both, or all of the one that must be.
    network = small()
    plain = [replace(row, verification="", max_latency_ms=None) for row in network.demand[:2]]
    must = (replace(plain[0], min_served=1.0), *plain[1:])
    plan = replace(
        deployment_for_small(),
        nodes={PARIS: 1},
        warm={Replica("paris", "gpu", "chat"): 3},
        cold_slots={},
    )
    # 3 replicas · 0.7 · 10 = 21 requests/s of the 30 that are asked for.
    found = replay(replace(network, demand=must), plan, ()).served
    assert sum(d.requests_per_s * found[d.key] for d in must) == pytest.approx(21)
    assert found[must[0].key] == pytest.approx(1.0)
    assert {FRANKFURT, LONDON}.isdisjoint(plan.nodes)


def pairs_with_d() -> tuple[Network, Deployment]:
    """Return 1 request/s to be checked by two of a, b, c and d, where a, b and c share owners.

    So d takes part in every panel, and can verify half a request a second.
    """
    network = triangles()
    two = Policy(policy="checked", verifiers=2, quorum=2, independent_of=("owner",))
    check = replace(network.node_types["check"], verifications_per_s=0.5)
    network = replace(
        network,
        policies={"checked": two},
        node_types={**network.node_types, "check": check},
    )
    checks = {at(name, "check"): nodes for name, nodes in (("a", 2), ("b", 2), ("c", 2), ("d", 1))}
    return network, Deployment(nodes={at("x"): 1, **checks})


def test_what_no_panel_can_verify_is_not_served() -> None:
    # Rates of ½ at each of six meet every row, but no three of two triangles are independent.
    network = triangles()
    plan = Deployment(nodes=dict.fromkeys(network.offers, 1))
    (share,) = replay(network, plan, ()).served.values()
    assert share == pytest.approx(0.0, abs=1e-9)
    # Flows alone would serve all: ½ at each of a, b, c, d, each pair of a, b, c within 1.
    (share,) = replay(*pairs_with_d(), ()).served.values()
    assert share == pytest.approx(0.5)


def test_what_no_panel_was_found_for_in_time_is_promised_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.replay.ROUNDS", 0)
    (share,) = replay(*pairs_with_d(), ()).served.values()
    assert share == pytest.approx(0.0, abs=1e-9)


def test_who_asks_for_nothing_is_served_where_something_stands() -> None:
    network = rows_network(
        [site("x")], [offer("x", "gpu", requests_per_s=9)], demand=[demand(rate=0)]
    )
    assert list(replay(network, Deployment(), ()).served.values()) == [0.0]
    (share,) = replay(network, Deployment(nodes={at("x"): 1}), ()).served.values()
    assert share == pytest.approx(1.0)


def test_a_latency_that_nobody_knows_is_not_preferred_and_spoils_no_mean() -> None:
    found = replay(small(), deployment_for_small(), ())
    assert all(latency is not None for latency in found.latency_ms.values())
    network = small()
    sites = {
        **network.sites,
        "london": replace(network.sites["london"], latitude=None, longitude=None),
    }
    rows = tuple(replace(row, verification="", max_latency_ms=None) for row in network.demand)
    both = {Replica("paris", "gpu", "chat"): 9, Replica("london", "gpu", "chat"): 9}
    plan = replace(deployment_for_small(), nodes={PARIS: 2, LONDON: 2}, warm=both, cold_slots={})
    left = replay(replace(network, sites=sites, demand=rows[:2]), plan, ())
    # Paris has room for all, and its way is known; that to London is not.
    assert None not in left.latency_ms.values()
    assert min(left.served.values()) > 0.99


def test_users_whose_own_end_is_gone_are_not_served_by_an_estimate() -> None:
    # No route of France is measured, so nothing but the region itself says that it is cut off.
    network, exchange = small(), Item("ix", "France")
    ends = Exposure(Item("region", "france"), (exchange,))
    network = replace(network, exposures=(*network.exposures, ends))
    found = replay(network, deployment_for_small(), [exchange])
    assert found.served[FRANCE] == 0.0
    assert found.served[GERMANY] == pytest.approx(1.0)
    assert Item("region", "germany") in found.used


def test_an_answer_hangs_on_none_before_it() -> None:
    network, plan = small(), deployment_for_small()
    asked = [(), *((item,) for item in network.graph.dependencies), ()]
    replays = Replays(network, plan)
    assert [replays.after(failed) for failed in asked] == [replay(network, plan, f) for f in asked]


def test_a_row_asked_first_changes_no_answer() -> None:
    network, plan = small(), deployment_for_small()
    asked = Replays(network, plan)
    asked.of((network.demand[-1],)).after([Item("nothing", "here")])
    assert asked.after([Item("nothing", "here")]) == replay(
        network, plan, [Item("nothing", "here")]
    )


def test_rerouted_is_a_plan_that_serves_what_replaying_it_says_and_breaks_no_rule_of_serving() -> (
    None
):
    served = 0
    for seed in range(30):
        network = draw.network(seed)
        network = replace(network, dependencies={}, shocks={}, shock_items={})
        drawn = draw.plan(network, draw.row_by_row(network), seed)
        plan = standing(replace(drawn, nodes=dict.fromkeys(network.offers, 2)), network)
        found = rerouted(network, plan)
        left = replay(network, plan, ())
        for asked in network.demand:
            share = sum(flow.share for flow in found.routing if flow.demand == asked.key)
            assert share == pytest.approx(left.served[asked.key], abs=1e-5), (seed, asked.key)
            served += share > 0
        for rule in (demand_rule, throughput, upstream, sources, verification):
            assert list(rule.audit(network, found)) == [], seed
    assert served > 20


@pytest.mark.parametrize("seed", range(12))
def test_demand_may_grow_by_the_headroom_and_no_further(seed: int) -> None:
    network = draw.network(seed)
    plan = draw.plan(network, draw.row_by_row(network), seed)
    served = replay(network, plan, ()).served
    rows = {d.key for d in network.demand if d.requests_per_s and served[d.key] > 1 - 1e-6}
    found = headroom(network, plan, rows)
    if not rows or found >= MOST_GROWTH:
        assert found == MOST_GROWTH
        return
    assert found >= 1 - 1e-6

    def all_served(factor: float) -> bool:
        only = tuple(d for d in network.demand if d.key in rows)
        grown = tuple(replace(d, requests_per_s=factor * d.requests_per_s) for d in only)
        left = replay(replace(network, demand=grown), plan, ()).served
        return min(left.values()) > 1 - 1e-5

    assert all_served(found * (1 - 1e-6))
    assert not all_served(found * 1.01)


@pytest.mark.parametrize("first", ["interactive", "batch"])
def test_headroom_is_of_the_rows_that_are_asked_about_whatever_merges_with_them(first: str) -> None:
    users = Item("region", "users")
    links = tuple(Link(users, Item("site", name), ms) for name, ms in (("a", 10.0), ("b", 90.0)))
    rows_asked = [
        demand(rate=4, service_class="interactive", max_latency_ms=50.0),
        demand(rate=30, service_class="batch"),
    ]
    rows_asked.sort(key=lambda found: found.service_class != first)
    network = rows_network(
        [site("a"), site("b")],
        [offer(name, "gpu", requests_per_s=rate) for name, rate in (("a", 10), ("b", 20))],
        demand=rows_asked,
        links=links,
        settings=Settings(utilisation=1.0),
    )
    (interactive,) = (row.key for row in rows_asked if row.service_class == "interactive")
    alone = Deployment(nodes={at("a"): 1})
    assert headroom(network, alone, {interactive}) == pytest.approx(2.5)


def test_what_asks_for_nothing_may_grow_as_far_as_any() -> None:
    network = rows_network(
        [site("x")], [offer("x", "gpu", requests_per_s=9)], demand=[demand(rate=0)]
    )
    rows = [row.key for row in network.demand]
    assert headroom(network, Deployment(nodes={at("x"): 1}), rows) == pytest.approx(MOST_GROWTH)


def test_a_row_is_served_though_nobody_knows_any_way() -> None:
    network = rows_network(
        [site("x", latitude=None)], [offer("x", "gpu", requests_per_s=9)], demand=[demand()]
    )
    found = replay(network, Deployment(nodes={at("x"): 1}), ())
    assert list(found.served.values()) == pytest.approx([1.0])
    assert list(found.latency_ms.values()) == [None]


def test_what_falls_short_of_a_promise_is_held_at_any_size() -> None:
    # Half of 8 million requests/s can be served, where three quarters were promised.
    network = rows_network(
        [site("x")],
        [offer("x", "gpu", requests_per_s=4e6)],
        demand=[demand(rate=8e6, min_served=0.75)],
        settings=Settings(utilisation=1.0),
    )
    (share,) = replay(network, Deployment(nodes={at("x"): 1}), ()).served.values()
    assert share == pytest.approx(0.5)


def test_after_a_failure_nothing_is_protected_any_more() -> None:
    storm = {"storm": Shock(shock="storm", takes_down=None, protect=True)}
    network = replace(small(), shocks=storm, shock_items={"storm": frozenset({ANYWHERE})})
    assert sorted(network.protected) == ["country:DE", "shock:storm"]
    assert after(network, ()).protected == network.protected
    assert after(network, [ANYWHERE]).protected == {}


def test_pairs_of_one_owner_need_no_search_to_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two verifiers of A can do all, that of B half of it, who takes part in every panel.
    monkeypatch.setattr("models.replay.ROUNDS", 0)
    owners = {"a": "A", "b": "A", "c": "B"}
    network = rows_network(
        [site("x"), *(site(name, owner=((owner,),)) for name, owner in owners.items())],
        [offer("x", "gpu", requests_per_s=9), *(offer(name, "check") for name in owners)],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=0.5)],
        policies=[Policy(policy="two", verifiers=2, quorum=2, independent_of=("owner",))],
        demand=[demand(verification="two")],
        settings=Settings(utilisation=1.0),
    )
    for counts in ({"a": 2, "b": 2, "c": 1}, {"a": 4, "c": 1}):  # nor does a site twice
        checks = {at(name, "check"): nodes for name, nodes in counts.items()}
        (share,) = replay(network, Deployment(nodes={at("x"): 1, **checks}), ()).served.values()
        assert share == pytest.approx(0.5)


def test_panels_are_looked_for_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.replay.ROUNDS", 1)
    (share,) = replay(*pairs_with_d(), ()).served.values()
    assert share == pytest.approx(0.5)


def test_the_mean_latency_is_of_those_who_are_served() -> None:
    network = rows_network(
        [site("a")],
        [offer("a", "gpu", requests_per_s=2)],
        demand=[demand(rate=8)],
        links=(Link(Item("region", "users"), Item("site", "a"), 30.0),),
    )
    found = replay(network, Deployment(nodes={at("a"): 1}), ())
    assert list(found.served.values()) == pytest.approx([0.25])
    assert list(found.latency_ms.values()) == pytest.approx([30.0])
    nobody = replay(network, Deployment(), ())
    assert list(nobody.latency_ms.values()) == [None]


def test_what_is_loaded_from_a_copy_stands_on_who_holds_it() -> None:
    # The law office is served cold in Paris, from the copy there; Frankfurt is too far.
    plan = deployment_for_small()
    office = replace(small(), demand=(replace(small().demand[2], max_latency_ms=None),))
    disks = {name: offer_item(OfferKey(name, "disk")) for name in ("paris", "frankfurt")}
    found = replay(office, plan, ())
    assert found.served[OFFICE] == pytest.approx(1.0)
    assert disks["paris"] in found.used
    assert offer_item(PARIS) in found.used
    assert disks["frankfurt"] not in found.used
    # Without the copy it is loaded from the hub, which is nowhere.
    hub = replay(office, replace(plan, copies=frozenset()), ())
    assert hub.served[OFFICE] > 0.1
    assert disks["paris"] not in hub.used


@pytest.mark.parametrize(
    ("model", "policy", "plan", "answered"),
    [
        # 0.5 · 4 · speed 2 of each of two replicas, stretched by a quarter.
        ("chat", "checked", Deployment(warm={Replica("a", "gpu", "chat"): 2}), 8 / 1.25),
        ("chat", "", Deployment(warm={Replica("a", "gpu", "chat"): 2}), 8.0),
        ("mute", "", Deployment(warm={Replica("a", "gpu", "mute"): 2}), 0.0),
        # 12 % of four slots, for 60 GB at 0.5 and at 2 GB/s, 5 s to start and 4 s to answer.
        ("chat", "checked", Deployment(cold_slots={at("a"): 4}), 0.48 / (120 + 30 + 5 + 5)),
        ("chat", "", Deployment(cold_slots={at("a"): 4}), 0.48 / (120 + 30 + 5 + 4)),
        # 0.5 · 5 of each of three nodes.
        ("far", "checked", Deployment(), 7.5 / 1.25),
        ("", "", Deployment(), 7.5),
    ],
)
def test_what_stands_answers_as_much_as_the_rules_say(
    model: str, policy: str, plan: Deployment, answered: float
) -> None:
    of = chat(demand(rate=100.0, model=model, period="day", verification=policy))
    (share,) = replay(of, replace(plan, nodes={at("a"): 3}), ()).served.values()
    assert 100 * share == pytest.approx(answered)


def test_who_verifies_stands_somewhere() -> None:
    network = rows_network(
        [site("x"), site("a"), site("b")],
        [offer("x", "gpu", requests_per_s=9), offer("a", "check"), offer("b", "check")],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=4.5)],
        policies=[Policy(policy="one", verifiers=1, work=3.0)],
        demand=[demand(rate=6, verification="one")],
        settings=Settings(utilisation=1.0),
    )
    one = Deployment(nodes={at("x"): 1, at("a", "check"): 2})
    found = rerouted(network, one)
    assert [flow.share for flow in found.routing] == pytest.approx([0.5])  # 9 of 3 · 6
    assert [(check.verifier, check.rate) for check in found.verification] == [
        (at("a", "check"), pytest.approx(3.0))
    ]


def test_routes_to_alternatives_are_choices_while_they_are_there() -> None:
    here = Item("site", "x")
    lab, other, chain = (Item("upstream", name) for name in ("Lab", "Other", "Chain"))
    links = (
        Link(Item("region", "users"), here, 5.0),
        Link(here, lab, 5.0),
        Link(other, here, 9.0),
        Link(here, chain, 5.0),
    )
    far = Model(model="far", upstream=(("Lab", "Other"), ("Chain",)))
    of = rows_network([site("x")], models=[far], demand=[demand()], links=links)
    assert upstream_choices(of) == {links[1].item, links[2].item}
    cut = replace(of, links=(links[0], replace(links[1], latency_ms=math.inf), *links[2:]))
    assert upstream_choices(cut) == {links[2].item}
