"""An open site needs a contract with its provider, within what the provider can deliver."""

from __future__ import annotations

from collections.abc import Iterable

from models.data import Needs, Provider
from models.network import Network
from models.plan import Deployment
from models.rules import contracts as rule
from tests.rules import assert_explains, assert_illegal, assert_legal, at, network, offer, site

ON_ACME: Needs = (("Acme",),)


def resold(parent: Needs = ON_ACME, **limits: int) -> Network:
    """Site a is of Acme, b of Rent, which resells Acme."""
    return network(
        [site("a", "Acme"), site("b", "Rent")],
        [offer("a", "gpu"), offer("b", "gpu")],
        providers=[
            Provider(provider="Acme", max_nodes=limits.get("Acme")),
            Provider(provider="Rent", max_nodes=limits.get("Rent"), parent=parent),
        ],
    )


def standing(a: int, b: int, contracts: Iterable[str] = ("Acme", "Rent")) -> Deployment:
    opened = frozenset(name for name, count in (("a", a), ("b", b)) if count)
    nodes = {at("a"): a, at("b"): b}
    return Deployment(open=opened, contracts=frozenset(contracts), nodes=nodes)


def test_an_open_site_needs_the_contract_of_its_own_provider_only() -> None:
    # b runs on Acme in the end, but the contract is with Rent.
    assert_legal(rule, resold(), standing(0, 1, ["Rent"]))
    assert_illegal(
        rule,
        resold(),
        standing(0, 1, ["Acme"]),
        "b]: the site is open without a contract with Rent (Site.provider)",
    )


def test_a_provider_delivers_also_what_its_resellers_sell() -> None:
    assert_legal(rule, resold(Acme=3), standing(2, 1))  # 2 of its own + 1 resold = 3
    assert_illegal(
        rule,
        resold(Acme=3),
        standing(2, 2),
        "Acme]: 4 nodes hang on a provider that can deliver 3 (Provider.max_nodes)",
    )
    # The limit of the reseller does not count what Acme sells itself.
    assert_legal(rule, resold(Rent=1), standing(5, 1))
    assert_illegal(rule, resold(Rent=1), standing(0, 2), "Rent]: 2 nodes hang on")


def test_a_reseller_with_a_choice_of_clouds_hangs_on_neither() -> None:
    either: Needs = (("Acme", "Other"),)
    found = resold(either, Acme=3)
    found.providers["Other"] = Provider(provider="Other")  # type: ignore[index]
    assert_legal(rule, found, standing(3, 4))  # 4 of Rent could run on Other
    both: Needs = (("Acme",), ("Other",))
    found = resold(both, Acme=3)
    assert_illegal(rule, found, standing(3, 4), "7 nodes hang on")


def test_a_contract_may_be_required_or_forbidden() -> None:
    for status, held, legal in (
        ("required", True, True),
        ("required", False, False),
        ("forbidden", False, True),
        ("forbidden", True, False),
        ("candidate", True, True),
        ("candidate", False, True),
    ):
        found = network(
            [site("a")], [offer("a", "gpu")], providers=[Provider(provider="Acme", status=status)]
        )
        plan = Deployment(contracts=frozenset(["Acme"] if held else []))
        if legal:
            assert_legal(rule, found, plan)
        else:
            assert_illegal(rule, found, plan, f"the contract is {status} but")


def test_it_names_the_contracts() -> None:
    assert_explains(rule, resold(), standing(1, 1), "2 provider contracts", "Acme, Rent")


def test_a_required_contract_is_held_though_its_provider_has_no_site() -> None:
    found = network(
        [site("a")],
        [offer("a", "gpu")],
        providers=[Provider(provider="Peering", status="required", monthly_cost=70)],
    )
    assert_legal(rule, found, Deployment(contracts=frozenset({"Peering"})))
    assert_illegal(
        rule,
        found,
        Deployment(),
        "Peering]: the contract is required but not held (Provider.status)",
    )
