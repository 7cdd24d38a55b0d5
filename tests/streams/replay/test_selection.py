"""What an operator says of a range, and which records are meant."""

from typing import Any

import pytest

from streams.actions.activation import Activation
from streams.actions.intents import ListAdd
from streams.errors import ConfigError
from streams.events.model import CanonicalEvent
from streams.events.origin import Origin
from streams.replay.selection import (
    Filter,
    Selection,
    left_in,
    moment_ms,
    spans_of,
    up_to,
)

HERE = Origin(topic="s", partition=0, offset=1)


def event(**body: Any) -> CanonicalEvent:  # noqa: ANN401 - JSON
    """A track call of a user."""
    return CanonicalEvent(
        kind="track",
        user="u-1",
        message_id="m",
        time_ms=1,
        origin=HERE,
        body={"type": "track", "event": "Audience Entered"} | body,
    )


def chosen(**told: Any) -> Filter:  # noqa: ANN401 - a selection's own fields
    """What takes the records of a selection."""
    return Filter(Selection(topic="s", **told))


@pytest.mark.parametrize(
    ("told", "taken"),
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
def test_an_event_is_taken_where_all_that_was_said_agrees(
    told: dict[str, Any], *, taken: bool
) -> None:
    """User, audience and trigger."""
    one = event(properties={"audience_key": "vip"})

    assert chosen(**told).takes_event(one) is taken


def test_an_event_whose_audience_nobody_can_read_is_about_none() -> None:
    """It stops nothing."""
    assert not chosen(audience="vip").takes_event(event(properties={}))


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        pytest.param({"user": "u-2"}, False, id="another-user"),
        pytest.param({"audience": "vip", "user": "u-1"}, True, id="both"),
        pytest.param({"audience": "cart"}, False, id="another-audience"),
        pytest.param({"where": 'type = "track"'}, False, id="no-event-to-match"),
    ],
)
def test_an_activation_is_taken_by_its_user_and_audience(
    told: dict[str, Any], *, taken: bool
) -> None:
    """A lane has no event."""
    one = Activation(
        action="addProfileToList",
        user="u-1",
        intent=ListAdd(list_id="", profile={}),
        time_ms=1,
        origin=HERE,
        audience="vip",
    )

    assert chosen(**told).takes_activation(one) is taken


def test_a_wrong_trigger_is_said_before_anything_is_read() -> None:
    """With its place."""
    with pytest.raises(ConfigError):
        chosen(where="type =")


def test_spans_are_read() -> None:
    """Whole partitions, and parts of them."""
    spans = spans_of([1], ["2:5-9", "3:-4", "4:7-"])

    assert spans == {1: (0, None), 2: (5, 9), 3: (0, 4), 4: (7, None)}


@pytest.mark.parametrize("text", ["", "1", "1:2", "x:1-2", "1:5-5", "1:9-2", "1:-1-2"])
def test_no_span_is_an_error_that_shows_one(text: str) -> None:
    """And so is one that ends before it begins."""
    with pytest.raises(ConfigError, match="--offsets"):
        spans_of([], [text])


@pytest.mark.parametrize(
    ("partitions", "offsets"),
    [
        pytest.param([], ["3:1-2", "3:5-6"], id="two-spans"),
        pytest.param([3], ["3:5-6"], id="whole-and-a-span"),
    ],
)
def test_a_partition_is_named_once(partitions: list[int], offsets: list[str]) -> None:
    """Which of the two is meant is nobody's guess: each has a replay of its own."""
    with pytest.raises(ConfigError, match=r"partition 3: named twice.*two replays"):
        spans_of(partitions, offsets)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        pytest.param("1970-01-01T00:00Z", 0, id="utc"),
        pytest.param("1970-01-01T00:00:01", 1_000, id="utc-unless-it-says"),
        pytest.param("1970-01-01T01:00+01:00", 0, id="elsewhere"),
    ],
)
def test_a_moment_is_read(text: str, ms: int) -> None:
    """ISO 8601."""
    assert moment_ms(text, name="--since") == ms


def test_no_moment_is_an_error_that_shows_one() -> None:
    """By the option's name."""
    with pytest.raises(ConfigError, match=r"--since yesterday: .*2026-11-01T00:00Z"):
        moment_ms("yesterday", name="--since")


def test_what_is_left_counts_from_where_it_is() -> None:
    """A partition that was not begun counts whole."""
    assert left_in({0: (10, 20), 1: (0, 5)}, {0: 18}) == 7


def test_a_range_is_cut_where_live_reading_has_come_to() -> None:
    """A partition that is not read from the range's beginning on falls away."""
    ends = {0: (5, 9), 1: (5, 9), 2: (5, 9), 3: (5, 9)}

    assert up_to(ends, {0: 7, 1: 5, 2: 20}) == {0: (5, 7), 2: (5, 9), 3: (5, 9)}
