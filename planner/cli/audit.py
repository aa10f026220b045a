"""planner audit: check a plan again, without a solver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli import _options as options
from planner.cli._endings import BAD_INPUT, PLAN, REJECTED
from planner.cli._given import demand_one, plan_file, read, tell_other, what_stands
from planner.cli._said import listed, print_json, say, violated, wrong

if TYPE_CHECKING:
    from planner.workbook.findings import Finding

UNSERVED = 1e-5
"""The share of demand that is left unserved only in the last digits."""


@click.command()
@options.workbook
@options.plan
@options.today
@options.json("Print the violations as JSON.")
@options.quiet
@options.scenario
def audit(
    workbook: Path, plan: Path | None, today: bool, scenario: str, as_json: bool, quiet: bool
) -> None:
    """Re-check PLAN against WORKBOOK without a solver; the plan may have been edited by hand.

    \b
    Example:
      planner audit inputs/minimal.xlsx my-plan/plan.xlsx
    """
    from models.plan import Plan
    from planner.evaluation.audit import audit as audit_rules
    from planner.report.plan_audit import audit_plan, unserved

    demand_one(plan, today)
    tables, network = read(workbook, scenario)
    findings: tuple[Finding, ...] = ()
    if plan is None:
        name, audited = "what stands today", Plan({"": what_stands(network)})
        violations = audit_rules(network, audited)
    else:
        plan = plan_file(plan)
        found, violations = audit_plan(network, plan)
        tell_other(found, tables, workbook, plan, scenario)
        name, findings, audited = plan.name, found.findings, found.plan
    violations = tables.located(violations)
    if as_json:
        told = {
            "passed": not violations and not any(finding.is_error for finding in findings),
            "findings": [finding.as_dict() for finding in findings],
            "violations": [violation.as_dict() for violation in violations],
        }
        print_json(told, indent=2)
    else:
        say(listed(wrong(findings, quiet)))
        say(violated(violations))
        is_legal = not violations and not any(finding.is_error for finding in findings)
        if is_legal and not quiet:
            click.echo(f"{name} keeps every rule of {workbook.name}.")
        if (is_legal or plan is None) and not quiet:
            share = unserved(network, audited)
            if share > UNSERVED:
                click.echo(f"It leaves {share:.1%} of the demand unserved: no rule forbids that.")
    if any(finding.is_error for finding in findings):
        sys.exit(BAD_INPUT)
    sys.exit(REJECTED if violations else PLAN)
