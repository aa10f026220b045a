"""How a plan behaves when something shared fails: every failure replayed, every guarantee's end.

What is found here is asked of the tables and the plan, by programs of its own; the solver that made
the plan has no say. Doubt is read twice: at best every unknown value is a dependency of its own and
suspected exposures are false, at worst unknown values are one and suspicions are true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import cast

from models.failure_states import Solved, States
from models.network import Network
from models.plan import Deployment
from models.replay import Replay
from planner.evaluation.expected_loss import expected_loss
from planner.evaluation.stress_facts import facts
from planner.evaluation.stress_jobs import Desk, Question
from planner.evaluation.stress_pairs import every_pair
from planner.evaluation.stress_questions import Asked, EndOfGuarantee, EndOfRow, WhatIsLeft
from planner.evaluation.stress_results import Blast, End, ExpectedLoss, Stress, Users
from planner.evaluation.stress_served import least_served
from planner.evaluation.stress_single import SingleFailures, under_one, unhurt
from planner.jobs.requests import Workers, connected

Left = dict[Question[Replay], Replay]
"""What is left of the routing, by what was asked."""


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
    workers, stop = workers or Workers(1), stop or threading.Event()
    with connected(workers):
        return _found(Desk(Asked(network, plan), workers, stop, say), worst, kinds, pairs)


def _found(desk: Desk, worst: int, kinds: tuple[str, ...], pairs: bool) -> Stress:
    asked, network = desk.asked, desk.asked.network
    numbers = {id(row): number for number, row in enumerate(network.demand)}
    single = SingleFailures(desk)
    states, solved = single.states, single.solved
    # Of a failure that spares what these stand on, nothing has to be asked.
    first = [each for at_best in asked.readings for each in unhurt(at_best)] if asked.rows else []
    left: Left = dict(desk.ask(first, "what is served as it is"))
    now = _noted(left, solved, at_best=False)
    # What takes about as long every time comes last, so that all workers end at about one time.
    questions: list[Question[object]] = [EndOfRow(numbers[id(row)]) for row in asked.rows]
    questions += map(EndOfGuarantee, range(len(asked.promised)))
    questions += asked.blasts(worst, kinds)
    questions += single.questions()
    ends: list[End] = []
    blasts: list[Blast] = []
    for question, answer in desk.ask(questions, "what ends what, and what every failure leaves"):
        if isinstance(answer, Replay):
            single.note(cast(WhatIsLeft, question), answer)
        elif isinstance(answer, End):
            ends.append(answer)
        elif isinstance(answer, Blast):
            blasts.append(answer)
    asked.note(ends)
    is_whole = not (desk.failures or desk.stop.is_set())
    of_rows = [end for end in ends if end.demand is not None]
    alone = {name: items for name, items in single.failures.items() if len(items) == 1}
    couples = every_pair(desk, states, solved, alone) if pairs else None
    items = [item for (item,) in alone.values()]
    least = tuple(least_served(desk, states, solved, items, kinds, worst, pairs))
    doubts = facts(desk, ends) if not desk.stop.is_set() else ()
    losses = list(_losses(desk, states, solved, left)) if not desk.stop.is_set() else []
    return Stress(
        # The worst of all failures is not known while some are not.
        users=tuple(_users(asked, of_rows, single, now)) if now is not None and is_whole else (),
        ends=tuple(ends),
        shocks=tuple(
            asked.shock(name, single.failures[name], found) for name, found in single.left().items()
        ),
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


def _noted(left: Left, solved: Solved, at_best: bool) -> Replay | None:
    """Return what is served as it is, and note what is where nothing that counts is gone."""
    now, by_failover = map(left.get, unhurt(at_best))
    if by_failover is not None:
        solved.add(0, by_failover)
    return now


def _losses(desk: Desk, states: States, solved: Solved, left: Left) -> Iterator[ExpectedLoss]:
    """Yield the mean loss at worst, and at best if doubt makes a difference there."""
    at_worst = expected_loss(desk, states, solved, left.get(WhatIsLeft(())), at_best=False)
    if at_worst is not None:
        yield at_worst
    if True in desk.asked.readings and not desk.stop.is_set():
        states = States(desk.asked.best, desk.asked.plan)
        solved = Solved(states)
        now = _noted(left, solved, at_best=True)
        at_best = expected_loss(desk, states, solved, now, at_best=True)
        if at_best is not None:
            yield at_best


def _users(asked: Asked, ends: list[End], single: SingleFailures, now: Replay) -> Iterator[Users]:
    """Yield the headline of every row whose end was sought, in the same order."""
    alone, network = single.alone(), asked.network
    row_of = {row.key: row for row in network.demand}
    for end in ends:
        assert end.demand is not None
        row = row_of[end.demand]
        worst = under_one(row, end.unavoidable, alone, now)
        yield Users(
            demand=row.key,
            rate=network.mean_rate(row),
            latency_ms=now.latency_ms[row.key],
            failover_ms=worst.failover_ms,
            least_served=worst.least_served,
            by=worst.by,
            end=end,
        )
