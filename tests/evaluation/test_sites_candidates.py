"""What other sites would add, against trying everything on small random networks."""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from dataclasses import replace
from itertools import combinations, product

import pytest

from models.data import (
    Committee,
    Demand,
    Item,
    Model,
    NodeType,
    Offer,
    OfferKey,
    Policy,
    Provider,
    Region,
    Settings,
    Site,
)
from models.network import Network
from models.plan import Deployment, Replica, Seat
from planner.evaluation.sites_additions import Additions, applied
from planner.evaluation.sites_candidates import candidates, weakest_of_each
from planner.evaluation.sites_change import nearest_change, weakest_of
from planner.evaluation.sites_figures import Gauge
from planner.evaluation.sites_guarantees import fewest, is_ended
from planner.evaluation.sites_results import Addition, Candidates, Figure, Figures
from planner.evaluation.stress_questions import Asked, read_at_worst
from planner.jobs.requests import Workers
from tests.cases import deployment_for_small, small
from tests.evaluation.test_sites import base_of
from tests.thorough import parts


def found_by_search(
    network: Network, plan: Deployment, whole: Figures, figure: Figure, workers: int = 1
) -> Candidates:
    failures: list[str] = []
    found = candidates(
        network,
        plan,
        whole,
        figure,
        2,
        Workers(workers),
        threading.Event(),
        lambda _: None,
        failures,
    )
    assert not failures
    assert found is not None
    return found


def may_fail(asked: Asked, figure: Figure) -> list[Item]:
    if figure.row:
        row = next(r for r in asked.network.demand if tuple(r.key) == figure.row)
        return asked.may_fail(asked.worst, asked.unavoidable_to(row))
    return asked.may_fail(asked.worst, asked.unavoidable(figure.role))


def best_by_trying(asked: Asked, figure: Figure, size: int) -> float | None:
    """Return the most steps per unit of money that up to two additions raise a guarantee by."""
    network, plan = asked.network, asked.plan
    offered = Additions(network, plan, figure)
    by_site = offered.by_site()
    sets = [s for n in range(size + 1) for s in combinations(may_fail(asked, figure), n)]
    raised: dict[frozenset[Addition], float] = {}

    def raises(chosen: tuple[Addition, ...]) -> bool:
        after = applied(network, plan, chosen)
        if any(count < 0 for count in after.seats.values()):
            return False
        return not any(is_ended(asked, asked.worst, after, figure, s) for s in sets)

    singles = [(addition,) for additions in by_site.values() for addition in additions]
    pairs = [
        pair
        for one, other in combinations(sorted(by_site), 2)
        for pair in product(by_site[one], by_site[other])
    ]
    for chosen in (*singles, *pairs):
        if raises(chosen) and not any(frozenset((a,)) in raised for a in chosen):
            if len(chosen) == 1:
                raised[frozenset(chosen)] = -1.0
            if offered.is_legal(chosen):
                ends = fewest(asked, asked.worst, applied(network, plan, chosen), figure)
                gain = math.inf if ends is None else len(ends) - size
                cost = offered.cost(chosen)
                raised[frozenset(chosen)] = gain / cost if cost > 0 else math.inf
    found = [ratio for ratio in raised.values() if ratio > 0]
    return max(found, default=None)


TYPES = {
    "gpu": NodeType(node_type="gpu", role="execution", gpu_memory_gb=80),
    "check": NodeType(node_type="check", role="verification", verifications_per_s=9.0),
    "disk": NodeType(node_type="disk", role="storage", disk_tb=1.0),
    "seat": NodeType(node_type="seat", role="coordination"),
}


