"""How two plans differ: what stands where, what it costs, and which guarantees came and went."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from models.data import OfferKey
from planner.evaluation.evaluation import Evaluation

SAME_MONEY = 0.005
"""By less than half a cent two sums are the same."""


class Counted(NamedTuple):
    """Nodes of an offer before and after."""

    offer: OfferKey
    before: int
    after: int


class Bridge(NamedTuple):
    """One item of the monthly bill before and after, in currency a month."""

    item: str
    before: float
    after: float


class Held(NamedTuple):
    """The fewest dependencies of a kind that end a guarantee, before and after.

    None: all of them together do not. A guarantee that `only` one of the plans gives, as of a
    committee that is new or gone, has None for the other, too.
    """

    role: str
    of: str
    period: str
    kind: str
    loss: str
    before: int | None
    after: int | None
    only: Literal["", "before", "after"] = ""

    @property
    def is_gain(self) -> bool:
        """Return whether more must fail than before, or nothing was guaranteed then."""
        if self.only:
            return self.only == "after"
        return _or_infinite(self.after) > _or_infinite(self.before)


@dataclass(frozen=True)
class Differences:
    """What is different between two plans, in the order of names; nothing that is the same."""

    opened: tuple[str, ...]
    closed: tuple[str, ...]
    nodes: tuple[Counted, ...]
    bill: tuple[Bridge, ...]
    held: tuple[Held, ...]


def differences(before: Evaluation, after: Evaluation) -> Differences:
    """Return what is different; figures that both have are in their scores."""
    old, new = before.plan, after.plan
    offers = sorted({*old.nodes, *new.nodes})
    nodes = (Counted(key, old.nodes.get(key, 0), new.nodes.get(key, 0)) for key in offers)
    return Differences(
        tuple(sorted(new.open - old.open)),
        tuple(sorted(old.open - new.open)),
        tuple(found for found in nodes if found.before != found.after),
        tuple(_bridge(before, after)),
        tuple(_held(before, after)),
    )


def _bridge(before: Evaluation, after: Evaluation) -> list[Bridge]:
    bills = [{line.item: line.amount for line in plan.monthly} for plan in (before, after)]
    items = dict.fromkeys((*bills[0], *bills[1]))
    lines = [Bridge(item, bills[0].get(item, 0.0), bills[1].get(item, 0.0)) for item in items]
    return [line for line in lines if abs(line.after - line.before) > SAME_MONEY]


def _held(before: Evaluation, after: Evaluation) -> list[Held]:
    """Return the guarantees that other numbers of failures end, or that one plan lacks."""
    numbers = [
        {
            (found.role, found.of, found.period, found.kind, loss): count
            for found in plan.concentration
            for loss, count in found.worst.nakamoto.items()
        }
        for plan in (before, after)
    ]
    given = [{(*key[:3], key[4]) for key in counts} for counts in numbers]
    found = []
    for key in dict.fromkeys((*numbers[0], *numbers[1])):
        guarantee = (*key[:3], key[4])
        only: Literal["", "before", "after"] = ""
        if guarantee not in given[1]:
            only = "before"
        elif guarantee not in given[0]:
            only = "after"
        # A plan that hangs on no dependency of a kind outlives them all.
        held = Held(*key, numbers[0].get(key), numbers[1].get(key), only)
        if held.only or held.before != held.after:
            found.append(held)
    return found


def _or_infinite(count: int | None) -> float:
    return math.inf if count is None else count
