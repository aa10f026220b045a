"""Copies of model weights: how many there must be, and where they can be stored."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Model, NodeType
from planner.checks.capacity import Bounds
from planner.checks.protection import failures
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


def _left(row: Model, _: Book) -> Iterator[Complaint]:
    if row.copies and row.min_copies_left > row.copies:
        yield Complaint(
            "min_copies_left",
            f"min_copies_left {row.min_copies_left} is above copies {row.copies}",
            "raise copies or lower min_copies_left",
        )


def _disk(row: NodeType, book: Book) -> Iterator[Complaint]:
    is_used = any(model.copies and model.weights_gb for model in book.rows(Model))
    if row.role == "storage" and not row.disk_tb and is_used:
        yield Complaint(
            "disk_tb",
            f"node type {row.node_type!r} stores but has no disk_tb",
            "fill in the disk of one node",
        )


def _copies(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield models with more copies than sites can store."""
    for model in bounds.network.models.values():
        sites = bounds.storable(model)
        if model.copies > len(sites):
            yield book.finding(
                model,
                "copies",
                f"model {model.model!r} wants {counted(model.copies, 'copy')} of"
                f" {model.weights_gb or 0:g} GB, one per site, but only"
                f" {counted(len(sites), 'site')} can store one",
                bounds.role_way_out("storage")
                or "offer storage nodes at more sites (disk_tb large enough), or want fewer copies",
            )


def _protected(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected failures outside of which too few copies of a model can be stored."""
    stores = bounds.offers.get("storage", ())
    avoidable = [failure for failure in failures(bounds) if not failure.takes_all(stores)]
    for model in bounds.network.models.values():
        storing = bounds.storing(model)
        if not model.copies or model.copies > len(bounds.storable(model)):
            continue  # said of the model itself
        for failure in avoidable:
            outside = [key for key in storing if key not in failure.gone]
            most = bounds.most(dict.fromkeys(outside, 1.0), at_site=1.0)
            if most < model.min_copies_left:
                yield book.finding(
                    failure.row,
                    "protect",
                    f"{failure.name} is protected, so model {model.model!r} needs"
                    f" {model.min_copies_left} of its {counted(model.copies, 'copy')} outside it"
                    f" (min_copies_left), but at most {most:g} can be stored there",
                    "offer storage nodes at more sites that do not hang on it (disk_tb large"
                    f" enough), or {failure.way_out}",
                )


SUBJECT = Subject(
    rows=((Model, _left), (NodeType, _disk)),
    network=(_copies, _protected),
)