def drawn(seed: int) -> tuple[Network, Deployment]:
    """Return six sites with room that share what they hang on, and a plan that opens three."""
    draw = random.Random(seed)
    names = "abcdef"
    providers = {
        name: Provider(provider=name, monthly_cost=draw.choice([0.0, 40.0])) for name in "pqr"
    }
    sites = {
        name: Site(
            site=name,
            provider=draw.choice("pqr"),
            country=((draw.choice(("DE", "FR", "US")),),),
            owner=((draw.choice(("Equus", "Domus")),),) if draw.random() < 0.8 else (),
            **dict.fromkeys(("bloc", "operator", "data_centre", "metro", "grid", "network"), ()),
            monthly_cost=draw.choice([10.0, 25.0]),
        )
        for name in names
    }
    offers = {
        OfferKey(site, kind): Offer(
            site=site, node_type=kind, max_nodes=3, monthly_cost=draw.choice([20.0, 35.0])
        )
        for site, kind in product(names, TYPES)
    }
    policy = Policy(policy="two", verifiers=2, quorum=2)
    demand = tuple(
        Demand(region="r", model="m", verification=name, requests_per_s=rate)
        for name, rate in (("", 2.0), ("two", draw.choice([1.0, 3.0])))
    )
    network = Network(
        settings=Settings(utilisation=1.0),
        sites=sites,
        providers=providers,
        offers=offers,
        demand=demand,
        regions={"r": Region(region="r")},
        node_types=TYPES,
        models={"m": Model(model="m", gpu_memory_gb=40, weights_gb=40, requests_per_s=4.0)},
        policies={"two": policy},
        committees={"c": Committee(committee="c", seats=draw.choice([4, 7]))},
    )
    opened = sorted(draw.sample(names, 3))
    verifying = opened if draw.random() < 0.7 else opened[:2]
    seats: Counter[Seat] = Counter()
    for number in range(network.committees["c"].seats):
        seats[Seat("c", opened[number % 3], "seat")] += 1
    nodes = {OfferKey(site, kind): 1 for site in opened for kind in ("gpu", "disk")}
    nodes |= {OfferKey(site, "check"): 1 for site in verifying}
    nodes |= {OfferKey(seat.site, "seat"): count for seat, count in seats.items()}
    return network, Deployment(
        open=frozenset(opened),
        contracts=frozenset(sites[site].provider for site in opened),
        nodes=nodes,
        warm={Replica(site, "gpu", "m"): 1 for site in opened[: draw.choice([1, 2, 3])]},
        copies=frozenset(Replica(site, "disk", "m") for site in opened[: draw.choice([1, 2])]),
        seats=dict(seats),
    )


@pytest.mark.parametrize("part", parts(2))
def test_the_best_additions_are_those_of_trying_all(part: int) -> None:
    outcomes = []
    for seed in range(3 * part, 3 * part + 3):
        network, plan = drawn(seed)
        whole = Gauge(network, plan, base_of(network, plan)).whole()
        asked = Asked(network, plan)
        for figure in weakest_of_each(network, whole):
            found = found_by_search(network, plan, whole, figure)
            expected = best_by_trying(asked, figure, found.size)
            best = found.best
            if best is None:
                assert expected is None, (seed, figure)
                assert found.unable
            else:
                gain = math.inf if best.size is None else best.size - found.size
                ratio = gain / best.cost if best.cost > 0 else math.inf
                assert ratio == pytest.approx(expected), (seed, figure)
            outcomes.append((figure.role, best is not None and len(best.additions)))
    assert len(set(outcomes)) > 2, outcomes


@pytest.mark.parametrize("part", parts(2))
def test_a_change_is_found_wherever_one_cell_of_a_site_would_help(part: int) -> None:
    outcomes = []
    for seed in range(6 * part, 6 * part + 6):
        network, plan = drawn(seed)
        gauge = Gauge(network, plan, base_of(network, plan))
        whole = gauge.whole()
        for site in sorted(plan.open):
            figure = weakest_of(gauge, whole, site)
            assert figure is not None
            size = whole.values[figure]
            row, helps = network.sites[site], set()
            for kind in ("provider", "country", "owner"):
                for other in network.sites.values():
                    cell = getattr(other, kind)
                    if not cell or cell == getattr(row, kind) or not getattr(row, kind):
                        continue
                    changed = replace(row, **{kind: cell})
                    read = read_at_worst(replace(network, sites={**network.sites, site: changed}))
                    found = fewest(gauge.asked, read, plan, figure)
                    if size and (found is None or len(found) > size):
                        helps.add((kind, cell if kind == "provider" else cell[0][0]))
            change = nearest_change(gauge, whole, site, figure)
            assert (change is None) == (not helps), (seed, site, figure)
            if change is not None:
                assert (change.kind, change.value) in helps
            outcomes.append(change is not None)
    assert set(outcomes) == {True, False}


def test_two_processes_find_what_one_finds() -> None:
    network, plan = drawn(3)
    whole = Gauge(network, plan, base_of(network, plan)).whole()
    for figure in weakest_of_each(network, whole):
        one, two = (found_by_search(network, plan, whole, figure, n) for n in (1, 2))
        assert one == two


def test_a_plan_with_an_addition_is_legal_and_costs_what_is_said() -> None:
    network, plan = small(), deployment_for_small()
    gauge = Gauge(network, plan, base_of(network, plan))
    whole = gauge.whole()
    for figure in weakest_of_each(network, whole):
        # Every site is open, so there is nothing to add.
        found = found_by_search(network, plan, whole, figure)
        assert found.looked_at == 0
        assert found.best is None
        assert found.unable == "No other site may open and has room for what would help."
