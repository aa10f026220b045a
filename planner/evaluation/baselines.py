"""The plans that a simple tool would give on the same workbook, scored as the plan itself is.

`nearest` sends every demand row to its eligible site of lowest round trip and sizes the nodes to
fit, blind to capacity and to what is shared. `cheapest` serves demand within its limits at least
cost, blind to what is shared. `today` is what runs now, with demand sent to the nearest that has
room. What they break is counted by the same audit, what they cost by the same bill.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from models.network import DEFAULT_GOALS, Network
from models.plan import Deployment
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.nearest_plans import nearest, today
from planner.evaluation.score import Score

Solve = Callable[[Network], Deployment | None]
"""The planner's own solver with a short time limit; None where it finds no plan."""

PLAN, NEAREST, CHEAPEST, TODAY = "plan", "nearest", "cheapest", "today"


def compare(plan: Evaluation, solve: Solve | None = None) -> tuple[Score, ...]:
    """Return the score of the plan, then of nearest, cheapest (if solved) and today (if any)."""
    network = plan.network
    others = {
        NEAREST: nearest(network),
        CHEAPEST: cheapest(network, solve) if solve is not None else None,
        TODAY: today(network),
    }
    own = plan.score(PLAN)
    scores = [own]
    for name, found in others.items():
        if found is not None:
            score = Evaluation(network, found).score(name)
            # The plan keeps all that the cheapest must, so nothing dearer is the cheapest.
            is_dearer = name == CHEAPEST and _paid(score) > _paid(own)
            scores.append(replace(own, name=name) if is_dearer else score)
    return tuple(scores)


def _paid(score: Score) -> tuple[float, float]:
    """Return what the cheapest plan makes small: what is not served, then the cost."""
    return (-(score.served or 0.0), score.monthly_cost + score.penalties)


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
