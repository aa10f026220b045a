"""How two plans differ, on plans made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.data import OfferKey
from models.plan import Deployment, Seat
from planner.evaluation.differences import Bridge, Counted, differences
from planner.evaluation.evaluation import Evaluation
from planner.reading import read_network
from planner.workbook.template import example, write_template


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Evaluation, Evaluation]:
    """Return four seats at three sites, and at four with one provider each."""
    network = read_network(write_template(tmp_path / "x.xlsx", example())).network
    assert network is not None

    def seated(*sites: str) -> Evaluation:
        offers = [OfferKey(site, "Seat server") for site in sites]
        return Evaluation(
            network,
            Deployment(
                frozenset(sites),
                frozenset(network.sites[site].provider for site in sites),
                nodes={offer: offers.count(offer) for offer in offers},
                seats={Seat("validators", *offer): offers.count(offer) for offer in offers},
            ),
        )

    return (
        seated("Paris 1", "Paris 1", "Milan 1", "Stockholm 1"),
        seated("Paris 1", "Frankfurt 2", "Milan 1", "Stockholm 1"),
    )


def test_sites_nodes_and_cost(pair: tuple[Evaluation, Evaluation]) -> None:
    found = differences(*pair)
    assert (found.opened, found.closed) == (("Frankfurt 2",), ())
    assert found.nodes == (
        Counted(OfferKey("Frankfurt 2", "Seat server"), 0, 1),
        Counted(OfferKey("Paris 1", "Seat server"), 2, 1),
    )
    assert Bridge("sites", 450.0, 600.0) in found.bill
    assert sum(line.after - line.before for line in found.bill) == pytest.approx(150 + 80)


def test_guarantees_gained_and_lost(pair: tuple[Evaluation, Evaluation]) -> None:
    there, back = differences(*pair), differences(*reversed(pair))
    gained = {(f.kind, f.loss): (f.before, f.after) for f in there.held if f.role == "coordination"}
    assert gained["provider", "liveness"] == (1, 2)
    assert gained["metro", "liveness"] == (1, 2)
    assert all(found.is_gain for found in there.held if found.role == "coordination")
    lost = [found for found in back.held if found.role == "coordination"]
    assert lost
    assert not any(found.is_gain for found in lost)


def test_a_plan_does_not_differ_from_itself(pair: tuple[Evaluation, Evaluation]) -> None:
    found = differences(pair[0], pair[0])
    assert not any((found.opened, found.closed, found.nodes, found.bill, found.held))
