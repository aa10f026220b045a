"""What can be asked of a plan under failures, question by question, doubt read twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from models.collapse import Break, FaultTree
from models.data import Demand, DemandKey, Item
from models.guarantees import LIVENESS, SAFETY, Guarantee, guarantees
from models.network import Network, is_unknown
from models.outage import HALF, NEARLY, is_out, smallest_outage
from models.plan import Deployment
from models.replay import Replay, Replays
from planner.checks.capacity import Bounds
from planner.evaluation.stress_results import Blast, End, Fewest, MostBroken, Shock

MOST_ROWS = 500
"""Of how many demand rows, those with most requests, the end is sought."""


class Asked:
    """What can be asked of one network and plan, each question by itself.

    `readings` says of each that differs whether it is at best, that at worst first.
    """

    def __init__(self, network: Network, plan: Deployment) -> None:
        self.network, self.plan = network, plan
        self.best, self.worst = read_at_best(network), read_at_worst(network)
        is_in_doubt = self.best.graph.exposures != self.worst.graph.exposures
        self.readings = (False, True) if is_in_doubt else (False,)
        self.promised = guarantees(network, plan)
        self._known: dict[object, Fewest] = {}
        self._unavoidable_to: dict[DemandKey, tuple[Item, ...]] = {}
        self._bounds = Bounds(network)
        items = network.graph.dependencies
        known = {item.kind for item in items if not is_unknown(item)}
        self.not_judged = tuple(sorted({item.kind for item in items} - known))
        rows = [row for row in network.demand if row.requests_per_s > 0]
        rows.sort(key=lambda row: -network.mean_rate(row))
        self.rows, self.left_out = rows[:MOST_ROWS], max(0, len(rows) - MOST_ROWS)

    def failures(self) -> dict[str, tuple[Item, ...]]:
        """Return every single dependency that is judged, and every shock of the workbook."""
        single = {str(item): (item,) for item in self.may_fail(self.worst, ())}
        together = self.network.shock_items.items()
        return single | {f"shock:{name}": tuple(sorted(items)) for name, items in together}

    @cached_property
    def replays(self) -> tuple[Replays, Replays]:
        """Return what is left after failures, in the best and in the worst reading."""
        return Replays(self.best, self.plan), Replays(self.worst, self.plan)

    def end(self, found: Guarantee) -> End:
        """Return what ends a guarantee that is not of routing."""
        unavoidable = self.unavoidable(found.role)
        best, worst = (
            self._fewest(network, found, unavoidable) for network in (self.best, self.worst)
        )
        return End(found.role, found.named, found.loss, best, worst, unavoidable)

    def end_of_row(self, row: Demand) -> End:
        """Return what ends the service of a demand row."""
        unavoidable = self.unavoidable_to(row)
        at_best, at_worst = self.replays
        may_fail = self.may_fail(self.worst, unavoidable)
        worst = smallest_outage(self.worst, self.plan, row, may_fail, replays=at_worst)
        best = worst
        # At best more is left, so what ends the row there ends it at worst: no fewer will do.
        if worst is not None:
            may_fail = self.may_fail(self.best, unavoidable)
            is_best = set(worst) <= set(may_fail)
            if not (is_best and is_out(self.best, self.plan, row, worst, at_best)):
                best = smallest_outage(self.best, self.plan, row, may_fail, replays=at_best)
        kind = row.model or "all"
        return End("execution", kind, LIVENESS, Fewest(best), Fewest(worst), unavoidable, row.key)

    def unavoidable_to(self, row: Demand) -> tuple[Item, ...]:
        """Return what ends the service of a demand row in every plan."""
        if row.key not in self._unavoidable_to:
            offers = [self.network.hangs_on(offer) for offer in self._bounds.servable(row)]
            shared = frozenset.intersection(*offers) if offers else frozenset()
            graph = self.network.graph
            for kind, name in (("region", row.region), ("model", row.model)):
                shared |= graph.hangs_on(Item(kind, name))
            policy = self.network.policies.get(row.verification)
            if policy is not None and policy.verifiers:
                shared |= frozenset(self.unavoidable("verification"))
            known = tuple(sorted(item for item in shared if not is_unknown(item)))
            self._unavoidable_to[row.key] = known
        return self._unavoidable_to[row.key]

    def note(self, ends: Iterable[End]) -> None:
        """Take what is unavoidable to demand rows from answers, found by whoever gave them."""
        for end in ends:
            if end.demand is not None:
                self._unavoidable_to[end.demand] = end.unavoidable

    def may_fail(self, network: Network, unavoidable: tuple[Item, ...] = ()) -> list[Item]:
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
            tree = FaultTree(network.graph, items, self.may_fail(network, unavoidable))
            self._known[asked] = Fewest(tree.smallest(stands))
        return self._known[asked]

    def unavoidable(self, role: str) -> tuple[Item, ...]:
        """Return what every offer of a role hangs on, and no plan escapes."""
        offers = [self.network.hangs_on(offer) for offer in self.network.offers_of(role)]
        shared = frozenset.intersection(*offers) if offers else frozenset()
        return tuple(sorted(item for item in shared if not is_unknown(item)))

    def shock(self, name: str, failed: tuple[Item, ...], left: Replay | None) -> Shock:
        """Return what a failure does, given what is left of the routing."""
        down = self.worst.graph.down(failed)
        ended = [
            found
            for found in self.promised
            if any(stand.broken.happens(down) for stand in found.stands)
        ]

        def names(role: str, loss: str) -> tuple[str, ...]:
            return tuple(
                sorted({found.of for found in ended if (found.role, found.loss) == (role, loss)})
            )

        share, short = (None, ()) if left is None else (self.served(left), self.short(left))
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

    def served(self, left: Replay) -> float:
        """Return the share of all demand that is served, mean over the month."""
        rate = self._rate
        return sum(rate[key] * share for key, share in left.served.items()) / self._total

    def short(self, left: Replay) -> tuple[DemandKey, ...]:
        """Return the demand rows that get too little."""
        return tuple(key for key, least in self._least.items() if left.served[key] < least - NEARLY)

    @cached_property
    def _rate(self) -> dict[DemandKey, float]:
        """Return what every demand row asks for in requests/s, mean over the month."""
        return {row.key: self.network.mean_rate(row) for row in self.network.demand}

    @cached_property
    def _total(self) -> float:
        return sum(self._rate.values())

    @cached_property
    def _least(self) -> dict[DemandKey, float]:
        """Return the share of every row with demand of which less is an end of its service."""
        rows = (row for row in self.network.demand if self._rate[row.key])
        return {row.key: row.min_served or HALF for row in rows}

    def blasts(self, worst: int, kinds: tuple[str, ...]) -> Iterator[WorstFew]:
        """Yield the questions for the most that so many failures break, role by role."""
        for role in ("coordination", "storage"):
            for mix in ((), *((kind,) for kind in kinds)) if self._stands(role) else ():
                for count in range(1, worst + 1):
                    yield WorstFew(role, mix, count)

    def blast(self, role: str, mix: tuple[str, ...], count: int) -> Blast:
        """Return the most committees, or models, that so many failures of some kinds break."""
        worst = best = self.most_broken(self.worst, role, mix, count)
        if True in self.readings:
            best = self.most_broken(self.best, role, mix, count)
        return Blast(role, mix, count, best, worst, len(self._stands(role)))

    def most_broken(
        self, network: Network, role: str, mix: tuple[str, ...], count: int
    ) -> MostBroken:
        """Return the same in one reading."""
        stands = self._stands(role)
        items = {item for stand in stands for item in stand.weights}
        may_fail = self.may_fail(network, self.unavoidable(role))
        of_mix = [item for item in may_fail if not mix or item.kind in mix]
        found = FaultTree(network.graph, items, of_mix).worst(stands, count)
        return MostBroken(found.broken, found.failed)

    def _stands(self, role: str) -> list[Break]:
        return [
            found.stands[0].broken
            for found in self.promised
            if (found.role, found.loss) == (role, LIVENESS)
        ]


# Questions ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EndOfRow:
    """What ends the service of the demand row of that number?"""

    row: int

    @property
    def what(self) -> str:
        """Return what is asked about."""
        return f"the end of demand row {self.row + 1}"

    def answer(self, asked: Asked) -> End:
        """Return it."""
        return asked.end_of_row(asked.network.demand[self.row])


@dataclass(frozen=True)
class EndOfGuarantee:
    """What ends the guarantee of that number?"""

    number: int

    @property
    def what(self) -> str:
        """Return what is asked about."""
        return f"the end of guarantee {self.number + 1}"

    def answer(self, asked: Asked) -> End:
        """Return it."""
        return asked.end(asked.promised[self.number])


@dataclass(frozen=True)
class WorstFew:
    """How many committees or models do so many failures break, of some kinds or of any?"""

    role: str
    kinds: tuple[str, ...]
    count: int

    @property
    def what(self) -> str:
        """Return what is asked about."""
        return f"the worst {self.count} failures for {self.role}"

    def answer(self, asked: Asked) -> Blast:
        """Return it."""
        return asked.blast(self.role, self.kinds, self.count)


@dataclass(frozen=True)
class WhatIsLeft:
    """What do users get while these are down, in the best or the worst reading?"""

    failed: tuple[Item, ...]
    at_best: bool = False

    @property
    def what(self) -> str:
        """Return what is asked about."""
        return ", ".join(map(str, self.failed)) or "what is served as it is"

    def answer(self, asked: Asked) -> Replay:
        """Return it."""
        return asked.replays[not self.at_best].after(self.failed)


def read_at_best(network: Network) -> Network:
    """Return the network with every unknown value a dependency of its own and no suspicion true."""
    settings = replace(network.settings, unknown="distinct", suspected="ignore")
    return replace(network, settings=settings)


def read_at_worst(network: Network) -> Network:
    """Return the network with unknown values of a kind as one and every suspicion true."""
    return replace(network, settings=replace(network.settings, unknown="shared", suspected="count"))
