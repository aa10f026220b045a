"""Collapse sets, blast radius and Nakamoto numbers of 300 random networks: all by trying every set.

Every network has a random plan. Of each of its guarantees the fewest failures that end it; of all
together the worst one and two failures; of every other network also the worst three, and all
minimal sets of one or two; and of every role, thing and kind the Nakamoto number. Trying knows
nothing of fault trees and covering programs: only what is down when a set of items has failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import combinations

import pytest

from models.collapse import Break, FaultTree
from models.concentration import concentration
from models.data import Item, OfferKey
from models.exposure import offer_item
from models.guarantees import LIVENESS, guarantees
from models.network import Network
from models.plan import Deployment
from models.service import Service, service
from tests import draw
from tests.thorough import parts

NETWORKS, PARTS = 300, 6
FEW = ("country", "owner", "metro")
"""Kinds of which no one takes everything, so that it takes several failures."""

Amounts = list[tuple[frozenset[Item], float]]
"""What each amount hangs on."""


def drawn(seed: int, unknown: str) -> tuple[Network, Deployment]:
    """Return a random network and plan; what nobody knows is shared, or distinct."""
    network = draw.network(seed)
    network = replace(network, settings=replace(network.settings, unknown=unknown))
    return network, draw.plan(network, draw.row_by_row(network), seed)


class Tried:
    """What is down for every set of failures, up to a size, worked out when first asked for."""

    def __init__(self, network: Network, kinds: Collection[str]) -> None:
        self.graph = network.graph
        self.items = [i for i in network.graph.dependencies if not kinds or i.kind in kinds]
        self._known: dict[int, list[tuple[tuple[Item, ...], frozenset[Item]]]] = {}

    def of(self, size: int) -> list[tuple[tuple[Item, ...], frozenset[Item]]]:
        """Return every set of that size with all that it takes down."""
        if size not in self._known:
            sets = combinations(self.items, size)
            self._known[size] = [(failed, self.graph.down(failed)) for failed in sets]
        return self._known[size]

    def tree(self, breaks: Iterable[Break]) -> FaultTree:
        """Return the fault tree that is to find the same."""
        items = {item for found in breaks for item in found.weights}
        return FaultTree(self.graph, items, self.items)

    def breaking(self, breaks: Iterable[Break], size: int) -> list[frozenset[Item]]:
        """Return every set of that size that ends any one of the guarantees."""
        wanted = list(breaks)
        return [
            frozenset(failed)
            for failed, down in self.of(size)
            if any(found.happens(down) for found in wanted)
        ]


@pytest.mark.parametrize("part", parts(PARTS))
def test_collapse_sets_and_blast_radius_are_those_of_trying_every_set(part: int) -> None:
    """Of 300 networks in six parts: of every other all kinds may fail, of the rest only a few."""
    sizes: Counter[int | None] = Counter()
    blasts: Counter[int] = Counter()
    for seed in range(part, NETWORKS, PARTS):
        few = seed // PARTS % 2 == 1
        network, plan = drawn(seed, "distinct" if few else "shared")
        tried, every = Tried(network, FEW if few else ()), list[Break]()
        for guarantee in guarantees(network, plan):
            breaks = [stand.broken for stand in guarantee.stands]
            every += breaks if guarantee.loss == LIVENESS else []
            tree = tried.tree(breaks)
            ended = tree.smallest(breaks)
            if ended is None:
                down = network.graph.down(tried.items)
                assert not any(found.happens(down) for found in breaks), seed
            else:
                assert frozenset(ended) in tried.breaking(breaks, len(ended)), seed
                for size in range(len(ended)):
                    assert not tried.breaking(breaks, size), (seed, guarantee)
            sizes[None if ended is None else len(ended)] += 1
            if few:
                assert set(map(frozenset, tree.sets(breaks, up_to=2))) == minimal(tried, breaks)
        tree = tried.tree(every)
        for count in ((1, 2, 3) if few else (1, 2)) if every else ():
            worst = max(
                sum(found.happens(down) for found in every)
                for size in range(count + 1)
                for _, down in tried.of(size)
            )
            blast = tree.worst(every, count)
            assert blast.broken == worst, seed
            down = network.graph.down(blast.failed)
            assert sum(found.happens(down) for found in every) == worst
            blasts[worst] += 1
    assert all(sizes[size] for size in (None, 0, 1, 2)), sizes
    assert len(blasts) > 2, blasts


def minimal(tried: Tried, breaks: list[Break]) -> set[frozenset[Item]]:
    """Return the minimal breaking sets of up to two failures."""
    found: set[frozenset[Item]] = set()
    for size in range(3):
        new = [s for s in tried.breaking(breaks, size) if not any(known <= s for known in found)]
        found.update(new)
    return found


@pytest.mark.parametrize("part", parts(PARTS))
def test_nakamoto_numbers_are_those_of_trying_every_set(part: int) -> None:
    """Of 300 networks in six parts: every role, thing and kind, as read at best."""
    compared: Counter[str] = Counter()
    numbers: Counter[int | None] = Counter()
    for seed in range(part, NETWORKS, PARTS):
        network, plan = drawn(seed, "distinct")
        known = tuple(found for found in network.exposures if found.confidence == "known")
        network = replace(network, exposures=known)
        limits = {
            (found.role, found.of, found.period): found.stands
            for found in guarantees(network, plan)
            if found.loss == LIVENESS
        }
        for figure in concentration(network, plan):
            key = (figure.role, figure.of, figure.period)
            if key in limits:
                trials = [(held(network, stand.held), float(stand.limit)) for stand in limits[key]]
            elif figure.role == "execution":
                parts = list(executed(network, plan, figure.of, figure.period))
                trials = [(parts, sum(amount for _, amount in parts) / 2)]
            else:
                continue
            sizes = [fewest(parts, limit, figure.kind) for parts, limit in trials]
            wanted = min((size for size in sizes if size is not None), default=None)
            assert figure.best.nakamoto[LIVENESS] == wanted, (seed, key, figure.kind)
            compared[figure.role] += 1
            numbers[wanted] += 1
    assert min(compared[r] for r in ("execution", "verification", "storage", "coordination")) > 5
    assert all(numbers[number] for number in (None, 0, 1, 2)), numbers


def held(network: Network, amounts: dict[OfferKey, int] | object) -> Amounts:
    """Return the amounts of a stand with what their offers hang on."""
    assert isinstance(amounts, dict)
    return [(network.graph.hangs_on(offer_item(o)), float(n)) for o, n in amounts.items()]


def executed(
    network: Network, plan: Deployment, of: str, period: str
) -> Iterator[tuple[frozenset[Item], float]]:
    """Yield the requests/s of a model, or of all, with what they hang on."""
    demand_of = {demand.key: demand for demand in network.demand}
    for flow in plan.routing:
        demand = demand_of[flow.demand]
        way = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if isinstance(way, Service) and demand.period == period and of in ("all", demand.model):
            yield way.hangs_on, demand.requests_per_s * flow.share


def fewest(parts: Amounts, limit: float, kind: str) -> int | None:
    """Return how few dependencies of the kind hold more than the limit; None if none do."""
    items = sorted({item for hangs_on, _ in parts for item in hangs_on if item.kind == kind})
    for size in range(len(items) + 1):
        for failed in map(set, combinations(items, size)):
            lost = sum(amount for hangs_on, amount in parts if hangs_on & failed)
            if lost > limit + 1e-6 * max(1.0, abs(limit)):
                return size
    return None
