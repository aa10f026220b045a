"""What outages cost, against counts by hand and against every set of failures there is."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest

from models.data import Committee, Dependency, Item, NodeType, Provider, Settings
from models.expected_loss import causes
from models.exposure import Exposure
from models.failure_states import States
from models.network import Network
from models.plan import Deployment, Seat
from models.replay import Replay, Replays, replay
from planner.evaluation.stress import stress
from planner.evaluation.stress_questions import Asked, read_at_worst
from planner.evaluation.stress_results import ExpectedLoss, MeanLoss
from planner.jobs.requests import Workers
from planner.report.screen import as_text
from planner.report.stress_report import document, screen
from tests import draw
from tests.cases import deployment_for_small, small
from tests.rules import at, demand, network, offer, site
from tests.thorough import parts

YEAR = 365 * 24 * 3600


def two_sites(rate: float, **given: object) -> tuple[Network, Deployment]:
    """Return two sites of 10 requests/s each; Acme is down 1 % of the time and Bolt 2 %."""
    providers = (
        Provider(provider="Acme", outages_per_year=1, outage_hours=87.6),
        Provider(provider="Bolt", outages_per_year=2, outage_hours=87.6),
    )
    seat = NodeType(node_type="seat", role="coordination")
    found = network(
        [site("a", "Acme"), site("b", "Bolt")],
        [
            *(offer(name, "gpu", requests_per_s=10) for name in "ab"),
            *(offer(name, "seat") for name in "ab"),
        ],
        node_types=[seat],
        providers=providers,
        demand=[demand(rate=rate)] if rate else [],
        settings=Settings(utilisation=1.0),
    )
    return replace(found, **given), Deployment(nodes={at("a"): 1, at("b"): 1})  # type: ignore[arg-type]


def worst(found: tuple[ExpectedLoss, ...], role: str = "execution", of: str = "") -> MeanLoss:
    (loss,) = [loss for loss in found[0].losses if (loss.role, loss.of) == (role, of)]
    return loss


def test_in_parallel_users_lose_all_only_when_both_providers_are_down() -> None:
    found = stress(*two_sites(10)).loss
    loss = worst(found)
    # 0.01 · 0.02, exactly, of 10 requests a second.
    assert (loss.low, loss.high) == (pytest.approx(0.0002), pytest.approx(0.0002))
    assert found[0].rest == 0
    assert loss.low * loss.per_year == pytest.approx(0.0002 * 10 * YEAR)
    # All of the loss passes through both, and either being perfect saves it all.
    assert [(one.cause, one.share) for one in found[0].importance] == [
        ("provider:Acme", pytest.approx(1.0)),
        ("provider:Bolt", pytest.approx(1.0)),
    ]
    assert all(one.saved == pytest.approx(0.0002 * 10 * YEAR) for one in found[0].importance)


def test_in_series_each_provider_takes_its_half() -> None:
    found = stress(*two_sites(20)).loss
    loss = worst(found)
    # Half is lost with either: 0.5 · 0.01 + 0.5 · 0.02, as both halves are lost with both.
    assert loss.low == loss.high == pytest.approx(0.015)
    acme, bolt = sorted(found[0].importance, key=lambda one: one.cause)
    # With Acme down half is lost, all with Bolt too: 0.01 · (0.5 + 0.5 · 0.02) of 0.015.
    assert acme.share == pytest.approx(0.01 * 0.51 / 0.015)
    assert bolt.share == pytest.approx(0.02 * 0.505 / 0.015)
    assert acme.saved == pytest.approx(0.005 * 20 * YEAR)
    assert bolt.saved == pytest.approx(0.01 * 20 * YEAR)


def test_what_is_not_served_anyway_is_told_apart_and_blamed_on_nobody() -> None:
    found = stress(*two_sites(40)).loss
    loss = worst(found)
    assert loss.calm == pytest.approx(0.5)
    assert loss.low == pytest.approx(0.5 + 0.0075)
    assert sum(one.saved for one in found[0].importance) == pytest.approx(0.0075 * 40 * YEAR)


def test_causes_that_take_the_same_share_what_they_take() -> None:
    # Acme's only landlord is down 3 % of the time: the site is down 1 − 0.99 · 0.97 of it.
    owner = Exposure(Item("site", "a"), (Item("owner", "Equus"),))
    row = Dependency(dependency="Equus", kind="owner", outages_per_year=3, outage_hours=87.6)
    found = stress(*two_sites(20, exposures=(owner,), dependencies={row.item: row})).loss
    down = 1 - 0.99 * 0.97
    assert worst(found).low == pytest.approx(0.5 * down + 0.5 * 0.02)
    told = {one.cause: one for one in found[0].importance}
    # Without the owner the site is down 0.01 of the time, so 0.5 · 0.97 · … is saved.
    assert told["owner:Equus"].saved == pytest.approx(0.5 * (down - 0.01) * 20 * YEAR)
    ratio = told["owner:Equus"].share / told["provider:Acme"].share
    assert ratio == pytest.approx(3)


def test_a_spare_is_down_only_with_both_alternatives() -> None:
    either = Exposure(Item("site", "a"), (Item("grid", "one"), Item("grid", "two")))
    rows = [
        Dependency(dependency=name, kind="grid", outages_per_year=10, outage_hours=87.6)
        for name in ("one", "two")
    ]
    given, plan = two_sites(20, exposures=(either,), dependencies={row.item: row for row in rows})
    loss = worst(stress(given, plan).loss)
    down = 1 - 0.99 * (1 - 0.1 * 0.1)
    assert loss.low == loss.high == pytest.approx(0.5 * down + 0.5 * 0.02)


def test_a_committee_is_halted_for_hours_and_needs_no_routing() -> None:
    council = {"council": Committee(committee="council", seats=4, reach_ms=60)}
    given, _ = two_sites(0, committees=council)
    plan = Deployment(
        nodes={at("a", "seat"): 3, at("b", "seat"): 1},
        seats={Seat("council", "a", "seat"): 3, Seat("council", "b", "seat"): 1},
    )
    found = stress(given, plan).loss
    loss = worst(found, "coordination", "council")
    # One of four may be faulty: Acme's three halt it, Bolt's one does not.
    assert loss.low == loss.high == pytest.approx(0.01)
    assert loss.per_year == 8760
    assert found[0].solved == 0
    assert [one.cause for one in found[0].importance if one.saved > 1e-9] == ["provider:Acme"]


def test_without_outage_figures_it_is_said_what_to_fill_in() -> None:
    found = stress(small(), deployment_for_small(), worst=1)
    assert [loss.losses for loss in found.loss if loss.losses] == []
    text = " ".join(as_text(screen(found)).split())
    assert "give outages_per_year and outage_hours to dependencies" in text
    assert "in an average year" not in text


def test_kinds_without_figures_are_named() -> None:
    found = stress(*two_sites(20)).loss
    assert found[0].without_figures == ()
    given, plan = two_sites(20)
    given = replace(given, exposures=(Exposure(Item("site", "a"), (Item("owner", "Equus"),)),))
    assert stress(given, plan).loss[0].without_figures == ("owner",)


# Against every set --------------------------------------------------------------------------------


def drawn_with_figures(seed: int) -> tuple[Network, Deployment]:
    """Return a random network, a plan, and figures for six of its dependencies."""
    choose, found = random.Random(seed), draw.network(seed)
    plan = draw.plan(found, draw.row_by_row(found), seed)
    plan = replace(plan, nodes={o: choose.randint(0, 2) for o in found.offers})
    named = [item for item in read_at_worst(found).graph.dependencies if item.name != "unknown"]
    rows = {
        item: Dependency(
            dependency=item.name,
            kind=item.kind,
            outages_per_year=choose.uniform(5, 40),
            outage_hours=50,
        )
        for item in choose.sample(named, min(6, len(named)))
    }
    return replace(found, dependencies=rows, shocks={}, shock_items={}), plan


def brute(network: Network, plan: Deployment) -> dict[tuple[str, str], float]:
    """Return what is lost of all requests and of every role in the mean, set by set."""
    asked = Asked(network, plan)
    known, states = causes(asked.worst), States(asked.worst, plan)
    total: dict[tuple[str, str], float] = {}
    rate = {d.key: d.requests_per_s * network.month_share[d.period] for d in network.demand}
    replays = Replays(asked.worst, plan)
    numbers = range(len(known))
    for down in chain.from_iterable(combinations(numbers, size) for size in range(len(known) + 1)):
        p = np.prod([c.chance if n in down else 1 - c.chance for n, c in enumerate(known)])
        failed = tuple(item for n in down for item in known[n].failed)
        is_calm = not states.state(states.effect(failed))
        left = replays.after(() if is_calm else failed)
        gone = asked.worst.graph.down(failed)
        lost = {("execution", ""): lost_share(left, rate)} if sum(rate.values()) else {}
        for found in asked.promised:
            if found.loss == "liveness":
                broken = any(stand.broken.happens(gone) for stand in found.stands)
                lost[found.role, ""] = max(lost.get((found.role, ""), 0.0), float(broken))
        for key, amount in lost.items():
            total[key] = total.get(key, 0.0) + float(p) * amount
    return total


def lost_share(left: Replay, rate: dict) -> float:  # type: ignore[type-arg]
    return sum(rate[key] * (1 - left.served[key]) for key in rate) / sum(rate.values())


@pytest.mark.parametrize("part", parts(2))
def test_it_is_the_mean_over_every_set_of_failures(part: int) -> None:
    compared = 0
    for seed in range(6 * part, 6 * part + 6):
        given, plan = drawn_with_figures(seed)
        found = stress(given, plan, worst=1).loss
        expected = brute(given, plan)
        if not found or not found[0].losses:
            continue
        assert found[0].rest == 0
        for key, amount in expected.items():
            loss = worst(found, *key)
            assert loss.low == pytest.approx(amount, abs=1e-6), (seed, key)
            assert loss.high == pytest.approx(amount, abs=1e-6), (seed, key)
            compared += 1e-6 < amount < 1 - 1e-6
    assert compared > 3


def test_cut_short_it_is_an_interval_that_holds_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    held = 0
    for seed in range(4):
        given, plan = drawn_with_figures(seed)
        whole = stress(given, plan, worst=1).loss
        monkeypatch.setattr("planner.evaluation.expected_loss.MOST_STATES", 2)
        monkeypatch.setattr("planner.evaluation.expected_loss.MOST_SETS", 9)
        short = stress(given, plan, worst=1).loss
        monkeypatch.undo()
        for exact, told in zip(whole[0].losses, short[0].losses, strict=True):
            assert told.low - 1e-9 <= exact.low <= told.high + 1e-9, (seed, exact)
            held += told.low < exact.low < told.high
    assert held > 5


def test_draws_and_sets_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    # 95 of 100 intervals hold the exact mean, with a deviation of 2.2.
    monkeypatch.setattr("planner.evaluation.expected_loss.DRAWS", 2000)
    given, plan = two_sites(20)
    inside = 0
    for seed in range(100):
        settings = replace(given.settings, seed=seed)
        loss = worst(stress(replace(given, settings=settings), plan, worst=1).loss)
        assert loss.simulated is not None
        inside += loss.simulated.low <= loss.low <= loss.simulated.high
    assert 95 - 4 * 2.2 <= inside <= 100


def test_with_too_many_states_to_solve_fewer_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planner.evaluation.expected_loss.MOST_DRAWN", 0)
    monkeypatch.setattr("planner.evaluation.expected_loss.MOST_STATES", 1)
    (found, *_) = stress(*two_sites(20), worst=1).loss
    assert found.draws < 100_000
    assert found.rest > 0


def test_two_processes_find_the_same_loss_and_it_is_written_down() -> None:
    given, plan = drawn_with_figures(1)
    one, two = (stress(given, plan, worst=1, workers=Workers(n)) for n in (1, 2))
    assert one.loss == two.loss
    told = document(one)["expected_loss"]
    assert isinstance(told, list)
    assert told[0]["exact"] is True
    for loss in told[0]["losses"]:
        assert 0 <= loss["available_low"] <= loss["available_high"] <= 1
    assert "What outages cost in an average year" in as_text(screen(one))


def test_a_stop_leaves_it_out() -> None:
    stop = threading.Event()
    found = stress(*two_sites(20), stop=stop, say=lambda _: stop.set())
    assert found.stopped
    assert found.loss == ()


def test_replays_of_the_same_state_are_one() -> None:
    given, plan = drawn_with_figures(2)
    found = read_at_worst(given)
    states = States(found, plan)
    left: dict[int, Replay] = {}
    for item in found.graph.dependencies:
        state = states.state(states.effect((item,)))
        now = replay(found, plan, (item,))
        if state in left:
            assert now.served == left[state].served
        left[state] = now
    assert len(left) < len(found.graph.dependencies)
