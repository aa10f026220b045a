"""What one planning run ends with: the plan, how good it is proven to be, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.plan import Plan, Violation
from planner.workbook.findings import Finding

SAME = 1e-6
"""How far a bound may be from a value for both to be the same, given the solver's tolerances."""

NOISE = 1e-9
"""What is smaller than this is 0 to whoever reads it."""

STATUSES = (
    "optimal",
    "feasible",
    "infeasible",
    "no_plan_found",
    "interrupted",
    "invalid",
    "rejected",
)


@dataclass(frozen=True)
class Limits:
    """When to stop: seconds for everything, and the relative gap that is good enough.

    `deterministic` steps end by work and not by shares of the time. With two `threads` or more, the
    bound of a model of some size is sought beside the plan; more inside HiGHS gain nothing.
    """

    time_limit_s: float
    gap: float
    seed: int = 0
    threads: int = 1
    solver: Mapping[str, Any] = field(default_factory=dict)
    deterministic: bool = False


@dataclass(frozen=True)
class Stage:
    """One objective of the run: its value in the plan, its proven bound, and the relative gap.

    `given_up` is the part of the gap that later objectives took within the planner's tolerance.
    """

    priority: int
    measure: str
    value: float
    bound: float
    gap: float
    given_up: float = 0.0

    @property
    def proven(self) -> float:
        """Return how far it is from the best possible, but for what was given up."""
        return self.gap - self.given_up


@dataclass(frozen=True)
class Run:
    """How the plan was made.

    `times` are seconds by stage; `clock_stopped`: not reproducible; `search`: where the plan was
    sought, and of what its bound is; `scenario`: as which the workbook was read, if any;
    `command`: what the planner was asked to do.
    """

    workbook: str
    sha256: str
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    clock_stopped: bool = False
    search: str = ""
    scenario: str = ""
    command: str = "solve"

    @property
    def subject(self) -> str:
        """Return what was planned: the workbook, and as which scenario has it."""
        return f"{self.workbook}, scenario {self.scenario}" if self.scenario else self.workbook


@dataclass(frozen=True)
class Result:
    """The end of a run. `plan` is None unless the status is optimal, feasible or interrupted.

    `reasons` say, in sentences, why there is no plan; `phase_gaps` how far each phase of a roll-out
    is from the best possible at most.
    """

    status: str
    run: Run
    plan: Plan | None = None
    gap: float = float("inf")
    stages: tuple[Stage, ...] = ()
    warnings: tuple[Finding, ...] = ()
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()
    phase_gaps: Mapping[str, float] = field(default_factory=dict)


def without_noise(number: float) -> float:
    """Return the number, or 0 where it is only what arithmetic leaves of nothing, -0.0 included."""
    return 0.0 if abs(number) < NOISE else number


def relative_gap(objective: float, bound: float) -> float:
    """Return (objective − bound) / |objective|; 0 where they meet, infinite without a plan."""
    if not np.isfinite(objective):
        return float("inf")
    distance = max(0.0, objective - bound)
    if distance <= max(SAME, 1e-9 * abs(objective)):
        return 0.0
    return distance / abs(objective) if objective else float("inf")
