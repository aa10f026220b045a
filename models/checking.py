"""How a verification stream is written into a linear program, and what its duals are worth.

    Σ y into x = executed,   Σ_{o'} verify[o'] = verifiers · executed
    Σ_{o' in G} verify[o'] ≤ limit[G] · executed      one site 1, one dependency quorum − 1
    Σ_{o'} w[o'] · verify[o'] ≥ executed              rows of panels found so far

Where sites and dependencies make at most two nested families these rows are exact: their matrix is
totally unimodular, so that every flow is a mixture of legal panels, and none need be looked for.
                                          Source: design §4 (verification, survival)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from models.data import OfferKey
from models.linear_program import LinearProgram
from models.network import Network
from models.panels import covering_weights
from models.paths import FloatArray, IntArray
from models.stands import BoolArray
from models.streams import Stream


class Written(NamedTuple):
    """Where a stream stands in a program: columns, and the rows whose duals are asked for.

    `group_row` is −1 where nobody of the group is there.
    """

    executed: int
    verify: IntArray
    members: IntArray
    all_row: int
    group_row: IntArray
    panel_rows: IntArray


class Worth(NamedTuple):
    """What a request executed costs, and what a verification by each verifier is worth."""

    executed: float
    verified: FloatArray


class Checking:
    """One stream: `at` are the positions of its verifiers in a list of all."""

    def __init__(self, network: Network, stream: Stream, at: IntArray) -> None:
        self.network, self.stream, self.at = network, stream, at
        self.policy = network.policies[stream.policy]
        groups, self.is_exact = _groups(network, stream)
        self.limit: FloatArray = np.array([limit for _, limit in groups], dtype=float)
        sizes = [len(members) for members, _ in groups]
        self.group: IntArray = np.repeat(np.arange(len(groups)), sizes).astype(np.int64)
        flat = [member for members, _ in groups for member in members]
        self.member: IntArray = np.array(flat, dtype=np.int64)
        self.panels: list[FloatArray] = []

    def write(self, program: LinearProgram, fed: IntArray, able: BoolArray) -> Written:
        """Write the stream with the columns that feed it and the verifiers that are able to."""
        executed = int(program.columns(1)[0])
        members = np.flatnonzero(able)
        verify = program.columns(len(members))
        column = np.full(len(able), -1)
        column[members] = verify
        program.put(program.rows(0.0), np.append(fed, executed), [1.0] * len(fed) + [-1.0])
        all_row = int(program.rows(0.0, equal=True)[0])
        program.put(all_row, executed, float(self.policy.verifiers))
        program.put(all_row, verify, -1.0)
        here = column[self.member] >= 0
        groups = np.unique(self.group[here])
        group_row = np.full(len(self.limit), -1)
        group_row[groups] = program.rows(np.zeros(len(groups)))
        program.put(group_row[self.group[here]], column[self.member[here]], 1.0)
        program.put(group_row[groups], executed, -self.limit[groups])
        panel_rows = program.rows(np.zeros(len(self.panels)))
        for row, weights in zip(panel_rows.tolist(), self.panels, strict=True):
            program.put(row, executed, 1.0)
            program.put(row, verify, -weights[members])
        return Written(executed, verify, members, all_row, group_row, panel_rows)

    def worth(self, written: Written, duals: FloatArray) -> Worth:
        """Return what follows from the duals exactly, also for verifiers that are not there."""
        groups = np.where(written.group_row >= 0, duals[written.group_row], 0.0)
        panels = duals[written.panel_rows]
        each = float(duals[written.all_row])
        cost = self.policy.verifiers * each - float(groups @ self.limit) + float(panels.sum())
        if cost < 0:
            each, cost = each - cost / self.policy.verifiers, 0.0
        verified = np.full(len(self.at), each)
        np.subtract.at(verified, self.member, groups[self.group])
        for dual, weights in zip(panels.tolist(), self.panels, strict=False):
            verified += dual * weights
        return Worth(cost, np.maximum(0.0, verified))

    def separated(self, written: Written, point: FloatArray) -> bool:
        """Note a row of panels that the flows at the point break, if there is one."""
        if self.is_exact:
            return False
        verifiers = self.stream.verifiers
        found = {
            verifiers[member]: max(0.0, float(point[column]))
            for member, column in zip(written.members, written.verify, strict=True)
        }
        weights = covering_weights(self.network, self.policy, found)
        if weights is not None:
            self.panels.append(np.array([weights.get(offer, 1.0) for offer in verifiers]))
        return weights is not None


def _groups(network: Network, stream: Stream) -> tuple[list[tuple[frozenset[int], float]], bool]:
    """Return the groups with a limit of their own, and whether their rows are exact."""
    policy = network.policies[stream.policy]
    quorum = policy.quorum_verifiers
    families: dict[str, dict[object, set[int]]] = defaultdict(lambda: defaultdict(set))
    for position, offer in enumerate(stream.verifiers):
        families["site"][offer.site].add(position)
        for item in network.hangs_on(offer) if quorum >= 2 else ():
            if item.kind in policy.independent_of:
                families[item.kind][item].add(position)
    limits: dict[frozenset[int], float] = {}
    for kind, sets in sorted(families.items()):
        for members in map(frozenset, sets.values()):
            limit = 1.0 if kind == "site" else quorum - 1.0
            limits[members] = min(limit, limits.get(members, limit))
    kept: list[tuple[frozenset[int], float]] = []
    for members, limit in sorted(
        limits.items(), key=lambda entry: (-len(entry[0]), sorted(entry[0]))
    ):
        if not any(members <= others and limit >= most for others, most in kept):
            kept.append((members, limit))
    return kept, _at_most_two_nested([members for members, _ in kept])


def _at_most_two_nested(sets: Sequence[frozenset[int]]) -> bool:
    """Return whether the sets fall into two families within which any two are nested or apart.

    Crossing sets must be in different families: the question is whether that needs two colours.
    """
    crossing: dict[int, list[int]] = defaultdict(list)
    for one, other in combinations(range(len(sets)), 2):
        shared = sets[one] & sets[other]
        if shared and shared != sets[one] and shared != sets[other]:
            crossing[one].append(other)
            crossing[other].append(one)
    colour: dict[int, bool] = {}
    for first in crossing:
        if first in colour:
            continue
        colour[first], waiting = True, [first]
        while waiting:
            one = waiting.pop()
            for other in crossing[one]:
                if other not in colour:
                    colour[other] = not colour[one]
                    waiting.append(other)
                elif colour[other] == colour[one]:
                    return False
    return True


def all_verifiers(streams: Sequence[Stream]) -> tuple[OfferKey, ...]:
    """Return the verifiers of all streams, sorted."""
    return tuple(sorted({offer for stream in streams for offer in stream.verifiers}))
