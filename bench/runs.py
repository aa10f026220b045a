"""Runs ways one after the other, each in its own process, under one limit.

A process of its own means that its peak memory is its own, that nobody profits from what another
has imported, and that one that crashes or hangs does not take the others along.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.cases import ROOT
from bench.trace import Record, read

GRACE_S = 60.0
"""Seconds after the limit to write the last plan down and audit it; no plan found then counts."""
POLL_S = 0.05
KILOBYTES = 1024 if sys.platform != "darwin" else 1024 * 1024


def run(way: str, network: str, seed: int, limit_s: float) -> Record:
    """Return the record of one run."""
    record = Record(network, seed, way, limit_s)
    with tempfile.TemporaryDirectory() as folder:
        path, errors = Path(folder) / "trace", Path(folder) / "errors"
        path.touch()

        def command(begun: float) -> list[str]:
            spec = [way, network, str(seed), str(limit_s), str(begun), str(path)]
            return [sys.executable, "-m", "bench.child", *spec]

        code, seconds, peak_mb = timed(command, limit_s + GRACE_S, errors)
        record = replace(read(path, record), whole_s=seconds, peak_mb=peak_mb)
        if code == 0:
            return record
        said = errors.read_text(errors="replace").strip().splitlines()
    if seconds >= limit_s + GRACE_S:
        return replace(record, problem=f"killed {GRACE_S:g} s after the limit")
    return replace(record, problem=said[-1] if said else f"ended with code {code}")


def timed(
    command: Callable[[float], Sequence[str]], limit_s: float, errors: Path
) -> tuple[int, float, float]:
    """Return exit code, seconds and peak memory in MB of a command given its start; -9 if killed.

    The memory is that of the process or of its largest child, whichever is larger.
    """
    begun = time.monotonic()
    with errors.open("wb") as stream:
        child = subprocess.Popen(
            command(begun),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
        )
        killed = False
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - begun > limit_s and not killed:
                killed = True
                os.killpg(child.pid, 9)
            time.sleep(POLL_S)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - begun, usage.ru_maxrss / KILOBYTES
