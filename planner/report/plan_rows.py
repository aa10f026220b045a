"""The rows of a plan workbook back into a plan, with a finding for every cell that is no use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from models.data import OfferKey
from models.decisions import DECISIONS
from models.fields import Column, columns, header_of
from models.network import Network
from models.phases import phases_of
from models.plan import Deployment, Flow, Panel, Plan, VerificationFlow
from planner.report.sheets import (
    ContractRow,
    CopyRow,
    NodeRow,
    PanelRow,
    PlanRow,
    RoutingRow,
    SeatRow,
    SiteRow,
    VerificationRow,
    WarmRow,
    decides,
    demand_key,
)
from planner.workbook.cells import CellError, read_value
from planner.workbook.excel import CellKind, Sheet
from planner.workbook.findings import Finding, column_letters
from planner.workbook.names import did_you_mean, fold_header, header_readings

HEADER_ROW = 1


@dataclass(frozen=True)
class ReadRow:
    """A row of a plan with the place it was read from."""

    row: PlanRow
    title: str
    number: int
    letters: dict[str, str]

    def cell(self, attribute: str) -> str:
        """Return the address of a cell of the row."""
        return f"{self.letters.get(attribute, 'A')}{self.number}"

    def error(self, attribute: str, message: str, way_out: str) -> Finding:
        """Return a finding at a cell of the row."""
        found = str(getattr(self.row, attribute))
        return Finding(self.title, self.cell(attribute), message, way_out, found)

    def finding(self, attribute: str, says: float | None, due: float | None, unit: str) -> Finding:
        """Return the warning that a figure is not what the rest of the plan gives."""
        stated = "nothing" if says is None else f"{says:,.6g} {unit}"
        right = "nothing" if due is None else f"{due:,.6g} {unit}"
        return Finding(
            self.title,
            self.cell(attribute),
            f"{attribute} says {stated}, the plan gives {right}",
            "ignore the figure: it is not read",
            stated,
            "warning",
        )


def read_rows(sheet: Sheet, row_class: type[PlanRow], findings: list[Finding]) -> Iterator[ReadRow]:
    """Yield the rows that can be used; append what is wrong with the others to the findings."""
    declared = columns(row_class)
    positions = _positions(sheet, declared)
    letters = {name: column_letters(position) for name, position in positions.items()}
    missing = [
        header_of(name, declaration)
        for name, declaration in declared.items()
        if declaration.required and name not in positions
    ]
    for header in missing:
        findings.append(
            Finding(
                sheet.title,
                "",
                f"the column {header!r} is missing",
                f"write {header} in row {HEADER_ROW} above its values",
            )
        )
    if missing:
        return
    for number in sheet.rows:
        if number > HEADER_ROW:
            read = _read_row(sheet, number, row_class, positions, findings)
            if read is not None:
                yield ReadRow(read, sheet.title, number, letters)


def _positions(sheet: Sheet, declared: dict[str, Column]) -> dict[str, int]:
    known = {fold_header(header_of(name, column)): name for name, column in declared.items()}
    positions: dict[str, int] = {}
    for position, cell in sorted(sheet.rows.get(HEADER_ROW, {}).items()):
        for reading in header_readings(str(cell.value)):
            if reading in known:
                positions.setdefault(known[reading], position)
    return positions


def _read_row(
    sheet: Sheet,
    number: int,
    row_class: type[PlanRow],
    positions: dict[str, int],
    findings: list[Finding],
) -> PlanRow | None:
    """Return the row; None if nothing that decides is filled in, or if any of that is wrong."""
    declared = columns(row_class)
    values: dict[str, Any] = {}
    wrong: list[Finding] = []
    is_used = False
    for name, declaration in declared.items():
        cell = sheet.cell(number, positions[name]) if name in positions else None
        if cell is None or cell.kind is CellKind.BLANK:
            if declaration.required:
                address = f"{column_letters(positions[name])}{number}"
                header = header_of(name, declaration)
                wrong.append(
                    Finding(
                        sheet.title,
                        address,
                        f"{header} is empty",
                        "fill it in or clear the whole row",
                    )
                )
            values[name] = declaration.default
            continue
        is_used |= decides(declaration)
        try:
            values[name] = read_value(cell, header_of(name, declaration), declaration)
        except CellError as error:
            values[name] = declaration.default
            # A figure that only explains may hold anything.
            if decides(declaration):
                found = str(cell.value)
                wrong.append(
                    Finding(sheet.title, cell.address, error.message, error.way_out, found)
                )
    is_used |= not any(
        decides(declaration) and name != "phase" for name, declaration in declared.items()
    )
    if is_used:
        findings.extend(wrong)
    return row_class(**values) if is_used and not wrong else None


@dataclass
class _Draft:
    """A deployment while its rows are read; `decided` are amounts by field of the plan."""

    decided: dict[str, dict[Any, int]] = field(default_factory=lambda: defaultdict(dict))
    routing: list[Flow] = field(default_factory=list)
    verification: list[VerificationFlow] = field(default_factory=list)
    panels: dict[int, Panel] = field(default_factory=dict)

    def deployment(self) -> Deployment:
        """Return the deployment; what counts zero is absent."""
        return Deployment(
            **{
                decision.of_plan: decision.in_plan(self.decided[decision.of_plan])
                for decision in DECISIONS
            },
            routing=tuple(self.routing),
            verification=tuple(self.verification),
            panels=tuple(panel for _, panel in sorted(self.panels.items())),
        )


class PlanReader:
    """Collects the rows of every sheet into one deployment per phase."""

    def __init__(self, network: Network, findings: list[Finding]) -> None:
        self.network = network
        self.findings = findings
        self.drafts: dict[str, _Draft] = {}
        self.seen: dict[tuple[object, ...], str] = {}
        self.is_needlessly_phased = False
        self.offers = {str(offer) for offer in network.offers}
        self.demand = {demand.key for demand in network.demand}

    def plan(self) -> Plan:
        """Return the plan of all rows so far, phases in the order of the workbook.

        A phase without rows, of which a later one has some, is there and empty.
        """
        known = [phase.phase for phase in phases_of(self.network)]
        last = max((known.index(name) for name in self.drafts if name in known), default=-1)
        others = sorted(self.drafts.keys() - set(known))
        names = [*others, *known[: last + 1]] or [""]
        return Plan({name: self.drafts.get(name, _Draft()).deployment() for name in names})

    def add(self, read: ReadRow) -> None:
        """Add a row, or report the name in it that means nothing."""
        known = [phase.phase for phase in self.network.phases]
        if read.row.phase and not known:
            self._say_needless(read)
            return
        if read.row.phase and not self.knows(read, "phase", known, "Phases"):
            return
        draft = self.drafts.setdefault(read.row.phase, _Draft())
        _ADD[type(read.row)](self, draft, read, read.row)

    def _say_needless(self, read: ReadRow) -> None:
        """Report once, not for every row, that the workbook has no phases."""
        if not self.is_needlessly_phased:
            text = "the plan is in phases, and the workbook has none"
            way_out = "name the workbook that it was made from, or fill in Phases"
            self.findings.append(read.error("phase", text, way_out))
        self.is_needlessly_phased = True

    # What the names must be ------------------------------------------------------------------

    def knows(self, read: ReadRow, attribute: str, known: Collection[str], sheet: str) -> bool:
        """Return whether the name is one of the sheet's, and report it if it is not."""
        name = getattr(read.row, attribute)
        if name in known:
            return True
        header = header_of(attribute, columns(type(read.row))[attribute])
        self.findings.append(
            read.error(
                attribute,
                f"{header} {name!r} is not in {sheet}",
                did_you_mean(name, known, f"write a name from {sheet}"),
            )
        )
        return False

    def offer(
        self, read: ReadRow, site: str = "site", node_type: str = "node_type"
    ) -> OfferKey | None:
        """Return the offer that two cells name; None, and a finding, if there is none."""
        if not self.knows(read, site, self.network.sites, "Sites"):
            return None
        offer = OfferKey(getattr(read.row, site), getattr(read.row, node_type))
        if offer in self.network.offers:
            return offer
        at_site = [key.node_type for key in self.network.offers if key.site == offer.site]
        self.findings.append(
            read.error(
                node_type,
                f"{offer.node_type!r} is not on offer at {offer.site} in Capacities",
                did_you_mean(
                    offer.node_type, at_site, f"write one of {', '.join(sorted(at_site))}"
                ),
            )
        )
        return None

    def is_new(self, read: ReadRow, attribute: str, *key: object) -> bool:
        """Return whether no earlier row of the sheet has the key, and report it if one has."""
        place = self.seen.setdefault((read.title, read.row.phase, *key), str(read.number))
        if place == str(read.number):
            return True
        self.findings.append(
            read.error(attribute, f"the same is already in row {place}", "keep one of the two rows")
        )
        return False

    # One method per sheet --------------------------------------------------------------------

    def add_decided(self, draft: _Draft, read: ReadRow, row: PlanRow) -> None:
        """Add what a row decides in whole numbers, if all its names are known and it is new."""
        decisions = [found for found in DECISIONS if found.of_plan in _DECIDED[type(row)]]
        fields = decisions[0].fields
        known = {
            "provider": (self.network.providers, "Providers"),
            "model": (self.network.models, "Models"),
            "committee": (self.network.committees, "Committees"),
        }
        are_known = [self.knows(read, name, *known[name]) for name in fields if name in known]
        if "node_type" in fields:
            are_known.append(self.offer(read) is not None)
        elif "site" in fields:
            are_known.append(self.knows(read, "site", self.network.sites, "Sites"))
        key = tuple(getattr(row, name) for name in fields)
        if not all(are_known) or not self.is_new(read, fields[-1], *key):
            return
        index = decisions[0].index(key[0] if len(key) == 1 else key)
        for decision in decisions:
            said = (getattr(row, name, None) for name in (decision.of_plan, decision.unit))
            amount = next((number for number in said if number is not None), 1)
            draft.decided[decision.of_plan][index] = amount

    def add_flow(self, draft: _Draft, read: ReadRow, row: RoutingRow) -> None:
        offer, key = self.offer(read), demand_key(row)
        if key not in self.demand:
            guess = did_you_mean(str(key), map(str, self.demand), "write the keys of a row there")
            self.findings.append(read.error("region", f"there is no row {key} in Demand", guess))
        elif offer is not None:
            draft.routing.append(Flow(key, offer, row.route, row.state, row.share, row.fetch_from))

    def add_verification(self, draft: _Draft, read: ReadRow, row: VerificationRow) -> None:
        executor = self.offer(read, "executing_site", "executing_node_type")
        verifier = self.offer(read, "verifying_site", "verifying_node_type")
        is_known = self.knows(read, "policy", self.network.policies, "Verification")
        if is_known and executor is not None and verifier is not None:
            draft.verification.append(
                VerificationFlow(
                    row.policy, row.residency, row.period, executor, verifier, row.rate
                )
            )

    def add_panel(self, draft: _Draft, read: ReadRow, row: PanelRow) -> None:
        executor = self.offer(read, "executing_site", "executing_node_type")
        verifier = self.offer(read, "verifying_site", "verifying_node_type")
        is_known = self.knows(read, "policy", self.network.policies, "Verification")
        if not is_known or executor is None or verifier is None:
            return
        new = Panel(row.policy, row.residency, row.period, executor, (verifier,), row.share)
        known = draft.panels.setdefault(row.panel, new)
        if known is new:
            return
        joined = Panel(
            row.policy, row.residency, row.period, executor, (*known.verifiers, verifier), row.share
        )
        first = Panel(
            known.policy,
            known.residency,
            known.period,
            known.executor,
            joined.verifiers,
            known.share,
        )
        if joined != first:
            self.findings.append(
                read.error(
                    "panel",
                    f"panel {row.panel} says other things in its rows above",
                    "give all its rows the same policy, residency, period, executor and share",
                )
            )
            return
        draft.panels[row.panel] = joined


_DECIDED: dict[type[PlanRow], tuple[str, ...]] = {
    SiteRow: ("open",),
    ContractRow: ("contracts",),
    NodeRow: ("nodes", "cold_slots"),
    WarmRow: ("warm",),
    CopyRow: ("copies",),
    SeatRow: ("seats",),
}
"""The fields of a plan that the rows of a sheet decide."""

_ADD: dict[type[PlanRow], Any] = {
    **dict.fromkeys(_DECIDED, PlanReader.add_decided),
    RoutingRow: PlanReader.add_flow,
    VerificationRow: PlanReader.add_verification,
    PanelRow: PlanReader.add_panel,
}
