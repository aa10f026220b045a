"""From demand classes back to demand rows: who of a class is served where, and from which offer.

The model decides what share of a class each place serves and what each offer answers. Every member
gets the same share served; which member is served where is the transport problem of least latency
(Hitchcock, 1941), for each model, policy, residency and period by itself, so that neither loads nor
prices change. Then the offers of each place are filled in turn, and cold loads get their source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from models.classes import Classes, Job
from models.data import OfferKey
from models.network import Network
from models.paths import FloatArray, IntArray
from models.plan import HUB, Flow, Replica, VerificationFlow
from models.stands import STORED, WARM
from models.streams import Stream

SMALLEST_SHARE = 1e-9
"""Shares and flows below this are numerical dust."""
UNKNOWN_MS = 1e6
"""What an unknown latency counts beside known ones."""

Slot = tuple[int, float]
"""A place and a price: where members of several classes may change places."""


def routing(
    network: Network,
    classes: Classes,
    flow: Callable[[int], float],
    load: Callable[[int, int], float],
    copies: frozenset[Replica],
) -> tuple[Flow, ...]:
    """Return the plan's flows; `flow` is by position, `load` by positions of offer and job."""
    shares = np.array([min(1.0, flow(position)) for position in range(len(classes))])
    used = np.flatnonzero(shares > SMALLEST_SHARE)
    together: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for position in used.tolist():
        job = classes.jobs[classes.places[classes.place[position]].job]
        together[_exchange(job)].append(position)
    at_place: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for positions in together.values():
        for member, entry, place, weight in _transport(network, classes, positions, shares):
            at_place[place].append((member, entry, weight))
    found = [
        row
        for place in sorted(at_place)
        for row in _filled(network, classes, place, at_place[place], load, copies)
    ]
    return tuple(row for _, row in sorted(found, key=lambda entry: (entry[0], *_order(entry[1]))))


def _order(row: Flow) -> tuple[object, ...]:
    return (row.offer, row.route, row.state, row.fetch_from)


def _exchange(job: Job) -> tuple[object, ...]:
    """Return within what classes may change places."""
    return (job.model, job.policy, job.residency, job.period, job.region, job.idle)


def _weights(network: Network, members: tuple[int, ...]) -> FloatArray:
    return np.array([network.demand[member].requests_per_s or 1.0 for member in members])


def _transport(
    network: Network, classes: Classes, used: list[int], shares: FloatArray
) -> Iterator[tuple[int, int, int, float]]:
    """Yield member, entry of its region's paths, place and weight, at least latency."""
    slot_of = {p: (int(classes.place[p]), float(classes.price[p])) for p in used}
    column_of = {slot: column for column, slot in enumerate(sorted(set(slot_of.values())))}
    numbers = sorted({int(classes.of[p]) for p in used})
    members = [member for number in numbers for member in classes.classes[number].members]
    shape = (len(members), len(column_of))
    start, cost = np.zeros(shape), np.full(shape, np.inf)
    entries = np.zeros(shape, dtype=np.int64)
    row = 0
    for number in numbers:
        group = classes.classes[number].members
        rows, weights = np.arange(row, row + len(group)), _weights(network, group)
        flows, columns = _open_to(classes, number, column_of)
        start[rows[:, None], columns] = weights[:, None] * shares[flows][None, :]
        for position, member in enumerate(group):
            paths = classes.ways.paths.of(network.demand[member].region)
            found = np.searchsorted(paths.way, classes.way[flows])
            latency = paths.latency_ms[found]
            cost[row + position, columns] = np.where(np.isnan(latency), UNKNOWN_MS, latency)
            entries[row + position, columns] = found
        row += len(group)
    moved = start if 1 in shape else least_transport(start, cost)
    places = [place for place, _ in column_of]
    for row, column in zip(*np.nonzero(moved > SMALLEST_SHARE * start.max()), strict=True):
        entry = int(entries[row, column])
        yield members[row], entry, places[column], float(moved[row, column])


def _open_to(classes: Classes, number: int, slots: Mapping[Slot, int]) -> tuple[IntArray, IntArray]:
    """Return the flows of a class to the slots, and the columns of these."""
    begin, end = np.searchsorted(classes.of, [number, number + 1])
    places, prices = classes.place[begin:end].tolist(), classes.price[begin:end].tolist()
    pairs = zip(places, prices, strict=True)
    found = np.array([slots.get(slot, -1) for slot in pairs], dtype=np.int64)
    inside = np.flatnonzero(found >= 0)
    return inside + begin, found[inside]


