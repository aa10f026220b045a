"""Survival by separation against the whole: every failure's routing written out in one program.

The two-stage program has, for every protected failure, every way of every row and every legal panel
as columns of its own, made from the tables by `service`, case by case. Its optimum is that of the
planner, which has none of these columns and rows from duals instead.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pyomo.environ as pyo
import pytest

from models.classes import demand_classes
from models.data import Demand, Item, OfferKey, Policy
from models.expressions import row as add_row
from models.expressions import rows
from models.failover import lost_rows, protected_failures
from models.network import DEFAULT_GOALS, Link, Network
from models.objectives import stage
from models.plan import HUB, VerificationFlow
from models.replay import after
from models.rules import _panel_audit, verification
from models.service import Service, route_labels, service
from planner.evaluation.audit import audit
from planner.result import Limits
from planner.solver.problem import Problem
from planner.solver.solve import solve
from tests import draw
from tests.thorough import some

GOALS = [goal for goal in DEFAULT_GOALS if goal.measure == "monthly_cost"]
Terms = list[tuple[float, Any]]


class WrittenOut:
    """The second stage of every failure, as columns and rows of the planner's own block."""

    def __init__(self, block: Any, network: Network) -> None:
        self.block, self.network = block, network
        block.written = self.rows = rows()
        block.second = pyo.Var(pyo.Any, domain=pyo.NonNegativeReals, dense=False)
        self.count = 0
        for name, lost in lost_rows(network).items():
            self._failure(name, [d for d in network.demand if d.min_served and d.key not in lost])

    def _new(self) -> Any:
        self.count += 1
        return self.block.second[self.count]

    def _add(self, terms: Terms, lower: float | None = None, upper: float | None = None) -> None:
        add_row(self.rows, (self.count, len(self.rows)), terms, lower=lower, upper=upper)

    def _failure(self, name: str, asked: list[Demand]) -> None:
        left = after(self.network, self.network.protected[name])
        there = {row.key: row for row in left.demand}
        busy: dict[Any, Terms] = defaultdict(list)
        limit: dict[Any, tuple[float, Any]] = {}
        executed: dict[Any, Terms] = defaultdict(list)
        for key in (row.key for row in asked):
            row, served = there[key], []
            for offer, state, source in _ways(left, row):
                column = self._way(left, row, offer, state, source, busy, limit)
                if column is None:
                    continue
                served.append((1.0, column))
                policy = left.policies.get(row.verification)
                if policy is not None and policy.verifiers and row.requests_per_s:
                    at = (row.verification, row.residency, row.period, offer)
                    executed[at].append((row.requests_per_s, column))
            self._add(served, lower=row.min_served)
            self._add(served, upper=1.0)
        for at, terms in executed.items():
            self._panels(left, at, terms, busy, limit)
        for what, terms in busy.items():
            each, variable = limit[what]
            if variable is None:
                self._add(terms, upper=each)
            else:
                self._add([*terms, (-each, variable)], upper=0.0)

    def _way(
        self,
        left: Network,
        row: Demand,
        offer: OfferKey,
        state: tuple[str, str],
        source: str,
        busy: dict[Any, Terms],
        limit: dict[Any, tuple[float, Any]],
    ) -> Any:
        found = service(left, row, offer, state[0], state[1], source)
        if not isinstance(found, Service) or found.round_trip_ms == float("inf"):
            return None
        block, settings = self.block, left.settings
        model, policy = left.models.get(row.model), left.policies.get(row.verification)
        effort = row.requests_per_s * (1 + (policy.overhead if policy is not None else 0))
        if model is None or model.proxied:
            what, variable = "nodes", block.nodes[offer]
            each = settings.utilisation * (left.offers[offer].requests_per_s or 0)
        elif state[1] == "cold":
            what, variable, each = "cold", block.cold_slots[offer], settings.cold_share
            effort = row.requests_per_s * (found.load_s + found.service_s)
        else:
            what, variable = f"warm {row.model}", block.warm[(*offer, row.model)]
            speed = left.node_types[offer.node_type].speed
            each = settings.utilisation * (model.requests_per_s or 0) * speed
        column = self._new()
        for needed in (variable, block.nodes[offer]):
            self._add([(1.0, column), (-1.0, needed)], upper=0.0)
        at = (what, row.period, offer)
        busy[at].append((effort, column))
        limit[at] = each, variable
        if source not in ("", HUB):
            (store,) = [key for key in left.offers_of("storage") if str(key) == source]
            self._add([(1.0, column), (-1.0, block.copy[(*store, row.model)])], upper=0.0)
        for name, most in _called(left, row, offer):
            busy["upstream", row.period, name].append((row.requests_per_s, column))
            limit["upstream", row.period, name] = most, None
        return column

    def _panels(
        self,
        left: Network,
        at: tuple[str, str, str, OfferKey],
        terms: Terms,
        busy: dict[Any, Terms],
        limit: dict[Any, tuple[float, Any]],
    ) -> None:
        name, residency, period, executor = at
        policy = left.policies[name]
        row = next(row for row in left.demand if row.residency == residency)
        able = [
            offer
            for offer in left.offers_of("verification")
            if verification._unfit(
                left, policy, row, VerificationFlow(name, residency, period, executor, offer, 1.0)
            )
            is None
        ]
        chosen: Terms = []
        for panel in combinations(able, policy.verifiers):
            if _panel_audit.is_legal_panel(left, policy, panel):
                column = self._new()
                chosen.append((-1.0, column))
                for offer in panel:
                    each = left.node_types[offer.node_type].verifications_per_s or 0
                    busy["verify", period, offer].append((policy.work, column))
                    limit["verify", period, offer] = (
                        left.settings.utilisation * each,
                        self.block.nodes[offer],
                    )
        self._add([*terms, *chosen], upper=0.0)


