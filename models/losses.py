"""What the model says is lost of all that is asked for when something fails.

For the objectives `worst_loss` and `expected_loss`. What a plan amounts to in them they work out
of the tables by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from models.classes import Job
from models.data import Item, OfferKey
from models.expressions import Term
from models.loads import hangs_on
from models.network import Network

Hit = frozenset[Item]
"""The failures that count, any one of which loses a request."""


def groups(
    block: Any, network: Network, failures: frozenset[Item]
) -> dict[str, dict[Hit, list[Any]]]:
    """Return, per period, the loads in requests/s that the same of these failures lose."""
    found: dict[str, dict[Hit, list[Any]]] = defaultdict(lambda: defaultdict(list))
    known: dict[tuple[OfferKey, Job], Hit] = {}
    graph = network.failures
    for load in block.loads:
        job = load.job
        if job.idle:
            continue
        key = (load.offer, job._replace(residency="", period="", state=""))
        if key not in known:
            served = hangs_on(network, graph, load.offer, job.model) | frozenset(job.via)
            known[key] = (served | graph.hangs_on(Item("policy", job.policy))) & failures
        found[job.period][known[key]].append(load.variable)
    return {period: dict(hits) for period, hits in sorted(found.items())}


def unserved(block: Any) -> dict[str, list[Term]]:
    """Return, per period, what is left unserved, as terms in requests/s."""
    found: dict[str, list[Term]] = defaultdict(list)
    for number, group in enumerate(block.classes.classes):
        if group.rate:
            found[group.period].append((group.rate, block.unserved[number]))
    return dict(sorted(found.items()))


def asked(network: Network) -> dict[str, float]:
    """Return the requests/s that are asked for in every period in which any are."""
    found: dict[str, float] = defaultdict(float)
    for demand in network.demand:
        if demand.requests_per_s:
            found[demand.period] += demand.requests_per_s
    return dict(sorted(found.items()))
