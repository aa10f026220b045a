"""Legal verifier panels: whether verification flows are a mixture of them, and of which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from models.data import Item, OfferKey, Policy
from models.firmness import FirmPanels, firm_panels
from models.network import Network
from models.plan import TOLERANCE, Panel, VerificationFlow

Verifiers = tuple[OfferKey, ...]

COVERED = 1e-6
"""The share of requests that may lack a panel before a row is separated."""


def legal_panels(
    network: Network, policy: Policy, offers: tuple[OfferKey, ...], firm: FirmPanels | None = None
) -> Iterator[Verifiers]:
    """Yield every legal panel from the offers: distinct sites, no dependency with a quorum.

    With `firm`, only those that also keep a quorum under few failures.
    """
    caps = [*_caps(network, policy, offers), *(firm.caps(offers) if firm is not None else ())]
    for panel in combinations(offers, policy.verifiers):
        if len({offer.site for offer in panel}) < policy.verifiers:
            continue
        if all(sum(offer in exposed for offer in panel) <= cap for exposed, cap in caps):
            yield panel


def _caps(
    network: Network, policy: Policy, offers: tuple[OfferKey, ...]
) -> list[tuple[frozenset[OfferKey], int]]:
    exposed: dict[Item, set[OfferKey]] = defaultdict(set)
    for offer in offers:
        for item in network.hangs_on(offer):
            if item.kind in policy.independent_of:
                exposed[item].add(offer)
    quorum = policy.quorum_verifiers
    caps = []
    for item, found in sorted(exposed.items()):
        limits = [policy.verifiers]
        if quorum >= 2:
            limits.append(quorum - 1)
        is_protected = frozenset((item,)) in network.protected.values()
        if is_protected and policy.policy not in network.rerouted:
            limits.append(policy.verifiers - quorum)
        if min(limits) < min(policy.verifiers, len(found)):
            caps.append((frozenset(found), min(limits)))
    return caps


def decompose(
    network: Network,
    policy: Policy,
    rates: Mapping[OfferKey, float],
    firm: FirmPanels | None = None,
) -> tuple[dict[Verifiers, float], dict[OfferKey, float]]:
    """Return panel shares that cover the most, and weights that prove that no mixture covers more.

    `rates` are verifications/s per verifier and sum to verifiers · executed. The shares are of
    executed; the weights are the duals: every legal panel weighs at least 1.
    """
    # Imported where it is needed: beside Pyomo, SciPy takes a second to load.
    from scipy.optimize import linprog

    total = sum(rates.values())
    offers = tuple(sorted(o for o, rate in rates.items() if rate > TOLERANCE * total))
    executed = total / policy.verifiers
    panels = list(legal_panels(network, policy, offers, firm))
    if not panels or executed <= 0:
        return {}, dict.fromkeys(offers, 0.0)
    position = {offer: index for index, offer in enumerate(offers)}
    incidence = np.zeros((len(offers), len(panels)))
    for column, panel in enumerate(panels):
        for offer in panel:
            incidence[position[offer], column] = 1.0
    limits = np.array([rates[offer] / executed for offer in offers])
    found = linprog(-np.ones(len(panels)), A_ub=incidence, b_ub=limits, method="highs")
    if found.x is None:
        raise ArithmeticError("a covering problem that is feasible at 0 was not solved")
    shares = {
        panel: float(share) for panel, share in zip(panels, found.x, strict=True) if share > 1e-9
    }
    duals = -np.asarray(found.ineqlin.marginals, dtype=float)
    weights = {offer: max(0.0, float(duals[position[offer]])) for offer in offers}
    return shares, weights


def covering_weights(
    network: Network,
    policy: Policy,
    rates: Mapping[OfferKey, float],
    firm: FirmPanels | None = None,
) -> dict[OfferKey, float] | None:
    """Return weights w with w(Q) ≥ 1 for every legal panel that the rates do not reach, or None.

    Σ w · rate ≥ executed holds for every mixture of legal panels (offers without a weight count
    1) and fails for these rates. None: the rates are such a mixture, or nothing is executed.
    """
    total = sum(rates.values())
    if total <= 0:
        return None
    _, weights = decompose(network, policy, rates, firm)
    reached = sum(weights.get(offer, 1.0) * rate for offer, rate in rates.items())
    return weights if reached < total / policy.verifiers * (1 - COVERED) else None


def panels_of(network: Network, checks: tuple[VerificationFlow, ...]) -> tuple[Panel, ...]:
    """Return the verification flows as panels with shares, per executing offer.

    Where a row asks for panels that few failures cannot break, they are such if they can be.
    """
    rates: dict[tuple[str, str, str, OfferKey], dict[OfferKey, float]] = defaultdict(dict)
    for check in checks:
        scope = (check.policy, check.residency, check.period, check.executor)
        rates[scope][check.verifier] = check.rate
    found = []
    known: dict[Any, dict[tuple[OfferKey, ...], float]] = {}
    for (policy, residency, period, executor), flows in sorted(rates.items()):
        total = sum(flows.values())
        if total <= 0 or not network.policies[policy].verifiers:
            continue  # a plan edited by hand may list nothing, or what is only attested
        pattern = (policy, tuple((v, round(rate / total, 9)) for v, rate in sorted(flows.items())))
        if pattern not in known:
            known[pattern] = _panels(network, network.policies[policy], flows)
        for verifiers, share in sorted(known[pattern].items()):
            found.append(Panel(policy, residency, period, executor, verifiers, share))
    return tuple(found)


def _panels(
    network: Network, policy: Policy, rates: Mapping[OfferKey, float]
) -> dict[Verifiers, float]:
    firm = firm_panels(network, policy)
    if firm is not None:
        found, _ = decompose(network, policy, rates, firm)
        if sum(found.values()) > 1 - COVERED:
            return found
    return decompose(network, policy, rates)[0]
