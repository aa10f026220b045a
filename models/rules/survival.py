"""Whatever is protected may fail: the share that must then be served still is, and verified.

separated, from the duals of the program in `models.recourse` of each h, over what survives it:
    Σ dual · (replicas, slots, nodes, copies) ≥ Σ_c value[c] · min_served · requests_per_s
and from the start, a relaxation:
    can[m] − Σ_{o in h} each · (warm[o,m], cold_slots[o], nodes[o]) ≥ Σ min_served · requests_per_s
    verifying − Σ_{o in h} verifications_per_s · nodes[o] ≥ Σ verifiers · work · the same

for all protected dependencies and shocks h, periods and models m, where nodes, replicas, slots and
copies stay as planned and routing and verification are decided anew within failover_latency_ms; a
demand row that nothing could serve after h is left out
                                          Source: design §4 (survival); Benders (1962)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from models.data import Demand, DemandKey, Item, OfferKey
from models.exposure import offer_item
from models.expressions import Cut, Point, at_least_zero, row, rows
from models.failover import Failure, Reach, calm, lost_rows, protected_failures
from models.headroom import abilities, needs
from models.network import Network
from models.plan import TOLERANCE, Deployment, Violation
from models.recourse import PRESENT, Recourse, Resource, amounts, cut_of, variable_of
from models.replay import Replays, upstream_choices

SERVING = frozenset({"offer", "route", "upstream", "model", "policy", "region", "site"})
"""What routing and verification stand on, by kind."""
NEARLY = 1e-5
"""By how much less a share may be and still be told as what was asked for."""


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add what capacity must be left outside of every failure, by what is in it."""
    block.recourse, block.able = {}, {}
    block.can, block.adds_up, block.left = at_least_zero(), rows(), rows()
    whole = calm(network)
    if whole is None:
        return
    block.able = abilities(_recourse(block, whole))
    asked = [(failure, needs(network, failure)) for failure in protected_failures(network)]
    for key, each in sorted(block.able.items()):
        there = {what: variable_of(model, what) for what in sorted(each)}
        able = {what: (each[what], found) for what, found in there.items() if found is not None}
        least: dict[tuple[Resource, ...], tuple[float, str]] = {}
        for failure, of_failure in asked:
            exposed = tuple(what for what in able if OfferKey(*what[1][:2]) in failure.gone)
            need = of_failure.get(key, 0.0)
            least[exposed] = max(least.get(exposed, (0.0, "")), (need, failure.name))
        row(block.adds_up, key, [*able.values(), (-1.0, block.can[key])], lower=0.0)
        for exposed, (need, name) in least.items():
            lost = [(-able[what][0], able[what][1]) for what in exposed]
            row(block.left, (name, *key), [(1.0, block.can[key]), *lost], lower=need)


