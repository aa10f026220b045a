"""What is written can be trusted, and looks as a person wants it on the screen and on paper."""

from __future__ import annotations

import math
import os
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from planner.workbook.excel import read_workbook
from planner.workbook.excel_writing import write_workbook
from planner.workbook.layout import Bars, Layout, Styled
from tests.workbooks import Sheets, base, smallest, write


def test_text_is_never_written_as_a_formula_or_an_error(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-2", "@SUM(A1)", "#N/A", '=HYPERLINK("http://x")', "{=1}"]
    path = write_workbook(tmp_path / "out.xlsx", {"Sheet": [["text"], *([text] for text in texts)]})
    sheet = openpyxl.load_workbook(path)["Sheet"]
    cells = [sheet.cell(row, 1) for row in range(2, 2 + len(texts))]
    assert [cell.value for cell in cells] == texts
    assert {cell.data_type for cell in cells} == {"s"}
    assert [bool(cell.quotePrefix) for cell in cells] == [True] * 4 + [False, True, False]


def test_illegal_characters_are_dropped_and_long_text_is_cut(tmp_path: Path) -> None:
    rows: list[list[object]] = [["text"], ["a\x00b\ud800c\x0b\td"], ["x" * 40_000]]
    sheet = read_workbook(write_workbook(tmp_path / "out.xlsx", {"Sheet": rows})).sheets[0]
    assert sheet.cell(2, 1).value == "abc\td"
    assert len(sheet.cell(3, 1).value) == 32_767


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_not_written(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="Sheet!A2"):
        write_workbook(tmp_path / "out.xlsx", {"Sheet": [["number"], [value]]})
    assert not list(tmp_path.iterdir())


def test_equal_cells_give_equal_bytes(tmp_path: Path) -> None:
    first = write_workbook(tmp_path / "a.xlsx", base()).read_bytes()
    assert write_workbook(tmp_path / "b.xlsx", base()).read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 2


def test_header_is_bold_and_frozen(tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(write(tmp_path, smallest()))["Sites"]
    assert sheet["A1"].font.bold
    assert not sheet["A2"].font.bold
    assert sheet.freeze_panes == "A2"


def test_layout_adds_notes_choices_and_tables(tmp_path: Path) -> None:
    layout = Layout(
        is_table=True,
        notes={"site": "where"},
        choices={"status": ("candidate", "required")},
        references={"provider": ("Providers", "provider")},
        formats={"cost": "#,##0.00"},
    )
    sheets: Sheets = {
        "Sites": [["site", "provider", "status", "cost"], ["a", "P", "candidate", 1234.5]],
        "Providers": [["provider"], ["P"]],
    }
    book = openpyxl.load_workbook(write_workbook(tmp_path / "t.xlsx", sheets, {"Sites": layout}))
    sheet = book["Sites"]
    comment = sheet["A1"].comment
    assert comment is not None
    assert comment.text == "where"
    assert list(sheet.tables) == ["Sites"]
    assert sheet["D2"].number_format == "#,##0.00"
    formulas = {str(rule.formula1) for rule in sheet.data_validations.dataValidation}
    assert formulas == {'"candidate,required"', "=list_Providers_provider"}
    assert "list_Providers_provider" in book.defined_names


def test_file_open_in_excel_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, smallest())
    before = path.read_bytes()
    replace = os.replace

    def locked(source: str, target: Path) -> None:
        if Path(target) == path:
            raise PermissionError(13, "open in another program")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    written = write_workbook(path, base())
    assert written == tmp_path / "network (2).xlsx"
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "network (2).xlsx",
        "network.xlsx",
    ]


def test_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(source: str, target: Path) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path, smallest())
    assert not list(tmp_path.iterdir())


def written(path: Path, rows: list[list[object]], layout: Layout) -> Worksheet:
    """Write one sheet and open it."""
    return openpyxl.load_workbook(write_workbook(path / "t.xlsx", {"S": rows}, {"S": layout}))["S"]


def test_a_value_may_look_other_than_its_column(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["what", "share"],
        [Styled("Nodes", link="S"), 0.5],
        [Styled("bad", alarm=True), Styled(1234.5, "#,##0")],
        [Styled("A heading that is longer than its column is wide", heading=1)],
    ]
    sheet = written(tmp_path, rows, Layout(formats={"share": "0.0%"}, widths={1: 12}))
    assert sheet["B2"].number_format == "0.0%"
    assert sheet["B3"].number_format == "#,##0"
    link, alarm, heading = sheet["A2"], sheet["A3"], sheet["A4"]
    assert link.hyperlink is not None
    assert (link.hyperlink.location, link.hyperlink.target) == ("'S'!A1", None)
    assert link.font.underline == "single"
    assert alarm.font.b
    assert heading.font.size == 18
    assert not heading.alignment.wrap_text
    assert {cell.font.name for row in sheet for cell in row} == {"Calibri"}


