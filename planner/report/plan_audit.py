"""Whether a plan workbook, as written or edited by hand, keeps every rule."""

from __future__ import annotations

from pathlib import Path

from models.network import Network
from models.plan import Plan, Violation
from planner.evaluation.audit import audit
from planner.evaluation.evaluation import evaluate
from planner.report.plan_workbook import PlanFile, read_plan
from planner.workbook.findings import InputError


def audit_plan(network: Network, path: Path) -> tuple[PlanFile, tuple[Violation, ...]]:
    """Return a plan file as read, and every rule that its plan breaks."""
    try:
        found = read_plan(path, network)
    except InputError as error:
        return PlanFile(Plan({}), tuple(error.findings), ""), ()
    if any(finding.is_error for finding in found.findings):
        return found, ()
    return found, audit(network, found.plan)


def unserved(network: Network, plan: Plan) -> float:
    """Return the share of all demand that nobody serves under the last phase of a plan."""
    final = evaluate(network, plan)[-1]
    return final.unserved / final.asked if final.asked else 0.0
