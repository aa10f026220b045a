"""Sheets to rows: which sheet is which, and which are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from models.data import REQUIRED_SHEETS, SHEETS, Committee, Demand, Row
from planner.workbook.book import HEADER_ROW, SETTINGS, Book, Table
from planner.workbook.excel import Sheet, Workbook
from planner.workbook.findings import Finding
from planner.workbook.names import (
    did_you_mean,
    fold_header,
    header_readings,
    is_misspelt,
    listed,
    nearest,
)
from planner.workbook.settings import SettingRow, read_settings
from planner.workbook.tables import TableReader, required_headers

_ROW_CLASSES: Mapping[str, type[Row]] = {**SHEETS, SETTINGS: SettingRow}

_UNRELATED = "no sheet of the workbook is one that the planner knows: it has {}"
_BEGIN = "planner init writes a workbook to fill in"

IGNORED_SHEETS = ("Guide", "Lists")
"""Sheets of the template that are for people only."""


def read_book(
    workbook: Workbook, findings: list[Finding], known: Mapping[str, Table] | None = None
) -> Book:
    """Return the rows of every known sheet; append what is wrong with them to the findings.

    Sheets whose tables are known, by title, are not read again.
    """
    said: list[Finding] = []
    found = known_sheets(workbook, said)
    titles = listed([repr(sheet.title) for sheet in workbook.sheets])
    findings += said if found else [Finding("", "", _UNRELATED.format(titles), _BEGIN)]
    settings, cells = read_settings(found.get(SETTINGS), findings)
    currency = settings.currency if isinstance(settings.currency, str) else ""
    tables = {}
    for name, row_class in SHEETS.items():
        if name in found:
            table = (known or {}).get(found[name].title)
            reader = TableReader(found[name], row_class, findings, currency)
            tables[row_class] = reader.table() if table is None else table
    order = [found[name].title if name in found else name for name in (*SHEETS, SETTINGS)]
    book = Book(tables, settings, cells, tuple(order))
    to_plan = () if book.has(Demand) or not _has_nothing_to_plan(book) else ("Demand",)
    missing = [name for name in (*REQUIRED_SHEETS, *to_plan) if name not in found]
    findings.extend(_missing_sheets(workbook, found, missing) if found else ())
    findings.extend(_nothing_to_plan(book))
    return replace(book, missing=frozenset(SHEETS[name] for name in missing))


def known_sheets(workbook: Workbook, findings: list[Finding]) -> dict[str, Sheet]:
    """Return the sheet of every known name; append what is wrong with them to the findings."""
    known = {fold_header(name): name for name in _ROW_CLASSES}
    ignored = {fold_header(name) for name in IGNORED_SHEETS}
    found: dict[str, Sheet] = {}
    unknown = []
    for sheet in workbook.sheets:
        name = known.get(fold_header(sheet.title), "")
        if name in found:
            findings.append(
                Finding(
                    sheet.title,
                    "",
                    f"the workbook also has a sheet {found[name].title!r}",
                    "join the two sheets into one",
                )
            )
        elif name:
            found[name] = sheet
        elif fold_header(sheet.title) not in ignored and not sheet.title.startswith("#"):
            unknown.append(sheet)
    for sheet in unknown:
        name = nearest(sheet.title, known.values())
        if not name or name in found:
            name = _headed_like(sheet, found) or name
        message = f"the sheet {sheet.title!r} is not known"
        way_out = "begin its name with # to keep notes"
        if name:
            way_out = f"did you mean {name!r}? If not, {way_out}"
        is_meant = name and name not in (*found, *REQUIRED_SHEETS) and _has_headers(sheet, name)
        if name and name not in found and (is_meant or is_misspelt(sheet.title, name)):
            # Read as what is meant, so that its lack is not blamed on the sheets that name it.
            found.setdefault(name, sheet)
            findings.append(Finding(sheet.title, "", message, way_out, sheet.title))
        else:
            message += " and is not read"
            findings.append(Finding(sheet.title, "", message, way_out, sheet.title, "warning"))
    return found


def _headed_like(sheet: Sheet, found: Collection[str]) -> str:
    """Return the missing sheet all of whose required headers it has, of several the one with most.

    A single header may be that of anything.
    """
    needed = {name: len(required_headers(kind)) for name, kind in _ROW_CLASSES.items()}
    missing = [name for name in needed if name not in found and needed[name] > 1]
    return max(filter(partial(_has_headers, sheet), missing), key=needed.__getitem__, default="")


def _has_headers(sheet: Sheet, name: str) -> bool:
    """Return whether the first row has every header that a sheet of that name must have."""
    row = sheet.rows.get(HEADER_ROW, {})
    readings = {text for cell in row.values() for text in header_readings(str(cell.value))}
    return readings.issuperset(map(fold_header, required_headers(_ROW_CLASSES[name])))


def _missing_sheets(
    workbook: Workbook, found: Mapping[str, Sheet], missing: Iterable[str]
) -> Iterator[Finding]:
    others = [sheet for sheet in workbook.sheets if sheet not in found.values()]
    titles = [sheet.title for sheet in others]
    for name in missing:
        otherwise = f"add it with the columns {', '.join(required_headers(_ROW_CLASSES[name]))}"
        if name not in REQUIRED_SHEETS:
            otherwise += ", or fill in Committees"
        alike = next((sheet.title for sheet in others if name == _headed_like(sheet, found)), "")
        way_out = f"did you mean {alike!r}?" if alike else did_you_mean(name, titles, otherwise)
        way_out = way_out.replace("did you mean", "rename the sheet").removesuffix("?")
        yield Finding(name, "", f"the sheet {name} is missing", way_out)


def _nothing_to_plan(book: Book) -> Iterator[Finding]:
    if book.has(Demand) and _has_nothing_to_plan(book):
        yield book.on_sheet(
            Demand,
            "there are neither Demand rows nor Committees: nothing to plan",
            "add a row with region and requests_per_s",
        )


def _has_nothing_to_plan(book: Book) -> bool:
    """Return whether nothing asks for nodes; a sheet that cannot be read may well do."""
    return all(
        book.is_whole(row_class) and not book.rows(row_class) for row_class in (Demand, Committee)
    )
