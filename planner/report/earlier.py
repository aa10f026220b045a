"""What earlier runs left in the folder: which plans are as written, and how the others make way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from planner.report.plan_workbook import plan_hash

PLAN_JSON, PLAN_XLSX, REJECTED = "plan.json", "plan.xlsx", "rejected.xlsx"
REPORT, WORKBOOK_COPY, LOG = "report.html", "workbook.xlsx", "solver.log"


def unedited_plans(directory: Path) -> dict[str, str]:
    """Return the plan workbooks in the directory that are still as written, with their hashes."""
    try:
        content = json.loads((directory / PLAN_JSON).read_text(encoding="utf-8"))
        listed = content["run"]["plans"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {
        name: digest
        for name, digest in listed
        if isinstance(name, str)
        and Path(name).name == name
        and digest
        and plan_hash(directory / name) == digest
    }


def known_workbooks(directory: Path) -> set[str]:
    """Return the hashes of the workbook that the last run in the directory planned."""
    try:
        content = json.loads((directory / PLAN_JSON).read_text(encoding="utf-8"))
        return {str(content["run"]["workbook_sha256"])}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def was_edited(directory: Path, name: str = PLAN_XLSX) -> bool:
    """Return whether a plan of that name is there that is not known to be as written."""
    return (directory / name).exists() and name not in unedited_plans(directory)


def plan_path(directory: Path, name: str = PLAN_XLSX) -> Path:
    """Return where the next plan goes: plan.xlsx, or plan (2).xlsx … if that was edited."""
    known = unedited_plans(directory)
    path, number = directory / name, 1
    while path.exists() and path.name not in known:
        number += 1
        path = directory / f"{Path(name).stem} ({number}){Path(name).suffix}"
    return path


def move_aside(directory: Path, has_plan: bool, workbook: Path) -> dict[str, str]:
    """Move what would pass for the outcome of this run to names that are free; return those.

    After a run with a plan that is `rejected.xlsx`; after one without, the report, plan.xlsx,
    edited or not, and the unedited plans beside it, with a copy of their figures. A file that is
    held open keeps its name, and is returned with it; `workbook` is what was asked about, and is
    never moved.
    """
    names = {REJECTED} if has_plan else {PLAN_XLSX, REPORT, *unedited_plans(directory)}
    moved = {}
    for name in sorted(names):
        path = directory / name
        if not path.is_file() or (workbook.exists() and path.samefile(workbook)):
            continue
        target = _free(path)
        try:
            path.rename(target)
        except PermissionError:
            target = path
        moved[name] = target.name
        if name == _described(directory) and target != path:
            figures = target.with_suffix(".json")
            shutil.copy2(directory / PLAN_JSON, figures)
            moved[PLAN_JSON] = figures.name
    return moved


def _free(path: Path) -> Path:
    """Return the first name for an earlier file that is free, with and without its figures."""
    number = 1
    while True:
        suffix = "before" if number == 1 else f"before {number}"
        target = path.with_name(f"{path.stem} ({suffix}){path.suffix}")
        if not target.exists() and not target.with_suffix(".json").exists():
            return target
        number += 1


def _described(directory: Path) -> str:
    """Return the plan workbook that plan.json is about; empty if none or unknown."""
    try:
        return str(
            json.loads((directory / PLAN_JSON).read_text(encoding="utf-8"))["run"]["plan_file"]
        )
    except (OSError, ValueError, LookupError, TypeError):
        return ""
