"""Tests that times in every accepted form are parsed, and no other text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import PoisonRecord
from streams.events.time import (
    event_time_ms,
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


TEN_O_CLOCK = "2026-03-01T10:00:00.000Z"

UNAMBIGUOUS = [
    "2026-03-01 10:00:00 AM",
    "2026-03-01 10:00 am",
    "2026-03-01 10:00:00 a.m.",
    "2026/03/01 10:00",
    "2026/3/1 10:00:00",
    "2026/03/01 10:00 AM UTC",
    "2026-03-01 10:00:00 UTC",
    "2026-03-01T10:00:00 GMT",
    "2026-03-01 12:00:00 +0200",
    "2026-03-01 11:00:00 Europe/Berlin",
    "2026-03-01 05:00:00 America/New_York",
    "Sun Mar 01 2026 12:00:00 GMT+0200 (Eastern European Standard Time)",
    "Sun Mar 01 2026 10:00:00 GMT+0000 (Coordinated Universal Time)",
    "Sun Mar 01 2026 04:00:00 GMT-0600",
    "Sun, 01 Mar 2026 05:00:00 EST",
    "20260301T100000Z",
    " 2026-03-01T10:00:00Z\u200b",
]


@pytest.mark.parametrize("text", UNAMBIGUOUS)
def test_times_of_other_programs_are_read(text: str) -> None:
    """All of them are ten o'clock in UTC."""
    assert to_iso_time(text) == TEN_O_CLOCK


@pytest.mark.parametrize(
    ("text", "iso_time"),
    [
        pytest.param("20260301", "2026-03-01T00:00:00.000Z", id="a-day"),
        pytest.param("2026/03/01", "2026-03-01T00:00:00.000Z", id="a-day-with-slashes"),
        pytest.param("2026-03-01 12:00 AM", "2026-03-01T00:00:00.000Z", id="midnight"),
        pytest.param("2026-03-01 12:00 PM", "2026-03-01T12:00:00.000Z", id="noon"),
        pytest.param("2026-03-01 11:59 PM", "2026-03-01T23:59:00.000Z", id="late"),
    ],
)
def test_days_and_twelve_hour_clocks(text: str, iso_time: str) -> None:
    """Twelve is the first hour of a half day, and a day begins at midnight."""
    assert to_iso_time(text) == iso_time


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("03/04/2025", id="march-or-april"),
        pytest.param("03/04/2025 10:00 AM", id="march-or-april-with-a-clock"),
        pytest.param("04-03-2025", id="with-dashes"),
        pytest.param("2026-03-01 10:00 CST", id="china-or-chicago"),
        pytest.param("2026-03-01 10:00 IST", id="india-israel-or-ireland"),
        pytest.param("2026-03-01 13:00 PM", id="no-hour-of-that-clock"),
        pytest.param("2026-03-01 00:30 AM", id="no-zeroth-hour"),
        pytest.param("2026-13-01 10:00 AM", id="no-such-month"),
        pytest.param("2026-03-01 10:00 Europe/Nowhere", id="no-such-zone"),
        pytest.param(20_260_301, id="a-day-as-a-number"),
        pytest.param("tomorrow", id="a-word"),
        pytest.param(float("inf"), id="a-number-beyond-any"),
        pytest.param(float("nan"), id="not-a-number"),
        pytest.param(-1e300, id="long-before-any-calendar"),
    ],
)
def test_a_time_that_can_be_read_in_two_ways_is_not_guessed(value: str | float) -> None:
    """A wrong time would change the order of a user's events."""
    with pytest.raises(PoisonRecord, match=r"bad-time|time-out-of-range"):
        event_time_ms({"timestamp": value}, record_time_ms=MARCH_MS, now_ms=MARCH_MS)
    assert to_iso_time(value) == ""


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
