"""Solves of one network changed here and there, each begun from the plan, and what they prove.

With V the best of a network, v the best found and b its bound, b ≤ V ≤ v. If one network allows all
that another does, its V is no larger; so what the other is worse by lies between its b less the v
of the first, or 0, and its v less the b of the first.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from models.failover import lost_rows
from models.lasting import unavoidable
from models.network import Goal, Network
from models.objectives import unit, value
from models.plan import Deployment
from planner.evaluation.why_results import INFEASIBLE, UNKNOWN, Amount, Best, Level, Price
from planner.jobs.requests import Request, Workers, run_jobs
from planner.result import Limits, Stage
from planner.solver.lexicographic import name_of
from planner.solver.solve import Solved

GAP = 1e-6
"""The gap at which a solve may end: differences of two solves are what is asked for."""
CENT = 0.02
"""Currency that two costs may differ by and be the same: what two stages may each give up."""
COST = "monthly_cost"
SAME = 3e-6
"""How far two figures may differ, relative to the larger, and be the same."""


@dataclass(frozen=True)
class Ask:
    """A network to be solved, from another start than the plan if there is one, in more time.

    `best` is what is known of it already: it is sought from that plan, with what is proven, and not
    in the same way again.
    """

    network: Network
    start: Deployment | None = None
    times: float = 1.0
    best: Best | None = None


@dataclass
class Solves:
    """Who solves, for how many seconds each, from which plan; `failures` are what went wrong."""

    plan: Deployment
    seconds: float
    seed: int
    workers: Workers
    stop: threading.Event
    say: Callable[[str], object]

    def __post_init__(self) -> None:
        """Begin with nothing solved."""
        self.failures: list[str] = []
        self.count = 0

    def run(self, what: str, asked: Mapping[str, Ask]) -> dict[str, Best]:
        """Return the best plan of every network, by its key; after a stop only those that ended."""
        requests = (self._request(key, ask) for key, ask in asked.items())
        solved: dict[str, Best] = {}
        self.say(f"{what}: 0 of {len(asked)} solved")
        for response in run_jobs(requests, self.workers, stop=self.stop):
            self.count += 1
            if response.solved is None:
                self.failures.append(f"{response.key}: {response.failure}")
            else:
                ask = asked[response.key]
                found = best_of(ask.network, response.solved)
                solved[response.key] = found if ask.best is None else both(ask.best, found)
            self.say(f"{what}: {len(solved)} of {len(asked)} solved")
        return solved

    def _request(self, key: str, ask: Ask) -> Request:
        limits = Limits(self.seconds * ask.times, GAP, self.seed)
        if ask.best is None:
            return Request(key, ask.network, limits, start=ask.start or self.plan)
        bounds = {level.measure: level.bound for level in ask.best.levels}
        limits = replace(limits, seed=self.seed + 1)
        return Request(key, ask.network, limits, start=ask.best.plan, known=bounds)


def both(one: Best, other: Best) -> Best:
    """Return what two solves of one network have found and proven."""
    if not other.levels:
        return one
    better, worse = (other, one) if is_better(other, one) else (one, other)
    return known(better, [worse], [])


def best_of(network: Network, solved: Solved) -> Best:
    """Return the best plan of a solve, each objective as it was before later ones took of it."""
    if solved.plan is None:
        return Best(INFEASIBLE if solved.status == "infeasible" else UNKNOWN)
    groups = goal_groups(network)
    levels = tuple(
        Level(stage.measure, unit(goals), _reached(stage), stage.bound)
        for stage, goals in zip(solved.stages, groups, strict=False)  # as far as it came
    )
    return Best(solved.status, levels, solved.plan.final)


def _reached(stage: Stage) -> float:
    if stage.given_up > 0.0 and stage.bound > 0.0 and stage.proven < 1.0:
        return stage.bound / (1.0 - stage.proven)
    return stage.value


def given(network: Network, plan: Deployment) -> Best:
    """Return what a plan amounts to in every objective, of which nothing is proven."""
    levels = tuple(
        Level(name_of(goals), unit(goals), value(network, plan, goals), -math.inf)
        for goals in goal_groups(network)
    )
    return Best("given", levels, plan)


def goal_groups(network: Network) -> list[list[Goal]]:
    """Return the goals of every priority, in order."""
    by_priority = sorted(network.goals, key=lambda goal: goal.priority)
    return [list(g) for _, g in itertools.groupby(by_priority, key=lambda goal: goal.priority)]


def pinned(network: Network) -> Network:
    """Return the network that keeps what no plan of it can avoid, whatever of it is changed.

    With more ways to serve a row less would be unavoidable, and rules would ask for more.
    """
    return network.part(lost=lost_rows(network), unavoidable=unavoidable(network))


# What two solves prove ----------------------------------------------------------------------------


def is_better(one: Best, other: Best) -> bool:
    """Return whether a plan is better in the first objective in which they differ."""
    if one.plan is None or other.plan is None:
        return one.plan is not None
    for mine, theirs in zip(one.levels, other.levels, strict=False):
        if abs(mine.value - theirs.value) > near(mine, theirs):
            return mine.value < theirs.value
    return False


def near(one: Level, other: Level) -> float:
    """Return by how much two values of an objective may differ and still be the same."""
    least = CENT if one.unit.startswith("currency") else SAME
    return max(least, SAME * max(abs(one.value), abs(other.value)))


def known(base: Best, wider: Iterable[Best], narrower: Iterable[Best]) -> Best:
    """Return the base with all that networks prove of it that allow more, and that allow less.

    A plan of the latter is one of the base; a bound of the former holds for the base.
    """
    for found in narrower:
        if is_better(found, base):
            bounds = itertools.chain(
                (level.bound for level in base.levels), itertools.repeat(-math.inf)
            )
            levels = zip(found.levels, bounds, strict=False)
            bounded = (replace(new, bound=min(new.value, bound)) for new, bound in levels)
            base = Best(base.status, tuple(bounded), found.plan)
    known_levels = list(base.levels)
    for found in wider:
        for number, (mine, theirs) in enumerate(zip(known_levels, found.levels, strict=False)):
            bound = min(mine.value, max(mine.bound, theirs.bound))
            known_levels[number] = replace(mine, bound=bound)
            if abs(mine.value - theirs.value) > near(mine, theirs):
                break  # bounds of later objectives are of plans that are as good in this one
    return replace(base, levels=tuple(known_levels))


def price(narrower: Best, wider: Best, *, is_sure: bool = True) -> Price:
    """Return by how much a network is worse off than one that allows all that it does, and more.

    Where it is not sure that it does allow all that, the price may be below nothing. Where an
    objective differs, nothing is proven of those after it.
    """
    if narrower.status == INFEASIBLE:
        return Price(INFEASIBLE)
    if not narrower.levels or not wider.levels:
        return Price(UNKNOWN)
    if is_sure:
        wider = known(wider, (), (narrower,))
    least = 0.0 if is_sure else -math.inf
    amounts, is_alike = [], True
    for tight, loose in zip(narrower.levels, wider.levels, strict=False):
        found, small = tight.value - loose.value, near(tight, loose)
        ends = -math.inf, math.inf
        if is_alike:
            ends = max(least, tight.bound - loose.value), max(least, tight.value - loose.bound)
            ends, found = _without_noise(ends, max(least, found), small)
        amounts.append(Amount(tight.measure, tight.unit, *ends, found))
        is_alike = is_alike and abs(tight.value - loose.value) <= small
    return Price("priced", tuple(amounts))


def _without_noise(
    ends: tuple[float, float], found: float, small: float
) -> tuple[tuple[float, float], float]:
    """Return an interval, and what was found in it, with what is next to nothing as nothing."""
    low, high = (0.0 if abs(end) <= small else end for end in ends)
    found = 0.0 if abs(found) <= small else found
    return ((found, found) if high - low <= small else (low, high)), found


def is_near(found: Best, base: Best, tolerance: float) -> bool:
    """Return whether a plan is as good as the base up to its main objective, and near it in that.

    The main objective is the monthly cost where it is one, else the last; those after it are left
    out.
    """
    count = main(base) + 1
    if not count or found.plan is None or len(found.levels) < count:
        return False
    limits = _limits(base, tolerance)
    return all(level.value <= limit for level, limit in zip(found.levels, limits, strict=False))


def is_far(found: Best, base: Best, tolerance: float) -> bool:
    """Return whether it is proven that no plan of a network is near the base."""
    if found.status == INFEASIBLE:
        return True
    limits = _limits(base, tolerance)
    return any(level.bound > limit for level, limit in zip(found.levels, limits, strict=False))


def main(base: Best) -> int:
    """Return the position of the objective in which plans are near each other or not."""
    names = [level.measure for level in base.levels]
    return names.index(COST) if COST in names else len(names) - 1


def _limits(base: Best, tolerance: float) -> list[float]:
    """Return what a near plan may have of every objective up to the main one."""
    last = main(base)
    return [
        level.value + (tolerance * abs(level.value) if number == last else 0.0) + near(level, level)
        for number, level in enumerate(base.levels[: last + 1])
    ]
