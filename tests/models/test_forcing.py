"""Forcing rows hold for every plan, and lift the relaxation where classes are small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from bench import facilities
from bench.networks import SIZES, generate
from models import covers, forcing
from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.expressions import Cut
from models.objectives import stage
from planner.result import Limits
from planner.solver import loosened
from planner.solver.loosened import Loosened
from planner.solver.problem import Problem
from planner.solver.solve import solve
from tests.cases import OFFICE, PARIS, small
from tests.models.test_covers import handed_over, rows_that_hold
from tests.solver.test_loosened import bound


def asked_for(cut: Cut) -> str:
    """Return the name of what a row asks to be there."""
    names = {variable.parent_component().local_name for each, variable in cut.terms if each < 0}
    (name,) = names
    return name


def test_no_plan_of_random_networks_breaks_a_row() -> None:
    kinds = Counter[str]()

    def counted(*given: Any) -> Iterator[Cut]:
        for cut in forcing.separate(*given):
            kinds[asked_for(cut)] += 1
            yield cut

    assert rows_that_hold(counted, range(300)) > 10
    assert kinds.keys() == {"warm", "nodes", "open"}


def office_served(served: dict[str, float], there: dict[str, float]) -> Iterator[Cut]:
    """Yield rows where such shares of the office are served in Paris, by what is there."""
    network = small()
    classes = demand_classes(network)
    block = build(network, classes).phase[SINGLE_PHASE]
    office = classes.class_of[[row.key for row in network.demand].index(OFFICE)]
    paris = classes.ways.stands.sites.index("paris")
    values = {"open": 1.0} | there
    point = {
        id(block.warm[*PARIS, "law"]): values.get("warm", 0.0),
        id(block.cold_slots[PARIS]): values.get("cold_slots", 0.0),
        id(block.nodes[PARIS]): values["nodes"],
        id(block.open["paris"]): values["open"],
    }
    for state, share in served.items():
        flow = next(
            flow
            for flow, place in enumerate(classes.place.tolist())
            if classes.of[flow] == office
            and classes.places[place].site == paris
            and classes.jobs[classes.places[place].job].is_cold == (state == "cold")
        )
        point[id(block.flow[flow])] = share
    yield from forcing.separate(block, network, lambda variable: point.get(id(variable), 0.0))


@pytest.mark.parametrize(
    ("served", "there", "broken"),
    [
        # The office is served cold in Paris, all of it with half a slot, on a whole node.
        ({"cold": 1.0}, {"cold_slots": 0.5, "nodes": 1.0, "open": 1.0}, {"cold_slots"}),
        ({"cold": 1.0}, {"cold_slots": 1.0, "nodes": 0.5, "open": 0.2}, {"nodes", "open"}),
        # One half warm and one cold: each has enough, and together they need one node.
        ({"warm": 0.5, "cold": 0.5}, {"warm": 0.5, "cold_slots": 0.5, "nodes": 0.9}, {"nodes"}),
        ({"warm": 0.5, "cold": 0.5}, {"warm": 0.4, "cold_slots": 0.5, "nodes": 1.0}, {"warm"}),
        ({"cold": 1.0}, {"cold_slots": 1.0, "nodes": 1.0}, set()),
    ],
)
def test_a_class_needs_something_whole_where_it_is_served(
    served: dict[str, float], there: dict[str, float], broken: set[str]
) -> None:
    cuts = list(office_served(served, there))
    assert {asked_for(cut) for cut in cuts} == broken
    assert len(cuts) == len(broken)


def test_rows_that_are_broken_most_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"cold_slots": 0.2, "nodes": 0.5, "open": 0.9}
    cuts = office_served({"cold": 1.0}, there)
    assert [asked_for(cut) for cut in cuts] == ["cold_slots", "nodes", "open"]
    monkeypatch.setattr(forcing, "MOST", 2)
    cuts = office_served({"cold": 1.0}, there)
    assert [asked_for(cut) for cut in cuts] == ["cold_slots", "nodes"]


def test_small_classes_of_models_raise_the_bound_beyond_that_of_cover_rows() -> None:
    problem = handed_over(generate(SIZES["S-local"], seed=1))
    unserved, cost = (stage(problem.block, problem.network, [g]) for g in problem.network.goals)
    assert problem.fix_if_least(problem.arrays.costs(unserved.terms), 0.0)
    problem.minimise(problem.arrays.costs(cost.terms), cost.constant)
    bounds = []
    for separate in (covers.separate, forcing.separate):
        with problem.engine.relaxation():
            for _ in range(5):
                outcome = problem.engine.solve(time_limit_s=20.0)
                assert outcome.values is not None
                bounds.append(outcome.objective)
                point = problem.point(outcome.values)
                for cut in separate(problem.block, problem.network, point):
                    problem._add(cut)
    assert bounds == sorted(bounds)
    assert bounds[-1] > 1.01 * bounds[4]


def test_the_relaxation_of_facility_location_comes_near_its_optimum() -> None:
    network = facilities.generate(1, sites=12, customers=60)
    best = solve(network, Limits(time_limit_s=60.0, gap=1e-6))
    assert best.status == "optimal"
    problem = handed_over(network)
    cost = stage(problem.block, network, [goal for goal in network.goals if goal.priority == 2])
    assert problem.fix_if_least(
        problem.arrays.costs(stage(problem.block, network, [network.goals[0]]).terms), 0.0
    )
    problem.minimise(problem.arrays.costs(cost.terms), cost.constant)
    bounds = []
    with problem.engine.relaxation():
        while True:
            outcome = problem.engine.solve(time_limit_s=20.0)
            assert outcome.values is not None
            bounds.append(outcome.objective)
            if not problem.tighten(outcome.values):
                break
    assert bounds == sorted(bounds)
    assert bounds[0] < 0.9 * best.stages[1].value
    assert 0.98 * best.stages[1].value < bounds[-1] <= best.stages[1].value * (1 + 1e-6)


def test_the_loosened_model_holds_every_flow_that_nodes_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = facilities.generate(1, sites=25, customers=40)
    classes = demand_classes(network)
    assert forcing.by_nodes(network, classes).all()
    assert not Loosened(network, classes).left_out.any()
    unserved, cost = network.goals
    reached = bound(network, [cost], keep=[unserved])
    assert reached == pytest.approx(solve(network, Limits(60.0, 1e-3)).stages[1].value, rel=0.02)
    with monkeypatch.context() as patch:
        patch.setattr(loosened, "MOST_BY_NODES", 25 * 40 - 1)
        assert Loosened(network, classes).left_out.any()


def test_a_solve_asks_for_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    added, genuine = [], Problem.tighten
    monkeypatch.setattr(
        Problem, "tighten", lambda *given: added.append(genuine(*given)) or added[-1]
    )
    solve(facilities.generate(1, sites=12, customers=60), Limits(20.0, 0.01))
    assert max(added) > 0
