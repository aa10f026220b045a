"""The summary fits one screen, leads with the guarantees, and never breaks a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from models.data import Committee
from models.network import Network
from models.plan import Deployment, Plan, Seat, Violation
from planner.evaluation.baselines import compare
from planner.report.done import Done
from planner.report.screen import HEIGHT, WIDTH, as_text, summary
from planner.result import Result, Run
from planner.workbook.findings import Finding
from tests.cases import deployment_for_small, done_with, plan_for_small, small

FILES = {"plan": Path("small-plan/plan.xlsx"), "for machines": Path("small-plan/plan.json")}


def result(**changes: object) -> Result:
    """Return the end of a run with the hand-made plan."""
    found = Result("optimal", Run("small.xlsx", "ab" * 32, 0), plan_for_small(), gap=0.004)
    return replace(found, **changes)  # type: ignore[arg-type]


def shown(network: Network | None = None, encoding: str = "utf-8", **changes: object) -> str:
    """Return the screen of the hand-made plan."""
    network = network or small()
    done = done_with(network, result(**changes))
    scores = compare(done.evaluations[0], lambda _: deployment_for_small())
    return as_text(summary(replace(done, scores=scores, files=FILES), encoding))


def test_it_fits_one_screen() -> None:
    warnings = tuple(Finding("Phases", "A2", "not yet " + "planned " * 30, "") for _ in range(40))
    lines = shown(warnings=warnings).splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


def test_it_leads_with_the_guarantees_then_cost_then_comparison_then_files() -> None:
    text = shown()
    order = [
        "What the plan guarantees",
        "served",
        "latency",
        "execution",
        "What one failure takes away",
        "coordination",
        "What it costs",
        "EUR 5,466 a month",
        "within 0.40% of the best possible",
        "nearest",
        "plan.xlsx",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_it_says_how_few_failures_halt_a_committee() -> None:
    # London's two of four seats are one more than may fail; its owner, not known, may be Domus.
    (line,) = [line for line in shown().splitlines() if line.startswith("  coordination")]
    assert "council: halted by the loss of owner Domus (up to 75%), bloc EU (50%)" in line


def test_of_many_committees_the_weakest_is_named() -> None:
    network = small()
    plan = deployment_for_small()
    guild = Committee(committee="guild of very many learned people", seats=3, max_faulty=0)
    network = replace(network, committees={**network.committees, guild.committee: guild})
    seats = {**plan.seats, Seat(guild.committee, "paris", "seat"): 3}
    ended = result(plan=Plan({"": replace(plan, seats=seats)}))
    text = as_text(summary(done_with(network, ended)), width=200)
    # All three in Paris: nothing is more concentrated than all.
    assert "guild of very many learned people (one such of 2, in all 2): halted by the loss" in text


def test_it_names_what_no_plan_avoids() -> None:
    (line,) = [line for line in shown().splitlines() if line.startswith("  unavoidable")]
    assert "client engine (execution)" in line


def test_it_uses_the_width_it_is_given() -> None:
    done = done_with(small(), result())
    narrow, wide = (as_text(summary(done, width=width), width) for width in (80, 300))
    assert max(map(len, narrow.splitlines())) <= 80
    assert re.search(r"and \d+ more", narrow)
    assert not re.search(r"and \d+ more", wide)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_any_stream_can_show_it(encoding: str) -> None:
    network = small()
    network = replace(network, settings=replace(network.settings, currency="₿"))
    text = shown(network, encoding, warnings=(Finding("Größe", "A1", "市 → ≥", "…"),))
    text.encode(encoding)


def test_a_plan_that_fails_its_audit_is_not_called_a_plan() -> None:
    text = shown(violations=(Violation("seats", "council", "3 seats of 4"),))
    assert text.startswith("NOT A PLAN: it fails its audit 1 time\n")
    assert "What the plan guarantees" not in text
    assert "seats[council]: 3 seats of 4" in text


def test_one_thing_is_told_in_the_singular() -> None:
    one = Deployment(open=frozenset({"paris"}), contracts=frozenset({"Acme"}))
    network = replace(small(), demand=small().demand[:1], loaded_today=(), seats_today=())
    ended = result(plan=Plan({"": one}), violations=(Violation("seats", "council", "3 of 4"),))
    text = as_text(summary(done_with(network, ended)))
    # The one node that runs today goes.
    assert "0 nodes at 1 site, 1 contract; 1 change against today" in text
    assert "in 1 of 1 row (sheet" in as_text(
        summary(done_with(network, replace(ended, violations=())))
    )
    assert "the audit finds 1 violation\n" in text


def test_a_clock_stopped_run_says_so() -> None:
    run = Run("small.xlsx", "ab" * 32, 0, clock_stopped=True)
    said = shown(run=run, status="feasible", gap=float("inf"))
    assert "depends on the clock" in " ".join(said.split())
    assert "is not proven" in shown(run=run, status="feasible", gap=float("inf"))


def test_without_a_plan_it_says_why() -> None:
    reasons = tuple(f"rule {number} cannot hold" for number in range(40))
    ended = result(plan=None, status="no_plan_found", reasons=reasons)
    text = as_text(summary(Done(ended, small(), files=FILES)))
    assert text.startswith("No plan: no plan found")
    assert "rule 0 cannot hold" in text
    assert "and 28 more" in text
    assert len(text.splitlines()) <= HEIGHT


def test_without_a_network_it_still_says_something() -> None:
    assert "invalid" in as_text(summary(Done(result(plan=None, status="invalid"))))


def test_kinds_that_no_site_fills_in_are_said_to_be_unknown() -> None:
    network = small()
    sites = {name: replace(site, grid=None) for name, site in network.sites.items()}
    (line,) = [
        line
        for line in shown(replace(network, sites=sites)).splitlines()
        if line.startswith("  not judged")
    ]
    assert "grid" in line


def test_an_empty_plan_is_shown() -> None:
    network = replace(small(), demand=(), committees={}, seats_today=(), loaded_today=())
    ended = result(plan=Plan({"": Deployment()}))
    assert "no demand is asked for" in as_text(summary(done_with(network, ended)))
