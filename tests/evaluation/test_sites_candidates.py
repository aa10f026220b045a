"""What other sites would add, against trying everything on small random networks."""

from __future__ import annotations

import math
import random
import threading
from dataclasses import replace
from itertools import combinations, product

import pytest

from models.data import Item
from models.network import Network
from models.plan import Deployment
from planner.evaluation.sites_additions import Additions, applied
from planner.evaluation.sites_candidates import candidates, weakest_of_each
from planner.evaluation.sites_figures import Gauge
from planner.evaluation.sites_guarantees import fewest, is_ended
from planner.evaluation.sites_results import Addition, Candidates, Figure, Figures
from planner.evaluation.stress_questions import Asked
from planner.jobs.requests import Workers
from tests import draw
from tests.cases import deployment_for_small, small
from tests.evaluation.test_sites import base_of


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


def drawn(seed: int) -> tuple[Network, Deployment]:
    """Return a network with room, and a plan that leaves some of its sites shut."""
    choose = random.Random(seed)
    network = draw.network(seed)
    sites = {
        name: replace(site, status="candidate", max_nodes=None, monthly_cost=10.0)
        for name, site in network.sites.items()
    }
    settings = replace(network.settings, budget_monthly=None, budget_one_off=None)
    network = replace(network, sites=sites, settings=settings, locks=(), diversity=())
    plan = draw.plan(network, draw.row_by_row(network), seed)
    shut = frozenset(choose.sample(sorted(sites), max(1, len(sites) // 2)))
    return network, Deployment(
        open=plan.open - shut,
        contracts=plan.contracts,
        nodes={offer: n for offer, n in plan.nodes.items() if offer.site not in shut},
        warm={replica: n for replica, n in plan.warm.items() if replica.site not in shut},
        cold_slots={offer: n for offer, n in plan.cold_slots.items() if offer.site not in shut},
        copies=frozenset(copy for copy in plan.copies if copy.site not in shut),
        seats={seat: n for seat, n in plan.seats.items() if seat.site not in shut},
    )


@pytest.mark.parametrize("part", range(4))
def test_the_best_additions_are_those_of_trying_all(part: int) -> None:
    outcomes = []
    for seed in range(10 * part, 10 * part + 10):
        network, plan = drawn(seed)
        whole = Gauge(network, plan, base_of(network, plan)).whole()
        asked = Asked(network, plan)
        for figure in weakest_of_each(network, whole):
            found = found_by_search(network, plan, whole, figure)
            if found.size > 1:
                continue
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
