"""What is left of the service when dependencies fail: demand re-routed over what still stands.

The planned nodes, warm replicas, cold slots and copies are fixed; what is exposed to the failure is
gone: offers, routes, upstreams. Routing and verification are decided anew, by the rules of a plan:

    Σ_f flow[f] + unserved[c] = 1,   short[c] ≥ min_served[c] − Σ_f flow[f]
    flows to loads, loads within throughput and upstreams, verifiers within panels and capacity
    first Σ rate · short, then Σ rate · unserved as small as can be, shared out evenly; latency
    breaks ties

a linear program for each failure, solved by scipy's HiGHS on its own reading of the tables, not on
the planner's model.                         Source: design §4 (survival), two-stage recourse
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.classes import Classes, Job, Serving, demand_classes
from models.data import Demand, DemandKey, Item, Needs, OfferKey
from models.exposure import offer_item
from models.network import Link, Network
from models.panels import covering_weights, panels_of
from models.plan import Deployment, Flow, Replica, VerificationFlow, exceeds
from models.split import routing, verification
from models.stands import STORED, fastest_upstream
from models.streams import Stream, verification_streams
from models.ways import Ways

ROUNDS = 30
"""How often panels are separated before what is left is called unserved."""
MOST_GROWTH = 1000.0
"""The factor by which demand may grow where nothing limits it."""
DUST = 1e-9
TIE = 1e-4
"""What the slowest answer counts beside an unserved one: only to choose among equals."""
MOST_KEPT = 32
"""How many linear programs, apart by the routes that are gone, are kept for failures to come."""
NOTHING = Item("nothing", "that is here")
"""What fails where only the limits after a failure are meant."""
STEPS, UNFAIR = 4, 1e-3
"""In how many steps a row is left unserved, and what each counts more: nobody loses all so that
others lose nothing, where that makes no difference to the whole."""


@dataclass(frozen=True)
class Replay:
    """What users get while something is down: per demand row the share served, and its mean ms.

    `latency_ms` is None where nothing is served or a round trip is unknown. `used` is all that the
    routing stands on: while it stands, so does the routing.
    """

    failed: tuple[Item, ...]
    served: Mapping[DemandKey, float]
    latency_ms: Mapping[DemandKey, float | None]
    used: frozenset[Item] = frozenset()


def replay(network: Network, plan: Deployment, failed: Iterable[Item]) -> Replay:
    """Return what the planned nodes still serve when the dependencies fail, re-routed at best."""
    return Replays(network, plan).after(failed)


def rerouted(network: Network, plan: Deployment, failed: Iterable[Item] = ()) -> Deployment:
    """Return the plan with its demand routed anew, at best, over what stands when these fail."""
    left = after(network, failed)
    flows, checks = _Recourse(left, plan).routed() if left.demand else ((), ())
    panels = panels_of(network, checks)
    return replace(plan, routing=flows, verification=checks, panels=panels)


def headroom(network: Network, plan: Deployment, rows: Collection[DemandKey]) -> float:
    """Return the largest factor by which these rows may all grow and still be served in full.

    Below 1 where they are not served as they are; no more than `MOST_GROWTH`. What other rows get
    does not matter.
    """
    return _Recourse(network, plan, growing=rows).headroom(rows) if rows else MOST_GROWTH


def after(network: Network, failed: Iterable[Item]) -> Network:
    """Return the network that is left: rows whose model or region is gone are left out.

    A route that is gone stays, infinitely slow, so that no estimate stands in for it; latency
    limits are those that hold after a failure, if there is one. Then nothing is protected any more:
    what was has failed by now, or stands.
    """
    failed = tuple(failed)
    gone = network.graph.down(failed)
    return network.part(
        offers={
            offer: found for offer, found in network.offers.items() if offer_item(offer) not in gone
        },
        links=tuple(
            replace(link, latency_ms=np.inf)
            if not gone.isdisjoint((link.item, link.origin, link.target))
            else link
            for link in network.links
        ),
        demand=tuple(
            replace(row, max_latency_ms=failover_ms(row) if failed else row.max_latency_ms)
            for row in network.demand
            if row_items(row).isdisjoint(gone)
        ),
        **(unprotected(network) if failed else {}),
    )


def unprotected(network: Network) -> dict[str, Any]:
    """Return the fields of a network in which nothing is protected."""
    return {
        "dependencies": {
            item: replace(row, protect=False) for item, row in network.dependencies.items()
        },
        "shocks": {name: replace(row, protect=False) for name, row in network.shocks.items()},
    }


def failover_ms(row: Demand) -> float | None:
    """Return the latency limit of a demand row after a failure; None if it has none."""
    if row.failover_latency_ms is not None or row.max_latency_ms is None:
        return row.failover_latency_ms
    return 2 * row.max_latency_ms


def row_items(row: Demand) -> frozenset[Item]:
    """Return what a demand row hangs on wherever it is served: its model, policy and region."""
    named = ("model", row.model), ("policy", row.verification), ("region", row.region)
    return frozenset(Item(kind, name) for kind, name in named)


def upstream_choices(network: Network) -> frozenset[Item]:
    """Return the routes to upstreams of which a site calls the fastest of several.

    Without one of them it calls another, which may accept more: less is left, more may be served.
    """
    names = {
        Item("upstream", name)
        for model in network.models.values()
        for any_of in model.upstream or ()
        if len(any_of) > 1
        for name in any_of
    }
    return frozenset(
        link.item
        for link in network.links
        if not names.isdisjoint((link.origin, link.target)) and np.isfinite(link.latency_ms)
    )


class _Recourse:
    """The routing of one network over the nodes of one plan, whatever of them is gone."""

    def __init__(
        self,
        network: Network,
        plan: Deployment,
        ways: Ways | None = None,
        growing: Collection[DemandKey] = (),
    ) -> None:
        self.network, self.plan = network, plan
        # Users of different regions wait for different times, so they are told apart.
        apart = [(row.region, row.min_served, row.key in growing) for row in network.demand]
        standing = self._standing()
        self.classes: Classes = demand_classes(network, apart, standing, ways=ways)
        self.streams = verification_streams(network, self.classes)
        self.columns, self.grows = 0, False
        self.flow = self._new(len(self.classes))
        self.unserved = self._new(len(self.classes.classes))
        self.short = self._new(len(self.classes.classes))
        self.steps = [self._new(len(self.classes.classes)) for _ in range(STEPS)]
        loads = self.classes.loads
        self.load = dict(zip(loads, self._new(len(loads)).tolist(), strict=True))
        self.executed = dict(
            zip([s.key for s in self.streams], self._new(len(self.streams)), strict=True)
        )
        self.verify: dict[tuple[Any, OfferKey], int] = {}
        self.entries: list[tuple[int, int, float]] = []
        self.limits: list[float] = []
        self.is_equal: list[bool] = []
        self._demand_rows()
        self._capacity_rows()
        self._upstream_rows()
        self._verification_rows()
        self._base = (len(self.limits), _triples(self.entries), len(self.entries))
        self.gone: frozenset[Item] = frozenset()
        self.closed: list[int] = []

    def _standing(self) -> frozenset[Serving]:
        """Return every offer that stands, with the models it serves warm or may serve cold."""
        network, plan = self.network, self.plan
        found: set[Serving] = set()
        for offer in network.offers_of("execution"):
            if plan.nodes.get(offer, 0) <= 0:
                continue
            for name in {row.model for row in network.demand}:
                model = network.models.get(name)
                if model is None or model.proxied or plan.warm.get(Replica(*offer, name), 0) > 0:
                    found.add((offer, name, False))
                if plan.cold_slots.get(offer, 0) > 0:
                    found.add((offer, name, True))
        return frozenset(found)

    def _new(self, count: int) -> Any:
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def _row(self, terms: Iterable[tuple[int, float]], limit: float, equal: bool = False) -> None:
        """Add Σ amount · column ≤ limit, or = limit."""
        number = len(self.limits)
        self.entries.extend((number, int(column), amount) for column, amount in terms)
        self.limits.append(limit)
        self.is_equal.append(equal)

    def _demand_rows(self) -> None:
        classes = self.classes
        of_class: list[list[tuple[int, float]]] = [[] for _ in classes.classes]
        at_place: list[list[tuple[int, float]]] = [[] for _ in classes.places]
        ends = zip(classes.of.tolist(), classes.place.tolist(), strict=True)
        for column, (number, place) in zip(self.flow.tolist(), ends, strict=True):
            of_class[number].append((column, 1.0))
            at_place[place].append((column, classes.classes[number].weight))
        for number, terms in enumerate(of_class):
            self._row([*terms, (self.unserved[number], 1.0)], 1.0, equal=True)
            parts = [(step[number], -1.0) for step in self.steps]
            self._row([(self.unserved[number], 1.0), *parts], 0.0, equal=True)
            least = self.network.demand[classes.classes[number].members[0]].min_served or 0.0
            if least > 0:
                self._row([(self.unserved[number], 1.0), (self.short[number], -1.0)], 1.0 - least)
        for place, terms in zip(classes.places, at_place, strict=True):
            answered = [(self.load[offer, place.job], -1.0) for offer in place.offers]
            self._row([*terms, *answered], 0.0, equal=True)

    def _capacity_rows(self) -> None:
        network, plan, classes = self.network, self.plan, self.classes
        settings = network.settings
        within: dict[tuple[str, OfferKey, str], list[tuple[int, float]]] = defaultdict(list)
        for (position, number), column in self.load.items():
            offer, job = classes.offers[position], classes.jobs[number]
            if job.state == STORED and not self._stores(offer, job.model):
                self._row([(column, 1.0)], 0.0)
            if job.idle:
                continue
            overhead = self._overhead(job)
            model = network.models.get(job.model)
            if model is None or model.proxied:
                within[job.period, offer, ""].append((column, 1.0 + overhead))
            elif job.is_cold:
                busy_s = classes.load_s[position, number] + model.service_ms * (1 + overhead) / 1000
                within[job.period, offer, "cold"].append((column, busy_s))
            else:
                within[job.period, offer, f"warm {job.model}"].append((column, 1.0 + overhead))
        for (_, offer, what), terms in within.items():
            if what == "":
                each = network.offers[offer].requests_per_s or 0.0
                limit = settings.utilisation * each * plan.nodes[offer]
            elif what == "cold":
                limit = settings.cold_share * plan.cold_slots[offer]
            else:
                name = what.removeprefix("warm ")
                each = (network.models[name].requests_per_s or 0.0) * network.node_types[
                    offer.node_type
                ].speed
                limit = settings.utilisation * each * plan.warm[Replica(*offer, name)]
            self._row(terms, limit)

    def _overhead(self, job: Job) -> float:
        policy = self.network.policies.get(job.policy)
        return policy.overhead if policy is not None else 0.0

    def _stores(self, offer: OfferKey, model: str) -> tuple[OfferKey, ...]:
        """Return the storage offers near by that hold a copy."""
        near = self.classes.ways.stands.stores_near.get(offer.site, ())
        return tuple(store for store in near if Replica(*store, model) in self.plan.copies)

    def _upstream_rows(self) -> None:
        network, classes = self.network, self.classes
        accepts: dict[str, float] = {}
        for model in network.models.values():
            for any_of in model.upstream or ():
                if model.max_requests_per_s is not None:
                    accepts.update(dict.fromkeys(any_of, model.max_requests_per_s))
        sent: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        for (position, number), column in self.load.items() if accepts else ():
            offer, job = classes.offers[position], classes.jobs[number]
            for any_of in self._upstreams(job.model) if not job.idle else ():
                link = fastest_upstream(network, offer.site, any_of)
                for name in accepts.keys() & set(any_of):
                    if link is None or Item("upstream", name) in (link.origin, link.target):
                        sent[job.period, name].append((column, 1.0))
        for (_, name), terms in sorted(sent.items()):
            self._row(terms, accepts[name])

    def _verification_rows(self) -> None:
        network, classes = self.network, self.classes
        busy: dict[tuple[str, OfferKey], list[tuple[int, float]]] = defaultdict(list)
        fed: dict[Any, list[tuple[int, float]]] = defaultdict(list)
        for (position, number), column in self.load.items():
            job = classes.jobs[number]
            at = (job.policy, job.residency, job.period, classes.offers[position])
            fed[at].append((column, 0.0 if job.idle else 1.0))
        for stream in self.streams:
            policy, executed = network.policies[stream.policy], int(self.executed[stream.key])
            scope = (stream.policy, stream.residency, stream.period)
            loads = [term for executor in stream.executors for term in fed[(*scope, executor)]]
            self._row([*loads, (executed, -1.0)], 0.0, equal=True)
            able = [o for o in stream.verifiers if self.plan.nodes.get(o, 0) > 0]
            columns = dict(zip(able, self._new(len(able)).tolist(), strict=True))
            self.verify |= {(stream.key, offer): column for offer, column in columns.items()}
            whole = [(column, 1.0) for column in columns.values()]
            self._row([*whole, (executed, -float(policy.verifiers))], 0.0, equal=True)
            at_site: dict[str, list[tuple[int, float]]] = defaultdict(list)
            on: dict[Item, list[tuple[int, float]]] = defaultdict(list)
            for offer, column in columns.items():
                at_site[offer.site].append((column, 1.0))
                busy[stream.period, offer].append((column, policy.work))
                for item in network.hangs_on(offer):
                    if item.kind in policy.independent_of and policy.quorum_verifiers >= 2:
                        on[item].append((column, 1.0))
            for terms in at_site.values():
                self._row([*terms, (executed, -1.0)], 0.0)
            for _, terms in sorted(on.items()):
                self._row([*terms, (executed, 1.0 - policy.quorum_verifiers)], 0.0)
        for (_, offer), terms in busy.items():
            each = network.node_types[offer.node_type].verifications_per_s or 0.0
            limit = network.settings.utilisation * each * self.plan.nodes[offer]
            self._row(terms, limit)

    # Solving --------------------------------------------------------------------------------------

    def without(self, gone: frozenset[Item]) -> _Recourse:
        """Return the same routing with these items gone, and no trace of those gone before."""
        count, _, entries = self._base
        # Rows added for an earlier failure may hold here too, but an answer must not hang on order.
        del self.limits[count:], self.is_equal[count:], self.entries[entries:]
        self.gone, self.closed = gone, list(self._closed(gone))
        return self

    def _closed(self, gone: frozenset[Item]) -> Iterator[int]:
        """Yield the columns of what is gone: flows by rows, loads and verification by offers."""
        network, classes = self.network, self.classes
        for number, group in enumerate(classes.classes):
            if not row_items(network.demand[group.members[0]]).isdisjoint(gone):
                yield from self.flow[classes.of == number].tolist()
        lost = {offer for offer in network.offers if offer_item(offer) in gone}
        for (position, number), column in self.load.items() if lost else ():
            offer, job = classes.offers[position], classes.jobs[number]
            if offer in lost or (
                job.state == STORED and lost.issuperset(self._stores(offer, job.model))
            ):
                yield column
        yield from (column for (_, offer), column in self.verify.items() if offer in lost)

    def missing(self) -> dict[DemandKey, float]:
        """Return by what share every demand row falls short of what must be served of it."""
        costs = np.zeros(self.columns)
        costs[self.short] = 1.0
        values = self._separated(costs)
        return {
            self.network.demand[member].key: float(values[self.short[number]])
            for number, group in enumerate(self.classes.classes)
            for member in group.members
        }

    def solved(self) -> tuple[dict[DemandKey, tuple[float, float | None]], frozenset[Item]]:
        """Return the share served and the mean latency of every demand row, and what is used."""
        values = self._best()
        return self._by_row(values), frozenset(self._used(values))

    def routed(self) -> tuple[tuple[Flow, ...], tuple[VerificationFlow, ...]]:
        """Return the routing row by row, and who verifies what."""
        values = self._best()
        flows = routing(
            self.network,
            self.classes,
            lambda position: float(values[self.flow[position]]),
            lambda offer, job: float(values[self.load[offer, job]]),
            self.plan.copies,
        )

        def verify(stream: Stream, offer: OfferKey) -> float:
            column = self.verify.get((stream.key, offer))
            return 0.0 if column is None else float(values[column])

        return flows, verification(self.network, self.streams, verify, flows)

    def headroom(self, rows: Collection[DemandKey]) -> float:
        """Return the largest factor by which the rows may all grow: unserved goes below 0."""
        factor = int(self._new(1)[0])
        self.grows = True
        for number, group in enumerate(self.classes.classes):
            if self.network.demand[group.members[0]].key in rows:
                self._row([(int(self.unserved[number]), 1.0), (factor, 1.0)], 1.0, equal=True)
        costs = np.zeros(self.columns)
        costs[factor] = -1.0
        self._row([(factor, 1.0)], MOST_GROWTH)
        return float(self._separated(costs)[factor])

    def _best(self) -> Any:
        """Return the best point: shortfalls first, then all that is not served, then latency."""
        rates = np.array([group.rate for group in self.classes.classes])
        shares = np.array(
            [self.network.month_share[group.period] for group in self.classes.classes]
        )
        costs = np.zeros(self.columns)
        if any(row.min_served for row in self.network.demand):
            costs[self.short] = np.where(rates > 0, rates, TIE)
            values = self._separated(costs)
            least = float(costs @ values)
            kept = [(int(c), float(costs[c])) for c in self.short.tolist()]
            if least > DUST:
                self._row(kept, least + DUST * max(1.0, least))
            else:  # the smallest row is not lost among the others
                for column, _ in kept:
                    self._row([(column, 1.0)], 0.0)
        costs = np.zeros(self.columns)
        weights = np.where(rates > 0, rates * shares, TIE)
        for count, step in enumerate(self.steps):
            costs[step] = weights * (1 + UNFAIR * count)
        # A latency that nobody knows is no better than the slowest.
        slowest = max(1.0, float(np.nan_to_num(self.classes.latency_ms).max(initial=0.0)))
        latency = np.nan_to_num(self.classes.latency_ms, nan=slowest)
        costs[self.flow] = TIE * weights[self.classes.of] * latency / slowest
        return self._separated(costs)

    def _used(self, values: Any) -> Iterator[Item]:
        """Yield everything that a routing stands on."""
        network, classes = self.network, self.classes
        for position in np.flatnonzero(values[self.flow] > DUST).tolist():
            row = network.demand[classes.classes[classes.of[position]].members[0]]
            place = classes.places[classes.place[position]]
            site = classes.ways.stands.sites[place.site]
            yield from row_items(row)
            for link in network.links_between(Item("region", row.region), Item("site", site)):
                if np.isfinite(link.latency_ms):
                    yield from (link.item, link.origin, link.target)
            for any_of in self._upstreams(row.model):
                link_used = fastest_upstream(network, site, any_of)
                if link_used is not None:
                    yield from (link_used.item, link_used.origin, link_used.target)
        yield from (item for item in upstream_choices(network) if item not in self.gone)
        for (position, number), column in self.load.items():
            if values[column] > DUST:
                offer, job = classes.offers[position], classes.jobs[number]
                yield offer_item(offer)
                if job.state == STORED:
                    stores = map(offer_item, self._stores(offer, job.model))
                    yield from (store for store in stores if store not in self.gone)
        for (_, offer), column in self.verify.items():
            if values[column] > DUST:
                yield offer_item(offer)

    def _upstreams(self, name: str) -> Needs:
        model = self.network.models.get(name)
        return (model.upstream or ()) if model is not None else ()

    def _by_row(self, values: Any) -> dict[DemandKey, tuple[float, float | None]]:
        classes = self.classes
        found: dict[DemandKey, tuple[float, float | None]] = {}
        flows = values[self.flow]
        total = np.zeros(len(classes.classes))
        used = flows > DUST
        np.add.at(total, classes.of[used], (flows * classes.latency_ms)[used])
        for number, group in enumerate(classes.classes):
            served = 1.0 - float(values[self.unserved[number]])
            mean = float(total[number] / served) if served > DUST else np.nan
            entry = (min(1.0, max(0.0, served)), mean if np.isfinite(mean) else None)
            for member in group.members:
                found[self.network.demand[member].key] = entry
        return found

    def _separated(self, costs: Any) -> Any:
        """Return the best point whose verification flows are mixtures of legal panels."""
        asked, rounds = list(self.streams), 0
        while True:
            values = self._minimised(costs)
            broken = [(s, row) for s in asked if (row := self._panel_row(s, values))]
            if not broken:
                return values
            rounds += 1
            for stream, row in broken:
                if rounds <= ROUNDS:
                    self._row(row, 0.0)
                else:
                    # What panels could not be shown for in so many is promised to nobody.
                    self._row([(int(self.executed[stream.key]), 1.0)], 0.0)
                    asked.remove(stream)

    def _panel_row(self, stream: Stream, values: Any) -> list[tuple[int, float]]:
        """Return the row that flows break if they are no mixture of legal panels."""
        columns = {o: c for (key, o), c in self.verify.items() if key == stream.key}
        rates = {offer: max(0.0, float(values[column])) for offer, column in columns.items()}
        if not exceeds(sum(rates.values()), 0.0):
            return []
        weights = covering_weights(self.network, self.network.policies[stream.policy], rates)
        if weights is None:
            return []
        terms = [(column, -weights.get(offer, 1.0)) for offer, column in columns.items()]
        return [*terms, (int(self.executed[stream.key]), 1.0)]

    def _minimised(self, costs: Any) -> Any:
        # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import coo_array

        _, base, count = self._base
        more = _triples(self.entries[count:])
        rows, columns, amounts = (np.concatenate(both) for both in zip(base, more, strict=True))
        shape = (len(self.limits), self.columns)
        matrix = coo_array((amounts, (rows, columns)), shape=shape).tocsr()
        limits = np.array(self.limits)
        lower = np.where(self.is_equal, limits, -np.inf)
        upper = np.full(self.columns, np.inf)
        upper[self.flow] = upper[self.unserved] = upper[self.short] = 1.0
        least = np.zeros(self.columns)
        for step in self.steps:
            upper[step] = 1.0 / STEPS
            least[step] = -np.inf if self.grows else 0.0
        if self.grows:
            upper[self.flow] = np.inf
            least[self.unserved] = -np.inf
        upper[self.closed] = 0.0
        found = milp(
            costs,
            constraints=LinearConstraint(matrix, lower, limits),
            bounds=Bounds(least, upper),
        )
        if found.x is None:
            raise ArithmeticError(f"the routing after a failure was not solved: {found.message}")
        return found.x


def _triples(entries: list[tuple[int, int, float]]) -> tuple[Any, Any, Any]:
    rows, columns, amounts = zip(*entries, strict=True) if entries else ((), (), ())
    return np.array(rows, dtype=int), np.array(columns, dtype=int), np.array(amounts, dtype=float)


# Failure after failure ----------------------------------------------------------------------------


class Replays:
    """What one plan still serves under failure after failure; what they share is built once.

    A failure closes columns of one linear program. Only where it takes routes is there another: a
    route that is gone is infinitely slow, so that no estimate stands in for it. No answer hangs on
    those before it.
    """

    def __init__(self, network: Network, plan: Deployment) -> None:
        held = {offer for offer, count in plan.nodes.items() if count > 0}
        held |= {OfferKey(stored.site, stored.node_type) for stored in plan.copies}
        offers = {offer: found for offer, found in network.offers.items() if offer in held}
        self.network, self.plan = network.part(offers=offers), plan
        self._ends = _by_end(network.links)
        self._ways: dict[frozenset[Item], Ways] = {}
        self._known: dict[tuple[bool, frozenset[Item]], _Recourse] = {}

    def of(self, demand: tuple[Demand, ...]) -> Replays:
        """Return the same for other demand; the ways to serve it are looked for once for both."""
        other = copy(self)
        other.network, other._known = self.network.part(demand=demand), {}
        return other

    def after(self, failed: Iterable[Item]) -> Replay:
        """Return what is served when the dependencies fail. Raises ArithmeticError if unsolved."""
        chosen, demand = tuple(sorted(failed)), self.network.demand
        gone = self.network.graph.down(chosen)
        found: Mapping[DemandKey, tuple[float, float | None]] = {}
        used: frozenset[Item] = frozenset()
        if any(row_items(row).isdisjoint(gone) for row in demand):
            found, used = self._recourse(bool(chosen), gone).without(gone).solved()
        served = {row.key: found.get(row.key, (0.0, None)) for row in demand}
        return Replay(
            chosen,
            {key: share for key, (share, _) in served.items()},
            {key: latency for key, (_, latency) in served.items()},
            used,
        )

    def short(self, failed: Iterable[Item]) -> dict[DemandKey, float]:
        """Return by what share every row is served less than its `min_served`, re-routed at best.

        All shares together are as small as can be. Raises ArithmeticError if unsolved.
        """
        gone = self.network.graph.down(tuple(sorted(failed)))
        found = {row.key: row.min_served for row in self.network.demand}
        if any(row_items(row).isdisjoint(gone) for row in self.network.demand):
            found |= self._recourse(True, gone).without(gone).missing()
        return found

    def _recourse(self, is_failure: bool, gone: frozenset[Item]) -> _Recourse:
        cut = frozenset().union(*(self._ends[item] for item in self._ends.keys() & gone))
        if (is_failure, cut) not in self._known:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            left = after(self.network, cut | {NOTHING}) if is_failure else self.network
            if cut not in self._ways:
                if len(self._ways) >= MOST_KEPT:
                    self._ways.clear()
                self._ways[cut] = ways = Ways(left)
                for region in sorted(left.regions):  # ways are numbered in the order of asking
                    ways.paths.of(region)
            self._known[is_failure, cut] = _Recourse(left, self.plan, self._ways[cut])
        return self._known[is_failure, cut]


def _by_end(links: Iterable[Link]) -> dict[Item, frozenset[Item]]:
    """Return the routes by all that they go with, themselves included.

    One whose site is gone leads to no offer anyway.
    """
    found: dict[Item, set[Item]] = defaultdict(set)
    for link in links:
        for end in (link.item, link.origin, link.target):
            if end.kind != "site":
                found[end].add(link.item)
    return {end: frozenset(items) for end, items in found.items()}
