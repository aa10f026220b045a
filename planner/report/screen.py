"""What a plan guarantees, costs and beats, on one screen: text that any terminal can show."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from models import objectives
from models.concentration import ALL, LIVENESS, SAFETY, Concentration, concentration
from models.costs import one_off_bill, sum_of
from models.data import Item
from models.detours import detours
from models.network import Network, is_unknown
from models.plan import Deployment
from models.rules import RULES
from models.service import service
from planner.evaluation.baselines import NEAREST, PLAN, Score, score
from planner.evaluation.unserved import served
from planner.result import Result
from planner.workbook.findings import counted

WIDTH, HEIGHT = 100, 24
"""Columns and lines of the smallest screen."""

LOST = {
    "execution": (LIVENESS, "over half is lost with"),
    "verification": (SAFETY, "a quorum is held by"),
    "storage": (LIVENESS, "too few copies without"),
    "coordination": (LIVENESS, "halted by"),
}
"""What a role loses first, and how to say it before the dependencies that take it."""

TOPIC, INDENT = 13, 2
ROOM = WIDTH - TOPIC - INDENT
"""Columns left for what is said."""
NAME = 20
"""Columns of the longest name of a model, policy or committee."""
REASONS_SHOWN = 12


@dataclass(frozen=True)
class Sentence:
    """A topic and what is to be said about it."""

    topic: str
    text: str


def summary(
    network: Network | None,
    result: Result,
    scores: Sequence[Score] = (),
    files: Mapping[str, Path] | None = None,
    encoding: str = "utf-8",
) -> Group:
    """Return the end of a run as at most 24 lines of 100 columns, safe for the encoding.

    `scores` are of the plan and what it is compared with; `files` are paths by what they hold.
    """
    screen = _Screen(encoding)
    if network is None or result.plan is None:
        return screen.group(_without_plan(screen, result, files or {}))
    plan = result.plan.final
    own = next((found for found in scores if found.name == PLAN), None)
    own = own or score(PLAN, network, plan)
    lines: list[Text | Table] = []
    if result.violations:
        times = counted(len(result.violations), "time")
        lines.append(screen.title(f"NOT A PLAN: it fails its audit {times}"))
        lines.append(screen.line(Sentence("first", str(result.violations[0]))))
    else:
        lines.append(screen.title(_headline(network, plan)))
    lines += [screen.line(sentence) for sentence in guarantees(network, plan, own)]
    lines.append(screen.title("What it costs"))
    lines += [screen.line(sentence) for sentence in costs_and_proof(network, result)]
    if len(scores) > 1:
        lines.append(screen.table(network, scores))
    lines += [screen.line(sentence) for sentence in _files(files or {})]
    return screen.group(lines)


def as_text(renderable: Group, width: int = WIDTH) -> str:
    """Return what a terminal of that width would show, without colours."""
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(renderable)
    return stream.getvalue()


# Sentences ----------------------------------------------------------------------------------------


def guarantees(network: Network, plan: Deployment, own: Score) -> list[Sentence]:
    """Return what holds for users, and what has to fail before it does not, role by role."""
    found = concentration(network, plan)
    sentences = [_served(network, plan, own)]
    if own.served is not None:
        sentences.append(_latency(network, plan, own))
        sentences.extend(_cold_near(network, plan))
    for role, (loss, wording) in LOST.items():
        sentence = _weakest(found, role, loss, wording)
        if sentence is not None:
            sentences.append(sentence)
    unavoidable = sorted(
        {
            f"{group.kind} {share.dependency} ({group.role})"
            for group in found
            if group.role != ALL
            for share in group.shares
            if not share.avoidable and share.share > 0.5
        }
    )
    if unavoidable:
        sentences.append(Sentence("unavoidable", _as_many("all plans hang on", unavoidable)))
    blank = sorted({group.kind for group in found if group.role != ALL and _is_blank(group)})
    if blank:
        sentences.append(Sentence("not known", _as_many("no site says what it has of", blank)))
    return sentences


def costs_and_proof(network: Network, result: Result) -> list[Sentence]:
    """Return what the plan costs, how good it is proven to be, and what the audit says."""
    assert result.plan is not None
    plan = result.plan.final
    once = sum_of(one_off_bill(network, plan))
    penalties = sum_of(objectives.penalties(network, plan))
    text = f"{_money(network, sum_of(objectives.money(network, plan)))} a month"
    if round(penalties):
        text += f", penalties of {_money(network, penalties)} not in it"
    text += f" ({_money(network, once)} once, spread over {network.settings.months:g} months)"
    changed = counted(round(objectives.value(network, plan, "changes")), "change")
    nodes = counted(sum(plan.nodes.values()), "node")
    places = f"{counted(len(plan.open), 'site')}, {counted(len(plan.contracts), 'contract')}"
    sentences = [
        Sentence("cost", text),
        Sentence("built of", f"{nodes} at {places}; {changed} against today"),
        Sentence("proof", _proof(result)),
    ]
    if result.warnings:
        sentences.append(Sentence("warnings", f"{len(result.warnings)}: {result.warnings[0]}"))
    return sentences


def _headline(network: Network, plan: Deployment) -> str:
    """Return that demand is not served, if so: nobody may overlook it."""
    short = [row for row in served(network, plan) if row.why]
    lost = sum(row.unserved * network.month_share[row.demand.period] for row in short)
    asked = sum(d.requests_per_s * network.month_share[d.period] for d in network.demand)
    if not lost:
        return "What the plan guarantees"
    return (
        f"NOT SERVED: {lost:,.1f} of {asked:,.1f} requests/s ({lost / asked:.1%}), in {len(short)}"
        f" of {counted(len(network.demand), 'row')} (sheet Demand says why)"
    )


def _served(network: Network, plan: Deployment, own: Score) -> Sentence:
    rate = sum(d.requests_per_s * network.month_share[d.period] for d in network.demand)
    if own.served is None:
        return Sentence("served", "no demand is asked for")
    short = [row for row in served(network, plan) if row.why]
    text = f"{own.served:.2%} of {rate:,.1f} requests/s, {own.served_cold or 0.0:.2%} of it cold; "
    rows = "every demand row is served in full"
    if short:
        worst = max(short, key=lambda row: row.unserved)
        rows = f"{worst.demand.region}: {worst.why}"
    return Sentence("served", text + rows)


def _cold_near(network: Network, plan: Deployment) -> Iterator[Sentence]:
    """Yield how much demand is served warm from afar because the nearer site would be cold."""
    found = detours(network, plan)
    if not found:
        return
    rate = {d.key: d.requests_per_s * network.month_share[d.period] for d in network.demand}
    passing = sum(rate[detour.flow.demand] * detour.flow.share for detour in found)
    worst = max(found, key=lambda detour: detour.saved_ms)
    text = (
        f"{passing / (sum(rate.values()) or 1.0):.0%} of requests pass by a nearer, cold site "
        f"({worst.flow.demand.region}: {worst.saved_ms:,.0f} ms nearer, "
        f"{worst.load_s:,.0f} s to load)"
    )
    yield Sentence("warm, far", text)


def _latency(network: Network, plan: Deployment, own: Score) -> Sentence:
    if not own.served:
        return Sentence("latency", "nothing is served")
    if own.p95_ms is None or own.p50_ms is None:
        return Sentence("latency", "unknown: routes or coordinates are missing")
    demand_of = {demand.key: demand for demand in network.demand}
    tightest, where, total, estimated = 0.0, "", 0.0, 0.0
    for flow in plan.routing:
        demand = demand_of[flow.demand]
        way = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if isinstance(way, str) or way.latency_ms is None:
            continue
        weight = demand.requests_per_s * network.month_share[demand.period] * flow.share
        total += weight
        estimated += weight * way.estimated
        if demand.max_latency_ms and way.latency_ms / demand.max_latency_ms > tightest:
            tightest, where = way.latency_ms / demand.max_latency_ms, str(flow.demand)
    text = f"p50 {own.p50_ms:,.0f} ms, p95 {own.p95_ms:,.0f} ms"
    text += f" ({estimated / total:.0%} estimated)" if estimated else ""
    limits = f"at most {tightest:.0%} of a limit ({where})" if where else "none of it has a limit"
    return Sentence("latency", f"{text}; {limits}")


def _weakest(found: Sequence[Concentration], role: str, loss: str, wording: str) -> Sentence | None:
    """Return how few dependencies of which kinds take the weakest thing of a role, at worst."""
    # Requests stand for all models together; copies, panels and seats break one thing at a time.
    groups = [
        group
        for group in found
        if group.role == role and (group.of == ALL) == (role == "execution")
    ]
    if not groups:
        return None
    numbers = [
        (number, -group.worst.largest_share, group.of, group.kind, group)
        for group in groups
        if group.is_avoidable
        and not _is_blank(group)
        and (number := group.worst.nakamoto.get(loss)) is not None
    ]
    if not numbers:
        return Sentence(role, "no kind of dependency that placement can avoid takes it down")
    numbers.sort(key=lambda entry: entry[:4])
    of = numbers[0][2]
    named: dict[str, str] = {}
    for number, _, thing, kind, group in numbers:
        if thing == of:  # the weakest period stands first
            named.setdefault(kind, f"{number} {kind} ({_largest(group)})")
    count = len({group.of for group in groups})
    among = f" (weakest of {count})" if count > 1 else ""
    subject = "" if of == ALL else f"{_short(of)}{among}: "
    return Sentence(role, _as_many(f"{subject}{wording}", list(named.values())))


def _largest(group: Concentration) -> str:
    """Return the dependency with the largest share, and how large it may be if doubt is true."""
    worst = group.worst
    doubt = "up to " if worst.largest_share > group.best.largest_share + 1e-9 else ""
    return f"{worst.largest} {doubt}{worst.largest_share:.0%}"


def _short(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 2] + ".."


def _is_blank(group: Concentration) -> bool:
    """Return whether nothing but unknown values is found of the kind."""
    return is_unknown(Item(group.kind, group.worst.largest))


def _proof(result: Result) -> str:
    gap = f"gap {result.gap:.2%}" if math.isfinite(result.gap) else "gap not proven"
    text = f"{result.status}, {gap}"
    if result.run.clock_stopped:
        text += ", stopped by the clock (not reproducible)"
    if result.violations:
        return f"{text}; the audit finds {counted(len(result.violations), 'violation')}"
    return f"{text}; audited without the solver: {len(RULES)} rules, no violation"


def _money(network: Network, amount: float) -> str:
    return f"{network.settings.currency} {amount:,.0f}"


def _as_many(beginning: str, names: Sequence[str]) -> str:
    """Return the names after the beginning, as many as fit on the line, and how many are left."""
    for count in range(len(names), 0, -1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        text = f"{beginning} {', '.join(names[:count])}{more}"
        if len(text) <= ROOM:
            return text
    return f"{beginning} {names[0]}"


def _without_plan(
    screen: _Screen, result: Result, files: Mapping[str, Path]
) -> Iterator[Text | Table]:
    yield screen.title(f"No plan: {result.status.replace('_', ' ')}")
    for reason in result.reasons[:REASONS_SHOWN]:
        yield screen.line(Sentence("", reason))
    if len(result.reasons) > REASONS_SHOWN:
        yield screen.line(Sentence("", f"and {len(result.reasons) - REASONS_SHOWN} more"))
    for sentence in _files(files):
        yield screen.line(sentence)


def _files(files: Mapping[str, Path]) -> list[Sentence]:
    return [Sentence(what, str(path)) for what, path in files.items()]


# The screen ---------------------------------------------------------------------------------------


class _Screen:
    """Lines that fit the screen and hold no sign that the encoding cannot show."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding

    def safe(self, text: str) -> str:
        plain = " ".join(text.split())
        return plain.encode(self.encoding, "replace").decode(self.encoding)

    def title(self, text: str) -> Text:
        return Text(self.fit(self.safe(text)), style="bold", no_wrap=True)

    def line(self, sentence: Sentence) -> Text:
        topic = f"{'':{INDENT}}{sentence.topic:<{TOPIC}}"
        return Text(self.fit(topic + self.safe(sentence.text)), no_wrap=True)

    def fit(self, text: str) -> str:
        return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."

    def table(self, network: Network, scores: Sequence[Score]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
        table.add_column("compared", no_wrap=True, overflow="crop")
        currency = self.safe(network.settings.currency)
        for header in (f"{currency}/month", "p50 ms", "p95 ms", "served", "cold", "violations"):
            table.add_column(header, justify="right", no_wrap=True, overflow="crop")
        table.add_column("largest share of requests", no_wrap=True, overflow="crop")
        limited = dict.fromkeys(row.kind for row in network.diversity if row.role == "execution")
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

    def group(self, lines: Sequence[Text | Table] | Iterator[Text | Table]) -> Group:
        return Group(*lines)


def contrasting_kinds(scores: Sequence[Score], count: int = 2) -> list[str]:
    """Return the kinds of dependency in which the plan differs most from the nearest one."""
    by_name = {found.name: found.largest_share for found in scores}
    plan = by_name.get(PLAN, {})
    other = by_name.get(NEAREST, {})
    shared = sorted(plan.keys() & other.keys(), key=lambda kind: (plan[kind] - other[kind], kind))
    return [kind for kind in shared if plan[kind] != other[kind]][:count]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
