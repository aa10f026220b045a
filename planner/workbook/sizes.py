"""How much room the cells of a sheet take: the widths of columns, the lines of wrapped text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from planner.workbook.layout import Rows, Styled, is_blank, plain

LINE_POINTS = 15
"""The height of a line, in points; that of a row of one line."""

_LETTERS_PER_DIGIT = 1.1
"""Widths are measured in digits; of what is written more fits in."""

_MIN_WIDTH, _MAX_WIDTH = 6, 60
"""Of a column, in characters; longer text goes on in the next line."""

_FILTER_BUTTON, _AIR = 3, 2
"""Characters of a header that the button of its filter covers, and left free in a column."""


def lines_of(value: object, width: float) -> int:
    """Return how many lines the value takes in a column of that width; a heading takes one."""
    if isinstance(value, Styled):
        return 1 if value.heading else lines_of(value.value, width)
    if not isinstance(value, str):
        return 1
    lines = value.splitlines()
    if len(lines) == 1 and len(value) <= width:
        return 1
    room = int(width * _LETTERS_PER_DIGIT)
    return max(2, sum(max(1, len(textwrap.wrap(line, room))) for line in lines))


def widths_of(rows: Rows, formats: Mapping[int, str], headers: int) -> dict[int, float]:
    """Return how wide each column must be for its values and the longest word of its header."""
    widths: dict[int, int] = {}
    for number, row in enumerate(rows, start=1):
        for position, value in enumerate(row, start=1):
            if number == 1 and headers:
                words = (len(word) for word in str(plain(value)).split())
                longest = max(words, default=0) + _FILTER_BUTTON - _AIR
            elif is_blank(value) or (isinstance(value, Styled) and value.heading):
                longest = 0
            else:
                longest = max(map(len, _shown(value, formats.get(position, "")).splitlines()))
            widths[position] = max(widths.get(position, _MIN_WIDTH), longest)
    return {position: float(min(width, _MAX_WIDTH) + _AIR) for position, width in widths.items()}


def _shown(value: object, number_format: str) -> str:
    """Return about what a cell shows."""
    if isinstance(value, Styled):
        return _shown(value.value, value.number_format or number_format)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value) or " "
    decimals = len(number_format.rstrip("%").partition(".")[2])
    if number_format.endswith("%"):
        return f"{value:.{decimals}%}"
    return f"{value:,.{decimals}f}" if number_format else f"{value:.6g}"
