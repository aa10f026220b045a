"""What a site adds: figures against a plan and a workbook that never had it, and the verdicts."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from models.collapse import FaultTree
from models.costs import sum_of
from models.data import Item
from models.guarantees import guarantees
from models.network import Network
from models.outage import smallest_outage
from models.plan import Deployment
from models.replay import headroom, replay, rerouted
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.sites_base import Base, asked_to_serve, batches, joined
from planner.evaluation.sites_figures import Gauge, without_site
from planner.evaluation.sites_results import COST, Figure, Figures
from planner.evaluation.stress_questions import Asked, read_at_best, read_at_worst
from tests import draw
from tests.cases import deployment_for_small, small

SEEDS = range(14)


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
            row.key: row.requests_per_s * whole.month_share[row.period]
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
        if group.kind in asked.not_judged or not per_role:
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


@pytest.mark.parametrize("seed", SEEDS)
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
