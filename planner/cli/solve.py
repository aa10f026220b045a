"""planner solve: find the best plan, of a workbook or of each of its scenarios."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from planner.cli import _options as options
from planner.cli._endings import BAD_INPUT, EXIT_CODES, INTERRUPTED, PLAN, fail
from planner.cli._given import demand_file, workers_of
from planner.cli._said import listed, print_json, tell_aside, tell_beside, tell_result, terminal
from planner.cli._working import working

if TYPE_CHECKING:
    from planner.job import Job

EDITS_SHOWN = 8
"""How many cells that a scenario changes are said."""


@click.command()
@options.workbook
@options.out("Folder for the plan.  [default: WORKBOOK-plan]")
@options.time_limit("Seconds for the solver; the workbook's time_limit_s otherwise.")
@options.gap
@click.option(
    "--deterministic",
    is_flag=True,
    help="End by work, not by the clock: twice the same plan, if the time is enough.",
)
@click.option(
    "--require-served",
    is_flag=True,
    help="No plan is better than one that leaves demand unserved.",
)
@click.option(
    "--solver-option",
    "solver_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of HiGHS, e.g. presolve=off.",
)
@options.processes("Independent solves")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="A Dask cluster for independent solves, e.g. tcp://host:8786, instead of processes.",
)
@click.option(
    "--scenario",
    metavar="NAME",
    default="",
    shell_complete=options.complete,
    help="Plan WORKBOOK as its sheet Scenarios has it; all: as it stands, then as each has it.",
)
@options.json("Print plan.json instead of the summary.")
@options.quiet
@options.verbose
def solve(
    workbook: Path,
    out: Path | None,
    time_limit: float | None,
    gap: float | None,
    deterministic: bool,
    require_served: bool,
    solver_options: Sequence[str],
    processes: int | None,
    cluster: str | None,
    scenario: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Check WORKBOOK, find the best plan, audit it and write plan.xlsx, report.html and plan.json.

    Ctrl-C and the time limit both keep the best plan found so far. The plan of a scenario goes into
    a folder of its own below that of WORKBOOK.

    \b
    Example:
      planner solve inputs/minimal.xlsx --out my-plan --time-limit 60
    """
    from planner.batch import job_of
    from planner.job import Job, run
    from planner.reading import read_network
    from planner.solver.highs import UnknownOption

    demand_file(workbook)  # a slip of the pen is no run: the plan that stands there stays
    out = out or workbook.with_name(f"{workbook.stem}-plan")
    job = Job(
        workbook=workbook,
        out=out,
        time_limit_s=time_limit,
        gap=gap,
        deterministic=deterministic,
        require_served=require_served,
        solver=dict(_option(text) for text in solver_options),
        workers=workers_of(processes, cluster),
    )
    if scenario == options.ALL:
        _solve_all(job, as_json, quiet, verbose)
    if scenario:
        of_scenario = job_of(job, scenario)
        if of_scenario is None:  # a slip of the pen, too, or a workbook that cannot be read
            fail(listed(read_network(workbook, require_served, scenario).findings))
        job = of_scenario
    with working(quiet, verbose) as (stop, progress):
        try:
            done = run(job, stop, progress)
        except UnknownOption as error:
            raise click.UsageError(str(error)) from None
        except OSError as error:
            fail(str(error))
    tell_aside(done.aside)
    tell_beside(done)
    if as_json:
        print_json(json.loads(done.files["figures"].read_text(encoding="utf-8")))
    else:
        tell_result(done.result, done.findings, quiet)
        _tell_edits(done.edits, quiet)
        if not quiet and done.final is not None:
            from planner.report.screen import summary

            console = terminal()
            console.print(summary(done, width=console.width), crop=False)
    sys.exit(EXIT_CODES[done.result.status])


def _solve_all(job: Job, as_json: bool, quiet: bool, verbose: bool) -> NoReturn:
    """Plan the workbook as it stands and as every scenario has it, and say how each ended."""
    from planner.batch import run_all
    from planner.report.compare_report import scores

    found, code, currency = [], PLAN, ""
    with working(quiet, verbose) as (stop, progress):
        for outcome in run_all(job, stop, progress):
            done = outcome.done
            status = done.result.status if done is not None else outcome.failure
            code = max(code, EXIT_CODES.get(status, BAD_INPUT))
            final = done.final if done is not None else None
            found.append((outcome.name, status, outcome.job.out, final))
            currency = final.network.settings.currency if final is not None else currency
            if done is not None:
                tell_aside(done.aside)
                tell_beside(done)
            if not quiet and not as_json:
                click.echo(f"{outcome.name}: {status}, in {outcome.job.out}", err=True)
                if done is not None and final is None:
                    tell_result(done.result, done.findings, quiet)
        code = INTERRUPTED if stop.is_set() else code
    if as_json:
        told = [{"scenario": n, "status": s, "folder": str(out)} for n, s, out, _ in found]
        print_json(told, indent=2)
    elif not quiet:
        rows = [(name, None if f is None else f.score(name)) for name, _, _, f in found]
        if any(f is not None for *_, f in found):
            terminal().print(scores(rows, currency))
    sys.exit(code)


def _tell_edits(edits: Sequence[str], quiet: bool) -> None:
    """Say on stderr what a scenario changed."""
    for edit in () if quiet else edits[:EDITS_SHOWN]:
        click.echo(f"scenario: {edit}", err=True)
    if len(edits) > EDITS_SHOWN and not quiet:
        click.echo(f"scenario: and {len(edits) - EDITS_SHOWN} more in plan.json", err=True)


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--solver-option takes NAME=VALUE, not {text!r}")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, {"true": True, "false": False}.get(value.casefold(), value)
