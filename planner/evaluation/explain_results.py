"""What is found out about a workbook that no plan exists for."""

from __future__ import annotations

from dataclasses import dataclass

from models.data import Scenario
from planner.workbook.findings import Finding


@dataclass(frozen=True)
class Member:
    """A cell that sets a limit which cannot hold together with the others of the conflict.

    Where it is not `decided`, the time was over before it was known whether it is needed. What is
    `kept` may not give.
    """

    cell: str
    rules: tuple[str, ...]
    sentence: str
    decided: bool = True
    kept: bool = False


@dataclass(frozen=True)
class Step:
    """One cell that gives: how, from what to what, as a person would write it."""

    cell: str
    way: str
    before: str
    after: str
    amount: str = ""

    def __str__(self) -> str:
        if self.way == "release":
            return f"release {self.cell} ({self.before})"
        by = f" by {self.amount}" if self.amount else ""
        return f"{self.way} {self.cell}{by} from {self.before} to {self.after}"


@dataclass(frozen=True)
class Suggestion:
    """Cells that, changed so, make a plan possible: a scenario that was solved, and its cost.

    Where it is not `least`, a smaller change was not decided on in time. `cost` is that of the plan
    found, in currency a month; `status` how good it is proven to be.
    """

    scenario: str
    steps: tuple[Step, ...]
    rows: tuple[Scenario, ...]
    cost: float
    status: str
    least: bool = True


@dataclass(frozen=True)
class Explanation:
    """Whether there is a plan, and if not, why not and what would give one.

    `status` is plan, infeasible, not_decided or invalid. `notes` say what was not found out.
    """

    status: str
    currency: str = ""
    members: tuple[Member, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    stopped: bool = False
