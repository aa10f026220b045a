"""Requests for other processes: all that they import to read them, which takes no test library."""

from __future__ import annotations

from dataclasses import replace

from bench.networks import Size, generate
from models.data import OfferKey
from planner.jobs.requests import Request
from planner.result import Limits
from tests.cases import small

LIMITS = Limits(time_limit_s=60.0, gap=0.0)


def requests(count: int) -> list[Request]:
    """Return networks that differ in the price of a node, and every other one without a rule."""
    found, gpu = [], OfferKey("paris", "gpu")
    for number in range(count):
        network = small()
        offer = replace(network.offers[gpu], monthly_cost=900 + 100 * number)
        network = replace(network, offers={**network.offers, gpu: offer})
        without = frozenset({"storage"} if number % 2 else ())
        found.append(Request(f"price {number}", network, LIMITS, without))
    return found


def endless(key: str) -> Request:
    return Request(key, generate(Size(30, 10, 3), 1), Limits(time_limit_s=600.0, gap=0.0))
