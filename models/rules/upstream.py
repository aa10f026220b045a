"""What is sent to an upstream stays within what it accepts.

Σ_{o, j of models that call u} load[o,j] ≤ max_requests_per_s[u]

for all periods and upstreams u           Source: design §4 (throughput, last clause)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import Item, Model, names_in
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.service import upstream_links
from models.stands import fastest_upstream


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add one row per period and upstream with a limit."""
    terms: dict[tuple[str, str], list[tuple[float, Any]]] = defaultdict(list)
    limits: dict[str, float] = {}
    for proxied in network.models.values():
        if proxied.max_requests_per_s is not None:
            for name in names_in(proxied.upstream):
                limits[name] = proxied.max_requests_per_s
    for load in model.loads if limits else ():
        called = network.models.get(load.job.model)
        site = load.offer.site
        for any_of in (called.upstream or ()) if called is not None else ():
            link = fastest_upstream(network, site, any_of)
            # Without a route nobody knows which of the alternatives is called, so each may be.
            for name in any_of:
                is_called = link is None or Item("upstream", name) in (link.origin, link.target)
                if name in limits and is_called:
                    terms[load.job.period, name].append((load.rate, load.variable))
    block.most = rows()
    for (period, name), sends in sorted(terms.items(), key=lambda entry: entry[0]):
        row(block.most, (period, name), sends, upper=limits[name])


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield upstreams that are sent more than they accept."""
    for name, (limit, model) in sorted(_limits(network).items()):
        for period, amount in _sent(network, plan, name).items():
            if exceeds(amount, limit):
                message = f"{amount:,.2f} requests/s go to an upstream that accepts {limit:,.2f}"
                where = f"{name} {period}".strip()
                yield Violation("upstream", where, message, model, "max_requests_per_s")


def _sent(network: Network, plan: Deployment, name: str) -> dict[str, float]:
    """Return the requests/s that the upstream is sent, by period."""
    rate = {demand.key: demand.requests_per_s for demand in network.demand}
    sent: dict[str, float] = defaultdict(float)
    for flow in plan.routing:
        model = network.models.get(flow.demand.model)
        if model is None or not model.upstream:
            continue
        used = upstream_links(network, flow.offer.site, model)
        for any_of, link in zip(model.upstream, used, strict=True):
            ends = any_of if link is None else (link.origin.name, link.target.name)
            if name in ends:
                sent[flow.demand.period] += rate.get(flow.demand, 0.0) * flow.share
    return dict(sent)


def _limits(network: Network) -> dict[str, tuple[float, Model]]:
    """Return what each upstream with a limit accepts in requests/s, and the model that says so."""
    found = {}
    for model in network.models.values():
        for any_of in model.upstream or ():
            for name in any_of:
                if model.max_requests_per_s is not None:
                    found[name] = (model.max_requests_per_s, model)
    return found


def explain(network: Network, plan: Deployment) -> str:
    """Return what each upstream with a limit is sent at most."""
    limits = _limits(network)
    if not limits:
        return "No upstream has a limit."
    parts = []
    for name, (limit, _) in sorted(limits.items()):
        most = max(_sent(network, plan, name).values(), default=0.0)
        parts.append(f"{name} {most:,.1f} of {limit:,.1f} requests/s")
    return f"Upstreams are sent at most {'; '.join(parts)}."
