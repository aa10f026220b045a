"""Which failures the objectives count, and what share of time each of them lasts."""

from __future__ import annotations

from models.data import HOURS_PER_MONTH, Dependency, Item, Provider, Shock
from models.network import SHOCK, Network

HOURS_PER_YEAR = 12 * HOURS_PER_MONTH
ALWAYS = 1.0
"""The share of time beyond which nothing lasts."""


def counted(network: Network) -> frozenset[Item]:
    """Return the failures that some objective counts, shocks with outage figures among them."""
    measures = {goal.measure for goal in network.goals}
    found: set[Item] = set()
    if "worst_loss" in measures:
        found.update(network.graph.dependencies)
    if "expected_loss" in measures:
        found.update(likely(network))
    return frozenset(found)


def likely(network: Network) -> dict[Item, float]:
    """Return the share of time that every failure with outage figures lasts."""
    shares = {item: _share_of_time(network, item) for item in network.failures.dependencies}
    return {item: share for item, share in shares.items() if share}


def _share_of_time(network: Network, failure: Item) -> float:
    """Return what the first row with both figures says: its own, else that of its kind."""
    rows: tuple[Dependency | Provider | Shock | None, ...] = (
        network.shocks.get(failure.name) if failure.kind == SHOCK else None,
        network.dependencies.get(failure),
        network.providers.get(failure.name) if failure.kind == "provider" else None,
        network.dependencies.get(Item(failure.kind, "*")),
    )
    for row in rows:
        if row is not None and row.outages_per_year is not None and row.outage_hours is not None:
            return min(ALWAYS, row.outages_per_year * row.outage_hours / HOURS_PER_YEAR)
    return 0.0