def separate(block: Any, model: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows of the failures that the point does not survive."""
    amount = amounts(model, point)
    there: dict[int, Any] = {}
    for failure in _hardest(network, amount):
        recourse = _recourse(block, failure.reach)
        if id(failure.reach) not in there:
            there[id(failure.reach)] = recourse.at(amount)
        for found in recourse.rows(failure, there[id(failure.reach)]):
            yield cut_of(model, found)


def _hardest(network: Network, amount: Any) -> list[Failure]:
    """Return the failures that take what no other takes with it, of what there is.

    One that takes less, and after which no more must be served, is survived where that other is.
    """
    kept: list[tuple[frozenset[OfferKey], Failure]] = []
    failures = protected_failures(network)
    stores = network.offers_of("storage")
    held = {o for o in network.offers if amount(("nodes", o)) > PRESENT} | set(stores)
    taken = [(failure.gone & held, failure) for failure in failures]
    for gone, failure in sorted(taken, key=lambda entry: (-len(entry[0]), entry[1].name)):
        if not any(
            failure.reach is other.reach and gone <= more and other.lost <= failure.lost
            for more, other in kept
        ):
            kept.append((gone, failure))
    return [failure for _, failure in kept]


def _recourse(block: Any, reach: Reach) -> Recourse:
    if id(reach) not in block.recourse:
        block.recourse[id(reach)] = Recourse(reach)
    found: Recourse = block.recourse[id(reach)]
    return found


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand rows that are served too little after a protected failure."""
    replays = _Replays(network, plan)
    for failure, asked in _worst(network, plan):
        missing = replays.of(asked).short(network.protected[failure])
        for demand in asked:
            share = missing[demand.key]
            if share > TOLERANCE * len(asked):
                message = f"{share:.4%} less than {demand.min_served:.4g} of it can be served"
                where = f"{demand.key} without {failure}"
                yield Violation("survival", where, message, demand, "min_served")


class _Replays:
    """What a plan leaves after failures, for the rows that must survive each of them."""

    def __init__(self, network: Network, plan: Deployment) -> None:
        self.network, self.whole = network, Replays(network, plan)
        self.known: dict[frozenset[DemandKey], Replays] = {}

    def of(self, asked: list[Demand], others: bool = False) -> Replays:
        """Return it for these rows; the others ask for what is left, or for nothing at all."""
        keys = frozenset(row.key for row in asked)
        if keys not in self.known:
            rows = tuple(asked)
            if others:
                rows = tuple(
                    row if row.key in keys else replace(row, min_served=0.0)
                    for row in self.network.demand
                )
            self.known[keys] = self.whole.of(rows)
        return self.known[keys]


def _worst(network: Network, plan: Deployment) -> list[tuple[str, list[Demand]]]:
    """Return the failures that take what no other takes with it, and the rows to survive each.

    Of what a plan stands on, that is: what survives the loss of more survives that of less, unless
    sites then call other upstreams.
    """
    choices = upstream_choices(network)
    idle = {offer_item(o) for o in network.offers if plan.nodes.get(o, 0) <= 0}
    idle -= {offer_item(OfferKey(copy.site, copy.node_type)) for copy in plan.copies}
    taken = []
    for failure, lost in lost_rows(network).items():
        asked = [row for row in network.demand if row.min_served and row.key not in lost]
        if not asked:
            continue
        gone = network.graph.down(network.protected[failure]) - idle
        there = {item for item in gone if item.kind in SERVING}
        taken.append((there, failure, asked))
    kept: list[tuple[set[Item], str, list[Demand]]] = []
    for there, failure, asked in sorted(taken, key=lambda entry: (-len(entry[0]), entry[1])):
        keys = {row.key for row in asked}
        if not any(
            there <= more
            and there & choices == more & choices
            and keys <= {row.key for row in rows}
            for more, _, rows in kept
        ):
            kept.append((there, failure, asked))
    return [(failure, asked) for _, failure, asked in kept]


def _asked(network: Network) -> int:
    """Return after how many protected failures some demand row must be served."""
    keys = {row.key for row in network.demand if row.min_served}
    return sum(not keys <= lost for lost in lost_rows(network).values())


def explain(network: Network, plan: Deployment) -> str:
    """Return how many failures are survived, and the tightest with its least served row."""
    spare: list[tuple[float, str, float, Demand]] = []
    replays = _Replays(network, plan)
    for failure, asked in _worst(network, plan):
        left = replays.of(asked, others=True).after(network.protected[failure])
        least = min(asked, key=lambda row: (left.served[row.key] - row.min_served, row.key))
        share = left.served[least.key]
        spare.append((share - least.min_served, failure, share, least))
    if not spare:
        return "No demand row asks for min_served after a protected failure."
    tight, failure, share, least = min(spare)
    asked_for = f"{share:.1%} served, and {least.min_served:.4g} is asked for"
    if tight < -NEARLY:
        broken = sum(left < -NEARLY for left, *_ in spare)
        return (
            f"{broken} protected failures are not survived: {failure} leaves {least.key} "
            f"{asked_for}."
        )
    return (
        f"{_asked(network)} protected failures are survived; the tightest is {failure}, "
        f"which leaves {least.key} {asked_for}."
    )
