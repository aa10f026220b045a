"""Write the example workbooks of this folder from their CSV files, one file per sheet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

HERE = Path(__file__).resolve().parent
EXAMPLES = ("minimal", "opengradient")

SHEETS = (
    "Sites",
    "Providers",
    "Capacities",
    "Demand",
    "Periods",
    "Regions",
    "Node types",
    "Models",
    "Routes",
    "Dependencies",
    "Exposure",
    "Diversity",
    "Verification",
    "Committees",
    "Seats",
    "Today",
    "Shocks",
    "Locks",
    "Objectives",
    "Phases",
    "Scenarios",
    "Settings",
)
"""Every sheet in the order of the workbook; one without a CSV file is left out."""

TEXT_COLUMNS = frozenset(
    [
        "site",
        "provider",
        "city",
        "country",
        "bloc",
        "operator",
        "owner",
        "data_centre",
        "metro",
        "grid",
        "network",
        "node_type",
        "region",
        "model",
        "class",
        "verification",
        "countries",
        "blocs",
        "from",
        "to",
        "via",
        "route",
        "dependency",
        "kind",
        "item",
        "depends_on",
        "rule",
        "applies_to",
        "policy",
        "tee",
        "gpu",
        "client",
        "upstream",
        "independent_of",
        "committee",
        "shock",
        "takes_down",
        "tolerance",
        "setting",
        "source",
        "as_of",
        "note",
    ]
)
"""Columns that hold names, dates or prose, which stay text even where they look like numbers."""

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
EPOCH = datetime(2026, 1, 1)
INPUT_FONT = Font(color="0000FF")
HEADER_FONT = Font(bold=True)
NARROWEST, WIDEST = 9, 40


def file_name(sheet: str) -> str:
    """Return the name of the CSV file that holds the sheet."""
    return sheet.lower().replace(" ", "_") + ".csv"


def cell_value(header: str, text: str) -> str | int | float | None:
    """Return what the cell holds: nothing, a number, or text."""
    if not text:
        return None
    if header in TEXT_COLUMNS or not NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def fill(worksheet: Worksheet, table: list[list[str]]) -> None:
    """Write the table: headers in row 1, inputs in blue, columns as wide as they need to be."""
    headers, rows = table[0], table[1:]
    for column, header in enumerate(headers, start=1):
        cell = worksheet.cell(1, column, header)
        cell.font = HEADER_FONT
        cell.alignment = Alignment(vertical="top")
        longest = max(len(line[column - 1]) for line in table)
        width = min(max(longest + 2, NARROWEST), WIDEST)
        worksheet.column_dimensions[get_column_letter(column)].width = width
    for line, row in enumerate(rows, start=2):
        if len(row) != len(headers):
            raise ValueError(f"{worksheet.title}, line {line}: expected {len(headers)} cells")
        for column, (header, text) in enumerate(zip(headers, row, strict=True), start=1):
            value = cell_value(header, text)
            if value is not None:
                worksheet.cell(line, column, value).font = INPUT_FONT
    worksheet.freeze_panes = "A2"


def workbook_from(folder: Path) -> Workbook:
    """Return the workbook whose sheets are the CSV files of the folder."""
    unknown = {path.name for path in folder.glob("*.csv")} - {file_name(name) for name in SHEETS}
    if unknown:
        raise ValueError(f"{folder}: no sheet is called {', '.join(sorted(unknown))}")
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for sheet in SHEETS:
        path = folder / file_name(sheet)
        if path.exists():
            with path.open(encoding="utf-8", newline="") as lines:
                fill(workbook.create_sheet(sheet), list(csv.reader(lines)))
    return workbook


def to_bytes(workbook: Workbook) -> bytes:
    """Return the workbook as a file with fixed dates, so that equal inputs give equal bytes."""
    workbook.properties.creator = "make_workbooks.py"
    workbook.properties.created = EPOCH
    saved = io.BytesIO()
    workbook.save(saved)
    fixed = io.BytesIO()
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(fixed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":  # saving stamps the time of day
                content = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*",
                    rb"\g<1>" + EPOCH.strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
                    content,
                )
            member = zipfile.ZipInfo(name, EPOCH.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, content)
    return fixed.getvalue()


def main() -> None:
    """Write every example next to this file."""
    for name in EXAMPLES:
        path = HERE / f"{name}.xlsx"
        path.write_bytes(to_bytes(workbook_from(HERE / name)))
        print(path.name)


if __name__ == "__main__":
    main()
