"""Every demand row is served or counted as unserved, and only in ways that are allowed.

Σ_a serve[a] + unserved[d] = 1            serve[a] exists only for usable options a

for all demand rows d                     Source: design §4 (demand; service options)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.service import service


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per demand row."""
    options = model.options
    terms: dict[int, list[tuple[float, Any]]] = defaultdict(list)
    for position, demand in enumerate(options.demand.tolist()):
        terms[demand].append((1.0, model.serve[position]))
    block.all = rows()
    for position, demand in enumerate(network.demand):
        whole = [*terms[position], (1.0, model.unserved[position])]
        row(block.all, demand.key, whole, lower=1.0, upper=1.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield demand rows served more than once and flows that no option allows."""
    rows_by_key = {demand.key: demand for demand in network.demand}
    served: dict[object, float] = defaultdict(float)
    for flow in plan.routing:
        demand = rows_by_key.get(flow.demand)
        if demand is None:
            yield Violation("demand", str(flow.demand), "there is no such row in Demand")
            continue
        served[flow.demand] += flow.share
        if exceeds(0.0, flow.share):
            yield Violation("demand", str(flow.demand), f"a share of {flow.share:g} is negative")
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if isinstance(found, str):
            yield Violation("demand", f"{flow.demand} at {flow.offer}", found)
    for key, share in served.items():
        if exceeds(share, 1.0):
            yield Violation("demand", str(key), f"{share:.4%} of it is served, more than all")


def explain(network: Network, plan: Deployment) -> str:
    """Return how much of the demand is served."""
    share = network.month_share
    rate = {d.key: d.requests_per_s * share[d.period] for d in network.demand}
    served = sum(rate[flow.demand] * flow.share for flow in plan.routing)
    total = sum(rate.values())
    return f"{served:,.1f} of {total:,.1f} requests/s are served ({served / (total or 1):.2%})."
