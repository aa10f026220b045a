"""Rows of what must be left after failures hold for every plan, and cut the relaxation off."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.networks import SIZES, generate
from models import covers, headroom
from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, Model, NodeType
from models.expressions import Cut
from models.network import Network
from models.objectives import stage
from models.rules import memory, survival
from models.translate import place
from planner.solver.problem import Problem
from tests import draw
from tests.models.test_covers import handed_over
from tests.rules import at, demand, network, offer, protected, site
from tests.rules.test_survival import asks, drawn, nodes_only

ACME = protected("provider", "Acme")


def rows_at(of: Network, there: Mapping[str, float]) -> tuple[Any, list[Cut]]:
    """Return the block of a network and the rows that a point breaks, given by variable."""
    block = build(of, demand_classes(of)).phase[SINGLE_PHASE]
    point = {
        id(variable): there.get(variable.local_name, 0.0)
        for family in (block.nodes, block.warm, block.cold_slots)
        for variable in family.values()
    }
    return block, list(headroom.separate(block, of, lambda v: point.get(id(v), 0.0)))


def said(cut: Cut) -> tuple[dict[str, float], float | None]:
    return {variable.local_name: each for each, variable in cut.terms}, cut.lower


def test_nodes_that_are_left_are_whole() -> None:
    # Without Acme Bolt serves half of 30 requests/s, 10 a node: 1.5 of them are two.
    of = nodes_only(demand(rate=30, min_served=0.5))
    _, cuts = rows_at(of, {"nodes[c,gpu]": 1.5})
    assert [said(cut) for cut in cuts] == [({"nodes[c,gpu]": 1.0}, 2.0)]
    assert not rows_at(of, {"nodes[c,gpu]": 2.0})[1]
    # Where the need is whole as it is, there is nothing to round.
    assert not rows_at(nodes_only(), {"nodes[c,gpu]": 0.9})[1]


def test_of_two_units_the_one_is_taken_whose_row_lacks_most_of_what_it_asks() -> None:
    # 2p + 3q ≥ 7: by 2 it is p + 2q ≥ 4, of which one in four is lacking; by 3 p + q ≥ 3, one of
    # three. What can do nothing is no unit.
    each, there = np.array([2.0, 3.0, 0.0]), np.array([1.0, 1.0, 9.0])
    with np.errstate(all="raise"):
        cut = headroom._broken(("p", "q", "r"), np.ones(3, dtype=bool), each, 7.0, there)
    assert cut == (((1.0, "p"), (1.0, "q")), 3.0, None)


def halves(*rates: float, min_served: float = 1.0) -> Network:
    """Models whose replicas of 4 requests/s take half a node, at one site of Acme, one of Bolt."""
    names = [f"model {number}" for number in range(len(rates))]
    rows: list[Demand] = [
        demand(rate=rate, model=name, min_served=min_served)
        for name, rate in zip(names, rates, strict=True)
    ]
    return network(
        [site("a"), site("c", "Bolt")],
        [offer("a", "gpu"), offer("c", "gpu")],
        node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
        models=[Model(model=name, gpu_memory_gb=40, requests_per_s=4) for name in names],
        demand=rows,
        dependencies=[ACME],
    )


def test_replicas_are_rounded_before_the_nodes_that_hold_them() -> None:
    # 1.25 and 0.6 replicas of half a node each fill one node; 2 and 1 of them need two.
    there = {"nodes[c,gpu]": 1.2, "warm[c,gpu,model 0]": 1.25, "warm[c,gpu,model 1]": 0.6}
    _, cuts = rows_at(halves(5, 2.4), there)
    assert [said(cut) for cut in cuts] == [
        ({"warm[c,gpu,model 0]": 1.0}, 2.0),
        ({"warm[c,gpu,model 1]": 1.0}, 1.0),
        ({"nodes[c,gpu]": 1.0}, 2.0),
    ]
    whole = {"nodes[c,gpu]": 2.0, "warm[c,gpu,model 0]": 2.0, "warm[c,gpu,model 1]": 1.0}
    assert not rows_at(halves(5, 2.4), whole)[1]


def test_nothing_is_asked_where_nothing_need_be_served() -> None:
    assert not rows_at(halves(5, min_served=0.0), {})[1]


def held(*rows: tuple[str, float, float, bool]) -> headroom._Asked:
    """Return what can do something for a model: by offer, what each does, its part of a node."""
    names, each, sizes, is_slot = zip(*rows, strict=True)
    offers = tuple(at(name[0], name[2:]) for name in names)
    arrays = np.array(each), np.array(sizes), np.array(is_slot, dtype=bool)
    return headroom._Asked(offers, offers, *arrays, is_held=True)


def test_nodes_are_weighed_by_what_fills_them_on_one_type() -> None:
    """Of 9 requests/s, 6 a replica on a TPU: two of a quarter of a node.

    A replica or a slot in Acme's GPUs does 4 or 3 of them, each a whole one as rounded. Slots serve
    both models in turn, so that their worth adds up.
    """
    asked = [
        (
            held(
                ("a/gpu", 3.0, 0.5, True), ("a/gpu", 4.0, 0.5, False), ("b/tpu", 6.0, 0.25, False)
            ),
            9.0,
        ),
        # Four replicas exactly: nothing to round. What is at c is gone.
        (
            held(("c/gpu", 9.0, 0.1, False), ("a/gpu", 1.0, 0.5, True), ("b/tpu", 2.0, 0.5, False)),
            8.0,
        ),
        # No replica stands on a TPU, or it can do nothing there.
        (held(("a/gpu", 5.0, 0.5, False)), 7.0),
        (held(("a/gpu", 5.0, 0.5, False), ("b/tpu", 0.0, 0.5, False)), 7.0),
    ]
    worth, least = headroom._weighed(asked, [at("a"), at("b", "tpu")], "tpu")
    # a: slots of the first ¼ · 1 / ½ and of the second ½ · ½ / ½, together more than a replica.
    assert worth.tolist() == pytest.approx([0.5 + 0.5, 1.0])
    assert least == pytest.approx(0.25 * 2 + 0.5 * 4)
    worth, least = headroom._weighed(asked[:1], [at("a"), at("b", "tpu")], "gpu")
    # 2.25 replicas of 4 are three; one on a TPU counts as 1 + ½ / ¼, no more than two.
    assert worth.tolist() == pytest.approx([1.0, 0.5 * 2 / 0.25])
    assert least == pytest.approx(0.5 * 3)


@pytest.mark.parametrize(
    ("there", "row"),
    [
        # Weighed as on a GPU, 2.5 and 1.5 replicas are 3 and 2, 2.5 nodes; one at b holds two.
        ((1.0, 0.0), ({"a": 1.0, "b": 2.0}, 3.0)),
        # As on a TPU they are 2 and 3; one at a holds two.
        ((0.0, 1.0), ({"a": 2.0, "b": 1.0}, 3.0)),
        # Where both lack the same, the first is said.
        ((0.0, 0.0), ({"a": 1.0, "b": 2.0}, 3.0)),
        # Enough by either weight.
        ((1.0, 2.0), None),
        ((2.0, 2.0), None),
    ],
)
def test_the_row_of_nodes_is_the_one_that_is_broken_most(
    there: tuple[float, float], row: tuple[dict[str, float], float] | None
) -> None:
    of_two = {
        ("", "five"): held(("a/gpu", 2.0, 0.5, False), ("b/tpu", 3.0, 0.5, False)),
        ("", "three"): held(("a/gpu", 2.0, 0.5, False), ("b/tpu", 1.0, 0.5, False)),
    }
    # Nothing follows for nodes from what is not held on them, or is of another period, or asks for
    # nothing.
    nodes = held(("b/tpu", 1.0, 1.0, False))._replace(is_held=False)
    others = {("", "nodes"): nodes, ("day", "five"): of_two["", "five"], ("", "idle"): nodes}
    need = {("", "five"): 5.0, ("", "three"): 3.0, ("", "nodes"): 9.5, ("day", "five"): 9.0}
    offers = at("a"), at("b", "tpu")
    block = SimpleNamespace(nodes={found: found for found in offers})
    point = dict(zip(offers, there, strict=True)).__getitem__
    known = headroom._Known(of_two | others, ())
    cuts = list(headroom._nodes(block, known, frozenset(), need, "", point))
    found = [({offer.site: each for each, offer in cut.terms}, cut.lower) for cut in cuts]
    assert found == ([] if row is None else [row])
    # Without a the five replicas are at b, two to a node.
    (cut,) = headroom._nodes(block, known, frozenset(offers[:1]), need, "", lambda _: 0.0)
    assert cut == (((1.0, offers[1]),), 3.0, None)


def mixture(points: list[dict[int, float]], weights: Any) -> Callable[[Any], float]:
    def value(variable: Any) -> float:
        return float(weights @ np.array([point.get(id(variable), 0.0) for point in points]))

    return value


@pytest.mark.parametrize("part", range(2))
def test_no_plan_of_random_networks_that_survives_breaks_a_row(part: int) -> None:
    checked = found = 0
    for seed in range(200 * part, 200 * part + 200):
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
            rules = (memory, survival)
            legal.append(not lost and not any(list(rule.audit(of, plan)) for rule in rules))
        for number in range(12):
            weights = np.array([choose.random() * choose.choice([0, 1]) for _ in points])
            weights *= choose.choice([0.3, 0.6, 1.0]) / (weights.sum() or 1.0)
            weights = np.eye(6)[number] if number < 6 else weights

            mixed = mixture(points, weights)
            for cut in headroom.separate(block, of, mixed):
                assert cut.is_broken(mixed)
                found += 1
                for point, is_legal in zip(points, legal, strict=True):
                    if is_legal:
                        checked += 1
                        assert not cut.is_broken(lambda v, p=point: p.get(id(v), 0.0)), seed
    assert checked > 100, (checked, found)


def bounds_of(problem: Problem) -> list[float]:
    """Return the bound of the relaxation without these rows, and with them."""
    found = []
    for separate in (covers.separate, headroom.separate):
        with problem.engine.relaxation():
            for _ in range(4):
                outcome = problem.engine.solve(time_limit_s=20.0)
                assert outcome.values is not None
                problem.separate(outcome.values)
                point = problem.point(outcome.values)
                for cut in separate(problem.block, problem.network, point):
                    problem._add(cut)
        found.append(outcome.objective)
    return found


def test_rows_raise_the_bound_of_what_must_survive() -> None:
    problem = handed_over(generate(SIZES["S-survival"], seed=1))
    unserved, cost = (stage(problem.block, problem.network, [g]) for g in problem.network.goals)
    assert problem.fix_if_least(problem.arrays.costs(unserved.terms), 0.0)
    problem.minimise(problem.arrays.costs(cost.terms), cost.constant)
    before, after = bounds_of(problem)
    assert after > 1.005 * before


def test_without_the_rule_there_are_none() -> None:
    of = halves(5, 5, 5)
    block = build(of, demand_classes(of), frozenset({"survival"})).phase[SINGLE_PHASE]
    assert not list(headroom.separate(block, of, lambda _: 0.0))
