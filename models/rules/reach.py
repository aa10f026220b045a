"""Every seat of a committee has a quorum within reach.

Σ_{o at s} seats[c,o] ≤ bound[c,s] · at[c,s],   at[c,s] 0/1
Σ_{o at s' within reach_ms of s} seats[c,o] ≥ reach_seats[c] · at[c,s]

for all committees c with reach_ms and sites s; bound[c,s] = most seats s can hold
                                          Source: design §4 (committee, reach)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from models.distances import site_matrix_ms
from models.expressions import row, rows, yes_no
from models.network import Network
from models.plan import Deployment, Violation, exceeds
from models.service import site_round_trip_ms
from models.ways import within_all


def constrain(block: Any, model: Any, network: Network) -> None:
    """Add an indicator per committee and site, and the rows that tie reach to it."""
    at_site: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for key in model.seats:
        if network.committees[key[0]].reach_ms is not None:
            at_site[key[0], key[1]].append(key)
    block.at = yes_no(at_site)
    block.used, block.quorum = rows(), rows()
    for name, committee in sorted(network.committees.items()):
        sites = sorted(site for found, site in at_site if found == name)
        if not sites or committee.reach_ms is None:
            continue
        latency = site_matrix_ms(network, sites, sites)
        near = within_all(latency, committee.reach_ms)
        for position, site in enumerate(sites):
            seats = [model.seats[key] for key in at_site[name, site]]
            bound = min(committee.seats, sum(variable.ub for variable in seats))
            terms = [(1.0, variable) for variable in seats]
            at = block.at[name, site]
            row(block.used, (name, site), [*terms, (-bound, at)], upper=0.0)
            within = [
                (1.0, model.seats[key])
                for other in np.flatnonzero(near[position])
                for key in at_site[name, sites[other]]
            ]
            quorum = (-committee.quorum_seats, at)
            row(block.quorum, (name, site), [*within, quorum], lower=0.0)


def audit(network: Network, plan: Deployment) -> Iterator[Violation]:
    """Yield sites with seats that have too few seats of their committee within reach."""
    for name, committee in network.committees.items():
        if committee.reach_ms is None:
            continue
        seats_at: dict[str, int] = defaultdict(int)
        for seat, count in plan.seats.items():
            if seat.committee == name and count and seat.site in network.sites:
                seats_at[seat.site] += count
        for site in seats_at:
            within = 0
            for other, count in seats_at.items():
                latency = site_round_trip_ms(network, site, other)
                if latency is not None and not exceeds(latency, committee.reach_ms):
                    within += count
            if within < committee.quorum_seats:
                message = (
                    f"{within} seats are within {committee.reach_ms:g} ms, "
                    f"{committee.quorum_seats} must be"
                )
                yield Violation("reach", f"{name} at {site}", message, committee, "reach_ms")


def explain(network: Network, plan: Deployment) -> str:
    """Return the committees whose quorum must be within reach."""
    reached = [
        f"{name} ({committee.quorum_seats} seats within {committee.reach_ms:g} ms)"
        for name, committee in sorted(network.committees.items())
        if committee.reach_ms is not None
    ]
    if not reached:
        return "No committee has a reach."
    return f"Every seat has its quorum within reach: {', '.join(reached)}."
