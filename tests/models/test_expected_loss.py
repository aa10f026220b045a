"""Mean losses against counts by hand, and against every set there is."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from itertools import chain, combinations, islice

import numpy as np
import pytest

from models.data import Dependency, Item, Provider, Shock
from models.expected_loss import (
    Chosen,
    any_of,
    causes,
    drawn,
    estimate,
    importance,
    likeliest,
)
from models.network import SHOCK, Goal, Network
from models.risks import likely, unavailability
from tests.rules import site


def every_set(count: int) -> list[Chosen]:
    numbers = range(count)
    return list(chain.from_iterable(combinations(numbers, size) for size in range(count + 1)))


def chance_of(chances: list[float], chosen: Chosen) -> float:
    return float(np.prod([p if i in chosen else 1 - p for i, p in enumerate(chances)]))


def test_the_share_of_time_is_frequency_times_duration() -> None:
    def of(often: float | None, long: float | None) -> float | None:
        return unavailability(Provider(provider="p", outages_per_year=often, outage_hours=long))

    assert of(0.5, 8) == pytest.approx(4 / 8760)
    assert of(0, 8) == 0.0
    assert (of(None, 8), of(2, None), unavailability(None)) == (None, None, None)
    # Twice a year for 5,000 hours fills more than the year.
    assert of(2, 5000) == 1.0


def priced() -> Network:
    a = site("a", "acme", country=(("DE",),), metro=(("one",),))
    b = site("b", "acme", country=(("FR",),))
    return Network(
        sites={"a": a, "b": b},
        providers={"acme": Provider(provider="acme", outages_per_year=2, outage_hours=4.38)},
        dependencies={
            Item("country", "*"): Dependency(
                dependency="*", kind="country", outages_per_year=0.1, outage_hours=87.6
            ),
            Item("country", "FR"): Dependency(
                dependency="FR", kind="country", outages_per_year=1, outage_hours=87.6
            ),
            Item("metro", "*"): Dependency(dependency="*", kind="metro", outages_per_year=1),
        },
        shocks={
            "both": Shock(
                shock="both", takes_down=("DE", "FR"), outages_per_year=1, outage_hours=8.76
            ),
            "one falls": Shock(
                shock="one falls", takes_down=("one",), outages_per_year=1, outage_hours=17.52
            ),
            "FR falls": Shock(
                shock="FR falls", takes_down=("FR",), outages_per_year=9, outage_hours=9
            ),
        },
        shock_items={
            "both": frozenset({Item("country", "DE"), Item("country", "FR")}),
            "one falls": frozenset({Item("metro", "one")}),
            "FR falls": frozenset({Item("country", "FR")}),
        },
    )


def test_figures_of_its_own_come_before_those_of_its_kind() -> None:
    found = {cause.name: cause.chance for cause in causes(priced())}
    # The kind metro has a frequency and no duration, so a metro only fails as its shock says. A
    # shock of France alone is France failing, which has figures already.
    assert found == pytest.approx(
        {
            "country:DE": 0.001,
            "country:FR": 0.01,
            "metro:one": 0.002,
            "provider:acme": 0.001,
            "shock:both": 0.001,
        }
    )


def test_what_has_no_figures_never_fails_by_itself() -> None:
    bare = replace(priced(), dependencies={}, providers={}, shocks={}, shock_items={})
    assert causes(bare) == ()


@pytest.mark.parametrize("seed", range(20))
def test_sets_come_likeliest_first_and_each_once(seed: int) -> None:
    choose = random.Random(seed)
    chances = [choose.choice((choose.random(), choose.random() / 100, 1.0)) for _ in range(7)]
    found = list(likeliest(chances))
    expected = [(chance_of(chances, s), s) for s in every_set(7)]
    possible = {s: p for p, s in expected if p > 0}
    assert {s for _, s in found} == set(possible)
    assert len(found) == len(possible)
    assert all(p == pytest.approx(possible[s]) for p, s in found)
    assert all(a[0] >= b[0] * (1 - 1e-9) for a, b in zip(found, found[1:], strict=False))
    assert sum(p for p, _ in found) == pytest.approx(1.0)


def test_of_many_causes_the_likely_sets_are_found_at_once() -> None:
    chances = [0.001] * 300
    found = list(islice(likeliest(chances), 301))
    # None, or exactly one: 0.999³⁰⁰ + 300 · 0.001 · 0.999²⁹⁹.
    assert [len(chosen) for _, chosen in found] == [0] + [1] * 300
    assert sum(p for p, _ in found) == pytest.approx(0.999**300 + 0.3 * 0.999**299)


def test_in_series_any_failure_ends_it_and_in_parallel_all_must_fail() -> None:
    chances = [0.1, 0.2]
    sets = list(likeliest(chances))
    p = np.array([probability for probability, _ in sets])
    series = np.array([float(len(chosen) > 0) for _, chosen in sets])
    parallel = np.array([float(len(chosen) == 2) for _, chosen in sets])
    # 1 − 0.9 · 0.8, and 0.1 · 0.2.
    assert p @ series == pytest.approx(0.28)
    assert any_of(chances) == pytest.approx(0.28)
    assert p @ parallel == pytest.approx(0.02)
    share, saved = importance(chances, [s for _, s in sets], p, np.stack([series, parallel], 1))
    # In series: the first is down in 0.1 of 0.28; without it 0.2 is lost, so 0.08 is saved.
    assert share[:, 0] == pytest.approx([0.1 / 0.28, 0.2 / 0.28])
    assert saved[:, 0] == pytest.approx([0.08, 0.18])
    # In parallel all the loss passes through both, and a perfect one saves it all.
    assert share[:, 1] == pytest.approx([1.0, 1.0])
    assert saved[:, 1] == pytest.approx([0.02, 0.02])


def test_what_is_never_up_promises_no_saving() -> None:
    # The first is always down: every set has it, so nothing says what its absence would save.
    sets = list(likeliest([1.0, 0.5]))
    assert sorted(s for _, s in sets) == [(0,), (0, 1)]
    p = np.array([probability for probability, _ in sets])
    share, saved = importance([1.0, 0.5], [s for _, s in sets], p, np.ones((2, 1)))
    assert share[:, 0] == pytest.approx([1.0, 0.5])
    assert saved[0, 0] == 0.0


def test_draws_are_the_same_for_a_seed_and_as_likely_as_their_causes() -> None:
    chances = [0.5, 0.01, 0.0]
    found = drawn(chances, 30_000, (0, 1))
    assert found == drawn(chances, 30_000, (0, 1))
    assert found != drawn(chances, 30_000, (1, 1))
    assert sum(found.values()) == 30_000
    first = sum(times for chosen, times in found.items() if 0 in chosen)
    assert first == pytest.approx(15_000, abs=5 * 87)  # five standard deviations
    assert not any(2 in chosen for chosen in found)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    # Parts are lost with four causes; the exact mean is inside for 95 of 100 seeds, nearly.
    chances = [0.02, 0.05, 0.01, 0.03]
    part = np.array([0.5, 0.2, 1.0, 0.4])

    def loss(chosen: Chosen) -> float:
        return min(1.0, float(part[list(chosen)].sum()))

    exact = sum(p * loss(chosen) for p, chosen in likeliest(chances))
    inside = 0
    for seed in range(1000):
        found = drawn(chances, 2000, (seed, 0))
        losses = np.array([loss(chosen) for chosen in found])
        told = estimate(losses, np.array(list(found.values()), dtype=float))
        inside += told.low <= exact <= told.high
    # 950 expected; the standard deviation of the count is 6.9.
    assert 950 - 4 * 6.9 <= inside <= 950 + 4 * 6.9


def test_where_no_draw_lost_anything_something_may_still_be_lost() -> None:
    told = estimate(np.zeros(1), np.array([1000.0]))
    # Wilson's upper end for 0 of n: z² / (n + z²).
    assert (told.mean, told.low) == (0.0, 0.0)
    assert told.high == pytest.approx(3.8415 / 1003.8415, rel=1e-4)


def test_the_objective_and_stress_read_the_same_figures() -> None:
    network = replace(
        priced(),
        goals=(Goal(1, "expected_loss"),),
        shocks={
            "acme out": Shock(
                shock="acme out", takes_down=None, outages_per_year=9, outage_hours=87.6
            ),
            "two at once": Shock(
                shock="two at once", takes_down=None, outages_per_year=1, outage_hours=8.76
            ),
        },
        shock_items={
            "acme out": frozenset({Item("provider", "acme")}),
            "two at once": frozenset({Item("country", "DE"), Item("country", "FR")}),
        },
    )
    told = {cause.name: cause.chance for cause in causes(network)}
    shares = {
        f"shock:{item.name}" if item.kind == SHOCK else str(item): share
        for item, share in likely(network).items()
    }
    assert told == shares
    assert told["shock:two at once"] == pytest.approx(0.001)
    assert "shock:acme out" not in told


def test_the_mean_is_the_same_on_any_number_of_threads() -> None:
    program = (
        "import numpy as np; from models.expected_loss import estimate, mean_loss\n"
        "draw = np.random.default_rng(1).random\n"
        "p, losses = draw(20_000), draw((20_000, 25))\n"
        "print(mean_loss(p, losses).tolist(), estimate(losses[:, 0], p))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(told) == 1
