"""planner rerun: make a run again and say what differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from planner.cli import _options as options
from planner.cli._endings import EXIT_CODES, INTERRUPTED, PLAN, WORSE, fail
from planner.cli._given import workers_of
from planner.cli._said import listed, print_json, tell_aside, tell_beside, terminal
from planner.cli._working import working


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.out("Folder for the new run.  [default: FOLDER-rerun]")
@options.processes("Independent solves")
@options.cluster
@options.json("Print all differences as JSON.")
@options.quiet
@options.verbose
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
        before = recorded(folder, out, workers_of(processes, cluster))
    except InputError as error:
        fail(listed(error.findings))
    with working(quiet, verbose) as (stop, progress):
        try:
            done = run(before.job, stop, progress)
        except UnknownOption as error:  # of another version of HiGHS
            fail(f"{error}; the run in {folder} had it")
        except OSError as error:
            fail(str(error))
    tell_aside(done.aside)
    tell_beside(done)
    after = json.loads(done.files["figures"].read_text(encoding="utf-8"))
    found = run_differences.run_differences(before.content, after)
    if as_json:
        told = {"format": 1, "rerun": str(out), **run_differences.document(found)}
        print_json(told)
    elif not quiet:
        for sentence in run_differences.sentences(found, done.result.status):
            click.echo(sentence)
        if found.lists and done.final is not None:
            try:
                (beside,) = compare_plans((folder, out)).others
                terminal().print(compare_report.beside(out.name, beside.inputs, beside.plan))
            except InputError as error:
                click.echo(listed(error.findings), err=True)
    codes = {"another end": EXIT_CODES[done.result.status], "worse": WORSE}
    sys.exit(INTERRUPTED if stop.is_set() else codes.get(found.verdict, PLAN))
