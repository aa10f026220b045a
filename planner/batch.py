"""The workbook and all its scenarios, planned one after the other, each safe from the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from planner.files import folder_names
from planner.job import Job, run
from planner.report.done import Done
from planner.report.progress import ProgressLine
from planner.workbook.excel import read_workbook
from planner.workbook.findings import InputError
from planner.workbook.scenarios import names
from planner.workbook.sheets import read_book

BASE = "as it stands"
"""What the workbook without a scenario is called beside its scenarios."""

SCENARIOS = "scenarios"
"""The folder, below that of the workbook, in which every scenario has one."""


class Outcome(NamedTuple):
    """How one scenario ended: with the end of its job, or with why there was none."""

    name: str
    job: Job
    done: Done | None
    failure: str = ""


def jobs(job: Job) -> list[tuple[str, Job]]:
    """Return the job of the workbook as it stands and of every scenario, each with its own folder.

    A workbook that cannot be read has only the first, which says why.
    """
    try:
        workbook = read_workbook(job.workbook)
    except InputError:
        return [(BASE, job)]
    found = [(BASE, job)]
    for name, folder in folder_names(names(read_book(workbook, []))).items():
        found.append((name, replace(job, scenario=name, out=job.out / SCENARIOS / folder)))
    return found


def job_of(job: Job, scenario: str) -> Job | None:
    """Return the job of one scenario, in the folder that it always has; None if there is none."""
    return dict(jobs(job)[1:]).get(scenario)


def run_all(
    job: Job,
    stop: threading.Event,
    progress: ProgressLine,
    plan: Callable[[Job, threading.Event, ProgressLine], Done] = run,
) -> Iterator[Outcome]:
    """Yield the end of every job; one that fails, whatever it fails of, ends no other."""
    every = jobs(job)
    for number, (name, of) in enumerate(every, start=1):
        progress.about = f"{name}, {number} of {len(every)}"
        if stop.is_set():
            yield Outcome(name, of, None, "not begun: stopped before")
            continue
        try:
            yield Outcome(name, of, plan(of, stop, progress))
        except Exception as error:  # the others are none the worse for it
            yield Outcome(name, of, None, f"{type(error).__name__}: {error}")
