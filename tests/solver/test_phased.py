"""Plans in phases: the best of all, by trying every number of nodes in every phase."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from models.costs import one_off_bill, sum_of
from models.data import DiversityRow, Lock, Phase, Provider, Settings
from models.network import Goal, Network
from models.phases import by_phase
from models.plan import Deployment, Plan
from planner.evaluation.audit import audit, audit_stages
from planner.result import Limits
from planner.solver.phased import Rollout, solve_phases
from tests.rules import at, demand, network, offer, site

MONTHS, EACH = 10.0, 2.0
"""Months that one-off costs are spread over, and requests/s of a node."""
NETWORKS = 60

Counts = tuple[int, ...]
"""Nodes at every site, in the order of the sites."""


@dataclass(frozen=True)
class Case:
    """A network of sites that all reach its users, as few numbers as a formula needs."""

    node_costs: tuple[float, ...]
    site_costs: tuple[float, ...]
    opening: tuple[float, ...]
    per_new: tuple[float, ...]
    existing: Counts
    most: int
    rate: float
    max_share: float | None
    at_least: int
    total_one_off: float | None
    phases: tuple[Phase, ...]

    @property
    def network(self) -> Network:
        """Return the network."""
        names = [f"s{number}" for number in range(len(self.node_costs))]
        sites = [
            site(
                name,
                f"p{name}",
                monthly_cost=self.site_costs[n],
                opening_cost=self.opening[n],
                status="existing" if self.existing[n] else "candidate",
            )
            for n, name in enumerate(names)
        ]
        offers = [
            offer(
                name,
                "gpu",
                self.most,
                monthly_cost=self.node_costs[n],
                one_off_cost=self.per_new[n],
                existing_nodes=self.existing[n],
                requests_per_s=EACH,
            )
            for n, name in enumerate(names)
        ]
        rule = DiversityRow(
            rule="spread", role="execution", kind="provider", measure="nodes", max_share=0.5
        )
        return network(
            sites,
            offers,
            providers=[Provider(provider=f"p{name}", monthly_cost=3.0) for name in names],
            demand=[demand(rate=self.rate)],
            diversity=[replace(rule, max_share=self.max_share)] if self.max_share else [],
            locks=(Lock(minimum=self.at_least),) if self.at_least else (),
            settings=Settings(utilisation=1.0, months=MONTHS, budget_one_off=self.total_one_off),
            phases=self.phases,
        )

    # The oracle: nothing of the planner but these numbers ------------------------------------

    def running(self, counts: Counts) -> float:
        """Return what the nodes, their sites and contracts cost a month."""
        each = zip(counts, self.node_costs, self.site_costs, strict=True)
        return sum(n * node + (place + 3.0) * (n > 0) for n, node, place in each)

    def once(self, before: Counts, after: Counts) -> float:
        """Return what it costs to get from one to the other."""
        each = zip(before, after, self.per_new, self.opening, strict=True)
        return sum(
            max(0, new - old) * price + opening * (new > 0 and old == 0)
            for old, new, price, opening in each
        )

    def unserved(self, counts: Counts, phase: Phase) -> float:
        """Return the requests/s that nobody answers."""
        return max(0.0, self.rate * phase.demand_multiplier - EACH * sum(counts))

    def is_legal(self, counts: Counts) -> bool:
        """Return whether the rules of every phase hold."""
        total = sum(counts)
        spread = self.max_share is None or all(n <= self.max_share * total + 1e-9 for n in counts)
        return spread and total >= self.at_least

    def steps(self, before: Counts, phase: Phase, *, first: bool) -> Iterator[tuple[Counts, float]]:
        """Yield every end of a phase and what it costs once."""
        for after in itertools.product(range(self.most + 1), repeat=len(before)):
            pairs = list(zip(before, after, strict=True))
            once, new = self.once(before, after), sum(max(0, b - a) for a, b in pairs)
            may_close = first or phase.closing
            if (
                self.is_legal(after)
                and (may_close or all(b >= a for a, b in pairs))
                and (phase.max_new_nodes is None or new <= phase.max_new_nodes)
                and (phase.budget_one_off is None or once <= phase.budget_one_off + 1e-9)
                and (phase.budget_monthly is None or self.running(after) <= phase.budget_monthly)
            ):
                yield after, once

    def best(self) -> tuple[float, float] | None:
        """Return the least unserved and, of those, the least cost over all phases."""
        reached = {(self.existing, 0.0): (0.0, 0.0)}
        for number, phase in enumerate(self.phases):
            found: dict[tuple[Counts, float], tuple[float, float]] = {}
            for (before, spent), (lost, cost) in reached.items():
                for after, once in self.steps(before, phase, first=not number):
                    if self.total_one_off is not None and spent + once > self.total_one_off + 1e-9:
                        continue
                    paid = cost + self.running(after) + once / MONTHS
                    value = (round(lost + self.unserved(after, phase), 9), paid)
                    key = (after, spent + once if self.total_one_off is not None else 0.0)
                    found[key] = min(found.get(key, value), value)
            reached = found
        return min(reached.values(), default=None)


def drawn(seed: int) -> Case:
    """Return a random case of two or three sites and phases."""
    draw = random.Random(seed)
    sites, count = draw.choice([(2, 3), (3, 2)])
    multipliers = sorted(draw.choice([0.2, 0.4, 0.7, 1.0]) for _ in range(count))
    if draw.random() < 0.2:
        multipliers.reverse()
    phases = tuple(
        Phase(
            phase=f"phase {number}",
            order=number,
            demand_multiplier=multiplier,
            budget_monthly=draw.choice([None, None, None, 60.0]),
            budget_one_off=draw.choice([None, None, 25.0, 60.0]),
            max_new_nodes=draw.choice([None, 1, 2, 3]),
            closing=draw.random() < 0.3,
        )
        for number, multiplier in enumerate(multipliers)
    )

    def prices(*choices: float) -> tuple[float, ...]:
        return tuple(draw.choice(choices) for _ in range(sites))

    return Case(
        node_costs=prices(5.0, 7.0, 11.0, 16.0),
        site_costs=prices(0.0, 2.0, 9.0),
        opening=prices(0.0, 20.0, 40.0),
        per_new=prices(0.0, 5.0, 30.0),
        existing=tuple(draw.choice([0, 0, 0, 1, 2]) for _ in range(sites)),
        most=3,
        rate=draw.choice([4.0, 7.0, 9.0]),
        max_share=draw.choice([None, None, 0.7]),
        at_least=draw.choice([0, 0, 0, 2, 4]),
        total_one_off=draw.choice([None, None, 80.0]),
        phases=phases,
    )


def solved(of: Network, gap: float = 0.0) -> Rollout:
    """Return the end of the solve, with as much time as it takes."""
    return solve_phases(of, Limits(time_limit_s=60.0, gap=gap))


@pytest.mark.parametrize("part", range(3))
def test_the_plan_is_the_best_of_all_node_counts_in_all_phases(part: int) -> None:
    """Of 60 random roll-outs, with budgets, limits to growth and closing; some have no plan."""
    without, joint = 0, 0
    for seed in range(part, NETWORKS, 3):
        case = drawn(seed)
        found, best = solved(case.network), case.best()
        if best is None:
            assert found.solved.status == "infeasible", seed
            assert found.failed in {phase.phase for phase in case.phases}
            without += 1
            continue
        assert found.solved.plan is not None, seed
        lost, cost = (stage.value for stage in found.solved.stages)
        assert lost == pytest.approx(best[0], abs=1e-5), seed
        assert cost == pytest.approx(best[1], abs=0.02), seed
        assert found.solved.status == "optimal", seed
        assert not audit(case.network, found.solved.plan), seed
        assert not audit_stages(case.network, found.solved.plan, found.solved.stages), seed
        joint += "one model" in found.solved.search
    assert without
    assert joint


def test_the_same_roll_out_is_planned_the_same_twice() -> None:
    case = drawn(5)
    assert solved(case.network).solved.plan == solved(case.network).solved.plan


def test_a_phase_that_has_no_plan_by_itself_is_named() -> None:
    case = replace(drawn(5), at_least=99)
    found = solved(case.network)
    assert (found.solved.status, found.failed) == ("infeasible", "phase 0")
    assert found.alone is not None


def test_a_phase_that_has_none_on_what_stands_before_it_is_named() -> None:
    """Two nodes must stand: first what costs nothing once, at 10 each; then at most 15 a month."""
    phases = (
        Phase(phase="first", order=1, budget_one_off=0.0),
        Phase(phase="second", order=2, budget_monthly=15.0),
    )
    case = replace(
        drawn(5),
        node_costs=(10.0, 2.0),
        site_costs=(0.0, 0.0),
        opening=(0.0, 0.0),
        per_new=(0.0, 50.0),
        existing=(0, 0),
        rate=4.0,
        max_share=None,
        at_least=2,
        total_one_off=None,
        phases=phases,
    )
    assert case.best() is None
    found = solved(case.network)
    assert (found.solved.status, found.failed, found.alone) == ("infeasible", "second", None)
    # Where the second phase may close, it does: 2 · 10 + 3, then 2 · 2 + 3 and 100 over 10 months.
    closing = replace(case, phases=(phases[0], replace(phases[1], closing=True)))
    assert [stage.value for stage in solved(closing.network).solved.stages] == [0.0, 23 + 7 + 10]


def test_what_phases_prove_by_themselves_holds_only_while_they_serve_as_many() -> None:
    """First only nodes that cost nothing once, then 15 a month: by itself each serves all.

    Together the first phase keeps to the one node that the second can run: 10 + 3, twice. By
    themselves they cost 46 and 10, which is no bound on phases that serve less.
    """
    phases = (
        Phase(phase="first", order=1, budget_one_off=0.0),
        Phase(phase="second", order=2, demand_multiplier=0.25, budget_monthly=15.0),
    )
    case = replace(
        drawn(5),
        node_costs=(12.0, 2.0, 12.0, 10.0),
        site_costs=(0.0,) * 4,
        opening=(0.0,) * 4,
        per_new=(0.0, 50.0, 0.0, 0.0),
        existing=(0,) * 4,
        most=2,
        rate=8.0,
        max_share=None,
        at_least=0,
        total_one_off=None,
        phases=phases,
    )
    assert case.best() == (6.0, 26.0)
    found = solved(case.network).solved
    assert [stage.value for stage in found.stages] == pytest.approx([6.0, 26.0], abs=1e-4)
    assert found.status == "optimal"


GIVEN_UP = {
    "settled": Case(
        node_costs=(5.0, 7.0),
        site_costs=(9.0, 2.0),
        opening=(20.0, 20.0),
        per_new=(0.0, 60.0),
        existing=(1, 2),
        most=3,
        rate=9.0,
        max_share=None,
        at_least=0,
        total_one_off=80.0,
        phases=(
            Phase(phase="0", order=0, budget_monthly=40.0, max_new_nodes=1, closing=True),
            Phase(
                phase="1",
                order=1,
                demand_multiplier=0.7,
                budget_monthly=25.0,
                budget_one_off=40.0,
                max_new_nodes=2,
            ),
            Phase(
                phase="2",
                order=2,
                demand_multiplier=0.7,
                budget_monthly=25.0,
                budget_one_off=40.0,
                max_new_nodes=2,
            ),
        ),
    ),
    "phase by phase": Case(
        node_costs=(11.0, 7.0, 11.0),
        site_costs=(9.0, 9.0, 0.0),
        opening=(0.0, 0.0, 0.0),
        per_new=(30.0, 0.0, 0.0),
        existing=(1, 0, 0),
        most=3,
        rate=9.0,
        max_share=None,
        at_least=0,
        total_one_off=None,
        phases=(
            Phase(phase="0", order=0, budget_one_off=20.0, max_new_nodes=1),
            Phase(
                phase="1",
                order=1,
                demand_multiplier=0.7,
                budget_monthly=15.0,
                budget_one_off=40.0,
                closing=True,
            ),
        ),
    ),
}
"""Roll-outs whose phases, planned one by one, each give up what all of them may together."""


@pytest.mark.parametrize("name", GIVEN_UP)
def test_phases_planned_one_by_one_give_up_no_more_than_all_may(name: str) -> None:
    case = GIVEN_UP[name]
    found, best = solved(case.network).solved, case.best()
    assert best is not None
    assert [stage.value for stage in found.stages] == pytest.approx([*best], abs=2e-5)
    assert found.status == "optimal"


def test_phases_that_count_changes_are_planned_where_one_by_one_ends_in_nothing() -> None:
    """By themselves the phases stand at s1, s0, s1, which none of them can get to from another."""
    case = replace(
        drawn(5),
        node_costs=(7.0, 16.0),
        site_costs=(9.0, 0.0),
        opening=(40.0, 0.0),
        per_new=(0.0, 30.0),
        existing=(0, 0),
        most=2,
        rate=1.6,
        max_share=None,
        at_least=0,
        total_one_off=60.0,
        phases=(
            Phase(phase="0", order=0, budget_one_off=40.0, max_new_nodes=1, closing=True),
            Phase(phase="1", order=1, budget_monthly=15.0, budget_one_off=40.0, max_new_nodes=2),
            Phase(phase="2", order=2, budget_monthly=40.0, budget_one_off=20.0, closing=True),
        ),
    )
    plain = solved(case.network).solved
    goals = (Goal(1, "unserved"), Goal(2, "changes"), Goal(3, "monthly_cost"))
    found = solved(replace(case.network, goals=goals)).solved
    assert found.plan is not None
    assert found.stages[0].value == pytest.approx(plain.stages[0].value, abs=1e-4)
    assert not audit(case.network, found.plan)


def test_the_plan_of_a_phase_names_what_stands_before_it() -> None:
    case = replace(drawn(5), total_one_off=80.0)
    plan = solved(case.network).solved.plan
    assert plan is not None
    spent = 0.0
    for number, found in enumerate(by_phase(case.network, plan)):
        left = found.network.settings.budget_one_off
        assert left is not None
        assert left == pytest.approx(80.0 - spent)
        spent += sum_of(one_off_bill(found.network, found.plan))
        before = list(plan.phases.values())[number - 1].nodes if number else {}
        today = {f"s{n}": count for n, count in enumerate(case.existing)}
        for key, offer_row in found.network.offers.items():
            stood = before.get(key, 0) if number else today[key.site]
            assert offer_row.existing_nodes == stood


@pytest.mark.parametrize("broken", ["fewer", "more", "dearer", "missing"])
def test_the_audit_of_all_phases_finds_what_breaks_between_two(broken: str) -> None:
    phases = (
        Phase(phase="first", order=1, demand_multiplier=0.5),
        Phase(phase="second", order=2, max_new_nodes=2, budget_one_off=65.0),
    )
    case = replace(
        drawn(5),
        node_costs=(5.0, 7.0),
        opening=(20.0, 40.0),
        per_new=(5.0, 5.0),
        site_costs=(0.0, 0.0),
        existing=(0, 0),
        rate=4.0,
        max_share=None,
        at_least=0,
        total_one_off=None,
        phases=phases,
    )

    def standing(*counts: int) -> Deployment:
        nodes = {at(f"s{n}"): count for n, count in enumerate(counts) if count}
        opened = frozenset(key.site for key in nodes)
        return Deployment(
            open=opened, contracts=frozenset(f"p{name}" for name in opened), nodes=nodes
        )

    def found(**plans: Deployment) -> list[str]:
        rules = ("growth", "budget")
        violations = audit(case.network, Plan(plans))
        return [str(violation) for violation in violations if violation.rule in rules]

    assert not found(first=standing(1, 0), second=standing(2, 1))
    if broken == "fewer":
        (said,) = found(first=standing(2, 0), second=standing(1, 1))
        assert "second: s0/gpu]: 1 nodes are left of 2" in said
    elif broken == "more":
        (said,) = found(first=standing(1, 0), second=standing(4, 0))
        assert "second: second]: 3 nodes are new, at most 2 may be" in said
    elif broken == "dearer":
        # To open the second site costs 40, and its two nodes 5 each, where the first site stands;
        # where it does not, 20 + 5 and 40 + 5 are to be paid.
        assert not found(first=standing(1, 0), second=standing(1, 2))
        said = "\n".join(found(first=standing(0, 0), second=standing(1, 1)))
        assert "second: one-off]: 70.00 EUR exceed 65.00" in said
    else:
        said, *_ = found(second=standing(1, 1))
        assert "first]: the plan of the phase is missing" in said
