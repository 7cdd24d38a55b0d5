"""Enter and exit fire once, in event order, whatever is repeated, late or replayed."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audiences.audience_events import AudienceEvent
from streams.audiences.transition import Transition, TransitionReason, apply_event
from streams.events.origin import Origin
from streams.state.last_write import MESSAGE_IDS_MAX, LastWrite


class Arrival(NamedTuple):
    """One arrival of one event: a repeat by the producer has another offset."""

    inside: bool
    time_ms: int
    offset: int
    message_id: str = ""
    list_id: str = ""
    partition: int = 0


class History(NamedTuple):
    """What came of a run of words."""

    membership: LastWrite | None
    edges: list[Transition]
    reasons: list[TransitionReason]


def arrive(arrivals: Iterable[Arrival], *, before: LastWrite | None = None) -> History:
    """Let words arrive in the order given."""
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
            history.edges + ([transition] if transition else []),
            [*history.reasons, reason],
        )
    return history


def is_inside_after(told: History) -> bool:
    """Say where the user ended."""
    assert told.membership is not None
    return told.membership.inside


IN, OUT = True, False
A = Arrival(IN, 5, 0, "a")
B = Arrival(OUT, 5, 1, "b")


@pytest.mark.parametrize(
    ("words", "ends_inside", "whys"),
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
            id="a-newer-time-is-a-newer-word-even-by-the-same-name",
        ),
    ],
)
def test_the_highest_rank_decides(
    words: list[Arrival], ends_inside: bool, whys: str
) -> None:
    """Event time first, then origin; each word is told why it did what it did."""
    told = arrive(words)

    assert (is_inside_after(told), " ".join(told.reasons)) == (ends_inside, whys)


@pytest.mark.parametrize(
    ("words", "edges"),
    [
        pytest.param([("in", "L1")], ["add L1"], id="named"),
        pytest.param([("in", "")], ["add "], id="paired"),
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
            id="another-list-must-hear-it-too",
        ),
        pytest.param(
            [("out", "L1"), ("out", "L2")],
            ["remove L1", "remove L2"],
            id="another-list-must-hear-the-exit-too",
        ),
        pytest.param(
            [("in", "L1"), ("out", ""), ("in", ""), ("out", "")],
            ["add L1", "remove L1", "add ", "remove "],
            id="a-new-enter-without-a-name-is-to-the-paired-list",
        ),
    ],
)
def test_the_list_of_an_edge(words: list[tuple[str, str]], edges: list[str]) -> None:
    """An edge names the list its event named, or the one the user is on."""
    told = arrive(
        Arrival(word == "in", at, at, f"m{at}", list_id)
        for at, (word, list_id) in enumerate(words)
    )

    said = [
        f"{'add' if edge.entered else 'remove'} {edge.list_id}" for edge in told.edges
    ]
    assert said == edges


def test_a_repeat_and_a_late_event_leave_nothing_to_write() -> None:
    """None says: no write to the table, no changelog record."""
    told = arrive([A])

    for word in (A, A._replace(offset=9), Arrival(OUT, 4, 8, "c")):
        after, edge, _ = apply_event(
            told.membership,
            AudienceEvent(audience="vip", entered=word.inside),
            time_ms=word.time_ms,
            origin=Origin(topic="t", partition=0, offset=word.offset),
            message_id=word.message_id,
        )

        assert (after, edge) == (None, None)


def test_the_message_ids_of_one_millisecond_are_bounded() -> None:
    """A row cannot grow without end."""
    told = arrive(Arrival(IN, 5, offset, f"m{offset:03}") for offset in range(100))

    assert told.membership is not None
    assert len(told.membership.message_ids) == MESSAGE_IDS_MAX


EVENTS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3)),  # few times: many of them equal
    min_size=1,
    max_size=MESSAGE_IDS_MAX,
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    """Make events in any order, sent again and redelivered at will.

    A producer's repeat is a new record at a later offset; Kafka's redelivery is the
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


def expected_last(words: list[Arrival]) -> Arrival:
    """Give the last word by event time, then by where its event first stood."""
    first: dict[str, Arrival] = {}
    for word in sorted(words, key=lambda word: word.offset):
        first.setdefault(word.message_id, word)
    return max(first.values(), key=lambda word: (word.time_ms, word.offset))


@given(arrivals())
def test_a_user_ends_where_the_last_word_by_event_time_says(
    words: list[Arrival],
) -> None:
    """Whatever was late, repeated or redelivered."""
    assert is_inside_after(arrive(words)) == expected_last(words).inside


@given(arrivals())
def test_edges_alternate(words: list[Arrival]) -> None:
    """No enter after an enter, no exit after an exit: each fires once."""
    fired = [edge.entered for edge in arrive(words).edges]

    assert all(one != other for one, other in pairwise(fired))


@given(arrivals())
def test_a_replay_fires_nothing_and_writes_nothing(words: list[Arrival]) -> None:
    """All of it again, from the beginning, as after a lost commit."""
    told = arrive(words)

    again = arrive(words, before=told.membership)

    assert (again.edges, again.membership) == ([], told.membership)


@given(arrivals(), st.integers(1, 1000))
def test_a_replay_under_new_offsets_fires_nothing(
    words: list[Arrival], by: int
) -> None:
    """Published a second time: the message ids tell."""
    top = max(word.offset for word in words)
    told = arrive(words)

    again = arrive(
        (word._replace(offset=word.offset + top + by) for word in words),
        before=told.membership,
    )

    assert again.edges == []


SHUFFLED = EVENTS.flatmap(
    lambda events: st.tuples(st.just(events), st.permutations(range(len(events))))
)


@given(SHUFFLED, st.booleans())
def test_the_order_of_arrival_makes_no_difference(
    shuffled: tuple[list[tuple[bool, int]], list[int]], named: bool
) -> None:
    """Any permutation ends with the same membership, to the last byte."""
    events, order = shuffled
    words = [
        Arrival(*event, offset, f"m{offset}" if named else "", partition=offset % 3)
        for offset, event in enumerate(events)
    ]

    arrived = arrive(words[at] for at in order)

    assert arrived.membership == arrive(words).membership
