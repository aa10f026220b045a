"""Which demand rows Diversity asks to outlast few failures, and what no plan avoids for them.

The rows with `min_collapse` for execution ask it of every demand row, or of those of a region or a
model. What every way to serve a row hangs on, or all that could verify it, is taken not to fail.
All of it is a fact of the network, not of a plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.data import Demand, DemandKey, DiversityRow, Item
from models.firmness import may_stand, verifying
from models.network import Network
from models.outage import HALF
from models.service import on_every_way


def share(row: Demand) -> float:
    """Return the share of a demand row of which less is an end of its service."""
    return row.min_served or HALF


def needed(row: Demand) -> float:
    """Return that share in requests/s."""
    return share(row) * row.requests_per_s


def asked(network: Network) -> Iterator[tuple[DiversityRow, tuple[Demand, ...]]]:
    """Yield the rows of Diversity about the service of demand rows, each with those.

    Of rows without requests nothing is asked, nor of those that nothing can serve.
    """
    for rule in network.diversity:
        if rule.role == "execution" and rule.min_collapse:
            yield (
                rule,
                tuple(
                    row
                    for row in network.demand
                    if row.requests_per_s
                    and rule.applies_to in ("", row.region, f"model:{row.model}")
                    and unavoidable_to(network, row) is not None
                ),
            )


def unavoidable_to(network: Network, row: Demand) -> frozenset[Item] | None:
    """Return what every plan that serves a row hangs on; None where nothing can serve it."""
    kept: dict[str, dict[DemandKey, frozenset[Item] | None]] = vars(network)
    known = kept.setdefault("unavoidable_to", dict(network.unavoidable))
    if row.key not in known:
        found = on_every_way(network, row)
        known[row.key] = None if found is None else found | _of_verifiers(network, row)
    return known[row.key]


def unavoidable(network: Network) -> dict[DemandKey, frozenset[Item] | None]:
    """Return that of every demand row of which something is asked."""
    return {row.key: unavoidable_to(network, row) for _, rows in asked(network) for row in rows}


def _of_verifiers(network: Network, row: Demand) -> frozenset[Item]:
    policy = network.policies.get(row.verification)
    if policy is None or not policy.verifiers:
        return frozenset()
    able = [network.hangs_on(o) for o in verifying(network) if may_stand(network, o)]
    return frozenset.intersection(*able) if able else frozenset()
