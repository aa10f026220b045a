"""The network on a map: land, open and other sites, regions, and who is served from where."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from planner.evaluation.evaluation import Answer, Evaluation
from planner.report.html.dependencies import Dependencies
from planner.report.html.document import part
from planner.report.html.elements import Markup, joined, tag

MARGIN, LEAST_WIDTH, LEAST_HEIGHT = 6.0, 40.0, 24.0
"""Degrees around the outermost points, and how much the map shows at least."""

MOST_STRETCH = 2.0
"""How much taller a degree of latitude may be drawn, where those of longitude are narrow."""

FEW_ROUTES = 30
ROUTES_SHOWN = 400
"""How many lines are drawn at most, those with most requests; more would only be a blot."""


class Point(NamedTuple):
    """A place on the map: degrees east, and degrees south as much taller as the map stretches."""

    x: float
    y: float


class _Map(NamedTuple):
    """Where everything is, on a map whose degrees of latitude are `stretch` tall."""

    sites: Mapping[str, Point]
    regions: Mapping[str, Point]
    stretch: float


def world_map(evaluation: Evaluation, shared: Dependencies) -> Markup | None:
    """Return the map with the marks of what hangs on what; None if nothing has coordinates."""
    network, plan = evaluation.network, evaluation.plan
    found = _placed(evaluation)
    sites, regions = found.sites, found.regions
    if not sites:
        return None
    x, y, width, height = _view((*sites.values(), *regions.values()))
    unit = width / 100
    drawn = [
        tag("path", d=part("land.path"), transform=f"scale(1 {found.stretch:.3f})", class_="land"),
        *_routes(evaluation, found, shared, unit),
        *(
            tag(
                "circle",
                tag("title", f"{name}: not used"),
                cx=f"{point.x:.2f}",
                cy=f"{point.y:.2f}",
                r=f"{0.35 * unit:.3f}",
                class_="closed",
                stroke_width=f"{0.12 * unit:.3f}",
            )
            for name, point in sorted(sites.items())
            if name not in plan.open
        ),
        *_regions(regions, unit),
        *_open_sites(evaluation, sites, shared, unit),
    ]
    missing = len(plan.open - sites.keys())
    told = f"{len(plan.open)} open sites, {len(network.regions)} regions"
    told += f"; {missing} open sites have no coordinates and are not on it" if missing else ""
    return tag(
        "svg",
        tag("title", "Map of the plan"),
        tag("desc", f"{told}. The tables below have the same figures."),
        drawn,
        viewBox=f"{x:.2f} {y:.2f} {width:.2f} {height:.2f}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def _placed(evaluation: Evaluation) -> _Map:
    """Return where sites and regions are, with shapes as they are at the middle of them all."""
    network = evaluation.network
    places = {
        title: {
            name: (row.longitude, row.latitude)
            for name, row in rows.items()
            if row.latitude is not None and row.longitude is not None
        }
        for title, rows in (("sites", network.sites), ("regions", network.regions))
    }
    latitudes = [latitude for found in places.values() for _, latitude in found.values()]
    middle = (min(latitudes) + max(latitudes)) / 2 if latitudes else 0.0
    stretch = min(MOST_STRETCH, 1 / max(0.1, math.cos(math.radians(middle))))
    drawn = {
        title: {name: Point(x, -y * stretch) for name, (x, y) in found.items()}
        for title, found in places.items()
    }
    return _Map(drawn["sites"], drawn["regions"], stretch)


def _view(points: Iterable[Point]) -> tuple[float, float, float, float]:
    """Return left, top, width and height in degrees, never wider than the world."""
    xs, ys = zip(*points, strict=True)
    width = max(LEAST_WIDTH, max(xs) - min(xs) + 2 * MARGIN)
    height = max(LEAST_HEIGHT, max(ys) - min(ys) + 2 * MARGIN, width / 2.6)
    middle_x, middle_y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    width, height = min(width, 360.0), min(height, 300.0)
    left = min(max(middle_x - width / 2, -180.0), 180.0 - width)
    return left, middle_y - height / 2, width, height


def _routes(
    evaluation: Evaluation, found: _Map, shared: Dependencies, unit: float
) -> Iterator[Markup]:
    sites, regions = found.sites, found.regions
    answers: dict[tuple[str, str, str], list[Answer]] = defaultdict(list)
    for answer in evaluation.answers:
        key = (answer.demand.region, answer.flow.offer.site, answer.flow.state)
        answers[key].append(answer)
    rates = {key: sum(answer.rate for answer in found) for key, found in answers.items()}
    shown = [key for key in rates if key[0] in regions and key[1] in sites and rates[key] > 0]
    shown.sort(key=lambda key: (-rates[key], key))
    most = max((rates[key] for key in shown), default=1.0)
    # Where there are many, thinner ones leave something to be seen.
    widest = unit * 0.5 * min(1.0, (FEW_ROUTES / max(1, len(shown))) ** 0.5)
    for region, site, state in shown[:ROUTES_SHOWN]:
        start, end = regions[region], sites[site]
        rate = rates[region, site, state]
        yield tag(
            "line",
            tag("title", f"{region} to {site}: {rate:,.1f} requests/s, {state}"),
            x1=f"{start.x:.2f}",
            y1=f"{start.y:.2f}",
            x2=f"{end.x:.2f}",
            y2=f"{end.y:.2f}",
            stroke_width=f"{0.05 * unit + widest * (rate / most) ** 0.5:.3f}",
            class_=state,
            data_on=shared.of_answers(answers[region, site, state]),
        )


def _regions(regions: Mapping[str, Point], unit: float) -> Iterator[Markup]:
    side = 0.6 * unit
    for name, point in sorted(regions.items()):
        yield tag(
            "rect",
            tag("title", f"users in {name}"),
            x=f"{point.x - side / 2:.2f}",
            y=f"{point.y - side / 2:.2f}",
            width=f"{side:.2f}",
            height=f"{side:.2f}",
            class_="region",
        )


def _open_sites(
    evaluation: Evaluation, sites: Mapping[str, Point], shared: Dependencies, unit: float
) -> Iterator[Markup]:
    network, plan = evaluation.network, evaluation.plan
    most = max((plan.nodes_at(name) for name in plan.open), default=1) or 1
    for name in sorted(plan.open & sites.keys(), key=lambda name: (-plan.nodes_at(name), name)):
        point, nodes = sites[name], plan.nodes_at(name)
        radius = unit * (0.5 + 1.1 * (nodes / most) ** 0.5)
        yield tag(
            "circle",
            tag("title", f"{name} ({network.sites[name].provider}): {nodes} nodes"),
            cx=f"{point.x:.2f}",
            cy=f"{point.y:.2f}",
            r=f"{radius:.3f}",
            class_="open",
            stroke_width=f"{0.15 * unit:.3f}",
            data_on=shared.of_site(name),
        )


def legend() -> Markup:
    """Return what the signs of the map mean."""
    signs = (
        ("warm", "●", "open site, as large as its nodes"),
        ("", "○", "site that is not used"),
        ("", "■", "users"),
        ("warm", "—", "served warm"),
        ("cold", "- -", "served cold: the model is loaded first"),
        ("mark", "●", "hangs on the dependency that is picked below"),
    )
    items = [
        tag("span", tag("b", sign, class_=kind or None), f" {meaning}")
        for kind, sign, meaning in signs
    ]
    return tag("p", joined(items), class_="legend")
