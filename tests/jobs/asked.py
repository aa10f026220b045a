"""Requests for other processes: all that they import to read them, which takes no test library."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from bench.networks import Size, generate
from models.data import OfferKey
from planner.jobs.requests import Request
from planner.result import Limits
from tests.cases import small

LIMITS = Limits(time_limit_s=60.0, gap=0.0)


@dataclass(frozen=True)
class Loaded:
    """Whether a module is loaded where the job is done."""

    key: str

    def run(self, _: threading.Event) -> bool:
        """Return it."""
        return self.key in sys.modules


class Told(Mapping[str, object]):
    """Solver options that do something where they are read, which is in the job."""

    def __init__(self, read: Callable[[], None]) -> None:
        self.read = read

    def __iter__(self) -> Iterator[str]:
        self.read()
        return iter(())

    def __len__(self) -> int:
        return 0

    def __getitem__(self, name: str) -> object:
        raise KeyError(name)


def tell_where() -> None:
    raise RuntimeError(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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
