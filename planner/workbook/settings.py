"""The sheet Settings: one setting a row, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.data import Row, Settings
from models.fields import Kind, column, columns
from planner.workbook.book import HEADER_ROW
from planner.workbook.excel import CellKind, Sheet
from planner.workbook.findings import Finding
from planner.workbook.names import did_you_mean, fold_header, header_readings
from planner.workbook.tables import TableReader


@dataclass(frozen=True, kw_only=True)
class SettingRow(Row):
    """A row of the sheet Settings."""

    setting: str = column(Kind.NAME, "which", key=True)
    value: Any = column(Kind.TEXT, "what it is set to")


def read_settings(sheet: Sheet | None, findings: list[Finding]) -> tuple[Settings, dict[str, str]]:
    """Return the settings and the cell of each; append what is wrong with them to the findings."""
    if sheet is None or not sheet.rows:
        return Settings(), {}
    reader = TableReader(sheet, SettingRow, findings)
    if reader.is_titled():
        return Settings(), {}
    reader.match_headers()
    positions = {name: number for number, (name, _) in reader.columns.items()}
    for name in ("setting", "value"):
        if name not in positions:
            reader.report_missing(name)
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
