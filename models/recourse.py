"""What planned resources still serve after a failure, as a linear program, and rows of its duals.

    min Σ short[c]
    Σ y[c,l] + short[c] ≥ required[c]                                  dual value[c]
    Σ effort · y ≤ each · amount    replicas, slots or nodes            dual of a capacity
    Σ y into l ≤ most[l] · Σ copies near    what is loaded from a copy
    Σ y to an upstream ≤ what it accepts
    Σ y into x ≤ executed[x], and the rows of the rule `verification` with verify[x,o']

over classes c, loads l (an offer and a job), streams x. Only what has resources at the point is in
it. Whatever duals it gives for classes, upstreams and streams, those of capacities, of copies and
of verifiers follow in closed form: the least at which no column pays, those of absent offers among
them. So every row made of them holds for every plan, however the numbers were rounded:

    Σ dual · each · amount ≥ Σ value[c] · required[c] − Σ dual · accepts
                                          Source: Benders (1962); design §4 (survival)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from models.classes import Job
from models.data import Item, OfferKey
from models.failover import Failure, Reach
from models.network import Network
from models.panels import covering_weights
from models.paths import FloatArray, IntArray
from models.plan import TOLERANCE
from models.service import replicas_per_node
from models.stands import STORED, BoolArray, fastest_upstream
from models.streams import Stream

Resource = tuple[str, tuple[str, ...]]
"""A decision by the name of its family, and its key: ("warm", (site, node type, model))."""
Amounts = Callable[[Resource], float]

PRESENT = 1e-9
"""What there must be of a resource to be looked at."""
ROUNDS = 100
"""How often panels are separated at one point."""


class Row(NamedTuple):
    """Σ coefficient · amount of a resource ≥ least, in every plan that survives."""

    terms: Mapping[Resource, float]
    least: float


@dataclass
class _Duals:
    """What the program says of classes, upstreams, capacities and the rows inside of streams."""

    value: FloatArray
    accepts: FloatArray
    capacity: FloatArray
    streams: dict[int, tuple[float, dict[OfferKey, float]]] = field(default_factory=dict)
    """Per stream the worth of a request executed, and what a verification of each is worth."""


class Recourse:
    """The program of one reach; what is asked of it is a failure and what there is."""

    def __init__(self, reach: Reach) -> None:
        self.reach, self.network, classes = reach, reach.network, reach.classes
        self.idle: BoolArray = np.array([group.idle for group in classes.classes], dtype=bool)
        self.period_of = [group.period for group in classes.classes]
        self.model_of = [self._row(number).model for number in range(len(classes.classes))]
        self.capacities: dict[tuple[str, str, OfferKey, str], int] = {}
        self.resource: list[Resource] = []
        self.each: list[float] = []
        count = len(classes.loads)
        self.capacity_of: IntArray = np.zeros(count, dtype=np.int64)
        self.effort: FloatArray = np.ones(count)
        self.offer_of: IntArray = np.array([offer for offer, _ in classes.loads], dtype=np.int64)
        self.near: dict[int, list[Resource]] = {}
        self.upstreams: dict[tuple[str, str], int] = {}
        self.accepts: list[float] = []
        self.calls: list[tuple[int, int]] = []
        for load, (offer, number) in enumerate(classes.loads):
            self._add(load, classes.offers[offer], classes.jobs[number])
        self.stored: BoolArray = np.isin(np.arange(count), list(self.near))
        self.panels: dict[int, list[dict[OfferKey, float]]] = defaultdict(list)

    def _row(self, number: int) -> Any:
        return self.network.demand[self.reach.classes.classes[number].members[0]]

    def _add(self, load: int, offer: OfferKey, job: Job) -> None:
        network, settings = self.network, self.network.settings
        model, policy = network.models.get(job.model), network.policies.get(job.policy)
        overhead = policy.overhead if policy is not None else 0.0
        if model is None or model.proxied:
            found: Resource = ("nodes", offer)
            each = settings.utilisation * (network.offers[offer].requests_per_s or 0.0)
            self.effort[load] = 1 + overhead
        elif job.is_cold:
            found, each = ("cold_slots", offer), settings.cold_share
            load_s = self.reach.classes.load_s[self.reach.classes.loads[load]]
            self.effort[load] = load_s + model.service_ms * (1 + overhead) / 1000
        else:
            found = ("warm", (*offer, job.model))
            speed = network.node_types[offer.node_type].speed
            each = settings.utilisation * (model.requests_per_s or 0.0) * speed
            self.effort[load] = 1 + overhead
        key = (job.period, found[0], offer, job.model if found[0] == "warm" else "")
        if key not in self.capacities:
            self.capacities[key] = len(self.capacities)
            self.resource.append(found)
            self.each.append(each)
        self.capacity_of[load] = self.capacities[key]
        if job.state == STORED:
            near = self.reach.classes.ways.stands.stores_near[offer.site]
            self.near[load] = [("copy", (*store, job.model)) for store in near]
        if not job.idle:
            self._add_calls(load, offer, job)

    def _add_calls(self, load: int, offer: OfferKey, job: Job) -> None:
        """Note the upstreams with a limit that a load calls."""
        network = self.network
        model = network.models.get(job.model)
        for any_of in (model.upstream or ()) if model is not None else ():
            link = fastest_upstream(network, offer.site, any_of)
            for name in sorted(set(any_of)):
                limit = _accepted(network, name)
                called = link is None or Item("upstream", name) in (link.origin, link.target)
                if limit is not None and called:
                    key = (job.period, name)
                    if key not in self.upstreams:
                        self.upstreams[key] = len(self.upstreams)
                        self.accepts.append(limit)
                    self.calls.append((load, self.upstreams[key]))

    # Asking ---------------------------------------------------------------------------------------

    def rows(self, failure: Failure, amount: Amounts) -> list[Row]:
        """Return rows of every plan that survives the failure and that these amounts break."""
        at = _At(self, failure, amount)
        return [*at.presence(), *at.rows()]


class _At:
    """The program of one failure at one point."""

    def __init__(self, of: Recourse, failure: Failure, amount: Amounts) -> None:
        self.of, self.failure, self.amount = of, failure, amount
        reach, classes = of.reach, of.reach.classes
        self.columns, self.loads = reach.of, reach.load
        self.required: FloatArray = np.array(failure.required)
        self.gone = np.array([offer in failure.gone for offer in classes.offers], dtype=bool)
        self.stands: BoolArray = ~self.gone[of.offer_of]
        self.held: FloatArray = np.zeros(len(of.resource))
        self.paid: list[tuple[Resource, float]] = []
        for number, (resource, each) in enumerate(zip(of.resource, of.each, strict=True)):
            held = amount(resource)
            family, key = resource
            if family != "nodes" and held > PRESENT and amount(("nodes", key[:2])) <= PRESENT:
                resource, each, held = ("nodes", key[:2]), each * self._per_node(resource), 0.0
            self.paid.append((resource, each))
            self.held[number] = each * held
        self.copies: FloatArray = np.zeros(len(classes.loads))
        for load, near in of.near.items():
            self.copies[load] = sum(amount(store) for store in self._surviving(near))

    def _per_node(self, resource: Resource) -> float:
        """Return how many replicas or slots a node can hold at most."""
        network, (family, key) = self.of.network, resource
        node_type = network.node_types[key[1]]
        names = [key[2]] if family == "warm" else list(network.models)
        return max(replicas_per_node(network.models[name], node_type) for name in names)

    def _surviving(self, near: list[Resource]) -> list[Resource]:
        return [store for store in near if OfferKey(*store[1][:2]) not in self.failure.gone]

    # Rows without requests: somebody must be there ------------------------------------------------

    def presence(self) -> Iterator[Row]:
        """Yield the rows of classes that ask for nothing: served where something stands."""
        of, reach = self.of, self.of.reach
        for number in np.flatnonzero(of.idle & (self.required > 0)).tolist():
            terms: dict[Resource, float] = {}
            for load in reach.load[reach.of == number].tolist():
                if not self.stands[load]:
                    continue
                resource, _ = self.paid[of.capacity_of[load]]
                ways = [[resource]]
                if of.stored[load]:
                    ways.append(self._surviving(of.near[load]))
                chosen = min(ways, key=lambda way: sum(self.amount(found) for found in way))
                terms.update(dict.fromkeys(chosen, 1.0))
            if sum(self.amount(found) for found in terms) < 1 - TOLERANCE:
                yield Row(terms, 1.0)

    # Rows with requests ---------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Return rows from the duals of the program; none if everything is served that must be."""
        of = self.of
        wanted = ~of.idle & (self.required > 0)
        if not wanted.any():
            return []
        there = self.stands & (self.held[of.capacity_of] > PRESENT)
        there &= ~of.stored | (self.copies > PRESENT)
        self.active = np.flatnonzero(wanted[self.columns] & there[self.loads])
        enough = TOLERANCE * max(1.0, float(self.required[wanted].sum())) / 2
        for _ in range(ROUNDS):
            short, duals, rates = self._solved(np.flatnonzero(wanted))
            if short > enough:
                return list(self._made(duals))
            if not self._separated(rates):
                return []
        return []

    def _separated(self, rates: Mapping[int, dict[OfferKey, float]]) -> bool:
        """Note a row for every stream whose flows are no mixture of legal panels."""
        found = False
        for number, flows in rates.items():
            policy = self.of.network.policies[self.of.reach.streams[number].policy]
            weights = covering_weights(self.of.network, policy, flows)
            if weights is not None:
                self.of.panels[number].append(weights)
                found = True
        return found

    def _solved(self, wanted: IntArray) -> tuple[float, _Duals, dict[int, dict[OfferKey, float]]]:
        """Return what is short, the duals, and the verification flows of every stream."""
        of, build = self.of, _Program()
        loads, columns = self.loads[self.active], self.columns[self.active]
        flow = build.columns(len(self.active))
        short = build.columns(len(wanted))
        row_of_class = np.full(len(self.required), -1)
        row_of_class[wanted] = build.rows(-self.required[wanted])
        build.put(row_of_class[columns], flow, -1.0)
        build.put(row_of_class[wanted], short, -1.0)
        build.costs[short[0] : short[-1] + 1] = [1.0] * len(short)
        used = np.unique(of.capacity_of[loads])
        row_of_capacity = np.full(len(of.resource), -1)
        row_of_capacity[used] = build.rows(self.held[used])
        build.put(row_of_capacity[of.capacity_of[loads]], flow, of.effort[loads])
        row_of_upstream = build.rows(np.array(of.accepts))
        for load, upstream in of.calls:
            here = flow[loads == load]
            build.put(np.full(len(here), row_of_upstream[upstream]), here, 1.0)
        for load in np.unique(loads).tolist():
            if of.stored[load] and self.copies[load] < 1 - TOLERANCE:
                (row,) = build.rows(np.array([self._most(load) * self.copies[load]]))
                here = flow[loads == load]
                build.put(np.full(len(here), row), here, 1.0)
        streams = _Streams(self, build)
        for number in np.unique(of.reach.stream_of[loads]).tolist():
            if number >= 0:
                streams.add(number, flow[of.reach.stream_of[loads] == number])
        streams.limit()
        total, values, marginals = build.solved()
        duals = _Duals(
            value=np.zeros(len(self.required)),
            accepts=marginals[row_of_upstream],
            capacity=np.zeros(len(of.resource)),
        )
        duals.value[wanted] = np.minimum(1.0, marginals[row_of_class[wanted]])
        duals.capacity[used] = marginals[row_of_capacity[used]]
        duals.streams = streams.worth(marginals)
        return total, duals, streams.flows(values)

    def _most(self, load: int) -> float:
        """Return what all classes together can ask of a load."""
        return float(self.required[self.columns[self.loads == load]].sum())

    def _made(self, duals: _Duals) -> Iterator[Row]:
        """Yield the rows that the amounts break: one per model and period, else one of all."""
        of = self.of
        parts: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number in np.flatnonzero(duals.value > 0).tolist():
            parts[of.period_of[number], of.model_of[number]].append(number)
        found: list[Row] = []
        whole = [list(range(len(self.required)))]
        for chosen in [*(parts.values() if len(parts) > 1 else ()), *whole]:
            value = np.zeros(len(self.required))
            value[chosen] = duals.value[chosen]
            row = self._row(value, duals)
            if (chosen is not whole[0] or not found) and self._breaks(row):
                found.append(row)
        yield from found

    def _breaks(self, row: Row) -> bool:
        there = sum(each * self.amount(resource) for resource, each in row.terms.items())
        return there < row.least - TOLERANCE * max(1.0, row.least) / 2

    def _row(self, value: FloatArray, duals: _Duals) -> Row:
        """Return the row of these values of classes; all other duals follow from them."""
        of, stream_of = self.of, self.of.reach.stream_of
        periods = {of.period_of[number] for number in np.flatnonzero(value > 0).tolist()}
        asked = np.flatnonzero((value[self.columns] > 0) & self.stands[self.loads])
        loads = self.loads[asked]
        fed = {number for number in np.unique(stream_of[loads]).tolist() if number >= 0}
        streams = {number: duals.streams[number] for number in fed if number in duals.streams}
        executed = np.zeros(len(of.reach.streams) + 1)
        for number, (worth, _) in streams.items():
            executed[number] = worth
        calling = np.zeros(len(of.effort))
        least = float(value @ self.required)
        if of.upstreams:
            ours = np.array([period in periods for period, _ in of.upstreams])
            accepts = np.where(ours, duals.accepts, 0.0)
            for load, upstream in of.calls:
                calling[load] += accepts[upstream]
            least -= float(accepts @ np.array(of.accepts))
        credit = value[self.columns[asked]] - executed[stream_of[loads]] - calling[loads]
        per_unit = np.maximum(0.0, credit) / of.effort[loads]
        # What is loaded from a copy that is not (all) there is paid for by the copy.
        by_copy = of.stored[loads] & (self.copies[loads] < 1 - TOLERANCE)
        by_copy &= self.held[of.capacity_of[loads]] > PRESENT
        capacity, of_all = np.zeros(len(of.resource)), np.zeros(len(of.resource))
        np.maximum.at(of_all, of.capacity_of[loads], per_unit)
        np.maximum.at(capacity, of.capacity_of[loads[~by_copy]], per_unit[~by_copy])
        capacity = np.maximum(capacity, np.minimum(duals.capacity, of_all))
        terms: dict[Resource, float] = defaultdict(float)
        for number in np.flatnonzero(capacity > 0).tolist():
            resource, each = self.paid[number]
            terms[resource] += float(capacity[number]) * each
        rest: dict[int, float] = defaultdict(float)
        for at in np.flatnonzero(by_copy).tolist():
            load = int(loads[at])
            left = float(credit[at] - capacity[of.capacity_of[load]] * of.effort[load])
            rest[load] = max(rest[load], left)
        for load, left in rest.items():
            for store in self._surviving(of.near[load]) if left > 0 else ():
                terms[store] += left * self._most(load)
        self._pay_verifiers(terms, streams)
        # A whole number of anything that alone is enough need not count for more.
        return Row({what: min(each, least) for what, each in terms.items() if each > 0}, least)

    def _pay_verifiers(
        self,
        terms: dict[Resource, float],
        streams: Mapping[int, tuple[float, dict[OfferKey, float]]],
    ) -> None:
        network = self.of.network
        best: dict[tuple[str, OfferKey], float] = defaultdict(float)
        for number, (_, worth) in streams.items():
            stream = self.of.reach.streams[number]
            for offer, amount in worth.items():
                key, work = (stream.period, offer), network.policies[stream.policy].work
                best[key] = max(best[key], amount / work)
        for (_, offer), amount in best.items():
            each = network.node_types[offer.node_type].verifications_per_s or 0.0
            terms["nodes", offer] += amount * network.settings.utilisation * each


