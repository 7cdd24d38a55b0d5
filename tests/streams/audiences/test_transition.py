"""Enter and exit fire once, in event order, whatever is repeated, late or replayed."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audiences.membership import MESSAGE_IDS_MAX, Membership
from streams.audiences.reading import AudienceMove
from streams.audiences.transition import Edge, Why, cross
from streams.events.origin import Origin


class Word(NamedTuple):
    """One arrival of one event: a repeat by the producer has another offset."""

    inside: bool
    time_ms: int
    offset: int
    message_id: str = ""
    list_id: str = ""
    partition: int = 0


class Told(NamedTuple):
    """What came of a run of words."""

    membership: Membership | None
    edges: list[Edge]
    whys: list[Why]


def tell(words: Iterable[Word], *, before: Membership | None = None) -> Told:
    """Let words arrive in the order given."""
    told = Told(before, [], [])
    for word in words:
        after, edge, why = cross(
            told.membership,
            AudienceMove(audience="vip", entered=word.inside, list_id=word.list_id),
            time_ms=word.time_ms,
            origin=Origin(topic="t", partition=word.partition, offset=word.offset),
            message_id=word.message_id,
        )
        told = Told(
            after or told.membership,
            told.edges + ([edge] if edge else []),
            [*told.whys, why],
        )
    return told


def inside(told: Told) -> bool:
    """Say where the user ended."""
    assert told.membership is not None
    return told.membership.inside


IN, OUT = True, False
A = Word(IN, 5, 0, "a")
B = Word(OUT, 5, 1, "b")


@pytest.mark.parametrize(
    ("words", "ends_inside", "whys"),
    [
        pytest.param([Word(IN, 5, 0)], IN, "entered", id="enter"),
        pytest.param([Word(OUT, 5, 0)], OUT, "exited", id="exit-of-a-stranger-fires"),
        pytest.param(
            [Word(IN, 5, 0), Word(OUT, 6, 1)], OUT, "entered exited", id="in-and-out"
        ),
        pytest.param(
            [Word(IN, 5, 0), Word(IN, 6, 1)], IN, "entered unchanged", id="in-again"
        ),
        pytest.param(
            [Word(OUT, 6, 0), Word(IN, 5, 1)], OUT, "exited stale", id="late-enter"
        ),
        pytest.param(
            [Word(IN, 5, 0), Word(IN, 9, 1), Word(OUT, 7, 2)],
            IN,
            "entered unchanged stale",
            id="exit-between-two-enters-comes-late",
        ),
        pytest.param([A, A], IN, "entered repeat", id="redelivered"),
        pytest.param(
            [A, A._replace(offset=9)], IN, "entered repeat", id="sent-twice-by-producer"
        ),
        pytest.param([A, B], OUT, "entered exited", id="same-time-greater-offset-wins"),
        pytest.param([B, A], OUT, "exited stale", id="same-time-other-arrival-order"),
        pytest.param(
            [A, B, A, B], OUT, "entered exited repeat repeat", id="same-time-replayed"
        ),
        pytest.param(
            [A, B, A._replace(offset=7)],
            OUT,
            "entered exited repeat",
            id="same-time-first-sent-again",
        ),
        pytest.param(
            [B, A, A._replace(offset=7)],
            OUT,
            "exited stale repeat",
            id="same-time-outranked-then-sent-again",
        ),
        pytest.param(
            [A, B._replace(message_id=""), A, B._replace(message_id="")],
            OUT,
            "entered exited repeat repeat",
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
    words: list[Word], ends_inside: bool, whys: str
) -> None:
    """Event time first, then origin; each word is told why it did what it did."""
    told = tell(words)

    assert (inside(told), " ".join(told.whys)) == (ends_inside, whys)


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
    told = tell(
        Word(word == "in", at, at, f"m{at}", list_id)
        for at, (word, list_id) in enumerate(words)
    )

    said = [
        f"{'add' if edge.entered else 'remove'} {edge.list_id}" for edge in told.edges
    ]
    assert said == edges


def test_a_repeat_and_a_late_event_leave_nothing_to_write() -> None:
    """None says: no write to the table, no changelog record."""
    told = tell([A])

    for word in (A, A._replace(offset=9), Word(OUT, 4, 8, "c")):
        after, edge, _ = cross(
            told.membership,
            AudienceMove(audience="vip", entered=word.inside),
            time_ms=word.time_ms,
            origin=Origin(topic="t", partition=0, offset=word.offset),
            message_id=word.message_id,
        )

        assert (after, edge) == (None, None)


def test_the_message_ids_of_one_millisecond_are_bounded() -> None:
    """A row cannot grow without end."""
    told = tell(Word(IN, 5, offset, f"m{offset:03}") for offset in range(100))

    assert told.membership is not None
    assert len(told.membership.message_ids) == MESSAGE_IDS_MAX


EVENTS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3)),  # few times: many of them equal
    min_size=1,
    max_size=MESSAGE_IDS_MAX,
)


@st.composite
def arrivals(draw: st.DrawFn) -> list[Word]:
    """Make events in any order, sent again and redelivered at will.

    A producer's repeat is a new record at a later offset; Kafka's redelivery is the
    same record again. Offsets grow in the order of first arrival.
    """
    events = draw(EVENTS)
    sent = draw(st.lists(st.integers(0, len(events) - 1), min_size=1, max_size=40))
    log = [
        Word(*events[event], offset, f"m{event}") for offset, event in enumerate(sent)
    ]
    read: list[Word] = []
    for at in range(len(log)):
        read.append(log[at])
        read += log[draw(st.integers(0, at)) : at + 1] if draw(st.booleans()) else []
    return read


def truth(words: list[Word]) -> Word:
    """Give the last word by event time, then by where its event first stood."""
    first: dict[str, Word] = {}
    for word in sorted(words, key=lambda word: word.offset):
        first.setdefault(word.message_id, word)
    return max(first.values(), key=lambda word: (word.time_ms, word.offset))


@given(arrivals())
def test_a_user_ends_where_the_last_word_by_event_time_says(words: list[Word]) -> None:
    """Whatever was late, repeated or redelivered."""
    assert inside(tell(words)) == truth(words).inside


@given(arrivals())
def test_edges_alternate(words: list[Word]) -> None:
    """No enter after an enter, no exit after an exit: each fires once."""
    fired = [edge.entered for edge in tell(words).edges]

    assert all(one != other for one, other in pairwise(fired))


@given(arrivals())
def test_a_replay_fires_nothing_and_writes_nothing(words: list[Word]) -> None:
    """All of it again, from the beginning, as after a lost commit."""
    told = tell(words)

    again = tell(words, before=told.membership)

    assert (again.edges, again.membership) == ([], told.membership)


@given(arrivals(), st.integers(1, 1000))
def test_a_replay_under_new_offsets_fires_nothing(words: list[Word], by: int) -> None:
    """Published a second time: the message ids tell."""
    top = max(word.offset for word in words)
    told = tell(words)

    again = tell(
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
        Word(*event, offset, f"m{offset}" if named else "", partition=offset % 3)
        for offset, event in enumerate(events)
    ]

    arrived = tell(words[at] for at in order)

    assert arrived.membership == tell(words).membership
