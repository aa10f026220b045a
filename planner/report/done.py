"""The end of a job, whatever it is: what screen, workbook and plan.json are rendered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from models.data import Row
from models.measures.monthly_cost import penalties_in
from models.network import Network
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.rollout import Order
from planner.evaluation.score import Score
from planner.result import Result
from planner.workbook.book import Book
from planner.workbook.findings import Finding


@dataclass(frozen=True)
class Done:
    """The end of a job.

    `evaluations` are of the plan, one per phase; `scores` of the plan and what it is compared with.
    `files` are the paths written, by what they hold; `aside` the new names of plans of earlier
    runs that had to make way, because they would pass for what this run ended with; `beside` the
    names taken in place of those of files that are open in another program, `kept` those in place
    of plans that were edited since they were written. `book` knows the cells of the workbook,
    `edits` say which of them a scenario changed; `log` is what the solver said, line by line.
    `orders` are the steps of every phase of a roll-out.
    """

    result: Result
    network: Network | None = None
    findings: tuple[Finding, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    scores: tuple[Score, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    aside: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    book: Book | None = None
    edits: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()

    @property
    def final(self) -> Evaluation | None:
        """Return the evaluation of the last phase; None without a plan."""
        return self.evaluations[-1] if self.evaluations else None

    def with_file(self, name: str, path: Path, wanted: Path) -> Done:
        """Return the end with one more file written, which was to be another where that is held."""
        beside = {} if path == wanted else {wanted.name: path.name}
        files, names = {**self.files, name: path}, {**self.beside, **beside}
        return replace(self, files=files, beside=names)

    def penalties(self, priority: int) -> float | None:
        """Return the part of an objective's value that is penalties, in all phases together."""
        if not self.evaluations:
            return None
        return sum(penalties_in(found.network, found.plan, priority) for found in self.evaluations)

    def cell(self, row: Row, attribute: str) -> str:
        """Return where the workbook says it, such as `Demand!B5`; empty if that is unknown."""
        return self.book.limit(row, attribute) if self.book is not None else ""
