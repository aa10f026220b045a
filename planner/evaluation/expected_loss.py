"""What outages cost in an average year: of requests by region, of guarantees by role, and by whom.

Likely sets of causes are solved, and what they do not say is an interval; draws at random say the
same again by another way. The mathematics is in `models.expected_loss`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from models.data import Item
from models.expected_loss import (
    Cause,
    Chosen,
    Estimate,
    any_of,
    causes,
    drawn,
    estimate,
    importance,
    likeliest,
    mean_loss,
)
from models.failure_states import Solved, States
from models.guarantees import LIVENESS
from models.paths import FloatArray
from models.replay import Replay
from models.risks import HOURS_PER_YEAR
from planner.evaluation.stress_jobs import Desk
from planner.evaluation.stress_questions import Asked, WhatIsLeft
from planner.evaluation.stress_results import ExpectedLoss, Importance, MeanLoss

MOST_SETS = 20_000
"""How many sets of causes are looked at before the rest is an interval."""
MOST_STATES = 500
"""How many states, those of the likeliest sets, are solved or follow."""
REST = 1e-7
"""The probability of all other sets that is not worth another one."""
DRAWS = 100_000
MOST_DRAWN = 200
"""How many states may have to be solved for draws alone; with more to come, fewer are drawn."""
PILOT, DRAWN = 1, 2
"""The streams of the seed: for the number of draws, and for the draws."""
SECONDS_PER_YEAR = HOURS_PER_YEAR * 3600
EVERY = ""
"""The name of all regions, policies, models or committees of a role together."""


def expected_loss(
    desk: Desk, states: States, solved: Solved, now: Replay | None, at_best: bool
) -> ExpectedLoss | None:
    """Return the mean loss in one reading; None where a failure or a stop kept it from being found.

    Without causes it has no losses. `solved` is what is known already in this reading, and `now`
    what is served as it is.
    """
    return _Search(desk, states, solved, at_best).found(now)


class _Search:
    def __init__(self, desk: Desk, states: States, solved: Solved, at_best: bool) -> None:
        self.desk, self.states, self.solved, self.at_best = desk, states, solved, at_best
        asked = desk.asked
        self.network = asked.best if at_best else asked.worst
        self.causes = causes(self.network)
        judged = set(asked.may_fail(self.network))
        alike: dict[int, list[Cause]] = defaultdict(list)
        for cause in self.causes:
            effect = states.effect(cause.failed)
            if effect and (len(cause.failed) > 1 or judged.issuperset(cause.failed)):
                alike[effect].append(cause)
        self.effects, self.alike = tuple(alike), tuple(alike.values())
        self.chances = [any_of([cause.chance for cause in found]) for found in self.alike]
        self.asked_for = 0
        self._known_states: dict[Chosen, int] = {}

    def found(self, calm: Replay | None) -> ExpectedLoss | None:
        """Return the mean loss."""
        reading = "best" if self.at_best else "worst"
        without = tuple(self._without_figures())
        if not self.effects:
            return ExpectedLoss(reading, causes=len(self.causes), without_figures=without)
        if calm is None and self._is_routed:
            return None
        p, sets, rest = self._likely()
        self._solve(self._first(sets))
        losses = _Losses(self.desk.asked, self.states, calm, self.solved)
        table = losses.table([self._state(chosen) for chosen in sets])
        draws, simulated = self._simulated(losses)
        if self.desk.stop.is_set():
            return None
        # What is not solved loses anything from nothing to all of its requests.
        is_open = np.isnan(table)
        low, high = (mean_loss(p, np.where(is_open, lost, table)) for lost in (0.0, 1.0))
        return ExpectedLoss(
            reading=reading,
            losses=tuple(
                MeanLoss(
                    *of,
                    min(1.0, float(low[n])),
                    min(1.0, float(high[n]) + rest),
                    losses.calm[n],
                    size,
                    told,
                )
                for n, ((of, size), told) in enumerate(
                    zip(losses.measures.items(), simulated, strict=True)
                )
            ),
            importance=tuple(self._importance(sets, p, np.nan_to_num(table), losses)),
            causes=len(self.causes),
            sets=len(sets),
            states=len({self._state(chosen) for chosen in sets}),
            solved=self.asked_for,
            rest=rest + float(p[is_open.any(axis=1)].sum()),
            draws=draws,
            without_figures=without,
        )

    @property
    def _is_routed(self) -> bool:
        return bool(self.desk.asked.rows)

    def _without_figures(self) -> Iterator[str]:
        """Yield, sorted, the kinds of dependency that can hurt the plan and have no figures."""
        priced = {item for cause in self.causes for item in cause.failed if len(cause.failed) == 1}
        judged = self.desk.asked.may_fail(self.network)
        silent = (item for item in judged if item not in priced and self.states.effect((item,)))
        yield from sorted({item.kind for item in silent})

    def _state(self, chosen: Chosen) -> int:
        if chosen not in self._known_states:
            effect = self.states.together(self.effects[n] for n in chosen)
            self._known_states[chosen] = self.states.state(effect)
        return self._known_states[chosen]

    def _likely(self) -> tuple[FloatArray, list[Chosen], float]:
        """Return the likeliest sets with their probabilities, and how likely any other one is."""
        probability: list[float] = []
        sets: list[Chosen] = []
        left = 1.0
        for p, chosen in likeliest(self.chances):
            if len(sets) >= MOST_SETS or left <= REST:
                return np.array(probability), sets, max(0.0, left)
            probability.append(p)
            sets.append(chosen)
            left -= p
        return np.array(probability), sets, 0.0

    def _first(self, sets: list[Chosen]) -> list[Chosen]:
        """Return the sets of the likeliest states, as many as may be solved."""
        states: set[int] = set()
        for count, chosen in enumerate(sets):
            states.add(self._state(chosen))
            if len(states) > MOST_STATES:
                return sets[:count]
        return sets

    def _solve(self, sets: list[Chosen]) -> None:
        """Have the states of some sets solved, small sets first, as large ones may follow."""
        if not self._is_routed:
            return
        by_size: dict[int, list[Chosen]] = defaultdict(list)
        for chosen in sets:
            by_size[len(chosen)].append(chosen)
        for size, found in sorted(by_size.items()):
            first = {self._state(chosen): chosen for chosen in reversed(found)}
            first.pop(0, None)
            missing = [first[state] for state in self.solved.missing(reversed(first))]
            questions = [WhatIsLeft(self._failed(chosen), self.at_best) for chosen in missing]
            self.asked_for += len(questions)
            saying = f"what outages cost, {size} at once"
            for question, left in self.desk.ask(questions, saying):
                failed = cast(WhatIsLeft, question).failed
                self.solved.add(self.states.state(self.states.effect(failed)), left)

    def _failed(self, chosen: Chosen) -> tuple[Item, ...]:
        return tuple(sorted({item for n in chosen for item in self.alike[n][0].failed}))

    def _simulated(self, losses: _Losses) -> tuple[int, list[Estimate | None]]:
        """Return how many sets were drawn, and what they say of every measure."""
        seed, count, unknown = self.network.settings.seed, 2 * DRAWS, MOST_DRAWN + 1
        while count > 1 and unknown > MOST_DRAWN:
            count //= 2
            pilot = {self._state(chosen) for chosen in drawn(self.chances, count, (seed, PILOT))}
            unknown = sum(not losses.is_known(state) for state in pilot)
        sets = drawn(self.chances, count, (seed, DRAWN))
        self._solve(list(sets))
        table = losses.table([self._state(chosen) for chosen in sets])
        if np.isnan(table).any():
            return 0, [None] * table.shape[1]
        times = np.array(list(sets.values()), dtype=float)
        return count, [estimate(column, times) for column in table.T]

    def _importance(
        self, sets: list[Chosen], p: FloatArray, table: FloatArray, losses: _Losses
    ) -> Iterator[Importance]:
        """Yield the causes of every role's loss beyond the calm, those of most loss first."""
        whole = [n for n, (_, of) in enumerate(losses.measures) if of == EVERY]
        beyond = table[:, whole] - np.array(losses.calm)[whole]
        share, saved = importance(self.chances, sets, p, beyond)
        measures = list(losses.measures.items())
        for column, number in enumerate(whole):
            (role, _), size = measures[number]
            found = []
            for n, alike in enumerate(self.alike):
                for cause in alike:
                    # Of several alike, each is down in its part of the time that any one is.
                    others = any_of([other.chance for other in alike if other is not cause])
                    together = self.chances[n]
                    found.append(
                        Importance(
                            cause.name,
                            cause.chance,
                            role,
                            cause.chance / together * float(share[n, column]),
                            # Linear in how likely any one is down, which falls to the others.
                            (together - others) / together * float(saved[n, column]) * size,
                        )
                    )
            yield from sorted(
                (one for one in found if one.share > 0), key=lambda one: (-one.share, one.cause)
            )


