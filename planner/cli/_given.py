"""What commands are given: a workbook, a plan or what stands today, and who solves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from planner.cli._endings import fail
from planner.cli._said import listed

if TYPE_CHECKING:
    from models.network import Network
    from models.plan import Deployment
    from planner.jobs.requests import Workers
    from planner.reading import Tables
    from planner.report.plan_workbook import PlanFile


def standing(
    workbook: Path, plan: Path | None, scenario: str, phase: str = ""
) -> tuple[Tables, Network, Deployment]:
    """Return the workbook and the nodes of the plan, or those of today; exit if there are none.

    Of a plan in phases that is the phase of that name, else the last one, in its network.
    """
    from models.phases import by_phase
    from planner.report.plan_audit import audit_plan
    from planner.workbook.findings import counted
    from planner.workbook.names import slip_or

    tables, network = read(workbook, scenario)
    if plan is None:
        return tables, network, what_stands(network)
    plan = plan_file(plan)
    found, violations = audit_plan(network, plan)
    if any(finding.is_error for finding in found.findings):
        fail(listed(found.findings))
    if violations:
        count = len(violations)
        text = f"{plan.name} has {counted(count, 'violation')}; planner audit names them."
        click.echo(text, err=True)
    tell_other(found, tables, workbook, plan, scenario)
    every = by_phase(network, found.plan)
    named = [each for each in every if each.name == phase] if phase else every
    if not named:
        known = [each.name for each in every if each.name]
        otherwise = f"take one of {', '.join(known)}" if known else "it is in none"
        way_out = slip_or(phase, known, otherwise)
        raise click.UsageError(f"--phase {phase}: {plan.name} has no such phase; {way_out}")
    return tables, named[-1].network, named[-1].plan


def demand_folder(folder: Path) -> Path:
    """Return the folder once it is there; where it cannot be, that is said before any work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(str(error))
    return folder


def folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def demand_file(workbook: Path) -> None:
    from planner.workbook.zip_door import way_out_of_missing

    if not workbook.exists():
        way_out = way_out_of_missing(workbook)
        end = "" if way_out.endswith("?") else "."
        fail(f"{workbook} does not exist; {way_out}{end} Nothing is written.")


def plan_file(plan: Path) -> Path:
    """Return the plan workbook that a path names, itself or by its folder; exit if it has none."""
    from planner.compare import plan_in
    from planner.workbook.findings import InputError

    try:
        return plan_in(plan) if plan.is_dir() else plan
    except InputError as error:
        fail(listed(error.findings))


def demand_one(plan: Path | None, today: bool) -> None:
    if (plan is None) == (not today):
        raise click.UsageError("give a PLAN, or --today for what stands now")


def read(workbook: Path, scenario: str) -> tuple[Tables, Network]:
    """Return a workbook and its network; exit with what is wrong with it if it has none."""
    from planner.reading import read_network

    tables = read_network(workbook, scenario=scenario)
    if tables.network is None:
        fail(listed(tables.findings))
    return tables, tables.network


def what_stands(network: Network) -> Deployment:
    """Return what stands now, routed at best; exit if nothing does."""
    from models.replay import rerouted
    from planner.evaluation.nearest_plans import today

    stands = today(network)
    if stands is None:
        fail("nothing stands today: existing_nodes, Seats and Today are empty.")
    return rerouted(network, stands)


def tell_other(found: PlanFile, tables: Tables, workbook: Path, plan: Path, scenario: str) -> None:
    """Say on stderr that a plan was made from another workbook, or scenario, if it was."""
    if found.scenario != scenario:
        made = f"as its scenario {found.scenario!r}" if found.scenario else "without a scenario"
        way_out = (
            f"give --scenario {found.scenario!r}" if found.scenario else "leave --scenario out"
        )
        click.echo(f"{plan.name} was made from {workbook.name} {made}: {way_out}.", err=True)
    if found.workbook_sha256 not in ("", tables.sha256):
        other = "it is of another workbook, or that was changed since"
        click.echo(f"{plan.name} was not made from {workbook.name} as it is: {other}.", err=True)


def workers_of(processes: int | None, cluster: str | None) -> Workers:
    """Return who solves; a cluster that is not there is said before an hour's work, not after."""
    from planner.jobs.cluster import NoCluster, demand_cluster
    from planner.jobs.requests import Workers, cores

    if cluster is not None:
        try:
            demand_cluster(cluster)
        except NoCluster as error:
            raise click.UsageError(str(error)) from None
    return Workers(processes or cores(), cluster)
