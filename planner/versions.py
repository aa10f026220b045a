"""What a plan depends on besides its workbook: versions of packages, and the planner's own code."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path

PACKAGES = ("pyomo", "highspy", "numpy", "scipy", "pandas", "openpyxl", "node-placement-planner")
OWN = ("models", "planner")


def versions() -> dict[str, str]:
    """Return the versions of everything that a plan depends on."""
    return dict(_versions())


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Return them as they are read from files, which takes longer than many a job."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return tuple(found.items())


@cache
def code() -> str:
    """Return a digest of our own code, which changes more often than its version."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for package in OWN for path in (root / package).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
