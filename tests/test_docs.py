"""The written pages say what the code declares."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_docs", DOCS / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["workbook.md", "model.md"])
def test_the_page_is_up_to_date(name: str) -> None:
    page = maker().PAGES[name]()
    assert (DOCS / name).read_text(encoding="utf-8") == page, "run `make docs`"


def test_every_sheet_rule_and_column_is_on_its_page() -> None:
    text = maker().workbook_page() + maker().model_page()
    for word in ("## Sites", "## Settings", "**max_nodes**", "min_nakamoto", "## fault_limit"):
        assert word in text
