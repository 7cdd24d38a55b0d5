"""Parsing and formatting of times in the forms of producers, users and Klaviyo."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.errors import PoisonRecord
from streams.events.text import trim

TIME_FIELDS: Final = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
"""Segment's times, the best first; an absent, null or empty time is skipped."""

EARLIEST_MS: Final = 631_152_000_000
"""1990-01-01T00:00Z: Klaviyo takes no older event."""

LATEST_AHEAD_MS: Final = 365 * 24 * 3600 * 1000
"""One year: Klaviyo takes no event further ahead of its clock."""

SECONDS_BELOW: Final = 100_000_000_000
"""A smaller number counts seconds (the range ends in the year 5138), a larger number
counts milliseconds (the range begins in 1973): no time inside the bounds is
ambiguous."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = _EPOCH.replace(tzinfo=None)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NUMBER: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?").fullmatch

_DATE_DIGITS: Final = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
).fullmatch
"""A date without separators; as an epoch it would be a day of the year 1970."""

_JAVASCRIPT_DATE: Final = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2} [0-9]{1,2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})"
    r" GMT([+-][0-9]{4})(?: \(.*\))?"
).fullmatch
"""ECMA-262, Date.prototype.toString: the offset counts, not the zone's name."""

_YEAR_FIRST: Final = re.compile(
    r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})"
    r"(?:[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,9})?))?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?(?: ?(Z|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT"
    r"|[A-Z][A-Za-z_]+/[A-Za-z_/]+))?)?"
).fullmatch

_SECONDS_KEPT: Final = 1_024
"""Ours: seconds whose text is kept; rows that come together changed together."""

HOURS_OF_HALF_DAY: Final = 12

_CANONICAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
).fullmatch
_CANONICAL_FROM: Final = "1990"
"""Klaviyo takes no older time; the general parser refuses an older time."""

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999. Klaviyo itself judges whether a time is too far ahead."""


def event_time_ms(body: dict[str, Any], *, record_time_ms: int, now_ms: int) -> int:
    """Return the best time of an event, in milliseconds since the epoch.

    A time that is present but unreadable is an error. Falling back to a lesser time
    would silently change the order of a user's events.

    Args:
        body: The event.
        record_time_ms: The Kafka record's timestamp, for an event without a time.
        now_ms: The clock, for the upper bound.

    Raises:
        PoisonRecord: `bad-time` or `time-out-of-range`.
    """
    for name in TIME_FIELDS:
        value = body.get(name)
        if value is not None and value != "":
            return _within_bounds(_parse_time(value, name=name), name, now_ms=now_ms)
    return _within_bounds(record_time_ms, "the record's time", now_ms=now_ms)


def parse_iso_ms(text: str) -> int | None:
    """Parse an ISO 8601 time to milliseconds since the epoch.

    A time without an offset is in UTC.

    Returns:
        The time; None if the text is not an ISO 8601 time.
    """
    try:
        return _since_epoch(datetime.fromisoformat(text)) // _MILLISECOND
    except (ValueError, OverflowError):
        return None


def parse_timestamp_s(value: object) -> float | None:
    """Parse an ISO 8601 time to fractional seconds since the epoch.

    Returns:
        The time; None if the value is not text, or not an ISO 8601 time.
    """
    if not isinstance(value, str):
        return None
    try:
        return _since_epoch(datetime.fromisoformat(value)).total_seconds()
    except (ValueError, OverflowError):
        return None


def to_iso_time(value: str | float) -> str:
    """Convert a time in any accepted form to ISO 8601 in UTC, the form of Klaviyo.

    Args:
        value: ISO 8601, RFC 2822, or an epoch in seconds or milliseconds.

    Returns:
        ISO 8601 in UTC with milliseconds; empty if the value is not a time, or is
        before 1990.
    """
    if type(value) is str and _is_canonical(value):
        return value
    try:
        time_ms = _within_bounds(
            _parse_time(value, name="time"), "time", now_ms=LATEST_MS - LATEST_AHEAD_MS
        )
    except PoisonRecord:
        return ""
    return iso_from_ms(time_ms)


def iso_from_ms(time_ms: int) -> str:
    """Format milliseconds since the epoch as ISO 8601 in UTC."""
    second, millis = divmod(time_ms, 1000)
    return f"{_second_text(second)}.{millis:03d}Z"


@lru_cache(maxsize=_SECONDS_KEPT)
def _second_text(second: int) -> str:
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()


def _within_bounds(time_ms: int, name: str, *, now_ms: int) -> int:
    if EARLIEST_MS <= time_ms <= now_ms + LATEST_AHEAD_MS:
        return time_ms
    raise PoisonRecord(
        "time-out-of-range", f"{name} is before 1990 or more than a year ahead"
    )


def _parse_time(value: object, *, name: str) -> int:
    if type(value) is int:
        return _number_to_ms(value)
    if isinstance(value, str):
        text = trim(value)
        if _NUMBER(text) and not _DATE_DIGITS(text):
            return _number_to_ms(float(text))
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = _parse_other_form(text, name=name)
        return _since_epoch(time) // _MILLISECOND
    if isinstance(value, float):
        return _number_to_ms(value)
    raise PoisonRecord("bad-time", f"{name} is neither a string nor a number")


def _number_to_ms(number: float) -> int:
    in_ms = number * 1000 if abs(number) < SECONDS_BELOW else number
    if abs(in_ms) <= LATEST_MS:
        return int(in_ms)
    return LATEST_MS + 1  # out of bounds; infinity is no whole number


def _since_epoch(time: datetime) -> timedelta:
    """Return the time since the epoch; no offset means UTC, as by Segment."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH


def _parse_other_form(text: str, *, name: str) -> datetime:
    """Parse the forms beside ISO 8601 that leave no doubt about the time.

    JavaScript's `Date` text and `toUTCString` are among them, but not 03/04/2025, which
    is a day in March or in April, and not the name of a zone that several have.
    """
    try:
        if match := _JAVASCRIPT_DATE(text):
            return datetime.strptime("".join(match.groups()), "%b %d %Y %H:%M:%S%z")
        if match := _YEAR_FIRST(text):
            return _parse_year_first(match)
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        raise PoisonRecord(
            "bad-time",
            f"{name} is not an ISO 8601 time, RFC 2822 date or epoch number; a time "
            "that can be read in two ways is not guessed",
        ) from None


def _parse_year_first(match: re.Match[str]) -> datetime:
    """Parse a date with the year first, maybe with a 12-hour clock or a zone's name."""
    year, month, day, hour, minute, second, half, zone = match.groups()
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= HOURS_OF_HALF_DAY:
            raise ValueError("not an hour of a 12-hour clock")
        hours = hours % HOURS_OF_HALF_DAY + (half in "Pp") * HOURS_OF_HALF_DAY
    time = datetime(
        int(year), int(month), int(day), hours, int(minute or 0), tzinfo=UTC
    )
    time += timedelta(seconds=float(second or 0))
    if not zone or zone.upper() in {"Z", "UTC", "GMT"}:
        return time
    if zone[0] in "+-":
        offset = datetime.strptime(zone, "%z").tzinfo
        return time.replace(tzinfo=offset)
    return time.replace(tzinfo=ZoneInfo(zone))


def _is_canonical(text: str) -> bool:
    if not _CANONICAL(text) or text < _CANONICAL_FROM:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