class _Streams:
    """The rows of verification in a program."""

    def __init__(self, at: _At, build: _Program) -> None:
        self.at, self.build = at, build
        self.network = at.of.network
        self.executed: dict[int, int] = {}
        self.verify: dict[int, dict[OfferKey, int]] = {}
        self.all: dict[int, int] = {}
        self.at_site: dict[int, dict[str, int]] = {}
        self.on: dict[int, list[tuple[Item, int]]] = {}
        self.panels: dict[int, list[tuple[dict[OfferKey, float], int]]] = {}

    def add(self, number: int, fed: IntArray) -> None:
        """Add a stream with the columns that feed it."""
        at, build, stream = self.at, self.build, self.at.of.reach.streams[number]
        policy = self.network.policies[stream.policy]
        (executed,) = build.columns(1).tolist()
        self.executed[number] = executed
        (row,) = build.rows(np.zeros(1))
        build.put(np.full(len(fed), row), fed, 1.0)
        build.entry(row, executed, -1.0)
        able = [offer for offer in self._left(stream) if at.amount(("nodes", offer)) > PRESENT]
        verify = dict(zip(able, build.columns(len(able)).tolist(), strict=True))
        self.verify[number] = verify
        self.all[number] = row = build.equality()
        build.entry(row, executed, float(policy.verifiers))
        for column in verify.values():
            build.entry(row, column, -1.0)
        sites: dict[str, list[int]] = defaultdict(list)
        on: dict[Item, list[int]] = defaultdict(list)
        for offer, column in verify.items():
            sites[offer.site].append(column)
            for item in self.network.hangs_on(offer) if (policy.quorum or 0) >= 2 else ():
                if item.kind in policy.independent_of:
                    on[item].append(column)
        self.at_site[number] = {
            site: self._most(columns, executed, 1.0) for site, columns in sites.items()
        }
        different = {tuple(columns): item for item, columns in sorted(on.items(), reverse=True)}
        self.on[number] = [
            (item, self._most(list(columns), executed, (policy.quorum or 0) - 1.0))
            for columns, item in sorted(different.items())
        ]
        self.panels[number] = []
        for weights in at.of.panels.get(number, ()):
            (row,) = build.rows(np.zeros(1))
            build.entry(row, executed, 1.0)
            for offer, column in verify.items():
                build.entry(row, column, -weights.get(offer, 1.0))
            self.panels[number].append((weights, row))

    def _left(self, stream: Stream) -> Sequence[OfferKey]:
        return [offer for offer in stream.verifiers if offer not in self.at.failure.gone]

    def _most(self, columns: Sequence[int], executed: int, limit: float) -> int:
        (row,) = self.build.rows(np.zeros(1)).tolist()
        for column in columns:
            self.build.entry(row, column, 1.0)
        self.build.entry(row, executed, -limit)
        return int(row)

    def limit(self) -> None:
        """Add what every verifier can do in a period."""
        busy: dict[tuple[str, OfferKey], list[tuple[int, float]]] = defaultdict(list)
        for number, columns in self.verify.items():
            stream = self.at.of.reach.streams[number]
            work = self.network.policies[stream.policy].work
            for offer, column in columns.items():
                busy[stream.period, offer].append((column, work))
        for (_, offer), terms in busy.items():
            each = self.network.node_types[offer.node_type].verifications_per_s or 0.0
            can = self.network.settings.utilisation * each * self.at.amount(("nodes", offer))
            (row,) = self.build.rows(np.array([can])).tolist()
            for column, work in terms:
                self.build.entry(row, column, work)

    def flows(self, values: FloatArray) -> dict[int, dict[OfferKey, float]]:
        """Return the verifications/s of every stream that executes something."""
        return {
            number: {o: max(0.0, float(values[column])) for o, column in columns.items()}
            for number, columns in self.verify.items()
            if values[self.executed[number]] > TOLERANCE
        }

    def worth(self, marginals: FloatArray) -> dict[int, tuple[float, dict[OfferKey, float]]]:
        """Return what a request executed in a stream costs, and what each verifier's is worth.

        Of rows with one bound only duals of the right sign count, and the cost follows from them
        exactly, for verifiers that are not there as well.
        """
        found = {}
        for number in self.executed:
            stream = self.at.of.reach.streams[number]
            policy = self.network.policies[stream.policy]
            all_, quorum = float(marginals[self.all[number]]), policy.quorum or 0
            sites = {site: float(marginals[row]) for site, row in self.at_site[number].items()}
            items = {item: float(marginals[row]) for item, row in self.on[number]}
            panels = [(weights, float(marginals[row])) for weights, row in self.panels[number]]
            cost = sum(dual for _, dual in panels) - sum(sites.values())
            cost += policy.verifiers * all_ - (quorum - 1) * sum(items.values())
            if cost < 0:
                all_, cost = all_ - cost / policy.verifiers, 0.0
            worth = {}
            for offer in self._left(stream):
                each = all_ - sites.get(offer.site, 0.0)
                hangs_on = self.network.hangs_on(offer) if items else frozenset()
                each -= sum(items[item] for item in hangs_on if item in items)
                each += sum(dual * weights.get(offer, 1.0) for weights, dual in panels)
                worth[offer] = max(0.0, each)
            found[number] = (cost, worth)
        return found


