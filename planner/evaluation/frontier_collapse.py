"""Cost against how many failures it takes to end the guarantees of a role.

For one failure, two, three … the cheapest plan whose guarantees no fewer end: a Diversity row with
`min_collapse` for all that the role promises. As a point, more is better: a number n of failures is
the amount −n, so that what is said of other measures holds for this one. A plan may bear more than
it was asked to, and counts with what it bears. A number that no plan reaches ends the search, and
is a proof for all larger ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from models.data import DiversityRow
from models.network import Goal, Network
from models.plan import Deployment
from models.rules import diversity_collapse, diversity_service
from planner.evaluation.frontier import COLLAPSE, Point, proven
from planner.evaluation.frontier_search import COST, Found, Search, point_of
from planner.solver.solve import Solved

NEARLY_ONE = 0.5
"""What may be added to a limit of a measure of whole numbers, and no other plan keeps it."""


class CollapseSearch(Search):
    """The cheapest plan for every number of failures, until there is none."""

    def run(self, count: int) -> list[Found]:
        """Look at 1 … count + 1 failures, as many at a time as there are workers."""
        self.most, exists = count + 1, True
        self._begin(self.most)
        numbers = range(1, self.most + 1)
        for first in range(0, len(numbers), self.side_by_side):
            if not exists or self.stop.is_set():
                break
            requests = [
                self._request(str(number), -number)
                for number in numbers[first : first + self.side_by_side]
            ]
            for response in self._solved(requests, len(numbers)):
                number = int(response.key)
                solved = response.solved
                if number > 1 and solved is not None and solved.status == "infeasible":
                    self.least, exists = max(self.least, 1.0 - number), False
                    continue
                plan = self._plan_of(response, f"{self.against} of {number}")
                if plan is not None:
                    self.plans.append(self._placed(plan, -number))
        self._again()
        self.plans.sort(key=lambda found: found.point.amount)
        return self._proven()

    def _proven(self) -> list[Found]:
        points = _whole([found.point for found in self.plans], self.least)
        return [f._replace(point=p) for f, p in zip(self.plans, points, strict=True)]

    def _asked(self, limit: float) -> Network:
        return self._bearing(round(-limit))

    def _placed(self, solved: Solved, limit: float) -> Found:
        bearing = self._asked(limit)
        borne = self._borne(solved, round(-limit))
        point = replace(point_of(solved, bearing), limit=limit, amount=-borne)
        return Found(point, solved, bearing)

    def _borne(self, solved: Solved, least: int) -> int:
        """Return how many failures it takes by the audit: `least` is known, more are asked of.

        After a stop, or once the time is over, no more are: it may be more than is told then.
        """
        assert solved.plan is not None
        borne = least
        while borne < self.most and not self.clock.must_end:
            if not _bears(solved.plan.final, self._bearing(borne + 1)):
                break
            borne += 1
        return borne

    def _bearing(self, number: int) -> Network:
        """Return the network that asks for so many failures, unserved and cost made least."""
        goals = (self.unserved, Goal(2, COST))
        if number == 1:
            return self.network.part(goals=goals)  # to end something, something has to fail
        rows = (*self.network.diversity, row(self.against.removeprefix(COLLAPSE), number))
        return self.network.part(goals=goals, diversity=rows)


def _bears(plan: Deployment, bearing: Network) -> bool:
    rules = diversity_collapse, diversity_service
    return not any(True for rule in rules for _ in rule.audit(bearing, plan))


def _whole(points: Sequence[Point], least: float) -> list[Point]:
    """Return the points, all proven, of a measure of whole numbers.

    What is not within −n is within 1 − n at best, so that every limit may be nearly one larger.
    """
    loose = proven([replace(point, limit=point.limit + NEARLY_ONE) for point in points], least)
    return [
        replace(point, limit=round(point.limit - NEARLY_ONE), amount_bound=_up(point.amount_bound))
        for point in loose
    ]


def _up(amount: float) -> float:
    return math.ceil(amount) if math.isfinite(amount) else amount


def row(role: str, number: int) -> DiversityRow:
    """Return the Diversity row that asks for it."""
    rule = f"{number} failures to end {role}"
    return DiversityRow(rule=rule, role=role, min_collapse=number)
