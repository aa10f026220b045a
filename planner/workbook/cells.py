"""One cell to one typed value, or the reason why not and what to type instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from models.data import Needs
from models.fields import Column, Kind
from planner.workbook.excel import Cell, CellKind
from planner.workbook.names import did_you_mean, fold_header

MAX_DIGITS = 15
"""Excel keeps no more digits of a number."""

MIN_NUMBER, MAX_NUMBER = 1e-6, 1e15
"""Solvers drop rows with numbers beyond these, or with products of them, without a word."""
MAX_COUNT = 1e9
"""No whole number may grow beyond this."""

_SPACES = str.maketrans(dict.fromkeys(" \t\n\xa0\u2007\u2009\u202f'\u2019_", None))
_SEVERAL = re.compile(r"\d\s*[,;]\s+[-+\d]")
_DECIMAL = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[-+]?\d{1,3}((?P<mark>[.,])\d{3})((?P=mark)\d{3})*", re.ASCII)


class CellError(Exception):
    """A cell that cannot be used: what is found, and what to do about it."""

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out


def read_value(cell: Cell, header: str, declaration: Column) -> Any:
    """Return the typed value of a cell that is not blank; raise CellError if it has none."""
    if cell.kind is CellKind.ERROR:
        raise CellError(f"{header} holds {cell.value}", "repair the formula or type the value")
    if cell.kind is CellKind.UNCALCULATED:
        raise CellError(
            f"{header} holds the formula {cell.value[:60]} that was never calculated",
            "open the workbook in Excel and save it, or type the value",
        )
    return _READERS[declaration.kind](cell, header, declaration)


def check_size(value: object, header: str, declaration: Column) -> None:
    """Raise CellError if it is an input too small to calculate with; plans may hold such shares."""
    if not isinstance(value, float) or declaration.unit == "degrees":
        return
    if 0 < abs(value) < MIN_NUMBER:
        message = f"{header} {value:g} is too small to calculate with"
        raise CellError(message, "write 0, or check its unit")


def is_padded(cell: Cell, declaration: Column) -> bool:
    """Return whether a name has spaces around it that nobody sees."""
    return (
        declaration.kind in (Kind.NAME, Kind.CHOICE)
        and isinstance(cell.value, str)
        and cell.value != cell.value.strip()
    )


def read_number(text: str) -> float | None:
    """Return the number that the text most likely means; None if it means none, or several."""
    if _SEVERAL.search(text):
        return None
    plain = text.translate(_SPACES).removeprefix("€").removeprefix("$").removesuffix("€")
    if plain.endswith("%"):
        share = read_number(plain[:-1])
        return None if share is None else share / 100
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        # With both marks, the last one is the decimal mark.
        plain = plain.replace("," if comma < point else ".", "")
    if plain.count(",") == 1:
        plain = plain.replace(",", ".")
    plain = plain.replace(",", "")
    if plain.count(".") > 1:
        plain = plain.replace(".", "")
    return float(plain) if _DECIMAL.fullmatch(plain) else None


def read_yes_no(text: str) -> bool | None:
    """Return what the text answers; None if it is neither yes nor no."""
    plain = text.strip().casefold()
    if plain in ("yes", "y", "true", "1", "1.0"):
        return True
    return False if plain in ("no", "n", "false", "0", "0.0") else None


def _number(cell: Cell, header: str, declaration: Column) -> float:
    if cell.kind is CellKind.DATE:
        raise CellError(
            f"{header} holds the date {_shown_date(cell.value)}: Excel turned this into a date",
            "format the cell as a number and type it again",
        )
    if cell.kind is CellKind.BOOLEAN:
        raise CellError(f"{header} is {_shown(cell.value)}, not a number", "type a number")
    if cell.kind is CellKind.TEXT:
        raise _not_a_number(cell.value, header, declaration)
    value = float(cell.value)
    if not math.isfinite(value):
        raise CellError(f"{header} is not a finite number", _blank_or_number(declaration))
    most = MAX_COUNT if declaration.kind is Kind.INTEGER else MAX_NUMBER
    if abs(value) > most:
        raise CellError(f"{header} {value:g} is too large to calculate with", "check its unit")
    _check_bounds(value, header, declaration)
    return value


def _not_a_number(text: str, header: str, declaration: Column) -> CellError:
    message = f"{header} {text!r} is text, not a number"
    proposed = read_number(text)
    if proposed is None:
        unit = f" in {declaration.unit}" if declaration.unit else ""
        blank = "" if declaration.required else ", or leave the cell blank"
        return CellError(message, f"type a number{unit}{blank}")
    # Whatever stands around the digits, such as a currency sign, makes the mark no clearer.
    plain = re.sub(r"[^\d.,+-]", "", text)
    if _GROUPED.fullmatch(plain):
        grouped = re.sub(r"[.,]", "", plain)
        if float(grouped) != proposed:
            return CellError(message, f"type {grouped} or {proposed:.15g} as a number")
    return CellError(message, f"type {proposed:.15g} as a number (in a cell not formatted as text)")


def _blank_or_number(declaration: Column) -> str:
    return "type a number" if declaration.required else "type a number or leave the cell blank"


def _check_bounds(value: float, header: str, declaration: Column) -> None:
    low, high = declaration.minimum, declaration.maximum
    if declaration.positive and value == 0:
        raise CellError(f"{header} is 0", "write a number above 0 or leave the cell blank")
    if low is not None and value < low:
        raise CellError(f"{header} {value:g} is below {low:g}", f"write {low:g} or more")
    if high is not None and value > high:
        way_out = f"write {high:g} or less"
        if declaration.unit == "degrees" and value <= 180:
            way_out += ", or swap it with longitude if the two are mixed up"
        if declaration.kind is Kind.SHARE:
            way_out = f"write {value / 100:g} for {value:g} %" if value <= 100 else way_out
        raise CellError(f"{header} {value:g} is above {high:g}", way_out)


def _integer(cell: Cell, header: str, declaration: Column) -> int:
    value = _number(cell, header, declaration)
    if not value.is_integer():
        raise CellError(
            f"{header} {value:g} is not a whole number",
            f"write {math.floor(value)} or {math.ceil(value)}",
        )
    return int(value)


def _name(cell: Cell, header: str, _: Column) -> str:
    if cell.kind is CellKind.DATE:
        raise CellError(
            f"{header} holds the date {_shown_date(cell.value)}: Excel turned this into a date",
            "format the cell as text and type the name again",
        )
    if cell.kind is CellKind.BOOLEAN:
        raise CellError(
            f"{header} is the logical value {_shown(cell.value)}, not a name",
            f"format the cell as text and type {_shown(cell.value)} again",
        )
    if cell.kind is CellKind.NUMBER:
        return _number_as_name(cell.value, header)
    return str(cell.value).strip()


def _number_as_name(value: float, header: str) -> str:
    if not math.isfinite(value) or value != int(value):
        raise CellError(
            f"{header} is the number {value:g}, not a name",
            "format the cell as text and type the name again",
        )
    if len(str(abs(int(value)))) > MAX_DIGITS:
        raise CellError(
            f"{header} is a number of more than {MAX_DIGITS} digits, which Excel rounds",
            "format the cell as text and type the name again",
        )
    return str(int(value))


def _text(cell: Cell, _: str, __: Column) -> str:
    if cell.kind is CellKind.DATE:
        return _shown_date(cell.value)
    if cell.kind is CellKind.BOOLEAN:
        return "yes" if cell.value else "no"
    if cell.kind is CellKind.NUMBER:
        return f"{float(cell.value):.15g}"
    return str(cell.value).strip()


def _choice(cell: Cell, header: str, declaration: Column) -> str:
    text = _text(cell, header, declaration)
    for choice in declaration.choices:
        if fold_header(choice) == fold_header(text):
            return choice
    options = " or ".join(", ".join(declaration.choices).rsplit(", ", 1))
    raise CellError(
        f"{header} {text!r} is not one of {options}",
        did_you_mean(text, declaration.choices, f"choose {options}"),
    )


def _yes_no(cell: Cell, header: str, _: Column) -> bool:
    answer = read_yes_no(str(cell.value))
    if answer is None:
        raise CellError(f"{header} {_shown(cell.value)!r} is neither yes nor no", "write yes or no")
    return answer


def _names(cell: Cell, header: str, declaration: Column) -> tuple[str, ...]:
    text = _name(cell, header, declaration)
    return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


def _needs(cell: Cell, header: str, declaration: Column) -> Needs | None:
    text = _name(cell, header, declaration)
    if text.casefold() == "none":
        return ()
    needed = []
    for part in text.split(";"):
        any_of = tuple(dict.fromkeys(name.strip() for name in part.split("|") if name.strip()))
        if any_of:
            needed.append(any_of)
    if not needed:
        raise CellError(f"{header} {text!r} names nothing", "write names, none, or leave it blank")
    return tuple(dict.fromkeys(needed))


def _shown(value: object) -> str:
    return str(value).upper() if isinstance(value, bool) else str(value)


def _shown_date(value: date | datetime | time | timedelta) -> str:
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)


_READERS: Mapping[Kind, Callable[[Cell, str, Column], Any]] = {
    Kind.NAME: _name,
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.SHARE: _number,
    Kind.CHOICE: _choice,
    Kind.YES_NO: _yes_no,
    Kind.NAMES: _names,
    Kind.NEEDS: _needs,
}
