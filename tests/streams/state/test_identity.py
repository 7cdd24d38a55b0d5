"""Tests of identities: who is behind a user key, whatever the order of arrival."""

from functools import reduce
from itertools import permutations
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.canonical_event import CanonicalEvent, Origin
from streams.state.identity import UNKNOWN, VALUES_MAX, Identity, learn


class Call(NamedTuple):
    """Call that names an address.

    Attributes:
        time_ms: Event time.
        email: The address.
        kind: Call of the Segment spec.
    """

    time_ms: int
    email: str
    kind: Literal["identify", "track"] = "identify"


def _learned(calls: list[Call], before: Identity = UNKNOWN) -> Identity:
    return reduce(_learn_call, calls, before)


def _learn_call(identity: Identity, call: Call) -> Identity:
    event = CanonicalEvent(
        kind=call.kind,
        user="u1",
        message_id="",
        time_ms=call.time_ms,
        origin=Origin(topic="in", partition=0, offset=call.time_ms),
        body={},
    )
    person = {"external_id": "u1", "email": call.email}
    return learn(identity, person, event, is_identify=event.kind == "identify")


CASES = [
    pytest.param([Call(1, "a")], "a", (), id="one address"),
    pytest.param([Call(1, "a"), Call(2, "a")], "a", (), id="repeated"),
    pytest.param([Call(1, "a"), Call(2, "b")], "b", ("a",), id="changed"),
    pytest.param([Call(2, "b"), Call(1, "a")], "b", ("a",), id="the older is late"),
    pytest.param(
        [Call(1, "a"), Call(2, "b"), Call(3, "a")], "b", ("a",), id="back once"
    ),
    pytest.param(
        [Call(1, "a"), Call(2, "b"), Call(3, "a"), Call(4, "b"), Call(5, "a")],
        "b",
        ("a",),
        id="an old browser, now and then",
    ),
    pytest.param(
        [Call(1, "a"), Call(2, "b"), Call(3, "a"), Call(4, "a")],
        "a",
        ("b",),
        id="back for good",
    ),
    pytest.param(
        [Call(1, "a"), Call(2, "b"), Call(3, "a"), Call(3, "a")],
        "b",
        ("a",),
        id="a redelivery is not a second event",
    ),
    pytest.param(
        [Call(1, "a"), Call(2, "b"), Call(3, "c")], "c", ("b", "a"), id="changed twice"
    ),
    pytest.param([Call(1, "a", "track")], "a", (), id="a track call of a stranger"),
    pytest.param(
        [Call(1, "a"), Call(2, "g", "track")], "a", (), id="a gift teaches nothing"
    ),
    pytest.param(
        [Call(1, "g", "track"), Call(2, "a")], "a", (), id="an identify call is surer"
    ),
    pytest.param(
        [Call(2, "g", "track"), Call(1, "a")], "a", (), id="even if it is older"
    ),
]


@pytest.mark.parametrize(("calls", "current", "previous"), CASES)
def test_the_current_address(
    calls: list[Call], current: str, previous: tuple[str, ...]
) -> None:
    """Each case is a sequence of calls, and what is known afterwards."""
    identity = _learned(calls)

    assert identity.email == current
    assert identity.previous_emails == previous
    assert identity.external_id == "u1"


IDENTIFIES = st.lists(
    st.builds(Call, time_ms=st.integers(1, 9), email=st.sampled_from("abc")),
    max_size=5,
)


@given(calls=IDENTIFIES)
def test_the_order_of_arrival_does_not_matter(calls: list[Call]) -> None:
    """Late and repeated identify calls lead to the same identity."""
    identities = {_learned([*order, *order]) for order in permutations(calls)}

    assert identities == {_learned(calls)}


@given(first=IDENTIFIES, second=IDENTIFIES)
def test_versions_of_two_workers_merge_to_one(
    first: list[Call], second: list[Call]
) -> None:
    """Merging is commutative and idempotent, and equal to learning everything."""
    one, other = _learned(first), _learned(second)
    merged = one.merge(other)

    assert merged == other.merge(one) == merged.merge(other) == merged.merge(one)
    assert merged == _learned([*first, *second])


def test_what_is_not_news_is_the_same_object() -> None:
    """An event that teaches nothing causes no write."""
    identity = _learned([Call(1, "a"), Call(2, "b")])

    assert _learned([Call(2, "b"), Call(5, "g", "track")], identity) is identity


def test_addresses_without_end_are_forgotten() -> None:
    """Of a user key with many addresses the newest are kept."""
    calls = [Call(number, f"address-{number}") for number in range(1, 99)]
    identity = _learned(calls)

    assert identity.email == "address-98"
    assert len(identity.emails) == VALUES_MAX
