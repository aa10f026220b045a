"""A rule that is switched off by its rows is as good as one that was never built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.build import rule_name
from models.classes import demand_classes
from models.network import Network
from models.objectives import stage
from models.rules import RULES
from planner.evaluation.audit import audit
from planner.result import Limits
from planner.solver.problem import Problem
from planner.solver.solve import Session, Solved, solve
from tests import draw
from tests.rules.test_diversity_service import asking, four
from tests.solver.test_solve import solvable
from tests.thorough import parts

EXACT = Limits(time_limit_s=30.0, gap=0.0)
NAMES = [rule_name(rule) for rule in RULES]


def drawn(count: int) -> list[Network]:
    """Return random networks, every other one easy to solve; all goals at once, none gives way."""
    found = [make(seed) for seed in range(count // 2) for make in (surviving, solvable)]
    return [
        replace(network, goals=tuple(goal._replace(priority=1) for goal in network.goals))
        for network in found
    ]


def surviving(seed: int) -> Network:
    return draw.surviving(draw.network(seed), seed)


def built_without(problem: Problem, rules: frozenset[str]) -> Problem:
    """Return the compiled problem, built anew without the rules."""
    network, block = problem.network, problem.block
    found = Problem(network, block.classes, problem.without | rules, block.streams)
    found.compile([stage(found.block, network, list(network.goals))])
    return found


def by_rule(network: Network) -> dict[str, Solved]:
    """Return how the network is solved without each rule, compiled once."""
    session = Session(network)
    found = {n: solve(network, EXACT, without=frozenset({n}), session=session) for n in NAMES}
    return {"": solve(network, EXACT, session=session), **found}


def test_every_rule_has_rows_to_switch_off_in_some_network() -> None:
    having = set()
    stepping = (draw.stepping(network, seed) for seed, network in enumerate(drawn(24)))
    for network in (*drawn(24), *stepping, four(asking(2))):
        problem = Problem(network, demand_classes(network))
        problem.compile([])
        having |= {name.partition(".")[0] for name in problem.arrays.row_names}
    # reach: no random committee asks for it; served: none asks that all be served.
    assert set(NAMES) - having <= {"reach", "served"}


@pytest.mark.parametrize("number", parts(24))
def test_switched_off_and_built_without_have_the_same_optimum(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = drawn(24)[number]
    switched = by_rule(network)
    monkeypatch.setattr(Problem, "switched_off", built_without)
    monkeypatch.setattr("planner.solver.solve.nearest_service", lambda *_: None)
    built = by_rule(network)
    for name in ["", *NAMES]:
        assert switched[name].status == built[name].status, name
        values = [found.value for found in switched[name].stages]
        assert values == pytest.approx([found.value for found in built[name].stages], rel=1e-6)
        plan = switched[name].plan
        assert {found.rule for found in (audit(network, plan) if plan else ())} <= {name}
