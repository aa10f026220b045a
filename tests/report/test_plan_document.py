"""plan.xlsx as a document: what a planner sees on opening, scrolling and printing it."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from openpyxl.chart.series import Series
from openpyxl.worksheet.worksheet import Worksheet

from models.data import Phase
from models.network import Network
from models.plan import Deployment, Plan, Violation
from planner.evaluation.baselines import compare
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.keeping import keeping
from planner.evaluation.kept import Keeping, unknown
from planner.jobs.requests import Workers
from planner.report.done import Done
from planner.report.overview import LINES
from planner.report.plan_workbook import read_plan, write_plan
from planner.report.sentences import COSTS, RISKS, costs_and_proof, guarantees, risks
from planner.report.sheet_rows import PLAN_SHEETS
from planner.result import Result, Run
from planner.workbook.findings import Finding
from planner.workbook.names import header_readings
from tests.cases import deployment_for_small, done_with, plan_for_small, small

OWN = ("Overview", "Summary", "Run")
"""Sheets that are no tables."""


def done(plan: Plan | None = None, network: Network | None = None) -> Done:
    """Return the end of a run with the hand-made plan, compared with what simple tools do."""
    network = network or small()
    run = Run("small.xlsx", "ab" * 32, 7, times={"solve": 1.5})
    found = plan or plan_for_small()
    warning = Finding("Sites", "B2", "a " + "long " * 40 + "story", "tell it", level="warning")
    result = Result("optimal", run, found, gap=0.0, warnings=(warning,))
    kept = unknown(network) if plan is not None else keeping_of_small()
    return done_with(network, result, compare(Evaluation(network, found.final)), kept)


@cache
def keeping_of_small() -> Keeping:
    """Return what users of the hand-made plan keep."""
    return keeping(small(), deployment_for_small(), inf, Workers(1), threading.Event())


def written(end: Done) -> openpyxl.Workbook:
    """Return the workbook of a run, as Excel would open it."""
    with TemporaryDirectory() as directory:
        return openpyxl.load_workbook(write_plan(Path(directory) / "plan.xlsx", end))


@pytest.fixture(scope="module")
def book() -> openpyxl.Workbook:
    """Return the workbook of the hand-made plan."""
    return written(done())


@pytest.fixture(scope="module")
def bare() -> openpyxl.Workbook:
    """Return the workbook of a plan without any decision."""
    return written(done(Plan({"": Deployment()})))


def texts(sheet: Worksheet) -> list[list[object]]:
    """Return the filled cells of every row."""
    return [[cell for cell in row if cell is not None] for row in sheet.values]


def column(sheet: Worksheet, header: str) -> int:
    """Return the number of the column with this header."""
    return next(cell.column for cell in sheet[1] if header in header_readings(str(cell.value)))


# The first page -----------------------------------------------------------------------------------


def test_the_first_page_is_the_overview_and_the_last_the_run(book: openpyxl.Workbook) -> None:
    assert book.sheetnames[:3] == ["Overview", "Summary", "Comparison"]
    assert book.sheetnames[-1] == "Run"
    assert book.active is book["Overview"]
    assert book["Overview"]["A1"].value == "Plan for small.xlsx (optimal)"
    assert book["Overview"]["A2"].value == "What the plan guarantees"
    assert not book["Overview"].sheet_view.showGridLines
    assert book["Sites"].sheet_view.showGridLines is not False


def test_bad_news_is_the_headline_in_red(book: openpyxl.Workbook, bare: openpyxl.Workbook) -> None:
    good, bad = book["Overview"]["A2"], bare["Overview"]["A2"]
    assert bad.value.startswith("NOT SERVED: 30.0 of 30.0 requests/s (100.0%)")
    assert bad.font.color.rgb.endswith("C00000")
    assert good.font.color is None


def test_a_plan_that_breaks_rules_is_called_none() -> None:
    found = done()
    broken = replace(found.result, violations=(Violation("seats", "council", "too few"),))
    book = written(replace(found, result=broken))
    assert book["Overview"]["A2"].value == "NOT A PLAN: it fails its audit 1 time"
    assert ["first", "seats[council]: too few"] in texts(book["Overview"])
    assert ["What breaks a rule"] in texts(book["Summary"])
    assert ["violation", "seats[council]: too few"] in texts(book["Summary"])


def test_ten_sentences_at_most_are_told_as_the_screen_tells_them(book: openpyxl.Workbook) -> None:
    final = done().final
    assert final is not None
    said = [*guarantees(final), *risks(final), *costs_and_proof(done().result, final)]
    known = [[sentence.topic, str(sentence)] for sentence in said]
    told = [row for row in texts(book["Overview"]) if row in known]
    assert len(told) == min(LINES, len(said))
    assert [row for row in known if row in told] == told
    topics = {str(row[0]) for row in told}
    assert {"served", "latency", "cost", "built of", "proof"} <= topics
    assert len([row for row in told if row in known[len(guarantees(final)) :]]) >= 7
    assert [RISKS] in texts(book["Overview"])
    assert [COSTS] in texts(book["Overview"])


def test_every_sheet_is_listed_with_a_link_that_leads_to_it(book: openpyxl.Workbook) -> None:
    page = book["Overview"]
    links = {
        cell.value: cell.hyperlink.location
        for row in page.iter_rows()
        for cell in row
        if cell.hyperlink is not None
    }
    assert links == {
        title: f"'{title}'!A1" if " " in title else f"{links[title]}"
        for title in book.sheetnames[1:]
    }
    for title, place in links.items():
        assert place.replace("'", "") == f"{title}!A1"
    rows = {row[0]: row[1:] for row in texts(page) if row}
    for title in book.sheetnames[1:]:
        holds, count = rows[title]
        assert len(str(holds)) > 10
        assert int(str(count).split()[0].replace(",", "")) == book[title].max_row - 1


def test_what_is_left_out_is_said(book: openpyxl.Workbook, bare: openpyxl.Workbook) -> None:
    rows = {row[0]: row[1:] for row in texts(bare["Overview"]) if row}
    (absent,) = rows["left out"]
    assert "Contracts, Nodes, Warm models, Routing" in str(absent)
    # Of the hand-made network no figure is said to be assumed.
    (absent,) = [row[1] for row in texts(book["Overview"]) if row and row[0] == "left out"]
    assert absent == "because they would be empty: Assumptions"


def test_of_phases_the_last_is_told() -> None:
    network = replace(small(), phases=(Phase(phase="pilot"), Phase(phase="all")))
    pilot = replace(deployment_for_small(), routing=(), verification=(), panels=())
    plan = Plan({"pilot": pilot, "all": deployment_for_small()})
    result = replace(done().result, plan=plan)
    book = written(done_with(network, result))
    assert ["phase", "told is the last one, all"] in texts(book["Overview"])
    assert book["Nodes"]["A1"].value == "phase"
    (chart,) = book["Overview"]._charts
    lines = cells_of(book, chart.series[0].val.numRef.f)
    final = done_with(network, result).final
    assert final is not None
    assert lines == [float(line.amount) for line in final.monthly]


# Charts -------------------------------------------------------------------------------------------


def cells_of(book: openpyxl.Workbook, reference: str) -> list[object]:
    """Return the values of an area such as `'Cost'!$B$2:$B$9`."""
    title, _, area = reference.partition("!")
    cells = book[title.strip("'")][area.replace("$", "")]
    rows = cells if isinstance(cells, tuple) else ((cells,),)
    return [cell.value for row in rows for cell in row]


def kinds_of(book: openpyxl.Workbook, series: Series) -> list[object]:
    """Return the names of the bars."""
    named = series.cat.strRef or series.cat.numRef
    return cells_of(book, named.f)


def test_the_charts_are_drawn_from_cells_of_the_workbook(book: openpyxl.Workbook) -> None:
    shares, costs = book["Overview"]._charts
    plan, nearest = shares.series
    assert cells_of(book, plan.tx.strRef.f) == ["plan"]
    assert cells_of(book, nearest.tx.strRef.f) == ["nearest"]
    kinds = kinds_of(book, plan)
    own, other, *_ = done().scores
    assert dict(zip(kinds, cells_of(book, plan.val.numRef.f), strict=True)).items() <= (
        own.largest_share.items()
    )
    assert "provider" in kinds
    drawn = dict(zip(kinds, cells_of(book, nearest.val.numRef.f), strict=True))
    assert drawn == {kind: other.largest_share.get(str(kind), 0.0) for kind in kinds}
    (bars,) = costs.series
    final = done().final
    assert final is not None
    assert cells_of(book, bars.val.numRef.f) == [float(line.amount) for line in final.monthly]


def test_kinds_that_nobody_filled_in_are_told_last_and_not_drawn() -> None:
    # No site says what grid it hangs on: at worst, all hang on the same.
    network = small()
    sites = {name: replace(site, grid=None) for name, site in network.sites.items()}
    book = written(done(network=replace(network, sites=sites)))
    *_, (measure, kind, *_) = book["Comparison"].values
    assert kind == "grid"
    assert measure == "largest share of execution requests, not filled in: at worst"
    plan, *_ = book["Overview"]._charts[0].series
    assert "grid" not in kinds_of(book, plan)
    assert "provider" in kinds_of(book, plan)


def test_no_share_and_no_cost_is_no_chart(bare: openpyxl.Workbook) -> None:
    # Nothing is paid and nothing served, though the nearest plan would serve.
    shares = [row for row in bare["Comparison"].values if str(row[0]).startswith("largest share")]
    assert any(row[-2] for row in shares)
    assert bare["Overview"]._charts == []


# Every page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", [True, False])
def test_no_sheet_and_no_column_is_empty(
    served: bool, book: openpyxl.Workbook, bare: openpyxl.Workbook
) -> None:
    for sheet in (book if served else bare).worksheets[1:]:
        header, *rows = sheet.values
        assert rows, sheet.title
        for position, name in enumerate(header):
            assert name, sheet.title
            assert any(row[position] not in (None, "") for row in rows), (sheet.title, name)


def test_columns_without_values_are_left_out_and_read_as_blank(tmp_path: Path) -> None:
    path = write_plan(tmp_path / "plan.xlsx", done())
    for title in ("Routing", "Verification", "Panels"):
        headers = [cell.value for cell in openpyxl.load_workbook(path)[title][1]]
        assert not {"phase", "period", "residency"} & set(headers)
    assert read_plan(path, small()).plan == plan_for_small()


FORMATS = {
    "(0..1)": "0.0%",
    "(EUR": "#,##0.00",
    "_ms": "#,##0.0",
    "weights_gb": "#,##0.0",
    "requests_per_s": "#,##0.00",
    "verifications_per_s": "#,##0.00",
    "(requests/s)": "#,##0.00",
}


def test_numbers_are_shown_as_what_they_are(book: openpyxl.Workbook) -> None:
    seen = set()
    for sheet in book.worksheets:
        if sheet.title in (*OWN, "Comparison"):
            continue
        for head in sheet[1]:
            for mark, number_format in FORMATS.items():
                if mark not in str(head.value):
                    continue
                seen.add(mark)
                for number in range(2, sheet.max_row + 1):
                    cell = sheet.cell(number, head.column)
                    assert cell.value is None or cell.number_format == number_format, cell
                    assert mark != "(0..1)" or (cell.value or 0) <= 1, cell
    assert seen == set(FORMATS)


def test_the_comparison_shows_every_measure_in_its_own_way(book: openpyxl.Workbook) -> None:
    page = book["Comparison"]
    shown = {
        (page.cell(n, column(page, "unit")).value, page.cell(n, column(page, "plan")).number_format)
        for n in range(2, page.max_row + 1)
    }
    assert shown == {
        ("EUR/month", "#,##0"),
        ("ms", "#,##0.0"),
        ("0..1", "0.0%"),
        ("number", "General"),
    }


def test_every_page_prints_in_landscape_as_wide_as_the_paper(book: openpyxl.Workbook) -> None:
    for sheet in book.worksheets:
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.page_setup.fitToWidth == 1
        assert 1 <= int(sheet.page_setup.fitToHeight) <= 1 + sheet.max_row // 25
        assert sheet.oddFooter.left.text == "&A"
        assert sheet.oddFooter.right.text == "&P / &N"
        if sheet.title != "Overview":
            assert sheet.print_title_rows == "$1:$1"
    assert int(book["Overview"].page_setup.fitToHeight) == 1


def test_names_stay_in_sight_when_numbers_are_scrolled(book: openpyxl.Workbook) -> None:
    for declared in PLAN_SHEETS:
        if declared.title in book.sheetnames:
            page = book[declared.title]
            first = page.cell(2, column(page, declared.in_sight.replace("_", "")) + 1)
            assert page.freeze_panes == first.coordinate
    assert book["Comparison"].freeze_panes == "C2"


def test_frozen_columns_are_counted_without_those_left_out(book: openpyxl.Workbook) -> None:
    # There is one phase, so the column before the number of the panel is not there.
    page = book["Panels"]
    assert [cell.value for cell in page[1]][:2] == ["panel (no.)", "policy"]
    assert page.freeze_panes == "B2"


def test_every_table_can_be_filtered_by_every_column(book: openpyxl.Workbook) -> None:
    for sheet in book.worksheets:
        if sheet.title in OWN:
            assert not sheet.tables
            continue
        (table,) = sheet.tables.values()
        assert table.ref == table.autoFilter.ref == sheet.dimensions
        assert [entry.name for entry in table.tableColumns] == [c.value for c in sheet[1]]


def test_columns_are_wide_enough_or_their_text_goes_on_below(book: openpyxl.Workbook) -> None:
    wrapped = 0
    for sheet in book.worksheets:
        for row in sheet.iter_rows(min_row=2):
            for cell in row:
                width = sheet.column_dimensions[cell.column_letter].width
                is_heading = cell.font.size and cell.font.size > 11
                if cell.data_type == "s" and len(str(cell.value)) > width and not is_heading:
                    assert cell.alignment.wrap_text, cell
                    assert sheet.row_dimensions[cell.row].height >= 30
                    wrapped += 1
                if cell.data_type == "n" and cell.value is not None:
                    assert len(f"{cell.value:,.2f}") <= width, cell
    assert wrapped


def test_the_summary_tells_everything_in_sections(book: openpyxl.Workbook) -> None:
    rows = texts(book["Summary"])
    headings = [row[0] for row in rows if len(row) == 1]
    assert headings == [
        "What the plan guarantees",
        "What one failure takes away",
        "What it costs",
        "How every rule is kept",
        "What to look at in the workbook",
    ]
    final = done().final
    assert final is not None
    for sentence in (*guarantees(final), *risks(final), *costs_and_proof(done().result, final)):
        assert [sentence.topic, str(sentence)] in rows
    assert ["seats", "4 seats of 1 committees sit at 3 sites."] in rows
    (warning,) = [row for row in rows if row and row[0] == "warning"]
    assert str(warning[1]).endswith("story; tell it")


def test_equal_plans_are_equal_bytes(tmp_path: Path) -> None:
    one = write_plan(tmp_path / "one.xlsx", done()).read_bytes()
    assert write_plan(tmp_path / "other.xlsx", done()).read_bytes() == one
