"""planner init: write a workbook to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from planner.cli import _options as options
from planner.cli._endings import fail
from planner.cli._said import listed, print_json


@click.command()
@click.argument("path", type=options.WORKBOOK)
@click.option("--example", is_flag=True, help="Filled with a small network that can be planned.")
@click.option(
    "--from", "old", type=options.WORKBOOK, help="Filled with the cells of an older workbook."
)
@options.json("Print the path and the changes as JSON.")
@options.quiet
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
        fail(f"{path}: a workbook's name ends in .xlsx")
    if path.exists():
        fail(f"{path} is there already and is left as it is; give another name")
    contents = template.example() if example else None
    changes: tuple[str, ...] = ()
    if old is not None:
        try:
            contents, changes = carry_over.carried_over(read_workbook(old))
        except InputError as error:
            fail(listed(error.findings))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = template.write_template(path, contents)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
    if as_json:
        print_json({"workbook": str(written), "changes": list(changes)})
    if as_json or quiet:
        return
    for change in changes:
        click.echo(f"  {change}")
    click.echo(f"{written}: read its sheet Guide, fill it in, then planner check {written}")
