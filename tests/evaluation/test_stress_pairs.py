"""Two failures at once: what is told of every pair is what replaying it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from rich.table import Table

from models.network import Network
from models.outage import NEARLY
from models.replay import Replays
from planner.evaluation.stress import stress
from planner.evaluation.stress_questions import Asked
from planner.evaluation.stress_results import Pair
from planner.jobs.requests import Workers
from planner.report.screen import as_text
from planner.report.stress_report import document, parts, screen
from tests.cases import deployment_for_small, small


def unchecked() -> Network:
    """Return the small network without verification: no single failure ends everything."""
    network = small()
    rows = tuple(replace(row, verification="", max_latency_ms=None) for row in network.demand)
    return replace(network, demand=rows)


@pytest.mark.parametrize(("network", "is_solved"), [(small(), False), (unchecked(), True)])
def test_every_pair_is_what_replaying_it_says(network: Network, is_solved: bool) -> None:
    plan = deployment_for_small()
    found = stress(network, plan, worst=1, pairs=True)
    assert found.pairs is not None
    asked = Asked(network, plan)
    replays, single = Replays(asked.worst, plan), asked.may_fail(asked.worst)
    assert found.pairs.asked == len(single) * (len(single) - 1) // 2
    told = {
        frozenset((one, other)): pair
        for pair in found.pairs.worse
        for one in pair.first
        for other in pair.second
    }
    worse = 0
    alone = {item: asked.shock("", (item,), replays.after((item,))) for item in single}
    for one, other in combinations(single, 2):
        both = asked.shock("", (one, other), replays.after((one, other)))
        least = min(alone[one].served or 0.0, alone[other].served or 0.0)
        assert both.served is not None
        pair = told.get(frozenset((str(one), str(other))))
        ended = set(both.halted) - {*alone[one].halted, *alone[other].halted}
        if both.served < least - NEARLY or ended:
            worse += 1
            assert pair is not None
            assert pair.served == pytest.approx(both.served)
            assert pair.served_alone == pytest.approx(least)
            assert set(pair.halted) == ended
        elif pair is not None:
            # Then it ends a model or a policy that neither ends alone.
            assert pair.lost_models or pair.silent_policies or pair.forged_policies
    assert worse > 2
    # Most pairs follow from others, and all are accounted for.
    assert found.pairs.solved + found.pairs.followed == found.pairs.asked
    assert (found.pairs.solved > 0) == is_solved
    assert found.pairs.solved < found.pairs.asked / 4


@pytest.mark.parametrize("pairs", [False, True])
def test_the_few_that_leave_least_are_what_trying_every_set_says(pairs: bool) -> None:
    network, plan = unchecked(), deployment_for_small()
    found = stress(network, plan, worst=3, kinds=("metro",), pairs=pairs)
    asked = Asked(network, plan)
    replays = Replays(asked.worst, plan)
    spared = frozenset.intersection(*(frozenset(asked.unavoidable_to(row)) for row in asked.rows))
    items = [item for item in asked.may_fail(asked.worst) if item not in spared]
    known = {few.count: few for few in found.least_served if not few.kinds}
    assert sorted(known) == [1, 2, 3]
    for count, few in known.items():
        assert len(few.failed) <= count
        share = asked.served(replays.after(few.failed))
        assert few.served == pytest.approx(share, abs=1e-6)
        if count < 3:
            least = min(
                asked.served(replays.after(failed)) for failed in combinations(items, count)
            )
            assert few.served >= least - NEARLY
            if few.proven:
                assert few.served == pytest.approx(least, abs=1e-6)
    assert known[1].proven
    assert known[2].proven or not pairs
    assert known[1].served > known[2].served >= known[3].served
    metros = [few for few in found.least_served if few.kinds == ("metro",)]
    assert {item.kind for few in metros for item in few.failed} == {"metro"}
    (table,) = [t for t in parts(found, 12) if str(getattr(t, "title", "")).startswith("The worst")]
    assert isinstance(table, Table)
    told = list(map(str, table.columns[2].cells))
    assert told[0] == f"{known[1].served:.1%} of demand served"
    assert [text.endswith("(found, not proven)") for text in told[:6]] == [
        not few.proven for few in found.least_served
    ]


def test_pairs_are_told_on_the_screen_and_in_the_document_if_asked_for() -> None:
    network, plan = small(), deployment_for_small()
    one, two = (
        stress(network, plan, worst=1, pairs=True, workers=Workers(count)) for count in (1, 2)
    )
    assert one == two
    assert one.pairs is not None
    text = as_text(screen(one))
    assert "What two failures take at once" in text
    assert f"{one.pairs.solved} solved, {one.pairs.followed} followed" in " ".join(text.split())
    told = document(one)["pairs"]
    assert isinstance(told, dict)
    assert [Pair(**{**pair}) for pair in told["worse"]] == list(one.pairs.worse)
    assert document(stress(network, plan, worst=1))["pairs"] is None
