"""The sections of a report on a plan, each a pure rendering of an Evaluation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from math import inf

from models.costs import sum_of
from models.data import ROLES, Row
from models.rules import RULES
from planner.evaluation.evaluation import Answer, Evaluation
from planner.evaluation.score import Score
from planner.report.done import Done
from planner.report.guarantee_rows import NOT_COMPUTED, guarantee_rows
from planner.report.html.dependencies import Dependencies
from planner.report.html.elements import Child, Markup, Number, bar, number, section, table, tag
from planner.report.html.elements import Row as TableRow
from planner.report.sentences import (
    COSTS,
    GUARANTEES,
    RISKS,
    Sentence,
    costs_and_proof,
    guarantees,
    risks,
    verdict,
)
from planner.report.sheets import GuaranteeRow

Cell = Callable[[Row, str], str]
"""Where the workbook says it: `Demand!B5` for a row and an attribute."""


def head(done: Done, final: Evaluation) -> Markup:
    """Return what is planned and the first thing to know of it."""
    said = verdict(done.result, final)
    return tag(
        "header",
        tag("h1", f"Plan for {done.result.run.subject}"),
        tag("p", said, class_="alarm") if said != GUARANTEES else None,
        [tag("p", str(found), class_="alarm") for found in done.result.violations[:10]],
        tag("p", f"status: {done.result.status}", class_="soft"),
    )


def sentences(done: Done, final: Evaluation) -> Markup:
    """Return what holds, what may fail and what it costs."""
    told = {
        GUARANTEES: guarantees(final),
        RISKS: risks(final),
        COSTS: costs_and_proof(done.result, final),
    }
    return tag("div", [_told(title, said) for title, said in told.items() if said])


def _told(title: str, said: list[Sentence]) -> Markup:
    pairs = [(tag("dt", found.topic), tag("dd", str(found))) for found in said]
    return tag("section", tag("h2", title), tag("dl", [part for pair in pairs for part in pair]))


def kept(final: Evaluation) -> Markup | None:
    """Return what has to fail before users lose a guarantee, what fewest failures end first."""
    found = sorted(
        guarantee_rows(final),
        key=lambda row: (
            row.ended_by == NOT_COMPUTED,
            inf if row.failures is None else row.failures,
            row.role != "execution",
        ),
    )
    rows = [
        TableRow(
            (
                _promised(row),
                number(row.requests_per_s, ",.4g"),
                number(row.latency_ms, ",.0f"),
                number(row.failover_ms, ",.0f"),
                number(row.least_served, ".0%"),
                number(row.failures, ",d"),
                row.ended_by,
                number(row.forged, ",d"),
                number(row.lost_copies, ",d"),
            )
        )
        for row in found
    ]
    of_users = ("users", "requests/s", "ms", "failover ms", "least served")
    headers = (*of_users, "failures", "end it", "forge", "lose copies")
    about = (
        "Failures are of any mix of kinds. These are the fewest that end it even if all that is"
        " left works for these users alone: that is proven. Where all users share what is left,"
        " fewer can take much of all requests: planner stress calls these the worst few at once."
    )
    body = table("Failover and least served: under the worst one failure.", headers, rows)
    title = "What has to fail before a guarantee is lost"
    if body is None:
        return None
    # A row per user group is long: it scrolls by itself on a screen, and is whole in print.
    window = tag("div", body, class_="window", tabindex="0", role="region", aria_label=title)
    return section(title, window, about=about)


def _promised(row: GuaranteeRow) -> str:
    """Return whose guarantee it is, or which."""
    if row.role != "execution":
        return f"{row.role} of {row.of}"
    parts = (row.region, row.model, row.verification, row.service_class, row.period)
    return ", ".join(filter(None, parts))


def users(final: Evaluation, cell: Cell, shared: Dependencies) -> Markup | None:
    """Return what every demand row asks for and gets, and from where."""
    places: dict[object, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    cold: dict[object, float] = defaultdict(float)
    answers: dict[object, list[Answer]] = defaultdict(list)
    for answer in final.answers:
        key = answer.flow.demand
        answers[key].append(answer)
        places[key][answer.flow.offer.site] += answer.flow.share
        cold[key] += answer.flow.share if answer.flow.state == "cold" else 0.0
    rows = []
    for row in final.demand:
        key, demand = row.demand.key, row.demand
        sites = sorted(places[key], key=lambda site: (-places[key][site], site))
        where = ", ".join(f"{site} {places[key][site]:.0%}" for site in sites[:4])
        where += f" and {len(sites) - 4} more" if len(sites) > 4 else ""
        rows.append(
            TableRow(
                (
                    str(key),
                    number(row.asked, ",.4g"),
                    number(row.served / row.asked, ".1%"),
                    number(final.latency_ms.get(key), ",.0f"),
                    number(demand.max_latency_ms, ",.0f"),
                    number(cold[key], ".0%") if cold[key] else Number(""),
                    where if not row.why else f"{where}; {row.why}".lstrip("; "),
                    cell(demand, "requests_per_s"),
                ),
                shared.of_answers(answers[key]) or None,
            )
        )
    headers = ("users", "requests/s", "served", "ms", "limit ms", "cold", "from", "cell")
    found = table("One row per demand row of the workbook; ms is the mean.", headers, rows)
    return section("What users get", found) if found else None


def sites(final: Evaluation, cell: Cell, shared: Dependencies) -> Markup | None:
    """Return every open site with its nodes by role and what it costs."""
    network, plan = final.network, final.plan
    rows = []
    for name in sorted(plan.open):
        site = network.sites[name]
        held = dict.fromkeys(ROLES, 0)
        cost = site.monthly_cost
        for offer, count in plan.nodes.items():
            if offer.site == name:
                held[network.role(offer)] += count
                cost += count * network.offers[offer].node_cost
        cells: list[Child] = [name, site.provider, site.city]
        cells += [number(held[role], ",d") if held[role] else Number("") for role in ROLES]
        cells += [number(cost, ",.0f"), cell(site, "site")]
        rows.append(TableRow(tuple(cells), shared.of_site(name) or None))
    headers = ("site", "provider", "city", *ROLES, f"{network.settings.currency}/month", "cell")
    found = table("Open sites, their nodes by role, and what site and nodes cost.", headers, rows)
    return section("What stands where", found) if found else None


def largest_shares(final: Evaluation, scores: tuple[Score, ...]) -> Markup | None:
    """Return the largest share of requests on one dependency, kind by kind, beside other plans."""
    kinds = sorted(final.largest_share, key=lambda kind: (-final.largest_share[kind], kind))
    rows = []
    for kind in kinds:
        cells: list[Child] = [kind.replace("_", " "), bar(final.largest_share[kind])]
        cells += [number(found.largest_share.get(kind), ".0%") for found in scores]
        rows.append(TableRow(tuple(cells)))
    headers = ("kind", "", *(found.name for found in scores))
    found = table("Of execution requests; doubt is read at worst.", headers, rows)
    return section("The largest share on one dependency", found) if found else None


def comparison(final: Evaluation, scores: tuple[Score, ...]) -> Markup | None:
    """Return the plan beside what simple tools would do, and today."""
    rows = [
        TableRow(
            (
                found.name,
                number(found.monthly_cost, ",.0f"),
                number(found.p50_ms, ",.0f"),
                number(found.p95_ms, ",.0f"),
                number(found.served, ".1%"),
                number(found.served_cold, ".1%"),
                number(found.broken, ",d"),
            )
        )
        for found in scores
    ]
    money = f"{final.network.settings.currency}/month"
    headers = ("plan", money, "p50 ms", "p95 ms", "served", "cold", "rules broken")
    found = table("Rules broken are places that the audit finds.", headers, rows)
    return section("Beside simpler plans", found) if found else None


def costs(final: Evaluation) -> Markup | None:
    """Return what is paid a month, line by line, and once."""
    currency = final.network.settings.currency
    total = sum_of(final.monthly) or 1.0
    rows = [
        TableRow((line.item, bar(line.amount / total), number(line.amount, ",.0f")))
        for line in final.monthly
        if line.amount
    ]
    rows += [TableRow(("in all", None, number(sum_of(final.monthly), ",.0f")))] if rows else []
    caption = f"{currency} a month; what is paid once is spread over the months of Settings."
    found = table(caption, ("item", "", f"{currency}/month"), rows)
    return section("What it costs", found) if found else None


def rules(final: Evaluation) -> Markup:
    """Return how every rule is kept."""
    pairs = [
        (
            tag("dt", rule.__name__.rpartition(".")[2].replace("_", " ")),
            tag("dd", rule.explain(final.network, final.plan)),
        )
        for rule in RULES
    ]
    return section("How every rule is kept", tag("dl", [part for pair in pairs for part in pair]))


def run(done: Done) -> Markup:
    """Return how the plan was made, so that it can be made again."""
    made = done.result.run
    pairs = [
        ("workbook", made.workbook),
        ("workbook sha256", made.sha256),
        ("seed", str(made.seed)),
    ]
    pairs += [(f"option {name}", str(value)) for name, value in sorted(made.options.items())]
    pairs += [(f"version of {name}", text) for name, text in sorted(made.versions.items())]
    return section("How it was made", tag("dl", list(_pairs(pairs))))


def _pairs(pairs: list[tuple[str, str]]) -> Iterator[Markup]:
    for term, text in pairs:
        yield tag("dt", term)
        yield tag("dd", text)
