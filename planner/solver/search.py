"""Large neighbourhood search: free the sites of a neighbourhood, fix the others, let HiGHS solve.

Neighbourhoods are sites near each other, sites that hang on one dependency, some open with some
closed ones, the sites of one role, and those where a point that is no plan has something else.
Those that help are drawn more often, and the number of sites follows how hard they turn out. Each
is taken out of the model and solved by itself; in a large model only what is routed to its sites
and those around may move, in others everything. All limits are work, not time, so a search that is
not cut short is reproducible; the clock only ever ends it, and then it says so.
(Ropke and Pisinger, 2006, adaptive large neighbourhood search; Danna et al., 2005, on MIPs.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.data import ROLES, Item
from planner.solver.arrays import FloatArray
from planner.solver.geography import Geography
from planner.solver.highs import Outcome
from planner.solver.log import LOG
from planner.solver.part import Part
from planner.solver.problem import Problem

FEWEST_SITES, FIRST_SITES = 4, 10
NODES = 2, 20, 200
"""Branch-and-bound nodes for one neighbourhood: many quick looks gain more than a few long ones,
and long ones still gain something where quick ones no longer do."""
STALL = 24
"""Neighbourhoods without improvement after which looks are longer, and then the search gives up."""
DECAY, REWARD = 0.5, 2.0
"""How fast the weight of a kind of neighbourhood forgets, and what an improvement adds."""
SMALLEST_GAIN = 1e-6
"""Relative gain that counts as an improvement."""
DIFFERENT = 0.5
"""How far whole numbers are from those of a guide where it would have something else."""
MOST_ROUTED, NEIGHBOURS = 30_000, 12
"""Flows and loads that may all move at once; of more, those at the sites and at some around."""


@dataclass(frozen=True)
class Found:
    """The best point of a search, its objective, and whether the clock cut the search short."""

    values: FloatArray
    objective: float
    rounds: int
    cut_short: bool


class NeighbourhoodSearch:
    """A search over one model; sites are positions in its geography."""

    def __init__(self, problem: Problem, geography: Geography, seed: int) -> None:
        self.problem, self.network, self.geography = problem, problem.network, geography
        self.draw = random.Random(seed)
        self.sites = self._offering({offer.site for offer in self.network.offers})
        of_role = [{offer.site for offer in self.network.offers_of(role)} for role in ROLES]
        self.of_role = [self._offering(sites) for sites in of_role if sites]
        self.guide: FloatArray | None = None
        """A point that is no plan and better than any, as far as one is known."""
        self.kinds: dict[str, Callable[[FloatArray], list[int]]] = {
            "near": self._near,
            "dependency": self._dependency,
            "mixed": self._mixed,
            "role": self._role,
            "guided": self._guided,
        }
        self.weights = dict.fromkeys(self.kinds, 1.0)

    def improve(
        self,
        values: FloatArray,
        costs: FloatArray,
        constant: float,
        is_over: Callable[[], bool],
        left_s: Callable[[], float],
        found: Callable[[FloatArray], None],
    ) -> Found:
        """Return the best legal point from `values` on; all that are better are told to `found`."""
        objective = float(costs @ values) + constant
        size, stall, rounds, looks = min(FIRST_SITES, len(self.sites)), 0, 0, list(NODES)
        while len(self.sites) > FEWEST_SITES and not is_over():
            if stall >= STALL:
                stall, looks = 0, looks[1:]
            if not looks:
                break
            if left_s() <= 0 or self.problem.engine.stop.is_set():
                return Found(values, objective, rounds, cut_short=True)
            rounds += 1
            kind = self.draw.choices(list(self.weights), list(self.weights.values()))[0]
            free = self.kinds[kind](values)[:size]
            outcome = self._solve(values, free, costs, constant, left_s(), looks[0])
            gained = (
                outcome.values is not None
                and outcome.objective < objective - SMALLEST_GAIN * max(1.0, abs(objective))
            )
            told = rounds, kind, len(free), outcome.status, outcome.objective
            LOG.info("neighbourhood %d, %s, of %d sites: %s, %.10g", *told)
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

    def _solve(
        self,
        values: FloatArray,
        sites: list[int],
        costs: FloatArray,
        constant: float,
        left_s: float,
        nodes: int,
    ) -> Outcome:
        geography, integer = self.geography, self.problem.arrays.integer
        here = geography.within(sites)
        free = ~geography.placed | here
        if geography.routed.sum() > MOST_ROUTED:
            opened = self._open(values)
            around = [site for site in geography.by_nearness(sites).tolist() if site in opened]
            near = here | geography.within([*sites, *around[: len(sites) + NEIGHBOURS]])
            free &= ~geography.routed | near
        kept = np.where(geography.placed, np.round(values), values)
        part = Part(self.problem, costs, constant, kept, free, whole=free & integer)
        return part.solve(start=kept, time_limit_s=left_s, gap=1e-4, max_nodes=nodes)

    # Neighbourhoods: lists of sites, best first -------------------------------------------------

    def _offering(self, sites: set[str]) -> list[int]:
        return [number for number, site in enumerate(self.geography.sites) if site in sites]

    def _open(self, values: FloatArray) -> set[int]:
        return set(self.geography.holding(values, self.geography.placed, 0.5).tolist())

    def _near(self, values: FloatArray) -> list[int]:
        """Return the sites that execute, if any do, by nearness to one that is open.

        Where nobody knows what is near, open and closed sites in random order.
        """
        among, opened = set(self.of_role[0]), self._open(values)
        centre = self.draw.choice(sorted(among & opened) or sorted(among))
        if np.isfinite(self.geography.travel_ms[centre, sorted(among - {centre})]).any():
            near = self.geography.by_nearness([centre]).tolist()
            return [site for site in near if site in among]
        return self._mixed(values)

    def _dependency(self, values: FloatArray) -> list[int]:
        """Return the sites that hang on one dependency, in random order, then others."""
        centre = self.draw.choice(sorted(self._open(values)) or self.sites)
        items = sorted(self._hangs_on(centre))
        if not items:
            return self._mixed(values)
        item = self.draw.choice(items)
        together = [site for site in self.sites if item in self._hangs_on(site)]
        others = [site for site in self.sites if item not in self._hangs_on(site)]
        self.draw.shuffle(together)
        self.draw.shuffle(others)
        half = max(1, len(together) // 2)
        return [*together[: max(half, FEWEST_SITES)], *others]

    def _hangs_on(self, site: int) -> frozenset[Item]:
        return self.network.graph.hangs_on(Item("site", self.geography.sites[site]))

    def _mixed(self, values: FloatArray) -> list[int]:
        """Return open and closed sites in turn, each in random order."""
        opened = self._open(values)
        ins = [site for site in self.sites if site in opened]
        outs = [site for site in self.sites if site not in opened]
        self.draw.shuffle(ins)
        self.draw.shuffle(outs)
        return list(_alternate(ins, outs))

    def _role(self, values: FloatArray) -> list[int]:
        """Return sites that offer one role, open ones first."""
        opened, found = self._open(values), list(self.draw.choice(self.of_role))
        self.draw.shuffle(found)
        return sorted(found, key=lambda site: site not in opened)

    def _guided(self, values: FloatArray) -> list[int]:
        """Return the sites where the guide has other whole numbers, in random order, then others.

        (Danna et al., 2005, who guide by the relaxation.)
        """
        if self.guide is None:
            return self._mixed(values)
        differs = self.geography.placed & (np.abs(self.guide - values) > DIFFERENT)
        differing = set(self.geography.at[differs].tolist())
        others = self._mixed(values)
        first = [site for site in others if site in differing]
        self.draw.shuffle(first)
        return [*first, *(site for site in others if site not in differing)]


def _alternate(first: Sequence[int], second: Sequence[int]) -> Iterator[int]:
    for position in range(max(len(first), len(second))):
        yield from first[position : position + 1]
        yield from second[position : position + 1]
