"""plan.json: the end of a run for machines, and what it knows of the plans written beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from models import objectives
from models.concentration import Concentration, Figures, concentration
from models.costs import Line, one_off_bill
from models.data import DemandKey, OfferKey
from models.network import Network
from models.plan import Deployment
from models.service import service, verifications_per_s
from planner.evaluation.baselines import Score
from planner.evaluation.unserved import served
from planner.files import move_into_place
from planner.report.plan_workbook import plan_hash
from planner.result import Result, Stage, without_noise
from planner.workbook.findings import Finding

FORMAT = 1
PLAN_JSON, PLAN_XLSX = "plan.json", "plan.xlsx"

Json = dict[str, object]


def write_json(
    directory: Path,
    result: Result,
    network: Network | None = None,
    scores: Sequence[Score] = (),
    findings: Sequence[Finding] = (),
    plan_file: Path | None = None,
    aside: Mapping[str, str] | None = None,
) -> Path:
    """Write plan.json into the directory, whole or not at all, and return its path.

    `plan_file` is the workbook of this plan; plans written earlier and not edited stay known.
    `aside` are the new names of plans that this run found and has none to put in their place.
    """
    plans = unedited_plans(directory)
    if plan_file is not None:
        plans[plan_file.name] = plan_hash(plan_file)
    content = document(result, network, scores, findings)
    content["run"] = {
        **_run(result),
        "plan_file": plan_file.name if plan_file is not None else None,
        "plan_sha256": plans[plan_file.name] if plan_file is not None else None,
        "plans": dict(sorted(plans.items())),
        "moved_aside": dict(sorted((aside or {}).items())),
    }
    path = directory / PLAN_JSON
    text = json.dumps(_plain(content), ensure_ascii=False, indent=1, allow_nan=False)
    move_into_place(path, (text + "\n").encode("utf-8"))
    return path


def document(
    result: Result,
    network: Network | None = None,
    scores: Sequence[Score] = (),
    findings: Sequence[Finding] = (),
) -> Json:
    """Return everything that plan.json says but `run`; numbers may still be infinite.

    Without a plan the lists are empty, and `reasons` and `findings` say why there is none.
    """
    content: Json = {
        "format": FORMAT,
        "status": result.status,
        "gap": result.gap,
        "objectives": [_objective(network, result, stage) for stage in result.stages],
        "audit": {
            "passed": result.plan is not None and not result.violations,
            "violations": [asdict(violation) for violation in result.violations],
        },
        "reasons": list(result.reasons),
        "findings": [finding.as_dict() for finding in findings],
        "warnings": [warning.as_dict() for warning in result.warnings],
    }
    for name, rows in _LISTS.items():
        content[name] = [
            _in_phase(phase, row)
            for phase, deployment in _phases(network, result)
            for row in rows(*deployment)
        ]
    content["comparison"] = [_score(found) for found in scores]
    content["times"] = dict(result.run.times)
    return content


def _objective(network: Network | None, result: Result, stage: Stage) -> Json:
    """Return a stage, and which part of its value is no money."""
    penalties = None
    if network is not None and result.plan is not None:
        penalties = objectives.penalties_in(network, result.plan.final, stage.priority)
    numbers = {name: without_noise(getattr(stage, name)) for name in ("value", "bound", "gap")}
    return {**asdict(stage), **numbers, "penalties": penalties}


def unedited_plans(directory: Path) -> dict[str, str]:
    """Return the plan workbooks in the directory that are still as written, with their hashes."""
    try:
        content = json.loads((directory / PLAN_JSON).read_text(encoding="utf-8"))
        listed = content["run"]["plans"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {
        name: digest
        for name, digest in listed
        if isinstance(name, str)
        and Path(name).name == name
        and digest
        and plan_hash(directory / name) == digest
    }


def was_edited(directory: Path, name: str = PLAN_XLSX) -> bool:
    """Return whether a plan of that name is there that is not known to be as written."""
    return (directory / name).exists() and name not in unedited_plans(directory)


def plan_path(directory: Path, name: str = PLAN_XLSX) -> Path:
    """Return where the next plan goes: plan.xlsx, or plan (2).xlsx … if that was edited."""
    known = unedited_plans(directory)
    path, number = directory / name, 1
    while path.exists() and path.name not in known:
        number += 1
        path = directory / f"{Path(name).stem} ({number}){Path(name).suffix}"
    return path


def move_aside(directory: Path, workbook: Path) -> dict[str, str]:
    """Move plan.xlsx, edited or not, and unedited plans to names that are free; return those.

    For a run without a plan: what lies there would pass for its plan. A plan that is held open
    keeps its name, and is returned with it; `workbook` is what was asked about, and no plan.
    """
    moved = {}
    for name in sorted({PLAN_XLSX, *unedited_plans(directory)}):
        path = directory / name
        if not path.is_file() or (workbook.exists() and path.samefile(workbook)):
            continue
        target, number = directory / f"{path.stem} (before){path.suffix}", 1
        while target.exists():
            number += 1
            target = directory / f"{path.stem} (before {number}){path.suffix}"
        try:
            path.rename(target)
        except PermissionError:
            target = path
        moved[name] = target.name
    return moved


# The lists ----------------------------------------------------------------------------------------


def _phases(
    network: Network | None, result: Result
) -> list[tuple[str, tuple[Network, Deployment]]]:
    if network is None or result.plan is None:
        return []
    return [(phase, (network, found)) for phase, found in result.plan.phases.items()]


def _in_phase(phase: str, row: Json) -> Json:
    return {"phase": phase, **row} if phase else row


def _offer(offer: OfferKey) -> Json:
    return {"site": offer.site, "node_type": offer.node_type}


def _sites(network: Network, plan: Deployment) -> Iterator[Json]:
    for name in sorted(plan.open):
        yield {"site": name, "nodes": plan.nodes_at(name)}


def _contracts(network: Network, plan: Deployment) -> Iterator[Json]:
    for name in sorted(plan.contracts):
        yield {"provider": name}


def _nodes(network: Network, plan: Deployment) -> Iterator[Json]:
    for offer, count in sorted(plan.nodes.items()):
        yield {**_offer(offer), "nodes": count}


def _cold_slots(network: Network, plan: Deployment) -> Iterator[Json]:
    for offer, count in sorted(plan.cold_slots.items()):
        yield {**_offer(offer), "slots": count}


def _warm(network: Network, plan: Deployment) -> Iterator[Json]:
    for replica, count in sorted(plan.warm.items()):
        yield {**replica._asdict(), "replicas": count}


def _routing(network: Network, plan: Deployment) -> Iterator[Json]:
    demand_of = {demand.key: demand for demand in network.demand}
    for flow in plan.routing:
        way = service(
            network, demand_of[flow.demand], flow.offer, flow.route, flow.state, flow.fetch_from
        )
        allowed = None if isinstance(way, str) else way
        yield {
            **_demand(flow.demand),
            **_offer(flow.offer),
            "route": flow.route,
            "state": flow.state,
            "fetch_from": flow.fetch_from,
            "share": flow.share,
            "latency_ms": allowed.latency_ms if allowed else None,
            "estimated": allowed.estimated if allowed else None,
        }


def _demand(key: DemandKey) -> Json:
    return {
        "region": key.region,
        "model": key.model,
        "verification": key.verification,
        "class": key.service_class,
        "period": key.period,
    }


def _verification(network: Network, plan: Deployment) -> Iterator[Json]:
    for flow in plan.verification:
        yield {
            "policy": flow.policy,
            "residency": flow.residency,
            "period": flow.period,
            **_offer(flow.executor),
            "verifier": _offer(flow.verifier),
            "requests_per_s": flow.rate,
            "verifications_per_s": verifications_per_s(network, flow),
        }


def _panels(network: Network, plan: Deployment) -> Iterator[Json]:
    for panel in plan.panels:
        yield {
            "policy": panel.policy,
            "residency": panel.residency,
            "period": panel.period,
            **_offer(panel.executor),
            "verifiers": [_offer(offer) for offer in panel.verifiers],
            "share": panel.share,
        }


def _copies(network: Network, plan: Deployment) -> Iterator[Json]:
    for copy in sorted(plan.copies):
        yield dict(copy._asdict())


def _seats(network: Network, plan: Deployment) -> Iterator[Json]:
    for seat, count in sorted(plan.seats.items()):
        yield {**seat._asdict(), "seats": count}


def _asked(network: Network, plan: Deployment) -> Iterator[Json]:
    for row in served(network, plan):
        yield {
            **_demand(row.demand.key),
            "asked": row.asked,
            "served": row.served,
            "unserved": row.unserved,
            "why": row.why,
        }


def _dependencies(network: Network, plan: Deployment) -> Iterator[Json]:
    for found in concentration(network, plan):
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


def _changes(network: Network, plan: Deployment) -> Iterator[Json]:
    found = (*objectives.openings(network, plan), *objectives.changes(network, plan))
    for what, where, today, planned in found:
        yield {"what": what, "where": where, "today": today, "planned": planned}


def _costs(network: Network, plan: Deployment) -> Iterator[Json]:
    yield from _bill("monthly", objectives.money(network, plan))
    yield from _bill("one_off", one_off_bill(network, plan))
    yield from _bill("penalties", objectives.penalties(network, plan))


def _bill(name: str, lines: Sequence[Line]) -> Iterator[Json]:
    for line in lines:
        yield {"bill": name, "item": line.item, "amount": line.amount}


_LISTS = {
    "sites": _sites,
    "contracts": _contracts,
    "nodes": _nodes,
    "warm": _warm,
    "cold_slots": _cold_slots,
    "routing": _routing,
    "verification": _verification,
    "panels": _panels,
    "copies": _copies,
    "seats": _seats,
    "demand": _asked,
    "dependencies": _dependencies,
    "changes": _changes,
    "costs": _costs,
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
        "workbook": run.workbook,
        "workbook_sha256": run.sha256,
        "versions": dict(sorted(run.versions.items())),
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
