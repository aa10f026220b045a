"""What failures come to for one plan: sets that take the same of what it stands on are one state.

Only what a plan stands on matters: offers that hold something, the routes to them, and what demand
rows hang on. A state is a set of these, as bits of a whole number, and two rules save most work:

    effects      failures that take the same, of this and of what redundancy names, are one
    following    where a state leaves all that the routing of a smaller one stands on, the routing
                 stays: what is left only shrank, so what was best of more is best of less
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from models.data import Item, OfferKey
from models.exposure import offer_item
from models.network import Network
from models.paths import IntArray
from models.plan import Deployment
from models.replay import Replay, row_items


class States:
    """The states of one network and plan."""

    def __init__(self, network: Network, plan: Deployment) -> None:
        held = {offer for offer, count in plan.nodes.items() if count > 0}
        held |= {OfferKey(copy.site, copy.node_type) for copy in plan.copies}
        held |= {OfferKey(seat.site, seat.node_type) for seat in plan.seats}
        held |= {verifier for panel in plan.panels for verifier in panel.verifiers}
        held |= {flow.verifier for flow in plan.verification}
        sites = {offer.site for offer in held}
        counts = {offer_item(offer) for offer in held}
        for row in network.demand:
            counts |= row_items(row)
        for link in network.links:
            ends = (link.origin, link.target)
            if all(end.kind != "site" or end.name in sites for end in ends):
                counts |= {link.item, *(end for end in ends if end.kind != "site")}
        spare = [exposure for exposure in network.graph.exposures if len(set(exposure.any_of)) > 1]
        named = {item for exposure in spare for item in exposure.any_of} - counts
        self._graph = network.graph
        self._bit = {item: 1 << i for i, item in enumerate([*sorted(counts), *sorted(named)])}
        self._counting = (1 << len(counts)) - 1
        self._gates = [
            (self._bits(exposure.any_of), self._bits(self._graph.down((exposure.item,))))
            for exposure in spare
        ]

    def _bits(self, items: Iterable[Item]) -> int:
        found = 0
        for item in items:
            found |= self._bit.get(item, 0)
        return found

    def effect(self, failed: Iterable[Item]) -> int:
        """Return what a failure takes of all that counts here or that redundancy names."""
        return self._bits(self._graph.down(failed))

    def together(self, effects: Iterable[int]) -> int:
        """Return the effect of several failures at once: redundancy may give way."""
        found = 0
        for effect in effects:
            found |= effect
        is_stable = False
        while not is_stable:
            is_stable = True
            for needed, taken in self._gates:
                if found & needed == needed and taken & ~found:
                    found |= taken
                    is_stable = False
        return found

    def state(self, effect: int) -> int:
        """Return the state that an effect puts the plan in; 0 where nothing that counts is gone."""
        return effect & self._counting

    def used(self, left: Replay) -> int:
        """Return what a routing stands on."""
        return self._bits(left.used) & self._counting

    def gone(self, states: Sequence[int]) -> Gone:
        """Return what is gone in each of the states."""
        return Gone(self._bit, states)


class Gone:
    """What is gone in each of many states, for sums over all of them at once."""

    def __init__(self, bit: Mapping[Item, int], states: Sequence[int]) -> None:
        self._place = {item: number for number, item in enumerate(bit)}
        width = len(bit) // 8 + 1
        joined = b"".join(state.to_bytes(width, "little") for state in states)
        self._bytes = np.frombuffer(joined, np.uint8).reshape(len(states), width)
        self._known: dict[Item, IntArray] = {}

    def weight(self, weights: Mapping[Item, int]) -> IntArray:
        """Return how much of what is weighed is gone, state by state."""
        found = np.zeros(len(self._bytes), dtype=np.int64)
        for item in weights.keys() & self._place.keys():
            found += weights[item] * self._column(item)
        return found

    def _column(self, item: Item) -> IntArray:
        if item not in self._known:
            byte, place = divmod(self._place[item], 8)
            self._known[item] = (self._bytes[:, byte] >> place & 1).astype(np.int64)
        return self._known[item]


@dataclass(frozen=True)
class _Known:
    state: int
    used: int
    left: Replay


class Solved:
    """What is left in the states that were solved, and in all that follow from them."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._left: dict[int, Replay] = {}
        self._known: list[_Known] = []
        self._looked: dict[int, int] = {}

    def add(self, state: int, left: Replay) -> None:
        """Note what was solved."""
        self._left[state] = left
        self._known.append(_Known(state, self._states.used(left), left))

    def of(self, state: int) -> Replay | None:
        """Return what is left in a state, if it was solved or follows from one that was."""
        found = self._left.get(state)
        if found is None:
            up = ~state
            # What was looked at before in vain says nothing now either.
            for known in islice(self._known, self._looked.get(state, 0), None):
                if not (known.state & up or known.used & state):
                    found = self._left[state] = known.left
                    break
            self._looked[state] = len(self._known)
        return found

    def missing(self, states: Iterable[int]) -> Iterator[int]:
        """Yield, once each, the states of which nothing is known."""
        asked: set[int] = set()
        for state in states:
            if state not in asked and self.of(state) is None:
                asked.add(state)
                yield state
