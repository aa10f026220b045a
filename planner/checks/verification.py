"""Verification policies: quorums, the TEE they ask for, and where verifiers can stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from models.data import Committee, Demand, NodeType, OfferKey, Policy, names_in
from models.network import Network, is_unknown
from planner.checks.capacity import Bounds
from planner.checks.protection import Failure, failures, most_within
from planner.checks.subject import Complaint, Subject
from planner.workbook.book import Book
from planner.workbook.findings import Finding, counted
from planner.workbook.names import did_you_mean, listed

MOST_MINDED = 0.5
"""A share to be served after a failure below which most of a service may end unverified."""


def _quorum(row: Policy, _: Book) -> Iterator[Complaint]:
    if row.quorum is not None and row.verifiers and not 1 <= row.quorum <= row.verifiers:
        yield Complaint(
            "quorum",
            f"quorum {row.quorum} is not within 1 … verifiers {row.verifiers}",
            "write a quorum within that range, or leave it blank for a majority",
        )
    if not row.verifiers and row.quorum:
        yield Complaint(
            "quorum",
            f"quorum {row.quorum} but verifiers 0",
            "clear quorum, or write how many verifiers there are",
        )


def tee(row: Policy | Committee, book: Book) -> Iterator[Complaint]:
    """Yield a TEE that is asked for but that no node type has."""
    wanted = row.tee.strip().casefold()
    kinds = [part.strip() for part in row.tee.replace("|", ";").split(";") if part.strip()]
    if not kinds or wanted in ("no", "none"):
        return
    tees = {name.casefold() for node in book.rows(NodeType) for name in names_in(node.tee)}
    if wanted in ("yes", "any"):
        if not tees:
            yield Complaint(
                "tee",
                "a TEE is asked for but no node type has one",
                "fill in tee in Node types or clear it here",
            )
        return
    for kind in kinds:
        if kind.casefold() not in tees:
            yield Complaint(
                "tee",
                f"tee {kind!r} is that of no node type",
                did_you_mean(kind, tees, "fill in tee in Node types, or write yes for any"),
                "warning" if any(other.casefold() in tees for other in kinds) else "error",
            )


def _node_type(row: NodeType, _: Book) -> Iterator[Complaint]:
    if row.role == "verification" and not row.verifications_per_s:
        yield Complaint(
            "verifications_per_s",
            f"node type {row.node_type!r} verifies but has no verifications_per_s",
            "fill in how many one node can do per second",
        )


def _asked_for(bounds: Bounds) -> Iterator[tuple[Policy, Demand]]:
    """Yield every policy with verifiers, once per residency, and a row that asks for it."""
    seen: set[tuple[str, str]] = set()
    for demand in bounds.asked:
        policy = bounds.network.policies.get(demand.verification)
        scope = (demand.verification, demand.residency)
        if policy is not None and policy.verifiers and scope not in seen:
            seen.add(scope)
            yield policy, demand


def verifying(bounds: Bounds, policy: Policy, demand: Demand) -> Iterator[list[OfferKey]]:
    """Yield, per offer that may execute the row, the offers that may verify what it does."""
    network, kinds = bounds.network, set(policy.independent_of)
    shared = {
        key: frozenset(item for item in network.hangs_on(key) if item.kind in kinds)
        for key in _verifying_there(bounds, demand)
    }
    for executor in bounds.allowed(demand):
        mine = frozenset(item for item in network.hangs_on(executor) if item.kind in kinds)
        keys = [key for key, items in shared.items() if items.isdisjoint(mine)]
        near = set(bounds.within(executor.site, sorted(_sites(keys)), policy.max_latency_ms))
        yield [key for key in keys if key.site in near]


def _verifying_there(bounds: Bounds, demand: Demand) -> list[OfferKey]:
    """Return the offers that verify within the residency of the row."""
    network = bounds.network
    return [
        key
        for key in bounds.offers.get("verification", ())
        if network.node_types[key.node_type].verifications_per_s
        and network.sites[key.site].lies_in(demand.countries, demand.blocs)
    ]


def _sites(keys: Iterable[OfferKey]) -> set[str]:
    return {key.site for key in keys}


def _verifiers(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield policies with more verifiers than any executing node has."""
    network = bounds.network
    for policy, demand in _asked_for(bounds):
        panels = verifying(bounds, policy, demand)
        best = _best((len(_sites(keys)) for keys in panels), policy.verifiers)
        if best is not None and best < policy.verifiers:
            where = f" within {demand.residency}" if demand.residency else ""
            limits = (
                f" that share none of {', '.join(policy.independent_of)} with it"
                if policy.independent_of
                else ""
            )
            within = f" within {policy.max_latency_ms:g} ms" if policy.max_latency_ms else ""
            yield book.finding(
                policy,
                "verifiers",
                f"policy {policy.policy!r} needs {counted(policy.verifiers, 'verifier')} at"
                f" different sites, but no executing node has more than"
                f" {counted(int(best), 'site')}{where}{within}{limits} (asked for in"
                f" {book.place(demand, 'verification')})",
                _unknown_kinds(network, policy, _verifying_there(bounds, demand))
                or bounds.role_way_out("verification")
                or "offer verification nodes at more sites, or lower verifiers",
            )


def _unknown_kinds(network: Network, policy: Policy, keys: list[OfferKey]) -> str:
    """Return the advice to fill in empty cells that count as one shared dependency."""
    empty = {
        item.kind
        for key in keys
        for item in network.hangs_on(key)
        if item.kind in policy.independent_of and is_unknown(item)
    }
    if not empty or network.settings.unknown != "shared":
        return ""
    return (
        f"fill in {', '.join(sorted(empty))} in Sites: empty cells count as one shared dependency"
    )


