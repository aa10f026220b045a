"""A model that would not fit is refused with figures before it is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.networks import SIZES, generate
from models.classes import demand_classes
from planner.cli import main
from planner.result import Limits
from planner.solver import room
from planner.solver.loosened import loosened_columns
from planner.solver.problem import Problem
from planner.solver.room import TooLarge, at_hand_bytes, classes_within, count_columns, demand_room
from planner.solver.solve import solve
from tests.cases import small

MINIMAL = Path(__file__).parents[2] / "inputs" / "minimal.xlsx"


def test_what_fits_is_let_through_and_what_does_not_is_refused_with_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = small()
    classes = demand_classes(network)
    needed = room.BYTES_AT_LEAST + room.BYTES_EACH * count_columns(network, classes)
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(needed / room.SPARE) + 1)
    demand_room(network, classes)
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(needed / room.SPARE) - 1)
    with pytest.raises(
        TooLarge, match=rf"3 demand rows .*, {len(classes)} of them flows: .* GiB are at"
    ):
        demand_room(network, classes)


def test_loads_that_are_too_many_are_refused_before_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = generate(SIZES["S"], 1)
    classes = demand_classes(network)
    monkeypatch.setattr(room, "PART_ONLY_FROM", 0)
    monkeypatch.setattr(room, "at_hand_bytes", lambda: room.BYTES_AT_LEAST)
    monkeypatch.setattr(room, "loosened_columns", lambda *_: pytest.fail("was counted"))
    with pytest.raises(TooLarge, match=r"at least \d+\.\d GiB.* at most \d+% of that"):
        demand_room(network, classes)


def test_the_columns_counted_are_most_of_the_model() -> None:
    network = generate(SIZES["S"], 1)
    classes = demand_classes(network)
    problem = Problem(network, classes)
    problem.compile([])
    counted = count_columns(network, classes)
    assert 0.7 * problem.size["columns"] < counted < problem.size["columns"]


def test_classes_are_given_up_as_soon_as_their_flows_outgrow_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = generate(SIZES["S"], 1)
    flows = len(demand_classes(network))
    room_for = room.BYTES_AT_LEAST + flows * room.BYTES_OF_FLOW
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(room_for / room.SPARE) + 10)
    assert len(classes_within(network)) == flows
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(room_for / room.SPARE / 2))
    with pytest.raises(TooLarge, match=rf"the first \d+ of {len(network.demand)} demand rows"):
        classes_within(network)


def test_a_large_model_needs_room_for_its_loosened_form_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = generate(SIZES["M"], 1)
    classes = demand_classes(network)
    held = loosened_columns(network, classes)
    assert held < 0.9 * count_columns(network, classes)
    needed = room.BYTES_AT_LEAST + room.BYTES_EACH * held + room.BYTES_OF_FLOW * len(classes)
    monkeypatch.setattr(room, "at_hand_bytes", lambda: int(needed / room.SPARE) + 10)
    with pytest.raises(TooLarge):
        demand_room(network, classes)
    monkeypatch.setattr(room, "PART_ONLY_FROM", 1_000)
    demand_room(network, classes)


def test_nothing_is_built_of_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "at_hand_bytes", lambda: 1)
    monkeypatch.setattr("planner.solver.solve.Problem", None)
    with pytest.raises(TooLarge):
        solve(small(), Limits(time_limit_s=5.0, gap=0.0))


def test_there_is_some_memory_at_hand_and_less_than_all() -> None:
    assert 2**20 < at_hand_bytes() < 2**50


def test_the_command_refuses_as_bad_input_and_says_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(room, "at_hand_bytes", lambda: 1)
    done = CliRunner().invoke(main, ["solve", str(MINIMAL), "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "GiB at hand" in done.output
    assert "merge regions or models" in done.output
    content = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert content["status"] == "invalid"


def test_a_finished_plan_is_not_lost_to_a_comparison_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rooms = iter([2**40, 2**40])
    monkeypatch.setattr(room, "at_hand_bytes", lambda: next(rooms, 1))
    done = CliRunner().invoke(main, ["solve", str(MINIMAL), "--out", str(tmp_path), "-q"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "plan.xlsx").exists()
