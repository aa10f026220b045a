"""Each measure as the model states it is, at any plan, what the tables say it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn
from scipy.optimize import LinearConstraint, milp

from models.build import SINGLE_PHASE, build, rule_name
from models.data import DiversityRow, Item, LoadedToday, Offer, OfferKey, SeatToday
from models.expressions import row as row_of_cut
from models.expressions import rows as rows_of_cuts
from models.measures import NAMES
from models.measures import measure as by_name
from models.measures.changes import changes, openings
from models.measures.monthly_cost import SOFT_RULES, breakdown, penalties, penalties_in
from models.network import Goal, Link, Network
from models.objectives import SMALL, flow_costs, stage, unit, value
from models.plan import Deployment, Replica, Seat
from models.translate import place
from tests import draw
from tests import rules as rows_of
from tests.cases import FRANCE, GERMANY, deployment_for_small, small
from tests.thorough import parts


def least(terms: list[Any], rows: Iterator[Any], values: dict[int, tuple[Any, float]]) -> float:
    """Return the least Σ coefficient · variable that the rows allow, the plan's values given."""
    columns: dict[int, int] = {}
    free: list[Any] = []

    def split(pairs: Iterator[tuple[float, Any]]) -> tuple[float, dict[int, float]]:
        constant = 0.0
        unknown: dict[int, float] = {}
        for coefficient, variable in pairs:
            if id(variable) in values:
                constant += coefficient * values[id(variable)][1]
                continue
            column = columns.setdefault(id(variable), len(free))
            if column == len(free):
                free.append(variable)
            unknown[column] = unknown.get(column, 0.0) + coefficient
        return constant, unknown

    fixed, price = split(iter(terms))
    entries = []
    for row in rows:
        found = generate_standard_repn(row.body)
        constant, unknown = split(zip(found.linear_coefs, found.linear_vars, strict=True))
        if unknown:
            lower = -np.inf if row.lb is None else row.lb - constant - 1e-9
            upper = np.inf if row.ub is None else row.ub - constant + 1e-9
            entries.append((unknown, lower, upper))
    if not price:
        return fixed
    matrix = np.zeros((len(entries), len(free)))
    for position, (unknown, _, _) in enumerate(entries):
        for column, coefficient in unknown.items():
            matrix[position, column] = coefficient
    solved = milp(
        np.array([price.get(column, 0.0) for column in range(len(free))]),
        constraints=LinearConstraint(matrix, [e[1] for e in entries], [e[2] for e in entries]),
        bounds=(  # type: ignore[arg-type]
            np.array([-np.inf if v.lb is None else v.lb for v in free]),
            np.array([np.inf if v.ub is None else v.ub for v in free]),
        ),
        integrality=np.array([int(v.is_integer()) for v in free]),
    )
    assert solved.success, solved.message
    return fixed + float(solved.fun)


def model_value(block: Any, network: Network, plan: Deployment, name: str) -> float | None:
    """Return what the model makes of the plan; None where it cannot express the plan."""
    values, lost = place(block, network, plan)
    if lost or any(count > block.nodes[offer].ub for offer, count in plan.nodes.items()):
        return None
    for variable in block.new_nodes.values():  # for the rows to decide, not for `place`
        values.pop(id(variable), None)
    expression = stage(block, network, [Goal(1, name)])
    families = [block.rules.component(rule_name(rule)) for rule in SOFT_RULES]
    if block.component("cuts") is not None:
        block.del_component("cuts")
    block.cuts = cuts = rows_of_cuts()
    for rule, family in zip(SOFT_RULES, families, strict=True):
        separate: Any = getattr(rule, "separate", None)
        if separate is not None:
            for cut in separate(family, block, network, lambda v: values.get(id(v), (v, 0.0))[1]):
                row_of_cut(cuts, len(cuts), cut.terms, lower=cut.lower, upper=cut.upper)
    rows = [
        row
        for family in families
        for row in family.component_data_objects(pyo.Constraint, active=True)
    ]
    of_measures = ("change_up", "change_down", "loss_sum", "loss_least")
    counted = [found for found in map(block.component, of_measures) if found is not None]
    for family in (block.cuts, block.added, *counted):
        rows.extend(family.values())
    return expression.constant + least(expression.terms, iter(rows), values)


