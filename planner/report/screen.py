"""What a plan guarantees, costs and beats, on one screen: text that any terminal can show."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from models.network import Network
from planner.evaluation.baselines import NEAREST, PLAN
from planner.evaluation.phases import PhaseFigures, phase_figures
from planner.evaluation.rollout import Order
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.report.phase_pages import is_proven
from planner.report.sentences import (
    COSTS,
    RISKS,
    Sentence,
    costs_and_proof,
    guarantees,
    listed,
    risks,
    verdict,
)
from planner.workbook.findings import counted

WIDTH, NARROWEST, HEIGHT = 100, 80, 36
"""Columns where the terminal says nothing, and columns and lines of the smallest screen."""

TOPIC, INDENT = 13, 2
"""Columns of what a sentence is about, and before it."""
REASONS_SHOWN = 12


def summary(done: Done, encoding: str = "utf-8", width: int = WIDTH) -> Group:
    """Return the end of a job, short enough for one screen, safe for the encoding.

    `width` is that of the terminal, in columns; longer sentences go on in the next line.
    """
    screen = _Screen(encoding, width)
    evaluation, result = done.final, done.result
    if evaluation is None:
        return Group(*_without_plan(screen, done))
    parts: list[Text | Table] = []
    parts.append(screen.title(verdict(result, evaluation)))
    if result.violations:
        parts.append(screen.lines([Sentence("first", str(result.violations[0]))]))
    parts.append(screen.lines(guarantees(evaluation)))
    found = risks(evaluation)
    if found:
        parts.append(screen.title(RISKS))
        parts.append(screen.lines(found))
    parts.append(screen.title(COSTS))
    parts.append(screen.lines(costs_and_proof(result, evaluation)))
    phases = phase_figures(done.evaluations, result.phase_gaps)
    if phases:
        parts.append(screen.phases(done, phases))
        parts.append(screen.lines(Sentence(o.phase, o.about) for o in done.orders if o.about))
    if len(done.scores) > 1:
        parts.append(screen.table(evaluation.network, done.scores))
    parts += screen.files(done.files)
    return Group(*parts)


def as_text(renderable: Group, width: int = WIDTH) -> str:
    """Return what a terminal of that width would show, without colours."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, markup=False).print(renderable)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _without_plan(screen: _Screen, done: Done) -> Iterator[Text | Table]:
    result = done.result
    yield screen.title(f"No plan: {result.status.replace('_', ' ')}")
    shown = [Sentence("", reason) for reason in result.reasons[:REASONS_SHOWN]]
    if len(result.reasons) > REASONS_SHOWN:
        shown.append(Sentence("", f"and {len(result.reasons) - REASONS_SHOWN} more"))
    yield screen.lines(shown)
    yield from screen.files(done.files)


class _Screen:
    """Lines that fit the screen and hold no sign that the encoding cannot show."""

    def __init__(self, encoding: str, width: int) -> None:
        self.encoding = encoding
        self.room = width - TOPIC - INDENT

    def safe(self, text: str) -> str:
        plain = " ".join(text.split())
        return plain.encode(self.encoding, "replace").decode(self.encoding)

    def title(self, text: str) -> Text:
        return Text(self.safe(text), style="bold")

    def lines(self, sentences: Iterable[Sentence]) -> Table:
        """Return the sentences below each other, topics in a column of their own."""
        table = Table.grid(padding=0)
        table.add_column(width=TOPIC + INDENT, no_wrap=True)
        table.add_column(overflow="fold")
        for sentence in sentences:
            table.add_row(Text(f"{'':{INDENT}}{sentence.topic}"), Text(self._fitting(sentence)))
        return table

    def _fitting(self, sentence: Sentence) -> str:
        """Return the sentence with as many of its names as fit on its line, one at least."""
        if not sentence.names:
            return self.safe(sentence.text)
        for count in range(len(sentence.names), 0, -1):
            text = self.safe(f"{sentence.text} {listed(sentence.names, count)}")
            if len(text) <= self.room:
                break
        return text

    def files(self, files: Mapping[str, Path]) -> list[Text]:
        """Return the paths, each on one line whatever the width, so that they can be copied."""
        return [
            Text(
                f"{'':{INDENT}}{what:<{TOPIC}}{self.safe(str(path))}",
                no_wrap=True,
                overflow="ignore",
            )
            for what, path in files.items()
        ]

    def phases(self, done: Done, phases: Iterable[PhaseFigures]) -> Table:
        """Return the phases below each other, and whether their steps break anything."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        table.add_column("phase", no_wrap=True, overflow="crop")
        currency = self.safe(done.network.settings.currency) if done.network is not None else ""
        money = (f"{currency}/month", f"{currency} once")
        for header in ("demand", "served", *money, "sites", "nodes", "gap"):
            table.add_column(header, justify="right", no_wrap=True, min_width=len(header))
        table.add_column("roll-out", overflow="fold")
        orders = {order.phase: order for order in done.orders}
        for one in phases:
            table.add_row(
                self.safe(one.phase),
                f"{one.asked:,.1f}",
                _percent(1 - one.unserved / one.asked if one.asked else None),
                f"{one.monthly_cost:,.0f}",
                f"{one.one_off_cost:,.0f}",
                f"{one.sites} (+{one.new_sites})",
                f"{one.nodes} (+{one.new_nodes})",
                _percent(one.gap) if is_proven(one) else "not proven",
                _steps(orders.get(one.phase)),
            )
        return table

    def table(self, network: Network, scores: Sequence[Score]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        table.add_column("compared", no_wrap=True, overflow="crop")
        money = f"{self.safe(network.settings.currency)}/month"
        for header in (money, "p50 ms", "p95 ms", "served", "cold", "breaks"):
            table.add_column(header, justify="right", no_wrap=True, min_width=len(header))
        table.add_column("largest share of requests", overflow="fold")
        rows = (row for row in network.diversity if row.role == "execution" and row.kind)
        limited = dict.fromkeys(row.kind for row in rows)
        kinds = [*limited][:2] or contrasting_kinds(scores)
        for found in scores:
            shares = [f"{kind} {found.largest_share.get(kind, 0.0):.0%}" for kind in kinds]
            table.add_row(
                found.name,
                f"{found.monthly_cost:,.0f}",
                _number(found.p50_ms),
                _number(found.p95_ms),
                _percent(found.served),
                _percent(found.served_cold),
                str(found.broken),
                self.safe(", ".join(shares)),
            )
        return table


def contrasting_kinds(scores: Sequence[Score], count: int = 2) -> list[str]:
    """Return the kinds of dependency in which the plan differs most from the nearest one."""
    by_name = {found.name: found.largest_share for found in scores}
    plan = by_name.get(PLAN, {})
    other = by_name.get(NEAREST, {})
    shared = sorted(plan.keys() & other.keys(), key=lambda kind: (plan[kind] - other[kind], kind))
    return [kind for kind in shared if plan[kind] != other[kind]][:count]


def _steps(order: Order | None) -> str:
    """Return how many steps a phase has, and how many of them break something."""
    if order is None:
        return "-"
    safe, count = sum(step.is_safe for step in order.steps), len(order.steps)
    return counted(count, "safe step") if safe == count else f"{safe} of {count} safe"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
