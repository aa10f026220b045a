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
from models.plan import Deployment, Flow, Panel, Plan
from planner.evaluation.audit import FIGURES, audit, audit_stages
from planner.evaluation.baselines import compare
from planner.evaluation.evaluation import Evaluation
from planner.report.done import Done
from planner.report.plan_workbook import plan_hash, read_plan, write_plan
from planner.result import Result, Run, Stage
from planner.workbook.findings import InputError
from tests.cases import FRANKFURT, PARIS, deployment_for_small, done_with, plan_for_small, small

SHEETS = [
    "Summary",
    "Demand",
    "Sites",
    "Contracts",
    "Nodes",
    "Warm models",
    "Routing",
    "Verification",
    "Panels",
    "Copies",
    "Seats",
    "Dependencies",
    "Changes",
    "Cost",
    "Comparison",
    "Run",
]


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
    return list(openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True))


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


def test_every_sheet_is_there_with_units_in_its_headers(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path))
    assert book.sheetnames == SHEETS
    headers = [cell.value for cell in book["Routing"][1]]
    assert "share (0..1)" in headers
    assert "latency_ms" in headers
    assert "cost_per_million (EUR/million requests)" in headers


def test_estimates_are_marked(tmp_path: Path) -> None:
    header, *rows = values(write(tmp_path), "Routing")
    route, estimated = header.index("route"), header.index("estimated")
    assert {(row[route], row[estimated]) for row in rows} == {("estimate", "yes"), ("direct", "no")}


def test_cost_lines_add_up_to_the_objective(tmp_path: Path) -> None:
    _, *rows = values(write(tmp_path), "Cost")
    monthly = [row[2] for row in rows if isinstance(row[2], (int, float))]
    assert sum(monthly[:-1]) == pytest.approx(monthly[-1])
    assert monthly[-1] == pytest.approx(
        measure("monthly_cost").value(small(), deployment_for_small())
    )


def test_dependencies_carry_shares_and_the_figures_of_their_kind(tmp_path: Path) -> None:
    header, *rows = values(write(tmp_path), "Dependencies")
    of_kind = [
        dict(zip(header, row, strict=True))
        for row in rows
        if row[1:3] == ("coordination", "council") and row[4] == "country"
    ]
    figures, first, *_ = of_kind
    assert figures["dependency"] is None
    assert figures["nakamoto_liveness (number)"] == 1
    assert figures["nakamoto_control (number)"] == 2
    assert (first["dependency"], first["share (0..1)"]) == ("GB", 0.5)


def test_what_hangs_on_none_has_a_place_of_its_own(tmp_path: Path) -> None:
    header, *rows = values(write(tmp_path), "Dependencies")
    (cable,) = [
        found
        for row in rows
        for found in (dict(zip(header, row, strict=True)),)
        if (found["role"], found["of"], found["kind"]) == ("execution", "chat", "cable")
        and found["dependency"] is None
    ]
    assert cable["on_none (0..1)"] == pytest.approx(25 / 30)
    assert cable["largest_share (0..1)"] == pytest.approx(5 / 30)
    assert cable["effective (number)"] == pytest.approx(1)


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
    header, *rows = values(path, "Comparison")
    assert header == ("measure", "unit", "plan", "nearest", "today")
    counted = {row[0]: row[2:] for row in rows}
    assert counted["violations found by the audit"][0] == 0


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
    assert openpyxl.load_workbook(path)["Contracts"]["B2"].data_type == "s"
    assert read_plan(path, network).plan == plan


def test_equal_plans_give_equal_hashes_whatever_the_clock_says(tmp_path: Path) -> None:
    slow = result()
    slow = replace(slow, run=replace(slow.run, times={"solve": 99.0}))
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
    ("sheet", "cell", "content", "words"),
    [
        ("Nodes", "B2", "frankfort", "did you mean 'frankfurt'?"),
        ("Nodes", "C2", "check-z", "not on offer at frankfurt"),
        ("Nodes", "D2", "two", "is text, not a number"),
        ("Nodes", "D2", "2", "type 2 as a number"),
        ("Nodes", "D2", 1.5, "not a whole number"),
        ("Nodes", "D2", -1, "below 0"),
        ("Nodes", "D2", None, "nodes is empty"),
        ("Nodes", "D2", "=1/0", "never calculated"),
        ("Sites", "C2", "perhaps", "neither yes nor no"),
        ("Contracts", "B2", "Acmee", "did you mean 'Acme'?"),
        ("Warm models", "D2", "chatt", "did you mean 'chat'?"),
        ("Routing", "B2", "austria", "there is no row austria"),
        ("Routing", "L2", "0,75", "type 0.75 as a number"),
        ("Verification", "B2", "unchecked", "did you mean 'checked'?"),
        ("Verification", "G2", "rome", "not in Sites"),
        ("Panels", "H3", 0.5, "panel 1 says other things"),
        ("Copies", "D2", "low", "did you mean 'law'?"),
        ("Seats", "B2", "counsel", "did you mean 'council'?"),
    ],
)
def test_a_bad_cell_is_named(
    tmp_path: Path, sheet: str, cell: str, content: object, words: str
) -> None:
    path = write(tmp_path)
    put(path, sheet, cell, content)
    errors = [finding for finding in read_plan(path, small()).findings if finding.is_error]
    assert len(errors) == 1
    # Of rows that contradict each other, the number that they share is named.
    expected = "B3" if sheet == "Panels" else cell
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
    book = openpyxl.load_workbook(path)
    del book["Seats"]
    del book["Nodes"].tables["Nodes"]
    book["Nodes"]["D1"] = "knots"
    book.save(path)
    messages = [finding.message for finding in read_plan(path, small()).findings]
    assert messages == ["the column 'nodes' is missing", "the sheet Seats is missing"]


def test_an_edited_count_is_planned_and_the_old_figures_are_called_stale(tmp_path: Path) -> None:
    path = write(tmp_path)
    header, *rows = values(path, "Nodes")
    number = next(n for n, row in enumerate(rows, 2) if row[1:3] == tuple(PARIS))
    put(path, "Nodes", f"D{number}", 3)
    found = read_plan(path, small())
    assert found.plan.final.nodes[PARIS] == 3
    assert {finding.level for finding in found.findings} == {"warning"}
    assert all(finding.sheet == "Cost" for finding in found.findings)
    assert any("monthly_cost says 4,400" in finding.message for finding in found.findings)


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
