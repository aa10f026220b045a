"""An open site needs a contract with its provider, within what the provider can deliver.

open[s] ≤ contract[provider(s)]
contract[p] = 1 if required, 0 if forbidden
Σ nodes[o] over all o that hang on p ≤ max_nodes[p]

for all sites s and providers p           Source: design §4 (contract)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.data import Item
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of every site and provider."""
    block.held, block.status, block.most = rows(), rows(), rows()
    for name, site in sorted(network.sites.items()):
        terms = [(1.0, model.open[name]), (-1.0, model.contract[site.provider])]
        row(block.held, name, terms, upper=0.0)
    for name, provider in sorted(network.providers.items()):
        if name in model.contract:
            if provider.status == "required":
                row(block.status, name, [(1.0, model.contract[name])], lower=1.0)
            elif provider.status == "forbidden":
                row(block.status, name, [(1.0, model.contract[name])], upper=0.0)
        if provider.max_nodes is not None:
            hanging = sorted(network.takes_down(frozenset((Item("provider", name),))))
            terms = [(1.0, model.nodes[offer]) for offer in hanging]
            row(block.most, name, terms, upper=provider.max_nodes)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield open sites without contract, wrong contracts and providers with too many nodes."""
    for name in sorted(plan.open & network.sites.keys()):
        site = network.sites[name]
        if site.provider not in plan.contracts:
            message = f"the site is open without a contract with {site.provider}"
            yield Violation("contracts", name, message, site, "provider")
    for name, provider in network.providers.items():
        if provider.status == "required" and name not in plan.contracts:
            message = "the contract is required but not held"
            yield Violation("contracts", name, message, provider, "status")
        if provider.status == "forbidden" and name in plan.contracts:
            message = "the contract is forbidden but held"
            yield Violation("contracts", name, message, provider, "status")
        if provider.max_nodes is None:
            continue
        item = Item("provider", name)
        total = sum(
            count
            for offer, count in plan.nodes.items()
            if offer in network.offers and item in network.hangs_on(offer)
        )
        if total > provider.max_nodes:
            message = f"{total} nodes hang on a provider that can deliver {provider.max_nodes}"
            yield Violation("contracts", name, message, provider, "max_nodes")


def explain(network: Network, plan: Deployment) -> str:
    """Return how many contracts are held."""
    return (
        f"{len(plan.contracts)} provider contracts are held: {', '.join(sorted(plan.contracts))}."
    )
