"""Where a plan passes by a nearer site because the model would be cold there."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from models.data import DemandKey, OfferKey
from models.detours import Detour, detours
from models.plan import Deployment, Flow, Replica
from models.service import ESTIMATE
from tests.cases import FRANCE, FRANKFURT, GERMANY, LONDON, PARIS, deployment_for_small, small

LYON = (45.8, 4.8)
"""Where the French are."""


def round_trip_ms(offer: OfferKey) -> float:
    """Return the estimate for the French but for `access_ms`, by the law of cosines."""
    network = small()
    site = network.sites[offer.site]
    assert site.latitude is not None
    assert site.longitude is not None
    phi, psi = math.radians(LYON[0]), math.radians(site.latitude)
    turn = math.radians(site.longitude - LYON[1])
    angle = math.acos(
        math.sin(phi) * math.sin(psi) + math.cos(phi) * math.cos(psi) * math.cos(turn)
    )
    settings = network.settings
    return 2 * 6371.0 * angle * settings.route_stretch / settings.fibre_km_per_ms


def french_at(offer: OfferKey, *warm: OfferKey, state: str = "warm") -> Deployment:
    """Return a plan that serves only the French, from one offer, warm at these."""
    return Deployment(
        nodes={offer: 1},
        warm={Replica(*at, "chat"): 1 for at in (offer, *warm)},
        routing=(Flow(FRANCE, offer, ESTIMATE, state, 1.0, "hub" if state == "cold" else ""),),
    )


def test_a_plan_that_is_warm_everywhere_passes_by_nobody() -> None:
    plan = deployment_for_small()
    assert {replica.site for replica in plan.warm} == {"frankfurt", "london", "paris"}
    assert detours(small(), plan) == []


def test_the_nearest_offer_that_is_cold_is_named_with_what_it_would_save() -> None:
    # From Lyon, Paris is nearer than Frankfurt, and London is the farthest.
    assert round_trip_ms(PARIS) < round_trip_ms(FRANKFURT) < round_trip_ms(LONDON)
    for afar in (FRANKFURT, LONDON):
        plan = french_at(afar)
        (found,) = detours(small(), plan)
        assert (found.flow, found.nearer) == (plan.routing[0], PARIS)
        saved = round_trip_ms(afar) - round_trip_ms(PARIS)
        assert found.saved_ms == pytest.approx(saved, rel=1e-9)
        # 15 GB by 0.5 GB/s from the hub and by 2 GB/s into the node; chat starts at once.
        assert found.load_s == pytest.approx(15 / 0.5 + 15 / 2)


def test_a_site_that_is_warm_is_not_passed_by_because_it_is_cold() -> None:
    (found,) = detours(small(), french_at(LONDON, PARIS))
    assert found.nearer == FRANKFURT
    # A replica of another model, or of none, warms nobody.
    other = french_at(FRANKFURT)
    warm = {**other.warm, Replica(*PARIS, "law"): 1, Replica(*LONDON, "chat"): 1}
    (found,) = detours(small(), replace(other, warm=warm))
    assert found.nearer == PARIS
    (found,) = detours(small(), replace(other, warm={**other.warm, Replica(*PARIS, "chat"): 0}))
    assert found.nearer == PARIS


def test_who_is_served_by_the_nearest_or_cold_makes_no_detour() -> None:
    assert detours(small(), french_at(PARIS)) == []
    assert detours(small(), french_at(FRANKFURT, state="cold")) == []


def test_a_flow_that_cannot_be_or_that_nobody_asks_for_makes_no_detour() -> None:
    plan = french_at(FRANKFURT)
    stranger = DemandKey("spain", "chat", "checked", "interactive", "")
    (flow,) = plan.routing
    assert detours(small(), replace(plan, routing=(replace(flow, demand=stranger),))) == []
    assert detours(small(), replace(plan, routing=(replace(flow, route="no such"),))) == []


def test_a_way_whose_time_is_unknown_is_not_nearer() -> None:
    network = small()
    nowhere = replace(network.sites["paris"], latitude=None, longitude=None)
    network = replace(network, sites={**network.sites, "paris": nowhere})
    assert detours(network, french_at(FRANKFURT)) == []
    (found,) = detours(network, french_at(LONDON))
    assert found.nearer == FRANKFURT


def test_a_site_that_is_as_far_is_not_nearer() -> None:
    network = small()
    at = network.sites["frankfurt"]
    beside = replace(network.sites["paris"], latitude=at.latitude, longitude=at.longitude)
    network = replace(network, sites={**network.sites, "paris": beside})
    assert detours(network, french_at(FRANKFURT)) == []


def test_detours_come_in_the_order_of_the_routing() -> None:
    # In London, the Germans pass by Frankfurt and the French by Paris.
    flows = (
        Flow(GERMANY, LONDON, "direct", "warm", 0.5),
        Flow(FRANCE, LONDON, ESTIMATE, "warm", 1.0),
    )
    plan = replace(french_at(LONDON), routing=flows)
    found: list[Detour] = detours(small(), plan)
    assert [(detour.flow, detour.nearer) for detour in found] == [
        (flows[0], FRANKFURT),
        (flows[1], PARIS),
    ]
