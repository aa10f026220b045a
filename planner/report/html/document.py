"""The page around the sections: head, looks and the little script, all in one file."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from planner.report.html.elements import Markup, joined, tag

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What the page may load: nothing."""


def document(title: str, sections: Iterable[Markup | None]) -> str:
    """Return the whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(part("report.css"))),
    )
    script = tag("script", Markup(part("report.js")))
    body = tag("body", tag("main", joined(sections)), script)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def part(name: str) -> str:
    """Return the text of a file that is shipped with the package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
