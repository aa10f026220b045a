"""From a workbook to the network it describes, with every finding in one pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from models.data import (
    HOURS_PER_MONTH,
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
    Period,
    Phase,
    Policy,
    Provider,
    Region,
    Scenario,
    SeatToday,
    Shock,
    Site,
)
from models.network import DEFAULT_GOALS, Goal, Network
from models.phases import at_most
from models.plan import Violation
from planner.checks.diversity import plain_rules
from planner.checks.objectives import goal_of
from planner.checks.references import without_unknown
from planner.checks.run import check_network, check_rows
from planner.checks.totals import without_totals
from planner.workbook import scenarios
from planner.workbook.book import Book, keys_of
from planner.workbook.excel import Workbook, file_hash, read_workbook
from planner.workbook.findings import Finding, InputError, grouped, in_order
from planner.workbook.item_names import Directory, directory
from planner.workbook.item_rows import Resolved, resolve
from planner.workbook.sheets import read_book
from planner.workbook.unread import UnreadCell


@dataclass(frozen=True)
class Tables:
    """A workbook as read: its network (None if there is any error), findings and SHA-256.

    `book` knows the cells; it is None for a file that is no workbook. `ungrouped` are the findings
    one by one, as they belong to their cells; `edits` what a scenario changed; `data` the bytes of
    the file, which may be another one by the time that they are asked for.
    """

    network: Network | None
    findings: tuple[Finding, ...]
    sha256: str
    book: Book | None = None
    ungrouped: tuple[Finding, ...] = ()
    edits: tuple[scenarios.Edit, ...] = ()
    data: bytes = b""

    def located(self, violations: Iterable[Violation]) -> tuple[Violation, ...]:
        """Return the violations, each with the cell that sets its limit where there is one."""
        if self.book is None:
            return tuple(violations)
        return tuple(
            replace(found, cell=self.book.limit(found.row, found.attribute)) for found in violations
        )


def read_network(path: Path, require_served: bool = False, scenario: str = "") -> Tables:
    """Return the network that the workbook describes, with everything found wrong in it.

    With `require_served` all demand must be served, whatever Settings say; with a scenario the
    workbook is read as that has it.
    """
    path = Path(path)
    try:
        workbook = read_workbook(path)
    except InputError as error:
        return Tables(None, error.findings, file_hash(path))
    return network_of(workbook, require_served, scenario)


def network_of(workbook: Workbook, require_served: bool = False, scenario: str = "") -> Tables:
    """Return the network of a workbook that was read already, as `read_network` does."""
    findings: list[Finding] = list(workbook.findings)
    edits: tuple[scenarios.Edit, ...] = ()
    if scenario:
        workbook, edits = scenarios.edited(workbook, read_book(workbook, []), scenario, findings)
    book = read_book(workbook, findings)
    if require_served:
        book = replace(book, settings=replace(book.settings, require_served=True))
    as_read = book
    book, network = _checked(book, findings)
    if not scenario:
        findings.extend(_of_scenarios(workbook, as_read, {found.kind for found in findings}))
    is_sound = not any(finding.is_error for finding in findings)
    each = in_order(findings, book.titles)
    found = network if is_sound else None
    return Tables(found, grouped(each), workbook.sha256, book, each, edits, workbook.data)


def _checked(book: Book, findings: list[Finding]) -> tuple[Book, Network | None]:
    """Return the book without names that no row has, and its network unless that makes no sense.

    Appends everything that is wrong to the findings.
    """
    book = without_unknown(without_totals(book, findings), findings)
    known = directory(book)
    resolved = resolve(book, known, findings)
    findings.extend(check_rows(book, known))
    # What is checked from here on adds up the whole network. Cells that could not be read do not
    # matter to what does not ask for them; after any other error, no sum can be trusted.
    network, unread = None, book.unread()
    if all((found.sheet, found.cell) in unread for found in findings if found.is_error):
        with suppress(UnreadCell):
            network = _network(book, known, resolved)
            findings.extend(check_network(at_most(network), book))
    return book, network


def _of_scenarios(
    workbook: Workbook, book: Book, known: Collection[tuple[str, str, str, str]]
) -> Iterator[Finding]:
    """Yield what is wrong with scenarios, and in no other finding: rows, and what comes of them."""
    for name in scenarios.names(book):
        wrong: list[Finding] = []
        changed, edits = scenarios.edited(workbook, book, name, wrong)
        yield from (replace(finding, level="warning") for finding in wrong)
        if any(finding.is_error for finding in wrong):
            continue
        pairs = zip(workbook.sheets, changed.sheets, strict=True)
        same = {before.title for before, after in pairs if before is after}
        tables = {table.title: table for table in book.tables.values() if table.title in same}
        found: list[Finding] = []
        _checked(read_book(changed, found, tables), found)
        for finding in grouped(found):
            if finding.kind not in known:
                yield scenarios.in_scenario(book, name, edits, finding)


def build(book: Book, findings: list[Finding]) -> Network:
    """Return the network of the rows; what does not resolve is reported and left out."""
    known = directory(book)
    return _network(book, known, resolve(book, known, findings))


def _network(book: Book, known: Directory, resolved: Resolved) -> Network:
    """Return the network of the rows; raise UnreadCell if what names them could not be read."""
    are_named = all(book.is_whole(row_class, *keys_of(row_class)) for row_class in book.tables)
    if not (resolved.is_whole and are_named):
        raise UnreadCell
    periods, named = _periods(book), book.named(Region)
    return Network(
        settings=book.settings,
        sites=_sites(book, known),
        providers=book.named(Provider),
        offers={offer.key: offer for offer in book.rows(Offer)},
        demand=tuple(
            replace(row, period=period)
            for row in book.rows(Demand)
            for period in ((row.period,) if row.period else periods)
        ),
        periods=periods,
        regions={name: named.get(name, Region(region=name)) for name in book.names("Regions")},
        node_types=_node_types(book),
        models=book.named(Model),
        links=resolved.links,
        dependencies=_dependencies(book, known),
        exposures=resolved.exposures,
        diversity=plain_rules(book, known),
        policies=_policies(book, known),
        committees=book.named(Committee),
        seats_today=book.rows(SeatToday),
        loaded_today=book.rows(LoadedToday),
        shocks=book.named(Shock),
        shock_items=resolved.shock_items,
        locks=book.rows(Lock),
        goals=_goals(book),
        phases=book.rows(Phase),
        scenarios=book.rows(Scenario),
    )


def _sites(book: Book, known: Directory) -> dict[str, Site]:
    return {
        name: replace(site, other=tuple((known.kind(kind), needs) for kind, needs in site.other))
        for name, site in book.named(Site).items()
    }


def _periods(book: Book) -> dict[str, float]:
    """Return the hours of each period; a blank one gets an even part of what is left of 730."""
    rows = book.named(Period)
    if not rows:
        return {"": HOURS_PER_MONTH}
    given = sum(row.hours_per_month or 0.0 for row in rows.values())
    blank = sum(row.hours_per_month is None for row in rows.values())
    part = (HOURS_PER_MONTH - given) / blank if blank else 0.0
    return {
        name: part if row.hours_per_month is None else row.hours_per_month
        for name, row in rows.items()
    }


def _node_types(book: Book) -> dict[str, NodeType]:
    """Return the node types; one that no sheet describes does what there is to do."""
    role = "execution" if book.rows(Demand) else "coordination"
    named = book.named(NodeType)
    return {
        name: named.get(name) or NodeType(node_type=name, role=role)
        for name in book.names("Node types")
    }


def _dependencies(book: Book, known: Directory) -> dict[Item, Dependency]:
    rows = (replace(row, kind=known.kind(row.kind)) for row in book.rows(Dependency))
    return {row.item: row for row in rows}


def _policies(book: Book, known: Directory) -> dict[str, Policy]:
    policies = {}
    for name, policy in book.named(Policy).items():
        kinds = tuple(dict.fromkeys(known.kind(kind) for kind in policy.independent_of))
        policies[name] = replace(policy, independent_of=kinds)
    return policies


def _goals(book: Book) -> tuple[Goal, ...]:
    goals = [goal_of(row) for row in book.rows(Objective)]
    return tuple(sorted(goals, key=lambda goal: goal.priority)) or DEFAULT_GOALS
