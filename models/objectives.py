"""What a plan can be made small in: each measure as model terms and as the value of a plan.

unserved       requests/s, mean over the month
monthly_cost   currency/month: running cost, one-off cost spread over `months`, and penalties
one_off_cost   currency
latency        ms, mean over requests; what is unserved counts at its limit
changes        Σ |seats − today| + Σ other offers |nodes − existing| + |warm − today|
               + |copies − today|; a move counts two
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, NamedTuple

import numpy as np
import pyomo.environ as pyo

from models import costs
from models.classes import Classes
from models.data import DemandKey
from models.expressions import Term, row, rows
from models.network import Goal, Network
from models.paths import FloatArray
from models.plan import Deployment, Replica, Seat
from models.rules import diversity_count, diversity_distinct, diversity_nakamoto, diversity_share
from models.service import route_labels, service

SOFT_RULES = (diversity_share, diversity_count, diversity_distinct, diversity_nakamoto)


class Expression(NamedTuple):
    """Σ coefficient · variable + constant; `integral` where every value is a whole number."""

    terms: list[Term]
    constant: float = 0.0
    integral: bool = False


def add_objectives(block: Any, network: Network) -> None:
    """Add the variables and rows that only an objective needs."""
    block.changed = pyo.Var(pyo.Any, domain=pyo.NonNegativeReals, dense=False)
    block.change_up, block.change_down = rows(), rows()
    if not any(goal.measure == "changes" for goal in network.goals):
        return
    for key, variable, today in _changeable(block, network):
        if variable is None:
            continue
        changed = block.changed[key]
        row(block.change_up, key, [(1.0, changed), (-1.0, variable)], lower=-today)
        row(block.change_down, key, [(1.0, changed), (1.0, variable)], lower=today)


def stage(block: Any, network: Network, goals: list[Goal]) -> Expression:
    """Return the weighted sum of the measures of one priority."""
    terms: list[Term] = []
    constant, integral = 0.0, True
    for goal in goals:
        found = _EXPRESSIONS[goal.measure](block, network)
        terms.extend((goal.weight * coefficient, variable) for coefficient, variable in found.terms)
        constant += goal.weight * found.constant
        integral = integral and found.integral and float(goal.weight).is_integer()
    return Expression(terms, constant, integral)


def flow_costs(network: Network, classes: Classes, goals: Iterable[Goal]) -> FloatArray:
    """Return what every flow, in the model or not, adds to the weighted sum of the measures."""
    of_measure = {"monthly_cost": costs.flow_costs, "latency": _latencies}
    total: FloatArray = np.zeros(len(classes))
    for goal in goals:
        if goal.measure in of_measure:
            total += goal.weight * of_measure[goal.measure](network, classes)
    return total


def value(network: Network, plan: Deployment, measure: str) -> float:
    """Return what the plan amounts to in one measure, recomputed from the tables."""
    return _VALUES[measure](network, plan)


def money(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return the lines that add up to the monthly cost wherever it is told: what is paid."""
    once = costs.sum_of(costs.one_off_bill(network, plan))
    months = network.settings.months
    return [
        *costs.monthly_bill(network, plan),
        costs.Line(f"one-off costs over {months:g} months", once / months),
    ]


