"""What requests hang on where they are served."""

from __future__ import annotations

from models.data import Item, OfferKey
from models.exposure import ExposureGraph, offer_item
from models.network import Network
from models.stands import fastest_upstream


def hangs_on(
    network: Network, graph: ExposureGraph, offer: OfferKey, model: str
) -> frozenset[Item]:
    """Return what in the graph requests for a model hang on when an offer serves them.

    That of region, policy and path comes with those who ask.
    """
    found = graph.hangs_on(offer_item(offer)) | graph.hangs_on(Item("model", model))
    row = network.models.get(model)
    for any_of in (row.upstream or ()) if row is not None else ():
        link = fastest_upstream(network, offer.site, any_of)
        found |= graph.hangs_on(link.item) if link is not None else frozenset()
    return found
