"""Cheapest plans within ever looser limits of a measure, by the ε-constraint method.

First the plan that is best in the measure, and the cheapest; then, on an even grid of limits from
the one to the other, the cheapest plan that keeps each, and of those as cheap the best in the
measure (Haimes et al., 1971). What is left unserved is made least before everything else. The
solves are independent jobs, side by side in rounds, each begun from the cheapest plan of the rounds
before that keeps its limit: so where it begins does not depend on who was sooner.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from models.largest_share import LargestShare
from models.measures import measure
from models.network import Goal, Network
from models.objectives import value
from planner.evaluation.frontier import Point, grid, proven
from planner.jobs.requests import Request, Response, Workers, run_jobs
from planner.result import Limits
from planner.solver.solve import Solved

ROOM = 1e-6
"""How far, relatively, a plan may exceed the best in the measure where its cost is made least."""
BEST, CHEAPEST = "best", "cheapest"
COST = "monthly_cost"
BESIDE = 3
"""Solves beside those of the grid: the best, as cheap as that can be, and the cheapest."""
APART = 4
"""How many limits apart those of the first round are; of every next round half as many."""


class Found(NamedTuple):
    """A plan, where it lies, and what it was sought for."""

    point: Point
    solved: Solved
    network: Network


class Search:
    """The solves for one network: `plans` with their points, and what became of each solve.

    `least` is what no plan can be below in the measure, `failures` say what was not found and why,
    `reached` are the statuses of all solves.
    """

    def __init__(
        self,
        network: Network,
        against: str,
        limits: Limits,
        workers: Workers,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self.network, self.against, self.limits = network, against, limits
        self.workers, self.stop, self.say = workers, stop, say
        named = (goal for goal in network.goals if goal.measure == "unserved")
        unserved = next(named, Goal(1, "unserved"))
        self.unserved = unserved._replace(priority=1, weight=1.0)
        self.plans: list[Found] = []
        self.least = -math.inf
        self.failures: list[str] = []
        self.reached: list[str] = []

    def run(self, count: int) -> list[Found]:
        """Solve the ends, then the grid between them; return what was found, all of it proven."""
        best = self._ends(count)
        if best is not None and self.plans and not self.stop.is_set():
            # As good as the best, and then as cheap as can be: an end like all the others.
            limit = best.point.limit
            limits = [limit, *grid(limit, self.plans[0].point.amount, count)]
            for numbers in rounds(len(limits)):
                requests = [self._request(str(n), limits[n], best) for n in numbers]
                for response in self._solved(requests, count + BESIDE):
                    self._take(response, limits[int(response.key)])
        if best is not None and all(found.point.amount > best.point.limit for found in self.plans):
            self.plans.append(best)  # nobody made it any cheaper
        points = proven([found.point for found in self.plans], self.least)
        return [f._replace(point=p) for f, p in zip(self.plans, points, strict=True)]

    def _ends(self, count: int) -> Found | None:
        """Take the cheapest plan, and return the one that is best in the measure."""
        goals, best = (self.unserved, Goal(2, self.against)), None
        requests = [
            Request(BEST, self._seen(goals), self.limits),
            Request(CHEAPEST, self._seen(self._goals(math.inf)), self.limits),
        ]
        for response in self._solved(requests, count + BESIDE):
            if response.key == CHEAPEST:
                self._take(response, math.inf)
            elif (solved := self._plan_of(response, f"the best in {self.against}")) is not None:
                best = self._found(solved, self.network.part(goals=goals))
                best = best._replace(point=replace(best.point, limit=with_room(best.point.amount)))
                self.least = best.point.amount_bound
        return best

    def _request(self, key: str, limit: float, best: Found) -> Request:
        """Return the solve within a limit, from the cheapest plan so far that keeps it."""
        known = [found for found in (best, *self.plans) if found.point.amount <= limit]
        start = min(known, key=lambda found: found.point.cost).solved.plan
        network = self._seen(self._goals(limit))
        return Request(key, network, self.limits, start=start.final if start else None)

    def _solved(self, requests: Sequence[Request], of: int) -> Iterator[Response]:
        self.say(f"{len(self.reached)} of {of} plans sought")
        for response in run_jobs(requests, self.workers, stop=self.stop):
            yield response
            self.say(f"{len(self.reached)} of {of} plans sought")

    # What is asked for --------------------------------------------------------------------------

    def _goals(self, limit: float) -> tuple[Goal, ...]:
        at_most = limit if math.isfinite(limit) else None
        return (self.unserved, Goal(2, COST), Goal(3, self.against, at_most=at_most))

    def _seen(self, goals: tuple[Goal, ...]) -> Network:
        network = self.network.part(goals=goals)
        asked = measure(self.against)
        return asked.seen(network) if isinstance(asked, LargestShare) else network

    # What is found ------------------------------------------------------------------------------

    def _plan_of(self, response: Response, sought: str) -> Solved | None:
        """Return the solve if there is a plan; note its status, and why there is none."""
        solved = response.solved
        self.reached.append(solved.status if solved is not None else "failed")
        if solved is None or solved.plan is None or not solved.stages:
            why = response.failure or (solved.status.replace("_", " ") if solved else "")
            self.failures.append(f"{sought}: {why}")
            return None
        return solved

    def _take(self, response: Response, limit: float) -> None:
        sought = "the cheapest" if math.isinf(limit) else f"{self.against} at most {limit:,.6g}"
        solved = self._plan_of(response, sought)
        if solved is not None:
            found = self._found(solved, self.network.part(goals=self._goals(limit)))
            self.plans.append(found._replace(point=replace(found.point, limit=limit)))

    def _found(self, solved: Solved, network: Network) -> Found:
        point = point_of(solved, network)
        assert solved.plan is not None
        seen, bounds = self._seen(self._goals(math.inf)), bounds_of(solved)
        point = replace(
            point,
            amount=value(seen, solved.plan.final, [Goal(1, self.against)]),
            amount_bound=bounds.get(self.against, -math.inf),
        )
        return Found(point, solved, network)


def point_of(solved: Solved, network: Network) -> Point:
    """Return what a plan costs and leaves unserved; its measure is for others to say."""
    assert solved.plan is not None
    plan = solved.plan.final
    return Point(
        limit=math.inf,
        status=solved.status,
        cost=value(network, plan, [Goal(1, COST)]),
        cost_bound=bounds_of(solved).get(COST, -math.inf),
        amount=math.inf,
        unserved=value(network, plan, [Goal(1, "unserved")]),
    )


def bounds_of(solved: Solved) -> dict[str, float]:
    """Return the proven bound of every measure of a solve."""
    return {stage.measure: stage.bound for stage in solved.stages}


def with_room(best: float) -> float:
    """Return the limit within which a plan is as good as the best."""
    return best + ROOM * abs(best)


def rounds(count: int) -> Iterator[list[int]]:
    """Yield the positions of so many limits, the first and those far apart first."""
    step, known = APART, set[int]()
    while step:
        numbers = [number for number in range(0, count, step) if number not in known]
        known.update(numbers)
        if numbers:
            yield numbers
        step //= 2
