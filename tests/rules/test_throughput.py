"""What is routed to an offer stays within what its replicas, slots or nodes can answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.build import SINGLE_PHASE, build
from models.classes import demand_classes
from models.data import Demand, Item, Model, NodeType, Policy, Settings
from models.network import Link, Network
from models.plan import HUB, Deployment, Flow, Replica
from models.rules import throughput as rule
from models.service import ESTIMATE
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    assert_refused_by_audit,
    at,
    demand,
    network,
    offer,
    site,
    written,
)


def chat(*rows: Demand, requests_per_s: float | None = 5) -> Network:
    """A replica of chat answers 0.5 · 4 · speed 2 = 4 requests/s; a node without models 2.5."""
    return network(
        [site("a")],
        [offer("a", "gpu", requests_per_s=requests_per_s), offer("a", "disk")],
        node_types=[
            NodeType(node_type="gpu", role="execution", gpu_memory_gb=80, speed=2, load_gb_per_s=2),
            NodeType(node_type="disk", role="storage", disk_tb=1),
        ],
        models=[
            Model(
                model="chat",
                gpu_memory_gb=20,
                weights_gb=60,
                requests_per_s=4,
                init_s=5,
                service_ms=4000,
            ),
            Model(model="law", gpu_memory_gb=20, weights_gb=60, requests_per_s=4),
            Model(model="mute", gpu_memory_gb=20),
            Model(model="far", gpu_memory_gb=0, upstream=(("Lab",),), service_ms=4000),
        ],
        policies=[Policy(policy="checked", verifiers=0, overhead=0.25)],
        settings=Settings(utilisation=0.5, cold_share=0.12),
        demand=rows,
        periods={"day": 300.0, "night": 430.0},
        links=(Link(Item("site", "a"), Item("upstream", "Lab"), latency_ms=10),),
    )


def asked(rate: float, model: str = "chat", period: str = "day", policy: str = "checked") -> Demand:
    return demand(rate=rate, model=model, period=period, verification=policy)


def warm(rows: list[Demand], replicas: int) -> Deployment:
    return Deployment(
        nodes={at("a"): 1},
        warm={Replica("a", "gpu", "chat"): replicas},
        routing=tuple(Flow(row.key, at("a"), ESTIMATE, "warm", 1.0) for row in rows),
    )


def test_warm_replicas_answer_up_to_the_planned_load() -> None:
    # 6.4 · (1 + 0.25) = 8 = 0.5 · 4 · 2 · 2 replicas
    assert_legal(rule, chat(asked(6.4)), warm([asked(6.4)], 2))
    # 6.5 · 1.25 = 8.125
    assert_illegal(
        rule,
        chat(asked(6.5)),
        warm([asked(6.5)], 2),
        "8.125 requests/s meet a limit of 8.000, 50% (utilisation) of all that stands there can do"
        " (Model.requests_per_s)",
    )
    # without a policy there is no overhead
    free = asked(8.0, policy="")
    assert_legal(rule, chat(free), warm([free], 2))


def test_only_the_share_that_is_routed_counts() -> None:
    # Half of 12.8 requests/s, stretched by a quarter, are 8.
    for rate, legal in ((12.8, True), (13.0, False)):
        row = asked(rate)
        flow = Flow(row.key, at("a"), ESTIMATE, "warm", 0.5)
        plan = replace(warm([row], 2), routing=(flow,))
        if legal:
            assert_legal(rule, chat(row), plan)
        else:
            assert_illegal(rule, chat(row), plan, "8.125 requests/s meet a limit of 8.000")


def test_a_row_adds_up_what_each_request_takes() -> None:
    row = asked(1.0)
    own = build(chat(row), demand_classes(chat(row))).phase[SINGLE_PHASE].rules.throughput
    ((loads, lower, upper),) = written(own.warm).values()
    assert (lower, upper, loads.pop("warm[a,gpu,chat]")) == (None, 0.0, -4.0)
    assert list(loads.values()) == [1.25]
    # 155 s to load from the hub and 35 s from the disk, with 4 s · 1.25 to answer.
    ((loads, lower, upper),) = written(own.cold).values()
    assert (lower, upper, loads.pop("cold_slots[a,gpu]")) == (None, 0.0, -0.12)
    assert sorted(loads.values()) == pytest.approx([40.0, 160.0], rel=1e-9)


def test_rows_of_one_period_add_up_and_periods_share_the_replicas() -> None:
    day, more, night = asked(4.0), asked(3.0, policy=""), asked(6.4, period="night")
    # day: 4 · 1.25 + 3 = 8; night: 6.4 · 1.25 = 8; both meet 8
    assert_legal(rule, chat(day, more, night), warm([day, more, night], 2))
    extra = asked(3.1, policy="")
    plan = warm([day, extra, night], 2)
    assert_illegal(rule, chat(day, extra, night), plan, "a/gpu/chat, day]: 8.100 requests/s")


def test_a_model_without_a_figure_answers_nothing() -> None:
    row = asked(0.5, model="mute", policy="")
    plan = Deployment(
        warm={Replica("a", "gpu", "mute"): 9},
        routing=(Flow(row.key, at("a"), ESTIMATE, "warm", 1.0),),
    )
    assert_illegal(rule, chat(row), plan, "0.500 requests/s meet a limit of 0.000")


def test_replicas_of_another_model_do_not_help() -> None:
    row = asked(1.0, model="law")
    assert_illegal(rule, chat(row), warm([row], 2), "1.250 requests/s meet a limit of 0.000")


@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        # 60 GB / 2 GB/s + 5 s to start + 60 GB / 0.5 GB/s from the hub + 4 s · 1.25 to answer
        (HUB, 30 + 5 + 120 + 5.0),
        # the copy at the same site spares the 120 s
        ("a/disk", 30 + 5 + 5.0),
    ],
)
def test_cold_slots_are_busy_loading_and_answering(source: str, seconds: float) -> None:
    def plan(row: Demand) -> Deployment:
        flow = Flow(row.key, at("a"), ESTIMATE, "cold", 1.0, source)
        return Deployment(routing=(flow,), cold_slots={at("a"): 4})

    # Little's law: rate · seconds slots are busy; 4 slots may be busy 12 % of the time, 0.48.
    row = asked(0.48 / seconds)
    assert_legal(rule, chat(row), plan(row))
    row = asked(0.49 / seconds)
    assert_illegal(
        rule, chat(row), plan(row), "0.490 busy slots meet a limit of 0.480 (Settings.cold_share)"
    )


@pytest.mark.parametrize("model", ["", "far"])
def test_without_a_model_of_ones_own_nodes_answer_by_themselves(model: str) -> None:
    def plan(row: Demand) -> Deployment:
        return Deployment(
            nodes={at("a"): 2}, routing=(Flow(row.key, at("a"), ESTIMATE, "warm", 1.0),)
        )

    # 4 · 1.25 = 5 = 0.5 · 5 · 2 nodes; the speed of the node type is the models' business
    row = asked(4.0, model=model)
    assert_legal(rule, chat(row), plan(row))
    nothing = replace(plan(row), nodes={})
    assert_illegal(rule, chat(row), nothing, "5.000 requests/s meet a limit of 0.000")
    silent = chat(row, requests_per_s=None)
    assert_refused_by_audit(rule, silent, plan(row), "5.000 requests/s meet a limit of 0.000")
    row = asked(4.1, model=model)
    assert_illegal(
        rule,
        chat(row),
        plan(row),
        "5.125 requests/s meet a limit of 5.000, 50% (utilisation) of all that stands there can do"
        " (Offer.requests_per_s)",
    )


@pytest.mark.parametrize(
    ("model", "state", "source", "there"),
    [
        ("chat", "warm", "", Deployment(warm={Replica("a", "gpu", "chat"): 1})),
        ("chat", "cold", HUB, Deployment(cold_slots={at("a"): 1})),
        ("far", "warm", "", Deployment(nodes={at("a"): 1})),
    ],
)
def test_even_nothing_per_second_is_served_only_by_what_is_there(
    model: str, state: str, source: str, there: Deployment
) -> None:
    row = asked(0.0, model=model)
    flow = Flow(row.key, at("a"), ESTIMATE, state, 1.0, source)
    with_it = Deployment(
        warm=there.warm, cold_slots=there.cold_slots, nodes=there.nodes, routing=(flow,)
    )
    assert_legal(rule, chat(row), with_it)
    without = Deployment(routing=(flow,))
    assert_illegal(rule, chat(row), without, f"100.00% is served {state} where nothing is kept")


def test_what_is_served_more_than_once_breaks_another_rule() -> None:
    row = asked(0.0)
    flow = Flow(row.key, at("a"), ESTIMATE, "warm", 1.5)
    one = Deployment(warm={Replica("a", "gpu", "chat"): 1}, routing=(flow,))
    assert_legal(rule, chat(row), one)


def test_it_says_how_much_is_served_cold() -> None:
    warm_row, cold_row = asked(6.0), asked(2.0, model="law")
    plan = Deployment(
        routing=(
            Flow(warm_row.key, at("a"), ESTIMATE, "warm", 1.0),
            Flow(cold_row.key, at("a"), ESTIMATE, "cold", 1.0, HUB),
        )
    )
    # 2 of 8 requests/s by day, which is 300 of 730 hours: 0.82 of 3.3 on average
    assert_explains(rule, chat(warm_row, cold_row), plan, "0.82 of 3.3 requests/s", "25.00%")
    assert_explains(rule, chat(), Deployment(), "0.00 of 0.0", "0.00%")
