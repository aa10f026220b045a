"""plan.xlsx: a plan written for people, and read back exactly, also after people edited it."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.fields import Kind, columns
from models.measures import NAMES, measure
from models.measures.monthly_cost import penalties_in
from models.network import Network
from models.plan import Plan
from models.rules import RULES
from planner.evaluation.evaluation import Evaluation, evaluate
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.report.plan_rows import PlanReader, ReadRow, read_rows
from planner.report.sentences import costs_and_proof, guarantees, risks
from planner.report.sheet_rows import PLAN_SHEETS, cost_rows
from planner.report.sheets import CostRow, RoutingRow, cells, heading, headings
from planner.result import Result, without_noise
from planner.workbook.excel import Layout, Sheet, Workbook, read_sheets, write_workbook
from planner.workbook.findings import Finding

SUMMARY, COMPARISON, RUN = "Summary", "Comparison", "Run"
"""Sheets that hold no rows per phase; Run stands last, for it holds the clock."""

COST = "Cost"

READ_SHEETS = {sheet.title for sheet in PLAN_SHEETS if sheet.decides} | {COST, RUN}
"""What a plan and the figures to be checked are read from."""

_ARCHIVE_END, _ARCHIVE_END_BYTES = b"PK\x05\x06", 22
"""The last record of a workbook without an archive comment, and its length."""
_SECONDS = re.compile(rb"<row [^>]*>(?:(?!</row>).)*?<t[^>]*>time: .*?</row>", re.DOTALL)
"""A row of Run that holds seconds."""

AGREEMENT = 1e-6
"""How far apart, relatively, a figure in the workbook and its recomputation may be."""


@dataclass(frozen=True)
class PlanFile:
    """A plan as read from a workbook.

    Errors are cells that could not be used, which the plan therefore lacks. Warnings are figures
    that no longer agree with the rest, as after an edit; nothing is computed from them.
    `workbook_sha256` is that of the workbook the plan was made for, empty if it does not say.
    """

    plan: Plan
    findings: tuple[Finding, ...]
    workbook_sha256: str


def write_plan(path: Path, done: Done) -> Path:
    """Write the plan of the job and return the path really written.

    Raises ValueError if there is none.
    """
    if done.final is None:
        raise ValueError(f"there is no plan to write: {done.result.status}")
    currency = done.final.network.settings.currency
    sheets: dict[str, Sequence[Sequence[object]]] = {SUMMARY: _summary(done, done.final)}
    layouts = {SUMMARY: Layout()}
    for sheet in PLAN_SHEETS:
        rows = [
            cells(row, evaluation.phase)
            for evaluation in done.evaluations
            for row in sheet.rows(evaluation)
        ]
        sheets[sheet.title] = [headings(sheet.row_class, currency), *rows]
        layouts[sheet.title] = _layout(sheet.row_class, currency, is_table=bool(rows))
    sheets[COMPARISON] = _comparison(currency, done.scores)
    sheets[RUN] = _run(done.result, done.final)
    return write_workbook(path, sheets, layouts)


def read_plan(path: Path, network: Network) -> PlanFile:
    """Return the plan in the workbook, with a finding for every cell that cannot be used.

    Raises InputError if the file is no workbook.
    """
    workbook = read_sheets(path, READ_SHEETS)
    findings = list(workbook.findings)
    by_title = {sheet.title: sheet for sheet in workbook.sheets}
    reader = PlanReader(network, findings)
    for sheet in PLAN_SHEETS:
        if not sheet.decides:
            continue
        if sheet.title not in by_title:
            findings.append(
                Finding(
                    sheet.title,
                    "",
                    f"the sheet {sheet.title} is missing",
                    "add it again, with its headers only if it is to be empty",
                )
            )
            continue
        for row in read_rows(by_title[sheet.title], sheet.row_class, findings):
            reader.add(row)
    plan = reader.plan()
    if not any(finding.is_error for finding in findings):
        findings.extend(_stale(network, plan, by_title, reader.routing))
    return PlanFile(plan, tuple(findings), _made_for(workbook))


def plan_hash(path: Path) -> str:
    """Return the SHA-256 of a written plan without its seconds; empty if it is no such file.

    Seconds differ from run to run, and stand on the sheet Run alone. Whoever else saves the file
    changes some other part of it, or leaves bytes behind its end.
    """
    digest = hashlib.sha256()
    try:
        data = path.read_bytes()
        if len(data) - data.rfind(_ARCHIVE_END) != _ARCHIVE_END_BYTES:
            return ""
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = sorted(package.namelist())
            run_part = _run_part(names)
            for name in names:
                content = package.read(name)
                if name == run_part:
                    content = _SECONDS.sub(b"", content)
                digest.update(f"{name} {len(content)} ".encode() + content)
    except (OSError, zipfile.BadZipFile):
        return ""
    return digest.hexdigest()


def _run_part(names: Collection[str]) -> str:
    """Return the part that holds the last sheet."""
    prefix, suffix = "xl/worksheets/sheet", ".xml"
    numbers = [
        int(number)
        for name in names
        if name.startswith(prefix)
        and name.endswith(suffix)
        and (number := name[len(prefix) : -len(suffix)]).isdigit()
    ]
    return f"{prefix}{max(numbers, default=0)}{suffix}"


# What stands on the sheets that hold no plan ------------------------------------------------------


def _layout(row_class: type, currency: str, *, is_table: bool) -> Layout:
    notes, formats = {}, {}
    for name, declaration in columns(row_class).items():
        header = heading(name, declaration, currency)
        notes[header] = declaration.description
        if declaration.unit.startswith("currency"):
            formats[header] = "#,##0.00"
        elif declaration.kind is Kind.NUMBER and declaration.unit == "ms":
            formats[header] = "0.0"
    return Layout(is_table=is_table, notes=notes, formats=formats)


def _summary(done: Done, final: Evaluation) -> list[list[object]]:
    rows: list[list[object]] = [["topic", "what holds"]]
    for sentence in (*guarantees(final), *risks(final), *costs_and_proof(done.result, final)):
        rows.append([sentence.topic, str(sentence)])
    for rule in RULES:
        name = rule.__name__.rpartition(".")[2].replace("_", " ")
        rows.append([f"rule: {name}", rule.explain(final.network, final.plan)])
    rows += [["warning", str(warning)] for warning in done.result.warnings]
    rows += [["violation", str(violation)] for violation in done.result.violations]
    return rows


def _comparison(currency: str, scores: Sequence[Score]) -> list[list[object]]:
    """Return one row per measure and one column per plan."""
    rows: list[list[object]] = [
        ["measure", "unit", *(found.name for found in scores)],
        [
            "monthly cost",
            f"{currency}/month",
            *(found.monthly_cost for found in scores),
        ],
        ["penalties, not paid", f"{currency}/month", *(found.penalties for found in scores)],
        ["latency, p50 of requests served", "ms", *(found.p50_ms for found in scores)],
        ["latency, p95 of requests served", "ms", *(found.p95_ms for found in scores)],
        ["demand served", "0..1", *(found.served for found in scores)],
        ["demand served cold", "0..1", *(found.served_cold for found in scores)],
        ["violations found by the audit", "number", *(found.broken for found in scores)],
    ]
    for rule in sorted({rule for found in scores for rule in found.violations}):
        counts = [found.violations.get(rule, 0) for found in scores]
        rows.append([f"violations: {rule}", "number", *counts])
    for kind in sorted({kind for found in scores for kind in found.largest_share}):
        shares = [found.largest_share.get(kind, 0.0) for found in scores]
        rows.append([f"largest share of execution requests: {kind}", "0..1", *shares])
    return rows


def _run(result: Result, final: Evaluation) -> list[list[object]]:
    run = result.run
    rows: list[list[object]] = [
        ["item", "value", "unit"],
        ["workbook", run.workbook, ""],
        ["workbook sha256", run.sha256, ""],
        ["status", result.status, ""],
        ["gap", _finite(result.gap), "relative"],
        ["stopped by the clock", "yes" if run.clock_stopped else "no", ""],
        ["seed", run.seed, ""],
        ["searched", run.search, ""],
    ]
    for stage in result.stages:
        name = f"objective {stage.priority}: {stage.measure}"
        rows.append([f"{name}, value", _finite(stage.value), _unit_of(stage.measure)])
        if "monthly_cost" in stage.measure:
            penalties = penalties_in(final.network, final.plan, stage.priority)
            rows.append([f"{name}, penalties in the value", penalties, _unit_of(stage.measure)])
        rows.append([f"{name}, proven bound", _finite(stage.bound), _unit_of(stage.measure)])
        rows.append([f"{name}, gap", _finite(stage.gap), "relative"])
    rows += [[f"option {name}", str(value), ""] for name, value in sorted(run.options.items())]
    rows += [[f"version of {name}", text, ""] for name, text in sorted(run.versions.items())]
    rows += [[f"time: {name}", float(seconds), "s"] for name, seconds in run.times.items()]
    return rows


def _unit_of(name: str) -> str:
    return measure(name).UNIT if name in NAMES else "mixed"


def _finite(number: float) -> object:
    """Return the number, or words where there is none."""
    return without_noise(number) if abs(number) < float("inf") else "not proven"


def _made_for(workbook: Workbook) -> str:
    for sheet in workbook.sheets:
        if sheet.title == RUN:
            for number in sheet.rows:
                if sheet.cell(number, 1).value == "workbook sha256":
                    return str(sheet.cell(number, 2).value or "")
    return ""


# Figures that no longer agree ---------------------------------------------------------------------


def _stale(
    network: Network,
    plan: Plan,
    sheets: Mapping[str, Sheet],
    routing: Sequence[tuple[ReadRow, RoutingRow]],
) -> Iterator[Finding]:
    """Yield the latencies and costs that are not what the workbook gives for the plan as read."""
    evaluations = evaluate(network, plan)
    for evaluation in evaluations:
        # The rows that could be read are the flows, in the same order.
        flows = [(place, row) for place, row in routing if row.phase == evaluation.phase]
        for (place, row), answer in zip(flows, evaluation.answers, strict=True):
            way = answer.service
            if way is not None and _differ(row.latency_ms, way.latency_ms):
                yield place.finding("latency_ms", row.latency_ms, way.latency_ms, "ms")
    if COST not in sheets:
        return
    listed: list[Finding] = []
    stated: dict[str, list[tuple[ReadRow, CostRow]]] = {phase: [] for phase in plan.phases}
    for read in read_rows(sheets[COST], CostRow, listed):
        if isinstance(read.row, CostRow):
            stated.setdefault(read.row.phase, []).append((read, read.row))
    for evaluation in evaluations:
        due = {row.item: row for row in cost_rows(evaluation)}
        for place, found in stated[evaluation.phase]:
            right = due.get(found.item)
            if right is None:
                continue
            for attribute in ("monthly_cost", "one_off_cost", "penalty"):
                says, is_due = getattr(found, attribute), getattr(right, attribute)
                if _differ(says, is_due):
                    yield place.finding(attribute, says, is_due, network.settings.currency)


def _differ(stated: float | None, found: float | None) -> bool:
    if stated is None or found is None:
        return stated is not found
    return abs(stated - found) > AGREEMENT * max(1.0, abs(found))
