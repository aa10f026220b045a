"""How commands end: what is found is written and said, and the exit code is theirs alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from planner.cli._said import print_json, tell_held, terminal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from planner.evaluation.sites_results import Sites
    from planner.evaluation.stress_results import Stress
    from planner.evaluation.why_results import Why

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


@dataclass(frozen=True)
class Report:
    """What a command found, as a program, a browser and a terminal are told it.

    The first two are the files `name`.json and `name`.html.
    """

    name: str
    title: str
    document: Mapping[str, object]
    page: Sequence[Table | Text]
    screen: RenderableType


def told(
    report: Report, folder: Path | None, as_json: bool, quiet: bool, indent: int = 1
) -> list[str]:
    """Write the report into the folder, if any, and say it; return what could not be written."""
    files: list[Path] = []
    with writing() as unwritten:
        if folder is not None:
            files = _written(report, folder)
    if as_json:
        print_json(report.document, indent)
    elif not quiet:
        terminal().print(report.screen)
        if files:
            path, page = files
            click.echo(f"everything: {path}, to be read: {page}")
    return unwritten


def _written(report: Report, folder: Path) -> list[Path]:
    from planner.files import put_json
    from planner.report.html.tables_page import write_tables

    path = put_json(folder / f"{report.name}.json", report.document)
    tell_held(f"{report.name}.json", path.name)
    page = write_tables(folder / f"{report.name}.html", report.title, report.page)
    tell_held(f"{report.name}.html", page.name)
    return [path, page]


@contextmanager
def writing() -> Iterator[list[str]]:
    """Say what cannot be written, and note it: what was found is still told."""
    unwritten: list[str] = []
    try:
        yield unwritten
    except OSError as error:
        unwritten.append(str(error))
        click.echo(f"not written: {error}", err=True)


def demand_some(found: Stress | Sites) -> None:
    """End where an interrupt came before anything was found: what an earlier run found stays."""
    if found.stopped and found.is_empty:
        click.echo("Interrupted before anything was found; nothing is written.", err=True)
        sys.exit(INTERRUPTED)


def end(found: Stress | Sites | Why, unwritten: Sequence[str]) -> NoReturn:
    """Say what was not looked at, and exit."""
    for failure in found.failures:
        click.echo(f"not looked at: {failure}", err=True)
    is_whole = not (found.failures or unwritten)
    sys.exit(INTERRUPTED if found.stopped else PLAN if is_whole else BAD_INPUT)


def fail(text: str) -> NoReturn:
    """Say what is wrong with what was given, and exit."""
    click.echo(text, err=True)
    sys.exit(BAD_INPUT)
