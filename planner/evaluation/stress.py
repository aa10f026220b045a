"""How a plan behaves when something shared fails: every failure replayed, every guarantee's end.

What is found here is asked of the tables and the plan, by programs of its own; the solver that made
the plan has no say. Doubt is read twice: at best every unknown value is a dependency of its own and
suspected exposures are false, at worst unknown values are one and suspicions are true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from models.data import Item
from models.failure_states import Solved, States
from models.network import Network
from models.outage import NEARLY
from models.plan import Deployment
from models.replay import NOTHING, Replay
from planner.evaluation.expected_loss import expected_loss
from planner.evaluation.stress_facts import facts
from planner.evaluation.stress_jobs import Desk, Question
from planner.evaluation.stress_pairs import every_pair
from planner.evaluation.stress_questions import Asked, EndOfGuarantee, EndOfRow, WhatIsLeft
from planner.evaluation.stress_results import Blast, End, ExpectedLoss, Stress, Users
from planner.evaluation.stress_served import least_served
from planner.jobs.requests import Workers


def stress(
    network: Network,
    plan: Deployment,
    worst: int = 3,
    kinds: tuple[str, ...] = (),
    pairs: bool = False,
    workers: Workers | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Stress:
    """Return how the plan behaves under every failure; what was found so far after a stop.

    `worst` is the most failures at once, of any mix and of each of the `kinds`; with `pairs`, every
    two single failures are looked at. Questions are shared out among the workers. Raises NoCluster.
    """
    asked = Asked(network, plan)
    desk = Desk(asked, workers or Workers(1), stop or threading.Event(), say)
    numbers = {id(row): number for number, row in enumerate(network.demand)}
    failures = asked.failures()
    states = States(asked.worst, plan)
    solved = Solved(states)
    questions: list[Question[object]] = [EndOfRow(numbers[id(row)]) for row in asked.rows]
    questions += map(EndOfGuarantee, range(len(asked.promised)))
    questions += asked.blasts(worst, kinds)
    state_of = {name: states.state(states.effect(failed)) for name, failed in failures.items()}
    if asked.rows:
        _unhurt(desk, solved, at_best=False)
        first = {state_of[name]: failed for name, failed in reversed(failures.items())}
        questions += (WhatIsLeft(first[state]) for state in solved.missing(state_of.values()))
    ends: list[End] = []
    blasts: list[Blast] = []
    for question, answer in desk.ask(questions, "what ends what, and what every failure leaves"):
        if isinstance(answer, Replay):
            failed = cast(WhatIsLeft, question).failed
            solved.add(states.state(states.effect(failed)), answer)
        elif isinstance(answer, End):
            ends.append(answer)
        elif isinstance(answer, Blast):
            blasts.append(answer)
    left: dict[str, Replay | None] = {}
    for name, state in state_of.items():
        found = solved.of(state)
        if found is not None or not asked.rows:
            left[name] = found
    now = desk.here(WhatIsLeft(())) if ends else None
    is_whole = not (desk.failures or desk.stop.is_set())
    of_rows = [end for end in ends if end.demand is not None]
    single = {name: items for name, items in failures.items() if len(items) == 1}
    couples = every_pair(desk, states, solved, single) if pairs else None
    items = [item for (item,) in single.values()]
    least = tuple(least_served(desk, states, solved, items, kinds, worst, pairs))
    doubts = facts(desk, ends) if not desk.stop.is_set() else ()
    losses = list(_losses(desk, states, solved)) if not desk.stop.is_set() else []
    return Stress(
        # The worst of all failures is not known while some are not.
        users=tuple(_users(asked, of_rows, failures, left, now))
        if now is not None and is_whole
        else (),
        ends=tuple(ends),
        shocks=tuple(asked.shock(name, failures[name], found) for name, found in left.items()),
        blasts=tuple(blasts),
        least_served=least,
        loss=tuple(losses),
        pairs=couples,
        facts=doubts,
        not_judged=asked.not_judged,
        rows_left_out=asked.left_out,
        failures=tuple(desk.failures),
        stopped=desk.stop.is_set(),
    )


def _unhurt(desk: Desk, solved: Solved, at_best: bool) -> None:
    """Note what is left, by the limits after a failure, where nothing that counts is gone."""
    left = desk.here(WhatIsLeft((NOTHING,), at_best))
    if left is not None:
        solved.add(0, left)


def _losses(desk: Desk, states: States, solved: Solved) -> Iterator[ExpectedLoss]:
    """Yield the mean loss at worst, and at best if doubt makes a difference there."""
    asked = desk.asked
    at_worst = expected_loss(desk, states, solved, at_best=False)
    if at_worst is not None:
        yield at_worst
    if asked.best.graph.exposures != asked.worst.graph.exposures and not desk.stop.is_set():
        states = States(asked.best, asked.plan)
        solved = Solved(states)
        if asked.rows:
            _unhurt(desk, solved, at_best=True)
        at_best = expected_loss(desk, states, solved, at_best=True)
        if at_best is not None:
            yield at_best


def _users(
    asked: Asked,
    ends: list[End],
    failures: Mapping[str, tuple[Item, ...]],
    left: Mapping[str, Replay | None],
    now: Replay,
) -> Iterator[Users]:
    """Yield the headline of every row whose end was sought, in the same order."""
    network = asked.network
    single = [
        (name, failures[name][0], found)
        for name, found in left.items()
        if len(failures[name]) == 1 and found is not None
    ]
    rate = {row.key: network.mean_rate(row) for row in network.demand}
    for end in ends:
        assert end.demand is not None
        row = end.demand
        avoidable = [(name, found) for name, item, found in single if item not in end.unavoidable]
        times = [found.latency_ms[row] for _, found in avoidable if found.served[row] > NEARLY]
        least = min(
            ((found.served[row], name) for name, found in avoidable), default=(now.served[row], "")
        )
        yield Users(
            demand=row,
            rate=rate[row],
            latency_ms=now.latency_ms[row],
            failover_ms=max((ms for ms in times if ms is not None), default=None),
            least_served=least[0],
            by=least[1] if least[0] < now.served[row] - NEARLY else "",
            end=end,
        )
