"""Under failures: what is served, what ends, and by how few, each against a count by hand."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from models.data import (
    Committee,
    Demand,
    Item,
    Needs,
    NodeType,
    Offer,
    OfferKey,
    Provider,
    Site,
)
from models.exposure import Exposure
from models.network import SITE_ATTRIBUTES, Network
from models.plan import Deployment, Replica, Seat
from models.replay import replay
from planner.evaluation.sites_base import Base
from planner.evaluation.sites_figures import Gauge
from planner.evaluation.sites_results import Figure
from planner.evaluation.stress import stress
from planner.evaluation.stress_questions import Asked, read_at_best, read_at_worst
from planner.evaluation.stress_results import End, Stress
from planner.jobs.requests import Workers
from planner.report.screen import as_text
from planner.report.stress_report import document, screen
from tests.cases import PARIS, deployment_for_small, small

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


def test_what_every_verifier_hangs_on_is_no_surprise_to_rows_that_are_verified() -> None:
    network = small()
    same = {
        name: replace(row, client=(("one",),)) if row.role == "verification" else row
        for name, row in network.node_types.items()
    }
    policies = {"checked": replace(network.policies["checked"], independent_of=())}
    network = replace(network, node_types=same, policies=policies)
    found = stress(network, deployment_for_small(), worst=1)
    rows = [end for end in found.ends if end.demand is not None]
    one = Item("client", "one")
    assert {end.demand.verification for end in rows if end.demand and one in end.unavoidable} == {
        "checked"
    }
    assert not [end for end in rows if one in (end.worst.failed or ())]


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
    assert blasts["coordination", ("country",), 1].worst.broken == 1
    assert blasts["coordination", (), 2].of == 1
    assert {item.kind for item in blasts["coordination", ("country",), 1].worst.failed} == {
        "country"
    }


def test_the_worst_few_are_counted_at_best_and_at_worst() -> None:
    # One seat at each of four sites, and one may be lost; of three the metro is not known.
    metros: dict[str, Needs | None] = {"a": (("X",),), "b": None, "c": None, "d": None}
    blank: dict[str, Needs] = dict.fromkeys(set(SITE_ATTRIBUTES) - {"metro"}, ())
    offers = [OfferKey(name, "seat") for name in metros]
    network = Network(
        sites={
            name: Site(site=name, provider=f"of {name}", metro=metro, **blank)
            for name, metro in metros.items()
        },
        providers={f"of {name}": Provider(provider=f"of {name}") for name in metros},
        offers={key: Offer(site=key.site, node_type="seat", max_nodes=1) for key in offers},
        node_types={"seat": NodeType(node_type="seat", role="coordination")},
        committees={"council": Committee(committee="council", seats=4, max_faulty=1)},
    )
    plan = Deployment(
        open=frozenset(metros),
        contracts=frozenset(network.providers),
        nodes=dict.fromkeys(offers, 1),
        seats={Seat("council", key.site, key.node_type): 1 for key in offers},
    )
    found = stress(network, plan, worst=1)
    (shock,) = [shock for shock in found.shocks if shock.name == "metro:unknown"]
    assert shock.halted == ("council",)
    (blast,) = found.blasts
    assert (blast.worst.broken, blast.best.broken, blast.of) == (1, 0, 1)
    assert blast.worst.failed == (Item("metro", "unknown"),)
    assert blast.best.failed == ()
    (told,) = document(found)["blast"]  # type: ignore[misc]
    assert told["worst"] == {"broken": 1, "failed": ["metro:unknown"]}
    assert told["best"] == {"broken": 0, "failed": []}
    (line,) = [row for row in as_text(screen(found)).splitlines() if "committees halted" in row]
    assert " ".join(line.split()) == "1 any kind 1 of 1 committees halted 0 metro:unknown"
    figures = Gauge(network, plan, Base((), (), ())).whole()
    assert figures.values[Figure("blast", "coordination", "the worst 1")] == 1


def test_a_kind_that_nobody_fills_in_is_not_judged() -> None:
    network = small()
    sites = {name: replace(site, grid=None) for name, site in network.sites.items()}
    found = stress(replace(network, sites=sites), deployment_for_small(), worst=1)
    assert "grid" in found.not_judged
    assert not [shock for shock in found.shocks if shock.name.startswith("grid:")]
    assert "Not filled in, so not judged: grid" in as_text(screen(found))


def test_a_stop_keeps_what_was_found() -> None:
    stop = threading.Event()
    whole = stress(small(), deployment_for_small())

    def end(text: str) -> None:
        if text.startswith("what ends"):
            stop.set()

    found = stress(small(), deployment_for_small(), stop=stop, say=end)
    assert found.stopped
    assert 0 < len(found.ends) < len(whole.ends)
    assert found.ends == whole.ends[: len(found.ends)]
    # Failures that leave all that the routing stands on are known without being replayed.
    assert [shock for shock in whole.shocks if shock in found.shocks] == list(found.shocks)
    assert len(found.shocks) < len(whole.shocks)
    assert (found.blasts, found.least_served) == ((), ())
    assert document(found)["complete"] is False
    assert document(whole)["complete"] is True


def test_two_processes_find_what_one_finds() -> None:
    one, two = (stress(small(), deployment_for_small(), workers=Workers(n)) for n in (1, 2))
    assert one == two


def test_a_job_that_fails_is_told_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Asked.end_of_row

    def fail(asked: Asked, row: Demand) -> End:
        if row.region == "france":
            raise ArithmeticError("no routing")
        return real(asked, row)

    monkeypatch.setattr("planner.evaluation.stress_questions.Asked.end_of_row", fail)
    found, whole = stress(small(), deployment_for_small()), len(small().demand)
    assert [text.partition(": ")[2] for text in found.failures] == ["no routing"]
    assert len([end for end in found.ends if end.demand is not None]) == whole - 1
    assert found.blasts
    assert found.users == ()  # the worst of all failures is not known
    assert document(found)["complete"] is False


def test_users_are_told_what_they_keep_under_the_worst_failure(found: Stress) -> None:
    assert [row.demand for row in found.users] == [end.demand for end in found.ends[:3]]
    for row in found.users:
        assert row.end.demand == row.demand
        assert 0 <= row.least_served <= 1
        assert row.latency_ms is not None
        assert row.failover_ms is None or row.failover_ms > 0


def test_what_is_lost_is_shared_out_evenly() -> None:
    # One replica of three is left for two rows that ask for the same: nobody loses all.
    network = small()
    rows = tuple(replace(row, verification="", max_latency_ms=None) for row in network.demand[:2])
    plan = replace(
        deployment_for_small(),
        nodes={PARIS: 1},
        warm={Replica("paris", "gpu", "chat"): 1},
        cold_slots={},
    )
    left = replay(replace(network, demand=rows), plan, ())
    assert min(left.served.values()) > 0.2


def test_what_ends_one_row_and_what_takes_most_of_all_are_told_apart(found: Stress) -> None:
    text = " ".join(as_text(screen(found)).split())
    assert "fewest to end" in text
    assert "The worst few at once" in text
    assert text.count("so fewer failures can take most of all demand than end any one row") == 1


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
    assert all(end["proven"] is True for end in content["collapse"])
    assert [few["served"] for few in content["least_served"]] == [
        few.served for few in found.least_served
    ]


def test_the_fact_that_is_worth_verifying_first_is_named() -> None:
    # Germany asks for 20 requests/s. Frankfurt has 21, London 28 and Paris 7, so it takes two
    # failures to leave less than half, or one cable if Frankfurt and London both hang on it.
    network, plan = small(), deployment_for_small()
    replicas = {"frankfurt": 3, "london": 4, "paris": 1}
    plan = replace(plan, warm={Replica(s, "gpu", "chat"): n for s, n in replicas.items()})
    rows = tuple(replace(row, verification="", max_latency_ms=None) for row in network.demand)
    sites = (Item("site", "frankfurt"), Item("site", "london"))
    cable = Item("cable", "one for both")
    doubt = tuple(Exposure(site, (cable,), "suspected") for site in sites)
    found = stress(replace(network, demand=rows, exposures=doubt), plan, worst=1)
    told = {fact.name: fact.raised for fact in found.facts}
    assert len(told) == 3  # and the owner of London
    doubtful = [end for end in found.ends if (end.worst.size or 9) < (end.best.size or 9)]
    assert {end.demand for end in doubtful} >= {rows[0].key}
    assert all(fact.of == len(doubtful) for fact in found.facts)
    # By hand: each guarantee, with this one suspicion gone and all else at worst.
    for position, site in enumerate(sites):
        left = doubt[:position] + doubt[position + 1 :]
        again = stress(replace(network, demand=rows, exposures=left), plan, worst=1)
        sizes = {(e.role, e.of, e.loss, e.demand): e.worst.size or 9 for e in again.ends}
        raised = sum(
            sizes[end.role, end.of, end.loss, end.demand] > (end.worst.size or 9)
            for end in doubtful
        )
        assert told[f"whether {site} depends on {cable}"] == raised
    assert max(told.values()) > 0
    assert f"Verify first {found.facts[0].name}" in " ".join(as_text(screen(found)).split())


def test_where_doubt_changes_no_number_nothing_is_worth_verifying() -> None:
    network = small()
    sites = {name: replace(site, owner=((name,),)) for name, site in network.sites.items()}
    found = stress(replace(network, sites=sites), deployment_for_small(), worst=1)
    assert found.facts == ()
