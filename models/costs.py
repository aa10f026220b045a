"""What a plan costs: terms for the model and lines for the bill, side by side but written apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from models.classes import Classes
from models.data import HOURS_PER_MONTH, SECONDS_PER_HOUR
from models.expressions import Term
from models.network import Network
from models.paths import FloatArray
from models.plan import Deployment
from models.service import Service, service

MILLION = 1_000_000.0


class Line(NamedTuple):
    """One line of a bill, in currency (a month, or once)."""

    item: str
    amount: float


def sum_of(lines: Iterable[Line]) -> float:
    """Return the sum of a bill."""
    return sum(line.amount for line in lines)


def monthly_terms(model: Any, network: Network) -> Iterator[Term]:
    """Yield the running cost in currency per month: sites, contracts, nodes and routing."""
    for name, site in network.sites.items():
        yield site.monthly_cost, model.open[name]
    for name in model.contract:
        yield network.providers[name].monthly_cost, model.contract[name]
    for key, offer in network.offers.items():
        yield offer.node_cost, model.nodes[key]
    held = np.array(list(model.flow), dtype=np.int64)
    amounts = flow_costs(network, model.classes)[held]
    for position in np.flatnonzero(amounts).tolist():
        yield float(amounts[position]), model.flow[held[position]]


def flow_costs(network: Network, classes: Classes) -> FloatArray:
    """Return what every flow costs, in currency per month, if it takes its whole class."""
    millions = [millions_per_month(network, c.rate, c.period) for c in classes.classes]
    amounts: FloatArray = classes.price * np.array(millions, dtype=float)[classes.of]
    return amounts


def one_off_terms(model: Any, network: Network) -> Iterator[Term]:
    """Yield the one-off cost in currency: newly opened sites and nodes above existing ones."""
    for name, site in network.sites.items():
        if model.before is not None:
            if site.opening_cost:
                yield site.opening_cost, model.opened[name]
        elif name not in network.standing:
            yield site.opening_cost, model.open[name]
    for key in model.new_nodes:
        offer_cost = network.offers[key].one_off_cost
        yield offer_cost, model.new_nodes[key]


def penalty_terms(model: Any, network: Network) -> Iterator[Term]:
    """Yield what unserved demand and broken soft limits cost in currency per month."""
    for number, group in enumerate(model.classes.classes):
        price = group.penalty * millions_per_month(network, group.rate, group.period)
        yield price, model.unserved[number]
    for price, slack in model.penalties:
        yield price, slack


def millions_per_month(network: Network, rate: float, period: str) -> float:
    """Return the million requests a month that so many requests/s in a period amount to."""
    hours = network.month_share[period] * HOURS_PER_MONTH
    return rate * hours * SECONDS_PER_HOUR / MILLION


def monthly_bill(network: Network, plan: Deployment) -> list[Line]:
    """Return the running cost of the plan in currency per month, line by line."""
    sites = sum(
        network.sites[name].monthly_cost for name in sorted(plan.open) if name in network.sites
    )
    contracts = sum(
        network.providers[name].monthly_cost
        for name in sorted(plan.contracts)
        if name in network.providers
    )
    by_role: dict[str, float] = defaultdict(float)
    for key, count in plan.nodes.items():
        if key in network.offers:
            by_role[network.role(key)] += network.offers[key].node_cost * count
    demand_of = {demand.key: demand for demand in network.demand}
    routing = 0.0
    for flow in plan.routing:
        demand = demand_of.get(flow.demand)
        if demand is None:
            continue
        found = service(network, demand, flow.offer, flow.route, flow.state, flow.fetch_from)
        if not isinstance(found, Service):
            continue
        seconds = network.month_share[demand.period] * HOURS_PER_MONTH * SECONDS_PER_HOUR
        routing += found.cost_per_million * demand.requests_per_s * seconds * flow.share / 1e6
    return [
        Line("sites", sites),
        Line("contracts", contracts),
        *(Line(f"{role} nodes", amount) for role, amount in sorted(by_role.items())),
        Line("routing and upstream calls", routing),
    ]


def one_off_bill(network: Network, plan: Deployment) -> list[Line]:
    """Return the one-off cost of the plan in currency, line by line."""
    opening = sum(
        network.sites[name].opening_cost
        for name in sorted(plan.open)
        if name in network.sites and name not in network.standing
    )
    nodes = sum(
        network.offers[key].one_off_cost * max(0, count - network.offers[key].existing_nodes)
        for key, count in plan.nodes.items()
        if key in network.offers
    )
    return [Line("opening sites", opening), Line("new nodes", nodes)]


def unserved_share(network: Network, plan: Deployment) -> dict[Any, float]:
    """Return the share of every demand row that the plan does not serve."""
    served: dict[Any, float] = defaultdict(float)
    for flow in plan.routing:
        served[flow.demand] += flow.share
    return {d.key: max(0.0, 1.0 - served[d.key]) for d in network.demand}
