"""From classes back to rows: shares, loads and prices are kept, and nobody waits for nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.split import least_transport


def brute_force(start: np.ndarray, cost: np.ndarray) -> float:
    """Return the least cost of moving whole units, by trying every transport of a small table."""
    rows, columns = start.sum(axis=1).astype(int), start.sum(axis=0).astype(int)
    best = np.inf
    ranges = [range(int(min(r, c)) + 1) for r in rows for c in columns]
    for cells in itertools.product(*ranges):
        table = np.array(cells).reshape(start.shape)
        fits = (table.sum(axis=1) == rows).all() and (table.sum(axis=0) == columns).all()
        if fits and not (table[~np.isfinite(cost)] > 0).any():
            best = min(best, float(np.where(table > 0, cost, 0.0).ravel() @ table.ravel()))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_the_transport_is_the_cheapest_and_keeps_sums(seed: int) -> None:
    draw = np.random.default_rng(seed)
    start = draw.integers(0, 3, (3, 3)).astype(float)
    cost = draw.integers(1, 9, (3, 3)).astype(float)
    cost[(start == 0) & (draw.random((3, 3)) < 0.5)] = np.inf
    moved = least_transport(start, cost)
    assert moved.sum(axis=0) == pytest.approx(start.sum(axis=0))
    assert moved.sum(axis=1) == pytest.approx(start.sum(axis=1))
    assert not moved[~np.isfinite(cost)].any()
    found = float(np.where(moved > 0, cost, 0.0).ravel() @ moved.ravel())
    assert found == pytest.approx(brute_force(start, cost))
