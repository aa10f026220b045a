"""Write the pages of this folder that say what the code declares: workbook, model and plan."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from models.build import rule_name
from models.data import REQUIRED_SHEETS, SHEETS, Row, Settings
from models.fields import Column, columns, header_of
from models.measures import NAMES, measure
from models.rules import RULES
from planner.report.sheet_rows import PLAN_SHEETS
from planner.report.sheets import PlanRow, decides
from planner.workbook.book import SETTINGS
from planner.workbook.cell_text import written
from planner.workbook.tables import REMARKS, declared_columns

HERE = Path(__file__).resolve().parent


def workbook_page() -> str:
    """Return the dictionary of the workbook: every sheet with its columns."""
    lines: list[str] = [
        "# The workbook, sheet by sheet",
        "",
        "Written from the declarations in `models/data.py` by `make docs`. Columns in **bold** must"
        " be filled in. Every sheet may also have these:",
        "",
        *_table(columns(Row)),
    ]
    for name, row_class in SHEETS.items():
        needed = "Required" if name in REQUIRED_SHEETS else "Optional"
        if name in ("Demand", "Committees"):
            needed = "One of Demand and Committees is required"
        about = " ".join((row_class.__doc__ or "").split())
        declared = declared_columns(row_class).items()
        own = {key: column for key, column in declared if key not in REMARKS}
        lines += ["", f"## {name}", "", f"{about} {needed}.", "", *_table(own)]
    about = " ".join((Settings.__doc__ or "").split())
    lines += ["", f"## {SETTINGS}", "", f"{about} Optional.", "", *_table(columns(Settings))]
    return "\n".join(lines) + "\n"


def _table(declared: dict[str, Column]) -> Iterator[str]:
    yield "| column | what | unit | blank means |"
    yield "|---|---|---|---|"
    for name, column in declared.items():
        header = f"**{header_of(name, column)}**" if column.required else header_of(name, column)
        what = column.description
        choices = [choice for choice in column.choices if choice]
        if choices:
            what += f": {', '.join(choices)}"
        default = written(column.default, column.kind)
        blank = "" if column.required or default is None else str(default)
        cells = (header, what, column.unit or f"({column.kind.value})", blank)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def model_page() -> str:
    """Return the model: every rule and measure with its sentence, formula and source."""
    lines: list[str] = [
        "# The model, rule by rule",
        "",
        "Written from the docstrings of `models/rules/` and `models/measures/` by `make docs`."
        " Every rule is written three times: as rows of the model, as an audit in plain Python, and"
        " as a sentence.",
    ]
    for rule in RULES:
        lines += ["", f"## {rule_name(rule)}", "", *_docstring(rule.__doc__)]
    lines += ["", "# What a plan can be made small in"]
    for name in NAMES:
        lines += ["", f"## {name}", "", *_docstring(measure(name).__doc__)]
    return "\n".join(lines) + "\n"


def _docstring(text: str | None) -> Iterator[str]:
    yield "```text"
    yield from inspect.cleandoc(text or "").splitlines()
    yield "```"


def plan_page() -> str:
    """Return the dictionary of plan.xlsx: every sheet with its columns."""
    lines: list[str] = [
        "# The plan, sheet by sheet",
        "",
        "Written from the declarations in `planner/report/sheets.py` by `make docs`. The plan is"
        " read back after an edit from the columns in **bold**; all others explain, and are"
        " computed anew. `figures.md` says what Overview, Summary, Comparison and Run mean. Every"
        " sheet may also have this:",
        "",
        *_figures(columns(PlanRow)),
    ]
    for sheet in PLAN_SHEETS:
        declared = columns(sheet.row_class)
        own = {name: column for name, column in declared.items() if name not in columns(PlanRow)}
        lines += ["", f"## {sheet.title}", "", f"{_sentence(sheet.holds)}", "", *_figures(own)]
    return "\n".join(lines) + "\n"


def _figures(declared: dict[str, Column]) -> Iterator[str]:
    yield "| column | what | unit |"
    yield "|---|---|---|"
    for name, column in declared.items():
        header = header_of(name, column)
        cells = (f"**{header}**" if decides(column) else header, column.description, column.unit)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


PAGES = {"workbook.md": workbook_page, "model.md": model_page, "plan.md": plan_page}


def main() -> None:
    """Write every page next to this file."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