def drawn_network(seed: int) -> Network:
    """Return a random network with a past, and with every Diversity row softened."""
    network = draw.network(seed)
    held = tuple(
        SeatToday(committee=name, site=offer.site, node_type=offer.node_type, seats=position)
        for name in network.committees
        for position, offer in enumerate(network.offers_of("coordination"))
    )
    loaded = tuple(
        LoadedToday(site=offer.site, node_type=offer.node_type, model=name, warm=position, copies=0)
        for name, model in network.models.items()
        if not model.proxied
        for position, offer in enumerate(network.offers_of("execution"))
    )
    stored = tuple(
        LoadedToday(site=offer.site, node_type=offer.node_type, model=name, copies=1)
        for name, model in network.models.items()
        if not model.proxied
        for offer in network.offers_of("storage")[::2]
    )
    return replace(
        network,
        diversity=tuple(
            replace(row, penalty=10.0 * (position + 1))
            for position, row in enumerate(network.diversity)
        ),
        dependencies={
            item: replace(row, outages_per_year=4.0 + position, outage_hours=200.0)
            for position, (item, row) in enumerate(network.dependencies.items())
        },
        shocks={
            name: replace(row, outages_per_year=1.0, outage_hours=500.0)
            for name, row in network.shocks.items()
        },
        seats_today=held,
        loaded_today=(*loaded, *stored),
        goals=tuple(Goal(position, name) for position, name in enumerate(NAMES)),
    )


def is_overserved(plan: Deployment) -> bool:
    """Return whether some demand row is served more than it asks for, as no plan may do."""
    shares: dict[Any, float] = defaultdict(float)
    for flow in plan.routing:
        shares[flow.demand] += flow.share
    return any(share > 1 + 1e-9 for share in shares.values())


@pytest.mark.parametrize("part", parts(4))
def test_the_model_values_a_plan_as_the_tables_do(part: int) -> None:
    compared = dict.fromkeys(NAMES, 0)
    for seed in range(20 * part, 20 * part + 20):
        network = drawn_network(seed)
        classes = draw.row_by_row(network)
        model = build(network, classes)
        block = model.phase[SINGLE_PHASE]
        for number in range(4):
            plan = draw.plan(network, classes, 1000 * seed + number)
            for name in NAMES:
                found = model_value(block, network, plan, name)
                if name == "worst_loss" and is_overserved(plan):
                    continue  # what is spared of a class is no more than it asks for
                if found is not None:
                    wanted = by_name(name).value(network, plan)
                    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-5), (
                        name,
                        seed,
                        number,
                    )
                    compared[name] += wanted > 0
    assert min(compared.values()) > 10, compared


SOFT = [
    ("execution", "requests"),
    ("execution", "nodes"),
    ("execution", "sites"),
    ("verification", "work"),
    ("verification", "nodes"),
    ("storage", "copies"),
    ("coordination", "seats"),
]


@pytest.mark.parametrize("scope", ["each", "total"])
@pytest.mark.parametrize(("role", "measure"), SOFT)
@pytest.mark.parametrize(
    "limit",
    [
        {"max_share": 0.3},
        {"max_count": 0},
        {"min_count": 9, "dependency": "Acme"},
        {"min_distinct": 7},
        {"min_nakamoto": 3, "threshold": 0.4},
    ],
    ids=lambda limit: next(iter(limit)),
)
def test_the_model_prices_a_soft_row_as_the_tables_do(
    limit: dict[str, Any], role: str, measure: str, scope: str
) -> None:
    row = DiversityRow(
        rule="soft",
        role=role,
        kind="provider",
        measure=measure,
        scope=scope,
        penalty=1000.0,
        **limit,
    )
    hard = small()
    network = replace(
        hard,
        diversity=(row,),
        policies=dict(hard.policies) | {"checked": replace(hard.policies["checked"], work=2.0)},
    )
    model = build(network, draw.row_by_row(network))
    plan = deployment_for_small()
    found = model_value(model.phase[SINGLE_PHASE], network, plan, "monthly_cost")
    wanted = by_name("monthly_cost").value(network, plan)
    assert found == pytest.approx(wanted, rel=1e-6)
    unpriced = by_name("monthly_cost").value(replace(network, diversity=()), plan)
    assert wanted > unpriced + 1.0


