"""From classes back to rows: shares, loads and prices are kept, and nobody waits for nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.classes import demand_classes
from models.data import Item, NodeType, OfferKey, Policy
from models.network import Link
from models.plan import Flow, Replica, VerificationFlow
from models.split import _open_to, _source, least_transport, routing, verification
from models.stands import FETCHED, STORED, WARM
from models.streams import Stream
from tests import rules as rows_of
from tests.cases import PARIS, small


def brute_force(start: np.ndarray, cost: np.ndarray) -> float:
    """Return the least cost of moving whole units, by trying every transport of a small table.

    Its last row and column follow from the other cells and the sums.
    """
    rows, columns = start.sum(axis=1).astype(int), start.sum(axis=0).astype(int)
    best = np.inf
    ranges = [range(int(min(r, c)) + 1) for r in rows[:-1] for c in columns[:-1]]
    for cells in itertools.product(*ranges):
        inner = np.array(cells).reshape(len(rows) - 1, len(columns) - 1)
        table = np.hstack([inner, (rows[:-1] - inner.sum(axis=1))[:, None]])
        table = np.vstack([table, columns - table.sum(axis=0)])
        if (table >= 0).all() and not (table[~np.isfinite(cost)] > 0).any():
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


def test_where_nothing_goes_nothing_is_moved() -> None:
    start = np.zeros((2, 3))
    assert not least_transport(start, np.ones((2, 3))).any()


def test_flows_to_other_slots_are_in_no_column() -> None:
    found = rows_of.network(
        [rows_of.site(name) for name in "xyz"],
        [rows_of.offer(name, "gpu", requests_per_s=9) for name in "xyz"],
        demand=[rows_of.demand(rate=2.0), rows_of.demand("others", rate=2.0, unserved_penalty=7)],
    )
    classes = demand_classes(found)
    assert len(classes.classes) == 2
    # Of the three flows of each class, the second and the third may change places.
    for number in (0, 1):
        slots = [
            (int(classes.place[flow]), float(classes.price[flow]))
            for flow in np.flatnonzero(classes.of == number)
        ]
        flows, columns = _open_to(classes, number, {slots[2]: 0, slots[1]: 1})
        assert flows.tolist() == [3 * number + 1, 3 * number + 2]
        assert columns.tolist() == [1, 0]


def test_a_cold_load_comes_from_the_nearest_copy_or_from_the_hub() -> None:
    network = small()
    network = replace(network, settings=replace(network.settings, near_ms=50.0))
    classes = demand_classes(network)
    job = next(job for job in classes.jobs if job.state == STORED)
    near, far = OfferKey("paris", "disk"), OfferKey("frankfurt", "disk")
    assert classes.ways.stands.stores_near["paris"] == (near, far)
    both = frozenset({Replica(*near, "law"), Replica(*far, "law")})
    assert _source(classes, job, PARIS, both) == "paris/disk"
    # A copy of another model is none.
    other = frozenset({Replica(*near, "chat"), Replica(*far, "law")})
    assert _source(classes, job, PARIS, other) == "frankfurt/disk"
    assert _source(classes, job, PARIS, frozenset()) == "paris/disk"
    assert _source(classes, job._replace(state=FETCHED), PARIS, both) == "hub"
    assert _source(classes, job._replace(state=WARM), PARIS, both) == ""


def test_a_row_that_asks_for_nothing_goes_somewhere_all_the_same() -> None:
    found = rows_of.network(
        [rows_of.site("x"), rows_of.site("y")],
        [rows_of.offer(name, "gpu", requests_per_s=9) for name in "xy"],
        demand=[rows_of.demand(rate=0.0)],
    )
    classes = demand_classes(found)
    # The first flow takes a quarter of the row and the second the rest, as one load each.
    flows = routing(found, classes, lambda flow: (0.25, 0.75)[flow], lambda *_: 1.0, frozenset())
    assert {flow.offer.site: flow.share for flow in flows} == pytest.approx({"x": 0.25, "y": 0.75})


def test_each_of_two_alike_is_served_by_who_is_near() -> None:
    """Half of both together is served at x, half at y: one of them here, the other there."""
    ms = {("users", "x"): 50.0, ("users", "y"): 5.0, ("others", "x"): 5.0, ("others", "y"): 50.0}
    found = rows_of.network(
        [rows_of.site("x"), rows_of.site("y")],
        [rows_of.offer(name, "gpu", requests_per_s=9) for name in "xy"],
        demand=[rows_of.demand(rate=4.0), rows_of.demand("others", rate=4.0)],
        links=tuple(
            Link(Item("region", region), Item("site", name), latency)
            for (region, name), latency in ms.items()
        ),
    )
    classes = demand_classes(found)
    assert len(classes.classes) == 1
    flows = routing(found, classes, lambda _: 0.5, lambda *_: 4.0, frozenset())
    assert [(flow.demand.region, flow.offer.site) for flow in flows] == [
        ("users", "y"),
        ("others", "x"),
    ]
    assert [flow.share for flow in flows] == pytest.approx([1.0, 1.0])


def test_the_offers_of_a_site_are_filled_in_proportion_to_their_loads() -> None:
    # Loads of 1 and 3: a quarter of the 4 requests/s here, the rest there.
    found = rows_of.network(
        [rows_of.site("x")],
        [rows_of.offer("x", kind, requests_per_s=9) for kind in ("gpu", "tpu")],
        demand=[rows_of.demand(rate=4.0)],
    )
    classes = demand_classes(found)
    flows = routing(found, classes, lambda _: 1.0, lambda offer, _: (1.0, 3.0)[offer], frozenset())
    shares = {flow.offer.node_type: flow.share for flow in flows}
    assert shares == pytest.approx({"gpu": 0.25, "tpu": 0.75})
    assert {flow.state for flow in flows} == {"warm"}


def test_what_rounding_leaves_of_an_offer_is_no_flow_of_the_next_row() -> None:
    # A billionth of 4 requests/s, and half of that is left at the first offer.
    found = rows_of.network(
        [rows_of.site("x")],
        [rows_of.offer("x", kind, requests_per_s=9) for kind in ("gpu", "tpu")],
        demand=[rows_of.demand(rate=4.0), rows_of.demand("others", rate=4.0)],
    )
    classes, loads = demand_classes(found), (4 + 2e-9, 4 - 2e-9)
    flows = routing(found, classes, lambda _: 1.0, lambda offer, _: loads[offer], frozenset())
    assert [flow.offer.node_type for flow in flows] == ["gpu", "tpu"]
    assert [flow.share for flow in flows] == pytest.approx([1.0, 1.0])


def test_what_rounding_leaves_goes_to_no_offer_without_a_load() -> None:
    # Beside 266 million requests/s a single one is near to what floats tell apart.
    found = rows_of.network(
        [rows_of.site("x")],
        [rows_of.offer("x", kind, requests_per_s=9) for kind in ("gpu", "tpu", "unused")],
        demand=[
            rows_of.demand("many", rate=266467524.69367364),
            rows_of.demand("one", rate=1.0),
        ],
    )
    classes = demand_classes(found)
    loads = (9e7, 3e7 + 4e-9, 0.0)
    flows = routing(found, classes, lambda _: 1.0, lambda offer, _: loads[offer], frozenset())
    assert {flow.offer.node_type for flow in flows} == {"gpu", "tpu"}


def test_what_is_verified_is_split_by_what_is_executed() -> None:
    """Of 0.8 requests/s x executes 0.2, y 0.6; of two verifications each, a makes 1.2, b 0.4."""
    by_two = Policy(policy="two", verifiers=2, quorum=2)
    rows = [rows_of.demand(rate=0.5, verification="two"), rows_of.demand("others", rate=0.3)]
    rows[1] = replace(rows[1], verification="two")
    found = rows_of.network(
        [rows_of.site(name) for name in "abcxyz"],
        [rows_of.offer(name, "check" if name in "abc" else "gpu") for name in "abcxyz"],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=9)],
        demand=rows,
        policies=[by_two],
    )
    executors = tuple(rows_of.at(name) for name in "xyz")
    verifiers = tuple(rows_of.at(name, "check") for name in "abc")
    stream = Stream("two", "", "", executors, verifiers)
    flows = tuple(
        Flow(row.key, executor, "", "warm", share)
        for row, executor, share in (
            (rows[0], executors[0], 0.4),
            (rows[0], executors[1], 0.6),
            (rows[1], executors[1], 1.0),
        )
    )

    def verified(rates: dict[str, float]) -> dict[tuple[str, str], float]:
        checks = verification(found, [stream], lambda _, offer: rates[offer.site], flows)
        assert all(check[:3] == ("two", "", "") for check in map(astuple_of, checks))
        assert list(checks) == sorted(checks, key=lambda check: (check.executor, check.verifier))
        return {(check.executor.site, check.verifier.site): check.rate for check in checks}

    split = {("x", "a"): 0.3, ("x", "b"): 0.1, ("y", "a"): 0.9, ("y", "b"): 0.3}
    assert verified({"a": 1.2, "b": 0.4, "c": 0.0}) == pytest.approx(split)
    # What does not add up, by rounding, is scaled to two verifications a request; dust is none.
    assert verified({"a": 0.6, "b": 0.2, "c": 1e-10}) == pytest.approx(split)
    # Where nobody verifies anything nothing can be scaled.
    assert verified({"a": 0.0, "b": 0.0, "c": 0.0}) == {}
    # Where nothing is executed nothing is verified.
    assert verification(found, [stream], lambda *_: 1.0, ()) == ()


def astuple_of(check: VerificationFlow) -> tuple[str, str, str]:
    return (check.policy, check.residency, check.period)
