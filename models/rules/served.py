"""All demand is served, where the planner requires it.

unserved[c] = 0

for all demand classes c that ask for anything, if Settings require_served
Source: `require_served` in models/data.py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.costs import unserved_share
from models.data import DemandKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per demand class where all must be served."""
    block.none_unserved = rows()
    if network.settings.require_served:
        for number, group in enumerate(model.classes.classes):
            if group.rate > 0:
                row(block.none_unserved, number, [(1.0, model.unserved[number])], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand rows of which a part is not served although all must be."""
    if network.settings.require_served:
        missing = _missing(network, plan)
        for demand in network.demand:
            share = missing.get(demand.key, 0.0)
            if exceeds(share, 0.0):
                message = f"{share:.4%} of it is not served, and require_served asks for all"
                yield Violation("served", str(demand.key), message, demand, "requests_per_s")


def explain(network: Network, plan: Deployment) -> str:
    """Return how much of the month's mean demand is not served, and whether all must be."""
    missing = unserved_share(network, plan)
    rates = {d.key: network.mean_rate(d) for d in network.demand}
    lost = sum(rate * missing[key] for key, rate in rates.items())
    asked = "all must be" if network.settings.require_served else "none has to be"
    return f"{lost:,.1f} of {sum(rates.values()):,.1f} requests/s are not served; {asked}."


def _missing(network: Network, plan: Deployment) -> dict[DemandKey, float]:
    """Return the unserved share of every demand row that asks for anything."""
    asked = {demand.key for demand in network.demand if demand.requests_per_s > 0}
    return {key: share for key, share in unserved_share(network, plan).items() if key in asked}
