"""Cheapest plans within ever looser limits of a measure, by the ε-constraint method.

First the plan that is best in the measure, and the cheapest; then, for limits from the one to the
other, the cheapest plan that keeps each, and of those as cheap the best in the measure (Haimes et
al., 1971). Limits go where plans are furthest apart in both: each halves the largest box between
two. What is left unserved is made least before everything else. In the end the limits with the
largest gaps are searched again, from the best plan that any solve has found within them, until the
time for all of them is over.

The solves are independent jobs, side by side in rounds, each begun from the cheapest plan of the
rounds before that keeps its limit: so where it begins does not depend on who was sooner.
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
from planner.evaluation.frontier import CENT, SAME, Point, proven, splits
from planner.jobs.requests import Request, Response, Workers, run_jobs
from planner.result import Limits, without_noise
from planner.solver.clock import Clock
from planner.solver.solve import Solved

ROOM = 1e-6
"""How far, relatively, a plan may exceed the best in the measure where its cost is made least."""
BEST, CHEAPEST = "best", "cheapest"
COST = "monthly_cost"
BESIDE = 3
"""Solves beside those between: the best, as cheap as that can be, and the cheapest."""
FIRST_SHARE, LEAST_SHARE = 0.6, 0.15
"""Shares of its time that a plan is first sought for, and that are worth another search."""
IN_VAIN = 2
"""How often in a row a limit is searched again without gain until it is given up."""


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
        self.first = replace(limits, time_limit_s=FIRST_SHARE * limits.time_limit_s)
        self.clock = Clock(0.0, stop)
        self.least = -math.inf
        self.failures: list[str] = []
        self.reached: list[str] = []

    def run(self, count: int) -> list[Found]:
        """Solve the ends, then between them; return what was found, all of it proven."""
        self._begin(count + BESIDE)
        best = self._ends(count)
        if best is not None and self.plans and not self.stop.is_set():
            tried: list[float] = []
            for size in sizes(count) if count else (0,):
                limits = self._splits(best, tried, size)
                # As good as the best, and then as cheap as can be: an end like all the others.
                limits = limits if tried else [best.point.limit, *limits]
                requests = [self._request(str(n), limit, best) for n, limit in enumerate(limits)]
                for response in self._solved(requests, count + BESIDE):
                    self._take(response, limits[int(response.key)])
                tried += limits
        if best is not None and all(found.point.amount > best.point.limit for found in self.plans):
            self.plans.append(best)  # nobody made it any cheaper
        self._again()
        return self._proven()

    def _begin(self, plans: int) -> None:
        """Set the clock for so many plans, sought side by side."""
        self.clock = Clock(self.limits.time_limit_s * plans / self.side_by_side, self.stop)

    @property
    def side_by_side(self) -> int:
        """Return how many plans are sought at a time."""
        return max(1, self.workers.count)

    def _splits(self, best: Found, tried: Sequence[float], count: int) -> list[float]:
        """Return limits where plans are furthest apart."""
        points = [best.point, *(found.point for found in self.plans)]
        return splits(points, tried, count)

    def _proven(self) -> list[Found]:
        """Return the plans with all that is proven of each by all of them together."""
        points = proven([found.point for found in self.plans], self.least)
        return [f._replace(point=p) for f, p in zip(self.plans, points, strict=True)]

    def _again(self) -> None:
        """Search once more where gaps are largest, each from the best that is known within it.

        One that was searched again gives way to others, and is given up where that gained nothing
        so often.
        """
        tries, in_vain = [1] * len(self.plans), [0] * len(self.plans)
        least_s = LEAST_SHARE * self.limits.time_limit_s
        while self.clock.left_s > least_s and not self.stop.is_set():
            points = [found.point for found in self._proven()]
            gaps = {
                number: point.cost_gap
                for number, point in enumerate(points)
                if point.cost_gap > self.limits.gap and in_vain[number] < IN_VAIN
            }
            first = sorted(gaps, key=lambda n: (-min(gaps[n], 1.0) / tries[n] ** 2, n))
            if not first:
                return
            self.say(f"better plans sought, the largest gap is {max(gaps.values()):.1%}")
            seconds = min(self.clock.left_s, self.first.time_limit_s)
            requests = []
            for number in first[: self.side_by_side]:
                seed = self.limits.seed + tries[number]
                limits = replace(self.first, time_limit_s=seconds, seed=seed)
                # What others prove of this plan holds within its amount, and not within its limit.
                known = {COST: self.plans[number].point.cost_bound}
                request = self._request(str(number), points[number].limit)
                requests.append(replace(request, limits=limits, known=known))
                tries[number] += 1
            for response in run_jobs(requests, self.workers, stop=self.stop):
                solved, number = response.solved, int(response.key)
                is_found = solved is not None and solved.plan is not None and solved.stages
                gained = solved is not None and is_found and self._better(number, solved)
                in_vain[number] = 0 if gained else in_vain[number] + 1

    def _ends(self, count: int) -> Found | None:
        """Take the cheapest plan, and return the one that is best in the measure."""
        goals, best = (self.unserved, Goal(2, self.against)), None
        requests = [
            Request(BEST, self._seen(goals), self.first),
            Request(CHEAPEST, self._seen(self._goals(math.inf)), self.first),
        ]
        for response in self._solved(requests, count + BESIDE):
            if response.key == CHEAPEST:
                self._take(response, math.inf)
            elif (solved := self._plan_of(response, f"the best in {self.against}")) is not None:
                best = self._found(solved, self.network.part(goals=goals))
                best = best._replace(point=replace(best.point, limit=with_room(best.point.amount)))
                self.least = best.point.amount_bound
        return best

    def _request(self, key: str, limit: float, *more: Found) -> Request:
        """Return the solve within a limit, from the cheapest plan so far that keeps it."""
        most = limit + SAME * abs(limit)
        known = [found for found in (*more, *self.plans) if found.point.amount <= most]
        known.sort(key=lambda found: (round(found.point.unserved, 6), found.point.cost))
        plan = known[0].solved.plan if known else None
        start = None if plan is None else plan.final
        return Request(key, self._asked(limit), self.first, start=start)

    def _solved(self, requests: Sequence[Request], of: int) -> Iterator[Response]:
        self.say(f"{len(self.reached)} of {of} plans sought")
        for response in run_jobs(requests, self.workers, stop=self.stop):
            yield response
            self.say(f"{len(self.reached)} of {of} plans sought")

    # What is asked for --------------------------------------------------------------------------

    def _asked(self, limit: float) -> Network:
        return self._seen(self._goals(limit))

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
            self.plans.append(self._placed(solved, limit))

    def _better(self, number: int, solved: Solved) -> bool:
        """Take what another search found and proved, if it serves as much; return if it gained."""
        found, known = self._placed(solved, self.plans[number].point.limit), self.plans[number]
        new, old = found.point, known.point
        if new.unserved > old.unserved + SAME * max(1.0, old.unserved):
            return False
        if new.unserved < old.unserved - SAME * max(1.0, old.unserved):
            # What that costs at least, those that serve less may not.
            self.plans[number] = found
            return True
        point = replace(old, cost_bound=max(old.cost_bound, new.cost_bound))
        self.plans[number] = known._replace(point=point)
        if new.cost < old.cost - CENT or (new.cost <= old.cost and new.amount < old.amount):
            self.plans[number] = found._replace(point=replace(new, cost_bound=point.cost_bound))
            return True
        return point.cost_bound > old.cost_bound + CENT

    def _placed(self, solved: Solved, limit: float) -> Found:
        """Return a plan that was sought within a limit."""
        found = self._found(solved, self.network.part(goals=self._goals(limit)))
        return found._replace(point=replace(found.point, limit=limit))

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
        unserved=without_noise(value(network, plan, [Goal(1, "unserved")])),
    )


def bounds_of(solved: Solved) -> dict[str, float]:
    """Return the proven bound of every measure of a solve."""
    return {stage.measure: stage.bound for stage in solved.stages}


def with_room(best: float) -> float:
    """Return the limit within which a plan is as good as the best."""
    return best + ROOM * abs(best)


def sizes(count: int) -> Iterator[int]:
    """Yield how many limits of so many are tried in each round: twice as many as in the one before.

    The last round takes the rest where that is not as much as two.
    """
    size = 1
    while count > 0:
        size = count if count < 2 * size else size
        yield size
        count, size = count - size, 2 * size
