"""What a plan guarantees, what can fail and what it costs, in sentences for a meeting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.concentration import ALL, Concentration
from models.costs import sum_of
from models.data import Item
from models.guarantees import LIVENESS, SAFETY
from models.network import Network, is_unknown
from models.packing import packing_of
from models.rules import RULES
from planner.evaluation.evaluation import Evaluation, percentile_ms
from planner.report.guarantee_rows import NOT_COMPUTED, names, size
from planner.result import Result
from planner.workbook.findings import counted

GUARANTEES, RISKS, COSTS = (
    "What the plan guarantees",
    "What one failure takes away",
    "What it costs",
)
"""What the sentences are told under."""

SURELY = 1e-9
"""By how much a share at worst must be above the one at best to be told as doubtful."""


ENDS = "ends after"
"""The topic of how few failures end a service."""

GIVEN_UP = 5e-5
"""Below this share, what was given up would be told as 0.00%."""


@dataclass(frozen=True)
class Sentence:
    """A topic, what is said about it, and the names that end it: a screen may show only some."""

    topic: str
    text: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} {', '.join(self.names)}".rstrip()


class _Loss(NamedTuple):
    """What a role loses first, what is said of those who alone take it, and of those who do not."""

    what: str
    taken: str
    kept: str


LOSSES = {
    "execution": _Loss(
        LIVENESS,
        "of {requests} are lost with",
        "more than half of {requests} survives the loss of any one",
    ),
    "verification": _Loss(
        SAFETY, "{of}: results can be forged by", "no results can be forged by any one"
    ),
    "storage": _Loss(
        LIVENESS,
        "{of}: too few copies are left without",
        "every model keeps enough copies without any one",
    ),
    "coordination": _Loss(
        LIVENESS, "{of}: halted by the loss of", "no committee is halted by the loss of any one"
    ),
}


def verdict(result: Result, evaluation: Evaluation) -> str:
    """Return what comes before all else: that the plan breaks rules, or else its headline."""
    if result.violations:
        return f"NOT A PLAN: it fails its audit {counted(len(result.violations), 'time')}"
    return headline(evaluation)


def headline(evaluation: Evaluation) -> str:
    """Return that demand is not served, if so: nobody may overlook it."""
    short = [row for row in evaluation.demand if row.why]
    lost = sum(row.unserved * evaluation.network.month_share[row.demand.period] for row in short)
    if not lost:
        return GUARANTEES
    asked, rows = evaluation.asked, counted(len(evaluation.network.demand), "row")
    return (
        f"NOT SERVED: {lost:,.1f} of {asked:,.1f} requests/s ({lost / asked:.1%}), in {len(short)}"
        f" of {rows} (sheet Demand says why)"
    )


def guarantees(evaluation: Evaluation) -> list[Sentence]:
    """Return what holds for users, whichever single dependency fails included."""
    found = [_served(evaluation), *_ended(evaluation)]
    if evaluation.asked:
        found.append(_latency(evaluation))
        found.extend(_failover(evaluation))
        found.extend(_cold_near(evaluation))
    for role, loss in LOSSES.items():
        kinds = sorted(_kept(evaluation, role) - {group.kind for group in _taken(evaluation, role)})
        if kinds:
            text = loss.kept.format(requests=_requests(evaluation))
            found.append(Sentence(role, text, tuple(kinds)))
    return found


def risks(evaluation: Evaluation) -> list[Sentence]:
    """Return what one failure takes away, role by role, and what could not be judged."""
    found = [sentence for role in LOSSES if (sentence := _weakest(evaluation, role)) is not None]
    groups = [group for group in evaluation.concentration if group.role != ALL]
    unavoidable = {
        f"{group.kind} {share.dependency} ({group.role})"
        for group in groups
        for share in group.shares
        if not share.avoidable and share.share > 0.5
    }
    if unavoidable:
        found.append(Sentence("unavoidable", "all plans hang on", tuple(sorted(unavoidable))))
    assumed = tuple(
        f"{held.amount:,.6g} of {held.total:,.6g} {held.what}" for held in evaluation.reliances
    )
    if assumed:
        found.append(Sentence("assumed", "on figures that are only assumed rest", assumed))
    blank = {group.kind for group in groups if _is_blank(group)}
    if blank:
        text = "not filled in for any site that is used:"
        found.append(Sentence("not judged", text, tuple(sorted(blank))))
    return found


def costs_and_proof(result: Result, evaluation: Evaluation) -> list[Sentence]:
    """Return what the plan costs, how good it is proven to be, and what the audit says."""
    network, plan = evaluation.network, evaluation.plan
    once, penalties = sum_of(evaluation.one_off), sum_of(evaluation.penalties)
    currency = network.settings.currency
    text = f"{currency} {sum_of(evaluation.monthly):,.0f} a month"
    if round(penalties):
        text += f", penalties of {currency} {penalties:,.0f} not in it"
    if round(once):
        text += f" ({currency} {once:,.0f} once, spread over {network.settings.months:g} months)"
    moved = sum(abs(planned - today) for _, _, today, planned in evaluation.changes)
    nodes = counted(sum(plan.nodes.values()), "node")
    places = f"{counted(len(plan.open), 'site')}, {counted(len(plan.contracts), 'contract')}"
    changes = counted(moved, "change")
    step = network.step
    since = "today" if step is None or step.standing is None else "the phase before"
    return [
        Sentence("cost", text),
        Sentence("built of", f"{nodes} at {places}; {changes} against {since}, node by node"),
        Sentence("proof", _proof(result, _is_rounded(network))),
    ]


# What is served -----------------------------------------------------------------------------------


def _served(evaluation: Evaluation) -> Sentence:
    asked = evaluation.asked
    if not asked:
        return Sentence("served", "no demand is asked for")
    text = f"{1 - evaluation.unserved / asked:.2%} of {asked:,.1f} requests/s"
    text += f", {evaluation.cold / asked:.2%} of it cold; " if evaluation.cold else "; "
    short = [row for row in evaluation.demand if row.why]
    if not short:
        return Sentence("served", text + "every demand row is served in full")
    worst = max(short, key=lambda row: row.unserved)
    return Sentence("served", f"{text}{worst.demand.region}: {worst.why}")


def _ended(evaluation: Evaluation) -> Iterator[Sentence]:
    """Yield how few failures end the service of how many demand rows, where that was asked."""
    kept = evaluation.keeping
    asked = [row for row in kept.rows if row.rate] if kept is not None else []
    if kept is None or not asked:
        return
    if not kept.ended:
        yield Sentence(ENDS, NOT_COMPUTED)
        return
    sizes = Counter(found for row in kept.ended if (found := size(row.end)) is not None)
    parts = [f"{n} not served as it is" for n in (sizes.pop(0, 0),) if n]
    parts += [f"{_end(count)} that of {n}" for count, n in sorted(sizes.items())]
    never = sum(size(row.end) is None for row in kept.ended)
    unknown = len(asked) - len(kept.ended)
    parts += [f"nothing ends that of {never}"] if never else []
    parts += [f"not computed for {unknown} (use planner stress)"] if unknown else []
    text = f"the service of {counted(len(asked), 'demand row')}: {', '.join(parts)}"
    first = kept.ended[0]
    if size(first.end):
        text += f"; first {first.demand}: {names(first.end)}"
    yield Sentence(ENDS, text)


def _end(count: int) -> str:
    return "1 failure ends" if count == 1 else f"{count} failures end"


def _failover(evaluation: Evaluation) -> Iterator[Sentence]:
    """Yield how slow answers get under any one failure, where that was asked."""
    kept = evaluation.keeping
    slow = [
        (row.under_one.failover_ms, row.rate)
        for row in (kept.rows if kept is not None else ())
        if row.under_one is not None and row.under_one.failover_ms is not None
    ]
    p50, p95 = percentile_ms(slow, 0.5), percentile_ms(slow, 0.95)
    if p50 is not None and p95 is not None:
        text = f"p50 {p50:,.0f} ms, p95 {p95:,.0f} ms under the one failure that is worst for each"
        yield Sentence("failover", text)


def _latency(evaluation: Evaluation) -> Sentence:
    if not evaluation.answers:
        return Sentence("latency", "nothing is served")
    p50, p95 = evaluation.percentile_ms(0.5), evaluation.percentile_ms(0.95)
    if p50 is None or p95 is None:
        return Sentence("latency", "unknown: routes or coordinates are missing")
    tightest, where, total, estimated = 0.0, "", 0.0, 0.0
    for answer in evaluation.answers:
        way, limit = answer.service, answer.demand.max_latency_ms
        if way is None or way.latency_ms is None:
            continue
        total += answer.rate
        estimated += answer.rate * way.estimated
        if limit and way.latency_ms / limit > tightest:
            tightest, where = way.latency_ms / limit, str(answer.flow.demand)
    text = f"p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"
    text += f" ({estimated / total:.0%} estimated)" if estimated else ""
    limits = f"at most {tightest:.0%} of a limit ({where})" if where else "none of it has a limit"
    return Sentence("latency", f"{text}; {limits}")


def _cold_near(evaluation: Evaluation) -> Iterator[Sentence]:
    """Yield how much demand is served warm from afar because the nearer site would be cold."""
    found = evaluation.detours
    if not found:
        return
    rate = {
        demand.key: evaluation.network.mean_rate(demand) for demand in evaluation.network.demand
    }
    passing = sum(rate[detour.flow.demand] * detour.flow.share for detour in found)
    worst = max(found, key=lambda detour: detour.saved_ms)
    text = (
        f"{passing / evaluation.asked:.0%} of requests pass by a nearer, cold site "
        f"({worst.flow.demand.region}: {worst.saved_ms:,.0f} ms nearer, "
        f"{worst.load_s:,.0f} s to load)"
    )
    yield Sentence("warm, far", text)


# What hangs on one dependency ---------------------------------------------------------------------


def _judged(evaluation: Evaluation, role: str) -> list[Concentration]:
    """Return what is known of the role and could be placed better."""
    # Requests stand for all models together; copies, panels and seats break one thing at a time.
    return [
        group
        for group in evaluation.concentration
        if group.role == role
        and (group.of == ALL) == (role == "execution")
        and group.is_avoidable
        and not _is_blank(group)
    ]


def _taken(evaluation: Evaluation, role: str) -> list[Concentration]:
    """Return what one dependency alone takes, at worst, the largest share first."""
    loss = LOSSES[role].what
    found = [
        group for group in _judged(evaluation, role) if (group.worst.nakamoto.get(loss) or 0) == 1
    ]
    return sorted(found, key=lambda group: (-group.worst.largest_share, group.of, group.kind))


def _kept(evaluation: Evaluation, role: str) -> set[str]:
    """Return the kinds of dependency that the role could lose something with."""
    return {group.kind for group in _judged(evaluation, role)}


def _weakest(evaluation: Evaluation, role: str) -> Sentence | None:
    """Return which dependencies alone take the weakest thing of a role; None if none does."""
    taken = _taken(evaluation, role)
    if not taken:
        return None
    of = taken[0].of
    named: dict[str, Concentration] = {}
    for group in taken:
        if group.of == of:  # the worst period stands first
            named.setdefault(group.kind, group)
    if role == "execution":
        # Shares say most where they are of requests: "76% … are lost with client vLLM".
        first, *others = named.values()
        names = [_largest(first, share=False), *(_largest(group) for group in others)]
        text = LOSSES[role].taken.format(requests=_requests(evaluation))
        return Sentence(role, f"{_share(first)} {text}", tuple(names))
    things = {group.of for group in evaluation.concentration if group.role == role} - {ALL}
    weak = len({group.of for group in taken})
    which = f"{of} (one such of {weak}, in all {len(things)})" if weak > 1 else of
    names = [_largest(group) for group in named.values()]
    return Sentence(role, LOSSES[role].taken.format(of=which), tuple(names))


def _requests(evaluation: Evaluation) -> str:
    """Return of what the shares are: nobody shall take what is not served for safe."""
    is_short = any(row.why for row in evaluation.demand)
    return "the requests served" if is_short else "all requests"


def _largest(group: Concentration, share: bool = True) -> str:
    """Return the dependency that takes most, and how much."""
    name = f"{group.kind} {group.worst.largest}"
    return f"{name} ({_share(group)})" if share else name


def _share(group: Concentration) -> str:
    """Return the largest share, and that it is doubtful if it is."""
    doubt = "up to " if group.worst.largest_share > group.best.largest_share + SURELY else ""
    return f"{doubt}{group.worst.largest_share:.0%}"


def _is_blank(group: Concentration) -> bool:
    """Return whether nothing but unknown values is found of the kind."""
    return is_unknown(Item(group.kind, group.worst.largest))


# How good it is -----------------------------------------------------------------------------------


def _is_rounded(network: Network) -> bool:
    """Return whether some replicas count as larger than they are, so that the model asks more."""
    types = {offer.node_type for offer in network.offers_of("execution")}
    return any(packing_of(network, network.node_types[name]).rounded for name in sorted(types))


def _proof(result: Result, is_rounded: bool) -> str:
    if not math.isfinite(result.gap):
        text = "how far it is from the best possible is not proven"
    elif result.gap:
        text = f"within {result.gap:.2%} of the best possible"
    else:
        text = "proven to be the best possible"
    if is_rounded:
        text += " with memory rounded up (Summary, rule memory)"
    text += "".join(
        f"; up to {stage.given_up:.2%} more of {stage.measure} was given up for later objectives"
        " (tolerance in Objectives)"
        for stage in result.stages
        if stage.given_up >= GIVEN_UP
    )
    if result.run.clock_stopped:
        text += "; how far it came depends on the clock (not reproducible)"
    if result.violations:
        return f"{text}; the audit finds {counted(len(result.violations), 'violation')}"
    return f"{text}; audited without the solver: {len(RULES)} rules, no violation"


def listed(names: Sequence[str], count: int) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - count} more" if count < len(names) else ""
    return f"{', '.join(names[:count])}{more}"
