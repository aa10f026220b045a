"""What a cell of a written sheet accepts: drop-downs, bounds, prompts that say what is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import openpyxl
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from planner.workbook.findings import column_letters
from planner.workbook.layout import Layout, Rows, plain

LAST_ROW = 2_000
"""Down to which row cells are looked after."""

MOST_TEXT, MOST_TITLE = 255, 32
"""What Excel takes, in characters, of a written-out list or a prompt, and of its title."""


def add_validation(
    book: openpyxl.Workbook, title: str, sheets: Mapping[str, Rows], layout: Layout
) -> None:
    """Give every column of the sheet what its layout asks for; a cell can have but one of each."""
    headers = [str(plain(header)) for header in sheets[title][0]] if sheets[title] else []
    for number, header in enumerate(headers, start=1):
        rule = _rule(book, title, header, sheets, layout)
        prompt = layout.prompts.get(header, "")
        if rule is None and prompt:
            rule = DataValidation(allow_blank=True)
        if rule is None:
            continue
        if prompt:
            rule.promptTitle, rule.prompt = header[:MOST_TITLE], prompt[:MOST_TEXT]
            rule.showInputMessage = True
        letter = column_letters(number)
        rule.add(f"{letter}2:{letter}{LAST_ROW}")
        book[title].add_data_validation(rule)


def _rule(
    book: openpyxl.Workbook, title: str, header: str, sheets: Mapping[str, Rows], layout: Layout
) -> DataValidation | None:
    if header in layout.choices:
        formula = '"' + ",".join(layout.choices[header]) + '"'
        if len(formula) > MOST_TEXT:
            raise ValueError(f"{title}.{header}: the list of choices is too long for Excel")
        return _list(formula, "stop")
    if header in layout.references:
        name = _named_list(book, *layout.references[header], sheets)
        return _list(f"={name}", "warning") if name else None
    if header in layout.bounds:
        low, high = layout.bounds[header]
        # Which words mean unknown, and which number was meant, the reader says better.
        rule = DataValidation(type="decimal", allow_blank=True, errorStyle="warning")
        rule.showErrorMessage = True
        rule.operator = "between" if high is not None else "greaterThanOrEqual"
        rule.formula1, rule.formula2 = f"{low:g}", None if high is None else f"{high:g}"
        return rule
    return None


def _list(formula: str, style: Any) -> DataValidation:
    rule = DataValidation(type="list", formula1=formula, allow_blank=True, errorStyle=style)
    rule.showErrorMessage = True
    return rule


def _named_list(
    book: openpyxl.Workbook, target: str, header: str, sheets: Mapping[str, Rows]
) -> str:
    """Define a name for the column of a sheet and return it; empty if there is no such column."""
    rows = sheets.get(target) or [[]]
    headers = [str(plain(name)) for name in rows[0]]
    if header not in headers:
        return ""
    letter = column_letters(headers.index(header) + 1)
    name = re.sub(r"\W", "_", f"list_{target}_{header}")
    area = f"'{target}'!${letter}$2:${letter}${LAST_ROW}"
    book.defined_names[name] = DefinedName(name, attr_text=area)
    return name
