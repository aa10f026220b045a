"""An edit of one cell in words of the sheet Scenarios picks its row and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import openpyxl

from planner.reading import network_of, read_network
from planner.workbook.excel import Workbook, read_workbook
from planner.workbook.scenario_writing import edit, with_rows, write_copy
from planner.workbook.scenarios import Edit
from tests.workbooks import base, save, smallest


def workbook(folder: Path, **sheets: list[list[object]]) -> Workbook:
    return read_workbook(save(folder, {**smallest(), **sheets}))


def edits(book: Workbook, sheet: str, number: int, header: str, change: str) -> tuple[Edit, ...]:
    row = edit(book, "try", sheet, number, header, change)
    return network_of(with_rows(book, (row,)), scenario="try").edits


def test_one_cell_is_enough_where_it_says_what_no_other_does(tmp_path: Path) -> None:
    row = edit(workbook(tmp_path), "try", "Capacities", 3, "max_nodes", "5")
    assert (row.where, row.column, row.change) == ("site=b", "max_nodes", "5")


def test_rows_of_one_name_are_told_apart_by_their_other_cells(tmp_path: Path) -> None:
    header: list[object] = ["rule", "role", "kind", "applies_to", "max_share", "note"]
    rows: list[list[object]] = [
        ["spread", "execution", "provider", None, 0.5, "a; b"],
        ["spread", "execution", "provider", "R", 0.5, "a; b"],
        ["spread", "execution", "country", "R", 0.5, None],
    ]
    book = workbook(tmp_path, Diversity=[header, *rows])
    for number in (2, 3, 4):
        (made,) = edits(book, "Diversity", number, "max_share", "0.75")
        assert str(made) == f"Diversity!E{number}: 0.5 -> 0.75"


def test_rows_that_say_the_same_are_edited_together(tmp_path: Path) -> None:
    lock: list[object] = ["a", 1]
    book = workbook(tmp_path, Locks=[["site", "min"], lock, lock, ["b", 1]])
    made = edits(book, "Locks", 2, "min", "0")
    assert [one.cell for one in made] == ["B2", "B3"]


def test_a_setting_and_a_column_that_the_sheet_lacks_can_be_edited(tmp_path: Path) -> None:
    book = read_workbook(save(tmp_path, base()))
    (made,) = edits(book, "Settings", 3, "value", "70")
    assert str(made) == "Settings!B3: 100000 -> 70"
    (made,) = edits(book, "Sites", 2, "opening_cost", "70")
    assert (made.before, made.after) == (None, 70)


def test_a_copy_keeps_all_else_and_takes_no_name_that_is_there(tmp_path: Path) -> None:
    path = save(tmp_path, smallest())
    styled = openpyxl.load_workbook(path)
    styled["Sites"]["A1"].comment = openpyxl.comments.Comment("a note", "me")
    styled["Sites"].column_dimensions["A"].width = 44
    styled.save(path)
    book = read_workbook(path)
    rows = (edit(book, "try", "Demand", 2, "requests_per_s", "1"),)
    copies = [write_copy(path, book, rows) for _ in range(3)]
    assert [copy.name for copy in copies] == [
        "network (explained).xlsx",
        "network (explained) (2).xlsx",
        "network (explained) (3).xlsx",
    ]
    kept = openpyxl.load_workbook(copies[0])["Sites"]
    assert kept["A1"].comment.text == "a note"
    assert kept.column_dimensions["A"].width == 44
    found = read_network(copies[0], scenario="try").network
    before = read_network(path).network
    assert found is not None
    assert before is not None
    assert found == replace(before, demand=found.demand, scenarios=found.scenarios)
    assert [row.requests_per_s for row in found.demand] == [1]
