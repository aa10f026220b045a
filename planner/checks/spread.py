"""Diversity that the dependencies on offer cannot give: too few of them, or too small a share."""

from __future__ import annotations

from collections.abc import Iterator

from models.data import DiversityRow, Item, OfferKey
from models.network import Network
from planner.checks.capacity import Bounds
from planner.workbook.book import Book
from planner.workbook.findings import Finding


def distinct(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield limits on how many dependencies there must be that are above what is on offer."""
    network = bounds.network
    for rule in network.diversity:
        for limit in ("min_distinct", "min_nakamoto"):
            wanted = getattr(rule, limit)
            is_lenient = limit == "min_nakamoto" and rule.threshold == 1
            if wanted is None or rule.penalty is not None or is_lenient:
                continue
            for name, keys in _subjects(bounds, rule):
                count = _dependencies(network, rule, keys)
                if count is not None and count < wanted:
                    of = f" that committee {name!r} may use" if name else ""
                    yield book.finding(
                        rule,
                        limit,
                        f"{limit} {wanted} of kind {rule.kind!r}, but the {rule.role}"
                        f" nodes{of} hang on {count} only",
                        f"offer nodes on more of them, or lower {limit}",
                    )
                    break


def shares(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield shares that cannot add up to all.

    Seats and copies must be had, so that is an error; of requests and nodes there may be none.
    """
    for rule, name, count in too_small(bounds):
        asked = rule.measure == "requests" and any(
            demand.requests_per_s > 0 and rule.applies_to in ("", demand.model)
            for demand in bounds.network.demand
        )
        required = asked and bounds.network.settings.require_served
        must_be = rule.measure in ("seats", "copies") or required
        of = f" that committee {name!r} may use" if name else ""
        share = f"{100 * (rule.max_share or 0.0):.4g}%"
        end = "" if must_be else ", and none is served or placed"
        yield book.finding(
            rule,
            "max_share",
            f"each {rule.kind} may have {share}, but the {rule.role} nodes{of} hang on"
            f" {count} only: the shares cannot add up to 100%{end}",
            "offer nodes on more of them, or raise max_share",
            "error" if must_be else "warning",
        )


def too_small(bounds: Bounds) -> Iterator[tuple[DiversityRow, str, int]]:
    """Yield rows whose shares cannot add up to all, of which committee, and on how many."""
    for rule in bounds.network.diversity:
        if rule.max_share is None or rule.penalty is not None or rule.dependency:
            continue
        for name, keys in _subjects(bounds, rule):
            count = _dependencies(bounds.network, rule, keys)
            if count is not None and count * rule.max_share < 1 - 1e-9:
                yield rule, name, count
                break


def _subjects(bounds: Bounds, rule: DiversityRow) -> Iterator[tuple[str, tuple[OfferKey, ...]]]:
    """Yield what the rule applies to one by one, with the offers that may be used for it."""
    network, keys = bounds.network, bounds.offers.get(rule.role, ())
    if rule.measure == "seats" and rule.scope == "each":
        for name, committee in network.committees.items():
            if rule.applies_to in ("", name) and committee.seats:
                yield name, bounds.seatable(committee)
    elif rule.measure == "seats":
        if any(committee.seats for committee in network.committees.values()):
            yield "", keys
    elif rule.measure == "copies":
        if any(
            model.copies and rule.applies_to in ("", model.model)
            for model in network.models.values()
        ):
            yield "", keys
    elif keys:
        yield "", keys


def _dependencies(network: Network, rule: DiversityRow, keys: tuple[OfferKey, ...]) -> int | None:
    """Return how many outermost dependencies the offers hang on; None if some hang on none."""
    found: set[Item] = set()
    for key in keys:
        site = Item("site", key.site)
        hangs_on = (
            network.graph.hangs_on(site) if rule.measure == "sites" else network.hangs_on(key)
        )
        mine = network.graph.outermost(
            frozenset(item for item in hangs_on if item.kind == rule.kind)
        )
        # What hangs on none of the kind cannot be lost with any of them.
        if not mine:
            return None
        found |= mine
    return len(found)
