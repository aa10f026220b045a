"""The dependency view: what goes with each dependency, and which parts of the page hang on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from models.data import Item, OfferKey
from models.guarantees import LIVENESS, guarantees
from models.network import is_unknown
from planner.evaluation.evaluation import Evaluation
from planner.report.html.elements import Markup, joined, section, tag
from planner.report.sentences import listed
from planner.workbook.findings import counted

NAMES_SHOWN = 6
EMPTY = "Pick a dependency to see what goes with it; Escape lets go."
ABOUT = (
    "Everything that a used site shares with others, with its share of all requests as they are"
    " routed now. What is left after demand is routed anew is what planner stress works out."
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
        text = f"{self.item} goes: {self.share:.0%} of requests, {counted(self.nodes, 'node')} at "
        text += f"{counted(len(self.sites), 'site')} ({listed(self.sites, NAMES_SHOWN)})"
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
        rates: dict[OfferKey, float] = defaultdict(float)
        for answer in self.evaluation.answers:
            rates[answer.flow.offer] += answer.rate
        promised = guarantees(network, plan)
        asked = self.evaluation.asked or 1.0
        found = []
        for item, offers in on.items():
            down = network.graph.down((item,))
            ended = {
                f"{_ENDS[guarantee.role]} {guarantee.of}"
                for guarantee in promised
                if guarantee.loss == LIVENESS
                and any(stand.broken.happens(down) for stand in guarantee.stands)
            }
            share = sum(rates[offer] for offer in offers) / asked
            nodes = sum(plan.nodes[offer] for offer in offers)
            found.append(Loss(item, frozenset(offers), share, tuple(sorted(ended)), nodes))
        found.sort(key=lambda loss: (loss.item.kind, -loss.share, -loss.nodes, loss.item.name))
        return tuple(found)

    @cached_property
    def _marks(self) -> dict[str, str]:
        marks: dict[str, list[str]] = defaultdict(list)
        for number, loss in enumerate(self.losses):
            for site in loss.sites:
                marks[site].append(f"d{number}")
        return {site: " ".join(found) for site, found in marks.items()}

    def marks(self, site: str) -> str:
        """Return the marks of all that a site hangs on, as an attribute holds them."""
        return self._marks.get(site, "")

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
