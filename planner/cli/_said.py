"""What commands say: findings, violations, files, and how a run ended."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from models.plan import Violation
    from planner.report.done import Done
    from planner.result import Result
    from planner.workbook.findings import Finding


def print_json(content: object, indent: int = 1) -> None:
    """Print JSON; where a pipe cannot carry every letter, in ASCII, so that none is lost."""
    is_narrow = not (sys.stdout.encoding or "").casefold().startswith("utf")
    click.echo(json.dumps(content, ensure_ascii=is_narrow, indent=indent))


def terminal() -> Console:
    """Return the terminal, as wide as it is, or as is usual where nobody says."""
    from rich.console import Console

    from planner.report.screen import NARROWEST, WIDTH

    width = max(NARROWEST, shutil.get_terminal_size((WIDTH, 0)).columns)
    # Names are names, whatever brackets they hold.
    return Console(width=width, highlight=False, markup=False)


def say(text: str) -> None:
    """Print what there is to say, if anything."""
    if text:
        click.echo(text)


def wrong(findings: Sequence[Finding], quiet: bool) -> Sequence[Finding]:
    """Return what there is to say of the findings: all of them, or the errors alone."""
    return [finding for finding in findings if finding.is_error or not quiet]


def listed(findings: Sequence[Finding]) -> str:
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


def violated(violations: Sequence[Violation]) -> str:
    return "\n".join(f"  {violation}" for violation in violations)


def tell_aside(aside: Mapping[str, str]) -> None:
    """Say on stderr which files are of an earlier run, and what they are called now."""
    for name, now in aside.items():
        is_moved = name != now
        text = f"kept as {now}" if is_moved else "still there: it is open in another program"
        click.echo(f"{name} is of an earlier run, {text}.", err=True)


def tell_beside(done: Done) -> None:
    """Say on stderr where files are whose names an edited plan has, or what is held open."""
    for name, now in done.beside.items():
        tell_held(name, now)
    tell_kept(done.kept)


def tell_kept(kept: Mapping[str, str]) -> None:
    """Say on stderr where the new plan is, where one that was edited keeps its name."""
    for name, now in kept.items():
        click.echo(f"{name} was edited, so it is kept; the new plan is {now}.", err=True)


def tell_held(name: str, now: str) -> None:
    """Say on stderr under which name a file was written, if its own is that of an open one."""
    if now != name:
        text = f"{name} is open in another program and stays as it is; the new one is {now}."
        click.echo(text, err=True)


def tell_result(result: Result, findings: Sequence[Finding], quiet: bool) -> None:
    """Say on stderr what stands in the way of a plan, and what was passed over."""
    errors = wrong(findings, quiet=True)
    warnings = [finding for finding in findings if not finding.is_error]
    if errors:
        click.echo(listed(errors), err=True)
    if warnings and not quiet:
        click.echo(listed(warnings), err=True)
    if result.status == "infeasible":
        click.echo("No plan exists. Rules in the way:", err=True)
        for reason in result.reasons:
            click.echo(f"  {reason}", err=True)
        click.echo("planner explain names the cells, and what has to give at least.", err=True)
    elif result.status == "no_plan_found":
        click.echo("The limit came before any plan was found; raise --time-limit.", err=True)
    elif result.status == "rejected":
        click.echo("The plan failed its audit and is kept as rejected.xlsx:", err=True)
        click.echo(violated(result.violations), err=True)
    elif result.status == "interrupted" and result.plan is None:
        click.echo("Interrupted before any plan was found.", err=True)
