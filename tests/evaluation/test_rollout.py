"""The order of a roll-out: steps that break nothing, found wherever there is such an order."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from models.data import Committee, Demand, DiversityRow, Model, NodeType, Phase
from models.network import Network
from models.plan import Deployment, Flow, Plan, Replica, Seat
from planner.evaluation.rollout import FIRST, HELD, Order, orders_of
from planner.evaluation.rollout_moves import LEAVE, SEAT, SERVE, Move, available, moves, state
from tests import draw
from tests.rules import at, demand, network, offer, protected, site

SHARE = 0.6

TWO = (Phase(phase="pilot", order=1), Phase(phase="full", order=2, closing=True))


def sharing(count: int, row: Demand | None = None) -> Network:
    """Return sites of one provider each, of which none may have more than 60 % of the nodes."""
    rule = DiversityRow(
        rule="spread", role="execution", kind="provider", measure="nodes", max_share=SHARE
    )
    names = "abcd"[:count]
    return network(
        [site(name, name.upper()) for name in names],
        [offer(name, "gpu", requests_per_s=1.0) for name in names],
        demand=[row] if row is not None else [],
        diversity=[rule],
        phases=TWO,
    )


def nodes(**counts: int) -> Deployment:
    """Return nodes at sites, each with its contract."""
    found = {at(name): count for name, count in counts.items() if count}
    opened = frozenset(key.site for key in found)
    return Deployment(
        open=opened, contracts=frozenset(name.upper() for name in opened), nodes=found
    )


def second(of: Network, before: Deployment, after: Deployment) -> Order:
    """Return the order of the second phase."""
    return orders_of(of, Plan({"pilot": before, "full": after}))[1]


def places(order: Order) -> list[tuple[str, str]]:
    """Return what is done where, step by step."""
    return [(step.kind, step.where) for step in order.steps]


def test_another_order_is_found_where_the_first_that_comes_to_mind_breaks_a_rule() -> None:
    """Two nodes more at a are 4 of 6; one more at b first makes 3 of 5, and then 4 of 7 at a."""
    order = second(sharing(2), nodes(a=2, b=2), nodes(a=4, b=3))
    assert places(order) == [("build", "b"), ("build", "a"), ("serve", "")]
    assert [step.verdict for step in order.steps] == [HELD] * 3
    assert order.is_safe
    assert not order.about


def test_where_no_order_holds_the_least_bad_one_says_which_step_breaks_what() -> None:
    """Three more nodes at either site first are 5 of 7; after both, half of ten are at each."""
    order = second(sharing(2), nodes(a=2, b=2), nodes(a=5, b=5))
    assert not order.is_safe
    assert "no order of these steps keeps every guarantee" in order.about
    assert [step.is_safe for step in order.steps] == [False, True, True]
    assert "diversity_share" in order.steps[0].verdict
    assert "71" in order.steps[0].verdict


@pytest.mark.parametrize("seed", range(40))
def test_an_order_is_found_exactly_where_trying_all_of_them_finds_one(seed: int) -> None:
    given = random.Random(seed)
    before = {name: given.randint(0, 3) for name in "abcd"}
    after = {name: count + given.choice([0, 1, 2, 4]) for name, count in before.items()}
    total = sum(before.values())
    if not total or max(before.values()) > SHARE * total:
        before = dict.fromkeys("abcd", 1)
        after = {name: max(1, count) for name, count in after.items()}
    built = [name for name in "abcd" if after[name] > before[name]]

    def holds(counts: dict[str, int]) -> bool:
        return max(counts.values()) <= SHARE * sum(counts.values()) + 1e-9

    def is_safe(order: tuple[str, ...]) -> bool:
        counts = dict(before)
        for name in order:
            counts[name] = after[name]
            if not holds(counts):
                return False
        return holds(after)

    wanted = any(is_safe(order) for order in itertools.permutations(built))
    order = second(sharing(4), nodes(**before), nodes(**after))
    assert order.is_safe == wanted
    done = tuple(step.where for step in order.steps if step.kind == "build")
    assert sorted(done) == built
    assert is_safe(done) == wanted


def test_what_goes_is_closed_only_once_the_phase_is_served() -> None:
    row = demand(rate=2.0, region="users")
    of = replace(sharing(2, row), diversity=())
    before = replace(nodes(a=2), routing=(Flow(row.key, at("a"), "estimate", "warm", 1.0),))
    after = replace(nodes(b=2), routing=(Flow(row.key, at("b"), "estimate", "warm", 1.0),))
    order = second(of, before, after)
    assert places(order) == [("build", "b"), ("serve", ""), ("close", "a")]
    assert order.is_safe


def test_a_model_is_loaded_elsewhere_before_it_makes_way_for_another() -> None:
    """The node at a holds one of the two models; the demand of the phase before is for the old."""
    rows = [demand(model="old", rate=1.0), demand(model="new", rate=1.0, region="others")]
    models = [Model(model=name, gpu_memory_gb=80, requests_per_s=1.0) for name in ("old", "new")]
    of = replace(
        network(
            [site("a", "A"), site("b", "B")],
            [offer("a", "gpu"), offer("b", "gpu")],
            node_types=[NodeType(node_type="gpu", role="execution", gpu_memory_gb=80)],
            models=models,
            demand=rows,
        ),
        phases=TWO,
    )
    old, new = rows[0].key, rows[1].key
    before = replace(
        nodes(a=1),
        warm={Replica("a", "gpu", "old"): 1},
        routing=(Flow(old, at("a"), "estimate", "warm", 1.0),),
    )
    after = replace(
        nodes(a=1, b=1),
        warm={Replica("a", "gpu", "new"): 1, Replica("b", "gpu", "old"): 1},
        routing=(
            Flow(old, at("b"), "estimate", "warm", 1.0),
            Flow(new, at("a"), "estimate", "warm", 1.0),
        ),
    )
    order = second(of, before, after)
    assert places(order) == [("build", "b"), ("reload", "a"), ("serve", "")]
    assert order.is_safe
    # Without the node at b the old model has nowhere to go: the demand of before is lost.
    gone = replace(after, warm={Replica("a", "gpu", "new"): 1}, nodes={at("a"): 1}, routing=())
    lost = second(of, before, replace(gone, open=frozenset("a"), contracts=frozenset("A")))
    assert places(lost) == [("serve", ""), ("reload", "a")]


def seated(*, of_one_provider: bool) -> tuple[Network, Deployment, Deployment]:
    """Return a committee of four, one of whose seats moves from a to e, of the same provider."""
    providers = dict(zip("abcde", "ABCDA" if of_one_provider else "ABCDE", strict=True))
    of = network(
        [site(name, provider) for name, provider in providers.items()],
        [offer(name, "seat") for name in providers],
        node_types=[NodeType(node_type="seat", role="coordination")],
        committees=[Committee(committee="validators", seats=4, max_faulty=1)],
        dependencies=[protected("provider", name) for name in sorted(set(providers.values()))],
    )

    def plan(names: str, held: str) -> Deployment:
        return Deployment(
            open=frozenset(names),
            contracts=frozenset(providers[name] for name in names),
            nodes={at(name, "seat"): 1 for name in names},
            seats={Seat("validators", name, "seat"): 1 for name in held},
        )

    return replace(of, phases=TWO), plan("abcd", "abcd"), plan("abcde", "bcde")


def test_a_seat_is_added_before_one_is_dropped() -> None:
    order = second(*seated(of_one_provider=False))
    kinds = [step.kind for step in order.steps]
    assert [kind for kind in kinds if kind != SERVE] == ["build", SEAT, LEAVE]
    assert order.is_safe


def test_a_seat_that_may_not_be_added_before_one_is_dropped_is_said() -> None:
    """Two of five seats at one provider are more than the one that may be faulty of four."""
    order = second(*seated(of_one_provider=True))
    (step,) = [step for step in order.steps if not step.is_safe]
    assert step.kind == SEAT
    assert "fault_limit" in step.verdict
    assert "no order" in order.about


def test_where_nothing_stands_nothing_can_break_until_the_phase_is_served() -> None:
    first, _ = orders_of(sharing(2), Plan({"pilot": nodes(a=2, b=2), "full": nodes(a=2, b=2)}))
    assert [step.verdict for step in first.steps] == [FIRST, FIRST, HELD]
    assert first.is_safe
    wrong, _ = orders_of(sharing(2), Plan({"pilot": nodes(a=5, b=2), "full": nodes(a=2, b=2)}))
    assert not wrong.steps[-1].is_safe


def test_steps_lead_from_any_plan_to_any_other_and_no_seat_is_ever_missing() -> None:
    """Of 60 random pairs of plans, in the order in which steps are tried."""
    kinds: Counter[str] = Counter()
    for seed in range(60):
        of = draw.network(seed)
        classes = draw.row_by_row(of)
        before, after = (draw.plan(of, classes, 100 * seed + number) for number in (1, 2))
        steps = moves(of, before, after)
        done: list[int] = []
        while len(done) < len(steps):
            held = _held(before, [steps[n] for n in done])
            waiting = [n for n in range(len(steps)) if n not in done]
            done.append(next(available(steps, waiting, held, of)))
            now = _held(before, [steps[n] for n in done])
            for name, committee in of.committees.items():
                if held[name] in (committee.seats, committee.seats + 1) and _moves_singly(
                    steps, name
                ):
                    assert now[name] - committee.seats in (0, 1), seed
        found = state(of, before, after, [steps[n] for n in done])
        kinds.update(step.kind for step in steps)
        wanted = replace(after, contracts=found.contracts)
        assert replace(found, open=after.open) == wanted, seed
        assert found.open == after.open, seed
        assert after.contracts <= found.contracts, seed
    assert all(kinds[kind] for kind in ("build", "reload", SEAT, LEAVE, "clear", "close")), kinds


def _held(before: Deployment, done: list[Move]) -> dict[str, int]:
    held: dict[str, int] = defaultdict(int)
    for seat, count in before.seats.items():
        held[seat.committee] += count
    for step in done:
        if step.committee:
            held[step.committee] += sum(step.changes.values())
    return held


def _moves_singly(steps: list[Move], name: str) -> bool:
    own = [step for step in steps if step.committee == name]
    return all(step.where for step in own)
