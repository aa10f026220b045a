"""Where figures come from, and which decisions of a plan rest on figures that are only assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.data import SHEETS, Demand, Item, Offer, OfferKey, Route, Row
from models.network import Link, Network
from models.plan import TOLERANCE, Deployment, Flow
from models.service import ESTIMATE, upstream_links

PROVENANCES = ("measured", "estimated", "assumed")
"""What `source` may begin with; any other text says only where a figure was found."""

SHOWN = 5
"""How many decisions a sentence names."""

_FIRST_WORD = re.compile(rf"\s*({'|'.join(PROVENANCES)})\b", re.IGNORECASE)
_SHEET_OF = {row_class: sheet for sheet, row_class in SHEETS.items()}


class Basis(NamedTuple):
    """A row of the workbook whose figures are assumed, and what its `source` says."""

    sheet: str
    row: int
    source: str

    def __str__(self) -> str:
        return f"{self.sheet} row {self.row}"


class Decided(NamedTuple):
    """One decision of the plan, how much it is of its kind, and the assumed rows it rests on."""

    name: str
    amount: float
    basis: tuple[Basis, ...]


class Reliance(NamedTuple):
    """How much of one kind of decision (`what`) rests on assumed figures, largest first."""

    what: str
    total: float
    decisions: tuple[Decided, ...]

    @property
    def amount(self) -> float:
        """Return how much of the total rests on assumed figures."""
        return sum(decision.amount for decision in self.decisions)

    def __str__(self) -> str:
        named = [
            f"{decision.name} ({', '.join(map(str, decision.basis))})"
            for decision in self.decisions[:SHOWN]
        ]
        more = len(self.decisions) - SHOWN
        named += [f"{more} more"] if more > 0 else []
        return (
            f"{self.amount:,.6g} of {self.total:,.6g} {self.what} rest on assumed figures:"
            f" {'; '.join(named)}"
        )


def provenance(source: str) -> str:
    """Return `measured`, `estimated` or `assumed` where the source begins so, else nothing."""
    match = _FIRST_WORD.match(source)
    return match[1].lower() if match else ""


def reliances(network: Network, plan: Deployment) -> tuple[Reliance, ...]:
    """Return what of the plan rests on assumed figures, one for every kind that has any."""
    kinds = (
        ("open sites", _sites(network, plan)),
        ("contracts", _contracts(network, plan)),
        ("nodes", _nodes(network, plan)),
        ("warm replicas", _replicas(network, plan)),
        ("copies", _copies(network, plan)),
        ("seats", _seats(network, plan)),
        ("requests/s", _requests(network, plan)),
    )
    found = (_reliance(what, list(decisions)) for what, decisions in kinds)
    return tuple(reliance for reliance in found if reliance.decisions)


def _reliance(what: str, decisions: list[Decided]) -> Reliance:
    assumed = [decision for decision in decisions if decision.basis and decision.amount > TOLERANCE]
    assumed.sort(key=lambda decision: (-decision.amount, decision.name))
    return Reliance(what, sum(decision.amount for decision in decisions), tuple(assumed))


def _basis(rows: Iterable[Row | Link | None]) -> tuple[Basis, ...]:
    """Return those of the rows whose figures are assumed, once each, in the given order."""
    found = {
        Basis(_SHEET_OF[Route if isinstance(row, Link) else type(row)], row.row, row.source): None
        for row in rows
        if row is not None and row.row and provenance(row.source) == "assumed"
    }
    return tuple(found)


def _offer(network: Network, key: OfferKey) -> tuple[Row | None, ...]:
    return network.offers.get(key), network.node_types.get(key.node_type)


def _sites(network: Network, plan: Deployment) -> Iterator[Decided]:
    """Yield the open sites: each rests on its own figures, its contract's and its nodes'."""
    for name in sorted(plan.open):
        site = network.sites[name]
        offers: list[Offer] = [
            network.offers[key]
            for key, count in sorted(plan.nodes.items())
            if key.site == name and count
        ]
        rows = (site, network.providers.get(site.provider), *offers)
        yield Decided(name, 1, _basis(rows))


def _contracts(network: Network, plan: Deployment) -> Iterator[Decided]:
    for name in sorted(plan.contracts):
        yield Decided(name, 1, _basis([network.providers.get(name)]))


def _nodes(network: Network, plan: Deployment) -> Iterator[Decided]:
    for key, count in sorted(plan.nodes.items()):
        yield Decided(str(key), count, _basis(_offer(network, key)))


def _replicas(network: Network, plan: Deployment) -> Iterator[Decided]:
    for replica, count in sorted(plan.warm.items()):
        name = f"{replica.model} at {replica.site}/{replica.node_type}"
        node_type = network.node_types.get(replica.node_type)
        yield Decided(name, count, _basis([network.models.get(replica.model), node_type]))


def _copies(network: Network, plan: Deployment) -> Iterator[Decided]:
    for copy in sorted(plan.copies):
        name = f"{copy.model} at {copy.site}/{copy.node_type}"
        node_type = network.node_types.get(copy.node_type)
        yield Decided(name, 1, _basis([network.models.get(copy.model), node_type]))


def _seats(network: Network, plan: Deployment) -> Iterator[Decided]:
    for seat, count in sorted(plan.seats.items()):
        key = OfferKey(seat.site, seat.node_type)
        rows = (network.committees.get(seat.committee), *_offer(network, key))
        yield Decided(f"{seat.committee} at {key}", count, _basis(rows))


def _requests(network: Network, plan: Deployment) -> Iterator[Decided]:
    """Yield the flows, in requests/s over the month: demand, model, policy and path of each."""
    demands = {demand.key: demand for demand in network.demand}
    for flow in plan.routing:
        demand = demands[flow.demand]
        rate = flow.share * network.mean_rate(demand)
        rows = (
            demand,
            network.models.get(demand.model),
            network.policies.get(demand.verification),
            *_path(network, demand, flow),
        )
        yield Decided(f"{demand.key} to {flow.offer}", rate, _basis(rows))


def _path(network: Network, demand: Demand, flow: Flow) -> Iterator[Row | Link | None]:
    """Yield the rows that the latency of the flow is read or computed from."""
    site = flow.offer.site
    if flow.route == ESTIMATE:
        yield from (network.regions.get(demand.region), network.sites.get(site))
    for link in network.links_between(Item("region", demand.region), Item("site", site)):
        if link.label == flow.route:
            yield link
    model = network.models.get(demand.model)
    if model is not None:
        yield from upstream_links(network, site, model)
