"""What gives way, a rule or one unit of a limit, and what that saves.

All of a kind give way together first: if that saves nothing, none of them does. Where a better plan
was found they are divided in two, until each stands alone, or has been tried as often as may be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from models.data import Demand, Offer, Provider, Site
from models.network import Network
from planner.evaluation.explain_limits import Limit
from planner.evaluation.why_results import Best, Eased, in_order
from planner.evaluation.why_solves import Ask, Solves, pinned, price

MOST_SOLVES = 40
"""How many solves the rules, and the limits, may each take beside those of whole kinds."""
FEW = 3
"""Up to how many of a kind are tried one by one at once."""

ON_OFFER = {(Offer, "max_nodes"), (Site, "max_nodes"), (Provider, "max_nodes")}
"""Limits of what is there, which are of one kind."""
ONLY_PROTECTED = {"min_served", "failover_latency_ms", "min_copies_left", "max_faulty"}
"""What asks for nothing where no failure is protected."""


@dataclass(frozen=True, eq=False)
class Easing:
    """One thing that gives way: its cells, what it says, and the network in which it does.

    Those of one `kind` are tried together. `step` says how a limit moves. It `is_sure` unless what
    is asked for elsewhere may become more.
    """

    kind: str
    cells: tuple[str, ...]
    sentence: str
    apply: Callable[[Network], Network]
    step: str = ""
    is_sure: bool = True


def kind_of(limit: Limit) -> str:
    """Return what limits that are tried together have in common."""
    if (type(limit.row), limit.attribute) in ON_OFFER:
        return "on offer"
    return f"{type(limit.row).__name__} {limit.attribute}"


def is_sure(network: Network, limit: Limit) -> bool:
    """Return whether a network with the limit loosened allows all that it does with it.

    A site that may be used makes failures avoidable, which plans must then survive; a row that need
    not survive any has panels that must, and is out only when half of it is.
    """
    lasts = any(row.min_collapse for row in network.diversity)
    if limit.attribute == "status" and limit.value == "forbidden":
        return not (lasts or network.protected)
    if isinstance(limit.row, Demand) and limit.attribute == "min_served":
        return not (lasts or limit.row.verification)
    return True


def tried(
    solves: Solves, network: Network, base: Best, easings: Sequence[Easing], what: str
) -> Iterator[tuple[list[Easing], Best]]:
    """Yield what gave way, one thing or several together, with the best plan found then."""
    of_sure = pinned(network)
    open_, left = list(_groups(easings)), MOST_SOLVES
    while open_:
        keys = {f"{what} {n}, {group[0].cells[0]}": group for n, group in enumerate(open_, start=1)}
        asked = {
            key: Ask(_eased(of_sure if group[0].is_sure else network, group))
            for key, group in keys.items()
        }
        best = solves.run(what, asked)
        open_ = []
        for key, group in keys.items():
            if key not in best:
                continue
            is_single = len(group) == 1 or price(base, best[key]).is_futile
            if is_single or left < 2 or solves.stop.is_set():
                yield group, best[key]
                continue
            half = len(group) // 2
            open_ += [group[:half], group[half:]]
            left -= 2


def _groups(easings: Sequence[Easing]) -> Iterator[list[Easing]]:
    by_kind: dict[str, list[Easing]] = defaultdict(list)
    for easing in easings:
        by_kind[easing.kind if easing.is_sure else str(easing.cells)].append(easing)
    for group in by_kind.values():
        yield from ([easing] for easing in group) if len(group) <= FEW else [group]


def _eased(network: Network, group: Sequence[Easing]) -> Network:
    return reduce(lambda found, easing: easing.apply(found), group, network)


def priced(base: Best, found: Sequence[tuple[list[Easing], Best]]) -> tuple[Eased, ...]:
    """Return what each would save, against all that is known of the base; the most first."""
    return in_order(
        [
            Eased(
                tuple(cell for easing in group for cell in easing.cells),
                tuple(easing.sentence for easing in group),
                tuple(easing.step for easing in group if easing.step),
                price(base, best, is_sure=all(easing.is_sure for easing in group)),
            )
            for group, best in found
        ]
    )
