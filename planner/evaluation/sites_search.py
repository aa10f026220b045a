"""Additions at several sites that together raise a guarantee, and what is best for the money."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

from planner.evaluation.sites_additions import Additions, applied
from planner.evaluation.sites_guarantees import Failed, excess, fewest, is_ended
from planner.evaluation.sites_results import Addition, Figure, Raise
from planner.evaluation.stress_questions import Asked


@dataclass(frozen=True)
class Judged:
    """An addition: whether it breaks no rule, and which sets still end the guarantee with it.

    `alive` are the sets under which some of it still stands; `change` is by how much more is down
    under each than may be, empty for demand rows. `size` is the new size if no set is left, None if
    nothing ends the guarantee then; it says nothing where a set is left.
    """

    addition: Addition
    is_legal: bool
    left: frozenset[int]
    alive: frozenset[int]
    change: tuple[int, ...]
    size: int | None


@dataclass
class Search:
    """Additions at several sites that together survive every set, of which none can be spared."""

    asked: Asked
    figure: Figure
    size: int
    sets: tuple[Failed, ...]
    judged: tuple[Judged, ...]
    most: int
    _known: dict[object, bool] = field(default_factory=dict)

    def singles(self) -> list[Raise]:
        """Return what helps most for the money at each site, what raises the guarantee first."""
        best: dict[str, Raise] = {}
        for found in self.judged:
            if found.is_legal and len(found.left) < len(self.sets):
                entry = self._single(found)
                known = best.get(found.addition.site)
                if known is None or self.order(entry) < self.order(known):
                    best[found.addition.site] = entry
        return sorted(best.values(), key=self.order)

    def _single(self, found: Judged) -> Raise:
        size = self.size if found.left else found.size
        return Raise((found.addition,), found.addition.cost, size, len(found.left))

    def order(self, found: Raise) -> tuple[object, ...]:
        """Return what sorts: what raises most per unit of money, or else spares most sets."""
        gain = math.inf if found.size is None else found.size - self.size
        fewer = len(self.sets) - found.sets
        per = [amount / found.cost if found.cost > 0 else math.inf for amount in (gain, fewer)]
        names = tuple((a.site, a.nodes) for a in found.additions)
        return (gain <= 0, -per[0] if gain > 0 else -per[1], found.cost, names)

    def best(
        self, singles: Sequence[Raise], stop: threading.Event, say: Callable[[str], None]
    ) -> Raise | None:
        """Return the additions that raise the guarantee most for the money; None if none do."""
        found = [entry for entry in singles if not entry.sets]
        for count in range(2, self.most + 1) if self._may_be_raised() else ():
            say(f"sets of {count} sites to add")
            helpful = [entry for entry in self.judged if entry.left and self._may_help(entry)]
            for chosen in combinations(helpful, count):
                if stop.is_set():
                    break
                best = min(found, key=self.order, default=None)
                if self._is_one_each(chosen) and self._may_be_better(chosen, best):
                    found += self._together(chosen)
        return min(found, key=self.order, default=None)

    def _may_be_raised(self) -> bool:
        """Return whether all additions at once would raise it; a moved seat is no addition."""
        if self.figure.role == "coordination":
            return True
        return not any(self.ends_all(number) for number in range(len(self.sets)))

    def ends_all(self, number: int) -> bool:
        """Return whether a set ends the guarantee whatever is added."""
        return self._is_ended(self.judged, number)

    @staticmethod
    def _may_help(found: Judged) -> bool:
        """Return whether an addition changes anything under any set."""
        return min(found.change) < 0 if found.change else bool(found.alive)

    @staticmethod
    def _is_one_each(chosen: tuple[Judged, ...]) -> bool:
        return len({found.addition.site for found in chosen}) == len(chosen)

    def _may_be_better(self, chosen: tuple[Judged, ...], best: Raise | None) -> bool:
        """Return whether the additions might raise it more for the money than the best so far."""
        if best is None or best.size is None or self._most_gain == math.inf:
            return best is None or best.cost > 0
        least = self._least_cost(chosen)
        return self._most_gain * best.cost > (best.size - self.size) * least

    @cached_property
    def _most_gain(self) -> float:
        """Return by how much all additions at once raise it; infinite where nobody can tell."""
        if self.figure.role == "coordination":
            return math.inf
        every = tuple(found.addition for found in self.judged)
        after = applied(self.asked.network, self.asked.plan, every)
        ends = fewest(self.asked, self.asked.worst, after, self.figure)
        return math.inf if ends is None else len(ends) - self.size

    def _least_cost(self, chosen: tuple[Judged, ...]) -> float:
        """Return a bound on what additions cost together: contracts that they share count once."""
        network = self.asked.network
        held = [network.providers[network.sites[f.addition.site].provider] for f in chosen]
        total = sum(found.addition.cost for found in chosen)
        shared = {provider.provider: held.count(provider) - 1 for provider in held}
        return total - sum(
            n * network.providers[name].monthly_cost for name, n in sorted(shared.items())
        )

    def _survive(self, chosen: tuple[Judged, ...]) -> bool:
        """Return whether additions together survive every set that ends the guarantee today."""
        if len(chosen) == 1:
            return not chosen[0].left
        if not self.figure.row:
            changes = zip(*(found.change for found in chosen), strict=True)
            return all(
                now + sum(change) <= 0 for now, change in zip(self._now, changes, strict=True)
            )
        if frozenset().union(*(found.alive for found in chosen)) != self._numbers:
            return False
        rest = frozenset.intersection(*(found.left for found in chosen))
        return not any(self._is_ended(chosen, number) for number in sorted(rest))

    @cached_property
    def _numbers(self) -> frozenset[int]:
        return frozenset(range(len(self.sets)))

    @cached_property
    def _now(self) -> tuple[int, ...]:
        return excess(self.asked, self.asked.plan, self.figure, self.sets)

    def _is_ended(self, chosen: tuple[Judged, ...], number: int) -> bool:
        additions = tuple(found.addition for found in chosen)
        if (additions, number) not in self._known:
            after = applied(self.asked.network, self.asked.plan, additions)
            ends = is_ended(self.asked, self.asked.worst, after, self.figure, self.sets[number])
            self._known[additions, number] = ends
        return self._known[additions, number]

    def _together(self, chosen: tuple[Judged, ...]) -> Iterator[Raise]:
        """Yield what additions do together, if they raise it and none of them could be spared."""
        if not self._survive(chosen):
            return
        if any(self._survive(fewer) for fewer in combinations(chosen, len(chosen) - 1)):
            return
        network, plan = self.asked.network, self.asked.plan
        additions = tuple(found.addition for found in chosen)
        after = applied(network, plan, additions)
        offered = Additions(network, plan, self.figure)
        if any(count < 0 for count in after.seats.values()) or not offered.is_legal(additions):
            return
        ends = fewest(self.asked, self.asked.worst, after, self.figure)
        if ends is None or len(ends) > self.size:
            size = None if ends is None else len(ends)
            yield Raise(additions, offered.cost(additions), size, 0)