@pytest.mark.parametrize("nodes", [{}, {"a": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 1, "c": 4}])
@pytest.mark.parametrize(
    "limit", [{"min_distinct": 1}, {"min_distinct": 3}, {"min_nakamoto": 2, "threshold": 0.3}]
)
def test_soft_rows_price_owners_that_overlap(limit: dict[str, Any], nodes: dict[str, int]) -> None:
    owners = {"a": (("A",), ("B",)), "b": (("B",), ("C",)), "c": (("C",), ("A",))}
    row = DiversityRow(
        rule="soft", role="execution", kind="owner", measure="nodes", penalty=100.0, **limit
    )
    network = rows_of.network(
        [rows_of.site(name, owner=owner) for name, owner in owners.items()],
        [rows_of.offer(name, "gpu") for name in owners],
        diversity=[row],
    )
    plan = Deployment(nodes={OfferKey(name, "gpu"): count for name, count in nodes.items()})
    model = build(network, draw.row_by_row(network))
    found = model_value(model.phase[SINGLE_PHASE], network, plan, "monthly_cost")
    assert found == pytest.approx(by_name("monthly_cost").value(network, plan), abs=1e-5)


@pytest.mark.parametrize("limit", [0.0, 12.0, 30.0])
def test_the_limit_of_a_goal_is_a_row_however_small_it_is(limit: float) -> None:
    # 30 requests/s are asked for: who serves none keeps a limit of 30 unserved, and no smaller one.
    network = replace(small(), goals=(Goal(1, "unserved", at_most=limit),))
    block = build(network, draw.row_by_row(network)).phase[SINGLE_PHASE]
    (row,) = block.at_most.values()
    for plan in (Deployment(), deployment_for_small()):
        values, lost = place(block, network, plan)
        assert not lost
        found = generate_standard_repn(row.body)
        pairs = zip(found.linear_coefs, found.linear_vars, strict=True)
        amount = found.constant + sum(c * values[id(variable)][1] for c, variable in pairs)
        keeps = by_name("unserved").value(network, plan) <= limit + 1e-6
        assert (amount <= row.ub + 1e-6) == keeps


@pytest.mark.parametrize(("limit", "part"), [(0.0, 1.0), (SMALL, 1.0), (12.0, 12.0)])
def test_the_row_of_a_limit_is_in_parts_of_it(limit: float, part: float) -> None:
    network = replace(small(), goals=(Goal(1, "unserved", at_most=limit), Goal(2, "monthly_cost")))
    block = build(network, draw.row_by_row(network)).phase[SINGLE_PHASE]
    rates = {"unserved[0]": 20 / part, "unserved[1]": 10 / part, "unserved[2]": 0.001 / part}
    ((name, (terms, lower, upper)),) = rows_of.written(block.at_most).items()
    assert (name, terms, lower) == ("unserved", pytest.approx(rates), None)
    assert upper == pytest.approx(limit / part)


def test_what_a_measure_always_has_is_taken_off_its_limit() -> None:
    # Three seats where there is no site any more are changes, whatever is planned.
    network = replace(
        small(),
        seats_today=(SeatToday(committee="council", site="madrid", node_type="seat", seats=3),),
        loaded_today=(),
        goals=(Goal(1, "changes", at_most=10.0),),
    )
    block = build(network, draw.row_by_row(network)).phase[SINGLE_PHASE]
    found = by_name("changes").express(block, network)
    before = found.constant
    ((_, (terms, lower, upper)),) = rows_of.written(block.at_most).items()
    assert (len(terms), lower) == (len(found.terms), None)
    assert upper == pytest.approx((10 - before) / 10)
    without = replace(network, seats_today=())
    block = build(without, draw.row_by_row(without)).phase[SINGLE_PHASE]
    assert by_name("changes").express(block, without).constant == before - 3


