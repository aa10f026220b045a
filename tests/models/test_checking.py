"""A verification stream in a linear program: its rows, its duals' worth, and panels it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from models.checking import Checking, Written, _at_most_two_nested, all_verifiers
from models.data import NodeType, Policy
from models.linear_program import LinearProgram
from models.streams import Stream
from tests.rules import at, network, offer, site

PAIRS = {"a": (("P",), ("Q",)), "b": (("Q",), ("R",)), "c": (("R",), ("P",)), "d": ()}
"""Owners such that each two of a, b and c share one: every panel of two has d."""

Row = tuple[dict[int, float], float, bool]
"""Coefficients by column, the limit, and whether it is an equality."""


def checking(policy: Policy, **owners: tuple[tuple[str, ...], ...]) -> Checking:
    """Return the stream of one executor and a verifier per owner, numbered from 10."""
    of = network(
        [site("x"), *(site(name, name, owner=found) for name, found in owners.items())],
        [offer("x", "gpu"), *(offer(name, "check") for name in owners)],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=2)],
        policies=[policy],
    )
    stream = Stream(policy.policy, "", "", (at("x"),), tuple(at(name, "check") for name in owners))
    return Checking(of, stream, np.arange(10, 10 + len(owners)))


def crossing() -> Checking:
    return checking(Policy(policy="two", verifiers=2, quorum=2, independent_of=("owner",)), **PAIRS)


def rows_of(program: LinearProgram) -> list[Row]:
    found: list[dict[int, float]] = [{} for _ in range(program.height)]
    for rows, columns, values in program.entries:
        for row, column, value in zip(rows.tolist(), columns.tolist(), values, strict=True):
            found[row][column] = found[row].get(column, 0.0) + float(value)
    limits = np.concatenate(program.limits).tolist()
    return [
        (terms, limit, row in program.equal)
        for row, (terms, limit) in enumerate(zip(found, limits, strict=True))
    ]


def wrote(stream: Checking, able: Iterable[bool]) -> tuple[Written, list[Row]]:
    """Return where a stream fed by the columns 0 and 1 stands, and its rows."""
    program = LinearProgram()
    fed = program.columns(2)
    written = stream.write(program, fed, np.array(list(able)))
    return written, rows_of(program)


def test_the_rows_of_a_stream_are_those_of_who_is_able_to() -> None:
    written, rows = wrote(crossing(), (True, True, False, True))
    assert (written.executed, written.verify.tolist()) == (2, [3, 4, 5])
    assert written.members.tolist() == [0, 1, 3]
    assert rows == [
        ({0: 1.0, 1: 1.0, 2: -1.0}, 0.0, False),
        ({2: 2.0, 3: -1.0, 4: -1.0, 5: -1.0}, 0.0, True),
        # At most one of a and b (owner Q), of a and c, of b and c; and of d, whose site it is.
        ({3: 1.0, 4: 1.0, 2: -1.0}, 0.0, False),
        ({3: 1.0, 2: -1.0}, 0.0, False),
        ({4: 1.0, 2: -1.0}, 0.0, False),
        ({5: 1.0, 2: -1.0}, 0.0, False),
    ]
    assert (written.all_row, written.group_row.tolist()) == (1, [2, 3, 4, 5])
    written, rows = wrote(crossing(), (False, False, False, True))
    assert written.group_row.tolist() == [-1, -1, -1, 2]
    assert rows[2:] == [({3: 1.0, 2: -1.0}, 0.0, False)]


def test_of_one_dependency_are_fewer_than_the_quorum_and_of_one_site_one() -> None:
    """Of three verifiers of one owner two may be in a panel whose quorum is three."""
    policy = Policy(policy="four", verifiers=4, quorum=3, independent_of=("owner",))
    one = (("O",),)
    stream = checking(policy, a=one, b=one, c=one, d=())
    assert stream.is_exact
    written, rows = wrote(stream, (True,) * 4)
    verify = written.verify.tolist()
    assert rows[1] == ({2: 4.0} | dict.fromkeys(verify, -1.0), 0.0, True)
    assert rows[2:] == [
        (dict.fromkeys(verify[:3], 1.0) | {2: -2.0}, 0.0, False),
        *(({column: 1.0, 2: -1.0}, 0.0, False) for column in verify),
    ]
    # A quorum of one is broken by whoever: then nobody need be independent.
    alone = checking(replace(policy, verifiers=2, quorum=1), a=one, b=one, c=one, d=())
    _, rows = wrote(alone, (True,) * 4)
    assert [limit for _, limit, _ in rows] == [0.0] * 6
    assert all(len(terms) == 2 for terms, *_ in rows[2:])


def test_panels_that_the_flows_are_no_mixture_of_are_a_row_of_their_own() -> None:
    stream = crossing()
    assert not stream.is_exact
    written, _ = wrote(stream, (True, True, False, True))
    # d is in half of one panel: one request is executed, and verified by it half.
    point = np.array([0.5, 0.5, 1.0, 0.75, 0.75, 0.5])
    assert stream.separated(written, point)
    # Whoever is not able to here may be with d, or another that is not, and counts 1.
    assert [weights.tolist() for weights in stream.panels] == [[0.0, 0.0, 1.0, 1.0]]
    written, rows = wrote(stream, (True, True, True, True))
    assert written.panel_rows.tolist() == [6]
    terms, limit, equal = rows[6]
    assert {column: each for column, each in terms.items() if each} == {2: 1.0, 5: -1.0, 6: -1.0}
    assert (limit, equal) == (0.0, False)
    # With d in every panel there is nothing to note, and no less than 0 is verified.
    whole = np.array([0.5, 0.5, 1.0, 0.5, 0.5, -1e-12, 1.0])
    assert not stream.separated(written, whole)
    assert len(stream.panels) == 1


def test_where_the_rows_are_exact_no_panel_is_looked_for() -> None:
    policy = Policy(policy="two", verifiers=2, quorum=2, independent_of=("owner",))
    stream = checking(policy, a=(("P",),), b=(("P",),), c=())
    written, _ = wrote(stream, (True,) * 3)
    assert stream.is_exact
    # Not even where these break the rows that are there.
    assert not stream.separated(written, np.array([0.5, 0.5, 1.0, 1.0, 1.0, 0.0]))
    assert stream.panels == []


def test_what_a_request_costs_and_a_verification_is_worth_by_the_duals() -> None:
    stream = crossing()
    stream.panels.append(np.array([0.0, 0.5, 1.0, 2.0]))
    written, _ = wrote(stream, (True, True, False, True))
    # Of: fed, all, the groups ab, ac, bc and d, and the panels.
    worth = stream.worth(written, np.array([9.0, 3.0, 1.0, 0.5, 0.25, 0.125, 2.0]))
    assert worth.executed == pytest.approx(2 * 3.0 - (1.0 + 0.5 + 0.25 + 0.125) + 2.0)
    # 3 less the groups of each, and the panels by its weight; c, who is not there, likewise.
    assert worth.verified.tolist() == pytest.approx(
        [3 - 1.5, 3 - 1.25 + 1.0, 3 - 0.75 + 2.0, 3 - 0.125 + 4.0]
    )
    # Were it a gain to execute, what all verifications are worth would rise until it is none.
    worth = stream.worth(written, np.array([9.0, 0.5, 4.0, 0.5, 0.25, 0.125, 2.0]))
    assert worth.executed == 0.0
    each = 0.5 + (4.875 - 1.0 - 2.0) / 2
    assert worth.verified.tolist() == pytest.approx(
        [0.0, 0.0, each - 0.75 + 2.0, each - 0.125 + 4.0]
    )
    # The group of d alone has no row where d is not there.
    written, _ = wrote(stream, (True, True, True, False))
    worth = stream.worth(written, np.array([9.0, 3.0, 1.0, 0.5, 0.25, 2.0]))
    assert worth.verified[3] == pytest.approx(3.0 + 4.0)


@pytest.mark.parametrize(
    ("sets", "two"),
    [
        (["abc", "ab", "a", "d"], True),
        (["ab", "bc"], True),
        (["ab", "bc", "ca"], False),
        (["ab", "bc", "cd", "da"], True),
        (["ab", "bc", "cd", "de", "ea"], False),
        # Two parts of their own, of which one will not do.
        (["ab", "bc", "xy", "yz", "zx"], False),
        (["xy", "yz", "ab", "bc", "xyz"], True),
        ([], True),
    ],
)
def test_crossing_sets_fall_into_two_families_or_do_not(sets: list[str], two: bool) -> None:
    numbered = [frozenset(map(ord, members)) for members in sets]
    assert _at_most_two_nested(numbered) is two


def test_a_verifier_of_several_streams_is_one() -> None:
    first, second = crossing().stream, checking(Policy(policy="p", verifiers=1), b=(), e=()).stream
    assert all_verifiers([second, first]) == tuple(at(name, "check") for name in "abcde")
    assert all_verifiers([]) == ()
