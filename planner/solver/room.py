"""Whether a model fits into the memory there is: estimated from counts, before it is built."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from models.classes import Classes, TooManyFlows, demand_classes
from models.network import Network
from models.streams import verification_streams
from planner.solver.loosened import loosened_columns

BYTES_EACH = 6_000
"""Memory of one column from Pyomo to the solver, measured from 80,000 to 610,000 columns."""
BYTES_AT_LEAST = 300 * 2**20
"""What the interpreter and the libraries take with the smallest model."""
BYTES_OF_FLOW = 250
"""Memory of a flow that is priced and not built, measured at 2.2 million flows."""
PART_FROM, PART_ONLY_FROM = 30_000, 50_000
"""Columns from which a part of the network is searched first, and from which nothing else is."""
SPARE = 0.9
"""The share of the memory at hand that a model may fill."""


class TooLarge(Exception):
    """The model would not fit; says how large it is, what there is, and what would make it fit."""


def count_columns(network: Network, classes: Classes) -> int:
    """Return about how many columns the model has: flows, loads, and pairs that verify."""
    pairs = sum(len(stream.verifiers) for stream in verification_streams(network, classes))
    return len(classes) + len(classes.loads) + pairs


def at_hand_bytes() -> int:
    """Return the memory that may still be taken: what is free, within what the process may have."""
    page = os.sysconf("SC_PAGE_SIZE")
    found = os.sysconf("SC_AVPHYS_PAGES") * page
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found = int(line.split()[1]) * 1024
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        statm = Path("/proc/self/statm")
        taken = int(statm.read_text(encoding="ascii").split()[0]) * page if statm.exists() else 0
        found = min(found, most - taken)
    return found


def copies_that_fit(network: Network, classes: Classes) -> int:
    """Return how many models of these classes fit side by side, each in a process of its own."""
    return int(SPARE * at_hand_bytes() / _needed_bytes(count_columns(network, classes)))


def classes_within(network: Network) -> Classes:
    """Return the demand classes; raise TooLarge as soon as they outgrow the memory at hand."""
    at_hand = at_hand_bytes()
    most = max(0.0, SPARE * at_hand - BYTES_AT_LEAST) / BYTES_OF_FLOW
    try:
        return demand_classes(network, most_flows=most)
    except TooManyFlows as error:
        raise TooLarge(
            f"the first {error.rows:,} of {len(network.demand):,} demand rows, in"
            f" {error.classes:,} classes, can be served in more than {most:,.0f} ways, and more do"
            f" not fit into the {at_hand / 2**30:,.1f} GiB at hand"
        ) from None


def has_room(columns: int) -> bool:
    """Return whether a model of so many columns fits into the memory at hand."""
    return _needed_bytes(columns) <= SPARE * at_hand_bytes()


def demand_room(network: Network, classes: Classes) -> None:
    """Raise TooLarge where the largest model to be built would not fit into the memory at hand."""
    columns, at_hand = count_columns(network, classes), at_hand_bytes()
    needed, fits = _needed_bytes(columns), SPARE * at_hand
    if columns > PART_ONLY_FROM:
        # The loads alone may be too many already, and what else there is takes a while to count.
        priced = BYTES_OF_FLOW * len(classes)
        needed = _needed_bytes(len(classes.loads)) + priced
        if needed <= fits:
            needed = _needed_bytes(loosened_columns(network, classes)) + priced
    if needed > fits:
        raise TooLarge(
            f"{len(network.demand):,} demand rows in {len(classes.classes):,} classes on "
            f"{len(classes.offers):,} execution offers make about {columns:,} columns, "
            f"{len(classes):,} of them flows: at least {needed / 2**30:,.1f} GiB, and "
            f"{at_hand / 2**30:,.1f} GiB are at hand. What fits is at most"
            f" {max(0.0, fits) / needed:.0%} of that"
        )


def _needed_bytes(columns: int) -> int:
    return BYTES_AT_LEAST + BYTES_EACH * columns
