"""Every model has its stored copies, on disks that hold them, and enough survive each failure.

Σ_o copy[o,m] ≥ copies[m]
Σ_{o at s} copy[o,m] ≤ 1
copy[o,m] ≤ nodes[o]
Σ_m weights_gb[m] / 1000 · copy[o,m] ≤ disk_tb[k] · nodes[o]
Σ_{o not in h} copy[o,m] ≥ min_copies_left[m]

for all models m with copies, sites s, storage offers o = (s, k), protected dependencies and shocks
h that leave some storage offer           Source: design §4 (storage)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from models.data import OfferKey
from models.expressions import row, rows
from models.network import Network
from models.plan import Deployment, Replica, Violation, exceeds


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add the rows of every model, storage offer and protected failure."""
    block.enough, block.one_per_site, block.on_node = rows(), rows(), rows()
    block.disk, block.left = rows(), rows()
    offers = network.offers_of("storage")
    stored = sorted({name for _, _, name in model.copy})
    for name in sorted(network.models):
        limits = network.models[name]
        holding = offers if name in stored else ()
        copies = {offer: (1.0, model.copy[(*offer, name)]) for offer in holding}
        if limits.copies:
            row(block.enough, name, copies.values(), lower=limits.copies)
            for failure, failed in network.protected.items():
                gone = network.takes_down(failed)
                left = [offer for offer in holding if offer not in gone]
                kept = [copies[offer] for offer in left]
                # A survivor that may hold no node is no way out.
                if any(model.nodes[o].ub > 0 and _is_allowed(network, o) for o in left):
                    row(block.left, (name, failure), kept, lower=limits.min_copies_left)
        at_site: dict[str, list[Any]] = defaultdict(list)
        for offer in holding:
            at_site[offer.site].append(copies[offer])
            terms = [copies[offer], (-1.0, model.nodes[offer])]
            row(block.on_node, (*offer, name), terms, upper=0.0)
        for site, terms in at_site.items():
            if len(terms) > 1:
                row(block.one_per_site, (site, name), terms, upper=1.0)
    for offer in offers:
        terms = [
            ((network.models[name].weights_gb or 0.0) / 1000, model.copy[(*offer, name)])
            for name in stored
        ]
        disk = network.node_types[offer.node_type].disk_tb or 0.0
        row(block.disk, offer, [*terms, (-disk, model.nodes[offer])], upper=0.0)


def _is_allowed(network: Network, offer: OfferKey) -> bool:
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    return "forbidden" not in (site.status, provider.status) and provider.max_nodes != 0


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield models with too few copies, and disks too small.""" ""
    for copy in sorted(plan.copies):
        offer = OfferKey(copy.site, copy.node_type)
        if copy.model not in network.models or offer not in network.offers:
            yield Violation("storage", "/".join(copy), "there is no such model or offer")
        elif network.role(offer) != "storage":
            node_type = network.node_types[offer.node_type]
            message = f"{offer} is no storage offer"
            yield Violation("storage", "/".join(copy), message, node_type, "role")
        elif plan.nodes.get(offer, 0) < 1:
            yield Violation("storage", "/".join(copy), "the copy lies where no node stands")
    for name, model in network.models.items():
        holding = [copy for copy in sorted(plan.copies) if copy.model == name]
        sites = [copy.site for copy in holding]
        for site in sorted(set(sites)):
            if sites.count(site) > 1:
                yield Violation("storage", f"{name} at {site}", "a site holds more than one copy")
        if model.copies:
            yield from _audit_copies(network, name, holding)
    for offer in network.offers_of("storage"):
        stored_tb = sum(
            (network.models[copy.model].weights_gb or 0.0) / 1000
            for copy in plan.copies
            if OfferKey(copy.site, copy.node_type) == offer and copy.model in network.models
        )
        node_type = network.node_types[offer.node_type]
        disk = (node_type.disk_tb or 0.0) * plan.nodes.get(offer, 0)
        if exceeds(stored_tb, disk):
            message = f"{stored_tb:.3f} TB of copies lie on {disk:.3f} TB of disk"
            yield Violation("storage", str(offer), message, node_type, "disk_tb")


def _audit_copies(network: Network, name: str, holding: list[Replica]) -> Iterator[Violation]:
    model = network.models[name]
    if len(holding) < model.copies:
        message = f"{len(holding)} copies are stored, {model.copies} are asked for"
        yield Violation("storage", name, message, model, "copies")
    for failure, failed in network.protected.items():
        gone = network.takes_down(failed)
        surviving = [offer for offer in network.offers_of("storage") if offer not in gone]
        if not any(_can_stand(network, offer) for offer in surviving):
            continue
        left = [copy for copy in holding if OfferKey(copy.site, copy.node_type) not in gone]
        if len(left) < model.min_copies_left:
            message = f"{len(left)} copies are left, {model.min_copies_left} are asked for"
            where = f"{name} without {failure}"
            yield Violation("storage", where, message, model, "min_copies_left")


def _can_stand(network: Network, offer: OfferKey) -> bool:
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    if site.status == "forbidden" or provider.status == "forbidden":
        return False
    return 0 not in (network.offers[offer].max_nodes, site.max_nodes, provider.max_nodes)


def explain(network: Network, plan: Deployment) -> str:
    """Return how many copies are stored where."""
    sites = {copy.site for copy in plan.copies}
    wanted = sum(model.copies for model in network.models.values())
    return f"{len(plan.copies)} copies ({wanted} asked for) lie at {len(sites)} sites."
