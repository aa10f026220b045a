"""The search goes from many quick looks to a few long ones, and gives up when neither gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.networks import Size, generate
from planner.solver.geography import Geography
from planner.solver.highs import Outcome
from planner.solver.search import NODES, STALL, NeighbourhoodSearch
from tests.models.test_covers import handed_over


def test_looks_are_longer_once_quick_ones_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def nothing(*given: Any) -> Outcome:
        looks.append(given[-1])
        return Outcome("limit", None, np.inf, -np.inf, 0.0)

    monkeypatch.setattr(NeighbourhoodSearch, "_solve", nothing)
    problem = handed_over(generate(Size(sites=10, regions=3, models=1), seed=1))
    count = len(problem.arrays.columns)
    search = NeighbourhoodSearch(problem, Geography(problem), seed=0)
    found = search.improve(
        np.zeros(count), np.ones(count), 1.0, is_over=lambda: False, left_s=lambda: 1.0, found=print
    )
    assert looks == [nodes for nodes in NODES for _ in range(STALL)]
    assert list(NODES) == sorted(NODES)
    assert (found.rounds, found.objective, found.cut_short) == (len(looks), 1.0, False)
