"""What the sheets of plan.xlsx say: one row class per sheet, one field per column.

Columns marked as key or required decide: the plan is rebuilt from them. All others explain, and are
computed anew whenever the plan is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.data import DemandKey
from models.fields import Column, Kind, column

BLANK_NUMBER = "; blank: all of them together are not enough"


def _key(description: str, **declared: Any) -> Any:
    return column(Kind.NAME, description, key=True, **declared)


def _maybe(description: str, **declared: Any) -> Any:
    """Return a column that decides but may be blank."""
    return column(Kind.NAME, description, key=True, required=False, default="", **declared)


def _count(unit: str, description: str, **declared: Any) -> Any:
    return column(Kind.INTEGER, description, unit=unit, default=0, **declared)


def _figure(unit: str, description: str, **declared: Any) -> Any:
    return column(Kind.NUMBER, description, unit=unit, default=None, **declared)


def _whole(unit: str, description: str, **declared: Any) -> Any:
    return column(Kind.INTEGER, description, unit=unit, default=None, **declared)


def _text(description: str, **declared: Any) -> Any:
    return column(Kind.TEXT, description, default="", **declared)


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """What every sheet of a plan has."""

    phase: str = _maybe("a step of the roll-out; blank: the only one")


@dataclass(frozen=True, kw_only=True)
class SiteRow(PlanRow):
    """A site, used or not."""

    site: str = _key("where")
    open: bool = column(Kind.YES_NO, "whether nodes may stand there", required=True)
    provider: str = _text("who sells the capacity")
    country: str = _text("where it stands")
    status: str = _text("in Sites")
    nodes: int = _count("nodes", "of all types")
    site_cost: float | None = _figure("currency/month", "while open, nodes not included")
    node_cost: float | None = _figure("currency/month", "of its nodes")
    opening_cost: float | None = _figure("currency", "paid once, for sites newly opened")


@dataclass(frozen=True, kw_only=True)
class ContractRow(PlanRow):
    """A provider contract that is held."""

    provider: str = _key("with whom")
    parent: str = _text("whom it resells or belongs to")
    open_sites: int = _count("sites", "of this provider")
    nodes: int = _count("nodes", "at these sites")
    contract_cost: float | None = _figure("currency/month", "of the contract")


@dataclass(frozen=True, kw_only=True)
class NodeRow(PlanRow):
    """The nodes of an offer."""

    site: str = _key("where")
    node_type: str = _key("what")
    nodes: int = _count("nodes", "how many run", required=True)
    cold_slots: int = column(
        Kind.INTEGER,
        "room kept free for cold loads, each as large as the largest model loaded there",
        unit="slots",
        key=True,
        required=False,
        default=0,
    )
    role: str = _text("what they do")
    existing_nodes: int = _count("nodes", "running today")
    monthly_cost: float | None = _figure("currency/month", "of these nodes")
    one_off_cost: float | None = _figure("currency", "of those above existing ones")


@dataclass(frozen=True, kw_only=True)
class WarmRow(PlanRow):
    """The replicas of a model that are kept loaded."""

    site: str = _key("where")
    node_type: str = _key("on what")
    model: str = _key("which")
    replicas: int = _count("replicas", "kept loaded", required=True)
    node_share: float | None = _figure(
        "nodes/replica",
        "the part of a node's memory that one takes; where the plan counts it as more, "
        "the row `memory` of Summary says so",
    )
    today: int = _count("replicas", "loaded today")


@dataclass(frozen=True, kw_only=True)
class RoutingRow(PlanRow):
    """A share of a demand row and the way it is served."""

    region: str = _key("where the users are")
    model: str = _maybe("the model called")
    verification: str = _maybe("the policy promised")
    service_class: str = _maybe("interactive, batch …", header="class")
    period: str = _maybe("blank: every period")
    site: str = _key("where it is executed")
    node_type: str = _key("on what")
    route: str = _key("the network route; estimate: a round trip computed from coordinates")
    state: str = _key("warm or cold")
    fetch_from: str = _maybe("where a cold load gets the weights: hub, or storage site/node_type")
    share: float = column(Kind.NUMBER, "of the demand row", unit="0..1", required=True)
    requests_per_s: float | None = _figure("requests/s", "served this way")
    latency_ms: float | None = _figure("ms", "until the answer; blank: unknown")
    max_latency_ms: float | None = _figure("ms", "the limit; blank: none")
    estimated: str = _text("yes: the round trip is computed, not measured")
    cost_per_million: float | None = _figure("currency/million requests", "route and upstream")


@dataclass(frozen=True, kw_only=True)
class VerificationRow(PlanRow):
    """Verifications that flow from an executing to a verifying offer."""

    policy: str = _key("which")
    residency: str = _maybe("the data residency that the verifiers obey too")
    period: str = _maybe("blank: every period")
    executing_site: str = _key("where the request is executed")
    executing_node_type: str = _key("on what")
    verifying_site: str = _key("where it is verified")
    verifying_node_type: str = _key("on what")
    rate: float = column(Kind.NUMBER, "how many are verified", unit="requests/s", required=True)
    verifications_per_s: float | None = _figure(
        "verifications/s", "what that takes: requests/s times the work of the policy"
    )
    round_trip_ms: float | None = _figure("ms", "between the two; blank: unknown")
    estimated: str = _text("yes: the round trip is computed, not measured")


@dataclass(frozen=True, kw_only=True)
class PanelRow(PlanRow):
    """One verifier of a panel; the rows of one number make the panel."""

    panel: int = column(
        Kind.INTEGER, "the number of the panel", unit="no.", required=True, key=True
    )
    policy: str = _key("which")
    residency: str = _maybe("the data residency that the verifiers obey too")
    period: str = _maybe("blank: every period")
    executing_site: str = _key("where the request is executed")
    executing_node_type: str = _key("on what")
    share: float = column(Kind.NUMBER, "of the requests executed there", unit="0..1", required=True)
    verifying_site: str = _key("where it is verified")
    verifying_node_type: str = _key("on what")


@dataclass(frozen=True, kw_only=True)
class CopyRow(PlanRow):
    """A stored copy of a model's weights."""

    site: str = _key("where")
    node_type: str = _key("on what")
    model: str = _key("which")
    weights_gb: float | None = _figure("GB", "it takes on disk")


