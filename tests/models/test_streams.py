"""Streams of verification are merged where one row may speak for all of them."""

from __future__ import annotations

from models.classes import demand_classes
from models.data import Demand, NodeType, Policy
from models.network import Network
from models.streams import Stream, merged_streams, verification_streams
from tests.rules import at, demand, network, offer, site

X, Y, Z = at("x"), at("y"), at("z")
A, B, C = at("a", "check"), at("b", "check"), at("c", "check")


def checked_by(policy: Policy | None, row: Demand) -> Network:
    """Return a network of one executor x and one verifier a."""
    return network(
        [site("x"), site("a")],
        [offer("x", "gpu", requests_per_s=9), offer("a", "check")],
        node_types=[NodeType(node_type="check", role="verification", verifications_per_s=9)],
        policies=[policy] if policy else [],
        demand=[row],
    )


def streams_of(found: Network) -> tuple[Stream, ...]:
    return verification_streams(found, demand_classes(found))


def test_only_what_somebody_must_verify_is_a_stream() -> None:
    row = demand(verification="checked")
    for verifiers, expected in ((1, (Stream("checked", "", "", (X,), (A,)),)), (0, ())):
        policy = Policy(policy="checked", verifiers=verifiers, quorum=verifiers)
        assert streams_of(checked_by(policy, row)) == expected
    assert streams_of(checked_by(None, demand())) == ()


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