def _ways(left: Network, row: Demand) -> Iterator[tuple[OfferKey, tuple[str, str], str]]:
    stores = [str(store) for store in left.offers_of("storage")]
    for offer in left.offers_of("execution"):
        for route in route_labels(left, row.region, offer.site):
            yield offer, (route, "warm"), ""
            for source in (HUB, *stores):
                yield offer, (route, "cold"), source


def _called(left: Network, row: Demand, offer: OfferKey) -> Iterator[tuple[str, float]]:
    """Yield the upstreams with a limit that the offer calls: the fastest of every choice."""
    model = left.models.get(row.model)
    if model is None or model.max_requests_per_s is None:
        return
    for any_of in model.upstream or ():
        links = [
            link
            for name in any_of
            for link in left.links_between(Item("site", offer.site), Item("upstream", name))
        ]
        best = min(links, key=lambda link: (link.latency_ms, link.label), default=None)
        for name in any_of:
            if best is None or Item("upstream", name) in (best.origin, best.target):
                yield name, model.max_requests_per_s


def cost_of_the_whole(network: Network) -> float | None:
    """Return the least cost of the program with everything written out; None if there is none."""
    classes = demand_classes(network, apart=range(len(network.demand)))
    problem = Problem(network, classes, frozenset({"survival"}))
    WrittenOut(problem.block, network)
    made = stage(problem.block, network, GOALS)
    problem.compile([made])
    problem.hand_over(threading.Event(), {})
    problem.minimise(problem.arrays.costs(made.terms), made.constant)
    while True:
        found = problem.engine.solve(time_limit_s=60, gap=0.0)
        if found.values is None:
            return None
        if not problem.separate(found.values):
            return found.objective