@dataclass(frozen=True, kw_only=True)
class SeatRow(PlanRow):
    """The seats of a committee at an offer."""

    committee: str = _key("which")
    site: str = _key("where")
    node_type: str = _key("on what")
    seats: int = _count("seats", "how many", required=True)
    today: int = _count("seats", "held today")


@dataclass(frozen=True, kw_only=True)
class DemandRow(PlanRow):
    """What a demand row asks for and gets, and why it gets no more."""

    region: str = _text("where the users are")
    model: str = _text("what they ask for")
    verification: str = _text("the policy that checks it")
    service_class: str = _text("as in the workbook", header="class")
    period: str = _text("blank: always")
    asked: float | None = _figure("requests/s", "asked for")
    served: float | None = _figure("requests/s", "answered")
    unserved: float | None = _figure("requests/s", "answered by nobody")
    why: str = _text("what keeps the rest from being served")


@dataclass(frozen=True, kw_only=True)
class GuaranteeRow(PlanRow):
    """How few failures end a guarantee of a demand row, or one that is nobody's alone.

    Failures are of dependencies, of any mix of kinds; doubt is read at worst.
    """

    role: str = _text("execution: the service of users, verified as promised")
    of: str = _text("the policy, model or committee, and what of it is lost; blank: the service")
    region: str = _text("where the users are")
    model: str = _text("what they ask for")
    verification: str = _text("the policy that checks it")
    service_class: str = _text("as in the workbook", header="class")
    period: str = _text("blank: always")
    requests_per_s: float | None = _figure("requests/s", "asked for, mean over the month")
    latency_ms: float | None = _figure("ms", "mean, as planned; blank: unknown")
    failover_ms: float | None = _figure(
        "ms", "mean, routed anew under the one failure that makes it slowest and leaves some served"
    )
    slowest_by: str = _text("that failure")
    least_served: float | None = _figure(
        "0..1", "served under the one failure that leaves least, of those that placement can avoid"
    )
    least_served_by: str = _text("that failure; blank: none takes any of it")
    failures: int | None = _whole(
        "number",
        "fewest, together, that end it, even if all that is left works for it alone;"
        " 0: it does not hold as it is; blank: see ended by",
    )
    ended_by: str = _text("these; or that no failures end it, or that this was not computed")
    failures_at_best: int | None = _whole(
        "number", "the same with every unknown a dependency of its own and no suspicion true"
    )
    forged: int | None = _whole("number", "fewest that can forge the results of its policy")
    forged_by: str = _text("these")
    lost_copies: int | None = _whole("number", "fewest that leave too few copies of its model")
    lost_by: str = _text("these")
    unavoidable: str = _text("what ends it in every plan, and is not among the failures")


