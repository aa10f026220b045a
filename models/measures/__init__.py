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


SHARE = "share:"
"""What the name of a measure begins with that is the largest share of one kind, e.g. provider."""


def measure(name: str) -> Measure:
    """Return the measure of that name. Raises ValueError if there is none.

    `share:KIND`, which is not among the NAMES, is the largest share of a dependency of the kind.
    """
    if name.startswith(SHARE) and name != SHARE:
        module = import_module("models.largest_share")
        return cast("Measure", module.LargestShare(name.removeprefix(SHARE)))
    if name not in NAMES:
        raise ValueError(f"no measure is called {name!r}")
    return cast("Measure", import_module(f"{__name__}.{name}"))
