"""When an event happened: any way producers write a time → milliseconds."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from streams.errors import PoisonRecord

TIME_FIELDS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
"""Segment's times, the best first; an absent, null or empty one is passed over."""

EARLIEST_MS = 631_152_000_000
"""1990-01-01T00:00Z: Klaviyo takes no older event."""

LATEST_AHEAD_MS = 365 * 24 * 3600 * 1000
"""One year: Klaviyo takes no event further ahead of its clock."""

SECONDS_BELOW = 100_000_000_000
"""A smaller number counts seconds (it ends in the year 5138), a larger one
milliseconds (it begins in 1973): no time inside the bounds is ambiguous."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")


def event_time_ms(body: dict[str, Any], *, record_time_ms: int, now_ms: int) -> int:
    """Read the best time an event has.

    A time that is there but unreadable is never passed over for a lesser one: that
    would change the order of a user's events without a word.

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
            return _within_bounds(
                _parse_time(value, name=name), name=name, now_ms=now_ms
            )
    return _within_bounds(record_time_ms, name="the record's time", now_ms=now_ms)


def _within_bounds(time_ms: int, *, name: str, now_ms: int) -> int:
    if EARLIEST_MS <= time_ms <= now_ms + LATEST_AHEAD_MS:
        return time_ms
    raise PoisonRecord(
        "time-out-of-range", f"{name} is before 1990 or more than a year ahead"
    )


def _parse_time(value: object, *, name: str) -> int:
    if isinstance(value, str):
        number = _NUMBER.fullmatch(value)
        return (
            _to_milliseconds(float(value)) if number else _parse_text(value, name=name)
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _to_milliseconds(value)
    raise PoisonRecord("bad-time", f"{name} is neither a string nor a number")


def _to_milliseconds(number: float) -> int:
    return int(number * 1000 if abs(number) < SECONDS_BELOW else number)


def _parse_text(text: str, *, name: str) -> int:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = _parse_mail_date(text, name=name)
    if parsed.tzinfo is None:  # no offset written: UTC, as Segment reads it
        parsed = parsed.replace(tzinfo=UTC)
    return (parsed - _EPOCH) // _MILLISECOND


def _parse_mail_date(text: str, *, name: str) -> datetime:
    """Read what JavaScript's `toUTCString` writes; Segment takes it too."""
    try:
        return parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        raise PoisonRecord(
            "bad-time", f"{name} is no ISO 8601 time, RFC 2822 date or epoch number"
        ) from None
