"""What a site adds, headline first, and the reason in words, with names and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from models.concentration import ALL
from models.data import Item
from models.exposure import offer_item
from models.network import SITE_ATTRIBUTES, Network, is_unknown
from models.plan import Deployment
from planner.evaluation.sites_results import (
    CAPACITY,
    COUNTS,
    INDEPENDENCE,
    NOTHING,
    REACH,
    SHIFTS,
    Figure,
    Figures,
    Move,
)

NAMED = 3
"""How many dependencies that a site shares a reason names."""

KINDS_FIRST = ("metro", "provider", "network", "grid", "owner", "data_centre", "operator")
"""Kinds that planners can change, in the order in which a reason names them."""

WORDS = {
    "network": "carrier",
    "data_centre": "data centre",
    "tee": "TEE",
    "gpu": "GPU family",
}

ORDER = ("served", "headroom", "collapse", "worst_served", "nakamoto", "p95_ms", "p50_ms")
"""Of all figures that prove the same, a reason names the first of these that moves."""

NAMES = {
    "served": "share served",
    "headroom": "growth until demand goes unserved",
    "collapse": "fewest failures that end",
    "worst_served": "share served under the worst failure",
    "nakamoto": "Nakamoto number of",
    "p50_ms": "p50",
    "p95_ms": "p95",
    "largest_share": "largest share of",
    "effective": "effective number of",
    "blast": "broken by",
}


def verdicts(found: Sequence[Move]) -> tuple[str, ...]:
    """Return all that a site adds, in the order of what matters most."""
    added = {move.proves for move in found}
    named = tuple(verdict for verdict in (INDEPENDENCE, CAPACITY, REACH) if verdict in added)
    if named:
        return named
    load = [move for move in found if move.figure.what != "monthly_cost"]
    return (SHIFTS,) if load else (NOTHING,)


def shares(network: Network, plan: Deployment) -> dict[str, tuple[tuple[Item, int], ...]]:
    """Return what every open site hangs on, and with how many other open sites it shares each.

    What every open site hangs on is left out where no node on offer escapes it. Most shared first.
    """
    hangs: dict[str, set[Item]] = {site: set() for site in sorted(plan.open)}
    for offer, nodes in plan.nodes.items():
        if nodes and offer.site in hangs:
            hangs[offer.site] |= network.hangs_on(offer)
    for site in plan.open & network.sites.keys():
        hangs[site] |= network.graph.hangs_on(Item("site", site))
    offered = [network.graph.hangs_on(offer_item(offer)) for offer in network.offers]
    everywhere = frozenset.intersection(*offered) if offered else frozenset()
    count: dict[Item, int] = {}
    for items in hangs.values():
        for item in items:
            count[item] = count.get(item, 0) + 1
    return {
        site: tuple(
            (item, count[item] - 1)
            for item in sorted(items, key=lambda item: (-count[item], item))
            if item not in everywhere and not is_unknown(item)
        )
        for site, items in hangs.items()
    }


def reason(
    found: Sequence[Move],
    shared: Iterable[tuple[Item, int]],
    weakest: str,
    share_of: Callable[[Figure], float],
) -> str:
    """Return why a site adds what it adds, or why it adds no independence.

    `weakest` says what holds with and without it of the weakest guarantee that it is part of;
    `share_of` is the share of all requests that hang on a guarantee: the largest is told.
    """
    parts = []
    for verdict in (INDEPENDENCE, CAPACITY, REACH):
        best = [move for move in found if move.proves == verdict]
        best.sort(key=lambda m: (ORDER.index(m.figure.what), -share_of(m.figure), -m.gain))
        if best:
            others = f" and {len(best) - 1} more" if len(best) > 1 else ""
            parts.append(f"{move_text(best[0])}{others}")
    if verdicts(found)[0] != INDEPENDENCE:
        parts.append(f"{_sharing(shared)}; {weakest}" if weakest else _sharing(shared))
    return "; ".join(parts)


def _sharing(shared: Iterable[tuple[Item, int]]) -> str:
    """Return what is shared with others, what a planner can change first, in words."""
    order = {kind: number for number, kind in enumerate((*KINDS_FIRST, *SITE_ATTRIBUTES))}
    known = [(item, others) for item, others in shared if others]
    known.sort(key=lambda entry: (order.get(entry[0].kind, len(order)), -entry[1], entry[0]))
    if not known:
        return "shares nothing with another open site"
    names = [
        f"{WORDS.get(item.kind, item.kind)} {item.name} with {others} other{'s' * (others > 1)}"
        for item, others in known[:NAMED]
    ]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"shares {listed}"


def move_text(move: Move) -> str:
    """Return how a figure moves, as in `fewest failures that end council 3, without it 2`."""
    before, after = (value_text(move.figure, v) for v in (move.with_it, move.without))
    by = f" ({', '.join(map(str, move.by))})" if move.by else ""
    return f"{figure_text(move.figure)} {before}, without it {after}{by}"


def figure_text(figure: Figure) -> str:
    """Return what is measured, of what, in words."""
    name = NAMES.get(figure.what, figure.what.replace("_", " "))
    if figure.what in ("served", "p50_ms", "p95_ms"):
        return f"{name} of {figure.of}" if figure.of else name
    if figure.what in ("headroom", "worst_served", "monthly_cost"):
        return name
    if figure.what == "blast":
        return f"{figure.role}: {name} {figure.of} failures"
    if figure.what == "collapse":
        if figure.role == "execution":
            return f"{name} {figure.loss} of {figure.of}"
        return f"{name} {figure.role} of {figure.of} ({figure.loss})"
    of = figure.role if figure.of == ALL else f"{figure.role} of {figure.of}"
    loss = f" ({figure.loss})" if figure.loss else ""
    return f"{name} {WORDS.get(figure.kind, figure.kind)} in {of}{loss}"


def value_text(figure: Figure, value: float | None) -> str:
    """Return a figure with its unit."""
    if value is None:
        return "none" if figure.what in COUNTS else "-"
    if figure.what in ("served", "worst_served", "largest_share"):
        return f"{value:.1%}"
    if figure.what == "headroom":
        return f"{value - 1:+.1%}"
    if figure.what in ("p50_ms", "p95_ms"):
        return f"{value:,.0f} ms"
    if figure.what == "effective":
        return f"{value:.2f}"
    return f"{value:,.0f}"


def weakest_text(figure: Figure | None, whole: Figures, less: Figures) -> str:
    """Return what becomes of the weakest guarantee of a site; empty if it is part of none."""
    if figure is None:
        return ""
    before, after = (found.values.get(figure, 0) for found in (whole, less))
    by = f" ({', '.join(map(str, whole.by[figure]))})" if figure in whole.by else ""
    now, then = (value_text(figure, value) for value in (before, after))
    if before == after:
        return f"{figure_text(figure)} stays {now}{by}"
    return f"{figure_text(figure)} {now}{by}, without it {then}"
