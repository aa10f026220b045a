"""Which offers may verify which: executors with the same eligible verifiers are one stream.

Merged further, all streams of one policy, residency and period are one, in which any of their
executors may use any of their verifiers. The rows of a stream are linear and without a constant, so
those of the merged one are their sum: it loosens the model, and its optimum is a bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.classes import Classes
from models.data import Item, OfferKey, Policy
from models.distances import site_matrix_ms
from models.network import Network
from models.ways import within_all


@dataclass(frozen=True)
class Stream:
    """Requests of one policy, residency and period executed at offers that share verifiers."""

    policy: str
    residency: str
    period: str
    executors: tuple[OfferKey, ...]
    verifiers: tuple[OfferKey, ...]

    @cached_property
    def key(self) -> tuple[str, str, str, str]:
        """Return a unique, readable index."""
        return (self.policy, self.residency, self.period, str(self.executors[0]))


def verification_streams(network: Network, classes: Classes) -> tuple[Stream, ...]:
    """Return every stream that loads can feed, sorted."""
    sets: dict[tuple[str, str], Mapping[OfferKey, int]] = {}
    number_of: dict[tuple[OfferKey, ...], int] = {}  # to look for a set takes as long as it is
    fed: dict[tuple[str, str, str, int], set[OfferKey]] = defaultdict(set)
    lying_in = {row.residency: (row.countries, row.blocs) for row in network.demand}
    for position, number in classes.loads:
        job, executor = classes.jobs[number], classes.offers[position]
        policy = network.policies.get(job.policy)
        if policy is None or policy.verifiers == 0:
            continue
        scope = (policy.policy, job.residency)
        if scope not in sets:
            found = _eligible(network, policy, classes.offers, *lying_in[job.residency])
            sets[scope] = {
                key: number_of.setdefault(eligible, len(number_of))
                for key, eligible in found.items()
            }
        fed[*scope, job.period, sets[scope][executor]].add(executor)
    verifiers = list(number_of)
    streams = [
        Stream(policy, residency, period, tuple(sorted(executors)), verifiers[number])
        for (policy, residency, period, number), executors in fed.items()
    ]
    return tuple(sorted(streams, key=lambda stream: stream.key))


def merged_streams(streams: tuple[Stream, ...]) -> tuple[Stream, ...]:
    """Return one stream per policy, residency and period; those nobody can verify stay apart."""
    merged: dict[tuple[str, str, str, bool], tuple[set[OfferKey], set[OfferKey]]] = {}
    for stream in streams:
        scope = (stream.policy, stream.residency, stream.period, bool(stream.verifiers))
        executors, verifiers = merged.setdefault(scope, (set(), set()))
        executors.update(stream.executors)
        verifiers.update(stream.verifiers)
    return tuple(
        Stream(*scope[:3], tuple(sorted(executors)), tuple(sorted(verifiers)))
        for scope, (executors, verifiers) in sorted(merged.items())
    )


def _eligible(
    network: Network,
    policy: Policy,
    executors: tuple[OfferKey, ...],
    countries: tuple[str, ...],
    blocs: tuple[str, ...],
) -> Mapping[OfferKey, tuple[OfferKey, ...]]:
    """Return the verifying offers that policy and residency allow, per executing offer."""
    verifiers = [
        offer
        for offer in network.offers_of("verification")
        if network.node_types[offer.node_type].verifications_per_s
        and network.sites[offer.site].lies_in(countries, blocs)
    ]
    if not verifiers:
        return dict.fromkeys(executors, ())
    allowed = ~_share(network, policy, executors, tuple(verifiers))
    if policy.max_latency_ms is not None:
        latency = site_matrix_ms(
            network, [offer.site for offer in executors], [offer.site for offer in verifiers]
        )
        allowed &= within_all(latency, policy.max_latency_ms)
    return {
        executor: tuple(verifiers[column] for column in np.flatnonzero(allowed[row]))
        for row, executor in enumerate(executors)
    }


def _share(
    network: Network,
    policy: Policy,
    executors: tuple[OfferKey, ...],
    verifiers: tuple[OfferKey, ...],
) -> NDArray[np.bool_]:
    """Return, per pair, whether both hang on one dependency of the kinds of the policy."""
    column_of: dict[Item, int] = {}
    sets = []
    for offer in (*executors, *verifiers):
        found = [item for item in network.hangs_on(offer) if item.kind in policy.independent_of]
        sets.append([column_of.setdefault(item, len(column_of)) for item in found])
    incidence = np.zeros((len(sets), len(column_of)))
    for row, found_columns in enumerate(sets):
        incidence[row, found_columns] = 1.0
    count = len(executors)
    return (incidence[:count] @ incidence[count:].T) > 0
