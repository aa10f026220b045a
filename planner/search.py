"""Large neighbourhood search: free the sites of a neighbourhood, fix the others, let HiGHS solve.

Neighbourhoods are sites near each other, sites that hang on one dependency, some open with some
closed ones, and the sites of one role. Those that help are drawn more often, and the number of
sites follows how hard they turn out. All limits are work, not time, so a search that is not cut
short is reproducible; the clock only ever ends it, and then it says so.
(Ropke and Pisinger, 2006, adaptive large neighbourhood search; Danna et al., 2005, on MIPs.)
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from models.data import ROLES, Item, Site
from models.service import distance_km
from planner.arrays import Arrays, FloatArray
from planner.highs import Outcome
from planner.problem import Problem

FEWEST_SITES, FIRST_SITES = 4, 14
NODES = 50
"""Branch-and-bound nodes for one neighbourhood."""
STALL = 24
"""Neighbourhoods without improvement after which the search gives up."""
DECAY, REWARD = 0.8, 4.0
"""How fast the weight of a kind of neighbourhood forgets, and what an improvement adds."""
SMALLEST_GAIN = 1e-6
"""Relative gain that counts as an improvement."""

SITE_POSITION = {
    "open": 0,
    "nodes": 0,
    "warm": 0,
    "cold_slots": 0,
    "copy": 0,
    "seats": 1,
    "at": 1,
    "site_used": 1,
}
"""Where the site stands in the index of each family of whole-number variables."""


@dataclass(frozen=True)
class Found:
    """The best point of a search, its objective, and whether the clock cut the search short."""

    values: FloatArray
    objective: float
    rounds: int
    cut_short: bool


class NeighbourhoodSearch:
    """A search over one model; the engine's bounds are left as they were found."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem, self.network = problem, problem.network
        self.arrays, self.engine = problem.arrays, problem.engine
        self.draw = random.Random(seed)
        self.columns_at = _columns_by_site(self.arrays)
        self.sites = sorted(self.columns_at)
        self.located = np.array(
            sorted(column for columns in self.columns_at.values() for column in columns),
            dtype=np.int64,
        )
        self.kinds: dict[str, Callable[[set[str]], list[str]]] = {
            "near": self._near,
            "dependency": self._dependency,
            "mixed": self._mixed,
            "role": self._role,
        }
        self.weights = dict.fromkeys(self.kinds, 1.0)

    def improve(
        self,
        values: FloatArray,
        costs: FloatArray,
        constant: float,
        target: float,
        left_s: Callable[[], float],
        found: Callable[[FloatArray], None],
    ) -> Found:
        """Return the best legal point from `values` on, at or below `target` if possible."""
        objective = float(costs @ values) + constant
        size, stall, rounds = min(FIRST_SITES, len(self.sites)), 0, 0
        while stall < STALL and objective > target and len(self.sites) > FEWEST_SITES:
            if left_s() <= 0 or self.engine.stop.is_set():
                return Found(values, objective, rounds, cut_short=True)
            rounds += 1
            kind = self.draw.choices(list(self.weights), list(self.weights.values()))[0]
            free = set(self.kinds[kind](self._open(values))[:size])
            outcome = self._solve(values, free, left_s())
            gained = (
                outcome.values is not None
                and outcome.objective < objective - SMALLEST_GAIN * max(1.0, abs(objective))
            )
            self.weights[kind] = DECAY * self.weights[kind] + (REWARD if gained else 0.1)
            if gained and outcome.values is not None and not self.problem.separate(outcome.values):
                values, objective, stall = outcome.values, outcome.objective, 0
                found(values)
            else:
                stall += 1
            if outcome.status == "optimal" and not gained:
                size = min(len(self.sites), size + 2)
            elif outcome.status != "optimal":
                size = max(FEWEST_SITES, size - 2)
        return Found(values, objective, rounds, cut_short=False)

    def _solve(self, values: FloatArray, free: set[str], left_s: float) -> Outcome:
        arrays, engine = self.arrays, self.engine
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        fixed = np.ones(len(arrays.columns), dtype=bool)
        fixed[[column for site in sorted(free) for column in self.columns_at[site]]] = False
        kept = self.located[fixed[self.located]]
        lower[kept] = upper[kept] = np.round(values[kept])
        engine.bound(self.located, lower[self.located], upper[self.located])
        outcome = engine.solve(time_limit_s=left_s, gap=1e-4, start=values, max_nodes=NODES)
        located = self.located
        engine.bound(located, arrays.lower[located], arrays.upper[located])
        return outcome

    # Neighbourhoods: lists of sites, best first -------------------------------------------------

    def _open(self, values: FloatArray) -> set[str]:
        return {
            site for site, columns in self.columns_at.items() if np.any(values[list(columns)] > 0.5)
        }

    def _near(self, opened: set[str]) -> list[str]:
        """Return the sites by distance from one that is open, or any where none is placed."""
        placed = [site for site in self.sites if self.network.sites[site].latitude is not None]
        centres = [site for site in placed if site in opened] or placed
        if not centres:
            return self._mixed(opened)
        centre = self.network.sites[self.draw.choice(centres)]
        return sorted(placed, key=lambda site: (_km(centre, self.network.sites[site]), site))

    def _dependency(self, opened: set[str]) -> list[str]:
        """Return the sites that hang on one dependency, in random order, then others."""
        centre = self.draw.choice(sorted(opened) or self.sites)
        items = sorted(self._hangs_on(centre))
        if not items:
            return self._mixed(opened)
        item = self.draw.choice(items)
        together = [site for site in self.sites if item in self._hangs_on(site)]
        others = [site for site in self.sites if item not in self._hangs_on(site)]
        self.draw.shuffle(together)
        self.draw.shuffle(others)
        half = max(1, len(together) // 2)
        return [*together[: max(half, FEWEST_SITES)], *others]

    def _hangs_on(self, site: str) -> frozenset[Item]:
        return self.network.graph.hangs_on(Item("site", site))

    def _mixed(self, opened: set[str]) -> list[str]:
        """Return open and closed sites in turn, each in random order."""
        ins = [site for site in self.sites if site in opened]
        outs = [site for site in self.sites if site not in opened]
        self.draw.shuffle(ins)
        self.draw.shuffle(outs)
        return list(_alternate(ins, outs))

    def _role(self, opened: set[str]) -> list[str]:
        """Return sites that offer one role, open ones first."""
        role = self.draw.choice(ROLES)
        offering = {offer.site for offer in self.network.offers_of(role)} & set(self.sites)
        found = sorted(offering)
        self.draw.shuffle(found)
        return sorted(found, key=lambda site: site not in opened) or self._mixed(opened)


def _columns_by_site(arrays: Arrays) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for column in np.flatnonzero(arrays.integer).tolist():
        variable = arrays.columns[column]
        position = SITE_POSITION.get(variable.parent_component().local_name)
        if position is None:
            continue
        index = variable.index()
        found[index[position] if isinstance(index, tuple) else index].append(column)
    return dict(found)


def _km(origin: Site, target: Site) -> float:
    if None in (origin.latitude, origin.longitude, target.latitude, target.longitude):
        return float("inf")
    return distance_km(
        origin.latitude or 0.0,
        origin.longitude or 0.0,
        target.latitude or 0.0,
        target.longitude or 0.0,
    )


def _alternate(first: list[str], second: list[str]) -> Iterator[str]:
    for position in range(max(len(first), len(second))):
        yield from first[position : position + 1]
        yield from second[position : position + 1]
