"""The requests/s that nobody answers, mean over the month."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.classes import Classes
from models.costs import unserved_share
from models.expressions import Expression
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment

UNIT = "requests/s"


def declare(block: Any, network: Network) -> None:
    """Add nothing: the measure is made of what is there."""


def express(block: Any, network: Network) -> Expression:
    """Return Σ rate · unserved[c]."""
    return Expression(
        [
            (group.rate * network.month_share[group.period], block.unserved[number])
            for number, group in enumerate(block.classes.classes)
        ]
    )


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return that flows add nothing."""
    return np.zeros(len(classes))


def value(network: Network, plan: Deployment) -> float:
    """Return what the plan leaves unserved."""
    missing = unserved_share(network, plan)
    return sum(network.mean_rate(demand) * missing[demand.key] for demand in network.demand)
