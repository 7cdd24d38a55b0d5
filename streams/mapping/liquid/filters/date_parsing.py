"""Parse a date from a value, like JavaScript's `Date`."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.mapping.liquid.convert import liquid_text
from streams.mapping.values import Json

_DIGITS: Final = re.compile(r"[0-9]+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET_MAX_MIN: Final = 24 * 60 - 1
_ISO: Final = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"\s?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.IGNORECASE,
)


def parse_datetime(value: Json, *, zone: Json = None) -> datetime | None:
    """Parse a date in a time zone.

    Args:
        value: Seconds since the epoch, a number or its digits; or a date as text: ISO
            8601 or RFC 2822, in UTC if the text has no zone.
        zone: Time zone of the result: minutes behind UTC, or a zone's name; by default
            UTC.

    Returns:
        The moment in its zone, or `None` if the value is not a date. `now` is not a
        date, because a replay of the event must give the same text.
    """
    try:
        parsed = _parse_value(value)
        return None if parsed is None else parsed.astimezone(_parse_zone(zone))
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _parse_value(value: Json) -> datetime | None:
    if value in ("now", "today"):
        return None  # a replay of the event must give the same text
    if isinstance(value, bool):
        return _since_epoch(value / 1000)
    if isinstance(value, (int, float)):
        return _since_epoch(value)
    if not isinstance(value, str):
        return None
    return _since_epoch(int(value)) if _DIGITS.fullmatch(value) else _parse_text(value)


def _since_epoch(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _parse_text(text: str) -> datetime | None:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        parsed = parsedate_to_datetime(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    fraction = (match[7] or "")[:3].ljust(3, "0")
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    hour, minute, second = (int(match[at] or 0) for at in (4, 5, 6))
    zone = _parse_offset(match[8] or "Z")
    at = (hour, minute, second, int(fraction) * 1000)
    return datetime(year, month, day, *at, tzinfo=zone)


def _parse_offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    behind = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-behind if text[0] == "-" else behind)


def _parse_zone(zone: Json) -> tzinfo:
    if isinstance(zone, (int, float)) and abs(zone) <= _OFFSET_MAX_MIN:
        return timezone(timedelta(minutes=-zone))
    name = liquid_text(zone)
    return ZoneInfo(name) if name else UTC
