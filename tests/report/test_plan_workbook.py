"""plan.xlsx: what is written is read back equal, and what was edited badly is found by cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from models.data import Phase
from models.measures import measure
from models.plan import Deployment, Flow, Panel, Plan, Seat
from planner.evaluation.audit import FIGURES, audit, audit_stages
from planner.evaluation.baselines import compare
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.report.plan_workbook import plan_hash, read_plan, write_plan
from planner.report.sheet_rows import PLAN_SHEETS
from planner.result import Result, Run, Stage
from planner.workbook.findings import InputError, column_letters
from tests.cases import FRANKFURT, PARIS, deployment_for_small, done_with, plan_for_small, small

SCORE = Score("plan", 1.0, 1.0, 1.0, 1.0, 0.0)


def result(plan: Plan | None = None, **changes: object) -> Result:
    """Return the end of a run with the hand-made plan."""
    run = Run("small.xlsx", "ab" * 32, 7, versions={"highspy": "1.15.1"}, times={"solve": 1.5})
    found = Result("optimal", run, plan or plan_for_small(), gap=0.0)
    return replace(found, **changes)  # type: ignore[arg-type]


@cache
def as_written() -> bytes:
    """Return the workbook of the hand-made plan; written once, for writing takes a while."""
    with TemporaryDirectory() as directory:
        return write_plan(Path(directory) / "plan.xlsx", done_with(small(), result())).read_bytes()


def write(path: Path, plan: Plan | None = None) -> Path:
    """Write the plan of the small network."""
    if plan is not None:
        return write_plan(path / "plan.xlsx", done_with(small(), result(plan)))
    (path / "plan.xlsx").write_bytes(as_written())
    return path / "plan.xlsx"


def edit(path: Path, sheet: str, change: Callable[[Worksheet], object]) -> None:
    """Edit one sheet as a person would in Excel."""
    book = openpyxl.load_workbook(path)
    change(book[sheet])
    book.save(path)


def put(path: Path, sheet: str, cell: str, content: object) -> None:
    """Type something into a cell."""
    edit(path, sheet, lambda page: setattr(page[cell], "value", content))


def values(path: Path, sheet: str) -> list[tuple[object, ...]]:
    """Return the cells of a sheet."""
    book = openpyxl.load_workbook(path, read_only=True)
    return list(book[sheet].iter_rows(values_only=True))


def named(path: Path, sheet: str) -> list[dict[str, object]]:
    """Return the rows of a sheet by header, without units."""
    header, *rows = values(path, sheet)
    names = [str(name).partition(" (")[0] for name in header]
    return [dict(zip(names, row, strict=True)) for row in rows]


def address(path: Path, sheet: str, header: str, row: int) -> str:
    """Return the address of the cell below a header."""
    names = [str(name).partition(" (")[0] for name in values(path, sheet)[0]]
    return f"{column_letters(names.index(header) + 1)}{row}"


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    found = read_plan(write(tmp_path), small())
    assert found.plan == plan_for_small()
    assert found.findings == ()
    assert found.workbook_sha256 == "ab" * 32


def test_the_plan_read_back_passes_its_audit(tmp_path: Path) -> None:
    assert audit(small(), read_plan(write(tmp_path), small()).plan) == ()


def test_every_digit_of_a_share_survives(tmp_path: Path) -> None:
    # 0.1 + 0.2 needs 17 digits, one more than the Excel library writes by itself.
    plan = deployment_for_small()
    first, *rest = plan.routing
    odd = replace(plan, routing=(replace(first, share=0.1 + 0.2), *rest))
    odd = replace(odd, panels=tuple(replace(panel, share=1 / 3) for panel in plan.panels))
    found = read_plan(write(tmp_path, Plan({"": odd})), small())
    assert found.plan.final == odd


def test_an_empty_plan_is_read_back_empty(tmp_path: Path) -> None:
    found = read_plan(write(tmp_path, Plan({"": Deployment()})), small())
    assert (found.plan, found.findings) == (Plan({"": Deployment()}), ())


def test_phases_are_kept_apart_and_in_order(tmp_path: Path) -> None:
    network = replace(small(), phases=(Phase(phase="pilot"), Phase(phase="all")))
    pilot = replace(deployment_for_small(), routing=(), verification=(), panels=())
    plan = Plan({"pilot": pilot, "all": deployment_for_small()})
    path = write_plan(tmp_path / "plan.xlsx", done_with(network, result(plan)))
    found = read_plan(path, network).plan
    assert found == plan
    assert list(found.phases) == ["pilot", "all"]


def test_headers_carry_their_units(tmp_path: Path) -> None:
    headers = values(write(tmp_path), "Routing")[0]
    assert "share (0..1)" in headers
    assert "latency_ms" in headers
    assert "cost_per_million (EUR/million requests)" in headers


def test_estimates_are_marked(tmp_path: Path) -> None:
    header, *rows = values(write(tmp_path), "Routing")
    route, estimated = header.index("route"), header.index("estimated")
    assert {(row[route], row[estimated]) for row in rows} == {("estimate", "yes"), ("direct", "no")}


def test_cost_lines_add_up_to_the_objective(tmp_path: Path) -> None:
    lines = [row["monthly_cost"] for row in named(write(tmp_path), "Cost")]
    monthly = [amount for amount in lines if isinstance(amount, (int, float))]
    assert sum(monthly[:-1]) == pytest.approx(monthly[-1])
    assert monthly[-1] == pytest.approx(
        measure("monthly_cost").value(small(), deployment_for_small())
    )


def test_kinds_carry_their_figures_and_dependencies_their_shares(tmp_path: Path) -> None:
    path = write(tmp_path)

    def of_council(sheet: str) -> list[dict[str, object]]:
        wanted = ("coordination", "council", "country")
        return [
            row for row in named(path, sheet) if (row["role"], row["of"], row["kind"]) == wanted
        ]

    (figures,) = of_council("Concentration")
    assert figures["nakamoto liveness"] == 1
    assert figures["nakamoto control"] == 2
    first, *_ = of_council("Dependencies")
    assert (first["dependency"], first["share"]) == ("GB", 0.5)


def test_what_hangs_on_none_has_a_place_of_its_own(tmp_path: Path) -> None:
    (cable,) = [
        row
        for row in named(write(tmp_path), "Concentration")
        if (row["role"], row["of"], row["kind"]) == ("execution", "chat", "cable")
    ]
    assert cable["on none"] == pytest.approx(25 / 30)
    assert cable["largest share"] == pytest.approx(5 / 30)
    assert cable["effective"] == pytest.approx(1)


def test_the_run_is_on_record(tmp_path: Path) -> None:
    stages = (Stage(1, "unserved", 0.0, 0.0, 0.0), Stage(2, "monthly_cost", 5.0, 4.0, 0.2))
    path = write_plan(
        tmp_path / "plan.xlsx", done_with(small(), result(stages=stages, gap=float("inf")))
    )
    run = {row[0]: row[1] for row in values(path, "Run")}
    assert run["workbook sha256"] == "ab" * 32
    assert run["gap"] == "not proven"
    assert run["objective 2: monthly_cost, proven bound"] == 4
    assert run["version of highspy"] == "1.15.1"
    assert run["time: solve"] == 1.5


def test_the_comparison_stands_beside_the_plan(tmp_path: Path) -> None:
    network, plan = small(), plan_for_small()
    scores = compare(Evaluation(network, plan.final))
    path = write_plan(tmp_path / "plan.xlsx", done_with(network, result(), scores))
    assert values(path, "Comparison")[0] == ("measure", "of", "unit", "plan", "nearest", "today")
    (broken,) = [
        row
        for row in named(path, "Comparison")
        if row["measure"] == "violations found by the audit" and row["of"] is None
    ]
    assert broken["plan"] == 0


def test_names_that_look_like_formulas_stay_names(tmp_path: Path) -> None:
    network = small()
    provider = replace(network.providers["Bolt"], provider="=1+1")
    london = replace(network.sites["london"], provider="=1+1")
    network = replace(
        network,
        providers={"Acme": network.providers["Acme"], "=1+1": provider},
        sites={**network.sites, "london": london},
    )
    plan = Plan({"": replace(deployment_for_small(), contracts=frozenset({"Acme", "=1+1"}))})
    path = write_plan(tmp_path / "plan.xlsx", done_with(network, result(plan)))
    cells = [cell for sheet in openpyxl.load_workbook(path) for row in sheet for cell in row]
    assert {cell.data_type for cell in cells if cell.value == "=1+1"} == {"s"}
    assert "f" not in {cell.data_type for cell in cells}
    assert read_plan(path, network).plan == plan


def test_equal_plans_give_equal_hashes_whatever_the_clock_says(tmp_path: Path) -> None:
    slow = result()
    slow = replace(slow, run=replace(slow.run, times={"solve": 123456.789}))
    one = write_plan(tmp_path / "one.xlsx", done_with(small(), result()))
    other = write_plan(tmp_path / "other.xlsx", done_with(small(), slow))
    assert plan_hash(one) == plan_hash(other) != ""


def test_a_saved_plan_has_another_hash(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = plan_hash(path)
    edit(path, "Nodes", lambda page: None)
    assert plan_hash(path) != before


def test_an_edit_of_the_sheet_run_or_behind_the_end_changes_the_hash(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = plan_hash(path)
    path.write_bytes(as_written() + b"edited")
    assert plan_hash(path) != before
    other = write_plan(tmp_path / "other.xlsx", done_with(small(), result(status="feasible")))
    # The status stands on Run, and in the proof on Summary; the seed stands on Run alone.
    assert plan_hash(other) != before
    seeded = result()
    seeded = replace(seeded, run=replace(seeded.run, seed=8))
    assert plan_hash(write_plan(tmp_path / "seeded.xlsx", done_with(small(), seeded))) != before


def test_a_file_that_is_no_workbook_has_no_hash_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_text("no workbook")
    assert plan_hash(path) == ""
    with pytest.raises(InputError):
        read_plan(path, small())


def test_there_is_nothing_to_write_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="infeasible"):
        write_plan(tmp_path / "p.xlsx", Done(replace(result(), plan=None, status="infeasible")))


# Edited by hand ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sheet", "header", "content", "words"),
    [
        ("Nodes", "site", "frankfort", "did you mean 'frankfurt'?"),
        ("Nodes", "node_type", "check-z", "not on offer at frankfurt"),
        ("Nodes", "nodes", "two", "is text, not a number"),
        ("Nodes", "nodes", "2", "type 2 as a number"),
        ("Nodes", "nodes", 1.5, "not a whole number"),
        ("Nodes", "nodes", -1, "below 0"),
        ("Nodes", "nodes", None, "nodes is empty"),
        ("Nodes", "nodes", "=1/0", "never calculated"),
        ("Sites", "open", "perhaps", "neither yes nor no"),
        ("Contracts", "provider", "Acmee", "did you mean 'Acme'?"),
        ("Warm models", "model", "chatt", "did you mean 'chat'?"),
        ("Routing", "region", "austria", "there is no row austria"),
        ("Routing", "share", "0,75", "type 0.75 as a number"),
        ("Verification", "policy", "unchecked", "did you mean 'checked'?"),
        ("Verification", "verifying_site", "rome", "not in Sites"),
        ("Panels", "share", 0.5, "panel 1 says other things"),
        ("Copies", "model", "low", "did you mean 'law'?"),
        ("Seats", "committee", "counsel", "did you mean 'council'?"),
    ],
)
def test_a_bad_cell_is_named(
    tmp_path: Path, sheet: str, header: str, content: object, words: str
) -> None:
    path = write(tmp_path)
    # Of rows that contradict each other, the later is found, and the number that they share named.
    contradicts = (sheet, header) == ("Panels", "share")
    row = 3 if contradicts else 2
    expected = address(path, sheet, "panel" if contradicts else header, row)
    put(path, sheet, address(path, sheet, header, row), content)
    errors = [finding for finding in read_plan(path, small()).findings if finding.is_error]
    assert len(errors) == 1
    assert (errors[0].sheet, errors[0].cell) == (sheet, expected)
    assert words in str(errors[0])


def test_a_repeated_row_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)

    def repeat(page: Worksheet) -> None:
        page.append([cell.value for cell in page[2]])

    edit(path, "Nodes", repeat)
    (finding,) = read_plan(path, small()).findings
    assert "already in row 2" in finding.message


def test_a_missing_sheet_or_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    cell = address(path, "Nodes", "nodes", 1)
    book = openpyxl.load_workbook(path)
    del book["Seats"]
    del book["Nodes"].tables["Nodes"]
    book["Nodes"][cell] = "knots"
    book.save(path)
    messages = [finding.message for finding in read_plan(path, small()).findings]
    assert messages == ["the column 'nodes' is missing", "the sheet Seats is missing"]


DECISIVE = [sheet.title for sheet in PLAN_SHEETS if sheet.decides]


@pytest.mark.parametrize("title", DECISIVE)
def test_no_sheet_with_decisions_vanishes_unseen(tmp_path: Path, title: str) -> None:
    path = write(tmp_path)
    book = openpyxl.load_workbook(path)
    del book[title]
    book.save(path)
    (finding,) = [found for found in read_plan(path, small()).findings if found.is_error]
    assert finding.message == f"the sheet {title} is missing"
    assert "add it again" in finding.way_out


@pytest.mark.parametrize("title", ["Overview", "Demand", "Concentration", "Cost", "Comparison"])
def test_a_sheet_without_decisions_may_go(tmp_path: Path, title: str) -> None:
    path = write_plan(tmp_path / "plan.xlsx", done_with(small(), result(), (SCORE,)))
    book = openpyxl.load_workbook(path)
    del book[title]
    book.save(path)
    found = read_plan(path, small())
    assert (found.plan, found.findings) == (plan_for_small(), ())


def without_seats() -> Plan:
    """Return the plan with two kinds of decision not made."""
    return Plan({"": replace(deployment_for_small(), seats={}, copies=frozenset())})


def test_a_sheet_that_was_never_written_is_read_as_empty(tmp_path: Path) -> None:
    path = write(tmp_path, without_seats())
    assert not {"Seats", "Copies"} & set(openpyxl.load_workbook(path).sheetnames)
    assert read_plan(path, small()).plan == without_seats()


def test_decisions_of_a_kind_the_plan_had_none_of_can_be_added(tmp_path: Path) -> None:
    path = write(tmp_path, without_seats())
    book = openpyxl.load_workbook(path)
    page = book.create_sheet("Seats")
    page.append(["committee", "site", "node_type", "seats"])
    page.append(["council", "london", "seat", 2])
    book.save(path)
    found = read_plan(path, small())
    assert [finding for finding in found.findings if finding.is_error] == []
    assert found.plan.final.seats == {Seat("council", "london", "seat"): 2}


@pytest.mark.parametrize("content", ["no page", "no list"])
def test_without_its_list_of_sheets_a_plan_must_have_them_all(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, without_seats())
    book = openpyxl.load_workbook(path)
    del book["Overview"]
    if content == "no list":
        book.create_sheet("Overview", 0).append(["my own notes"])
    book.save(path)
    findings = read_plan(path, small()).findings
    assert [finding.sheet for finding in findings] == ["Copies", "Seats"]
    assert all("Overview" in finding.way_out for finding in findings)


def test_an_edited_count_is_planned_and_the_old_figures_are_called_stale(tmp_path: Path) -> None:
    path = write(tmp_path)
    number = next(
        n
        for n, row in enumerate(named(path, "Nodes"), 2)
        if (row["site"], row["node_type"]) == tuple(PARIS)
    )
    put(path, "Nodes", address(path, "Nodes", "nodes", number), 3)
    found = read_plan(path, small())
    assert found.plan.final.nodes[PARIS] == 3
    assert {finding.level for finding in found.findings} == {"warning"}
    # What Sites, Contracts and Nodes count of it is old now, too: one warning for each column.
    assert {finding.sheet for finding in found.findings} == {"Cost", "Contracts", "Nodes", "Sites"}
    told = [(finding.sheet, finding.message.split()[0]) for finding in found.findings]
    assert len(told) == len(set(told))
    assert any("monthly_cost says 4,400" in finding.message for finding in found.findings)


def test_a_share_too_small_to_be_an_input_is_read_back(tmp_path: Path) -> None:
    whole = deployment_for_small()
    first, second, *rest = whole.routing
    small_share = replace(second, share=2e-7)
    routing = (replace(first, share=1.0 - 2e-7), small_share, *rest)
    plan = Plan({"": replace(whole, routing=routing)})
    assert read_plan(write(tmp_path, plan), small()).plan == plan


@pytest.mark.parametrize("missing", [1e-16, 1e-10])
def test_what_arithmetic_leaves_of_nothing_is_no_figure_that_is_old(
    missing: float, tmp_path: Path
) -> None:
    """What such a penalty comes to is less than any cell is read with."""
    network = small()
    demand = tuple(replace(row, unserved_penalty=1.0) for row in network.demand)
    network = replace(network, demand=demand)
    whole = deployment_for_small()
    first = replace(whole.routing[0], share=whole.routing[0].share - missing)
    almost = Plan({"": replace(whole, routing=(first, *whole.routing[1:]))})
    path = write_plan(tmp_path / "plan.xlsx", done_with(network, result(almost)))
    assert not read_plan(path, network).findings


@pytest.mark.parametrize(
    ("title", "header", "says"),
    [("Sites", "nodes", "nodes says 99"), ("Demand", "served", "served")],
)
def test_an_edit_where_nothing_is_read_is_not_passed_over(
    title: str, header: str, says: str, tmp_path: Path
) -> None:
    path = write(tmp_path)
    put(path, title, address(path, title, header, 2), 99)
    (finding,) = read_plan(path, small()).findings
    assert (finding.sheet, finding.level) == (title, "warning")
    assert finding.message.startswith(says)
    assert "it is not read" in finding.way_out


def test_a_column_that_was_left_out_can_be_filled_in(tmp_path: Path) -> None:
    # Nothing is loaded cold, so fetch_from stands nowhere; then one flow is told to be.
    warm = replace(
        deployment_for_small(),
        routing=deployment_for_small().routing[:3],
    )
    path = write(tmp_path, Plan({"": warm}))
    header = values(path, "Routing")[0]
    assert "fetch_from" not in header
    free = f"{column_letters(len(header) + 2)}"
    put(path, "Routing", f"{free}1", "fetch_from")
    put(path, "Routing", f"{free}2", "paris/disk")
    assert read_plan(path, small()).plan.final.routing[0].fetch_from == "paris/disk"


def test_a_latency_that_is_not_true_is_called_so(tmp_path: Path) -> None:
    path = write(tmp_path)
    column = values(path, "Routing")[0].index("latency_ms") + 1
    edit(path, "Routing", lambda page: page.cell(3, column, 1.0))
    (finding,) = read_plan(path, small()).findings
    assert finding.message == "latency_ms says 1 ms, the plan gives 66 ms"


def test_notes_beside_the_plan_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path)
    put(path, "Nodes", "M1", "my note")
    put(path, "Nodes", "M2", "ask Acme")
    assert read_plan(path, small()).plan == plan_for_small()


# The audit --------------------------------------------------------------------------------------


def test_a_broken_plan_is_found_in_the_order_of_the_rules() -> None:
    plan = deployment_for_small()
    nodes = {offer: count for offer, count in plan.nodes.items() if offer != FRANKFURT}
    broken = replace(plan, contracts=frozenset(), nodes=nodes)
    rules = [violation.rule for violation in audit(small(), Plan({"": broken}))]
    assert list(dict.fromkeys(rules)) == ["contracts", "memory"]


def test_a_violation_names_its_phase() -> None:
    plan = Plan({"pilot": replace(deployment_for_small(), contracts=frozenset())})
    assert all(found.where.startswith("pilot: ") for found in audit(small(), plan))


def test_an_objective_that_the_plan_does_not_amount_to_is_found() -> None:
    plan = plan_for_small()
    cost = measure("monthly_cost").value(small(), plan.final)
    right = (Stage(1, "unserved", 0.0, 0.0, 0.0), Stage(2, "monthly_cost", cost, cost, 0.0))
    assert audit_stages(small(), plan, right) == ()
    wrong = (Stage(2, "monthly_cost", cost - 1, cost - 1, 0.0),)
    (violation,) = audit_stages(small(), plan, wrong)
    assert (violation.rule, violation.where) == (FIGURES, "monthly_cost")


def test_rows_of_one_kind_keep_their_order(tmp_path: Path) -> None:
    plan = deployment_for_small()
    turned = replace(
        plan,
        routing=tuple(reversed(plan.routing)),
        verification=tuple(reversed(plan.verification)),
        panels=tuple(
            Panel(p.policy, p.residency, p.period, p.executor, p.verifiers[::-1], p.share)
            for p in reversed(plan.panels)
        ),
    )
    assert isinstance(turned.routing[0], Flow)
    assert read_plan(write(tmp_path, Plan({"": turned})), small()).plan.final == turned
