"""What each rule costs, and what one unit more of each limit that binds would save.

All of a kind give way together first: if that saves nothing, none of them does. Otherwise they are
divided in two, until each stands alone, or has been tried as often as may be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from models.build import rule_name
from models.data import (
    Committee,
    Demand,
    DiversityRow,
    Lock,
    Model,
    Offer,
    Policy,
    Provider,
    Row,
    Settings,
    Site,
)
from models.fields import Kind
from models.network import Network
from models.plan import Deployment
from models.rules import RULES
from planner.evaluation.explain_limits import Limit, changed, limits
from planner.evaluation.explain_limits import loosened as at_loosest
from planner.evaluation.why_results import Best, Eased, in_order
from planner.evaluation.why_solves import Solves, price
from planner.workbook.book import Book

MOST_SOLVES = 40
"""How many solves the rules, and the limits, may each take beside those of whole kinds."""
FEW = 3
"""Up to how many of a kind are tried one by one at once."""
AT_ITS_LIMIT = 1e-3
"""How near a number must be to its limit, relatively, to bind."""
UNIT = 0.01
"""The unit of a share, and of any other number that is not whole: relative to its limit."""

ON_OFFER = {(Offer, "max_nodes"), (Site, "max_nodes"), (Provider, "max_nodes")}
ASKED_FOR = {(Demand, "requests_per_s"), (Committee, "seats"), (Model, "max_requests_per_s")}
"""What is there and what is wanted: limits, but no rules."""
ONLY_PROTECTED = {"min_served", "failover_latency_ms", "min_copies_left", "max_faulty"}
"""What asks for nothing where no failure is protected."""
WAITS = {"max_latency_ms", "failover_latency_ms", "reach_ms"}
"""Limits of time: rules that are left out, not capacity of which there could be one unit more."""


@dataclass(frozen=True, eq=False)
class Easing:
    """One thing that gives way: its cells, what it says, and the network in which it does.

    Those of one `kind` are tried together. `step` says how a limit moves.
    """

    kind: str
    cells: tuple[str, ...]
    sentence: str
    apply: Callable[[Network], Network]
    step: str = ""


# Rules that are left out --------------------------------------------------------------------------


def rules(network: Network, book: Book) -> list[Easing]:
    """Return every rule of the planner's own, left out."""
    found = [limit for limit in limits(network) if _is_rule(network, limit)]
    by_row: dict[tuple[type, int], list[Limit]] = defaultdict(list)
    for limit in found:
        if isinstance(limit.row, (DiversityRow, Lock)):
            by_row[type(limit.row), limit.row.row].append(limit)
    easings = [
        Easing(
            f"{type(limit.row).__name__} {limit.attribute}",
            (book.limit(limit.row, limit.attribute),),
            limit.sentence,
            _loose(limit),
        )
        for limit in found
        if not isinstance(limit.row, (DiversityRow, Lock))
    ]
    easings += [_policy(policy, book) for policy in network.policies.values() if policy.verifiers]
    for row in network.diversity:
        told = by_row[DiversityRow, row.row]
        of = f"every {row.kind or 'dependency'}: {row.rule}, for {row.penalty} a month and unit"
        soft = f"{row.role} on {of}" if row.penalty is not None else row.rule
        easings.append(_row(row, told, soft, book))
    easings += [_row(row, by_row[Lock, row.row], "a lock", book) for row in network.locks]
    return easings


def _is_rule(network: Network, limit: Limit) -> bool:
    is_idle = limit.attribute in ONLY_PROTECTED and not network.protected
    return (type(limit.row), limit.attribute) not in ON_OFFER | ASKED_FOR and not is_idle


def _loose(limit: Limit) -> Callable[[Network], Network]:
    return lambda network: at_loosest(network, [limit])


