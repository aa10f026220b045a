"""The command line: the only place that prints and exits.

Every command imports what it needs itself: asking for help should not wait for a solver.
"""

from __future__ import annotations

import gc
import json
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import Console

    from models.network import Network
    from models.plan import Deployment, Violation
    from planner.evaluation.sites_results import Sites
    from planner.evaluation.stress_results import Stress
    from planner.evaluation.why_results import Why
    from planner.job import Job
    from planner.jobs.requests import Workers
    from planner.reading import Tables
    from planner.report.done import Done
    from planner.report.plan_workbook import PlanFile
    from planner.report.progress import ProgressLine
    from planner.result import Result
    from planner.workbook.findings import Finding

EDITS_SHOWN = 8
"""How many cells that a scenario changes are said."""

ALL = "all"
"""In place of the name of a scenario: every one of them."""

UNSERVED = 1e-5
"""The share of demand that is left unserved only in the last digits."""

PLAN, NO_PLAN, BAD_INPUT, REJECTED, TOO_EARLY, WORSE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = {
    "optimal": PLAN,
    "feasible": PLAN,
    "infeasible": NO_PLAN,
    "invalid": BAD_INPUT,
    "rejected": REJECTED,
    "no_plan_found": TOO_EARLY,
    "interrupted": INTERRUPTED,
}

EXPLAINED = {"plan": PLAN, "infeasible": NO_PLAN, "not_decided": TOO_EARLY}

GARBAGE_AFTER = 50_000
"""New objects between two looks for garbage; with Python's own 700, a sixth of the run is looking.

A model is hundreds of thousands of objects that all live until the plan is made.
"""

WORKBOOK = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what a shell may complete an option with, as the workbook before it has it."""
    from click.shell_completion import CompletionItem

    from planner.completion import completions

    # A line that ends in an option without its value is not parsed to the end.
    given = context.params.get("workbook") or next(map(Path, context.args), None)
    found = completions(parameter.name or "", given)
    if parameter.name == "scenario" and context.command is solve:
        found.append(ALL)
    start = incomplete.casefold()
    return [CompletionItem(name) for name in found if name.casefold().startswith(start)]


_scenario = click.option(
    "--scenario",
    metavar="NAME",
    default="",
    shell_complete=_complete,
    help="Read WORKBOOK as its sheet Scenarios has it, as the plan of a scenario was made.",
)


_today_option = click.option(
    "--today", is_flag=True, help="What stands now, routed at best, instead of PLAN."
)
_quiet = click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
_verbose = click.option("-v", "--verbose", is_flag=True, help="Say line by line what is done.")
_cluster = click.option(
    "--cluster", metavar="ADDRESS", help="A Dask cluster for them instead of processes."
)


class _Group(click.Group):
    """Commands that say what a terminal cannot show as "?", and whose second Ctrl-C is 130.

    An interrupt is not the exit code of another answer, and a narrow code page is no traceback.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command."""
        for stream in (sys.stdout, sys.stderr):
            getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
        return super().main(*args, **extra)

    def invoke(self, context: click.Context) -> Any:
        """Return what the command returns, or exit with 130."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            context.exit(INTERRUPTED)


@click.group(
    cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="node-placement-planner", prog_name="planner")
def main() -> None:
    """Where should a decentralised AI network put its nodes?

    Edit a workbook, check it, solve it, and take the plan to the people who must approve it.

    \b
    Exit codes: 0 a plan (or nothing found), 1 no plan exists, 2 bad input or usage, 3 the plan
    failed its audit, 4 the limit came before any plan, 5 a rerun gave a worse plan, 130 interrupted
    with the best plan written.
    """
    gc.set_threshold(GARBAGE_AFTER)


