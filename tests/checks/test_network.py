"""What can never work is found before solving, and what might work is never refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from models.data import OfferKey
from planner.checks.capacity import Bounds
from planner.reading import read_network
from tests.workbooks import Sheets, base, put, save, smallest


def errors(folder: Path, sheets: Sheets) -> list[str]:
    """Return the errors found in the sheets where all demand must be served."""
    found = read_network(save(folder, sheets), require_served=True).findings
    return [str(finding) for finding in found if finding.is_error]


def bounds(folder: Path, sheets: Sheets) -> Bounds:
    """Return the bounds of sound sheets."""
    found = read_network(save(folder, sheets))
    assert found.network is not None, "\n".join(map(str, found.findings))
    return Bounds(found.network)


# Two sites with three nodes of 10 requests/s at 70 %: 42 requests/s.
@pytest.mark.parametrize(("rate", "is_short"), [(42, False), (42.001, True)])
def test_demand_is_compared_with_utilised_capacity(
    tmp_path: Path, rate: float, is_short: bool
) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", rate)
    assert bool(errors(tmp_path, sheets)) == is_short


def test_capacity_respects_sites_providers_and_their_parents(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Sites"] = [["site", "provider", "max_nodes"], ["a", "P", 2], ["b", "Q", None]]
    sheets["Providers"] = [["provider", "parent", "max_nodes"], ["P", "Q", None], ["Q", None, 4]]
    found = bounds(tmp_path, sheets)
    a, b = OfferKey("a", "box"), OfferKey("b", "box")
    assert found.most({a: 1.0, b: 1.0}) == 4
    assert found.most({a: 5.0, b: 1.0}) == 2 * 5 + 2
    assert found.most({a: 1.0, b: 5.0}) == 3 * 5 + 1


def test_each_period_is_compared_by_itself(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Periods"] = [["period"], ["day"], ["night"]]
    sheets["Demand"] = [
        ["region", "requests_per_s", "period"],
        ["R", 40, "day"],
        ["R", 40, "night"],
    ]
    assert errors(tmp_path, sheets) == []
    put(sheets, "Demand", 4, "region", "R2")
    put(sheets, "Demand", 4, "requests_per_s", 10)
    put(sheets, "Demand", 4, "period", "night")
    assert "in period 'night' is 50 requests/s, but the 6 nodes" in errors(tmp_path, sheets)[0]


def test_cold_service_can_add_capacity(tmp_path: Path) -> None:
    sheets = base()
    # Warm, a replica answers 0.5 · 0.01 requests/s; cold, 0.12 of the time / 15.9 s of work.
    put(sheets, "Models", 2, "requests_per_s", 0.01)
    for row, rate in ((2, 0.2), (3, 0.2), (4, 0.2)):
        put(sheets, "Demand", row, "requests_per_s", rate)
    put(sheets, "Demand", 2, "max_latency_ms", None)
    found = read_network(save(tmp_path, sheets))
    assert found.network is not None
    model = found.network.models["llama"]
    rate = Bounds(found.network).node_rate(model, OfferKey("fra1", "h100"))
    assert rate == pytest.approx(2 * 0.12 / (30 / 2 + 0.9))


def test_models_that_fit_one_by_one_may_not_fit_together(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Node types"] = [["node_type", "role", "gpu_memory_gb"], ["box", "execution", 80]]
    sheets["Models"] = [["model", "gpu_memory_gb", "requests_per_s"], ["m", 80, 10], ["n", 80, 10]]
    sheets["Capacities"] = [["site", "node_type", "max_nodes"], ["a", "box", 2], ["b", "box", 2]]
    sheets["Demand"] = [["region", "requests_per_s", "model"], ["R", 20, "m"], ["R", 20, "n"]]
    # 20 / 7 nodes each: 5.7 of the 4 there are.
    assert "need 5.7 nodes at least, but only 4 can be had" in errors(tmp_path, sheets)[0]
    put(sheets, "Capacities", 2, "max_nodes", 4)
    assert errors(tmp_path, sheets) == []


def test_only_reachable_capacity_counts(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Routes"] = [["from", "to", "latency_ms"], ["R", "a", 10], ["R", "b", 90]]
    put(sheets, "Demand", 2, "requests_per_s", 40)
    assert errors(tmp_path, sheets) == []
    put(sheets, "Demand", 2, "max_latency_ms", 50)
    assert (
        "but the 3 nodes that may serve it (Capacities.max_nodes) can do 21"
        in errors(tmp_path, sheets)[0]
    )


def test_unknown_latency_is_fine_without_a_limit(tmp_path: Path) -> None:
    sheets = smallest()
    assert errors(tmp_path, sheets) == []
    put(sheets, "Demand", 2, "max_latency_ms", 50)
    assert len(errors(tmp_path, sheets)) == 1
    assert errors(tmp_path, sheets)[0].startswith("Demand!A2: region 'R' has no route")


def test_unknown_latency_is_a_warning_while_others_are_known(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "max_latency_ms", 50)
    sheets["Routes"] = [["from", "to", "latency_ms"], ["R", "a", 10]]
    found = read_network(save(tmp_path, sheets))
    assert found.network is not None
    assert [str(finding).partition(";")[0] for finding in found.findings] == [
        "Demand!A2: region 'R' has no coordinates: 1 site without a route is not used where it"
        " has a latency limit"
    ]


def test_proxied_model_needs_a_route_to_its_upstream_under_a_limit(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Demand", 5, "max_latency_ms", 500)
    found = read_network(save(tmp_path, sheets))
    assert found.network is not None
    assert "site 'par1' has no route to an upstream" in " ".join(map(str, found.findings))
    sheets["Routes"].pop()
    assert (
        "Demand!C5: no site has a route to the upstream of model 'gpt'"
        in errors(tmp_path, sheets)[0]
    )


@pytest.mark.parametrize("role", ["execution", "verification", "storage", "coordination"])
def test_min_distinct_counts_what_each_role_offers(tmp_path: Path, role: str) -> None:
    sheets = base()
    put(sheets, "Diversity", 3, "role", role)
    put(sheets, "Diversity", 3, "kind", "provider")
    put(sheets, "Diversity", 3, "penalty", None)
    put(sheets, "Diversity", 3, "min_distinct", 3)
    assert errors(tmp_path, sheets) == []
    put(sheets, "Diversity", 3, "min_distinct", 4)
    assert errors(tmp_path, sheets)[0].startswith("Diversity!J3: min_distinct 4")
    put(sheets, "Diversity", 3, "penalty", 5)
    assert errors(tmp_path, sheets) == []


def test_resellers_count_once_with_their_parent(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Providers", 2, "parent", "OVH")
    put(sheets, "Verification", 2, "independent_of", None)
    put(sheets, "Diversity", 2, "min_distinct", 3)
    assert "hang on 2 only" in errors(tmp_path, sheets)[0]


def test_damaged_columns_silence_only_the_checks_that_need_them(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Demand", 4, "requests_per_s", 1000)
    put(sheets, "Routes", 2, "cost_per_million", "cheap")
    assert {text.partition(":")[0] for text in errors(tmp_path, sheets)} == {
        "Demand!B4",
        "Routes!F2",
    }
    put(sheets, "Capacities", 2, "max_nodes", "ten")
    assert {text.partition(":")[0] for text in errors(tmp_path, sheets)} == {
        "Capacities!C2",
        "Routes!F2",
    }


def test_one_off_budget_counts_new_nodes_of_required_sites(tmp_path: Path) -> None:
    sheets = base()
    put(sheets, "Settings", 4, "setting", "budget_one_off")
    put(sheets, "Settings", 4, "value", 1000)
    put(sheets, "Sites", 4, "opening_cost", 700)
    put(sheets, "Capacities", 10, "min_nodes", 5)
    put(sheets, "Capacities", 10, "existing_nodes", 2)
    put(sheets, "Capacities", 10, "one_off_cost", 100)
    assert errors(tmp_path, sheets) == []
    put(sheets, "Sites", 4, "opening_cost", 701)
    assert "is below 1,001.00" in errors(tmp_path, sheets)[0]


def test_forbidden_sites_give_no_capacity(tmp_path: Path) -> None:
    sheets = smallest()
    put(sheets, "Demand", 2, "requests_per_s", 40)
    put(sheets, "Sites", 3, "status", "forbidden")
    assert "but the 3 nodes" in errors(tmp_path, sheets)[0]


def test_no_executing_node_is_said_once(tmp_path: Path) -> None:
    sheets = smallest()
    sheets["Node types"] = [["node_type", "role"], ["box", "storage"]]
    sheets["Demand"].append(["R2", 5])
    assert errors(tmp_path, sheets)[0].startswith("Demand!B2: no node for execution is on offer")
    assert len(errors(tmp_path, sheets)) == 1


def test_large_workbook_is_checked_quickly(tmp_path: Path) -> None:
    count = 150
    sheets: Sheets = {
        "Sites": [
            ["site", "provider", "latitude", "longitude"],
            *[[f"s{n}", "P", n % 60, n % 170] for n in range(count)],
        ],
        "Providers": [["provider"], ["P"]],
        "Node types": [
            ["node_type", "role", "gpu_memory_gb"],
            ["x", "execution", 80],
            ["y", "execution", 160],
        ],
        "Models": [
            ["model", "gpu_memory_gb", "requests_per_s"],
            *[[f"m{n}", 10, 5] for n in range(5)],
        ],
        "Regions": [
            ["region", "latitude", "longitude"],
            *[[f"r{n}", n % 50, n % 150] for n in range(count)],
        ],
        "Capacities": [
            ["site", "node_type", "max_nodes"],
            *[[f"s{n}", kind, 5] for n in range(count) for kind in "xy"],
        ],
        "Demand": [
            ["region", "requests_per_s", "model", "max_latency_ms"],
            *[[f"r{n}", 1, f"m{m}", 120] for n in range(count) for m in range(5)],
        ],
    }
    path = save(tmp_path, sheets)
    start = time.process_time()
    assert read_network(path).network is not None
    assert time.process_time() - start < 10
