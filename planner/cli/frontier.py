"""planner frontier: show what each bit of a measure costs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from planner.cli import _options as options
from planner.cli._endings import BAD_INPUT, EXIT_CODES, INTERRUPTED, TOO_EARLY, fail, writing
from planner.cli._given import demand_file, workers_of
from planner.cli._said import listed, print_json, tell_held, tell_kept, terminal
from planner.cli._working import working


@click.command()
@options.workbook
@click.option(
    "--against",
    required=True,
    metavar="MEASURE",
    shell_complete=options.complete,
    help="latency, worst_loss, expected_loss, changes, share:KIND (the largest share of a kind)"
    " or collapse:ROLE (how many failures end what a role promises).",
)
@click.option(
    "--points",
    type=click.IntRange(min=0),
    default=8,
    metavar="N",
    help="Limits between the best in MEASURE and the cheapest.  [default: 8]",
)
@options.out("Folder for the plans.  [default: WORKBOOK-frontier]")
@options.time_limit(
    "Seconds for each plan; the workbook's time_limit_s, split among them, otherwise."
)
@options.gap
@options.processes("Plans sought")
@options.cluster
@options.json("Print frontier.json instead of the table.")
@options.quiet
@options.verbose
def frontier(
    workbook: Path,
    against: str,
    points: int,
    out: Path | None,
    time_limit: float | None,
    gap: float | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Show what each bit of MEASURE costs: plans for WORKBOOK that none beats in both.

    The ends are the plan that is best in MEASURE and the cheapest; between them the cheapest for
    every limit of an even grid. Each is written as a plan of its own, 01, 02 … below the folder,
    with what is proven of it in frontier.csv, .json and .html. Ctrl-C keeps the plans found.

    \b
    Example:
      planner frontier inputs/minimal.xlsx --against latency --points 3 --out my-frontier
    """
    from planner.frontier import frontier as sought
    from planner.job import Job
    from planner.report.frontier_report import FRONTIER_HTML, document, screen, write
    from planner.workbook.findings import InputError

    demand_file(workbook)
    out = out or workbook.with_name(f"{workbook.stem}-frontier")
    workers = workers_of(processes, cluster)
    job = Job(workbook=workbook, out=out, time_limit_s=time_limit, gap=gap, workers=workers)
    with working(quiet, verbose) as (stop, progress):
        try:
            found = sought(job, against, points, stop, progress)
        except InputError as error:
            fail(listed(error.findings))
    for name, now in found.held:
        tell_held(name, now)
    tell_kept(dict(found.kept))
    with writing() as unwritten:
        files = write(out, found)
        for name, path in files.items():
            tell_held(name, path.name)
    if as_json:
        print_json(document(found))
    elif not quiet:
        terminal().print(screen(found))
        if not unwritten:
            click.echo(f"as a page: {files[FRONTIER_HTML]}")
    for failure in found.failures:
        click.echo(f"not found: {failure}", err=True)
    for name in found.earlier:
        click.echo(f"{out / name} is of an earlier run.", err=True)
    if "infeasible" in found.reached:
        click.echo(
            f"No plan exists; planner solve {workbook} names the rules in the way.", err=True
        )
    codes = [EXIT_CODES.get(status, BAD_INPUT) for status in found.reached]
    codes += [BAD_INPUT for _ in unwritten]
    sys.exit(INTERRUPTED if found.stopped else max(codes, default=TOO_EARLY))
