"""Demand classes, places and jobs: what no rule and no cost can tell apart is one.

A *demand class* is a set of demand rows with the same model, policy, residency, period, penalty and
region as far as a Diversity row names it, and the same places at the same price; where latency is
an objective, also with the same latencies, and where worst_loss is, with the same dependencies that
they cannot avoid. A *job* is what offers do: answer requests of one model, policy, residency,
period and state that come with the same limited or counted dependencies. A *place* is where a job
is done: a site and a load time, with every offer there that can do it.

Rows are scanned one by one against whole arrays of paths, so nothing is kept per row and offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from models.data import Demand, Item, OfferKey
from models.network import Network
from models.paths import FloatArray, IntArray, Via, limits_requests
from models.plan import HUB, Flow
from models.stands import FETCHED, STORED, WARM, BoolArray, Stand
from models.unavoidable import Unavoidable
from models.ways import Ways


class Job(NamedTuple):
    """What offers do for demand rows.

    `region` is empty unless a Diversity row names it; `via` is what path and region bring.
    An idle job answers rows of no requests: it counts rows, and loads nothing.
    """

    model: str
    policy: str
    residency: str
    period: str
    state: str
    region: str = ""
    via: Via = ()
    idle: bool = False

    @classmethod
    def of(cls, demand: Demand, state: str, via: Via, named: frozenset[str]) -> Job:
        """Return the job that serving a demand row is."""
        region = demand.region if demand.region in named else ""
        scope = (demand.verification, demand.residency, demand.period)
        return cls(demand.model, *scope, state, region, via, demand.requests_per_s == 0)

    @property
    def is_cold(self) -> bool:
        """Return whether the model is loaded on demand."""
        return self.state != WARM


Serving = tuple[OfferKey, str, bool]
"""An offer, a model, and whether the model is served cold there."""


@dataclass(frozen=True)
class DemandClass:
    """Demand rows that are one to every rule and cost; `members` are positions in the demand.

    `weight` is the sum of its requests/s, or the number of its rows where they ask for nothing;
    `worst_ms` is what unserved demand counts in latency, `unavoidable` what all ways to serve it
    hang on, if that is an objective's business.
    """

    members: tuple[int, ...]
    weight: float
    penalty: float
    period: str
    idle: bool
    worst_ms: float
    unavoidable: frozenset[Item] = frozenset()

    @property
    def rate(self) -> float:
        """Return the requests/s of all members."""
        return 0.0 if self.idle else self.weight


class Place(NamedTuple):
    """Where a job is done: a site, the seconds of a load, and the offers that can do it.

    All are positions: in `jobs`, `sites` and `offers`.
    """

    job: int
    site: int
    load_s: float
    offers: tuple[int, ...]


class Found(NamedTuple):
    """Where the model has a flow of a plan, and the stores whose copies may serve it."""

    flow: int
    job: int
    stores: tuple[OfferKey, ...]


@dataclass(frozen=True)
class Classes:
    """Everything that routing decides about, one entry per flow in every array.

    A flow is a share of `classes[of]` served at `places[place]`, at a price per million requests
    and a latency in ms, the mean of its members; NaN where one is unknown. `way` is that of the
    path, the same for every member. Flows are sorted by class.
    """

    ways: Ways
    named: frozenset[str]
    classes: tuple[DemandClass, ...]
    jobs: tuple[Job, ...]
    places: tuple[Place, ...]
    of: IntArray
    place: IntArray
    way: IntArray
    price: FloatArray
    latency_ms: FloatArray

    def __len__(self) -> int:
        return len(self.of)

    @property
    def offers(self) -> tuple[OfferKey, ...]:
        """Return the execution offers, by position."""
        return self.ways.stands.offers

    @cached_property
    def loads(self) -> tuple[tuple[int, int], ...]:
        """Return every pair of an offer and a job that it can do, sorted."""
        return tuple(sorted({(offer, p.job) for p in self.places for offer in p.offers}))

    @cached_property
    def load_s(self) -> dict[tuple[int, int], float]:
        """Return the load time of every pair of an offer and a job."""
        return {(offer, p.job): p.load_s for p in self.places for offer in p.offers}

    @cached_property
    def class_of(self) -> tuple[int, ...]:
        """Return the class of every demand row."""
        found = {member: i for i, group in enumerate(self.classes) for member in group.members}
        return tuple(found[index] for index in range(len(found)))

    @cached_property
    def _flow_at(self) -> dict[tuple[int, int, int], int]:
        """Return the position of every flow by class, place and way."""
        keys = zip(self.of.tolist(), self.place.tolist(), self.way.tolist(), strict=True)
        return {key: position for position, key in enumerate(keys)}

    @cached_property
    def _place_at(self) -> dict[tuple[int, int, float], int]:
        return {place[:3]: position for position, place in enumerate(self.places)}

    @cached_property
    def _job_at(self) -> dict[Job, int]:
        return {job: position for position, job in enumerate(self.jobs)}

    def find(self, index: int, flow: Flow) -> Found | None:
        """Return where the model has a plan's flow of demand row `index`; None if nowhere."""
        demand, stands = self.ways.network.demand[index], self.ways.stands
        paths = self.ways.paths.of(demand.region)
        near = stands.stores_near.get(flow.offer.site, ())
        state = WARM if flow.state == WARM else FETCHED if flow.fetch_from == HUB else STORED
        if flow.offer.site not in stands.sites or (
            state == STORED and flow.fetch_from not in map(str, near)
        ):
            return None
        site = stands.sites.index(flow.offer.site)
        for stand in stands.of(demand):
            at_site = [self.offers[offer] for offer in stand.offers_at.get(site, ())]
            if stand.state != state or flow.offer not in at_site:
                continue
            for entry in np.flatnonzero(paths.site == site).tolist():
                if self.ways.paths.route(int(paths.link[entry])) == flow.route:
                    via = self.ways.paths.vias[paths.via[entry]]
                    job = self._job_at.get(Job.of(demand, state, via, self.named), -1)
                    place = self._place_at.get((job, site, stand.load_s), -1)
                    key = (self.class_of[index], place, int(paths.way[entry]))
                    if key in self._flow_at:
                        return Found(self._flow_at[key], job, near if state == STORED else ())
        return None

    @cached_property
    def weight_of_place(self) -> FloatArray:
        """Return, per place, the weight of all classes that may be served there."""
        weights = np.array([group.weight for group in self.classes])
        first = np.unique(self.of * max(1, len(self.places)) + self.place, return_index=True)[1]
        found: FloatArray = np.zeros(len(self.places))
        np.add.at(found, self.place[first], weights[self.of[first]])
        return found


