"""Cost against a measure: which plans no other beats in both, what is proven of each, the knee.

Every plan of a frontier was sought with the measure at most `limit`, and its bound on the cost
holds for every plan within that. So a plan that is no worse than another in the measure, and served
no less, costs no less than the largest bound of all limits that it keeps; and one that costs less
than the bound of a limit exceeds that limit in the measure. Nothing else is claimed of what lies
between the plans.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from models.data import ROLES
from models.network import Network
from planner.result import relative_gap

MEASURES = ("latency", "worst_loss", "expected_loss", "changes")
"""What cost can be held against; beside them `share:KIND` and `collapse:ROLE`."""

CENT = 0.02
"""Currency that two costs may differ by and be the same: what two stages may each give up."""
SAME = 1e-6
"""How far figures may differ, relative to the largest of them, and be the same."""
COLLAPSE = "collapse:"
"""What a measure begins with that is how many failures end the guarantees of a role."""


@dataclass(frozen=True)
class Point:
    """One plan: what it costs a month, and how much of the measure and of unserved demand it has.

    `limit` is the most that the measure was allowed, `cost_bound` and `amount_bound` are what no
    plan can be below: in cost, no worse in the measure; in the measure, no dearer. `number` names
    its folder; 0 where it has none. It is `apart` unless a plan as good in the measure as the point
    before it might cost no more.
    """

    limit: float
    status: str
    cost: float
    cost_bound: float
    amount: float
    amount_bound: float = -math.inf
    unserved: float = 0.0
    number: int = 0
    apart: bool = True

    @property
    def cost_gap(self) -> float:
        """Return how much cheaper, relatively, a plan as good in the measure might be."""
        return relative_gap(self.cost, self.cost_bound)

    @property
    def amount_gap(self) -> float:
        """Return how much better in the measure, relatively, a plan as cheap might be."""
        return relative_gap(self.amount, self.amount_bound)


def splits(points: Sequence[Point], tried: Iterable[float], count: int) -> list[float]:
    """Return up to so many limits, each in the middle of the largest box between two plans.

    A box reaches from a limit or plan to the next, and from the least cost within the one to that
    within the other. Each half of one that is split counts for a quarter.
    """
    at = sorted({*tried, *(point.amount for point in points)})
    least = [min((p.cost for p in points if p.amount <= x), default=math.inf) for x in at]
    pairs = zip(pairwise(at), pairwise(least), strict=True)
    boxes = [((left - right) * (high - low), low, high) for (low, high), (left, right) in pairs]
    found: list[float] = []
    while len(found) < count:
        largest = max(boxes, key=lambda box: (box[0], -box[1]), default=(0.0, 0.0, 0.0))
        size, low, high = largest
        if size <= 0 or not math.isfinite(size) or high - low <= SAME * abs(high):
            break
        boxes.remove(largest)
        middle = (low + high) / 2
        found.append(middle)
        boxes += [(size / 4, low, middle), (size / 4, middle, high)]
    return sorted(found)


def non_dominated(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other beats or equals, from the best in the measure on.

    Of equal ones the first is kept. What is unserved counts as a third figure.
    """
    found = sorted(points, key=lambda point: (point.amount, point.cost, point.unserved))
    kept: list[Point] = []
    for point in found:
        if not any(_is_no_worse(other, point) for other in kept):
            kept = [other for other in kept if not _is_no_worse(point, other)]
            kept.append(point)
    return kept


def _is_no_worse(one: Point, other: Point) -> bool:
    return (
        one.cost <= other.cost + max(CENT, SAME * abs(other.cost))
        and one.amount <= other.amount + SAME * abs(other.amount)
        and one.unserved <= other.unserved + SAME * max(1.0, other.unserved)
    )


def proven(points: Sequence[Point], least: float) -> list[Point]:
    """Return the points with all that is proven of each by all of them together.

    `least` is what no plan can be below in the measure.
    """
    return [_proven(point, points, least) for point in points]


