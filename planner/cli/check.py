"""planner check: report every finding in a workbook."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import _options as options
from planner.cli._endings import BAD_INPUT, PLAN
from planner.cli._said import listed, print_json, say, tell_held, wrong

if TYPE_CHECKING:
    from planner.workbook.findings import Finding


@click.command()
@options.workbook
@options.json("Print the findings as JSON.")
@options.quiet
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
        print_json([finding.as_dict() for finding in tables.findings], indent=2)
    elif quiet:
        say(listed(wrong(tables.findings, quiet)))
    else:
        click.echo(listed(tables.findings) or f"{workbook.name}: nothing found.")
    if tables.ungrouped:
        _mark(workbook, tables.ungrouped, quiet=as_json or quiet)
    sys.exit(BAD_INPUT if tables.network is None else PLAN)


def _mark(workbook: Path, findings: Sequence[Finding], quiet: bool) -> None:
    """Write the copy with the findings in it; without it they have still been said."""
    from planner.workbook.checked import checked_path, write_checked

    try:
        copy = write_checked(workbook, findings)
        tell_held(checked_path(workbook).name, copy.name)
        text = f"Marked in a copy: {copy}"
    except OSError as error:
        text = f"The copy with the findings in it was not written: {error}"
    if not quiet:
        click.echo(text)
