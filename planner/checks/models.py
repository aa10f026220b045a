"""Models and the node types that run them: what one needs and the other gives."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Demand, LoadedToday, Model, NodeType, Offer, names_in
from planner.checks.capacity import Bounds
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted


def _proxied(row: Model, book: Book) -> Iterator[Complaint]:
    if not row.proxied:
        return
    if row.gpu_memory_gb:
        yield Complaint(
            "gpu_memory_gb",
            f"model {row.model!r} runs at an upstream ({book.place(row, 'upstream')}) but has"
            f" gpu_memory_gb {row.gpu_memory_gb:g}",
            "clear gpu_memory_gb, or clear upstream if it runs on your nodes",
        )
    if row.copies:
        yield Complaint(
            "copies",
            f"model {row.model!r} runs at an upstream but wants"
            f" {counted(row.copies, 'copy')} of its weights",
            "clear copies or upstream",
        )


def _local(row: Model, _: Book) -> Iterator[Complaint]:
    if row.proxied:
        return
    for attribute in ("gpu_memory_gb", "requests_per_s"):
        if not getattr(row, attribute):
            yield Complaint(
                attribute,
                f"model {row.model!r} has no {attribute}",
                f"fill in {attribute} of one replica, or name the upstream that runs it",
            )
    if row.max_requests_per_s is not None:
        yield Complaint(
            "max_requests_per_s",
            f"model {row.model!r} has max_requests_per_s but no upstream, so it has no effect",
            "name the upstream or clear it",
            "warning",
        )


def _today(book: Book) -> Iterator[Finding]:
    offers = {offer.key for offer in book.rows(Offer)}
    for row in book.rows(LoadedToday) if book.is_whole(Offer) else ():
        if (row.site, row.node_type) not in offers and (row.warm or row.copies):
            yield book.finding(
                row,
                "node_type",
                f"{row.site}/{row.node_type} is not in Capacities, so what is there today is given"
                " up",
                "add it to Capacities if it may stay",
                "warning",
            )


def _upstreams(book: Book) -> Iterator[Finding]:
    first: dict[str, Model] = {}
    for row in book.rows(Model):
        for name in sorted(names_in(row.upstream)) if row.max_requests_per_s is not None else ():
            earlier = first.setdefault(name, row)
            if earlier.max_requests_per_s != row.max_requests_per_s:
                yield book.finding(
                    row,
                    "max_requests_per_s",
                    f"upstream {name!r} accepts {row.max_requests_per_s:g} requests/s here but"
                    f" {earlier.max_requests_per_s:g} in"
                    f" {book.place(earlier, 'max_requests_per_s')}",
                    "write the same number, which all models of the upstream share",
                )


def _throughputs(book: Book) -> Iterator[Finding]:
    """Yield where requests_per_s of a node is missing or has no effect."""
    roles = {row.node_type: row.role for row in book.rows(NodeType)}
    models = book.rows(Model)
    # Where Demand names models, what is missing is the sheet Models, and that is said there.
    if not models and any(row.model for row in book.rows(Demand)):
        return
    executing = [
        row for row in book.rows(Offer) if roles.get(row.node_type, "execution") == "execution"
    ]
    if not any(row.requests_per_s for row in book.rows(Demand)):
        return
    if not models and executing and not any(offer.requests_per_s for offer in executing):
        yield book.on_sheet(
            Offer,
            "no node type has requests_per_s, so nothing can be served",
            "add the column requests_per_s (of one node), or a sheet Models",
        )
        return
    for offer in executing:
        if not models and not offer.requests_per_s and offer.max_nodes:
            yield book.finding(
                offer,
                "requests_per_s",
                f"{str(offer.key)!r} has no requests_per_s, so its nodes can serve nothing",
                "fill in what one node serves, or add a sheet Models",
            )
        if models and not any(m.proxied for m in models) and offer.requests_per_s is not None:
            yield book.finding(
                offer,
                "requests_per_s",
                "both Capacities.requests_per_s and Models.requests_per_s are given: Models wins",
                "clear the column in Capacities",
                "warning",
            )
            return


def _fit(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield models that no node on offer can run, with both sizes."""
    network = bounds.network
    offered = sorted({key.node_type for key in bounds.offers.get("execution", ())})
    for model in network.models.values():
        if model.proxied or not model.gpu_memory_gb:
            continue
        types = [
            network.node_types[name]
            for name in offered
            if not model.node_types or name in model.node_types
        ]
        largest = max(types, key=lambda kind: kind.gpu_memory_gb or 0.0, default=None)
        words = "but none of its node_types is on offer anywhere"
        if largest is not None:
            room = largest.gpu_memory_gb or 0.0
            if room >= model.gpu_memory_gb:
                continue
            words = (
                f"but the largest node it may run on, {largest.node_type!r}, has {room:g} GB"
                f" ({book.place(largest, 'gpu_memory_gb')})"
            )
        yield book.finding(
            model,
            "gpu_memory_gb",
            f"model {model.model!r} needs {model.gpu_memory_gb:g} GB, {words}",
            "offer a larger node type, or correct one of the numbers",
        )


def _upstream_capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    network = bounds.network
    limits: dict[str, Model] = {}
    for model in network.models.values():
        for any_of in model.upstream or ():
            if len(any_of) == 1 and model.max_requests_per_s is not None:
                limits.setdefault(any_of[0], model)
    for name, model in limits.items():
        users = {
            other.model for other in network.models.values() if (name,) in (other.upstream or ())
        }
        for period in network.periods:
            asked = sum(
                row.requests_per_s
                for row in network.demand
                if row.period == period and row.model in users
            )
            limit = model.max_requests_per_s or 0.0
            if asked > limit * (1 + 1e-9):
                when = f" in period {period!r}" if period else ""
                yield book.finding(
                    model,
                    "max_requests_per_s",
                    f"upstream {name!r} accepts {limit:g} requests/s, but demand for its"
                    f" models{when} is {asked:g}",
                    "raise the limit, add another upstream, or lower the demand",
                )
                break


SUBJECT = Subject(
    rows=((Model, _proxied), (Model, _local)),
    sheets=(_today, _upstreams, _throughputs),
    serving=(_fit, _upstream_capacity),
)
