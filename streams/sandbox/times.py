"""Seconds to Klaviyo's timestamps and back."""

from datetime import UTC, datetime


def iso(time_s: float | None) -> str | None:
    """Write seconds since the epoch as `2026-07-15T09:30:00+00:00`; None stays None."""
    if time_s is None:
        return None
    return datetime.fromtimestamp(int(time_s), tz=UTC).isoformat()


def seconds(text: object) -> float | None:
    """Read an ISO 8601 timestamp; UTC where it names no zone.

    Returns:
        Seconds since the epoch, or None when it is no timestamp.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
