"""A sound workbook becomes exactly the network that it describes."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.data import SHEETS, Item, OfferKey, Settings
from models.exposure import EVERYTHING, Exposure
from models.fields import columns, header_of
from models.measures import NAMES
from models.network import DEFAULT_GOALS, Goal, Network
from models.plan import Violation
from planner import reading as tables_module
from planner.reading import read_network
from planner.workbook.cells import read_number
from planner.workbook.excel import Cell, CellKind, Sheet, Workbook
from planner.workbook.findings import Finding, column_letters, in_order, row_and_column
from planner.workbook.names import fold_header, fold_name, header_readings, nearest
from tests.thorough import parts
from tests.workbooks import Cells, Sheets, base, put, save, smallest

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
CASES = sorted(SHARED.glob("*/*.xlsx"))


def network(folder: Path, sheets: Sheets) -> Network:
    """Return the network of sound sheets."""
    tables = read_network(save(folder, sheets))
    assert tables.network is not None, "\n".join(map(str, tables.findings))
    return tables.network


def warnings(folder: Path, sheets: Sheets) -> list[str]:
    """Return the warnings about sheets without errors."""
    tables = read_network(save(folder, sheets))
    assert tables.network is not None, "\n".join(map(str, tables.findings))
    return [str(finding) for finding in tables.findings]


@pytest.mark.parametrize("path", CASES, ids=[path.name for path in CASES])
def test_public_cases_are_read_without_error_and_fast(path: Path) -> None:
    start = time.process_time()
    tables = read_network(path)
    assert tables.network is not None, "\n".join(map(str, tables.findings))
    assert time.process_time() - start < 10
    assert tables.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.skipif(not CASES, reason="the public cases are not at hand")
def test_internet_computer_is_read_whole() -> None:
    tables = read_network(SHARED / "internet_computer" / "2025-08-19.xlsx")
    assert tables.network is not None
    assert len(tables.network.sites) == 143
    assert len(tables.network.committees) == 47
    assert len(tables.network.diversity) == 525
    assert tables.network.goals == (Goal(1, "changes"),)
    assert tables.network.node_types["replica"].role == "coordination"
    moving = [finding for finding in tables.findings if "must move" in str(finding)]
    # 14 seated nodes are out of service: 7 + 6 + 1.
    assert [str(finding).split(": ")[2].split(" ")[0] for finding in moving] == ["7", "6", "1"]


def test_smallest_workbook_has_defaults(tmp_path: Path) -> None:
    found = network(tmp_path, smallest())
    assert found.settings == Settings()
    assert found.goals == DEFAULT_GOALS
    assert found.periods == {"": 730.0}
    assert found.regions["R"].latitude is None
    assert found.node_types["box"].role == "execution"
    assert found.sites["a"].country is None
    assert [demand.period for demand in found.demand] == [""]
    assert found.offers[OfferKey("a", "box")].max_nodes == 3


@pytest.mark.parametrize(
    "header",
    [
        "Requests per s",
        "requests-per-s",
        "REQUESTS_PER_S",
        "requests_per_s (requests)",
        "Requests (per s)",
        " requests per s [1/s] ",
    ],
)
def test_headers_match_however_they_are_written(tmp_path: Path, header: str) -> None:
    sheets = smallest()
    sheets["Demand"][0][1] = header
    sheets["DEMAND "] = sheets.pop("Demand")
    assert network(tmp_path, sheets).demand[0].requests_per_s == 12


def test_unit_in_brackets_completes_a_header(tmp_path: Path) -> None:
    sheets = base()
    sheets["Demand"][0][6] = "Max latency (ms)"
    assert network(tmp_path, sheets).demand[0].max_latency_ms == 2000


def test_notes_empty_rows_and_guides_are_not_reported(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"][0] += ["# remark", "note", "source"]
    sheets["Sites"].insert(2, [])
    sheets["Sites"].append([None, None, "only a remark"])
    sheets["Sites"].append([None, None, None, "only a note"])
    sheets["Guide"] = [["how to fill in this workbook"]]
    assert warnings(tmp_path, sheets) == []
    assert [site.row for site in network(tmp_path, sheets).sites.values()] == [2, 4]


def test_names_that_other_readers_lose_are_kept(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"] = [["site", "provider", "country"], ["NA", "None", "NA"], [12, "null", "nan"]]
    sheets["Providers"] = [["provider"], ["None"], ["null"]]
    sheets["Capacities"] = [
        ["site", "node_type", "max_nodes", "requests_per_s"],
        ["NA", "00123", 3, 10],
        ["12", 123, 3, 10],
    ]
    found = network(tmp_path, sheets)
    assert list(found.sites) == ["NA", "12"]
    assert found.sites["NA"].country == (("NA",),)
    assert [key.node_type for key in found.offers] == ["00123", "123"]


def test_needs_are_all_either_none_or_unknown(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"] = [
        ["site", "provider", "grid", "network", "dep: Substation"],
        ["a", "P", "A; B", "A | B", "S1"],
        ["b", "P", "none", "A | B; C", None],
        ["c", "P", None, "unknown", "S2"],
    ]
    sites = network(tmp_path, sheets).sites
    assert sites["a"].grid == (("A",), ("B",))
    assert sites["a"].network == (("A", "B"),)
    assert sites["b"].grid == ()
    assert sites["b"].network == (("A", "B"), ("C",))
    assert sites["c"].grid is None
    assert sites["c"].network is None
    assert [sites[name].other for name in "abc"] == [
        (("Substation", (("S1",),)),),
        (("Substation", None),),
        (("Substation", (("S2",),)),),
    ]


def test_blank_hours_share_what_is_left_of_a_month(tmp_path: Path) -> None:
    sheets = base()
    assert network(tmp_path, sheets).periods == {"day": 300.0, "night": 430.0}
    put(sheets, "Periods", 2, "hours_per_month", None)
    assert network(tmp_path, sheets).periods == {"day": 365.0, "night": 365.0}


def test_demand_without_period_is_demand_in_every_period(tmp_path: Path) -> None:
    demand = network(tmp_path, base()).demand
    assert [(row.region, row.model, row.period, row.row) for row in demand] == [
        ("Germany", "llama", "day", 2),
        ("Germany", "llama", "night", 3),
        ("France", "llama", "day", 4),
        ("France", "llama", "night", 4),
        ("France", "gpt", "day", 5),
        ("France", "gpt", "night", 5),
    ]


def test_committees_alone_are_enough(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Demand"] = [["region", "requests_per_s"]]
    sheets["Committees"] = [["committee", "seats"], ["c", 4]]
    found = network(tmp_path, sheets)
    assert found.node_types["box"].role == "coordination"
    sheets["Demand"] = []
    assert network(tmp_path, sheets).demand == ()
    del sheets["Demand"]
    assert network(tmp_path, sheets).node_types["box"].role == "coordination"


@pytest.mark.parametrize("rows", [[], [["committee", "seats"]]], ids=["empty", "headers only"])
def test_committees_without_a_row_are_nothing_to_plan(tmp_path: Path, rows: Cells) -> None:
    sheets = smallest()
    sheets["Committees"] = rows
    sheets["Demand"] = []
    (finding,) = read_network(save(tmp_path, sheets)).findings
    assert finding.message.endswith("nothing to plan")
    del sheets["Demand"]
    (finding,) = read_network(save(tmp_path, sheets)).findings
    assert finding.message == "the sheet Demand is missing"
    assert finding.way_out.endswith("or fill in Committees")


def test_names_are_checked_where_there_is_no_demand(tmp_path: Path) -> None:
    sheets = smallest()
    del sheets["Demand"]
    sheets["Committees"] = [["committee", "seats"], ["c", 4]]
    sheets["Exposure"] = [["item", "depends_on"], ["role:coordination", "nowhere"]]
    (finding,) = read_network(save(tmp_path, sheets)).findings
    assert (finding.sheet, finding.cell, finding.level) == ("Exposure", "B2", "error")


def test_nothing_to_plan_is_an_error(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Demand"] = [["region", "requests_per_s"]]
    tables = read_network(save(tmp_path, sheets))
    assert [str(finding) for finding in tables.findings] == [
        "Demand: there are neither Demand rows nor Committees: nothing to plan;"
        " add a row with region and requests_per_s"
    ]


def test_zero_demand_is_allowed(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 0)
    assert network(tmp_path, sheets).demand[0].requests_per_s == 0


@pytest.mark.parametrize(
    ("verifiers", "quorum", "expected"),
    [
        (1, None, 1),
        (2, None, 2),
        (3, None, 2),
        (4, None, 3),
        (3, 1, 1),
    ],
)
def test_quorum_is_a_majority_unless_given(
    tmp_path: Path, verifiers: int, quorum: int | None, expected: int
) -> None:
    sheets = smallest()
    sheets["Verification"] = [["policy", "verifiers", "quorum"], ["v", verifiers, quorum]]
    assert network(tmp_path, sheets).policies["v"].quorum_verifiers == expected


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        (None, Goal(2, "latency")),
        (0.02, Goal(2, "latency", 1, 0.02)),
        ("0.02", Goal(2, "latency", 1, 0.02)),
        ("2 %", Goal(2, "latency", 1, 0.02)),
        ("2%", Goal(2, "latency", 1, 0.02)),
        ("2 ms", Goal(2, "latency", 1, 2, absolute=True)),
        ("100 EUR", Goal(2, "latency", 1, 100, absolute=True)),
        ("3 changes", Goal(2, "latency", 1, 3, absolute=True)),
    ],
)
def test_tolerance_is_relative_or_absolute(tmp_path: Path, text: object, goal: Goal) -> None:
    sheets = smallest()
    sheets["Objectives"] = [
        ["priority", "measure", "tolerance"],
        [2, "latency", text],
        [1, "Unserved", None],
    ]
    assert network(tmp_path, sheets).goals == (Goal(1, "unserved"), goal)


def test_every_measure_is_an_objective(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Objectives"] = [["priority", "measure"], *enumerate(NAMES, 1)]
    sheets["Dependencies"] = [
        ["dependency", "kind", "outages_per_year", "outage_hours"],
        ["*", "provider", 0.5, 8],
    ]
    assert [goal.measure for goal in network(tmp_path, sheets).goals] == list(NAMES)
    assert not warnings(tmp_path, sheets)


def test_shocks_that_are_expected_shape_the_plan(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Objectives"] = [["priority", "measure"], [1, "expected_loss"]]
    sheets["Shocks"] = [
        ["shock", "takes_down", "outages_per_year", "outage_hours"],
        ["storm", "site:a", 0.5, 8],
    ]
    assert not warnings(tmp_path, sheets)
    sheets["Shocks"].append(["flood", "site:a", None, None])
    assert len(warnings(tmp_path, sheets)) == 1


def test_routes_become_links_with_labels_of_their_own(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Routes"] = [
        ["from", "to", "latency_ms", "via", "route"],
        ["R", "a", 5, None, "route 2"],
        ["R", "a", 6, None, None],
        ["R", "a", 7, None, None],
        ["a", "b", 2, "AAE-1; grid:G | P", None],
        ["region:R", "site:b", 9, None, None],
    ]
    links = network(tmp_path, sheets).links
    assert [link.label for link in links] == ["route 2", "direct", "route 3", "direct", "direct"]
    assert links[3].origin == Item("site", "a")
    assert links[3].via == ((Item("cable", "AAE-1"),), (Item("grid", "G"), Item("provider", "P")))
    assert (links[4].origin, links[4].target) == (Item("region", "R"), Item("site", "b"))


def test_exposures_name_any_item(tmp_path: Path) -> None:
    sheets = base()
    sheets["Exposure"] += [
        ["*", "settlement:Base", None],
        ["node_type:h100", "firmware:v1 | firmware:v2", "suspected"],
        ["Region: Germany", "Base; OVH", None],
        ["provider:OVH", "DE-CIX", None],
        ["llama", "firmware:v1", None],
    ]
    found = network(tmp_path, sheets)
    base_, v1, v2 = Item("settlement", "Base"), Item("firmware", "v1"), Item("firmware", "v2")
    assert found.exposures[2:] == (
        Exposure(EVERYTHING, (base_,)),
        Exposure(Item("node_type", "h100"), (v1, v2), "suspected"),
        Exposure(Item("region", "Germany"), (base_,)),
        Exposure(Item("region", "Germany"), (Item("provider", "OVH"),)),
        Exposure(Item("provider", "OVH"), (Item("cable", "DE-CIX"),)),
        Exposure(Item("model", "llama"), (v1,)),
    )
    assert base_ in found.hangs_on(OfferKey("fra1", "h100"))


def test_shocks_take_down_sites_and_dependencies(tmp_path: Path) -> None:
    found = network(tmp_path, base())
    assert found.shock_items == {
        "storm": frozenset({Item("site", "fra1"), Item("grid", "ENTSO-E")})
    }


def test_kinds_are_one_however_they_are_written(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Diversity", 3, "kind", "Data Centre")
    put(sheets, "Verification", 2, "independent_of", "Provider; data-centre")
    sheets["Dependencies"].append(["*", "Data centre", None, None, "no"])
    put(sheets, "Settings", 4, "setting", "unknown")
    put(sheets, "Settings", 4, "value", "distinct")
    found = network(tmp_path, sheets)
    assert found.diversity[1].kind == "data_centre"
    assert found.policies["two"].independent_of == ("provider", "data_centre")
    assert Item("data_centre", "*") in found.dependencies


@pytest.mark.parametrize(
    ("role", "applies_to", "expected"),
    [
        ("execution", "llama", "model:llama"),
        ("execution", "model:llama", "model:llama"),
        ("execution", "region:France", "France"),
        ("verification", "policy:two", "two"),
        ("storage", "llama", "model:llama"),
        ("coordination", "committee:shard", "shard"),
    ],
)
def test_what_a_rule_applies_to_is_spelled_one_way(
    tmp_path: Path, role: str, applies_to: str, expected: str
) -> None:
    sheets = base()
    put(sheets, "Diversity", 3, "role", role)
    put(sheets, "Diversity", 3, "applies_to", applies_to)
    assert network(tmp_path, sheets).diversity[1].applies_to == expected


def test_findings_are_the_same_every_time_and_in_order(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Sites", 4, "provider", "Nobody")
    put(sheets, "Sites", 3, "latitude", 100)
    put(sheets, "Demand", 2, "model", "lama")
    put(sheets, "Settings", 2, "value", 7)
    path = save(tmp_path, sheets)
    found = read_network(path).findings
    assert read_network(path).findings == found
    assert [f"{finding.sheet}!{finding.cell}" for finding in found if finding.is_error] == [
        "Sites!E3",
        "Sites!B4",
        "Demand!C2",
        "Settings!B2",
    ]


def test_titles_in_findings_are_those_of_the_workbook(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Node types", 2, "role", "executive")
    sheets["node_TYPES"] = sheets.pop("Node types")
    assert str(read_network(save(tmp_path, sheets)).findings[0]).startswith("node_TYPES!B2: ")


def test_finding_is_one_line_and_json() -> None:
    finding = Finding(
        "Sites", "B14", "provider 'Hezner' is not in Providers", "did you mean 'Hetzner'?", "Hezner"
    )
    assert str(finding) == (
        "Sites!B14: provider 'Hezner' is not in Providers; did you mean 'Hetzner'?"
    )
    assert finding.as_dict() == {
        "sheet": "Sites",
        "cell": "B14",
        "message": "provider 'Hezner' is not in Providers",
        "way_out": "did you mean 'Hetzner'?",
        "found": "Hezner",
        "level": "error",
    }
    later = replace(finding, cell="B2")
    assert in_order([finding, later, finding], ["Sites"]) == (later, finding)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12,5", 12.5),
        ("1 000", 1000),
        ("1\xa0000,5", 1000.5),
        ("1.234,50", 1234.5),
        ("1,234.50", 1234.5),
        ("1.234.567", 1234567),
        ("35 %", 0.35),
        ("1'000", 1000),
        ("-3", -3),
        ("abc", None),
        ("5 kg", None),
        ("", None),
    ],
)
def test_text_that_looks_like_a_number_has_a_reading(text: str, number: float | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize("fold", [fold_name, fold_header])
def test_names_fold_as_people_read_them(fold: Callable[[str], str]) -> None:
    assert fold("Fra 1") == fold(" ＦＲＡ\u00a01\u200b ")
    assert fold("a") != fold("b")


def test_headers_and_guesses() -> None:
    assert header_readings("Max latency (ms)") == ("maxlatency(ms)", "maxlatency", "maxlatencyms")
    assert nearest("Hezner", ["OVH", "Hetzner"]) == "Hetzner"
    assert nearest("xyz", ["OVH", "Hetzner"]) == ""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("budget", "budget_monthly"),
        ("Budget (EUR)", "budget_monthly"),
        ("monthly budget", "budget_monthly"),
        ("one-off budget", "budget_one_off"),
        ("utilization", "utilisation"),
        ("util", "utilisation"),
        ("gap", "mip_gap"),
        ("time limit", "time_limit_s"),
        ("stretch", "route_stretch"),
        ("discount rate", ""),
    ],
)
def test_a_setting_is_guessed_from_its_words_or_its_spelling(text: str, name: str) -> None:
    assert nearest(text, columns(Settings)) == name


def test_a_guess_does_not_hang_on_the_order_of_a_set() -> None:
    assert nearest("cost", {"monthly_cost", "hourly_cost"}) == "hourly_cost"
    assert nearest("cost", ["monthly_cost", "hourly_cost"]) == "monthly_cost"


def test_addresses_and_columns_are_inverse() -> None:
    for column in (1, 26, 27, 702, 703, 16384):
        assert row_and_column(f"{column_letters(column)}7") == (7, column)
    assert row_and_column("none") == (0, 0)


JUNK: tuple[object, ...] = (
    None,
    0,
    -1,
    1,
    2.5,
    1e12,
    True,
    "x",
    "*",
    "a; b | c",
    "none",
    "NA",
    "fra1",
    "OVH",
    "ENTSO-E",
    "grid:ENTSO-E",
    "role:storage",
    "12,5",
    "2 ms",
    "required",
    "forbidden",
    ":",
    ";",
    "yes",
    "provider",
    "llama",
    "#REF!",
)


@pytest.mark.parametrize("seed", parts(6))
def test_any_cell_may_hold_anything(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random_ = random.Random(seed)
    for _ in range(60):
        sheets = base()
        for _ in range(random_.choice((1, 2, 5, 30))):
            sheet = random_.choice(sorted(sheets))
            row = random_.randrange(1 if random_.random() < 0.1 else 2, len(sheets[sheet]) + 2)
            header = random_.choice([str(header) for header in sheets[sheet][0]])
            put(sheets, sheet, row, header, random_.choice(JUNK))
        workbook = in_memory(sheets)
        monkeypatch.setattr(tables_module, "read_workbook", lambda _, found=workbook: found)
        tables = read_network(Path("network.xlsx"))
        assert (tables.network is None) == any(found.is_error for found in tables.findings)
        assert all(str(finding) and finding.way_out for finding in tables.findings)


def in_memory(sheets: Sheets) -> Workbook:
    """Return the sheets as if they had been read from a file."""
    found = []
    for title, cells in sheets.items():
        rows: dict[int, dict[int, Cell]] = {}
        for number, values in enumerate(cells, start=1):
            for position, value in enumerate(values, start=1):
                if value is not None:
                    kind = (
                        CellKind.BOOLEAN
                        if isinstance(value, bool)
                        else CellKind.ERROR
                        if value == "#REF!"
                        else CellKind.TEXT
                        if isinstance(value, str)
                        else CellKind.NUMBER
                    )
                    address = f"{column_letters(position)}{number}"
                    rows.setdefault(number, {})[position] = Cell(value, kind, address)
        found.append(Sheet(title, rows))
    return Workbook(tuple(found), "")


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_declared_column_can_be_named_by_its_header(tmp_path: Path, sheet: str) -> None:
    sheets = base()
    sheets.setdefault(sheet, [[]])
    declared = columns(SHEETS[sheet])
    present = {fold_header(str(header)) for header in sheets[sheet][0]}
    sheets[sheet][0] += [
        header_of(name, column)
        for name, column in declared.items()
        if fold_header(header_of(name, column)) not in present
    ]
    shown = [str(finding) for finding in read_network(save(tmp_path, sheets)).findings]
    assert not [text for text in shown if "column" in text]


def test_a_violation_is_located_at_the_cell_that_sets_its_limit(tmp_path: Path) -> None:
    """Where there is none, the row's first cell is named; where the row is of no sheet, nothing."""
    sheets = smallest() | {"settings": [["value", "setting"], [5, "near ms"]]}
    moved = [[row[2], "#", *row[:2], *row[3:]] for row in sheets.pop("Capacities")]
    sheets["CAPACITIES"] = moved
    tables = read_network(save(tmp_path, sheets))
    assert tables.network is not None, tables.findings
    offer, settings = tables.network.offers[OfferKey("b", "box")], tables.network.settings
    for row, attribute, cell in (
        (offer, "max_nodes", "CAPACITIES!A3"),
        (offer, "requests_per_s", "CAPACITIES!E3"),
        (offer, "min_nodes", "CAPACITIES!C3"),  # no such column: where the site stands
        (replace(offer, row=0), "max_nodes", ""),
        (tables.network.node_types["box"], "gpu_memory_gb", ""),  # a row of no sheet
        (settings, "near_ms", "settings!A2"),
        (settings, "cold_share", ""),
        (None, "", ""),
    ):
        violation = Violation("rule", "where", "message", row, attribute)
        (found,) = tables.located([violation])
        assert found.cell == cell
        assert str(found) == f"{violation} ({cell})" if cell else str(violation)
        assert (found.row, found.attribute) == (row, attribute)
