"""The nearest change that would make a weak site count: one attribute, another known value.

The weakest guarantee that the site is part of is asked again with the one cell changed. A value
that nothing else has is the best that any value of a kind can be, and what ends the guarantee now
must no longer do so: most kinds are ruled out by looking at the exposure graph alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from models.data import Item, Needs, Site, names_in
from models.exposure import offer_item
from models.network import SITE_ATTRIBUTES, UNKNOWN, Network, is_unknown
from models.plan import Deployment
from planner.evaluation.sites_figures import Gauge
from planner.evaluation.sites_guarantees import fewest, is_ended, share_of_requests, weakest
from planner.evaluation.sites_results import Change, Figure, Figures
from planner.evaluation.stress_questions import Asked, read_at_worst

FRESH = "known to nobody else"
"""A value that no other site has."""

PLACE = ("metro", "country", "bloc")
"""Kinds that another value of which means another place: asked last."""


def weakest_of(gauge: Gauge, whole: Figures, site: str) -> Figure | None:
    """Return the guarantee, at worst, that the fewest failures end of those that a site is part of.

    A committee with seats there, a model with a copy, a demand row that it serves or verifies.
    """
    plan, share_of = gauge.plan, share_of_requests(gauge.network)
    of = {("coordination", seat.committee) for seat, n in plan.seats.items() if seat.site == site}
    of |= {("storage", copy.model) for copy in plan.copies if copy.site == site}
    at_site = {offer_item(offer) for offer in plan.nodes if offer.site == site}
    rows = {tuple(flow.demand) for flow in plan.routing if flow.offer.site == site}
    for end in gauge.base.worst:
        if any(not at_site.isdisjoint(stand) for stand in end.routings):
            rows.add(tuple(gauge.network.demand[end.row].key))
    part_of = [
        figure
        for figure in whole.values
        if figure.what == "collapse"
        and figure.reading == "worst"
        and ((figure.role, figure.of) in of or (figure.row and figure.row in rows))
    ]
    return weakest(whole, part_of, share_of)


def nearest_change(gauge: Gauge, whole: Figures, site: str, figure: Figure) -> Change | None:
    """Return the one other value of an attribute that raises the fewest failures; None if none."""
    size, failed = whole.values[figure], whole.by.get(figure, ())
    if not size or not failed:
        return None
    asked, plan = gauge.asked, gauge.plan
    row = asked.network.sites[site]
    for kind, now, values in _attributes(asked.network, plan, site):
        fresh = read_at_worst(_changed(asked.network, row, kind, FRESH))
        if _still_ends(asked, fresh, plan, figure, failed, site):
            continue
        for value in values:
            changed = read_at_worst(_changed(asked.network, row, kind, value))
            if _still_ends(asked, changed, plan, figure, failed, site):
                continue
            found = fewest(asked, changed, plan, figure)
            if found is None or len(found) > size:
                after = None if found is None else len(found)
                return Change(kind, now, value, figure, round(size), after)
    return None


def _still_ends(
    asked: Asked,
    network: Network,
    plan: Deployment,
    figure: Figure,
    failed: tuple[Item, ...],
    site: str,
) -> bool:
    """Return whether the same failures surely still end the guarantee in a changed network."""
    if figure.row:
        at_site = {offer_item(offer) for offer in plan.nodes if offer.site == site}
        return at_site & network.graph.down(failed) == at_site & asked.worst.graph.down(failed)
    return is_ended(asked, network, plan, figure, failed)


def _attributes(
    network: Network, plan: Deployment, site: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield every attribute of a site with its value and those of others, the rarest first."""
    row = network.sites[site]
    kinds = ("provider", *SITE_ATTRIBUTES, *(kind for kind, _ in row.other))
    for kind in sorted(kinds, key=lambda kind: (kind in PLACE, kinds.index(kind))):
        used: dict[str, int] = {}
        for other in network.sites.values():
            for name in _names(other, kind):
                used[name] = used.get(name, 0) + (other.site in plan.open)
        own = _names(row, kind)
        values = [name for name in used if name not in own and not is_unknown(Item(kind, name))]
        values.sort(key=lambda name: (used[name], name))
        if own or _needs(row, kind) is None:
            yield kind, "; ".join(sorted(own)) or UNKNOWN, values


def _needs(site: Site, kind: str) -> Needs | None:
    """Return what a site has of a kind; None if nobody knows, empty if it has none."""
    if kind == "provider":
        return ((site.provider,),)
    if kind in SITE_ATTRIBUTES:
        found: Needs | None = getattr(site, kind)
        return found
    return dict(site.other).get(kind)


def _names(site: Site, kind: str) -> frozenset[str]:
    return names_in(_needs(site, kind))


def _changed(network: Network, site: Site, kind: str, value: str) -> Network:
    """Return the network with one attribute of one site changed."""
    if kind == "provider":
        row = replace(site, provider=value)
    elif kind in SITE_ATTRIBUTES:
        fields = {kind: ((value,),)}
        row = replace(site, **fields)  # type: ignore[arg-type]
    else:
        other = tuple((k, ((value,),) if k == kind else needs) for k, needs in site.other)
        row = replace(site, other=other)
    return replace(network, sites={**network.sites, site.site: row})
