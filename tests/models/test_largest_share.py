"""The least largest share that the model's rows allow a plan is the one that its routing has."""

from __future__ import annotations

import pytest
from pyomo.repn import generate_standard_repn

from models.build import SINGLE_PHASE, build
from models.largest_share import LargestShare
from models.network import Goal
from models.translate import place
from tests import draw


@pytest.mark.parametrize("kind", ["provider", "owner"])
def test_the_model_values_a_plan_as_its_routing_does(kind: str) -> None:
    measure = LargestShare(kind)
    seen = set()
    for seed in range(30):
        network = measure.seen(draw.network(seed)).part(goals=(Goal(1, f"share:{kind}"),))
        classes = draw.row_by_row(network)
        model = build(network, classes)
        block = model.phase[SINGLE_PHASE]
        plan = draw.plan(network, classes, seed)
        values, lost = place(block, network, plan)
        if lost:
            continue
        ((weight, largest),) = measure.express(block, network).terms
        assert weight == 1.0
        least = 0.0
        for row in block.largest_share_least.values():
            assert (row.lb, row.ub) == (0.0, None)
            found = generate_standard_repn(row.body)
            terms = dict(zip(map(id, found.linear_vars), found.linear_coefs, strict=True))
            asked = terms.pop(id(largest))
            least = max(least, -sum(c * values[key][1] for key, c in terms.items()) / asked)
        assert least == pytest.approx(measure.value(network, plan), abs=1e-9), seed
        seen.add(round(least, 6))
    assert len(seen) > 5
