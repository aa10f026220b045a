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
    """Return the share of time that every failure with outage figures lasts.

    A shock that takes down one dependency alone is that one's failure, told a second time.
    """
    told = {Item(SHOCK, shock.shock) for shock in lone_shocks(network).values()}
    failures = [item for item in network.failures.dependencies if item not in told]
    shares = {item: share_of_time(network, item) for item in failures}
    return {item: share for item, share in shares.items() if share}


def lone_shocks(network: Network) -> dict[Item, Shock]:
    """Return, by dependency, the first shock by name that takes down nothing else."""
    dependencies, found = set(network.graph.dependencies), dict[Item, Shock]()
    for name, items in sorted(network.shock_items.items()):
        if len(items) == 1 and items <= dependencies:
            found.setdefault(next(iter(items)), network.shocks[name])
    return found


def share_of_time(network: Network, failure: Item) -> float:
    """Return what the first row with both figures says; 0 where none does.

    That is its own row in Dependencies (of a shock, in Shocks), else in Providers, else a shock
    that takes down nothing else, else the row of its kind.
    """
    if failure.kind == SHOCK:
        return unavailability(network.shocks[failure.name]) or 0.0
    rows: tuple[Dependency | Provider | Shock | None, ...] = (
        network.dependencies.get(failure),
        network.providers.get(failure.name) if failure.kind == "provider" else None,
        lone_shocks(network).get(failure),
        network.dependencies.get(Item(failure.kind, "*")),
    )
    return next((share for row in rows if (share := unavailability(row)) is not None), 0.0)


def unavailability(row: Dependency | Provider | Shock | None) -> float | None:
    """Return the share of time that something is down, at most all of it; None if not told.

    Outages a year times their mean length, over the hours of a year: the renewal-reward theorem
    (Ross, Stochastic Processes, 1996).
    """
    if row is None or row.outages_per_year is None or row.outage_hours is None:
        return None
    return min(ALWAYS, row.outages_per_year * row.outage_hours / HOURS_PER_YEAR)
