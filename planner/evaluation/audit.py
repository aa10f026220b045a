"""Whether a plan keeps every rule and says what is true, without the model and the solver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from models import objectives
from models.network import Network
from models.phases import by_phase, phases_of
from models.plan import Plan, Violation
from models.rules import RULES
from planner.result import Stage

FIGURES = "figures"
"""The name under which a wrong figure is reported, beside those of the rules."""

AGREEMENT = 1e-5
"""How far apart, relatively, the solver and the tables may be: the solver's own tolerance."""


def audit(network: Network, plan: Plan) -> tuple[Violation, ...]:
    """Return every place where a phase of the plan breaks a rule, in the order of RULES.

    Each phase is judged on what the one before it leaves standing.
    """
    phases = by_phase(network, plan)
    return (
        *_missing(network, plan),
        *(
            _in_phase(found.name, violation)
            for rule in RULES
            for found in phases
            for violation in rule.audit(found.network, found.plan)
        ),
    )


def _missing(network: Network, plan: Plan) -> Iterator[Violation]:
    """Yield the phases that come before one of the plan and are not in it."""
    names = [phase.phase for phase in phases_of(network)]
    last = max((names.index(name) for name in plan.phases if name in names), default=-1)
    for name in names[: last + 1]:
        if name not in plan.phases:
            yield Violation("growth", name, "the plan of the phase is missing")


def audit_stages(network: Network, plan: Plan, stages: tuple[Stage, ...]) -> tuple[Violation, ...]:
    """Return the objectives for which the solver's value is not that of the plan."""
    return tuple(_wrong_stages(network, plan, stages))


def _in_phase(phase: str, violation: Violation) -> Violation:
    if not phase:
        return violation
    return replace(violation, where=f"{phase}: {violation.where}")


def _wrong_stages(network: Network, plan: Plan, stages: tuple[Stage, ...]) -> Iterator[Violation]:
    stated = {stage.priority: stage for stage in stages}
    goals = sorted(network.goals, key=lambda goal: goal.priority)
    for priority, group in itertools.groupby(goals, key=lambda goal: goal.priority):
        wanted = list(group)
        stage = stated.get(priority)
        if stage is None:
            continue
        found = sum(objectives.value(of, phase, wanted) for _, of, phase in by_phase(network, plan))
        if abs(found - stage.value) > AGREEMENT * max(1.0, abs(found)):
            message = f"the solver says {stage.value:,.6f}, the plan amounts to {found:,.6f}"
            yield Violation(FIGURES, stage.measure, message)
