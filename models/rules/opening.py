"""Nodes stand only at open sites, within what site and offer allow.

min_nodes[o] · open[s] ≤ nodes[o] ≤ max_nodes[o] · open[s]
Σ_{o at s} nodes[o] ≤ max_nodes[s] · open[s]
open[s] = 1 if required, and Σ_{o at s} nodes[o] ≥ 1 if anything is offered there
open[s] = 0 if forbidden

for all sites s and offers o = (s, k)     Source: design §4 (opening)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Violation


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of every offer and site."""
    block.most, block.least = rows(), rows()
    block.site_most, block.status, block.manned = rows(), rows(), rows()
    at_site: dict[str, list[OfferKey]] = defaultdict(list)
    for key, offer in sorted(network.offers.items()):
        nodes, opened = model.nodes[key], model.open[key.site]
        at_site[key.site].append(key)
        row(block.most, key, [(1.0, nodes), (-model.nodes[key].ub, opened)], upper=0.0)
        if offer.min_nodes:
            row(block.least, key, [(1.0, nodes), (-offer.min_nodes, opened)], lower=0.0)
    for name, site in sorted(network.sites.items()):
        if site.max_nodes is not None:
            terms = [(1.0, model.nodes[key]) for key in at_site[name]]
            limit = (-site.max_nodes, model.open[name])
            row(block.site_most, name, [*terms, limit], upper=0.0)
        if site.status == "required":
            row(block.status, name, [(1.0, model.open[name])], lower=1.0)
            if at_site[name]:
                terms = [(1.0, model.nodes[key]) for key in at_site[name]]
                row(block.manned, name, terms, lower=1.0)
        elif site.status == "forbidden":
            row(block.status, name, [(1.0, model.open[name])], upper=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield offers and sites with too few or too many nodes, and sites open or shut wrongly."""
    for site_name in sorted(plan.open - network.sites.keys()):
        yield Violation("opening", site_name, "there is no such site")
    for key, count in plan.nodes.items():
        offer = network.offers.get(key)
        if offer is None:
            yield Violation("opening", str(key), "there is no such offer in Capacities")
        elif count < 0 or count != int(count):
            yield Violation("opening", str(key), f"{count} is not a number of nodes")
        elif count > offer.max_nodes:
            message = f"{count} nodes stand where {offer.max_nodes} can be had"
            yield Violation("opening", str(key), message, offer, "max_nodes")
        if count and key.site not in plan.open:
            yield Violation("opening", str(key), f"{count} nodes stand at a site that is not open")
    for key, offer in network.offers.items():
        count = plan.nodes.get(key, 0)
        if key.site in plan.open and count < offer.min_nodes:
            message = f"{count} nodes stand where at least {offer.min_nodes} must"
            yield Violation("opening", str(key), message, offer, "min_nodes")
    offering = {key.site for key in network.offers}
    for name, site in network.sites.items():
        total = plan.nodes_at(name)
        if site.max_nodes is not None and total > site.max_nodes:
            message = f"{total} nodes stand where {site.max_nodes} fit"
            yield Violation("opening", name, message, site, "max_nodes")
        if site.status == "required" and name not in plan.open:
            message = "the site is required but not open"
            yield Violation("opening", name, message, site, "status")
        elif site.status == "required" and not total and name in offering:
            message = "the site is required but holds no node"
            yield Violation("opening", name, message, site, "status")
        if site.status == "forbidden" and name in plan.open:
            message = "the site is forbidden but open"
            yield Violation("opening", name, message, site, "status")


def explain(network: Network, plan: Deployment) -> str:
    """Return how many sites are open and how many nodes stand there."""
    total = sum(plan.nodes.values())
    return f"{len(plan.open)} of {len(network.sites)} sites are open, with {total} nodes."
