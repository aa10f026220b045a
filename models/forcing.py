"""Rows that say early that who is served somewhere needs something whole there.

    Σ flow[f] ≤ Σ warm[o,m],  ≤ Σ cold_slots[o]     over the warm, or the cold flows f of c at s
    Σ flow[f] ≤ Σ nodes[o],   ≤ open[s]             over all flows f of c at s

for every demand class c, site s, and the offers o at which it can be served there: where nothing
whole stands nobody is served, and shares add up to 1 at most. The other rows let a small class do
with a small part of a replica, that with a small part of a node, and that with less of a site.
There are more such rows than flows, so only broken ones are added.
(Variable upper bounds of the strong formulation; Cornuéjols, Sridharan and Thizy, 1991.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from models.classes import Classes
from models.expressions import Cut, Point
from models.network import Network
from models.paths import IntArray
from models.stands import BoolArray

BROKEN = 1e-3
"""How far shares must be above what is there for a row to be worth its while."""
MOST = 5_000
"""Rows at a time, those that are broken most."""
REPLICAS, SLOTS, NODES, SITE = range(4)
"""What has to be there: replicas of the model, cold slots, nodes, the site."""


class _Groups(NamedTuple):
    """The flows of every class and site, one group after the other from `begins` on.

    `answered` says of every flow, in this order, whether replicas, slots or nodes answer it.
    """

    flows: IntArray
    begins: IntArray
    answered: IntArray


def by_nodes(network: Network, classes: Classes) -> BoolArray:
    """Return which flows are answered by nodes and not by replicas of a model."""
    found: BoolArray = _answered(network, classes)[classes.place] == NODES
    return found


def _answered(network: Network, classes: Classes) -> IntArray:
    """Return by what places are answered: replicas, slots or nodes."""

    def of(number: int) -> int:
        job = classes.jobs[number]
        model = network.models.get(job.model)
        if model is None or model.proxied:
            return NODES
        return SLOTS if job.is_cold else REPLICAS

    return np.array([of(place.job) for place in classes.places], dtype=np.int64)


def separate(block: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows that the point breaks, those that are broken most first."""
    if not len(block.flow):
        return
    if not hasattr(block, "forced"):
        block.forced = _groups(block, network)
    groups: _Groups = block.forced
    shares = np.array([point(block.flow[flow]) for flow in groups.flows.tolist()])
    broken: list[tuple[float, int, int]] = []
    for what in (REPLICAS, SLOTS, NODES, SITE):
        counted = np.where(_counts(groups.answered, what), shares, 0.0)
        totals = np.add.reduceat(counted, groups.begins)
        for group in np.flatnonzero(totals > BROKEN).tolist():
            there = sum(point(variable) for variable in _there(block, groups, group, what))
            if totals[group] - there > BROKEN:
                broken.append((float(totals[group]) - there, what, group))
    broken.sort(key=lambda entry: -entry[0])
    for _, what, group in broken[:MOST]:
        served = [(1.0, block.flow[flow]) for flow in _flows(groups, group, what)]
        needed = [(-1.0, variable) for variable in _there(block, groups, group, what)]
        yield Cut((*served, *needed), upper=0.0)


def _groups(block: Any, network: Network) -> _Groups:
    classes: Classes = block.classes
    flows = np.array(list(block.flow), dtype=np.int64)
    sites = np.array([place.site for place in classes.places], dtype=np.int64)
    own = np.column_stack([classes.of[flows], sites[classes.place[flows]]])
    order = np.lexsort((own[:, 1], own[:, 0]))
    own, flows = own[order], flows[order]
    begins = np.flatnonzero(np.append(True, (own[1:] != own[:-1]).any(axis=1)))
    return _Groups(flows, begins, _answered(network, classes)[classes.place[flows]])


def _counts(answered: IntArray, what: int) -> BoolArray:
    """Return which flows need this: all a node and the site."""
    found: BoolArray = (answered == what) | (what in (NODES, SITE))
    return found


def _flows(groups: _Groups, group: int, what: int) -> list[int]:
    ends = np.append(groups.begins, len(groups.flows))
    own = slice(ends[group], ends[group + 1])
    found: list[int] = groups.flows[own][_counts(groups.answered[own], what)].tolist()
    return found


def _there(block: Any, groups: _Groups, group: int, what: int) -> list[Any]:
    """Return the variables of what has to be there for the flows of a group."""
    classes: Classes = block.classes
    places = {classes.place[flow] for flow in _flows(groups, group, what)}
    at = [classes.places[number] for number in places]
    if what == SITE:
        return [block.open[classes.ways.stands.sites[at[0].site]]]
    offers = sorted({classes.offers[offer] for place in at for offer in place.offers})
    if what == REPLICAS:
        model = classes.jobs[at[0].job].model
        return [block.warm[*offer, model] for offer in offers]
    return [(block.cold_slots if what == SLOTS else block.nodes)[offer] for offer in offers]
