"""frontier.html: cost against a measure as a curve and a table, on one page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from planner.evaluation.frontier import Frontier, Point, folder
from planner.report.html.document import document
from planner.report.html.elements import (
    Child,
    Markup,
    Number,
    Row,
    joined,
    number,
    section,
    table,
    tag,
)
from planner.workbook.findings import counted

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900.0, 420.0, 90.0, 60.0, 30.0, 50.0
"""The drawing and the margins around its curve, in its own units."""
TICKS = 5

KNEE = (
    "The knee is the plan furthest below the straight line between the ends: with x and y the"
    " measure and the cost, each from 0 to 1 between the ends, the distance is (1 - x - y) / √2."
)
_ABOUT = (
    "Every point is a plan that none of the others beats. The bar below it reaches down to the"
    " least that a plan as good in the measure is proven to cost."
)


def frontier_page(found: Frontier) -> str:
    """Return the page; the same frontier gives the same bytes."""
    title = f"Cost against {found.against} for {found.workbook}"
    told = [tag("p", text, class_="alarm") for text in found.failures]
    told += [tag("p", text) for text in found.notes]
    head = tag("header", tag("h1", title), tag("p", proof(found)), told)
    parts: list[Markup | None] = [head]
    if found.points:
        parts.append(section("The frontier", _curve(found), tag("p", KNEE), about=_ABOUT))
        parts.append(section("The plans", _table(found)))
    return document(title, parts)


def proof(found: Frontier) -> str:
    """Return, in a sentence, what is proven of the plans."""
    if not found.points:
        return "No plan was found."
    gap = max(point.cost_gap for point in found.points)
    if math.isinf(gap):
        unproven = sum(math.isinf(point.cost_gap) for point in found.points)
        return f"Of {counted(unproven, 'plan')} nothing is proven: raise --time-limit."
    return (
        f"{counted(len(found.points), 'plan')}: none that is as good in {found.against} as one of"
        f" them, and serves as much, costs less by more than its gap, {gap:.2%} at most: proven."
    )


def bound_header(found: Frontier) -> str:
    """Return what is said above the proven bound of the measure."""
    return "at most" if found.more_is_better else "at least"


def amount_text(found: Frontier, amount: float) -> str:
    """Return an amount of the measure as it is shown."""
    if not math.isfinite(amount):
        return ""
    amount = found.told(amount)
    if found.unit == "share":
        return f"{amount:.4%}" if found.against == "expected_loss" else f"{amount:.2%}"
    return f"{amount:,.1f}" if found.unit == "ms" else f"{amount:,.0f}"


def _table(found: Frontier) -> Markup | None:
    rows = []
    for point in found.points:
        cells: list[Child] = [
            _name(found, point),
            number(point.cost),
            number(_finite(point.cost_bound)),
            number(_finite(point.cost_gap), ".2%"),
            Number(amount_text(found, point.amount)),
            Number(amount_text(found, point.amount_bound)),
            number(_finite(point.amount_gap), ".2%"),
            number(point.unserved, ",.4g"),
            "yes" if point.apart else "not proven",
            point.status,
        ]
        rows.append(Row(tuple(cells)))
    measure, cost = found.against, f"{found.currency}/month"
    bound = bound_header(found)
    headers = (
        "plan",
        cost,
        "at least",
        "gap",
        measure,
        bound,
        "gap",
        "unserved",
        "apart",
        "status",
    )
    caption = (
        "Each plan is a folder of that number; at least, or at most, is the proven bound. A plan is"
        " apart where none as good as the one before it costs as little."
    )
    return table(caption, headers, rows)


def _name(found: Frontier, point: Point) -> str:
    return folder(point.number) + (" (knee)" if point == found.knee else "")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# The curve ----------------------------------------------------------------------------------------


def _curve(found: Frontier) -> Markup:
    points = found.points
    lowest = [point.cost_bound for point in points if math.isfinite(point.cost_bound)]
    x = _axis([p.amount for p in points], LEFT, WIDTH - RIGHT)
    y = _axis([*(p.cost for p in points), *lowest], HEIGHT - BOTTOM, TOP)
    at = [(x(point.amount), y(point.cost)) for point in points]
    # Between two plans the best that is known is the one before: a stair, not a line.
    stair = [f"H{left:.1f} V{top:.1f}" for left, top in at[1:]]
    steps = " ".join([f"M{at[0][0]:.1f} {at[0][1]:.1f}", *stair])
    chord = f"M{at[0][0]:.1f} {at[0][1]:.1f} L{at[-1][0]:.1f} {at[-1][1]:.1f}"
    return tag(
        "svg",
        tag("title", f"{found.currency} a month against {found.against}"),
        tag("desc", "The table below has the same figures."),
        _scales(found, x, y),
        tag("path", d=chord, class_="chord"),
        tag("path", d=steps, class_="curve"),
        [_mark(found, point, left, top, y) for point, (left, top) in zip(points, at, strict=True)],
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def _mark(
    found: Frontier, point: Point, left: float, top: float, y: Callable[[float], float]
) -> Markup:
    bar = None
    if math.isfinite(point.cost_bound):
        low = f"{y(point.cost_bound):.1f}"
        bar = tag("line", x1=f"{left:.1f}", x2=f"{left:.1f}", y1=f"{top:.1f}", y2=low, class_="gap")
    told = f"{_name(found, point)}: {point.cost:,.0f} {found.currency} a month, "
    told += f"{found.against} {amount_text(found, point.amount)}"
    is_knee = point == found.knee
    kind = "open hit" if is_knee else "open"
    dot = tag(
        "circle",
        tag("title", told),
        cx=f"{left:.1f}",
        cy=f"{top:.1f}",
        r="7" if is_knee else "5",
        class_=kind,
    )
    name = tag("text", _name(found, point), x=f"{left + 8:.1f}", y=f"{top - 8:.1f}", font_size="13")
    return joined(bar, dot, name)


def _axis(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    least, most = min(values), max(values)
    span = most - least

    def place(value: float) -> float:
        along = (value - least) / span if span > 0 else 0.5
        return start + (end - start) * along

    return place


def _scales(
    found: Frontier, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[Markup]:
    """Yield figures along both axes, from the least to the most, and what they are of."""
    amounts = [point.amount for point in found.points]
    costs = [point.cost for point in found.points]
    bottom = HEIGHT - BOTTOM
    for value in sorted(set(amounts)) if found.more_is_better else _ticks(amounts):
        at = f"{x(value):.1f}"
        yield tag("line", x1=at, x2=at, y1=f"{bottom:.0f}", y2=f"{bottom + 5:.0f}", class_="axis")
        words = {"x": at, "y": f"{bottom + 20:.0f}", "text_anchor": "middle", "font_size": "12"}
        yield tag("text", amount_text(found, value), **words)
    for value in _ticks(costs):
        at = f"{y(value):.1f}"
        yield tag("line", x1=f"{LEFT - 12:.0f}", x2=f"{LEFT - 7:.0f}", y1=at, y2=at, class_="axis")
        words = {"x": f"{LEFT - 16:.0f}", "y": at, "text_anchor": "end", "font_size": "12"}
        yield tag("text", f"{value:,.0f}", **words)
    unit = f"{found.against} ({found.unit})" if found.unit != found.against else found.against
    words = {"x": f"{WIDTH / 2:.0f}", "y": f"{HEIGHT - 8:.0f}", "text_anchor": "middle"}
    yield tag("text", unit, **words, font_size="13")
    yield tag("text", f"{found.currency} a month", x="8", y="16", font_size="13")


def _ticks(values: Sequence[float]) -> list[float]:
    least, most = min(values), max(values)
    if most <= least:
        return [least]
    return [least + (most - least) * number / (TICKS - 1) for number in range(TICKS)]