def _capacity(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield verification work above what all verifying nodes can do."""
    network = bounds.network
    rates = {
        key: network.settings.utilisation
        * (network.node_types[key.node_type].verifications_per_s or 0.0)
        for key in bounds.offers.get("verification", ())
    }
    most = bounds.most(rates)
    for period in network.periods:
        work = 0.0
        largest: tuple[float, Policy] | None = None
        for demand in network.demand:
            policy = network.policies.get(demand.verification)
            if policy is not None and demand.period == period:
                part = demand.requests_per_s * policy.verifiers * policy.work
                work += part
                if largest is None or part > largest[0]:
                    largest = part, policy
        if largest is not None and rates and work > most * (1 + 1e-9):
            when = f" in period {period!r}" if period else ""
            yield book.finding(
                largest[1],
                "verifiers",
                f"demand{when} needs {work:g} verifications/s, but all verifying nodes together can"
                f" do {most:g} at most",
                "raise max_nodes of verification nodes, or lower verifiers or work",
            )
            return


def _protected(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield protected dependencies with which every executing node loses its quorum of verifiers.

    The rules leave nothing out here: no request of the policy would be served.
    """
    network = bounds.network
    single = [f for f in failures(bounds) if len(network.protected[f.name]) == 1]
    for policy, demand in _asked_for(bounds) if single else ():
        kinds = policy.independent_of if policy.policy not in network.rerouted else ()
        counts = [f for f in single if next(iter(network.protected[f.name])).kind in kinds]
        found = verifying(bounds, policy, demand) if counts else ()
        panels = [keys for keys in found if len(_sites(keys)) >= policy.verifiers]
        if panels:
            yield from _lost_quorum(
                book, policy, panels, counts, book.place(demand, "verification")
            )


def _barely_verified(bounds: Bounds, book: Book) -> Iterator[Finding]:
    """Yield the smallest share for which a policy gives up panels that outlive what is protected.

    Where every row of a policy has min_served, `survival` verifies that share anew after a failure,
    and the panels of the rest may lose their quorum; without it, none may.
    """
    network = bounds.network
    for name in sorted(network.rerouted & network.policies.keys()):
        policy = network.policies[name]
        quorum = policy.quorum_verifiers
        # What no dependency may hold anyway, for a quorum of the dishonest, it cannot take away.
        is_implied = 2 <= quorum <= policy.verifiers - quorum + 1
        outlived = [
            failure.name
            for failure in failures(bounds)
            if len(failed := network.protected[failure.name]) == 1
            and next(iter(failed)).kind in policy.independent_of
        ]
        rows = [row for row in bounds.asked if row.verification == name]
        row = min(rows, key=lambda row: row.min_served, default=None)
        if row is None or row.min_served >= MOST_MINDED or is_implied or not outlived:
            continue
        yield book.finding(
            row,
            "min_served",
            f"min_served {row.min_served:g} is all that must be verified of these"
            f" {row.requests_per_s:g} requests/s after a protected failure: every row of its policy"
            f" has min_served, so panels of policy {name!r} need not outlive {listed(outlived)},"
            f" and up to {100 * (1 - row.min_served):.4g} % may lose their quorum"
            f" ({quorum} of {policy.verifiers})",
            "raise min_served, or clear it in a row of the policy: then every panel outlives them",
            "warning",
        )


def _lost_quorum(
    book: Book, policy: Policy, panels: list[list[OfferKey]], found: list[Failure], asked: str
) -> Iterator[Finding]:
    """Yield what takes the quorum from every panel: one failure, or a kind of them together."""
    quorum, short = policy.quorum_verifiers, False
    for failure in found:
        most = _best((len(_sites(set(keys) - failure.gone)) for keys in panels), quorum) or 0
        if most < quorum:
            short = True
            yield book.finding(
                failure.row,
                "protect",
                f"{failure.name} is protected, so policy {policy.policy!r} needs {quorum} of its"
                f" {counted(policy.verifiers, 'verifier')} outside it (quorum), but no executing"
                f" node has more than {most:g} there (asked for in {asked})",
                "offer verification nodes at more sites that do not hang on it, or"
                f" {failure.way_out}",
            )
    each = policy.verifiers - quorum
    for kind, group in groupby(found if not short else (), key=lambda failure: failure.kind):
        alike = list(group)
        within = (most_within(keys, alike, each, lambda k: len(_sites(k)))[0] for keys in panels)
        best = _best(within, policy.verifiers) or 0
        if best < policy.verifiers:
            used = [f for f in alike if any(not f.gone.isdisjoint(keys) for keys in panels)]
            yield book.finding(
                used[0].row,
                "protect",
                f"{listed([failure.name for failure in used])} are protected, so policy"
                f" {policy.policy!r} may lose {each} of its"
                f" {counted(policy.verifiers, 'verifier')} with each (quorum {quorum}): no"
                f" executing node can have more than {best:g} (asked for in {asked})",
                f"offer verification nodes that hang on another {kind}, lower quorum, or take some"
                " off protect",
            )
            return


def _best(found: Iterable[float], enough: float) -> float | None:
    """Return the largest number, or the first that is enough; None of none."""
    best: float | None = None
    for number in found:
        best = number if best is None else max(best, number)
        if best >= enough:
            break
    return best


SUBJECT = Subject(
    rows=((Policy, _quorum), (Policy, tee), (NodeType, _node_type)),
    network=(_barely_verified,),
    serving=(_verifiers, _capacity, _protected),
)