@pytest.mark.parametrize("seed", range(10))
def test_the_breakdown_adds_up_to_the_monthly_cost(seed: int) -> None:
    network = drawn_network(seed)
    plan = draw.plan(network, draw.row_by_row(network), seed)
    lines = breakdown(network, plan)
    total = by_name("monthly_cost").value(network, plan)
    assert sum(line.amount for line in lines) == pytest.approx(total)
    assert len({line.item for line in lines}) == len(lines)


def test_what_the_small_plan_amounts_to() -> None:
    network, plan = small(), deployment_for_small()
    assert by_name("unserved").value(network, plan) == pytest.approx(0.0, abs=1e-9)
    # 1 + 2 execution nodes are new at 360, two sites open at 3600; the Frankfurt ones exist.
    assert by_name("one_off_cost").value(network, plan) == 3 * 360 + 2 * 3600
    lines = {line.item: line.amount for line in breakdown(network, plan)}
    assert lines["sites"] == 300
    assert lines["contracts"] == 80
    assert lines["execution nodes"] == 1000 + 2 * 1100 + 1200
    assert lines["verification nodes"] == 3 * 90
    assert lines["storage nodes"] == 2 * 40
    assert lines["coordination nodes"] == 4 * 20
    # A quarter of 20 requests/s crosses the Channel at 2 per million, 730 hours a month.
    assert lines["routing and upstream calls"] == pytest.approx(5 * 730 * 3600 / 1e6 * 2)
    assert lines["one-off costs over 36 months"] == pytest.approx((3 * 360 + 2 * 3600) / 36)
    assert lines["penalties for unserved demand"] == pytest.approx(0.0, abs=1e-9)
    assert lines["penalties of soft diversity rows"] == 0.0


def test_penalties_count_in_the_objective_by_the_weights_of_monthly_cost() -> None:
    # The soft row is broken: Acme serves 25 of the 30 requests/s.
    row = DiversityRow(
        rule="soft", role="execution", kind="provider", max_share=0.3, penalty=1000.0
    )
    goals = (
        Goal(1, "monthly_cost", 2.0),
        Goal(1, "monthly_cost", 0.5),
        Goal(1, "changes", 7.0),
        Goal(2, "monthly_cost", 3.0),
    )
    network, plan = replace(small(), diversity=(row,), goals=goals), deployment_for_small()
    penalty = sum(line.amount for line in penalties(network, plan))
    assert penalty > 1
    assert penalties_in(network, plan, 1) == pytest.approx(2.5 * penalty)
    assert penalties_in(network, plan, 2) == pytest.approx(3.0 * penalty)
    assert penalties_in(network, plan, 3) == 0.0


def test_unserved_demand_counts_its_rate_its_penalty_and_its_limit() -> None:
    network, plan = small(), deployment_for_small()
    # Nobody serves the French: 10 requests/s, at 5 per million.
    without = replace(plan, routing=tuple(f for f in plan.routing if f.demand != FRANCE))
    assert by_name("unserved").value(network, without) == pytest.approx(10.0)
    lines = {line.item: line.amount for line in breakdown(network, without)}
    penalty = 10 * 730 * 3600 / 1e6 * 5
    assert lines["penalties for unserved demand"] == pytest.approx(penalty, rel=1e-12)
    # Serving fewer is never faster: their 10 of 30.001 requests/s count at the limit of 150 ms.
    served = sum(
        by_name("latency").value(network, replace(plan, routing=(flow,))) for flow in plan.routing
    )
    nobody = by_name("latency").value(network, Deployment())
    assert nobody == pytest.approx((20 * 150 + 10 * 150 + 0.001 * 200_000) / 30.001)
    all_of_it = by_name("latency").value(network, plan)
    assert all_of_it == pytest.approx(served - 3 * nobody)
    assert by_name("latency").value(network, without) > all_of_it


