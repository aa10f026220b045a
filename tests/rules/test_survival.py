"""What is protected may fail: what must be served then still is, by rows, audit and brute force."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, Item, Model, NodeType, OfferKey, Policy, Settings, Shock
from models.exposure import Exposure
from models.expressions import Cut
from models.failover import lost_rows, never, patient, protected_failures
from models.failure_states import Solved, States
from models.network import Link, Network
from models.plan import HUB, Deployment, Flow, Panel, Replica, VerificationFlow
from models.replay import Replays, after, failover_ms, replay
from models.rules import _panel_audit, verification
from models.rules import survival as rule
from models.service import ESTIMATE, Service, replicas_per_node, route_labels, service
from models.translate import place
from planner.evaluation.audit import audit
from planner.evaluation.conflict import reasons
from planner.jobs.requests import Workers
from planner.result import Limits
from planner.solver.solve import solve
from tests import draw
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    at,
    demand,
    network,
    offer,
    protected,
    sayings,
    site,
    written,
)
from tests.test_rules_contract import rows_hold
from tests.thorough import parts

ACME = protected("provider", "Acme")
MANY = 100_000
"""More than any demand row needs."""


# Two hand-made plans for every kind of failure -------------------------------------------------


def nodes_only(*rows: Demand, **given: Any) -> Network:
    """Two sites of Acme and one of Bolt, on whose nodes 10 requests/s are answered each."""
    sites = [site("a"), site("b"), site("c", "Bolt", country=(("DE",),))]
    offers = [offer(name, "gpu", requests_per_s=10) for name in "abc"]
    given = {"dependencies": [ACME]} | given
    return network(sites, offers, demand=rows or [demand(rate=20, min_served=0.5)], **given)


def standing(**nodes: int) -> Deployment:
    return Deployment(nodes={at(name): count for name, count in nodes.items()})


def test_without_a_provider_half_must_be_served_by_the_other() -> None:
    # Half of 20 requests/s is what one node of Bolt answers.
    assert_legal(rule, nodes_only(), standing(a=2, c=1))
    assert_illegal(rule, nodes_only(), standing(a=2, b=2), "without provider:Acme", "50.0000% less")
    more = nodes_only(demand(rate=20, min_served=0.6))
    assert_illegal(rule, more, standing(a=9, c=1), "10.0000% less than 0.6 of it can be served")
    assert_legal(rule, more, standing(c=2))


def test_capacity_outside_a_failure_is_asked_for_before_anything_is_separated() -> None:
    # Half of 20 requests/s must be answered outside Acme, by one node of Bolt.
    of = nodes_only()
    block = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE]
    for plan, holds in ((standing(a=9), False), (standing(a=1, c=1), True)):
        values, _ = place(block, of, plan)
        assert rows_hold(block.rules.survival, values) is holds


def test_what_must_be_left_is_a_row_of_every_failure_period_and_model() -> None:
    """The storm takes what Acme takes, and so has the same row."""
    far = Model(model="far", gpu_memory_gb=0, upstream=(("Lab",),))
    rows = [
        demand(rate=20, min_served=0.5, period="day"),
        demand(rate=8, min_served=0.25, period="day", model="far"),
        demand(rate=30, min_served=0.5, period="night"),
        demand("others", rate=10, min_served=1.0, period="night"),
    ]
    of = nodes_only(
        *rows,
        models=[far],
        links=tuple(Link(Item("site", name), Item("upstream", "Lab"), 5) for name in "abc"),
        periods={"day": 300.0, "night": 430.0},
        dependencies=[ACME, protected("country", "DE")],
        shocks={"storm": [Item("site", "a"), Item("site", "b")]},
    )
    own = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE].rules.survival
    nodes = {name: f"nodes[{name},gpu]" for name in "abc"}
    keys = [("day", ""), ("day", "far"), ("night", "")]
    can = {key: f"can[{','.join(key)}]" for key in keys}
    each = dict.fromkeys(nodes.values(), 10.0)
    assert written(own.adds_up) == {key: (each | {can[key]: -1.0}, 0.0, None) for key in keys}
    assert written(own.left) == {
        (failure, *key): ({can[key]: 1.0} | {nodes[name]: -10.0 for name in gone}, need, None)
        for key, need in zip(keys, (10.0, 2.0, 25.0), strict=True)
        for failure, gone in (("shock:storm", "ab"), ("country:DE", "c"))
    }


def test_what_must_be_left_to_verify_is_a_row_too() -> None:
    """Half of 4 requests/s, by two verifiers, each of whom does half as much again for one."""
    work = Policy(policy="two", verifiers=2, quorum=2, work=1.5, overhead=0.25)
    of = replace(checked(), policies={"two": work})
    own = build(of, draw.row_by_row(of)).phase[SINGLE_PHASE].rules.survival
    executing, verifying_ = "can[,]", "can[,*verification]"
    verifiers = {f"nodes[{name},check]": 2.0 for name in "abcd"}
    assert written(own.adds_up) == {
        ("", ""): ({"nodes[x,gpu]": 10.0, executing: -1.0}, 0.0, None),
        ("", "*verification"): (verifiers | {verifying_: -1.0}, 0.0, None),
    }
    assert written(own.left) == {
        ("provider:Acme", "", ""): ({executing: 1.0}, 2.5, None),
        ("provider:Acme", "", "*verification"): (
            {verifying_: 1.0, "nodes[a,check]": -2.0},
            6.0,
            None,
        ),
    }


def test_a_shock_takes_everything_it_names_at_once() -> None:
    both = {"storm": [Item("site", "a"), Item("country", "DE")]}
    hit = nodes_only(dependencies=[], shocks=both)
    assert_legal(rule, hit, standing(b=1))
    assert_illegal(rule, hit, standing(a=9, c=9), "without shock:storm")


def test_what_is_not_protected_need_not_be_survived_nor_what_asks_for_nothing() -> None:
    assert_legal(rule, nodes_only(dependencies=[]), standing(a=1))
    assert_legal(rule, nodes_only(demand(rate=20)), standing(a=1))


def test_of_failures_that_take_the_same_one_is_told() -> None:
    owned = nodes_only(dependencies=[ACME, protected("owner", "Own")])
    sites = {
        name: replace(found, owner=(("Own",),) if found.provider == "Acme" else ())
        for name, found in owned.sites.items()
    }
    (said,) = sayings(rule, replace(owned, sites=sites), standing(a=2))
    assert "without owner:Own" in said


def test_what_stands_nowhere_is_taken_by_no_failure() -> None:
    """Clients K and L both take the GPUs, and each another type, of which no node stands."""
    clients = {"gpu": (("K",), ("L",)), "tpu": (("K",),), "fpga": (("L",),)}
    of = network(
        [site("a")],
        [offer("a", name, requests_per_s=10) for name in clients],
        node_types=[
            NodeType(node_type=name, role="execution", client=found)
            for name, found in clients.items()
        ],
        demand=[demand(rate=20, min_served=0.5)],
        dependencies=[protected("client", "K"), protected("client", "L")],
    )
    (said,) = sayings(rule, of, standing(a=2))
    assert "without client:K" in said
    # Where both stand neither failure takes what the other does.
    both = {at("a", "tpu"): 1, at("a", "fpga"): 1}
    assert_legal(rule, of, Deployment(nodes=both))
    assert (
        len(
            sayings(
                rule,
                replace(of, demand=(replace(of.demand[0], min_served=1.0),)),
                Deployment(nodes=both),
            )
        )
        == 2
    )


def test_only_failures_that_take_what_no_other_takes_are_looked_at() -> None:
    """Acme has a and b, Bolt c; Own has a alone, and without the cable users reach c no more."""
    near = demand(rate=20, min_served=0.5)
    only_acme = demand("others", rate=1, min_served=1.0, countries=("FR",))
    cable = Link(Item("region", "users"), Item("site", "c"), 10, via=((Item("cable", "North"),),))

    def hardest(*rows: Demand, stands: str = "abc") -> list[str]:
        of = network(
            [
                site("a", owner=(("Own",),), country=(("FR",),)),
                site("b", country=(("FR",),)),
                site("c", "Bolt"),
            ],
            [offer(name, "gpu", requests_per_s=10) for name in "abc"],
            demand=rows,
            links=(cable,),
            dependencies=[
                ACME,
                *(
                    protected(*item)
                    for item in (("provider", "Bolt"), ("owner", "Own"), ("cable", "North"))
                ),
            ],
        )
        there = {("nodes", at(name)): 1.0 for name in stands}
        return [failure.name for failure in rule._hardest(of, lambda what: there.get(what, 0.0))]

    assert hardest(near) == ["provider:Acme", "provider:Bolt", "cable:North"]
    # Of two that take the same the first by name is enough.
    assert hardest(near, stands="ac") == ["owner:Own", "provider:Bolt", "cable:North"]
    assert hardest(near, stands="b") == ["provider:Acme", "cable:North"]
    # Without Acme nothing is left for the others; without Own they must be served from b.
    rows = (near, only_acme)
    assert hardest(*rows) == ["provider:Acme", "owner:Own", "provider:Bolt", "cable:North"]


def test_a_parent_takes_its_resellers_along() -> None:
    resold = nodes_only(
        providers=[replace(nodes_only().providers["Bolt"], parent=(("Core",),))],
        dependencies=[protected("provider", "Core")],
    )
    assert_legal(rule, resold, standing(a=1))
    assert_illegal(rule, resold, standing(c=9), "without provider:Core")


def test_a_cable_takes_its_route_and_no_estimate_stands_in() -> None:
    region = Item("region", "users")
    links = [
        Link(region, Item("site", "a"), 10, via=((Item("cable", "North"),),)),
        Link(region, Item("site", "c"), 10),
    ]
    cut = nodes_only(dependencies=[protected("cable", "North")], links=tuple(links))
    assert_legal(rule, cut, standing(a=2, c=1))
    assert_illegal(rule, cut, standing(a=9), "without cable:North")
    assert_legal(rule, cut, standing(b=1))


def test_after_a_failure_the_limit_is_twice_as_long_or_what_is_given() -> None:
    links = tuple(
        Link(Item("region", "users"), Item("site", name), ms)
        for name, ms in (("a", 10.0), ("c", 35.0))
    )

    def within(**given: Any) -> Network:
        row = demand(rate=20, min_served=0.5, max_latency_ms=20, **given)
        far = nodes_only(row, links=links)
        return replace(far, sites={name: found for name, found in far.sites.items() if name != "b"})

    def served(asked: Network) -> Network:
        return replace(asked, offers={key: o for key, o in asked.offers.items() if key.site != "b"})

    assert failover_ms(within().demand[0]) == 40
    assert failover_ms(demand()) is None
    assert failover_ms(demand(failover_latency_ms=7)) == 7
    assert_legal(rule, served(within()), standing(a=2, c=1))
    assert_illegal(rule, served(within()), standing(a=2), "without provider:Acme")
    # Within 30 ms nothing could serve anybody without Acme: that is left out.
    assert_legal(rule, served(within(failover_latency_ms=30)), standing(a=2))
    assert lost_rows(served(within(failover_latency_ms=30)))["provider:Acme"]
    assert not never(served(within(failover_latency_ms=30)))
    assert never(served(within(failover_latency_ms=5)))


def checked(**given: Any) -> Network:
    """Execution at x; verifiers of Acme, Bolt and Core, each of 2 verifications/s and node."""
    sites = [site("x", "Dorn"), site("a"), site("b", "Bolt"), site("c", "Core"), site("d", "Edge")]
    two = Policy(policy="two", verifiers=2, quorum=2, independent_of=("provider",))
    return network(
        sites,
        [offer("x", "gpu", requests_per_s=10), *(offer(name, "check") for name in "abcd")],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=2)],
        demand=[demand(rate=4, min_served=0.5, verification="two")],
        policies=[two],
        **{"dependencies": [ACME]} | given,
    )


def verifying(**nodes: int) -> Deployment:
    return Deployment(
        nodes={at("x"): 1} | {at(name, "check"): count for name, count in nodes.items()}
    )


def test_what_is_served_must_be_verified_by_who_is_left() -> None:
    # 2 requests/s by two of Bolt, Core and Edge, one node each; with Bolt and Core alone as well.
    assert_legal(rule, checked(), verifying(b=1, c=1))
    assert_legal(rule, checked(), verifying(a=1, b=1, c=1, d=1))
    assert_illegal(rule, checked(), verifying(a=9, b=9), "without provider:Acme", "50.0000% less")
    both = checked(shocks={"both": [Item("provider", "Acme"), Item("provider", "Bolt")]})
    assert_illegal(rule, both, verifying(a=9, b=9, c=1), "without shock:both")
    assert_legal(rule, both, verifying(a=9, b=9, c=1, d=1))


def test_a_panel_need_not_outlive_what_is_verified_anew() -> None:
    # Two of two must agree: with Acme a verifier would be lost, unless others take over.
    panel = (at("a", "check"), at("b", "check"))
    row = checked().demand[0]
    flows = tuple(
        VerificationFlow("two", "", "", at("x"), verifier, row.requests_per_s) for verifier in panel
    )
    plan = replace(
        verifying(a=2, b=2, c=1),
        routing=(Flow(row.key, at("x"), ESTIMATE, "warm", 1.0),),
        verification=flows,
        panels=(Panel("two", "", "", at("x"), panel, 1.0),),
    )
    assert_legal(verification, checked(), plan)
    assert_legal(rule, checked(), plan)
    whole = replace(checked(), demand=(replace(row, min_served=0.0),))
    assert_illegal(verification, whole, plan, "no independent panel")


def test_panels_of_crossing_kinds_are_looked_for_one_by_one() -> None:
    # Each pair of a, b, c shares an owner, so d is in every panel and can verify 2 requests/s.
    owners = {"a": (("P",), ("Q",)), "b": (("Q",), ("R",)), "c": (("R",), ("P",)), "d": ()}
    sites = [site("x", "Dorn"), *(site(name, name, owner=owners[name]) for name in "abcd")]
    crossing = replace(
        checked(),
        sites={found.site: found for found in sites},
        providers={name: replace(ACME_ROW, provider=name) for name in ("Acme", "Dorn", *"abcd")},
        policies={"two": Policy(policy="two", verifiers=2, quorum=2, independent_of=("owner",))},
        dependencies={Item("provider", "a"): protected("provider", "a")},
    )
    assert_legal(rule, crossing, verifying(b=1, d=1))
    assert_illegal(rule, crossing, verifying(b=9, c=9), "without provider:a")
    more = replace(crossing, demand=(replace(crossing.demand[0], min_served=0.75),))
    assert_illegal(rule, more, verifying(b=9, c=9, d=1), "25.0000% less")
    assert_legal(rule, more, verifying(b=2, d=2))


ACME_ROW = network([site("a")]).providers["Acme"]


def cold(near_ms: float = 10.0, **given: Any) -> Network:
    """A model of 60 GB, loaded in 30 s from a copy at one site of Acme or one of Bolt, or 150 s."""
    row = demand(rate=0.004, model="chat", min_served=1.0, **{"max_latency_ms": 20_000} | given)
    return network(
        [site("a"), site("c", "Bolt")],
        [*(offer(name, kind) for name in "ac" for kind in ("gpu", "disk"))],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, load_gb_per_s=2),
            NodeType(node_type="disk", role="storage", disk_tb=1),
        ],
        models=[Model(model="chat", gpu_memory_gb=60, weights_gb=60, requests_per_s=4)],
        settings=Settings(near_ms=near_ms, cold_share=0.12),
        demand=[row],
        dependencies=[ACME],
    )


def slots(copies: str = "", **count: int) -> Deployment:
    offers = {at(name): found for name, found in count.items()}
    stores = {at(name, "disk"): 1 for name in copies}
    held = frozenset(Replica(*store, "chat") for store in stores)
    return Deployment(nodes={**offers, **stores}, cold_slots=offers, copies=held)


def test_a_cold_slot_serves_with_a_copy_that_is_left() -> None:
    # 30 s · 0.004/s = 0.12 busy slots; failover within 40 s, which a load from the hub misses.
    assert_legal(rule, cold(), slots("ac", a=1, c=1))
    assert_illegal(rule, cold(), slots("a", a=1, c=1), "without provider:Acme")
    assert_illegal(rule, cold(), slots("ac", a=1), "without provider:Acme")
    assert_legal(rule, cold(), slots("c", c=1))
    # Five times as long as from a copy: five slots.
    waiting = cold(max_latency_ms=200_000)
    assert_legal(rule, waiting, slots(c=5))
    assert_illegal(rule, waiting, slots(c=4), "without provider:Acme")


def test_who_asks_for_nothing_needs_somebody_there() -> None:
    idle = nodes_only(demand(rate=0, min_served=1.0))
    assert_legal(rule, idle, standing(c=1))
    assert_illegal(rule, idle, standing(a=1), "100.0000% less")
    loaded = replace(cold(), demand=(replace(cold().demand[0], requests_per_s=0.0),))
    assert_legal(rule, loaded, slots("c", c=1))
    assert_illegal(rule, loaded, slots("a", c=1), "without provider:Acme")


def test_every_period_is_survived_by_itself() -> None:
    rows = [demand(rate=20, min_served=0.5, period=name) for name in ("day", "night")]
    two = nodes_only(*rows, periods={"day": 300.0, "night": 430.0})
    assert_legal(rule, two, standing(c=1))
    assert_illegal(rule, two, standing(a=1), "day without", "night without")


def test_an_upstream_accepts_no_more_after_a_failure() -> None:
    model = Model(model="far", gpu_memory_gb=0, upstream=(("Lab",),), max_requests_per_s=8)
    calls = nodes_only(
        demand(rate=20, model="far", min_served=0.4),
        models=[model],
        links=tuple(Link(Item("site", name), Item("upstream", "Lab"), 5) for name in "abc"),
    )
    assert_legal(rule, calls, standing(c=1))
    more = replace(calls, demand=(replace(calls.demand[0], min_served=0.5),))
    assert_illegal(rule, more, standing(c=9), "10.0000% less")
    # Without the upstream nobody could be served: unavoidable there.
    gone = replace(calls, dependencies={Item("upstream", "Lab"): protected("upstream", "Lab")})
    assert_legal(rule, gone, standing())
    assert lost_rows(gone) == {"upstream:Lab": frozenset({calls.demand[0].key})}


def test_it_is_explained_by_the_tightest_failure() -> None:
    rows = [demand(rate=10, min_served=0.5), demand("others", rate=10, min_served=0.8)]
    plan = standing(a=2, c=2)
    assert_explains(rule, nodes_only(*rows), plan, "1 protected failures are survived", "100.0%")
    assert_explains(rule, nodes_only(*rows), standing(a=2), "1 protected failures are not survived")
    assert_explains(rule, nodes_only(demand()), plan, "No demand row asks")


def test_a_plan_that_must_survive_is_dearer_and_survives() -> None:
    asked = nodes_only(demand(rate=20, min_served=0.5))
    dear = {
        key: replace(o, monthly_cost=9 if key.site == "c" else 1) for key, o in offers_of(asked)
    }
    asked = replace(asked, offers=dear)
    careless = replace(asked, dependencies={})
    found = {}
    for name, of in (("careless", careless), ("careful", asked)):
        solved = solve(of, Limits(20, gap=0.0))
        assert solved.plan is not None
        found[name] = solved.stages[-1].value
        said = audit(asked, solved.plan)
        assert [v.rule for v in said] == ([] if name == "careful" else ["survival"]), said
    # Two nodes of Acme; then one of them is of Bolt.
    assert found == pytest.approx({"careless": 2.0, "careful": 10.0})


def offers_of(of: Network) -> Iterator[tuple[OfferKey, Any]]:
    return iter(of.offers.items())


def test_where_no_plan_survives_the_rule_and_the_protection_are_named() -> None:
    # All that Bolt offers is one node, half of what must be served without Acme.
    asked = nodes_only(demand(rate=40, min_served=0.5))
    scarce = {key: replace(o, max_nodes=1 if key.site == "c" else 9) for key, o in offers_of(asked)}
    found = reasons(replace(asked, offers=scarce), Workers(1), threading.Event())
    assert [text.partition(":")[0] for text in found] == ["survival", "protect"]
    assert "without provider:Acme" in found[-1]


# Brute force -----------------------------------------------------------------------------------


class BruteForce:
    """Whether a plan survives a failure: every way a column, every legal panel a column."""

    def __init__(self, drawn: Network, plan: Deployment, failed: frozenset[Item]) -> None:
        self.left, self.plan = after(drawn, failed), plan
        self.rows: dict[Any, dict[int, float]] = defaultdict(dict)
        self.limit: dict[Any, float] = {}
        self.count = 0

    def most(self, key: Any, limit: float, amount: float) -> None:
        """Put the last column into a row Σ ≤ limit."""
        self.rows[key][self.count - 1] = self.rows[key].get(self.count - 1, 0.0) + amount
        self.limit[key] = limit

    def survives(self, asked: list[Demand]) -> bool:
        keys = {row.key for row in asked}
        rows = [row for row in self.left.demand if row.key in keys]
        if len(rows) < len(keys):
            return False
        for row in rows:
            self.limit["served", row.key] = -row.min_served
            self.rows["served", row.key] = {}
            for way in self.ways(row):
                self.serve(row, *way)
        for scope in sorted({key[1:] for key in self.rows if key[0] == "executed"}):
            self.verify(*scope)
        matrix = np.zeros((len(self.rows), max(1, self.count)))
        for number, terms in enumerate(self.rows.values()):
            for column, amount in terms.items():
                matrix[number, column] = amount
        limits = [self.limit[key] + 1e-7 for key in self.rows]
        found = linprog(np.zeros(matrix.shape[1]), A_ub=matrix, b_ub=limits)
        assert found.status in (0, 2), found.message
        return bool(found.status == 0)

    def ways(self, row: Demand) -> Iterator[tuple[OfferKey, str, str, Service]]:
        stores = [
            o for o in self.left.offers_of("storage") if Replica(*o, row.model) in self.plan.copies
        ]
        for key in self.left.offers_of("execution"):
            for route in route_labels(self.left, row.region, key.site):
                for state in ("warm", "cold"):
                    for source in [HUB, *map(str, stores)] if state == "cold" else [""]:
                        found = service(self.left, row, key, route, state, source)
                        known = isinstance(found, Service) and found.round_trip_ms != np.inf
                        if known and self.plan.nodes.get(key, 0) > 0:
                            yield key, route, state, found

    def serve(self, row: Demand, key: OfferKey, _: str, state: str, found: Service) -> None:
        left, plan, settings = self.left, self.plan, self.left.settings
        model, policy = left.models.get(row.model), left.policies.get(row.verification)
        effort = row.requests_per_s * (1 + (policy.overhead if policy else 0.0))
        if model is None or model.proxied:
            there = plan.nodes[key]
            what, limit = (
                "nodes",
                settings.utilisation * (left.offers[key].requests_per_s or 0) * there,
            )
        elif state == "cold":
            there = plan.cold_slots.get(key, 0)
            what, limit = "cold", settings.cold_share * there
            effort = row.requests_per_s * (found.load_s + found.service_s)
        else:
            there = plan.warm.get(Replica(*key, row.model), 0)
            what = f"warm {row.model}"
            speed = left.node_types[key.node_type].speed
            limit = settings.utilisation * (model.requests_per_s or 0) * speed * there
        if not there:
            return
        self.count += 1
        self.most(("served", row.key), -row.min_served, -1.0)
        self.most(("all", row.key), 1.0, 1.0)
        self.most((what, row.period, key), limit, effort)
        for any_of in (model.upstream or ()) if model else ():
            links = [
                link
                for name in any_of
                for link in left.links_between(Item("site", key.site), Item("upstream", name))
            ]
            best = min(links, key=lambda link: (link.latency_ms, link.label), default=None)
            for name in any_of:
                called = best is None or Item("upstream", name) in (best.origin, best.target)
                if model and model.max_requests_per_s is not None and called:
                    at_most = model.max_requests_per_s
                    self.most(("upstream", row.period, name), at_most, row.requests_per_s)
        if policy is not None and policy.verifiers and row.requests_per_s:
            scope = (row.verification, row.residency, row.period, key)
            self.most(("executed", *scope), 0.0, row.requests_per_s)

    def verify(self, name: str, residency: str, period: str, executor: OfferKey) -> None:
        left, policy = self.left, self.left.policies[name]
        of = next(row for row in left.demand if row.residency == residency)
        able = [
            o
            for o in left.offers_of("verification")
            if self.plan.nodes.get(o, 0) > 0
            and verification._unfit(
                left, policy, of, VerificationFlow(name, residency, period, executor, o, 1.0)
            )
            is None
        ]
        for panel in combinations(able, policy.verifiers):
            if _panel_audit.is_legal_panel(left, policy, panel):
                self.count += 1
                self.most(("executed", name, residency, period, executor), 0.0, -1.0)
                for o in panel:
                    each = left.node_types[o.node_type].verifications_per_s or 0.0
                    limit = left.settings.utilisation * each * self.plan.nodes[o]
                    self.most(("verifies", period, o), limit, policy.work)


def drawn(seed: int) -> Network:
    return draw.surviving(draw.network(seed), seed)


def asks(of: Network) -> bool:
    return any(any(failure.required) for failure in protected_failures(of))


def survived(of: Network, plan: Deployment) -> bool:
    for name, lost in lost_rows(of).items():
        asked = [row for row in of.demand if row.min_served and row.key not in lost]
        if not BruteForce(of, plan, of.protected[name]).survives(asked):
            return False
    return True


@pytest.mark.parametrize("part", parts(3))
def test_a_plan_survives_exactly_when_every_way_and_panel_written_out_says_so(part: int) -> None:
    """On 300 random networks with something to survive, and one plan each."""
    seen: Counter[bool] = Counter()
    seed = 100_000 * part
    while sum(seen.values()) < 100:
        seed += 1
        of = drawn(seed)
        if not asks(of):
            continue
        plan = draw.richer(of, draw.plan(of, draw.row_by_row(of), seed), seed)
        by_force = survived(of, plan)
        assert by_force == (not list(rule.audit(of, plan))), seed
        seen[by_force] += 1
    assert min(seen[True], seen[False]) >= 20, seen


@pytest.mark.parametrize("part", parts(2))
def test_a_row_separated_at_any_point_holds_for_every_plan_that_survives(part: int) -> None:
    """Also at mixtures and parts of plans; plans hold no more replicas than their nodes have."""
    checked = broken = 0
    for seed in range(150 * part, 150 * part + 150):
        of = drawn(seed)
        if not asks(of):
            continue
        classes, choose = draw.row_by_row(of), random.Random(seed)
        model = build(of, classes)
        block = model.phase[SINGLE_PHASE]
        points, legal = [], []
        for number in range(6):
            plan = draw.richer(of, draw.plan(of, classes, 1000 * seed + number), number)
            values, lost = place(block, of, plan)
            points.append({key: amount for key, (_, amount) in values.items()})
            legal.append(not lost and fits(of, plan) and not list(rule.audit(of, plan)))
        cuts = []
        for number in range(12):
            weights = np.eye(6)[number % 6]
            if number >= 6:
                weights = np.array([choose.random() * choose.choice([0, 1]) for _ in points])
                weights *= choose.choice([0.3, 1.0]) / (weights.sum() or 1.0)
            cuts += broken_at(block, of, points, weights)
        for point, is_legal in zip(points, legal, strict=True):
            for cut in cuts if is_legal else ():
                checked += 1
                broken += cut.is_broken(lambda v, point=point: point.get(id(v), 0.0))  # type: ignore[misc]
    assert checked > 200
    assert broken == 0


def broken_at(block: Any, of: Network, points: list[dict[int, float]], weights: Any) -> list[Cut]:
    def value(variable: Any) -> float:
        found = [point.get(id(variable), 0.0) for point in points]
        return float(weights @ np.array(found))

    own = block.rules.survival
    return [cut for cut in rule.separate(own, block, of, value) if cut.is_broken(value)]


def fits(of: Network, plan: Deployment) -> bool:
    for replica, count in plan.warm.items():
        key = OfferKey(replica.site, replica.node_type)
        each = replicas_per_node(of.models[replica.model], of.node_types[replica.node_type])
        if count > each * plan.nodes.get(key, 0):
            return False
    return all(plan.nodes.get(key, 0) for key, count in plan.cold_slots.items() if count)


def test_plans_of_random_networks_survive_what_is_protected() -> None:
    """Whatever the solver finds passes the audit; some networks have no plan."""
    found: Counter[str] = Counter()
    for seed in range(160):
        of = replace(drawn(seed), diversity=(), locks=(), settings=Settings())
        if not asks(of):
            continue
        solved = solve(of, Limits(20, gap=0.05))
        found[solved.status] += 1
        if solved.plan is not None:
            assert not [str(v) for v in audit(of, solved.plan)], seed
    assert found["optimal"] > 5, found


def test_a_region_that_goes_with_what_is_protected_is_left_out_on_both_sides() -> None:
    grid = Item("grid", "G")
    of = network(
        [site("a"), site("b", "Bolt")],
        [offer(name, "gpu", requests_per_s=10) for name in "ab"],
        demand=[demand(rate=5, min_served=0.5)],
        exposures=(Exposure(Item("region", "users"), (grid,)),),
        dependencies=[protected("grid", "G")],
    )
    assert lost_rows(of) == {"grid:G": frozenset({of.demand[0].key})}
    assert not list(rule.audit(of, Deployment(nodes={at("a"): 9, at("b"): 9})))


def test_a_larger_failure_that_leaves_more_hides_no_smaller_one() -> None:
    # Without the cable, x calls B, which accepts more than A does.
    ends = Item("site", "x"), Item("site", "y")
    a, b = Item("upstream", "A"), Item("upstream", "B")
    users = Item("region", "users")
    links = (
        Link(ends[0], a, 5.0, via=((Item("cable", "North"),),)),
        Link(ends[0], b, 10.0),
        Link(ends[1], a, 5.0),
        Link(users, ends[0], 50.0),
        Link(users, ends[1], 5.0),
    )
    far = Model(model="far", gpu_memory_gb=0, upstream=(("A", "B"),), max_requests_per_s=8)
    acme = Item("provider", "Acme")
    of = network(
        [site("x", "Bolt"), site("y", "Bolt"), site("z", "Acme")],
        [offer(name, "gpu", requests_per_s=10) for name in "xyz"],
        demand=[demand(rate=15, model="far", min_served=1.0)],
        models=[far],
        links=links,
        dependencies=[protected("provider", "Acme")],
    )
    storm = Shock(shock="storm", takes_down=None, protect=True)
    of = replace(
        of,
        shocks={"storm": storm},
        shock_items={"storm": frozenset({acme, Item("cable", "North")})},
    )
    plan = Deployment(nodes={at("x"): 9, at("y"): 9})
    failures = ([acme], of.shock_items["storm"])
    served = [replay(of, plan, failed).served[of.demand[0].key] for failed in failures]
    assert served == [pytest.approx(8 / 15), pytest.approx(1.0)]
    found = [violation.where for violation in rule.audit(of, plan)]
    assert found == ["users, far without provider:Acme"]
    states, solved = States(of, plan), Solved(States(of, plan))
    solved.add(states.state(states.effect([acme])), replay(of, plan, [acme]))
    both = states.state(states.effect([acme, Item("cable", "North")]))
    assert solved.of(both) is None
    known = states.state(states.effect([acme]))
    assert list(solved.missing([both, known, both, known])) == [both]


def richest(of: Network) -> Deployment:
    """Return as much of everything as any plan may have and more, wherever something may stand."""
    stands = [
        key
        for key, found in of.offers.items()
        if found.max_nodes
        and of.sites[key.site].status != "forbidden"
        and of.sites[key.site].max_nodes != 0
        and of.providers[of.sites[key.site].provider].status != "forbidden"
        and of.providers[of.sites[key.site].provider].max_nodes != 0
    ]
    executing = [key for key in stands if of.role(key) == "execution"]
    storing = [key for key in stands if of.role(key) == "storage"]
    return Deployment(
        nodes=dict.fromkeys(stands, MANY),
        warm={Replica(*key, name): MANY for key in executing for name in of.models},
        cold_slots=dict.fromkeys(executing, MANY),
        copies=frozenset(Replica(*key, name) for key in storing for name in of.models),
    )


def test_rows_are_left_out_exactly_where_the_richest_plan_serves_nothing_of_them() -> None:
    """Both sides of the rule leave them out, so neither would see that the list is wrong."""
    seen: Counter[bool] = Counter()
    for seed in range(120):
        of = drawn(seed)
        left = Replays(of, richest(of))
        for name, lost in lost_rows(of).items():
            for row in of.demand:
                if row.min_served:
                    served = left.of((row,)).after(of.protected[name]).served[row.key]
                    assert (served < 1e-9) == (row.key in lost), (seed, name, row.key, served)
                    seen[row.key in lost] += 1
    assert min(seen[True], seen[False]) > 40, seen


def test_rows_whose_routes_differ_in_price_alone_are_alike_after_a_failure() -> None:
    """Of one region the route is measured and costs, of the other it is estimated and free."""
    measured = Link(Item("region", "r1"), Item("site", "a"), 20.0, cost_per_million=5.0)
    rows = [demand(name, rate=5, min_served=0.5) for name in ("r1", "r2")]
    of = network(
        [site("a")], [offer("a", "gpu", requests_per_s=10)], demand=rows, links=(measured,)
    )
    assert len(demand_classes(of).classes) == 2
    assert len(demand_classes(patient(of, of.demand)).classes) == 1
