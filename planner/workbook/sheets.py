"""Sheets to rows: which sheet is which, which column is which, and one dataclass per row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.data import REQUIRED_SHEETS, SHEETS, Committee, Demand, Offer, Row, Settings, Site
from models.fields import Column, Kind, column, columns, header_of
from models.network import SITE_ATTRIBUTES
from planner.workbook.book import DEP, HEADER_ROW, SETTINGS, SHEET_OF, Book, Table
from planner.workbook.cells import CellError, is_padded, read_value
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.findings import Finding, Level, column_letters, counted, row_and_column
from planner.workbook.names import (
    did_you_mean,
    fold_header,
    header_readings,
    is_misspelt,
    looks_like,
    nearest,
)
from planner.workbook.unread import UNREAD

IGNORED_SHEETS = ("Guide", "Lists")
"""Sheets of the template that are for people only."""

REMARKS = frozenset(columns(Row))
"""Columns that every sheet may have and that no rule reads."""

PRICES = ("monthly_cost", "hourly_cost")
"""Columns of Capacities, one of which says what a node costs."""

_ANY_SITE_NEEDS = Column(Kind.NEEDS, "a dependency of the planner's own kind")


def read_book(workbook: Workbook, findings: list[Finding]) -> Book:
    """Return the rows of every known sheet; append what is wrong with them to the findings."""
    found = _known_sheets(workbook, findings)
    tables = {}
    for name, row_class in SHEETS.items():
        if name in found:
            tables[row_class] = _Reader(found[name], row_class, findings).table()
    settings, cells = _settings(found.get(SETTINGS), findings)
    titles = [found[name].title if name in found else name for name in (*SHEETS, SETTINGS)]
    book = Book(tables, settings, cells, tuple(titles))
    to_plan = () if book.has(Demand) or not _has_nothing_to_plan(book) else ("Demand",)
    missing = [name for name in (*REQUIRED_SHEETS, *to_plan) if name not in found]
    findings.extend(_missing_sheets(workbook, found, missing))
    findings.extend(_nothing_to_plan(book))
    return replace(book, missing=frozenset(SHEETS[name] for name in missing))


def _known_sheets(workbook: Workbook, findings: list[Finding]) -> dict[str, Sheet]:
    known = {fold_header(name): name for name in (*SHEETS, SETTINGS)}
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


def _has_headers(sheet: Sheet, name: str) -> bool:
    """Return whether the first row has every header that a sheet of that name must have."""
    row = sheet.rows.get(HEADER_ROW, {})
    readings = {text for cell in row.values() for text in header_readings(str(cell.value))}
    return readings.issuperset(map(fold_header, _required_headers(name)))


def _required_headers(name: str) -> list[str]:
    declared = columns(SHEETS.get(name, _SettingRow))
    return [header_of(*entry) for entry in declared.items() if entry[1].required]


def _missing_sheets(
    workbook: Workbook, found: Mapping[str, Sheet], missing: Iterable[str]
) -> Iterator[Finding]:
    others = [sheet.title for sheet in workbook.sheets if sheet not in found.values()]
    for name in missing:
        otherwise = f"add it with the columns {', '.join(_required_headers(name))}"
        if name not in REQUIRED_SHEETS:
            otherwise += ", or fill in Committees"
        way_out = did_you_mean(name, others, otherwise)
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


class _Reader:
    """Reads the rows of one sheet."""

    def __init__(self, sheet: Sheet, row_class: type[Row], findings: list[Finding]) -> None:
        self.sheet = sheet
        self.row_class = row_class
        self.declared = columns(row_class)
        # The columns of every sheet (source, as_of, note) are declared first but stand last.
        self.declared = {
            name: declaration for name, declaration in self.declared.items() if name not in REMARKS
        } | self.declared
        self.keys = {name for name, declaration in self.declared.items() if declaration.key}
        self.findings = findings
        self.columns: dict[int, tuple[str, Column]] = {}
        self.guessed: set[int] = set()
        self.absent: list[str] = []
        self.merged: list[tuple[int, int, int, int]] = []
        self.padded: dict[tuple[str, str], list[str]] = {}

    def table(self) -> Table:
        """Return the rows with the columns they were read from."""
        if not self.sheet.rows:
            return self.empty()
        self.match_headers()
        self.refuse_merged_cells()
        order = {name: number for number, name in enumerate(self.declared)}
        letters = {
            name: column_letters(number)
            for number, (name, _) in sorted(
                self.columns.items(), key=lambda entry: (order.get(entry[1][0], 99), entry[0])
            )
        }
        is_whole = self.report_missing_columns()
        rows: list[Row] = []
        if is_whole:
            if self.row_class is Offer and not self.price_columns():
                self.report_no_prices()
            numbers = (number for number in self.sheet.rows if number > HEADER_ROW)
            rows = [self.read_row(number) for number in numbers if self.is_used(number)]
        self.report_padded()
        return Table(self.sheet.title, tuple(rows), letters, is_whole)

    def empty(self) -> Table:
        """Return the table of a sheet without a cell, which is an error where it must have rows."""
        name = SHEET_OF[self.row_class]
        is_needed = name in REQUIRED_SHEETS
        if is_needed:
            headers = ", ".join(_required_headers(name))
            self.add("", f"the sheet {name} is empty", f"write {headers} in row 1 above its values")
        return Table(self.sheet.title, is_whole=not is_needed)

    def add(
        self, cell: str, message: str, way_out: str, found: object = "", level: Level = "error"
    ) -> None:
        text = "" if found is None else str(found)
        self.findings.append(Finding(self.sheet.title, cell, message, way_out, text, level))

    def match_headers(self) -> None:
        known = {
            fold_header(header): name
            for name, declaration in self.declared.items()
            for header in (header_of(name, declaration), *declaration.also)
        }
        taken: dict[str, str] = {}
        unknown: list[tuple[int, Cell]] = []
        for number, cell in sorted(self.sheet.rows.get(HEADER_ROW, {}).items()):
            text = str(cell.value).strip()
            if text.startswith("#") and cell.kind is CellKind.TEXT:
                continue
            name, declaration = self.match(text, known)
            if not name:
                unknown.append((number, cell))
            elif name in taken:
                self.add(
                    cell.address,
                    f"the column {text!r} is already in {taken[name]}",
                    "keep one of the two; begin the other header with # to keep it as a note",
                    text,
                )
            else:
                taken[name] = cell.address
                self.columns[number] = (name, declaration)
        for number, cell in unknown:
            self.unknown_column(number, cell)
        self.report_headless_columns()

    def match(self, text: str, known: Mapping[str, str]) -> tuple[str, Column]:
        for reading in header_readings(text):
            if reading in known:
                return known[reading], self.declared[known[reading]]
        if self.row_class is Site and text.casefold().replace(" ", "").startswith(DEP):
            kind = text.partition(":")[2].strip()
            if kind:
                return f"{DEP} {kind}", _ANY_SITE_NEEDS
        return "", _ANY_SITE_NEEDS

    def unknown_column(self, number: int, cell: Cell) -> None:
        """Report the column; one that looks like a missing one is an error and read as that."""
        text = str(cell.value).strip()
        message = f"the column {text!r} is not known"
        way_out = "begin the header with # to keep it as a note"
        known = self.columns.values()
        missing = [entry for entry in self.declared.items() if entry not in known]
        headers = {header_of(*entry): entry for entry in missing}
        guess = nearest(text, headers)
        # A title above the headers, such as `Our providers`, is no header.
        if guess and not self.later_row_of(guess):
            way_out = f"did you mean {guess!r}? If not, {way_out}"
            if looks_like(text, guess) and headers[guess][0] not in REMARKS:
                # Known to be there, so that its lack is not blamed on every row.
                self.columns[number] = headers[guess]
                self.guessed.add(number)
                self.add(cell.address, message, way_out, text)
                return
        self.add(cell.address, f"{message} and is not read", way_out, text, "warning")

    def report_headless_columns(self) -> None:
        headed = set(self.sheet.rows.get(HEADER_ROW, {}))
        seen: set[int] = set()
        for number, cells in self.sheet.rows.items():
            for position, cell in cells.items():
                if number > HEADER_ROW and position not in headed | seen and headed:
                    seen.add(position)
                    self.add(
                        cell.address,
                        "the column has cells but no header in row 1",
                        "write its header in row 1, or # for a note",
                        cell.value,
                        "warning",
                    )

    def report_missing_columns(self) -> bool:
        """Return whether the rows can be read; not if a missing header stands below the first."""
        present = {name for name, _ in self.columns.values()}
        is_whole = True
        for name, declaration in self.declared.items():
            if declaration.required and name not in present:
                self.absent.append(name)
                header = header_of(name, declaration)
                self.add(
                    "", f"the column {header!r} is missing", self.where_header_is(header), header
                )
                is_whole = is_whole and not self.later_row_of(header)
        return is_whole

    def where_header_is(self, header: str) -> str:
        number = self.later_row_of(header)
        if number:
            return f"move the headers from row {number} to row 1"
        return f"write {header} in row 1 above its values"

    def later_row_of(self, header: str) -> int:
        """Return the row below the first that holds the header; 0 if none near the top does."""
        for number, cells in self.sheet.rows.items():
            texts = {
                reading for cell in cells.values() for reading in header_readings(str(cell.value))
            }
            if number > HEADER_ROW and fold_header(header) in texts:
                return number
            if number > 20:
                break
        return 0

    def refuse_merged_cells(self) -> None:
        last = max(self.sheet.rows)
        for area in self.sheet.merged:
            start, _, end = area.partition(":")
            (top, left), (bottom, right) = row_and_column(start), row_and_column(end or start)
            inside = [number for number in self.columns if left <= number <= right]
            if inside and top <= last and bottom >= HEADER_ROW:
                self.merged.append((top, bottom, left, right))
                self.add(
                    start,
                    f"the cells {area} are merged, so all but the first are empty",
                    "unmerge them and fill every cell",
                )

    def is_merged(self, cell: Cell) -> bool:
        row, number = row_and_column(cell.address)
        return any(
            top <= row <= bottom and left <= number <= right
            for top, bottom, left, right in self.merged
        )

    def is_used(self, number: int) -> bool:
        """Return whether the row holds more than remarks."""
        used = {self.columns[n][0] for n in self.sheet.rows[number] if n in self.columns}
        return bool(used - REMARKS)

    def read_row(self, number: int) -> Row:
        """Return the row; what could not be read in it is UNREAD."""
        if self.row_class is Offer:
            self.refuse_missing_price(number)
        values: dict[str, Any] = {"row": number, **dict.fromkeys(self.absent, UNREAD)}
        other: list[tuple[str, Any]] = []
        for position, (name, declaration) in sorted(self.columns.items()):
            value = self.value(self.sheet.cell(number, position), name, declaration)
            # What stands below a header that only may mean the column proves little about it; but
            # names are needed, or what refers to them would be reported too.
            if position in self.guessed and not (declaration.key and not declaration.references):
                value = UNREAD
            if name.startswith(DEP):
                other.append((name.removeprefix(DEP).strip(), _known_needs(value)))
            else:
                values[name] = value
        if self.row_class is Site:
            values["other"] = tuple(other)
            values |= {kind: _known_needs(values.get(kind)) for kind in SITE_ATTRIBUTES}
        return self.row_class(**values)

    def price_columns(self) -> list[int]:
        return [number for number, (name, _) in sorted(self.columns.items()) if name in PRICES]

    def report_no_prices(self) -> None:
        # Facility location prices its sites and no nodes, so a sheet without prices is no error.
        self.add(
            "",
            f"there is neither a column {PRICES[0]} nor {PRICES[1]}, so every node is free",
            f"add the column {PRICES[0]}, with 0 for nodes that are free",
            level="warning",
        )

    def refuse_missing_price(self, number: int) -> None:
        cells = [self.sheet.cell(number, position) for position in self.price_columns()]
        if (
            self.guessed.isdisjoint(self.price_columns())
            and cells
            and all(c.kind is CellKind.BLANK and not self.is_merged(c) for c in cells)
        ):
            self.add(
                cells[0].address,
                f"the node type has neither {PRICES[0]} nor {PRICES[1]} here",
                "fill in one of them; write 0 if it is free",
            )

    def value(self, cell: Cell, name: str, declaration: Column) -> Any:
        """Return the value, the default of a blank cell, or UNREAD with a finding."""
        header = header_of(name, declaration)
        is_guessed = row_and_column(cell.address)[1] in self.guessed
        if cell.kind is CellKind.BLANK:
            is_lost = self.is_merged(cell)
            if declaration.required and not is_lost and not is_guessed:
                self.add(cell.address, f"{header} is empty", _fill(header, declaration))
            return UNREAD if declaration.required or is_lost else declaration.default
        try:
            value = read_value(cell, header, declaration)
        except CellError as error:
            if name in REMARKS:
                self.add(cell.address, error.message, error.way_out, cell.value, "warning")
                return declaration.default
            if not is_guessed:
                self.add(cell.address, error.message, error.way_out, cell.value)
            return UNREAD
        if is_padded(cell, declaration):
            self.padded.setdefault((header, cell.value), []).append(cell.address)
        return value

    def report_padded(self) -> None:
        for (header, text), addresses in self.padded.items():
            more = f", here and in {counted(len(addresses) - 1, 'more cell')}"
            self.add(
                addresses[0],
                f"{header} {text!r} has spaces around it{more if addresses[1:] else ''}",
                f"they are ignored; write {text.strip()!r}",
                text,
                "warning",
            )


def _known_needs(value: Any) -> Any:
    """Return None where the planner wrote `unknown` instead of leaving the cell empty."""
    if value is UNREAD:
        return UNREAD
    is_unknown = value is not None and [n.casefold() for n in sum(value, ())] == ["unknown"]
    return None if is_unknown else value


def _fill(header: str, declaration: Column) -> str:
    unit = f" in {declaration.unit}" if declaration.unit else ""
    return f"fill in {header} ({declaration.description}{unit}) or clear the whole row"


@dataclass(frozen=True, kw_only=True)
class _SettingRow(Row):
    """A row of the sheet Settings."""

    setting: str = column(Kind.NAME, "which", key=True)
    value: Any = column(Kind.TEXT, "what it is set to")


def _settings(sheet: Sheet | None, findings: list[Finding]) -> tuple[Settings, dict[str, str]]:
    if sheet is None or not sheet.rows:
        return Settings(), {}
    reader = _Reader(sheet, _SettingRow, findings)
    reader.match_headers()
    positions = {name: number for number, (name, _) in reader.columns.items()}
    for name in ("setting", "value"):
        if name not in positions:
            reader.add("", f"the column {name!r} is missing", reader.where_header_is(name), name)
            return Settings(), {}
    declared = columns(Settings)
    known = {fold_header(name): name for name in declared}
    values: dict[str, Any] = {}
    cells: dict[str, str] = {}
    for number in sheet.rows:
        label, cell = (sheet.cell(number, positions[name]) for name in ("setting", "value"))
        if number == HEADER_ROW or label.kind is CellKind.BLANK:
            if number > HEADER_ROW and cell.kind is not CellKind.BLANK:
                reader.add(
                    cell.address,
                    "a value without a setting",
                    "name the setting",
                    cell.value,
                    "warning",
                )
            continue
        text = str(label.value).strip()
        name = next((known[reading] for reading in header_readings(text) if reading in known), "")
        if not name:
            if not text.startswith("#") or label.kind is not CellKind.TEXT:
                reader.add(
                    label.address,
                    f"the setting {text!r} is not known",
                    did_you_mean(
                        text,
                        declared,
                        f"write one of {', '.join(declared)}, or begin it with # for a note",
                    ),
                    text,
                )
        elif name in cells:
            reader.add(
                label.address,
                f"the setting {name} is already set in {cells[name]}",
                "keep one of the two",
                text,
            )
        else:
            cells[name] = cell.address
            values[name] = reader.value(cell, name, declared[name])
    return Settings(**values), cells
