"""What a Diversity row limits, as Pyomo terms with the dependencies that each term hangs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from models.classes import Job
from models.data import DiversityRow, Item, OfferKey
from models.expressions import Point, Term, at_least_zero, row, rows, yes_no
from models.holdings import Holding
from models.loads import hangs_on as requests_hang_on
from models.network import Network

Label = tuple[str, ...]

DUST = 1e-6
"""Amounts below are left by the solver's tolerance."""


@dataclass
class Group:
    """The terms of one thing that a row applies to; `nominal` prices a share of 1.0."""

    label: Label
    terms: list[tuple[frozenset[Item], Term]] = field(default_factory=list)
    nominal: float = 0.0
    seats_that_may_fail: int = 0

    def on(self, items: frozenset[Item]) -> list[Term]:
        """Return the terms that hang on any of the items."""
        if len(items) == 1:
            return self._on_one.get(next(iter(items)), [])
        return [term for hangs_on, term in self.terms if hangs_on & items]

    @cached_property
    def _on_one(self) -> dict[Item, list[Term]]:
        found: dict[Item, list[Term]] = defaultdict(list)
        for hangs_on, term in self.terms:
            for item in hangs_on:
                found[item].append(term)
        return found

    @property
    def all(self) -> list[Term]:
        """Return every term."""
        return [term for _, term in self.terms]

    def at(self, point: Point) -> Holding:
        """Return what the terms amount to at a point."""
        amounts = ((on, coefficient * point(v)) for on, (coefficient, v) in self.terms)
        parts = tuple((on, amount) for on, amount in amounts if amount > DUST)
        return Holding(self.label, parts, self.nominal)

    @property
    def dependencies(self) -> list[Item]:
        """Return every dependency that some term hangs on, sorted."""
        return sorted(self._on_one)


def limited(network: Network, rule: DiversityRow, group: Group) -> list[Item]:
    """Return the dependencies that the row limits: the named one, or every one of the kind."""
    if rule.dependency:
        return [Item(rule.kind, rule.dependency)]
    return group.dependencies


def groups(
    block: Any, model: Any, network: Network, rule: DiversityRow, counted: bool
) -> list[Group]:
    """Return the groups of a row, by label; `counted` asks for things instead of flows."""
    measure = rule.measure or {
        "execution": "requests",
        "verification": "work",
        "storage": "copies",
    }.get(rule.role, "seats")
    if counted and measure in ("requests", "work"):
        of_model = measure == "requests" and rule.applies_to.startswith("model:")
        measure = "warm" if of_model else "nodes"
    # Rows that differ only in what they limit share their terms: hundreds of caps are common.
    owner = id(block) if measure == "sites" else 0
    key = (owner, measure, rule.role, rule.kind, rule.applies_to, rule.scope)
    if key not in model.groups:
        model.groups[key] = _new_groups(block, model, network, rule, measure)
    known: list[Group] = model.groups[key]
    return known


def _new_groups(
    block: Any, model: Any, network: Network, rule: DiversityRow, measure: str
) -> list[Group]:
    found: dict[Label, Group] = {}
    of_kind: dict[frozenset[Item], frozenset[Item]] = {}
    for label, hangs_on, term, nominal in _TERMS[measure](block, model, network, rule):
        group = found.setdefault(label, Group(label))
        if term is not None:
            if hangs_on not in of_kind:
                of_kind[hangs_on] = frozenset(i for i in hangs_on if i.kind == rule.kind)
            group.terms.append((of_kind[hangs_on], term))
        group.nominal += nominal
        if measure == "seats" and term is None:
            group.seats_that_may_fail += _faulty(network, rule, label)
    for group in found.values():
        group.nominal = group.nominal or 1.0
    return [found[label] for label in sorted(found)]


def _faulty(network: Network, rule: DiversityRow, label: Label) -> int:
    if label[0] in network.committees and rule.scope == "each":
        return network.committees[label[0]].faulty_limit
    return 0


Entry = tuple[Label, frozenset[Item], Term | None, float]
"""Label, dependencies, term (None: only announces the label) and nominal amount."""


