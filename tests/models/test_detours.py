"""Where a plan passes by a nearer site because the model would be cold there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.detours import detours
from models.plan import Replica
from tests.cases import FRANCE, FRANKFURT, GERMANY, deployment_for_small, small


def test_a_flow_to_the_nearest_offer_is_no_detour() -> None:
    network, plan = small(), deployment_for_small()
    passed = {detour.flow.demand for detour in detours(network, plan)}
    served_at = {flow.demand: flow.offer for flow in plan.routing if flow.state == "warm"}
    assert GERMANY not in passed or served_at[GERMANY] != FRANKFURT


def test_the_nearer_offer_is_cold_and_its_load_takes_what_the_tables_say() -> None:
    network, plan = small(), deployment_for_small()
    flow = next(f for f in plan.routing if f.demand == FRANCE)
    afar = replace(flow, offer=FRANKFURT, route="estimate")
    alone = replace(
        plan, routing=(afar,), warm={Replica(*FRANKFURT, FRANCE.model): 1}, cold_slots={}
    )
    found = detours(network, alone)
    model = network.models[FRANCE.model]
    for detour in found:
        node_type = network.node_types[detour.nearer.node_type]
        weights = model.weights_gb or 0.0
        load_s = weights / (node_type.load_gb_per_s or 1.0) + model.init_s
        load_s += weights / network.settings.fetch_gb_per_s
        assert detour.load_s == pytest.approx(load_s)
        assert detour.saved_ms > 0
        assert detour.nearer.site != "frankfurt"
