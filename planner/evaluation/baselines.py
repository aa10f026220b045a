"""The plans that a simple tool would give on the same workbook, scored as the plan itself is.

`nearest` sends every demand row to its eligible site of lowest round trip and sizes the nodes to
fit, blind to capacity and to what is shared. `cheapest` serves demand within its limits at least
cost, blind to what is shared. `today` is what runs now, with demand sent to the nearest that has
room. What they break is counted by the same audit, what they cost by the same bill.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from models import objectives
from models.concentration import ALL, Concentration, concentration
from models.costs import sum_of, unserved_share
from models.data import Demand
from models.network import DEFAULT_GOALS, Network
from models.plan import Deployment, Plan
from models.service import service
from planner.evaluation.audit import audit
from planner.evaluation.nearest_plans import ROUNDING, UNREACHABLE_MS, nearest, today

Solve = Callable[[Network], Deployment | None]
"""The planner's own solver with a short time limit; None where it finds no plan."""

PLAN, NEAREST, CHEAPEST, TODAY = "plan", "nearest", "cheapest", "today"


@dataclass(frozen=True)
class Score:
    """What a deployment amounts to.

    `monthly_cost` and `penalties` are in currency per month: what is paid, one-off cost spread over
    `months`, and what is not. Latencies are in ms over requests served, None if unknown. `served`
    and `served_cold` are shares of demand, None without demand. `largest_share` is of execution
    requests by kind of dependency, doubt read at worst. `violations` are counted by rule.
    """

    name: str
    monthly_cost: float
    p50_ms: float | None
    p95_ms: float | None
    served: float | None
    served_cold: float | None
    largest_share: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, int] = field(default_factory=dict)
    penalties: float = 0.0

    @property
    def broken(self) -> int:
        """Return how many violations there are."""
        return sum(self.violations.values())


def compare(network: Network, plan: Deployment, solve: Solve | None = None) -> tuple[Score, ...]:
    """Return the score of the plan, then of nearest, cheapest (if solved) and today (if any)."""
    scores = [score(PLAN, network, plan), score(NEAREST, network, nearest(network))]
    least = cheapest(network, solve) if solve is not None else None
    if least is not None:
        scores.append(score(CHEAPEST, network, least))
    running = today(network)
    if running is not None:
        scores.append(score(TODAY, network, running))
    return tuple(scores)


def score(name: str, network: Network, deployment: Deployment) -> Score:
    """Return what the deployment amounts to, recomputed from the tables."""
    missing = unserved_share(network, deployment)
    asked = {demand.key: _monthly_rate(network, demand) for demand in network.demand}
    total = sum(asked.values())
    lost = sum(asked[key] * share for key, share in missing.items())
    cold = sum(
        asked.get(flow.demand, 0.0) * flow.share
        for flow in deployment.routing
        if flow.state == "cold"
    )
    answers = list(_answers(network, deployment))
    found = audit(network, Plan({"": deployment}))
    return Score(
        name=name,
        monthly_cost=sum_of(objectives.money(network, deployment)),
        penalties=sum_of(objectives.penalties(network, deployment)),
        p50_ms=percentile_ms(answers, 0.5),
        p95_ms=percentile_ms(answers, 0.95),
        served=1 - lost / total if total else None,
        served_cold=cold / total if total else None,
        largest_share=largest_shares(concentration(network, deployment, ("execution",))),
        violations=dict(sorted(Counter(violation.rule for violation in found).items())),
    )


def largest_shares(concentrations: tuple[Concentration, ...]) -> dict[str, float]:
    """Return the largest share of all execution requests by kind, in the worst period."""
    largest: dict[str, float] = defaultdict(float)
    for found in concentrations:
        if (found.role, found.of) == ("execution", ALL):
            largest[found.kind] = max(largest[found.kind], found.worst.largest_share)
    return dict(sorted(largest.items()))


def percentile_ms(answers: list[tuple[float, float]], share: float) -> float | None:
    """Return the latency that this share of (latency, weight) keeps within; None if unknown."""
    reached, total = 0.0, sum(weight for _, weight in answers)
    for latency, weight in sorted(answers):
        reached += weight
        if reached >= share * total * (1 - ROUNDING):
            return latency if math.isfinite(latency) else None
    return None


def _monthly_rate(network: Network, demand: Demand) -> float:
    """Return the requests/s of the row, mean over the month."""
    return demand.requests_per_s * network.month_share[demand.period]


def _answers(network: Network, deployment: Deployment) -> Iterator[tuple[float, float]]:
    """Yield latency in ms (infinite if unknown) and weight of all that is served."""
    demand_of = {demand.key: demand for demand in network.demand}
    for flow in deployment.routing:
        demand = demand_of.get(flow.demand)
        if demand is None:
            continue
        way = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if not isinstance(way, str):
            latency = UNREACHABLE_MS if way.latency_ms is None else way.latency_ms
            yield latency, _monthly_rate(network, demand) * flow.share


# Cheapest -----------------------------------------------------------------------------------------


def cheapest(network: Network, solve: Solve) -> Deployment | None:
    """Return the plan of least cost that is blind to everything shared; None if none is found."""
    return solve(without_independence(network))


def without_independence(network: Network) -> Network:
    """Return the network without any rule on diversity, independence, spread or protection."""
    return replace(
        network,
        diversity=(),
        dependencies={
            item: replace(row, protect=False) for item, row in network.dependencies.items()
        },
        shocks={name: replace(shock, protect=False) for name, shock in network.shocks.items()},
        policies={
            name: replace(policy, independent_of=()) for name, policy in network.policies.items()
        },
        committees={
            name: replace(committee, max_seats_per_site=None)
            for name, committee in network.committees.items()
        },
        goals=DEFAULT_GOALS,
    )
