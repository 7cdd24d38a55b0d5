"""Which dead letters are meant, how many there are, and how each gets back."""

import msgspec
import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.dead_letters.encoding import encode_headers
from streams.dead_letters.record import (
    DeadLetterRecord,
    RequeueRoute,
    TopicOffset,
    read_record,
)
from streams.dead_letters.selection import (
    DeadLetterFilter,
    DeadLetterGroup,
    group_by_fault,
)
from tests.support.dead_letter_records import (
    DEAD_LETTER,
    TIMESTAMP_MS,
    foreign_record,
    stored_dead_letter,
)

ACTIVATION = msgspec.json.encode(
    Activation(
        action="addProfileToList",
        user="u-1",
        intent=ListAdd(list_id="L1", profile={"external_id": "u-1"}),
        time_ms=1_000,
        origin=DEAD_LETTER.origin,
    )
)


def test_it_is_read_as_it_was_written() -> None:
    """Headers and body hold all of it."""
    dead_letter = msgspec.structs.replace(
        DEAD_LETTER, replay="r-1", stage="deliver.lists"
    )

    stored = stored_dead_letter(replay="r-1", stage="deliver.lists")

    assert stored.dead_letter == dead_letter
    assert (stored.stage, stored.code) == ("deliver.lists", "not-json")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("stage", None, id="no-stage"),
        pytest.param("stage", b"VALUE_CONVERTER", id="a-stage-of-kafka-connect"),
        pytest.param("stage", b"deliver.faxes", id="a-lane-there-is-not"),
        pytest.param("exception.class.name", b"", id="no-reason"),
        pytest.param("topic", b"", id="no-topic"),
        pytest.param("partition", b"-1", id="no-partition"),
        pytest.param("offset", b"\xff", id="broken-offset"),
    ],
)
def test_what_somebody_else_wrote_is_unreadable(name: str, value: bytes | None) -> None:
    """The record is listed, and stops nothing."""
    of_ours = dict(encode_headers(DEAD_LETTER, connector="app"))
    theirs = of_ours | {"__connect.errors." + name: value}

    stored = read_record(
        TopicOffset(0, 0),
        timestamp_ms=0,
        headers=theirs.items(),
        key=None,
        value=b"secret",
    )

    assert (stored.stage, stored.code, stored.route) == (
        "",
        "unreadable",
        RequeueRoute.NONE,
    )
    assert stored.value == b"secret"


@pytest.mark.parametrize(
    ("stored", "route"),
    [
        pytest.param(
            stored_dead_letter(stage="intake"), RequeueRoute.EVENT, id="intake"
        ),
        pytest.param(
            stored_dead_letter(stage="activate"), RequeueRoute.EVENT, id="activate"
        ),
        pytest.param(
            stored_dead_letter(stage="deliver.lists"),
            RequeueRoute.ACTIVATION,
            id="a-lane",
        ),
        pytest.param(
            stored_dead_letter(stage="activate", value=ACTIVATION),
            RequeueRoute.ACTIVATION,
            id="one-that-had-come-back-to-activate",
        ),
        pytest.param(
            stored_dead_letter(extra_headers=(("ks.truncated-from-bytes", b"9"),)),
            RequeueRoute.SOURCE,
            id="cut",
        ),
        pytest.param(foreign_record(), RequeueRoute.NONE, id="somebody-else-s"),
    ],
)
def test_each_has_its_way_back(stored: DeadLetterRecord, route: RequeueRoute) -> None:
    """By where it failed, and what is left of it."""
    assert stored.route is route


def test_who_only_looks_holds_no_values() -> None:
    """A whole topic of them must fit in memory."""
    bare = stored_dead_letter(value=b"x" * 1_000).without_value()

    assert b"xxx" not in msgspec.json.encode(bare)
    assert (bare.topic_offset, bare.code) == (TopicOffset(0, 0), "not-json")


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        pytest.param(DeadLetterFilter(), True, id="none-given"),
        pytest.param(DeadLetterFilter(code="list-gone"), True, id="reason"),
        pytest.param(DeadLetterFilter(code="list"), False, id="a-part-of-the-reason"),
        pytest.param(DeadLetterFilter(stage="deliver.lists"), True, id="stage"),
        pytest.param(DeadLetterFilter(stage="deliver"), True, id="every-lane"),
        pytest.param(
            DeadLetterFilter(stage="deliver.events"), False, id="another-lane"
        ),
        pytest.param(DeadLetterFilter(since_ms=TIMESTAMP_MS), True, id="since-then"),
        pytest.param(
            DeadLetterFilter(since_ms=TIMESTAMP_MS + 1), False, id="since-later"
        ),
        pytest.param(DeadLetterFilter(until_ms=TIMESTAMP_MS), False, id="until-then"),
        pytest.param(
            DeadLetterFilter(until_ms=TIMESTAMP_MS + 1), True, id="until-later"
        ),
        pytest.param(
            DeadLetterFilter(
                topic_offsets=frozenset({TopicOffset(1, 7), TopicOffset(0, 0)})
            ),
            True,
            id="a-place",
        ),
        pytest.param(
            DeadLetterFilter(topic_offsets=frozenset({TopicOffset(7, 1)})),
            False,
            id="another-place",
        ),
        pytest.param(
            DeadLetterFilter(code="list-gone", stage="intake"), False, id="one-of-two"
        ),
    ],
)
def test_filters_narrow_one_another(filters: DeadLetterFilter, *, taken: bool) -> None:
    """A dead letter meets all that are given."""
    stored = stored_dead_letter("1/7", stage="deliver.lists", code="list-gone")

    assert filters.matches(stored) is taken


def test_no_filter_is_none() -> None:
    """A time of 0 is a condition."""
    assert DeadLetterFilter().is_empty
    assert not DeadLetterFilter(since_ms=0).is_empty


def test_they_are_counted_by_stage_and_reason() -> None:
    """With the first time, the last time, and the offset of the last."""
    stored = group_by_fault(
        [
            stored_dead_letter("0/1", timestamp_ms=5, stage="deliver.lists"),
            stored_dead_letter("0/0", timestamp_ms=3, stage="intake"),
            stored_dead_letter("2/0", timestamp_ms=9, stage="intake"),
            stored_dead_letter("1/0", timestamp_ms=4, stage="intake"),
            foreign_record("3/3"),
        ]
    )

    assert stored == [
        DeadLetterGroup(
            "", "unreadable", 1, TIMESTAMP_MS, TIMESTAMP_MS, TopicOffset(3, 3)
        ),
        DeadLetterGroup("deliver.lists", "not-json", 1, 5, 5, TopicOffset(0, 1)),
        DeadLetterGroup("intake", "not-json", 3, 3, 9, TopicOffset(2, 0)),
    ]


@pytest.mark.parametrize("text", ["", "3", "3/", "/3", "-1/3", "3/x", "1/2/3"])
def test_a_place_that_is_none_is_told_in_words(text: str) -> None:
    """The message shows an example of a valid offset."""
    with pytest.raises(ValueError, match="PARTITION/OFFSET, like 3/17"):
        TopicOffset.parse(text)
