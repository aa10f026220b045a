"""Rows that say early how many replicas and nodes must be left, after each protected failure.

For a failure h, a model and a period the start rows of `survival` say, of what is not in h,

    Σ each · (warm[o,m], cold_slots[o], nodes[o]) ≥ need[h]

where all that stands is a whole number, so that rounding makes a row of it that the relaxation
breaks: (1) Σ whole[o,m] · … ≥ least[m]. Replicas of all models stand on nodes. With any weight per
model, and as parts of a node add up to 1 at most, (1) of all of them says of nodes

    Σ_o worth[k] · nodes[o] ≥ Σ_m weight[m] · least[m]

where worth[k] is the most that weight · whole can be for what fills a node of type k; weight[m] is
the part that m takes of a node of one type. That is rounded again.
(Nemhauser and Wolsey, 1990, on mixed-integer rounding.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from models.covers import rounding
from models.data import OfferKey
from models.expressions import Cut, Point
from models.failover import Failure, protected_failures
from models.network import Network
from models.paths import FloatArray
from models.recourse import Recourse, Resource, variable_of
from models.stands import BoolArray

Key = tuple[str, str]
"""A period and a model, or all verification."""
Able = Mapping[Key, Mapping[Resource, float]]
"""What each of a resource can do, by what it is needed for."""
VERIFYING = "*verification"
BROKEN = 1e-4
"""How far, relatively, a point must be off for a row to be worth its while."""


def abilities(recourse: Recourse) -> dict[Key, dict[Resource, float]]:
    """Return what each of a resource can do in requests/s as stretched, or in verifications/s."""
    reach, network = recourse.reach, recourse.network
    found: dict[Key, dict[Resource, float]] = defaultdict(lambda: defaultdict(float))
    for load, (_, number) in enumerate(reach.classes.loads):
        job = reach.classes.jobs[number]
        if not job.idle:
            capacity = recourse.capacity_of[load]
            most = recourse.each[capacity] * _stretch(network, job.policy) / recourse.effort[load]
            of_job = found[job.period, job.model]
            what = recourse.resource[capacity]
            of_job[what] = max(of_job[what], float(most))
    for stream in reach.streams:
        for offer in stream.verifiers:
            each = network.node_types[offer.node_type].verifications_per_s or 0.0
            found[stream.period, VERIFYING]["nodes", offer] = network.settings.utilisation * each
    return {key: dict(each) for key, each in found.items()}


def needs(network: Network, failure: Failure) -> dict[Key, float]:
    """Return what must be served after a failure, counted as what there is for it."""
    found: dict[Key, float] = defaultdict(float)
    for demand in network.demand:
        if demand.key not in failure.lost:
            rate = demand.min_served * demand.requests_per_s
            found[demand.period, demand.model] += rate * _stretch(network, demand.verification)
            policy = network.policies.get(demand.verification)
            if policy is not None:
                found[demand.period, VERIFYING] += rate * policy.verifiers * policy.work
    return found


def _stretch(network: Network, name: str) -> float:
    policy = network.policies.get(name)
    return 1.0 + (policy.overhead if policy is not None else 0.0)


class _Asked(NamedTuple):
    """What can do something for one key: variables, their offers, and what each does.

    `is_held` says that they are replicas and slots, and `sizes` what part of a node each takes.
    """

    variables: tuple[Any, ...]
    offers: tuple[OfferKey, ...]
    each: FloatArray
    sizes: FloatArray
    is_slot: BoolArray
    is_held: bool


class _Known(NamedTuple):
    """What there is by period and name, and of every failure what it takes and what is needed."""

    asked: dict[Key, _Asked]
    failures: tuple[tuple[frozenset[OfferKey], dict[Key, float]], ...]


def separate(block: Any, network: Network, point: Point) -> Iterator[Cut]:
    """Yield rows that the point breaks; none where the rule `survival` is left out."""
    own = block.rules.component("survival")
    if own is None or not own.able:
        return
    if not hasattr(block, "headroom"):
        block.headroom = _known(block, network, own.able)
    known: _Known = block.headroom
    there = {
        key: np.array([point(variable) for variable in asked.variables])
        for key, asked in known.asked.items()
    }
    for gone, need in known.failures:
        for key, asked in known.asked.items():
            if need.get(key):
                left = _left(asked, gone)
                cut = _broken(asked.variables, left, asked.each, need[key], there[key])
                if cut is not None:
                    yield cut
        for period in sorted({period for period, _ in known.asked}):
            yield from _nodes(block, known, gone, need, period, point)


def _known(block: Any, network: Network, able_: Able) -> _Known:
    asked = {}
    for key, each in sorted(able_.items()):
        found = [(what, variable_of(block, what)) for what in sorted(each)]
        found = [(what, variable) for what, variable in found if variable is not None]
        if not found:
            continue
        names = [what for what, _ in found]
        offers = tuple(OfferKey(*name[:2]) for _, name in names)
        asked[key] = _Asked(
            variables=tuple(variable for _, variable in found),
            offers=offers,
            each=np.array([each[what] for what in names]),
            sizes=np.array([_size(block, what) for what in names]),
            is_slot=np.array([family == "cold_slots" for family, _ in names], dtype=bool),
            is_held=all(family != "nodes" for family, _ in names),
        )
    least: dict[frozenset[OfferKey], dict[Key, float]] = defaultdict(dict)
    used = {offer for found in asked.values() for offer in found.offers}
    for failure in protected_failures(network):
        own = least[failure.gone & used]
        for key, need in needs(network, failure).items():
            own[key] = max(own.get(key, 0.0), need)
    return _Known(asked, tuple(least.items()))


def _size(block: Any, what: Resource) -> float:
    """Return the part of a node that one of a resource takes."""
    family, name = what
    if family == "nodes":
        return 1.0
    offer = OfferKey(*name[:2])
    variable = variable_of(block, what)
    size = next(size for size, held in block.held[offer] if held is variable)
    return float(block.packings[offer].part(size, 0))


def _left(asked: _Asked, gone: frozenset[OfferKey]) -> BoolArray:
    return np.array([offer not in gone for offer in asked.offers], dtype=bool)


def _broken(
    variables: tuple[Any, ...], left: BoolArray, each: FloatArray, need: float, there: FloatArray
) -> Cut | None:
    """Return the rounding of Σ each · there ≥ need, over what is left, that is broken most."""
    best, worst = None, BROKEN
    units = np.unique(np.round(each[left], 9))
    for unit in units[units > 0]:
        rounded = rounding(each / unit, need / unit)
        if rounded is None:
            continue
        whole, _, least = rounded
        whole = np.where(left, whole, 0.0)
        lacking = (least - float(whole @ there)) / least
        if lacking > worst:
            worst, best = lacking, (whole, least)
    if best is None:
        return None
    terms = [(float(best[0][at]), variables[at]) for at in np.flatnonzero(best[0]).tolist()]
    return Cut(tuple(terms), lower=best[1])


def _nodes(
    block: Any,
    known: _Known,
    gone: frozenset[OfferKey],
    need: Mapping[Key, float],
    period: str,
    point: Point,
) -> Iterator[Cut]:
    """Yield the row of nodes that the point breaks most, weighed as on one type or another."""
    asked = [
        (found, need[key])
        for key, found in known.asked.items()
        if key[0] == period and need.get(key) and found.is_held
    ]
    offers = sorted({offer for found, _ in asked for offer in found.offers} - gone)
    variables = tuple(block.nodes[offer] for offer in offers)
    there = np.array([point(variable) for variable in variables])
    best, worst = None, 0.0
    for node_type in sorted({offer.node_type for offer in offers}):
        worth, least = _weighed(asked, offers, node_type)
        cut = _broken(variables, np.ones(len(offers), dtype=bool), worth, least, there)
        if cut is not None and cut.lower:
            lacking = 1 - sum(each * point(variable) for each, variable in cut.terms) / cut.lower
            if lacking > worst:
                worst, best = lacking, cut
    if best is not None:
        yield best


def _weighed(
    asked: list[tuple[_Asked, float]], offers: list[OfferKey], node_type: str
) -> tuple[FloatArray, float]:
    """Return what nodes are worth at most and what they must amount to, weighed as on a type."""
    at = {offer: position for position, offer in enumerate(offers)}
    filled, cold, least = np.zeros(len(offers)), np.zeros(len(offers)), 0.0
    for found, need in asked:
        of_type = [offer.node_type == node_type for offer in found.offers]
        one = np.flatnonzero(np.array(of_type) & ~found.is_slot)
        if not len(one):
            continue
        weight, unit = found.sizes[one[0]], found.each[one[0]]
        if unit <= 0:
            continue
        rounded = rounding(found.each / unit, need / unit)
        whole, _, asks = rounded if rounded else (found.each / unit, 1.0, need / unit)
        least += float(weight * asks)
        worth = weight * whole / found.sizes
        left = np.array([at.get(offer, -1) for offer in found.offers])
        warm = (left >= 0) & ~found.is_slot
        np.maximum.at(filled, left[warm], worth[warm])
        slots = (left >= 0) & found.is_slot
        np.add.at(cold, left[slots], worth[slots])  # a slot may serve all models in turn
    return np.maximum(filled, cold), least
