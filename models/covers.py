"""Rows that say early how many replicas and nodes a set of offers needs at least.

A is a set of offers, P the demand classes of one model and period that are served warm only inside
it, s_c the share of a class that is not served warm. Demand and throughput together say

    Σ_{o in A} cap[o]·warm[o,m] + Σ_{c in P} effort[c]·s_c ≥ Σ_{c in P} effort[c]

and, as replicas are whole numbers, mixed-integer rounding makes a row of it that the relaxation
breaks. Over all models the same holds for nodes: Σ_{o in A} nodes[o] ≥ Σ_m size[m]·replicas[m],
with sizes as parts of a node that add up to 1 at most on every node.
Every row holds for every plan, also where demand is served cold or not at all.
(Nemhauser and Wolsey, 1990, on mixed-integer rounding.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.classes import Classes, Job
from models.data import OfferKey
from models.expressions import Cut, Point, Term
from models.network import Network
from models.paths import FloatArray
from models.stands import BoolArray

SMALLEST_FRACTION = 0.01
"""Rows whose right side is nearer to a whole number from above gain nothing but big numbers."""
BROKEN = 1e-4
"""How far, relatively, a point must be off for a row to be worth its while."""
MOST_SETS = 400
"""Sets of offers that are tried for one model and period."""


@dataclass(frozen=True)
class _Asked:
    """What one model is asked for in one period, by class with at least one warm place.

    `sizes` are parts of a node, in every way that they can be counted; `missed` are the variables
    whose sum is the share of a class that is not served warm.
    """

    period: str
    offers: tuple[OfferKey, ...]
    warm: tuple[Any, ...]
    caps: FloatArray
    sizes: FloatArray
    effort: FloatArray
    reach: BoolArray
    missed: tuple[tuple[Any, ...], ...]


def separate(block: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows that the point breaks: for replicas, and for the nodes that hold them."""
    if not hasattr(block, "asked"):
        block.asked = tuple(_asked(block, network))
    for asked in block.asked:
        warm = np.array([point(variable) for variable in asked.warm])
        missed = _missed(asked, point)
        sets = _sets(asked.reach)
        inside = _inside(asked.reach, sets)
        for number, offers in enumerate(sets):
            cut = _replicas(asked, offers, inside[:, number], warm, missed)
            if cut is not None:
                yield cut
    for period in sorted({asked.period for asked in block.asked}):
        for way in range(_ways(block)):
            yield from _nodes(block, [a for a in block.asked if a.period == period], way, point)


def _missed(asked: _Asked, point: Point) -> FloatArray:
    return np.array([sum(point(variable) for variable in found) for found in asked.missed])


def _sets(reach: BoolArray) -> BoolArray:
    """Return the different sets that classes reach, and that of all together."""
    sets: BoolArray = np.unique(np.vstack([reach.any(axis=0), reach]), axis=0)
    return sets[np.argsort(-sets.sum(axis=1), kind="stable")][:MOST_SETS]


def _inside(reach: BoolArray, sets: BoolArray) -> BoolArray:
    """Return, per class and set, whether the class reaches nothing outside the set."""
    inside: BoolArray = reach.astype(np.float32) @ (~sets).T.astype(np.float32) == 0
    return inside


def _nodes(block: Any, asked: list[_Asked], way: int, point: Point) -> Iterator[Cut]:
    """Yield the rows of sets of sites over all models of a period, counted in the best of nodes.

    A node of type k does at most worth[k] = max_m (cap/size of m on k) / (that on the best type) of
    what a node of the best type does, whatever is loaded on it. Models of which the way of counting
    makes nothing are left out.
    """
    asked = [a for a in asked if a.sizes[way].all()]
    if not asked:
        return
    sites = sorted({offer.site for a in asked for offer in a.offers})
    rates = [a.caps / a.sizes[way] for a in asked]
    best = [float(rate.max()) for rate in rates]
    worth: dict[str, float] = defaultdict(float)
    for a, rate, most in zip(asked, rates, best, strict=True):
        for offer, each in zip(a.offers, (rate / most).tolist(), strict=True):
            worth[offer.node_type] = max(worth[offer.node_type], each)
    offers = sorted({offer for a in asked for offer in a.offers})
    nodes = [block.nodes[offer] for offer in offers]
    at = np.array([sites.index(offer.site) for offer in offers])
    value = np.array([worth[offer.node_type] for offer in offers])
    standing = np.array([point(variable) for variable in nodes])
    reach = np.vstack([_by_site(a, sites) for a in asked])
    need = np.concatenate([a.effort / most for a, most in zip(asked, best, strict=True)])
    lost = np.concatenate([_missed(a, point) for a in asked])
    slacks = [variables for a in asked for variables in a.missed]
    sets = _sets(reach)
    inside = _inside(reach, sets)
    for number, chosen in enumerate(sets):
        within = inside[:, number]
        found = _broken(value, need, chosen[at], within, standing, lost)
        if found is not None:
            yield _cut(found, nodes, slacks)


def _by_site(asked: _Asked, sites: list[str]) -> BoolArray:
    found = np.zeros((len(asked.reach), len(sites)), dtype=bool)
    for column, offer in enumerate(asked.offers):
        found[:, sites.index(offer.site)] |= asked.reach[:, column]
    return found


