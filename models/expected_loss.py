"""What outages cost on average: how likely each set of causes is, and what is lost with it.

Causes fail independently, each down for the share of time that its figures say. Over a long time
the share is frequency times mean duration, whatever their distributions (renewal-reward):

    p[g] = outages_per_year · outage_hours / 8760,   1 where outages fill the year
    E[loss] = Σ_S P(S) · loss(S),   P(S) = Π_{g∈S} p[g] · Π_{g∉S} (1 − p[g])

Sets are taken likeliest first. Those that are not taken lose something between nothing and all, so
the sum over the others and the probability that is left are a proven interval. Simulation draws
sets instead; its confidence interval is Wilson's, for losses between nothing and all.

    share      of the loss, in sets with g: Fussell and Vesely, Σ_{S∋g} P(S) · loss(S) / E[loss]
    saved      E[loss] − E[loss | g never fails], of risk reduction
                      Source: Ross, Stochastic Processes (1996), 3.6; Wilson, JASA 22 (1927);
                      Vesely et al., Measures of Risk Importance, NUREG/CR-3385 (1983)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

import numpy as np

from models.data import Item
from models.network import SHOCK, Network
from models.paths import FloatArray
from models.risks import lone_shocks, share_of_time

CONFIDENCE = 1.959964
"""Standard errors on either side of a mean: 95 of 100 simulations hold the truth."""
AT_ONCE = 10_000
"""How many sets are drawn at once."""

Chosen = tuple[int, ...]
"""Positions of the causes that are down, rising."""


class Cause(NamedTuple):
    """Something with outage figures: what fails with it, and the share of time that it is down."""

    name: str
    failed: tuple[Item, ...]
    chance: float


def causes(network: Network) -> tuple[Cause, ...]:
    """Return every dependency and shock that has outage figures and fails at all, by name."""
    lone = {shock.shock for shock in lone_shocks(network).values()}
    found = [
        Cause(str(item), (item,), share_of_time(network, item))
        for item in network.graph.dependencies
    ]
    found += [
        Cause(f"shock:{name}", tuple(sorted(items)), share_of_time(network, Item(SHOCK, name)))
        for name, items in sorted(network.shock_items.items())
        if name not in lone
    ]
    return tuple(cause for cause in found if cause.chance > 0)


def any_of(chances: Sequence[float]) -> float:
    """Return how likely at least one of several independent causes is down."""
    return 1.0 - float(np.prod([1.0 - chance for chance in chances]))


# Exactly ------------------------------------------------------------------------------------------


def likeliest(chances: Sequence[float]) -> Iterator[tuple[float, Chosen]]:
    """Yield every set that can be, with its probability, likeliest first.

    A set is told by its deviations from the likeliest one, those of best odds first. Deviating once
    more, or in the next place instead of the last, is never likelier, so a heap has them in order.
    """
    usual = frozenset(i for i, chance in enumerate(chances) if chance > 0.5)
    likely = [max(chance, 1.0 - chance) for chance in chances]
    odds = [(1.0 - most) / most for most in likely]
    order = sorted((i for i, odd in enumerate(odds) if odd > 0), key=lambda i: (-odds[i], i))
    heap: list[tuple[float, Chosen]] = [(-float(np.prod(likely)), ())]
    while heap:
        negative, places = heappop(heap)
        deviating = frozenset(order[place] for place in places)
        yield -negative, tuple(sorted(usual ^ deviating))
        nearest = places[-1] + 1 if places else 0
        if nearest < len(order):
            odd = odds[order[nearest]]
            heappush(heap, (negative * odd, (*places, nearest)))
            if places:
                instead = negative * odd / odds[order[places[-1]]]
                heappush(heap, (instead, (*places[:-1], nearest)))


def mean_loss(probability: FloatArray, losses: FloatArray) -> FloatArray:
    """Return the probable loss of every column, the same on any number of threads.

    A product of matrices would be shared out among them, and its last digits hang on how many.
    """
    found: FloatArray = (probability[:, None] * losses).sum(axis=0)
    return found


def importance(
    chances: Sequence[float],
    sets: Sequence[Chosen],
    probability: FloatArray,
    losses: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return, per cause and column of the losses, its share of the loss and what is saved.

    Saved is what the mean loss falls by if the cause never fails; 0 where it is always down, for
    then no set says what is lost without it.
    """
    weighed = probability[:, None] * losses
    total = weighed.sum(axis=0)
    cause = np.fromiter((n for chosen in sets for n in chosen), dtype=np.int64)
    of_set = np.repeat(np.arange(len(sets)), [len(chosen) for chosen in sets])
    through = np.zeros((len(chances), losses.shape[1]))
    for column, found in enumerate(weighed.T):
        through[:, column] = np.bincount(cause, found[of_set], minlength=len(chances))
    p = np.array(chances)[:, None]
    is_up = np.broadcast_to(p < 1, through.shape)
    without = np.divide(total - through, 1.0 - p, out=np.tile(total, (len(p), 1)), where=is_up)
    share = np.divide(through, total, out=np.zeros_like(through), where=total > 0)
    return share, total - without


# By chance ----------------------------------------------------------------------------------------


def drawn(chances: Sequence[float], count: int, seed: Sequence[int]) -> dict[Chosen, int]:
    """Return so many sets drawn at random, each with how often it came, in a fixed order."""
    random, p = np.random.default_rng(list(seed)), np.array(chances)
    found: dict[Chosen, int] = defaultdict(int)
    for start in range(0, count, AT_ONCE):
        is_down = random.random((min(AT_ONCE, count - start), len(p))) < p
        rows, columns = np.nonzero(is_down)
        ends = np.searchsorted(rows, np.arange(len(is_down) + 1)).tolist()
        for begin, end in pairwise(ends):
            found[tuple(columns[begin:end].tolist()) if begin < end else ()] += 1
    return dict(sorted(found.items()))


class Estimate(NamedTuple):
    """A mean of draws and its confidence interval."""

    mean: float
    low: float
    high: float


def estimate(losses: FloatArray, times: FloatArray) -> Estimate:
    """Return the mean of losses in 0..1 that came so many times each, with its interval.

    Wilson's interval takes the variance at every mean that it tries, so it is not empty where no
    draw lost anything: there a loss is taken to be of all. For losses of nothing or all it is his.
    """
    count = float(times.sum())
    mean = float((losses * times).sum()) / count
    size = float((losses**2 * times).sum()) / count / mean if mean > 0 else 1.0
    z2 = CONFIDENCE**2 / count
    middle = (mean + z2 * size / 2) / (1 + z2)
    half = sqrt(max(0.0, z2 * mean * (size - mean)) + (z2 * size / 2) ** 2) / (1 + z2)
    return Estimate(mean, max(0.0, middle - half), min(1.0, middle + half))
