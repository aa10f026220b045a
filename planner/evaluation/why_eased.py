"""What gives way, a rule or one unit of a limit, and what that saves.

All of a kind give way together first: if that saves nothing, none of them does. Where a better plan
was found they are divided in two, until each stands alone, or has been tried as often as may be.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from models.data import Demand, Offer, Provider, Site
from models.network import Network
from planner.evaluation.explain_limits import Limit
from planner.evaluation.why_results import Best, Eased, in_order
from planner.evaluation.why_solves import Ask, Solves, known, pinned, price

MOST_SOLVES = 40
"""How many solves the rules, and the limits, may each take beside those of whole kinds."""
AGAIN_SHARE = 0.25
"""The part of the prices, those that are least known, for which is solved once more."""
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
    open_: list[tuple[list[Easing], list[Best]]] = [(group, []) for group in _groups(easings)]
    left = MOST_SOLVES
    while open_:
        keys = {f"{what} {n}, {of[0][0].cells[0]}": of for n, of in enumerate(open_, start=1)}
        asked = {
            key: Ask(_eased(network, of_sure, group), start=base.plan)
            for key, (group, _) in keys.items()
        }
        best = solves.run(what, asked)
        open_ = []
        for key, (group, wider) in keys.items():
            if key not in best:
                continue
            # What is proven of all that gave way together holds where only some of it does.
            found = known(best[key], wider, ())
            is_single = len(group) == 1 or price(base, found).is_futile
            if is_single or left < 2 or solves.stop.is_set():
                yield group, found
                continue
            half = len(group) // 2
            open_ += [(group[:half], [found]), (group[half:], [found])]
            left -= 2


def sharpened(
    solves: Solves, network: Network, base: Best, found: Sequence[tuple[list[Easing], Best]]
) -> list[tuple[list[Easing], Best]]:
    """Return what gave way, a part of it solved again: that of which the price is least known."""
    widths = [price(base, best, is_sure=group[0].is_sure).width for group, best in found]
    widest = sorted((n for n, width in enumerate(widths) if width > 0), key=lambda n: -widths[n])
    again = {
        f"once more {n + 1}, {found[n][0][0].cells[0]}": n
        for n in widest[: math.ceil(AGAIN_SHARE * len(found))]
    }
    of_sure = pinned(network)
    asked = {
        key: Ask(_eased(network, of_sure, found[n][0]), best=found[n][1])
        for key, n in again.items()
    }
    best = solves.run("the widest prices", asked) if asked else {}
    sharper = {again[key]: one for key, one in best.items()}
    return [(group, sharper.get(n, known_)) for n, (group, known_) in enumerate(found)]


def _groups(easings: Sequence[Easing]) -> Iterator[list[Easing]]:
    by_kind: dict[str, list[Easing]] = defaultdict(list)
    for easing in easings:
        by_kind[easing.kind if easing.is_sure else str(easing.cells)].append(easing)
    for group in by_kind.values():
        yield from ([easing] for easing in group) if len(group) <= FEW else [group]


def _eased(network: Network, of_sure: Network, group: Sequence[Easing]) -> Network:
    given = of_sure if group[0].is_sure else network
    return reduce(lambda found, easing: easing.apply(found), group, given)


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
