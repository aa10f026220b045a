"""The measures, one module each; a planner may name them in Objectives.

Their names are all that is here, so that the workbook's declarations can list them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from models.measure import Measure

NAMES = (
    "unserved",
    "monthly_cost",
    "one_off_cost",
    "latency",
    "worst_loss",
    "expected_loss",
    "changes",
)


def measure(name: str) -> Measure:
    """Return the measure of that name. Raises ValueError if there is none."""
    if name not in NAMES:
        raise ValueError(f"no measure is called {name!r}")
    return cast("Measure", import_module(f"{__name__}.{name}"))
