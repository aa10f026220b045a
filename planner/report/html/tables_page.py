"""What a command shows on the screen as a page of its own, with every line of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from planner.files import put_beside
from planner.report.html.document import document
from planner.report.html.elements import Child, Markup, Number, Row, table, tag

EVERY_LINE = 5_000
"""How many lines of a table a page has; a browser has no use for more."""


def write_tables(path: Path, title: str, parts: Iterable[Table | Text]) -> Path:
    """Write the page and return the path really written; the same parts give the same bytes."""
    return put_beside(path, tables_page(title, parts).encode("utf-8"))


def tables_page(title: str, parts: Iterable[Table | Text]) -> str:
    """Return the page: the tables as tables, what is said between them as paragraphs."""
    head = tag("header", tag("h1", title))
    return document(title, [head, *_sections(parts)])


def _sections(parts: Iterable[Table | Text]) -> Iterator[Markup]:
    for part in parts:
        if isinstance(part, Text):
            if part.plain.strip():
                yield tag("p", part.plain, class_="alarm" if part.style == "bold" else None)
            continue
        heading = part.title.plain if isinstance(part.title, Text) else str(part.title or "")
        headers = [str(column.header) for column in part.columns]
        columns = [_column(list(map(str, column.cells))) for column in part.columns]
        found = table(heading, headers, map(Row, zip(*columns, strict=True)))
        if found is not None:
            yield tag("section", tag("h2", heading), found, class_="titled") if heading else found


def _column(cells: list[str]) -> list[Child]:
    """Return the cells of a column, on the right where all of them begin like a number."""
    is_number = all(text[:1].isdigit() or text in ("", "-") for text in cells)
    return [Number(text) if is_number else text for text in cells]
