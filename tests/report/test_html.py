"""The report: one file, all text escaped, nothing loaded, and a browser that agrees."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from models.data import Item
from models.network import Link
from models.plan import Deployment, Plan
from planner.evaluation.baselines import PLAN
from planner.evaluation.evaluation import Evaluation, evaluate
from planner.reading import read_network
from planner.report.done import Done
from planner.report.html import sections
from planner.report.html.dependencies import Dependencies
from planner.report.html.document import document
from planner.report.html.elements import Markup, Number, Row, table, tag
from planner.report.html.plan_page import plan_page
from planner.report.html.tables_page import tables_page
from planner.report.html.world_map import world_map
from planner.result import Result, Run
from planner.workbook.template import Body, Contents, example, write_template
from tests.browser import CHROMIUM, looked_at
from tests.cases import FRANCE, GERMANY, deployment_for_small, small

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert(1)</script>"
MOST_BYTES = 6 * 2**20


def page_of(workbook: Path, plan: Plan | None = None) -> str:
    """Return the report on a plan for a workbook; without one, on nodes wherever they may be."""
    tables = read_network(workbook)
    network = tables.network
    assert network is not None, tables.findings
    if plan is None:
        nodes = dict.fromkeys(network.offers, 1)
        plan = Plan({"": Deployment(frozenset(network.sites), nodes=nodes)})
    result = Result("feasible", Run(workbook.name, tables.sha256, seed=0, versions={}), plan, 0.1)
    evaluations = evaluate(network, plan)
    scores = (evaluations[-1].score(PLAN),)
    done = Done(result, network, tables.findings, evaluations, scores, book=tables.book)
    return plan_page(done)


def named(tmp_path: Path, name: str) -> Path:
    """Return the example workbook with one site and its provider of another name."""
    bodies = {
        sheet: Body(
            [
                [name if cell in ("Paris 1", "Borealis") else cell for cell in row]
                for row in body.rows
            ]
        )
        for sheet, body in example().bodies.items()
    }
    return write_template(tmp_path / "named.xlsx", Contents(bodies))


@pytest.fixture(scope="module")
def solved(planned_example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of the example as planner solve writes it."""
    copy = tmp_path_factory.mktemp("report") / "report.html"
    copy.write_bytes((planned_example / "report.html").read_bytes())
    return copy


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "a < b & c", title='"<') == '<p title="&quot;&lt;">a &lt; b &amp; c</p>'
    assert tag("p", Markup("<b>x</b>"), None, ["y", "z"]) == "<p><b>x</b>yz</p>"
    assert tag("circle", r="1", class_=None) == '<circle r="1"/>'


def test_the_head_of_a_column_of_numbers_is_above_them() -> None:
    rows = [Row(("a", Number("3"), Number("not proven"))), Row(("b", Number("4"), "c"))]
    found = str(table("of", ("what", "nodes", "gap"), rows))
    assert '<th scope="col" class="number">nodes</th>' in found
    assert found.count('class="number">nodes') == found.count('<th scope="col">gap</th>') == 1


def test_a_table_has_a_caption_heads_and_numbers_on_the_right() -> None:
    found = table("What it is", ("name", "count"), [Row(("<a>", Number("3")), on="d1")])
    assert found is not None
    assert "<caption>What it is</caption>" in found
    assert '<tr data-on="d1"><th scope="row">&lt;a&gt;</th><td class="number">3</td></tr>' in found
    assert table("nothing", ("name",), []) is None


def test_no_string_of_the_workbook_becomes_markup(tmp_path: Path) -> None:
    page = page_of(named(tmp_path, EVIL))
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("<script>") == 1


