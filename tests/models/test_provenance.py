"""What of a plan rests on assumed figures, with the sheet and row of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.data import DemandKey, OfferKey
from models.network import Network
from models.plan import Deployment, Flow, Replica, Seat
from models.provenance import Basis, Decided, Reliance, provenance, reliances
from planner.reading import read_network
from tests.workbooks import Sheets, base, put, save

FRA, PAR, SEAT = OfferKey("fra1", "h100"), OfferKey("par1", "h100"), OfferKey("ams1", "seat")
DAY = DemandKey("Germany", "llama", "two", "interactive", "day")
FRANCE = DemandKey("France", "gpt", "", "", "night")
PLAN = Deployment(
    open=frozenset({"fra1", "par1", "ams1"}),
    contracts=frozenset({"Hetzner", "OVH", "Scaleway"}),
    nodes={FRA: 3, PAR: 2, SEAT: 4},
    warm={Replica("fra1", "h100", "llama"): 5},
    routing=(
        Flow(DAY, FRA, "direct", "warm", 0.5),
        Flow(DAY, PAR, "estimate", "warm", 0.5),
        Flow(FRANCE, FRA, "estimate", "warm", 1.0),
    ),
    copies=frozenset({Replica("par1", "disk", "llama"), Replica("whk1", "disk", "llama")}),
    seats={Seat("shard", "ams1", "seat"): 4},
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("assumed", "assumed"),
        ("Assumed: as last year", "assumed"),
        ("  ASSUMED, no quote yet", "assumed"),
        ("estimated from 2024", "estimated"),
        ("Measured 2025-03-01", "measured"),
        ("assumedly right", ""),
        ("the vendor's list, assumed", ""),
        ("price list 2025", ""),
        ("", ""),
    ],
)
def test_a_source_may_begin_with_what_the_figures_are(source: str, expected: str) -> None:
    assert provenance(source) == expected


def read(folder: Path, **sources: tuple[tuple[int, str], ...]) -> Network:
    """Return the network of the sound workbook with these sources, by sheet and row."""
    sheets: Sheets = base()
    for sheet, rows in sources.items():
        for row, source in rows:
            put(sheets, sheet.replace("_", " "), row, "source", source)
    found = read_network(save(folder, sheets))
    assert found.network is not None, "\n".join(map(str, found.findings))
    return found.network


def told(folder: Path, **sources: tuple[tuple[int, str], ...]) -> list[str]:
    return [str(reliance) for reliance in reliances(read(folder, **sources), PLAN)]


def test_nothing_is_said_of_figures_that_nobody_assumed(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    assert told(tmp_path, Sites=((2, "price list"), (3, "measured"), (4, "estimated"))) == []


def test_an_assumed_site_is_named_with_sheet_and_row(tmp_path: Path) -> None:
    # Its coordinates, of which the estimate of a latency is made, are assumed like the rest.
    network = read(tmp_path, Sites=((3, "Assumed, no quote yet"),))
    basis = (Basis("Sites", 3, "Assumed, no quote yet"),)
    # Half of 10 requests/s by day, 300 of 730 hours.
    rate = 5 * 300 / 730
    sites, requests = reliances(network, PLAN)
    assert sites == Reliance("open sites", 3, (Decided("par1", 1, basis),))
    assert str(sites) == "1 of 3 open sites rest on assumed figures: par1 (Sites row 3)"
    (demand,) = requests.decisions
    assert demand.name == "Germany, llama, two, interactive, day to par1/h100"
    assert demand.amount == pytest.approx(rate)
    assert demand.basis == basis
    assert requests.total == pytest.approx(2 * rate + 430 / 730)


def test_assumed_prices_carry_the_site_and_its_nodes(tmp_path: Path) -> None:
    assert told(tmp_path, Capacities=((2, "assumed"), (4, "assumed"), (13, "assumed"))) == [
        # Row 4 is fra1/disk, of which no node stands; row 13 is ams1/seat.
        "2 of 3 open sites rest on assumed figures: ams1 (Capacities row 13); fra1 (Capacities"
        " row 2)",
        "7 of 9 nodes rest on assumed figures: ams1/seat (Capacities row 13); fra1/h100"
        " (Capacities row 2)",
        "4 of 4 seats rest on assumed figures: shard at ams1/seat (Capacities row 13)",
    ]


def test_an_assumed_contract_carries_its_sites(tmp_path: Path) -> None:
    assert told(tmp_path, Providers=((3, "assumed"),)) == [
        "1 of 3 open sites rest on assumed figures: par1 (Providers row 3)",
        "1 of 3 contracts rest on assumed figures: OVH (Providers row 3)",
    ]


def test_assumed_models_node_types_and_committees_carry_what_is_made_of_them(
    tmp_path: Path,
) -> None:
    found = told(
        tmp_path,
        Models=((2, "assumed"),),
        Node_types=((2, "assumed"),),
        Committees=((2, "assumed"),),
    )
    assert [text.partition(":")[0] for text in found] == [
        "5 of 9 nodes rest on assumed figures",
        "5 of 5 warm replicas rest on assumed figures",
        "2 of 2 copies rest on assumed figures",
        "4 of 4 seats rest on assumed figures",
        "4.10959 of 4.69863 requests/s rest on assumed figures",
    ]
    assert "fra1/h100 (Models row 2, Node types row 2)" in found[1]


def test_requests_rest_on_demand_policy_route_and_region(tmp_path: Path) -> None:
    for sources, where, rate in (
        ({"Demand": ((2, "assumed"),)}, "Demand row 2", "4.10959"),
        ({"Verification": ((2, "assumed"),)}, "Verification row 2", "4.10959"),
        ({"Routes": ((2, "assumed"),)}, "Routes row 2", "2.05479"),
        # gpt is called at OpenAI, to which the route from fra1 leads.
        ({"Routes": ((4, "assumed"),)}, "Routes row 4", "0.589041"),
        ({"Regions": ((2, "assumed"),)}, "Regions row 2", "2.05479"),
    ):
        (text,) = told(tmp_path, **sources)
        assert text.startswith(f"{rate} of 4.69863 requests/s rest on assumed figures: "), text
        assert f"({where})" in text


def test_only_the_largest_are_named(tmp_path: Path) -> None:
    decisions = tuple(Decided(f"s{n}", 1, (Basis("Sites", n, "assumed"),)) for n in range(2, 9))
    assert str(Reliance("open sites", 23, decisions)) == (
        "7 of 23 open sites rest on assumed figures: s2 (Sites row 2); s3 (Sites row 3);"
        " s4 (Sites row 4); s5 (Sites row 5); s6 (Sites row 6); 2 more"
    )
    five = str(Reliance("open sites", 23, decisions[:5]))
    assert five.endswith("s6 (Sites row 6)")
    six = str(Reliance("open sites", 23, decisions[:6]))
    assert six.endswith("s6 (Sites row 6); 1 more")
