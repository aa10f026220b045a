"""What every site adds to a plan, as plain data: figures with it and without it, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from models.data import Item, OfferKey
from models.plan import Replica, Seat

MEASURABLE = 0.001
"""The relative change below which a figure has not moved."""

INDEPENDENCE, CAPACITY, REACH = "adds independence", "adds capacity", "adds reach"
SHIFTS, NOTHING = "only shifts load", "adds nothing measurable"

BETTER_HIGH = {
    "monthly_cost": False,
    "served": True,
    "headroom": True,
    "p50_ms": False,
    "p95_ms": False,
    "worst_served": True,
    "collapse": True,
    "nakamoto": True,
    "largest_share": False,
    "effective": True,
    "blast": False,
}
"""What is measured, and whether more of it is better."""

COUNTS = ("collapse", "nakamoto")
"""Numbers of failures: None is that no number of them is enough."""

VERDICT_OF = {
    "collapse": INDEPENDENCE,
    "nakamoto": INDEPENDENCE,
    "worst_served": INDEPENDENCE,
    "served": CAPACITY,
    "headroom": CAPACITY,
    "p50_ms": REACH,
    "p95_ms": REACH,
}
"""What a site adds by which a figure is better with it; the others only tell of load that moves."""


class Figure(NamedTuple):
    """One thing that is measured of a plan, by what it is measured of; empty where that is all.

    `of` is a model, policy, committee, region or demand row, `row` the key of the latter; `reading`
    is how doubt is read.
    """

    what: str
    role: str = ""
    of: str = ""
    loss: str = ""
    kind: str = ""
    reading: str = ""
    row: tuple[str, ...] = ()


COST = Figure("monthly_cost")


@dataclass(frozen=True)
class Figures:
    """Every figure of a plan; `by` are the failures of those that failures make."""

    values: Mapping[Figure, float | None]
    by: Mapping[Figure, tuple[Item, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Move:
    """A figure with and without a site; `gain` is by how much it is better with it, relatively.

    `by` are the failures that make the figure without it.
    """

    figure: Figure
    with_it: float | None
    without: float | None
    gain: float
    by: tuple[Item, ...] = ()

    @property
    def proves(self) -> str:
        """Return what the site adds by this; empty where it proves nothing.

        What is lost without it before anything fails is capacity. Which panels verify is the
        router's choice, and another one is as good: what a panel may lose says nothing of a site.
        What a row may lose does, its verification included.
        """
        if self.gain <= MEASURABLE or self.figure.role == "verification":
            return ""
        if self.figure.what in COUNTS and self.without == 0:
            return CAPACITY
        return VERDICT_OF.get(self.figure.what, "")


@dataclass(frozen=True)
class Change:
    """The one attribute of a site whose other value would raise the fewest failures that end."""

    kind: str
    now: str
    value: str
    figure: Figure
    before: int
    after: int | None


@dataclass(frozen=True)
class SiteValue:
    """What a site adds: the verdicts, the first of them the headline, and why, in words.

    `saved` is currency a month; `shares` are what it hangs on, with how many other open sites do;
    `moves` every figure that differs without it; `change` what would make it count, if it does not.
    """

    site: str
    verdicts: tuple[str, ...]
    reason: str
    saved: float
    shares: tuple[tuple[Item, int], ...]
    moves: tuple[Move, ...]
    change: Change | None = None


@dataclass(frozen=True)
class Addition:
    """What is added at a site to help a guarantee: nodes with replicas or a copy, or a moved seat.

    `cost` is in currency a month, one-off costs spread over the months, the contract included that
    the site needs. `seat` is held at the site from now on, `given_up` is where it was.
    """

    site: str
    nodes: tuple[tuple[OfferKey, int], ...]
    cost: float
    warm: tuple[tuple[Replica, int], ...] = ()
    copies: tuple[Replica, ...] = ()
    seat: Seat | None = None
    given_up: Seat | None = None


@dataclass(frozen=True)
class Raise:
    """What additions do to a guarantee.

    `size` is the fewest failures that then end it, None if none do; `sets` how many sets are left
    of those that end it today.
    """

    additions: tuple[Addition, ...]
    cost: float
    size: int | None
    sets: int


@dataclass(frozen=True)
class Candidates:
    """Which additions raise a guarantee, the weakest of its role, most per unit of money.

    `sets` are all smallest sets of failures that end it now. `singles` are what helps by itself at
    each site, best first; `best` is the best of up to `most` sites, none of which could be spared;
    None if none raises it. `looked_at` is how many sites might have; `unable` says why none does.
    """

    guarantee: Figure
    size: int
    sets: tuple[tuple[Item, ...], ...]
    looked_at: int
    most: int
    singles: tuple[Raise, ...]
    best: Raise | None
    unable: str = ""


@dataclass(frozen=True)
class Sites:
    """The value of every open site, and of those that may open."""

    figures: Figures | None = None
    sites: tuple[SiteValue, ...] = ()
    candidates: tuple[Candidates, ...] = ()
    not_judged: tuple[str, ...] = ()
    rows_left_out: int = 0
    failures: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether it ended before anything was found, and so is not worth keeping."""
        return bool(self.stopped or self.failures) and not (self.sites or self.candidates)


def moves(whole: Figures, less: Figures) -> tuple[Move, ...]:
    """Return every figure that differs without a site, those that it improves most first."""
    found = []
    for figure in sorted(whole.values.keys() | less.values.keys()):
        before, after = _value(whole, figure), _value(less, figure)
        gain = _gain(figure, before, after)
        if abs(gain) > MEASURABLE:
            by = less.by.get(figure, ())
            found.append(Move(figure, before, after, gain, by))
    return tuple(sorted(found, key=lambda move: (-move.gain, move.figure)))


def _value(figures: Figures, figure: Figure) -> float | None:
    """Return a figure: what a plan no longer has is lost without any failure."""
    if figure in figures.values:
        return figures.values[figure]
    return 0.0 if figure.what in COUNTS else None


def _gain(figure: Figure, before: float | None, after: float | None) -> float:
    if figure.what in COUNTS:
        before, after = (math.inf if v is None else v for v in (before, after))
    if before == after or before is None or after is None:
        return 0.0
    if math.inf in (before, after):
        change = 1.0 if before > after else -1.0
    else:
        change = (before - after) / max(abs(before), abs(after))
    return change if BETTER_HIGH[figure.what] else -change
