"""Two failures at once: what is told of every pair is what replaying it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from models.network import Network
from models.outage import NEARLY
from models.replay import Replays
from planner.evaluation.stress import stress
from planner.evaluation.stress_questions import Asked
from planner.evaluation.stress_results import Pair
from planner.jobs.requests import Workers
from planner.report.screen import as_text
from planner.report.stress_report import document, screen
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
