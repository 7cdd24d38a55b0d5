"""What a killed worker's successor tells again is known."""

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.delivery.duplicates import REMEMBERED_MAX, DuplicateFilter, LaneOffset
from streams.events.origin import Origin


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
    ("places", "again"),
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
    places: list[tuple[int, int]], again: list[bool]
) -> None:
    """A record that is read again must be sent again: nobody knows whether it was."""
    told = DuplicateFilter()

    heard = [_is_duplicate(told, 0, place) for place in places]

    assert heard == again


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
    told = DuplicateFilter()
    _is_duplicate(told, 0, (0, 5))

    assert not told.is_duplicate(other, offset=(0, 9), user="u", cause=(0, 0))


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    """Memory is bounded; what is forgotten is sent twice, which does no harm."""
    told = DuplicateFilter()
    for offset in range(REMEMBERED_MAX + 1):
        _is_duplicate(told, offset, (0, offset))

    assert _is_duplicate(told, 1, (0, REMEMBERED_MAX + 2))
    assert not _is_duplicate(told, 0, (0, REMEMBERED_MAX + 3))


def test_what_was_refused_may_be_told_again() -> None:
    """A dead letter comes back once what refused it is mended."""
    told = DuplicateFilter()
    _is_duplicate(told, 0, (0, 5))

    told.forget(_activation(), cause=(0, 0))

    assert not _is_duplicate(told, 0, (0, 9))


def test_a_replay_is_no_repetition() -> None:
    """Activate reads the same event at another place: somebody wants it again."""
    told = DuplicateFilter()
    _is_duplicate(told, 0, (0, 5))

    assert not told.is_duplicate(_activation(), offset=(0, 9), user="u", cause=(70, 0))


@pytest.mark.parametrize(
    ("offsets", "again"),
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
    offsets: list[int], again: list[bool]
) -> None:
    """Else the older one had the last word; its owner before had settled it."""
    told = DuplicateFilter()

    heard = [_is_duplicate(told, offset, (0, at)) for at, offset in enumerate(offsets)]

    assert heard == again


def test_who_else_is_told_of_changes_nothing() -> None:
    """Another user's older record is no sign of a repetition."""
    told = DuplicateFilter()
    _is_duplicate(told, 2, (0, 0))

    _is_duplicate(told, 1, (0, 1), user="v")

    assert _is_duplicate(told, 2, (0, 2))
