"""The part of a large network in which its plan is sought: where the loosened plan stands.

A plan of the part is a plan of the whole: what is left out is offers, and nobody need use an offer.
Those that something else asks for (locks, today's nodes, required sites) always stay, as do all of
storage and coordination, which are few. (Kernel search; Angelelli, Mansini and Speranza, 2010.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from models.data import OfferKey, Policy
from models.failover import lost_rows
from models.firmness import show_avoidable
from models.lasting import unavoidable
from models.network import Network
from models.streams import Stream, verification_streams
from planner.solver.loosened import Loosened
from planner.solver.seeds import check_cost, is_warm

CHOICE, SPARE = 8, 2
"""Sites for every class, and verifiers for every stream beyond those of one panel."""


def kernel(loosened: Loosened, width: int) -> Network:
    """Return the network with the offers that matter; the wider, the more of them.

    What nothing could serve after a failure, or avoid, is said of the whole: in the part it may be
    more.
    """
    network, classes = loosened.network, loosened.classes
    executing = _covering(loosened, width)
    streams = [
        stream
        for stream in verification_streams(network, classes)
        if executing.intersection(stream.executors)
    ]
    # What is avoidable in the whole must be so in the part, or the rules would ask for less there.
    verifying = {*loosened.standing("verification"), *show_avoidable(network)}
    for stream in streams:
        verifying |= set(_panels(network, stream, width))
    kept = executing | verifying | set(_asked_for(network))
    offers = {offer: row for offer, row in network.offers.items() if offer in kept}
    return replace(
        network, offers=offers, lost=lost_rows(network), unavoidable=unavoidable(network)
    )


def _covering(loosened: Loosened, width: int) -> set[OfferKey]:
    """Return where the loosened plan executes, and more until every class has some choice.

    Of the sites that are not there yet comes the one first that most classes still want.
    """
    classes = loosened.classes
    warm = is_warm(classes)
    site_of = np.array([place.site for place in classes.places], dtype=np.int64)
    of, at = classes.of[warm], site_of[classes.place[warm]]
    pairs = np.unique(np.column_stack([of, at]), axis=0)
    sites = classes.ways.stands.sites
    standing = {offer.site for offer in loosened.standing("execution")}
    kept = np.array([site in standing for site in sites], dtype=bool)
    could = np.bincount(pairs[:, 0], minlength=len(classes.classes))
    while True:
        has = np.bincount(pairs[kept[pairs[:, 1]], 0], minlength=len(could))
        wants = np.minimum(could, CHOICE * width) - has
        wanted = np.bincount(pairs[:, 1], np.maximum(wants, 0)[pairs[:, 0]], minlength=len(sites))
        wanted[kept] = 0
        if not wanted.any():
            break
        kept[np.argmax(wanted)] = True
    return {offer for offer in classes.offers if kept[sites.index(offer.site)]}


def _panels(network: Network, stream: Stream, width: int) -> Iterator[OfferKey]:
    """Yield the cheapest verifiers of a stream that hang on nothing together."""
    policy, taken = network.policies[stream.policy], set[object]()
    wanted = (policy.verifiers + SPARE) * width
    for offer in sorted(stream.verifiers, key=lambda offer: (check_cost(network, offer), offer)):
        items = _together(network, policy, offer)
        if wanted and not items & taken:
            taken |= items
            wanted -= 1
            yield offer


def _together(network: Network, policy: Policy, offer: OfferKey) -> set[object]:
    found = {item for item in network.hangs_on(offer) if item.kind in policy.independent_of}
    return {*found, offer.site}


def _asked_for(network: Network) -> Iterator[OfferKey]:
    """Yield what no plan may be sought without."""
    here = {row.site for row in network.loaded_today} | {lock.site for lock in network.locks}
    later = network.step.later if network.step is not None else None
    coming = later.plan.nodes if later is not None else {}
    for offer, row in network.offers.items():
        site = network.sites[offer.site]
        statuses = {site.status, network.providers[site.provider].status}
        if (
            network.role(offer) in ("storage", "coordination")
            or row.existing_nodes
            or row.min_nodes
            or offer in coming  # what is not there yet counts as new in the phase after
            or offer.site in here
            or statuses & {"required", "existing"}
        ):
            yield offer
