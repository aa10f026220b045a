"""Why there is no plan: the rules without which there would be one, found by leaving each out."""

from __future__ import annotations

import threading

import numpy as np

from models.build import build, rule_name
from models.network import Network
from models.options import service_options
from models.rules import RULES
from planner.arrays import Arrays, compile_model
from planner.highs import Engine

SECONDS_EACH = 10.0


def reasons(network: Network, stop: threading.Event) -> tuple[str, ...]:
    """Return one sentence per rule whose rows, left out alone, make a plan possible."""
    model = build(network, service_options(network))
    arrays = compile_model(model)
    found = []
    for rule in RULES:
        if stop.is_set():
            break
        if _is_possible_without(arrays, rule_name(rule), stop):
            sentence = (rule.__doc__ or "").strip().split("\n")[0]
            found.append(f"{rule_name(rule)}: {sentence} Without this rule there is a plan.")
    if not found:
        found.append("No single rule stands in the way: at least two would have to give.")
    return tuple(found)


def _is_possible_without(arrays: Arrays, name: str, stop: threading.Event) -> bool:
    own = np.array([row.startswith(f"{name}.") for row in arrays.row_names])
    if not own.any():
        return False
    engine = Engine(arrays, stop)
    rows = np.flatnonzero(own).astype(np.int32)
    free = np.full(len(rows), np.inf)
    engine.highs.changeRowsBounds(len(rows), rows, -free, free)
    return engine.solve(time_limit_s=SECONDS_EACH, gap=1.0).values is not None
