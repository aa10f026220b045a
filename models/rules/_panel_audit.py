"""The audit's own test of whether every request has a legal panel, apart from the model's."""

from __future__ import annotations

from collections.abc import Mapping

from models.data import OfferKey, Policy
from models.network import Network


def least_uncovered(
    network: Network, policy: Policy, rates: Mapping[OfferKey, float], executed: float
) -> float:
    """Return the requests/s for which no mixture of legal panels explains the verification."""
    # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
    from scipy.optimize import linprog

    if executed <= 1e-9:
        return 0.0
    offers = sorted(offer for offer, rate in rates.items() if rate > 1e-9)
    panels: list[tuple[OfferKey, ...]] = []
    _extend(network, policy, offers, (), panels)
    if not panels:
        return executed
    equal = [[1.0 if offer in panel else 0.0 for panel in panels] for offer in offers]
    # One slack per verifier takes up what rounding leaves; together they measure what is uncovered.
    slacks = [
        [1.0 if row == column else 0.0 for column in range(len(offers))]
        for row in range(len(offers))
    ]
    matrix = [left + right for left, right in zip(equal, slacks, strict=True)]
    cost = [0.0] * len(panels) + [1.0 / policy.verifiers] * len(offers)
    found = linprog(cost, A_eq=matrix, b_eq=[rates[offer] for offer in offers], method="highs")
    return float(found.fun or 0.0)


def _extend(
    network: Network,
    policy: Policy,
    offers: list[OfferKey],
    chosen: tuple[OfferKey, ...],
    panels: list[tuple[OfferKey, ...]],
) -> None:
    """Collect the legal panels that extend the chosen verifiers, in order."""
    if len(chosen) == policy.verifiers:
        panels.append(chosen)
        return
    start = offers.index(chosen[-1]) + 1 if chosen else 0
    for offer in offers[start:]:
        candidate = (*chosen, offer)
        if is_legal_panel(network, policy, candidate):
            _extend(network, policy, offers, candidate, panels)


def is_legal_panel(network: Network, policy: Policy, chosen: tuple[OfferKey, ...]) -> bool:
    """Return whether the verifiers stand at different sites and nothing they share decides."""
    if len({offer.site for offer in chosen}) != len(chosen):
        return False
    quorum = policy.quorum_verifiers
    for item in {item for offer in chosen for item in network.hangs_on(offer)}:
        if item.kind not in policy.independent_of:
            continue
        count = sum(item in network.hangs_on(offer) for offer in chosen)
        if quorum >= 2 and count >= quorum:
            return False
        protected = {item} in network.protected.values() and policy.policy not in network.rerouted
        if protected and count > policy.verifiers - quorum:
            return False
    return True
