"""Why a workbook has no plan, by its cells, and what would give one: solved before it is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models import costs
from models.build import rule_name
from models.data import Scenario, Settings
from models.fields import Kind, columns, header_of
from models.network import Network
from models.rules import RULES
from planner.evaluation.explain_limits import Limit, limits
from planner.evaluation.explain_results import Explanation, Member, Step, Suggestion
from planner.evaluation.explain_search import Change, Conflict, Search, has_plan
from planner.jobs.requests import Request, Workers
from planner.reading import Tables, network_of
from planner.result import Limits
from planner.workbook import scenarios
from planner.workbook.book import SETTINGS, SHEET_OF, Book
from planner.workbook.cell_text import written
from planner.workbook.excel import Workbook, read_workbook
from planner.workbook.findings import row_and_column
from planner.workbook.names import did_you_mean
from planner.workbook.scenario_writing import edit, with_rows

MOST_SHOWN = 3
"""The most suggestions."""
SECONDS_PLAN = 60.0
"""How long the plan of a suggestion is sought, at most."""
SCENARIO = "explain"


class UnknownLimit(ValueError):
    """What is to be kept is neither a rule nor a cell that sets a limit; says the way out."""


@dataclass(frozen=True)
class Explainer:
    """What is asked of a workbook: which rules and cells are kept, and who solves."""

    workbook: Path
    keep: tuple[str, ...] = ()
    workers: Workers = Workers()

    def run(self, stop: threading.Event, say: Callable[[str], object]) -> Explanation:
        """Return what was found. Raises UnknownLimit, and InputError for what is no workbook."""
        cells = read_workbook(self.workbook)
        tables = network_of(cells)
        if tables.network is None:
            return Explanation("invalid", findings=tables.findings)
        return _Asked(self, cells, tables, tables.network, stop, say).explanation()


class _Asked:
    def __init__(
        self,
        asked: Explainer,
        workbook: Workbook,
        tables: Tables,
        network: Network,
        stop: threading.Event,
        say: Callable[[str], object],
    ) -> None:
        assert tables.book is not None
        self.workbook, self.network, self.book = workbook, network, tables.book
        self.stop, self.say = stop, say
        self.limits = limits(network)
        self.kept = kept(self.limits, self.book, asked.keep)
        self.search = Search(network, self.limits, self.kept, asked.workers, stop)

    def explanation(self) -> Explanation:
        """Return what was found."""
        self.say("looking for a plan")
        settings = self.network.settings
        answer = has_plan(self.network, settings.time_limit_s, self.stop)
        found = Explanation("plan" if answer else "infeasible", settings.currency)
        if answer is None:
            found = replace(found, status="not_decided")
        if not answer and answer is not None:
            self.say("looking for the limits that cannot hold together")
            found = self._explained(found)
        return replace(found, stopped=self.stop.is_set())

    def _explained(self, found: Explanation) -> Explanation:
        conflict = self.search.conflict()
        if conflict is None:
            note = (
                "There is no plan even with every limit at its loosest: what is on offer cannot do"
                " what is asked."
            )
            return replace(found, notes=(note, *self._notes()))
        found = replace(found, members=tuple(self._member(conflict, e) for e in conflict.members))
        self.say("looking for the least that has to give")
        sets = self.search.fewest(conflict)
        changes = self.search.least(sets)
        self.say("solving what is suggested")
        suggestions = tuple(self._suggestions(changes))
        notes = self._notes()
        if not suggestions and self.search.is_finished and not self.stop.is_set():
            notes = ("No few of the limits that may give are enough.", *notes)
        return replace(found, suggestions=suggestions, notes=notes)

    def _notes(self) -> tuple[str, ...]:
        unfinished = () if self.search.is_finished else ("Not all was decided in time.",)
        left_out = (
            ("Phases is left out: all demand as given, on what stands today.",)
            if self.network.phases
            else ()
        )
        return (*left_out, *unfinished, *sorted(set(self.search.failures))[:1])

    def _member(self, conflict: Conflict, limit: Limit) -> Member:
        return Member(
            place(self.book, limit),
            limit.rules,
            limit.sentence,
            limit not in conflict.undecided,
            limit in self.kept,
        )

    # What would give a plan --------------------------------------------------------------------

    def _suggestions(self, changes: Sequence[Change]) -> Iterator[Suggestion]:
        """Yield the changes that, made as a scenario of the workbook, have a plan; each solved."""
        settings, shown = self.network.settings, 0
        within = Limits(min(settings.time_limit_s, SECONDS_PLAN), settings.mip_gap)
        taken, left = scenarios.names(self.book), list(changes)
        while left and shown < MOST_SHOWN and not self.stop.is_set():
            now, left = left[: MOST_SHOWN - shown], left[MOST_SHOWN - shown :]
            asked: dict[str, tuple[Change, tuple[Scenario, ...], Network]] = {}
            for number, change in enumerate(now, start=shown + 1):
                name = _free_name(number, taken)
                rows = tuple(self._row(name, limit, value) for limit, value in change.values)
                network = network_of(with_rows(self.workbook, rows), scenario=name).network
                if network is not None:
                    asked[str(number)] = change, rows, network
            requests = (Request(key, of[2], within) for key, of in asked.items())
            solved = {answer.key: answer.solved for answer in self.search.run(requests)}
            for key, (change, rows, network) in asked.items():
                ended = solved.get(key)
                if ended is None or ended.plan is None:
                    self.search.is_finished = False
                    continue
                shown += 1
                name = _free_name(shown, taken)
                rows = tuple(replace(row, scenario=name) for row in rows)
                steps = tuple(self._step(limit, value) for limit, value in change.values)
                cost = costs.sum_of(costs.monthly_bill(network, ended.plan.final))
                yield Suggestion(name, steps, rows, cost, ended.status, change.least)

    def _row(self, name: str, limit: Limit, value: Any) -> Scenario:
        if isinstance(limit.row, Settings):
            number, _ = row_and_column(self.book.settings_cells[limit.attribute])
            sheet, header = SETTINGS, "value"
        else:
            number, sheet = limit.row.row, SHEET_OF[type(limit.row)]
            header = header_of(limit.attribute, columns(type(limit.row))[limit.attribute])
        return edit(self.workbook, name, sheet, number, header, _typed(value, limit.kind))

    def _step(self, limit: Limit, value: Any) -> Step:
        cell, before = place(self.book, limit), _shown(limit.value, limit.kind)
        if limit.way == "release" or value is None:
            return Step(cell, "release", before, _typed(value, limit.kind))
        amount = ""
        if limit.kind is not Kind.SHARE:
            unit = limit.unit.replace("currency", self.network.settings.currency)
            amount = f"{abs(value - limit.value):,.10g} {unit}".strip()
        return Step(cell, limit.way, before, _shown(value, limit.kind), amount)


def place(book: Book, limit: Limit) -> str:
    """Return sheet and cell of a limit."""
    return book.limit(limit.row, limit.attribute)


def kept(found: Collection[Limit], book: Book, names: Collection[str]) -> frozenset[Limit]:
    """Return the limits of these rules and cells. Raises UnknownLimit."""
    by_cell = {place(book, limit).casefold(): limit for limit in found}
    rules = {rule_name(rule) for rule in RULES}
    limits_kept: set[Limit] = set()
    for name in names:
        folded = name.strip().casefold()
        if folded in rules:
            limits_kept |= {limit for limit in found if folded in limit.rules}
        elif folded in by_cell:
            limits_kept.add(by_cell[folded])
        else:
            cells = [place(book, limit) for limit in found]
            known = [*sorted(rules), *cells]
            way_out = did_you_mean(name, known, "name a rule, or a cell that sets a limit")
            raise UnknownLimit(f"{name!r} is no rule and no cell that sets a limit; {way_out}")
    return frozenset(limits_kept)


def _free_name(number: int, taken: Collection[str]) -> str:
    name, more = f"{SCENARIO} {number}", 2
    while name in taken:
        name, more = f"{SCENARIO} {number} ({more})", more + 1
    return name


def _typed(value: Any, kind: Kind) -> str:
    """Return what a scenario has in the cell."""
    if isinstance(value, float):
        return f"{value:.10g}"
    text = written(value, kind)
    return scenarios.REMOVE if text is None else str(text)


def _shown(value: Any, kind: Kind) -> str:
    if kind is Kind.SHARE:
        return f"{100 * value:.4g} %"
    if kind in (Kind.NUMBER, Kind.INTEGER):
        return f"{value:,.10g}"
    return str(written(value, kind))