class TooManyFlows(Exception):
    """The first `rows` demand rows, in `classes` classes, already have more flows than allowed."""

    def __init__(self, rows: int, classes: int) -> None:
        super().__init__(f"{rows:,} demand rows in {classes:,} classes have too many flows")
        self.rows, self.classes = rows, classes


def demand_classes(
    network: Network,
    apart: Sequence[Any] | None = None,
    only: frozenset[Serving] | None = None,
    most_flows: float = np.inf,
    whole: Classes | None = None,
) -> Classes:
    """Return the demand classes of a network, in the order of their first rows.

    Rows with different labels in `apart` are never merged (their positions give the model row by
    row). With `only`, whatever else might serve is left out. Raises TooManyFlows, at once, when the
    rows so far have more than `most_flows`. The `whole` are the classes of a network of which this
    one is a part: how slow its slowest way is, and what it cannot avoid, a row has from there.
    """
    return _Finder(network, apart, only, most_flows, whole).run()


@dataclass
class _Found:
    """A class in the making: members, and the sum of weight · latency of every flow."""

    flows: list[tuple[Stand, IntArray]]
    idle: bool
    worst_ms: float
    unavoidable: frozenset[Item]
    members: list[int] = field(default_factory=list)
    weight: float = 0.0
    sum_ms: list[FloatArray] = field(default_factory=list)


