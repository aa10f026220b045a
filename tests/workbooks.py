"""Small workbooks for tests: sheets as lists of rows, header first."""

from __future__ import annotations

from pathlib import Path

from planner.workbook.excel_writing import write_workbook

Cells = list[list[object]]
Sheets = dict[str, Cells]


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
    """Write the sheets and return the path of the workbook."""
    return write_workbook(folder / name, sheets)


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