def test_a_quarter_by_the_channel_takes_its_route_and_the_answer() -> None:
    network, plan = small(), deployment_for_small()
    channel = tuple(f for f in plan.routing if f.demand == GERMANY and f.offer.site == "london")
    only = by_name("latency").value(network, replace(plan, routing=channel))
    # 22 ms there and back + 40 · 1.1 to answer, instead of the limit of 150, for 5 of 30.001.
    nobody = by_name("latency").value(network, Deployment())
    assert only == pytest.approx(nobody + 5 * (22 + 44 - 150) / 30.001)


def test_without_a_limit_unserved_demand_counts_at_the_slowest_way() -> None:
    network = small()
    free = replace(
        network, demand=tuple(replace(d, max_latency_ms=None) for d in network.demand[2:])
    )
    # Cold from the hub: 140 / 2 + 30 + 140 / 0.5 = 380 s, plus 0.1 s and the way to the farthest.
    worst = by_name("latency").value(free, Deployment())
    assert 380_100 < worst < 380_100 + 50


def test_the_slowest_way_is_by_the_fastest_of_its_routes() -> None:
    ends = Item("region", "users"), Item("site", "a")
    network = rows_of.network(
        [rows_of.site("a")],
        [rows_of.offer("a", "gpu", requests_per_s=9)],
        demand=[rows_of.demand()],
        links=tuple(Link(*ends, ms, label=f"by {ms:g}") for ms in (10.0, 50.0)),
    )
    assert by_name("latency").value(network, Deployment()) == pytest.approx(10.0)


def test_changes_count_every_node_seat_replica_and_copy_once() -> None:
    network, plan = small(), deployment_for_small()
    # Nodes but seats': 2 more execution nodes in Paris, 1 in London, 3 checkers, 2 disks. Seats:
    # Frankfurt 2 → 1, Paris 1, London 2. Warm: Frankfurt 1 → 3, 1 in London, 2 in Paris. 3 copies.
    assert (
        by_name("changes").value(network, plan) == (2 + 1 + 3 + 2) + (1 + 1 + 2) + (2 + 1 + 2) + 3
    )
    listed = changes(network, plan)
    assert ("seats", "council/frankfurt/seat", 2, 1) in listed
    assert ("warm", "frankfurt/gpu/chat", 1, 3) in listed
    assert not any(kind == "nodes" and where == "frankfurt/gpu" for kind, where, _, _ in listed)


def test_what_stands_where_nothing_can_be_placed_any_more_is_a_change() -> None:
    network = replace(
        small(),
        seats_today=(SeatToday(committee="council", site="madrid", node_type="seat", seats=3),),
        loaded_today=(LoadedToday(site="madrid", node_type="gpu", model="chat", warm=2, copies=1),),
        goals=(Goal(1, "changes"),),
    )
    model = build(network, draw.row_by_row(network))
    block = model.phase[SINGLE_PHASE]
    empty = Deployment(nodes={OfferKey("frankfurt", "gpu"): 1})
    assert by_name("changes").value(network, empty) == 3 + 2 + 1
    assert model_value(block, network, empty, "changes") == pytest.approx(6.0)
    more = Deployment(nodes={OfferKey("frankfurt", "gpu"): 3})  # two above the existing one
    assert model_value(block, network, more, "changes") == pytest.approx(8.0)
    assert stage(block, network, list(network.goals)).integral


