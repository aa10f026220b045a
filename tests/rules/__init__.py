"""Hand-made networks and plans for the rules, and what model rows and audit must say of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pyomo.repn import generate_standard_repn

from models.build import SINGLE_PHASE, build
from models.data import (
    Committee,
    Demand,
    Dependency,
    DiversityRow,
    Item,
    Model,
    NodeType,
    Offer,
    OfferKey,
    Policy,
    Provider,
    Region,
    Settings,
    Shock,
    Site,
)
from models.fields import columns
from models.network import Network
from models.plan import Deployment
from tests import draw
from tests.test_rules_contract import model_accepts

Known = dict[str, Any]

CELL = re.compile(r" \([A-Z]\w+\.\w+\)$")
"""How a violation ends that names the cell by the class of its row and its attribute."""

OF_THE_PLAN = {
    "stand at a site that is not open": "the plan says which sites are open",
    "no model can be loaded cold into": "all that keeps every model away, which is no one cell",
    "where nothing is kept for it": "the plan says what is kept where",
    "is loaded from": "the plan says both what is loaded and which copies are stored",
    "a site holds more than one copy": "the rule itself, whatever the workbook says",
    "the copy lies where no node stands": "the plan says where nodes stand",
    "seats are on": "one seat a node is the rule itself, and the plan says how many nodes stand",
}
"""What violations say whose limit no cell of the workbook sets, and what sets it instead."""


def site(name: str, provider: str = "Acme", **given: Any) -> Site:
    """Return a site at one point of the map that hangs on its provider and on what is given."""
    kinds = ("country", "bloc", "operator", "owner", "data_centre", "metro", "grid", "network")
    known: Known = dict.fromkeys(kinds, ()) | {"latitude": 50.0, "longitude": 8.0}
    return Site(site=name, provider=provider, **known | given)


def offer(name: str, node_type: str, most: int = 9, **given: Any) -> Offer:
    """Return an offer of up to `most` nodes."""
    return Offer(site=name, node_type=node_type, max_nodes=most, **given)


def demand(region: str = "users", rate: float = 1.0, **given: Any) -> Demand:
    """Return a demand row."""
    return Demand(region=region, requests_per_s=rate, **given)


def network(
    sites: Iterable[Site],
    offers: Iterable[Offer] = (),
    *,
    node_types: Iterable[NodeType] = (),
    providers: Iterable[Provider] = (),
    demand: Iterable[Demand] = (),
    models: Iterable[Model] = (),
    policies: Iterable[Policy] = (),
    committees: Iterable[Committee] = (),
    dependencies: Iterable[Dependency] = (),
    diversity: Iterable[DiversityRow] = (),
    shocks: Mapping[str, Iterable[Item]] | None = None,
    settings: Settings | None = None,
    **given: Any,
) -> Network:
    """Return a network of the rows; providers, node types and regions come by themselves.

    A node type that is not described executes; every shock is protected.
    """
    sites, offers, demand = list(sites), list(offers), tuple(demand)
    seen = {found.provider: Provider(provider=found.provider) for found in sites}
    types = {o.node_type: NodeType(node_type=o.node_type, role="execution") for o in offers}
    shocks = shocks or {}
    return Network(
        settings=settings or Settings(utilisation=1.0),
        sites={found.site: found for found in sites},
        providers=seen | {found.provider: found for found in providers},
        offers={found.key: found for found in offers},
        demand=demand,
        regions={d.region: Region(region=d.region, latitude=50.0, longitude=8.0) for d in demand},
        node_types=types | {found.node_type: found for found in node_types},
        models={found.model: found for found in models},
        policies={found.policy: found for found in policies},
        committees={found.committee: found for found in committees},
        dependencies={found.item: found for found in dependencies},
        diversity=tuple(diversity),
        shocks={name: Shock(shock=name, takes_down=None, protect=True) for name in shocks},
        shock_items={name: frozenset(items) for name, items in shocks.items()},
        **given,
    )


def at(name: str, node_type: str = "gpu") -> OfferKey:
    """Return the key of an offer."""
    return OfferKey(name, node_type)


def protected(kind: str, name: str) -> Dependency:
    """Return a dependency whose failure every guarantee must survive."""
    return Dependency(kind=kind, dependency=name, protect=True)


Written = tuple[dict[str, float], float | None, float | None]
"""The coefficients of a row by the name of the variable, and its limits."""


def written(family: Any) -> dict[Any, Written]:
    """Return the rows of a family by key."""
    found = {}
    for key, row in family.items():
        sum_ = generate_standard_repn(row.body)
        assert sum_.is_linear()
        assert not sum_.constant
        names = [variable.local_name for variable in sum_.linear_vars]
        terms = {n: float(c) for n, c in zip(names, sum_.linear_coefs, strict=True)}
        found[key] = (terms, row.lb, row.ub)
    return found


def verdicts(rule: Any, network: Network, plan: Deployment) -> tuple[bool | None, list[str]]:
    """Return whether the model's rows hold for the plan, and what the audit says of it."""
    model = build(network, draw.row_by_row(network))  # kept: its parts only point at it weakly
    block = model.phase[SINGLE_PHASE]
    return model_accepts(block, network, plan, rule), sayings(rule, network, plan)


def sayings(rule: Any, network: Network, plan: Deployment) -> list[str]:
    """Return what the audit says of the plan, `Offer.max_nodes` standing for the cell."""
    found = []
    for violation in rule.audit(network, plan):
        cell = ""
        if violation.row is not None:
            assert violation.attribute in columns(type(violation.row)), violation
            cell = f"{type(violation.row).__name__}.{violation.attribute}"
        found.append(str(replace(violation, cell=cell)))
    return found


def assert_legal(rule: Any, network: Network, plan: Deployment) -> None:
    """Assert that neither the model nor the audit objects to the plan."""
    accepted, said = verdicts(rule, network, plan)
    assert not said, said
    assert accepted is True


def assert_illegal(rule: Any, network: Network, plan: Deployment, *words: str) -> None:
    """Assert that the model refuses the plan and that the audit objects in these words.

    The audit must name the cell that sets the limit, unless the limit is the plan's own.
    """
    accepted, said = verdicts(rule, network, plan)
    assert accepted is False
    for text in words or ("",):
        found = [sentence for sentence in said if text in sentence]
        assert found, (text, said)
        assert any(map(CELL.search, found)) or any(own in found[0] for own in OF_THE_PLAN), found


def assert_refused_by_audit(rule: Any, network: Network, plan: Deployment, *words: str) -> None:
    """Assert that the audit objects to a plan that the model cannot even express."""
    said = sayings(rule, network, plan)
    for text in words or ("",):
        assert any(text in sentence for sentence in said), (text, said)


def assert_explains(rule: Any, network: Network, plan: Deployment, *figures: str) -> None:
    """Assert that the rule is explained in one sentence with these figures."""
    sentence = rule.explain(network, plan)
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence, sentence
    assert ". " not in sentence, sentence
    for figure in figures:
        assert figure in sentence, (figure, sentence)
