"""What is found out about a plan: the price of rules, limits and sites, and where rows are served.

Every price compares two networks, of which one allows whatever the other does. It is stated as what
is proven to be no less and no more: an exact figure only where both ends meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.costs import Line
from models.data import DemandKey, OfferKey
from models.plan import Deployment
from planner.evaluation.explain_results import Member

INFEASIBLE, UNKNOWN = "infeasible", "not_decided"
"""How a solve ends that has no plan: there is none, or it is not known whether there is."""

IN_EVERY, INTERCHANGEABLE, UNDECIDED = "in every near plan", "interchangeable", "not decided"
"""What is known of an open site; a near plan is one that is worse by no more than the tolerance."""

LITTLE = 0.01
"""A share of a demand row of which it is not asked why it is served where it is."""


class NoSuch(ValueError):
    """What was asked about is neither a site nor a demand row; says the way out."""


@dataclass(frozen=True)
class Level:
    """One objective of a network: the least found, and what no plan can be below.

    The bound holds for plans that are no worse in all objectives before it.
    """

    measure: str
    unit: str
    value: float
    bound: float


@dataclass(frozen=True)
class Best:
    """The best plan found for a network, objective by objective; how it ended without one."""

    status: str
    levels: tuple[Level, ...] = ()
    plan: Deployment | None = None


@dataclass(frozen=True)
class Amount:
    """By how much one objective is worse: proven to be from `low` to `high`, in its unit.

    `found` is by how much it is in the plans found. Both ends are infinite where nothing is proven.
    """

    measure: str
    unit: str
    low: float
    high: float
    found: float

    @property
    def is_nothing(self) -> bool:
        """Return whether it is proven to be none the worse."""
        return self.low == self.high == 0.0

    @property
    def is_exact(self) -> bool:
        """Return whether it is proven to the last digit."""
        return self.low == self.high


@dataclass(frozen=True)
class Price:
    """By how much a network is worse off than one that allows more, objective by objective.

    `status` is `priced`, INFEASIBLE if the one that allows less has no plan at all, or UNKNOWN.
    """

    status: str
    amounts: tuple[Amount, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Return whether it is proven to be none the worse in anything."""
        return self.status == "priced" and all(amount.is_nothing for amount in self.amounts)

    @property
    def is_futile(self) -> bool:
        """Return whether no better plan was found, be it proven that there is none or not."""
        return self.status == "priced" and all(amount.found == 0.0 for amount in self.amounts)

    @property
    def width(self) -> float:
        """Return how far the proven ends of an amount are apart at most; 0 if none is open."""
        ends = (amount.high - amount.low for amount in self.amounts)
        return max((width for width in ends if math.isfinite(width)), default=0.0)

    @property
    def rank(self) -> tuple[float, ...]:
        """Return what sorts prices, the dearest first: what is sure, then what may be."""
        if self.status != "priced":
            return (-math.inf,) if self.status == INFEASIBLE else (0.0,)
        return tuple(
            part for amount in self.amounts for part in (-amount.low, -amount.found, -amount.high)
        )


@dataclass(frozen=True)
class Eased:
    """Rules that are left out, or limits that are moved by one unit, and what that would save.

    Most stand alone. Several gave way together: each alone saves no more than all of them. `cells`
    lead to the workbook; `steps` say how limits move, and are empty for rules.
    """

    cells: tuple[str, ...]
    sentences: tuple[str, ...]
    steps: tuple[str, ...]
    price: Price


@dataclass(frozen=True)
class Unused:
    """Why a site is not used: what forbids it, or what it would cost to have one node there.

    `bill` is what of the monthly bill would change. Without a price it was not solved for.
    """

    site: str
    forbidden_by: tuple[Member, ...] = ()
    price: Price | None = None
    bill: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Used:
    """Whether an open site is in every near plan; `instead` are sites that would take its place.

    `price` is what it would cost to do without it.
    """

    site: str
    verdict: str
    price: Price
    instead: tuple[str, ...] = ()
    required: str = ""


@dataclass(frozen=True)
class Serving:
    """One way in which a demand row is served in the plan; times in ms, None where unknown.

    `round_trip_ms` is that from the users to the site, without what is done there.
    """

    site: str
    node_type: str
    state: str
    share: float
    latency_ms: float | None
    round_trip_ms: float | None


@dataclass(frozen=True)
class Nearer:
    """A site nearer to the users by `ms`, and why it does not serve them all.

    `kind` is the reason in a word, `cell` what sets the limit, if a cell does.
    """

    site: str
    ms: float
    kind: str
    reason: str
    cell: str = ""


@dataclass(frozen=True)
class RowReason:
    """Where a demand row is served, which sites are nearer, and why those do not serve it.

    They are nearer than the furthest of those that serve it. `price` is what it would cost to serve
    all of it within `within_ms`, as the nodes `by` would, the nearest that may; None if none may.
    """

    demand: DemandKey
    cell: str
    requests_per_s: float
    served: tuple[Serving, ...] = ()
    nearer: tuple[Nearer, ...] = ()
    within_ms: float | None = None
    by: OfferKey | None = None
    price: Price | None = None

    @property
    def furthest(self) -> Serving | None:
        """Return the furthest place that serves more than a little of the row, if it is known."""
        known = [
            entry
            for entry in self.served
            if entry.share >= LITTLE and entry.round_trip_ms is not None
        ]
        return max(known, key=lambda entry: entry.round_trip_ms or 0.0, default=None)


@dataclass(frozen=True)
class Why:
    """Everything that was asked of a plan.

    `phase` is the one that was judged of a plan in phases. `best` are the objectives of the best
    plan known and their bounds, `given` those of the plan;
    `tolerance` is how much worse, relatively, a near plan may be. `closed` counts the sites that
    are not used, `tried` the limits that bind. `failures` say what was not found out and why.
    """

    currency: str
    phase: str = ""
    best: tuple[Level, ...] = ()
    given: tuple[Level, ...] = ()
    tolerance: float = 0.0
    rules: tuple[Eased, ...] = ()
    limits: tuple[Eased, ...] = ()
    unused: tuple[Unused, ...] = ()
    used: tuple[Used, ...] = ()
    rows: tuple[RowReason, ...] = ()
    solves: int = 0
    seconds_each: float = 0.0
    failures: tuple[str, ...] = field(default=())
    stopped: bool = False


def in_order(found: Sequence[Eased]) -> tuple[Eased, ...]:
    """Return them, the dearest first, then as the workbook has them."""
    return tuple(sorted(found, key=lambda entry: entry.price.rank))
