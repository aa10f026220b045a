"""Arguments and options that several commands have, each said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

ALL = "all"
"""In place of the name of a scenario: every one of them."""

WORKBOOK = click.Path(path_type=Path)
FOLDER = click.Path(path_type=Path, file_okay=False)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what a shell may complete an option with, as the workbook before it has it."""
    from click.shell_completion import CompletionItem

    from planner.completion import completions

    # A line that ends in an option without its value is not parsed to the end.
    given = context.params.get("workbook") or next(map(Path, context.args), None)
    found = completions(parameter.name or "", given)
    if parameter.name == "scenario" and context.command.name == "solve":
        found.append(ALL)
    start = incomplete.casefold()
    return [CompletionItem(name) for name in found if name.casefold().startswith(start)]


workbook = click.argument("workbook", type=WORKBOOK)
plan = click.argument("plan", type=WORKBOOK, required=False)
today = click.option(
    "--today", is_flag=True, help="What stands now, routed at best, instead of PLAN."
)
scenario = click.option(
    "--scenario",
    metavar="NAME",
    default="",
    shell_complete=complete,
    help="Read WORKBOOK as its sheet Scenarios has it, as the plan of a scenario was made.",
)
gap = click.option(
    "--gap",
    type=click.FloatRange(min=0, max=1),
    metavar="G",
    help="Proven relative gap that is good enough; the workbook's mip_gap otherwise.",
)
cluster = click.option(
    "--cluster", metavar="ADDRESS", help="A Dask cluster for them instead of processes."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Say line by line what is done.")


def processes(what: str) -> Decorator:
    """Return the option of how many of `what` are done side by side."""
    text = f"{what} at a time, one core each.  [default: every core]"
    return click.option("--processes", type=click.IntRange(min=1), metavar="N", help=text)


def time_limit(text: str) -> Decorator:
    """Return the option of how long the solver may take, in seconds."""
    return click.option("--time-limit", type=click.FloatRange(min=0), metavar="S", help=text)


def out(text: str) -> Decorator:
    """Return the option of the folder that the files go into."""
    return click.option("--out", type=FOLDER, help=text)


def json(text: str) -> Decorator:
    """Return the option of telling a program instead of a person."""
    return click.option("--json", "as_json", is_flag=True, help=text)
