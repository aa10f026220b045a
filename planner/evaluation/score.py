"""The figures by which plans are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Score:
    """What one plan amounts to, few enough figures to stand beside those of others.

    `monthly_cost` and `penalties` are in currency per month: what is paid, one-off cost spread over
    `months`, and what is not. Latencies are in ms over requests served, None if unknown. `served`
    and `served_cold` are shares of demand, None without demand. `largest_share` is of execution
    requests by kind of dependency, doubt read at worst. `violations` are counted by rule.
    """

    name: str
    monthly_cost: float
    p50_ms: float | None
    p95_ms: float | None
    served: float | None
    served_cold: float | None
    largest_share: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, int] = field(default_factory=dict)
    penalties: float = 0.0

    @property
    def broken(self) -> int:
        """Return how many violations there are."""
        return sum(self.violations.values())
