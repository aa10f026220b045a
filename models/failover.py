"""What could still be served after each protected failure, whatever is planned.

With the limits that hold after a failure, and only of the demand rows that ask for `min_served`. A
row that nothing could serve then is *lost*: no plan can keep that promise, so no rule asks for it.
All of it is a fact of the network, not of a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from models.classes import Classes, demand_classes
from models.data import Demand, DemandKey, Item, OfferKey
from models.exposure import offer_item
from models.network import DEFAULT_GOALS, Network
from models.panels import legal_panels
from models.paths import IntArray
from models.replay import after, failover_ms, row_items, unprotected
from models.streams import Stream, verification_streams
from models.ways import Ways


class Reach:
    """Who can be served by which offer, in one state of the routes; a column is (class, load).

    Of a load, `offer_of` is the position of its offer, `stream_of` that of the verification stream
    that it feeds, −1 for none.
    """

    def __init__(self, network: Network, ways: Ways | None = None) -> None:
        self.network = network
        self.classes: Classes = demand_classes(network, ways=ways)
        self.streams: tuple[Stream, ...] = verification_streams(network, self.classes)
        self.of, self.load = _columns(self.classes)
        feeds = {
            (s.policy, s.residency, s.period, executor): number
            for number, s in enumerate(self.streams)
            for executor in s.executors
        }
        offer_of = [offer for offer, _ in self.classes.loads]
        self.offer_of: IntArray = np.array(offer_of, dtype=np.int64)
        self.stream_of: IntArray = np.full(len(self.classes.loads), -1)
        for load, (offer, number) in enumerate(self.classes.loads):
            job = self.classes.jobs[number]
            if not job.idle:
                at = (job.policy, job.residency, job.period, self.classes.offers[offer])
                self.stream_of[load] = feeds.get(at, -1)
        self._has_panel: dict[tuple[str, tuple[OfferKey, ...]], bool] = {}

    def servable(self, stands: frozenset[OfferKey]) -> frozenset[DemandKey]:
        """Return the rows that could be served and verified if nodes stood at these offers."""
        verified = [self._verifiable(stream, stands) for stream in self.streams]
        stand = np.array([offer in stands for offer in self.classes.offers], dtype=bool)
        # Where a model may be loaded on demand it may be warm too, which asks for no copy. The last
        # is for what feeds no stream.
        good = stand[self.offer_of] & np.array([*verified, True])[self.stream_of]
        return frozenset(
            self.network.demand[member].key
            for number in np.unique(self.of[good[self.load]]).tolist()
            for member in self.classes.classes[number].members
        )

    def _verifiable(self, stream: Stream, stands: frozenset[OfferKey]) -> bool:
        """Return whether some panel of verifiers is legal; a search of its own for every set."""
        able = tuple(offer for offer in stream.verifiers if offer in stands)
        key = (stream.policy, able)
        if key not in self._has_panel:
            panels = legal_panels(self.network, self.network.policies[stream.policy], able)
            self._has_panel[key] = next(panels, None) is not None
        return self._has_panel[key]


@dataclass(frozen=True)
class Failure:
    """A protected failure: what is gone, who can be reached then, and the rows that are lost."""

    name: str
    gone: frozenset[OfferKey]
    reach: Reach
    lost: frozenset[DemandKey]

    @cached_property
    def required(self) -> tuple[float, ...]:
        """Return the requests/s that must be served of every class; rows of rate 0 count 1 each."""
        network, classes = self.reach.network, self.reach.classes
        asked = []
        for group in classes.classes:
            rows = [network.demand[member] for member in group.members]
            asked.append(
                sum(
                    row.min_served * (row.requests_per_s or 1.0)
                    for row in rows
                    if row.key not in self.lost
                )
            )
        return tuple(asked)


def protected_failures(network: Network) -> tuple[Failure, ...]:
    """Return every protected failure that something must survive, sorted by name."""
    kept: dict[str, tuple[Failure, ...]] = vars(network)
    if "protected_failures" not in kept:
        kept["protected_failures"] = tuple(_failures(network))
    return kept["protected_failures"]


def lost_rows(network: Network) -> Mapping[str, frozenset[DemandKey]]:
    """Return, per protected failure, the demand rows that nothing could serve after it."""
    return {failure.name: failure.lost for failure in protected_failures(network)}


def calm(network: Network) -> Reach | None:
    """Return who can be reached within the limits after a failure while all stands.

    None if nothing need survive anything.
    """
    return _patient_reach(network) if protected_failures(network) else None


def never(network: Network) -> frozenset[DemandKey]:
    """Return the rows that nothing could serve within the limits after a failure, if none fails."""
    whole = calm(network)
    if whole is None:
        return frozenset()
    rows = frozenset(row.key for row in network.demand if row.min_served)
    return rows - whole.servable(_standing(network))


def _standing(network: Network) -> frozenset[OfferKey]:
    return frozenset(offer for offer in network.offers if may_stand(network, offer))


def _failures(network: Network) -> Iterator[Failure]:
    if not network.protected or not any(row.min_served for row in network.demand):
        return
    whole = _patient_reach(network)
    stands = _standing(network)
    asked = {row.key for row in network.demand if row.min_served}
    for name, items in network.protected.items():
        down = network.graph.down(items)
        gone = frozenset(offer for offer in network.offers if offer_item(offer) in down)
        reach = whole
        if _cuts_routes(network, down):
            reach = Reach(after(whole.network, items))
        left = reach.servable(stands - gone)
        dead = {row.key for row in network.demand if not row_items(row).isdisjoint(down)}
        lost = frozenset(asked - left | asked & dead)
        if network.lost is not None:
            lost = network.lost[name]
        yield Failure(name, gone, reach, lost)


def _patient_reach(network: Network) -> Reach:
    """Return the reach of the rows that ask for something, merged where only prices differ."""
    kept: dict[str, Reach] = vars(network)
    if "patient_reach" not in kept:
        rows = [row for row in network.demand if row.min_served]
        kept["patient_reach"] = Reach(patient(network, rows))
    return kept["patient_reach"]


def patient(network: Network, rows: Iterable[Demand]) -> Network:
    """Return the network with these rows alone, as they wait after a failure.

    Without what is no matter then: prices, diversity and protection, so that more rows are alike.
    """
    limits = [(row, failover_ms(row)) for row in rows]
    demand = tuple(
        replace(row, max_latency_ms=limit, failover_latency_ms=limit, unserved_penalty=0.0)
        for row, limit in limits
    )
    links = tuple(replace(link, cost_per_million=0.0) for link in network.links)
    free = network.part(
        demand=demand, links=links, diversity=(), goals=DEFAULT_GOALS, **unprotected(network)
    )
    return after(free, ())


def _cuts_routes(network: Network, down: frozenset[Item]) -> bool:
    """Return whether a failure takes a route away whose site still stands."""
    for link in network.links:
        ends = (link.origin, link.target)
        sites = [end for end in ends if end.kind == "site"]
        others = [end for end in ends if end.kind != "site"]
        if down.isdisjoint(sites) and not down.isdisjoint((link.item, *others)):
            return True
    return False


def may_stand(network: Network, offer: OfferKey) -> bool:
    """Return whether a plan may have a node of the offer."""
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    if "forbidden" in (site.status, provider.status):
        return False
    return 0 not in (network.offers[offer].max_nodes, site.max_nodes, provider.max_nodes)


def _columns(classes: Classes) -> tuple[IntArray, IntArray]:
    """Return the class and the load of every column, each once, sorted by class."""
    number_of = {pair: number for number, pair in enumerate(classes.loads)}
    at_place = [[number_of[offer, place.job] for offer in place.offers] for place in classes.places]
    sizes = np.array([len(found) for found in at_place], dtype=np.int64)
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    flat = np.array([load for found in at_place for load in found], dtype=np.int64)
    count = sizes[classes.place]
    of = np.repeat(classes.of, count)
    first = np.repeat(begins[classes.place], count)
    within = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    load = flat[first + within] if len(of) else flat[:0]
    keys = np.unique(of * max(1, len(classes.loads)) + load)
    return keys // max(1, len(classes.loads)), keys % max(1, len(classes.loads))
