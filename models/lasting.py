"""Which demand rows Diversity asks to outlast few failures, and what no plan avoids for them.

The rows with `min_collapse` for execution ask it of every demand row, or of those of a region or a
model. What every way to serve a row hangs on, or every panel that could verify it, is taken not to
fail: it ends that service in every plan.
All of it is a fact of the network, not of a plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Demand, DemandKey, DiversityRow, Item, OfferKey
from models.failover import Reach, may_stand, patient
from models.network import Network
from models.outage import HALF
from models.replay import NOTHING
from models.service import on_every_way


def share(row: Demand) -> float:
    """Return the share of a demand row of which less is an end of its service."""
    return row.min_served or HALF


def needed(row: Demand) -> float:
    """Return that share in requests/s."""
    return share(row) * row.requests_per_s


def asked(network: Network) -> Iterator[tuple[DiversityRow, tuple[Demand, ...]]]:
    """Yield the rows of Diversity about the service of demand rows, each with those.

    Of rows without requests nothing is asked, nor of those that nothing can serve and verify.
    """
    for rule in _rules(network):
        rows = (row for row in network.demand if _applies(rule, row))
        yield rule, tuple(row for row in rows if unavoidable_to(network, row) is not None)


def _rules(network: Network) -> list[DiversityRow]:
    return [rule for rule in network.diversity if rule.role == "execution" and rule.min_collapse]


def _applies(rule: DiversityRow, row: Demand) -> bool:
    return row.requests_per_s > 0 and rule.applies_to in ("", row.region, f"model:{row.model}")


def unavoidable_to(network: Network, row: Demand) -> frozenset[Item] | None:
    """Return what ends the service of a row in every plan; None where nothing can serve it."""
    kept: dict[str, dict[DemandKey, frozenset[Item] | None]] = vars(network)
    known = kept.setdefault("unavoidable_to", dict(network.unavoidable))
    if row.key not in known:
        found, unverified = on_every_way(_permitted(network), row), _unverified(network)
        if found is None or row.key in unverified[NOTHING]:
            known[row.key] = None
        else:
            lost = (item for item, keys in unverified.items() if row.key in keys)
            known[row.key] = found.union(lost)
    return known[row.key]


def unavoidable(network: Network) -> dict[DemandKey, frozenset[Item] | None]:
    """Return that of every demand row of which something is asked."""
    rows = {row.key: row for rule in _rules(network) for row in network.demand}
    return {key: unavoidable_to(network, row) for key, row in rows.items() if row.requests_per_s}


def _permitted(network: Network) -> Network:
    """Return the network with those offers alone that a plan may have nodes of."""
    kept: dict[str, Network] = vars(network)
    if "permitted" not in kept:
        offers = {key: found for key, found in network.offers.items() if may_stand(network, key)}
        kept["permitted"] = network.part(offers=offers)
    return kept["permitted"]


def _unverified(network: Network) -> dict[Item, frozenset[DemandKey]]:
    """Return, per dependency, the rows that no panel could verify without it, whatever stands.

    What takes no more offers than another that leaves every row a panel leaves them one as well.
    """
    kept: dict[str, dict[Item, frozenset[DemandKey]]] = vars(network)
    if "unverified" in kept:
        return kept["unverified"]
    found = kept["unverified"] = {NOTHING: frozenset()}
    rows = [
        row
        for row in network.demand
        if row.verification in network.policies
        and network.policies[row.verification].verifiers
        and any(_applies(rule, row) for rule in _rules(network))
    ]
    if not rows:
        return found
    reach, keys = Reach(patient(network, rows)), frozenset(row.key for row in rows)
    stands = frozenset(offer for offer in network.offers if may_stand(network, offer))
    found[NOTHING] = keys - reach.servable(stands)
    gone = {item: network.takes_down(frozenset((item,))) for item in network.graph.dependencies}
    spared: list[frozenset[OfferKey]] = []
    for item in sorted(gone, key=lambda item: (-len(gone[item]), item)):
        if not any(gone[item] <= more for more in spared):
            lost = keys - reach.servable(stands - gone[item]) - found[NOTHING]
            if lost:
                found[item] = lost
            else:
                spared.append(gone[item])
    return found
