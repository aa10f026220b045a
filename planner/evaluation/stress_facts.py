"""Which single fact, if somebody verified it, would change the verdict on a plan most.

A fact is an unknown attribute of a site, which may turn out to be a dependency of its own, or a
suspected exposure, which may turn out to be false. Everything else stays at its worst; what is told
is how many guarantees then need more failures to end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from models.collapse import FaultTree
from models.network import SITE_ATTRIBUTES, UNKNOWN, Network
from models.outage import is_out, smallest_outage
from models.replay import Replays
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import Asked
from planner.evaluation.stress_results import End, Fact


def facts(desk: Desk, found: Iterable[End]) -> tuple[Fact, ...]:
    """Return what every fact would change, the most telling first.

    Asked of the guarantees that fewer failures end at worst than at best, if there are any.
    """
    doubtful = tuple(end for end in found if _size(end.worst.size) < _size(end.best.size))
    questions = [IfKnown(fact, doubtful) for fact in _facts(desk.asked)] if doubtful else []
    told = [answer for _, answer in desk.ask(questions, "what is worth verifying")]
    return tuple(sorted(told, key=lambda fact: (-fact.raised, fact.name)))


@dataclass(frozen=True)
class Unverified:
    """An unknown attribute of a site, or the suspected exposure of that position in the network."""

    name: str
    site: str = ""
    kind: str = ""
    exposure: int = -1

    def verified(self, network: Network) -> Network:
        """Return the network in which it is known, and as good as can be."""
        if self.exposure >= 0:
            kept = enumerate(network.exposures)
            return replace(network, exposures=tuple(e for n, e in kept if n != self.exposure))
        site, own = network.sites[self.site], ((f"{UNKNOWN} ({self.site})",),)
        if self.kind in SITE_ATTRIBUTES:
            known: dict[str, Any] = {self.kind: own}
            site = replace(site, **known)
        else:
            named = [(kind, own if kind == self.kind else needs) for kind, needs in site.other]
            site = replace(site, other=tuple(named))
        return replace(network, sites={**network.sites, self.site: site})


@dataclass(frozen=True)
class IfKnown:
    """How many of these guarantees need more failures to end than at worst, if a fact is known?"""

    fact: Unverified
    ends: tuple[End, ...]

    @property
    def what(self) -> str:
        """Return what is asked about."""
        return f"what {self.fact.name} would change"

    def answer(self, asked: Asked) -> Fact:
        """Return it."""
        network = self.fact.verified(asked.worst)
        replays = Replays(network, asked.plan)
        raised = sum(_is_raised(asked, network, replays, end) for end in self.ends)
        return Fact(self.fact.name, raised, len(self.ends))


def _is_raised(asked: Asked, network: Network, replays: Replays, end: End) -> bool:
    before, may_fail = end.worst.failed or (), asked.may_fail(network, end.unavoidable)
    is_there = set(before) <= set(may_fail)
    if end.demand is not None:
        (row,) = [row for row in network.demand if row.key == end.demand]
        if is_there and is_out(network, asked.plan, row, before, replays):
            return False
        failed = smallest_outage(network, asked.plan, row, may_fail, replays=replays)
    else:
        stands = [
            stand.broken
            for found in asked.promised
            if (found.role, found.named, found.loss) == (end.role, end.of, end.loss)
            for stand in found.stands
        ]
        down = network.graph.down(before)
        if is_there and any(stand.happens(down) for stand in stands):
            return False
        items = {item for stand in stands for item in stand.weights}
        failed = FaultTree(network.graph, items, may_fail).smallest(stands)
    return _size(None if failed is None else len(failed)) > len(before)


def _size(size: int | None) -> float:
    return float("inf") if size is None else size


def _facts(asked: Asked) -> Iterator[Unverified]:
    """Yield the facts about sites where something of the plan is, and all suspicions."""
    network = asked.worst
    held = {offer.site for offer, count in asked.plan.nodes.items() if count}
    for name in sorted(held & network.sites.keys()):
        site = network.sites[name]
        attributes = [(kind, getattr(site, kind)) for kind in SITE_ATTRIBUTES]
        for kind, needs in [*attributes, *site.other]:
            if needs is None and kind not in asked.not_judged:
                yield Unverified(f"{kind} of site {name}", name, kind)
    for position, exposure in enumerate(network.exposures):
        if exposure.confidence != "known":
            hangs_on = " | ".join(map(str, exposure.any_of))
            text = f"whether {exposure.item} depends on {hangs_on}"
            yield Unverified(text, exposure=position)
