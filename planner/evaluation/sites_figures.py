"""Every figure of a plan as it is, and of the same plan without a site, demand routed anew."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from models.concentration import ALL
from models.costs import sum_of
from models.data import Item
from models.exposure import offer_item
from models.network import Network
from models.outage import NEARLY, smallest_outage
from models.plan import Deployment
from models.replay import headroom, replay, rerouted
from planner.evaluation.evaluation import Answer, Evaluation, percentile_ms
from planner.evaluation.nearest_plans import UNREACHABLE_MS
from planner.evaluation.sites_base import ROUNDED, Base, KnownEnd, asked_to_serve, rates_at_risk
from planner.evaluation.sites_results import COST, Figure, Figures
from planner.evaluation.stress_questions import Asked

WORST = 3
"""How many failures at once the blast radius is told of."""

Entry = tuple[Figure, float | None, tuple[Item, ...]]


def without_site(network: Network, plan: Deployment, site: str) -> Deployment:
    """Return the plan without all that stands at a site, nor the contract held for it alone."""
    opened = plan.open - {site}
    provider = network.sites[site].provider
    still = {network.sites[name].provider for name in opened if name in network.sites}
    still |= {name for name, row in network.providers.items() if row.status == "required"}
    ended = frozenset({provider} - still)
    return Deployment(
        open=opened,
        contracts=plan.contracts - ended,
        nodes={offer: n for offer, n in plan.nodes.items() if offer.site != site},
        warm={replica: n for replica, n in plan.warm.items() if replica.site != site},
        cold_slots={offer: n for offer, n in plan.cold_slots.items() if offer.site != site},
        routing=tuple(flow for flow in plan.routing if flow.offer.site != site),
        copies=frozenset(copy for copy in plan.copies if copy.site != site),
        seats={seat: n for seat, n in plan.seats.items() if seat.site != site},
    )


class Gauge:
    """What is measured of a plan and of what is left of it without a site.

    What no plan escapes, and which rows are served in full, is that of the whole plan.
    """

    def __init__(self, network: Network, plan: Deployment, base: Base) -> None:
        self.network, self.plan, self.base = network, plan, base
        self.asked = Asked(network, plan)
        full = replay(network, plan, ()).served if network.demand else {}
        self.in_full = frozenset(
            row.key
            for row in network.demand
            if row.requests_per_s > 0 and full[row.key] >= 1 - NEARLY
        )

    def whole(self) -> Figures:
        """Return every figure of the plan."""
        ends = (*self._row_entries(self.base.best, "best"), *self._row_entries(self.base.worst))
        return self._figures(self.plan, ends, self._worst(self.plan, ""))

    def without(self, site: str, stop: threading.Event | None = None) -> Figures | None:
        """Return every figure of the plan without a site; None after a stop."""
        left, ends = without_site(self.network, self.plan, site), list[Entry]()
        for network, reading, known in (
            (self.asked.best, "best", self.base.best),
            (self.asked.worst, "worst", self.base.worst),
        ):
            for end in known:
                if stop is not None and stop.is_set():
                    return None
                ends += self._row_entries([self._end_without(network, end, left, site)], reading)
        return self._figures(left, ends, self._worst(left, site))

    def _figures(self, plan: Deployment, ends: Iterable[Entry], worst: Iterable[Entry]) -> Figures:
        evaluation = Evaluation(self.network, rerouted(self.network, plan))
        entries = [
            *_costs_and_service(evaluation),
            *self._headroom(plan),
            *self._spread(evaluation),
            *self._guarantees(evaluation.plan),
            *ends,
            *worst,
        ]
        return Figures(
            {figure: value for figure, value, _ in entries},
            {figure: by for figure, _, by in entries if by},
        )

    def _headroom(self, plan: Deployment) -> Iterator[Entry]:
        if self.in_full:
            yield Figure("headroom"), headroom(self.network, plan, self.in_full), ()

    def _guarantees(self, plan: Deployment) -> Iterator[Entry]:
        asked = Asked(self.network, plan)
        for promised in asked.promised:
            end = asked.end(promised)
            for reading, found in (("best", end.best), ("worst", end.worst)):
                figure = Figure("collapse", end.role, end.of, end.loss, reading=reading)
                yield figure, found.size, found.failed or ()
        for question in asked.blasts(WORST, ()):
            role, count = question.role, question.count
            most = asked.most_broken(asked.worst, role, question.kinds, count)
            figure = Figure("blast", role, f"the worst {count}")
            yield figure, float(most.broken), most.failed

    def _spread(self, evaluation: Evaluation) -> Iterator[Entry]:
        """Yield largest shares, effective and Nakamoto numbers per role and kind, if judged."""
        for found in evaluation.concentration:
            is_role = found.of == ALL or found.role in ("verification", "coordination")
            if found.kind in self.asked.not_judged or found.role == ALL or not is_role:
                continue  # nodes of every role together promise nothing to anybody
            of = ", ".join(part for part in (found.of, found.period) if part)
            for reading, figures in (("worst", found.worst), ("best", found.best)):
                at = Figure("", found.role, of, "", found.kind, reading)
                yield at._replace(what="largest_share"), figures.largest_share, ()
                yield at._replace(what="effective"), figures.effective, ()
                for loss, number in figures.nakamoto.items():
                    yield at._replace(what="nakamoto", loss=loss), number, ()

    # Demand rows ----------------------------------------------------------------------------------

    def _row_entries(self, ends: Iterable[KnownEnd], reading: str = "worst") -> Iterator[Entry]:
        for end in ends:
            figure = row_figure(self.network, end.row, reading)
            yield figure, end.ends.size, end.ends.failed or ()

    def _end_without(
        self, network: Network, end: KnownEnd, left: Deployment, site: str
    ) -> KnownEnd:
        """Return the end of a row without a site; what is proven to be no smaller is not sought."""
        at_site = {offer_item(offer) for offer in self.plan.nodes if offer.site == site}
        kept = [stand for stand in end.routings if at_site.isdisjoint(stand)]
        if len(kept) == len(end.routings):
            return end
        demand = self.network.demand[end.row]
        may_fail = self.asked.may_fail(network, self.asked.unavoidable_to(demand))
        if end.ends.size is not None and end.ends.size <= _proven(network, kept, may_fail):
            return end
        found = smallest_outage(network, left, demand, may_fail, kept, end.ends.failed)
        return replace(end, ends=replace(end.ends, failed=found), routings=tuple(kept))

    # Single failures ------------------------------------------------------------------------------

    def _worst(self, plan: Deployment, site: str) -> Iterator[Entry]:
        """Yield the smallest share served under any one failure; that of the whole if no site.

        Most promising first, and no further than something smaller may still be found: without the
        site, a failure leaves no less than what it left before but for what the site carried.
        """
        network = asked_to_serve(self.network)
        risky = [failure for failure in self.base.failures if failure.rate > 0]
        bounds = []
        for failure in risky:
            least = failure.served - failure.carried.get(site, 0.0)
            bounds.append((least / failure.rate, failure.item, failure))
        best: tuple[float, Item] | None = None
        for bound, item, failure in sorted(bounds, key=lambda entry: entry[:2]):
            if best is not None and round(bound, ROUNDED) > best[0]:
                break
            served = failure.served
            if failure.carried.get(site, 0.0) > 0:
                left = replay(network, plan, (item,)).served
                rates = rates_at_risk(self.asked, item)
                served = sum(rate * left[key] for key, rate in rates.items())
            found = (round(served / failure.rate, ROUNDED), item)
            best = found if best is None else min(best, found)
        if best is not None:
            yield Figure("worst_served"), best[0], (best[1],)


def row_figure(network: Network, row: int, reading: str) -> Figure:
    """Return the figure of what ends a demand row."""
    demand = network.demand[row]
    policy = network.policies.get(demand.verification)
    verified = policy is not None and policy.verifiers > 0
    loss = "service, verified" if verified else "service"
    return Figure(
        "collapse", "execution", str(demand.key), loss, reading=reading, row=tuple(demand.key)
    )


def _proven(network: Network, routings: list[frozenset[Item]], may_fail: Iterable[Item]) -> int:
    """Return how many failures it takes at least to stop all routings, as far as that is easy."""
    if not routings:
        return 0
    graph = network.graph
    alone = set(may_fail)
    for stand in routings:
        alone &= {item for part in stand for item in (*graph.hangs_on(part), part)}
    return 1 if alone else 2


def _costs_and_service(evaluation: Evaluation) -> Iterator[Entry]:
    yield COST, sum_of(evaluation.monthly), ()
    if not evaluation.asked:
        return
    by_region: dict[str, list[Answer]] = defaultdict(list)
    for answer in evaluation.answers:
        by_region[answer.demand.region].append(answer)
    asked: dict[str, float] = defaultdict(float)
    for row in evaluation.network.demand:
        asked[row.region] += evaluation.network.mean_rate(row)
    groups = {"": list(evaluation.answers)} | {name: by_region[name] for name in sorted(asked)}
    for name, answers in groups.items():
        rate = asked[name] if name else evaluation.asked
        if rate <= 0:
            continue
        served = sum(answer.rate for answer in answers)
        yield Figure("served", of=name), round(served / rate, ROUNDED), ()
        times = [
            (UNREACHABLE_MS if way.latency_ms is None else way.latency_ms, answer.rate)
            for answer in answers
            if (way := answer.service) is not None
        ]
        for what, share in (("p50_ms", 0.5), ("p95_ms", 0.95)):
            yield Figure(what, of=name), percentile_ms(times, share), ()
