"""What hangs on what: the exposure graph, and what is gone when dependencies fail.

An exposure `(item, any_of)` says that the item is down when every name in `any_of` is down; an item
with several exposures is down when any one of them is. Failure therefore spreads as the least
fixpoint of monotone rules (a coherent fault tree: OR over exposures, AND over alternatives).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from models.data import Item, OfferKey

EVERYTHING = Item("*", "*")
"""The item that every offer, model and route is part of."""

NOT_DEPENDENCIES = frozenset(
    {"offer", "site", "node_type", "route", "region", "model", "policy", "committee", "role", "*"}
)
"""Item kinds that describe the network itself rather than something it shares."""


@dataclass(frozen=True)
class Exposure:
    """An item that is down when all of `any_of` are down. `confidence`: known or suspected."""

    item: Item
    any_of: tuple[Item, ...]
    confidence: str = "known"


@dataclass(frozen=True)
class ExposureGraph:
    """Every exposure of a network, with the questions that rules ask of it."""

    exposures: tuple[Exposure, ...]

    @cached_property
    def of_item(self) -> Mapping[Item, tuple[Exposure, ...]]:
        """Return the exposures of every item that has some, in their order."""
        found: dict[Item, list[Exposure]] = defaultdict(list)
        for exposure in self.exposures:
            found[exposure.item].append(exposure)
        return {item: tuple(exposures) for item, exposures in found.items()}

    @cached_property
    def _using(self) -> Mapping[Item, tuple[int, ...]]:
        """Return, per item, the positions of the exposures that name it."""
        using: dict[Item, list[int]] = defaultdict(list)
        for position, exposure in enumerate(self.exposures):
            for item in set(exposure.any_of):
                using[item].append(position)
        return {item: tuple(positions) for item, positions in using.items()}

    def down(self, failed: Iterable[Item]) -> frozenset[Item]:
        """Return everything that is down when the items fail, the failed items included."""
        gone = set(failed)
        waiting = list(gone)
        alive: dict[int, int] = {}
        while waiting:
            for position in self._using.get(waiting.pop(), ()):
                exposure = self.exposures[position]
                alive[position] = alive.get(position, len(set(exposure.any_of))) - 1
                if alive[position] == 0 and exposure.item not in gone:
                    gone.add(exposure.item)
                    waiting.append(exposure.item)
        return frozenset(gone)

    @cached_property
    def dependencies(self) -> tuple[Item, ...]:
        """Return every dependency that something hangs on, sorted."""
        named = {item for exposure in self.exposures for item in exposure.any_of}
        return tuple(sorted(item for item in named if item.kind not in NOT_DEPENDENCIES))

    @cached_property
    def takes_down(self) -> Mapping[Item, frozenset[Item]]:
        """Return, per dependency, everything that its failure alone takes down."""
        return {item: self.down((item,)) for item in self.dependencies}

    @cached_property
    def _hangs_on(self) -> Mapping[Item, frozenset[Item]]:
        hangs_on: dict[Item, set[Item]] = defaultdict(set)
        for dependency, gone in self.takes_down.items():
            for item in gone:
                hangs_on[item].add(dependency)
        return {item: frozenset(found) for item, found in hangs_on.items()}

    def hangs_on(self, item: Item) -> frozenset[Item]:
        """Return the dependencies each of which alone takes the item down."""
        return self._hangs_on.get(item, frozenset())

    def of_kind(self, item: Item, kind: str) -> frozenset[Item]:
        """Return the dependencies of one kind each of which alone takes the item down."""
        return frozenset(found for found in self.hangs_on(item) if found.kind == kind)

    def outermost(self, found: frozenset[Item]) -> frozenset[Item]:
        """Return those that hang on no other of the set: the top of each chain."""
        return frozenset(
            item
            for item in found
            if not any(other != item and item in self.takes_down[other] for other in found)
        )


def offer_item(offer: OfferKey) -> Item:
    """Return the item that stands for an offer in the graph."""
    return Item("offer", str(offer))
