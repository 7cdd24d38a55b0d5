"""Tests that times in every accepted form are parsed, and no other text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events.time import (
    iso_from_ms,
    parse_iso_ms,
    parse_timestamp_s,
    to_iso_time,
)

MARCH_MS = 1_772_359_200_123
MARCH = "2026-03-01T10:00:00.123Z"


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        pytest.param(MARCH, MARCH_MS, id="milliseconds"),
        pytest.param("2026-03-01T11:00:00.123+01:00", MARCH_MS, id="offset"),
        pytest.param("2026-03-01T10:00:00.123", MARCH_MS, id="no-offset-is-utc"),
        pytest.param("1970-01-02", 86_400_000, id="date-only"),
        pytest.param("yesterday", None, id="words"),
        pytest.param("1772359200", None, id="epoch-number"),
        pytest.param("", None, id="empty"),
    ],
)
def test_iso_times_become_milliseconds(text: str, time_ms: int | None) -> None:
    """A time without an offset is in UTC; any other text has no time."""
    assert parse_iso_ms(text) == time_ms


@pytest.mark.parametrize(
    ("value", "time_s"),
    [
        pytest.param(MARCH, MARCH_MS / 1000, id="fraction"),
        pytest.param("1970-01-01T00:00:01", 1.0, id="no-offset-is-utc"),
        pytest.param(None, None, id="absent"),
        pytest.param("soon", None, id="words"),
    ],
)
def test_timestamps_become_seconds(value: object, time_s: float | None) -> None:
    """The fraction of a second is kept; any other value has no time."""
    assert parse_timestamp_s(value) == time_s


@pytest.mark.parametrize(
    ("value", "iso_time"),
    [
        pytest.param(MARCH, MARCH, id="canonical"),
        pytest.param("2026-03-01T11:00:00.123+01:00", MARCH, id="offset"),
        pytest.param("Sun, 01 Mar 2026 10:00:00 GMT", f"{MARCH[:19]}.000Z", id="mail"),
        pytest.param(1_772_359_200, f"{MARCH[:19]}.000Z", id="seconds"),
        pytest.param(MARCH_MS, MARCH, id="milliseconds"),
        pytest.param(str(MARCH_MS), MARCH, id="milliseconds-as-text"),
        pytest.param("1989-12-31T23:59:59.999Z", "", id="before-1990"),
        pytest.param("2026-02-30T10:00:00.123Z", "", id="no-such-day"),
        pytest.param("", "", id="empty"),
    ],
)
def test_times_are_sent_as_iso_in_utc(value: str | float, iso_time: str) -> None:
    """Klaviyo accepts ISO 8601 from the year 1990 on."""
    assert to_iso_time(value) == iso_time


@given(st.integers(-(2**41), 2**47))
def test_formatted_milliseconds_parse_to_the_same_time(time_ms: int) -> None:
    """Formatting loses no millisecond, before 1970 neither."""
    assert parse_iso_ms(iso_from_ms(time_ms)) == time_ms


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_not(text: str) -> None:
    """No text raises an error."""
    time_ms = parse_iso_ms(text)

    assert time_ms is None or isinstance(time_ms, int)
    assert to_iso_time(text)[-1:] in {"", "Z"}
