"""From a workbook to the network it describes, with every finding in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from models.data import (
    HOURS_PER_MONTH,
    SHEETS,
    Committee,
    Demand,
    Dependency,
    Item,
    LoadedToday,
    Lock,
    Model,
    NodeType,
    Objective,
    Offer,
    OfferKey,
    Period,
    Phase,
    Policy,
    Provider,
    Region,
    Row,
    Scenario,
    SeatToday,
    Shock,
    Site,
)
from models.network import DEFAULT_GOALS, Goal, Network
from models.plan import Violation
from planner.checks.commitments import promises
from planner.checks.diversity import check_kinds, check_limits, plain_rules
from planner.checks.network import check_network
from planner.checks.references import check_references
from planner.checks.rows import contradictions
from planner.checks.unfinished import MEASURES as UNFINISHED_MEASURES
from planner.checks.unfinished import unfinished
from planner.workbook.book import Book
from planner.workbook.cells import read_number
from planner.workbook.excel import file_hash, read_workbook
from planner.workbook.findings import Finding, InputError, in_order
from planner.workbook.item_names import Directory, directory
from planner.workbook.item_rows import resolve
from planner.workbook.sheets import read_book

_TOLERANCE = re.compile(r"\s*([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
_R = TypeVar("_R", bound=Row)


@dataclass(frozen=True)
class Tables:
    """A workbook as read: its network (None if there is any error), findings and SHA-256.

    `book` knows the cells; it is None for a file that is no workbook.
    """

    network: Network | None
    findings: tuple[Finding, ...]
    sha256: str
    book: Book | None = None

    def located(self, violations: Iterable[Violation]) -> tuple[Violation, ...]:
        """Return the violations, each with the cell that sets its limit where there is one."""
        if self.book is None:
            return tuple(violations)
        return tuple(
            replace(found, cell=self.book.limit(found.row, found.attribute)) for found in violations
        )


def read_network(path: Path, require_served: bool = False) -> Tables:
    """Return the network that the workbook describes, with everything found wrong in it.

    With `require_served` all demand must be served, whatever Settings say.
    """
    path = Path(path)
    try:
        workbook = read_workbook(path)
    except InputError as error:
        return Tables(None, error.findings, file_hash(path))
    findings: list[Finding] = list(workbook.findings)
    book = read_book(workbook, findings)
    if require_served:
        book = replace(book, settings=replace(book.settings, require_served=True))
    later = list(_later_findings(book))
    # A cell that could not be read is reported once, not again for what its lack leads to.
    unread = {
        (finding.sheet, finding.cell) for finding in findings if finding.is_error and finding.cell
    }
    later = [finding for finding in later if (finding.sheet, finding.cell) not in unread]
    found: list[Finding] = []
    network = build(book, found)
    later += [finding for finding in found if (finding.sheet, finding.cell) not in unread]
    every = [*findings, *later]
    blamed = {(finding.sheet, finding.cell) for finding in every if finding.is_error}
    every += [
        finding
        for finding in check_network(network, book, book.damaged(every))
        if (finding.sheet, finding.cell) not in blamed
    ]
    every = list(in_order(every, book.titles))
    is_sound = not any(finding.is_error for finding in every)
    return Tables(network if is_sound else None, tuple(every), workbook.sha256, book)


def _later_findings(book: Book) -> Iterator[Finding]:
    yield from check_references(book)
    yield from contradictions(book)
    yield from promises(book)
    yield from check_limits(book)
    yield from unfinished(book)


def build(book: Book, findings: list[Finding]) -> Network:
    """Return the network of the rows; what does not resolve is reported and left out."""
    known = directory(book)
    unclear: list[Finding] = []
    resolved = resolve(book, known, unclear)
    unclear.extend(check_kinds(book, known))
    # Names that a sheet beyond reading might have given are unknown, not wrong.
    if all(book.is_readable(row_class) for row_class in SHEETS.values()):
        findings.extend(unclear)
    periods = _periods(book)
    network = Network(
        settings=book.settings,
        sites=_keyed(book, Site, "site"),
        providers=_keyed(book, Provider, "provider"),
        offers=_offers(book),
        demand=tuple(_demand(book, tuple(periods))),
        periods=periods,
        regions=_regions(book),
        node_types=_node_types(book),
        models=_keyed(book, Model, "model"),
        links=resolved.links,
        dependencies=_dependencies(book, known),
        exposures=resolved.exposures,
        diversity=plain_rules(book, known),
        policies=_policies(book, known),
        committees=_keyed(book, Committee, "committee"),
        seats_today=book.rows(SeatToday),
        loaded_today=book.rows(LoadedToday),
        shocks=_keyed(book, Shock, "shock"),
        shock_items=resolved.shock_items,
        locks=book.rows(Lock),
        goals=_goals(book, findings),
        phases=book.rows(Phase),
        scenarios=book.rows(Scenario),
    )
    return replace(network, sites=_sites(network.sites, known))


def _keyed(book: Book, row_class: type[_R], attribute: str) -> dict[str, _R]:
    found: dict[str, _R] = {}
    for row in book.rows(row_class):
        found.setdefault(getattr(row, attribute), row)
    return found


def _sites(sites: Mapping[str, Site], known: Directory) -> dict[str, Site]:
    return {
        name: replace(site, other=tuple((known.kind(kind), needs) for kind, needs in site.other))
        for name, site in sites.items()
    }


def _offers(book: Book) -> dict[OfferKey, Offer]:
    sites = {site.site for site in book.rows(Site)}
    found: dict[OfferKey, Offer] = {}
    for offer in book.rows(Offer):
        if offer.site in sites:
            found.setdefault(offer.key, offer)
    return found


def _periods(book: Book) -> dict[str, float]:
    """Return the hours of each period; a blank one gets an even part of what is left of 730."""
    rows = _keyed(book, Period, "period")
    if not rows:
        return {"": HOURS_PER_MONTH}
    given = sum(row.hours_per_month or 0.0 for row in rows.values())
    blank = sum(row.hours_per_month is None for row in rows.values())
    part = max(0.0, HOURS_PER_MONTH - given) / blank if blank else 0.0
    hours = {
        name: part if row.hours_per_month is None else row.hours_per_month
        for name, row in rows.items()
    }
    # Where the hours are beyond repair (and reported), the checks still need a month to divide.
    return hours if sum(hours.values()) > 0 else dict.fromkeys(hours, 1.0)


def _demand(book: Book, periods: tuple[str, ...]) -> Iterator[Demand]:
    seen = set()
    for row in book.rows(Demand):
        for period in (row.period,) if row.period else periods:
            demand = replace(row, period=period)
            if demand.key not in seen and period in periods:
                seen.add(demand.key)
                yield demand


def _regions(book: Book) -> dict[str, Region]:
    regions = _keyed(book, Region, "region")
    for row in book.rows(Demand):
        regions.setdefault(row.region, Region(region=row.region))
    return regions


def _node_types(book: Book) -> dict[str, NodeType]:
    node_types = _keyed(book, NodeType, "node_type")
    role = "execution" if book.rows(Demand) else "coordination"
    for offer in book.rows(Offer):
        node_types.setdefault(offer.node_type, NodeType(node_type=offer.node_type, role=role))
    return node_types


def _dependencies(book: Book, known: Directory) -> dict[Item, Dependency]:
    found: dict[Item, Dependency] = {}
    for row in book.rows(Dependency):
        row = replace(row, kind=known.kind(row.kind))
        found.setdefault(row.item, row)
    return found


def _policies(book: Book, known: Directory) -> dict[str, Policy]:
    """Return the policies with their quorum filled in: a majority where it is blank."""
    policies = {}
    for name, policy in _keyed(book, Policy, "policy").items():
        quorum = policy.quorum
        if quorum is None:
            quorum = policy.verifiers // 2 + 1 if policy.verifiers else 0
        kinds = tuple(dict.fromkeys(known.kind(kind) for kind in policy.independent_of))
        policies[name] = replace(policy, quorum=quorum, independent_of=kinds)
    return policies


def _goals(book: Book, findings: list[Finding]) -> tuple[Goal, ...]:
    goals = []
    for row in book.rows(Objective):
        goal = _goal(book, row, findings)
        if row.measure not in UNFINISHED_MEASURES:
            goals.append(goal)
    return tuple(sorted(goals, key=lambda goal: goal.priority)) or DEFAULT_GOALS


def _goal(book: Book, row: Objective, findings: list[Finding]) -> Goal:
    """Return the goal; `0.02` and `2 %` are relative tolerances, a number with a unit absolute."""

    def report(message: str, way_out: str) -> Goal:
        findings.append(book.finding(row, "tolerance", message, way_out))
        return Goal(row.priority, row.measure, row.weight)

    text = row.tolerance
    match = _TOLERANCE.fullmatch(text)
    amount = read_number(match[1]) if match else None
    if match is None or amount is None or amount < 0:
        return report(f"tolerance {text!r} is no number", "write 0.02, 2 %, or e.g. 2 ms")
    if "," in match[1]:
        return report(
            f"tolerance {text!r} has a decimal comma", f"write {amount:g} {match[2]}".rstrip()
        )
    if match[2] == "%":
        amount /= 100
    elif match[2]:
        return Goal(row.priority, row.measure, row.weight, amount, absolute=True)
    if amount > 1:
        return report(
            f"tolerance {text!r} would give up {amount:.0%} of the objective",
            f"write {amount:g} % or add the unit, e.g. {amount:g} ms",
        )
    return Goal(row.priority, row.measure, row.weight, amount)