class _Losses:
    """What is lost in a state: of every region's requests, and which guarantees are out."""

    def __init__(self, asked: Asked, states: States, calm: Replay | None, solved: Solved) -> None:
        self._states, self._solved, self._calm = states, solved, calm
        network = asked.network
        self._rate = {
            row.key: network.mean_rate(row) for row in network.demand if row.requests_per_s > 0
        }
        self.measures: dict[tuple[str, str], float] = {}
        by_region: dict[str, float] = defaultdict(float)
        for key, rate in self._rate.items():
            by_region[key.region] += rate
        if by_region:
            total = sum(by_region.values())
            self.measures["execution", EVERY] = total * SECONDS_PER_YEAR
            for region, rate in sorted(by_region.items()):
                self.measures["execution", region] = rate * SECONDS_PER_YEAR
        self._promised = [found for found in asked.promised if found.loss == LIVENESS]
        for promise in self._promised:
            for of in (EVERY, promise.of):
                self.measures[promise.role, of] = HOURS_PER_YEAR
        self._requests: dict[int, list[float]] = {}
        self.calm: list[float] = self.table([0])[0].tolist()

    def is_known(self, state: int) -> bool:
        """Return whether it is known what is left in a state."""
        return not self._rate or self._left(state) is not None

    def _left(self, state: int) -> Replay | None:
        return self._solved.of(state) if state else self._calm

    def table(self, states: Sequence[int]) -> FloatArray:
        """Return what is lost of every measure, a row per state, as a share.

        NaN of requests where it is not known.
        """
        found = np.zeros((len(states), len(self.measures)))
        if self._rate:
            requests = [self._of_requests(self._left(state)) for state in states]
            found[:, : len(requests[0])] = requests
        gone = self._states.gone(states)
        column = {of: number for number, of in enumerate(self.measures)}
        for promise in self._promised:
            stands = [stand.broken for stand in promise.stands]
            is_out = np.any([gone.weight(b.weights) > b.limit for b in stands], axis=0)
            for of in (EVERY, promise.of):
                found[is_out, column[promise.role, of]] = 1.0
        return found

    def _of_requests(self, left: Replay | None) -> list[float]:
        """Return the share lost of all requests and of those of every region; states share them."""
        if id(left) not in self._requests:
            lost: dict[str, float] = defaultdict(float)
            for key, rate in self._rate.items():
                share = np.nan if left is None else 1.0 - left.served[key]
                for of in (EVERY, key.region):
                    lost[of] += rate * share * SECONDS_PER_YEAR
            sizes = ((of, s) for (role, of), s in self.measures.items() if role == "execution")
            self._requests[id(left)] = [lost[of] / size for of, size in sizes]
        return self._requests[id(left)]
