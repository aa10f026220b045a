"""What a finding proposes mends the workbook, and sentences count as people do."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.reading import read_network
from planner.workbook.findings import counted
from tests.workbooks import Sheets, base, put, save, smallest


def findings(folder: Path, sheets: Sheets, level: str = "error") -> list[str]:
    found = read_network(save(folder, sheets)).findings
    return [str(finding) for finding in found if finding.level == level]


def test_a_committee_beside_demand_needs_node_types(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Committees"] = [["committee", "seats"], ["c", 4], ["d", 1]]
    sheets["Diversity"] = [
        ["rule", "role", "kind", "min_distinct"],
        ["spread", "coordination", "provider", 2],
    ]
    assert findings(tmp_path, sheets) == [
        "Committees!B2: committee 'c' has 4 seats but only 0 nodes may hold them; add a sheet Node"
        " types with the columns node_type and role, and a type of role coordination: without it"
        " every type counts as execution"
    ]
    sheets["Node types"] = [["node_type", "role"], ["box", "execution"]]
    (found,) = findings(tmp_path, sheets)
    assert found.endswith("; write the role coordination for a node type in Node types")
    # The way out is one: with the sheet, and seats on offer, nothing is wrong.
    sheets["Node types"].append(["seat", "coordination"])
    sheets["Providers"] = [["provider"], ["P"], ["Q"]]
    put(sheets, "Sites", 3, "provider", "Q")
    sheets["Capacities"] += [["a", "seat", 5, None, 0], ["b", "seat", 5, None, 0]]
    assert findings(tmp_path, sheets) == []


def test_copies_without_node_types_need_them(tmp_path: Path) -> None:
    sheets = base()
    for row in (4, 5):
        put(sheets, "Node types", row, "role", "coordination")
    assert findings(tmp_path, sheets) == [
        "Models!F2: model 'llama' wants 2 copies of 30 GB, one per site, but only 0 sites can store"
        " one; write the role storage for a node type in Node types"
    ]


@pytest.mark.parametrize("name", ["Total", "TOTAL", "Grand total", "Total:", "Sum", "Gesamt"])
def test_a_row_that_is_called_a_total_is_no_demand(tmp_path: Path, name: str) -> None:
    sheets = base()
    sheets["Demand"].append([name, 24])
    assert findings(tmp_path, sheets) == [
        f"Demand!A6: the row {name!r} looks like a total of the other rows, 24 requests/s: read as"
        f" demand, it would be asked for twice; delete the row; if {name!r} is a region, list it in"
        " Regions"
    ]
    put(sheets, "Demand", 6, "requests_per_s", 30)
    assert findings(tmp_path, sheets)[0].startswith(f"Demand!A6: the row {name!r} looks like a tot")
    sheets["Regions"].append([name, 50, 10])
    put(sheets, "Demand", 6, "model", "llama")
    put(sheets, "Demand", 6, "requests_per_s", 1)
    assert findings(tmp_path, sheets) == []


def test_an_unlisted_region_that_asks_for_the_sum_is_a_total(tmp_path: Path) -> None:
    sheets = base()
    sheets["Demand"].append(["World", 24, "llama"])
    (found,) = findings(tmp_path, sheets)
    assert found.startswith("Demand!A6: the row 'World' looks like a total of the other rows, 24 r")
    put(sheets, "Demand", 6, "requests_per_s", 23)
    assert findings(tmp_path, sheets) == []


def test_without_regions_a_number_makes_no_total(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Demand"] = [["region", "requests_per_s"], ["R", 2], ["S", 3], ["T", 5]]
    assert findings(tmp_path, sheets) == []
    sheets["Demand"].append(["Sum", 10])
    (found,) = findings(tmp_path, sheets)
    assert found.startswith("Demand!A5: the row 'Sum' looks like a total of the other rows, 10 req")


def test_a_total_under_capacities_is_no_unknown_site(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Capacities"].append(["Total", "box", 6, None, 0])
    assert findings(tmp_path, sheets) == [
        "Capacities!A4: site 'Total' is not in Sites; delete the row, which adds up others"
    ]


def test_things_are_counted_as_people_do() -> None:
    words = [counted(1, "node"), counted(2, "node"), counted(1, "copy"), counted(0, "copy")]
    assert words == ["1 node", "2 nodes", "1 copy", "0 copies"]
    assert counted(1200, "country") == "1,200 countries"


def test_one_is_said_in_the_singular(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Sites", 2, "site", "a ")
    put(sheets, "Capacities", 2, "site", "a ")
    sheets["Capacities"].append(["a ", "big", 1, 10])
    (padded,) = [text for text in findings(tmp_path, sheets, "warning") if "Capacities" in text]
    assert "has spaces around it, here and in 1 more cell;" in padded
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 100)
    put(sheets, "Capacities", 2, "max_nodes", 1)
    put(sheets, "Capacities", 3, "max_nodes", 0)
    (short,) = findings(tmp_path, sheets, "warning")
    assert "but the 1 node that may serve it (Capacities.max_nodes) can do 7 at most" in short


def test_a_share_of_the_copies_of_one_model_is_compared_with_what_is_on_offer(
    tmp_path: Path,
) -> None:
    sheets = base()
    put(sheets, "Diversity", 3, "role", "storage")
    put(sheets, "Diversity", 3, "kind", "provider")
    put(sheets, "Diversity", 3, "penalty", None)
    put(sheets, "Diversity", 3, "max_share", 0.3)
    for applies_to in (None, "llama"):
        put(sheets, "Diversity", 3, "applies_to", applies_to)
        (found,) = findings(tmp_path, sheets)
        assert "each provider may have 30%, but the storage nodes hang on 3 only" in found
