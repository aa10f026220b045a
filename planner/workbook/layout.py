"""How a written sheet looks on the screen and on paper, beyond the values in its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Rows = Sequence[Sequence[object]]
"""The cells of a sheet, row by row."""


@dataclass(frozen=True)
class Styled:
    """A value that looks other than its column says.

    `heading` is 1 for a title, 2 for a section: bold, and running on over empty cells to its right.
    `alarm` is what nobody may overlook; `link` the title of the sheet that a click leads to.
    """

    value: object
    number_format: str = ""
    heading: int = 0
    alarm: bool = False
    link: str = ""


@dataclass(frozen=True)
class Bars:
    """A chart of bars that lie below each other, drawn from the cells of a sheet.

    `rows` are the first and the last of them, one bar each; `names` is the column with their names,
    `series` are the columns with their values, headed in row 1.
    """

    title: str
    sheet: str
    rows: tuple[int, int]
    names: int
    series: Sequence[int]
    number_format: str


@dataclass(frozen=True)
class Layout:
    """How one written sheet looks; headers name the columns meant.

    `notes` are comments on header cells, `prompts` what is said where a cell is typed into,
    `choices` drop-downs from a list, `references` drop-downs from the column (sheet, header) of
    another sheet, `bounds` the least and the most of a number, `formats` Excel number formats. What
    people type is blue where the sheet `is_input`. The first
    `frozen` columns stay in sight, as the header does. `widths`, in characters, are of columns by
    number; others are as wide as what they hold. The `charts` lie below each other, from the cell
    `charts_at` on. A sheet of `one_page` is printed on one page,
    others on as many as can be read.
    """

    has_header: bool = True
    is_table: bool = False
    is_input: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    frozen: int = 0
    widths: Mapping[int, float] = field(default_factory=dict)
    charts: Sequence[Bars] = ()
    charts_at: str = "A2"
    one_page: bool = False


@dataclass(frozen=True)
class Page:
    """A sheet to be written: its cells and how they look."""

    rows: Rows
    layout: Layout = field(default_factory=Layout)


def plain(value: object) -> Any:
    """Return the value of a cell without its looks."""
    return value.value if isinstance(value, Styled) else value


def is_blank(value: object) -> bool:
    """Return whether nothing is written into the cell."""
    return plain(value) in (None, "")
