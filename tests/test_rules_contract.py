"""The promise of every rule: its rows hold for a plan exactly when its audit finds nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn
from scipy.optimize import LinearConstraint, milp

from models.build import SINGLE_PHASE, build, rule_name
from models.expressions import Cut
from models.network import Network
from models.plan import Deployment
from models.rules import RULES
from models.translate import place
from tests import draw
from tests.thorough import parts

PARTS, NETWORKS, PLANS_EACH = 6, 50, 10
"""3,000 random plans in parts of 500, each checked against every rule."""

SLACK = 2e-6

Values = dict[int, tuple[Any, float]]
"""A variable and its value, by the id of the variable."""

NAMED = "names a cell"
OF_THE_PLAN_ALONE = {"sources"}
"""Rules whose every limit is the plan's own: what it loads from a copy, and which copies it stores.

Of all others some violation names the row that sets the limit.
"""


def rows_hold(block: Any, values: Values) -> bool:
    """Return whether values for the free variables make every row of the block hold."""
    free: dict[int, int] = {}
    variables: list[Any] = []
    entries: list[tuple[dict[int, float], float, float]] = []
    for constraint in block.component_data_objects(pyo.Constraint, active=True):
        found = generate_standard_repn(constraint.body)
        constant = float(found.constant)
        unknown: dict[int, float] = {}
        for coefficient, variable in zip(found.linear_coefs, found.linear_vars, strict=True):
            if id(variable) in values:
                constant += coefficient * values[id(variable)][1]
            elif variable.ub == 0 and variable.lb == 0:
                continue
            else:
                column = free.setdefault(id(variable), len(free))
                if column == len(variables):
                    variables.append(variable)
                unknown[column] = unknown.get(column, 0.0) + coefficient
        lower = -np.inf if constraint.lb is None else constraint.lb - constant - SLACK
        upper = np.inf if constraint.ub is None else constraint.ub - constant + SLACK
        if not unknown:
            if lower > 0 or upper < 0:
                return False
        else:
            entries.append((unknown, lower, upper))
    return not entries or _solvable(variables, entries)


def _solvable(variables: list[Any], entries: list[tuple[dict[int, float], float, float]]) -> bool:
    matrix = np.zeros((len(entries), len(variables)))
    for row, (unknown, _, _) in enumerate(entries):
        for column, coefficient in unknown.items():
            matrix[row, column] = coefficient
    bounds = (
        np.array([-np.inf if v.lb is None else v.lb for v in variables]),
        np.array([np.inf if v.ub is None else v.ub for v in variables]),
    )
    limits = LinearConstraint(matrix, [e[1] for e in entries], [e[2] for e in entries])
    found = milp(
        np.zeros(len(variables)),
        constraints=limits,
        bounds=bounds,  # type: ignore[arg-type]
        integrality=[int(v.is_integer()) for v in variables],
    )
    return bool(found.success)


def model_accepts(block: Any, network: Network, plan: Deployment, rule: Any) -> bool | None:
    """Return whether the rule's rows, separated ones included, hold for the plan.

    A part of the plan that has no variable, or more nodes than an offer has, breaks the rule that
    says so; what the other rules make of such a plan cannot be asked (None).
    """
    return accepts_placed(block, network, plan, rule, place(block, network, plan))


def accepts_placed(
    block: Any, network: Network, plan: Deployment, rule: Any, placed: tuple[Values, set[str]]
) -> bool | None:
    """Return the same of a plan that is placed on the variables already."""
    values, lost = placed
    own = block.rules.component(rule_name(rule))
    if lost:
        return False if rule_name(rule) in lost else None
    if rule_name(rule) != "opening" and any(
        plan.nodes[offer] > block.nodes[offer].ub for offer in plan.nodes
    ):
        return None
    if not rows_hold(own, values):
        return False
    return not broken_cuts(block, network, rule, values)


def broken_cuts(block: Any, network: Network, rule: Any, values: Values) -> list[Cut]:
    """Return the rows that the rule separates and the values break."""
    separate = getattr(rule, "separate", None)
    if separate is None:
        return []

    def point(variable: Any) -> float:
        return values.get(id(variable), (variable, 0.0))[1]

    own = block.rules.component(rule_name(rule))
    return [cut for cut in separate(own, block, network, point) if cut.is_broken(point)]


def disagreements(rules: Any, networks: range, plans_each: int) -> tuple[list[str], Counter[Any]]:
    """Return where rows and audit disagree, and how often each rule held and broke."""
    found: list[str] = []
    outcomes: Counter[Any] = Counter()
    for seed in networks:
        network = draw.network(seed)
        settings = replace(network.settings, require_served=seed % 3 == 0)
        network = replace(network, settings=settings)
        if seed % 2:
            network = draw.surviving(network, seed)
        if seed % 4 < 2:
            network = draw.stepping(network, seed)
        classes = draw.row_by_row(network)
        model = build(network, classes)
        block = model.phase[SINGLE_PHASE]
        for number in range(plans_each):
            plan = draw.plan(network, classes, 1000 * seed + number)
            if number % 3 == 0:
                plan = draw.richer(network, plan, number)
            placed = place(block, network, plan)
            for rule in rules:
                violations = list(rule.audit(network, plan))
                accepted = accepts_placed(block, network, plan, rule, placed)
                if accepted is None:
                    continue
                outcomes[rule_name(rule), accepted] += 1
                outcomes[rule_name(rule), NAMED] += any(found.row for found in violations)
                if accepted == bool(violations):
                    found.append(
                        f"{rule_name(rule)}, network {seed}, plan {number}: "
                        f"model {'accepts' if accepted else 'refuses'}, "
                        f"audit: {'; '.join(map(str, violations)) or 'nothing'}"
                    )
    return found, outcomes


@pytest.mark.parametrize("part", parts(PARTS))
def test_rows_hold_exactly_when_the_audit_finds_nothing(part: int) -> None:
    """Both outcomes occur for every rule, in each part of the random plans.

    Among what the audit finds of a rule, some violation names the row of the workbook to change.
    """
    networks = range(part * NETWORKS, (part + 1) * NETWORKS)
    found, outcomes = disagreements(RULES, networks, PLANS_EACH)
    assert not found, "\n".join(found[:20])
    missing = [
        (rule_name(rule), held)
        for rule in RULES
        for held in (True, False, NAMED)
        if bool(outcomes[rule_name(rule), held])
        == (held is NAMED and rule_name(rule) in OF_THE_PLAN_ALONE)
    ]
    assert not missing, f"seen never, or against all promises: {missing}"


def test_every_rule_is_registered_documented_and_tested() -> None:
    """A module in rules/ without underscore is in RULES, and has a docstring and a test file."""
    root = Path(__file__).parents[1]
    files = {path.stem for path in (root / "models" / "rules").glob("[a-z]*.py")}
    assert files == {rule_name(rule) for rule in RULES}
    for rule in RULES:
        text = rule.__doc__ or ""
        assert text.split("\n")[0].rstrip().endswith("."), rule_name(rule)
        assert "Source:" in text and "for all" in text or "once" in text, rule_name(rule)
        assert any(sign in text for sign in "≤≥=∈"), f"{rule_name(rule)} states no formula"
        assert (root / "tests" / "rules" / f"test_{rule_name(rule)}.py").exists(), rule_name(rule)
