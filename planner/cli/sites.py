"""planner sites: show what each site of a plan adds."""

from __future__ import annotations

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
    "--most",
    type=click.IntRange(min=1),
    default=2,
    metavar="K",
    help="The most sites to add at once.  [default: 2]",
)
@options.processes("Independent sites")
@options.cluster
@options.out("Folder for sites.json and sites.html.  [default: that of PLAN]")
@options.json("Print sites.json instead of the tables.")
@options.quiet
@options.verbose
@options.scenario
def sites(
    workbook: Path,
    plan: Path | None,
    today: bool,
    scenario: str,
    most: int,
    processes: int | None,
    cluster: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Show what each site of PLAN adds, and which sites would add most.

    Every figure is worked out with and without the site, demand routed anew; the verdict names what
    it is better for. Ctrl-C keeps what was found.

    \b
    Example:
      planner sites inputs/minimal.xlsx my-plan/plan.xlsx
    """
    from planner.evaluation.sites import sites as value_of_sites
    from planner.report.sites_report import document, parts, screen

    demand_one(plan, today)
    _, network, deployment = standing(workbook, plan, scenario)
    workers = workers_of(processes, cluster)
    folder = demand_folder(out or folder_of(plan or workbook))
    with working(quiet, verbose) as (stop, progress):
        found = value_of_sites(network, deployment, most, workers, stop, progress.say)
    demand_some(found)
    title, currency = f"{workbook.name}, site by site", network.settings.currency
    page = parts(found, currency)
    report = Report("sites", title, document(found), page, screen(found, currency))
    end(found, told(report, folder, as_json, quiet))
