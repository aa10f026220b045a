"""`make bench`: the planner beside four other ways, in one run on one machine, as ratios.

Every way solves the same blended objective in a process of its own (subject.py, ways/), under one
limit that counts from the command, and is judged by its trace (measures.py) and by the audit.
"""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import click

from bench import best_known, committees, report
from bench.best_known import Known
from bench.cases import CASES, COMMITTEES, GENERATED, is_here, limit_s, repeats
from bench.measures import measure
from bench.runs import run
from bench.trace import Record
from bench.ways import PER_NODE, WAYS


@click.command()
@click.option("--size", "cases", multiple=True, type=click.Choice(CASES), help="[default: all]")
@click.option("--limit", type=float, help="Seconds for each way, building included.")
@click.option("--seed", default=1, show_default=True, help="Of generated networks.")
@click.option("--repeat", type=int, help="Runs to take medians of.  [default: 3; L and XL 1]")
@click.option("--ways", default=",".join(WAYS), show_default=True, help="With commas between.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where to write every trace.")
@click.option("--record", is_flag=True, help="Keep better plans and bounds in best_known.csv.")
def main(
    cases: tuple[str, ...],
    limit: float | None,
    seed: int,
    repeat: int | None,
    ways: str,
    out: Path | None,
    record: bool,
) -> None:
    """Print how soon and how well each way solves each case, and the ratios to the planner.

    Example:
      python -m bench --size S --ways planner --limit 60
    """
    wanted = ways.split(",")
    unknown = sorted(set(wanted) - set(WAYS))
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: take {', '.join(WAYS)}")
    known, told = best_known.read(), []
    for case in cases or CASES:
        if not is_here(case):
            click.echo(f"{case}: its workbook is not here\n")
            continue
        limited = limit_s(case) if limit is None else limit
        of_case = (case, seed if case in GENERATED else 0)
        runs = _runs(of_case, wanted, limited, repeats(case) if repeat is None else repeat)
        before = known.get(of_case, Known(*of_case))
        best = _best(before, list(runs.values()))
        if record:
            known[of_case] = best
            best_known.write(known.values())
        click.echo(_section(best, best is before, runs, limited))
        told += [_told(found, best) for records in runs.values() for found in records]
    if out is not None:
        out.write_text(json.dumps(told, indent=1))


def _runs(
    of_case: tuple[str, int], ways: list[str], limited: float, times: int
) -> dict[str, list[Record]]:
    """Return the records by way; ways take turns, so that a busy moment does not hit one alone."""
    case, seed = of_case
    chosen = [way for way in ways if way != PER_NODE or case == COMMITTEES]
    if case == COMMITTEES and PER_NODE in chosen:
        chosen.append(committees.COMMAND)
    runs: dict[str, list[Record]] = {way: [] for way in chosen}
    for number in range(1, times + 1):
        for way in chosen:
            whole = way == committees.COMMAND
            found = committees.command(limited) if whole else run(way, case, seed, limited)
            runs[way].append(found)
            ended = found.problem or f"{found.whole_s:.1f} s"
            click.echo(f"{case} {way} {number}/{times}: {ended}", err=True)
    return runs


def _best(known: Known, runs: list[list[Record]]) -> Known:
    """Return the best known line with what this run adds to it."""
    records = [found for records in runs for found in records]
    if best_known.contradicted(known, records):
        click.echo(
            f"{known.network}: a bound above the best known plan, {known.value:,.2f}: the case has "
            "changed since it was recorded, the model rounds sizes up, or that bound is wrong",
            err=True,
        )
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    return best_known.improved(known, records, command, datetime.date.today().isoformat())


def _section(best: Known, from_file: bool, runs: dict[str, list[Record]], limited: float) -> str:
    """Return the tables of one case, and whether its yardstick is older than this run."""
    times = max((len(records) for records in runs.values()), default=0)
    head = (
        f"{best.network}, seed {best.seed}: {limited:g} s each, median of {times}, "
        f"best known {best.value:,.2f}, bound {best.bound:,.2f} "
        f"({f'of {best.date}' if from_file else 'improved in this run'})"
    )
    whole = runs.get(committees.COMMAND, [])
    lines = [
        report.line(records, best.value)
        for way, records in runs.items()
        if records and way != committees.COMMAND
    ]
    parts = [head, report.table(lines), report.ratios(lines, limited)]
    if whole:
        parts.append(committees.compared(runs))
    return "\n".join(part for part in parts if part) + "\n"


def _told(found: Record, best: Known) -> dict[str, object]:
    figures = asdict(measure(found.points, best.value, found.limit_s))
    return {**asdict(found), "best_known": best.value, "measures": figures}


if __name__ == "__main__":
    main()
