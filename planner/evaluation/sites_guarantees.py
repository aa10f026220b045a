"""Guarantees by their figures: which is the weakest, and which failures end it in a given plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from models.collapse import Break, FaultTree
from models.data import Demand, Item
from models.guarantees import guarantees
from models.network import Network
from models.outage import is_out, smallest_outage, smallest_outages
from models.plan import Deployment
from planner.evaluation.sites_results import Figure, Figures
from planner.evaluation.stress_questions import Asked

Failed = tuple[Item, ...]


def share_of_requests(network: Network) -> Callable[[Figure], float]:
    """Return how to find the share of all requests that hang on a guarantee; else 1."""
    total = sum(network.mean_rate(row) for row in network.demand)
    found: dict[Figure, float] = {}
    for row in network.demand:
        share = network.mean_rate(row) / total if total else 0.0
        for figure in (Figure("", row=tuple(row.key)), Figure("", "storage", row.model)):
            found[figure] = found.get(figure, 0.0) + share

    def share_of(figure: Figure) -> float:
        if figure.row:
            return found.get(Figure("", row=figure.row), 0.0)
        if figure.role == "storage":
            return found.get(Figure("", "storage", figure.of), 0.0)
        return 1.0

    return share_of


def rank(
    whole: Figures, share_of: Callable[[Figure], float]
) -> Callable[[Figure], tuple[float, float, Figure]]:
    """Return what sorts guarantees: the fewest failures first, then those of most requests."""

    def key(figure: Figure) -> tuple[float, float, Figure]:
        size = whole.values[figure]
        return (math.inf if size is None else size, -share_of(figure), figure)

    return key


def weakest(
    whole: Figures, among: Iterable[Figure], share_of: Callable[[Figure], float]
) -> Figure | None:
    """Return the guarantee that the fewest failures end; None if there is none."""
    return min(among, key=rank(whole, share_of), default=None)


def row_of(network: Network, figure: Figure) -> Demand:
    """Return the demand row that a guarantee is promised to."""
    return next(row for row in network.demand if tuple(row.key) == figure.row)


def fewest(asked: Asked, network: Network, plan: Deployment, figure: Figure) -> Failed | None:
    """Return the fewest failures that end a guarantee of a plan in a network as it is read."""
    if figure.row:
        row = row_of(asked.network, figure)
        may_fail = asked.may_fail(network, asked.unavoidable_to(row))
        return smallest_outage(network, plan, row, may_fail)
    stands = _stands(network, plan, figure)
    return _tree(asked, network, figure, stands).smallest(stands) if stands else ()


def smallest_sets(asked: Asked, figure: Figure, size: int) -> tuple[Failed, ...]:
    """Return every set of so many failures, the fewest, that ends a guarantee at worst."""
    network, plan = asked.worst, asked.plan
    if figure.row:
        row = row_of(asked.network, figure)
        may_fail = asked.may_fail(network, asked.unavoidable_to(row))
        return smallest_outages(network, plan, row, size, may_fail)
    stands = _stands(network, plan, figure)
    tree = _tree(asked, network, figure, stands)
    return tuple(sorted(tree.sets(stands, up_to=size)))


def is_ended(
    asked: Asked, network: Network, plan: Deployment, figure: Figure, failed: Failed
) -> bool:
    """Return whether these failures end a guarantee of a plan in a network as it is read."""
    if figure.row:
        return is_out(network, plan, row_of(asked.network, figure), failed)
    down = network.graph.down(failed)
    return any(stand.happens(down) for stand in _stands(network, plan, figure))


def excess(
    asked: Asked, plan: Deployment, figure: Figure, sets: Iterable[Failed]
) -> tuple[int, ...]:
    """Return by how much more is down than may be, at worst, under each set; not of demand rows.

    Copies and seats add up: what several additions change is the sum of what each of them does.
    """
    network, found = asked.worst, []
    stands = _stands(network, plan, figure)
    for failed in sets:
        down = network.graph.down(failed)
        over = [sum(n for item, n in s.weights.items() if item in down) - s.limit for s in stands]
        found.append(max(over, default=1))
    return tuple(found)


def _stands(network: Network, plan: Deployment, figure: Figure) -> list[Break]:
    return [
        stand.broken
        for found in guarantees(network, plan)
        if (found.role, found.of, found.loss) == (figure.role, figure.of, figure.loss)
        for stand in found.stands
    ]


def _tree(asked: Asked, network: Network, figure: Figure, stands: list[Break]) -> FaultTree:
    items = {item for stand in stands for item in stand.weights}
    may_fail = asked.may_fail(network, asked.unavoidable(figure.role))
    return FaultTree(network.graph, items, may_fail)
