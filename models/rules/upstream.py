"""What is sent to an upstream stays within what it accepts.

Σ_{m at u} Σ_a rate[d] · serve[a] ≤ max_requests_per_s[u]

for all periods and upstreams u           Source: design §4 (throughput, last clause)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import names_in
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per period and upstream with a limit."""
    terms: dict[tuple[str, str], list[tuple[float, Any]]] = defaultdict(list)
    limits: dict[str, float] = {}
    for proxied in network.models.values():
        if proxied.max_requests_per_s is not None:
            for name in names_in(proxied.upstream):
                limits[name] = proxied.max_requests_per_s
    if limits:
        for position, index in enumerate(model.options.demand.tolist()):
            demand = network.demand[index]
            called = network.models.get(demand.model)
            for name in names_in(called.upstream) & limits.keys() if called else ():
                terms[demand.period, name].append((demand.requests_per_s, model.serve[position]))
    block.most = rows()
    for (period, name), sent in sorted(terms.items()):
        row(block.most, (period, name), sent, upper=limits[name])


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield upstreams that are sent more than they accept."""
    rate = {demand.key: demand.requests_per_s for demand in network.demand}
    for name, limit in sorted(_limits(network).items()):
        sent: dict[str, float] = defaultdict(float)
        for flow in plan.routing:
            model = network.models.get(flow.demand.model)
            if model is not None and any(name in any_of for any_of in model.upstream or ()):
                sent[flow.demand.period] += rate.get(flow.demand, 0.0) * flow.share
        for period, amount in sent.items():
            if exceeds(amount, limit):
                message = f"{amount:,.2f} requests/s go to an upstream that accepts {limit:,.2f}"
                yield Violation("upstream", f"{name} {period}".strip(), message)


def _limits(network: Network) -> dict[str, float]:
    found = {}
    for model in network.models.values():
        for any_of in model.upstream or ():
            for name in any_of:
                if model.max_requests_per_s is not None:
                    found[name] = model.max_requests_per_s
    return found


def explain(network: Network, plan: Deployment) -> str:
    """Return what each upstream with a limit is sent at most."""
    limits = _limits(network)
    if not limits:
        return "No upstream has a limit."
    rate = {demand.key: demand.requests_per_s for demand in network.demand}
    parts = []
    for name, limit in sorted(limits.items()):
        sent: dict[str, float] = defaultdict(float)
        for flow in plan.routing:
            model = network.models.get(flow.demand.model)
            if model is not None and name in names_in(model.upstream):
                sent[flow.demand.period] += rate[flow.demand] * flow.share
        parts.append(f"{name} {max(sent.values(), default=0.0):,.1f} of {limit:,.1f} requests/s")
    return f"Upstreams are sent at most {'; '.join(parts)}."
