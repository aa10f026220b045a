"""The template is what the reader reads: headers, values, drop-downs and the example."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from models.data import SHEETS
from models.fields import columns, header_of
from planner.reading import read_network
from planner.workbook.book import SETTINGS
from planner.workbook.example import EXAMPLE, NOT_IN_FORCE
from planner.workbook.excel_validation import LAST_ROW, MOST_TEXT
from planner.workbook.template import GUIDE, Body, Contents, example, example_rows, write_template


def test_an_empty_template_says_only_that_there_is_nothing_to_plan(tmp_path: Path) -> None:
    tables = read_network(write_template(tmp_path / "new.xlsx"))
    assert [finding.message for finding in tables.findings] == [
        "there are neither Demand rows nor Committees: nothing to plan"
    ]


def test_every_sheet_and_header_is_there_once(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write_template(tmp_path / "new.xlsx"))
    assert book.sheetnames == [GUIDE, *SHEETS, SETTINGS]
    for name, row_class in SHEETS.items():
        headers = [cell.value for cell in book[name][1]]
        assert sorted(headers) == sorted(header_of(*entry) for entry in columns(row_class).items())
        assert all(cell.comment is not None for cell in book[name][1])
        assert str(book[name]["A2"].value or book[name]["B2"].value).startswith("# ")


def test_the_example_is_read_as_it_was_written(tmp_path: Path) -> None:
    tables = read_network(write_template(tmp_path / "new.xlsx", example()))
    assert tables.network is not None, tables.findings
    assert tables.book is not None
    for row_class, rows in EXAMPLE.items():
        in_force = () if row_class in NOT_IN_FORCE else tuple(rows)
        assert tables.book.rows(row_class) == in_force


def test_every_sheet_has_an_example() -> None:
    assert set(EXAMPLE) == set(SHEETS.values())
    assert all(EXAMPLE.values())


def test_what_is_commented_out_can_be_put_in_force(tmp_path: Path) -> None:
    bodies = {name: Body(example_rows(row_class)) for name, row_class in SHEETS.items()}
    tables = read_network(write_template(tmp_path / "new.xlsx", Contents(bodies)))
    assert tables.network is not None, tables.findings


def test_drop_downs_lists_bounds_and_prompts(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write_template(tmp_path / "new.xlsx"))
    rules = {rule.promptTitle: rule for rule in book["Capacities"].data_validations.dataValidation}
    assert rules["site"].formula1 == "=list_Sites_site"
    assert book.defined_names["list_Sites_site"].attr_text == f"'Sites'!$A$2:$A${LAST_ROW}"
    assert (rules["max_nodes"].type, rules["max_nodes"].formula1) == ("decimal", "0")
    assert "of one node" in rules["hourly_cost"].prompt
    sites = {rule.promptTitle: rule for rule in book["Sites"].data_validations.dataValidation}
    assert sites["status"].formula1 == '"candidate,existing,required,forbidden"'
    assert (sites["latitude"].formula1, sites["latitude"].formula2) == ("-90", "90")
    every = [rule for sheet in book for rule in sheet.data_validations.dataValidation]
    assert max(len(str(rule.formula1)) for rule in every) <= MOST_TEXT
    assert max(len(rule.prompt) for rule in every if rule.prompt) <= MOST_TEXT


def test_the_guide_leads_to_every_sheet(tmp_path: Path) -> None:
    guide = openpyxl.load_workbook(write_template(tmp_path / "new.xlsx"))[GUIDE]
    links = [cell.hyperlink.location for (cell, *_) in guide.iter_rows() if cell.hyperlink]
    assert [link.partition("!")[0].strip("'") for link in links] == [*SHEETS, SETTINGS]


def test_equal_templates_have_equal_bytes(tmp_path: Path) -> None:
    one = write_template(tmp_path / "one.xlsx", example())
    two = write_template(tmp_path / "two.xlsx", example())
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(("name", "is_read"), [("# Paris 1", False), ("#Paris 1", True)])
def test_a_row_that_begins_with_a_hash_and_a_space_is_for_people(
    tmp_path: Path, name: str, is_read: bool
) -> None:
    contents = example()
    rows = [list(row) for row in contents.bodies["Sites"].rows]
    rows.append([name, *rows[0][1:]])
    bodies = {**contents.bodies, "Sites": Body(rows)}
    tables = read_network(write_template(tmp_path / "new.xlsx", Contents(bodies)))
    assert tables.network is not None
    assert (name in tables.network.sites) is is_read