class _Finder:
    def __init__(
        self,
        network: Network,
        apart: Sequence[Any] | None,
        only: frozenset[Serving] | None,
        most_flows: float,
        whole: Classes | None,
    ) -> None:
        self.network, self.apart, self.only = network, apart, only
        self.flows_left, self.whole = most_flows, whole
        self.ways = Ways(network)
        self.stands, self.paths = self.ways.stands, self.ways.paths
        measures = {goal.measure for goal in network.goals}
        self.by_latency = "latency" in measures
        self.unavoidable = Unavoidable(self.ways) if "worst_loss" in measures else None
        rules = [rule for rule in network.diversity if limits_requests(rule)]
        self.named = frozenset(rule.applies_to for rule in rules)
        self.found: dict[Any, _Found] = {}
        self._there: dict[int, BoolArray] = {}

    def run(self) -> Classes:
        """Return the classes."""
        for index, demand in enumerate(self.network.demand):
            self._add(index, demand)
            if self.flows_left < 0:
                raise TooManyFlows(index + 1, len(self.found))
        return self._classes()

    def _add(self, index: int, demand: Demand) -> None:
        paths = self.paths.of(demand.region)
        idle = demand.requests_per_s == 0
        flows: list[tuple[Stand, IntArray]] = []
        times: list[FloatArray] = []
        worst_ms = demand.max_latency_ms or 0.0
        for stand, entries, latency in self.ways.usable(demand):
            if demand.max_latency_ms is None:
                worst_ms = max(worst_ms, _slowest(paths.site[entries], latency))
            if self.only is not None:
                here = self._standing(demand, stand)[paths.site[entries]]
                entries, latency = entries[here], latency[here]
            if len(entries):
                flows.append((stand, entries))
                times.append(latency)
        if self.whole is not None:
            worst_ms = self._in_whole(index).worst_ms
        unavoidable = self._unavoidable(index, demand)
        key = (
            demand.model,
            demand.verification,
            demand.residency,
            demand.period,
            demand.unserved_penalty,
            demand.region if demand.region in self.named else "",
            idle,
            *((stand.state, stand.load_s, paths.way[e].tobytes()) for stand, e in flows),
            self.apart[index] if self.apart is not None else None,
            unavoidable,
            (worst_ms, *(latency.tobytes() for latency in times)) if self.by_latency else None,
        )
        group = self.found.get(key)
        if group is None:
            group = self.found[key] = _Found(flows, idle, worst_ms, unavoidable)
            group.sum_ms = [np.zeros(len(latency)) for latency in times]
            self.flows_left -= sum(len(latency) for latency in times)
        weight = 1.0 if idle else demand.requests_per_s
        group.members.append(index)
        group.weight += weight
        for total, latency in zip(group.sum_ms, times, strict=True):
            total += weight * latency

    def _unavoidable(self, index: int, demand: Demand) -> frozenset[Item]:
        if self.unavoidable is None:
            return frozenset()
        if self.whole is not None:
            return self._in_whole(index).unavoidable
        return self.unavoidable.of(demand)

    def _in_whole(self, index: int) -> DemandClass:
        assert self.whole is not None
        return self.whole.classes[self.whole.class_of[index]]

    def _standing(self, demand: Demand, stand: Stand) -> BoolArray:
        """Return the sites where a stand has wanted offers; a stand is of one model only."""
        there = self._there.get(id(stand))
        if there is None:
            there = self._there[id(stand)] = np.zeros(len(self.stands.sites), dtype=bool)
            there[[site for site in stand.offers_at if self._serving(demand, stand, site)]] = True
        return there

    def _serving(self, demand: Demand, stand: Stand, site: int) -> tuple[int, ...]:
        """Return the offers of a site that serve a row in a state, as far as they are wanted."""
        found = stand.offers_at[site]
        if self.only is None:
            return found
        what = (demand.model, stand.is_cold)
        return tuple(o for o in found if (self.stands.offers[o], *what) in self.only)

    def _classes(self) -> Classes:
        jobs: dict[Job, int] = {}
        places: list[Place] = []
        at: dict[tuple[Job, float], IntArray] = {}
        count = len(self.stands.sites)
        parts: list[tuple[IntArray, IntArray, IntArray, FloatArray, FloatArray]] = []
        classes = []
        for number, group in enumerate(self.found.values()):
            demand = self.network.demand[group.members[0]]
            paths = self.paths.of(demand.region)
            classes.append(self._class(group, demand))
            for (stand, entries), total in zip(group.flows, group.sum_ms, strict=True):
                found = np.empty(len(entries), dtype=np.int64)
                vias, sites = paths.via[entries], paths.site[entries]
                for via in np.unique(vias).tolist():
                    job = Job.of(demand, stand.state, self.paths.vias[via], self.named)
                    place_at = at.setdefault((job, stand.load_s), np.full(count, -1))
                    here = np.flatnonzero(vias == via)
                    for site in np.unique(sites[here[place_at[sites[here]] < 0]]).tolist():
                        place_at[site] = len(places)
                        number_of_job = jobs.setdefault(job, len(jobs))
                        offers = self._serving(demand, stand, site)
                        places.append(Place(number_of_job, site, stand.load_s, offers))
                    found[here] = place_at[sites[here]]
                price = paths.price[entries] + stand.extra_price[paths.site[entries]]
                way = paths.way[entries]
                mean_ms = total / group.weight
                parts.append((np.full(len(entries), number), found, way, price, mean_ms))
        empty: Any = np.empty(0)
        whole = [np.concatenate([part[i] for part in parts]) if parts else empty for i in range(5)]
        return Classes(
            ways=self.ways,
            named=self.named,
            classes=tuple(classes),
            jobs=tuple(jobs),
            places=tuple(places),
            of=whole[0].astype(np.int64),
            place=whole[1].astype(np.int64),
            way=whole[2].astype(np.int64),
            price=whole[3],
            latency_ms=whole[4],
        )

    def _class(self, group: _Found, demand: Demand) -> DemandClass:
        return DemandClass(
            members=tuple(group.members),
            weight=group.weight,
            penalty=demand.unserved_penalty,
            period=demand.period,
            idle=group.idle,
            worst_ms=group.worst_ms,
            unavoidable=group.unavoidable,
        )


def _slowest(sites: IntArray, latency: FloatArray) -> float:
    """Return the latency of the site that is slowest by its fastest path; 0 if none is known."""
    fastest = np.full(int(sites.max()) + 1, np.inf)
    np.minimum.at(fastest, sites, np.where(np.isnan(latency), np.inf, latency))
    return float(fastest[np.isfinite(fastest)].max(initial=0.0))
