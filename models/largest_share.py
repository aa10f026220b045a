"""The largest share of all requests that hangs on one dependency of a kind, in any period.

largest · asked[t] ≥ Σ_{x on g} load[x]     for all periods t and dependencies g of the kind

What is limited by `max_share` in Diversity (role execution, scope total) while all is served: of
what is asked for, and not of what is served, which would be no linear measure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.classes import Classes
from models.data import DiversityRow
from models.expressions import Expression, at_least_zero, row, rows
from models.holdings import holdings, measure_of
from models.measures import SHARE
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment
from models.rules import _diversity_terms as terms_of


class LargestShare:
    """The measure of one kind; a network that it is asked of must be `seen` by it."""

    UNIT = "share"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        # Without limits of its own: it only says whose shares are told apart.
        self.row = DiversityRow(rule=f"{SHARE}{kind}", role="execution", kind=kind, scope="total")

    def seen(self, network: Network) -> Network:
        """Return the network in which it matters what routes and regions of the kind hang on."""
        return network.part(diversity=(*network.diversity, self.row))

    def declare(self, block: Any, network: Network) -> None:
        """Add the largest share, no less than that of any dependency."""
        block.largest_share, block.largest_share_least = at_least_zero(), rows()
        for group in terms_of.groups(block, block, network, self.row, counted=False):
            for item in group.dependencies:
                on = group.on(frozenset((item,)))
                terms = [(-coefficient, variable) for coefficient, variable in on]
                whole = (group.nominal, block.largest_share[self.kind])
                key = (*group.label, *item)
                row(block.largest_share_least, key, [whole, *terms], lower=0.0)

    def express(self, block: Any, network: Network) -> Expression:
        """Return the largest share."""
        return Expression([(1.0, block.largest_share[self.kind])])

    def of_flows(self, network: Network, classes: Classes) -> FloatArray:
        """Return that flows add nothing: what they load does."""
        return np.zeros(len(classes))

    def value(self, network: Network, plan: Deployment) -> float:
        """Return the largest share, from the routing."""
        return max(
            (
                holding.on(frozenset((item,))) / holding.nominal
                for holding in holdings(network, plan, self.row, measure_of(self.row))
                for item in holding.dependencies
            ),
            default=0.0,
        )
