"""Reading a moment of time out of a value, as JavaScript's `Date` does."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.mapping.liquids.convert import liquid_text
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


def moment(
    value: Json,
    *,
    zone: Json = None,
    clock: Callable[[], float] | None = None,
) -> datetime | None:
    """Read a moment.

    Args:
        value: Seconds since the epoch, a number or its digits; or a date as text: ISO
            8601 or RFC 2822, in UTC where it says no zone; or `now`.
        zone: Where to show it: minutes behind UTC, or a zone's name; UTC unless given.
        clock: What `now` is; without one it is no moment.

    Returns:
        The moment in its zone, or `None` if it is none.
    """
    try:
        found = _moment(value, clock=clock)
        return None if found is None else found.astimezone(_zone(zone))
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _moment(value: Json, *, clock: Callable[[], float] | None) -> datetime | None:
    if value in ("now", "today"):
        return None if clock is None else _since_epoch(clock())
    if isinstance(value, bool):
        return _since_epoch(value / 1000)
    if isinstance(value, (int, float)):
        return _since_epoch(value)
    if not isinstance(value, str):
        return None
    return _since_epoch(int(value)) if _DIGITS.fullmatch(value) else _written(value)


def _since_epoch(seconds: float) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _written(text: str) -> datetime | None:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        there = parsedate_to_datetime(text)
        return there if there.tzinfo else there.replace(tzinfo=UTC)
    fraction = (found[7] or "")[:3].ljust(3, "0")
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    hour, minute, second = (int(found[at] or 0) for at in (4, 5, 6))
    place = _offset(found[8] or "Z")
    at = (hour, minute, second, int(fraction) * 1000)
    return datetime(year, month, day, *at, tzinfo=place)


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    behind = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-behind if text[0] == "-" else behind)


def _zone(zone: Json) -> tzinfo:
    if isinstance(zone, (int, float)) and abs(zone) <= _OFFSET_MAX_MIN:
        return timezone(timedelta(minutes=-zone))
    name = liquid_text(zone)
    return ZoneInfo(name) if name else UTC
