"""Under failures: what is served, what ends, and by how few, each against a count by hand."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from models.data import Item
from models.exposure import Exposure
from planner.evaluation.stress import Stress, read_at_best, read_at_worst, stress
from planner.report.screen import as_text
from planner.report.stress_report import document, screen
from tests.cases import deployment_for_small, small

COUNCIL = ("coordination", "council")


@pytest.fixture(scope="module")
def found() -> Stress:
    return stress(small(), deployment_for_small(), worst=2, kinds=("country",))


def test_every_failure_is_replayed(found: Stress) -> None:
    shocks = {shock.name: shock for shock in found.shocks}
    judged = {str(item) for item in read_at_worst(small()).graph.dependencies}
    assert set(shocks) == judged | {f"shock:{name}" for name in small().shocks}
    # Two of four seats are in London, and one may be faulty.
    assert shocks["country:GB"].halted == ("council",)
    assert shocks["country:DE"].halted == ()
    served = shocks["country:GB"].served
    assert served is not None
    assert 0 <= served < 1


def test_the_fewest_failures_of_a_committee_take_more_seats_than_may_fail(found: Stress) -> None:
    ends = {(end.role, end.of, end.loss): end for end in found.ends}
    liveness, control = ends[*COUNCIL, "liveness"], ends[*COUNCIL, "control"]
    assert liveness.best.size == 1
    down = read_at_best(small()).graph.down(liveness.best.failed or ())
    seats = deployment_for_small().seats.items()
    assert sum(n for seat, n in seats if Item("site", seat.site) in down) > 1
    assert (control.best.size or 9) >= (liveness.best.size or 9)


def test_what_every_plan_hangs_on_comes_first_and_is_no_surprise(found: Stress) -> None:
    rows = [end for end in found.ends if end.demand is not None]
    assert len(rows) == 3
    assert all(Item("client", "engine") in end.unavoidable for end in rows)
    assert all(Item("client", "engine") not in (end.best.failed or ()) for end in rows)
    assert as_text(screen(found)).startswith("No plan escapes these, so they come first: ")


def test_at_worst_no_guarantee_needs_more_failures_than_at_best(found: Stress) -> None:
    for end in found.ends:
        if end.worst.size is not None and end.best.size is not None:
            assert end.worst.size <= end.best.size
        assert end.worst.size is not None or end.best.size is None


def test_a_suspicion_is_true_only_at_worst() -> None:
    network, plan = small(), deployment_for_small()
    sites = (Item("site", "frankfurt"), Item("site", "london"), Item("site", "paris"))
    cable = Item("cable", "one for all")
    doubt = tuple(Exposure(site, (cable,), "suspected") for site in sites)
    found = stress(replace(network, exposures=(*network.exposures, *doubt)), plan, worst=1)
    (row, *_) = [end for end in found.ends if end.demand is not None]
    assert row.worst.size == 1
    assert cable not in (row.best.failed or ())


def test_the_worst_few_are_counted(found: Stress) -> None:
    blasts = {(b.role, b.kinds, b.count): b for b in found.blasts}
    assert blasts["coordination", ("country",), 1].broken == 1
    assert blasts["coordination", (), 2].of == 1
    assert {item.kind for item in blasts["coordination", ("country",), 1].failed} == {"country"}


def test_a_kind_that_nobody_fills_in_is_not_judged() -> None:
    network = small()
    sites = {name: replace(site, grid=None) for name, site in network.sites.items()}
    found = stress(replace(network, sites=sites), deployment_for_small(), worst=1)
    assert "grid" in found.not_judged
    assert not [shock for shock in found.shocks if shock.name.startswith("grid:")]
    assert "Not filled in, so not judged: grid" in as_text(screen(found))


def test_a_stop_keeps_what_was_found() -> None:
    stop = threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            stop.set()

    found = stress(small(), deployment_for_small(), stop=stop, say=say)
    assert found.stopped
    assert len(found.ends) == 3
    assert found.shocks == ()
    assert document(found)["complete"] is False


def test_the_document_is_plain_and_whole(found: Stress) -> None:
    content = json.loads(json.dumps(document(found)))
    assert content["format"] == 1
    assert len(content["shocks"]) == len(found.shocks)
    (row,) = [
        end
        for end in content["collapse"]
        if (end["region"], end["role"]) == ("france", "execution")
    ]
    assert row["best"]["size"] == len(row["best"]["set"])
