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
from planner.report.plan_audit import audit_plan
from planner.workbook.differences import Difference, differences
from planner.workbook.findings import Finding, InputError


@dataclass(frozen=True)
class Side:
    """One of the plans: what it was made from and what it amounts to.

    `status` and `gap` are those of its run, blank and None where that is not known.
    """

    name: str
    tables: Tables
    evaluation: Evaluation
    status: str
    gap: float | None


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

    Raises InputError for a path without a plan and the workbook that it was made from.
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
    run = _run(folder)
    workbook = folder / WORKBOOK_COPY
    file = path if path.is_file() else folder / str(run.get("plan_file") or PLAN_XLSX)
    for needed in (workbook, file):
        if not needed.is_file():
            way_out = "name a folder that planner solve wrote, or a plan workbook in one"
            raise InputError([Finding("", "", f"{needed} is not there", way_out)])
    tables = read_network(workbook, scenario=str(run.get("scenario") or ""))
    if tables.network is None:
        raise InputError(tables.findings)
    found, _ = audit_plan(tables.network, file)
    if any(finding.is_error for finding in found.findings):
        raise InputError(found.findings)
    final = evaluate(tables.network, found.plan)[-1]
    gap = run.get("gap")
    known = float(gap) if isinstance(gap, (int, float)) else None
    return Side(name, tables, final, str(run.get("status") or ""), known)


def _run(folder: Path) -> dict[str, object]:
    """Return what plan.json says of the run; nothing where it cannot be read."""
    try:
        content = json.loads((folder / PLAN_JSON).read_text(encoding="utf-8"))
        return {**content["run"], "status": content["status"], "gap": content["gap"]}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest names that tell the paths apart."""
    for count in range(1, max(len(path.resolve().parts) for path in paths) + 1):
        names = ["/".join(path.resolve().parts[-count:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} {number}" for number, path in enumerate(paths, start=1)]
