"""Everything that was found out about a plan, as explain.json."""

from __future__ import annotations

from dataclasses import asdict

from planner.evaluation.why_results import Eased, Price, RowReason, Unused, Used, Why
from planner.report.digits import told

FORMAT = 1


def document(found: Why) -> dict[str, object]:
    """Return everything; an end of a price is null where nothing is proven."""
    content: dict[str, object] = {
        "format": FORMAT,
        "complete": not (found.stopped or found.failures),
        "stopped": found.stopped,
        "phase": found.phase or None,
        "failures": list(found.failures),
        "solves": found.solves,
        "seconds_each": found.seconds_each,
        "tolerance": found.tolerance,
        "best": [asdict(level) for level in found.best],
        "plan": [{"measure": level.measure, "value": level.value} for level in found.given],
        "rules": [_eased_document(entry) for entry in found.rules],
        "limits": [_eased_document(entry) for entry in found.limits],
        "sites_used": [_used_document(entry) for entry in found.used],
        "sites_not_used": [_unused_document(entry) for entry in found.unused],
        "rows": [_row_document(entry) for entry in found.rows],
    }
    return {name: told(value) for name, value in content.items()}


def _price_document(price: Price | None) -> dict[str, object] | None:
    if price is None:
        return None
    return {"status": price.status, "amounts": [asdict(amount) for amount in price.amounts]}


def _eased_document(entry: Eased) -> dict[str, object]:
    return {
        "cells": list(entry.cells),
        "sentences": list(entry.sentences),
        "steps": list(entry.steps),
        "saves": _price_document(entry.price),
    }


def _used_document(entry: Used) -> dict[str, object]:
    return {**asdict(entry), "instead": list(entry.instead), "price": _price_document(entry.price)}


def _unused_document(entry: Unused) -> dict[str, object]:
    return {
        "site": entry.site,
        "forbidden_by": [
            {"cell": one.cell, "sentence": one.sentence, "decided": one.decided}
            for one in entry.forbidden_by
        ],
        "price": _price_document(entry.price),
        "bill": [line._asdict() for line in entry.bill],
    }


def _row_document(entry: RowReason) -> dict[str, object]:
    return {
        **entry.demand._asdict(),
        "cell": entry.cell,
        "requests_per_s": entry.requests_per_s,
        "served": [asdict(one) for one in entry.served],
        "nearer": [asdict(one) for one in entry.nearer],
        "within_ms": entry.within_ms,
        "within_ms_by": None if entry.by is None else entry.by._asdict(),
        "price": _price_document(entry.price),
    }
