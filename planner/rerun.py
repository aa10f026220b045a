"""A run made again from the folder that it left: the same workbook, the same options."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from planner.job import Job
from planner.jobs.requests import Workers
from planner.phases import ONE_PHASE
from planner.report.earlier import PLAN_JSON, workbook_copy
from planner.report.plan_json import FORMAT
from planner.workbook.excel import file_hash
from planner.workbook.findings import Finding, InputError

OWN_OPTIONS = ("time_limit_s", "gap", "deterministic", "require_served")
"""The options that are the planner's; all others are the solver's."""

NEEDED = {
    "clock_stopped",
    "code",
    "options",
    "plan_file",
    "scenario",
    "versions",
    "workbook",
    "workbook_sha256",
}
"""What plan.json says of a run that can be made again."""


@dataclass(frozen=True)
class Recorded:
    """A run as its folder tells of it: the job that makes it again, and its plan.json."""

    job: Job
    content: dict[str, Any]


def recorded(folder: Path, out: Path, workers: Workers) -> Recorded:
    """Return the run of a folder, to be made again into another.

    Raises InputError where the folder does not say how it was made, or holds another workbook.
    """
    content = _content(folder)
    made = content["run"]
    if "command" not in made or content.get("format") != FORMAT:
        _refuse(
            f"the run in {folder} is of another version of the planner, and does not say all of it",
            f"plan its workbook anew: planner solve {workbook_copy(folder)}",
        )
    if made["command"] == ONE_PHASE:
        _refuse(
            f"the plan in {folder} is that up to one phase of a roll-out",
            f"make all phases again: planner rerun {folder.parent.parent}",
        )
    if made["command"] != "solve":
        _refuse(
            f"the plan in {folder} was made by planner {made['command']}",
            f"run planner {made['command']} again; planner rerun is for what planner solve wrote",
        )
    workbook = workbook_copy(folder)
    if not workbook.is_file():
        _refuse(
            f"{workbook} is not there", "name a folder that planner solve wrote and that is whole"
        )
    if file_hash(workbook) != made["workbook_sha256"]:
        _refuse(
            f"{workbook} is not the workbook of that run, or was changed since",
            f"plan it as it is: planner solve {workbook}",
        )
    options = dict(made["options"])
    if not options:
        _refuse(
            f"the run in {folder} ended before anything was solved",
            f"planner check {workbook} says why",
        )
    own = {name: options.pop(name) for name in OWN_OPTIONS}
    scenario = made["scenario"] or ""
    called = made["workbook"]
    job = Job(
        workbook, out, **own, solver=options, workers=workers, scenario=scenario, called=called
    )
    return Recorded(job, content)


def _content(folder: Path) -> dict[str, Any]:
    """Return plan.json. Raises InputError where it is none."""
    path = folder / PLAN_JSON
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        made = content["run"]
        is_whole = made.keys() >= NEEDED and content.keys() >= {"status", "objectives"}
        is_whole |= "command" not in made  # of an older planner, which did not say all of it
        if not is_whole or (made.get("options") and not set(OWN_OPTIONS) <= made["options"].keys()):
            raise ValueError(made)
    except OSError:
        _refuse(f"{path} is not there", "name a folder that planner solve wrote")
    except (ValueError, LookupError, TypeError, AttributeError):
        _refuse(f"{path} is not of the planner, or was changed", "run planner solve again")
    return content


def _refuse(message: str, way_out: str) -> NoReturn:
    raise InputError([Finding("", "", message, way_out)])
