"""The empty workbook: every sheet, header, unit, default and drop-down from the declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.data import REQUIRED_SHEETS, SHEETS, Row, Settings
from models.fields import Column, Kind, columns, header_of
from planner.workbook.book import SETTINGS
from planner.workbook.cell_text import written
from planner.workbook.example import EXAMPLE, NOT_IN_FORCE
from planner.workbook.excel_writing import write_workbook
from planner.workbook.layout import Layout, Rows, Styled
from planner.workbook.settings import SettingRow
from planner.workbook.tables import COMMENT, declared_columns

GUIDE = "Guide"
GUIDE_TITLE = "Where should the nodes go?"
"""What stands in the first cell of the guide, and tells it from a planner's own."""

_NUMBERS = (Kind.NUMBER, Kind.INTEGER, Kind.SHARE)


@dataclass(frozen=True)
class Body:
    """What stands in one sheet: rows of cells under its headers, and headers that only it has.

    `own_headers` stand, by attribute, in place of those of the declarations.
    """

    rows: Rows = ()
    more_headers: Sequence[str] = ()
    own_headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Contents:
    """What a workbook is filled with, by sheet; `notes` are sheets for people only."""

    bodies: Mapping[str, Body] = field(default_factory=dict)
    settings: Sequence[Sequence[object]] = ()
    notes: Mapping[str, Rows] = field(default_factory=dict)


def write_template(path: Path, contents: Contents | None = None) -> Path:
    """Write a workbook with all its sheets and return the path really written.

    Without contents, every sheet shows one example row, commented out.
    """
    contents = contents or Contents({name: shown(name) for name in SHEETS})
    sheets: dict[str, Rows] = {GUIDE: _guide()}
    layouts = {GUIDE: Layout(has_header=False, widths={1: 18, 2: 12, 3: 92})}
    for name, row_class in SHEETS.items():
        body, declared = contents.bodies.get(name, Body()), declared_columns(row_class)
        headers = [*_headers(declared, body.own_headers), *body.more_headers]
        sheets[name] = [headers, *body.rows]
        layouts[name] = _layout(declared)
    declared = declared_columns(SettingRow)
    settings = contents.settings or settings_rows({})
    sheets[SETTINGS] = [_headers(declared, {}), *settings]
    layouts[SETTINGS] = Layout(is_table=True, is_input=True, frozen=1)
    return write_workbook(path, sheets | dict(contents.notes), layouts)


def example() -> Contents:
    """Return a small network that can be planned; what is not in force is commented out."""
    return Contents(
        {
            name: shown(name) if row_class in NOT_IN_FORCE else Body(example_rows(row_class))
            for name, row_class in SHEETS.items()
        }
    )


def example_rows(row_class: type[Row]) -> list[list[object]]:
    """Return the cells of the example rows of a sheet, in the order of its headers."""
    declared = declared_columns(row_class)
    return [
        [written(getattr(row, name), column.kind) for name, column in declared.items()]
        for row in EXAMPLE[row_class]
    ]


def settings_rows(given: Mapping[str, Sequence[object]]) -> list[list[object]]:
    """Return a row for every setting: the given one, or its default and what it means."""
    rows: list[list[object]] = []
    for name, declared in columns(Settings).items():
        default = written(declared.default, declared.kind)
        rows.append(list(given.get(name, [name, default, None, None, _described(declared)])))
    return rows


def shown(name: str) -> Body:
    """Return the first example row of a sheet as a comment."""
    first = example_rows(SHEETS[name])[0]
    position = next(number for number, value in enumerate(first) if value is not None)
    first[position] = f"{COMMENT}{first[position]}"
    return Body([first])


# Looks --------------------------------------------------------------------------------------------


def _headers(declared: Mapping[str, Column], own: Mapping[str, str]) -> list[str]:
    return [own.get(name, header_of(name, column)) for name, column in declared.items()]


def _layout(declared: Mapping[str, Column]) -> Layout:
    of = {header_of(name, column): column for name, column in declared.items()}
    references = {
        header: (column.references[0], _key_of(column.references[0]))
        for header, column in of.items()
        if len(column.references) == 1 and column.kind is Kind.NAME
    }
    keys = [header for header, column in of.items() if column.key]
    return Layout(
        is_table=True,
        is_input=True,
        notes={header: _described(column, mark="\n") for header, column in of.items()},
        prompts={header: _described(column) for header, column in of.items()},
        choices={header: _choices(column) for header, column in of.items() if _choices(column)},
        references=references,
        bounds={
            header: (column.minimum, column.maximum)
            for header, column in of.items()
            if column.kind in _NUMBERS and column.minimum is not None
        },
        frozen=1 if keys and next(iter(of)) == keys[0] else 0,
    )


def _choices(column: Column) -> tuple[str, ...]:
    if column.kind is Kind.YES_NO:
        return ("yes", "no")
    return tuple(choice for choice in column.choices if choice)


def _key_of(sheet: str) -> str:
    """Return the header under which a sheet names its rows."""
    return next(header_of(*entry) for entry in columns(SHEETS[sheet]).items() if entry[1].key)


def _described(column: Column, mark: str = "; ") -> str:
    """Return what a cell means, its unit, and what a blank one stands for."""
    parts = [column.description]
    if column.unit:
        parts.append(f"unit: {column.unit}")
    if column.kind is Kind.NEEDS:
        parts.append("A; B needs both, A | B either, none has none")
    if column.required:
        parts.append("must be filled in")
    elif column.default not in (None, "", ()):
        parts.append(f"blank: {written(column.default, column.kind)}")
    return mark.join(parts)


# The guide ----------------------------------------------------------------------------------------

_STEPS = (
    "Fill in Sites, Providers, Capacities, and Demand or Committees. The rest may stay empty.",
    "planner check this.xlsx lists everything that is wrong, by cell, with a way out.",
    "planner solve this.xlsx writes the plan beside it. This workbook is never written to.",
)
_CONVENTIONS = (
    ("Blue", "is what you type. Row 1 must stay as it is; its notes say what each column means."),
    ("# ", "begins a row, a header or a sheet that is only for people: it is not read."),
    (
        "A; B",
        "in a column that names a dependency: it needs both, and is down when either is.",
    ),
    ("A | B", "it needs either, and is down only when both are."),
    ("none", "there is no such dependency, and you know that."),
    (
        "blank",
        "in such a column of Sites means unknown, and so does the word unknown: several unknown"
        " values count as one and the same unless the setting `unknown` says distinct.",
    ),
    ("source", "begins with measured, estimated or assumed: the plan says what rests on the last."),
    ("Units", "stand in the note of every header. Nothing is converted. A month is 730 hours."),
)


def _guide() -> Rows:
    rows: list[list[object]] = [[Styled(GUIDE_TITLE, heading=1)], []]
    rows += [[f"{number}.", None, step] for number, step in enumerate(_STEPS, start=1)]
    rows += [[], [Styled("How to write it", heading=2)]]
    rows += [[word, None, meaning] for word, meaning in _CONVENTIONS]
    rows += [[], [Styled("Sheets", heading=2)]]
    rows += [_about(name, row_class) for name, row_class in SHEETS.items()]
    about = (Settings.__doc__ or "").strip()
    return [*rows, [Styled(SETTINGS, link=SETTINGS), "optional", about]]


def _about(name: str, row_class: type[Row]) -> list[object]:
    needed = "required" if name in REQUIRED_SHEETS else "optional"
    if name in ("Demand", "Committees"):
        needed = "one of two"
    about = (row_class.__doc__ or "").strip()
    return [Styled(name, link=name), needed, _first_sentence(about)]


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
