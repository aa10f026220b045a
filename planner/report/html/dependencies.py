"""The dependency view: what goes with each dependency, and which parts of the page hang on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from models.data import Item, OfferKey
from models.guarantees import LIVENESS, guarantees
from models.network import is_unknown
from planner.evaluation.evaluation import Answer, Evaluation
from planner.report.html.elements import Markup, joined, section, tag
from planner.report.sentences import listed
from planner.workbook.findings import counted

NAMES_SHOWN = 6
EMPTY = "Pick a dependency to see what goes with it; Escape lets go."
ABOUT = (
    "What a used site, route or model hangs on, with its share of all requests as they are routed"
    " now. What is left after demand is routed anew is what planner stress works out."
)


@dataclass(frozen=True)
class Loss:
    """What goes with one dependency; `share` is of all requests, as routed, from 0 to 1."""

    item: Item
    offers: frozenset[OfferKey]
    share: float
    ended: tuple[str, ...]
    nodes: int

    @property
    def sites(self) -> tuple[str, ...]:
        """Return the sites that lose nodes, in order."""
        return tuple(sorted({offer.site for offer in self.offers}))

    def __str__(self) -> str:
        text = f"{self.item} goes: {self.share:.0%} of requests"
        if self.sites:
            text += f", {counted(self.nodes, 'node')} at {counted(len(self.sites), 'site')}"
            text += f" ({listed(self.sites, NAMES_SHOWN)})"
        return f"{text}; {listed(self.ended, NAMES_SHOWN)}" if self.ended else text


class Dependencies:
    """The dependencies of what a plan uses, each with a mark for what hangs on it."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    @cached_property
    def losses(self) -> tuple[Loss, ...]:
        """Return what goes with each dependency, by kind, the largest share first."""
        network, plan = self.evaluation.network, self.evaluation.plan
        used = {offer for offer, count in plan.nodes.items() if count and offer in network.offers}
        on: dict[Item, set[OfferKey]] = defaultdict(set)
        for offer in used:
            for item in network.hangs_on(offer):
                if not is_unknown(item):
                    on[item].add(offer)
        rates: dict[Item, float] = defaultdict(float)
        for answer in self.evaluation.answers:
            for item in self._hangs_on(answer):
                rates[item] += answer.rate
        promised = [
            (f"{_ENDS[found.role]} {found.of}", [stand.broken for stand in found.stands])
            for found in guarantees(network, plan)
            if found.loss == LIVENESS
        ]
        asked = self.evaluation.asked or 1.0
        found = []
        for item in on.keys() | rates.keys():
            offers = on[item]
            down = network.graph.down((item,))
            ended = {end for end, stands in promised if any(s.happens(down) for s in stands)}
            nodes = sum(plan.nodes[offer] for offer in offers)
            ends = tuple(sorted(ended))
            found.append(Loss(item, frozenset(offers), rates[item] / asked, ends, nodes))
        found.sort(key=lambda loss: (loss.item.kind, -loss.share, -loss.nodes, loss.item.name))
        return tuple(found)

    def _hangs_on(self, answer: Answer) -> frozenset[Item]:
        """Return what a flow hangs on, by its route and model too; unknown values are no button."""
        network, offer = self.evaluation.network, answer.flow.offer
        if answer.service is not None:
            found = answer.service.hangs_on
        else:
            found = network.hangs_on(offer) if offer in network.offers else frozenset()
        return frozenset(item for item in found if not is_unknown(item))

    @cached_property
    def _numbers(self) -> dict[Item, int]:
        return {loss.item: number for number, loss in enumerate(self.losses)}

    @cached_property
    def _at_site(self) -> dict[str, set[Item]]:
        found: dict[str, set[Item]] = defaultdict(set)
        for loss in self.losses:
            for site in loss.sites:
                found[site].add(loss.item)
        return found

    def of_site(self, site: str) -> str:
        """Return the marks of all that a site hangs on, as an attribute holds them."""
        return self._marks(self._at_site.get(site, ()))

    def of_answers(self, answers: Iterable[Answer]) -> str:
        """Return the marks of all that any of these flows hangs on."""
        return self._marks({item for answer in answers for item in self._hangs_on(answer)})

    def _marks(self, items: Iterable[Item]) -> str:
        return " ".join(f"d{number}" for number in sorted(self._numbers[item] for item in items))

    def view(self) -> Markup:
        """Return a button for every dependency, by kind, and the line that says what it takes."""
        kinds: dict[str, list[Markup]] = defaultdict(list)
        for number, loss in enumerate(self.losses):
            kinds[loss.item.kind].append(
                tag(
                    "button",
                    f"{loss.item.name} · {loss.share:.0%}",
                    type="button",
                    aria_pressed="false",
                    data_item=f"d{number}",
                    data_lost=str(loss),
                )
            )
        # The kinds whose largest dependency takes most come first.
        largest = {kind: max(x.share for x in self.losses if x.item.kind == kind) for kind in kinds}
        groups = [
            joined(tag("h3", kind.replace("_", " ")), tag("div", kinds[kind], class_="pick"))
            for kind in sorted(kinds, key=lambda kind: (-largest[kind], kind))
        ]
        told = tag("p", EMPTY, id="lost", aria_live="polite", data_empty=EMPTY)
        return section("What hangs together", told, groups, about=ABOUT)


_ENDS = {
    "coordination": "halted: committee",
    "storage": "too few copies: model",
    "verification": "no quorum: policy",
}
