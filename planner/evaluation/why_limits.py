"""The limits that a plan has reached, each moved by one unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.build import rule_name
from models.data import Committee, Demand, Row, Settings
from models.fields import Kind
from models.network import Network
from models.plan import Deployment
from models.rules import RULES
from planner.evaluation.explain_limits import Limit, changed, limits
from planner.evaluation.why_eased import ONLY_PROTECTED, Easing, kind_of
from planner.workbook.book import Book

AT_ITS_LIMIT = 1e-3
"""How near a number must be to its limit, relatively, to bind."""
UNIT = 0.01
"""The unit of a share, and of any other number that is not whole: relative to its limit."""
WAITS = {"max_latency_ms", "failover_latency_ms", "reach_ms"}
"""Limits of time: rules that are left out, not capacity of which there could be one unit more."""
ASKED_FOR = {(Demand, "requests_per_s"), (Committee, "seats")}
"""What is wanted."""


def binding(network: Network, plan: Deployment, book: Book) -> list[Easing]:
    """Return every limit that the plan has reached, moved by one unit."""
    found = []
    for limit in limits(network):
        if limit.kind in (Kind.INTEGER, Kind.NUMBER, Kind.SHARE) and _binds(network, plan, limit):
            value = _moved(limit, _unit(limit))
            step = f"{_said(limit, limit.value)} to {_said(limit, value)}"
            cells = (book.limit(limit.row, limit.attribute),)
            found.append(
                Easing(kind_of(limit), cells, limit.sentence, _changing(limit, value), step)
            )
    return found


def _changing(limit: Limit, value: Any) -> Callable[[Network], Network]:
    return lambda network: changed(network, {limit: value})


def _unit(limit: Limit) -> float:
    """Return one unit of a limit: one, a percentage point, or a hundredth of what it is."""
    if limit.kind is Kind.INTEGER:
        return 1
    return UNIT if limit.kind is Kind.SHARE else UNIT * abs(limit.value)


def _moved(limit: Limit, by: float) -> Any:
    """Return the value of a limit that is looser by so much."""
    value = limit.value + by if limit.way == "raise" else max(0, limit.value - by)
    if limit.kind is Kind.SHARE:
        value = min(1.0, value)
    return int(value) if limit.kind is Kind.INTEGER else float(f"{value:.10g}")


def _binds(network: Network, plan: Deployment, limit: Limit) -> bool:
    """Return whether the plan would break its rules were the limit a little tighter.

    A budget is always tried: it may stop a plan from growing long before it is spent.
    """
    key = type(limit.row), limit.attribute
    if key in ASKED_FOR or limit.attribute in WAITS:
        return False
    if limit.attribute in ONLY_PROTECTED and not network.protected:
        return False
    if isinstance(limit.row, Settings):
        return True
    tighter = _tighter(limit)
    if tighter is None:
        return False
    found = changed(network, {limit: tighter})
    audits = [rule.audit for rule in RULES if rule_name(rule) in limit.rules]
    return any(_is_of(entry.row, limit) for audit in audits for entry in audit(found, plan))


def _is_of(row: Row | Settings | None, limit: Limit) -> bool:
    return type(row) is type(limit.row) and getattr(row, "row", 0) == getattr(limit.row, "row", 0)


def _tighter(limit: Limit) -> Any:
    """Return a value that is a little tighter; None if there is none."""
    by = 1 if limit.kind is Kind.INTEGER else AT_ITS_LIMIT * abs(limit.value)
    value = limit.value - by if limit.way == "raise" else limit.value + by
    if value < 0 or (limit.kind is Kind.SHARE and value > 1):
        return None
    return value


def _said(limit: Limit, value: Any) -> str:
    if limit.kind is Kind.SHARE:
        return f"{100 * value:.4g} %"
    return f"{value:,.10g}"
