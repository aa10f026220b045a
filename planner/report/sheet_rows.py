"""The rows that the sheets of plan.xlsx hold, sheet by sheet, from the evaluation of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from models.costs import Line, sum_of
from models.data import Item, Needs
from models.guarantees import CONTROL, LIVENESS, SAFETY
from models.network import Network
from models.plan import Replica, Seat
from models.service import (
    estimated_ms,
    node_gb,
    replica_gb,
    site_round_trip_ms,
    verifications_per_s,
)
from planner.evaluation.evaluation import Evaluation
from planner.report.guarantee_rows import guarantee_rows
from planner.report.sheets import (
    AssumptionRow,
    ChangeRow,
    ConcentrationRow,
    ContractRow,
    CopyRow,
    CostRow,
    DemandRow,
    DependencyRow,
    GuaranteeRow,
    NodeRow,
    PanelRow,
    PlanRow,
    RoutingRow,
    SeatRow,
    SiteRow,
    VerificationRow,
    WarmRow,
)
from planner.result import without_noise

COST = "Cost"


@dataclass(frozen=True)
class PlanSheet:
    """A sheet of the plan: its rows, and whether the plan is rebuilt from them.

    `holds` says to a reader what is found there; columns up to `in_sight` never scroll away.
    """

    title: str
    row_class: type[PlanRow]
    rows: Callable[[Evaluation], Iterator[PlanRow]]
    holds: str
    in_sight: str
    decides: bool = True


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _names(needs: Needs | None) -> str:
    return "; ".join(sorted(" | ".join(sorted(any_of)) for any_of in needs or ()))


def _site_rows(evaluation: Evaluation) -> Iterator[SiteRow]:
    network, plan = evaluation.network, evaluation.plan
    for name, site in sorted(network.sites.items()):
        at_site = [(o, n) for o, n in plan.nodes.items() if o.site == name and o in network.offers]
        is_open = name in plan.open
        yield SiteRow(
            site=name,
            open=is_open,
            provider=site.provider,
            country=_names(site.country),
            status=site.status,
            nodes=sum(count for _, count in at_site),
            site_cost=site.monthly_cost if is_open else 0.0,
            node_cost=sum(network.offers[offer].node_cost * count for offer, count in at_site),
            opening_cost=site.opening_cost if is_open and name not in network.standing else 0.0,
        )


def _contract_rows(evaluation: Evaluation) -> Iterator[ContractRow]:
    network, plan = evaluation.network, evaluation.plan
    for name in sorted(plan.contracts):
        provider = network.providers[name]
        sites = {site for site in plan.open if network.sites[site].provider == name}
        yield ContractRow(
            provider=name,
            parent=_names(provider.parent),
            open_sites=len(sites),
            nodes=sum(count for offer, count in plan.nodes.items() if offer.site in sites),
            contract_cost=provider.monthly_cost,
        )


def _node_rows(evaluation: Evaluation) -> Iterator[NodeRow]:
    network, plan = evaluation.network, evaluation.plan
    for offer in sorted({*plan.nodes, *plan.cold_slots}):
        count, found = plan.nodes.get(offer, 0), network.offers[offer]
        yield NodeRow(
            site=offer.site,
            node_type=offer.node_type,
            nodes=count,
            cold_slots=plan.cold_slots.get(offer, 0),
            role=network.role(offer),
            existing_nodes=found.existing_nodes,
            monthly_cost=found.node_cost * count,
            one_off_cost=found.one_off_cost * max(0, count - found.existing_nodes),
        )


def _warm_rows(evaluation: Evaluation) -> Iterator[WarmRow]:
    network, plan = evaluation.network, evaluation.plan
    loaded: dict[Replica, int] = {}
    for today in network.loaded_today:
        replica = Replica(today.site, today.node_type, today.model)
        loaded[replica] = loaded.get(replica, 0) + today.warm
    for replica, count in sorted(plan.warm.items()):
        yield WarmRow(
            site=replica.site,
            node_type=replica.node_type,
            model=replica.model,
            replicas=count,
            node_share=_node_share(network, replica),
            today=loaded.get(replica, 0),
        )


def _node_share(network: Network, replica: Replica) -> float | None:
    node_type = network.node_types[replica.node_type]
    need = replica_gb(network.models[replica.model], node_type)
    return None if need is None else float(need / node_gb(node_type))


def _routing_rows(evaluation: Evaluation) -> Iterator[RoutingRow]:
    for answer in evaluation.answers:
        flow, demand, way = answer.flow, answer.demand, answer.service
        yield RoutingRow(
            **flow.demand._asdict(),
            **flow.offer._asdict(),
            route=flow.route,
            state=flow.state,
            fetch_from=flow.fetch_from,
            share=flow.share,
            requests_per_s=demand.requests_per_s * flow.share,
            latency_ms=way.latency_ms if way else None,
            max_latency_ms=demand.max_latency_ms,
            estimated=_yes_no(way.estimated) if way else "",
            cost_per_million=way.cost_per_million if way else None,
        )


def _verification_rows(evaluation: Evaluation) -> Iterator[VerificationRow]:
    network, plan = evaluation.network, evaluation.plan
    for flow in plan.verification:
        executor, verifier = flow.executor.site, flow.verifier.site
        latency = site_round_trip_ms(network, executor, verifier)
        yield VerificationRow(
            policy=flow.policy,
            residency=flow.residency,
            period=flow.period,
            executing_site=executor,
            executing_node_type=flow.executor.node_type,
            verifying_site=verifier,
            verifying_node_type=flow.verifier.node_type,
            rate=flow.rate,
            verifications_per_s=verifications_per_s(network, flow),
            round_trip_ms=latency,
            estimated=_yes_no(executor != verifier and _is_estimate(network, executor, verifier)),
        )


def _is_estimate(network: Network, site: str, other: str) -> bool:
    origin, target = Item("site", site), Item("site", other)
    if network.links_between(origin, target):
        return False
    return estimated_ms(network, origin, target) is not None


def _panel_rows(evaluation: Evaluation) -> Iterator[PanelRow]:
    plan = evaluation.plan
    for number, panel in enumerate(plan.panels, start=1):
        for verifier in panel.verifiers:
            yield PanelRow(
                panel=number,
                policy=panel.policy,
                residency=panel.residency,
                period=panel.period,
                executing_site=panel.executor.site,
                executing_node_type=panel.executor.node_type,
                share=panel.share,
                verifying_site=verifier.site,
                verifying_node_type=verifier.node_type,
            )


def _copy_rows(evaluation: Evaluation) -> Iterator[CopyRow]:
    network, plan = evaluation.network, evaluation.plan
    for copy in sorted(plan.copies):
        yield CopyRow(**copy._asdict(), weights_gb=network.models[copy.model].weights_gb)


def _seat_rows(evaluation: Evaluation) -> Iterator[SeatRow]:
    network, plan = evaluation.network, evaluation.plan
    held: dict[Seat, int] = {}
    for today in network.seats_today:
        seat = Seat(today.committee, today.site, today.node_type)
        held[seat] = held.get(seat, 0) + today.seats
    for seat, count in sorted(plan.seats.items()):
        yield SeatRow(**seat._asdict(), seats=count, today=held.get(seat, 0))


def _concentration_rows(evaluation: Evaluation) -> Iterator[ConcentrationRow]:
    for found in evaluation.concentration:
        best, worst = found.best, found.worst
        yield ConcentrationRow(
            role=found.role,
            of=found.of,
            period=found.period,
            kind=found.kind,
            largest=worst.largest,
            largest_share=best.largest_share,
            largest_share_worst=worst.largest_share,
            on_none=found.on_none,
            effective=best.effective,
            effective_worst=worst.effective,
            nakamoto_liveness=best.nakamoto.get(LIVENESS),
            nakamoto_liveness_worst=worst.nakamoto.get(LIVENESS),
            nakamoto_safety=best.nakamoto.get(SAFETY),
            nakamoto_safety_worst=worst.nakamoto.get(SAFETY),
            nakamoto_control=best.nakamoto.get(CONTROL),
            nakamoto_control_worst=worst.nakamoto.get(CONTROL),
        )


def _dependency_rows(evaluation: Evaluation) -> Iterator[DependencyRow]:
    for found in evaluation.concentration:
        for share in found.shares:
            yield DependencyRow(
                role=found.role,
                of=found.of,
                period=found.period,
                kind=found.kind,
                dependency=share.dependency,
                share=share.share,
                amount=float(share.amount),
                unit=found.unit,
                avoidable="" if share.avoidable else "no",
            )


def _demand_rows(evaluation: Evaluation) -> Iterator[DemandRow]:
    for row in evaluation.demand:
        yield DemandRow(
            region=row.demand.region,
            model=row.demand.model,
            verification=row.demand.verification,
            service_class=row.demand.service_class,
            period=row.demand.period,
            asked=row.asked,
            served=row.served,
            unserved=row.unserved,
            why=row.why,
        )


def _change_rows(evaluation: Evaluation) -> Iterator[ChangeRow]:
    for what, where, today, planned in (*evaluation.openings, *evaluation.changes):
        yield ChangeRow(
            what=what, where=where, today=today, planned=planned, change=planned - today
        )


def _assumption_rows(evaluation: Evaluation) -> Iterator[AssumptionRow]:
    for found in evaluation.reliances:
        for decided in found.decisions:
            for basis in decided.basis:
                yield AssumptionRow(
                    what=found.what,
                    decision=decided.name,
                    amount=float(decided.amount),
                    rests_on=str(basis),
                    source=basis.source,
                )


def cost_rows(evaluation: Evaluation) -> Iterator[CostRow]:
    """Yield the lines of what is paid each month and once, and of the penalties, with sums."""
    bills = {
        "monthly_cost": (evaluation.monthly, "monthly cost"),
        "one_off_cost": (evaluation.one_off, "one-off cost"),
        "penalty": (evaluation.penalties, "penalties"),
    }
    for attribute, (lines, name) in bills.items():
        summed = Line(f"{name}, the sum of the lines above", sum_of(lines))
        for line in (*lines, summed):
            amount: dict[str, Any] = {attribute: without_noise(float(line.amount))}
            yield CostRow(item=line.item, **amount)


PLAN_SHEETS = (
    PlanSheet(
        "Guarantees",
        GuaranteeRow,
        guarantee_rows,
        "what has to fail before users, region by region, lose a guarantee",
        in_sight="model",
        decides=False,
    ),
    PlanSheet(
        "Demand",
        DemandRow,
        _demand_rows,
        "every demand row: what is asked for and served, and why no more",
        in_sight="model",
        decides=False,
    ),
    PlanSheet(
        "Sites", SiteRow, _site_rows, "every site, open or not, and what it costs", in_sight="site"
    ),
    PlanSheet(
        "Contracts", ContractRow, _contract_rows, "the contracts that are held", in_sight="provider"
    ),
    PlanSheet(
        "Nodes",
        NodeRow,
        _node_rows,
        "how many nodes of which type run at every site",
        in_sight="node_type",
    ),
    PlanSheet(
        "Warm models",
        WarmRow,
        _warm_rows,
        "which models are kept loaded on which nodes",
        in_sight="node_type",
    ),
    PlanSheet(
        "Routing",
        RoutingRow,
        _routing_rows,
        "where every demand row is served, how fast and by which route",
        in_sight="site",
    ),
    PlanSheet(
        "Verification",
        VerificationRow,
        _verification_rows,
        "which nodes verify what others execute",
        in_sight="executing_site",
    ),
    PlanSheet(
        "Panels",
        PanelRow,
        _panel_rows,
        "which verifiers judge a request together",
        in_sight="panel",
    ),
    PlanSheet("Copies", CopyRow, _copy_rows, "where models' weights are stored", in_sight="site"),
    PlanSheet("Seats", SeatRow, _seat_rows, "where the seats of committees are", in_sight="site"),
    PlanSheet(
        "Changes",
        ChangeRow,
        _change_rows,
        "what differs from today",
        in_sight="where",
        decides=False,
    ),
    PlanSheet(
        COST,
        CostRow,
        cost_rows,
        "what is paid every month and once, line by line",
        in_sight="item",
        decides=False,
    ),
    PlanSheet(
        "Assumptions",
        AssumptionRow,
        _assumption_rows,
        "which decisions rest on figures whose source is only assumed",
        in_sight="decision",
        decides=False,
    ),
    PlanSheet(
        "Concentration",
        ConcentrationRow,
        _concentration_rows,
        "for every kind of dependency: the largest share, and how few failures do harm",
        in_sight="kind",
        decides=False,
    ),
    PlanSheet(
        "Dependencies",
        DependencyRow,
        _dependency_rows,
        "what hangs on every single dependency",
        in_sight="dependency",
        decides=False,
    ),
)
"""The sheets that hold rows per phase, in the order of the workbook."""