def test_text_that_is_too_long_goes_on_below_and_the_rest_stands_on_top(tmp_path: Path) -> None:
    rows: list[list[object]] = [["text", "number"], ["word " * 40, 1], ["one\ntwo", 2], ["one", 3]]
    sheet = written(tmp_path, rows, Layout(widths={1: 30}))
    # 200 letters, some 33 to a line.
    assert sheet.row_dimensions[2].height == 7 * 15
    assert sheet.row_dimensions[3].height == 2 * 15
    assert sheet.row_dimensions[4].height is None
    assert [sheet.cell(n, 1).alignment.wrap_text for n in (2, 3, 4)] == [True, True, None]
    assert [sheet.cell(n, 2).alignment.vertical for n in (2, 3, 4)] == ["top", "top", None]
    assert {sheet.cell(n, 2).alignment.indent for n in (2, 3, 4)} == {1}


def test_a_look_is_of_its_own_cell_alone(tmp_path: Path) -> None:
    dates = [datetime(2025, 3, 1), datetime(2025, 3, 2)]
    rows: list[list[object]] = [["a"], ["=1"], ["b"], [dates[0]], [dates[1]], [True], [2]]
    sheet = written(tmp_path, rows, Layout(has_header=False))
    assert [bool(sheet.cell(n, 1).quotePrefix) for n in (1, 2, 3)] == [False, True, False]
    assert [sheet.cell(n, 1).value for n in (4, 5)] == dates
    assert [sheet.cell(n, 1).value for n in (6, 7)] == [True, 2]


def test_columns_fit_their_values_and_the_longest_word_of_their_header(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["id", "monthly_cost (EUR/month)", "share"],
        ["frankfurt-am-main", 1_234_567.891, 0.123],
        ["x" * 200, 1, 1],
    ]
    formats = {"monthly_cost (EUR/month)": "#,##0.00", "share": "0.0%"}
    sheet = written(tmp_path, rows, Layout(formats=formats))
    widths = [sheet.column_dimensions[letter].width for letter in "ABC"]
    # At most 60 and 2 of air; 12 letters, and 3 for the button of the filter; 5 of share, and 3.
    assert widths == [62, 15, 8]


def test_a_sheet_is_printed_small_before_it_is_printed_long(tmp_path: Path) -> None:
    rows: list[list[object]] = [["n"], *([n] for n in range(120))]
    long = written(tmp_path, rows, Layout())
    assert (long.page_setup.fitToWidth, long.page_setup.fitToHeight) == (1, 3)
    assert long.page_setup.orientation == "landscape"
    assert long.print_title_rows == "$1:$1"
    one = written(tmp_path, rows, Layout(has_header=False, one_page=True))
    assert one.page_setup.fitToHeight == 1
    assert one.print_title_rows is None
    assert one.freeze_panes is None


def test_charts_lie_below_each_other_and_draw_what_they_name(tmp_path: Path) -> None:
    rows: list[list[object]] = [["of", "plan", "other"], ["a", 0.5, 1], ["b", 0.25, 1]]
    charts = [
        Bars("Shares", "S", (2, 3), 1, [2, 3], "0%"),
        Bars("One", "S", (2, 2), 1, [3], "#,##0"),
    ]
    layouts = {"S": Layout(charts=charts, charts_at="E2")}
    path = write_workbook(tmp_path / "a.xlsx", {"S": rows}, layouts)
    first, second = openpyxl.load_workbook(path)["S"]._charts
    assert [series.val.numRef.f for series in first.series] == ["'S'!$B$2:$B$3", "'S'!$C$2:$C$3"]
    assert [series.tx.strRef.f for series in first.series] == ["'S'!$B$1", "'S'!$C$1"]
    assert (first.y_axis.scaling.max, second.y_axis.scaling.max) == (1, None)
    assert first.legend is not None
    assert second.legend is None
    start, then = first.anchor._from, second.anchor._from
    assert (start.col, start.row, then.col) == (4, 1, 4)
    # A chart of 9.4 cm covers 17.8 rows of 15 points.
    assert then.row - start.row == 19
    again = write_workbook(tmp_path / "b.xlsx", {"S": rows}, layouts)
    assert again.read_bytes() == path.read_bytes()
