"""Questions of a plan under failures, shared out among the workers and answered in their order.

A worker builds what all questions of one network and plan need once, not once for every share.
"""

from __future__ import annotations

import hashlib
import pickle
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from models.network import Network
from models.plan import Deployment
from planner.evaluation.stress_questions import Asked
from planner.jobs.requests import Workers, at_once, run_jobs

ANSWERING = (__name__, "scipy.optimize", "scipy.sparse")
"""The modules that questions take to be answered."""
SHARES = 3
"""Every job is that part of what is left for every worker, so that the last ones are short."""
QUICK = 1
"""The level of zlib that makes a network a tenth in a moment: it goes with every share."""

Answer_co = TypeVar("Answer_co", covariant=True)
Answer = TypeVar("Answer")


class Question(Protocol[Answer_co]):
    """One question: data that can be sent elsewhere."""

    @property
    def what(self) -> str:
        """Return what is asked about, for those who are told that there is no answer."""

    def answer(self, asked: Asked) -> Answer_co:
        """Return the answer. Raises ArithmeticError if a solver gives none."""


class Desk:
    """Where questions of one network and plan are answered; `failures` says which were not."""

    def __init__(
        self,
        asked: Asked,
        workers: Workers,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self.asked, self._workers, self.stop, self._say = asked, workers, stop, say
        self.failures: list[str] = []
        self._at_once = at_once(workers)
        # Packed here once, and unpacked once by every worker, whatever the number of shares.
        self._packed = zlib.compress(pickle.dumps((asked.network, asked.plan)), QUICK)
        self._digest = hashlib.sha256(self._packed).hexdigest()
        _last.digest, _last.asked = self._digest, asked

    def ask(
        self, questions: Sequence[Question[Answer]], saying: str
    ) -> list[tuple[Question[Answer], Answer]]:
        """Return the questions with their answers, but those that a failure or a stop left open."""
        shares, at = [], 0
        while at < len(questions):
            size = max(1, (len(questions) - at) // (SHARES * self._at_once))
            taken = (*questions[at : at + size],)
            shares.append(_Share(at, self._digest, self._packed, taken))
            at += size
        found: dict[str, tuple[tuple[int, Answer], ...]] = {}
        if not shares:
            return []
        for number, response in enumerate(run_jobs(shares, self._workers, stop=self.stop), start=1):
            self._say(f"{saying}: {number} of {len(shares)}")
            if isinstance(response.result, _Answers):
                found[response.key] = response.result.found
                self.failures.extend(response.result.missed)
            else:
                self.failures.append(f"{response.key}: {response.failure}")
        answers = [entry for share in shares for entry in found.get(share.key, ())]
        return [(questions[at], answer) for at, answer in answers]


@dataclass(frozen=True)
class _Answers(Generic[Answer]):
    """What was found, by the position of the question; `missed` says what was not, and why."""

    found: tuple[tuple[int, Answer], ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class _Share(Generic[Answer]):
    """Some questions, from a position on, of one network and plan, which are packed."""

    at: int
    digest: str
    packed: bytes
    questions: tuple[Question[Answer], ...]

    @property
    def key(self) -> str:
        """Return the name of the job."""
        return f"questions from {self.at + 1}"

    def run(self, stop: threading.Event) -> _Answers[Answer]:
        """Return what was found, as much as there is after a stop."""
        if _last.asked is None or _last.digest != self.digest:
            _last.digest, _last.asked = self.digest, Asked(*self._unpacked())
        found: list[tuple[int, Answer]] = []
        missed: list[str] = []
        for at, question in enumerate(self.questions, start=self.at):
            if not stop.is_set():
                try:
                    found.append((at, question.answer(_last.asked)))
                except ArithmeticError as error:
                    missed.append(f"{question.what}: {error}")
        return _Answers(tuple(found), tuple(missed))

    def _unpacked(self) -> tuple[Network, Deployment]:
        network, plan = pickle.loads(zlib.decompress(self.packed))
        return network, plan


class _Last(threading.local):
    """The subject of the last questions of this thread."""

    digest: str = ""
    asked: Asked | None = None


_last = _Last()
