"""Tests that enter and exit fire once, in event order, in spite of duplicates."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audiences.audience_events import (
    AudienceEvent,
    Transition,
    TransitionReason,
    apply_event,
)
from streams.events.canonical_event import Origin
from streams.state.entries import MESSAGE_IDS_MAX, LastWrite


class Arrival(NamedTuple):
    """Arrival of an event; a producer's duplicate has another offset."""

    inside: bool
    time_ms: int
    offset: int
    message_id: str = ""
    list_id: str = ""
    partition: int = 0


class History(NamedTuple):
    """Result of a series of arrivals."""

    membership: LastWrite | None
    transitions: list[Transition]
    reasons: list[TransitionReason]


def arrive(arrivals: Iterable[Arrival], *, before: LastWrite | None = None) -> History:
    """Apply arrivals in order, and return the result."""
    history = History(before, [], [])
    for arrival in arrivals:
        after, transition, reason = apply_event(
            history.membership,
            AudienceEvent(
                audience="vip", entered=arrival.inside, list_id=arrival.list_id
            ),
            time_ms=arrival.time_ms,
            origin=Origin(
                topic="t", partition=arrival.partition, offset=arrival.offset
            ),
            message_id=arrival.message_id,
        )
        history = History(
            after or history.membership,
            history.transitions + ([transition] if transition else []),
            [*history.reasons, reason],
        )
    return history


def is_inside_after(history: History) -> bool:
    """Return True if the user ended inside."""
    assert history.membership is not None
    return history.membership.inside


IN, OUT = True, False
A = Arrival(IN, 5, 0, "a")
B = Arrival(OUT, 5, 1, "b")


@pytest.mark.parametrize(
    ("arrivals", "ends_inside", "reasons"),
    [
        pytest.param([Arrival(IN, 5, 0)], IN, "entered", id="enter"),
        pytest.param(
            [Arrival(OUT, 5, 0)], OUT, "exited", id="exit-of-a-stranger-fires"
        ),
        pytest.param(
            [Arrival(IN, 5, 0), Arrival(OUT, 6, 1)],
            OUT,
            "entered exited",
            id="in-and-out",
        ),
        pytest.param(
            [Arrival(IN, 5, 0), Arrival(IN, 6, 1)],
            IN,
            "entered unchanged",
            id="in-again",
        ),
        pytest.param(
            [Arrival(OUT, 6, 0), Arrival(IN, 5, 1)],
            OUT,
            "exited stale",
            id="late-enter",
        ),
        pytest.param(
            [Arrival(IN, 5, 0), Arrival(IN, 9, 1), Arrival(OUT, 7, 2)],
            IN,
            "entered unchanged stale",
            id="exit-between-two-enters-comes-late",
        ),
        pytest.param([A, A], IN, "entered duplicate", id="redelivered"),
        pytest.param(
            [A, A._replace(offset=9)],
            IN,
            "entered duplicate",
            id="sent-twice-by-producer",
        ),
        pytest.param([A, B], OUT, "entered exited", id="same-time-greater-offset-wins"),
        pytest.param([B, A], OUT, "exited stale", id="same-time-other-arrival-order"),
        pytest.param(
            [A, B, A, B],
            OUT,
            "entered exited duplicate duplicate",
            id="same-time-replayed",
        ),
        pytest.param(
            [A, B, A._replace(offset=7)],
            OUT,
            "entered exited duplicate",
            id="same-time-first-sent-again",
        ),
        pytest.param(
            [B, A, A._replace(offset=7)],
            OUT,
            "exited stale duplicate",
            id="same-time-outranked-then-sent-again",
        ),
        pytest.param(
            [A, B._replace(message_id=""), A, B._replace(message_id="")],
            OUT,
            "entered exited duplicate duplicate",
            id="same-time-without-message-id",
        ),
        pytest.param(
            [A._replace(partition=1), B],
            IN,
            "entered stale",
            id="same-time-two-partitions-one-order",
        ),
        pytest.param(
            [B, A._replace(partition=1)],
            IN,
            "exited entered",
            id="same-time-two-partitions-other-arrival-order",
        ),
        pytest.param(
            [A, A._replace(time_ms=8, offset=3), B._replace(time_ms=6, offset=4)],
            IN,
            "entered unchanged stale",
            id="a-newer-time-wins-even-with-the-same-message-id",
        ),
    ],
)
def test_the_highest_rank_decides(
    arrivals: list[Arrival], ends_inside: bool, reasons: str
) -> None:
    """Event time decides first, then origin; each arrival has a reason."""
    history = arrive(arrivals)

    assert (is_inside_after(history), " ".join(history.reasons)) == (
        ends_inside,
        reasons,
    )


@pytest.mark.parametrize(
    ("changes_in", "transitions"),
    [
        pytest.param([("in", "L1")], ["add L1"], id="named"),
        pytest.param([("in", "")], ["add "], id="audience-s-list"),
        pytest.param(
            [("in", "L1"), ("out", "")],
            ["add L1", "remove L1"],
            id="exit-without-a-name-is-from-the-list-entered",
        ),
        pytest.param(
            [("in", "L1"), ("in", "")], ["add L1"], id="enter-without-a-name-stays"
        ),
        pytest.param(
            [("in", "L1"), ("in", "L2")],
            ["add L1", "add L2"],
            id="another-list-needs-it-too",
        ),
        pytest.param(
            [("out", "L1"), ("out", "L2")],
            ["remove L1", "remove L2"],
            id="another-list-needs-the-exit-too",
        ),
        pytest.param(
            [("in", "L1"), ("out", ""), ("in", ""), ("out", "")],
            ["add L1", "remove L1", "add ", "remove "],
            id="a-new-enter-without-a-name-is-to-the-audience-s-list",
        ),
    ],
)
def test_the_list_of_a_transition(
    changes_in: list[tuple[str, str]], transitions: list[str]
) -> None:
    """A transition names the event's list, or the list that the user is on."""
    history = arrive(
        Arrival(direction == "in", at, at, f"m{at}", list_id)
        for at, (direction, list_id) in enumerate(changes_in)
    )

    changes = [
        f"{'add' if transition.entered else 'remove'} {transition.list_id}"
        for transition in history.transitions
    ]
    assert changes == transitions


