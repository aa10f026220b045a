"""What variables a model has, within which bounds, and how its phases hang together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from pyomo.repn import generate_standard_repn

from models.build import SINGLE_PHASE, Load, build, build_phases, most_nodes, rule_name
from models.classes import demand_classes
from models.data import (
    Committee,
    Dependency,
    DiversityRow,
    Model,
    NodeType,
    Policy,
    Provider,
    Settings,
)
from models.network import Network
from models.rules import RULES, memory
from models.streams import Stream
from tests.rules import at, demand, network, offer, protected, site, written

GPU = NodeType(node_type="gpu", role="execution", gpu_memory_gb=1.0, load_gb_per_s=2)
COLD = dict[str, Any](weights_gb=60, requests_per_s=1)
"""What takes 60/2 + 60/0.5 = 150 s to load from the hub."""


def block_of(of: Network) -> Any:
    model = build(of, demand_classes(of))
    block = model.phase[SINGLE_PHASE]
    block.whole = (model,)  # its parts only point at it weakly
    return block


def bounds(variables: Any) -> dict[Any, tuple[float, float]]:
    return {key: variable.bounds for key, variable in variables.items()}


def named(family: Any) -> dict[Any, tuple[dict[str, float], float | None, float | None]]:
    """Return the rows of a family by key, as `written` does, with the phases of the variables."""
    found = {}
    for key, row in family.items():
        sum_ = generate_standard_repn(row.body)
        terms = zip(sum_.linear_vars, sum_.linear_coefs, strict=True)
        found[key] = ({variable.name: float(c) for variable, c in terms}, row.lb, row.ub)
    return found


def test_contracts_are_those_of_sites_and_the_required_ones() -> None:
    providers = [Provider(provider="Peering", status="required"), Provider(provider="Idle")]
    block = block_of(network([site("a"), site("b", "Bolt")], providers=providers))
    assert list(block.contract) == ["Acme", "Bolt", "Peering"]


def test_nodes_are_as_many_as_offer_and_site_have_room_for() -> None:
    sites = [site("a", max_nodes=3), site("b", max_nodes=7), site("c")]
    of = network(sites, [offer(name, "gpu", 5) for name in "abc"])
    assert [most_nodes(of, at(name)) for name in "abc"] == [3, 5, 5]
    block = block_of(of)
    assert bounds(block.nodes) == {at("a"): (0, 3), at("b"): (0, 5), at("c"): (0, 5)}
    assert block.whole[0].nothing.bounds == (0, 0)


def test_what_is_new_is_counted_where_it_costs_once() -> None:
    offers = [offer("a", "gpu", one_off_cost=50, existing_nodes=2), offer("b", "gpu")]
    block = block_of(network([site("a"), site("b")], offers))
    assert written(block.added) == {
        at("a"): ({"new_nodes[a,gpu]": 1.0, "nodes[a,gpu]": -1.0}, -2.0, None)
    }


def two_phases(budget: float | None) -> Any:
    of = network(
        [site("a", opening_cost=700), site("b")],
        [offer(name, "gpu", one_off_cost=50, existing_nodes=2) for name in "ab"],
    )
    return build_phases({name: (of, demand_classes(of)) for name in ("one", "two")}, budget)


def test_a_phase_stands_on_what_the_one_before_decides() -> None:
    model = two_phases(None)
    assert model.nothing.bounds == (0, 0)
    first, second = model.phase["one"], model.phase["two"]
    assert first.component("opened") is None
    assert {lower for _, lower, _ in named(first.added).values()} == {-2.0}
    assert named(second.added) == {
        at(name): (
            {
                f"phase[two].new_nodes[{name},gpu]": 1.0,
                f"phase[two].nodes[{name},gpu]": -1.0,
                f"phase[one].nodes[{name},gpu]": 1.0,
            },
            0.0,
            None,
        )
        for name in "ab"
    }
    assert named(second.begun) == {
        name: (
            {
                f"phase[two].opened[{name}]": 1.0,
                f"phase[two].open[{name}]": -1.0,
                f"phase[one].open[{name}]": 1.0,
            },
            0.0,
            None,
        )
        for name in "ab"
    }


ANYWHERE = [(phase, name) for phase in ("one", "two") for name in "ab"]


def test_all_phases_together_pay_no_more_than_their_budget() -> None:
    assert not len(two_phases(None).most)
    ((terms, lower, upper),) = named(two_phases(900.0).most).values()
    assert (lower, upper) == (None, 900.0)
    assert {name: price for name, price in terms.items() if price} == {
        "phase[one].open[a]": 700,
        "phase[two].opened[a]": 700,
        **{
            f"phase[{phase}].new_nodes[{name},gpu]": 50 for phase in ("one", "two") for name in "ab"
        },
    }


def test_replicas_and_slots_are_as_many_as_fit_on_all_nodes() -> None:
    # A slot is as large as the largest of the models that may be served cold.
    sizes = {"a": 0.25, "b": 0.5, "c": 0.25}
    of = network(
        [site("x")],
        [offer("x", "gpu", 3)],
        node_types=[GPU],
        models=[Model(model=name, gpu_memory_gb=size, **COLD) for name, size in sizes.items()],
        demand=[demand(model=name) for name in sizes],
    )
    block = block_of(of)
    warm = {"a": 12, "b": 6, "c": 12}
    assert bounds(block.warm) == {(*at("x"), name): (0, most) for name, most in warm.items()}
    assert bounds(block.cold_slots) == {at("x"): (0, 6)}
    assert [size for size, _ in block.held[at("x")]] == [0.25, 0.5, 0.25, 0.5]


@pytest.mark.parametrize(
    ("min_served", "failing", "rules", "has_slots"),
    [
        (0.0, (), (), False),
        (0.5, (protected("provider", "Acme"),), (), True),
        (0.5, (), (DiversityRow(rule="firm", role="execution", min_collapse=2),), True),
    ],
    ids=["calm", "protected", "lasting"],
)
def test_who_waits_longer_after_a_failure_may_be_served_cold(
    min_served: float,
    failing: Iterable[Dependency],
    rules: Iterable[DiversityRow],
    has_slots: bool,
) -> None:
    # 150 s are more than the 100 s, and less than twice as much.
    of = network(
        [site("x"), site("y", "Bolt")],
        [offer(name, "gpu") for name in "xy"],
        node_types=[GPU],
        models=[Model(model="m", gpu_memory_gb=0.5, **COLD)],
        demand=[demand(model="m", max_latency_ms=100_000, min_served=min_served)],
        dependencies=failing,
        diversity=rules,
    )
    assert list(block_of(of).cold_slots) == ([at("x"), at("y")] if has_slots else [])


def test_flows_and_what_is_unserved_are_shares() -> None:
    of = network(
        [site("a"), site("b")],
        [offer(name, "gpu", requests_per_s=9) for name in "ab"],
        demand=[demand(rate=4.0)],
    )
    block = block_of(of)
    assert bounds(block.flow) == {0: (0, 1), 1: (0, 1)}
    assert bounds(block.unserved) == {0: (0, 1)}
    assert [(load.offer, load.rate) for load in block.loads] == [(at("a"), 1.0), (at("b"), 1.0)]
    classes = demand_classes(of)
    some = build(of, classes, flows=np.array([1]))
    assert list(some.phase[SINGLE_PHASE].flow) == [1]


def test_a_load_of_an_idle_job_asks_for_nothing() -> None:
    of = network(
        [site("a")], [offer("a", "gpu", requests_per_s=9)], demand=[demand(rate=0, min_served=0.5)]
    )
    loads: tuple[Load, ...] = block_of(of).loads
    assert [(load.job.idle, load.rate) for load in loads] == [(True, 0.0)]


def test_streams_are_the_networks_own_unless_others_are_given() -> None:
    of = network(
        [site("a"), site("b")],
        [offer("a", "gpu", requests_per_s=9), offer("b", "check")],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=9)],
        policies=[Policy(policy="one", verifiers=1)],
        demand=[demand(verification="one")],
    )
    assert list(block_of(of).executed) == [("one", "", "", "a/gpu")]
    other = Stream("one", "", "", (at("a"),), ())
    model = build(of, demand_classes(of), streams=(other,))
    assert model.phase[SINGLE_PHASE].streams == (other,)
    assert not len(model.phase[SINGLE_PHASE].verify)


def test_copies_are_of_what_has_weights_or_must_be_stored() -> None:
    of = network(
        [site("a")],
        [offer("a", "disk")],
        node_types=[NodeType(node_type="disk", role="storage", disk_tb=1)],
        models=[
            Model(model="heavy", weights_gb=5),
            Model(model="kept", copies=1),
            Model(model="neither"),
        ],
    )
    assert list(block_of(of).copy) == [(*at("a", "disk"), name) for name in ("heavy", "kept")]


def test_seats_are_where_the_committee_may_sit_and_no_more_than_it_has() -> None:
    of = network(
        [site("a", country=(("DE",),)), site("b", country=(("FR",),))],
        [offer(name, node_type, 5) for name in "ab" for node_type in ("seat", "safe")],
        node_types=[
            NodeType(node_type="seat", role="coordination"),
            NodeType(node_type="safe", role="coordination", tee=(("TDX",),)),
        ],
        committees=[
            Committee(committee="any", seats=4),
            Committee(committee="german", seats=9, countries=("DE",)),
            Committee(committee="safe", seats=9, node_types=("safe",)),
            Committee(committee="tee", seats=9, tee="yes"),
        ],
    )
    every = [at(name, node_type) for name in "ab" for node_type in ("safe", "seat")]
    where = {
        "any": every,
        "german": every[:2],
        "safe": [at("a", "safe"), at("b", "safe")],
        "tee": [at("a", "safe"), at("b", "safe")],
    }
    block = block_of(of)
    assert bounds(block.seats) == {
        (name, *key): (0, 4 if name == "any" else 5) for name, keys in where.items() for key in keys
    }
    assert {name: [key for key, _ in found] for name, found in block.seats_of.items()} == where
    for name, seats in block.seats_of.items():
        assert all(variable is block.seats[name, *key] for key, variable in seats)


def test_every_rule_but_those_left_out_has_a_block_of_its_name() -> None:
    assert rule_name(memory) == "memory"
    of = network([site("a")], settings=Settings())
    names = {rule_name(rule) for rule in RULES}
    for without in (frozenset[str](), frozenset({"memory", "served"})):
        block = build(of, demand_classes(of), without).phase[SINGLE_PHASE]
        found = {own.local_name for own in block.rules.component_objects(descend_into=False)}
        assert found == names - without