@dataclass(frozen=True, kw_only=True)
class _SharedRow(PlanRow):
    """What may hang on dependencies of a kind."""

    role: str = _text("all: nodes of every role")
    of: str = _text("the model, policy or committee; all: everything of the role")
    period: str = _text("blank: every period")
    kind: str = _text("of dependency")


@dataclass(frozen=True, kw_only=True)
class ConcentrationRow(_SharedRow):
    """How much of something the dependencies of a kind share, doubt read twice."""

    largest: str = _text("the dependency with the largest share, doubt read at worst")
    largest_share: float | None = _figure(
        "0..1", "every unknown a dependency of its own", header="largest share"
    )
    largest_share_worst: float | None = _figure(
        "0..1", "all unknown shared with the largest", header="largest share worst"
    )
    on_none: float | None = _figure(
        "0..1", "the share that hangs on no dependency of the kind", header="on none"
    )
    effective: float | None = _figure(
        "number",
        "1 / sum of squared shares of what hangs on the kind at all, unknowns distinct",
    )
    effective_worst: float | None = _figure(
        "number", "the same, unknowns shared", header="effective worst"
    )
    nakamoto_liveness: int | None = _whole(
        "number",
        "fewest whose failure stops the service, unknowns distinct" + BLANK_NUMBER,
        header="nakamoto liveness",
    )
    nakamoto_liveness_worst: int | None = _whole(
        "number", "the same, unknowns shared", header="nakamoto liveness worst"
    )
    nakamoto_safety: int | None = _whole(
        "number",
        "fewest that can forge results if they lie, unknowns distinct" + BLANK_NUMBER,
        header="nakamoto safety",
    )
    nakamoto_safety_worst: int | None = _whole(
        "number", "the same, unknowns shared", header="nakamoto safety worst"
    )
    nakamoto_control: int | None = _whole(
        "number",
        "fewest that can decide alone, unknowns distinct" + BLANK_NUMBER,
        header="nakamoto control",
    )
    nakamoto_control_worst: int | None = _whole(
        "number", "the same, unknowns shared", header="nakamoto control worst"
    )


@dataclass(frozen=True, kw_only=True)
class DependencyRow(_SharedRow):
    """What hangs on one dependency."""

    dependency: str = _text("what would have to fail")
    share: float | None = _figure("0..1", "of everything of that role and thing")
    amount: float | None = _figure("see unit", "that hangs on it")
    unit: str = _text("of the amount")
    avoidable: str = _text("no: every placement hangs on it; blank: it can be avoided")


@dataclass(frozen=True, kw_only=True)
class ChangeRow(PlanRow):
    """A difference from today."""

    what: str = _text(
        "site opened or closed, contract signed or ended; seats, nodes, warm replicas or copies"
    )
    where: str = _text("site, provider, committee, node type, model")
    today: int = _count("see what", "how many today")
    planned: int = _count("see what", "how many in the plan")
    change: int = _count("see what", "planned less today")


@dataclass(frozen=True, kw_only=True)
class AssumptionRow(PlanRow):
    """A decision and a row of the workbook that it rests on, whose figures are only assumed."""

    what: str = _text("open sites, nodes, seats, requests/s …")
    decision: str = _text("which of them")
    amount: float | None = _figure("see what", "of it, in the unit of what")
    rests_on: str = _text("the sheet and row of the workbook")
    source: str = _text("what its column `source` says")


@dataclass(frozen=True, kw_only=True)
class CostRow(PlanRow):
    """A line of the bill; the monthly lines add up to the monthly cost, without penalties."""

    item: str = _text("what is paid for")
    monthly_cost: float | None = _figure("currency/month", "one-off costs spread over months")
    one_off_cost: float | None = _figure("currency", "paid once")
    penalty: float | None = _figure(
        "currency/month", "never paid: counts with the monthly cost where that is made small"
    )


def decides(declaration: Column) -> bool:
    """Return whether the plan is rebuilt from the column."""
    return declaration.key or declaration.required


def demand_key(row: RoutingRow) -> DemandKey:
    """Return the demand row that a row of Routing serves."""
    return DemandKey(row.region, row.model, row.verification, row.service_class, row.period)
