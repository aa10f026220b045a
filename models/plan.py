"""The plan: what stands where and who serves whom, as plain data without a solver in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from models.data import DemandKey, OfferKey, Row, Settings

TOLERANCE = 1e-6
"""The one numerical tolerance of every audit, relative to the limit where that is above 1."""

HUB = "hub"
"""The source of a cold load that no stored copy serves: the outside model hub."""


class Replica(NamedTuple):
    """A model at an offer: warm replicas at an execution offer, a copy at a storage offer."""

    site: str
    node_type: str
    model: str


class Seat(NamedTuple):
    """A committee at an offer."""

    committee: str
    site: str
    node_type: str


@dataclass(frozen=True)
class Flow:
    """A share of one demand row and the way it is served.

    `route` is the label of the network route, `state` is warm or cold, and `fetch_from` says
    where a cold load gets the weights: `hub` or the storage offer `site/node_type`.
    """

    demand: DemandKey
    offer: OfferKey
    route: str
    state: str
    share: float
    fetch_from: str = ""


@dataclass(frozen=True)
class VerificationFlow:
    """The requests executed at one offer that another one verifies, `rate` a second."""

    policy: str
    residency: str
    period: str
    executor: OfferKey
    verifier: OfferKey
    rate: float


@dataclass(frozen=True)
class Panel:
    """A legal set of verifiers and the share of the executor's requests that it verifies."""

    policy: str
    residency: str
    period: str
    executor: OfferKey
    verifiers: tuple[OfferKey, ...]
    share: float


@dataclass(frozen=True)
class Deployment:
    """The plan of one phase. Counts are whole numbers; absent means zero."""

    open: frozenset[str] = frozenset()
    contracts: frozenset[str] = frozenset()
    nodes: Mapping[OfferKey, int] = field(default_factory=dict)
    warm: Mapping[Replica, int] = field(default_factory=dict)
    cold_slots: Mapping[OfferKey, int] = field(default_factory=dict)
    routing: tuple[Flow, ...] = ()
    verification: tuple[VerificationFlow, ...] = ()
    panels: tuple[Panel, ...] = ()
    copies: frozenset[Replica] = frozenset()
    seats: Mapping[Seat, int] = field(default_factory=dict)

    @cached_property
    def seats_of(self) -> Mapping[str, Mapping[Seat, int]]:
        """Return the seats by committee."""
        found: dict[str, dict[Seat, int]] = {}
        for seat, count in self.seats.items():
            found.setdefault(seat.committee, {})[seat] = count
        return found

    def nodes_at(self, site: str) -> int:
        """Return the nodes of all types at a site."""
        return sum(count for offer, count in self.nodes.items() if offer.site == site)


@dataclass(frozen=True)
class Plan:
    """One deployment per phase; a workbook without phases has the single phase ``""``."""

    phases: Mapping[str, Deployment]

    @property
    def final(self) -> Deployment:
        """Return the deployment of the last phase."""
        return list(self.phases.values())[-1]


@dataclass(frozen=True)
class Violation:
    """A place where a plan breaks a rule: what is found, what is allowed, and where.

    `row` and `attribute` set the limit that is broken; `row` is None where no cell of the workbook
    does. `cell`, such as `Capacities!C4`, is filled in by whoever knows the workbook.
    """

    rule: str
    where: str
    message: str
    row: Row | Settings | None = field(default=None, compare=False)
    attribute: str = field(default="", compare=False)
    cell: str = field(default="", compare=False)

    def __str__(self) -> str:
        text = f"{self.rule}[{self.where}]: {self.message}"
        return f"{text} ({self.cell})" if self.cell else text

    def as_dict(self) -> dict[str, str]:
        """Return what the planner is told as JSON-ready text fields."""
        names = ("rule", "where", "message", "cell")
        return {name: getattr(self, name) for name in names}


class Refusal(NamedTuple):
    """Why something is not allowed, and the row and attribute that say so, as in a violation."""

    reason: str
    row: Row | Settings | None = None
    attribute: str = ""


def exceeds(amount: float, limit: float) -> bool:
    """Return whether the amount is above the limit by more than the tolerance."""
    return amount > limit + TOLERANCE * max(1.0, abs(limit))
