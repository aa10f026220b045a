"""One defect at a time: how it gets into a sound workbook, and what must be said about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl

from tests.workbooks import Sheets, base, put, save

Change = Callable[[Sheets], None]
Edit = Callable[[Any], None]


class Defect(NamedTuple):
    """A change of the sound workbook, where its finding stands, and words that it holds.

    `edit` changes the saved openpyxl workbook, for what plain cells cannot say.
    """

    name: str
    change: Change
    where: str
    words: tuple[str, ...]
    level: str = "error"
    edit: Edit | None = None


def make(folder: Path, defect: Defect) -> Path:
    """Write the sound workbook with the defect in it."""
    sheets = base()
    defect.change(sheets)
    path = save(folder, sheets)
    if defect.edit is not None:
        book = openpyxl.load_workbook(path)
        defect.edit(book)
        book.save(path)
    return path


def _put(sheet: str, row: int, header: str, value: object) -> Change:
    return lambda sheets: put(sheets, sheet, row, header, value)


def _row(sheet: str, *values: object) -> Change:
    return lambda sheets: sheets[sheet].append(list(values))


def _all(*changes: Change) -> Change:
    def change(sheets: Sheets) -> None:
        for one in changes:
            one(sheets)

    return change


def _drop(sheet: str) -> Change:
    def change(sheets: Sheets) -> None:
        del sheets[sheet]

    return change


def _pop(sheet: str) -> Change:
    def change(sheets: Sheets) -> None:
        sheets[sheet].pop()

    return change


def _rename(sheet: str, name: str) -> Change:
    def change(sheets: Sheets) -> None:
        sheets[name] = sheets.pop(sheet)

    return change


def _header(sheet: str, old: str, new: str) -> Change:
    def change(sheets: Sheets) -> None:
        headers = sheets[sheet][0]
        headers[headers.index(old)] = new

    return change


def _add(sheet: str, *rows: list[object]) -> Change:
    def change(sheets: Sheets) -> None:
        sheets[sheet] = [list(row) for row in rows]

    return change


def _nothing(sheets: Sheets) -> None:
    pass


def _set(sheet: str, cell: str, value: object) -> Edit:
    def edit(book: Any) -> None:
        book[sheet][cell] = value

    return edit


def _merge(sheet: str, area: str) -> Edit:
    return lambda book: book[sheet].merge_cells(area)


_CELLS = [
    Defect(
        "number as text",
        _put("Capacities", 2, "max_nodes", "10"),
        "Capacities!C2",
        ("max_nodes '10' is text, not a number", "type 10 as a number"),
    ),
    Defect(
        "decimal comma",
        _put("Settings", 2, "value", "0,5"),
        "Settings!B2",
        ("utilisation '0,5' is text", "type 0.5"),
    ),
    Defect(
        "thousands with space",
        _put("Capacities", 2, "monthly_cost", "1 000"),
        "Capacities!E2",
        ("'1 000' is text", "type 1000"),
    ),
    Defect(
        "thousands with no-break space",
        _put("Capacities", 2, "monthly_cost", "1\xa0000"),
        "Capacities!E2",
        ("is text", "type 1000"),
    ),
    Defect(
        "ambiguous comma",
        _put("Capacities", 2, "monthly_cost", "1,500"),
        "Capacities!E2",
        ("type 1500 or 1.5",),
    ),
    Defect(
        "text in number column",
        _put("Demand", 2, "requests_per_s", "many"),
        "Demand!B2",
        ("requests_per_s 'many' is text, not a number",),
    ),
    Defect(
        "boolean in number column",
        _put("Demand", 2, "requests_per_s", True),
        "Demand!B2",
        ("is TRUE, not a number",),
    ),
    Defect(
        "date in number column",
        _put("Models", 2, "weights_gb", date(2025, 3, 1)),
        "Models!C2",
        ("2025-03-01", "Excel turned this into a date"),
    ),
    Defect(
        "date as name",
        _put("Sites", 2, "grid", date(2025, 3, 1)),
        "Sites!J2",
        ("Excel turned this into a date", "format the cell as text"),
    ),
    Defect(
        "boolean as name", _put("Sites", 2, "country", True), "Sites!C2", ("logical value TRUE",)
    ),
    Defect(
        "error value", _nothing, "Demand!B3", ("holds #REF!",), edit=_set("Demand", "B3", "#REF!")
    ),
    Defect(
        "formula never calculated",
        _nothing,
        "Demand!B3",
        ("never calculated", "open the workbook in Excel and save it"),
        edit=_set("Demand", "B3", "=B2/2"),
    ),
    Defect(
        "negative number",
        _put("Capacities", 2, "monthly_cost", -5),
        "Capacities!E2",
        ("monthly_cost -5 is below 0",),
    ),
    Defect(
        "a place in the sea",
        _all(_put("Sites", 2, "latitude", 0), _put("Sites", 2, "longitude", 0)),
        "Sites!E2",
        ("0, 0 lies in the sea",),
        "warning",
    ),
    Defect(
        "a country by its name",
        _put("Sites", 2, "country", "Germany"),
        "Sites!C2",
        ("a name at 1 site", "would be two", "spell all of them alike"),
        "warning",
    ),
    Defect(
        "latitude out of range",
        _put("Sites", 2, "latitude", 91),
        "Sites!E2",
        ("latitude 91 is above 90",),
    ),
    Defect(
        "huge number", _put("Capacities", 2, "monthly_cost", 1e30), "Capacities!E2", ("too large",)
    ),
    Defect(
        "share above one",
        _put("Diversity", 2, "max_share", 35),
        "Diversity!G2",
        ("max_share 35 is above 1", "write 0.35 for 35 %"),
    ),
    Defect(
        "fraction of a node",
        _put("Capacities", 2, "max_nodes", 2.5),
        "Capacities!C2",
        ("max_nodes 2.5 is not a whole number", "write 2 or 3"),
    ),
    Defect(
        "unknown choice",
        _put("Sites", 2, "status", "requierd"),
        "Sites!G2",
        ("status 'requierd' is not one of", "did you mean 'required'?"),
    ),
    Defect(
        "neither yes nor no",
        _put("Shocks", 2, "protect", "perhaps"),
        "Shocks!C2",
        ("'perhaps' is neither yes nor no",),
    ),
    Defect(
        "fractional name", _put("Sites", 2, "grid", 1.5), "Sites!J2", ("number 1.5, not a name",)
    ),
    Defect(
        "id too long",
        _put("Sites", 2, "grid", 12345678901234567),
        "Sites!J2",
        ("more than 15 digits",),
    ),
    Defect(
        "required cell empty",
        _put("Sites", 2, "provider", None),
        "Sites!B2",
        ("provider is empty", "fill in provider"),
    ),
    Defect(
        "padded name",
        _put("Sites", 2, "site", "fra1 "),
        "Sites!A2",
        ("'fra1 ' has spaces around it", "write 'fra1'"),
        "warning",
    ),
]

_SHEETS = [
    Defect(
        "missing sheet",
        _all(_drop("Providers")),
        "Providers",
        ("the sheet Providers is missing", "add it with the columns provider"),
    ),
    Defect(
        "misspelt required sheet",
        _rename("Demand", "Demnd"),
        "Demnd",
        ("the sheet 'Demnd' is not known", "did you mean 'Demand'?"),
    ),
    Defect(
        "misspelt optional sheet",
        _rename("Models", "Modles"),
        "Modles",
        ("the sheet 'Modles' is not known", "did you mean 'Models'?"),
    ),
    Defect(
        "misspelt sheet beside the right one",
        _add("Sitess", ["x"], ["y"]),
        "Sitess",
        ("is not known", "did you mean 'Sites'?", "begin its name with #"),
        level="warning",
    ),
    Defect(
        "required sheet by another name",
        _rename("Capacities", "Capacity"),
        "Capacities",
        ("rename the sheet 'Capacity'",),
    ),
    Defect(
        "sheet of the planner's own",
        _add("Notes", ["x"], ["y"]),
        "Notes",
        ("is not known and is not read", "begin its name with #"),
        "warning",
    ),
    Defect(
        "the same sheet twice",
        _add("node_types", ["node_type", "role"]),
        "node_types",
        ("also has a sheet 'Node types'",),
    ),
    Defect(
        "missing column",
        _header("Capacities", "max_nodes", "#max_nodes"),
        "Capacities",
        ("the column 'max_nodes' is missing",),
    ),
    Defect(
        "unknown column",
        _put("Sites", 1, "countri", "countri"),
        "Sites!K1",
        ("the column 'countri' is not known",),
        "warning",
    ),
    Defect(
        "misspelt column",
        _header("Demand", "max_latency_ms", "max_latncy_ms"),
        "Demand!G1",
        ("did you mean 'max_latency_ms'?", "begin the header with #"),
    ),
    Defect(
        "misspelt required column",
        _header("Sites", "provider", "Provider name"),
        "Sites!B1",
        ("the column 'Provider name' is not known", "did you mean 'provider'?"),
    ),
    Defect(
        "half a column",
        _header("Capacities", "monthly_cost", "Price (EUR)"),
        "Capacities!E1",
        ("the column 'Price (EUR)' is not known", "did you mean 'monthly_cost'?"),
    ),
    Defect(
        "column of the planner's own",
        _put("Sites", 1, "id", "id"),
        "Sites!K1",
        ("the column 'id' is not known and is not read", "begin the header with #"),
        "warning",
    ),
    Defect(
        "misspelt note",
        _put("Sites", 1, "notes", "notes"),
        "Sites!K1",
        ("is not read", "did you mean 'note'?"),
        "warning",
    ),
    Defect(
        "the same column by two names",
        _put("Sites", 1, "Lat", "Lat"),
        "Sites!K1",
        ("the column 'Lat' is already in E1",),
    ),
    Defect(
        "duplicate header",
        _put("Sites", 1, "Country ", "Country "),
        "Sites!K1",
        ("the column 'Country' is already in C1",),
    ),
    Defect(
        "values without header",
        _nothing,
        "Sites!L2",
        ("no header",),
        "warning",
        edit=_set("Sites", "L2", "stray"),
    ),
    Defect(
        "merged cells",
        _nothing,
        "Sites!B2",
        ("B2:B3 are merged", "unmerge"),
        edit=_merge("Sites", "B2:B3"),
    ),
    Defect(
        "headers in a later row",
        lambda sheets: sheets["Providers"].insert(0, ["Our providers"]),
        "Providers",
        ("move the headers from row 2 to row 1",),
    ),
    Defect(
        "unknown setting",
        _row("Settings", "utilization", 0.5),
        "Settings!A4",
        ("the setting 'utilization' is not known", "did you mean 'utilisation'?"),
    ),
    Defect(
        "half a setting",
        _row("Settings", "budget", 5000),
        "Settings!A4",
        ("the setting 'budget' is not known", "did you mean 'budget_monthly'?"),
    ),
    Defect(
        "setting like no other",
        _row("Settings", "colour", "red"),
        "Settings!A4",
        (
            "the setting 'colour' is not known",
            "write one of currency, utilisation,",
            "mip_gap, seed",
        ),
    ),
    Defect(
        "setting twice", _row("Settings", "Utilisation", 0.6), "Settings!A4", ("already set in B2",)
    ),
    Defect(
        "setting out of range",
        _put("Settings", 2, "value", 70),
        "Settings!B2",
        ("write 0.7 for 70 %",),
    ),
]

_NAMES = [
    Defect(
        "unknown provider",
        _put("Sites", 2, "provider", "Hezner"),
        "Sites!B2",
        ("provider 'Hezner' is not in Providers", "did you mean 'Hetzner'?"),
    ),
    Defect(
        "unknown site",
        _put("Capacities", 2, "site", "fra2"),
        "Capacities!A2",
        ("site 'fra2' is not in Sites", "did you mean 'fra1'?"),
    ),
    Defect(
        "unknown model",
        _put("Demand", 2, "model", "lama"),
        "Demand!C2",
        ("model 'lama' is not in Models", "did you mean 'llama'?"),
    ),
    Defect(
        "unknown policy",
        _put("Demand", 2, "verification", "twoo"),
        "Demand!F2",
        ("verification 'twoo' is not in Verification", "did you mean 'two'?"),
    ),
    Defect(
        "unknown period", _put("Demand", 2, "period", "dayy"), "Demand!E2", ("did you mean 'day'?",)
    ),
    Defect(
        "unknown parent",
        _put("Providers", 2, "parent", "OVHH"),
        "Providers!B2",
        ("parent 'OVHH' is not in Providers", "did you mean 'OVH'?"),
    ),
    Defect(
        "unknown node type",
        _put("Committees", 2, "node_types", "seet"),
        "Committees!C2",
        ("did you mean 'seat'?",),
    ),
    Defect(
        "unlisted node type",
        _row("Capacities", "fra1", "h1000", 1, 0, 50),
        "Capacities!B18",
        ("'h1000' is not in Node types", "did you mean 'h100'?"),
        "warning",
    ),
    Defect(
        "unlisted region",
        _row("Demand", "Germny", 1, "llama"),
        "Demand!A6",
        ("'Germny' is not in Regions", "did you mean 'Germany'?"),
        "warning",
    ),
    Defect(
        "duplicate site",
        _row("Sites", "fra1", "OVH"),
        "Sites!A6",
        ("site 'fra1' is already in Sites!A2",),
    ),
    Defect(
        "sites that differ by case",
        _row("Sites", "FRA1", "OVH"),
        "Sites!A6",
        ("'FRA1' differs from Sites!A2", "only by case"),
    ),
    Defect(
        "duplicate offer",
        _row("Capacities", "fra1", "h100", 1, 0, 50, None, 20),
        "Capacities!A18",
        ("is already in Capacities!A2",),
    ),
    Defect(
        "duplicate demand",
        _row("Demand", "Germany", 1, "llama", "interactive", "day", "two"),
        "Demand!A6",
        ("is already in Demand!A2",),
    ),
    Defect(
        "blank period over a named one",
        _row("Demand", "Germany", 1, "llama", "interactive", None, "two"),
        "Demand!E6",
        ("'day' is also covered by Demand!E2", "name the periods"),
    ),
    Defect(
        "two spellings of a country",
        _put("Sites", 3, "country", "de"),
        "Sites!C3",
        ("country 'de' differs from 'DE' in Sites!C2", "write both the same way"),
    ),
    Defect(
        "invisible character in a grid",
        _put("Sites", 3, "grid", "ENTSO-E\u200b"),
        "Sites!J3",
        ("differs from 'ENTSO-E' in Sites!J2",),
    ),
    Defect(
        "commas in a list of places",
        _put("Demand", 4, "countries", "DE; FR, NL"),
        "Demand!H4",
        ("read as one name", "FR; NL"),
        "warning",
    ),
]

_CONTRADICTIONS = [
    Defect(
        "min_nodes above max_nodes",
        _put("Capacities", 2, "min_nodes", 11),
        "Capacities!D2",
        ("min_nodes 11 is above max_nodes 10 in Capacities!C2",),
    ),
    Defect(
        "two prices",
        _put("Capacities", 2, "hourly_cost", 0.1),
        "Capacities!F2",
        ("both monthly_cost 50 and hourly_cost 0.1",),
    ),
    Defect(
        "no price",
        _put("Capacities", 2, "monthly_cost", None),
        "Capacities!E2",
        ("neither monthly_cost nor hourly_cost", "write 0 if it is free"),
    ),
    Defect(
        "no price and a column for hours only",
        _all(
            _header("Capacities", "monthly_cost", "#monthly_cost"),
            _put("Capacities", 2, "hourly_cost", None),
            *(_put("Capacities", row, "hourly_cost", 0) for row in range(3, 18)),
        ),
        "Capacities!F2",
        ("neither monthly_cost nor hourly_cost", "write 0 if it is free"),
    ),
    Defect(
        "a price that cannot be read is no missing price",
        _all(
            _put("Capacities", 2, "monthly_cost", None),
            _put("Capacities", 2, "hourly_cost", "cheap"),
        ),
        "Capacities!F2",
        ("hourly_cost 'cheap' is text",),
    ),
    Defect(
        "no price anywhere",
        _all(
            _header("Capacities", "monthly_cost", "#monthly_cost"),
            _header("Capacities", "hourly_cost", "#hourly_cost"),
        ),
        "Capacities",
        ("every node is free", "add the column monthly_cost"),
        "warning",
    ),
    Defect(
        "required site of a forbidden provider",
        _put("Providers", 4, "status", "forbidden"),
        "Sites!G4",
        ("'ams1' is required", "'Scaleway' is forbidden in Providers!E4"),
    ),
    Defect(
        "site smaller than its min_nodes",
        _all(_put("Sites", 2, "max_nodes", 3), _put("Capacities", 2, "min_nodes", 4)),
        "Sites!I2",
        ("max_nodes 3 is below the 4 nodes",),
    ),
    Defect(
        "hours beyond a month",
        _put("Periods", 2, "hours_per_month", 800),
        "Periods!B2",
        ("800", "leaves nothing of 730"),
    ),
    Defect("model left blank", _put("Demand", 2, "model", None), "Demand!C2", ("model is empty",)),
    Defect(
        "failover faster than normal",
        _put("Demand", 2, "failover_latency_ms", 100),
        "Demand!J2",
        ("failover_latency_ms 100 is below max_latency_ms 2000",),
    ),
    Defect(
        "proxied model with memory",
        _put("Models", 3, "gpu_memory_gb", 40),
        "Models!B3",
        ("'gpt' runs at an upstream", "gpu_memory_gb 40"),
    ),
    Defect(
        "local model without throughput",
        _put("Models", 2, "requests_per_s", None),
        "Models!D2",
        ("'llama' has no requests_per_s",),
    ),
    Defect(
        "local model without memory",
        _put("Models", 2, "gpu_memory_gb", None),
        "Models!B2",
        ("'llama' has no gpu_memory_gb",),
    ),
    Defect(
        "two limits for one upstream",
        _row("Models", "gpt-mini", None, None, None, 0, None, "OpenAI", 50),
        "Models!H4",
        ("accepts 50 requests/s here but 100 in Models!H3",),
    ),
    Defect(
        "more copies left than copies",
        _put("Models", 2, "min_copies_left", 3),
        "Models!I2",
        ("min_copies_left 3 is above copies 2",),
    ),
    Defect(
        "quorum out of range",
        _put("Verification", 2, "quorum", 3),
        "Verification!C2",
        ("quorum 3 is not within 1 … verifiers 2",),
    ),
    Defect(
        "verifier that verifies nothing",
        _put("Node types", 3, "verifications_per_s", None),
        "Node types!F3",
        ("'check' verifies but has no verifications_per_s",),
    ),
    Defect(
        "storage without disk",
        _put("Node types", 4, "disk_tb", None),
        "Node types!G4",
        ("'disk' stores but has no disk_tb",),
    ),
    Defect(
        "TEE of no node type",
        _put("Verification", 2, "tee", "Nitro"),
        "Verification!F2",
        ("tee 'Nitro' is that of no node type",),
    ),
    Defect(
        "reach beyond the committee",
        _put("Committees", 2, "reach_seats", 5),
        "Committees!G2",
        ("reach_seats 5 is above seats 4",),
    ),
    Defect(
        "more faulty than seats",
        _put("Committees", 2, "max_faulty", 4),
        "Committees!G2",
        ("max_faulty 4 is not below seats 4",),
    ),
    Defect("lock min above max", _put("Locks", 2, "max", 0), "Locks!E2", ("min 1 is above max 0",)),
    Defect(
        "lock on a forbidden site",
        _all(_put("Sites", 5, "status", "forbidden"), _put("Locks", 2, "site", "whk1")),
        "Locks!E2",
        ("min 1 at site 'whk1', which is forbidden in Sites!G5",),
    ),
    Defect(
        "two locks against each other",
        _row("Locks", "fra1", "h100", None, None, 6, None),
        "Locks!E3",
        ("min 6 in Locks!E3 is above max 5 in Locks!F2",),
    ),
    Defect(
        "lock without numbers",
        _row("Locks", "par1", "h100", None, None, None, None),
        "Locks!E3",
        ("neither min nor max",),
    ),
    Defect(
        "objective twice",
        _row("Objectives", 3, "unserved", None),
        "Objectives!B4",
        ("measure 'unserved' is already in Objectives!B2",),
    ),
    Defect(
        "tolerance without sense",
        _put("Objectives", 3, "tolerance", "a bit"),
        "Objectives!C3",
        ("tolerance 'a bit' is no number", "write 0.02, 2 %"),
    ),
    Defect(
        "tolerance of 200 percent",
        _put("Objectives", 3, "tolerance", 2),
        "Objectives!C3",
        ("200%", "write 2 %"),
    ),
    Defect(
        "penalty that costs nothing",
        lambda sheets: sheets.update(Objectives=[["priority", "measure"], [1, "unserved"]]),
        "Diversity!M3",
        ("monthly_cost is not among the Objectives",),
    ),
    Defect(
        "both throughputs",
        _all(_pop("Models"), _pop("Demand"), _pop("Routes")),
        "Capacities!G2",
        ("Models wins",),
        "warning",
    ),
    Defect(
        "too many existing nodes",
        _put("Capacities", 2, "existing_nodes", 12),
        "Capacities!H2",
        ("existing_nodes 12 is above max_nodes 10",),
        "warning",
    ),
    Defect(
        "seats above capacity",
        _put("Seats", 2, "seats", 11),
        "Seats!D2",
        ("above its capacity of 10 nodes: 1 must move",),
        "warning",
    ),
]

_ITEMS = [
    Defect(
        "route from nowhere",
        _put("Routes", 2, "from", "Germny"),
        "Routes!A2",
        ("'Germny' is not known", "did you mean 'Germany'?"),
    ),
    Defect(
        "route to a region",
        _put("Routes", 2, "to", "France"),
        "Routes!B2",
        ("'France' is a region, not a site or a upstream",),
    ),
    Defect(
        "route to itself",
        _put("Routes", 4, "to", "fra1"),
        "Routes!B4",
        ("leads from 'fra1' to itself",),
    ),
    Defect(
        "ambiguous end of a route",
        _all(_row("Regions", "par1", 48.9, 2.4), _put("Routes", 4, "from", "par1")),
        "Routes!A4",
        ("'par1' is a region and a site", "write region:par1 or site:par1"),
    ),
    Defect(
        "route name twice",
        _all(_put("Routes", 2, "route", "north"), _put("Routes", 3, "route", "north")),
        "Routes!E3",
        ("'north' of this pair is already in Routes!E2",),
    ),
    Defect(
        "route called estimate",
        _put("Routes", 2, "route", "estimate"),
        "Routes!E2",
        ("a word of the plan's own",),
    ),
    Defect(
        "exposure of nothing",
        _put("Exposure", 2, "item", "role:coordnation"),
        "Exposure!A2",
        ("there is no role 'coordnation'",),
    ),
    Defect(
        "exposure to an unknown name",
        _put("Exposure", 2, "depends_on", "ENTSOE"),
        "Exposure!B2",
        ("'ENTSOE' is not a known dependency", "did you mean 'ENTSO-E'?"),
    ),
    Defect(
        "exposure to a site",
        _put("Exposure", 2, "depends_on", "fra1"),
        "Exposure!B2",
        ("'fra1' is a site, not a dependency",),
    ),
    Defect(
        "exposure to an unknown provider",
        _put("Exposure", 2, "depends_on", "provider:Hezner"),
        "Exposure!B2",
        ("is not in Providers", "did you mean 'provider:Hetzner'?"),
    ),
    Defect(
        "ambiguous dependency",
        _all(_put("Sites", 2, "grid", "OVH"), _row("Exposure", "fra1", "OVH")),
        "Exposure!B4",
        ("'OVH' is a grid and a provider", "write grid:OVH or provider:OVH"),
    ),
    Defect(
        "new kind that looks like an old one",
        _row("Exposure", "fra1", "metr:Frankfurt"),
        "Exposure!B4",
        ("the kind 'metr' is new", "did you mean 'metro'?"),
        "warning",
    ),
    Defect(
        "exposure cycle",
        _all(_row("Exposure", "grid:ENTSO-E", "Base"), _row("Exposure", "Base", "ENTSO-E")),
        "Exposure!B4",
        ("settlement:Base > grid:ENTSO-E > settlement:Base",),
    ),
    Defect(
        "parents in a circle",
        _all(_put("Providers", 2, "parent", "OVH"), _put("Providers", 3, "parent", "Hetzner")),
        "Providers!B3",
        ("provider:Hetzner hangs on itself",),
    ),
    Defect(
        "dependency that nothing hangs on",
        _put("Dependencies", 2, "dependency", "ENTSOE"),
        "Dependencies!A2",
        ("nothing hangs on grid 'ENTSOE'", "did you mean 'ENTSO-E'?"),
        "warning",
    ),
    Defect(
        "shock of nothing",
        _put("Shocks", 2, "takes_down", "fra1; gird:ENTSO-E"),
        "Shocks!B2",
        ("'gird:ENTSO-E' is not known",),
    ),
    Defect(
        "shock with alternatives",
        _put("Shocks", 2, "takes_down", "fra1 | par1"),
        "Shocks!B2",
        ("leaves open what fails",),
    ),
]

_DIVERSITY = [
    Defect(
        "kind of nothing",
        _put("Diversity", 2, "kind", "providr"),
        "Diversity!C2",
        ("kind 'providr' is that of no dependency", "did you mean 'provider'?"),
    ),
    Defect(
        "named dependency of nothing",
        _put("Diversity", 3, "dependency", "ENTSO"),
        "Diversity!D3",
        ("'ENTSO' is no known grid", "did you mean 'ENTSO-E'?"),
    ),
    Defect(
        "independence of nothing",
        _put("Verification", 2, "independent_of", "provder"),
        "Verification!E2",
        ("'provder' is the kind of no dependency", "'provider'"),
    ),
    Defect(
        "min_count of all",
        _put("Diversity", 2, "min_count", 1),
        "Diversity!I2",
        ("min_count needs a named dependency",),
    ),
    Defect(
        "nakamoto without threshold",
        _put("Diversity", 3, "min_nakamoto", 2),
        "Diversity!K3",
        ("min_nakamoto needs a threshold",),
    ),
    Defect(
        "rule without limit",
        _put("Diversity", 3, "max_share", None),
        "Diversity!A3",
        ("rule 'grids' has no limit",),
    ),
    Defect(
        "measure of another role",
        _put("Diversity", 2, "measure", "copies"),
        "Diversity!E2",
        ("measure 'copies' does not fit the role coordination",),
    ),
    Defect(
        "applies to nothing",
        _put("Diversity", 2, "applies_to", "shrad"),
        "Diversity!F2",
        ("applies_to 'shrad' is not a committee", "did you mean 'shard'?"),
    ),
    Defect(
        "applies to what the role has not",
        _put("Diversity", 3, "applies_to", "shard"),
        "Diversity!F3",
        ("is not a region or a model",),
    ),
    Defect(
        "nodes of one region",
        _all(
            _put("Diversity", 3, "measure", "nodes"), _put("Diversity", 3, "applies_to", "France")
        ),
        "Diversity!F3",
        ("nodes are shared by all",),
    ),
    Defect(
        "more distinct than there are",
        _put("Diversity", 2, "min_distinct", 4),
        "Diversity!J2",
        ("min_distinct 4 of kind 'provider'", "hang on 3 only"),
    ),
]

_ARITHMETIC = [
    # One H100 holds two replicas of 4 requests/s at 50 %: 4 a node, 160 from the 40 nodes.
    Defect(
        "demand above capacity",
        _put("Demand", 4, "requests_per_s", 1000),
        "Demand!B4",
        ("is 1010 requests/s", "40 nodes", "160 at most"),
        level="warning",
    ),
    Defect(
        "demand above the limit of an upstream",
        _put("Demand", 5, "requests_per_s", 101),
        "Models!H3",
        ("accepts 100 requests/s", "is 101"),
        level="warning",
    ),
    Defect(
        "required site without capacity",
        _row("Sites", "mil1", "OVH", "IT", "EU", 45.5, 9.2, "required", 0, None, "ENTSO-E"),
        "Sites!G6",
        ("'mil1' is required but has no nodes",),
    ),
    Defect(
        "required site of a provider without nodes",
        _all(
            _put("Providers", 4, "max_nodes", 0),
            _put("Demand", 2, "blocs", None),
            _put("Demand", 3, "blocs", None),
        ),
        "Sites!G4",
        ("'ams1' is required but has a provider with max_nodes 0 (Providers!D4)",),
    ),
    # Three EU sites with two seats each can hold six.
    Defect(
        "seats above eligible nodes",
        _all(_put("Committees", 2, "seats", 7), _put("Committees", 2, "blocs", "EU")),
        "Committees!B2",
        ("has 7 seats but only 6 nodes", "max_seats_per_site 2", "blocs EU"),
    ),
    Defect(
        "seats of all committees above all nodes",
        _all(
            _put("Committees", 2, "max_seats_per_site", None),
            _put("Committees", 2, "seats", 25),
            _row("Committees", "two", 16),
        ),
        "Committees!B2",
        ("all committees together have 41 seats but only 40 nodes",),
    ),
    Defect(
        "reach too short",
        _put("Committees", 2, "reach_ms", 5),
        "Committees!E2",
        ("needs 3 seats within reach_ms 5", "room for 2"),
    ),
    Defect(
        "copies above storage sites",
        _put("Models", 2, "copies", 5),
        "Models!F2",
        ("wants 5 copies", "only 4 sites"),
    ),
    Defect(
        "verifiers above verifying sites",
        _put("Verification", 2, "verifiers", 3),
        "Verification!B2",
        ("needs 3 verifiers", "more than 2 sites", "share none of provider", "Demand!F2"),
        level="warning",
    ),
    Defect(
        "verification above capacity",
        _put("Verification", 2, "work", 200),
        "Verification!B2",
        ("needs 4000 verifications/s", "2000 at most"),
        level="warning",
    ),
    Defect(
        "model larger than every node",
        _put("Models", 2, "gpu_memory_gb", 141),
        "Models!B2",
        ("needs 141 GB", "'h100', has 80 GB (Node types!C2)"),
        level="warning",
    ),
    Defect(
        "residency without site",
        _put("Demand", 2, "countries", "PL"),
        "Demand!H2",
        ("no site that can run it lies in countries PL",),
        level="warning",
    ),
    Defect(
        "latency out of reach",
        _put("Demand", 4, "max_latency_ms", 905),
        "Demand!G4",
        ("max_latency_ms 905 is out of reach", "'par1', answers in 9"),
        level="warning",
    ),
    Defect(
        "region without coordinates",
        _put("Regions", 3, "latitude", None),
        "Regions!A3",
        ("'France' has no route and no pair of coordinates", "Demand!G4"),
        level="warning",
    ),
    Defect(
        "site without coordinates",
        _all(_put("Sites", 3, "latitude", None), _put("Sites", 3, "longitude", None)),
        "Sites!E3",
        ("'par1' has no coordinates",),
        "warning",
    ),
    Defect(
        "lock above what is offered",
        _all(_put("Locks", 2, "min", 11), _put("Locks", 2, "max", None)),
        "Locks!E2",
        ("min 11 nodes are locked in, but at most 10",),
    ),
    Defect(
        "budget below fixed costs",
        _put("Settings", 3, "value", 50),
        "Settings!B3",
        ("budget_monthly 50.00 EUR is below 160.00",),
    ),
    Defect(
        "proxied model that nothing may call",
        _all(*(_put("Capacities", row, "requests_per_s", None) for row in range(2, 18))),
        "Demand!C5",
        ("no offer that may call it has requests_per_s",),
        level="warning",
    ),
]

_PROTECTION = [
    Defect(
        "protected and unavoidable",
        _put("Dependencies", 3, "protect", "yes"),
        "Dependencies!E3",
        (
            "settlement:Base is protected",
            "every offer for seats of committee 'shard' goes down with it",
            "unavoidable there and not protected",
            "do not hang on it, or write protect no",
        ),
        "warning",
    ),
    Defect(
        "too few seats outside a protected shock",
        # Two at par1, the only site left; three of four must stay.
        _all(
            _put("Shocks", 2, "takes_down", "fra1; ams1; whk1"),
            _put("Shocks", 2, "protect", "yes"),
        ),
        "Shocks!C2",
        ("'shard' needs 3 of its 4 seats outside it (max_faulty 1), but at most 2 can be had",),
    ),
    Defect(
        "too few seats with every provider protected",
        # One with each of Hetzner, OVH and Scaleway.
        _all(
            _row("Dependencies", "*", "provider", None, None, "yes"),
            _put("Verification", 2, "quorum", 1),
        ),
        "Dependencies!E4",
        (
            "provider:Hetzner, provider:OVH and provider:Scaleway are protected",
            "may lose 1 seat with each (max_faulty): at most 3 of its 4 can be had",
        ),
    ),
    Defect(
        "too few copies outside a protected shock",
        _all(
            _put("Shocks", 2, "takes_down", "fra1; ams1"),
            _put("Shocks", 2, "protect", "yes"),
            _put("Models", 2, "min_copies_left", 2),
            _put("Capacities", 16, "max_nodes", 0),
        ),
        "Shocks!C2",
        ("'llama' needs 2 of its 2 copies outside it (min_copies_left), but at most 1 can be",),
    ),
    Defect(
        "no quorum outside a protected provider",
        # Without a node of its own to execute at par1, OVH verifies whatever is executed.
        _all(
            _row("Dependencies", "OVH", "provider", None, None, "yes"),
            _put("Capacities", 6, "max_nodes", 0),
        ),
        "Dependencies!E4",
        ("'two' needs 2 of its 2 verifiers outside it (quorum)", "more than 1 there"),
        level="warning",
    ),
    Defect(
        "a share to be served after nothing",
        _put("Demand", 2, "min_served", 0.5),
        "Demand!J2",
        ("min_served asks for nothing: no dependency and no shock is protected",),
        "warning",
    ),
    Defect(
        "nothing to be served after a protected shock",
        _all(_put("Shocks", 2, "protect", "yes"), _put("Committees", 2, "max_seats_per_site", 4)),
        "Shocks!C2",
        ("protect asks nothing of routing: no demand row has min_served",),
        "warning",
    ),
    Defect(
        "demand that nothing else could serve",
        _all(
            _put("Demand", 2, "min_served", 0.5),
            _put("Demand", 2, "countries", "DE"),
            _put("Demand", 2, "verification", None),
            _row("Dependencies", "Hetzner", "provider", None, None, "yes"),
        ),
        "Dependencies!E4",
        ("provider:Hetzner is protected, but without it nothing can serve Germany", "unavoidable"),
        "warning",
    ),
    Defect(
        "no time after a failure",
        _all(
            _put("Demand", 2, "min_served", 0.5),
            _put("Demand", 2, "max_latency_ms", None),
            _put("Demand", 2, "failover_latency_ms", 1),
            _row("Dependencies", "Hetzner", "provider", None, None, "yes"),
        ),
        "Demand!J2",
        ("nothing can serve Germany", "within 1 ms after a failure, even if nothing failed"),
        "warning",
    ),
    Defect(
        "no quorum with every provider protected",
        _all(
            _row("Dependencies", "*", "provider", None, None, "yes"),
            _put("Committees", 2, "max_faulty", 2),
        ),
        "Dependencies!E4",
        ("may lose 0 of its 2 verifiers with each (quorum 2): no executing node", "than 0"),
        level="warning",
    ),
]

_UNFINISHED = [
    Defect(
        "phase without an order beside one with",
        _add("Phases", ["phase", "order"], ["first", 1], ["second", None]),
        "Phases!B3",
        ("phase 'second' has no order, others have one",),
    ),
    Defect(
        "two phases with one order",
        _add("Phases", ["phase", "order"], ["first", 1], ["second", 1]),
        "Phases!B3",
        ("order 1 is already in Phases!B2", "an order of its own"),
    ),
    Defect(
        "phase with less than no demand",
        _add("Phases", ["phase", "demand_multiplier"], ["first", -0.5]),
        "Phases!B2",
        ("demand_multiplier",),
    ),
    Defect(
        "phase with a limit that is none",
        _add("Phases", ["phase", "max_new_node"], ["first", 4]),
        "Phases!B1",
        ("max_new_nodes",),
    ),
    Defect(
        "first phase that closes",
        _add("Phases", ["phase", "closing"], ["first", "yes"], ["second", "yes"]),
        "Phases!B2",
        ("closing has no effect in 'first'", "may close in any case"),
        "warning",
    ),
    Defect(
        "scenario of an unknown sheet",
        _add("Scenarios", ["scenario", "sheet", "change"], ["more", "Demands in May", "remove"]),
        "Scenarios!B2",
        ("'Demands in May' is not known", "did you mean 'Demand'?"),
        "warning",
    ),
    Defect(
        "scenario of a sheet that is not there",
        _add("Scenarios", ["scenario", "sheet", "change"], ["more", "Phases", "remove"]),
        "Scenarios!B2",
        ("the workbook has no sheet Phases",),
        "warning",
    ),
    Defect(
        "scenario of no row",
        _add(
            "Scenarios",
            ["scenario", "sheet", "where", "change"],
            ["less", "Sites", "site=nowhere", "remove"],
        ),
        "Scenarios!C2",
        ("no row of Sites has site=nowhere", "region=Germany"),
        "warning",
    ),
    Defect(
        "scenario that multiplies a name",
        _add(
            "Scenarios",
            ["scenario", "sheet", "column", "change"],
            ["twice", "Sites", "provider", "x2"],
        ),
        "Scenarios!D2",
        ("Sites!B2 holds no number to multiply",),
        "warning",
    ),
    Defect(
        "scenario without a column",
        _add("Scenarios", ["scenario", "sheet", "column", "change"], ["new", "Sites", None, "20"]),
        "Scenarios!C2",
        ("no column is named", "write remove"),
        "warning",
    ),
    Defect(
        "scenario of an unknown column",
        _add(
            "Scenarios",
            ["scenario", "sheet", "change", "column"],
            ["more", "Demand", "x2", "requests"],
        ),
        "Scenarios!D2",
        ("'requests' is not in Demand", "did you mean 'requests_per_s'?"),
        "warning",
    ),
]

_COLLAPSE = [
    Defect(
        "collapse of none",
        _put("Diversity", 2, "min_collapse", 0),
        "Diversity!N2",
        ("min_collapse", "0"),
    ),
    Defect(
        "half a collapse",
        _put("Diversity", 2, "min_collapse", 1.5),
        "Diversity!N2",
        ("1.5", "whole number"),
    ),
    Defect(
        "collapse at a price",
        _all(_put("Diversity", 2, "min_collapse", 2), _put("Diversity", 2, "penalty", 100)),
        "Diversity!M2",
        ("penalty cannot be used with min_collapse",),
    ),
    Defect(
        "collapse of a total",
        _all(_put("Diversity", 2, "min_collapse", 2), _put("Diversity", 2, "scope", "total")),
        "Diversity!O2",
        ("there is no total", "write scope each"),
    ),
    Defect(
        "collapse of nodes",
        _all(
            _put("Diversity", 2, "min_collapse", 2),
            _put("Diversity", 2, "measure", "nodes"),
            _put("Diversity", 2, "applies_to", None),
        ),
        "Diversity!E2",
        ("not of nodes", "clear measure"),
    ),
    Defect(
        "collapse of one by name",
        _all(
            _put("Diversity", 2, "min_collapse", 2),
            _put("Diversity", 2, "dependency", "OVH"),
            _put("Diversity", 2, "min_distinct", None),
        ),
        "Diversity!N2",
        ("min_collapse counts dependencies", "'OVH'"),
    ),
    Defect(
        "limit of no kind",
        _put("Diversity", 2, "kind", None),
        "Diversity!C2",
        ("kind is blank", "max_count is about dependencies of one kind"),
    ),
    Defect(
        "collapse beyond choice",
        _all(
            _row("Diversity", "any mix", "coordination", *[None] * 11),
            _put("Diversity", 4, "min_collapse", 2),
        ),
        "Diversity!N4",
        ("hangs on", "settlement:Base", "no placement avoids"),
        "warning",
    ),
]

_OUTAGES = [
    Defect(
        "nothing is expected to fail",
        _all(
            _row("Objectives", 3, "expected_loss", None),
            _put("Dependencies", 2, "outages_per_year", None),
            _put("Dependencies", 2, "outage_hours", None),
            _put("Dependencies", 3, "outages_per_year", None),
            _put("Dependencies", 3, "outage_hours", None),
        ),
        "Objectives!B4",
        ("expected_loss has nothing to go by", "`*` stands for a whole kind"),
    ),
    Defect(
        "outages of no length",
        _put("Dependencies", 2, "outage_hours", None),
        "Dependencies!D2",
        ("it is said how often it fails, not for how long", "give the mean duration"),
        "warning",
    ),
    Defect(
        "hours of no outage",
        _put("Dependencies", 2, "outages_per_year", None),
        "Dependencies!C2",
        ("it is said how long it fails, not how often", "give how often it fails"),
        "warning",
    ),
]

_TRAPS = [
    Defect(
        "provider called none",
        _all(_put("Providers", 2, "provider", "None"), _put("Sites", 2, "provider", "None")),
        "Providers!A2",
        ("provider 'None' is read as a name like any other",),
        "warning",
    ),
    Defect(
        "a grid and none",
        _put("Sites", 2, "grid", "ENTSO-E; none"),
        "Sites!J2",
        ("grid 'none' is no name",),
    ),
    Defect(
        "provider without a name",
        _all(_put("Providers", 2, "provider", "unknown"), _put("Sites", 2, "provider", "unknown")),
        "Providers!A2",
        ("provider 'unknown' is no name", "write a name of your own, such as"),
    ),
    Defect(
        "provider that is not listed and has no name",
        _put("Sites", 2, "provider", "n/a"),
        "Sites!B2",
        ("provider 'n/a' is not in Providers", "a name of your own"),
    ),
    Defect(
        "no policy by its name",
        _put("Demand", 2, "verification", "none"),
        "Demand!F2",
        ("verification 'none' is not in Verification", "leave the cell blank for none"),
    ),
    Defect(
        "a grid that is a dash",
        _put("Sites", 2, "grid", "-"),
        "Sites!J2",
        ("grid '-' is no name", "leave the cell blank if it is not known; write none if there is"),
    ),
    Defect(
        "one of two grids is not known",
        _put("Sites", 2, "grid", "ENTSO-E; unknown"),
        "Sites!J2",
        ("grid 'unknown' is no name",),
    ),
    Defect(
        "a grid for every site",
        _put("Sites", 2, "grid", "*"),
        "Sites!J2",
        ("grid '*' is no name",),
    ),
    Defect(
        "a country to be decided",
        _put("Sites", 5, "grid", "tbd"),
        "Sites!J5",
        ("grid 'tbd' is read as not known", "write none if there is none"),
        "warning",
    ),
    Defect(
        "a TEE that is not known",
        _put("Node types", 2, "tee", "unknown"),
        "Node types!H2",
        ("tee 'unknown' is no name", "leave the cell blank if there is none"),
    ),
    Defect(
        "protection of what is not known",
        _all(
            _put("Sites", 2, "grid", None),
            _row("Dependencies", "unknown", "grid", None, None, "yes"),
        ),
        "Dependencies!E4",
        ("the grid of these sites is not known", "fill in grid in Sites"),
        "warning",
    ),
]

DEFECTS = [
    *_CELLS,
    *_SHEETS,
    *_NAMES,
    *_CONTRADICTIONS,
    *_ITEMS,
    *_DIVERSITY,
    *_ARITHMETIC,
    *_PROTECTION,
    *_UNFINISHED,
    *_COLLAPSE,
    *_OUTAGES,
    *_TRAPS,
]
"""Every defect, for tests of the reader and of the command line alike."""
