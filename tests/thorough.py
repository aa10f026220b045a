"""How much of the longest comparisons every run makes: a third, or all of it with THOROUGH=1."""

from __future__ import annotations

import os


def parts(count: int) -> range:
    """Return the parts of a comparison that this run makes."""
    return range(count if os.environ.get("THOROUGH") else max(1, count // 3))
