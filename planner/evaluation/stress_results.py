"""What is known of a plan under failures, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from models.data import DemandKey, Item
from models.expected_loss import Estimate


@dataclass(frozen=True)
class Fewest:
    """The fewest failures that end something, in one reading; `failed` is None if none do."""

    failed: tuple[Item, ...] | None

    @property
    def size(self) -> int | None:
        """Return how many they are."""
        return None if self.failed is None else len(self.failed)


@dataclass(frozen=True)
class End:
    """How few failures end a guarantee, at best and at worst.

    `unavoidable` alone end it in every plan, and are not among the failures.
    """

    role: str
    of: str
    loss: str
    best: Fewest
    worst: Fewest
    unavoidable: tuple[Item, ...] = ()
    demand: DemandKey | None = None


@dataclass(frozen=True)
class Shock:
    """What one failure does: shares of demand are of its mean over the month.

    `short` are the demand rows with less than their `min_served`, or less than half where they
    have none; the rest are names of committees, models and policies.
    """

    name: str
    failed: tuple[Item, ...]
    protected: bool
    served: float | None
    short: tuple[DemandKey, ...]
    halted: tuple[str, ...]
    lost_models: tuple[str, ...]
    silent_policies: tuple[str, ...]
    forged_policies: tuple[str, ...]


@dataclass(frozen=True)
class Users:
    """What a demand row gets as it is, under the worst single failure, and what ends it.

    Times are in ms, None where unknown or where nobody is served; `failover_ms` is the slowest
    answer under any one failure that leaves the row served, `least_served` the smallest share under
    any one failure that placement could avoid, and `by` that failure.
    """

    demand: DemandKey
    rate: float
    latency_ms: float | None
    failover_ms: float | None
    least_served: float
    by: str
    end: End


@dataclass(frozen=True)
class MostBroken:
    """The most committees halted, or models lost, in one reading, and by which failures."""

    broken: int
    failed: tuple[Item, ...]


@dataclass(frozen=True)
class Blast:
    """What so many failures of some kinds at once break at most, `of` so many, in both readings."""

    role: str
    kinds: tuple[str, ...]
    count: int
    best: MostBroken
    worst: MostBroken
    of: int


@dataclass(frozen=True)
class LeastServed:
    """The up to so many failures of some kinds that leave least of all demand served, at worst.

    `served` is the share left. Where it is not `proven`, others may leave still less.
    """

    kinds: tuple[str, ...]
    count: int
    failed: tuple[Item, ...]
    served: float
    proven: bool


@dataclass(frozen=True)
class MeanLoss:
    """What is lost of one thing in the mean, as shares of its requests or of the time.

    `low` and `high` are proven; `calm` is lost while nothing fails. `per_year` is what a share of 1
    amounts to: requests, or hours. Of several things `of` is empty and any one counts.
    """

    role: str
    of: str
    low: float
    high: float
    calm: float
    per_year: float
    simulated: Estimate | None = None


@dataclass(frozen=True)
class Importance:
    """How much of a role's loss passes through a cause, beyond the calm, and what it costs a year.

    `share` is Fussell and Vesely's; `saved` are the requests or hours that a perfect one saves.
    """

    cause: str
    chance: float
    role: str
    share: float
    saved: float


@dataclass(frozen=True)
class ExpectedLoss:
    """The mean loss in one reading of doubt: `worst`, or `best` where that differs.

    `sets` of causes were looked at, `states` of them are apart, `solved` are linear programs;
    `rest` is the probability of all sets of which the routing is not known, 0 where there are none.
    `without_figures` are the kinds of what the plan stands on that has none.
    """

    reading: str
    losses: tuple[MeanLoss, ...] = ()
    importance: tuple[Importance, ...] = ()
    causes: int = 0
    sets: int = 0
    states: int = 0
    solved: int = 0
    rest: float = 0.0
    draws: int = 0
    without_figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A fact that nobody verified: how many of the guarantees that doubt weakens it would raise.

    Raised is a guarantee that needs more failures to end than at worst.
    """

    name: str
    raised: int
    of: int


@dataclass(frozen=True)
class Pair:
    """Two failures at once that do more than either alone: each is any one of some that fail alike.

    `served_alone` is what the worse one leaves; the rest are what neither ends alone.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    served: float | None
    served_alone: float | None
    halted: tuple[str, ...]
    lost_models: tuple[str, ...]
    silent_policies: tuple[str, ...]
    forged_policies: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Every pair of single failures: `solved` were linear programs, and the others followed.

    `worse` are the pairs that do more than either failure alone.
    """

    asked: int
    solved: int
    followed: int
    worse: tuple[Pair, ...]


@dataclass(frozen=True)
class Stress:
    """Everything that is known of a plan under failures; `pairs` only if they are asked for.

    `not_judged` are kinds of dependency that nobody filled in; `rows_left_out` is how many demand
    rows were not asked about; `failures` are jobs that ended with an error.
    """

    users: tuple[Users, ...] = ()
    ends: tuple[End, ...] = ()
    shocks: tuple[Shock, ...] = ()
    blasts: tuple[Blast, ...] = ()
    least_served: tuple[LeastServed, ...] = ()
    loss: tuple[ExpectedLoss, ...] = ()
    pairs: Pairs | None = None
    facts: tuple[Fact, ...] = ()
    not_judged: tuple[str, ...] = ()
    rows_left_out: int = 0
    failures: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether it ended before anything was found, and so is not worth keeping."""
        # Of what the plan does not stand on, nothing need be worked out.
        is_cut = bool(self.stopped or self.failures)
        return is_cut and not (self.ends or self.blasts)
