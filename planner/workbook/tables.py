"""The cells of one sheet to its rows: which column is which, and one dataclass per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.data import REQUIRED_SHEETS, Offer, Row, Site
from models.fields import Column, Kind, columns, header_of
from planner.workbook.arrangement import below_title, hidden, second_table, swap, swapped
from planner.workbook.book import DEP, HEADER_ROW, SHEET_OF, Table, names_of
from planner.workbook.cells import CellError, check_size, is_padded, read_value
from planner.workbook.excel import Cell, CellKind, Sheet
from planner.workbook.findings import Finding, Level, column_letters, counted, row_and_column
from planner.workbook.names import fold_header, header_readings, looks_like, nearest
from planner.workbook.units import contradicts, unit_in
from planner.workbook.unread import UNREAD

REMARKS = frozenset(columns(Row))
"""Columns that every sheet may have and that no rule reads."""

PRICES = ("monthly_cost", "hourly_cost")
"""Columns of Capacities, one of which says what a node costs."""

COMMENT = "# "
"""What a row begins with that is only for people; `#12` is a name."""

UNKNOWN_WORDS = frozenset(["unknown", "?", "??", "tbd", "tba", "n/a", "n.a.", "todo"])
"""What people write where they do not know; read as an empty cell."""

NO_NAMES = UNKNOWN_WORDS | frozenset(["-", "--", "\u2013", "\u2014", "*", ".", "nil"])
"""What people write where there is no name: as a dependency, many things would hang on it."""

_ANY_SITE_NEEDS = Column(Kind.NEEDS, "a dependency of the planner's own kind")


class TableReader:
    """Reads the rows of one sheet."""

    def __init__(
        self, sheet: Sheet, row_class: type[Row], findings: list[Finding], currency: str = ""
    ) -> None:
        self.sheet = sheet
        self.currency = currency
        self.row_class = row_class
        self.declared = declared_columns(row_class)
        self.keys = {name for name, declaration in self.declared.items() if declaration.key}
        self.findings = findings
        self.columns: dict[int, tuple[str, Column]] = {}
        self.guessed: set[int] = set()
        self.swapped: set[int] = set()
        self.absent: list[str] = []
        self.merged: list[tuple[int, int, int, int]] = []
        self.padded: dict[tuple[str, str], list[str]] = {}

    def table(self) -> Table:
        """Return the rows with the columns they were read from."""
        if not self.sheet.rows:
            return self.empty()
        if self.is_titled():
            return Table(self.sheet.title, is_whole=False)
        self.match_headers()
        self.refuse_merged_cells()
        self.report_headless_columns()
        order = {name: number for number, name in enumerate(self.declared)}
        letters = {
            name: column_letters(number)
            for number, (name, _) in sorted(
                self.columns.items(), key=lambda entry: (order.get(entry[1][0], 99), entry[0])
            )
        }
        self.report_missing_columns()
        if self.row_class is Offer and not self.price_columns():
            self.report_no_prices()
        end = self.report_second_table()
        numbers = (number for number in self.sheet.rows if HEADER_ROW < number < end)
        used = [number for number in numbers if self.is_used(number)]
        self.findings += hidden(self.sheet, used, min(self.columns, default=1))
        pairs = swapped(self.sheet, self.columns, used)
        self.findings += [swap(self.sheet, self.columns, *pair) for pair in pairs.items()]
        self.swapped = {number for pair in pairs.items() for number in pair}
        rows = [self.read_row(number) for number in used]
        self.report_padded()
        return Table(self.sheet.title, tuple(rows), letters)

    def empty(self) -> Table:
        """Return the table of a sheet without a cell, which is an error where it must have rows."""
        name = SHEET_OF[self.row_class]
        is_needed = name in REQUIRED_SHEETS
        if is_needed:
            headers = ", ".join(required_headers(self.row_class))
            self.add("", f"the sheet {name} is empty", f"write {headers} in row 1 above its values")
        return Table(self.sheet.title, is_whole=not is_needed)

    def add(
        self, cell: str, message: str, way_out: str, found: object = "", level: Level = "error"
    ) -> None:
        text = "" if found is None else str(found)
        self.findings.append(Finding(self.sheet.title, cell, message, way_out, text, level))

    def known_headers(self) -> dict[str, str]:
        """Return the attribute that each header, folded, means."""
        return {
            fold_header(header): name
            for name, declaration in self.declared.items()
            for header in (header_of(name, declaration), *declaration.also)
        }

    def match_headers(self) -> None:
        """Find the column of every attribute; report what heads none."""
        known = self.known_headers()
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
                self.check_unit(cell.address, text, declaration)
        for number, cell in unknown:
            self.unknown_column(number, cell)

    def check_unit(self, address: str, header: str, declaration: Column) -> None:
        """Report a header that says another unit than its column is in: nothing is converted."""
        said = unit_in(header)
        if contradicts(said, declaration.unit, self.currency):
            unit = declaration.unit.replace("currency", self.currency)
            self.add(
                address,
                f"the header says {said!r}, the column is in {unit}",
                f"convert its values to {unit}, then write that in the brackets",
                header,
            )

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
        if guess:
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
        for top, _, left, right in self.merged:
            headed |= set(range(left, right + 1)) if top == HEADER_ROW else set()
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

    def report_missing_columns(self) -> None:
        present = {name for name, _ in self.columns.values()}
        for name, declaration in self.declared.items():
            if declaration.required and name not in present:
                self.absent.append(name)
                self.report_missing(header_of(name, declaration))

    def report_missing(self, header: str) -> None:
        """Report that a column is missing."""
        message = f"the column {header!r} is missing"
        self.add("", message, f"write {header} in row 1 above its values", header)

    def is_titled(self) -> bool:
        """Return whether the headers stand below a title, and report it: nothing is read then."""
        found = list(
            below_title(self.sheet, self.known_headers(), required_headers(self.row_class))
        )
        self.findings += found
        return bool(found)

    def report_second_table(self) -> int:
        """Return the row at which the rows of the sheet end."""
        number, title = second_table(self.sheet)
        if title:
            self.add(
                next(iter(self.sheet.rows[number].values())).address,
                f"another table, with headers of {title}, begins in row {number}: it is not read",
                f"move it to a sheet {title}, or to one whose name begins with #",
            )
        return number

    def refuse_merged_cells(self) -> None:
        last = max(self.sheet.rows)
        for area in self.sheet.merged:
            start, _, end = area.partition(":")
            (top, left), (bottom, right) = row_and_column(start), row_and_column(end or start)
            inside = [number for number in self.columns if left <= number <= right]
            if inside and top <= last and bottom >= HEADER_ROW:
                self.merged.append((top, bottom, left, right))
                self.guessed |= set(inside) if top == HEADER_ROW else set()
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
        """Return whether the row holds more than remarks, and is not one itself."""
        cells = self.sheet.rows[number]
        known = sorted(cells.keys() & self.columns.keys())
        if not {self.columns[position][0] for position in known} - REMARKS:
            return False
        first = cells[known[0]]
        return first.kind is not CellKind.TEXT or not first.value.startswith(COMMENT)

    def read_row(self, number: int) -> Row:
        """Return the row; what could not be read in it is UNREAD."""
        if self.row_class is Offer:
            self.refuse_missing_price(number)
        values: dict[str, Any] = {"row": number, **dict.fromkeys(self.absent, UNREAD)}
        other: list[tuple[str, Any]] = []
        for position, (name, declaration) in sorted(self.columns.items()):
            cell, value = self.sheet.cell(number, position), UNREAD
            if position not in self.swapped:
                value = self.value(cell, name, declaration)
            # What stands below a header that only may mean the column proves little about it; but
            # names are needed, or what refers to them would be reported too.
            if position in self.guessed and not (declaration.key and not declaration.references):
                value = UNREAD
            if name.startswith(DEP):
                other.append((name.removeprefix(DEP).strip(), value))
            else:
                values[name] = value
        if self.row_class is Site:
            values["other"] = tuple(other)
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
            check_size(value, header, declaration)
        except CellError as error:
            if name in REMARKS:
                self.add(cell.address, error.message, error.way_out, cell.value, "warning")
                return declaration.default
            if not is_guessed:
                self.add(cell.address, error.message, error.way_out, cell.value)
            return UNREAD
        if declaration.dependency or declaration is _ANY_SITE_NEEDS:
            value = self.known_needs(cell, header, value, declaration)
        if is_padded(cell, declaration):
            self.padded.setdefault((header, cell.value), []).append(cell.address)
        return value

    def known_needs(self, cell: Cell, header: str, value: Any, declaration: Column) -> Any:
        """Return the dependencies, None where the planner wrote that they are not known.

        What names none of them, such as a dash, is reported and UNREAD.
        """
        names = () if declaration.references else names_of(value)
        wrong = [name for name in names if name.casefold() in NO_NAMES | {"none"}]
        if not wrong:
            return value
        if value == wrong[0] and value.casefold() == "none":
            message = f"{header} {value!r} is read as a name like any other"
            way_out = "write who it is, if it is not called so"
            self.add(cell.address, message, way_out, value, "warning")
            return value
        is_site = self.row_class is Site
        if is_site and len(names) == 1 and wrong[0].casefold() in UNKNOWN_WORDS:
            if wrong[0].casefold() not in ("unknown", "?"):
                message = f"{header} {wrong[0]!r} is read as not known, as an empty cell is"
                way_out = "leave the cell blank, or write none if there is none"
                self.add(cell.address, message, way_out, cell.value, "warning")
            return None
        way_out = "where it is not known, write a name of your own, such as 'Acme?'"
        if is_site:
            way_out = "leave the cell blank if it is not known; write none if there is none"
        elif not declaration.required:
            way_out = f"leave the cell blank if there is none; {way_out}"
        self.add(cell.address, f"{header} {wrong[0]!r} is no name", way_out, cell.value)
        return UNREAD

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


def _fill(header: str, declaration: Column) -> str:
    unit = f" in {declaration.unit}" if declaration.unit else ""
    return f"fill in {header} ({declaration.description}{unit}) or clear the whole row"


def declared_columns(row_class: type[Row]) -> dict[str, Column]:
    """Return the columns of a sheet in the order in which they stand; remarks stand last."""
    declared = columns(row_class)
    return {name: column for name, column in declared.items() if name not in REMARKS} | declared


def required_headers(row_class: type[Row]) -> list[str]:
    """Return the headers that a sheet of such rows must have."""
    return [header_of(*entry) for entry in columns(row_class).items() if entry[1].required]
