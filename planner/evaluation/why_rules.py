"""The rules of a workbook, each left out: what a planner asks for, not what is on offer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from models.data import Committee, Demand, DiversityRow, Lock, Model, Policy
from models.network import Network
from planner.evaluation.explain_limits import Limit, limits, loosened
from planner.evaluation.why_eased import ON_OFFER, ONLY_PROTECTED, Easing, is_sure, kind_of
from planner.workbook.book import Book

ASKED_FOR = {(Demand, "requests_per_s"), (Committee, "seats"), (Model, "max_requests_per_s")}
"""What is wanted, and what others accept: limits, but no rules."""


def rules(network: Network, book: Book) -> list[Easing]:
    """Return every rule of the planner's own, left out."""
    found = [limit for limit in limits(network) if _is_rule(network, limit)]
    by_row: dict[tuple[type, int], list[Limit]] = defaultdict(list)
    for limit in found:
        if isinstance(limit.row, (DiversityRow, Lock)):
            by_row[type(limit.row), limit.row.row].append(limit)
    easings = [
        Easing(
            kind_of(limit),
            (book.limit(limit.row, limit.attribute),),
            limit.sentence,
            _loose(limit),
            is_sure=is_sure(network, limit),
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
    return lambda network: loosened(network, [limit])


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