def test_a_duplicate_and_a_late_event_leave_nothing_to_write() -> None:
    """No last write means no write to the table and no changelog record."""
    history = arrive([A])

    for arrival in (A, A._replace(offset=9), Arrival(OUT, 4, 8, "c")):
        after, transition, _ = apply_event(
            history.membership,
            AudienceEvent(audience="vip", entered=arrival.inside),
            time_ms=arrival.time_ms,
            origin=Origin(topic="t", partition=0, offset=arrival.offset),
            message_id=arrival.message_id,
        )

        assert (after, transition) == (None, None)


def test_the_message_ids_of_one_millisecond_are_bounded() -> None:
    """A row cannot grow without bound."""
    history = arrive(Arrival(IN, 5, offset, f"m{offset:03}") for offset in range(100))

    assert history.membership is not None
    assert len(history.membership.message_ids) == MESSAGE_IDS_MAX


EVENTS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3)),  # few times: many of them equal
    min_size=1,
    max_size=MESSAGE_IDS_MAX,
)


@st.composite
def arrival_lists(draw: st.DrawFn) -> list[Arrival]:
    """Build events in any order, with duplicates and redeliveries.

    A producer's duplicate is a new record at a later offset; Kafka's redelivery is the
    same record again. Offsets grow in the order of first arrival.
    """
    events = draw(EVENTS)
    sent = draw(st.lists(st.integers(0, len(events) - 1), min_size=1, max_size=40))
    log = [
        Arrival(*events[event], offset, f"m{event}")
        for offset, event in enumerate(sent)
    ]
    read: list[Arrival] = []
    for at in range(len(log)):
        read.append(log[at])
        read += log[draw(st.integers(0, at)) : at + 1] if draw(st.booleans()) else []
    return read


def expected_last(arrivals: list[Arrival]) -> Arrival:
    """Return the last arrival by event time, then by the event's first offset."""
    first: dict[str, Arrival] = {}
    for arrival in sorted(arrivals, key=lambda arrival: arrival.offset):
        first.setdefault(arrival.message_id, arrival)
    return max(first.values(), key=lambda arrival: (arrival.time_ms, arrival.offset))


@given(arrival_lists())
def test_a_user_ends_as_the_last_event_by_event_time_says(
    arrivals: list[Arrival],
) -> None:
    """Late, duplicate and redelivered events make no difference."""
    assert is_inside_after(arrive(arrivals)) == expected_last(arrivals).inside


@given(arrival_lists())
def test_transitions_alternate(arrivals: list[Arrival]) -> None:
    """Each enter and each exit fires once."""
    fired = [transition.entered for transition in arrive(arrivals).transitions]

    assert all(earlier != later for earlier, later in pairwise(fired))


@given(arrival_lists())
def test_a_replay_fires_nothing_and_writes_nothing(arrivals: list[Arrival]) -> None:
    """The replay starts from the beginning, as after a lost commit."""
    history = arrive(arrivals)

    again = arrive(arrivals, before=history.membership)

    assert (again.transitions, again.membership) == ([], history.membership)


@given(arrival_lists(), st.integers(1, 1000))
def test_a_replay_under_new_offsets_fires_nothing(
    arrivals: list[Arrival], by: int
) -> None:
    """Events that are published again are recognized by message id."""
    top = max(arrival.offset for arrival in arrivals)
    history = arrive(arrivals)

    again = arrive(
        (arrival._replace(offset=arrival.offset + top + by) for arrival in arrivals),
        before=history.membership,
    )

    assert again.transitions == []


SHUFFLED = EVENTS.flatmap(
    lambda events: st.tuples(st.just(events), st.permutations(range(len(events))))
)


@given(SHUFFLED, st.booleans())
def test_the_order_of_arrival_makes_no_difference(
    shuffled: tuple[list[tuple[bool, int]], list[int]], has_ids: bool
) -> None:
    """Any permutation ends with the same membership, to the last byte."""
    events, order = shuffled
    arrivals = [
        Arrival(*event, offset, f"m{offset}" if has_ids else "", partition=offset % 3)
        for offset, event in enumerate(events)
    ]

    arrived = arrive(arrivals[at] for at in order)

    assert arrived.membership == arrive(arrivals).membership


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in-order", "reversed"])
def test_of_several_rows_of_a_record_the_last_one_wins(order: tuple[int, int]) -> None:
    """A row whose key changed leaves and enters at one time, from one record."""
    membership: LastWrite | None = None
    for index in order:
        after, _, _ = apply_event(
            membership,
            AudienceEvent(audience="vip", entered=index == 1),
            time_ms=5,
            origin=Origin(topic="t", partition=0, offset=7).of_event(index),
            message_id=f"row-{index}",
        )
        membership = after or membership

    assert membership is not None
    assert membership.inside
