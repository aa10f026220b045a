"""How much of a plan hangs on one dependency, and how few must fail before a guarantee is lost.

Per role, per thing that the role serves (a model, policy or committee), per period and per kind of
dependency: shares, the largest share, the effective number 1 / Σp², and the Nakamoto number, the
fewest dependencies of the kind that together hold *strictly more* than a limit:

    execution      liveness: half of the requests/s served
    verification   of any one panel, liveness: verifiers − quorum; safety: quorum − 1 verifiers
    storage        of a model, liveness: the copies beyond those that must be left;
                   of all models together: half of the copies
    coordination   of a committee, liveness: max_faulty seats; safety: seats − 2·max_faulty − 1;
                   control: seats − max_faulty − 1
    all            liveness: half of the nodes of every role

A chain of one kind (a reseller on somebody's cloud) counts at its top, so shares sum to 1 where
everything hangs on one dependency of the kind. What hangs on none is in the total but in no share:
it stands apart as `on_none`, and the effective number is that of all the rest.
Doubt is read twice: at best every unknown value is a dependency of its own and suspected exposures
are false; at worst all unknown values are the largest known dependency and suspicions are true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from models import guarantees, hitting_sets
from models.data import ROLES, Item
from models.guarantees import LIVENESS, Guarantee
from models.network import UNKNOWN, Network, is_unknown
from models.plan import Deployment
from models.service import Service, service, verifications_per_s

ALL = "all"
"""Stands for every model, policy or role together."""

DUST = 1e-9


class Share(NamedTuple):
    """What hangs on one dependency; `avoidable` is False where no placement escapes it."""

    dependency: str
    amount: float
    share: float
    avoidable: bool


@dataclass(frozen=True)
class Figures:
    """One reading of the shares of a kind.

    `effective` is of what hangs on the kind, None where nothing does. `nakamoto` is by what is
    lost; None: all dependencies of the kind together are not enough.
    """

    largest: str
    largest_share: float
    effective: float | None
    nakamoto: Mapping[str, int | None]


@dataclass(frozen=True)
class Concentration:
    """The shares of one kind of dependency in one thing, as set and at best and worst.

    `on_none` is the share that hangs on no dependency of the kind.
    """

    role: str
    of: str
    period: str
    kind: str
    unit: str
    shares: tuple[Share, ...]
    on_none: float
    best: Figures
    worst: Figures

    @property
    def is_avoidable(self) -> bool:
        """Return whether a placement could escape the dependency with the largest share."""
        return not self.shares or self.shares[0].avoidable


class Part(NamedTuple):
    """An amount at a site with the dependencies each of which alone takes it down."""

    hangs_on: frozenset[Item]
    site: str
    amount: float


class Trial(NamedTuple):
    """Parts of which strictly more than `limit` must be hit for `loss` to happen."""

    loss: str
    parts: tuple[Part, ...]
    limit: float


@dataclass(frozen=True)
class _Group:
    role: str
    of: str
    period: str
    unit: str
    parts: tuple[Part, ...]
    trials: tuple[Trial, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.role, self.of, self.period)


def concentration(
    network: Network, plan: Deployment, roles: Iterable[str] = (*ROLES, ALL)
) -> tuple[Concentration, ...]:
    """Return the concentration of everything in the plan, sorted by role, thing and kind."""
    wanted = tuple(roles)
    as_set = {group.key: group for group in _groups(network, plan, wanted)}
    doubtful = any(exposure.confidence == "suspected" for exposure in network.exposures)
    readings = []
    for suspected in ("ignore", "count"):
        read, found = network, as_set
        if doubtful and network.settings.suspected != suspected:
            read = replace(network, settings=replace(network.settings, suspected=suspected))
            found = {group.key: group for group in _groups(read, plan, wanted)}
        readings.append((read, found))
    (best_network, best), (worst_network, worst) = readings
    blank = {item.kind for item in network.graph.dependencies if is_unknown(item)}
    result = []
    for key, group in as_set.items():
        unavoidable = _unavoidable(network, group)
        for kind in _kinds(group, best[key], worst[key]):
            at_best = _figures(best_network, best[key], kind, shared=False)
            is_known = worst[key] is best[key] and kind not in blank
            result.append(
                Concentration(
                    *key,
                    kind,
                    group.unit,
                    shares=_shares(network, group, kind, unavoidable),
                    on_none=_on_none(network, group, kind),
                    best=at_best,
                    worst=at_best
                    if is_known
                    else _figures(worst_network, worst[key], kind, shared=True),
                )
            )
    return tuple(result)


def effective_number(amounts: Iterable[float]) -> float | None:
    """Return 1 / Σp², the number of equal shares that are as concentrated; None if all are 0."""
    known = list(amounts)
    total = sum(known)
    return _effective([amount / total for amount in known]) if total > 0 else None


def _effective(shares: Iterable[float]) -> float | None:
    squares = sum(share * share for share in shares)
    return 1.0 / squares if squares > 0 else None


# Shares and figures of one kind -------------------------------------------------------------------


def _kinds(*groups: _Group) -> list[str]:
    found = {item.kind for group in groups for part in group.parts for item in part.hangs_on}
    return sorted(found)


def _tops(network: Network, part: Part, kind: str) -> frozenset[Item]:
    return network.graph.outermost(frozenset(item for item in part.hangs_on if item.kind == kind))


def _amounts(parts: Iterable[tuple[frozenset[Item], float]]) -> dict[Item, float]:
    amounts: dict[Item, float] = defaultdict(float)
    for hangs_on, amount in parts:
        for item in hangs_on:
            amounts[item] += amount
    return amounts


def _shares(
    network: Network, group: _Group, kind: str, unavoidable: frozenset[Item]
) -> tuple[Share, ...]:
    total = sum(part.amount for part in group.parts)
    amounts = _amounts((_tops(network, part, kind), part.amount) for part in group.parts)
    return tuple(
        Share(item.name, amount, amount / total, item not in unavoidable)
        for item, amount in sorted(amounts.items(), key=lambda entry: (-entry[1], entry[0]))
    )


def _on_none(network: Network, group: _Group, kind: str) -> float:
    free = sum(part.amount for part in group.parts if not _tops(network, part, kind))
    return free / sum(part.amount for part in group.parts)


def _figures(network: Network, group: _Group, kind: str, *, shared: bool) -> Figures:
    total = sum(part.amount for part in group.parts)
    # The losses of a committee are all of the same seats.
    read = {
        parts: _read(network, parts, kind, shared=shared)
        for parts in {group.parts, *(trial.parts for trial in group.trials)}
    }
    exposed = [part for part in read[group.parts] if part[0]]
    amounts, held = _amounts(exposed), sum(amount for _, amount in exposed)
    largest = min(amounts, key=lambda item: (-amounts[item], item), default=None)
    numbers: dict[str, int | None] = {}
    for trial in group.trials:
        taken = hitting_sets.fewest(read[trial.parts], trial.limit)
        found = (numbers.get(trial.loss), None if taken is None else len(taken))
        numbers[trial.loss] = min((number for number in found if number is not None), default=None)
    return Figures(
        largest=largest.name if largest is not None else "",
        largest_share=amounts[largest] / total if largest is not None else 0.0,
        effective=_effective(amount / held for amount in amounts.values() if held),
        nakamoto=numbers,
    )


def _read(
    network: Network, parts: tuple[Part, ...], kind: str, *, shared: bool
) -> list[hitting_sets.Part]:
    """Return what each part hangs on, unknown values all shared with the largest or distinct."""
    tops = [(_tops(network, part, kind), part) for part in parts]
    known = _amounts((items, part.amount) for items, part in tops)
    certain = [item for item in known if not is_unknown(item)]
    stand_in = min(certain, key=lambda item: (-known[item], item), default=Item(kind, UNKNOWN))

    def named(item: Item, site: str) -> Item:
        if not is_unknown(item):
            return item
        return stand_in if shared else Item(kind, f"{UNKNOWN} ({site})")

    return [
        (frozenset(named(item, part.site) for item in items), part.amount) for items, part in tops
    ]


def _unavoidable(network: Network, group: _Group) -> frozenset[Item]:
    """Return the known dependencies that every offer of the role, or every demand row, hangs on."""
    offers = list(network.offers) if group.role == ALL else network.offers_of(group.role)
    found = [network.hangs_on(offer) for offer in offers]
    shared = frozenset.intersection(*found) if found else frozenset()
    shared = frozenset(item for item in shared if not is_unknown(item))
    if group.role != "execution":
        return shared
    asked = [
        network.graph.hangs_on(Item("region", demand.region))
        | network.graph.hangs_on(Item("model", demand.model))
        | network.graph.hangs_on(Item("policy", demand.verification))
        for demand in network.demand
        if group.of in (ALL, demand.model) and demand.requests_per_s
    ]
    return shared | frozenset.intersection(*asked) if asked else shared


# What there is to count ---------------------------------------------------------------------------


def _groups(network: Network, plan: Deployment, roles: tuple[str, ...]) -> Iterator[_Group]:
    for role in roles:
        for group in _GROUPS[role](network, plan):
            if sum(part.amount for part in group.parts) > DUST:
                yield group


def _half(parts: tuple[Part, ...]) -> tuple[Trial, ...]:
    return (Trial(LIVENESS, parts, sum(part.amount for part in parts) / 2),)


def _execution(network: Network, plan: Deployment) -> Iterator[_Group]:
    demand_of = {demand.key: demand for demand in network.demand}
    found: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        if demand is None or flow.share <= DUST:
            continue
        way = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if not isinstance(way, Service):
            continue
        part = Part(way.hangs_on, flow.offer.site, demand.requests_per_s * flow.share)
        for name in {ALL, demand.model or ALL}:
            found[name, demand.period].append(part)
    for (name, period), listed in sorted(found.items(), key=lambda entry: _all_first(entry[0])):
        parts = tuple(listed)
        yield _Group("execution", name, period, "requests/s", parts, _half(parts))


def _all_first(key: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    return key[0] != ALL, key


def _verification(network: Network, plan: Deployment) -> Iterator[_Group]:
    found: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for flow in plan.verification:
        if flow.policy in network.policies and flow.verifier in network.offers:
            work = verifications_per_s(network, flow)
            part = Part(network.hangs_on(flow.verifier), flow.verifier.site, work)
            found[flow.policy, flow.period].append(part)
    lost = _trials(network, guarantees.verification(network, plan))
    for (name, period), parts in sorted(found.items()):
        trials = lost.get((name, period), ())
        yield _Group("verification", name, period, "verifications/s", tuple(parts), trials)


def _storage(network: Network, plan: Deployment) -> Iterator[_Group]:
    lost = _trials(network, guarantees.storage(network, plan))
    every = tuple(part for trials in lost.values() for part in trials[0].parts)
    if every:
        yield _Group("storage", ALL, "", "copies", every, _half(every))
    for (name, _), trials in lost.items():
        yield _Group("storage", name, "", "copies", trials[0].parts, trials)


def _coordination(network: Network, plan: Deployment) -> Iterator[_Group]:
    for (name, _), trials in _trials(network, guarantees.coordination(network, plan)).items():
        yield _Group("coordination", name, "", "seats", trials[0].parts, trials)


def _trials(
    network: Network, found: Iterable[Guarantee]
) -> dict[tuple[str, str], tuple[Trial, ...]]:
    """Return the losses of every thing and period, each on what it stands on."""
    trials: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for guarantee in found:
        for stand in guarantee.stands:
            parts = tuple(
                Part(network.hangs_on(offer), offer.site, count)
                for offer, count in stand.held.items()
            )
            trials[guarantee.of, guarantee.period].append(Trial(guarantee.loss, parts, stand.limit))
    return {key: tuple(listed) for key, listed in trials.items()}


def _nodes(network: Network, plan: Deployment) -> Iterator[_Group]:
    parts = tuple(
        Part(network.hangs_on(offer), offer.site, count)
        for offer, count in sorted(plan.nodes.items())
        if offer in network.offers
    )
    yield _Group(ALL, ALL, "", "nodes", parts, _half(parts))


_GROUPS = {
    "execution": _execution,
    "verification": _verification,
    "storage": _storage,
    "coordination": _coordination,
    ALL: _nodes,
}