@main.command()
@click.argument("path", type=WORKBOOK)
@click.option("--example", is_flag=True, help="Filled with a small network that can be planned.")
@click.option("--from", "old", type=WORKBOOK, help="Filled with the cells of an older workbook.")
@click.option("--json", "as_json", is_flag=True, help="Print the path and the changes as JSON.")
@_quiet
def init(path: Path, example: bool, old: Path | None, as_json: bool, quiet: bool) -> None:
    """Write a workbook to fill in, with a guide, drop-downs, notes and units, at PATH.

    \b
    Example:
      planner init my.xlsx --example
    """
    from planner.workbook import carry_over, template
    from planner.workbook.excel import read_workbook
    from planner.workbook.findings import InputError

    if example and old is not None:
        raise click.UsageError("--example and --from fill the same cells; give one of them")
    if path.suffix.casefold() != ".xlsx":
        _fail(f"{path}: a workbook's name ends in .xlsx")
    if path.exists():
        _fail(f"{path} is there already and is left as it is; give another name")
    contents = template.example() if example else None
    changes: tuple[str, ...] = ()
    if old is not None:
        try:
            contents, changes = carry_over.carried_over(read_workbook(old))
        except InputError as error:
            _fail(_listed(error.findings))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = template.write_template(path, contents)
    except OSError as error:
        _fail(f"{path} cannot be written: {error.strerror}")
    if as_json:
        _print_json({"workbook": str(written), "changes": list(changes)})
    if as_json or quiet:
        return
    for change in changes:
        click.echo(f"  {change}")
    click.echo(f"{written}: read its sheet Guide, fill it in, then planner check {written}")


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@_quiet
def check(workbook: Path, as_json: bool, quiet: bool) -> None:
    """Report every finding in WORKBOOK at once, by sheet and cell, with a way out.

    What is found is also marked in a copy, WORKBOOK.checked.xlsx, with a list that leads to the
    cells. WORKBOOK itself is never written to.

    \b
    Example:
      planner check inputs/minimal.xlsx
    """
    from planner.reading import read_network

    tables = read_network(workbook)
    if as_json:
        _print_json([finding.as_dict() for finding in tables.findings], indent=2)
    elif quiet:
        _say(_listed(_wrong(tables.findings, quiet)))
    else:
        click.echo(_listed(tables.findings) or f"{workbook.name}: nothing found.")
    if tables.ungrouped:
        _mark(workbook, tables.ungrouped, quiet=as_json or quiet)
    sys.exit(BAD_INPUT if tables.network is None else PLAN)


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.option("--out", type=FOLDER, help="Folder for the plan.  [default: WORKBOOK-plan]")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Seconds for the solver; the workbook's time_limit_s otherwise.",
)
@click.option(
    "--gap",
    type=click.FloatRange(min=0, max=1),
    metavar="G",
    help="Proven relative gap that is good enough; the workbook's mip_gap otherwise.",
)
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
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Independent solves at a time, one core each.  [default: every core]",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="A Dask cluster for independent solves, e.g. tcp://host:8786, instead of processes.",
)
@click.option(
    "--scenario",
    metavar="NAME",
    default="",
    shell_complete=_complete,
    help="Plan WORKBOOK as its sheet Scenarios has it; all: as it stands, then as each has it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print plan.json instead of the summary.")
