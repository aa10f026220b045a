"""What planned resources still serve after a failure, as a linear program, and rows of its duals.

    min Σ short[c]
    Σ y[c,l] + required[c] · short[c] ≥ required[c]                    dual value[c]
    Σ effort · y ≤ each · amount    replicas, slots or nodes            dual of a capacity
    Σ y into l ≤ most[l] · Σ copies near    what is loaded from a copy
    Σ y to an upstream ≤ what it accepts
    verification streams as in `models.checking`, Σ work · verify ≤ each · nodes of a verifier

over classes c and loads l (an offer and a job); what is short is a share, so that the smallest row
counts as much as the largest. Only what has resources at the point is in it.
Whatever duals it gives for classes, upstreams and streams, those of capacities, of copies and of
verifiers follow in closed form: the least at which no column pays, those of absent offers among
them. So every row made of them holds for every plan, however the numbers were rounded:

    Σ dual · each · amount ≥ Σ value[c] · required[c] − Σ dual · accepts
                                          Source: Benders (1962); design §4 (survival)
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from models.checking import Checking, Worth, Written, all_verifiers
from models.classes import Job
from models.data import Item, OfferKey
from models.expressions import Cut
from models.expressions import Point as Value
from models.failover import Failure, Reach
from models.linear_program import LinearProgram
from models.network import Network
from models.paths import FloatArray, IntArray
from models.plan import TOLERANCE
from models.service import replicas_per_node
from models.stands import STORED, BoolArray, fastest_upstream

Resource = tuple[str, tuple[str, ...]]
"""A decision by the name of its family, and its key: ("warm", (site, node type, model))."""
Amounts = Callable[[Resource], float]

PRESENT = 1e-9
"""What there must be of a resource to be looked at."""
PASSED = 10
"""Survived points that are remembered of every failure: it is survived with more of everything."""
ROUNDS = 100
"""How often panels are separated at one point."""


class Row(NamedTuple):
    """Σ coefficient · amount of a resource ≥ least, in every plan that survives."""

    terms: Mapping[Resource, float]
    least: float


class Answer(NamedTuple):
    """The rows that a point breaks; if there are none, the offers that serve, verify and store."""

    rows: list[Row]
    used: frozenset[OfferKey]


@dataclass(frozen=True)
class Point:
    """What there is: per capacity its resource with what each can do, and what all of it can do.

    Replicas and slots without a node are none; then it is nodes that are missing.
    """

    amount: Amounts
    paid: tuple[tuple[Resource, float], ...]
    held: FloatArray
    verifiers: FloatArray
    copies: FloatArray


@dataclass(frozen=True)
class Left:
    """What a failure leaves of a reach: which loads and verifiers, and what must be served."""

    failure: Failure
    loads: BoolArray
    verifiers: BoolArray
    copies: BoolArray
    required: FloatArray


@dataclass(frozen=True)
class Duals:
    """The duals of classes, upstreams and capacities, and what streams are worth by number."""

    value: FloatArray
    accepts: FloatArray
    capacity: FloatArray
    streams: Mapping[int, Worth]


class Recourse:
    """The program of one reach; what is asked of it is a failure and a point."""

    def __init__(self, reach: Reach) -> None:
        self.reach, self.network, classes = reach, reach.network, reach.classes
        groups, count = classes.classes, len(classes.loads)
        self.idle: BoolArray = np.array([group.idle for group in groups], dtype=bool)
        self.part_of = [(g.period, self.network.demand[g.members[0]].model) for g in groups]
        self.resource: list[Resource] = []
        self.each: list[float] = []
        self.capacity_of: IntArray = np.zeros(count, dtype=np.int64)
        self.effort: FloatArray = np.ones(count)
        self.near: dict[int, list[Resource]] = {}
        self.accepts: list[float] = []
        self.calls: list[tuple[int, int]] = []
        self._capacities: dict[tuple[str, Resource], int] = {}
        self._upstreams: dict[tuple[str, str], int] = {}
        self._accepted = _accepted(self.network)
        for load, (offer, number) in enumerate(classes.loads):
            self._add(load, classes.offers[offer], classes.jobs[number])
        self.stored: BoolArray = np.isin(np.arange(count), list(self.near))
        self.verifiers = all_verifiers(reach.streams)
        position = {offer: number for number, offer in enumerate(self.verifiers)}
        self.checking = [
            Checking(self.network, s, np.array([position[o] for o in s.verifiers], dtype=np.int64))
            for s in reach.streams
        ]
        rates = [self.network.node_types[o.node_type].verifications_per_s for o in self.verifiers]
        each = [self.network.settings.utilisation * (rate or 0.0) for rate in rates]
        self.verifies: FloatArray = np.array(each, dtype=float)
        self.copies = sorted({copy for copies in self.near.values() for copy in copies})
        at = {copy: number for number, copy in enumerate(self.copies)}
        pairs = [(load, at[copy]) for load, copies in self.near.items() for copy in copies]
        self.pairs: IntArray = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self._left: dict[str, Left] = {}
        self._passed: dict[str, deque[FloatArray]] = defaultdict(lambda: deque(maxlen=PASSED))

    def _add(self, load: int, offer: OfferKey, job: Job) -> None:
        network, settings = self.network, self.network.settings
        model, policy = network.models.get(job.model), network.policies.get(job.policy)
        overhead = policy.overhead if policy is not None else 0.0
        self.effort[load] = 1 + overhead
        if model is None or model.proxied:
            found: Resource = ("nodes", offer)
            each = settings.utilisation * (network.offers[offer].requests_per_s or 0.0)
        elif job.is_cold:
            found, each = ("cold_slots", offer), settings.cold_share
            load_s = self.reach.classes.load_s[self.reach.classes.loads[load]]
            self.effort[load] = load_s + model.service_ms * (1 + overhead) / 1000
        else:
            found = ("warm", (*offer, job.model))
            speed = network.node_types[offer.node_type].speed
            each = settings.utilisation * (model.requests_per_s or 0.0) * speed
        key = (job.period, found)
        if key not in self._capacities:
            self._capacities[key] = len(self._capacities)
            self.resource.append(found)
            self.each.append(each)
        self.capacity_of[load] = self._capacities[key]
        if job.state == STORED:
            near = self.reach.classes.ways.stands.stores_near[offer.site]
            self.near[load] = [("copy", (*store, job.model)) for store in near]
        if not job.idle:
            self._add_calls(load, offer, job)

    def _add_calls(self, load: int, offer: OfferKey, job: Job) -> None:
        """Note the upstreams with a limit that a load calls."""
        model = self.network.models.get(job.model)
        for any_of in (model.upstream or ()) if model is not None and self._accepted else ():
            link = fastest_upstream(self.network, offer.site, any_of)
            for name in sorted(self._accepted.keys() & set(any_of)):
                # Without a route nobody knows which of the alternatives is called: each may be.
                if link is None or Item("upstream", name) in (link.origin, link.target):
                    key = (job.period, name)
                    if key not in self._upstreams:
                        self._upstreams[key] = len(self._upstreams)
                        self.accepts.append(self._accepted[name])
                    self.calls.append((load, self._upstreams[key]))

    def at(self, amount: Amounts) -> Point:
        """Return what there is at a point."""
        held, paid = np.zeros(len(self.resource)), []
        for number, (resource, each) in enumerate(zip(self.resource, self.each, strict=True)):
            there, (family, key) = amount(resource), resource
            held[number] = each * there
            if family != "nodes" and there > PRESENT and amount(("nodes", key[:2])) <= PRESENT:
                paid.append((("nodes", key[:2]), each * self._per_node(resource)))
                held[number] = 0.0
            else:
                paid.append((resource, each))
        nodes = [amount(("nodes", offer)) for offer in self.verifiers]
        copies = [amount(copy) for copy in self.copies]
        return Point(
            amount, tuple(paid), held, np.array(nodes, dtype=float), np.array(copies, dtype=float)
        )

    def _per_node(self, resource: Resource) -> float:
        """Return how many replicas or slots a node can hold at most."""
        family, key = resource
        node_type, models = self.network.node_types[key[1]], self.network.models
        found = [models[key[2]]] if family == "warm" else list(models.values())
        return max(replicas_per_node(model, node_type) for model in found)

    def left(self, failure: Failure) -> Left:
        """Return what a failure leaves."""
        if failure.name not in self._left:
            classes, gone = self.reach.classes, failure.gone
            loads = [classes.offers[offer] not in gone for offer, _ in classes.loads]
            self._left[failure.name] = Left(
                failure,
                np.array(loads, dtype=bool),
                np.array([offer not in gone for offer in self.verifiers], dtype=bool),
                np.array([OfferKey(*key[:2]) not in gone for _, key in self.copies], dtype=bool),
                np.array(failure.required),
            )
        return self._left[failure.name]

    def rows(self, failure: Failure, point: Point) -> list[Row]:
        """Return rows of every plan that survives the failure and that the point breaks."""
        left = self.left(failure)
        there = self._there(left, point)
        known = self._passed[failure.name]
        if any((there >= enough).all() for enough in known):
            return []
        found = self.asked(failure, point).rows
        if not found:
            known.append(there)
        return found

    def asked(self, failure: Failure, point: Point) -> Answer:
        """Return rows that the point breaks; where there are none, what then serves."""
        question = _Question(self, self.left(failure), point)
        found = [*question.presence(), *question.rows()]
        return Answer(found, frozenset() if found else frozenset(question.used()))

    def plainly(self, failure: Failure, point: Point) -> frozenset[OfferKey] | None:
        """Return offers of which it is seen without a program that they serve all that must be.

        The fewest for one class alone; None where it cannot be seen so.
        """
        left, classes = self.left(failure), self.reach.classes
        plain = left.loads & ~self.stored & (self.reach.stream_of < 0)
        plain[[load for load, _ in self.calls]] = False
        rates = np.where(plain, point.held[self.capacity_of] / self.effort, 0.0)
        missing, taken = float(left.required.sum()), dict[int, int]()
        for load in np.argsort(-rates, kind="stable").tolist():
            if missing <= 0 or rates[load] <= PRESENT:
                break
            if int(self.capacity_of[load]) not in taken:
                taken[int(self.capacity_of[load])] = load
                missing -= float(rates[load])
        if missing > 0 or len(left.required) != 1 or self.idle.any():
            return None
        return frozenset(classes.offers[classes.loads[load][0]] for load in taken.values())

    def able(self) -> dict[Resource, float]:
        """Return how many requests/s one of a resource can serve at most."""
        found: dict[Resource, float] = defaultdict(float)
        for load, capacity in enumerate(self.capacity_of.tolist()):
            what = self.resource[capacity]
            found[what] = max(found[what], self.each[capacity] / float(self.effort[load]))
        return dict(found)

    def _there(self, left: Left, point: Point) -> FloatArray:
        """Return how much there is of everything that is left."""
        loads = np.zeros(len(self.resource), dtype=bool)
        loads[self.capacity_of[left.loads]] = True
        return np.concatenate(
            [point.held[loads], point.verifiers[left.verifiers], point.copies[left.copies]]
        )

    def near_left(self, load: int, left: Left) -> list[Resource]:
        """Return the copies near a load that may be left."""
        return [copy for copy in self.near[load] if OfferKey(*copy[1][:2]) not in left.failure.gone]


class _Question:
    """What one failure leaves at one point."""

    def __init__(self, of: Recourse, left: Left, point: Point) -> None:
        self.of, self.left, self.point = of, left, point
        self.columns, self.loads = of.reach.of, of.reach.load
        there = np.where(left.copies, point.copies, 0.0)
        self.copies: FloatArray = np.zeros(len(of.effort))
        np.add.at(self.copies, of.pairs[:, 0], there[of.pairs[:, 1]])
        self.wanted = np.flatnonzero(~of.idle & (left.required > 0))
        self._loads: IntArray = np.zeros(0, dtype=np.int64)
        self._verifiers: IntArray = np.zeros(0, dtype=np.int64)

    def presence(self) -> Iterator[Row]:
        """Yield the rows of classes that ask for nothing: served where something stands."""
        of, amount = self.of, self.point.amount
        for number in np.flatnonzero(of.idle & (self.left.required > 0)).tolist():
            terms: dict[Resource, float] = {}
            for load in self.loads[self.columns == number].tolist():
                if not self.left.loads[load]:
                    continue
                resource, _ = self.point.paid[of.capacity_of[load]]
                ways = [[resource]]
                if of.stored[load]:
                    ways.append(of.near_left(load, self.left))
                chosen = min(ways, key=lambda way: sum(amount(found) for found in way))
                terms.update(dict.fromkeys(chosen, 1.0))
            if sum(amount(found) for found in terms) < 1 - TOLERANCE:
                yield Row(terms, 1.0)

    def rows(self) -> list[Row]:
        """Return rows from the duals of the program; none if all is served that must be."""
        if not len(self.wanted):
            return []
        for _ in range(ROUNDS):
            short, duals, is_mixture = self._solved()
            if short > TOLERANCE / 2:
                return list(self._made(duals))
            if is_mixture:
                return []
        return []

    def _solved(self) -> tuple[float, Duals, bool]:
        """Return what is short, the duals, and whether panels give every verification flow."""
        of, left, program = self.of, self.left, LinearProgram()
        there = left.loads & (self.point.held[of.capacity_of] > PRESENT)
        there &= ~of.stored | (self.copies > PRESENT)
        required = np.where(of.idle, 0.0, left.required)
        active = np.flatnonzero((required[self.columns] > 0) & there[self.loads])
        loads, columns = self.loads[active], self.columns[active]
        flow = program.columns(len(active))
        short = program.columns(len(self.wanted), cost=1.0)
        of_class = np.full(len(required), -1)
        of_class[self.wanted] = program.rows(-required[self.wanted])
        program.put(of_class[columns], flow, -1.0)
        program.put(of_class[self.wanted], short, -required[self.wanted])
        used = np.unique(of.capacity_of[loads])
        of_capacity = np.full(len(of.resource), -1)
        of_capacity[used] = program.rows(self.point.held[used])
        program.put(of_capacity[of.capacity_of[loads]], flow, of.effort[loads])
        of_upstream = program.rows(of.accepts)
        for load, upstream in of.calls:
            program.put(of_upstream[upstream], flow[loads == load], 1.0)
        partly = of.stored[loads] & (self.copies[loads] < 1 - TOLERANCE)
        for load in np.unique(loads[partly]).tolist():
            row = program.rows(self._most(load) * self.copies[load])
            program.put(row, flow[loads == load], 1.0)
        written = self._write_streams(program, flow, of.reach.stream_of[loads])
        optimum = program.solved()
        self._loads = np.unique(loads[optimum.point[flow] > PRESENT])
        self._verifiers = self._verifying(written, optimum.point)
        value, capacity = np.zeros(len(required)), np.zeros(len(of.resource))
        most = 1.0 / required[self.wanted]
        value[self.wanted] = np.minimum(most, optimum.duals[of_class[self.wanted]])
        capacity[used] = optimum.duals[of_capacity[used]]
        worth = {n: of.checking[n].worth(found, optimum.duals) for n, found in written.items()}
        duals = Duals(value, optimum.duals[of_upstream], capacity, worth)
        broken = [of.checking[n].separated(found, optimum.point) for n, found in written.items()]
        return optimum.value, duals, not any(broken)

    def _verifying(self, written: dict[int, Written], point: FloatArray) -> IntArray:
        """Return the verifiers that verify something at a point of the program."""
        found = [np.zeros(0, dtype=np.int64)]
        for number, where in written.items():
            at = self.of.checking[number].at[where.members]
            found.append(at[point[where.verify] > PRESENT])
        return np.unique(np.concatenate(found))

    def used(self) -> Iterator[OfferKey]:
        """Yield the offers that what was solved last stands on, with all copies near."""
        of, classes = self.of, self.of.reach.classes
        for load in self._loads.tolist():
            yield classes.offers[classes.loads[load][0]]
            for copy in of.near_left(load, self.left) if of.stored[load] else ():
                if self.point.amount(copy) > PRESENT:
                    yield OfferKey(*copy[1][:2])
        yield from (of.verifiers[number] for number in self._verifiers.tolist())

    def _write_streams(
        self, program: LinearProgram, flow: IntArray, stream_of: IntArray
    ) -> dict[int, Written]:
        of, written = self.of, {}
        able = self.left.verifiers & (self.point.verifiers > PRESENT)
        busy: dict[str, list[tuple[IntArray, IntArray, float]]] = defaultdict(list)
        for number in np.unique(stream_of[stream_of >= 0]).tolist():
            checking = of.checking[number]
            found = checking.write(program, flow[stream_of == number], able[checking.at])
            written[number] = found
            at = checking.at[found.members]
            busy[checking.stream.period].append((at, found.verify, float(checking.policy.work)))
        for entries in busy.values():
            used = np.unique(np.concatenate([at for at, _, _ in entries]))
            row_of = np.full(len(able), -1)
            row_of[used] = program.rows(of.verifies[used] * self.point.verifiers[used])
            for at, verify, work in entries:
                program.put(row_of[at], verify, work)
        return written

    def _most(self, load: int) -> float:
        """Return what all classes together can ask of a load."""
        return float(self.left.required[self.columns[self.loads == load]].sum())

    # Rows -----------------------------------------------------------------------------------------

    def _made(self, duals: Duals) -> Iterator[Row]:
        """Yield the rows that the point breaks: one per model and period, else one of all."""
        parts: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number in np.flatnonzero(duals.value > 0).tolist():
            parts[self.of.part_of[number]].append(number)
        is_broken = False
        for chosen in parts.values() if len(parts) > 1 else ():
            value = np.zeros(len(duals.value))
            value[chosen] = duals.value[chosen]
            row = self._row(value, duals)
            if row is not None and self._breaks(row):
                is_broken = True
                yield row
        whole = None if is_broken else self._row(duals.value, duals)
        if whole is not None:
            yield whole

    def _breaks(self, row: Row) -> bool:
        there = sum(each * self.point.amount(resource) for resource, each in row.terms.items())
        return there < row.least - TOLERANCE * max(1.0, row.least)

    def _row(self, value: FloatArray, duals: Duals) -> Row | None:
        """Return the row of these values of classes; all other duals follow from them.

        None where it asks for nothing.
        """
        of, point, stream_of = self.of, self.point, self.of.reach.stream_of
        asked = np.flatnonzero((value[self.columns] > 0) & self.left.loads[self.loads])
        loads = self.loads[asked]
        fed = np.unique(stream_of[loads]).tolist()
        streams = {number: duals.streams[number] for number in fed if number in duals.streams}
        executed, calling = np.zeros(len(of.checking) + 1), np.zeros(len(of.effort))
        for number, worth in streams.items():
            executed[number] = worth.executed
        # What an upstream accepts counts where it is called, and for nothing anywhere else.
        asking = set(loads.tolist())
        called = {upstream for load, upstream in of.calls if load in asking}
        accepts = np.array(
            [dual if number in called else 0.0 for number, dual in enumerate(duals.accepts)]
        )
        for load, upstream in of.calls:
            calling[load] += accepts[upstream]
        least = float(value @ self.left.required) - float(accepts @ np.array(of.accepts))
        if least <= 0:
            return None
        credit = value[self.columns[asked]] - executed[stream_of[loads]] - calling[loads]
        per_unit = np.maximum(0.0, credit) / of.effort[loads]
        # What is loaded from a copy that is not (all) there is paid for by the copy.
        by_copy = of.stored[loads] & (self.copies[loads] < 1 - TOLERANCE)
        by_copy &= point.held[of.capacity_of[loads]] > PRESENT
        capacity, of_all = np.zeros(len(of.resource)), np.zeros(len(of.resource))
        np.maximum.at(of_all, of.capacity_of[loads], per_unit)
        np.maximum.at(capacity, of.capacity_of[loads[~by_copy]], per_unit[~by_copy])
        capacity = np.maximum(capacity, np.minimum(duals.capacity, of_all))
        terms: dict[Resource, float] = defaultdict(float)
        for number in np.flatnonzero(capacity > 0).tolist():
            resource, each = point.paid[number]
            terms[resource] += float(capacity[number]) * each
        rest: dict[int, float] = defaultdict(float)
        for at in np.flatnonzero(by_copy).tolist():
            load = int(loads[at])
            left = float(credit[at] - capacity[of.capacity_of[load]] * of.effort[load])
            rest[load] = max(rest[load], left)
        for load, left in rest.items():
            for store in of.near_left(load, self.left) if left > 0 else ():
                terms[store] += left * self._most(load)
        self._pay_verifiers(terms, streams)
        # A whole number of anything that alone is enough need not count for more.
        return Row({what: min(each, least) for what, each in terms.items() if each > 0}, least)

    def _pay_verifiers(self, terms: dict[Resource, float], streams: Mapping[int, Worth]) -> None:
        of = self.of
        best: dict[str, FloatArray] = {}
        for number, worth in streams.items():
            checking = of.checking[number]
            found = best.setdefault(checking.stream.period, np.zeros(len(of.verifiers)))
            np.maximum.at(found, checking.at, worth.verified / checking.policy.work)
        for found in best.values():
            paid = found * of.verifies * self.left.verifiers
            for number in np.flatnonzero(paid > 0).tolist():
                terms["nodes", of.verifiers[number]] += float(paid[number])


# In the model ------------------------------------------------------------------------------------


def amounts(model: Any, point: Value) -> Amounts:
    """Return how much there is of every resource at a point of the model."""
    known: dict[Resource, float] = {}

    def amount(resource: Resource) -> float:
        if resource not in known:
            variable = variable_of(model, resource)
            known[resource] = 0.0 if variable is None else max(0.0, point(variable))
        return known[resource]

    return amount


def cut_of(model: Any, row: Row) -> Cut:
    """Return the row in the variables of the model."""
    held = [(each, variable_of(model, what)) for what, each in sorted(row.terms.items())]
    in_model = tuple((each, variable) for each, variable in held if variable is not None)
    return Cut(in_model, lower=row.least)


def variable_of(model: Any, resource: Resource) -> Any:
    """Return the variable of a resource; None where the model has none, and so no plan any."""
    family, key = resource
    if key not in model.component(family):
        return None
    return model.component(family)[key]


def _accepted(network: Network) -> dict[str, float]:
    """Return what every upstream with a limit accepts in requests/s."""
    accepted: dict[str, float] = {}
    for model in network.models.values():
        for any_of in model.upstream or () if model.max_requests_per_s is not None else ():
            accepted.update(dict.fromkeys(any_of, model.max_requests_per_s or 0.0))
    return accepted
