"""How two plans differ, on plans made by hand."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from models.data import OfferKey
from models.plan import Deployment, Seat
from planner.evaluation.differences import Bridge, Counted, Differences, differences
from planner.evaluation.evaluation import Evaluation
from planner.reading import read_network
from planner.report.compare_report import beside
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


def without_seats(found: Evaluation) -> Evaluation:
    """Return the evaluation as it is where the workbook has no committee."""
    network = replace(found.network, committees={})
    return Evaluation(network, replace(found.plan, seats={}))


def test_a_guarantee_that_only_one_plan_has_is_new_or_gone(
    pair: tuple[Evaluation, Evaluation],
) -> None:
    bare = without_seats(pair[0])
    gone = [held for held in differences(pair[0], bare).held if held.role == "coordination"]
    assert {held.loss for held in gone} == {"liveness", "safety", "control"}
    assert {held.of for held in gone} == {"validators"}
    assert all(held.only == "before" and held.after is None for held in gone)
    assert not any(held.is_gain for held in gone)
    new = [held for held in differences(bare, pair[0]).held if held.role == "coordination"]
    assert len(new) == len(gone)
    assert all(held.only == "after" and held.before is None and held.is_gain for held in new)
    text = shown(differences(pair[0], bare))
    assert "lost liveness of coordination of validators is gone" in text
    assert text.count("liveness of coordination of validators") == 1
    text = shown(differences(bare, pair[0]))
    assert "gained liveness of coordination of validators is new" in text


def test_a_kind_that_only_one_plan_hangs_on_ends_nothing_in_the_other(
    pair: tuple[Evaluation, Evaluation],
) -> None:
    before, after = pair[0], pair[0]
    sites = {
        name: replace(site, other=(("cable", (("C-1",),)),))
        for name, site in before.network.sites.items()
    }
    after = Evaluation(replace(before.network, sites=sites), before.plan)
    held = [held for held in differences(before, after).held if held.kind == "cable"]
    assert held
    assert all((one.only, one.before, one.is_gain) == ("", None, False) for one in held)
    assert "not even all cable -> 1 cable" in shown(differences(before, after))


def shown(found: Differences) -> str:
    """Return what the screen says, in one line, however long its lists."""
    console = Console(width=400, file=StringIO())
    console.print(beside("b", (), found))
    return " ".join(str(console.file.getvalue()).split())  # type: ignore[attr-defined]
