"""The written pages say what the code declares."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from models.build import rule_name
from models.rules import RULES
from planner.report.sentences import LOSSES
from planner.report.summary_pages import NOT_FILLED_IN

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_docs", DOCS / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["workbook.md", "model.md", "plan.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    page = maker().PAGES[name]()
    assert (DOCS / name).read_text(encoding="utf-8") == page, "run `make docs`"


def test_every_sheet_rule_and_column_is_on_its_page() -> None:
    text = maker().workbook_page() + maker().model_page()
    for word in ("## Sites", "## Settings", "**max_nodes**", "min_nakamoto", "## fault_limit"):
        assert word in text


# docs/rules.md ------------------------------------------------------------------------------------


def test_every_file_that_the_way_to_a_rule_names_is_there() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:models|planner|tests|docs)/[\w./]*|CHANGELOG\.md)`", text))
    made_up = {"models/rules/x.py", "tests/rules/test_x.py"}
    assert made_up < named
    assert len(named) > 15
    for path in sorted(named - made_up):
        assert (ROOT / path).exists(), path
    for path in made_up:  # they stand for what is really there
        assert list(ROOT.glob(path.replace("x.py", "*.py")))


def test_the_way_to_a_rule_names_what_the_code_has() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    for function in ("constrain(block, model, network)", "audit(network, plan)"):
        assert f"**`{function}`**" in text
    for rule in RULES:
        for name in ("constrain", "audit", "explain"):
            given = list(inspect.signature(getattr(rule, name)).parameters)
            assert f"{name}({', '.join(given)})" in text, rule.__name__


# docs/figures.md ----------------------------------------------------------------------------------


def words_of(page: str) -> set[str]:
    """Return what the page explains: the first cell of every row, and all that stands in code."""
    return set(re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)) | set(
        re.findall(r"`([^`]+)`", page)
    )


def test_every_name_of_plan_json_is_explained(planned_example: Path) -> None:
    words = words_of((DOCS / "figures.md").read_text(encoding="utf-8"))
    content = json.loads((planned_example / "plan.json").read_text(encoding="utf-8"))
    run = {"workbook_sha256": "workbook sha256", "versions": "version", "options": "option"}
    for name in (*content, *(run.get(name, name) for name in content["run"])):
        assert name in words, name


def test_every_headline_measure_and_item_of_plan_xlsx_is_explained(planned_example: Path) -> None:
    words = words_of((DOCS / "figures.md").read_text(encoding="utf-8"))
    book = openpyxl.load_workbook(planned_example / "plan.xlsx", read_only=True)
    rules = {rule_name(rule).replace("_", " ") for rule in RULES}
    topics = {
        row[0] for row in book["Summary"].iter_rows(min_row=2, values_only=True) if row[1:][0]
    }
    assert len(topics - rules) > 8
    for topic in topics - rules:
        assert topic in words, topic
    for name, *_ in book["Comparison"].iter_rows(min_row=2, values_only=True):
        assert str(name).removesuffix(NOT_FILLED_IN) in words, name
    for item, *_ in book["Run"].iter_rows(min_row=2, values_only=True):
        plain = re.sub(r"^(objective|option|version|time)\b.*", r"\1", str(item))
        assert plain in words, item


def test_every_sentence_of_every_plan_has_its_topic_explained() -> None:
    """What one run happens not to say is found in the source: all topics are written there."""
    words = words_of((DOCS / "figures.md").read_text(encoding="utf-8"))
    tree = ast.parse((ROOT / "planner" / "report" / "sentences.py").read_text(encoding="utf-8"))
    topics = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Sentence"
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(topics) >= 8
    for topic in {*topics, *LOSSES, "violation", "warning", "NOT SERVED", "NOT A PLAN"}:
        assert topic in words, topic


@pytest.mark.parametrize("module", ["stress_report", "loss_tables", "sites_report", "why_report"])
def test_every_column_of_other_reports_is_explained(module: str) -> None:
    words = words_of((DOCS / "figures.md").read_text(encoding="utf-8"))
    found = set(headers_of(ROOT / "planner" / "report" / f"{module}.py"))
    assert len(found) >= 6
    for header in found:
        assert header in words, header


def headers_of(module: Path) -> Iterator[str]:
    """Yield the headers of every table that the module makes, without what is put into them."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        given: list[ast.expr] = []
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "headers":
            given = node.value.elts if isinstance(node.value, ast.Tuple) else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "table_of":
            given = node.args[1:]
        either = [[e.body, e.orelse] if isinstance(e, ast.IfExp) else [e] for e in given]
        for entry in chain.from_iterable(either):
            if isinstance(entry, ast.Constant):
                yield str(entry.value)
            elif isinstance(entry, ast.JoinedStr):  # saves {currency}/month; {currency}/month
                yield (
                    ast.unparse(entry)[2:-1].replace("{currency}", "EUR").removesuffix(" EUR/month")
                )


def test_the_readme_links_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in sorted(DOCS.glob("*.md")):
        assert f"docs/{page.name}" in text, page.name
