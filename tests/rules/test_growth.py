"""A phase adds no more nodes than it may, and takes none away unless it may close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyomo.repn import generate_standard_repn

from models.build import build_phases
from models.data import Phase
from models.network import Later, Network, Step
from models.plan import Deployment
from models.rules import budget
from models.rules import growth as rule
from tests import draw
from tests.rules import assert_explains, assert_illegal, assert_legal, at, network, offer, site


def stepping(step: Step | None) -> Network:
    """Two sites; three nodes stand at the old one, one at the new one."""
    found = network(
        [site("new", "Acme", opening_cost=700), site("old", "Bolt", opening_cost=900)],
        [
            offer("new", "gpu", one_off_cost=50, existing_nodes=1),
            offer("old", "gpu", one_off_cost=60, existing_nodes=3),
        ],
    )
    return replace(found, step=step)


def plan(new: int, old: int) -> Deployment:
    """Return so many nodes at the two sites, those without any closed."""
    nodes = {at(name): count for name, count in (("new", new), ("old", old)) if count}
    providers = {"new": "Acme", "old": "Bolt"}
    opened = frozenset(offer.site for offer in nodes)
    return Deployment(
        open=opened, contracts=frozenset(providers[name] for name in opened), nodes=nodes
    )


def test_without_phases_nothing_limits_growth() -> None:
    assert_legal(rule, stepping(None), plan(9, 0))
    assert_explains(rule, stepping(None), plan(9, 0), "no phases")


def test_what_stands_stays_unless_the_phase_may_close() -> None:
    phase = Phase(phase="growth")
    for enough in (plan(1, 3), plan(5, 3)):
        assert_legal(rule, stepping(Step(phase, keeps=True)), enough)
    assert_illegal(
        rule,
        stepping(Step(phase, keeps=True)),
        plan(5, 2),
        "old/gpu]: 2 nodes are left of 3, and the phase may not close any (Phase.closing)",
    )
    none = stepping(Step(phase, keeps=True)), plan(0, 3)
    assert_illegal(rule, *none, "new/gpu]: 0 nodes are left of 1")
    assert_legal(rule, stepping(Step(phase)), plan(5, 2))


def test_new_nodes_are_counted_offer_by_offer() -> None:
    phase = Phase(phase="growth", max_new_nodes=2)
    assert_legal(rule, stepping(Step(phase)), plan(3, 3))
    # Two more at one site and one fewer at the other are two new nodes, and three more are three.
    assert_legal(rule, stepping(Step(phase)), plan(3, 2))
    said = "growth]: 3 nodes are new, at most 2 may be (Phase.max_new_nodes)"
    assert_illegal(rule, stepping(Step(phase)), plan(4, 2), said)
    assert_illegal(rule, stepping(Step(phase, keeps=True)), plan(2, 5), said)


def test_what_is_decided_for_the_phase_after_must_be_within_its_reach() -> None:
    later = Later(Phase(phase="full", max_new_nodes=2), plan(4, 4))
    step = Step(Phase(phase="growth"), later=later)
    for within in (plan(3, 3), plan(4, 4)):
        assert_legal(rule, stepping(step), within)
    assert_illegal(
        rule, stepping(step), plan(3, 2), "full]: 3 nodes are left to full, which may add 2"
    )
    assert_illegal(rule, stepping(step), plan(5, 4), "new/gpu]: 4 nodes are left of 5 in full")
    one = replace(step, later=Later(Phase(phase="full", max_new_nodes=1), plan(1, 4)))
    assert_illegal(rule, stepping(one), plan(0, 3), "2 nodes are left to full, which may add 1")
    gone = replace(step, later=replace(later, plan=plan(0, 4)))
    assert_illegal(rule, stepping(gone), plan(1, 3), "new/gpu]: 0 nodes are left of 1 in full")
    free = replace(step, later=replace(later, keeps=False))
    assert_legal(rule, stepping(free), plan(5, 4))


def test_the_phase_after_must_be_able_to_pay_for_what_is_left_to_it() -> None:
    # One node at the new site, which is to be opened, and two more at the old one.
    cost = 700 + 50 + 2 * 60
    later = Later(Phase(phase="full", budget_one_off=cost), plan(1, 5))
    assert_legal(rule, stepping(Step(Phase(phase="growth"), later=later)), plan(0, 3))
    later = replace(later, phase=Phase(phase="full", budget_one_off=cost - 1))
    assert_illegal(
        rule,
        stepping(Step(Phase(phase="growth"), later=later)),
        plan(0, 3),
        "full]: 870.00 are left to full, which may pay 869.00 once (Phase.budget_one_off)",
    )


def test_the_phase_after_pays_for_nothing_that_is_there_or_that_it_does_without() -> None:
    phase = Phase(phase="full", budget_one_off=2 * 60)
    for now, then in ((plan(1, 3), plan(1, 5)), (plan(3, 3), plan(2, 5)), (plan(0, 3), plan(0, 5))):
        later = Later(phase, then, keeps=False)
        assert_legal(rule, stepping(Step(Phase(phase="growth"), later=later)), now)
        tight = replace(later, phase=replace(phase, budget_one_off=119))
        step = Step(Phase(phase="growth"), later=tight)
        assert_illegal(rule, stepping(step), now, "120.00 are left to full, which may pay 119.00")


def test_a_phase_has_budgets_of_its_own_for_what_it_adds() -> None:
    # The old site stands; the new one is opened, with one node more than its one.
    step = Step(Phase(phase="growth", budget_one_off=750), standing=frozenset({"old"}))
    assert_legal(budget, stepping(step), plan(2, 3))
    tight = replace(step, phase=Phase(phase="growth", budget_one_off=749))
    assert_illegal(
        budget, stepping(tight), plan(2, 3), "750.00 EUR exceed 749.00 (Phase.budget_one_off)"
    )


def test_on_a_phase_of_the_same_model_its_nodes_are_what_stands() -> None:
    first, second = (
        stepping(Step(Phase(phase=name, max_new_nodes=2), keeps=name == "second"))
        for name in ("first", "second")
    )
    model = build_phases(
        {name: (of, draw.row_by_row(of)) for name, of in (("first", first), ("second", second))},
        None,
    )
    own = model.phase["second"].rules.growth
    now, before = (f"phase[{name}].nodes[new,gpu]" for name in ("second", "first"))
    new = "phase[second].rules.growth.new[new/gpu]"

    def of(row: Any) -> tuple[dict[str, float], float | None, float | None]:
        found = generate_standard_repn(row.body)
        terms = zip(found.linear_vars, found.linear_coefs, strict=True)
        return {variable.name: each for variable, each in terms}, row.lb, row.ub

    assert of(own.kept["new", "gpu"]) == ({now: 1.0, before: -1.0}, 0.0, None)
    assert of(own.counted["new", "gpu"]) == ({new: 1.0, now: -1.0, before: 1.0}, 0.0, None)


def test_it_says_how_much_is_added() -> None:
    step = Step(Phase(phase="growth", max_new_nodes=7), keeps=True)
    assert_explains(rule, stepping(step), plan(3, 4), "growth adds 3 nodes (at most 7)", "stay")
