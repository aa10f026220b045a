"""A price in words: what is proven of it, and what was found where that is not exact."""

from __future__ import annotations

import math

from planner.evaluation.why_results import INFEASIBLE, Amount, Price

SMALL = 1e-6
"""A difference that is none."""


def price_text(price: Price, currency: str) -> str:
    """Return a price in words: what is proven, and where that is not exact, what was found."""
    if price.status == INFEASIBLE:
        return "no plan"
    if price.status != "priced":
        return "not decided"
    if price.is_nothing:
        return "nothing"
    told = [_proven(amount, currency) for amount in price.amounts if _is_told(amount)]
    beside = [_found(amount, currency) for amount in price.amounts if not math.isfinite(amount.low)]
    found = ", ".join(text for text in beside if text)
    return (
        f"{', and '.join(told) or 'not decided'}{f' (in the plan found {found})' if found else ''}"
    )


def dearer(price: Price, currency: str) -> str:
    """Return a price as what is worse by it: dearer, where the first of it is money."""
    text = price_text(price, currency)
    if price.status != "priced" or not any(map(_is_told, price.amounts)):
        return text
    first = next(amount for amount in price.amounts if _is_told(amount))
    return f"{'dearer' if first.measure == 'monthly_cost' else 'worse'} by {text}"


def _is_told(amount: Amount) -> bool:
    """Return whether something is proven of an amount, and it is not that it is none."""
    return not amount.is_nothing and (math.isfinite(amount.high) or amount.low > 0.0)


def _found(amount: Amount, currency: str) -> str:
    """Return what the plans found differ by where nothing is proven; empty if by nothing."""
    if abs(amount.found) <= SMALL:
        return ""
    more = "more" if amount.found > 0 else "less"
    return f"{_quantity(amount, abs(amount.found), currency)} {more}"


def _proven(amount: Amount, currency: str) -> str:
    if amount.is_exact:
        return _quantity(amount, amount.low, currency)
    low, high = (_number(end) for end in (amount.low, amount.high))
    if not math.isfinite(amount.high):
        return f"at least {_quantity(amount, amount.low, currency)}"
    most = _quantity(amount, amount.high, currency)
    found = "" if amount.found in (amount.low, amount.high) else f" ({_number(amount.found)} found)"
    return f"between {low} and {most}{found}"


def _quantity(amount: Amount, value: float, currency: str) -> str:
    if amount.measure == "monthly_cost":
        return f"{_number(value)} {currency}/month"
    return f"{_number(value)} {amount.unit.replace('currency', currency)} {amount.measure}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"
