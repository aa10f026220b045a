"""What a demand row cannot avoid: the dependencies that every way to serve it hangs on."""

from __future__ import annotations

import numpy as np

from models.data import Demand, Item
from models.loads import hangs_on
from models.stands import WARM
from models.ways import Ways


class Unavoidable:
    """The same for every demand row of one network, as far as objectives count it."""

    def __init__(self, ways: Ways) -> None:
        self.ways, self.network = ways, ways.network
        self._known: dict[tuple[int, str], frozenset[Item]] = {}

    def of(self, demand: Demand) -> frozenset[Item]:
        """Return what all ways to serve the row hang on; nothing where there is no way.

        What can be served cold somewhere can be served warm there, and hangs on the same.
        """
        paths, left = self.ways.paths.of(demand.region), list[frozenset[Item]]()
        for stand, entries, _ in self.ways.usable(demand):
            if stand.state != WARM:
                continue
            vias, sites = paths.via[entries], paths.site[entries]
            for via in np.unique(vias).tolist():
                there = np.unique(sites[vias == via]).tolist()
                offers = {offer for site in there for offer in stand.offers_at[site]}
                hits = [self._hit(offer, demand.model) for offer in offers]
                left.append(frozenset.intersection(*hits).union(self.ways.paths.vias[via]))
        if not left:
            return frozenset()
        asked = self.network.graph.hangs_on(Item("policy", demand.verification))
        return frozenset.intersection(*left) | asked

    def _hit(self, offer: int, model: str) -> frozenset[Item]:
        """Return what serving a model at an offer hangs on, whoever asks."""
        key = offer, model
        if key not in self._known:
            network, where = self.network, self.ways.stands.offers[offer]
            self._known[key] = hangs_on(network, network.graph, where, model)
        return self._known[key]
