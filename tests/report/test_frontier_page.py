"""The page of a frontier: one file, all text escaped, every point on it; and what a screen says."""

from __future__ import annotations

import csv
import io
import math
import re
from xml.etree import ElementTree

from rich.console import Console

from planner.evaluation.frontier import Frontier, Point
from planner.report.frontier_report import document, screen, table_text
from planner.report.html.document import POLICY
from planner.report.html.frontier_page import frontier_page

EVIL = "<script>alert(1)</script>"
POINTS = (
    Point(10.0, "optimal", 200.0, 199.0, 10.0, 9.5, number=1),
    Point(13.0, "feasible", 140.0, 120.0, 12.0, 10.0, number=2),
    Point(math.inf, "optimal", 100.0, -math.inf, 20.0, -math.inf, number=3),
)


def frontier(points: tuple[Point, ...] = POINTS, name: str = "my.xlsx") -> Frontier:
    return Frontier(name, "latency", "ms", "EUR", points, gap=0.01, merged=1, failures=(EVIL,))


def said(found: Frontier) -> str:
    console = Console(width=120, file=io.StringIO())
    console.print(screen(found))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_the_page_loads_nothing_and_escapes_everything() -> None:
    page = frontier_page(frontier(name=EVIL))
    assert EVIL not in page
    assert page.count("<script>") == 1
    assert f'content="{POLICY.replace(chr(39), "&#x27;")}"' in page
    addresses = re.findall(r"(?:https?:)?//[\w.]+", page)
    assert set(addresses) <= {"http://www.w3.org"}
    assert not re.search(r"<(?:link|img|iframe)|@import|url\(|\b(?:src|href)=", page)


def test_every_point_is_on_the_curve_with_its_label_and_its_bound() -> None:
    page = frontier_page(frontier())
    drawing = re.search(r"<svg.*</svg>", page, re.DOTALL)
    assert drawing is not None
    svg = ElementTree.fromstring(drawing[0])
    space = "{http://www.w3.org/2000/svg}"
    dots = svg.findall(f"{space}circle")
    places = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in dots]
    assert len(places) == 3
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    labels = [found.text for found in svg.findall(f"{space}text")]
    assert {"01", "02 (knee)", "03"} <= set(labels)
    bars = [line for line in svg.findall(f"{space}line") if line.attrib["class"] == "gap"]
    assert [float(bar.attrib["y2"]) > float(bar.attrib["y1"]) for bar in bars] == [True, True]


def test_one_point_and_none_have_a_page_too() -> None:
    assert "<circle" in frontier_page(frontier(POINTS[:1]))
    assert "No plan was found." in frontier_page(frontier(()))
    assert said(frontier(())) == "No plan was found."


def test_the_same_frontier_gives_the_same_bytes() -> None:
    assert frontier_page(frontier()) == frontier_page(frontier())


def test_the_screen_says_the_gap_and_what_is_not_proven() -> None:
    text = said(frontier())
    assert "02 knee 140 120 14.29% 12.0 10.0 16.67% feasible" in text
    assert "03 100 - - 20.0 - - optimal" in text
    assert "Of 1 plan nothing is proven: raise --time-limit." in text
    assert "1 plan left out: others equal or beat them." in text
    assert "3 plans" not in text
    proven = said(frontier(POINTS[:2]))
    assert "costs less by more than its gap, 14.29% at most: proven." in proven
    assert "no knee" in proven


def test_what_is_not_proven_is_null_for_programs_and_blank_in_a_spreadsheet() -> None:
    told = document(frontier())
    *_, last = told["points"]  # type: ignore[misc]
    assert (last["limit"], last["cost_bound"], last["cost_gap"]) == (None, None, None)
    assert (told["knee"], told["complete"]) == ("02", False)
    *_, row = csv.DictReader(io.StringIO(table_text(frontier())))
    assert (row["folder"], row["cost"], row["cost_bound"]) == ("03", "100.0", "")
