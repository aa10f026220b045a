"""The sheets of a plan that hold sentences, the comparison with other plans, and the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.concentration import ALL
from models.data import Item
from models.measures import NAMES, measure
from models.network import is_unknown
from models.rules import RULES
from planner.evaluation.evaluation import Evaluation
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.report.sentences import COSTS, GUARANTEES, RISKS, costs_and_proof, guarantees, risks
from planner.report.tables import FORMATS, MONEY, filled, number_format
from planner.result import without_noise
from planner.workbook.excel import SHA256
from planner.workbook.layout import Layout, Page, Styled

SCENARIO = "scenario"
"""The item of the sheet Run that says as which scenario the workbook was read."""

LARGEST_SHARE = "largest share of execution requests"
"""The measure of the sheet Comparison that is told kind by kind of dependency."""

NOT_FILLED_IN = ", not filled in: at worst"
"""Ends it where the sites that serve most do not say what they hang on."""


def summary(done: Done, final: Evaluation) -> Page:
    """Return every sentence on the plan, one for every rule, and what was warned of, in sections.

    What is first found when the plan is audited cannot be in it.
    """
    sections: dict[str, list[list[object]]] = {
        "What breaks a rule": [["violation", str(found)] for found in done.result.violations],
        GUARANTEES: [[said.topic, str(said)] for said in guarantees(final)],
        RISKS: [[said.topic, str(said)] for said in risks(final)],
        COSTS: [[said.topic, str(said)] for said in costs_and_proof(done.result, final)],
        "How every rule is kept": [
            [
                rule.__name__.rpartition(".")[2].replace("_", " "),
                rule.explain(final.network, final.plan),
            ]
            for rule in RULES
        ],
        "What to look at in the workbook": [
            ["warning", str(warning)] for warning in done.result.warnings
        ],
    }
    rows: list[list[object]] = [["topic", "what holds"]]
    for title, sentences in sections.items():
        if sentences:
            rows += [[], [Styled(title, heading=2)], *sentences]
    return Page(rows, Layout(frozen=1, widths={1: 22, 2: 120}))


def comparison(final: Evaluation, scores: Sequence[Score]) -> Page:
    """Return one row per measure and one column per plan; nothing about what does not occur."""
    header: list[object] = ["measure", "of", "unit", *(found.name for found in scores)]
    currency = final.network.settings.currency
    measures = (*_measures(currency, scores), *_largest_shares(final, scores))
    rows = [header, *(row for row in measures if any(value is not None for value in row[3:]))]
    kept = filled(rows)
    shown = [[row[position] for position in kept] for row in rows]
    return Page(shown, Layout(is_table=True, frozen=sum(position < 2 for position in kept)))


def _measures(currency: str, scores: Sequence[Score]) -> Iterator[list[object]]:
    money = f"{currency}/month"
    yield _row("monthly cost", "", money, [found.monthly_cost for found in scores])
    yield _row("penalties, not paid", "", money, [found.penalties for found in scores])
    yield _row("latency, p50 of requests served", "", "ms", [found.p50_ms for found in scores])
    yield _row("latency, p95 of requests served", "", "ms", [found.p95_ms for found in scores])
    yield _row("demand served", "", "0..1", [found.served for found in scores])
    yield _row("demand served cold", "", "0..1", [found.served_cold for found in scores])
    broken = "violations found by the audit"
    yield _row(broken, "", "number", [found.broken for found in scores])
    for rule in sorted({rule for found in scores for rule in found.violations}):
        counts = [found.violations.get(rule, 0) for found in scores]
        yield _row(broken, rule.replace("_", " "), "number", counts)


def _largest_shares(final: Evaluation, scores: Sequence[Score]) -> Iterator[list[object]]:
    """Yield the largest share of every kind, the largest first; last those that nobody knows."""
    unknown = {
        found.kind
        for found in final.concentration
        if (found.role, found.of) == ("execution", ALL)
        and is_unknown(Item(found.kind, found.worst.largest))
    }
    kinds = {kind for found in scores for kind in found.largest_share}
    in_plan = scores[0].largest_share if scores else {}
    for kind in sorted(kinds, key=lambda kind: (kind in unknown, -in_plan.get(kind, 0.0), kind)):
        told = LARGEST_SHARE + NOT_FILLED_IN * (kind in unknown)
        shares = [found.largest_share.get(kind, 0.0) for found in scores]
        yield _row(told, kind, "0..1", shares)


def _row(told: str, of: str, unit: str, values: Sequence[float | None]) -> list[object]:
    shown = FORMATS.get(unit, MONEY) if unit != "number" else ""
    styled = [None if value is None else Styled(value, shown) for value in values]
    return [told, of, unit, *styled]


def run_record(done: Done, final: Evaluation) -> Page:
    """Return how the plan was made; the seconds stand here and nowhere else."""
    result, currency = done.result, final.network.settings.currency
    run = result.run
    rows: list[list[object]] = [
        ["item", "value", "unit"],
        ["workbook", run.workbook, ""],
        *_scenario(run.scenario),
        [SHA256, run.sha256, ""],
        ["status", result.status, ""],
        ["gap", *_amount(result.gap, "relative", currency)],
        ["stopped by the clock", "yes" if run.clock_stopped else "no", ""],
        ["seed", run.seed, ""],
        ["searched", run.search, ""],
    ]
    for stage in result.stages:
        name, unit = f"objective {stage.priority}: {stage.measure}", _unit_of(stage.measure)
        rows.append([f"{name}, value", *_amount(stage.value, unit, currency)])
        if "monthly_cost" in stage.measure:
            penalties = done.penalties(stage.priority) or 0.0
            rows.append([f"{name}, penalties in the value", *_amount(penalties, unit, currency)])
        rows.append([f"{name}, proven bound", *_amount(stage.bound, unit, currency)])
        rows.append([f"{name}, gap", *_amount(stage.gap, "relative", currency)])
    rows += [[f"option {name}", str(value), ""] for name, value in sorted(run.options.items())]
    rows += [[f"version of {name}", text, ""] for name, text in sorted(run.versions.items())]
    for name, seconds in run.times.items():
        rows.append([f"time: {name}", Styled(float(seconds), FORMATS["s"]), "s"])
    # Widths that followed from what is in the cells would tell the seconds.
    return Page(rows, Layout(frozen=1, widths={1: 50, 2: 40, 3: 16}))


def _scenario(name: str) -> list[list[object]]:
    return [[SCENARIO, name, ""]] if name else []


def _unit_of(name: str) -> str:
    return measure(name).UNIT if name in NAMES else "mixed"


def _amount(number: float, unit: str, currency: str) -> tuple[object, str]:
    """Return the number, or words where there is none, and its unit."""
    named = unit.replace("currency", currency)
    if abs(number) == float("inf"):
        return "not proven", named
    return Styled(without_noise(number), number_format(unit)), named