class _Program:
    """A linear program in the making: rows Σ ≤ limit, and equalities to 0."""

    def __init__(self) -> None:
        self.costs: list[float] = []
        self.limits: list[FloatArray] = []
        self.count = 0
        self.equal: list[int] = []
        self.entries: list[tuple[Any, Any, Any]] = []

    def columns(self, count: int) -> IntArray:
        """Add columns ≥ 0 that cost nothing."""
        first = len(self.costs)
        self.costs.extend([0.0] * count)
        return np.arange(first, first + count)

    def rows(self, limits: FloatArray) -> IntArray:
        """Add empty rows."""
        self.limits.append(limits)
        self.count += len(limits)
        return np.arange(self.count - len(limits), self.count)

    def equality(self) -> int:
        """Add an empty row that is 0."""
        (row,) = self.rows(np.zeros(1)).tolist()
        self.equal.append(row)
        return int(row)

    def put(self, rows: Any, columns: Any, values: Any) -> None:
        """Add entries."""
        self.entries.append((rows, columns, np.broadcast_to(values, len(columns))))

    def entry(self, row: int, column: int, value: float) -> None:
        """Add one entry."""
        self.entries.append(([row], [column], [value]))

    def solved(self) -> tuple[float, FloatArray, FloatArray]:
        """Return the optimum, the point and minus the duals: those of rows ≤ are ≥ 0."""
        # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
        from scipy.optimize import linprog
        from scipy.sparse import coo_array

        rows, columns, values = (
            np.concatenate([np.asarray(entry[part]) for entry in self.entries]) for part in range(3)
        )
        shape = (self.count, len(self.costs))
        matrix = coo_array((values, (rows, columns)), shape=shape).tocsr()
        limits = np.concatenate(self.limits)
        equal = np.zeros(self.count, dtype=bool)
        equal[self.equal] = True
        solve: Any = linprog
        found = solve(
            np.array(self.costs),
            A_ub=matrix[~equal],
            b_ub=limits[~equal],
            A_eq=matrix[equal] if equal.any() else None,
            b_eq=limits[equal] if equal.any() else None,
            method="highs",
        )
        if found.x is None:
            raise ArithmeticError(f"the routing after a failure was not solved: {found.message}")
        duals = np.zeros(self.count)
        duals[~equal] = np.maximum(0.0, -found.ineqlin.marginals)
        if equal.any():
            duals[equal] = -found.eqlin.marginals
        return float(found.fun), np.asarray(found.x), duals


def _accepted(network: Network, name: str) -> float | None:
    """Return what an upstream accepts in requests/s; None without a limit."""
    found = None
    for model in network.models.values():
        if model.max_requests_per_s is not None and any(
            name in any_of for any_of in model.upstream or ()
        ):
            found = model.max_requests_per_s
    return found
