"""Cost against a measure: read, search, and write every plan that no other beats."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from models.measures import SHARE, measure
from models.network import Goal, Network
from models.risks import likely
from planner.evaluation.frontier import (
    COLLAPSE,
    MEASURES,
    Frontier,
    Point,
    folder,
    non_dominated,
    roles,
    told_apart,
)
from planner.evaluation.frontier_collapse import CollapseSearch
from planner.evaluation.frontier_search import BESIDE, Found, Search
from planner.job import Job, limits_of, write_solved
from planner.reading import Tables, read_network
from planner.report.done import Done
from planner.report.earlier import WORKBOOK_COPY
from planner.report.progress import ProgressLine
from planner.workbook.findings import Finding, InputError
from planner.workbook.names import slip_or


def frontier(
    job: Job, against: str, count: int, stop: threading.Event, progress: ProgressLine
) -> Frontier:
    """Return the frontier, every plan of it written into a folder of its own in that of the job.

    The job's time limit is that of each plan; without one, the workbook's is split among them.
    Raises InputError for a workbook, or a measure of it, of which there can be none.
    """
    tables = read_network(job.workbook)
    network = tables.network
    if network is None:
        raise InputError(tables.findings)
    _demand_measure(network, against)
    limits = limits_of(job, network)
    if job.time_limit_s is None:
        limits = replace(limits, time_limit_s=limits.time_limit_s / (count + BESIDE))
    way = CollapseSearch if against.startswith(COLLAPSE) else Search
    search = way(network, against, limits, job.workers, stop, progress.say)
    found_at = {found.point: found for found in search.run(count)}
    best_first, kept = non_dominated(found_at), list[Point]()
    held, edited = list[tuple[str, str]](), list[tuple[str, str]]()
    for number, point in enumerate(best_first, start=1):
        progress.say(f"writing plan {number} of {len(best_first)}")
        of = replace(job, out=job.out / folder(number))
        done = _written(of, tables, search, found_at[point])
        if done is not None:
            kept.append(replace(point, number=number))
            held += _below(folder(number), done.beside)
            edited += _below(folder(number), done.kept)
    return Frontier(
        workbook=job.workbook.name,
        against=against,
        unit="failures" if against.startswith(COLLAPSE) else measure(against).UNIT,
        currency=network.settings.currency,
        points=tuple(told_apart(kept)),
        gap=limits.gap,
        merged=len(search.plans) - len(best_first),
        failures=tuple(search.failures),
        reached=tuple(search.reached),
        stopped=stop.is_set(),
        earlier=tuple(_earlier(job, {folder(point.number) for point in kept})),
        held=tuple(held),
        kept=tuple(edited),
        notes=tuple(_notes(network)),
    )


def _below(parent: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names of files, and those taken in their place, with the folder that they are in."""
    for name, now in names.items():
        yield f"{parent}/{name}", f"{parent}/{now}"


def _notes(network: Network) -> Iterator[str]:
    """Yield what the plans of a frontier leave out."""
    if network.phases:
        yield "Phases is left out: all demand as given, on what stands today."
    if network.demand:
        yield (
            "What ends the guarantees of users is not computed for these plans: `planner stress`"
            " tells it of one of them."
        )


def _written(job: Job, tables: Tables, search: Search, found: Found) -> Done | None:
    """Write a plan and return its end if it is one: it could be written, and keeps every rule."""
    try:
        done = write_solved(job, tables, found.network, search.limits, found.solved, "frontier")
    except OSError as error:
        search.failures.append(f"{job.out}: {error}")
        return None
    if done.result.status == "rejected":
        search.reached.append("rejected")
        first = done.result.violations[0]
        search.failures.append(f"{job.out}: the plan failed its audit, {first}")
        return None
    return done


def _earlier(job: Job, ours: set[str]) -> Iterator[str]:
    """Yield the folders that an earlier run, with more plans, has left."""
    for path in sorted(job.out.glob("[0-9][0-9]*")):
        if path.name not in ours and (path / WORKBOOK_COPY).is_file():
            yield path.name


def _demand_measure(network: Network, against: str) -> None:
    """Raise InputError where the network says nothing about the measure."""
    problem = None
    if against.startswith(SHARE):
        kinds = sorted({item.kind for item in network.graph.dependencies})
        if against.removeprefix(SHARE) not in kinds:
            found = f"nothing hangs on a dependency of kind {against.removeprefix(SHARE)!r}"
            asked, otherwise = against.removeprefix(SHARE), f"take one of {', '.join(kinds)}"
            problem = Finding("", "", found, slip_or(asked, kinds, otherwise, before=SHARE))
    elif against.startswith(COLLAPSE):
        promised = roles(network)
        if against.removeprefix(COLLAPSE) not in promised:
            found = f"nothing is promised of the role {against.removeprefix(COLLAPSE)!r}"
            asked, otherwise = against.removeprefix(COLLAPSE), f"take one of {', '.join(promised)}"
            problem = Finding("", "", found, slip_or(asked, promised, otherwise, before=COLLAPSE))
    elif against not in MEASURES:
        names = f"{', '.join(MEASURES)}, {SHARE}KIND and {COLLAPSE}ROLE, such as {SHARE}provider"
        way_out = slip_or(against, MEASURES, f"take one of {names}")
        problem = Finding("", "", f"cost is not held against {against!r}", way_out)
    elif against == "expected_loss" and not likely(
        replace(network, goals=(Goal(1, "expected_loss"),))
    ):
        found = "expected_loss needs to know how often something fails"
        way_out = "fill in outages_per_year and outage_hours in Dependencies, Providers or Shocks"
        problem = Finding("", "", found, way_out)
    if problem is not None:
        raise InputError([problem])