def penalties(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return what counts with the money where monthly_cost is made small, but is never paid."""
    return [
        costs.Line("penalties for unserved demand", _unserved_penalty(network, plan)),
        costs.Line(
            "penalties of soft diversity rows",
            sum(rule.penalty(network, plan) for rule in SOFT_RULES),
        ),
    ]


def breakdown(network: Network, plan: Deployment) -> list[costs.Line]:
    """Return the lines that add up to the measure monthly_cost."""
    return [*money(network, plan), *penalties(network, plan)]


def penalties_in(network: Network, plan: Deployment, priority: int) -> float:
    """Return the part of an objective's value that is penalties."""
    weights = (
        goal.weight
        for goal in network.goals
        if (goal.priority, goal.measure) == (priority, "monthly_cost")
    )
    return sum(weights) * costs.sum_of(penalties(network, plan))


def _unserved(block: Any, network: Network) -> Expression:
    return Expression(
        [
            (group.rate * network.month_share[group.period], block.unserved[number])
            for number, group in enumerate(block.classes.classes)
        ]
    )


def _unserved_value(network: Network, plan: Deployment) -> float:
    missing = costs.unserved_share(network, plan)
    return sum(
        demand.requests_per_s * network.month_share[demand.period] * missing[demand.key]
        for demand in network.demand
    )


def _monthly_cost(block: Any, network: Network) -> Expression:
    months = network.settings.months
    once = [(cost / months, variable) for cost, variable in costs.one_off_terms(block, network)]
    running = list(costs.monthly_terms(block, network))
    return Expression([*running, *once, *costs.penalty_terms(block, network)])


def _monthly_cost_value(network: Network, plan: Deployment) -> float:
    return costs.sum_of(breakdown(network, plan))


def _unserved_penalty(network: Network, plan: Deployment) -> float:
    missing = costs.unserved_share(network, plan)
    total = 0.0
    for demand in network.demand:
        hours = network.month_share[demand.period] * 730
        millions = demand.requests_per_s * hours * 3600 / 1e6
        total += demand.unserved_penalty * millions * missing[demand.key]
    return total


def _one_off_cost(block: Any, network: Network) -> Expression:
    return Expression(list(costs.one_off_terms(block, network)))


def _one_off_cost_value(network: Network, plan: Deployment) -> float:
    return costs.sum_of(costs.one_off_bill(network, plan))


def _latency(block: Any, network: Network) -> Expression:
    classes = block.classes
    weights = _shares(network, classes).tolist()
    worst = [group.worst_ms for group in classes.classes]
    terms: list[Term] = [
        (weight * ms, block.unserved[number])
        for number, (weight, ms) in enumerate(zip(weights, worst, strict=True))
    ]
    held = list(block.flow)
    amounts = _latencies(network, classes)[held].tolist()
    terms.extend(zip(amounts, block.flow.values(), strict=True))
    return Expression(terms)


def _shares(network: Network, classes: Classes) -> FloatArray:
    """Return what share of all requests of the month every class asks for."""
    weights = [group.rate * network.month_share[group.period] for group in classes.classes]
    return np.array(weights, dtype=float) / (sum(weights) or 1.0)


def _latencies(network: Network, classes: Classes) -> FloatArray:
    """Return what every flow adds to the mean latency, in ms, if it takes its whole class."""
    worst = np.array([group.worst_ms for group in classes.classes], dtype=float)[classes.of]
    latency = np.where(np.isnan(classes.latency_ms), worst, classes.latency_ms)
    return _shares(network, classes)[classes.of] * latency


def _latency_value(network: Network, plan: Deployment) -> float:
    weight = {d.key: d.requests_per_s * network.month_share[d.period] for d in network.demand}
    total = sum(weight.values()) or 1.0
    limits = {d.key: _slowest_ms(network, d.key) for d in network.demand}
    demand_of = {d.key: d for d in network.demand}
    sum_ms = 0.0
    for flow in plan.routing:
        demand = demand_of[flow.demand]
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        latency = None if isinstance(found, str) else found.latency_ms
        latency = limits[flow.demand] if latency is None else latency
        sum_ms += weight[flow.demand] * flow.share * latency
    for key, share in costs.unserved_share(network, plan).items():
        sum_ms += weight[key] * share * limits[key]
    return sum_ms / total


def _slowest_ms(network: Network, key: DemandKey) -> float:
    """Return the limit of a demand row in ms; without one, its slowest way by the fastest route."""
    demand = next(d for d in network.demand if d.key == key)
    if demand.max_latency_ms is not None:
        return demand.max_latency_ms
    stores = [str(offer) for offer in network.offers_of("storage")]
    slowest = 0.0
    for offer in network.offers_of("execution"):
        ways = [("warm", ""), ("cold", "hub"), *(("cold", store) for store in stores)]
        for state, source in ways:
            times = [
                found.latency_ms
                for route in route_labels(network, demand.region, offer.site)
                for found in (service(network, demand, offer, route, state, source),)
                if not isinstance(found, str) and found.latency_ms is not None
            ]
            slowest = max(slowest, min(times, default=0.0))
    return slowest


def _changes(block: Any, network: Network) -> Expression:
    terms: list[Term] = []
    constant = 0.0
    for key, variable, today in _changeable(block, network):
        if variable is None:
            constant += today
        else:
            terms.append((1.0, block.changed[key]))
    return Expression(terms, constant, integral=True)


def _changeable(block: Any, network: Network) -> Iterator[tuple[Any, Any, int]]:
    """Yield key, variable (None where nothing can be placed) and today's count."""
    seats, warm, copies = _today(network)
    for seat in sorted({*seats, *(Seat(*key) for key in block.seats)}):
        yield ("seats", *seat), _find(block.seats, seat), seats.get(seat, 0)
    for offer in sorted(network.offers):
        if network.role(offer) != "coordination":
            yield ("nodes", *offer), block.nodes[offer], network.offers[offer].existing_nodes
    for replica in sorted({*warm, *(Replica(*key) for key in block.warm)}):
        yield ("warm", *replica), _find(block.warm, replica), warm.get(replica, 0)
    for replica in sorted({*copies, *(Replica(*key) for key in block.copy)}):
        yield ("copies", *replica), _find(block.copy, replica), copies.get(replica, 0)


def _find(family: Any, key: Any) -> Any:
    return family[tuple(key)] if tuple(key) in family else None  # noqa: SIM401 - no .get there


def _today(network: Network) -> tuple[dict[Seat, int], dict[Replica, int], dict[Replica, int]]:
    seats: dict[Seat, int] = defaultdict(int)
    warm: dict[Replica, int] = defaultdict(int)
    copies: dict[Replica, int] = defaultdict(int)
    for held in network.seats_today:
        seats[Seat(held.committee, held.site, held.node_type)] += held.seats
    for loaded in network.loaded_today:
        replica = Replica(loaded.site, loaded.node_type, loaded.model)
        if loaded.warm:
            warm[replica] += loaded.warm
        if loaded.copies:
            copies[replica] += loaded.copies
    return dict(seats), dict(warm), dict(copies)


Change = tuple[str, str, int, int]
"""What, where, how many today, how many planned."""


def openings(network: Network, plan: Deployment) -> list[Change]:
    """Return sites and contracts that begin or end, which the measure does not count."""
    seats, warm, copies = _today(network)
    stood = {offer.site for offer, found in network.offers.items() if found.existing_nodes}
    stood |= {seat.site for seat in seats} | {replica.site for replica in (*warm, *copies)}
    stood |= {name for name, site in network.sites.items() if site.status == "existing"}
    sites = stood & network.sites.keys()
    held = {name for name, found in network.providers.items() if found.status == "existing"}
    held |= {network.sites[name].provider for name in sites}
    return [
        *_begun("site opened", sites, plan.open),
        *_ended("site closed", sites, plan.open),
        *_begun("contract signed", held, plan.contracts),
        *_ended("contract ended", held, plan.contracts),
    ]


def _begun(what: str, today: Set[str], planned: Set[str]) -> Iterator[Change]:
    return ((what, name, 0, 1) for name in sorted(planned - today))


def _ended(what: str, today: Set[str], planned: Set[str]) -> Iterator[Change]:
    return ((what, name, 1, 0) for name in sorted(today - planned))


def changes(network: Network, plan: Deployment) -> list[Change]:
    """Return every change against today that the measure counts, each by how many."""
    seats, warm, copies = _today(network)
    stored = dict.fromkeys(plan.copies, 1)
    found = []
    for seat in sorted({*seats, *plan.seats}):
        found.append(("seats", "/".join(seat), seats.get(seat, 0), plan.seats.get(seat, 0)))
    for offer in sorted({*network.offers, *plan.nodes}):
        if network.role(offer) != "coordination":
            existing = network.offers[offer].existing_nodes
            found.append(("nodes", str(offer), existing, plan.nodes.get(offer, 0)))
    for replica in sorted({*warm, *plan.warm}):
        counts = (warm.get(replica, 0), plan.warm.get(replica, 0))
        found.append(("warm", "/".join(replica), *counts))
    for replica in sorted({*copies, *stored}):
        counts = (copies.get(replica, 0), stored.get(replica, 0))
        found.append(("copies", "/".join(replica), *counts))
    return [change for change in found if change[2] != change[3]]


def _changes_value(network: Network, plan: Deployment) -> float:
    return float(sum(abs(after - before) for _, _, before, after in changes(network, plan)))


_EXPRESSIONS: dict[str, Callable[[Any, Network], Expression]] = {
    "unserved": _unserved,
    "monthly_cost": _monthly_cost,
    "one_off_cost": _one_off_cost,
    "latency": _latency,
    "changes": _changes,
}

_VALUES: dict[str, Callable[[Network, Deployment], float]] = {
    "unserved": _unserved_value,
    "monthly_cost": _monthly_cost_value,
    "one_off_cost": _one_off_cost_value,
    "latency": _latency_value,
    "changes": _changes_value,
}