def _proven(point: Point, points: Sequence[Point], least: float) -> Point:
    # A bound was proven of plans that leave no more unserved than the one it was found with.
    holds = [p for p in points if p.unserved >= point.unserved - SAME * max(1.0, point.unserved)]
    kept = (p for p in holds if point.amount <= p.limit + SAME * abs(p.limit))
    cost = max((p.cost_bound for p in kept), default=-math.inf)
    beyond = (p.limit for p in holds if p.cost_bound > point.cost + CENT)
    amount = max(beyond, default=-math.inf)
    return replace(
        point,
        cost_bound=min(point.cost, cost),
        amount_bound=min(point.amount, max(amount, least, point.amount_bound)),
    )


def knee(points: Sequence[Point]) -> Point | None:
    """Return the point furthest below the line between the ends; None if no point is below it.

    Both axes run from 0 to 1 between the ends; the distance is (1 − x − y) / √2.
    """
    if len(points) < 3:
        return None
    furthest = max(points, key=lambda point: distance(point, points))
    return furthest if distance(furthest, points) > SAME else None


def distance(point: Point, points: Sequence[Point]) -> float:
    """Return how far a point is below the line between the ends, both axes from 0 to 1."""
    costs, amounts = [p.cost for p in points], [p.amount for p in points]
    x, y = _along(point.amount, amounts), _along(point.cost, costs)
    return (1.0 - x - y) / math.sqrt(2.0)


def told_apart(points: Sequence[Point]) -> list[Point]:
    """Return the points, best in the measure first, each with whether it is proven to be its own.

    It is where no plan as good in the measure as the point before it costs as little.
    """
    first, others = list(points[:1]), pairwise(points)
    return [*first, *(replace(one, apart=_is_apart(before, one)) for before, one in others)]


def _is_apart(before: Point, one: Point) -> bool:
    serves_as_much = one.unserved <= before.unserved + SAME * max(1.0, before.unserved)
    return not serves_as_much or one.cost < before.cost_bound - CENT


def _along(value: float, values: Sequence[float]) -> float:
    least, most = min(values), max(values)
    return (value - least) / (most - least) if most > least else 0.0


@dataclass(frozen=True)
class Frontier:
    """The plans that no other beats, from the best in the measure to the cheapest.

    `unit` is that of the measure `against`, `gap` what was good enough for every solve.
    Of failures it takes more are better: those figures are kept with a minus, see `told`.
    `merged` counts plans that others equal or beat, `failures` say which were not found and why,
    `reached` are the statuses of all solves. `earlier` are folders of an earlier run with more,
    `held` the files that are open in another program, `kept` the plans that were edited since they
    were written, and what was written in their place. `notes` say what was left out.
    """

    workbook: str
    against: str
    unit: str
    currency: str
    points: tuple[Point, ...]
    gap: float
    merged: int = 0
    failures: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    stopped: bool = False
    earlier: tuple[str, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def more_is_better(self) -> bool:
        """Return whether the measure is a number of failures."""
        return self.against.startswith(COLLAPSE)

    def told(self, amount: float) -> float:
        """Return an amount of the measure as it is told: without the minus of what is better."""
        return -amount if self.more_is_better else amount

    @property
    def knee(self) -> Point | None:
        """Return the point after which less cost is paid for with ever more of the measure."""
        return knee(self.points)


def folder(number: int) -> str:
    """Return the name of the folder of a plan."""
    return f"{number:02}"


def roles(network: Network) -> tuple[str, ...]:
    """Return the roles that promise something: whose guarantees can end."""
    promised = {
        "execution": any(row.requests_per_s for row in network.demand),
        "verification": any(policy.verifiers for policy in network.policies.values()),
        "storage": any(model.copies for model in network.models.values()),
        "coordination": bool(network.committees),
    }
    return tuple(role for role in ROLES if promised[role])
