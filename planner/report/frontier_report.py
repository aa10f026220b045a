"""Cost against a measure, for the screen, for a spreadsheet and for other programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from planner.evaluation.frontier import Frontier, Point, distance, folder
from planner.files import put_beside, put_json
from planner.report.digits import told
from planner.report.html.frontier_page import (
    KNEE,
    amount_text,
    bound_header,
    frontier_page,
    proof,
)
from planner.workbook.findings import counted

FORMAT = 1
NOT_APART = "Not proven apart from the plan before, as good a one as that might cost no more: {}."
FRONTIER_JSON, FRONTIER_CSV, FRONTIER_HTML = "frontier.json", "frontier.csv", "frontier.html"


def screen(found: Frontier) -> Group:
    """Return a line per plan, the knee, and what is proven."""
    if not found.points:
        return Group(Text("No plan was found."))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("plan")
    amount = f"{found.against} {found.unit}" if found.unit != found.against else found.against
    for header in (
        f"{found.currency}/month",
        "at least",
        "gap",
        amount,
        bound_header(found),
        "gap",
    ):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("status")
    for point in found.points:
        table.add_row(
            folder(point.number) + (" knee" if point == found.knee else ""),
            f"{point.cost:,.0f}",
            _known(point.cost_bound, f"{point.cost_bound:,.0f}"),
            _known(point.cost_gap, f"{point.cost_gap:.2%}"),
            amount_text(found, point.amount),
            _known(point.amount_bound, amount_text(found, point.amount_bound)),
            _known(point.amount_gap, f"{point.amount_gap:.2%}"),
            point.status,
        )
    parts: list[Table | Text] = [table, Text(proof(found))]
    close = [folder(point.number) for point in found.points if not point.apart]
    if close:
        parts.append(Text(NOT_APART.format(", ".join(close))))
    unserved = max(point.unserved for point in found.points)
    if unserved:
        parts.append(Text(f"Up to {unserved:,.4g} requests/s are left unserved."))
    if found.merged:
        parts.append(Text(f"{counted(found.merged, 'plan')} left out: others equal or beat them."))
    parts.append(Text(KNEE if found.knee is not None else "No plan lies below the line: no knee."))
    parts += map(Text, found.notes)
    if found.stopped:
        parts.append(Text("Stopped: limits that are not listed were not looked at."))
    return Group(*parts)


def _known(number: float, text: str) -> str:
    return text if math.isfinite(number) else "-"


def write(directory: Path, found: Frontier) -> dict[str, Path]:
    """Write frontier.csv, .json and .html into the directory and return where they are by name."""
    directory.mkdir(parents=True, exist_ok=True)
    page = frontier_page(found).encode("utf-8")
    return {
        FRONTIER_JSON: put_json(directory / FRONTIER_JSON, document(found)),
        FRONTIER_CSV: put_beside(directory / FRONTIER_CSV, table_text(found).encode("utf-8")),
        FRONTIER_HTML: put_beside(directory / FRONTIER_HTML, page),
    }


def document(found: Frontier) -> dict[str, object]:
    """Return everything; what is not proven, or not limited, is null."""
    return {
        "format": FORMAT,
        "workbook": found.workbook,
        "against": found.against,
        "unit": found.unit,
        "currency": found.currency,
        "gap": found.gap,
        "complete": not (found.stopped or found.failures),
        "failures": list(found.failures),
        "notes": list(found.notes),
        "merged": found.merged,
        "knee": folder(found.knee.number) if found.knee is not None else None,
        "points": list(_rows(found)),
    }


def table_text(found: Frontier) -> str:
    """Return the points as CSV; what is not proven, or not limited, is blank."""
    rows = list(_rows(found))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]) if rows else ["folder"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _rows(found: Frontier) -> Iterator[dict[str, object]]:
    for point in found.points:
        figures: dict[str, object] = asdict(point)
        del figures["number"]
        for name in ("limit", "amount", "amount_bound"):
            figures[name] = found.told(getattr(point, name))
        figures |= {"cost_gap": point.cost_gap, "amount_gap": point.amount_gap}
        figures["below_line"] = distance(point, found.points)
        yield {
            "folder": folder(point.number),
            **{name: told(value) for name, value in figures.items()},
            "knee": _is_knee(found, point),
        }


def _is_knee(found: Frontier, point: Point) -> bool:
    return point == found.knee