def least_transport(start: FloatArray, cost: FloatArray) -> FloatArray:
    """Return the transport of least cost with the row and column sums of `start`.

    Where the cost is infinite nothing may go. Should the solver fail, `start` is returned.
    """
    # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
    from scipy.optimize import LinearConstraint, milp
    from scipy.sparse import coo_array, vstack

    scale = float(start.max()) or 1.0
    rows, columns = np.nonzero(np.isfinite(cost))
    each, index = np.ones(len(rows)), np.arange(len(rows))
    of_rows = coo_array((each, (rows, index)), shape=(start.shape[0], len(rows)))
    of_columns = coo_array((each, (columns, index)), shape=(start.shape[1], len(rows)))
    sums = np.concatenate([start.sum(axis=1), start.sum(axis=0)]) / scale
    matrix = vstack([of_rows, of_columns]).tocsr()
    found = milp(cost[rows, columns], constraints=LinearConstraint(matrix, sums, sums))
    if found.x is None:
        return start
    moved = np.zeros_like(start)
    moved[rows, columns] = np.maximum(found.x, 0.0) * scale
    return moved


def _filled(
    network: Network,
    classes: Classes,
    place_number: int,
    served: list[tuple[int, int, float]],
    load: Callable[[int, int], float],
    copies: frozenset[Replica],
) -> Iterator[tuple[int, Flow]]:
    """Yield the flows of a place: its offers filled in turn in proportion to their loads."""
    place = classes.places[place_number]
    loads = {offer: max(0.0, load(offer, place.job)) for offer in place.offers}
    total = sum(loads.values())
    if total <= 0:
        return
    scale = sum(weight for _, _, weight in served) / total
    rooms = [(offer, amount * scale) for offer, amount in loads.items() if amount > 0]
    job = classes.jobs[place.job]
    offer, room = rooms.pop(0)
    for member, entry, weight in sorted(served):
        demand = network.demand[member]
        paths = classes.ways.paths.of(demand.region)
        route = classes.ways.paths.route(int(paths.link[entry]))
        own, left = demand.requests_per_s or 1.0, weight
        while left > SMALLEST_SHARE * own:
            while room <= SMALLEST_SHARE * own and rooms:
                offer, room = rooms.pop(0)
            part = min(left, room) if rooms else left
            key = classes.offers[offer]
            state = WARM if job.state == WARM else "cold"
            source = _source(classes, job, key, copies)
            yield member, Flow(demand.key, key, route, state, part / own, source)
            left, room = left - part, room - part


def _source(classes: Classes, job: Job, offer: OfferKey, copies: frozenset[Replica]) -> str:
    """Return where a cold load gets the weights: the nearest copy, or the hub."""
    if job.state != STORED:
        return "" if job.state == WARM else HUB
    near = classes.ways.stands.stores_near[offer.site]
    holding = [store for store in near if Replica(*store, job.model) in copies]
    return str((holding or list(near))[0])


def verification(
    network: Network,
    streams: Iterable[Stream],
    verify: Callable[[Stream, OfferKey], float],
    flows: tuple[Flow, ...],
) -> tuple[VerificationFlow, ...]:
    """Return the flows of each stream, split over its executors in proportion to their rates."""
    row_of = {demand.key: demand for demand in network.demand}
    executed_at: dict[tuple[str, str, str, OfferKey], float] = defaultdict(float)
    for flow in flows:
        row = row_of[flow.demand]
        scope = (row.verification, row.residency, row.period, flow.offer)
        executed_at[scope] += row.requests_per_s * flow.share
    return tuple(
        check for stream in streams for check in _checks(network, stream, verify, executed_at)
    )


def _checks(
    network: Network,
    stream: Stream,
    verify: Callable[[Stream, OfferKey], float],
    executed_at: Mapping[tuple[str, str, str, OfferKey], float],
) -> Iterator[VerificationFlow]:
    scope = (stream.policy, stream.residency, stream.period)
    rates = {e: executed_at[*scope, e] for e in stream.executors if executed_at[*scope, e] > 0}
    executed = sum(rates.values())
    if executed <= SMALLEST_SHARE:
        return
    found = {offer: verify(stream, offer) for offer in stream.verifiers}
    found = {offer: rate for offer, rate in found.items() if rate > SMALLEST_SHARE * executed}
    scale = network.policies[stream.policy].verifiers * executed / (sum(found.values()) or 1.0)
    for executor, rate in sorted(rates.items()):
        for verifier, amount in sorted(found.items()):
            share = amount * scale * rate / executed
            yield VerificationFlow(*scope, executor, verifier, share)
