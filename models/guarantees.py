"""What a plan promises beyond routing, and how much of what each stands on may be lost.

coordination   a committee, liveness: max_faulty seats; safety: seats − 2·max_faulty − 1;
               control: seats − max_faulty − 1; seats that nobody holds have failed already
storage        a model, liveness: the copies beyond those that must be left, or the last one
verification   a policy, by the panel that ends first, liveness: verifiers − quorum;
               safety: quorum − 1 verifiers; one that nobody offers has failed already
                                                Source: design §5; BFT: n ≥ 3f + 1
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from models.collapse import Break
from models.data import OfferKey
from models.exposure import offer_item
from models.network import Network
from models.panels import panels_of
from models.plan import Deployment, Panel

LIVENESS, SAFETY, CONTROL = "liveness", "safety", "control"
"""What can be lost: answers (dependencies fail), their truth, or the say over both (they lie)."""

DUST = 1e-9
"""The share of a panel that is nothing."""


class Stand(NamedTuple):
    """What a guarantee stands on, counted by offer, and how much of it may be lost."""

    held: Mapping[OfferKey, int]
    limit: int

    @property
    def broken(self) -> Break:
        """Return the loss as the fault tree knows it."""
        return Break({offer_item(offer): count for offer, count in self.held.items()}, self.limit)


class Guarantee(NamedTuple):
    """A loss that must not happen: it does when any one of the stands is lost."""

    role: str
    of: str
    period: str
    loss: str
    stands: tuple[Stand, ...]

    @property
    def named(self) -> str:
        """Return what it is of, with its period if it has one."""
        return f"{self.of}, {self.period}" if self.period else self.of


def guarantees(network: Network, plan: Deployment) -> tuple[Guarantee, ...]:
    """Return every guarantee of the plan but those of routing, by role, thing and loss."""
    return (*verification(network, plan), *storage(network, plan), *coordination(network, plan))


def coordination(network: Network, plan: Deployment) -> Iterator[Guarantee]:
    """Yield the losses of every committee that holds seats."""
    held: dict[str, dict[OfferKey, int]] = defaultdict(dict)
    for seat, count in sorted(plan.seats.items()):
        offer = OfferKey(seat.site, seat.node_type)
        if offer in network.offers and seat.committee in network.committees:
            held[seat.committee][offer] = count
    for name, seats in sorted(held.items()):
        committee = network.committees[name]
        faulty, missing = committee.faulty_limit, committee.seats - sum(seats.values())
        limits = {
            LIVENESS: faulty - missing,
            SAFETY: committee.seats - 2 * faulty - 1,
            CONTROL: committee.seats - faulty - 1,
        }
        for loss, limit in limits.items():
            yield Guarantee("coordination", name, "", loss, (Stand(seats, limit),))


def storage(network: Network, plan: Deployment) -> Iterator[Guarantee]:
    """Yield the loss of every model that has copies."""
    held: dict[str, dict[OfferKey, int]] = defaultdict(dict)
    for copy in sorted(plan.copies):
        offer = OfferKey(copy.site, copy.node_type)
        if offer in network.offers and copy.model in network.models:
            held[copy.model][offer] = 1
    for name, copies in sorted(held.items()):
        # Where no copy need be left, the guarantee ends with the last one.
        spare = len(copies) - max(1, network.models[name].min_copies_left)
        yield Guarantee("storage", name, "", LIVENESS, (Stand(copies, spare),))


def verification(network: Network, plan: Deployment) -> Iterator[Guarantee]:
    """Yield the losses of every policy, by the panels that are used, period by period."""
    used: dict[tuple[str, str], set[tuple[OfferKey, ...]]] = defaultdict(set)
    for panel in _panels(network, plan):
        if panel.share > DUST and panel.policy in network.policies:
            known = tuple(offer for offer in panel.verifiers if offer in network.offers)
            used[panel.policy, panel.period].add(known)
    for (name, period), panels in sorted(used.items()):
        policy = network.policies[name]
        quorum = policy.quorum_verifiers
        held = [dict.fromkeys(panel, 1) for panel in sorted(panels)]
        # Who is missing from a panel has failed already.
        answers = tuple(Stand(panel, len(panel) - quorum) for panel in held)
        truth = tuple(Stand(panel, quorum - 1) for panel in held)
        yield Guarantee("verification", name, period, LIVENESS, answers)
        yield Guarantee("verification", name, period, SAFETY, truth)


def _panels(network: Network, plan: Deployment) -> tuple[Panel, ...]:
    if plan.panels:
        return plan.panels
    known = tuple(flow for flow in plan.verification if flow.policy in network.policies)
    return panels_of(network, known)
