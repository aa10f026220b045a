"""Where the columns of a model stand: which belong to a site, and which sites are near it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.decisions import DECISIONS
from models.distances import site_matrix_ms
from planner.solver.arrays import BoolArray, FloatArray, IntArray
from planner.solver.problem import Problem

NOWHERE = -1
SITE_POSITION = {
    **{decision.name: decision.site for decision in DECISIONS},
    # What rules add to tell at which sites something stands.
    "at": 1,
    "site_used": 1,
}
"""Where the site stands in the index of each family of whole-number variables."""


class Geography:
    """The site of every column, as a position in `sites`, or NOWHERE.

    `placed` are whole numbers of a site, `executing` those with which it executes, `routed` the
    flows and loads it answers; `travel_ms` are round trips between sites, ∞ where unknown.
    """

    def __init__(self, problem: Problem) -> None:
        block, arrays = problem.block, problem.arrays
        self.sites = sorted(problem.network.sites)
        number = {site: position for position, site in enumerate(self.sites)}
        self.at: IntArray = np.full(len(arrays), NOWHERE, dtype=np.int64)
        for column in np.flatnonzero(arrays.integer).tolist():
            variable = arrays.columns[column]
            position = SITE_POSITION.get(variable.parent_component().local_name)
            if position is not None:
                index = variable.index()
                self.at[column] = number[index[position] if isinstance(index, tuple) else index]
        self.placed: BoolArray = self.at != NOWHERE
        self.executing: BoolArray = np.zeros(len(arrays), dtype=bool)
        self.executing[problem.executing] = True
        sites = {offer.site for offer in problem.network.offers_of("execution")}
        self.executing[problem.columns(block.open[site] for site in sites)] = True
        self.routed: BoolArray = np.zeros(len(arrays), dtype=bool)
        classes, column_of = block.classes, arrays.column_of
        named = classes.ways.stands.sites
        routed = [
            *(
                (flow, named[classes.places[classes.place[f]].site])
                for f, flow in block.flow.items()
            ),
            *((load, site) for (site, _, _), load in block.load.items()),
        ]
        for variable, site in routed:
            column = column_of[id(variable)]
            self.routed[column], self.at[column] = True, number[site]
        self.travel_ms: FloatArray = site_matrix_ms(problem.network, self.sites, self.sites)
        self.travel_ms[np.isnan(self.travel_ms)] = np.inf

    def within(self, sites: Iterable[int]) -> BoolArray:
        """Return which columns stand at one of the sites."""
        wanted = np.zeros(len(self.sites) + 1, dtype=bool)  # the last is NOWHERE
        wanted[list(sites)] = True
        found: BoolArray = wanted[self.at]
        return found

    def holding(self, values: FloatArray, among: BoolArray, more_than: float) -> IntArray:
        """Return the sites where one of these columns is more than that."""
        return np.unique(self.at[among & (values > more_than)])

    def by_nearness(self, centres: Iterable[int]) -> IntArray:
        """Return all sites by the round trip to the nearest of the centres."""
        return np.argsort(self.travel_ms[list(centres)].min(axis=0), kind="stable")
