"""Part of a model is the model with the rest fixed; sites know their columns and what is near."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bench.networks import SIZES, generate
from models.classes import demand_classes
from models.network import Goal, Network
from models.objectives import stage
from planner.solver.arrays import FloatArray, Program, Rows
from planner.solver.geography import NOWHERE, Geography
from planner.solver.part import Part
from planner.solver.problem import Problem
from tests.cases import small


def prepared(network: Network) -> tuple[Problem, FloatArray]:
    """Return the problem of a network in the solver, and what its cost is by column."""
    problem = Problem(network, demand_classes(network))
    cost = stage(problem.block, network, [Goal(1, "monthly_cost"), Goal(1, "unserved", 1e6)])
    problem.compile([cost])
    problem.hand_over(threading.Event(), {})
    costs = problem.arrays.costs(cost.terms)
    problem.minimise(costs)
    return problem, costs


def by_hand(program: Program) -> list[tuple[list[float], float, float]]:
    """Return every row as its coefficients and limits."""
    matrix, rows = program.matrix, []
    for row in range(len(matrix)):
        entries = slice(matrix.starts[row], matrix.starts[row + 1])
        full = np.zeros(len(program))
        full[matrix.columns[entries]] = matrix.values[entries]
        rows.append((full.tolist(), program.row_lower[row], program.row_upper[row]))
    return rows


def test_what_is_fixed_moves_to_the_limits_and_idle_rows_go() -> None:
    matrix = Rows(
        np.array([0, 2, 4, 5], dtype=np.int32),
        np.array([0, 1, 1, 2, 2], dtype=np.int32),
        np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    )
    nothing, inf = np.zeros(3), np.inf
    program = Program(
        nothing,
        np.full(3, 9.0),
        np.array([True, False, True]),
        matrix,
        np.array([-inf, 10.0, 0.0]),
        np.array([8.0, inf, 20.0]),
    )
    free, whole = np.array([True, True, False]), np.array([True, True, True])
    part = program.part(free, whole, np.array([1.0, 2.0, 3.0]))
    assert by_hand(part) == [([1.0, 2.0], -inf, 8.0), ([0.0, 3.0], -2.0, inf)]
    assert part.integer.tolist() == [True, True]


def test_rows_that_the_point_breaks_may_stay_as_they_are() -> None:
    matrix = Rows(np.array([0, 2], dtype=np.int32), np.array([0, 1], dtype=np.int32), np.ones(2))
    zero, limit = np.zeros(2), np.array([3.0])
    program = Program(zero, zero + 9, zero > 0, matrix, -limit, limit)
    part = program.part(np.array([True, False]), zero > 0, np.array([1.0, 4.0]))
    assert by_hand(part) == [([1.0], -7.0, 1.0)]


def test_the_whole_as_a_part_has_the_same_optimum_and_a_fixed_rest_is_kept() -> None:
    problem, costs = prepared(generate(SIZES["S"], 3))
    best = problem.engine.solve(time_limit_s=60, gap=0.5, max_nodes=1)
    assert best.values is not None
    everything = np.ones(len(costs), dtype=bool)
    integer = problem.arrays.integer
    whole = Part(problem, costs, 0.0, best.values, everything, np.zeros_like(integer))
    with problem.engine.relaxation():
        relaxed = problem.engine.solve(time_limit_s=60)
    assert whole.solve(time_limit_s=60).objective == pytest.approx(relaxed.objective)
    rest = Part(problem, costs, 5.0, best.values, ~integer, integer)
    found = rest.solve(time_limit_s=60, start=best.values)
    assert found.values is not None
    assert np.array_equal(found.values[integer], best.values[integer])
    assert found.objective <= best.objective + 5.0 + 1e-6
    assert found.objective == pytest.approx(float(costs @ found.values) + 5.0)


def test_a_part_knows_the_rows_that_were_added() -> None:
    problem, costs = prepared(small())
    before = len(problem.program.matrix)
    problem.add_row(costs, 1e9, np.inf)
    assert len(problem.program.matrix) == before + 1 == problem.engine.highs.getNumRow()
    everything = np.ones(len(costs), dtype=bool)
    point = np.full(len(costs), 1e9)  # breaks nothing of the new row
    part = Part(problem, costs, 0.0, point, everything, problem.arrays.integer)
    outcome = part.solve(time_limit_s=60)
    assert outcome.status == "optimal"
    assert outcome.objective == pytest.approx(1e9)


def test_every_flow_and_every_placed_number_has_its_site() -> None:
    network = generate(SIZES["S"], 3)
    problem, _ = prepared(network)
    geography, column_of = Geography(problem), problem.arrays.column_of
    for (site, _, _), load in problem.block.load.items():
        assert geography.sites[geography.at[column_of[id(load)]]] == site
    for (_, site, _), seats in problem.block.seats.items():
        assert geography.sites[geography.at[column_of[id(seats)]]] == site
    classes = problem.block.classes
    for number, flow in problem.block.flow.items():
        place = classes.places[classes.place[number]]
        site = classes.ways.stands.sites[place.site]
        assert geography.sites[geography.at[column_of[id(flow)]]] == site
    contracts = problem.columns(problem.block.contract.values())
    assert (geography.at[contracts] == NOWHERE).all()
    assert not geography.within(range(len(geography.sites)))[contracts].any()


def test_sites_are_sorted_by_the_round_trip_to_the_nearest_centre() -> None:
    network = generate(SIZES["S"], 3)
    geography = Geography(prepared(network)[0])
    order = geography.by_nearness([3, 7]).tolist()
    assert set(order[:2]) == {3, 7}
    assert sorted(order) == list(range(len(network.sites)))
    nearest = geography.travel_ms[[3, 7]].min(axis=0)
    assert (np.diff(nearest[order]) >= 0).all()
