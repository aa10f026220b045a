"""Committees as the published tool models them: one binary per node and committee, in PuLP, by CBC.

x[n,c] = 1 if node n sits in committee c;  Σ_c x[n,c] ≤ 1;  Σ_n x[n,c] = seats[c]
count[g,c] = Σ_{n on g} x[n,c] within the limits of every Diversity row, for dependencies g
least Σ_{n in c today} (1 − x[n,c]) + Σ_{n not in c today} x[n,c] + seats today on no usable node

The variables of the published tool that stand in no row and no objective are left out. Nodes that
share site and type are told apart here, as there; the least number of changes is the same.

                                        Source: dfinity/decentralization, linear_solver.py
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

import pulp

from bench.trace import Clock, Trace
from models.data import DiversityRow, Item, OfferKey
from models.network import Network
from models.plan import Deployment, Plan, Seat

ROLE = "coordination"


class Node(NamedTuple):
    """One machine."""

    offer: OfferKey
    number: int


def run(network: Network, clock: Clock, trace: Trace) -> Plan | None:
    """Return the plan of one solve with CBC's own settings on one thread.

    For networks whose only roles are committees, limits are counts and goal is `changes`.
    """
    today, lost = _today(network)
    model = pulp.LpProblem("committees", pulp.LpMinimize)
    x = _seats(model, network, today, lost)
    for position, row in enumerate(network.diversity):
        _limit(model, network, row, position, x)
    trace.before()
    status = model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=clock.left_s))
    if model.sol_status not in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
        return None
    proven = status == pulp.LpStatusOptimal and model.sol_status == pulp.LpSolutionOptimal
    value = pulp.value(model.objective)
    trace.point(value, value if proven else None)
    return Plan({"": _deployment(network, x)})


def _today(network: Network) -> tuple[dict[Node, str], int]:
    """Return who sits where today, and how many seats are on no usable node."""
    used: Counter[OfferKey] = Counter()
    today: dict[Node, str] = {}
    lost = 0
    for held in network.seats_today:
        offer = OfferKey(held.site, held.node_type)
        for _ in range(held.seats):
            if used[offer] < network.offers[offer].max_nodes:
                today[Node(offer, used[offer])] = held.committee
                used[offer] += 1
            else:
                lost += 1
    return today, lost


Seats = dict[str, dict[Node, pulp.LpVariable]]


def _seats(model: pulp.LpProblem, network: Network, today: dict[Node, str], lost: int) -> Seats:
    """Add variables, the objective, and the rows of nodes and committees."""
    nodes = [
        Node(offer, number)
        for offer in network.offers_of(ROLE)
        for number in range(network.offers[offer].max_nodes)
    ]
    x: Seats = {}
    of_node: dict[Node, list[pulp.LpVariable]] = defaultdict(list)
    changes: list[tuple[pulp.LpVariable, int]] = []
    for c, (name, committee) in enumerate(sorted(network.committees.items())):
        x[name] = {}
        for n, node in enumerate(nodes):
            site = network.sites[node.offer.site]
            if site.lies_in(committee.countries, committee.blocs):
                variable = pulp.LpVariable(f"x_{n}_{c}", cat=pulp.LpBinary)
                x[name][node] = variable
                of_node[node].append(variable)
                changes.append((variable, -1 if today.get(node) == name else 1))
    model += pulp.LpAffineExpression(changes, constant=len(today) + lost)
    for variables in of_node.values():
        model += pulp.lpSum(variables) <= 1
    for name, committee in network.committees.items():
        model += pulp.lpSum(x[name].values()) == committee.seats
    return x


def _limit(
    model: pulp.LpProblem, network: Network, row: DiversityRow, position: int, x: Seats
) -> None:
    """Add the counts and limits of one Diversity row."""
    names = [row.applies_to] if row.applies_to else sorted(x)
    groups = [names] if row.scope == "total" else [[name] for name in names]
    for g, group in enumerate(groups):
        on: dict[Item, list[pulp.LpVariable]] = defaultdict(list)
        for name in group:
            for node, variable in x[name].items():
                for item in network.hangs_on(node.offer):
                    if item.kind == row.kind and row.dependency in ("", item.name):
                        on[item].append(variable)
        if row.dependency:
            on.setdefault(Item(row.kind, row.dependency), [])
        for i, item in enumerate(sorted(on)):
            most = row.max_count
            count = pulp.LpVariable(
                f"count_{position}_{g}_{i}", row.min_count or 0, most, cat=pulp.LpInteger
            )
            model += pulp.lpSum(on[item]) == count


def _deployment(network: Network, x: Seats) -> Deployment:
    seats: Counter[Seat] = Counter()
    nodes: Counter[OfferKey] = Counter()
    for name, variables in x.items():
        for node, variable in variables.items():
            if variable.value() > 0.5:
                seats[Seat(name, *node.offer)] += 1
                nodes[node.offer] += 1
    opened = frozenset(offer.site for offer in nodes)
    contracts = frozenset(network.sites[site].provider for site in opened)
    return Deployment(opened, contracts, nodes=dict(nodes), seats=dict(seats))
