"""planner explain: say why a plan is as it is, or what has to give for there to be one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from planner.cli import _options as options
from planner.cli._endings import INTERRUPTED, NO_PLAN, PLAN, TOO_EARLY, Report, end, fail, told
from planner.cli._given import demand_folder, folder_of, standing, workers_of
from planner.cli._said import listed, print_json
from planner.cli._working import working

if TYPE_CHECKING:
    from planner.jobs.requests import Workers

EXPLAINED = {"plan": PLAN, "infeasible": NO_PLAN, "not_decided": TOO_EARLY}


@click.command()
@options.workbook
@options.plan
@click.option(
    "--site", "sites", multiple=True, metavar="NAME", help="Only why this site is used, or is not."
)
@click.option(
    "--row",
    "rows",
    multiple=True,
    metavar="ROW",
    help="Only why this demand row is served there: a region, or 'region=R;model=M'.",
)
@click.option("--phase", default="", metavar="NAME", help="A phase of PLAN.  [default: the last]")
@options.time_limit("Seconds for each solve that explains PLAN.  [default: 20]")
@click.option(
    "--keep",
    multiple=True,
    metavar="RULE",
    shell_complete=options.complete,
    help="Without PLAN: a rule, or a cell such as Diversity!F9, that may not give; again for more.",
)
@click.option(
    "--apply",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Without PLAN: write a copy of WORKBOOK with suggestion N as a scenario.",
)
@options.processes("Independent solves")
@options.cluster
@options.out("Folder for explain.json and explain.html.  [default: that of PLAN]")
@options.json("Print what was found as JSON.")
@options.quiet
@options.verbose
@options.scenario
def explain(
    workbook: Path,
    plan: Path | None,
    keep: tuple[str, ...],
    number: int | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **of_plan: Any,
) -> None:
    """Say why PLAN is as it is; without one, what has to give at least for there to be a plan.

    Of a plan: what each rule costs, what one unit more of each limit that binds would save, which
    sites are in every plan nearly as good, why others are not used, why users are served where they
    are. A price is what is proven to be no less and no more.

    Without: which cells of WORKBOOK cannot hold together. None of those named can be left out:
    without any one of them the others can hold. What is suggested was solved as a scenario;
    WORKBOOK is never written to. Ctrl-C keeps what was found.

    \b
    Example:
      planner explain inputs/minimal.xlsx my-plan/plan.xlsx
    """
    if plan is not None:
        if keep or number is not None:
            raise click.UsageError("--keep and --apply are for a workbook that has no plan")
        workers = workers_of(processes, cluster)
        _explain_plan(workbook, plan, workers, as_json, quiet, verbose, **of_plan)
    needless = [name.rstrip("s") for name, value in of_plan.items() if value]
    if needless:
        raise click.UsageError(f"{', '.join(needless)}: give a PLAN to be explained")
    from planner.explain import Explainer, UnknownLimit
    from planner.report.explain_report import document, screen
    from planner.workbook.excel import read_workbook
    from planner.workbook.findings import InputError
    from planner.workbook.scenario_writing import write_copy

    asked = Explainer(workbook, keep, workers_of(processes, cluster))
    with working(quiet, verbose) as (stop, progress):
        try:
            found = asked.run(stop, progress.say)
        except UnknownLimit as error:
            raise click.UsageError(f"--keep: {error}") from None
        except InputError as error:
            fail(listed(error.findings))
    if found.status == "invalid":
        fail(listed(found.findings))
    if as_json:
        print_json(document(found))
    else:
        click.echo(screen(found, workbook.name))
    if number is not None:
        if number > len(found.suggestions):
            fail(f"--apply {number}: there is no such suggestion. Nothing is written.")
        chosen = found.suggestions[number - 1]
        try:
            copy = write_copy(workbook, read_workbook(workbook), chosen.rows)
        except OSError as error:
            fail(f"The copy cannot be written: {error.strerror}")
        click.echo(f'planner solve "{copy}" --scenario "{chosen.scenario}"', err=as_json)
    sys.exit(INTERRUPTED if found.stopped else EXPLAINED[found.status])


def _explain_plan(
    workbook: Path,
    plan: Path,
    workers: Workers,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    *,
    sites: tuple[str, ...],
    rows: tuple[str, ...],
    time_limit: float | None,
    out: Path | None,
    scenario: str,
    phase: str,
) -> NoReturn:
    """Say why a plan is as it is, write it down, and exit."""
    from planner.evaluation.why import SECONDS_EACH, Asked, why
    from planner.evaluation.why_results import NoSuch
    from planner.report.html.tables_page import EVERY_LINE
    from planner.report.why_document import document
    from planner.report.why_report import parts, screen

    tables, network, deployment = standing(workbook, plan, scenario, phase)
    assert tables.book is not None
    asked = Asked(sites, rows, SECONDS_EACH if time_limit is None else time_limit, workers)
    folder = demand_folder(out or folder_of(plan))
    with working(quiet, verbose) as (stop, progress):
        try:
            found = why(network, deployment, tables.book, asked, stop, progress.say)
        except NoSuch as error:
            raise click.UsageError(str(error)) from None
    title = f"Why the plan for {workbook.name} is as it is"
    page = parts(found, EVERY_LINE)
    report = Report("explain", title, document(found), page, screen(found))
    end(found, told(report, folder, as_json, quiet))
