"""Findings: defects of a workbook, each with the cell it stands in and a way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]

_CELL = re.compile(r"([A-Z]+)(\d+)")


@dataclass(frozen=True)
class Finding:
    """One defect; `cell` is empty for a whole sheet, `sheet` is empty for the whole file.

    `found` is the raw text of the offending cell, as far as there is one.
    """

    sheet: str
    cell: str
    message: str
    way_out: str
    found: str = ""
    level: Level = "error"

    def __str__(self) -> str:
        where = f"{self.sheet}!{self.cell}" if self.cell else self.sheet
        text = f"{self.message}; {self.way_out}" if self.way_out else self.message
        return f"{where}: {text}" if where else text

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON-ready text fields."""
        return asdict(self)

    @property
    def is_error(self) -> bool:
        """Return whether no plan can be made until this is mended."""
        return self.level == "error"


class InputError(Exception):
    """Bad input; carries every finding."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def counted(number: int, noun: str) -> str:
    """Return the number with the noun, in the plural unless it is one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_order(findings: Iterable[Finding], sheets: Sequence[str]) -> tuple[Finding, ...]:
    """Return the findings without repetitions, by sheet in the given order, row and column."""
    position = {sheet: number for number, sheet in enumerate(sheets)}

    def place(finding: Finding) -> tuple[int, str, int, int, str, str]:
        row, column = row_and_column(finding.cell)
        number = -1 if not finding.sheet else position.get(finding.sheet, len(position))
        return number, finding.sheet, row, column, finding.message, finding.way_out

    return tuple(sorted(dict.fromkeys(findings), key=place))


def row_and_column(cell: str) -> tuple[int, int]:
    """Return the numbers of row and column of an address such as `B14`; zeros if it is none."""
    match = _CELL.fullmatch(cell)
    if match is None:
        return 0, 0
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(match[2]), column


def column_letters(column: int) -> str:
    """Return the letters of a column: 1 is A, 27 is AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
