"""plan.json: the end of a run for machines, and what it knows of the plans written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from models.concentration import Concentration, Figures
from models.costs import Line
from models.data import DemandKey, OfferKey
from models.decisions import DECISIONS, Decision
from models.service import verifications_per_s
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.score import Score
from planner.files import put_json
from planner.report import phase_pages
from planner.report.done import Done
from planner.report.earlier import PLAN_JSON, unedited_plans
from planner.report.guarantee_rows import guarantee_document
from planner.report.plan_workbook import plan_hash
from planner.result import Result, Stage, without_noise
from planner.versions import code

FORMAT = 1
FILES = ("report", "log", "workbook")
"""What else of the run lies beside the plan."""

Json = dict[str, object]


def write_json(directory: Path, done: Done) -> Path:
    """Write plan.json into the directory, whole or not at all, and return where it is.

    Plans written earlier and not edited stay known; a rejected plan is none.
    """
    plan_file = None if done.result.status == "rejected" else done.files.get("plan")
    plans = unedited_plans(directory)
    if plan_file is not None:
        plans[plan_file.name] = plan_hash(plan_file)
    content = document(done)
    content["run"] = {
        **_run(done.result),
        "edits": list(done.edits),
        "plan_file": plan_file.name if plan_file is not None else None,
        "plan_sha256": plans[plan_file.name] if plan_file is not None else None,
        "files": {name: done.files[name].name for name in FILES if name in done.files},
        "plans": dict(sorted(plans.items())),
        "moved_aside": dict(sorted(done.aside.items())),
    }
    return put_json(directory / PLAN_JSON, _plain(content))


def document(done: Done) -> Json:
    """Return everything that plan.json says but `run`; numbers may still be infinite.

    Without a plan the lists are empty, and `reasons` and `findings` say why there is none.
    """
    result = done.result
    content: Json = {
        "format": FORMAT,
        "status": result.status,
        "gap": result.gap,
        "objectives": [_objective(done, stage) for stage in result.stages],
        "audit": {
            "passed": result.plan is not None and not result.violations,
            "violations": [violation.as_dict() for violation in result.violations],
        },
        "reasons": list(result.reasons),
        "findings": [finding.as_dict() for finding in done.findings],
        "warnings": [warning.as_dict() for warning in result.warnings],
    }
    for name, rows in _LISTS.items():
        content[name] = [
            _in_phase(evaluation.phase, row)
            for evaluation in done.evaluations
            for row in rows(evaluation)
        ]
    if done.network is not None and done.network.phases:
        content["phases"] = phase_pages.document(done)
    content["comparison"] = [_score(found) for found in done.scores]
    content["times"] = dict(result.run.times)
    return content


def _objective(done: Done, stage: Stage) -> Json:
    """Return a stage, and which part of its value is no money."""
    penalties = done.penalties(stage.priority)
    numbers = {name: without_noise(getattr(stage, name)) for name in ("value", "bound", "gap")}
    return {**asdict(stage), **numbers, "penalties": penalties}


# The lists ----------------------------------------------------------------------------------------


def _in_phase(phase: str, row: Json) -> Json:
    return {"phase": phase, **row} if phase else row


def _offer(offer: OfferKey) -> Json:
    return {"site": offer.site, "node_type": offer.node_type}


def _decided(decision: Decision) -> Callable[[Evaluation], Iterator[Json]]:
    """Return the list of one decision: its key, and how many where it is counted."""

    def rows(evaluation: Evaluation) -> Iterator[Json]:
        for key, amount in sorted(decision.amounts(evaluation.plan).items()):
            parts = (key,) if isinstance(key, str) else key
            counted = {decision.unit: amount} if decision.unit else {}
            yield {**dict(zip(decision.fields, parts, strict=True)), **counted}

    return rows


def _sites(evaluation: Evaluation) -> Iterator[Json]:
    for name in sorted(evaluation.plan.open):
        yield {"site": name, "nodes": evaluation.plan.nodes_at(name)}


def _routing(evaluation: Evaluation) -> Iterator[Json]:
    for answer in evaluation.answers:
        flow, way = answer.flow, answer.service
        yield {
            **_demand(flow.demand),
            **_offer(flow.offer),
            "route": flow.route,
            "state": flow.state,
            "fetch_from": flow.fetch_from,
            "share": flow.share,
            "latency_ms": way.latency_ms if way else None,
            "estimated": way.estimated if way else None,
        }


def _demand(key: DemandKey) -> Json:
    return {
        "region": key.region,
        "model": key.model,
        "verification": key.verification,
        "class": key.service_class,
        "period": key.period,
    }


def _verification(evaluation: Evaluation) -> Iterator[Json]:
    for flow in evaluation.plan.verification:
        yield {
            "policy": flow.policy,
            "residency": flow.residency,
            "period": flow.period,
            **_offer(flow.executor),
            "verifier": _offer(flow.verifier),
            "requests_per_s": flow.rate,
            "verifications_per_s": verifications_per_s(evaluation.network, flow),
        }


def _panels(evaluation: Evaluation) -> Iterator[Json]:
    for panel in evaluation.plan.panels:
        yield {
            "policy": panel.policy,
            "residency": panel.residency,
            "period": panel.period,
            **_offer(panel.executor),
            "verifiers": [_offer(offer) for offer in panel.verifiers],
            "share": panel.share,
        }


def _asked(evaluation: Evaluation) -> Iterator[Json]:
    for row in evaluation.demand:
        yield {
            **_demand(row.demand.key),
            "asked": row.asked,
            "served": row.served,
            "unserved": row.unserved,
            "why": row.why,
        }


def _dependencies(evaluation: Evaluation) -> Iterator[Json]:
    for found in evaluation.concentration:
        yield _concentration(found)


def _concentration(found: Concentration) -> Json:
    return {
        "role": found.role,
        "of": found.of,
        "period": found.period,
        "kind": found.kind,
        "unit": found.unit,
        "shares": [share._asdict() for share in found.shares],
        "on_none": found.on_none,
        "best": _figures(found.best),
        "worst": _figures(found.worst),
    }


def _figures(figures: Figures) -> Json:
    return {
        "largest": figures.largest,
        "largest_share": figures.largest_share,
        "effective_number": figures.effective,
        "nakamoto": dict(figures.nakamoto),
    }


def _changes(evaluation: Evaluation) -> Iterator[Json]:
    for what, where, today, planned in (*evaluation.openings, *evaluation.changes):
        yield {"what": what, "where": where, "today": today, "planned": planned}


def _costs(evaluation: Evaluation) -> Iterator[Json]:
    yield from _bill("monthly", evaluation.monthly)
    yield from _bill("one_off", evaluation.one_off)
    yield from _bill("penalties", evaluation.penalties)


def _bill(name: str, lines: Sequence[Line]) -> Iterator[Json]:
    for line in lines:
        yield {"bill": name, "item": line.item, "amount": line.amount}


def _assumptions(evaluation: Evaluation) -> Iterator[Json]:
    for found in evaluation.reliances:
        for decided in found.decisions:
            yield {
                "what": found.what,
                "decision": decided.name,
                "amount": decided.amount,
                "rests_on": [basis._asdict() for basis in decided.basis],
            }


_LISTS = {
    "guarantees": guarantee_document,
    "sites": _sites,
    **{found.of_plan: _decided(found) for found in DECISIONS if found.of_plan != "open"},
    "routing": _routing,
    "verification": _verification,
    "panels": _panels,
    "demand": _asked,
    "dependencies": _dependencies,
    "changes": _changes,
    "costs": _costs,
    "assumptions": _assumptions,
}


def _score(found: Score) -> Json:
    return {
        "plan": found.name,
        "monthly_cost": found.monthly_cost,
        "penalties": found.penalties,
        "p50_ms": found.p50_ms,
        "p95_ms": found.p95_ms,
        "served": found.served,
        "served_cold": found.served_cold,
        "largest_share": dict(found.largest_share),
        "violations": found.broken,
        "violations_by_rule": dict(found.violations),
    }


def _run(result: Result) -> Json:
    run = result.run
    return {
        "command": run.command,
        "workbook": run.workbook,
        "workbook_sha256": run.sha256,
        "scenario": run.scenario or None,
        "versions": dict(sorted(run.versions.items())),
        "code": code(),
        "options": dict(sorted(run.options.items())),
        "seed": run.seed,
        "clock_stopped": run.clock_stopped,
        "search": run.search,
    }


# The file -----------------------------------------------------------------------------------------


def _plain(value: object) -> object:
    """Return the value as JSON can hold it: null for what is not finite, text for the unknown."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
