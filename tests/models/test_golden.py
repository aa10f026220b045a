"""Golden values of facts/decentralisation.md §1.2 and §3, with the figures that it prints as input.

Not here, because the counts behind them are neither printed there nor in the public cases: the
counts of nodes of 2025-10-31 (their HHI is an input here), the country Nakamoto numbers of that day
(10 times 3, 7 times 4, 29 times 5, once 6) and the EU above 1/3 of 12 committees, as the case that
lies beside the project is of 2025-08-19 and has no blocs; and all of the 15,935
Ethereum peers (effective numbers 45.0 and 11.6, 37.1 and 10.4, 2.8 and 2.0; Nakamoto 6 and 2),
whose file has no licence. What the case of 2025-08-19 shares with it is in test_public_cases.py.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.concentration import concentration, effective_number
from models.data import Committee, Item, NodeType, OfferKey
from models.guarantees import LIVENESS
from models.hitting_sets import fewest
from models.plan import Deployment, Flow, Seat
from tests import rules as rows_of


def halting(counts: list[int]) -> int | None:
    """Return how few owners halt a committee whose seats are so many at each owner."""
    names = [f"s{number:02}" for number in range(len(counts))]
    network = replace(
        rows_of.network(
            [rows_of.site(name, owner=((f"owner of {name}",),)) for name in names],
            [rows_of.offer(name, "seat", most=99) for name in names],
            node_types=[NodeType(node_type="seat", role="coordination")],
        ),
        committees={"c": Committee(committee="c", seats=sum(counts))},
    )
    seats = {Seat("c", n, "seat"): count for n, count in zip(names, counts, strict=True)}
    nodes = {OfferKey(n, "seat"): count for n, count in zip(names, counts, strict=True)}
    plan = Deployment(frozenset(names), nodes=nodes, seats=seats)
    (figure,) = [
        found
        for found in concentration(network, plan, ("coordination",))
        if (found.of, found.kind) == ("c", "owner")
    ]
    return figure.best.nakamoto[LIVENESS]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # dre documentation: more than a third of 13 is 5 seats.
        ([6, 3, 2, 1, 1], 1),
        ([4, 4, 3, 2], 2),
        # dre tests.
        ([1] * 13, 5),
        ([1] * 28, 10),
        ([1, 2, 3], 1),
        ([1, 2, 1, 2, 1], 2),
        # The owners of the larger committees of 2025-10-31: 12 of 34 seats; 13 of 40, where one
        # owner has two.
        ([1] * 34, 12),
        ([2, *[1] * 38], 13),
    ],
)
def test_so_few_owners_halt_a_committee(counts: list[int], expected: int) -> None:
    assert halting(counts) == expected


@pytest.mark.parametrize(("limit", "target"), [(1, 5), (2, 3)])
def test_a_cap_on_seats_is_enough_for_the_target_that_its_voters_set(
    limit: int, target: int
) -> None:
    # §1.2: NC_target = size // (3 · limit) + 1; as few owners as the cap allows are the worst.
    assert 13 // (3 * limit) + 1 == target
    full, rest = divmod(13, limit)
    assert halting([limit] * full + [rest] * (rest > 0)) == target


def test_two_halves_must_both_fail_where_more_than_half_is_a_break() -> None:
    # 1/2, strict: [50, 50] = 2; the Edinburgh code, which stops at half, gives 1.
    halves = [(frozenset({Item("owner", name)}), 50.0) for name in "ab"]
    assert len(fewest(halves, 0.5 * 100) or ()) == 2
    names = ("a", "b")
    network = rows_of.network(
        [rows_of.site(name, owner=((f"owner of {name}",),)) for name in names],
        [rows_of.offer(name, "gpu", requests_per_s=50) for name in names],
        demand=[rows_of.demand(rate=100)],
    )
    (row,) = network.demand
    flows = tuple(Flow(row.key, OfferKey(name, "gpu"), "estimate", "warm", 0.5) for name in names)
    plan = Deployment(
        frozenset(names), nodes={OfferKey(name, "gpu"): 2 for name in names}, routing=flows
    )
    found = [
        figure.best.nakamoto[LIVENESS]
        for figure in concentration(network, plan, ("execution",))
        if figure.kind == "owner"
    ]
    assert found
    assert set(found) == {2}


@pytest.mark.parametrize(
    ("names", "hhi", "effective"),
    [
        # Nodes of 2025-10-31 by provider, data centre, owner, country and operator.
        (69, 0.0220, 45.4),
        (94, 0.0161, 62.3),
        (66, 0.0351, 28.5),
        (32, 0.1101, 9.1),
        (143, 0.0141, 71.1),
    ],
)
def test_the_effective_number_is_that_of_the_printed_concentration(
    names: int, hhi: float, effective: float
) -> None:
    # Both are rounded: the number lies between those of the ends of what rounds to the HHI.
    least, most = (effective_number(_with(names, hhi + error)) for error in (5e-5, -5e-5))
    assert least is not None
    assert most is not None
    assert least - 0.05 <= effective <= most + 0.05


def _with(names: int, hhi: float) -> list[float]:
    """Return shares of so many names, all but one alike, whose squares add up to this."""
    # p² + (1 − p)² / (n − 1) = H, so p = (1 + √((n − 1)(n·H − 1))) / n.
    largest = (1 + ((names - 1) * (names * hhi - 1)) ** 0.5) / names
    shares = [largest, *[(1 - largest) / (names - 1)] * (names - 1)]
    assert sum(share**2 for share in shares) == pytest.approx(hhi)
    return shares