def _policy(policy: Policy, book: Book) -> Easing:
    def unverified(network: Network) -> Network:
        plain = replace(network.policies[policy.policy], verifiers=0, quorum=None, overhead=0.0)
        return replace(network, policies={**network.policies, policy.policy: plain})

    sentence = f"requests under {policy.policy} are checked by {policy.verifiers} verifiers"
    return Easing("Policy verifiers", (book.limit(policy, "verifiers"),), sentence, unverified)


def _row(row: DiversityRow | Lock, told: Sequence[Limit], otherwise: str, book: Book) -> Easing:
    """Return a whole row of Diversity or Locks, left out."""
    table = "diversity" if isinstance(row, DiversityRow) else "locks"

    def without(network: Network) -> Network:
        kept = tuple(other for other in getattr(network, table) if other.row != row.row)
        return network.part(**{table: kept})

    cells = tuple(book.limit(limit.row, limit.attribute) for limit in told)
    name = f"{row.rule}: " if isinstance(row, DiversityRow) and told else ""
    sentence = name + ("; ".join(limit.sentence for limit in told) or otherwise)
    # Each row is a rule of its own, and few are alike.
    kind = f"{table} {row.row}"
    return Easing(kind, cells or (book.limit(row, ""),), sentence, without)


# Limits that bind ---------------------------------------------------------------------------------


def binding(network: Network, plan: Deployment, book: Book) -> list[Easing]:
    """Return every limit that the plan has reached, moved by one unit."""
    found = []
    for limit in limits(network):
        if limit.kind in (Kind.INTEGER, Kind.NUMBER, Kind.SHARE) and _binds(network, plan, limit):
            value = _moved(limit, _unit(limit))
            step = f"{_said(limit, limit.value)} to {_said(limit, value)}"
            cells = (book.limit(limit.row, limit.attribute),)
            found.append(Easing(_kind(limit), cells, limit.sentence, _changing(limit, value), step))
    return found


def _kind(limit: Limit) -> str:
    if (type(limit.row), limit.attribute) in ON_OFFER:
        return "on offer"
    return f"{type(limit.row).__name__} {limit.attribute}"


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
    if key in {(Demand, "requests_per_s"), (Committee, "seats")} or limit.attribute in WAITS:
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


# What it saves ------------------------------------------------------------------------------------


def tried(
    solves: Solves, network: Network, base: Best, easings: Sequence[Easing], what: str
) -> Iterator[tuple[list[Easing], Best]]:
    """Yield what gave way, one thing or several together, with the best plan found then."""
    open_, left = list(_groups(easings)), MOST_SOLVES
    while open_:
        keys = {str(number): group for number, group in enumerate(open_)}
        best = solves.run(what, {key: _eased(network, group) for key, group in keys.items()})
        open_ = []
        for key, group in keys.items():
            if key not in best:
                continue
            is_idle = len(group) == 1 or price(base, best[key]).is_nothing
            if is_idle or left < 2 or solves.stop.is_set():
                yield group, best[key]
                continue
            half = len(group) // 2
            open_ += [group[:half], group[half:]]
            left -= 2


def _groups(easings: Sequence[Easing]) -> Iterator[list[Easing]]:
    by_kind: dict[str, list[Easing]] = defaultdict(list)
    for easing in easings:
        by_kind[easing.kind].append(easing)
    for group in by_kind.values():
        yield from ([easing] for easing in group) if len(group) <= FEW else [group]


def _eased(network: Network, group: Sequence[Easing]) -> Network:
    return reduce(lambda found, easing: easing.apply(found), group, network)


def priced(base: Best, found: Sequence[tuple[list[Easing], Best]]) -> tuple[Eased, ...]:
    """Return what each would save, against all that is known of the base; the most first."""
    return in_order(
        [
            Eased(
                tuple(cell for easing in group for cell in easing.cells),
                tuple(easing.sentence for easing in group),
                tuple(easing.step for easing in group if easing.step),
                price(base, best),
            )
            for group, best in found
        ]
    )
