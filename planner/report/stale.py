"""Figures of a plan workbook that no longer agree with what it decides, as after an edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from models.fields import Kind, columns
from models.network import Network
from models.plan import Plan
from planner.evaluation.evaluation import evaluate
from planner.report.plan_rows import ReadRow, read_rows
from planner.report.sheet_rows import COST, PLAN_SHEETS, PlanSheet
from planner.report.sheets import CostRow, DemandRow, PlanRow, decides
from planner.workbook.excel import Sheet
from planner.workbook.findings import Finding, counted

AGREEMENT = 1e-6
"""How far apart, relatively, a figure in the workbook and its recomputation may be."""

CHECKED = {sheet.title for sheet in PLAN_SHEETS if sheet.decides} | {"Demand", COST}
"""Sheets whose figures somebody may mean to edit; all others only count what these decide."""

_NAMED_BY: Mapping[type[PlanRow], tuple[str, ...]] = {
    DemandRow: ("region", "model", "verification", "service_class", "period"),
    CostRow: ("item",),
}
"""What tells the rows of a sheet apart that decides nothing."""


def stale(network: Network, plan: Plan, sheets: Mapping[str, Sheet]) -> Iterator[Finding]:
    """Yield a warning for every column that says other than the plan gives, at its first cell."""
    evaluations = evaluate(network, plan)
    for sheet in PLAN_SHEETS:
        if sheet.title not in CHECKED or sheet.title not in sheets:
            continue
        due = {
            _key(row, evaluation.phase): row
            for evaluation in evaluations
            for row in sheet.rows(evaluation)
        }
        unused: list[Finding] = []
        read = list(read_rows(sheets[sheet.title], sheet.row_class, unused))
        for attribute, unit in _figures(sheet, network.settings.currency):
            yield from _column(attribute, unit, read, due)


def _column(
    attribute: str, unit: str, read: list[ReadRow], due: Mapping[Any, PlanRow]
) -> Iterator[Finding]:
    wrong = []
    for place in read:
        right = due.get(_key(place.row, place.row.phase))
        if right is None or attribute not in place.letters:
            continue
        says, gives = getattr(place.row, attribute), getattr(right, attribute)
        if _differ(says, gives):
            wrong.append(place.finding(attribute, says, gives, unit))
    if wrong:
        more = f"; so {counted(len(wrong) - 1, 'more cell')} below" if wrong[1:] else ""
        yield replace(wrong[0], message=wrong[0].message + more)


def _figures(sheet: PlanSheet, currency: str) -> Iterator[tuple[str, str]]:
    """Yield the columns of numbers that only explain, each with its unit."""
    for name, declared in columns(sheet.row_class).items():
        if declared.kind in (Kind.NUMBER, Kind.INTEGER) and not decides(declared):
            yield name, declared.unit.replace("currency", currency)


def _key(row: PlanRow, phase: str) -> tuple[object, ...]:
    names = _NAMED_BY.get(type(row)) or [
        name for name, declared in columns(type(row)).items() if declared.key and name != "phase"
    ]
    return (phase, *(getattr(row, name) for name in names))


def _differ(stated: float | None, found: float | None) -> bool:
    if stated is None or found is None:
        return stated is not found
    return abs(stated - found) > AGREEMENT * max(1.0, abs(found))
