"""The best known plan and bound of every case: what distances are measured from.

Only plans that keep every rule by the audit are recorded, and a record is only ever replaced by a
better one: a lower value, a higher bound. The values are those of the blend (see subject.py).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from bench.measures import SAME
from bench.trace import Record

FILE = Path(__file__).with_name("best_known.csv")
Case = tuple[str, int]
"""Name and seed; the seed of a workbook is 0."""


@dataclass(frozen=True)
class Known:
    """One line of the file; NaN where there is no plan or no bound yet."""

    network: str
    seed: int
    value: float = math.nan
    bound: float = math.nan
    command: str = ""
    date: str = ""


def read(path: Path = FILE) -> dict[Case, Known]:
    """Return every line by case."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        found = [
            Known(
                row["network"],
                int(row["seed"]),
                float(row["value"]),
                float(row["bound"]),
                row["command"],
                row["date"],
            )
            for row in csv.DictReader(stream)
        ]
    return {(known.network, known.seed): known for known in found}


def write(known: Iterable[Known], path: Path = FILE) -> None:
    """Write all lines, sorted."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        names = [field.name for field in fields(Known)]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        for line in sorted(known, key=lambda line: (line.network, line.seed)):
            writer.writerow(asdict(line))


def improved(known: Known, records: Iterable[Record], command: str, date: str) -> Known:
    """Return the line with what the runs found better, or the line itself.

    A bound that the best known plan contradicts is left out: it bounds another problem.
    """
    value, bound = known.value, known.bound
    records = tuple(records)
    for record in records:
        if record.end is not None and record.is_legal and record.end.value is not None:
            value = _better(min, value, record.end.value)
    for proven in _bounds(records):
        if not _is_above(proven, value):
            bound = _better(max, bound, proven)
    bound = min(bound, value)  # a bound just above a plan is the solver's tolerance
    if _same(value, known.value) and _same(bound, known.bound):
        return known
    return replace(known, value=value, bound=bound, command=command, date=date)


def contradicted(known: Known, records: Iterable[Record]) -> bool:
    """Return whether a run proved that there is no plan as good as the best known one.

    Then the case has changed since it was recorded, the model leaves out some legal plans (it may
    round sizes of models up, see models/packing.py), or somebody's bound is wrong.
    """
    return any(_is_above(bound, known.value) for bound in _bounds(records))


def _bounds(records: Iterable[Record]) -> list[float]:
    return [point.bound for r in records for point in r.points if point.bound is not None]


def _is_above(bound: float, value: float) -> bool:
    """Return whether a bound is above a plan by more than the solver's tolerance."""
    return bound > value + 10 * SAME * max(1.0, abs(value))


def _better(choose: Callable[[float, float], float], one: float, other: float) -> float:
    return other if math.isnan(one) else choose(one, other)


def _same(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return abs(one - other) <= SAME * max(1.0, abs(other))
