"""What failures come to for one plan: sets that take the same of what it stands on are one state.

Only what a plan stands on matters: offers that hold something, the routes to them, and what demand
rows hang on. A state is a set of these, as bits of a whole number, and two rules save most work:

    effects      failures that take the same, of this and of what redundancy names, are one
    following    where a state leaves all that the routing of a smaller one stands on, the routing
                 stays: what is left only shrank, so what was best of more is best of less
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from models.data import Item, OfferKey
from models.exposure import offer_item
from models.network import Network
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

    def weighed(self, weights: Mapping[Item, int]) -> tuple[tuple[int, int], ...]:
        """Return weights by the bit of their item, for `down`."""
        return tuple((self._bit.get(item, 0), weight) for item, weight in weights.items())


def down(weighed: Iterable[tuple[int, int]], state: int) -> int:
    """Return how much of what is weighed is gone in a state."""
    return sum(weight for bit, weight in weighed if bit & state)


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

    def add(self, state: int, left: Replay) -> None:
        """Note what was solved."""
        self._left[state] = left
        self._known.append(_Known(state, self._states.used(left), left))

    def of(self, state: int) -> Replay | None:
        """Return what is left in a state, if it was solved or follows from one that was."""
        found = self._left.get(state)
        if found is None:
            for known in self._known:
                if not (known.state & ~state or known.used & state):
                    found = self._left[state] = known.left
                    break
        return found

    def missing(self, states: Iterable[int]) -> Iterator[int]:
        """Yield, once each, the states of which nothing is known."""
        asked: set[int] = set()
        for state in states:
            if state not in asked and self.of(state) is None:
                asked.add(state)
                yield state
