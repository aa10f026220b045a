"""Small workbooks for tests: sheets as lists of rows, header first."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from planner.workbook.excel_writing import plain_text, write_workbook
from planner.workbook.findings import column_letters

Cells = list[list[object]]
Sheets = dict[str, Cells]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = "application/vnd.openxmlformats-package.relationships+xml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0"/></cellStyles></styleSheet>'
)
"""Two looks of cells: none, and that of a date."""
_DAY_0 = date(1899, 12, 30)


def base() -> Sheets:
    """Return a small, sound workbook with every role and most sheets."""
    offers: Cells = [
        [site, kind, 10, 0, 50, None, 20 if kind == "h100" else None]
        for site in ("fra1", "par1", "ams1", "whk1")
        for kind in ("h100", "check", "disk", "seat")
    ]
    return {
        "Settings": [["setting", "value"], ["utilisation", 0.5], ["budget_monthly", 100_000]],
        "Providers": [
            ["provider", "parent", "monthly_cost", "max_nodes", "status"],
            ["Hetzner", None, 10, None, None],
            ["OVH", None, 10, None, None],
            ["Scaleway", None, 10, None, None],
        ],
        "Sites": [
            [
                "site",
                "provider",
                "country",
                "bloc",
                "latitude",
                "longitude",
                "status",
                "monthly_cost",
                "max_nodes",
                "grid",
            ],
            ["fra1", "Hetzner", "DE", "EU", 50.1, 8.7, "candidate", 100, None, "ENTSO-E"],
            ["par1", "OVH", "FR", "EU", 48.9, 2.4, "candidate", 100, None, "ENTSO-E"],
            ["ams1", "Scaleway", "NL", "EU", 52.4, 4.9, "required", 100, None, "ENTSO-E"],
            ["whk1", "OVH", "NA", "AU", -22.6, 17.1, "candidate", 100, None, "NamPower"],
        ],
        "Node types": [
            [
                "node_type",
                "role",
                "gpu_memory_gb",
                "load_gb_per_s",
                "speed",
                "verifications_per_s",
                "disk_tb",
                "tee",
            ],
            ["h100", "execution", 80, 2, 1, None, None, "TDX"],
            ["check", "verification", None, None, None, 100, None, None],
            ["disk", "storage", None, None, None, None, 10, None],
            ["seat", "coordination", None, None, None, None, None, None],
        ],
        "Capacities": [
            [
                "site",
                "node_type",
                "max_nodes",
                "min_nodes",
                "monthly_cost",
                "hourly_cost",
                "requests_per_s",
            ],
            *offers,
        ],
        "Periods": [["period", "hours_per_month"], ["day", 300], ["night", None]],
        "Regions": [
            ["region", "latitude", "longitude", "country"],
            ["Germany", 51.2, 10.4, "DE"],
            ["France", 46.6, 2.5, "FR"],
        ],
        "Demand": [
            [
                "region",
                "requests_per_s",
                "model",
                "class",
                "period",
                "verification",
                "max_latency_ms",
                "countries",
                "blocs",
            ],
            ["Germany", 10, "llama", "interactive", "day", "two", 2000, None, "EU"],
            ["Germany", 5, "llama", "interactive", "night", "two", 2000, None, "EU"],
            ["France", 8, "llama", "interactive", None, None, 2000, None, None],
            ["France", 1, "gpt", None, None, None, None, None, None],
        ],
        "Models": [
            [
                "model",
                "gpu_memory_gb",
                "weights_gb",
                "requests_per_s",
                "service_ms",
                "copies",
                "upstream",
                "max_requests_per_s",
            ],
            ["llama", 40, 30, 4, 900, 2, None, None],
            ["gpt", None, None, None, 0, None, "OpenAI", 100],
        ],
        "Verification": [
            ["policy", "verifiers", "quorum", "max_latency_ms", "independent_of", "tee"],
            ["two", 2, None, None, "provider", "TDX"],
        ],
        "Committees": [
            ["committee", "seats", "node_types", "max_seats_per_site", "reach_ms", "countries"],
            ["shard", 4, "seat", 2, None, None],
        ],
        "Seats": [["committee", "site", "node_type", "seats"], ["shard", "fra1", "seat", 2]],
        "Today": [["site", "node_type", "model", "warm"], ["fra1", "h100", "llama", 1]],
        "Routes": [
            ["from", "to", "latency_ms", "via", "route"],
            ["Germany", "fra1", 8, "DE-CIX", None],
            ["Germany", "fra1", 12, "AAE-1 | ENTSO-E", None],
            ["fra1", "OpenAI", 90, None, None],
        ],
        "Dependencies": [
            ["dependency", "kind", "outages_per_year", "outage_hours", "protect"],
            ["ENTSO-E", "grid", 0.1, 8, "no"],
            ["Base", "settlement", 1, 2, None],
        ],
        "Exposure": [
            ["item", "depends_on", "confidence"],
            ["role:coordination", "Base", None],
            ["DE-CIX", "grid:ENTSO-E", "suspected"],
        ],
        "Diversity": [
            [
                "rule",
                "role",
                "kind",
                "dependency",
                "measure",
                "applies_to",
                "max_share",
                "max_count",
                "min_count",
                "min_distinct",
                "min_nakamoto",
                "threshold",
                "penalty",
            ],
            [
                "spread",
                "coordination",
                "provider",
                None,
                None,
                "shard",
                None,
                2,
                None,
                2,
                None,
                None,
                None,
            ],
            [
                "grids",
                "execution",
                "grid",
                None,
                None,
                None,
                0.9,
                None,
                None,
                None,
                None,
                None,
                1000,
            ],
        ],
        "Shocks": [["shock", "takes_down", "protect"], ["storm", "fra1; grid:ENTSO-E", "no"]],
        "Locks": [
            ["site", "node_type", "model", "committee", "min", "max"],
            ["fra1", "h100", None, None, 1, 5],
        ],
        "Objectives": [
            ["priority", "measure", "tolerance"],
            [1, "unserved", None],
            [2, "monthly_cost", "2 %"],
        ],
    }


def smallest() -> Sheets:
    """Return the three required sheets and Demand, and nothing else."""
    return {
        "Sites": [["site", "provider"], ["a", "P"], ["b", "P"]],
        "Providers": [["provider"], ["P"]],
        "Capacities": [
            ["site", "node_type", "max_nodes", "requests_per_s", "monthly_cost"],
            ["a", "box", 3, 10, 50],
            ["b", "box", 3, 10, 50],
        ],
        "Demand": [["region", "requests_per_s"], ["R", 12]],
    }


def save(folder: Path, sheets: Sheets, name: str = "network.xlsx") -> Path:
    """Write the cells of the sheets, without looks, and return the path of the workbook.

    The writer of the product spends ten times as long on how they look, of which nothing is read.
    """
    path = folder / name
    with zipfile.ZipFile(path, "w") as package:
        for part, text in _parts(sheets):
            package.writestr(zipfile.ZipInfo(part), text)
    return path


def write(folder: Path, sheets: Sheets, name: str = "network.xlsx") -> Path:
    """Write the sheets as the planner writes its own, and return the path of the workbook."""
    return write_workbook(folder / name, sheets)


def _parts(sheets: Sheets) -> Iterator[tuple[str, str]]:
    """Yield the parts of the package, the least that a workbook consists of."""
    numbers = range(1, len(sheets) + 1)
    content = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{_TYPE}.{kind}+xml"/>'
        for part, kind in [
            ("workbook", "sheet.main"),
            ("styles", "styles"),
            *((f"sheet{number}", "worksheet") for number in numbers),
        ]
    )
    links = f'<Default Extension="rels" ContentType="{_RELATIONS}"/>'
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types">{links}{content}</Types>',
    )
    yield "_rels/.rels", _links([("officeDocument", "xl/workbook.xml")])
    yield (
        "xl/_rels/workbook.xml.rels",
        _links([*(("worksheet", f"sheet{n}.xml") for n in numbers), ("styles", "styles.xml")]),
    )
    listed = "".join(
        f'<sheet name={quoteattr(title)} sheetId="{number}" r:id="rId{number}"/>'
        for number, title in zip(numbers, sheets, strict=True)
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINK}"><sheets>{listed}</sheets></workbook>',
    )
    yield "xl/styles.xml", _STYLES
    for number, rows in zip(numbers, sheets.values(), strict=True):
        cells = "".join(_row(at, row) for at, row in enumerate(rows, start=1))
        sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{cells}</sheetData></worksheet>'
        yield f"xl/sheet{number}.xml", sheet


def _links(targets: list[tuple[str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_LINK}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


def _row(number: int, row: list[object]) -> str:
    cells = "".join(
        _cell(f"{column_letters(column)}{number}", value)
        for column, value in enumerate(row, start=1)
        if value not in (None, "")
    )
    return f'<row r="{number}">{cells}</row>' if cells else ""


def _cell(address: str, value: object) -> str:
    if isinstance(value, bool):
        return f'<c r="{address}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, (int, float)):
        return f'<c r="{address}"><v>{value!r}</v></c>'
    if isinstance(value, date):
        return f'<c r="{address}" s="1"><v>{(value - _DAY_0).days}</v></c>'
    text = escape(plain_text(str(value)))
    return f'<c r="{address}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def column_of(sheets: Sheets, sheet: str, header: str) -> int:
    """Return the position of a header, added at the right end if the sheet lacks it."""
    headers = sheets[sheet][0]
    if header not in headers:
        for row in sheets[sheet]:
            row.extend([None] * (len(headers) + 1 - len(row)) if row is not headers else [])
        headers.append(header)
    return headers.index(header)


def put(sheets: Sheets, sheet: str, row: int, header: str, value: object) -> None:
    """Set one cell by its Excel row number and header; the sheet grows as needed."""
    position = column_of(sheets, sheet, header)
    cells = sheets[sheet]
    while len(cells) < row:
        cells.append([None] * len(cells[0]))
    cells[row - 1].extend([None] * (position + 1 - len(cells[row - 1])))
    cells[row - 1][position] = value
