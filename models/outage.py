"""The fewest failures, of any mix of kinds, that end what is promised to one demand row, proven.

A row is out when less than its `min_served` (half, where it has none) can be served, even if all
that is left works for it alone. By implicit hitting sets: whatever a routing stands on, a set that
ends the service must take some of it down, or the same routing would go on.

    repeat   S = fewest failures that take down some of every W found so far
             what is left without S serves the row: W = all that this routing stands on
    until    it does not: S is a smallest set
                                      Source: Moreno-Centeno and Karp, Operations Research 61 (2013)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from models.collapse import MOST_SETS
from models.data import Demand, Item
from models.network import Network
from models.plan import Deployment
from models.replay import NOTHING, Replays, failover_ms

HALF = 0.5
"""The share of a row whose loss ends its service where no `min_served` says so."""
NEARLY = 1e-6
"""By how much less a row may be served: the tolerance of the linear program."""


def smallest_outage(
    network: Network,
    plan: Deployment,
    row: Demand,
    may_fail: Collection[Item] | None = None,
    routings: list[frozenset[Item]] | None = None,
    ends: tuple[Item, ...] | None = None,
    replays: Replays | None = None,
    most: int | None = None,
) -> tuple[Item, ...] | None:
    """Return the fewest failures without which the row is no more served; None if none do that.

    Empty if it is not served as it is. `may_fail` are the dependencies that may; all if None.
    With `most`, None too where it takes more than so many, which is seen much sooner.
    `routings`, each all that it stands on, are known to serve the row; those found are added.
    `ends` is a set that is known to end the service, and the answer if none is smaller. `replays`
    are those of the network and the plan, if there are some already.
    """
    asked = _Alone(network, plan, row, replays)
    routings = [] if routings is None else routings
    while True:
        failed = network.stopping.fewest(routings, may_fail)
        if failed is None or (ends is not None and len(failed) >= len(ends)):
            return ends
        if most is not None and len(failed) > most:
            return None
        left = asked.left(failed)
        if left is None:
            return failed
        routings.append(left)


def smallest_outages(
    network: Network,
    plan: Deployment,
    row: Demand,
    size: int,
    may_fail: Collection[Item] | None = None,
    most: int = MOST_SETS,
) -> tuple[tuple[Item, ...], ...]:
    """Return every set of so many failures that ends the service; no smaller one may end it.

    No more than `most` of them.
    """
    asked = _Alone(network, plan, row)
    routings: list[frozenset[Item]] = []
    found: list[tuple[Item, ...]] = []
    while len(found) < most:
        failed = network.stopping.fewest(routings, may_fail, but=found)
        if failed is None or len(failed) > size:
            break
        left = asked.left(failed)
        if left is None:
            found.append(failed)
            if not failed:
                break
        else:
            routings.append(left)
    return tuple(sorted(found))


def is_out(
    network: Network,
    plan: Deployment,
    row: Demand,
    failed: Collection[Item],
    replays: Replays | None = None,
) -> bool:
    """Return whether these failures end the service of a demand row."""
    return _Alone(network, plan, row, replays).left(failed) is None


class _Alone:
    """One demand row, with all that is left working for it alone."""

    def __init__(
        self, network: Network, plan: Deployment, row: Demand, replays: Replays | None = None
    ) -> None:
        limit, self.row = failover_ms(row), row
        patient = replace(row, min_served=0.0, max_latency_ms=limit, failover_latency_ms=limit)
        self.replays = (replays or Replays(network, plan)).of((patient,))

    def left(self, failed: Collection[Item]) -> frozenset[Item] | None:
        """Return all that a routing without what failed stands on; None if the row is out."""
        found = self.replays.after(failed or (NOTHING,))
        if found.served[self.row.key] < (self.row.min_served or HALF) - NEARLY:
            return None
        return found.used
