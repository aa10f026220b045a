"""Why a row is served where it is: every reason of a nearer site, with its figures and cell."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from planner.evaluation.why_results import NoSuch, RowReason, Why
from planner.evaluation.why_rows import picked
from planner.reading import read_network
from planner.report.why_document import document
from planner.report.why_report import parts
from tests.evaluation.test_why import cost, explained
from tests.workbooks import Cells, Sheets, save

HEADER: list[object] = [
    "region",
    "requests_per_s",
    "model",
    "max_latency_ms",
    "countries",
    "verification",
]


def two_ports(*rows: list[object]) -> Sheets:
    """Return users in Nigeria, 40 ms from a dear site in Lagos, 101 ms from a cheap one beyond.

    A node is filled by one replica of law, or by ten of chat, which answer 7 requests/s each. Law
    has to be in NG, so Lagos has a node that is full. Chat takes 48 GB / 2 GB/s = 24 s to load
    there from its copy beside, and from the hub 48 GB / 0.5 GB/s more.
    """
    return {
        "Sites": [
            ["site", "provider", "country", "status", "monthly_cost"],
            ["Lagos", "L", "NG", None, 0],
            ["Marseille", "M", "FR", None, 0],
        ],
        "Providers": [["provider"], ["L"], ["M"]],
        "Node types": [
            ["node_type", "role", "gpu_memory_gb", "load_gb_per_s", "disk_tb"],
            ["gpu", "execution", 80, 2, None],
            ["disk", "storage", None, None, 10],
        ],
        "Capacities": [
            ["site", "node_type", "max_nodes", "monthly_cost"],
            ["Lagos", "gpu", 3, 1000],
            ["Marseille", "gpu", 3, 300],
            ["Lagos", "disk", 1, 10],
        ],
        "Models": [
            ["model", "gpu_memory_gb", "weights_gb", "requests_per_s", "copies"],
            ["chat", 8, 48, 10, 1],
            ["law", 80, 80, 10, 0],
        ],
        "Demand": [HEADER, ["Nigeria", 5, "law", None, "NG", None], *rows],
        "Routes": [
            ["from", "to", "latency_ms"],
            ["Nigeria", "Lagos", 40],
            ["Nigeria", "Marseille", 101],
        ],
    }


def chat(rate: float = 5, *more: object) -> list[object]:
    row = ["Nigeria", rate, "chat", *more]
    return [*row, *[None] * (len(HEADER) - len(row))]


def reason(found: Why, model: str = "chat") -> RowReason:
    (entry,) = (row for row in found.rows if row.demand.model == model)
    return entry


def told(entry: RowReason) -> list[tuple[str, str, str]]:
    return [(site.kind, site.reason, site.cell) for site in entry.nearer]


def test_a_nearer_site_is_cold_and_what_it_would_cost_warm_is_solved(tmp_path: Path) -> None:
    found = explained(tmp_path, two_ports(chat()))
    entry = reason(found)
    assert [served.site for served in entry.served] == ["Marseille"]
    (site,) = entry.nearer
    assert (site.site, site.ms, site.kind) == ("Lagos", 61, "cold")
    assert site.reason == "cold: 24 s"
    # A second node in Lagos, none in Marseille: 1000 for 300.
    assert entry.within_ms == 40
    assert cost(entry.price) == pytest.approx(700)
    (table,) = (p for p in parts(found, 9) if str(getattr(p, "title", "")).startswith("Why a row"))
    (line,) = (text for text in table.columns[2].cells if "Lagos" in str(text))
    assert line == (
        "Lagos is nearer by 61 ms but cold: 24 s; within 40 ms, as from Lagos: dearer by 700"
        " EUR/month"
    )


def test_a_row_that_is_served_at_the_nearest_has_no_reason(tmp_path: Path) -> None:
    found = explained(tmp_path, two_ports(chat()))
    entry = reason(found, "law")
    assert [served.site for served in entry.served] == ["Lagos"]
    assert entry.nearer == ()
    assert entry.price is None


def test_a_cold_load_from_the_hub_takes_longer_and_is_held_against_the_limit(
    tmp_path: Path,
) -> None:
    sheets = two_ports(chat(5, 500))
    sheets["Models"][1][4] = 0
    (site,) = told(reason(explained(tmp_path, sheets)))
    assert site == ("cold", "cold: 120 s, and 500 ms are allowed", "Demand!D3")


def test_residency_names_its_cell(tmp_path: Path) -> None:
    (site,) = told(reason(explained(tmp_path, two_ports(chat(5, None, "FR")))))
    assert site == ("residency", "Lagos is outside countries FR", "Demand!E3")


def test_a_tee_names_its_cell(tmp_path: Path) -> None:
    sheets = two_ports(chat(5, None, None, "safe"))
    sheets["Verification"] = [["policy", "verifiers", "tee"], ["safe", 0, "TDX"]]
    sheets["Node types"][0] += ["tee"]
    sheets["Node types"][1] += [None]
    sheets["Node types"].insert(2, ["tdx", "execution", 80, 2, None, "TDX"])
    sheets["Capacities"][2][1] = "tdx"
    (site,) = told(reason(explained(tmp_path, sheets)))
    assert site == ("TEE", "gpu lacks the TEE that safe asks for", "Verification!C2")


def test_a_forbidden_site_names_its_cell(tmp_path: Path) -> None:
    sheets = two_ports(chat())
    sheets["Demand"] = [HEADER, chat()]
    sheets["Sites"][1][3] = "forbidden"
    sheets["Models"][1][4] = 0
    entry = reason(explained(tmp_path, sheets))
    assert told(entry) == [("forbidden", "the site is forbidden", "Sites!D2")]
    assert entry.within_ms is None


def test_a_model_too_large_names_its_cell(tmp_path: Path) -> None:
    sheets = two_ports(chat())
    sheets["Node types"].insert(2, ["large", "execution", 160, 2, None])
    sheets["Capacities"][2][1] = "large"
    sheets["Models"][1][1] = 160
    (site,) = told(reason(explained(tmp_path, sheets)))
    assert site == ("too small", "chat does not fit on gpu", "Models!B2")


def test_what_is_full_is_told_with_what_it_answers(tmp_path: Path) -> None:
    # Lagos is the cheaper one here, and has but one node for chat: 10 replicas, 70 requests/s.
    sheets = two_ports(chat(100))
    sheets["Capacities"][1][2:] = [2, 200]
    entry = reason(explained(tmp_path, sheets))
    assert [(s.site, round(s.share, 4)) for s in entry.served] == [
        ("Lagos", 0.7),
        ("Marseille", 0.3),
    ]
    assert told(entry) == [("full", "full: 70 of 70 requests/s", "")]


def test_a_share_that_is_reached_names_its_row(tmp_path: Path) -> None:
    # 6 of 12 requests/s of chat, where replicas in Lagos could answer 70.
    sheets = two_ports(chat(12))
    sheets["Capacities"][1][2:] = [2, 200]
    sheets["Diversity"] = [
        ["rule", "role", "kind", "applies_to", "max_share"],
        ["no landlord of all", "execution", "provider", "model:chat", 0.5],
    ]
    entry = reason(explained(tmp_path, sheets))
    assert [round(served.share, 4) for served in entry.served] == [0.5, 0.5]
    assert told(entry) == [
        ("share", "no landlord of all: no more than 50 % on provider:L", "Diversity!E2")
    ]
    # All of it within 40 ms is what the share forbids.
    assert entry.price is not None
    unserved = entry.price.amounts[0]
    assert unserved.is_exact
    assert unserved.low == pytest.approx(12)


def test_a_site_that_is_not_open_is_priced(tmp_path: Path) -> None:
    sheets = two_ports(chat())
    sheets["Demand"] = [HEADER, chat()]
    sheets["Models"][1][4] = 0
    entry = reason(explained(tmp_path, sheets))
    assert told(entry) == [("closed", "not open in the plan", "")]
    assert cost(entry.price) == pytest.approx(700)


def test_a_place_that_calls_a_far_upstream_is_no_faster(tmp_path: Path) -> None:
    routes: Cells = [["Lagos", "api", 150], ["Marseille", "api", 10]]
    sheets = two_ports(chat())
    sheets["Models"] = [["model", "gpu_memory_gb", "upstream"], ["chat", 0, "api"]]
    sheets["Demand"] = [HEADER, chat()]
    sheets["Capacities"][0] += ["requests_per_s"]
    for row in sheets["Capacities"][1:3]:
        row += [10]
    sheets["Routes"] += routes
    entry = reason(explained(tmp_path, sheets))
    assert told(entry) == [("no faster", "answers no sooner, in 190 ms", "")]
    assert entry.price is None


def test_rows_are_picked_by_region_and_by_column(tmp_path: Path) -> None:
    network = read_network(save(tmp_path, two_ports(chat()))).network
    assert network is not None
    assert len(picked(network, ["nigeria"])) == 2
    assert [row.model for row in picked(network, ["region=Nigeria; model=CHAT"])] == ["chat"]
    assert picked(network, []) == []
    with pytest.raises(NoSuch, match="(?i)did you mean 'Nigeria'"):
        picked(network, ["Nigerie"])
    with pytest.raises(NoSuch, match="'site' is none of region, model"):
        picked(network, ["site=Lagos"])


def test_only_what_is_asked_of_rows_is_answered(tmp_path: Path) -> None:
    found = explained(tmp_path, two_ports(chat()), rows=("model=chat",))
    assert [row.demand.model for row in found.rows] == ["chat"]
    assert (found.rules, found.limits, found.used, found.unused) == ((), (), (), ())
    assert found.solves == 2


def test_the_document_has_every_figure_and_nothing_infinite(tmp_path: Path) -> None:
    written = document(explained(tmp_path, two_ports(chat())))
    rows = written["rows"]
    assert isinstance(rows, list)
    (row,) = (entry for entry in rows if entry["model"] == "chat")
    assert row["within_ms_by"] == {"site": "Lagos", "node_type": "gpu"}
    assert row["price"]["amounts"][1] == {
        "measure": "monthly_cost",
        "unit": "currency/month",
        "low": pytest.approx(700),
        "high": pytest.approx(700),
        "found": pytest.approx(700),
    }
    assert all(math.isfinite(level["bound"]) for level in written["best"])