def test_sites_and_contracts_begin_and_end_beside_what_the_measure_counts() -> None:
    network, plan = small(), deployment_for_small()
    # Only Frankfurt, of Acme, is open today.
    assert openings(network, plan) == [
        ("site opened", "london", 0, 1),
        ("site opened", "paris", 0, 1),
        ("contract signed", "Bolt", 0, 1),
    ]
    away = replace(plan, open=frozenset({"london"}), contracts=frozenset({"Bolt"}))
    assert openings(network, away) == [
        ("site opened", "london", 0, 1),
        ("site closed", "frankfurt", 1, 0),
        ("contract signed", "Bolt", 0, 1),
        ("contract ended", "Acme", 1, 0),
    ]
    assert by_name("changes").value(network, away) == by_name("changes").value(network, plan)
    # A contract may be held for nothing; seats stand somewhere too, if nowhere that is known.
    held = {"Bolt": replace(network.providers["Bolt"], status="existing")}
    network = replace(network, providers={**network.providers, **held})
    seats = [SeatToday(committee="c", site=s, node_type="seat", seats=1) for s in ("paris", "x")]
    network = replace(network, seats_today=tuple(seats))
    assert openings(network, plan) == [("site opened", "london", 0, 1)]


def test_a_move_counts_two() -> None:
    network = replace(small(), loaded_today=())
    moved = Deployment(
        nodes={OfferKey("frankfurt", "gpu"): 1},
        seats={Seat("council", "frankfurt", "seat"): 1, Seat("council", "paris", "seat"): 1},
    )
    assert by_name("changes").value(network, moved) == 2
    loaded = replace(moved, warm={Replica("paris", "gpu", "chat"): 1})
    assert by_name("changes").value(network, loaded) == 3


def test_measures_of_one_priority_are_weighted() -> None:
    network = replace(small(), goals=(Goal(1, "changes", 2.0), Goal(1, "unserved", 3.0)))
    model = build(network, draw.row_by_row(network))
    block = model.phase[SINGLE_PHASE]
    both = stage(block, network, list(network.goals))
    assert not both.integral  # a share of demand is no whole number
    assert sum(c for c, _ in both.terms) == pytest.approx(
        2.0 * len(stage(block, network, [Goal(1, "changes")]).terms) + 3.0 * 30.001
    )
    assert not stage(block, network, [Goal(1, "changes", 0.5)]).integral


def test_what_a_flow_costs_is_its_coefficient_in_the_stage() -> None:
    goals = [Goal(1, "monthly_cost", 2.0), Goal(1, "latency", 3.0), Goal(1, "changes", 5.0)]
    network = replace(small(), goals=tuple(goals))
    classes = draw.row_by_row(network)
    model = build(network, classes)
    block = model.phase[SINGLE_PHASE]
    coefficients: dict[int, float] = defaultdict(float)
    for coefficient, variable in stage(block, network, goals).terms:
        coefficients[id(variable)] += coefficient
    found = flow_costs(network, classes, goals)
    held = {flow: coefficients[id(block.flow[flow])] for flow in block.flow}
    assert found[list(held)].tolist() == pytest.approx(list(held.values()))
    assert min(held.values()) > 0


def test_what_a_plan_amounts_to_is_weighted_too() -> None:
    goals = [Goal(1, "changes", 2.0), Goal(1, "one_off_cost", 0.5)]
    # 20 changes and three nodes at 360 and two sites at 3600, as counted above.
    assert value(small(), deployment_for_small(), goals) == 2.0 * 20 + 0.5 * 8280


def test_measures_of_several_units_are_mixed() -> None:
    assert unit([Goal(1, "monthly_cost")]) == "currency/month"
    assert unit([Goal(1, "latency", 2.0), Goal(1, "latency", 3.0)]) == "ms"
    assert unit([Goal(1, "monthly_cost"), Goal(1, "latency")]) == "mixed"


def test_new_nodes_are_those_above_the_existing_ones() -> None:
    network = small()
    offers: dict[OfferKey, Offer] = dict(network.offers)
    paris = OfferKey("paris", "gpu")
    offers[paris] = replace(offers[paris], existing_nodes=3)
    network = replace(network, offers=offers)
    model = build(network, draw.row_by_row(network))
    block = model.phase[SINGLE_PHASE]
    for nodes, cost in ((2, 0), (3, 0), (4, 360)):
        plan = Deployment(nodes={paris: nodes})
        assert by_name("one_off_cost").value(network, plan) == cost
        assert model_value(block, network, plan, "one_off_cost") == pytest.approx(cost)
