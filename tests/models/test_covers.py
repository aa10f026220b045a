"""Cover rows hold for every plan, cold and unserved demand included, and cut the relaxation off."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.networks import Size, generate
from models import covers
from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.covers import rounding
from models.data import Model, NodeType, Policy
from models.expressions import Cut
from models.network import Network
from models.objectives import stage
from models.packing import Packing
from planner.solver.problem import Problem
from tests import rules as rows_of
from tests.solver.test_solve import solvable


@pytest.mark.parametrize("seed", range(60))
def test_rounding_holds_for_every_whole_point(seed: int) -> None:
    draws = np.random.default_rng(seed)
    coefficients = np.array([1.0, *draws.uniform(0.1, 2.5, 2)])
    right = float(draws.uniform(0.3, 5.0))
    found = rounding(coefficients, right)
    if found is None:
        assert right - math.floor(right) < 0.01 or right - math.floor(right) > 1 - 1e-6
        return
    whole, per_slack, at_least = found
    assert at_least == math.ceil(right)
    assert whole[0] * right < at_least  # what the relaxation would choose is cut off
    for point in itertools.product(range(6), repeat=3):
        # the least slack with which the first row holds is the hardest for the second
        slack = max(0.0, right - float(coefficients @ np.array(point)))
        left = float(whole @ np.array(point)) + per_slack * slack - at_least
        assert left >= -1e-9


def test_what_is_missed_makes_up_for_what_does_not_stand_and_no_more() -> None:
    # Nodes of power ½ for a need of 0.8: two of them, or one and 0.3 / 0.8 of the need missed.
    one, every = np.array([0.5]), np.array([True])
    nothing = np.zeros(1)
    found = covers._broken(one, np.array([0.8]), every, every, nothing, nothing)
    assert found is not None
    each, slack, at_least = found
    assert (each.tolist(), at_least) == ([1.0], 2.0)
    assert 1 + slack[0] * 0.3 / 0.8 == pytest.approx(2.0)
    # The row holds there, and where both stand.
    for placed, missed in ((1.0, 0.375), (2.0, 0.0)):
        point = np.array([placed]), np.array([missed])
        assert covers._broken(one, np.array([0.8]), every, every, *point) is None


@pytest.mark.parametrize(("placed", "broken"), [(1000.95, False), (1000.8, True)])
def test_a_row_is_broken_by_what_is_lacking_in_relation_to_what_is_needed(
    placed: float, broken: bool
) -> None:
    # 1001 are needed: 0.05 of them are less than a ten-thousandth, 0.2 are more.
    one, every, need = np.array([0.5]), np.array([True]), np.array([500.25])
    found = covers._broken(one, need, every, every, np.array([placed]), np.zeros(1))
    assert (found is not None) is broken


@pytest.mark.parametrize(
    ("placed", "missed", "row"),
    [
        # By halves 2.4 are three, by wholes 1.2 are two: whichever lacks more of what it asks for.
        ([2.4, 0.0, 9.0], [0.0, 9.0, 0.0], ([1.0, 2.0, 0.0], [4.0, 0.0, 2.0], 3.0)),
        ([0.0, 1.2, 9.0], [0.0, 9.0, 0.0], ([1.0, 1.0, 0.0], [4.0, 0.0, 2.0], 2.0)),
        ([0.0, 1.0, 9.0], [0.1, 9.0, 0.05], ([1.0, 1.0, 0.0], [4.0, 0.0, 2.0], 2.0)),
        ([0.0, 1.0, 9.0], [0.2, 9.0, 0.15], None),
    ],
)
def test_the_row_of_a_set_is_of_what_is_in_it_and_of_who_reaches_nothing_else(
    placed: list[float], missed: list[float], row: tuple[list[float], list[float], float] | None
) -> None:
    # Of powers ½, 1 and ¼ the last is outside; of needs 0.8, 0.7 and 0.4 the second can go there.
    found = covers._broken(
        np.array([0.5, 1.0, 0.25]),
        np.array([0.8, 0.7, 0.4]),
        np.array([True, True, False]),
        np.array([True, False, True]),
        np.array(placed),
        np.array(missed),
    )
    if row is None or found is None:
        assert found is row
        return
    each, slack, at_least = found
    assert (each.tolist(), slack.tolist(), at_least) == (
        pytest.approx(row[0]),
        pytest.approx(row[1]),
        row[2],
    )


@pytest.mark.parametrize("right", [2.0, 2.005, 3 - 1e-7])
def test_what_is_nearly_whole_is_not_rounded(right: float) -> None:
    assert rounding(np.array([1.0, 0.5]), right) is None
    assert rounding(np.array([1.0, 0.5]), right + 0.02) is not None


def test_what_is_as_far_from_whole_as_asked_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covers, "SMALLEST_FRACTION", 0.25)
    assert rounding(np.array([1.0]), 2.25) is not None
    assert rounding(np.array([1.0]), 2.1875) is None


@pytest.mark.parametrize(("requests_per_s", "rows"), [(4.0, 2), (None, 0)])
def test_of_a_model_without_a_figure_there_is_no_row(
    requests_per_s: float | None, rows: int
) -> None:
    of = rows_of.network(
        [rows_of.site("a")],
        [rows_of.offer("a", "gpu")],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
        models=[Model(model="m", gpu_memory_gb=40, requests_per_s=requests_per_s)],
        demand=[rows_of.demand(rate=5, model="m")],
    )
    model = build(of, demand_classes(of))
    assert len(list(covers.separate(model.phase[SINGLE_PHASE], of, lambda _: 0.0))) == rows


def test_every_way_of_counting_that_some_node_has_is_tried() -> None:
    one, two = ({Fraction(1): Fraction(1, weight)} for weight in (2, 3))
    packings = {"narrow": Packing((one,)), "wide": Packing((one, two))}
    assert covers._ways(SimpleNamespace(packings=packings)) == 3  # the mean, and each of two rows
    assert covers._ways(SimpleNamespace(packings={})) == 0


def test_a_request_takes_more_where_it_is_verified() -> None:
    slow = Policy(policy="slow", verifiers=0, overhead=0.25)
    of = rows_of.network(
        [rows_of.site("a")],
        [rows_of.offer("a", "gpu", requests_per_s=9)],
        policies=[slow],
        demand=[rows_of.demand(), rows_of.demand(verification="slow")],
    )
    efforts = {job.policy: covers._effort(of, job, 4.0) for job in demand_classes(of).jobs}
    assert efforts == {"": 4.0, "slow": 5.0}


def test_rows_of_replicas_and_of_nodes_are_those_of_who_can_go_nowhere_else() -> None:
    """Of 5 + 2.4 requests/s the office's 2.4 need a site in Germany: c, twice as fast as a.

    A replica of 4 requests/s, there 8, takes half a node. At a 1.85 of them are two, by one at c;
    the office's 0.3 at c are one. A node does 16 requests/s at c, or half of that.
    """
    of = rows_of.network(
        [rows_of.site("a", country=(("FR",),)), rows_of.site("c", "Bolt", country=(("DE",),))],
        [rows_of.offer("a", "gpu"), rows_of.offer("c", "fast")],
        node_types=[
            NodeType(node_type=name, role="execution", gpu_memory_gb=80, speed=speed)
            for name, speed in (("gpu", 1.0), ("fast", 2.0))
        ],
        models=[Model(model="m", gpu_memory_gb=40, requests_per_s=4)],
        demand=[
            rows_of.demand(rate=5, model="m"),
            rows_of.demand("office", rate=2.4, model="m", countries=("DE",)),
        ],
    )
    model = build(of, demand_classes(of))
    block = model.phase[SINGLE_PHASE]

    def broken(**there: float) -> list[tuple[dict[str, float], float | None]]:
        cuts = covers.separate(block, of, lambda v: there.get(v.local_name[:6], 0.0))
        return [({v.local_name: each for each, v in cut.terms}, cut.lower) for cut in cuts]

    replicas = [
        ({"warm[a,gpu,m]": 1.0, "warm[c,fast,m]": 2.0}, {0: 1.25 / 0.85, 1: 0.6 / 0.85}, 2.0),
        ({"warm[c,fast,m]": 1.0}, {1: 1.0}, 1.0),
    ]
    nodes = [
        ({"nodes[a,gpu]": 1.0, "nodes[c,fast]": 2.0}, {0: 0.625 / 0.925, 1: 0.3 / 0.925}, 1.0),
        ({"nodes[c,fast]": 1.0}, {1: 1.0}, 1.0),
    ]

    def wanted(rows: Any) -> Any:
        return [
            (pytest.approx(terms | {f"unserved[{n}]": each for n, each in missed.items()}), least)
            for terms, missed, least in rows
        ]

    assert broken() == wanted(replicas + nodes)
    # A row comes where the point breaks it.
    assert broken(**{"nodes[": 1.0}) == wanted(replicas)
    assert broken(**{"warm[a": 2.0}) == wanted(replicas[1:] + nodes)
    assert broken(**{"warm[c": 1.0, "nodes[": 1.0}) == []


def handed_over(network: Network) -> Problem:
    """Return the problem of the first objectives of a network inside the solver."""
    problem = Problem(network, demand_classes(network))
    goals = [goal for goal in network.goals if goal.priority == network.goals[0].priority]
    expression = stage(problem.block, network, goals)
    problem.compile([expression])
    problem.hand_over(threading.Event(), {"threads": 1})
    problem.minimise(problem.arrays.costs(expression.terms))
    return problem


def rows_broken(problem: Problem, cuts: list[Cut], seed: int) -> int:
    """Return how many of the rows some plan breaks, asked for plans in random directions."""
    draws, broken = np.random.default_rng(seed), 0
    for _ in range(4):
        problem.minimise(draws.uniform(-1.0, 1.0, len(problem.arrays.columns)))
        values = problem.engine.solve(time_limit_s=20.0).values
        if values is not None:
            broken += sum(cut.is_broken(problem.point(values)) for cut in cuts)
    return broken


def rows_that_hold(separate: Callable[..., Iterable[Cut]], networks: range) -> int:
    """Return how many rows relaxed points of random networks break; no plan may break one."""
    found = 0
    for seed in networks:
        problem = handed_over(solvable(seed))
        with problem.engine.relaxation():
            relaxed = problem.engine.solve(time_limit_s=20.0).values
        if relaxed is None:
            continue
        cuts = list(separate(problem.block, problem.network, problem.point(relaxed)))
        found += len(cuts)
        if cuts:
            assert not rows_broken(problem, cuts, seed), seed
    return found


def test_no_plan_of_random_networks_breaks_a_row() -> None:
    assert rows_that_hold(covers.separate, range(120)) > 10


def test_rows_raise_the_bound_of_the_relaxation_and_keep_the_optimum() -> None:
    problem = handed_over(generate(Size(sites=30, regions=20, models=1), seed=3))
    goals = [goal for goal in problem.network.goals if goal.measure == "monthly_cost"]
    cost = stage(problem.block, problem.network, goals)
    unserved = problem.arrays.costs(
        stage(problem.block, problem.network, [problem.network.goals[0]]).terms
    )
    assert problem.fix_if_least(unserved, 0.0)
    problem.minimise(problem.arrays.costs(cost.terms))
    best = problem.engine.solve(time_limit_s=60.0, gap=1e-4)
    assert best.values is not None
    bounds = []
    with problem.engine.relaxation():
        for _ in range(5):
            outcome = problem.engine.solve(time_limit_s=20.0)
            assert outcome.values is not None
            bounds.append(outcome.objective)
            if not problem.tighten(outcome.values):
                break
    assert bounds == sorted(bounds)
    assert bounds[-1] > bounds[0] * 1.01
    assert bounds[-1] <= best.objective * (1 + 1e-6)


def test_without_the_rules_they_follow_from_there_are_none() -> None:
    network = generate(Size(sites=40, regions=6, models=2), seed=3)
    problem = Problem(network, demand_classes(network), frozenset({"memory"}))
    problem.compile([stage(problem.block, network, list(network.goals))])
    problem.hand_over(threading.Event(), {"threads": 1})
    assert problem.tighten(np.zeros(len(problem.arrays.columns))) == 0
