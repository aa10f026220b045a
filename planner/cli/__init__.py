"""The command line, one command a file: the only place that prints and exits.

Every command imports what it needs itself: asking for help should not wait for a solver.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import click

from planner.cli import (
    audit,
    check,
    compare,
    explain,
    frontier,
    init,
    rerun,
    sites,
    solve,
    stress,
)
from planner.cli._endings import INTERRUPTED

GARBAGE_AFTER = (1_000_000, 1, 1)
"""New objects between two looks for garbage among them, and looks until older ones are looked at.

A model is hundreds of thousands of objects that all live until the plan is made: with Python's own
700, a sixth of the run is looking, and all are looked at no less often than with 50,000, 10 and 10.
"""


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
    gc.set_threshold(*GARBAGE_AFTER)


for _command in (
    init.init,
    check.check,
    solve.solve,
    rerun.rerun,
    audit.audit,
    stress.stress,
    compare.compare,
    sites.sites,
    explain.explain,
    frontier.frontier,
):
    main.add_command(_command)
