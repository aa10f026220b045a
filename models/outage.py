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

from models.collapse import Break, FaultTree
from models.data import Demand, Item
from models.exposure import offer_item
from models.network import Network
from models.plan import Deployment
from models.replay import NOTHING, Replay, Replays, failover_ms, row_items

HALF = 0.5
"""The share of a row whose loss ends its service where no `min_served` says so."""
NEARLY = 1e-6
"""By how much less a row may be served: the tolerance of the linear program."""


def smallest_outage(
    network: Network,
    plan: Deployment,
    row: Demand,
    may_fail: Collection[Item] | None = None,
    replays: Replays | None = None,
) -> tuple[Item, ...] | None:
    """Return the fewest failures without which the row is no more served; None if none do that.

    Empty if it is not served as it is. `may_fail` are the dependencies that may; all if None.
    `replays` are those of the network and the plan, if there are some already.
    """
    alone = _alone(row, replays or Replays(network, plan))
    items = {offer_item(offer) for offer, count in plan.nodes.items() if count}
    items |= row_items(row)
    items |= {end for link in network.links for end in (link.item, link.origin, link.target)}
    tree = FaultTree(network.graph, items, may_fail)
    stands: list[Break] = []
    while True:
        failed = tree.smallest(stands, every=True)
        if failed is None:
            return None
        left = alone.after(failed or (NOTHING,))
        if _is_out(row, left):
            return failed
        stands.append(Break(dict.fromkeys(sorted(left.used & items), 1), 0))


def ends(replays: Replays, row: Demand, failed: tuple[Item, ...]) -> bool:
    """Return whether these failures end the service of the row."""
    return _is_out(row, _alone(row, replays).after(failed or (NOTHING,)))


def _alone(row: Demand, replays: Replays) -> Replays:
    """Return what is left for a row by itself, by its limits after a failure."""
    limit = failover_ms(row)
    patient = replace(row, min_served=0.0, max_latency_ms=limit, failover_latency_ms=limit)
    return replays.of((patient,))


def _is_out(row: Demand, left: Replay) -> bool:
    return left.served[row.key] < (row.min_served or HALF) - NEARLY