def drawn(seed: int) -> Network:
    """Return a random network in which something must survive, and where little else is asked."""
    network, choose = draw.surviving(draw.network(seed), seed), random.Random(seed + 7)
    sites = {
        name: replace(
            site,
            status="candidate",
            max_nodes=choose.choice([None, 12]),
            monthly_cost=choose.choice([0.0, 20.0, 7.0]),
        )
        for name, site in network.sites.items()
    }
    providers = {
        name: replace(provider, status="candidate", max_nodes=None)
        for name, provider in network.providers.items()
    }
    offers = {
        key: replace(
            offer,
            max_nodes=choose.choice([3, 8, 30]),
            min_nodes=0,
            monthly_cost=float(choose.choice([3, 5, 11, 50])),
        )
        for key, offer in network.offers.items()
    }
    policies = {
        name: replace(
            policy,
            verifiers=(count := choose.choice([1, 2, 2, 3])),
            quorum=choose.choice([None, count // 2 + 1, count]),
            independent_of=choose.choice(
                [(), ("owner",), ("provider",), ("country", "owner", "provider")]
            ),
            max_latency_ms=choose.choice([None, None, 40.0]),
        )
        for name, policy in network.policies.items()
    }
    settings = replace(network.settings, budget_monthly=None, budget_one_off=None)
    return replace(
        network,
        sites=sites,
        providers=providers,
        offers=offers,
        policies=policies,
        models={name: replace(model, copies=0) for name, model in network.models.items()},
        committees={},
        diversity=(),
        locks=(),
        settings=settings,
        goals=tuple(GOALS),
    )


def with_a_choice_of_upstreams(seed: int) -> Network | None:
    """Return such a network in which some sites call A and others B, each of which has a limit."""
    network, choose = drawn(seed), random.Random(seed * 3 + 1)
    if "far" not in network.models:
        return None
    links = [link for link in network.links if link.target.kind != "upstream"]
    for site in network.sites:
        for name in ("A", "B"):
            if choose.random() < 0.6:
                ends = Item("site", site), Item("upstream", name)
                links.append(Link(*ends, choose.choice([5.0, 30.0])))
    far = replace(
        network.models["far"],
        upstream=(("A", "B"),),
        max_requests_per_s=choose.choice([2.0, 2.0, 3.0]),
    )
    period = min(network.periods)
    far_rows = [
        Demand(
            region=choose.choice(["r1", "r2"]),
            requests_per_s=1.0,
            model="far",
            verification=f"q{number}",
            period=period,
            min_served=choose.choice([0.6, 1.0, 1.0]),
        )
        for number in range(4)
    ]
    near_rows = [
        Demand(
            region=choose.choice(["r1", "r2"]),
            requests_per_s=choose.choice([1.0, 2.0]),
            model=choose.choice(["tiny", "big"]),
            verification=f"q{number}",
            period=period,
            countries=choose.choice([("DE",), ("FR",), ("US",), ()]),
            max_latency_ms=choose.choice([None, 45.0, 400.0]),
            min_served=choose.choice([0.6, 1.0]),
        )
        for number in range(3)
    ]
    offers = {
        key: replace(offer, requests_per_s=choose.choice([1.0, 3.0]), max_nodes=30)
        for key, offer in network.offers.items()
    }
    return replace(
        network,
        links=tuple(links),
        models={**network.models, "far": far},
        policies={f"q{number}": Policy(policy=f"q{number}", verifiers=0) for number in range(4)},
        demand=tuple({row.key: row for row in (*far_rows, *near_rows)}.values()),
        offers=offers,
    )


def compare(network: Network) -> bool | None:
    """Return whether there is a plan, the same either way; None where nothing must survive."""
    if not any(any(failure.required) for failure in protected_failures(network)):
        return None
    solved, whole = solve(network, Limits(60, gap=0.0)), cost_of_the_whole(network)
    assert (solved.plan is None) == (whole is None)
    if solved.plan is None:
        return False
    assert solved.stages[-1].value == pytest.approx(whole, rel=2e-4)
    assert solved.stages[-1].bound <= whole + 1e-4 * max(1.0, abs(whole or 0.0))
    assert not audit(network, solved.plan)
    return True


def test_separation_finds_the_optimum_of_the_whole() -> None:
    outcomes = [compare(drawn(seed)) for seed in some(range(60))]
    assert 3 * outcomes.count(True) > len(outcomes)
    assert compare(drawn(445)) is not None  # a blank quorum, a majority


def test_a_choice_of_upstreams_cuts_off_no_plan() -> None:
    networks = [with_a_choice_of_upstreams(seed) for seed in (*range(715, 750), 723, 867)]
    outcomes = [compare(network) for network in networks if network is not None]
    assert outcomes.count(True) > 5
