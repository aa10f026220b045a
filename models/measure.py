"""What every measure is: a module that says what it is made of in the model and in a plan."""

from __future__ import annotations

from typing import Any, Protocol

from models.classes import Classes
from models.expressions import Expression
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment


class Measure(Protocol):
    """One thing that a plan can be made small in. `UNIT` is the unit of its value."""

    UNIT: str

    def declare(self, block: Any, network: Network) -> None:
        """Add the variables and rows that only this measure needs, if it is an objective."""

    def express(self, block: Any, network: Network) -> Expression:
        """Return the measure in the variables of the model."""

    def of_flows(self, network: Network, classes: Classes) -> FloatArray:
        """Return what every flow, in the model or not, adds if it takes its whole class."""

    def value(self, network: Network, plan: Deployment) -> float:
        """Return what a plan amounts to, recomputed from the tables."""
