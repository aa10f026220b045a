"""Figures for other programs with the digits that mean something, and none that arithmetic left."""

from __future__ import annotations

import math
from collections.abc import Mapping

from planner.result import without_noise

DIGITS = 10
"""Significant digits that are told: a linear program is not exact in more."""


def told(value: object) -> object:
    """Return what JSON can hold with every number in it as it is told; not finite ones as null."""
    if isinstance(value, Mapping):
        return {key: told(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(entry) for entry in value]
    if isinstance(value, float):
        return without_noise(float(f"{value:.{DIGITS}g}")) if math.isfinite(value) else None
    return value
