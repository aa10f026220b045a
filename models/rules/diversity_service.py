"""No few dependencies, failing together, end the service of a demand row.

separated, from the duals of the program in `models.recourse` of row d alone, over what survives S:
    Σ dual · (replicas, slots, nodes, copies) ≥ value · share[d] · requests_per_s[d]
and from the start, for each dependency g alone, n ≥ 2:
    can[d] − Σ_{o on g} most · (warm[o,m], cold_slots[o], nodes[o]) ≥ share[d] · requests_per_s[d]
    most = requests/s of one, no more than the right side; can[d] is the sum over all o

for all Diversity rows with min_collapse = n and role execution, the demand rows d with requests
that they apply to and that something can serve, and sets S of fewer than n dependencies (of the
kind, if the row names one) without what every way to serve or to verify d hangs on; share is
min_served, half without one, by the limits after a failure, all that is left working for d alone
                                          Source: design §5 (collapse sets), §4 (survival)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.alone import alone
from models.data import Demand, DiversityRow, Item
from models.expressions import Cut, Point, at_least_zero, row, rows
from models.lasting import asked, unavoidable_to
from models.network import Network
from models.outage import smallest_outage
from models.plan import Deployment, Violation
from models.recourse import amounts, cut_of, variable_of
from models.replay import Replays

MOST_AT_ONCE = 40
"""Demand rows against whose end rows are separated at one point."""


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add what must be left for each row alone under every single failure."""
    block.alone = alone(network)
    block.can, block.adds_up, block.left = at_least_zero(), rows(), rows()
    for number, one in enumerate(block.alone):
        able = {
            what: (min(each, one.needed), variable)
            for what, each in one.recourse().able().items()
            if (variable := variable_of(model, what)) is not None
        }
        can = block.can[number]
        row(block.adds_up, number, [*able.values(), (-1.0, can)], lower=0.0)
        for position, taken in enumerate((frozenset(), *one.exposed(able))):
            lost = [(-able[what][0], able[what][1]) for what in sorted(taken)]
            row(block.left, (number, position), [(1.0, can), *lost], lower=one.needed)


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows against the fewest failures that end the service of some rows at a point."""
    amount, broken = amounts(model, point), 0
    for one in block.alone:
        found = one.rows(amount)
        yield from (cut_of(model, each) for each in found)
        broken += bool(found)
        if broken >= MOST_AT_ONCE:
            return


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand rows whose service fewer dependencies end than a row asks for."""
    ends = _Ends(network, plan)
    for rule, demand in _promised(network):
        ended = ends.of(rule, demand, rule.failures_borne)
        if ended is not None:
            names = ", ".join(map(str, ended))
            failing = f"{names} failing ends its service" if ended else "it is not served"
            message = f"{failing}; it must take {rule.min_collapse}"
            where = f"{rule.rule}, {demand.key}"
            yield Violation("diversity_service", where, message, rule, "min_collapse")


def _promised(network: Network) -> Iterator[tuple[DiversityRow, Demand]]:
    for rule, demand_rows in asked(network):
        yield from ((rule, demand) for demand in demand_rows)


class _Ends:
    """What ends the service of demand rows in one plan."""

    def __init__(self, network: Network, plan: Deployment) -> None:
        self.network, self.plan, self.replays = network, plan, Replays(network, plan)

    def of(
        self, rule: DiversityRow, demand: Demand, most: int | None = None
    ) -> tuple[Item, ...] | None:
        """Return the fewest failures that do, no more than `most`; None if none do."""
        given = unavoidable_to(self.network, demand) or frozenset()
        judged = [
            item
            for item in self.network.graph.dependencies
            if rule.kind in ("", item.kind) and item not in given
        ]
        return smallest_outage(
            self.network, self.plan, demand, judged, replays=self.replays, most=most
        )


def explain(network: Network, plan: Deployment) -> str:
    """Return the demand row whose service the fewest failures end, with those."""
    first: tuple[DiversityRow, Demand, tuple[Item, ...]] | None = None
    ends, most = _Ends(network, plan), None
    for rule, demand in sorted(_promised(network), key=lambda promise: str(promise[1].key)):
        ended = ends.of(rule, demand, most)
        if ended is not None:
            # Of the others only those matter that fewer end.
            first, most = (rule, demand, ended), len(ended) - 1
    if first is None:
        return "No number of failures that the service of a demand row must bear is asked for."
    rule, demand, ended = first
    names = ", ".join(map(str, ended)) or "it is not served as it is"
    asked_for = f"{rule.min_collapse} asked for"
    return f"The fewest failures that end a service, of {demand.key}: {names}; {asked_for}."
