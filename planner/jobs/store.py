"""Responses kept in a folder, so that what was solved once is not solved again.

A file is named by the digest of all that its response depends on: network, limits, rules left out,
versions, our own code. It is JSON that says what it answers and its own digest, so a file that was
cut short, edited, renamed or put there by others is passed over, and nothing in it is ever run.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from planner.files import move_into_place
from planner.jobs.plain import PlainValue, from_plain, to_plain
from planner.jobs.requests import Request, Response
from planner.solver.solve import Solved
from planner.versions import code, versions


class Store:
    """The folder of the responses; made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, request: Request) -> Response | None:
        """Return the response to a request that is there and whole, or None."""
        name = digest(request)
        try:
            told = json.loads(self._path(name).read_text(encoding="utf-8"))
            if told["request"] != name or told["digest"] != _digest(told["solved"]):
                return None
            return Response(request.key, from_plain(Solved, told["solved"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def write(self, request: Request, response: Response) -> None:
        """Keep the response; a failure or an interrupted solve is worth another try instead."""
        if response.solved is None or response.solved.status == "interrupted":
            return
        name, solved = digest(request), to_plain(response.solved)
        told = {"request": name, "digest": _digest(solved), "solved": solved}
        self.folder.mkdir(parents=True, exist_ok=True)
        move_into_place(self._path(name), json.dumps(told).encode())

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def digest(request: Request) -> str:
    """Return what is the same only for requests with the same answer; the key does not count."""
    asked: list[object] = [
        request.network,
        request.limits,
        request.without,
        request.start,
        request.known,
    ]
    asked += [versions(), code()]
    return _digest(to_plain(asked))


def _digest(value: PlainValue) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
