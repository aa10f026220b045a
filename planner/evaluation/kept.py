"""What users keep, row by row, until few failures end it: as plain data, known only in part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from models.data import DemandKey
from models.network import Network
from planner.evaluation.stress_results import End


@dataclass(frozen=True)
class UnderOne:
    """What a demand row gets under the worst single failure that placement could avoid.

    `failover_ms` is the slowest answer under any that leaves the row served, None if unknown, and
    `slowest_by` that failure; `least_served` the smallest share, `by` the failure that takes it.
    """

    failover_ms: float | None
    slowest_by: str
    least_served: float
    by: str


@dataclass(frozen=True)
class KeptRow:
    """What a demand row keeps: None is what was not computed.

    `end` is of its service, with verification if it has any; `forged` are those of the results of
    its policy, of every period, and `stored` that of the copies of its model, if it has any.
    """

    demand: DemandKey
    rate: float
    under_one: UnderOne | None
    end: End | None
    forged: tuple[End, ...] = ()
    stored: End | None = None


@dataclass(frozen=True)
class Keeping:
    """What every demand row and every other guarantee keeps; `stopped`: not all was computed."""

    rows: tuple[KeptRow, ...] = ()
    others: tuple[End, ...] = ()
    stopped: bool = False

    @cached_property
    def ended(self) -> tuple[KeptRow, ...]:
        """Return the rows whose end is known, those that fewest failures end first."""
        known = [row for row in self.rows if row.end is not None]
        return tuple(sorted(known, key=lambda row: (_size(row.end), -row.rate)))


def _size(end: End | None) -> float:
    size = None if end is None else end.worst.size
    return float("inf") if size is None else size


def fewest_of(ends: tuple[End, ...]) -> End | None:
    """Return the end that takes fewest failures, at worst; None if there is none."""
    return min(ends, key=_size, default=None)


def unknown(network: Network) -> Keeping:
    """Return that nothing was computed."""
    rows = (KeptRow(row.key, network.mean_rate(row), None, None) for row in network.demand)
    return Keeping(tuple(rows))
