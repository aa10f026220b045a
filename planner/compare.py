"""Plans side by side: what went in, what came out, and what each difference did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from planner.evaluation.differences import Differences
from planner.evaluation.differences import differences as plan_differences
from planner.evaluation.evaluation import Evaluation, evaluate
from planner.reading import Tables, read_network
from planner.report.earlier import PLAN_JSON, PLAN_XLSX, WORKBOOK_COPY
from planner.report.overview import RUN
from planner.report.plan_audit import audit_plan
from planner.report.summary_pages import SCENARIO
from planner.workbook.differences import Difference, differences
from planner.workbook.excel import SHA256, read_sheets
from planner.workbook.findings import Finding, InputError

_NAME_ONE = "name a folder in which planner solve found a plan, or a plan workbook in one"


@dataclass(frozen=True)
class Side:
    """One of the plans: what it was made from and what it amounts to."""

    name: str
    tables: Tables
    evaluation: Evaluation


class Beside(NamedTuple):
    """How a plan differs from the first one, in what went in and in what came out."""

    side: Side
    inputs: tuple[Difference, ...]
    plan: Differences


@dataclass(frozen=True)
class Comparison:
    """Plans side by side, each of the others against the first."""

    first: Side
    others: tuple[Beside, ...]

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return all of the plans, in the order in which they were named."""
        return (self.first, *(found.side for found in self.others))


def compare(paths: Sequence[Path]) -> Comparison:
    """Return the comparison of plans, named by their folders or by plan workbooks in them.

    Raises InputError for a path without a plan, or without the workbook that it was made from.
    """
    first, *others = (_side(path, name) for path, name in zip(paths, _names(paths), strict=True))
    return Comparison(first, tuple(_beside(first, side) for side in others))


def _beside(first: Side, side: Side) -> Beside:
    one, two = first.tables.book, side.tables.book
    assert one is not None
    assert two is not None
    inputs = tuple(differences(one, two))
    return Beside(side, inputs, plan_differences(first.evaluation, side.evaluation))


def _side(path: Path, name: str) -> Side:
    folder = path if path.is_dir() else path.parent
    workbook, file = folder / WORKBOOK_COPY, path if path.is_file() else plan_in(folder)
    for needed in (workbook, file):
        if not needed.is_file():
            raise _refused(f"{needed} is not there", _NAME_ONE)
    sha256, scenario = _made_for(file)
    tables = read_network(workbook, scenario=scenario)
    if sha256 not in ("", tables.sha256):
        message = f"{file} was made from another workbook than {WORKBOOK_COPY} beside it"
        way_out = f"put it in a folder of its own, with the one it was made from as {WORKBOOK_COPY}"
        raise _refused(message, way_out)
    if tables.network is None:
        raise InputError(tables.findings)
    found, _ = audit_plan(tables.network, file)
    if any(finding.is_error for finding in found.findings):
        raise InputError(found.findings)
    return Side(name, tables, evaluate(tables.network, found.plan)[-1])


def plan_in(folder: Path) -> Path:
    """Return the plan of the last run in a folder; raise InputError if that ended without one."""
    try:
        content = json.loads((folder / PLAN_JSON).read_text(encoding="utf-8"))
        status, name = str(content["status"]), content["run"]["plan_file"]
    except (OSError, ValueError, LookupError, TypeError):
        return folder / PLAN_XLSX
    if not name:
        raise _refused(f"the run in {folder} ended without a plan: {status}", _NAME_ONE)
    return folder / str(name)


def _made_for(file: Path) -> tuple[str, str]:
    """Return the SHA-256 of the workbook and the scenario of a plan; blank if it names none.

    The plan itself says it: plan.json is about the last run, and a folder may hold other plans.
    """
    said = {
        sheet.cell(number, 1).value: str(sheet.cell(number, 2).value or "")
        for sheet in read_sheets(file, {RUN}).sheets
        for number in sheet.rows
    }
    return said.get(SHA256, ""), said.get(SCENARIO, "")


def _refused(message: str, way_out: str) -> InputError:
    return InputError([Finding("", "", message, way_out)])


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell the paths apart."""
    for count in range(1, max(len(path.resolve().parts) for path in paths) + 1):
        names = ["/".join(path.resolve().parts[-count:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} {number}" for number, path in enumerate(paths, start=1)]
