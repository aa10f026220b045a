"""How much of what a Diversity row limits hangs on what, in a plan: plain Python over tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.data import DiversityRow, Item, OfferKey
from models.network import Network
from models.plan import Deployment
from models.service import Service, service, verifications_per_s

DEFAULT_MEASURE = {
    "execution": "requests",
    "verification": "work",
    "storage": "copies",
    "coordination": "seats",
}

Label = tuple[str, ...]
"""What a limit is applied to: a committee, model, policy … and a period; empty for the whole."""

ALL = "all"


@dataclass(frozen=True)
class Holding:
    """Amounts with the dependencies of one kind that each hangs on.

    `nominal` is the amount that a share of 1.0 stands for when a soft limit is priced.
    """

    label: Label
    parts: tuple[tuple[frozenset[Item], float], ...]
    nominal: float

    @property
    def total(self) -> float:
        """Return the whole amount."""
        return sum(amount for _, amount in self.parts)

    def on(self, items: frozenset[Item]) -> float:
        """Return the amount that hangs on any of the items."""
        return sum(amount for hangs_on, amount in self.parts if hangs_on & items)

    @property
    def dependencies(self) -> list[Item]:
        """Return every dependency that something hangs on, sorted."""
        return sorted({item for hangs_on, amount in self.parts if amount for item in hangs_on})


def measure_of(row: DiversityRow) -> str:
    """Return what the shares of the row are shares of."""
    return row.measure or DEFAULT_MEASURE[row.role]


def count_measure_of(row: DiversityRow) -> str:
    """Return what the counts of the row count: things, never requests or work."""
    measure = measure_of(row)
    if measure == "requests" and row.applies_to.startswith("model:"):
        return "warm"
    return "nodes" if measure in ("requests", "work") else measure


def holdings(network: Network, plan: Deployment, row: DiversityRow, measure: str) -> list[Holding]:
    """Return one holding per thing that the row applies to, sorted by label."""
    collected: dict[Label, list[tuple[frozenset[Item], float]]] = {
        label: [] for label in _labels(network, row, measure)
    }
    for label, hangs_on, amount in _parts(network, plan, row, measure):
        if label in collected:
            of_kind = frozenset(item for item in hangs_on if item.kind == row.kind)
            collected[label].append((of_kind, amount))
    return [
        Holding(label, tuple(parts), _nominal(network, row, measure, label))
        for label, parts in sorted(collected.items())
    ]


def _labels(network: Network, row: DiversityRow, measure: str) -> list[Label]:
    if measure in ("nodes", "sites", "warm"):
        return [(ALL,)]
    if measure == "seats":
        names = [name for name in network.committees if row.applies_to in ("", name)]
        return _scoped(row, names)
    if measure == "copies":
        wanted = row.applies_to.removeprefix("model:")
        names = [
            name
            for name, model in network.models.items()
            if wanted == name or (not wanted and model.copies)
        ]
        return _scoped(row, names)
    labels = set()
    for demand in network.demand:
        for name in _subject(
            network, row, measure, demand.key.model, demand.key.verification, demand.region
        ):
            labels.add((name if row.scope == "each" else ALL, demand.period))
    return sorted(labels)


def _scoped(row: DiversityRow, names: list[str]) -> list[Label]:
    if row.scope == "each":
        return [(name,) for name in sorted(names)]
    return [(ALL,)] if names else []


def _subject(
    network: Network, row: DiversityRow, measure: str, model: str, policy: str, region: str
) -> list[str]:
    """Return the name under which a demand row counts, or nothing where it does not count."""
    applies = row.applies_to
    if measure == "work":
        found = network.policies.get(policy)
        counts = found is not None and found.verifiers > 0 and applies in ("", policy)
        return [policy] if counts else []
    if applies in ("", region, f"model:{model}"):
        return [model]
    return []


def _parts(
    network: Network, plan: Deployment, row: DiversityRow, measure: str
) -> Iterator[tuple[Label, frozenset[Item], float]]:
    each = row.scope == "each"
    if measure == "nodes":
        for offer, count in plan.nodes.items():
            if offer in network.offers and network.role(offer) == row.role:
                yield (ALL,), network.hangs_on(offer), count
    elif measure == "sites":
        sites = {
            o.site
            for o, n in plan.nodes.items()
            if n and o in network.offers and network.role(o) == row.role
        }
        for site in sites:
            yield (ALL,), network.graph.hangs_on(Item("site", site)), 1.0
    elif measure == "warm":
        for replica, count in plan.warm.items():
            if f"model:{replica.model}" == row.applies_to:
                offer = OfferKey(replica.site, replica.node_type)
                yield (ALL,), network.hangs_on(offer), count
    elif measure == "seats":
        seats = plan.seats_of.get(row.applies_to, {}) if row.applies_to else plan.seats
        for seat, count in seats.items():
            offer = OfferKey(seat.site, seat.node_type)
            yield (seat.committee if each else ALL,), network.hangs_on(offer), count
    elif measure == "copies":
        for copy in plan.copies:
            offer = OfferKey(copy.site, copy.node_type)
            wanted = row.applies_to.removeprefix("model:")
            model = network.models.get(copy.model)
            if wanted == copy.model or (not wanted and model is not None and model.copies):
                yield (copy.model if each else ALL,), network.hangs_on(offer), 1.0
    elif measure == "work":
        for flow in plan.verification:
            if flow.policy in network.policies and row.applies_to in ("", flow.policy):
                amount = verifications_per_s(network, flow)
                label = (flow.policy if each else ALL, flow.period)
                yield label, network.hangs_on(flow.verifier), amount
    else:
        yield from _requests(network, plan, row)


def _requests(
    network: Network, plan: Deployment, row: DiversityRow
) -> Iterator[tuple[Label, frozenset[Item], float]]:
    demand_of = {demand.key: demand for demand in network.demand}
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        if demand is None:
            continue
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if not isinstance(found, Service):
            continue
        for name in _subject(
            network, row, "requests", demand.model, demand.verification, demand.region
        ):
            label = (name if row.scope == "each" else ALL, demand.period)
            yield label, found.hangs_on, demand.requests_per_s * flow.share


def _nominal(network: Network, row: DiversityRow, measure: str, label: Label) -> float:
    total = 0.0
    if measure == "seats":
        total = sum(
            committee.seats
            for name, committee in network.committees.items()
            if row.applies_to in ("", name) and label[0] in (ALL, name)
        )
    elif measure == "copies":
        total = sum(
            model.copies
            for name, model in network.models.items()
            if label[0] in (ALL, name) and row.applies_to in ("", f"model:{name}")
        )
    elif measure in ("requests", "work"):
        for demand in network.demand:
            for name in _subject(
                network, row, measure, demand.model, demand.verification, demand.region
            ):
                if label == (name if row.scope == "each" else ALL, demand.period):
                    policy = network.policies.get(demand.verification)
                    each = policy.verifiers * policy.work if policy and measure == "work" else 1.0
                    total += demand.requests_per_s * each
    return total or 1.0
