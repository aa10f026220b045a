"""How a plan behaves when something shared fails: every failure replayed, every guarantee's end.

What is found here is asked of the tables and the plan, by programs of its own; the solver that made
the plan has no say. Doubt is read twice: at best every unknown value is a dependency of its own and
suspected exposures are false, at worst unknown values are one and suspicions are true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from models.collapse import FaultTree
from models.data import Demand, DemandKey, Item
from models.guarantees import LIVENESS, SAFETY, Guarantee, guarantees
from models.network import Network, is_unknown
from models.outage import HALF, NEARLY, smallest_outage
from models.plan import Deployment
from models.replay import replay
from planner.checks.capacity import Bounds

_T = TypeVar("_T")

MOST_ROWS = 200
"""Of how many demand rows, those with most requests, the end is sought."""


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
class Blast:
    """The most committees halted, or models lost, by so many failures of some kinds at once."""

    role: str
    kinds: tuple[str, ...]
    count: int
    failed: tuple[Item, ...]
    broken: int
    of: int


@dataclass(frozen=True)
class Stress:
    """Everything that is known of a plan under failures.

    `not_judged` are kinds of dependency that nobody filled in; `rows_left_out` is how many demand
    rows were not asked about.
    """

    ends: tuple[End, ...] = ()
    shocks: tuple[Shock, ...] = ()
    blasts: tuple[Blast, ...] = ()
    not_judged: tuple[str, ...] = ()
    rows_left_out: int = 0
    stopped: bool = False


def stress(
    network: Network,
    plan: Deployment,
    worst: int = 3,
    kinds: tuple[str, ...] = (),
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Stress:
    """Return how the plan behaves under every failure; what was found so far after a stop.

    `worst` is the most failures at once, of any mix and of each of the `kinds`.
    """
    return _Run(network, plan, stop or threading.Event(), say).all(worst, kinds)


class _Run:
    def __init__(
        self, network: Network, plan: Deployment, stop: threading.Event, say: Callable[[str], None]
    ) -> None:
        self.network, self.plan, self.stop, self.say = network, plan, stop, say
        self.best, self.worst = read_at_best(network), read_at_worst(network)
        self._known: dict[object, Fewest] = {}
        self.bounds = Bounds(network)
        items = network.graph.dependencies
        known = {item.kind for item in items if not is_unknown(item)}
        self.not_judged = tuple(sorted({item.kind for item in items} - known))
        rows = [row for row in network.demand if row.requests_per_s > 0]
        rows.sort(key=lambda row: -row.requests_per_s * network.month_share[row.period])
        self.rows, self.left_out = rows[:MOST_ROWS], max(0, len(rows) - MOST_ROWS)

    def all(self, worst: int, kinds: tuple[str, ...]) -> Stress:
        """Return everything, each part cut short by a stop."""
        return Stress(
            ends=tuple(self._until_stopped(self.ends())),
            shocks=tuple(self._until_stopped(self.shocks())),
            blasts=tuple(self._until_stopped(self.blasts(worst, kinds))),
            not_judged=self.not_judged,
            rows_left_out=self.left_out,
            stopped=self.stop.is_set(),
        )

    def _until_stopped(self, found: Iterator[_T]) -> Iterator[_T]:
        while not self.stop.is_set():
            try:
                yield next(found)
            except StopIteration:
                return

    # Ends -----------------------------------------------------------------------------------------

    def ends(self) -> Iterator[End]:
        """Yield the end of every guarantee: demand rows first, those with most requests."""
        for number, row in enumerate(self.rows, start=1):
            self.say(f"fewest failures that end a row's service: {number} of {len(self.rows)}")
            yield self._end_of_row(row)
        for found in guarantees(self.network, self.plan):
            self.say(f"fewest failures that end {found.role} of {found.of}")
            unavoidable = self._unavoidable(found.role)
            best, worst = (
                self._fewest(network, found, unavoidable) for network in (self.best, self.worst)
            )
            yield End(found.role, _named(found), found.loss, best, worst, unavoidable)

    def _end_of_row(self, row: Demand) -> End:
        offers = [self.network.hangs_on(offer) for offer in self.bounds.servable(row)]
        shared = frozenset.intersection(*offers) if offers else frozenset()
        graph = self.network.graph
        for kind, name in (("region", row.region), ("model", row.model)):
            shared |= graph.hangs_on(Item(kind, name))
        unavoidable = tuple(sorted(item for item in shared if not is_unknown(item)))
        best, worst = (
            Fewest(smallest_outage(network, self.plan, row, self._may_fail(network, unavoidable)))
            for network in (self.best, self.worst)
        )
        return End("execution", row.model or "all", LIVENESS, best, worst, unavoidable, row.key)

    def _may_fail(self, network: Network, unavoidable: tuple[Item, ...]) -> list[Item]:
        """Return the dependencies that are judged: neither unavoidable nor of a kind left blank."""
        return [
            item
            for item in network.graph.dependencies
            if item not in unavoidable and item.kind not in self.not_judged
        ]

    def _fewest(self, network: Network, found: Guarantee, unavoidable: tuple[Item, ...]) -> Fewest:
        """Return the end of a guarantee; several losses of one thing often ask the same."""
        stands = [stand.broken for stand in found.stands]
        asked = (id(network), unavoidable, *((tuple(s.weights.items()), s.limit) for s in stands))
        if asked not in self._known:
            items = {item for stand in stands for item in stand.weights}
            tree = FaultTree(network.graph, items, self._may_fail(network, unavoidable))
            self._known[asked] = Fewest(tree.smallest(stands))
        return self._known[asked]

    def _unavoidable(self, role: str) -> tuple[Item, ...]:
        """Return what every offer of a role hangs on, and no plan escapes."""
        offers = [self.network.hangs_on(offer) for offer in self.network.offers_of(role)]
        shared = frozenset.intersection(*offers) if offers else frozenset()
        return tuple(sorted(item for item in shared if not is_unknown(item)))

    # Shocks ---------------------------------------------------------------------------------------

    def shocks(self) -> Iterator[Shock]:
        """Yield what every dependency, known or not, and every shock of the workbook does."""
        failures = {str(item): frozenset((item,)) for item in self._may_fail(self.worst, ())}
        failures |= {f"shock:{name}": items for name, items in self.network.shock_items.items()}
        promised = guarantees(self.worst, self.plan)
        for number, (name, failed) in enumerate(failures.items(), start=1):
            self.say(f"replaying failures: {number} of {len(failures)}")
            yield self._shock(name, tuple(sorted(failed)), promised)

    def _shock(self, name: str, failed: tuple[Item, ...], promised: tuple[Guarantee, ...]) -> Shock:
        network, down = self.worst, self.worst.graph.down(failed)
        ended = [
            found for found in promised if any(stand.broken.happens(down) for stand in found.stands)
        ]

        def names(role: str, loss: str) -> tuple[str, ...]:
            return tuple(
                sorted({found.of for found in ended if (found.role, found.loss) == (role, loss)})
            )

        share, short = self._served(network, failed) if self.rows else (None, ())
        return Shock(
            name=name,
            failed=failed,
            protected=name in self.network.protected,
            served=share,
            short=short,
            halted=names("coordination", LIVENESS),
            lost_models=names("storage", LIVENESS),
            silent_policies=names("verification", LIVENESS),
            forged_policies=names("verification", SAFETY),
        )

    def _served(
        self, network: Network, failed: tuple[Item, ...]
    ) -> tuple[float, tuple[DemandKey, ...]]:
        left = replay(network, self.plan, failed)
        rate = {d.key: d.requests_per_s * network.month_share[d.period] for d in network.demand}
        served = sum(rate[key] * share for key, share in left.served.items())
        short = tuple(
            row.key
            for row in network.demand
            if rate[row.key] and left.served[row.key] < (row.min_served or HALF) - NEARLY
        )
        return served / sum(rate.values()), short

    # Blasts ---------------------------------------------------------------------------------------

    def blasts(self, worst: int, kinds: tuple[str, ...]) -> Iterator[Blast]:
        """Yield the most that so many failures break at once, committees and models apart."""
        promised = guarantees(self.best, self.plan)
        for role in ("coordination", "storage"):
            stands = [
                found.stands[0].broken
                for found in promised
                if (found.role, found.loss) == (role, LIVENESS)
            ]
            items = {item for stand in stands for item in stand.weights}
            may_fail = self._may_fail(self.best, self._unavoidable(role))
            for mix in ((), *((kind,) for kind in kinds)) if stands else ():
                of_mix = [item for item in may_fail if not mix or item.kind in mix]
                tree = FaultTree(self.best.graph, items, of_mix)
                for count in range(1, worst + 1):
                    self.say(f"the worst {count} failures for {role}")
                    found = tree.worst(stands, count)
                    yield Blast(role, mix, count, found.failed, found.broken, len(stands))


def read_at_best(network: Network) -> Network:
    """Return the network with every unknown value a dependency of its own and no suspicion true."""
    settings = replace(network.settings, unknown="distinct", suspected="ignore")
    return replace(network, settings=settings)


def read_at_worst(network: Network) -> Network:
    """Return the network with unknown values of a kind as one and every suspicion true."""
    return replace(network, settings=replace(network.settings, unknown="shared", suspected="count"))


def _named(found: Guarantee) -> str:
    return f"{found.of}, {found.period}" if found.period else found.of
