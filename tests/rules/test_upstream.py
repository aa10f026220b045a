"""What is sent to an upstream stays within what it accepts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.data import Demand, Item, Model
from models.network import Link, Network
from models.plan import Deployment, Flow
from models.rules import upstream as rule
from models.service import ESTIMATE
from tests.rules import (
    assert_explains,
    assert_illegal,
    assert_legal,
    at,
    demand,
    network,
    offer,
    site,
)


def proxies(*rows: Demand) -> Network:
    """Lab accepts 10 requests/s in all; the second model there states no limit of its own."""
    return network(
        [site("a"), site("b")],
        [offer("a", "gpu", requests_per_s=99), offer("b", "gpu", requests_per_s=99)],
        models=[
            Model(model="claude", upstream=(("Lab",),), max_requests_per_s=10),
            Model(model="haiku", upstream=(("Lab",),)),
            Model(model="other", upstream=(("Elsewhere",),)),
        ],
        demand=rows,
        periods={"day": 300.0, "night": 430.0},
        links=tuple(
            Link(Item("site", name), Item("upstream", lab), latency_ms=10)
            for name in "ab"
            for lab in ("Lab", "Elsewhere")
        ),
    )


def asked(model: str, rate: float, period: str = "day") -> Demand:
    return demand(rate=rate, model=model, period=period)


def routed(*rows: Demand, share: float = 1.0) -> Deployment:
    return Deployment(
        routing=tuple(
            Flow(row.key, at(name), ESTIMATE, "warm", share / 2) for row in rows for name in "ab"
        )
    )


def test_every_model_and_site_counts_towards_the_upstream() -> None:
    # 6 of claude and 4 of haiku make 10; what goes elsewhere, or to no model, does not count.
    rows = (asked("claude", 6), asked("haiku", 4), asked("other", 50), asked("", 50))
    assert_legal(rule, proxies(*rows), routed(*rows))
    more = (asked("claude", 6), asked("haiku", 4.5))
    message = "Lab day]: 10.50 requests/s go to an upstream that accepts 10.00"
    assert_illegal(rule, proxies(*more), routed(*more), message)


def test_each_period_has_the_whole_limit_and_only_what_is_served_counts() -> None:
    rows = (asked("claude", 10), asked("claude", 10, "night"))
    assert_legal(rule, proxies(*rows), routed(*rows))
    rows = (asked("claude", 20), asked("claude", 20, "night"))
    assert_legal(rule, proxies(*rows), routed(*rows, share=0.5))
    assert_illegal(
        rule,
        proxies(*rows),
        routed(*rows, share=0.6),
        "12.00 requests/s go to an upstream that accepts 10.00 (Model.max_requests_per_s)",
    )


def choosing(lab_ms: float, other_ms: float | None) -> tuple[Network, Deployment]:
    """Lab, which accepts 1 request/s, or Elsewhere, which takes all, answer 5 requests/s.

    The route to Lab is given from there, which serves both directions.
    """
    row = asked("either", 5)
    links = [Link(Item("upstream", "Lab"), Item("site", "a"), latency_ms=lab_ms)]
    if other_ms is not None:
        links.append(Link(Item("site", "a"), Item("upstream", "Elsewhere"), latency_ms=other_ms))
    models = (
        Model(model="either", upstream=(("Lab", "Elsewhere"),)),
        Model(model="claude", upstream=(("Lab",),), max_requests_per_s=1),
    )
    found = replace(
        proxies(row), links=tuple(links), models={model.model: model for model in models}
    )
    return found, Deployment(routing=(Flow(row.key, at("a"), ESTIMATE, "warm", 1.0),))


@pytest.mark.parametrize(
    ("lab_ms", "other_ms", "called"),
    [
        (10, 20, "Lab"),
        (20, 10, "Elsewhere"),
        (10, None, "Lab"),
        (10, 10, "Lab"),  # the first that the cell names
    ],
)
def test_the_fastest_of_the_alternatives_is_called(
    lab_ms: float, other_ms: float | None, called: str
) -> None:
    found, plan = choosing(lab_ms, other_ms)
    if called == "Elsewhere":
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "Lab day]: 5.00 requests/s go to an upstream")


def test_without_a_route_each_of_the_alternatives_may_be_called() -> None:
    found, plan = choosing(10, None)
    assert_illegal(rule, replace(found, links=()), plan, "Lab day]: 5.00 requests/s")


def test_what_nobody_asks_for_sends_nothing() -> None:
    known, stranger = asked("claude", 10), asked("claude", 1, "night")
    found, plan = proxies(known), routed(known, stranger, share=30.0)
    said = [violation.where for violation in rule.audit(found, plan)]
    assert said == ["Lab day"]


def test_an_upstream_without_a_limit_takes_everything() -> None:
    row = asked("other", 1e6)
    assert_legal(rule, proxies(row), routed(row))


def test_it_says_how_much_is_sent() -> None:
    rows = (asked("claude", 6), asked("haiku", 3), asked("claude", 8, "night"))
    assert_explains(rule, proxies(*rows), routed(*rows), "Lab 9.0 of 10.0 requests/s")
    assert_explains(rule, network([site("a")]), Deployment(), "No upstream has a limit")
