"""What is paid once: newly opened sites and nodes above existing ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from models import costs
from models.classes import Classes
from models.expressions import Expression
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment

UNIT = "currency"


def declare(block: Any, network: Network) -> None:
    """Add nothing: the measure is made of what is there."""


def express(block: Any, network: Network) -> Expression:
    """Return what is paid once."""
    return Expression(list(costs.one_off_terms(block, network)))


def of_flows(network: Network, classes: Classes) -> FloatArray:
    """Return that flows add nothing."""
    return np.zeros(len(classes))


def value(network: Network, plan: Deployment) -> float:
    """Return the sum of the one-off bill."""
    return costs.sum_of(costs.one_off_bill(network, plan))
