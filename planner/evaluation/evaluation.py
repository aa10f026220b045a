"""What a deployment amounts to: every figure that is told of it, computed once, when first asked.

Screen, sheets and plan.json only render this, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from models.concentration import ALL, Concentration, concentration
from models.costs import Line, one_off_bill, sum_of, unserved_share
from models.data import ROLES, Demand, DemandKey
from models.detours import Detour, detours
from models.measures.changes import Change, changes, openings
from models.measures.monthly_cost import money, penalties
from models.network import Network
from models.phases import by_phase
from models.plan import Deployment, Flow, Plan, Refusal, Violation
from models.provenance import Reliance, reliances
from models.service import Service, service
from planner.evaluation.audit import audit
from planner.evaluation.kept import Keeping
from planner.evaluation.nearest_plans import ROUNDING, UNREACHABLE_MS
from planner.evaluation.score import Score
from planner.evaluation.unserved import Served, served


class Answer(NamedTuple):
    """A flow of the plan with its demand row and what users get; `way` says so if not allowed.

    `rate` is in requests/s, mean over the month.
    """

    flow: Flow
    demand: Demand
    way: Service | Refusal
    rate: float

    @property
    def service(self) -> Service | None:
        """Return what users get, None if it is not allowed."""
        return self.way if isinstance(self.way, Service) else None


@dataclass(frozen=True)
class Evaluation:
    """The figures of one phase of a plan; rates are in requests/s, mean over the month.

    `keeping` is what it takes for users to lose a guarantee, where that was asked.
    """

    network: Network
    plan: Deployment
    phase: str = ""
    keeping: Keeping | None = None

    # What is served -------------------------------------------------------------------------------

    @cached_property
    def demand(self) -> tuple[Served, ...]:
        """Return what every demand row asks for and gets, and why it gets no more."""
        return tuple(served(self.network, self.plan))

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Return the routing with what users get of it; flows of no demand row are left out."""
        demand_of = {demand.key: demand for demand in self.network.demand}
        return tuple(
            Answer(
                flow,
                demand,
                service(self.network, demand, flow.offer, flow.route, flow.state, flow.fetch_from),
                self.network.mean_rate(demand) * flow.share,
            )
            for flow in self.plan.routing
            if (demand := demand_of.get(flow.demand)) is not None
        )

    @cached_property
    def latency_ms(self) -> dict[DemandKey, float]:
        """Return the mean latency of every demand row of which something served has a known one."""
        known: dict[DemandKey, list[tuple[float, float]]] = defaultdict(list)
        for answer in self.answers:
            way = answer.service
            if way is not None and way.latency_ms is not None and answer.flow.share > 0:
                known[answer.flow.demand].append((answer.flow.share, way.latency_ms))
        return {
            key: sum(share * ms for share, ms in found) / sum(share for share, _ in found)
            for key, found in known.items()
        }

    @cached_property
    def asked(self) -> float:
        """Return the requests/s of all demand."""
        return sum(self.network.mean_rate(demand) for demand in self.network.demand)

    @cached_property
    def unserved(self) -> float:
        """Return the requests/s that nobody answers."""
        missing = unserved_share(self.network, self.plan)
        return sum(
            self.network.mean_rate(demand) * missing[demand.key] for demand in self.network.demand
        )

    @cached_property
    def cold(self) -> float:
        """Return the requests/s that wait for a model to be loaded."""
        return sum(answer.rate for answer in self.answers if answer.flow.state == "cold")

    @cached_property
    def detours(self) -> tuple[Detour, ...]:
        """Return the flows that pass by a nearer, cold site."""
        return tuple(detours(self.network, self.plan))

    def percentile_ms(self, share: float) -> float | None:
        """Return the latency that this share of all requests served keeps; None if unknown."""
        return percentile_ms(self._latencies, share)

    @cached_property
    def _latencies(self) -> list[tuple[float, float]]:
        """Return latency in ms (infinite if unknown) and rate of all that is served."""
        return [
            (UNREACHABLE_MS if way.latency_ms is None else way.latency_ms, answer.rate)
            for answer in self.answers
            if (way := answer.service) is not None
        ]

    # What it costs --------------------------------------------------------------------------------

    @cached_property
    def monthly(self) -> tuple[Line, ...]:
        """Return the lines of what is paid a month, one-off costs spread over the months."""
        return tuple(money(self.network, self.plan))

    @cached_property
    def one_off(self) -> tuple[Line, ...]:
        """Return the lines of what is paid once."""
        return tuple(one_off_bill(self.network, self.plan))

    @cached_property
    def penalties(self) -> tuple[Line, ...]:
        """Return the lines of what counts with the money but is never paid."""
        return tuple(penalties(self.network, self.plan))

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return every change against today that the measure `changes` counts."""
        return tuple(changes(self.network, self.plan))

    @cached_property
    def openings(self) -> tuple[Change, ...]:
        """Return the sites and contracts that begin or end, which the measure does not count."""
        return tuple(openings(self.network, self.plan))

    # What is shared -------------------------------------------------------------------------------

    @cached_property
    def concentration(self) -> tuple[Concentration, ...]:
        """Return how much of everything hangs on one dependency, role by role."""
        others = [role for role in (*ROLES, ALL) if role != "execution"]
        found = (*self._execution, *concentration(self.network, self.plan, others))
        return tuple(sorted(found, key=lambda group: (*ROLES, ALL).index(group.role)))

    @cached_property
    def _execution(self) -> tuple[Concentration, ...]:
        return concentration(self.network, self.plan, ("execution",))

    @cached_property
    def largest_share(self) -> dict[str, float]:
        """Return the largest share of all execution requests by kind, in the worst period."""
        largest: dict[str, float] = defaultdict(float)
        for found in self._execution:
            if found.of == ALL:
                largest[found.kind] = max(largest[found.kind], found.worst.largest_share)
        return dict(sorted(largest.items()))

    # What it rests on -----------------------------------------------------------------------------

    @cached_property
    def reliances(self) -> tuple[Reliance, ...]:
        """Return what of the plan rests on figures that are only assumed, kind by kind."""
        return reliances(self.network, self.plan)

    # Whether it is a plan -------------------------------------------------------------------------

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """Return every place where the deployment breaks a rule."""
        return audit(self.network, Plan({self.phase: self.plan}))

    def score(self, name: str) -> Score:
        """Return the figures by which the deployment is compared with others."""
        counts = Counter(violation.rule for violation in self.violations)
        return Score(
            name=name,
            monthly_cost=sum_of(self.monthly),
            penalties=sum_of(self.penalties),
            p50_ms=self.percentile_ms(0.5),
            p95_ms=self.percentile_ms(0.95),
            served=1 - self.unserved / self.asked if self.asked else None,
            served_cold=self.cold / self.asked if self.asked else None,
            largest_share=self.largest_share,
            violations=dict(sorted(counts.items())),
        )


def evaluate(
    network: Network, plan: Plan, keeping: Keeping | None = None
) -> tuple[Evaluation, ...]:
    """Return the evaluation of every phase; the last is what the roll-out ends with.

    The `keeping` is that of the last.
    """
    *before, last = by_phase(network, plan)
    found = [Evaluation(of, deployment, phase) for phase, of, deployment in before]
    return (*found, Evaluation(last.network, last.plan, last.name, keeping))


def percentile_ms(answers: Iterable[tuple[float, float]], share: float) -> float | None:
    """Return the latency that this share of (latency, weight) keeps within; None if unknown."""
    known = sorted(answers)
    reached, total = 0.0, sum(weight for _, weight in known)
    for latency, weight in known:
        reached += weight
        if reached >= share * total * (1 - ROUNDING):
            return latency if math.isfinite(latency) else None
    return None
