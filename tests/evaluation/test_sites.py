"""What a site adds: figures against a plan and a workbook that never had it, and the verdicts."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from models.collapse import FaultTree
from models.costs import sum_of
from models.data import (
    Committee,
    Demand,
    Item,
    Model,
    Needs,
    NodeType,
    Offer,
    OfferKey,
    Provider,
    Region,
    Settings,
    Site,
)
from models.guarantees import guarantees
from models.network import Link, Network
from models.outage import smallest_outage
from models.plan import Deployment, Replica, Seat
from models.replay import headroom, replay, rerouted
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.sites import sites
from planner.evaluation.sites_base import Base, asked_to_serve, batches, joined
from planner.evaluation.sites_figures import Gauge, without_site
from planner.evaluation.sites_results import (
    CAPACITY,
    COST,
    INDEPENDENCE,
    NOTHING,
    REACH,
    SHIFTS,
    Figure,
    Figures,
    Sites,
)
from planner.evaluation.stress_questions import Asked, read_at_best, read_at_worst
from planner.jobs.requests import Workers
from planner.report.screen import as_text
from planner.report.sites_report import document, screen
from tests import draw
from tests.cases import deployment_for_small, small
from tests.thorough import parts


def base_of(network: Network, plan: Deployment) -> Base:
    """Return what is learned of the whole plan, in one process."""
    jobs = batches(network, plan, Asked(network, plan), 2)
    return joined([job.run(threading.Event()) for job in jobs])


def without_rows(network: Network, site: str) -> Network:
    """Return the network of a workbook that never had the site."""
    item = Item("site", site)
    return replace(
        network,
        sites={name: row for name, row in network.sites.items() if name != site},
        offers={offer: row for offer, row in network.offers.items() if offer.site != site},
        links=tuple(link for link in network.links if item not in (link.origin, link.target)),
        exposures=tuple(e for e in network.exposures if e.item != item),
        seats_today=tuple(row for row in network.seats_today if row.site != site),
        loaded_today=tuple(row for row in network.loaded_today if row.site != site),
        locks=tuple(row for row in network.locks if row.site != site),
    )


def judged(asked: Asked, network: Network, unavoidable: tuple[Item, ...]) -> list[Item]:
    """Return what may fail in a network, by what is judged and unavoidable in the whole one."""
    skipped = {*unavoidable}
    return [
        item
        for item in network.graph.dependencies
        if item not in skipped and item.kind not in asked.not_judged
    ]


def afresh(whole: Network, plan: Deployment, site: str) -> dict[Figure, float | None]:
    """Return figures of the plan without the site, each worked out by itself, with no shortcut."""
    network, left = without_rows(whole, site), without_site(whole, plan, site)
    asked = Asked(whole, plan)
    routed = rerouted(network, left)
    evaluation = Evaluation(network, routed)
    found: dict[Figure, float | None] = {COST: sum_of(evaluation.monthly)}
    if evaluation.asked:
        found[Figure("served")] = round(1 - evaluation.unserved / evaluation.asked, 9)
        found[Figure("p50_ms")] = evaluation.percentile_ms(0.5)
        found[Figure("p95_ms")] = evaluation.percentile_ms(0.95)
    now = replay(whole, plan, ()).served
    full = {r.key for r in whole.demand if r.requests_per_s and now[r.key] >= 1 - 1e-6}
    if full:
        found[Figure("headroom")] = headroom(network, left, full)
    for row in asked.rows:
        for reading, read in (("best", read_at_best), ("worst", read_at_worst)):
            may_fail = judged(asked, read(network), asked.unavoidable_to(row))
            ends = smallest_outage(read(network), left, row, may_fail)
            policy = whole.policies.get(row.verification)
            loss = "service, verified" if policy and policy.verifiers else "service"
            at = ("execution", str(row.key), loss, "", reading, tuple(row.key))
            found[Figure("collapse", *at)] = None if ends is None else len(ends)
    for lost in guarantees(network, routed):
        for reading, read in (("best", read_at_best), ("worst", read_at_worst)):
            stands = [stand.broken for stand in lost.stands]
            items = {item for stand in stands for item in stand.weights}
            may_fail = judged(asked, read(network), asked.unavoidable(lost.role))
            ends = FaultTree(read(network).graph, items, may_fail).smallest(stands)
            of = f"{lost.of}, {lost.period}" if lost.period else lost.of
            at = (lost.role, of, lost.loss, "", reading)
            found[Figure("collapse", *at)] = None if ends is None else len(ends)
    shares = []
    for item in judged(asked, read_at_worst(whole), ()):
        rates = {
            row.key: whole.mean_rate(row)
            for row in whole.demand
            if item not in asked.unavoidable_to(row)
        }
        if sum(rates.values()) > 0:
            served = replay(asked_to_serve(network), left, (item,)).served
            shares.append(sum(r * served[key] for key, r in rates.items()) / sum(rates.values()))
    if shares and asked.rows:
        found[Figure("worst_served")] = min(shares)
    for group in evaluation.concentration:
        per_role = group.of == "all" or group.role in ("verification", "coordination")
        if group.kind in asked.not_judged or group.role == "all" or not per_role:
            continue
        of = ", ".join(part for part in (group.of, group.period) if part)
        at = Figure("", group.role, of, "", group.kind, "worst")
        found[at._replace(what="largest_share")] = group.worst.largest_share
        found[at._replace(what="effective")] = group.worst.effective
        for loss, number in group.worst.nakamoto.items():
            found[at._replace(what="nakamoto", loss=loss)] = number
    return found


def agree(figures: Figures, expected: dict[Figure, float | None]) -> None:
    """Assert that every expected figure is there, and the same."""
    for figure, value in expected.items():
        known = figures.values[figure]
        if value is None or known is None:
            assert known is value, figure
        else:
            assert known == pytest.approx(value, rel=1e-6, abs=1e-6), figure


@pytest.mark.parametrize("seed", parts(14))
def test_without_a_site_is_a_workbook_that_never_had_it(seed: int) -> None:
    network = draw.network(seed)
    plan = draw.plan(network, draw.row_by_row(network), seed)
    gauge = Gauge(network, plan, base_of(network, plan))
    for site in sorted(plan.open):
        figures = gauge.without(site)
        assert figures is not None
        agree(figures, afresh(network, plan, site))


def test_the_small_case_without_each_of_its_sites() -> None:
    network, plan = small(), deployment_for_small()
    gauge = Gauge(network, plan, base_of(network, plan))
    for site in sorted(plan.open):
        figures = gauge.without(site)
        assert figures is not None
        agree(figures, afresh(network, plan, site))


# Verdicts -----------------------------------------------------------------------------------------

BLANK: dict[str, Needs] = dict.fromkeys(
    ("bloc", "operator", "owner", "data_centre", "metro", "grid"), ()
)
TYPES = {
    "gpu": NodeType(node_type="gpu", role="execution", gpu_memory_gb=80),
    "seat": NodeType(node_type="seat", role="coordination"),
}


def at(name: str, provider: str, country: str, carrier: str) -> Site:
    return Site(
        site=name,
        provider=provider,
        country=((country,),),
        network=((carrier,),),
        monthly_cost=100,
        **BLANK,
    )


def five() -> tuple[Network, Deployment]:
    """Return five sites of which each adds something else, all but Lyon of Acme in Germany.

    Chat is asked for 6 requests/s in the north and 2 in the south; a replica answers 4, law is
    asked for all that its one replica answers. Losing Acme or DE leaves Lyon's 4.
    """
    sites = [
        at("berlin", "Acme", "DE", "X"),
        at("bonn", "Acme", "DE", "X"),
        at("lyon", "Bolt", "FR", "Y"),
        at("jena", "Acme", "DE", "X"),
        at("ulm", "Acme", "DE", "X"),
    ]
    offers = [OfferKey(site.site, "gpu") for site in sites]
    rows = (("north", "chat", 6.0), ("south", "chat", 2.0), ("north", "law", 4.0))
    far_ms = {"north": 20.0, "south": 50.0}
    network = Network(
        settings=Settings(utilisation=1.0),
        sites={site.site: site for site in sites},
        providers={name: Provider(provider=name, monthly_cost=10) for name in ("Acme", "Bolt")},
        offers={
            key: Offer(site=key.site, node_type="gpu", max_nodes=4, monthly_cost=1000)
            for key in offers
        },
        demand=tuple(Demand(region=r, model=m, requests_per_s=rate) for r, m, rate in rows),
        regions={name: Region(region=name) for name in far_ms},
        node_types=TYPES,
        models={
            name: Model(model=name, gpu_memory_gb=40, requests_per_s=4.0)
            for name in ("chat", "law")
        },
        links=tuple(
            Link(
                Item("region", region),
                Item("site", site.site),
                10.0 if (region, site.site) == ("south", "jena") else ms,
            )
            for region, ms in far_ms.items()
            for site in sites
        ),
    )
    warm = {"berlin": 1, "bonn": 1, "lyon": 1, "jena": 1}
    replicas = {Replica(site, "gpu", "chat"): count for site, count in warm.items()}
    return network, Deployment(
        open=frozenset(network.sites),
        contracts=frozenset(network.providers),
        nodes=dict.fromkeys(offers, 1),
        warm={**replicas, Replica("berlin", "gpu", "law"): 1},
    )


@pytest.fixture(scope="module")
def found() -> Sites:
    return sites(*five())


def test_each_verdict_is_given_for_its_reason(found: Sites) -> None:
    values = {value.site: value for value in found.sites}
    # Without Lyon one failure, Acme, ends all service.
    assert values["lyon"].verdicts[0] == INDEPENDENCE
    assert "fewest failures that end service of north, chat 2, without it 1" in (
        values["lyon"].reason
    )
    # 16 requests/s stand for 8 of chat; law is served in Berlin alone.
    assert values["berlin"].verdicts == (CAPACITY,)
    assert values["bonn"].verdicts == (NOTHING,)
    assert values["jena"].verdicts == (REACH,)
    assert "p95 of south 10 ms, without it 50 ms" in values["jena"].reason
    assert values["ulm"].verdicts == (NOTHING,)
    assert values["ulm"].moves[0].figure == COST
    assert values["ulm"].saved == pytest.approx(1100)
    assert "shares provider Acme with 3 others" in values["ulm"].reason
    assert "carrier X with 3 others" in values["ulm"].reason


def test_a_site_that_only_moves_load_is_said_to() -> None:
    # A third copy at Acme: two failures are as many as without it, and half is now one failure.
    network, plan = five()
    disk = NodeType(node_type="disk", role="storage", disk_tb=1)
    offers = {
        OfferKey(site, "disk"): Offer(site=site, node_type="disk", max_nodes=1)
        for site in ("berlin", "lyon", "ulm")
    }
    stored = sites(
        replace(
            network,
            offers={**network.offers, **offers},
            node_types={**TYPES, "disk": disk},
            models={name: replace(row, weights_gb=40) for name, row in network.models.items()},
        ),
        replace(
            plan,
            nodes={**plan.nodes, **dict.fromkeys(offers, 1)},
            copies=frozenset(Replica(site, "disk", "chat") for site in ("berlin", "lyon", "ulm")),
        ),
    )
    (ulm,) = [value for value in stored.sites if value.site == "ulm"]
    assert ulm.verdicts == (SHIFTS,)
    assert "fewest failures that end storage of chat (liveness) stays 2" in ulm.reason


def test_the_nearest_change_is_a_known_value_that_would_count() -> None:
    # Of four seats one may fail: X holds two. Any value of an open site would hold two again.
    carriers = {"a": "X", "b": "X", "c": "Y", "d": "Z", "shut": "W"}
    rows = {name: at(name, "Acme", "DE", net) for name, net in carriers.items()}
    offers = [OfferKey(name, "seat") for name in carriers]
    network = Network(
        sites=rows,
        providers={"Acme": Provider(provider="Acme")},
        offers={o: Offer(site=o.site, node_type="seat", max_nodes=2) for o in offers},
        node_types=TYPES,
        committees={"council": Committee(committee="council", seats=4)},
    )
    plan = Deployment(
        open=frozenset("abcd"),
        contracts=frozenset({"Acme"}),
        nodes={OfferKey(name, "seat"): 1 for name in "abcd"},
        seats={Seat("council", name, "seat"): 1 for name in "abcd"},
    )
    values = {value.site: value for value in sites(network, plan).sites}
    change = values["a"].change
    assert change is not None
    assert (change.kind, change.now, change.value) == ("network", "X", "W")
    assert (change.before, change.after) == (1, 2)
    changed = replace(network, sites={**rows, "a": replace(rows["a"], network=(("W",),))})
    (liveness,) = [lost for lost in guarantees(changed, plan) if lost.loss == "liveness"]
    stands = [stand.broken for stand in liveness.stands]
    items = {item for stand in stands for item in stand.weights}
    carriers_fail = [item for item in changed.graph.dependencies if item.kind == "network"]
    assert len(FaultTree(changed.graph, items, carriers_fail).smallest(stands) or ()) == 2
    assert values["c"].change is None


def test_a_stop_keeps_what_was_found(found: Sites) -> None:
    stop = threading.Event()

    def say(text: str) -> None:
        if text.startswith("without"):
            stop.set()

    some = sites(*five(), stop=stop, say=say)
    assert some.stopped
    assert 0 < len(some.sites) < len(found.sites)
    assert set(some.sites) <= set(found.sites)
    assert document(some)["complete"] is False
    assert "Stopped" in as_text(screen(some, "EUR"))
    assert not some.is_empty


def test_what_was_stopped_before_anything_was_found_is_empty() -> None:
    stop = threading.Event()
    stop.set()
    assert sites(*five(), stop=stop).is_empty
    # A plan with nothing in it has no sites to tell of, and that is all there is to know.
    whole = sites(five()[0], Deployment())
    assert (whole.sites, whole.failures, whole.is_empty) == ((), (), False)


@pytest.mark.parametrize("at", ["smallest_sets", "Search.best"])
def test_a_search_that_fails_is_told_and_loses_nothing_that_was_found(
    at: str, found: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("no answer")

    monkeypatch.setattr(f"planner.evaluation.sites_candidates.{at}", fail)
    some = sites(*five())
    assert some.sites == found.sites
    assert some.candidates == ()
    assert some.failures == ("what would raise execution of north, law: no answer",)
    assert document(some)["complete"] is False
    assert f"not looked at, {some.failures[0]}" in " ".join(as_text(screen(some, "EUR")).split())
    assert not some.is_empty


def test_a_plan_whose_figures_fail_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Gauge) -> Figures:
        raise ArithmeticError("no routing")

    monkeypatch.setattr(Gauge, "whole", fail)
    some = sites(*five())
    assert some.failures == ("the plan as it is: no routing",)
    assert some.is_empty


def test_two_processes_find_what_one_finds(found: Sites) -> None:
    assert sites(*five(), workers=Workers(2)) == found


def test_the_document_is_plain_and_whole(found: Sites) -> None:
    content = json.loads(json.dumps(document(found)))
    assert content["format"] == 1
    assert content["complete"] is True
    lyon = next(value for value in content["sites"] if value["site"] == "lyon")
    assert lyon["verdicts"][0] == "adds independence"
    moved = [m for m in lyon["moves"] if m["what"] == "collapse" and m["reading"] == "worst"]
    assert {(m["with"], m["without"]) for m in moved} == {(2, 1)}
    assert {name for move in moved for name in move["by"]} <= {
        "country:DE",
        "network:X",
        "provider:Acme",
    }
    served = [entry for entry in content["figures"] if entry["what"] == "served"]
    assert {entry["value"] for entry in served} == {1.0}


def test_a_plan_without_any_site_has_nothing_to_judge() -> None:
    network, _ = five()
    found = sites(network, Deployment())
    assert found.sites == ()
    assert found.failures == ()
