"""Typed values to what a person types into a cell; `cells` reads them back."""

from __future__ import annotations

from typing import Any

from models.fields import Kind


def written(value: Any, kind: Kind) -> object:
    """Return what stands in the cell of a value; None for one that is left blank."""
    if value is None or value == "":
        return None
    if kind is Kind.YES_NO:
        return "yes" if value else "no"
    if kind is Kind.NAMES:
        return "; ".join(value) or None
    if kind is Kind.NEEDS:
        return "; ".join(" | ".join(any_of) for any_of in value) or "none"
    return value
