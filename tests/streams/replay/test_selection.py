"""Selection of the records to replay, from the options of the command."""

from typing import Any

import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.errors import ConfigError
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.replay.selection import (
    RecordFilter,
    ReplaySelection,
    clip_bounds,
    count_remaining,
    parse_offset_ranges,
    parse_time_ms,
)

ORIGIN = Origin(topic="s", partition=0, offset=1)


def track_event(**body: Any) -> CanonicalEvent:  # noqa: ANN401 - JSON
    """Build a track event of one user."""
    return CanonicalEvent(
        kind="track",
        user="u-1",
        message_id="m",
        time_ms=1,
        origin=ORIGIN,
        body={"type": "track", "event": "Audience Entered"} | body,
    )


def record_filter(**fields: Any) -> RecordFilter:  # noqa: ANN401 - a selection's own fields
    """Build the filter of a selection."""
    return RecordFilter(ReplaySelection(topic="s", **fields))


@pytest.mark.parametrize(
    ("fields", "is_match"),
    [
        pytest.param({}, True, id="all"),
        pytest.param({"user": "u-1"}, True, id="the-user"),
        pytest.param({"user": "u-2"}, False, id="another-user"),
        pytest.param({"audience": "vip"}, True, id="the-audience"),
        pytest.param({"audience": "cart"}, False, id="another-audience"),
        pytest.param({"where": 'type = "track"'}, True, id="what-matches"),
        pytest.param({"where": 'type = "page"'}, False, id="what-does-not"),
        pytest.param(
            {"user": "u-1", "where": 'type = "page"'}, False, id="both-must-agree"
        ),
    ],
)
def test_an_event_matches_when_all_criteria_match(
    fields: dict[str, Any], *, is_match: bool
) -> None:
    """The criteria are user, audience and trigger."""
    event = track_event(properties={"audience_key": "vip"})

    assert record_filter(**fields).matches_event(event) is is_match


def test_an_event_with_an_unreadable_audience_matches_none() -> None:
    """A malformed audience event does not stop the replay."""
    assert not record_filter(audience="vip").matches_event(track_event(properties={}))


@pytest.mark.parametrize(
    ("fields", "is_match"),
    [
        pytest.param({"user": "u-2"}, False, id="another-user"),
        pytest.param({"audience": "vip", "user": "u-1"}, True, id="both"),
        pytest.param({"audience": "cart"}, False, id="another-audience"),
        pytest.param({"where": 'type = "track"'}, False, id="no-event-to-match"),
    ],
)
def test_an_activation_matches_by_user_and_audience(
    fields: dict[str, Any], *, is_match: bool
) -> None:
    """A trigger matches no activation, since an activation has no event."""
    activation = Activation(
        action="addProfileToList",
        user="u-1",
        intent=ListAdd(list_id="", profile={}),
        time_ms=1,
        origin=ORIGIN,
        audience="vip",
    )

    assert record_filter(**fields).matches_activation(activation) is is_match


def test_an_invalid_trigger_is_an_error_before_reading() -> None:
    """The error is raised when the filter is built."""
    with pytest.raises(ConfigError):
        record_filter(where="type =")


def test_offset_ranges_are_parsed() -> None:
    """A partition is selected as a whole or in part."""
    offset_ranges = parse_offset_ranges([1], ["2:5-9", "3:-4", "4:7-"])

    assert offset_ranges == {1: (0, None), 2: (5, 9), 3: (0, 4), 4: (7, None)}


@pytest.mark.parametrize("text", ["", "1", "1:2", "x:1-2", "1:5-5", "1:9-2", "1:-1-2"])
def test_an_invalid_range_is_an_error_with_an_example(text: str) -> None:
    """A range that ends before its start is not valid either."""
    with pytest.raises(ConfigError, match="--offsets"):
        parse_offset_ranges([], [text])


@pytest.mark.parametrize(
    ("partitions", "offsets"),
    [
        pytest.param([], ["3:1-2", "3:5-6"], id="two-spans"),
        pytest.param([3], ["3:5-6"], id="whole-and-a-span"),
    ],
)
def test_a_partition_occurs_once(partitions: list[int], offsets: list[str]) -> None:
    """Two ranges of one partition need two replays."""
    with pytest.raises(ConfigError, match=r"partition 3: named twice.*two replays"):
        parse_offset_ranges(partitions, offsets)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        pytest.param("1970-01-01T00:00Z", 0, id="utc"),
        pytest.param("1970-01-01T00:00:01", 1_000, id="utc-unless-it-says"),
        pytest.param("1970-01-01T01:00+01:00", 0, id="elsewhere"),
    ],
)
def test_a_time_is_parsed(text: str, ms: int) -> None:
    """Times are in ISO 8601, in UTC by default."""
    assert parse_time_ms(text, option="--since") == ms


def test_an_invalid_time_is_an_error_with_an_example() -> None:
    """The error text has the name of the option."""
    with pytest.raises(ConfigError, match=r"--since yesterday: .*2026-11-01T00:00Z"):
        parse_time_ms("yesterday", option="--since")


def test_remaining_offsets_count_from_the_position() -> None:
    """A partition without a position counts as a whole."""
    assert count_remaining({0: (10, 20), 1: (0, 5)}, {0: 18}) == 7


def test_a_range_ends_at_the_committed_offset() -> None:
    """A partition whose range no worker has begun to read is left out."""
    bounds = {0: (5, 9), 1: (5, 9), 2: (5, 9), 3: (5, 9)}

    assert clip_bounds(bounds, {0: 7, 1: 5, 2: 20}) == {0: (5, 7), 2: (5, 9), 3: (5, 9)}
