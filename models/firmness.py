"""What `min_collapse` asks for, as the model sees it: which offers few failures take down together.

A dependency that every offer for a thing hangs on is unavoidable there, and no plan can do anything
about it: it is taken not to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.cut_sets import Cuts, CutSets, largest, without
from models.data import DiversityRow, Item, OfferKey, Policy
from models.exposure import offer_item
from models.network import Network

Cap = tuple[frozenset[OfferKey], int]
"""Offers, and how many of them may be in one panel."""


def cuts_of(
    network: Network, rule: DiversityRow, offers: Iterable[OfferKey]
) -> Mapping[OfferKey, Cuts]:
    """Return the cut sets of every offer for a thing: of fewer failures than the row asks for."""
    sets = CutSets(network.graph, lambda item: rule.kind in ("", item.kind), rule.failures_borne)
    cuts = {offer: sets.of(offer_item(offer)) for offer in offers}
    able = [
        {item for cut in found if len(cut) == 1 for item in cut}
        for offer, found in cuts.items()
        if may_stand(network, offer)
    ]
    unavoidable = frozenset(set.intersection(*able)) if able else frozenset()
    return without(cuts, unavoidable)


def may_stand(network: Network, offer: OfferKey) -> bool:
    """Return whether nodes of the offer may stand at all."""
    site = network.sites[offer.site]
    provider = network.providers[site.provider]
    limits = (network.offers[offer].max_nodes, site.max_nodes, provider.max_nodes)
    return 0 not in limits and "forbidden" not in (site.status, provider.status)


def verifying(network: Network) -> list[OfferKey]:
    """Return the offers whose nodes can verify anything."""
    return [
        offer
        for offer in network.offers_of("verification")
        if network.node_types[offer.node_type].verifications_per_s
    ]


def show_avoidable(network: Network) -> frozenset[OfferKey]:
    """Return a few verifying offers without which more would be unavoidable than is."""
    left: frozenset[Item] | None = None
    shown = set()
    for offer in verifying(network) if any(map(_asks, network.diversity)) else ():
        hangs_on = network.hangs_on(offer)
        if may_stand(network, offer) and (left is None or not left <= hangs_on):
            left = hangs_on if left is None else left & hangs_on
            shown.add(offer)
    return frozenset(shown)


def _asks(rule: DiversityRow) -> bool:
    return rule.role == "verification" and rule.failures_borne > 0


class FirmPanels:
    """The caps on panels of one policy that keep a quorum under so many failures, by their cuts."""

    def __init__(
        self, policy: Policy, asked: Iterable[tuple[int, Mapping[OfferKey, Cuts]]]
    ) -> None:
        self.spare = policy.verifiers - policy.quorum_verifiers
        self.asked = tuple(asked)
        self._known: dict[tuple[OfferKey, ...], list[Cap]] = {}

    def caps(self, offers: tuple[OfferKey, ...]) -> list[Cap]:
        """Return how many of which of the offers may be in one panel."""
        if offers not in self._known:
            self._known[offers] = [
                (lost, self.spare)
                for most, cuts in self.asked
                for lost in largest({o: cuts[o] for o in offers if o in cuts}, most)
                if len(lost) > self.spare
            ]
        return self._known[offers]


def firm_panels(network: Network, policy: Policy) -> FirmPanels | None:
    """Return what rows ask of the panels of a policy; None if none does."""
    offers = verifying(network)
    asked = [
        (rule.failures_borne, cuts_of(network, rule, offers))
        for rule in network.diversity
        if _asks(rule) and rule.applies_to in ("", policy.policy)
    ]
    return FirmPanels(policy, asked) if asked else None
