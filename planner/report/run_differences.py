"""Two runs of one workbook, as their plan.json files tell of them: what is different."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from planner.result import SAME
from planner.workbook.findings import counted

DIGITS = 9
"""Digits to which two figures must agree: other versions of a library add up in another order."""

NOT_COMPARED = {"format", "findings", "warnings", "times", "run", "gap", "comparison", "audit"}
"""What plan.json says beside the plan, or of things that are compared by themselves."""

CODE = "the planner's own code"

PlanJson = Mapping[str, Any]

Verdict = Literal["same", "as good", "better", "worse", "another end"]


class Change(NamedTuple):
    """Something that has one value in each of the two runs."""

    what: str
    before: str
    after: str


class RunDifferences(NamedTuple):
    """How the second run differs from the first.

    `lists` counts the rows of plan.json that only one of the runs has; `clock_stopped` names those
    that the clock cut short, so that nobody can count on the same plan.
    """

    verdict: Verdict
    versions: tuple[Change, ...]
    figures: tuple[Change, ...]
    lists: Mapping[str, int]
    clock_stopped: tuple[Literal["first", "second"], ...]


def run_differences(before: PlanJson, after: PlanJson) -> RunDifferences:
    """Return what is different in the plan.json of a second run of the same workbook."""
    lists = dict(_lists(before, after))
    figures = tuple(_figures(before, after))
    stopped: list[Literal["first", "second"]] = []
    if before["run"]["clock_stopped"]:
        stopped.append("first")
    if after["run"]["clock_stopped"]:
        stopped.append("second")
    verdict = _verdict(before, after, bool(lists))
    return RunDifferences(verdict, tuple(_versions(before, after)), figures, lists, tuple(stopped))


def sentences(found: RunDifferences, status: str) -> Iterator[str]:
    """Yield what a second run says of the first, in order of weight; `status` is the second's."""
    yield {
        "same": f"The same again: {status}.",
        "as good": "Another plan, as good in every objective.",
        "better": "Another plan, and a better one.",
        "worse": "Another plan, and a worse one.",
        "another end": "It ended in another way.",
    }[found.verdict]
    if found.clock_stopped:
        of = {1: f"The {found.clock_stopped[0]} run was", 2: "Both runs were"}
        told = (
            "so it may differ from run to run" if found.verdict == "same" else "so they may differ"
        )
        yield f"{of[len(found.clock_stopped)]} cut short by the clock, {told}."
    for change in (*found.versions, *found.figures):
        yield f"{change.what}: {change.before} -> {change.after}"
    for name, count in found.lists.items():
        yield f"{name}: {counted(count, 'row')} of only one of the runs"
    if found.verdict not in ("same", "better") and not (found.versions or found.clock_stopped):
        yield "Versions, code and options are the same, and the clock cut neither short."


def document(found: RunDifferences) -> dict[str, object]:
    """Return everything for other programs."""
    return {
        "verdict": found.verdict,
        "clock_stopped": list(found.clock_stopped),
        "versions": [change._asdict() for change in found.versions],
        "figures": [change._asdict() for change in found.figures],
        "lists": dict(found.lists),
    }


def _verdict(before: PlanJson, after: PlanJson, is_other: bool) -> Verdict:
    if not (_has_plan(before) or _has_plan(after)):
        return "same" if before["status"] == after["status"] else "another end"
    if not _has_plan(after):
        return "another end"
    if not _has_plan(before):
        return "better"
    if not is_other:
        return "same"
    for one, two in zip(before["objectives"], after["objectives"], strict=False):
        if not _agree(one["value"], two["value"]):
            return "better" if two["value"] < one["value"] else "worse"
    return "as good"


def _has_plan(found: PlanJson) -> bool:
    return bool(found["run"]["plan_file"])


def _versions(before: PlanJson, after: PlanJson) -> Iterator[Change]:
    one, two = (
        {**run["versions"], CODE: run["code"][:12]} for run in (before["run"], after["run"])
    )
    for name in dict.fromkeys((*one, *two)):
        if one.get(name) != two.get(name):
            yield Change(name, one.get(name, "-"), two.get(name, "-"))


def _figures(before: PlanJson, after: PlanJson) -> Iterator[Change]:
    """Yield the figures that are different: how it ended, and every objective with its bound."""
    one, two = dict(_headline(before)), dict(_headline(after))
    for name in dict.fromkeys((*one, *two)):
        if not _agree(one.get(name), two.get(name)):
            yield Change(name, _shown(one.get(name)), _shown(two.get(name)))


def _headline(found: PlanJson) -> Iterator[tuple[str, object]]:
    yield "status", found["status"]
    for objective in found["objectives"]:
        yield objective["measure"], objective["value"]
        yield f"{objective['measure']} at least", objective["bound"]


def _agree(one: object, two: object) -> bool:
    if isinstance(one, float | int) and isinstance(two, float | int):
        return abs(one - two) <= SAME * max(1.0, abs(one))
    return one == two


def _shown(value: object) -> str:
    return "-" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)


def _lists(before: PlanJson, after: PlanJson) -> Iterator[tuple[str, int]]:
    """Yield every list of the plan that differs, with how many rows only one of the runs has."""
    for name in dict.fromkeys((*before, *after)):
        if name in NOT_COMPARED or name in ("status", "objectives"):
            continue
        one, two = (Counter(map(_row, found.get(name, ()))) for found in (before, after))
        other = sum(((one - two) + (two - one)).values())
        if other:
            yield name, other


def _row(row: object) -> str:
    return json.dumps(_rounded(row), sort_keys=True)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return value
