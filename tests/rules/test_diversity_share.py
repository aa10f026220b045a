"""No dependency carries more than its share of what is served or placed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.data import (
    Committee,
    Demand,
    DiversityRow,
    Item,
    Model,
    Needs,
    NodeType,
    OfferKey,
    Policy,
    Provider,
    Settings,
)
from models.exposure import Exposure
from models.network import Link, Network
from models.plan import Deployment, Flow, Replica, Seat, VerificationFlow
from models.rules import diversity_share as rule
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


def capped(role: str = "execution", kind: str = "provider", **given: Any) -> DiversityRow:
    given.setdefault("max_share", 0.5)
    return DiversityRow(rule="cap", role=role, kind=kind, **given)


def clouds(
    row: DiversityRow,
    owners: dict[str, Needs | None] | None = None,
    settings: Settings | None = None,
) -> Network:
    """Site a is of Acme, b of Rent, which resells Acme, c of Bolt, d of Core."""
    providers = {"a": "Acme", "b": "Rent", "c": "Bolt", "d": "Core"}
    owners = owners or {}
    return network(
        [site(name, of, owner=owners.get(name, ())) for name, of in providers.items()],
        [offer(name, "gpu") for name in providers],
        providers=[Provider(provider="Rent", parent=(("Acme",),))],
        diversity=[row],
        settings=settings,
    )


def standing(**nodes: int) -> Deployment:
    return Deployment(nodes={at(name): count for name, count in nodes.items()})


def test_what_a_reseller_sells_hangs_on_its_cloud() -> None:
    row = capped(measure="nodes")
    # Acme: 1 of its own + 1 resold of 4 = 50 %
    assert_legal(rule, clouds(row), standing(a=1, b=1, c=2))
    # … of 3 = 67 %, though Acme, Rent and Bolt sell a third each
    assert_illegal(
        rule,
        clouds(row),
        standing(a=1, b=1, c=1),
        "66.6667% hang on provider:Acme, at most 50.0000% may (DiversityRow.max_share)",
    )
    # The inner level is limited too: 2 of 3 at Rent
    assert_illegal(rule, clouds(row), standing(b=2, c=1), "66.6667% hang on provider:Rent")


def test_a_named_dependency_limits_itself_alone() -> None:
    acme = capped(measure="nodes", dependency="Acme")
    assert_legal(rule, clouds(acme), standing(a=1, c=9))  # Bolt may have 90 %
    assert_illegal(rule, clouds(acme), standing(a=1, b=1, c=1), "66.6667% hang on provider:Acme")
    rent = capped(measure="nodes", dependency="Rent")
    assert_legal(rule, clouds(rent), standing(a=2, b=1))
    assert_legal(rule, clouds(rent), Deployment())  # nothing is within every share of nothing


@pytest.mark.parametrize(
    ("owner", "share"),
    [
        ((("Equus",), ("Domus",)), 1.0),  # `Equus; Domus`: a fails with either
        ((("Equus", "Domus"),), 0.5),  # `Equus | Domus`: a fails only with both
        ((), 0.5),  # none
    ],
)
def test_both_owners_count_and_either_of_two_does_not(owner: Needs, share: float) -> None:
    owners: dict[str, Needs | None] = {"a": owner, "c": (("Equus",),)}
    plan = standing(a=1, c=1)
    row = capped(kind="owner", measure="nodes", dependency="Equus", max_share=share)
    assert_legal(rule, clouds(row, owners), plan)
    row = capped(kind="owner", measure="nodes", dependency="Equus", max_share=share - 0.01)
    assert_illegal(rule, clouds(row, owners), plan, f"{share:.4%} hang on owner:Equus")


def test_unknown_owners_are_one_or_many_as_the_setting_says() -> None:
    owners: dict[str, Needs | None] = {"a": None, "c": None, "d": (("Equus",),)}
    row, plan = capped(kind="owner", measure="nodes"), standing(a=1, c=1, d=1)
    # Two of three sites do not say who owns them: perhaps the same.
    shared = clouds(row, owners, Settings(unknown="shared"))
    assert_illegal(rule, shared, plan, "66.6667% hang on owner:unknown")
    assert_legal(rule, clouds(row, owners, Settings(unknown="distinct")), plan)


def chats(row: DiversityRow, *rows: Demand, **given: Any) -> Network:
    return network(
        [site("a", "Acme"), site("c", "Bolt")],
        [offer("a", "gpu", requests_per_s=99), offer("c", "gpu", requests_per_s=99)],
        models=[Model(model=name, upstream=((lab,),)) for name, lab in (("x", "L"), ("y", "M"))],
        demand=rows,
        diversity=[row],
        links=tuple(
            Link(Item("site", name), Item("upstream", lab), latency_ms=9)
            for name in "ac"
            for lab in "LM"
        ),
        **given,
    )


def routed(*flows: tuple[Demand, str, float]) -> Deployment:
    return Deployment(
        routing=tuple(
            Flow(row.key, at(name), ESTIMATE, "warm", share) for row, name, share in flows
        )
    )


def test_shares_are_of_what_is_served_not_of_what_is_asked() -> None:
    row = demand(rate=10)
    # 2.5 + 2.5 of 10 are served: half of it each
    found = chats(capped(), row)
    assert_legal(rule, found, routed((row, "a", 0.25), (row, "c", 0.25)))
    # 3 and 2 of 5 served: 60 %, though only 30 % of what is asked
    plan = routed((row, "a", 0.3), (row, "c", 0.2))
    assert_illegal(rule, found, plan, "60.0000% hang on provider:Acme")


def test_requests_weigh_by_their_rate() -> None:
    many, few = demand(region="many", rate=9), demand(region="few", rate=1)
    plan = routed((many, "a", 1.0), (few, "c", 1.0))
    assert_illegal(rule, chats(capped(max_share=0.89), many, few), plan, "90.0000%")
    assert_legal(rule, chats(capped(max_share=0.9), many, few), plan)


def test_each_model_by_itself_or_all_together() -> None:
    x, y = demand(model="x"), demand(model="y")
    plan = routed((x, "a", 1.0), (y, "c", 1.0))
    assert_legal(rule, chats(capped(scope="total"), x, y), plan)  # half of all at each
    assert_illegal(
        rule, chats(capped(scope="each"), x, y), plan, "[cap, x", "provider:Acme]: 100.0000%"
    )


@pytest.mark.parametrize(
    ("applies_to", "legal"), [("model:x", False), ("model:y", True), ("r", False), ("s", True)]
)
def test_a_row_may_apply_to_a_model_or_a_region(applies_to: str, legal: bool) -> None:
    x, y = demand(region="r", model="x"), demand(region="s", model="y")
    plan = routed((x, "a", 1.0), (y, "a", 0.5), (y, "c", 0.5))
    found = chats(capped(applies_to=applies_to), x, y)
    if legal:
        assert_legal(rule, found, plan)
    else:
        assert_illegal(rule, found, plan, "[cap, x", "provider:Acme]: 100")


def test_every_period_keeps_the_share() -> None:
    day, night = demand(period="day"), demand(period="night")
    found = chats(capped(), day, night, periods={"day": 300.0, "night": 430.0})
    halves = [(row, name, 0.5) for row in (day, night) for name in "ac"]
    assert_legal(rule, found, routed(*halves))
    # Half of the month's requests at each, but all of the day's at one
    plan = routed((day, "a", 1.0), (night, "c", 1.0))
    assert_illegal(rule, found, plan, " day, provider:Acme]: 100", " night, provider:Bolt]: 100")


def test_requests_hang_on_cables_and_upstreams_on_their_way() -> None:
    x, y = demand(model="x"), demand(model="y")
    row = capped(kind="upstream", scope="total", max_share=0.6)
    assert_legal(rule, chats(row, x, y), routed((x, "a", 1.0), (y, "a", 1.0)))
    plan = routed((x, "a", 1.0), (y, "a", 0.5))  # 1 of 1.5 = 67 % call L
    assert_illegal(rule, chats(row, x, y), plan, "66.6667% hang on upstream:L")


@pytest.mark.parametrize("where", ["in", "out"])
def test_requests_hang_on_the_cable_to_the_site_and_to_the_upstream(where: str) -> None:
    x = demand(model="x")
    found = chats(capped(kind="cable"), x)
    north = ((Item("cable", "North"),),)
    if where == "in":
        link = Link(Item("region", "users"), Item("site", "a"), 9, via=north)
        links, route = (*found.links, link), "direct"
    else:
        link = Link(Item("site", "a"), Item("upstream", "L"), 5, via=north)  # faster than the 9 ms
        links, route = (*found.links, link), ESTIMATE
    object.__setattr__(found, "links", links)
    flows = (
        Flow(x.key, at("a"), route, "warm", 0.5),
        Flow(x.key, at("c"), ESTIMATE, "warm", 0.5),
    )
    assert_legal(rule, found, Deployment(routing=flows))
    assert_illegal(rule, found, Deployment(routing=flows[:1]), "100.0000% hang on cable:North")


def test_requests_hang_on_what_their_region_depends_on() -> None:
    here, there = demand(region="here"), demand(region="there")
    found = chats(
        capped(kind="cable", scope="total"),
        here,
        there,
        exposures=(Exposure(Item("region", "here"), (Item("cable", "North"),)),),
    )
    assert_legal(rule, found, routed((here, "a", 1.0), (there, "a", 1.0)))
    plan = routed((here, "a", 1.0), (there, "a", 0.5))
    assert_illegal(rule, found, plan, "66.6667% hang on cable:North")


def services(row: DiversityRow) -> Network:
    """Two sites with checkers, disks and seats; policies of 1 and 2 work, two models."""
    kinds = {"check": "verification", "disk": "storage", "seat": "coordination"}
    return network(
        [site("x", "Core"), site("a", "Acme"), site("c", "Bolt")],
        [
            offer("x", "gpu", requests_per_s=99),
            *(offer(name, kind) for name in "ac" for kind in kinds),
        ],
        node_types=[
            NodeType(node_type=kind, role=role, verifications_per_s=99, disk_tb=9)
            for kind, role in kinds.items()
        ],
        policies=[
            Policy(policy="easy", verifiers=1, quorum=1),
            Policy(policy="hard", verifiers=1, quorum=1, work=2.0),
        ],
        models=[
            Model(model="m", gpu_memory_gb=9, weights_gb=9, copies=2),
            Model(model="n", gpu_memory_gb=9, weights_gb=9, copies=1),
            Model(model="loose", gpu_memory_gb=9, weights_gb=9),
        ],
        committees=[Committee(committee=name, seats=2) for name in ("council", "senate")],
        demand=[demand(verification="easy", rate=4), demand(verification="hard", rate=2)],
        diversity=[row],
    )


def work(**rates: float) -> Deployment:
    """Verifications/s by `policy_site`."""
    return Deployment(
        verification=tuple(
            VerificationFlow(policy, "", "", at("x"), at(name, "check"), rate)
            for (policy, name), rate in ((key.split("_"), rate) for key, rate in rates.items())
        )
    )


def test_verification_counts_by_its_work() -> None:
    total = capped("verification", scope="total")
    # 4 verifications of work 1 at Acme, 2 of work 2 at Bolt: half of 8 each
    plan = work(easy_a=4, hard_c=2)
    assert_legal(rule, services(total), plan)
    each = services(capped("verification"))
    assert_illegal(rule, each, plan, "[cap, easy", "provider:Acme]: 100", "provider:Bolt]: 100")
    assert_legal(rule, each, work(easy_a=2, easy_c=2, hard_a=1, hard_c=1))
    only = services(capped("verification", applies_to="hard"))
    assert_legal(rule, only, work(easy_a=4, hard_a=1, hard_c=1))
    assert_illegal(rule, only, work(easy_c=4, hard_a=2, hard_c=1), "66.6667% hang on provider:Acme")


def copies(*where: str) -> Deployment:
    return Deployment(copies=frozenset(Replica(t[0], "disk", t[2:]) for t in where))


def test_copies_count_for_the_models_that_ask_for_them() -> None:
    total = services(capped("storage", scope="total"))
    # m at both, n at c, the loose copy does not count: Bolt has 2 of 3
    assert_illegal(
        rule, total, copies("a/m", "c/m", "c/n", "a/loose"), "66.6667% hang on provider:B"
    )
    assert_legal(
        rule, services(capped("storage", applies_to="model:m")), copies("a/m", "c/m", "c/n")
    )
    assert_illegal(
        rule,
        services(capped("storage")),
        copies("a/m", "c/m", "c/n"),
        "cap, n, provider:Bolt]: 100",
    )
    named = services(capped("storage", applies_to="model:loose"))
    assert_illegal(rule, named, copies("a/m", "c/m", "a/loose"), "cap, loose, provider:Acme]: 100")


def seats(**counts: int) -> Deployment:
    found = {tuple(key.split("_")): count for key, count in counts.items()}
    return Deployment(seats={Seat(name, at, "seat"): n for (name, at), n in found.items()})


def test_seats_count_by_committee_or_together() -> None:
    plan = seats(council_a=2, senate_c=2)
    assert_legal(rule, services(capped("coordination", scope="total")), plan)
    each = services(capped("coordination"))
    assert_illegal(
        rule, each, plan, "cap, council, provider:Acme]: 100", "cap, senate, provider:Bo"
    )
    only = services(capped("coordination", applies_to="council"))
    assert_legal(rule, only, seats(council_a=1, council_c=1, senate_c=2))
    assert_illegal(rule, only, seats(council_a=2, senate_c=2), "cap, council, provider:Acme]: 100")


def test_sites_count_once_however_many_nodes_they_have() -> None:
    row = capped(measure="sites")
    assert_legal(rule, clouds(row), standing(a=9, c=1))
    assert_illegal(rule, clouds(row), standing(a=1, b=1, c=9), "66.6667% hang on provider:Acme")
    # Only nodes of the role count: a has a disk, but nothing that executes.
    found = services(capped("storage", measure="nodes"))
    plan = Deployment(
        nodes={
            OfferKey("a", "disk"): 1,
            OfferKey("c", "disk"): 1,
            OfferKey("c", "seat"): 5,
        }
    )
    assert_legal(rule, found, plan)


def test_a_soft_row_costs_what_is_above_and_refuses_nothing() -> None:
    # 2 of 3 nodes: 0.5 nodes above half; one node is worth the penalty in full.
    found = clouds(capped(measure="nodes", penalty=60.0))
    plan = standing(a=1, b=1, c=1)
    assert_legal(rule, found, plan)
    assert rule.penalty(found, plan) == pytest.approx(60.0 * (2 - 1.5))
    # Of requests, a share of 1.0 is worth the penalty: 6 of 10 asked, 5 allowed.
    row = demand(rate=10)
    served = routed((row, "a", 0.6), (row, "c", 0.4))
    assert rule.penalty(chats(capped(penalty=60.0), row), served) == pytest.approx(60.0 * 0.1)


def test_only_soft_rows_about_shares_are_paid_for() -> None:
    plan = Deployment(nodes={at("a"): 2, at("c"): 1})
    assert rule.penalty(clouds(capped(measure="nodes")), plan) == 0.0
    count = replace(capped(penalty=60.0), max_share=None, max_count=1)
    assert rule.penalty(clouds(count), plan) == 0.0


def test_it_says_which_share_is_the_tightest() -> None:
    found = clouds(capped(measure="nodes"))
    assert_explains(rule, found, standing(a=1, b=1, c=2), "50.0% hang on provider:Acme", "50% may")
    assert_explains(rule, found, Deployment(), "Shares are limited, of nothing yet.")
