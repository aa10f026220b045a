"""The phases of a roll-out, planned together: one deployment each, linked by what may be added.

First the last phase is planned by itself, on what stands today; then, backwards, every phase
before it for plans from which the next can be reached. By themselves all phases bound the whole:
the sum of what each costs at least is a bound on every roll-out. Where that leaves a gap, small
networks are planned in one model of all phases, and of large ones a phase at a time is planned
anew between its neighbours.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models import objectives
from models.network import Goal, Network
from models.phases import (
    PhasePlan,
    before_later,
    by_phase,
    phase_alone,
    phase_network,
    phases_linked,
    phases_of,
)
from models.plan import Deployment, Plan
from models.rules import budget, growth
from planner.result import Limits, Stage, relative_gap, without_noise
from planner.solver import joint
from planner.solver.clock import Clock
from planner.solver.lexicographic import Progress, name_of, slack
from planner.solver.room import classes_within, count_columns
from planner.solver.solve import Solved, solve

JOINT_MOST = 20_000
"""Columns up to which all phases are planned in one model."""
LOOK_SHARE = 0.7
"""The share of all time for the first plan and the bounds; the rest is for making it better."""
NEVER = float("inf")
"""Months over which what is paid in any case is spread where it should not matter."""
SETTLE_S = 10.0
"""Seconds at most to settle who serves whom in a phase whose nodes are decided."""
ONCE = ("one_off_cost", "changes")
"""Measures of the way from one phase to the next."""


@dataclass(frozen=True)
class Rollout:
    """How planning the phases ended; `gaps` are the largest of any objective, phase by phase.

    What is paid once counts in the last phase, as in its bound. Where there is no plan `failed` is
    the phase that has none, and `alone` the network of it that has none whatever stands before it.
    """

    solved: Solved
    gaps: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""
    alone: Network | None = None


def solve_phases(
    network: Network,
    limits: Limits,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> Rollout:
    """Return the best plan found for all phases of the network within the limits.

    Every objective is summed over the phases. Raises what `solve` does.
    """
    return _Planner(network, limits, stop or threading.Event(), progress).run()


class _Planner:
    def __init__(
        self, network: Network, limits: Limits, stop: threading.Event, progress: Progress | None
    ) -> None:
        self.network, self.limits, self.stop, self.progress = network, limits, stop, progress
        self.phases = phases_of(network)
        self.clock = Clock(limits.time_limit_s, stop, by_work=limits.deterministic)
        by_priority = itertools.groupby(sorted(network.goals), key=lambda goal: goal.priority)
        self.groups = [list(goals) for _, goals in by_priority]
        self.alone: dict[int, Solved] = {}
        self.best: tuple[Deployment, ...] | None = None
        self.jointly: tuple[float, ...] = (-np.inf,) * len(self.groups)
        self.stuck = 0
        self.times: dict[str, float] = {}

    def run(self) -> Rollout:
        """Return how it ended."""
        last = len(self.phases) - 1
        looks = 2 * last + 1
        self._look_alone(last, looks)
        if not self._is_infeasible(last):
            self._backward(looks - 1)
        for number in range(last):
            self._look_alone(number, last - number)
            if self._is_infeasible(number):
                return self._without(number)
        if self._is_infeasible(last):
            return self._without(last)
        if self.best is None:
            self._forward()
        if not self._is_closed and self._is_small:
            failed = self._jointly()
            if failed is not None:
                return failed
        if self.best is None:
            return self._without_any()
        self._improve()
        return self._ended()

    # Single phases -------------------------------------------------------------------------

    def _look_alone(self, number: int, waiting: int) -> None:
        """Plan a phase by itself: a bound, and where it is the last, what to grow towards."""
        found = phase_alone(self.network, self.phases[: number + 1])
        if number < len(self.phases) - 1:
            found = _without_one_off(found)
        clock = self.clock.share(LOOK_SHARE)
        self.alone[number] = self._solve(number, found, clock.left_s / waiting)

    def _solve(
        self, number: int, network: Network, allowed_s: float, start: Deployment | None = None
    ) -> Solved:
        name, progress = self.phases[number].phase, self.progress

        def told(stage: str, incumbent: float, bound: float, seconds: float) -> None:
            if progress is not None:
                progress(f"{name}: {stage}", incumbent, bound, seconds)

        seconds = self.clock.left_s if self.clock.by_work else allowed_s
        limits = replace(self.limits, time_limit_s=max(0.0, seconds))
        solved = solve(network, limits, self.stop, told, start=start)
        for step, spent in solved.times.items():
            self.times[step] = self.times.get(step, 0.0) + spent
        self.clock.stopped |= solved.clock_stopped
        return solved

    def _is_infeasible(self, number: int) -> bool:
        return self.alone[number].status == "infeasible"

    # All phases ----------------------------------------------------------------------------

    def _backward(self, waiting: int) -> None:
        """Plan from the last phase to the first, each for what comes after it."""
        last = self.alone[len(self.phases) - 1].plan
        if last is None:
            return
        plans = [last.final]
        for number in reversed(range(len(self.phases) - 1)):
            alone = phase_alone(self.network, self.phases[: number + 1])
            found = _without_one_off(before_later(alone, self.phases[number + 1], plans[0]))
            clock = self.clock.share(LOOK_SHARE)
            solved = self._solve(number, found, clock.left_s / max(1, waiting))
            waiting -= 1
            if solved.plan is None:
                return
            plans.insert(0, solved.plan.final)
        self._offer(plans)

    def _forward(self) -> None:
        """Plan from the first phase to the last, each on what stands before it."""
        earlier: list[PhasePlan] = []
        for number, phase in enumerate(self.phases):
            found = phase_network(self.network, phase, earlier)
            known = self.alone[number].plan
            start = None if known is None else known.final
            allowed_s = self.clock.left_s / (len(self.phases) - number)
            solved = self._solve(number, found, allowed_s, start)
            if solved.plan is None:
                self.stuck = number
                return
            earlier.append(PhasePlan(phase.phase, found, solved.plan.final))
        self._offer([found.plan for found in earlier])

    @property
    def _counts_changes(self) -> bool:
        """Return whether changes are counted: against what another phase decides no model does."""
        return any(goal.measure == "changes" for goal in self.network.goals)

    @property
    def _is_small(self) -> bool:
        """Return whether all phases fit into one model that is solved as it is."""
        if self.clock.must_end or (self._counts_changes and self.best is not None):
            return False
        columns = count_columns(self.network, classes_within(self.network))
        return columns * len(self.phases) <= JOINT_MOST

    def _jointly(self) -> Rollout | None:
        """Plan all phases in one model; return how it ended where that has no plan."""
        found = self._joint(len(self.phases), self.best)
        if found.infeasible and self.best is None:
            number = next(n for n in range(1, len(self.phases) + 1) if self._has_none(n))
            name = self.phases[number - 1].phase
            return Rollout(self._solved("infeasible"), failed=name)
        if found.plans is not None:
            if not self._counts_changes:
                self.jointly = found.bounds
            # What phase by phase is as good may have given up more than is proven with this bound.
            if self._offer(found.plans, or_as_good=not self._is_closed):
                self._settle()
        return None

    def _settle(self) -> None:
        """Plan every phase as it is once more, by itself: it ends with the nearest service."""
        for number in range(len(self.phases)):
            assert self.best is not None
            plans = list(self.best)
            solved = self._solve(number, self._between(plans, number), SETTLE_S, plans[number])
            if solved.plan is not None:
                plans[number] = solved.plan.final
                known, was_closed = self.best, self._is_closed
                self._offer(plans, or_as_good=True)
                if was_closed and not self._is_closed:
                    self.best = known  # phase by phase more was given up than all of them may

    def _has_none(self, number: int) -> bool:
        """Return whether the first phases have no plan together; all of them have none."""
        return number == len(self.phases) or self._joint(number, None).infeasible

    def _joint(self, number: int, start: Sequence[Deployment] | None) -> joint.Found:
        """Return the end of a joint search of the first phases."""
        linked = dict([*phases_linked(self.network).items()][:number])
        problem = joint.Joint(linked, self.network.settings.budget_one_off)
        groups, floors = self.groups, [-np.inf] * len(self.groups)
        if self._counts_changes:  # a plan to begin with, and nothing of how good it is
            others = [[g for g in goals if g.measure != "changes"] for goals in groups]
            groups = [goals for goals in others if goals] or [[Goal(1, "unserved")]]
            floors = [-np.inf] * len(groups)
        elif number == len(self.phases):
            floors = self._floors()
        given = self.network, groups, floors, self.limits, self.clock, start
        return joint.search(problem, *given)

    def _improve(self) -> None:
        """Plan one phase after the other anew between its neighbours, until that gains nothing."""
        gained = True
        while gained and not self._is_closed and not self.clock.must_end:
            gained = False
            for number in reversed(range(len(self.phases))):
                if self.clock.must_end:
                    break
                gained |= self._again(number)

    def _again(self, number: int) -> bool:
        """Plan a phase anew between its neighbours; return whether that made the whole better."""
        assert self.best is not None
        plans = list(self.best)
        found = self._between(plans, number)
        allowed_s = self.clock.left_s / (len(self.phases) + 1)
        solved = self._solve(number, found, allowed_s, plans[number])
        if solved.plan is None:
            return False
        plans[number] = solved.plan.final
        return self._offer(plans)

    def _between(self, plans: Sequence[Deployment], number: int) -> Network:
        """Return the network of a phase between its neighbours in these plans."""
        earlier = by_phase(self.network, self._plan(plans))[:number]
        found = phase_network(self.network, self.phases[number], earlier)
        if number + 1 == len(plans):
            return found
        later = self.phases[number + 1]
        found = before_later(found, later, plans[number + 1])
        # What is not paid for now will be in the phase after it.
        return found if later.closing else _without_one_off(found)

    # Comparing -----------------------------------------------------------------------------

    def _plan(self, plans: Sequence[Deployment]) -> Plan:
        names = (phase.phase for phase in self.phases)
        return Plan(dict(zip(names, plans, strict=True)))

    def _values(self, plans: Sequence[Deployment]) -> list[list[float]]:
        """Return what each phase amounts to, objective by objective."""
        return [
            [_value(found.network, found.plan, goals) for goals in self.groups]
            for found in by_phase(self.network, self._plan(plans))
        ]

    def _offer(self, plans: Sequence[Deployment], *, or_as_good: bool = False) -> bool:
        """Take the plans if they are better than the best so far, or as good."""
        if not self._is_linked(plans):
            return False
        if self.best is not None:
            new, old = _sums(self._values(plans)), _sums(self._values(self.best))
            pairs = zip(self.groups, new, old, strict=True)
            found = (n < o for goals, n, o in pairs if self._differ(goals, n, o))
            if not next(found, or_as_good):
                return False
        self.best = tuple(plans)
        return True

    def _differ(self, goals: list[Goal], new: float, old: float) -> bool:
        return abs(new - old) > slack(self.network, _exact(goals), old)

    def _is_linked(self, plans: Sequence[Deployment]) -> bool:
        """Return whether the plans keep what phases may add and pay, one after the other.

        What all of them pay is looked at here only, where a phase is planned with later ones fixed.
        """
        return not any(
            violation
            for found in by_phase(self.network, self._plan(plans))
            for rule in (growth, budget)
            for violation in rule.audit(found.network, found.plan)
        )

    def _bounds(self) -> list[list[float]]:
        """Return what is proven of each phase by itself, objective by objective."""
        found = []
        for number in range(len(self.phases)):
            stages = self.alone[number].stages if number in self.alone else ()
            known = [stage.bound for stage in stages]
            found.append([*known, *[-np.inf] * (len(self.groups) - len(known))])
        return found

    def _floors(self) -> list[float]:
        """Return what the phases by themselves prove of all together.

        Each holds as long as the values of all before it are no more than theirs.
        Where the planner lets later objectives give something up, phases may share that as they
        like: it proves nothing of those then.
        """
        floors, holds = [], True
        for goals, floor in zip(self.groups, _sums(self._bounds()), strict=True):
            floors.append(floor if holds else -np.inf)
            given, least = (
                slack(self.network, goals, floor),
                slack(self.network, _exact(goals), floor),
            )
            holds = holds and given <= least
        return floors

    def _stages(self) -> tuple[Stage, ...]:
        """Return every objective over all phases; what is proven of one asks for those before."""
        assert self.best is not None
        values, stages, proven, holds = _sums(self._values(self.best)), [], True, True
        bounds = zip(self.groups, values, self._floors(), self.jointly, strict=True)
        for goals, value, floor, jointly in bounds:
            below = max(floor, jointly) if holds else jointly
            bound = min(value, below) if proven else -np.inf
            gap = relative_gap(value, bound)
            given_up = gap if value <= bound + slack(self.network, goals, value) else 0.0
            proven = proven and self._closes(goals, value, bound)
            # With more of this, phases by themselves may have less of the next than they prove.
            holds = holds and self._closes(goals, value, floor)
            found = without_noise(value), without_noise(bound), gap, given_up
            stages.append(Stage(goals[0].priority, name_of(goals), *found))
        return tuple(stages)

    def _closes(self, goals: list[Goal], value: float, bound: float) -> bool:
        """Return whether a value is no more than a bound, but for what may be given up."""
        is_near = relative_gap(value, bound) <= max(self.limits.gap, 1e-9)
        return is_near or value <= bound + slack(self.network, goals, value)

    @property
    def _is_closed(self) -> bool:
        return self.best is not None and all(
            stage.proven <= max(self.limits.gap, 1e-9) for stage in self._stages()
        )

    # The end -------------------------------------------------------------------------------

    def _ended(self) -> Rollout:
        assert self.best is not None
        status = "optimal" if self._is_closed else "feasible"
        status = "interrupted" if self.stop.is_set() else status
        search = f"phase by phase; the bound is the sum of {len(self.phases)} phases by themselves"
        if any(np.isfinite(self.jointly)):
            search = "in one model of all phases, and so is the bound"
        solved = self._solved(status, self._plan(self.best), self._stages(), search)
        return Rollout(solved, self._gaps())

    def _gaps(self) -> dict[str, float]:
        """Return how far each phase is from what is proven of it by itself."""
        assert self.best is not None
        plans = by_phase(self.network, self._plan(self.best))
        early = plans[:-1]
        values = []
        for found in early:
            without = _without_one_off(found.network)
            values.append([_value(without, found.plan, goals) for goals in self.groups])
        totals = _sums(self._values(self.best))
        spent = _sums(values) if values else [0.0] * len(totals)
        values.append([total - part for total, part in zip(totals, spent, strict=True)])
        gaps: dict[str, float] = {}
        for found, reached, below in zip(plans, values, self._bounds(), strict=True):
            pairs = zip(reached, below, strict=True)
            gaps[found.name] = max(relative_gap(value, min(value, bound)) for value, bound in pairs)
        return gaps

    def _without(self, number: int) -> Rollout:
        """Return that a phase has no plan even by itself."""
        name = self.phases[number].phase
        alone = phase_alone(self.network, self.phases[: number + 1])
        return Rollout(self._solved("infeasible"), failed=name, alone=alone)

    def _without_any(self) -> Rollout:
        """Return that no plan of all phases was found, though none is known to have none."""
        first = next((n for n, found in self.alone.items() if found.plan is None), self.stuck)
        status = "interrupted" if self.stop.is_set() else "no_plan_found"
        return Rollout(self._solved(status), failed=self.phases[first].phase)

    def _solved(
        self,
        status: str,
        plan: Plan | None = None,
        stages: tuple[Stage, ...] = (),
        search: str = "",
    ) -> Solved:
        size: dict[str, int] = {}
        return Solved(status, plan, stages, self.times, self.clock.stopped, size, search)


def _sums(values: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) for column in zip(*values, strict=True)]


def _exact(goals: list[Goal]) -> list[Goal]:
    """Return the goals without what later ones may give up of them."""
    return [goal._replace(tolerance=0.0) for goal in goals]


def _value(network: Network, plan: Deployment, goals: list[Goal]) -> float:
    return objectives.value(network, plan, [goal for goal in goals if goal.weight])


def _without_one_off(network: Network) -> Network:
    """Return the network whose objectives hold nothing of what is paid or changed once.

    Of a roll-out that is no less than from today to its end: the last phase counts it.
    """
    goals = tuple(
        goal._replace(weight=0.0) if goal.measure in ONCE else goal for goal in network.goals
    )
    return network.part(settings=replace(network.settings, months=NEVER), goals=goals)