def _nodes(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    yield ("all",), frozenset(), None, 0.0
    for offer in network.offers_of(rule.role):
        yield ("all",), network.hangs_on(offer), (1.0, model.nodes[offer]), 0.0


def _sites(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    yield ("all",), frozenset(), None, 0.0
    for site, used in sorted(_used_sites(block, model, network, rule.role).items()):
        yield ("all",), network.graph.hangs_on(Item("site", site)), (1.0, used), 0.0


def _used_sites(block: Any, model: Any, network: Network, role: str) -> dict[str, Any]:
    """Return, per site, a 0/1 variable that is 1 exactly where nodes of the role stand."""
    if block.component("site_used") is None:
        block.site_used = yes_no()
        block.site_used_most, block.site_used_least = rows(), rows()
    at_site: dict[str, list[Any]] = defaultdict(list)
    for offer in network.offers_of(role):
        at_site[offer.site].append(model.nodes[offer])
    found = {}
    for site, nodes in sorted(at_site.items()):
        is_new = (role, site) not in block.site_used
        used = block.site_used[role, site]
        found[site] = used
        if is_new:
            terms = [(1.0, variable) for variable in nodes]
            most = sum(variable.ub for variable in nodes)
            row(block.site_used_most, (role, site), [*terms, (-most, used)], upper=0.0)
            row(block.site_used_least, (role, site), [*terms, (-1.0, used)], lower=0.0)
    return found


def _warm(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    yield ("all",), frozenset(), None, 0.0
    for site, node_type, name in model.warm:
        if rule.applies_to == f"model:{name}":
            hangs_on = network.hangs_on(OfferKey(site, node_type))
            yield ("all",), hangs_on, (1.0, model.warm[site, node_type, name]), 0.0


def _seats(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    for name, committee in network.committees.items():
        if rule.applies_to in ("", name):
            label = (name,) if rule.scope == "each" else ("all",)
            yield label, frozenset(), None, float(committee.seats)
    for name in sorted(network.committees):
        if rule.applies_to in ("", name):
            label = (name,) if rule.scope == "each" else ("all",)
            for offer, seats in model.seats_of.get(name, ()):
                yield label, network.hangs_on(offer), (1.0, seats), 0.0


def _copies(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    counted = {
        name
        for name, limits in network.models.items()
        if rule.applies_to == f"model:{name}" or (not rule.applies_to and limits.copies)
    }
    for name in sorted(counted):
        label = (name,) if rule.scope == "each" else ("all",)
        yield label, frozenset(), None, float(network.models[name].copies)
    for site, node_type, name in model.copy:
        if name in counted:
            label = (name,) if rule.scope == "each" else ("all",)
            hangs_on = network.hangs_on(OfferKey(site, node_type))
            yield label, hangs_on, (1.0, model.copy[site, node_type, name]), 0.0


def _work(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    for demand in network.demand:
        policy = network.policies.get(demand.verification)
        if policy is None or not policy.verifiers or rule.applies_to not in ("", policy.policy):
            continue
        label = (policy.policy if rule.scope == "each" else "all", demand.period)
        nominal = demand.requests_per_s * policy.verifiers * policy.work
        yield label, frozenset(), None, nominal
    for stream in model.streams:
        if rule.applies_to in ("", stream.policy):
            label = (stream.policy if rule.scope == "each" else "all", stream.period)
            work = network.policies[stream.policy].work
            for offer in stream.verifiers:
                term = (work, model.verify[(*stream.key, *offer)])
                yield label, network.hangs_on(offer), term, 0.0


def _requests(block: Any, model: Any, network: Network, rule: DiversityRow) -> Iterator[Entry]:
    def label(name: str, period: str) -> Label:
        return (name if rule.scope == "each" else "all", period)

    for demand in network.demand:
        if rule.applies_to in ("", demand.region, f"model:{demand.model}"):
            yield label(demand.model, demand.period), frozenset(), None, demand.requests_per_s
    shared: dict[tuple[OfferKey, Job], frozenset[Item]] = {}
    for load in model.loads:
        job = load.job
        if job.idle or rule.applies_to not in ("", job.region, f"model:{job.model}"):
            continue
        key = (load.offer, job._replace(residency="", period="", state=""))
        if key not in shared:
            served = requests_hang_on(network, network.graph, load.offer, job.model)
            asked = network.graph.hangs_on(Item("policy", job.policy))
            shared[key] = served | asked | frozenset(job.via)
        yield label(job.model, job.period), shared[key], (1.0, load.variable), 0.0


_TERMS = {
    "nodes": _nodes,
    "sites": _sites,
    "warm": _warm,
    "seats": _seats,
    "copies": _copies,
    "work": _work,
    "requests": _requests,
}


def slack(block: Any, model: Any, rule: DiversityRow, key: Any, scale: float) -> list[Term]:
    """Return what softens a row: nothing if it is hard, else a priced slack of that scale."""
    if rule.penalty is None:
        return []
    if block.component("slack") is None:
        block.slack = at_least_zero()
    variable = block.slack[key]
    model.penalties.append((rule.penalty, variable))
    return [(-scale, variable)]
