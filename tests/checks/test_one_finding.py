"""One mistake gives one finding, and many rows with the same one give one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from planner import reading
from planner.reading import read_network
from tests.test_reading import in_memory
from tests.workbooks import Sheets, base, put, save

Change = Callable[[Sheets], None]


def _put(sheet: str, row: int, header: str, value: object) -> Change:
    return lambda sheets: put(sheets, sheet, row, header, value)


def _all(*changes: Change) -> Change:
    def change(sheets: Sheets) -> None:
        for one in changes:
            one(sheets)

    return change


def _header(sheet: str, old: str, new: str) -> Change:
    def change(sheets: Sheets) -> None:
        headers = sheets[sheet][0]
        headers[headers.index(old)] = new

    return change


def _rename(sheet: str, title: str) -> Change:
    return lambda sheets: sheets.update({title: sheets.pop(sheet)})


def _column(sheet: str, header: str, values: object) -> Change:
    def change(sheets: Sheets) -> None:
        for row in range(2, len(sheets[sheet]) + 1):
            put(sheets, sheet, row, header, values)

    return change


CASCADES: dict[str, tuple[Change, str]] = {
    "a share above 1 is a limit": (_put("Diversity", 3, "max_share", 50), "Diversity!G3"),
    "a share of ten": (_put("Diversity", 3, "max_share", 10), "Diversity!G3"),
    "a share of one and a half": (_put("Diversity", 3, "max_share", 1.7), "Diversity!G3"),
    "a threshold above 1 is a threshold": (
        _all(_put("Diversity", 3, "min_nakamoto", 2), _put("Diversity", 3, "threshold", 33)),
        "Diversity!L3",
    ),
    "a column that is not status": (
        _all(
            _header("Sites", "status", "Status comment"),
            *(_put("Sites", row, "Status comment", "fine so far") for row in range(2, 6)),
        ),
        "Sites!G1",
    ),
    "a blank site": (_put("Sites", 2, "site", None), "Sites!A2"),
    "a blank node type": (_put("Node types", 2, "node_type", None), "Node types!A2"),
    "a blank model": (_put("Models", 2, "model", None), "Models!A2"),
    "a blank policy": (_put("Verification", 2, "policy", None), "Verification!A2"),
    "a blank committee": (_put("Committees", 2, "committee", None), "Committees!A2"),
    "a blank region": (_put("Regions", 2, "region", None), "Regions!A2"),
    "a blank period": (_put("Periods", 2, "period", None), "Periods!A2"),
    "a provider that is a date": (_put("Providers", 2, "provider", True), "Providers!A2"),
    "a grid that is a number": (_put("Sites", 2, "grid", 1.5), "Sites!J2"),
    "a dependency without a name": (_put("Dependencies", 3, "dependency", None), "Dependencies!A3"),
    "a dependency of an unreadable kind": (
        _put("Dependencies", 3, "kind", True),
        "Dependencies!B3",
    ),
    "no column provider in Sites": (_header("Sites", "provider", "#provider"), "Sites"),
    "no column site in Sites": (_header("Sites", "site", "#site"), "Sites"),
    "no column role": (_header("Node types", "role", "#role"), "Node types"),
    "no column max_nodes": (_header("Capacities", "max_nodes", "#max_nodes"), "Capacities"),
    "no column model in Models": (_header("Models", "model", "#model"), "Models"),
    "no column region in Demand": (_header("Demand", "region", "#region"), "Demand"),
    "Models by another name": (_rename("Models", "AI models"), "AI models"),
    "Node types by another name": (_rename("Node types", "Types of node"), "Types of node"),
    "Demand by another name": (_rename("Demand", "Demand rows"), "Demand rows"),
    "Regions by another name": (_rename("Regions", "Our regions"), "Our regions"),
    "Periods by another name": (_rename("Periods", "Time periods"), "Time periods"),
    "Verification by another name": (
        _rename("Verification", "Verification rules"),
        "Verification rules",
    ),
    "Sites by another name": (_rename("Sites", "Places"), "Sites"),
    "Providers by another name": (_rename("Providers", "Firms"), "Providers"),
    "Sites left empty": (lambda sheets: sheets.update(Sites=[]), "Sites"),
    "a title above the sites": (
        lambda sheets: sheets["Sites"].insert(0, ["Our sites", None, "site"]),
        "Sites",
    ),
    "a verifier that is text": (_put("Verification", 2, "verifiers", "two"), "Verification!B2"),
    "seats that are text": (_put("Committees", 2, "seats", "four"), "Committees!B2"),
    "hours that are text": (_put("Periods", 2, "hours_per_month", "half"), "Periods!B2"),
    "the least of a lock that is text": (_put("Locks", 2, "min", "one"), "Locks!E2"),
    "a lock with one bad number": (
        lambda sheets: sheets["Locks"].append(["par1", "h100", None, None, "one", None]),
        "Locks!E3",
    ),
    "one bad price": (_put("Capacities", 2, "monthly_cost", "cheap"), "Capacities!E2"),
    "an objective that is not known": (_put("Objectives", 3, "measure", "costs"), "Objectives!B3"),
    "memory that is text": (_put("Models", 2, "gpu_memory_gb", "much"), "Models!B2"),
    "an upstream that is a number": (_put("Models", 3, "upstream", 1.5), "Models!G3"),
    "a route of unreadable latency": (_put("Routes", 4, "latency_ms", "fast"), "Routes!C4"),
    "a route of unreadable origin": (_put("Routes", 4, "from", None), "Routes!A4"),
    "what fails left blank": (_put("Shocks", 2, "takes_down", None), "Shocks!B2"),
    "a disk that is text": (_put("Node types", 4, "disk_tb", "large"), "Node types!G4"),
    "a setting that is text": (_put("Settings", 2, "value", "half"), "Settings!B2"),
    "a budget that is text": (_put("Settings", 3, "value", "low"), "Settings!B3"),
    "one bad site in Capacities": (_put("Capacities", 2, "site", None), "Capacities!A2"),
}


@pytest.mark.parametrize(("change", "where"), CASCADES.values(), ids=list(CASCADES))
def test_one_mistake_is_one_error(tmp_path: Path, change: Change, where: str) -> None:
    sheets = base()
    change(sheets)
    tables = read_network(save(tmp_path, sheets))
    errors = [finding for finding in tables.findings if finding.is_error]
    shown = "\n".join(map(str, tables.findings))
    assert tables.network is None
    assert len(errors) == 1, shown
    if where:
        assert f"{errors[0].sheet}!{errors[0].cell}".removesuffix("!") == where, shown


def _findings(folder: Path, *changes: Change) -> list[str]:
    sheets = base()
    _all(*changes)(sheets)
    found = read_network(save(folder, sheets)).findings
    return [str(finding) for finding in found if finding.sheet != "Shocks"]


def test_rows_with_the_same_complaint_are_one_finding(tmp_path: Path) -> None:
    found = _findings(
        tmp_path,
        *(_put("Demand", row, "countries", "Europe") for row in range(2, 6)),
        *(_put("Demand", row, "blocs", None) for row in range(2, 4)),
    )
    # gpt, in row 5, is called by the same nodes, and its row says the same.
    assert [text for text in found if "Europe" in text] == [
        "Demand!H2: no site that can run it lies in countries Europe, so the demand can never be"
        " served (4 cells: H2, H3, H4 and 1 more); sites know DE, FR, NA and NL"
    ]


def test_the_same_bad_cell_in_many_rows_is_one_finding(tmp_path: Path) -> None:
    found = _findings(tmp_path, _column("Sites", "status", "open"))
    assert len(found) == 1
    assert found[0].startswith("Sites!G2: status 'open' is not one of")
    assert "(4 cells: G2, G3, G4 and 1 more)" in found[0]


def test_many_cells_that_differ_only_in_what_they_say_are_one_finding(tmp_path: Path) -> None:
    bad = [_put("Capacities", row, "max_nodes", f"{row} nodes") for row in range(2, 18)]
    found = _findings(tmp_path, *bad)
    assert found == [
        "Capacities!C2: max_nodes '2 nodes' is text, not a number, and 15 more like it (C3, C4, C5"
        " and 12 more); type a number in nodes"
    ]
    # A few are told one by one, each with its own way out.
    assert len(_findings(tmp_path, *bad[:4])) == 4


def test_columns_are_not_joined_with_each_other(tmp_path: Path) -> None:
    found = _findings(
        tmp_path,
        *(
            _put("Sites", row, header, f"{row} or so")
            for row in range(2, 6)
            for header in ("latitude", "longitude", "monthly_cost")
        ),
    )
    assert len(found) == 12


def test_an_unknown_name_in_many_rows_is_one_finding(tmp_path: Path) -> None:
    found = _findings(tmp_path, *(_put("Capacities", row, "site", "fra9") for row in range(2, 5)))
    assert found == [
        "Capacities!A2: site 'fra9' is not in Sites (3 cells: A2, A3, A4); did you mean 'fra1'?"
    ]


def test_an_unread_cell_hides_no_other_mistake(tmp_path: Path) -> None:
    found = _findings(
        tmp_path,
        _put("Sites", 2, "site", None),
        _put("Sites", 3, "provider", "OVHH"),
        _put("Locks", 2, "min", 6),
        _put("Routes", 3, "via", "provider:Nobody"),
        _put("Diversity", 2, "kind", "providr"),
    )
    assert [text.partition(":")[0] for text in found] == [
        "Sites!A2",
        "Sites!B3",
        "Routes!D3",
        "Diversity!C2",
        "Locks!E2",
    ]


def test_no_cell_that_cannot_be_read_is_blamed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for sheet, cells in base().items():
        for row in range(2, len(cells) + 1):
            for header in map(str, cells[0]):
                sheets = base()
                put(sheets, sheet, row, header, "#REF!")
                workbook = in_memory(sheets)
                monkeypatch.setattr(reading, "read_workbook", lambda _, found=workbook: found)
                found = read_network(Path("network.xlsx")).findings
                errors = [str(finding) for finding in found if finding.is_error]
                assert len(errors) == 1, "\n".join(errors)
                assert "holds #REF!" in errors[0] or "is not known" in errors[0], errors


def test_a_name_that_no_sheet_has_is_one_finding_wherever_it_stands(tmp_path: Path) -> None:
    found = _findings(tmp_path, _put("Sites", 2, "site", "FFM"))
    assert found == [
        "Capacities!A2: site 'fra1' is not in Sites (7 cells: A2, A3, A4 and 4 more); add it to"
        " Sites"
    ]
    found = _findings(tmp_path, _put("Models", 2, "model", "mistral"))
    assert found == [
        "Demand!C2: model 'llama' is not in Models (4 cells: C2, C3, C4 and 1 more); add it to"
        " Models"
    ]
    found = _findings(tmp_path, _put("Committees", 2, "committee", "board"))
    assert found == ["Seats!A2: committee 'shard' is not in Committees; did you mean 'board'?"]


def test_names_of_a_sheet_that_is_not_there_are_one_finding(tmp_path: Path) -> None:
    found = _findings(tmp_path, lambda sheets: sheets.pop("Models") and None)
    assert found == [
        "Demand!C2: model 'llama' and 'gpt', but there is no sheet Models (5 cells: C2, C3, C4 and"
        " 2 more); add the sheet, or leave the cells blank"
    ]
    found = _findings(tmp_path, lambda sheets: sheets.pop("Committees") and None)
    assert found == ["Seats!A2: committee 'shard', but there is no sheet Committees; add the sheet"]


def test_a_total_without_a_name_is_one_finding(tmp_path: Path) -> None:
    assert _findings(tmp_path, lambda sheets: sheets["Demand"].append([None, 24])) == [
        "Demand!A6: region is empty; fill in region (where the users are) or clear the whole row"
    ]
