"""planner stress: show what failures take of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from planner.cli import _options as options
from planner.cli._endings import Report, demand_some, end, told
from planner.cli._given import demand_folder, demand_one, folder_of, standing, workers_of
from planner.cli._working import working


@click.command()
@options.workbook
@options.plan
@options.today
@click.option(
    "--worst",
    type=click.IntRange(min=1),
    default=3,
    metavar="K",
    help="The most failures at once.  [default: 3]",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    shell_complete=options.complete,
    help="Also the worst of this kind alone, e.g. country.",
)
@click.option("--pairs", is_flag=True, help="Also every two single failures at once.")
@options.processes("Independent failures")
@options.cluster
@options.out("Folder for stress.json and stress.html.  [default: that of PLAN]")
@options.json("Print stress.json instead of the tables.")
@options.quiet
@options.verbose
@options.scenario
def stress(
    workbook: Path,
    plan: Path | None,
    today: bool,
    scenario: str,
    worst: int,
    kinds: Sequence[str],
    pairs: bool,
    processes: int | None,
    cluster: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Show how few failures end each guarantee of PLAN, and what every single failure takes.

    Demand is routed anew over what still stands. Sets of failures are of any mix of kinds, and
    none is smaller: that is proven, not sampled. Where dependencies, providers or shocks have
    outage figures, it is told what they cost in an average year. Ctrl-C keeps what was found.

    \b
    Example:
      planner stress inputs/minimal.xlsx my-plan/plan.xlsx --kind country
    """
    from planner.evaluation.stress import stress as run_stress
    from planner.evaluation.stress_jobs import ANSWERING
    from planner.jobs.requests import get_ready
    from planner.report.html.tables_page import EVERY_LINE
    from planner.report.stress_report import document, parts, screen
    from planner.workbook.names import slip_or

    demand_one(plan, today)
    workers = workers_of(processes, cluster)
    # Beside the workbook's reading, unless a slip of the pen may turn up in it.
    if not kinds and workbook.exists() and (plan is None or plan.exists()):
        get_ready(workers, *ANSWERING)
    _, network, deployment = standing(workbook, plan, scenario)
    known = {item.kind for item in network.graph.dependencies}
    for kind in kinds:
        if kind not in known:
            way_out = slip_or(kind, known, f"take one of {', '.join(sorted(known))}")
            raise click.UsageError(f"--kind {kind}: {way_out}")
    if kinds:
        get_ready(workers, *ANSWERING)
    folder = demand_folder(out or folder_of(plan or workbook))
    with working(quiet, verbose) as (stop, progress):
        found = run_stress(
            network, deployment, worst, tuple(kinds), pairs, workers, stop, progress.say
        )
    demand_some(found)
    title = f"{workbook.name} under failures"
    page = parts(found, EVERY_LINE)
    report = Report("stress", title, document(found), page, screen(found))
    end(found, told(report, folder, as_json, quiet))
