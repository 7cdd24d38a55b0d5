"""Duplicates that a killed worker's successor writes are recognised."""

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.delivery.duplicates import REMEMBERED_MAX, DuplicateFilter, LaneOffset
from streams.events.canonical_event import Origin


def _activation(offset: int = 0, *, number: int = 0, list_id: str = "L") -> bytes:
    activation = Activation(
        action="addProfileToList",
        user="u",
        intent=ListAdd(list_id=list_id, profile={"external_id": "u"}),
        time_ms=1,
        origin=Origin(topic="source", partition=0, offset=offset),
        index=number,
    )
    return msgspec.json.encode(activation)


def _is_duplicate(
    duplicates: DuplicateFilter,
    offset: int,
    topic_offset: LaneOffset,
    *,
    user: str = "u",
) -> bool:
    """Tell of an event, and whether that is known."""
    raw = _activation(offset)
    return duplicates.is_duplicate(
        raw, offset=topic_offset, user=user, cause=(offset, 0)
    )


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([(0, 5), (0, 9)], [False, True], id="behind-the-first"),
        pytest.param([(0, 5), (0, 9), (0, 12)], [False, True, True], id="and-behind"),
        pytest.param([(0, 5), (0, 5)], [False, False], id="the-record-read-once-more"),
        pytest.param(
            [(0, 5), (0, 9), (0, 5), (0, 9)],
            [False, True, False, True],
            id="all-read-once-more",
        ),
        pytest.param([(0, 5), (1, 9)], [False, False], id="on-another-partition"),
        pytest.param(
            [(0, 9), (0, 5), (0, 9)], [False, False, True], id="an-earlier-one-turns-up"
        ),
    ],
)
def test_a_repetition_is_what_stands_behind_the_first(
    offsets: list[tuple[int, int]], expected: list[bool]
) -> None:
    """A record that is read again must be sent again: it may not have been sent."""
    duplicates = DuplicateFilter()

    answers = [_is_duplicate(duplicates, 0, offset) for offset in offsets]

    assert answers == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_activation(number=1), id="of-the-same-event"),
        pytest.param(_activation(7), id="of-another-event"),
        pytest.param(_activation(list_id="M"), id="of-a-mended-mapping"),
    ],
)
def test_another_activation_is_no_repetition(other: bytes) -> None:
    """An event may cause several."""
    duplicates = DuplicateFilter()
    _is_duplicate(duplicates, 0, (0, 5))

    assert not duplicates.is_duplicate(other, offset=(0, 9), user="u", cause=(0, 0))


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    """Memory is bounded; what is forgotten is sent twice, which does no harm."""
    duplicates = DuplicateFilter()
    for offset in range(REMEMBERED_MAX + 1):
        _is_duplicate(duplicates, offset, (0, offset))

    assert _is_duplicate(duplicates, 1, (0, REMEMBERED_MAX + 2))
    assert not _is_duplicate(duplicates, 0, (0, REMEMBERED_MAX + 3))


def test_what_was_refused_may_be_told_again() -> None:
    """A dead letter comes back once what refused it is mended."""
    duplicates = DuplicateFilter()
    _is_duplicate(duplicates, 0, (0, 5))

    duplicates.forget(_activation(), cause=(0, 0))

    assert not _is_duplicate(duplicates, 0, (0, 9))


def test_a_replay_is_no_repetition() -> None:
    """Activate reads the same event at another offset: a replay sends it again."""
    duplicates = DuplicateFilter()
    _is_duplicate(duplicates, 0, (0, 5))

    assert not duplicates.is_duplicate(
        _activation(), offset=(0, 9), user="u", cause=(70, 0)
    )


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([1, 2, 1, 2], [False, False, True, True], id="all-were-heard"),
        pytest.param([2, 1, 2], [False, False, False], id="the-first-was-not"),
        pytest.param([2, 3, 1, 2, 3], [False] * 5, id="the-first-of-three-was-not"),
        pytest.param(
            [1, 3, 2, 1], [False, False, False, True], id="what-came-before-stays-known"
        ),
    ],
)
def test_what_follows_an_older_change_is_sent_behind_it(
    offsets: list[int], expected: list[bool]
) -> None:
    """Else the older one had the last word; its owner before had settled it."""
    duplicates = DuplicateFilter()

    answers = [
        _is_duplicate(duplicates, offset, (0, at)) for at, offset in enumerate(offsets)
    ]

    assert answers == expected


def test_who_else_is_told_of_changes_nothing() -> None:
    """Another user's older record is no sign of a repetition."""
    duplicates = DuplicateFilter()
    _is_duplicate(duplicates, 2, (0, 0))

    _is_duplicate(duplicates, 1, (0, 1), user="v")

    assert _is_duplicate(duplicates, 2, (0, 2))
