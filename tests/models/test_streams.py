"""Streams of verification are merged where one row may speak for all of them."""

from __future__ import annotations

from models.streams import Stream, merged_streams
from tests.rules import at

X, Y, Z = at("x"), at("y"), at("z")
A, B, C = at("a", "check"), at("b", "check"), at("c", "check")


def test_streams_of_a_scope_are_one_but_for_those_that_nobody_can_verify() -> None:
    streams = (
        Stream("checked", "", "", (Y,), (B, C)),
        Stream("checked", "", "", (X,), (A, B)),
        Stream("checked", "", "", (Z,), ()),
        Stream("checked", "", "night", (X,), (A,)),
        Stream("checked", "blocs EU", "", (X,), (A,)),
        Stream("other", "", "", (X,), (C,)),
    )
    assert merged_streams(streams) == (
        Stream("checked", "", "", (Z,), ()),
        Stream("checked", "", "", (X, Y), (A, B, C)),
        Stream("checked", "", "night", (X,), (A,)),
        Stream("checked", "blocs EU", "", (X,), (A,)),
        Stream("other", "", "", (X,), (C,)),
    )
