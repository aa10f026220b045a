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

from models.largest_share import LargestShare
from models.measures import measure
from models.network import Goal, Network
from models.objectives import value
from models.plan import Deployment
from planner.evaluation.frontier import Point, grid, proven
from planner.jobs.requests import Request, Response, Workers, run_jobs
from planner.result import Limits
from planner.solver.solve import Solved

ROOM = 1e-6
"""How far, relatively, a plan may exceed the best in the measure where its cost is made least."""
BEST, CHEAPEST = "best", "cheapest"
COST = "monthly_cost"
APART = 4
"""How many limits apart those of the first round are; of every next round half as many."""


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
        self.plans: list[tuple[Point, Solved]] = []
        self.least = -math.inf
        self.failures: list[str] = []
        self.reached: list[str] = []

    def run(self, count: int) -> list[tuple[Point, Solved]]:
        """Solve the ends, then the grid between them; return what was found, all of it proven."""
        first = [
            Request(BEST, self._seen((self.unserved, Goal(2, self.against))), self.limits),
            Request(CHEAPEST, self._within(math.inf), self.limits),
        ]
        begun: Deployment | None = None
        best = math.inf
        for response in self._solved(first, count + 3):
            if response.key == CHEAPEST:
                self._take(response, math.inf)
            elif (found := self._plan_of(response, "the best in the measure")) is not None:
                assert found.plan is not None
                begun = found.plan.final
                best, self.least = self._amount(begun), found.stages[-1].bound
        if begun is not None and self.plans and not self.stop.is_set():
            # As good as the best, and then as cheap as can be: an end like all the others.
            room = best + ROOM * abs(best)
            limits = [room, *grid(room, self.plans[0][0].amount, count)]
            for numbers in rounds(len(limits)):
                requests = [self._request(str(n), limits[n], begun) for n in numbers]
                for response in self._solved(requests, count + 3):
                    self._take(response, limits[int(response.key)])
        points = proven([point for point, _ in self.plans], self.least)
        return [(point, solved) for point, (_, solved) in zip(points, self.plans, strict=True)]

    def _request(self, key: str, limit: float, begun: Deployment) -> Request:
        """Return the solve within a limit, from the cheapest plan so far that keeps it."""
        known = [(p.cost, s.plan.final) for p, s in self.plans if p.amount <= limit and s.plan]
        start = min(known, key=lambda entry: entry[0])[1] if known else begun
        return Request(key, self._within(limit), self.limits, start=start)

    def _solved(self, requests: Sequence[Request], of: int) -> Iterator[Response]:
        self.say(f"{len(self.reached)} of {of} plans sought")
        for response in run_jobs(requests, self.workers, stop=self.stop):
            yield response
            self.say(f"{len(self.reached)} of {of} plans sought")

    # What is asked for --------------------------------------------------------------------------

    def goals(self, limit: float) -> tuple[Goal, ...]:
        """Return what is made small, one after the other, with the measure at most `limit`."""
        at_most = limit if math.isfinite(limit) else None
        return (self.unserved, Goal(2, COST), Goal(3, self.against, at_most=at_most))

    def _within(self, limit: float) -> Network:
        return self._seen(self.goals(limit))

    def _seen(self, goals: tuple[Goal, ...]) -> Network:
        network = self.network.part(goals=goals)
        asked = measure(self.against)
        return asked.seen(network) if isinstance(asked, LargestShare) else network

    # What is found ------------------------------------------------------------------------------

    def _amount(self, plan: Deployment) -> float:
        return value(self._seen(self.goals(math.inf)), plan, [Goal(1, self.against)])

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
        if solved is None:
            return
        assert solved.plan is not None
        by_measure = {stage.measure: stage for stage in solved.stages}
        plan, cost = solved.plan.final, by_measure.get(COST)
        amount = by_measure.get(self.against)
        network = self._within(limit)
        point = Point(
            limit=limit,
            status=solved.status,
            cost=value(network, plan, [Goal(1, COST)]),
            cost_bound=cost.bound if cost is not None else -math.inf,
            amount=self._amount(plan),
            amount_bound=amount.bound if amount is not None else -math.inf,
            unserved=by_measure["unserved"].value,
        )
        self.plans.append((point, solved))


def rounds(count: int) -> Iterator[list[int]]:
    """Yield the positions of so many limits, the first and those far apart first."""
    step, known = APART, set[int]()
    while step:
        numbers = [number for number in range(0, count, step) if number not in known]
        known.update(numbers)
        if numbers:
            yield numbers
        step //= 2