def test_nothing_is_loaded_from_anywhere(solved: Path) -> None:
    page = solved.read_text(encoding="utf-8")
    assert (
        re.findall(r"(?:src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page) == []
    )
    assert "default-src &#x27;none&#x27;" in page
    assert len(page.encode()) < MOST_BYTES


def test_every_part_is_there_with_its_cells(solved: Path) -> None:
    page = solved.read_text(encoding="utf-8")
    for title in (
        "What the plan guarantees",
        "What one failure takes away",
        "The network",
        "What hangs together",
        "What users get",
        "What stands where",
        "The largest share on one dependency",
        "Beside simpler plans",
        "What it costs",
        "How every rule is kept",
        "How it was made",
    ):
        assert f"<h2>{title}</h2>" in page
    assert "<td>Demand!B2</td>" in page
    assert re.search(r"<td>Sites!A\d</td>", page)


def test_routes_and_models_hang_on_more_than_sites_do() -> None:
    # A quarter of what Germany asks chat takes the Channel to London, and all of chat is proxied.
    network = small()
    proxied = replace(network.models["chat"], upstream=(("Proxy",),))
    to_proxy = tuple(
        Link(Item("site", site), Item("upstream", "Proxy"), latency_ms=5) for site in network.sites
    )
    network = replace(
        network,
        models={**network.models, "chat": proxied},
        links=(*network.links, *to_proxy),
        offers={
            key: replace(offer, requests_per_s=50) if key.node_type == "gpu" else offer
            for key, offer in network.offers.items()
        },
    )
    evaluation = Evaluation(network, deployment_for_small())
    shared = Dependencies(evaluation)
    at = {loss.item: number for number, loss in enumerate(shared.losses)}
    cable, proxy = Item("cable", "Channel"), Item("upstream", "Proxy")
    told = str(shared.losses[at[cable]])
    assert told == "cable:Channel goes: 17% of requests"  # 5 of 30 requests/s
    assert shared.losses[at[proxy]].share == pytest.approx(30 / 30.001)
    assert re.search(r">Channel · 17%<", shared.view())

    users = sections.users(evaluation, lambda row, attribute: "", shared) or ""
    drawn = world_map(evaluation, shared) or ""
    rows = dict(re.findall(r'<tr data-on="([^"]*)"><th scope="row">([^<]*)', users))
    lines = dict(re.findall(r'<line [^>]*data-on="([^"]*)"><title>(.*?): ', drawn))
    circles = dict(re.findall(r'<circle [^>]*data-on="([^"]*)"><title>(\w*)', drawn))

    def marked(found: dict[str, str], item: Item) -> set[str]:
        return {name for marks, name in found.items() if f"d{at[item]}" in marks.split()}

    assert marked(rows, cable) == {str(GERMANY)}
    assert marked(rows, proxy) == {str(GERMANY), str(FRANCE)}
    assert marked(lines, cable) == {"germany to london"}
    assert marked(lines, proxy) == {"germany to london", "germany to frankfurt", "france to paris"}
    assert marked(circles, cable) == marked(circles, proxy) == set()
    assert marked(circles, Item("country", "GB")) == {"london"}


def test_equal_plans_have_equal_reports(tmp_path: Path) -> None:
    workbook = write_template(tmp_path / "example.xlsx", example())
    assert page_of(workbook) == page_of(workbook)


def test_a_network_without_coordinates_has_a_report_without_a_map(tmp_path: Path) -> None:
    bodies = dict(example().bodies)
    bodies["Sites"] = Body([[*row[:5], None, None, *row[7:]] for row in bodies["Sites"].rows])
    page = page_of(write_template(tmp_path / "flat.xlsx", Contents(bodies)))
    assert "<svg" not in page
    assert "<h2>What users get</h2>" in page


def test_the_whole_world_fits_on_the_map(tmp_path: Path) -> None:
    bodies = dict(example().bodies)
    rows = [list(row) for row in bodies["Sites"].rows]
    for row, (latitude, longitude) in zip(rows, ((85, 179), (-60, -179), (0, 0)), strict=False):
        row[5], row[6] = latitude, longitude
    page = page_of(
        write_template(tmp_path / "world.xlsx", Contents({**bodies, "Sites": Body(rows)}))
    )
    box = re.search(r'viewBox="([-\d.]+) ([-\d.]+) ([\d.]+) ([\d.]+)"', page)
    assert box is not None
    left, top, width, height = map(float, box.groups())
    for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', page):
        assert left <= float(x) <= left + width
        assert top <= float(y) <= top + height


# In a browser -------------------------------------------------------------------------------------

_PICK = """
  const buttons = [...document.querySelectorAll("button[data-item]")];
  const button = buttons.find((one) => one.textContent.startsWith(NAME));
  button.click();
  out.pressed = button.getAttribute("aria-pressed");
  out.said = document.getElementById("lost").textContent;
  out.hit = document.querySelectorAll("tr.hit").length;
  out.marked = document.querySelectorAll("circle.open.hit").length;
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  out.left = document.querySelectorAll(".hit").length;
  const land = document.querySelector("svg .land").getBoundingClientRect();
  out.map = land.width > 100 && land.height > 100;
"""


def probed(path: Path, name: str, width: int) -> dict[str, object]:
    """Return what a browser saw of the page after a click on the dependency of that name."""
    return looked_at(path, width, _PICK.replace("NAME", json.dumps(name).replace("<", "\\u003c")))


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_click_on_a_dependency_shows_what_hangs_on_it(solved: Path, width: int) -> None:
    seen = probed(solved, "Frankfurt", width)
    assert (seen["errors"], seen["blocked"], seen["requests"]) == ([], [], 0)
    assert seen["map"] is True
    assert seen["wide"] is True
    assert seen["pressed"] == "true"
    assert str(seen["said"]).startswith("metro:Frankfurt goes: ")
    page = solved.read_text(encoding="utf-8")
    there = re.findall(r'<circle [^>]*class="open"[^>]*><title>Frankfurt', page)
    assert seen["marked"] == len(there) > 0
    assert int(str(seen["hit"])) >= 2
    assert seen["left"] == 0


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium, which .ci/run installs")
def test_a_site_named_like_a_script_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(named(tmp_path, EVIL)), encoding="utf-8")
    seen = probed(path, EVIL, 1280)
    assert seen["errors"] == []
    assert f"provider:{EVIL} goes" in str(seen["said"]).replace("&lt;", "<").replace("&gt;", ">")


def test_a_screen_becomes_a_page_with_every_text_escaped() -> None:
    grid = Table(title=Text("What <fails>"))
    grid.add_column("name")
    grid.add_column("count")
    grid.add_row(EVIL, "12")
    page = tables_page("a & b", [Text("first", style="bold"), grid, Text("")])
    assert "<h1>a &amp; b</h1>" in page
    assert '<p class="alarm">first</p>' in page
    assert "<h2>What &lt;fails&gt;</h2>" in page
    assert '<td class="number">12</td>' in page
    assert EVIL not in page
    assert page.count("<p") == 1


def test_the_page_is_one_document() -> None:
    page = document("A & B", [tag("p", "x")])
    assert page.startswith('<!doctype html>\n<html lang="en"><head>')
    assert "<title>A &amp; B</title>" in page
