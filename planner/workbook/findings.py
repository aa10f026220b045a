"""Findings: defects of a workbook, each with the cell it stands in and a way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

Level = Literal["error", "warning"]

MANY = 5
"""From how many on findings that differ only in names and numbers become one."""
SHOWN = 3
"""How many of its cells a joined finding names."""

_VARYING = re.compile(r"'[^']*'|\d[\d.,]*")
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
    def kind(self) -> tuple[str, str, str, str]:
        """Return what it shares with findings that differ in numbers and names only."""
        return self.sheet, self.cell, self.level, _VARYING.sub("\u2026", self.message)

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
    plural = f"{noun[:-1]}ies" if noun.endswith(("py", "ry")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def in_order(findings: Iterable[Finding], sheets: Sequence[str]) -> tuple[Finding, ...]:
    """Return the findings without repetitions, by sheet in the given order, row and column."""
    position = {sheet: number for number, sheet in enumerate(sheets)}

    def place(finding: Finding) -> tuple[int, str, int, int, str, str]:
        row, column = row_and_column(finding.cell)
        number = -1 if not finding.sheet else position.get(finding.sheet, len(position))
        return number, finding.sheet, row, column, finding.message, finding.way_out

    return tuple(sorted(dict.fromkeys(findings), key=place))


def grouped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for those of a column that say the same, at the first of their cells.

    The same word for word is said once; what differs only in names and numbers is, too, where it
    would be said MANY times.
    """
    groups: dict[object, dict[object, list[tuple[int, Finding]]]] = {}
    for number, finding in enumerate(findings):
        text = (finding.message, finding.way_out)
        alike = tuple(_VARYING.sub("…", part) for part in text) if finding.cell else number
        place = finding.sheet, row_and_column(finding.cell)[1], finding.level
        groups.setdefault((place, alike), {}).setdefault(text, []).append((number, finding))
    found: list[tuple[int, Finding]] = []
    for texts in groups.values():
        if len(texts) < MANY:
            found += [(same[0][0], _said_once([f for _, f in same])) for same in texts.values()]
            continue
        (number, first), *others = sorted(
            (pair for same in texts.values() for pair in same), key=lambda pair: pair[0]
        )
        where = some([finding.cell for _, finding in others])
        message = f"{first.message}, and {len(others)} more like it ({where})"
        found.append((number, replace(first, message=message)))
    return tuple(finding for _, finding in sorted(found, key=lambda pair: pair[0]))


def _said_once(same: Sequence[Finding]) -> Finding:
    if len(same) == 1:
        return same[0]
    where = f"{counted(len(same), 'cell')}: {some([finding.cell for finding in same])}"
    return replace(same[0], message=f"{same[0].message} ({where})")


def some(cells: Sequence[str]) -> str:
    """Return the first few of the cells, and how many more there are."""
    more = f" and {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
    return f"{', '.join(cells[:SHOWN])}{more}"


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
