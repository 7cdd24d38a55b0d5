"""Convert between seconds since the epoch and Klaviyo's timestamps."""

from datetime import UTC, datetime


def to_iso(time_s: float | None) -> str | None:
    """Format epoch seconds as `2026-07-15T09:30:00+00:00`; None stays None."""
    if time_s is None:
        return None
    return datetime.fromtimestamp(int(time_s), tz=UTC).isoformat()


def parse_seconds(text: object) -> float | None:
    """Parse an ISO 8601 timestamp; without a time zone, UTC is assumed.

    Returns:
        Seconds since the epoch, or None for anything that is not a timestamp.
    """
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return parsed.timestamp()