def _replicas(
    asked: _Asked, offers: BoolArray, inside: BoolArray, warm: FloatArray, missed: FloatArray
) -> Cut | None:
    """Return the row of replicas of a set of offers that the point breaks most, or None."""
    found = _broken(asked.caps, asked.effort, offers, inside, warm, missed)
    return None if found is None else _cut(found, asked.warm, asked.missed)


_Row = tuple[FloatArray, FloatArray, float]
"""Coefficients of what is placed and of what is missed, and the least that they add up to."""


def _broken(
    power: FloatArray,
    need: FloatArray,
    chosen: BoolArray,
    inside: BoolArray,
    placed: FloatArray,
    missed: FloatArray,
) -> _Row | None:
    """Return the rounding of Σ power·placed + Σ need·missed ≥ Σ need that is broken most."""
    needed = float(need[inside].sum())
    best, worst = None, BROKEN
    for unit in np.unique(power[chosen]):
        rounded = rounding(power / unit, needed / unit)
        if rounded is None:
            continue
        whole, per_slack, at_least = rounded
        each = np.where(chosen, whole, 0.0)
        slack = np.where(inside, need / unit, 0.0) * per_slack
        lacking = (at_least - float(each @ placed) - float(slack @ missed)) / at_least
        if lacking > worst:
            worst, best = lacking, (each, slack, at_least)
    return best


def _cut(found: _Row, placed: Sequence[Any], missed: Sequence[tuple[Any, ...]]) -> Cut:
    each, slack, at_least = found
    terms: list[Term] = [(float(each[i]), placed[i]) for i in np.flatnonzero(each).tolist()]
    for i in np.flatnonzero(slack).tolist():
        terms.extend((float(slack[i]), variable) for variable in missed[i])
    return Cut(tuple(terms), lower=at_least)


def rounding(coefficients: FloatArray, right: float) -> tuple[FloatArray, float, float] | None:
    """Return the mixed-integer rounding of Σ a·x + s ≥ b, with x whole and ≥ 0, and s ≥ 0.

    The three parts are those of Σ whole·x + per_slack·s ≥ at_least; None where b is (nearly) whole.
    """
    fraction = right - np.floor(right)
    if fraction < SMALLEST_FRACTION or fraction > 1 - 1e-6:
        return None
    floor = np.floor(coefficients)
    whole = floor + np.minimum(1.0, (coefficients - floor) / fraction)
    return whole, float(1 / fraction), float(np.ceil(right))


def _asked(block: Any, network: Network) -> Iterator[_Asked]:
    classes = block.classes
    cold = np.array([classes.jobs[place.job].is_cold for place in classes.places], dtype=bool)
    missed: dict[int, list[Any]] = defaultdict(list)
    held = np.array(list(block.flow), dtype=np.int64)
    for position in held[cold[classes.place[held]]].tolist():
        missed[int(classes.of[position])].append(block.flow[position])
    reach = _reach(classes, cold)
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    numbers, first = np.unique(classes.of, return_index=True)
    of: dict[int, Job] = {}
    for number, at in zip(numbers.tolist(), classes.place[first].tolist(), strict=True):
        job = of[number] = classes.jobs[classes.places[at].job]
        model = network.models.get(job.model)
        if not job.idle and model is not None and not model.proxied and reach[number].any():
            grouped[job.model, job.period].append(number)
    for (name, period), found in sorted(grouped.items()):
        inside = np.flatnonzero(reach[found].any(axis=0)).tolist()
        offers = tuple(classes.offers[offer] for offer in inside)
        each = network.settings.utilisation * (network.models[name].requests_per_s or 0.0)
        if not each:
            continue
        yield _Asked(
            period=period,
            offers=offers,
            warm=tuple(block.warm[*offer, name] for offer in offers),
            caps=np.array([each * network.node_types[o.node_type].speed for o in offers]),
            sizes=np.array(
                [
                    [block.packings[offer].part(block.sizes[offer, name], way) for offer in offers]
                    for way in range(_ways(block))
                ]
            ),
            effort=np.array([_effort(network, of[n], classes.classes[n].rate) for n in found]),
            reach=reach[found][:, inside],
            missed=tuple((block.unserved[n], *missed[n]) for n in found),
        )


def _ways(block: Any) -> int:
    """Return in how many ways the parts of a node that replicas take can be counted."""
    return max((len(packing.measures) for packing in block.packings.values()), default=0)


def _reach(classes: Classes, cold: BoolArray) -> BoolArray:
    """Return, per class and offer, whether the one can be served warm by the other."""
    reach = np.zeros((len(classes.classes), len(classes.offers)), dtype=bool)
    warm = np.flatnonzero(~cold[classes.place])
    warm = warm[np.argsort(classes.place[warm], kind="stable")]
    places, begins = np.unique(classes.place[warm], return_index=True)
    for place, flows in zip(places.tolist(), np.split(warm, begins)[1:], strict=True):
        for offer in classes.places[place].offers:
            reach[classes.of[flows], offer] = True
    return reach


def _effort(network: Network, job: Job, rate: float) -> float:
    policy = network.policies.get(job.policy)
    return rate * (1.0 + (policy.overhead if policy is not None else 0.0))
