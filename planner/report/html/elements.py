"""HTML, element by element: every text is escaped, so no string of a workbook becomes markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

EMPTY = frozenset(["circle", "line", "meta", "path", "rect"])
"""Elements that hold nothing."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Number(str):
    """A number as it is shown; it stands on the right of its cell."""

    __slots__ = ()


Child = Markup | str | None
"""What an element may hold; everything but Markup is escaped."""


class Row(NamedTuple):
    """The cells of a row, the first of which heads it, and the marks of what it hangs on."""

    cells: tuple[Child, ...]
    on: str | None = None


def tag(name: str, /, *children: Child | Iterable[Child], **attributes: object) -> Markup:
    """Return an element: `class_` is written class and `data_on` data-on, None not at all."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in EMPTY and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: Child | Iterable[Child]) -> Markup:
    """Return the children one after the other, escaped where they are text."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escape(child))
        elif child is not None:
            parts.append(joined(*child))
    return Markup("".join(parts))


def section(title: str, *children: Child | Iterable[Child], about: str = "") -> Markup:
    """Return a part of the page with its title and one sentence on how to read it."""
    lead = tag("p", about, class_="about") if about else None
    return tag("section", tag("h2", title), lead, *children)


def table(caption: str, headers: Iterable[str], rows: Iterable[Row]) -> Markup | None:
    """Return a table that scrolls within the page where it is wider; None where it is empty."""
    rows = list(rows)
    body = [
        tag(
            "tr",
            tag("th", row.cells[0], scope="row"),
            [
                tag("td", c, class_="number" if isinstance(c, Number) else None)
                for c in row.cells[1:]
            ],
            data_on=row.on,
        )
        for row in rows
    ]
    if not body:
        return None
    columns = zip(headers, zip(*(row.cells for row in rows), strict=True), strict=True)
    names = [
        tag("th", name, scope="col", class_="number" if number and _are_numbers(cells) else None)
        for number, (name, cells) in enumerate(columns)
    ]
    head = tag("thead", tag("tr", names))
    whole = tag("table", tag("caption", caption), head, tag("tbody", body))
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def _are_numbers(cells: Iterable[Child]) -> bool:
    """Return whether a column is to the right, and so its header."""
    return all(isinstance(cell, Number) for cell in cells)


def number(value: float | None, shown: str = ",.0f", unit: str = "") -> Number:
    """Return a number as it is shown, blank where there is none."""
    if value is None:
        return Number("")
    return Number(f"{value:{shown}}{unit}")


def bar(share: float, kind: str = "") -> Markup:
    """Return a bar that is as long as the share, from 0 to 1; the number stands beside it."""
    width = 100 * min(1.0, max(0.0, share))
    inside = tag("span", "", style=f"width:{width:.1f}%", class_=kind or None)
    return tag("span", inside, class_="bar", aria_hidden="true")
