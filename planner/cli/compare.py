"""planner compare: say how plans differ."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from planner.cli import _options as options
from planner.cli._endings import BAD_INPUT, PLAN, Report, fail, told
from planner.cli._given import demand_folder
from planner.cli._said import listed


@click.command()
@click.argument("plans", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@options.out("Folder for compare.json and compare.html.")
@options.json("Print all differences as JSON.")
@options.quiet
def compare(plans: tuple[Path, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Say how PLANS differ from the first: cells of the workbook, sites, nodes, cost, guarantees.

    A plan is named by the folder that planner solve wrote, or by a plan workbook in it.

    \b
    Example:
      planner compare my-plan my-plan
    """
    from planner import compare as comparing
    from planner.report import compare_report
    from planner.report.html.tables_page import EVERY_LINE
    from planner.workbook.findings import InputError

    if len(plans) < 2:
        raise click.UsageError("name two plans or more")
    try:
        found = comparing.compare(plans)
    except InputError as error:
        fail(listed(error.findings))
    rows = [(side.name, side.evaluation.score(side.name)) for side in found.sides]
    others = [(one.side.name, one.inputs, one.plan) for one in found.others]
    currency = found.first.evaluation.network.settings.currency
    report = Report(
        "compare",
        f"{', '.join(name for name, *_ in others)} against {found.first.name}",
        compare_report.document(rows, others),
        compare_report.parts(rows, others, currency, EVERY_LINE),
        compare_report.screen(rows, others, currency),
    )
    folder = None if out is None else demand_folder(out)
    unwritten = told(report, folder, as_json, quiet, indent=2)
    sys.exit(BAD_INPUT if unwritten else PLAN)