@_quiet
@_verbose
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

    _demand_file(workbook)  # a slip of the pen is no run: the plan that stands there stays
    out = out or workbook.with_name(f"{workbook.stem}-plan")
    job = Job(
        workbook=workbook,
        out=out,
        time_limit_s=time_limit,
        gap=gap,
        deterministic=deterministic,
        require_served=require_served,
        solver=dict(_option(text) for text in solver_options),
        workers=_workers(processes, cluster),
    )
    if scenario == ALL:
        _solve_all(job, as_json, quiet, verbose)
    if scenario:
        of_scenario = job_of(job, scenario)
        if of_scenario is None:  # a slip of the pen, too, or a workbook that cannot be read
            _fail(_listed(read_network(workbook, require_served, scenario).findings))
        job = of_scenario
    with _working(quiet, verbose) as (stop, progress):
        try:
            done = run(job, stop, progress)
        except UnknownOption as error:
            raise click.UsageError(str(error)) from None
        except OSError as error:
            _fail(str(error))
    _tell_aside(done.aside)
    _tell_beside(done)
    if as_json:
        _print_json(json.loads(done.files["figures"].read_text(encoding="utf-8")))
    else:
        _report(done.result, done.findings, quiet)
        _tell_edits(done.edits, quiet)
        if not quiet and done.final is not None:
            from planner.report.screen import summary

            console = _console()
            console.print(summary(done, width=console.width), crop=False)
    sys.exit(EXIT_CODES[done.result.status])


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=FOLDER, help="Folder for the new run.  [default: FOLDER-rerun]")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Independent solves at a time, one core each.  [default: every core]",
)
@_cluster
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON.")
@_quiet
@_verbose
def rerun(
    folder: Path,
    out: Path | None,
    processes: int | None,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Make the run in FOLDER again, from its own workbook and options, and say what differs.

    \b
    Exit codes: 0 the same or better, 5 a worse plan, and those of planner solve where the run
    ends without a plan and did not before.

    \b
    Example:
      planner rerun my-plan
    """
    from planner.compare import compare as compare_plans
    from planner.job import run
    from planner.report import compare_report, run_differences
    from planner.rerun import recorded
    from planner.solver.highs import UnknownOption
    from planner.workbook.findings import InputError

    folder = folder.resolve()
    out = out or folder.with_name(f"{folder.name}-rerun")
    if out.resolve() == folder:
        raise click.UsageError("--out is FOLDER itself; the run is made again beside it")
    try:
        before = recorded(folder, out, _workers(processes, cluster))
    except InputError as error:
        _fail(_listed(error.findings))
    with _working(quiet, verbose) as (stop, progress):
        try:
            done = run(before.job, stop, progress)
        except UnknownOption as error:  # of another version of HiGHS
            _fail(f"{error}; the run in {folder} had it")
        except OSError as error:
            _fail(str(error))
    _tell_aside(done.aside)
    _tell_beside(done)
    after = json.loads(done.files["figures"].read_text(encoding="utf-8"))
    found = run_differences.run_differences(before.content, after)
    if as_json:
        told = {"format": 1, "rerun": str(out), **run_differences.document(found)}
        _print_json(told)
    elif not quiet:
        for sentence in run_differences.sentences(found, done.result.status):
            click.echo(sentence)
        if found.lists and done.final is not None:
            try:
                (beside,) = compare_plans((folder, out)).others
                _console().print(compare_report.beside(out.name, beside.inputs, beside.plan))
            except InputError as error:
                click.echo(_listed(error.findings), err=True)
    codes = {"another end": EXIT_CODES[done.result.status], "worse": WORSE}
    sys.exit(INTERRUPTED if stop.is_set() else codes.get(found.verdict, PLAN))


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.argument("plan", type=WORKBOOK, required=False)
@_today_option
@click.option("--json", "as_json", is_flag=True, help="Print the violations as JSON.")
@_quiet
@_scenario
def audit(
    workbook: Path, plan: Path | None, today: bool, scenario: str, as_json: bool, quiet: bool
) -> None:
    """Re-check PLAN against WORKBOOK without a solver; the plan may have been edited by hand.

    \b
    Example:
      planner audit inputs/minimal.xlsx my-plan/plan.xlsx
    """
    from models.plan import Plan
    from planner.evaluation.audit import audit as audit_rules
    from planner.report.plan_audit import audit_plan, unserved

    _demand_one(plan, today)
    tables, network = _read(workbook, scenario)
    findings: tuple[Finding, ...] = ()
    if plan is None:
        name, audited = "what stands today", Plan({"": _today(network)})
        violations = audit_rules(network, audited)
    else:
        plan = _plan_file(plan)
        found, violations = audit_plan(network, plan)
        _tell_other(found, tables, workbook, plan, scenario)
        name, findings, audited = plan.name, found.findings, found.plan
    violations = tables.located(violations)
    if as_json:
        told = {
            "passed": not violations and not any(finding.is_error for finding in findings),
            "findings": [finding.as_dict() for finding in findings],
            "violations": [violation.as_dict() for violation in violations],
        }
        _print_json(told, indent=2)
    else:
        _say(_listed(_wrong(findings, quiet)))
        _say(_violated(violations))
        is_legal = not violations and not any(finding.is_error for finding in findings)
        if is_legal and not quiet:
            click.echo(f"{name} keeps every rule of {workbook.name}.")
        if (is_legal or plan is None) and not quiet:
            share = unserved(network, audited)
            if share > UNSERVED:
                click.echo(f"It leaves {share:.1%} of the demand unserved: no rule forbids that.")
    if any(finding.is_error for finding in findings):
        sys.exit(BAD_INPUT)
    sys.exit(REJECTED if violations else PLAN)


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.argument("plan", type=WORKBOOK, required=False)
@_today_option
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
    shell_complete=_complete,
    help="Also the worst of this kind alone, e.g. country.",
)
@click.option("--pairs", is_flag=True, help="Also every two single failures at once.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Independent failures at a time, one core each.  [default: every core]",
)
@_cluster
@click.option(
    "--out", type=FOLDER, help="Folder for stress.json and stress.html.  [default: that of PLAN]"
)
@click.option("--json", "as_json", is_flag=True, help="Print stress.json instead of the tables.")
@_quiet
@_verbose
@_scenario
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
    from planner.report.html.tables_page import EVERY_LINE, write_tables
    from planner.report.stress_report import document, parts, screen, write
    from planner.workbook.names import slip_or

    _demand_one(plan, today)
    workers = _workers(processes, cluster)
    get_ready(workers, *ANSWERING)
    _, network, deployment = _standing(workbook, plan, scenario)
    known = {item.kind for item in network.graph.dependencies}
    for kind in kinds:
        if kind not in known:
            way_out = slip_or(kind, known, f"take one of {', '.join(sorted(known))}")
            raise click.UsageError(f"--kind {kind}: {way_out}")
    folder = _made(out or _folder_of(plan or workbook))
    with _working(quiet, verbose) as (stop, progress):
        found = run_stress(
            network, deployment, worst, tuple(kinds), pairs, workers, stop, progress.say
        )
    _demand_some(found)
    with _writing() as unwritten:
        path = write(folder, found)
        _tell_held("stress.json", path.name)
        title = f"{workbook.name} under failures"
        page = write_tables(folder / "stress.html", title, parts(found, EVERY_LINE))
        _tell_held("stress.html", page.name)
    if as_json:
        _print_json(document(found))
    elif not quiet:
        _console().print(screen(found))
        if not unwritten:
            click.echo(f"everything: {path}, to be read: {page}")
    _end(found, unwritten)


def _solve_all(job: Job, as_json: bool, quiet: bool, verbose: bool) -> NoReturn:
    """Plan the workbook as it stands and as every scenario has it, and say how each ended."""
    from planner.batch import run_all
    from planner.report.compare_report import scores

    found, code, currency = [], PLAN, ""
    with _working(quiet, verbose) as (stop, progress):
        for outcome in run_all(job, stop, progress):
            done = outcome.done
            status = done.result.status if done is not None else outcome.failure
            code = max(code, EXIT_CODES.get(status, BAD_INPUT))
            final = done.final if done is not None else None
            found.append((outcome.name, status, outcome.job.out, final))
            currency = final.network.settings.currency if final is not None else currency
            if done is not None:
                _tell_aside(done.aside)
                _tell_beside(done)
            if not quiet and not as_json:
                click.echo(f"{outcome.name}: {status}, in {outcome.job.out}", err=True)
                if done is not None and final is None:
                    _report(done.result, done.findings, quiet)
        code = INTERRUPTED if stop.is_set() else code
    if as_json:
        told = [{"scenario": n, "status": s, "folder": str(out)} for n, s, out, _ in found]
        _print_json(told, indent=2)
    elif not quiet:
        rows = [(name, None if f is None else f.score(name)) for name, _, _, f in found]
        if any(f is not None for *_, f in found):
            _console().print(scores(rows, currency))
    sys.exit(code)


@main.command()
@click.argument("plans", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--out", type=FOLDER, help="Folder for compare.json and compare.html.")
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON.")
@_quiet
def compare(plans: tuple[Path, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Say how PLANS differ from the first: cells of the workbook, sites, nodes, cost, guarantees.

    A plan is named by the folder that planner solve wrote, or by a plan workbook in it.

    \b
    Example:
      planner compare my-plan my-plan
    """
    from planner import compare as comparing
    from planner.report import compare_report
    from planner.report.html.tables_page import EVERY_LINE, write_tables
    from planner.workbook.findings import InputError

    if len(plans) < 2:
        raise click.UsageError("name two plans or more")
    try:
        found = comparing.compare(plans)
    except InputError as error:
        _fail(_listed(error.findings))
    rows = [(side.name, side.evaluation.score(side.name)) for side in found.sides]
    others = [(one.side.name, one.inputs, one.plan) for one in found.others]
    currency = found.first.evaluation.network.settings.currency
    told = compare_report.document(rows, others)
    with _writing() as unwritten:
        if out is not None:
            folder = _made(out)
            path = compare_report.write(folder, told)
            _tell_held(compare_report.COMPARE_JSON, path.name)
            title = f"{', '.join(name for name, *_ in others)} against {found.first.name}"
            whole = compare_report.parts(rows, others, currency, EVERY_LINE)
            page = write_tables(folder / compare_report.COMPARE_HTML, title, whole)
            _tell_held(compare_report.COMPARE_HTML, page.name)
    if as_json:
        _print_json(told, indent=2)
    elif not quiet:
        _console().print(*compare_report.parts(rows, others, currency), sep="\n")
        if out is not None and not unwritten:
            click.echo(f"everything: {path}, to be read: {page}")
    sys.exit(BAD_INPUT if unwritten else PLAN)


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.argument("plan", type=WORKBOOK, required=False)
@_today_option
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=2,
    metavar="K",
    help="The most sites to add at once.  [default: 2]",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Independent sites at a time, one core each.  [default: every core]",
)
@_cluster
@click.option(
    "--out", type=FOLDER, help="Folder for sites.json and sites.html.  [default: that of PLAN]"
)
@click.option("--json", "as_json", is_flag=True, help="Print sites.json instead of the tables.")
@_quiet
@_verbose
@_scenario
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
    from planner.report.html.tables_page import write_tables
    from planner.report.sites_report import document, parts, screen, write

    _demand_one(plan, today)
    _, network, deployment = _standing(workbook, plan, scenario)
    workers = _workers(processes, cluster)
    folder = _made(out or _folder_of(plan or workbook))
    with _working(quiet, verbose) as (stop, progress):
        found = value_of_sites(network, deployment, most, workers, stop, progress.say)
    _demand_some(found)
    with _writing() as unwritten:
        path = write(folder, found)
        _tell_held("sites.json", path.name)
        told = parts(found, network.settings.currency)
        page = write_tables(folder / "sites.html", f"{workbook.name}, site by site", told)
        _tell_held("sites.html", page.name)
    if as_json:
        _print_json(document(found))
    elif not quiet:
        _console().print(screen(found, network.settings.currency))
        if not unwritten:
            click.echo(f"everything: {path}, to be read: {page}")
    _end(found, unwritten)


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.argument("plan", type=WORKBOOK, required=False)
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
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Seconds for each solve that explains PLAN.  [default: 20]",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="RULE",
    shell_complete=_complete,
    help="Without PLAN: a rule, or a cell such as Diversity!F9, that may not give; again for more.",
)
@click.option(
    "--apply",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Without PLAN: write a copy of WORKBOOK with suggestion N as a scenario.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Independent solves at a time, one core each.  [default: every core]",
)
@_cluster
@click.option(
    "--out", type=FOLDER, help="Folder for explain.json and explain.html.  [default: that of PLAN]"
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@_quiet
@_verbose
@_scenario
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
        workers = _workers(processes, cluster)
        _explain_plan(workbook, plan, workers, as_json, quiet, verbose, **of_plan)
    needless = [name.rstrip("s") for name, value in of_plan.items() if value]
    if needless:
        raise click.UsageError(f"{', '.join(needless)}: give a PLAN to be explained")
    from planner.explain import Explainer, UnknownLimit
    from planner.report.explain_report import document, screen
    from planner.workbook.excel import read_workbook
    from planner.workbook.findings import InputError
    from planner.workbook.scenario_writing import write_copy

    asked = Explainer(workbook, keep, _workers(processes, cluster))
    with _working(quiet, verbose) as (stop, progress):
        try:
            found = asked.run(stop, progress.say)
        except UnknownLimit as error:
            raise click.UsageError(f"--keep: {error}") from None
        except InputError as error:
            _fail(_listed(error.findings))
    if found.status == "invalid":
        _fail(_listed(found.findings))
    if as_json:
        _print_json(document(found))
    else:
        click.echo(screen(found, workbook.name))
    if number is not None:
        if number > len(found.suggestions):
            _fail(f"--apply {number}: there is no such suggestion. Nothing is written.")
        chosen = found.suggestions[number - 1]
        try:
            copy = write_copy(workbook, read_workbook(workbook), chosen.rows)
        except OSError as error:
            _fail(f"The copy cannot be written: {error.strerror}")
        click.echo(f'planner solve "{copy}" --scenario "{chosen.scenario}"', err=as_json)
    sys.exit(INTERRUPTED if found.stopped else EXPLAINED[found.status])


@main.command()
@click.argument("workbook", type=WORKBOOK)
@click.option(
    "--against",
    required=True,
    metavar="MEASURE",
    shell_complete=_complete,
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
@click.option("--out", type=FOLDER, help="Folder for the plans.  [default: WORKBOOK-frontier]")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Seconds for each plan; the workbook's time_limit_s, split among them, otherwise.",
)
@click.option(
    "--gap",
    type=click.FloatRange(min=0, max=1),
    metavar="G",
    help="Proven relative gap that is good enough; the workbook's mip_gap otherwise.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Plans sought at a time, one core each.  [default: every core]",
)
@_cluster
@click.option("--json", "as_json", is_flag=True, help="Print frontier.json instead of the table.")
@_quiet
@_verbose
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

    _demand_file(workbook)
    out = out or workbook.with_name(f"{workbook.stem}-frontier")
    workers = _workers(processes, cluster)
    job = Job(workbook=workbook, out=out, time_limit_s=time_limit, gap=gap, workers=workers)
    with _working(quiet, verbose) as (stop, progress):
        try:
            found = sought(job, against, points, stop, progress)
        except InputError as error:
            _fail(_listed(error.findings))
    for name, now in found.held:
        _tell_held(name, now)
    with _writing() as unwritten:
        files = write(out, found)
        for name, path in files.items():
            _tell_held(name, path.name)
    if as_json:
        _print_json(document(found))
    elif not quiet:
        _console().print(screen(found))
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
) -> NoReturn:
    """Say why a plan is as it is, write it down, and exit."""
    from planner.evaluation.why import SECONDS_EACH, Asked, why
    from planner.evaluation.why_results import NoSuch
    from planner.report.html.tables_page import EVERY_LINE, write_tables
    from planner.report.why_document import document, write
    from planner.report.why_report import parts, screen

    tables, network, deployment = _standing(workbook, plan, scenario)
    assert tables.book is not None
    asked = Asked(sites, rows, SECONDS_EACH if time_limit is None else time_limit, workers)
    folder = _made(out or _folder_of(plan))
    with _working(quiet, verbose) as (stop, progress):
        try:
            found = why(network, deployment, tables.book, asked, stop, progress.say)
        except NoSuch as error:
            raise click.UsageError(str(error)) from None
    with _writing() as unwritten:
        path = write(folder, found)
        _tell_held("explain.json", path.name)
        title = f"Why the plan for {workbook.name} is as it is"
        page = write_tables(folder / "explain.html", title, parts(found, EVERY_LINE))
        _tell_held("explain.html", page.name)
    if as_json:
        _print_json(document(found))
    elif not quiet:
        _console().print(screen(found))
        if not unwritten:
            click.echo(f"everything: {path}, to be read: {page}")
    _end(found, unwritten)


