"""How much of the longest comparisons every run makes: a third, or all of it with THOROUGH=1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def parts(count: int) -> range:
    """Return the parts of a comparison that this run makes."""
    return range(count if os.environ.get("THOROUGH") else max(1, count // 3))


def some(cases: Sequence[T]) -> Sequence[T]:
    """Return the cases that this run looks at: every third, as neighbours are much alike."""
    return cases if os.environ.get("THOROUGH") else cases[::3]
