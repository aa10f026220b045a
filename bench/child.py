"""One run in a process of its own: `python -m bench.child WAY NETWORK SEED LIMIT BEGUN FILE`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from bench.subject import judged, load
from bench.trace import Clock, Trace


def main(way: str, name: str, seed: str, limit_s: str, begun: str, path: str) -> None:
    """Solve and leave the record in the file."""
    trace = Trace(Path(path), Clock(float(begun), float(limit_s)))
    network = load(name, int(seed))
    plan = importlib.import_module(f"bench.ways.{way}").run(network, trace.clock, trace)
    if plan is None:
        trace.end(None, None)
    else:
        trace.end(*judged(network, plan))


if __name__ == "__main__":
    main(*sys.argv[1:])
