"""What has to fail before a user loses a guarantee, as rows for the sheet and for plan.json."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Item
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.kept import fewest_of
from planner.evaluation.stress_results import End
from planner.report.sheets import GuaranteeRow

NOT_COMPUTED = "not computed: use planner stress"
NO_FAILURES = "no failures"

Json = dict[str, object]


def guarantee_rows(evaluation: Evaluation) -> Iterator[GuaranteeRow]:
    """Yield a row for every demand row with requests, then one for every other guarantee."""
    kept = evaluation.keeping
    for row in kept.rows if kept is not None else ():
        if not row.rate:
            continue
        under, forged, stored = row.under_one, fewest_of(row.forged), row.stored
        yield GuaranteeRow(
            role="execution",
            region=row.demand.region,
            model=row.demand.model,
            verification=row.demand.verification,
            service_class=row.demand.service_class,
            period=row.demand.period,
            requests_per_s=row.rate,
            latency_ms=evaluation.latency_ms.get(row.demand),
            failover_ms=under.failover_ms if under is not None else None,
            slowest_by=under.slowest_by if under is not None else NOT_COMPUTED,
            least_served=under.least_served if under is not None else None,
            least_served_by=under.by if under is not None else NOT_COMPUTED,
            failures=size(row.end),
            ended_by=names(row.end),
            failures_at_best=row.end.best.size if row.end is not None else None,
            forged=size(forged),
            forged_by=names(forged) if forged is not None else "",
            lost_copies=size(stored),
            lost_by=names(stored) if stored is not None else "",
            unavoidable=_listed(row.end.unavoidable) if row.end is not None else "",
        )
    for end in kept.others if kept is not None else ():
        yield GuaranteeRow(
            role=end.role,
            of=f"{end.of} ({end.loss})",
            failures=size(end),
            ended_by=names(end),
            failures_at_best=end.best.size,
            unavoidable=_listed(end.unavoidable),
        )


def guarantee_document(evaluation: Evaluation) -> Iterator[Json]:
    """Yield the same for machines: sets as lists, null where there is none; `computed` says more.

    A set is null where no failures end the guarantee, and where it was not computed.
    """
    kept = evaluation.keeping
    for row in kept.rows if kept is not None else ():
        if not row.rate:
            continue
        under = row.under_one
        yield {
            "role": "execution",
            "of": "",
            "loss": "liveness",
            "region": row.demand.region,
            "model": row.demand.model,
            "verification": row.demand.verification,
            "class": row.demand.service_class,
            "period": row.demand.period,
            "requests_per_s": row.rate,
            "latency_ms": evaluation.latency_ms.get(row.demand),
            "failover_computed": under is not None,
            "failover_ms": under.failover_ms if under is not None else None,
            "slowest_by": under.slowest_by if under is not None else "",
            "least_served": under.least_served if under is not None else None,
            "least_served_by": under.by if under is not None else "",
            **_ends(row.end),
            "forged": _set(fewest_of(row.forged)),
            "lost_copies": _set(row.stored),
        }
    for end in kept.others if kept is not None else ():
        yield {"role": end.role, "of": end.of, "loss": end.loss, "region": "", **_ends(end)}


def size(end: End | None) -> int | None:
    """Return how many failures end it at worst; None if none do, or if it is not known."""
    return None if end is None else end.worst.size


def names(end: End | None) -> str:
    """Return which, or that there are none, or that it is not known."""
    if end is None:
        return NOT_COMPUTED
    if end.worst.failed is None:
        return NO_FAILURES
    return _listed(end.worst.failed)


def _listed(items: tuple[Item, ...]) -> str:
    return ", ".join(map(str, items))


def _ends(end: End | None) -> Json:
    return {
        "computed": end is not None,
        "worst": _set(end),
        "best": None if end is None else {"size": end.best.size, "set": _names(end.best.failed)},
        "unavoidable": [] if end is None else _names(end.unavoidable),
    }


def _set(end: End | None) -> Json | None:
    if end is None:
        return None
    return {"size": end.worst.size, "set": _names(end.worst.failed)}


def _names(items: tuple[Item, ...] | None) -> list[str] | None:
    return None if items is None else [str(item) for item in items]
