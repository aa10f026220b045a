"""What every rule is: a module with `constrain`, `audit` and `explain`, written apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from models.network import Network
from models.plan import Deployment, Violation


class Rule(Protocol):
    """A business rule. Its docstring gives its sentence, its formula, for-all and source.

    A rule module may also define `separate(block, model, network, point) -> Iterator[Cut]`: rows
    that hold for every plan and that the point, whole or not, may break. The caller asks which.
    """

    __name__: str
    __doc__: str | None

    def constrain(self, block: Any, model: Any, network: Network) -> None:
        """Add the rule's rows to its own block; `model` is the block of the phase."""

    def audit(self, network: Network, plan: Deployment) -> Iterator[Violation]:
        """Yield every place where the plan breaks the rule, with the cell that sets the limit."""

    def explain(self, network: Network, plan: Deployment) -> str:
        """Return one sentence with the plan's figures."""