def _print_json(content: object, indent: int = 1) -> None:
    """Print JSON; where a pipe cannot carry every letter, in ASCII, so that none is lost."""
    is_narrow = not (sys.stdout.encoding or "").casefold().startswith("utf")
    click.echo(json.dumps(content, ensure_ascii=is_narrow, indent=indent))


def _console() -> Console:
    """Return the terminal, as wide as it is, or as is usual where nobody says."""
    from rich.console import Console

    from planner.report.screen import NARROWEST, WIDTH

    width = max(NARROWEST, shutil.get_terminal_size((WIDTH, 0)).columns)
    # Names are names, whatever brackets they hold.
    return Console(width=width, highlight=False, markup=False)


def _standing(
    workbook: Path, plan: Path | None, scenario: str
) -> tuple[Tables, Network, Deployment]:
    """Return the workbook and the nodes of the plan, or those of today; exit if there are none.

    Of a plan in phases that is the last one, in its network.
    """
    from models.phases import by_phase
    from planner.report.plan_audit import audit_plan
    from planner.workbook.findings import counted

    tables, network = _read(workbook, scenario)
    if plan is None:
        return tables, network, _today(network)
    plan = _plan_file(plan)
    found, violations = audit_plan(network, plan)
    if any(finding.is_error for finding in found.findings):
        _fail(_listed(found.findings))
    if violations:
        count = len(violations)
        text = f"{plan.name} has {counted(count, 'violation')}; planner audit names them."
        click.echo(text, err=True)
    _tell_other(found, tables, workbook, plan, scenario)
    last = by_phase(network, found.plan)[-1]
    return tables, last.network, last.plan


