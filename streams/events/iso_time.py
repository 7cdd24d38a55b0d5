"""Times as payloads write them → ISO 8601 in UTC, as Klaviyo reads it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from streams.errors import PoisonRecord
from streams.events.time import LATEST_AHEAD_MS, event_time_ms

_CANONICAL: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
).fullmatch
_CANONICAL_FROM: Final = "1990"
"""Klaviyo takes nothing older; an older one is refused on the slow way."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999; what Klaviyo's clock says of the future, it says itself."""


def to_iso_time(value: str | float) -> str:
    """Read a time: ISO 8601, RFC 2822, or an epoch in seconds or milliseconds.

    Returns:
        ISO 8601 in UTC with milliseconds; empty where it is no time, or before 1990.
    """
    if type(value) is str and _is_canonical(value):
        return value
    try:
        time_ms = event_time_ms(
            {"timestamp": value}, record_time_ms=0, now_ms=_LATEST_MS - LATEST_AHEAD_MS
        )
    except PoisonRecord:
        return ""
    return iso_from_ms(time_ms)


def iso_from_ms(time_ms: int) -> str:
    """Write milliseconds since the epoch as ISO 8601 in UTC."""
    utc_time = _EPOCH + timedelta(milliseconds=time_ms)
    return utc_time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_canonical(text: str) -> bool:
    if not _CANONICAL(text) or text < _CANONICAL_FROM:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