def _made(folder: Path) -> Path:
    """Return the folder once it is there; where it cannot be, that is said before any work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _fail(str(error))
    return folder


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _demand_some(found: Stress | Sites) -> None:
    """End where an interrupt came before anything was found: what an earlier run found stays."""
    if found.stopped and found.is_empty:
        click.echo("Interrupted before anything was found; nothing is written.", err=True)
        sys.exit(INTERRUPTED)


@contextmanager
def _writing() -> Iterator[list[str]]:
    """Say what cannot be written, and note it: what was found is still told."""
    unwritten: list[str] = []
    try:
        yield unwritten
    except OSError as error:
        unwritten.append(str(error))
        click.echo(f"not written: {error}", err=True)


def _end(found: Stress | Sites | Why, unwritten: Sequence[str]) -> NoReturn:
    """Say what was not looked at, and exit."""
    for failure in found.failures:
        click.echo(f"not looked at: {failure}", err=True)
    is_whole = not (found.failures or unwritten)
    sys.exit(INTERRUPTED if found.stopped else PLAN if is_whole else BAD_INPUT)


def _demand_file(workbook: Path) -> None:
    from planner.workbook.zip_door import way_out_of_missing

    if not workbook.exists():
        way_out = way_out_of_missing(workbook)
        end = "" if way_out.endswith("?") else "."
        _fail(f"{workbook} does not exist; {way_out}{end} Nothing is written.")


def _plan_file(plan: Path) -> Path:
    """Return the plan workbook that a path names, itself or by its folder; exit if it has none."""
    from planner.compare import plan_in
    from planner.workbook.findings import InputError

    try:
        return plan_in(plan) if plan.is_dir() else plan
    except InputError as error:
        _fail(_listed(error.findings))


def _demand_one(plan: Path | None, today: bool) -> None:
    if (plan is None) == (not today):
        raise click.UsageError("give a PLAN, or --today for what stands now")


def _read(workbook: Path, scenario: str) -> tuple[Tables, Network]:
    """Return a workbook and its network; exit with what is wrong with it if it has none."""
    from planner.reading import read_network

    tables = read_network(workbook, scenario=scenario)
    if tables.network is None:
        _fail(_listed(tables.findings))
    return tables, tables.network


def _today(network: Network) -> Deployment:
    """Return what stands now, routed at best; exit if nothing does."""
    from models.replay import rerouted
    from planner.evaluation.nearest_plans import today

    stands = today(network)
    if stands is None:
        _fail("nothing stands today: existing_nodes, Seats and Today are empty.")
    return rerouted(network, stands)


def _tell_other(found: PlanFile, tables: Tables, workbook: Path, plan: Path, scenario: str) -> None:
    """Say on stderr that a plan was made from another workbook, or scenario, if it was."""
    if found.scenario != scenario:
        made = f"as its scenario {found.scenario!r}" if found.scenario else "without a scenario"
        way_out = (
            f"give --scenario {found.scenario!r}" if found.scenario else "leave --scenario out"
        )
        click.echo(f"{plan.name} was made from {workbook.name} {made}: {way_out}.", err=True)
    if found.workbook_sha256 not in ("", tables.sha256):
        other = "it is of another workbook, or that was changed since"
        click.echo(f"{plan.name} was not made from {workbook.name} as it is: {other}.", err=True)


def _report(result: Result, findings: Sequence[Finding], quiet: bool) -> None:
    """Say on stderr what stands in the way of a plan, and what was passed over."""
    errors = _wrong(findings, quiet=True)
    warnings = [finding for finding in findings if not finding.is_error]
    if errors:
        click.echo(_listed(errors), err=True)
    if warnings and not quiet:
        click.echo(_listed(warnings), err=True)
    if result.status == "infeasible":
        click.echo("No plan exists. Rules in the way:", err=True)
        for reason in result.reasons:
            click.echo(f"  {reason}", err=True)
        click.echo("planner explain names the cells, and what has to give at least.", err=True)
    elif result.status == "no_plan_found":
        click.echo("The limit came before any plan was found; raise --time-limit.", err=True)
    elif result.status == "rejected":
        click.echo("The plan failed its audit and is kept as rejected.xlsx:", err=True)
        click.echo(_violated(result.violations), err=True)
    elif result.status == "interrupted" and result.plan is None:
        click.echo("Interrupted before any plan was found.", err=True)


def _tell_edits(edits: Sequence[str], quiet: bool) -> None:
    """Say on stderr what a scenario changed."""
    for edit in () if quiet else edits[:EDITS_SHOWN]:
        click.echo(f"scenario: {edit}", err=True)
    if len(edits) > EDITS_SHOWN and not quiet:
        click.echo(f"scenario: and {len(edits) - EDITS_SHOWN} more in plan.json", err=True)


def _tell_aside(aside: Mapping[str, str]) -> None:
    """Say on stderr which files are of an earlier run, and what they are called now."""
    for name, now in aside.items():
        is_moved = name != now
        text = f"kept as {now}" if is_moved else "still there: it is open in another program"
        click.echo(f"{name} is of an earlier run, {text}.", err=True)


def _tell_beside(done: Done) -> None:
    """Say on stderr where files are whose names an edited plan has, or what is held open."""
    for name, now in done.beside.items():
        _tell_held(name, now)
    written = done.files.get("plan")
    if written is None or written.name in done.beside.values():
        return
    if re.fullmatch(r"plan \(\d+\)\.xlsx", written.name):
        text = f"plan.xlsx was edited, so it is kept; the new plan is {written.name}."
        click.echo(text, err=True)


def _tell_held(name: str, now: str) -> None:
    """Say on stderr under which name a file was written, if its own is that of an open one."""
    if now != name:
        text = f"{name} is open in another program and stays as it is; the new one is {now}."
        click.echo(text, err=True)


def _mark(workbook: Path, findings: Sequence[Finding], quiet: bool) -> None:
    """Write the copy with the findings in it; without it they have still been said."""
    from planner.workbook.checked import checked_path, write_checked

    try:
        copy = write_checked(workbook, findings)
        _tell_held(checked_path(workbook).name, copy.name)
        text = f"Marked in a copy: {copy}"
    except OSError as error:
        text = f"The copy with the findings in it was not written: {error}"
    if not quiet:
        click.echo(text)


def _say(text: str) -> None:
    """Print what there is to say, if anything."""
    if text:
        click.echo(text)


def _wrong(findings: Sequence[Finding], quiet: bool) -> Sequence[Finding]:
    """Return what there is to say of the findings: all of them, or the errors alone."""
    return [finding for finding in findings if finding.is_error or not quiet]


def _listed(findings: Sequence[Finding]) -> str:
    """Return the findings grouped by sheet, errors and warnings told apart."""
    from planner.workbook.findings import counted

    lines = []
    for sheet, group in groupby(findings, key=lambda finding: finding.sheet):
        found = list(group)
        errors = sum(finding.is_error for finding in found)
        counts = f"{counted(errors, 'error')}, {counted(len(found) - errors, 'warning')}"
        lines.append(f"{sheet or 'workbook'}: {counts}")
        lines.extend(f"  {finding.level:7}  {finding}" for finding in found)
    return "\n".join(lines)


def _violated(violations: Sequence[Violation]) -> str:
    return "\n".join(f"  {violation}" for violation in violations)


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


def _workers(processes: int | None, cluster: str | None) -> Workers:
    """Return who solves; a cluster that is not there is said before an hour's work, not after."""
    from planner.jobs.cluster import NoCluster, demand_cluster
    from planner.jobs.requests import Workers, cores

    if cluster is not None:
        try:
            demand_cluster(cluster)
        except NoCluster as error:
            raise click.UsageError(str(error)) from None
    return Workers(processes or cores(), cluster)


def _fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(BAD_INPUT)


@contextmanager
def _working(quiet: bool, verbose: bool) -> Iterator[tuple[threading.Event, ProgressLine]]:
    """Give long work what it can be stopped by, and what it says how far it is with."""
    from planner.report.progress import ProgressLine
    from planner.solver.log import LOG, heard

    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose are opposites; give one of them")
    if not verbose:
        with _stoppable() as stop, ProgressLine(sys.stderr, quiet) as progress:
            yield stop, progress
        return

    def tell(line: str) -> None:
        with suppress(OSError):  # a reader that went away ends no work
            click.echo(line, err=True)

    with heard(tell), _stoppable() as stop:
        yield stop, ProgressLine(sys.stderr, quiet=True, tell=lambda text: LOG.info("%s", text))


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop; a second one ends at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in handled]
    try:
        yield stop
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
